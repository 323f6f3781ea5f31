//! Rows 43 to 54: what the systems that we talk to do.

use super::super::at_once;
use super::super::cancel::{cancelled_at, five};
use super::pushed;
use std::time::Duration;
use testworld::ghcr;
use testworld::github::Trouble;
use testworld::render::{Fate, model::Why};
use testworld::trap::{Moment, Place};
use testworld::{Answer, Kind, World};

/// A push that changes `api`, without its image.
fn unbuilt() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/api/x", "1"))
}

#[test]
fn row_43_an_image_that_appears_after_some_seconds_is_waited_for_and_the_wait_is_told() {
    let trouble = ghcr::Trouble::AbsentUntil(Duration::from_secs(3));
    let run = unbuilt()
        .image("api", Kind::Amd64)
        .registry_trouble("api", trouble.clone())
        .deploy();
    let run = run.expect_accepted(["api"]);
    let waited = run
        .summary
        .split_once("api: waited ")
        .and_then(|(_, rest)| rest.split_once(" s for its image"));
    let waited: f64 = waited
        .and_then(|(seconds, _)| seconds.parse().ok())
        .unwrap_or_default();
    assert!(
        waited >= 3.0 && waited <= run.took.as_secs_f64() + 0.1,
        "it waited {waited} s of {:?}\n{}",
        run.took,
        run.summary
    );
    let run = unbuilt()
        .image("api", Kind::Amd64)
        .deploy()
        .expect_accepted(["api"]);
    assert!(!run.summary.contains("waited"), "{}", run.summary);
    let world = unbuilt()
        .image("api", Kind::Amd64)
        .registry_trouble("api", trouble)
        .input("image-timeout", "1s");
    world.deploy().expect_stopped("image-missing");
}

#[test]
fn row_44_attestations_of_an_index_are_no_images() {
    let run = unbuilt()
        .image("api", Kind::WithAttestations)
        .deploy()
        .expect_accepted(["api"]);
    let images = run.json("images");
    run.equal(
        "the platform",
        &images["api"]["platform"].as_str(),
        &Some("linux/amd64"),
    );
    let world = unbuilt()
        .image("api", Kind::WithAttestations)
        .input("pin", "platform");
    let pinned = format!("{}@{}", world.repository("api"), world.platform("api"));
    world
        .deploy()
        .ended(0, "accepted", "")
        .hooked_with(&[("api", &pinned)]);
}

#[test]
fn row_45_a_single_manifest_for_arm64_is_refused() {
    unbuilt()
        .image("api", Kind::Arm64)
        .deploy()
        .expect_stopped("image-not-amd64")
        .says("arm64");
}

#[test]
fn row_46_a_tag_that_moves_before_the_deploy_is_harmless() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("libs/x", "1"))
        .images();
    let world = world.hook_answers("api", [Answer::Slow(Duration::from_secs(2))]);
    let (render, registry, commit) = (world.render.clone(), world.registry.clone(), world.commit());
    // `workers` comes after `api`: its image was verified, and its hook has not been called.
    let is_calling = move || !render.calls().is_empty();
    let move_tag = move || {
        let other = testworld::Image::make(
            Kind::Arm64,
            "workers",
            &"b".repeat(40),
            "https://github.com/acme/shop",
        );
        registry.put("acme/workers", &[commit], &other);
    };
    let run = world.once(is_calling, move_tag).deploy();
    let moved = run
        .world
        .registry
        .ghcr()
        .tag("acme/workers", &run.world.commit());
    assert_ne!(
        moved,
        Some(run.world.digest("workers")),
        "the tag did not move"
    );
    run.expect_accepted(["api", "workers"]);
}

