//! Order among services, with an API key: who waits for whom, what a failure stops, and what is put back.

use super::at_once;
use std::time::Duration;
use testworld::event::ZEROS;
use testworld::render::Fate;
use testworld::render::model::Why;
use testworld::{Answer, Kind, Run, World};

const CHAIN: &str = "  api: {}\n  workers: { after: [api] }\n  web: {}\n";

/// A push that changes `api`, `workers` (after `api`) and `web`.
fn all() -> World {
    pushed(World::new().three_services()).images()
}

fn pushed(world: World) -> World {
    world.push_to_main(|repo| repo.write("libs/x", "1").write("services/web/x", "1"))
}

fn fails(world: World, service: &str) -> World {
    world
        .render
        .deploy_ends(service, Fate::Fails("update_failed", Why::Exited(1)));
    world
}

/// Where the log says this first.
#[track_caller]
fn place(run: &Run, text: &str) -> usize {
    run.shown()
        .find(text)
        .unwrap_or_else(|| run.fail(&format!("the log does not say {text:?}")))
}

/// How these services ended.
#[track_caller]
fn statuses(run: &Run, wanted: &[(&str, &str)]) {
    for (service, status) in wanted {
        run.equal(service, &run.service(service)["status"], &(*status).into());
    }
}

/// The words of the records that this run wrote of a service: kind, state and the first word of the description.
fn written(run: &Run, service: &str) -> Vec<(String, String, String)> {
    let seeded = 3;
    let records = run.world.github.records();
    let own = records
        .into_iter()
        .skip(seeded)
        .filter(|record| record.service == service);
    own.map(|record| {
        let word = record.word().to_owned();
        (record.kind, record.state, word)
    })
    .collect()
}

fn record(kind: &str, state: &str, word: &str) -> (String, String, String) {
    (kind.into(), state.into(), word.into())
}

#[test]
fn what_comes_after_a_service_starts_when_that_one_is_live() {
    let run = all()
        .with_key()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api", "workers", "web"])
        .after("workers", "api");
    let run = run.after("workers", "web");
    assert!(
        place(&run, "api: live") < place(&run, "workers: deploying"),
        "workers did not wait"
    );
    assert!(
        place(&run, "web: deploying") < place(&run, "api: live"),
        "web waited"
    );
    // The picture shows the order.
    let gantt: Vec<&str> = run
        .summary
        .lines()
        .filter(|line| line.contains(" :active, "))
        .map(str::trim)
        .collect();
    let names: Vec<&str> = gantt
        .iter()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    run.equal("the picture", &sorted, &vec!["api", "web", "workers"]);
    run.equal("the last one", &names.last().copied(), &Some("workers"));
    let times = |name: &str| -> Vec<&str> {
        let line = gantt
            .iter()
            .find(|line| line.contains(&format!(" {name} ")))
            .copied()
            .unwrap_or_default();
        line.split(", ").skip(1).collect()
    };
    // Moments of one day, written so that they sort as they follow each other.
    let (api, workers) = (times("api"), times("workers"));
    assert!(api[1] <= workers[0] && workers[0] < workers[1], "{gantt:?}");
}

#[test]
fn without_a_key_order_goes_by_what_is_accepted_and_one_warning_says_so() {
    let run = all()
        .deploy()
        .expect_accepted(["api", "workers", "web"])
        .after("workers", "api");
    let warnings = run.annotations("warning");
    let about: Vec<&String> = warnings
        .iter()
        .filter(|text| text.contains("Render only accepted"))
        .collect();
    run.equal("warnings", &about.len(), &1);
    assert!(
        about[0].contains("workers") && !about[0].contains("web"),
        "{about:?}"
    );
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/workers/x", "1"))
        .images();
    let run = world.deploy().expect_accepted(["workers"]);
    let says = run
        .annotations("warning")
        .iter()
        .any(|text| text.contains("Render only accepted"));
    run.ensure(!says, "nobody waits here, and it is warned of");
}

