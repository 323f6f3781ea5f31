//! History 17: a rollback pre-empts.

use super::{With, api_1, begun, push};
use std::time::{Duration, Instant};
use testworld::World;
use testworld::github::record::Seed;
use testworld::render::Fate;

/// A rollback of `api` in staging from the commit that is pushed, begun by another run.
fn rollback(world: &World, from: &str) -> Seed {
    let first = world.origin.git(&["rev-list", "--max-parents=0", "HEAD"]);
    Seed {
        kind: "rollback",
        from: Some(from.to_owned()),
        statuses: Vec::new(),
        ..world.live("staging", "api", &first)
    }
}

#[test]
fn a_rollback_between_the_record_and_the_call_holds() {
    let world = push(begun(With::Hook), api_1);
    let seed = rollback(&world, &world.origin.head());
    world.github.overtake(seed);
    let run = world.deploy().ended(0, "held", "").no_hooks();
    assert_eq!(run.service("api")["status"], "held");
}

#[test]
fn a_rollback_under_the_services_old_name_holds_too() {
    let world = push(begun(With::Hook), api_1);
    let run = super::deploys(world.deploy(), With::Hook, &["api"]);
    let world = run.into_world();
    let mut seed = rollback(&world, &world.origin.head());
    seed.environment = "stage".into();
    seed.service = "backend".into();
    seed.statuses = vec![("success", "accepted")];
    let id = seed.id.clone().expect("an id");
    world
        .github
        .seed_index(&[(&id, "stage/backend"), (&id, "staging/api")]);
    world.github.seed_record(seed);
    let run = super::asked(world).deploy();
    let run = run.ended(0, "held", "").no_hooks();
    assert_eq!(run.service("api")["status"], "held");
}

#[test]
fn a_rollback_while_a_deploy_is_followed_ends_the_run_as_superseded() {
    let world = push(begun(With::Key), api_1)
        .deadline(Duration::from_secs(120))
        .input("rollback-on-failure", "true");
    world
        .render
        .deploy_ends("api", Fate::Hangs("update_in_progress"));
    let seed = rollback(&world, &world.origin.head());
    let (render, github) = (world.render.clone(), world.github.clone());
    std::thread::spawn(move || {
        let begun = Instant::now();
        while render.calls().is_empty() && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(20));
        }
        github.seed_record(seed);
    });
    let run = world.deploy().ended(0, "superseded", "").hooked(&["api"]);
    let run = run.says("A rollback was begun meanwhile");
    assert_eq!(run.service("api")["status"], "superseded");
    let records = run.world.github.records();
    let own = records
        .iter()
        .rfind(|record| record.kind == "deploy" && record.service == "api");
    assert_eq!(own.map(|record| record.state.as_str()), Some("open"));
}
