//! Promotion: the release's tag, `latest` and the tags of `floating-tags`, put on the very bytes that were verified.

mod by_command;
mod floating;
mod real;
mod with_deploy;

use testworld::github::record::Seed;
use testworld::{Kind, Run, World};

const SERVICES: [&str; 3] = ["api", "workers", "web"];

/// An environment in which every service was deployed at the commit, whose images are there under its tag.
fn served(mut world: World, environment: &str, release: Option<&str>) -> World {
    let commit = world.base();
    for name in SERVICES {
        let tags: Vec<&str> = std::iter::once(commit.as_str()).chain(release).collect();
        world = world.image_tagged(name, Kind::MultiArch, &commit, &tags);
        let seed = Seed {
            digest: world.digest(name),
            platform: world.platform(name),
            release: release.map(str::to_owned),
            ..world.live(environment, name, &commit)
        };
        world.render.seed_live(
            name,
            &format!("{}@{}", world.repository(name), world.digest(name)),
        );
        world = world.recorded(seed);
    }
    world
}

/// Production has `prod-1` of everything. The tag `prod-2` is pushed, and since then `api` alone has changed and was built.
pub(super) fn released() -> World {
    released_of(str::to_owned)
}

fn released_of(change: impl FnOnce(&str) -> String) -> World {
    let world = served(
        World::new().three_services_and(change).tagged("prod-1"),
        "production",
        Some("prod-1"),
    );
    let world = world
        .commit_on_main(|repo| repo.write("services/api/x", "1"))
        .push_tag("prod-2");
    let commit = world.commit();
    world.image_tagged("api", Kind::WithAttestations, &commit, &[&commit])
}

/// Another image of the event's commit, under this tag.
fn taken(world: World, image: &str, tag: &str) -> World {
    let (commit, mine) = (world.commit(), world.digest(image));
    let world = world.image_tagged(image, Kind::DockerSingle, &commit, &[tag]);
    assert_ne!(world.digest(image), mine);
    world
}

/// How many tags were put, or tried to be.
fn puts(run: &Run) -> usize {
    run.world
        .registry
        .ghcr()
        .server
        .calls()
        .iter()
        .filter(|call| call.method == "PUT")
        .count()
}

/// Where a tag is on each of the three images.
fn tags(world: &World, tag: &str) -> [Option<String>; 3] {
    SERVICES.map(|image| world.tag(image, tag))
}

/// The release's tag is on what was verified of every image.
pub(super) fn is_promoted(run: &Run) {
    run.equal(
        "where prod-2 is",
        &tags(&run.world, "prod-2"),
        &digests(&run.world),
    );
}

fn digests(world: &World) -> [Option<String>; 3] {
    SERVICES.map(|image| Some(world.digest(image)))
}
