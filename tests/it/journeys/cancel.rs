//! A run that is cancelled, wherever it is: no further hook, nothing recorded that did not happen, and the next run makes it good.

use super::at_once;
use std::collections::BTreeMap;
use std::time::Duration;
use testworld::fault::{Fault, Faulty};
use testworld::render::Standing;
use testworld::trap::{Moment, Place, Then, kind};
use testworld::{Kind, Run, World};

/// Four that go by their hooks and one, `queue`, that goes by the API; `cron` has a pre-deploy command.
pub(super) const SERVICES: [&str; 5] = ["api", "workers", "web", "queue", "cron"];

const FIVE: &str = r#"version: 1
environments:
  staging: { branch: main }
shared: ["infra/**"]
images:
  api:     { repository: "HOST/{owner}/api",     paths: ["services/api/**"] }
  workers: { repository: "HOST/{owner}/workers", paths: ["services/workers/**"] }
  web:     { repository: "HOST/{owner}/web",     paths: ["services/web/**"] }
  queue:   { repository: "HOST/{owner}/queue",   paths: ["services/queue/**"] }
  cron:    { repository: "HOST/{owner}/cron",    paths: ["services/cron/**"] }
services:
  api: {}
  workers: { after: [api] }
  web: {}
  queue: { id: { staging: srv-queue000000000000000 } }
  cron: { after: [queue] }
"#;

/// A push that all five services need.
pub(super) fn five() -> World {
    let world = five_of(FIVE);
    world.render.pre_deploy("cron");
    world
}

/// The same, with services that wait for none of the others.
pub(super) fn five_alone() -> World {
    five_of(
        &FIVE
            .replace("{ after: [api] }", "{}")
            .replace("{ after: [queue] }", "{}"),
    )
}

fn five_of(manifest: &str) -> World {
    let mut world = World::new()
        .manifest(manifest)
        .hooks(&["api", "workers", "web", "cron"]);
    world.new_hook("queue");
    let world = world
        .push_to_main(|repo| repo.write("infra/x", "1"))
        .with_key()
        .deadline(Duration::from_secs(180));
    SERVICES
        .into_iter()
        .fold(world, |world, name| world.image(name, Kind::MultiArch))
}

fn wanted(world: &World, service: &str) -> String {
    format!("{}@{}", world.repository(service), world.digest(service))
}

/// The deploys that this action asked for.
fn own(world: &World, standing: Vec<Standing>) -> Vec<Standing> {
    standing
        .into_iter()
        .filter(|deploy| deploy.image == wanted(world, &deploy.service))
        .collect()
}

/// How many requests of each kind an undisturbed run makes.
pub(super) fn kinds(run: &Run) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for (name, server) in run.world.servers() {
        for call in server.calls() {
            *kinds.entry(kind(name, &call)).or_default() += 1;
        }
    }
    kinds
}

/// Whether it changes something where it goes. Reading by GraphQL is a POST too.
pub(super) fn is_write(kind: &str) -> bool {
    [" POST ", " PUT ", " PATCH ", " DELETE "]
        .iter()
        .any(|method| kind.contains(method))
        && !kind.contains("/graphql")
}

/// Every request at every moment; or the first and the last of each kind, with every moment of what writes.
fn places(kinds: &BTreeMap<String, usize>, is_everywhere: bool) -> Vec<Place> {
    let mut places = Vec::new();
    for (kind, count) in kinds {
        let mut put = |nth: usize, moment| {
            places.push(Place {
                kind: kind.clone(),
                nth,
                moment,
            })
        };
        let middle = count.div_ceil(2);
        match (is_everywhere, is_write(kind)) {
            (true, is_write) => {
                for nth in 1..=*count {
                    put(nth, Moment::Unanswered);
                    put(nth, Moment::Answered);
                    if is_write {
                        put(nth, Moment::Unheard);
                    }
                }
            }
            (false, true) => {
                put(1, Moment::Unheard);
                put(middle, Moment::Unanswered);
                put(*count, Moment::Answered);
            }
            (false, false) if *count == 1 => put(1, Moment::Unanswered),
            (false, false) => {
                put(1, Moment::Answered);
                put(*count, Moment::Unanswered);
                // Looks at deploys: these come while some are built, run their pre-deploy command, or start.
                let between = (1..7)
                    .filter(|_| kind.contains("/deploys/*"))
                    .map(|part| count * part / 7);
                between.for_each(|nth| put(nth, Moment::Answered));
            }
        }
    }
    places
}

