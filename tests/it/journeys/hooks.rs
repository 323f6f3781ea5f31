//! What a deploy hook answers, and what is made of it.

use super::at_once;
use std::time::Duration;
use testworld::trap::{Moment, Place, Then};
use testworld::{Answer, Run, World};

/// A push that changes `web` alone, whose hook answers so.
fn web(answers: impl IntoIterator<Item = Answer>) -> Run {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"));
    world.images().hook_answers("web", answers).deploy()
}

#[test]
fn a_started_deploy_is_accepted_and_never_called_live() {
    for answer in [Answer::Started, Answer::Created] {
        let run = web([answer]).expect_accepted(["web"]);
        assert!(
            run.service("web")["deploy"]
                .as_str()
                .unwrap()
                .starts_with("dep-")
        );
        assert!(!run.output_file.contains("\"live\"") && run.output("outcome") != "live");
    }
}

#[test]
fn a_queued_deploy_is_accepted_without_an_id() {
    let run = web([Answer::Queued]).expect_accepted(["web"]);
    let deploy = run.service("web")["deploy"].clone();
    assert!(deploy.is_null() || deploy == "", "{deploy}");
}

#[test]
fn an_answer_without_an_id_or_with_nonsense_is_still_accepted() {
    for body in [
        "",
        "ok",
        "{\"deploy\":{\"id\":\"##[set-output name=tags]evil\"}}",
        "{\"deploy\":{\"id\":7}}",
        "<html>",
    ] {
        web([Answer::Body(200, body.into())]).expect_accepted(["web"]);
    }
}

#[test]
fn every_refusal_of_a_hook_has_words_of_its_own_and_is_not_repeated() {
    let table = [
        (400, "image-repository-differs"),
        (404, "image-repository-differs"),
        (401, "hook-denied"),
        (405, "deploy-failed"),
        (409, "service-suspended"),
    ];
    for (status, failure) in table {
        let run = web([Answer::Status(status)])
            .ended(1, "failed", failure)
            .hooked(&["web"]);
        assert_eq!(run.service("web")["status"], "failed");
    }
}

#[test]
fn a_rate_limit_is_waited_out_as_long_as_it_asks() {
    // The epoch is one second after the `Date` of the answer.
    let hints = [
        ("retry-after", "1"),
        ("ratelimit-reset", "1"),
        ("ratelimit-reset", "1795255201"),
    ];
    at_once(hints, |(name, value)| {
        let run = web([Answer::Limited(name, value.into())])
            .ended(0, "accepted", "")
            .hooked(&["web", "web"]);
        let wait = run.hooks[1].at - run.hooks[0].at;
        assert!(
            wait >= Duration::from_millis(950) && wait < Duration::from_secs(8),
            "{name}: {value}: {wait:?}"
        );
    });
}

#[test]
fn a_hook_without_a_clear_answer_is_called_once_more_at_most_and_it_is_said() {
    at_once(
        [Answer::Status(500), Answer::Status(503), Answer::Dropped],
        |answer| {
            let run = web([answer.clone(), Answer::Started])
                .ended(0, "accepted", "")
                .hooked(&["web", "web"]);
            run.says("twice");
            let run = web([answer.clone(), answer])
                .ended(1, "failed", "render-unavailable")
                .hooked(&["web", "web"]);
            assert_eq!(run.service("web")["status"], "failed");
        },
    );
}

#[test]
fn a_render_that_refuses_connections_is_asked_again() {
    let world = World::with_late_render(Duration::from_secs(2)).three_services();
    let world = world
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images();
    world.deploy().expect_accepted(["web"]);
}

#[test]
fn a_slow_answer_is_waited_for() {
    web([Answer::Slow(Duration::from_secs(2))]).expect_accepted(["web"]);
}

#[test]
fn what_comes_after_a_failed_service_is_not_started_and_the_others_stand() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("libs/x", "1").write("services/web/x", "1"));
    let run = world
        .images()
        .hook_answers("api", [Answer::Status(401)])
        .deploy();
    let run = run
        .ended(1, "failed", "hook-denied")
        .hooked(&["api", "web"]);
    for (service, status) in [
        ("api", "failed"),
        ("workers", "not-started"),
        ("web", "accepted"),
    ] {
        assert_eq!(run.service(service)["status"], status, "{service}");
    }
}

#[test]
fn a_predecessor_that_was_skipped_lets_its_successors_go() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/workers/x", "1"));
    world.images().deploy().expect_accepted(["workers"]);
}

#[test]
fn independent_services_are_deployed_at_the_same_time() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("infra/docker/x", "1"))
        .images();
    let slow = || [Answer::Slow(Duration::from_secs(2))];
    let run = world
        .hook_answers("api", slow())
        .hook_answers("web", slow())
        .deploy();
    let run = run
        .expect_accepted(["api", "workers", "web"])
        .after("workers", "api");
    let at = |name: &str| {
        run.hooks
            .iter()
            .find(|call| call.service == name)
            .unwrap()
            .at
    };
    assert!(
        at("web").duration_since(at("api")) < Duration::from_secs(1),
        "one waited for the other"
    );
    assert!(
        at("workers").duration_since(at("api")) >= Duration::from_secs(2),
        "workers did not wait for api"
    );
}

#[test]
fn the_whole_hook_and_its_key_are_masked_before_anything_else_is_said() {
    let run = web([Answer::Started]).expect_accepted(["web"]);
    let key = run.world.hook("web").rsplit_once('=').unwrap().1.to_owned();
    let masks = run.masks();
    assert!(
        masks.contains(&run.world.hook("web")) && masks.contains(&key),
        "{masks:?}"
    );
    let is_mask = |line: &&str| line.starts_with("::add-mask::");
    let said_early = run
        .stdout
        .lines()
        .skip_while(is_mask)
        .any(|line| is_mask(&line));
    assert!(
        !said_early,
        "something was said before a mask:\n{}",
        run.stdout
    );
}

#[test]
fn a_cancelled_run_stops_says_so_and_ends_in_time() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("libs/x", "1"))
        .images();
    let place = Place {
        kind: "Render: POST /deploy/* key imgURL".into(),
        nth: 1,
        moment: Moment::Unanswered,
    };
    let run = world.cancel_at(place, &["-INT"], Then::Answers).deploy();
    let run = run.ended(1, "cancelled", "cancelled").hooked(&["api"]);
    let (_, took) = run.cut.clone().unwrap();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(run.service("workers")["status"], "not-started");
    assert!(!run.summary.is_empty());
}
