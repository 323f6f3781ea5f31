//! `requires: staging`: production gets what staging has had, or nothing.

use testworld::github::Trouble;
use testworld::github::record::Seed;
use testworld::{Event, Kind, World};

const SERVICES: [&str; 3] = ["api", "workers", "web"];
const FAILURE: &str = "not-live-in-required-environment";

fn manifest(text: &str) -> String {
    text.replace(
        "tag: \"prod-{number}\" }",
        "tag: \"prod-{number}\", requires: staging }",
    )
}

/// A release of the second commit, which changed every service.
fn released(change: impl FnOnce(&str) -> String) -> World {
    let world = World::new()
        .three_services_and(|text| change(&manifest(text)))
        .never_deployed();
    let world = world.commit_on_main(|repo| repo.write("infra/docker/x", "0"));
    let world = world
        .commit_on_main(|repo| repo.write("infra/docker/x", "1"))
        .push_tag("prod-1");
    let commit = world.commit();
    let tags = [commit.as_str(), "prod-1"];
    SERVICES.into_iter().fold(world, |world, name| {
        world.image_tagged(name, Kind::MultiArch, &commit, &tags)
    })
}

fn release() -> World {
    released(str::to_owned)
}

/// The commit before the release's, which differs on every service's paths.
fn older(world: &World) -> String {
    world.origin.git(&["rev-parse", "HEAD~1"])
}

/// What staging has had of every service: these bytes, of this commit.
fn staged(world: World, commit: &str, name_it: fn(&World, Seed, &str) -> Seed) -> World {
    SERVICES.into_iter().fold(world, |world, name| {
        let seed = name_it(&world, world.live("staging", name, commit), name);
        world.recorded(seed)
    })
}

fn by_index(world: &World, seed: Seed, name: &str) -> Seed {
    Seed {
        digest: world.digest(name),
        ..seed
    }
}

fn by_platform(world: &World, seed: Seed, name: &str) -> Seed {
    Seed {
        platform: world.platform(name),
        ..seed
    }
}

/// The same commit with other bytes, as a rebuild makes them.
fn staged_otherwise(world: World, services: &[&str]) -> World {
    let commit = world.commit();
    services.iter().fold(world, |world, name| {
        world.deployed("staging", name, &commit)
    })
}

#[test]
fn bytes_that_staging_has_had_are_released() {
    for name_it in [by_index, by_platform] {
        let world = release();
        let older = older(&world);
        staged(world, &older, name_it)
            .deploy()
            .expect_accepted(SERVICES)
            .says("staging had it");
    }
}

#[test]
fn an_equal_tree_that_staging_has_had_is_released() {
    staged_otherwise(release(), &SERVICES)
        .deploy()
        .expect_accepted(SERVICES);
    // The release's commit itself was never there, but one that differs in its documentation alone.
    let world = release().commit_on_main(|repo| repo.write("docs/x", "2"));
    let commit = world.origin.head();
    let world = SERVICES.into_iter().fold(world, |world, name| {
        world.deployed("staging", name, &commit)
    });
    let world = world.on_event(|world| Event::tag(&world.origin, "prod-1"));
    world.deploy().expect_accepted(SERVICES);
}

#[test]
fn what_staging_has_not_had_is_named_and_nothing_is_sent() {
    let world = staged_otherwise(release(), &["api", "web"]);
    let run = world.deploy().expect_stopped(FAILURE);
    let run = run
        .annotates("error", "workers")
        .annotates("error", "staging");
    let error = run.annotations("error").join("\n");
    assert!(
        !error.contains("api:") && !error.contains("web:"),
        "{error}"
    );
    // Nor does an older commit count, nor what another wrote, nor what never ended.
    let world = release();
    let older = older(&world);
    let world = SERVICES
        .into_iter()
        .fold(world, |world, name| world.deployed("staging", name, &older));
    world.deploy().expect_stopped(FAILURE);
    for (creator, statuses) in [
        ("mallory", vec![("success", "live")]),
        ("github-actions", vec![]),
        ("github-actions", vec![("failure", "exited")]),
    ] {
        let world = staged_otherwise(release(), &["api", "workers"]);
        let seed = Seed {
            creator,
            statuses,
            ..world.live("staging", "web", &world.commit())
        };
        world
            .recorded(seed)
            .deploy()
            .expect_stopped(FAILURE)
            .annotates("error", "web");
    }
}

#[test]
fn what_was_rolled_back_in_staging_since_is_not_released() {
    let world = staged_otherwise(release(), &SERVICES);
    let (back, from) = (older(&world), Some(world.commit()));
    let rollback = Seed {
        kind: "rollback",
        from,
        ..world.live("staging", "api", &back)
    };
    let run = world
        .recorded(rollback)
        .deploy()
        .expect_stopped(FAILURE)
        .annotates("error", "rolled back");
    // Nor are its bytes, under whatever commit they were there.
    let world = release();
    let (left, first) = (
        older(&world),
        world.origin.git(&["rev-list", "--max-parents=0", "HEAD"]),
    );
    let world = staged(world, &left, by_index);
    let rollback = Seed {
        kind: "rollback",
        from: Some(left),
        ..world.live("staging", "api", &first)
    };
    world
        .recorded(rollback)
        .deploy()
        .expect_stopped(FAILURE)
        .annotates("error", "rolled back");
    // Deployed there again, it is.
    staged_otherwise(again(run), &["api"])
        .deploy()
        .expect_accepted(SERVICES);
}

fn again(run: testworld::Run) -> World {
    run.again()
        .without_variable("GITHUB_RUN_ATTEMPT")
        .variable("GITHUB_RUN_ATTEMPT", "1")
}

#[test]
fn a_record_that_cannot_be_read_meets_nothing() {
    for trouble in [Trouble::RecordDown, Trouble::GraphQl("FORBIDDEN")] {
        let world = staged_otherwise(release(), &SERVICES).github_trouble(trouble);
        world
            .deploy()
            .expect_stopped(FAILURE)
            .annotates("error", "not known");
    }
    let world = staged_otherwise(release(), &SERVICES).input("record", "false");
    world
        .deploy()
        .expect_stopped(FAILURE)
        .annotates("error", "record is false");
}

#[test]
fn services_that_staging_does_not_have_are_exempt_and_named() {
    let only_production =
        |text: &str| text.replace("  web: {}", "  web: { environments: [production] }");
    let world = staged_otherwise(released(only_production), &["api", "workers"]);
    world
        .deploy()
        .expect_accepted(SERVICES)
        .says("Not in staging, so not required there: web");
}

#[test]
fn a_person_may_set_it_aside_and_nobody_else() {
    let world =
        release().on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let world = world
        .input("environment", "production")
        .input("release", "prod-1");
    let run = world.deploy().expect_stopped(FAILURE);
    let event = run.world.event.clone();
    let mut world = run.into_world();
    world.event = event;
    let run = world
        .input("force", "requires")
        .deploy()
        .expect_accepted(SERVICES);
    run.annotates("warning", "force: requires");
    release()
        .input("force", "requires")
        .deploy()
        .expect_wrong_request("bad-input");
}