#[test]
fn row_47_a_deploy_that_render_queued_without_an_id_is_found_and_followed() {
    let world = pushed().with_key();
    world.render.queue_behind(
        "api",
        &format!("{}@sha256:{}", world.repository("api"), "7".repeat(64)),
    );
    let run = world
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api"])
        .says("queued as dep-");
    assert_eq!(run.hooks[0].answered, 202);
    assert_eq!(
        run.world.render.live("api"),
        Some(run.hooks[0].image.clone())
    );
}

#[test]
fn row_48_a_deploy_that_ends_badly_is_failed_with_the_reason() {
    let table = [
        (Fate::Fails("update_failed", Why::Exited(3)), "exited", "3"),
        (
            Fate::Fails("update_failed", Why::OutOfMemory("512Mi")),
            "out-of-memory",
            "512Mi",
        ),
        (
            Fate::Fails("build_failed", Why::Pull("manifest unknown")),
            "image-pull-failed",
            "manifest unknown",
        ),
    ];
    at_once(table, |(fate, word, text)| {
        let world = pushed().with_key();
        world.render.deploy_ends("api", fate);
        let run = world
            .deploy()
            .ended(1, "failed", word)
            .hooked(&["api"])
            .says(text);
        assert_eq!(
            run.world
                .github
                .records()
                .last()
                .map(|record| record.state.clone()),
            Some("failure".into())
        );
    });
}

#[test]
fn row_49_after_a_lost_answer_render_is_asked_before_any_second_hook() {
    // The deploy began, and nobody said so.
    let run = pushed()
        .with_key()
        .hook_answers("api", [Answer::Lost(None)])
        .deploy();
    run.ended(0, "live", "")
        .hooked(&["api"])
        .says("was found on Render");
    // It did not: the second call is the first that Render acts on.
    let run = pushed()
        .with_key()
        .hook_answers("api", [Answer::Dropped])
        .deploy();
    run.ended(0, "live", "").hooked(&["api", "api"]);
    // Without a key nobody can look: once more, with the same digest, and said.
    let run = pushed().hook_answers("api", [Answer::Lost(None)]).deploy();
    run.ended(0, "accepted", "")
        .hooked(&["api", "api"])
        .says("called twice");
    let run = pushed()
        .hook_answers("api", [Answer::Dropped, Answer::Dropped])
        .deploy();
    let run = run
        .ended(1, "failed", "render-unavailable")
        .hooked(&["api", "api"]);
    assert_eq!(
        run.world
            .github
            .records()
            .last()
            .map(|record| record.state.clone()),
        Some("open".into())
    );
}

#[test]
fn row_50_a_limit_is_waited_out_as_long_as_it_says() {
    // The model's Date is 1_795_255_200.
    let limits = [
        ("ratelimit-reset", "4"),
        ("ratelimit-reset", "1795255204"),
        ("retry-after", "4"),
    ];
    at_once(limits, |(name, value)| {
        let run = pushed()
            .hook_answers("api", [Answer::Limited(name, value.into())])
            .deploy();
        let run = run.ended(0, "accepted", "").hooked(&["api", "api"]);
        let waited = run.hooks[1].at.duration_since(run.hooks[0].at);
        assert!(
            waited >= Duration::from_secs(4) && waited < Duration::from_secs(12),
            "{name}: {value}: {waited:?}"
        );
    });
    // Longer than there is time for: not waited for at all.
    let run = pushed()
        .hook_answers("api", [Answer::Limited("retry-after", "9999".into())])
        .deploy();
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    run.ended(1, "failed", "rate-limited").hooked(&["api"]);
}

#[test]
fn row_51_one_of_five_fails_and_the_others_stand() {
    let world = five();
    world.render.pace(4);
    world
        .render
        .deploy_ends("queue", Fate::Fails("update_failed", Why::Exited(1)));
    let run = world
        .deploy()
        .ended(1, "failed", "exited")
        .hooked(&["api", "workers", "web", "queue"])
        .says("queue");
    for (service, status) in [
        ("api", "live"),
        ("workers", "live"),
        ("web", "live"),
        ("queue", "failed"),
        ("cron", "not-started"),
    ] {
        assert_eq!(run.service(service)["status"], status, "{service}");
    }
}