#[test]
fn a_release_goes_in_order_too_and_is_recorded_with_its_tag() {
    let world = World::new().three_services();
    world.base();
    let world = world
        .in_production("prod-1")
        .commit_on_main(|repo| repo.write("libs/x", "1"))
        .push_tag("prod-2");
    let commit = world.commit();
    let names = ["api", "workers"];
    let world = names.into_iter().fold(world, |world, name| {
        world.image_tagged(name, Kind::MultiArch, &commit, &[&commit, "prod-2"])
    });
    let (api, workers) = (image_of(&world, "api"), image_of(&world, "workers"));
    let world = world.hook_answers("api-production", [Answer::Slow(Duration::from_secs(1))]);
    let run = world.deploy().ended(0, "accepted", "");
    let waited = run.hooks[1].at - run.hooks[0].at;
    let run = run.ensure(
        waited >= Duration::from_secs(1),
        "workers did not wait for api",
    );
    let run = run.hooked_with(&[("api-production", &api), ("workers-production", &workers)]);
    let run = run.after("workers-production", "api-production");
    statuses(
        &run,
        &[
            ("api", "accepted"),
            ("workers", "accepted"),
            ("web", "unchanged"),
        ],
    );
    let places = (
        run.output("environment").to_owned(),
        run.output("release").to_owned(),
    );
    run.equal(
        "where",
        &places,
        &("production".to_owned(), "prod-2".to_owned()),
    );
    for service in names {
        run.equal(
            service,
            &written(&run, service),
            &vec![record("deploy", "success", "accepted")],
        );
    }
}

#[test]
fn a_service_that_fails_stops_those_after_it_and_no_others() {
    let world = fails(all().with_key(), "api");
    let run = world
        .deploy()
        .ended(1, "failed", "exited")
        .hooked(&["api", "web"]);
    statuses(
        &run,
        &[
            ("api", "failed"),
            ("workers", "not-started"),
            ("web", "live"),
        ],
    );
    let run = run.says("not started: it comes after api, which was not deployed");
    run.equal("records of workers", &written(&run, "workers"), &vec![]);
    run.equal(
        "records of api",
        &written(&run, "api"),
        &vec![record("deploy", "failure", "failed")],
    );
    run.equal(
        "records of web",
        &written(&run, "web"),
        &vec![record("deploy", "success", "live")],
    );
    // What was not deployed is made good by the next run, whatever that one touches.
    let world = run
        .into_world()
        .push_to_main(|repo| repo.write("docs/x.txt", "1"))
        .images();
    let run = world
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api", "workers"]);
    statuses(
        &run,
        &[("api", "live"), ("workers", "live"), ("web", "unchanged")],
    );
}

#[test]
fn a_service_that_is_not_live_in_time_stops_those_after_it() {
    let world = all().with_key().input("live-timeout", "8s");
    world
        .render
        .deploy_ends("api", Fate::Hangs("update_in_progress"));
    let run = world
        .deploy()
        .ended(1, "failed", "not-live-in-time")
        .hooked(&["api", "web"]);
    statuses(
        &run,
        &[
            ("api", "failed"),
            ("workers", "not-started"),
            ("web", "live"),
        ],
    );
    run.equal(
        "records of api",
        &written(&run, "api"),
        &vec![record("deploy", "open", "open")],
    );
}

#[test]
fn a_failure_goes_on_down_the_chain() {
    let chain = "  api: {}\n  workers: { after: [api] }\n  web: { after: [workers] }\n";
    let world = World::new().three_services_and(|text| text.replace(CHAIN, chain));
    let world = fails(pushed(world).images().with_key(), "api");
    let run = world.deploy().ended(1, "failed", "exited").hooked(&["api"]);
    statuses(
        &run,
        &[
            ("api", "failed"),
            ("workers", "not-started"),
            ("web", "not-started"),
        ],
    );
}

#[test]
fn superseded_takes_along_what_comes_after() {
    at_once([true, false], |has_key| {
        let world = all();
        let world = if has_key { world.with_key() } else { world };
        let world = world.commit_on_main(|repo| repo.write("libs/x", "2"));
        world
            .github
            .overtake(world.live("staging", "api", &world.origin.head()));
        // Of the two that start at the same time, only the one that was overtaken is withdrawn.
        let run = world.deploy().ended(0, "superseded", "").hooked(&["web"]);
        statuses(&run, &[("api", "superseded"), ("workers", "superseded")]);
        statuses(&run, &[("web", if has_key { "live" } else { "accepted" })]);
        let run = run.says("superseded: it comes after api, which was superseded");
        run.equal("records of workers", &written(&run, "workers"), &vec![]);
    });
}

