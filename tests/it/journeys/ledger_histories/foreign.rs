//! History 9, and whose records are ours.

use super::{With, api_1, api_2, begun, deploys, of, push, superseded};
use testworld::World;

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
fn a_hundred_deployments_of_others_hide_nothing() {
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
fn a_person_whose_login_is_an_apps_is_not_us() {
    // A person calls himself github-actions, and says that the newest commit is live.
    let world = push(begun(With::Hook), api_1);
    let mut seed = world.live("staging", "api", &world.origin.head());
    seed.creator = "user:github-actions";
    world.github.seed_record(seed);
    deploys(world.deploy(), With::Hook, &["api"]);
}