#[test]
fn row_52_a_job_cancelled_between_two_hooks_is_made_good_by_the_next() {
    // `api` is live, and `workers`, which comes after it, has not been begun.
    let place = Place {
        kind: "GitHub: POST /deployments/*/statuses".into(),
        nth: 1,
        moment: Moment::Answered,
    };
    cancelled_at(0, 1, place);
}

#[test]
fn row_53_githubs_troubles_do_not_decide_a_deploy() {
    // Neither the record nor the branch can be asked: everything counts as changed, and order goes by the push.
    for trouble in [Trouble::RecordDown, Trouble::GraphQl("FORBIDDEN")] {
        let run = pushed().github_trouble(trouble).deploy();
        let run = run
            .ended(0, "accepted", "")
            .hooked(&["api", "workers", "web"]);
        run.annotates("warning", "the deploy history is not used");
    }
    // It is not there at all: nobody says whether this is the tip.
    let run = pushed()
        .github_trouble(Trouble::Dropped)
        .deploy()
        .expect_stopped("order-unknown");
    assert!(run.took < Duration::from_secs(40), "{:?}", run.took);
    // One permission is missing: it is named, once.
    let run = pushed()
        .github_trouble(Trouble::GraphQl("FORBIDDEN"))
        .deploy();
    let named = run
        .annotations("warning")
        .into_iter()
        .filter(|warning| warning.contains("deployments: write"));
    assert_eq!(named.count(), 1, "{:?}", run.annotations("warning"));
    run.hooked(&["api", "workers", "web"]);
    let run = pushed()
        .github_trouble(Trouble::DeploymentsDenied)
        .deploy()
        .expect_accepted(["api"]);
    run.annotates("warning", "deployments=write");
    // What is not the tip any more may be older than what is there: it waits for a record that answers.
    let world = pushed();
    let event = world.event.clone();
    let mut world = world.commit_on_main(|repo| repo.write("services/api/x", "2"));
    world.event = event;
    world
        .github_trouble(Trouble::RecordDown)
        .deploy()
        .expect_stopped("order-unknown");
    pushed()
        .github_trouble(Trouble::RecordDown)
        .variable("GITHUB_RUN_ATTEMPT", "2")
        .deploy()
        .hooked(&["api", "workers", "web"]);
    let released = || {
        let world = World::new()
            .three_services()
            .push_tag("prod-5")
            .images()
            .may_write();
        world.github_trouble(Trouble::RecordDown)
    };
    // The highest release goes on, again too: its tag says that nothing is newer.
    released()
        .variable("GITHUB_RUN_ATTEMPT", "2")
        .deploy()
        .ended(0, "accepted", "")
        .hooked(&["api", "workers", "web"]);
    released()
        .deploy()
        .ended(0, "accepted", "")
        .hooked(&["api", "workers", "web"]);
}

#[test]
fn row_54_no_decision_depends_on_what_day_it_is() {
    at_once(
        [
            "Fri, 21 Nov 2025 10:00:00 GMT",
            "Mon, 22 Nov 2027 10:00:00 GMT",
        ],
        |date| {
            let world = pushed().with_key();
            for server in [
                Some(&world.github.server),
                world.registry.server(),
                Some(&world.render.server),
            ]
            .into_iter()
            .flatten()
            {
                server.dated(date);
            }
            // Render's answers are dated years apart from its own dates of deploys.
            let trouble = ghcr::Trouble::RetryAfter(1, 2);
            let run = world
                .registry_trouble("api", trouble)
                .deploy()
                .ended(0, "live", "")
                .hooked(&["api"]);
            assert!(
                run.took >= Duration::from_secs(2) && run.took < Duration::from_secs(30),
                "{:?}",
                run.took
            );
        },
    );
}
