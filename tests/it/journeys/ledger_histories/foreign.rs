//! History 9, and whose records are ours.

use super::{With, api_1, api_2, asked, begun, deploys, of, push, superseded};
use testworld::{Image, Kind, Run, World};

/// A hundred deployments of others stand over ours.
fn crowded(world: World) -> World {
    for number in 0..100 {
        let mut seed = world.live("staging", "api", &world.origin.head());
        seed.creator = "mallory";
        let task = if number % 2 == 0 {
            "deploy"
        } else {
            "ghcr-to-render"
        };
        world.github.plant_record(seed, |payload| {
            payload["digest"] = "none".into();
            task
        });
    }
    world
}

#[test]
fn row_69_a_hundred_deployments_of_others_hide_nothing() {
    let world = push(begun(With::Hook), api_1);
    let old = world.event.clone();
    let run = deploys(world.deploy(), With::Hook, &["api"]);
    let world = push(run.into_world(), api_2);
    let newest = world.event.clone();
    let run = deploys(world.deploy(), With::Hook, &["api"]);
    let run = superseded(of(crowded(run.into_world()), &old).deploy());
    let run = of(run.into_world(), &newest).deploy().expect_unchanged();
    run.again().deploy().expect_unchanged();
}

#[test]
fn row_70_a_person_whose_login_is_an_apps_is_not_us() {
    // A person calls himself github-actions.
    deploys(claimed_by("user:github-actions"), With::Hook, &["api"]);
}

/// A run by hand of a commit that this account says is live: if that is us, there is nothing to do. A push would count what was there before.
pub(in super::super) fn claimed_by(creator: &'static str) -> Run {
    let world = push(begun(With::Hook), api_1);
    let mut seed = world.live("staging", "api", &world.origin.head());
    (seed.digest, seed.platform) = (world.digest("api"), world.platform("api"));
    seed.creator = creator;
    world.github.seed_record(seed);
    asked(world).deploy()
}

#[test]
fn row_67_a_label_that_an_image_inherited_says_nothing() {
    // `api` was built upon an image of this repository and has that one's labels; `web` has its own. Nothing is recorded.
    let world = World::new().three_services();
    let first = world.base();
    let mut world = world;
    for service in super::SERVICES {
        let tags = [first.as_str()];
        world = world.image_tagged(service, Kind::Amd64, &first, &tags);
        if service == "api" {
            let child = Image::make(
                Kind::MultiArch,
                "child",
                &first,
                "https://github.com/acme/shop",
            );
            world
                .registry
                .put("acme/api", &["child".to_owned()], &child);
            let image = format!("{}@{}", world.repository(service), child.digest);
            world.render.seed_live(service, &image);
        } else {
            let image = format!("{}@{}", world.repository(service), world.digest(service));
            world.render.seed_live(service, &image);
        }
    }
    let world = push(world.with_key(), super::docs);
    deploys(world.deploy(), With::Key, &["api"]);
}