#[test]
fn a_service_that_is_skipped_lets_those_after_it_go() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/workers/x", "1"))
        .images();
    let run = world
        .with_key()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["workers"]);
    statuses(
        &run,
        &[
            ("api", "unchanged"),
            ("workers", "live"),
            ("web", "unchanged"),
        ],
    );
}

/// Whether the image that a service ran before is still in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Kept,
    Gone,
}

/// A world in which everything changed, and what every service ran before is known by the record and live.
fn with_before(before: Before) -> World {
    let world = World::new().three_services();
    let commit = world.base();
    let mut world = world
        .on_event(|world| testworld::Event::push("refs/heads/main", ZEROS, &commit, &world.base()));
    for service in ["api", "workers", "web"] {
        if before == Before::Kept {
            world = world.image_tagged(service, Kind::WithAttestations, &commit, &[&commit]);
        }
        let mut seed = world.live("staging", service, &commit);
        if before == Before::Kept {
            (seed.digest, seed.platform) = (world.digest(service), world.platform(service));
        }
        world
            .render
            .seed_live(service, &format!("{}@{}", seed.repository, seed.digest));
        world = world.recorded(seed);
    }
    pushed(world).images().input("rollback-on-failure", "true")
}

/// What a service ran before, as it was asked for.
fn image_before(run: &Run, service: &str) -> String {
    let records = run.world.github.records();
    let seed = records
        .iter()
        .find(|record| record.service == service)
        .expect("a seed");
    format!("{}@{}", run.world.repository(service), seed.digest)
}

fn image_of(world: &World, service: &str) -> String {
    format!("{}@{}", world.repository(service), world.digest(service))
}

#[test]
fn siblings_go_back_where_one_fails() {
    let world = fails(with_before(Before::Kept).with_key(), "web");
    let run = world.deploy();
    let (now, before): (Vec<String>, Vec<String>) = ["api", "workers", "web"]
        .iter()
        .map(|name| (image_of(&run.world, name), image_before(&run, name)))
        .unzip();
    let run = run.hooked_with(&[
        ("api", &now[0]),
        ("api", &before[0]),
        ("workers", &now[1]),
        ("workers", &before[1]),
        ("web", &now[2]),
    ]);
    let run = run.ended(1, "failed", "exited");
    statuses(
        &run,
        &[("api", "failed"), ("workers", "failed"), ("web", "failed")],
    );
    for (place, service) in ["api", "workers", "web"].into_iter().enumerate() {
        run.equal(
            service,
            &run.world.render.live(service),
            &Some(before[place].clone()),
        );
    }
    let there_and_back = vec![
        record("deploy", "success", "live"),
        record("restore", "success", "live"),
    ];
    run.equal("records of api", &written(&run, "api"), &there_and_back);
    run.equal(
        "records of web",
        &written(&run, "web"),
        &vec![record("deploy", "failure", "failed")],
    );
    let records = run.world.github.records();
    let commits: Vec<&str> = records
        .iter()
        .filter(|record| record.service == "api")
        .map(|record| record.commit.as_str())
        .collect();
    run.equal(
        "commits",
        &(commits[0] == commits[2], commits[0] == commits[1]),
        &(true, false),
    );
    let reason = run.service("api")["reason"].clone();
    run.equal(
        "reason",
        &reason,
        &"went live, and was put back, because web failed".into(),
    );
    let run = run
        .says("because web failed: api, workers")
        .says(&format!("api: back on {}", before[0]));
    // A restore holds nothing: the next run deploys again.
    let world = run
        .into_world()
        .push_to_main(|repo| repo.write("docs/x.txt", "1"))
        .images();
    let run = world
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api", "workers", "web"]);
    statuses(
        &run,
        &[("api", "live"), ("workers", "live"), ("web", "live")],
    );
}

