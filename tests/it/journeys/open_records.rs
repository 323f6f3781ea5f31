//! Open records of services with probes: which of them an answer confirms before anything is deployed again.

use std::time::Duration;
use testworld::github::record::Seed;
use testworld::{Answer, Reply, Repo, Run, World};

fn touch(text: &'static str) -> impl FnOnce(&Repo) -> &Repo {
    move |repo| repo.write("services/web/main.txt", text)
}

/// A push that changes `web`, which has a probe with these keys.
fn web(keys: &str) -> World {
    let mut world = World::new();
    let origin = world.site("web").server.origin();
    let probe = format!("  web: {{ probe: {{ url: \"{origin}/version\"{keys} }} }}");
    let world = world.three_services_and(|text| text.replace("  web: {}", &probe));
    world.push_to_main(touch("2")).images()
}

/// Nobody knows what became of the call.
fn lost(world: World) -> World {
    let world = world.hook_answers("web", vec![Answer::Status(500); 2]);
    let run = world.deploy().ended(1, "failed", "render-unavailable");
    run.hooked(&["web", "web"]).into_world()
}

fn states(run: &Run) -> Vec<String> {
    let records = run.world.github.records();
    let own = records.iter().filter(|record| record.service == "web");
    own.map(|record| record.state.clone()).collect()
}

#[test]
fn the_newest_open_record_is_confirmed_and_older_ones_are_closed() {
    let world = lost(web(", times: 1"));
    let world = lost(world.push_to_main(touch("3")).images());
    let event = testworld::Event::dispatch("refs/heads/main", &world.origin.head());
    let mut world = world.input("environment", "staging");
    world.event = Some(event);
    let commit = world.origin.head();
    world.sites[0].answers(move |_, _| Reply::text(200, commit.clone()));
    let run = world.deploy().ended(0, "nothing", "").no_hooks();
    let states = states(&run);
    assert!(!states.contains(&"open".to_owned()), "{states:?}");
    assert_eq!(states.last().map(String::as_str), Some("success"));
}

#[test]
fn text_that_every_image_answers_confirms_no_open_record() {
    let run = web(", expect: ok")
        .hook_answers("web", vec![Answer::Status(500); 2])
        .deploy()
        .ended(1, "failed", "render-unavailable");
    let world = run.hooked(&["web", "web"]).again();
    world.sites[0].answers(|_, _| Reply::text(200, "ok"));
    world.deploy().expect_accepted(["web"]);
}

#[test]
fn a_record_of_what_was_never_sent_is_not_confirmed() {
    let world = web(", times: 1").hook_answers("web", [Answer::Status(401)]);
    let run = world.deploy().ended(1, "failed", "hook-denied");
    let world = run.hooked(&["web"]).again();
    let commit = world.commit();
    world.sites[0].answers(move |_, _| Reply::text(200, commit.clone()));
    world.deploy().ended(0, "live", "").hooked(&["web"]);
}

/// A rollback of `web` in staging from the commit that is pushed, begun by another run.
fn rollback(world: &World) -> Seed {
    let first = world.origin.git(&["rev-list", "--max-parents=0", "HEAD"]);
    Seed {
        kind: "rollback",
        from: Some(world.origin.head()),
        statuses: Vec::new(),
        ..world.live("staging", "web", &first)
    }
}

#[test]
fn a_rollback_while_a_service_is_asked_ends_the_run_as_superseded() {
    let world = web(", timeout: 2m").deadline(Duration::from_secs(180));
    let (seed, github) = (rollback(&world), world.github.clone());
    let site = world.sites[0].clone();
    site.drains(Duration::from_secs(3600));
    let is_asked = move || !site.server.calls().is_empty();
    let world = world.once(is_asked, move || {
        github.seed_record(seed);
    });
    let run = world.deploy().ended(0, "superseded", "").hooked(&["web"]);
    assert!(run.took < Duration::from_secs(60), "{:?}", run.took);
    let run = run.says("A rollback was begun meanwhile");
    assert_eq!(run.service("web")["status"], "superseded");
}