/// A run that takes this long to end, where Render answers, was kept by a machine that stood still: what it had no time for tells nothing.
pub(super) const KEPT: Duration = Duration::from_secs(3);

/// The same where Render says nothing of something: the program waits for that.
const KEPT_IN_SILENCE: Duration = Duration::from_millis(4500);

/// Plays it, up to three times where the machine keeps it longer. A program that takes its time itself does so each time.
pub(super) fn unkept(limit: Duration, play: impl Fn() -> Run) -> Run {
    for _ in 0..2 {
        let run = play();
        if run.cut.as_ref().is_none_or(|(_, took)| *took <= limit) {
            return run;
        }
        run.settled();
    }
    play()
}

pub(super) fn cancelled_at(number: usize, pace: usize, place: Place) {
    let signals: &[&str] = if number.is_multiple_of(2) {
        &["-INT"]
    } else {
        &["-TERM"]
    };
    let play = || {
        let world = five();
        // Slowly a deploy is seen at each of its steps, quickly the run gets to its end.
        world.render.pace(pace);
        world
            .cancel_at(place.clone(), signals, Then::Answers)
            .deploy()
    };
    let run = unkept(KEPT, play);
    if run.cut.is_none() {
        // It had ended when the last answer had been read.
        let is_end = place.moment == Moment::Answered && run.output("outcome") == "live";
        run.ensure(is_end, &format!("{place:?}: it did not come"))
            .hooked(&SERVICES);
        return;
    }
    let run = stopped(&place, run);
    let run = cleaned_up(&place, run);
    let run = told_the_truth(&place, run);
    made_good(&place, number.is_multiple_of(3), run);
}

/// It ended in time, with its report, and without another hook.
pub(super) fn stopped(place: &Place, run: Run) -> Run {
    let (sprung, took) = run.cut.clone().expect("a signal");
    let run = run.ensure(
        took < Duration::from_secs(5),
        &format!("{place:?}: it took {took:?} to end"),
    );
    let is_done = run.output("outcome") == "live";
    let run = if is_done {
        run.ended(0, "live", "")
    } else {
        run.ended(1, "cancelled", "cancelled")
    };
    let headline = if is_done { "Live" } else { "Cancelled" };
    let begins = run
        .summary
        .lines()
        .find(|line| !line.is_empty())
        .is_some_and(|line| line.contains(headline));
    let run = run.ensure(begins, "the summary does not begin with the end");
    // What was on its way when the signal was sent arrives within this time, on a busy machine too.
    let late = run
        .hooks
        .iter()
        .find(|call| call.at > sprung.at + Duration::from_secs(1))
        .cloned();
    let run = run.ensure(
        late.is_none(),
        &format!("{place:?}: {late:?} after the signal"),
    );
    run.settled();
    run
}

/// Its deploys that had not begun were cancelled on Render, and no other was.
pub(super) fn cleaned_up(place: &Place, run: Run) -> Run {
    let (sprung, _) = run.cut.clone().expect("a signal");
    let now = run.world.render.standing();
    for then in sprung.standing {
        let is_own = then.image == wanted(&run.world, &then.service);
        let status = now
            .iter()
            .find(|deploy| deploy.deploy == then.deploy)
            .map(|deploy| deploy.status);
        let may_go = matches!(then.status, "created" | "queued" | "build_in_progress");
        let expected = if is_own && may_go {
            "canceled"
        } else {
            then.status
        };
        if status != Some(expected) {
            let took = run.cut.as_ref().map(|(_, took)| *took);
            run.fail(&format!(
                "{place:?}: {then:?} is {status:?}, not {expected}, {took:?} after the signal"
            ));
        }
    }
    run
}