#[test]
fn what_the_registry_does_not_have_any_more_is_not_put_back_and_it_is_said() {
    let world = fails(with_before(Before::Gone).with_key(), "web");
    let run = world
        .deploy()
        .ended(1, "failed", "exited")
        .hooked(&["api", "workers", "web"]);
    statuses(
        &run,
        &[("api", "live"), ("workers", "live"), ("web", "failed")],
    );
    run.equal(
        "summary",
        &run.output("summary"),
        &"Failed in staging: web, live: api, workers",
    );
    run.equal(
        "api",
        &run.world.render.live("api"),
        &Some(image_of(&run.world, "api")),
    );
    run.equal(
        "records of api",
        &written(&run, "api"),
        &vec![record("deploy", "success", "live")],
    );
    run.annotates("warning", "api stays on what it was given in this run")
        .annotates("warning", "workers stays on");
}

#[test]
fn a_sibling_that_cannot_be_put_back_stays_live_and_it_is_said() {
    let world = fails(with_before(Before::Kept).with_key(), "web");
    world.render.deploy_ends("api", Fate::Live);
    world.render.deploy_ends(
        "api",
        Fate::Fails("update_failed", Why::OutOfMemory("512Mi")),
    );
    let run = world.deploy();
    let calls: Vec<String> = run.hooks.iter().map(|call| call.service.clone()).collect();
    let images: Vec<String> = run.hooks.iter().map(|call| call.image.clone()).collect();
    let called: Vec<(&str, &str)> = calls
        .iter()
        .zip(&images)
        .map(|(name, image)| (name.as_str(), image.as_str()))
        .collect();
    let run = run.hooked_with(&called).ended(1, "failed", "exited");
    statuses(
        &run,
        &[("api", "live"), ("workers", "failed"), ("web", "failed")],
    );
    let failed = vec![
        record("deploy", "success", "live"),
        record("restore", "failure", "failed"),
    ];
    run.equal("records of api", &written(&run, "api"), &failed);
    run.annotates(
        "warning",
        "api stays on what it was given in this run: update_failed: it used more memory",
    );
}

#[test]
fn what_somebody_else_deployed_since_is_not_undone() {
    // By the time that `web` is given up, `api` has been live for some seconds.
    let world = with_before(Before::Kept)
        .with_key()
        .input("live-timeout", "8s");
    world
        .render
        .deploy_ends("web", Fate::Hangs("update_in_progress"));
    let (ours, theirs) = (
        image_of(&world, "api"),
        format!("{}@sha256:{}", world.repository("api"), "c".repeat(64)),
    );
    let (render, image) = (world.render.clone(), theirs.clone());
    let seen = world.render.clone();
    let is_ours = move || seen.live("api").as_deref() == Some(ours.as_str());
    let run = world
        .once(is_ours, move || {
            render.seed_live("api", &image);
        })
        .deploy();
    let (now, before) = (
        ["api", "workers", "web"].map(|name| image_of(&run.world, name)),
        image_before(&run, "workers"),
    );
    let run = run.hooked_with(&[
        ("api", &now[0]),
        ("workers", &now[1]),
        ("workers", &before),
        ("web", &now[2]),
    ]);
    run.equal("api", &run.world.render.live("api"), &Some(theirs));
    run.ended(1, "failed", "not-live-in-time")
        .annotates("warning", "something else was deployed there since");
}

#[test]
fn nothing_is_put_back_where_it_is_not_wished_or_nothing_failed() {
    let world = fails(
        with_before(Before::Kept)
            .input("rollback-on-failure", "false")
            .with_key(),
        "web",
    );
    let run = world
        .deploy()
        .ended(1, "failed", "exited")
        .hooked(&["api", "workers", "web"]);
    statuses(
        &run,
        &[("api", "live"), ("workers", "live"), ("web", "failed")],
    );
    let world = with_before(Before::Kept).with_key();
    world
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api", "workers", "web"]);
}

#[test]
fn without_a_key_nothing_is_put_back_and_it_is_said() {
    let world = with_before(Before::Kept).hook_answers("web", [Answer::Status(409)]);
    let run = world
        .deploy()
        .ended(1, "failed", "service-suspended")
        .hooked(&["api", "workers", "web"]);
    statuses(
        &run,
        &[
            ("api", "accepted"),
            ("workers", "accepted"),
            ("web", "failed"),
        ],
    );
    run.annotates("warning", "rollback-on-failure needs an API key");
}
