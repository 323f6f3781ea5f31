//! A sweep gets to every pull request, however many there are from which nothing may go.

use testworld::trap::{Moment, Place, Then};
use testworld::{Event, Image, Kind, Run, World, ghcr};

/// A world in which `api` has an image that stays.
fn world() -> World {
    let world = World::new().three_services();
    world.github.keep_packages(world.registry.ghcr());
    let head = world.base();
    world.image_tagged("api", Kind::Amd64, &head, &["latest"])
}

/// An image of a pull request, with these tags beside its own.
fn left(world: &World, pull: u32, more: &[&str]) -> String {
    let head = world.origin.head();
    let image = Image::make(
        Kind::Amd64,
        &format!("of {pull}"),
        &head,
        "https://github.com/acme/shop",
    );
    let own = format!("pr-{pull}-{head}");
    let tags = more.iter().map(|tag| (*tag).to_owned());
    let tags: Vec<String> = tags.chain([own.clone()]).collect();
    world.registry.put("acme/api", &tags, &image);
    own
}

fn swept(world: World) -> Run {
    let world = world.on_event(|world| Event::schedule(&world.origin.head()));
    world.run("cleanup")
}

fn has(run: &Run, tag: &str) -> bool {
    run.world.tag("api", tag).is_some()
}

#[test]
fn those_from_which_nothing_may_go_do_not_block_it() {
    let world = world();
    for pull in 100..160 {
        world.github.pull(pull, "closed");
        left(&world, pull, &[&format!("prod-{pull}")]);
    }
    for pull in 200..420 {
        world.github.pull(pull, "open");
        left(&world, pull, &[]);
    }
    world.github.pull(900, "closed");
    let last = left(&world, 900, &[]);
    let run = swept(world).ended(0, "verified", "");
    assert!(!has(&run, &last) && run.world.github.deleted().len() == 1);
}

#[test]
fn a_number_that_is_too_large_is_named() {
    let world = world();
    let tag = left(&world, 123_456, &[]);
    let run = swept(world).ended(0, "nothing", "");
    assert!(has(&run, &tag));
    run.says("the tags of pull request 123456 stay, because numbers above 99999 are not supported");
}

#[test]
fn a_registry_that_fails_costs_a_minute_and_is_named() {
    let world = world();
    world.github.pull(7, "closed");
    let own = left(&world, 7, &[]);
    let head = world.origin.head();
    let world = world.image_tagged("web", Kind::Amd64, &head, &["latest"]);
    let image = Image::make(
        Kind::Amd64,
        "web",
        &"7".repeat(40),
        "https://github.com/acme/shop",
    );
    world
        .registry
        .put("acme/web", std::slice::from_ref(&own), &image);
    let world = world.registry_trouble("api", ghcr::Trouble::Status(500));
    let run = swept(world).ended(1, "failed", "registry-unavailable");
    let took = run.took;
    let run = run.says("cannot be read");
    assert!(took.as_secs() < 150, "it took {took:?}");
    // The next package is cleaned all the same.
    assert!(has(&run, &own) && run.world.github.deleted() == [image.digest]);
}

#[test]
fn a_cleanup_that_is_cancelled_says_what_it_had_deleted() {
    let world = world();
    for pull in [7, 8] {
        world.github.pull(pull, "closed");
        left(&world, pull, &[]);
    }
    let place = Place {
        kind: "GitHub: DELETE /orgs/acme/packages/container/api/versions/*".into(),
        nth: 2,
        moment: Moment::Unheard,
    };
    let world = world.cancel_at(place, &["-TERM"], Then::Answers);
    let run = swept(world).ended(1, "cancelled", "cancelled");
    run.says("Cancelled: 1 deleted, the rest stays");
}