/// The record and the outputs say what is so.
pub(super) fn told_the_truth(place: &Place, run: Run) -> Run {
    let world = &run.world;
    let (records, deploys) = (world.github.records(), own(world, world.render.standing()));
    let of_run = records
        .iter()
        .filter(|record| record.commit == world.commit());
    for record in of_run.clone().filter(|record| record.state != "open") {
        let was_live = deploys
            .iter()
            .any(|deploy| deploy.service == record.service && deploy.status == "live");
        if record.state != "success" || !record.description.starts_with("live") || !was_live {
            run.fail(&format!("{place:?}: {record:?} of {deploys:?}"));
        }
    }
    for deploy in &deploys {
        let states: Vec<&str> = of_run
            .clone()
            .filter(|record| record.service == deploy.service)
            .map(|record| record.state.as_str())
            .collect();
        if states != ["open"] && !(deploy.status == "live" && states == ["success"]) {
            run.fail(&format!("{place:?}: {deploy:?} has records {states:?}"));
        }
    }
    if matches!(run.output("deploys"), "" | "[]") {
        run.ensure(deploys.is_empty(), "deploys were begun and none is told")
    } else {
        for service in SERVICES {
            let said = run.service(service);
            let found = deploys.iter().find(|deploy| deploy.service == service);
            let called = run.world.render.server.calls().iter().any(|call| {
                let is_asked = call.path.starts_with("/deploy/")
                    || call.method == "POST" && call.path.ends_with("/deploys");
                is_asked && call.path.contains(&testworld::render::service_id(service))
            });
            let is_true = match said["status"].as_str().unwrap_or_default() {
                "live" => found.is_some_and(|deploy| deploy.status == "live"),
                // What was on its way when the signal came may not have arrived.
                "cancelled" if found.is_none() => {
                    called || of_run.clone().any(|record| record.service == service)
                }
                "cancelled" => says_of(
                    found.map_or("", |deploy| deploy.status),
                    said["reason"].as_str().unwrap_or_default(),
                ),
                "not-started" => !called,
                _ => false,
            };
            if !is_true {
                run.fail(&format!("{place:?}: {said} of {found:?}"));
            }
        }
        run
    }
}

/// Whether the reason says what became of a deploy.
fn says_of(status: &str, reason: &str) -> bool {
    match status {
        "live" => reason.contains("live already"),
        "canceled" => reason.contains("was cancelled on Render"),
        // It may have arrived after Render was asked what there is.
        "created" => reason.contains("being called"),
        _ => reason.contains("continues"),
    }
}

/// The same run again deploys what is missing, and nothing twice without need.
pub(super) fn made_good(place: &Place, has_time_passed: bool, run: Run) {
    let begun = own(&run.world, run.world.render.standing());
    let world = run.again();
    world.render.pace(4);
    if has_time_passed {
        world.render.settle();
    }
    let run = world.deploy();
    run.settled();
    let is_needed = run.output("outcome") == "live";
    let run = run.ended(0, if is_needed { "live" } else { "nothing" }, "");
    for service in SERVICES {
        let live = run.world.render.live(service);
        run.equal(service, &live, &Some(wanted(&run.world, service)));
        let stands = begun
            .iter()
            .any(|deploy| deploy.service == service && deploy.status != "canceled");
        let count = run
            .hooks
            .iter()
            .filter(|call| call.service == service)
            .count();
        run.equal(
            &format!("{place:?}: deploys of {service} by the next run"),
            &count,
            &usize::from(!stands),
        );
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "how many places there were is what this test tells"
)]
fn a_cancelled_journey_at_every_await_point_of_a_five_service_deploy() {
    let is_everywhere = std::env::var_os("CANCEL_EVERYWHERE").is_some();
    // A slower run makes every request that a quick one makes.
    let quick = if is_everywhere { 1 } else { 2 };
    let world = five();
    world.render.pace(quick);
    let run = world.deploy().ended(0, "live", "").hooked(&SERVICES);
    let kinds = kinds(&run);
    let places = places(&kinds, is_everywhere);
    println!(
        "{} requests of {} kinds, cancelled at {}",
        kinds.values().sum::<usize>(),
        kinds.len(),
        places.len()
    );
    let numbered: Vec<(usize, Place)> = places.into_iter().enumerate().collect();
    for batch in numbered.chunks(12) {
        at_once(batch.to_vec(), |(number, place)| {
            cancelled_at(number, 1 + number % quick, place)
        });
    }
}

#[test]
fn a_second_signal_does_not_cut_the_end_short() {
    let place = Place {
        kind: "Render: GET /v1/services/*/deploys/*".into(),
        nth: 1,
        moment: Moment::Answered,
    };
    let run = unkept(KEPT, || {
        five()
            .cancel_at(place.clone(), &["-INT", "-TERM"], Then::Answers)
            .deploy()
    });
    told_the_truth(&place, cleaned_up(&place, stopped(&place, run)));
}

#[test]
fn a_render_that_says_nothing_any_more_does_not_keep_a_cancelled_run() {
    let place = Place {
        kind: "Render: GET /v1/services/*/deploys/*".into(),
        nth: 2,
        moment: Moment::Answered,
    };
    let play = || {
        five()
            .cancel_at(place.clone(), &["-INT"], Then::IsSilent)
            .deploy()
    };
    let run = stopped(&place, unkept(KEPT_IN_SILENCE, play));
    assert_eq!(
        run.service("api")["reason"],
        "its deploy was under way when the run was cancelled"
    );
    assert!(
        run.world
            .github
            .records()
            .iter()
            .all(|record| record.commit != run.world.commit() || record.state == "open")
    );
}

#[test]
fn one_that_render_says_nothing_of_does_not_hide_what_became_of_the_others() {
    let place = Place {
        kind: "Render: GET /v1/services/*/deploys/*".into(),
        nth: 1,
        moment: Moment::Answered,
    };
    let play = || {
        let silent = Faulty::new(
            "Render: POST /v1/services/*/deploys/*/cancel",
            1,
            Fault::SilentBefore,
            false,
        );
        let world = five_alone();
        world.render.stands_still();
        world
            .faulty(&silent)
            .cancel_at(place.clone(), &["-INT"], Then::Answers)
            .deploy()
    };
    let run = stopped(&place, unkept(KEPT_IN_SILENCE, play));
    let cancelled = run.world.render.cancelled().len();
    let told = |reason: &str| {
        SERVICES
            .iter()
            .filter(|service| run.service(service)["reason"] == reason)
            .count()
    };
    assert!(cancelled > 0, "nothing was cancelled");
    assert_eq!(
        told("its deploy was cancelled on Render with the run"),
        cancelled
    );
    assert_eq!(
        told("its deploy was under way when the run was cancelled"),
        1
    );
}

#[test]
fn a_deploy_that_render_queued_without_a_name_is_found_and_cancelled() {
    let place = Place {
        kind: "Render: POST /deploy/* key imgURL".into(),
        nth: 1,
        moment: Moment::Answered,
    };
    let run = unkept(KEPT, || {
        let world = World::new()
            .three_services()
            .push_to_main(|repo| repo.write("services/web/x", "1"))
            .images()
            .with_key();
        world.render.queue_behind(
            "web",
            &format!("{}@sha256:{}", world.repository("web"), "7".repeat(64)),
        );
        world
            .cancel_at(place.clone(), &["-INT"], Then::Answers)
            .deploy()
    });
    let run = cleaned_up(&place, stopped(&place, run));
    assert_eq!(
        run.service("web")["reason"],
        "its deploy was cancelled on Render with the run"
    );
    assert_eq!(run.world.render.cancelled().len(), 1);
}

#[test]
fn a_deploy_of_another_run_is_left_alone() {
    let place = Place {
        kind: "Render: GET /v1/services/*/deploys/*".into(),
        nth: 1,
        moment: Moment::Answered,
    };
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/x", "1"))
        .images()
        .with_key();
    world.render.seed_live(
        "web",
        &format!("{}@sha256:{}", world.repository("web"), "7".repeat(64)),
    );
    let theirs = world.render.queue_behind("web", &wanted(&world, "web"));
    world.render.waits(9);
    let run = stopped(
        &place,
        world
            .cancel_at(place.clone(), &["-INT"], Then::Answers)
            .deploy(),
    );
    assert_eq!(
        run.service("web")["reason"],
        "a deploy of another run was followed when this one was cancelled"
    );
    let found = run
        .world
        .render
        .standing()
        .into_iter()
        .find(|deploy| deploy.deploy == theirs)
        .map(|deploy| deploy.status);
    assert_eq!(
        (found, run.world.render.cancelled()),
        (Some("created"), vec![])
    );
    // The next run follows it to its end.
    let world = run.again();
    world.render.waits(1);
    world.render.pace(1);
    world.deploy().ended(0, "live", "").no_hooks();
}

#[test]
fn a_run_that_waits_for_an_image_is_cancelled_with_nothing_begun() {
    let place = Place {
        kind: "registry: GET /manifests/*".into(),
        nth: 3,
        moment: Moment::Answered,
    };
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/x", "1"))
        .with_key();
    let run = stopped(
        &place,
        world
            .image("api", Kind::Amd64)
            .cancel_at(place.clone(), &["-INT"], Then::Answers)
            .deploy(),
    );
    assert_eq!(run.service("web")["status"], "not-started");
    assert_eq!(
        run.world.github.records().len(),
        3,
        "only what was there before"
    );
}
