//! Never two: what was lost, cut off, deleted or written down by others.

use super::super::at_once;
use super::{given, image, manifest, opened, serves, touch_web};
use serde_json::json;
use std::time::Duration;
use testworld::render::previews::PreviewAnswer;
use testworld::render::service_id;
use testworld::trap::{Moment, Place, Then};

/// Whatever became of an answer, there is one preview and it is ours.
#[test]
fn a_lost_answer_never_makes_a_second_preview() {
    let table = [
        PreviewAnswer::Lost(None),
        PreviewAnswer::Lost(Some(502)),
        PreviewAnswer::Mute,
    ];
    at_once(table, |answer| {
        let world = opened();
        world.render.previews_answer([answer]);
        let run = given(world.deploy());
        assert_eq!(run.world.github.preview_records()[0].state(), "success");
    });
}

#[test]
fn what_may_have_been_made_is_not_asked_for_again_and_the_next_run_looks() {
    at_once(
        [PreviewAnswer::Status(503), PreviewAnswer::Lost(Some(500))],
        |answer| {
            let is_lost = matches!(answer, PreviewAnswer::Lost(_));
            let world = opened();
            world.render.previews_answer([answer]);
            // Render shows it later than anybody looks.
            world.render.previews_lag(if is_lost { 5 } else { 0 });
            let run = world.deploy().ended(1, "failed", "render-unavailable");
            let wanted = image(&run.world, "web");
            let run = run
                .hooked_with(&[("web-pr-7", &wanted)])
                .says("is not known");
            assert_eq!(run.world.github.preview_records()[0].state(), "open");
            assert_eq!(run.output("previews"), "{}");
            let run = run.again().deploy().ended(0, "live", "");
            let calls: &[(&str, &str)] = if is_lost {
                &[]
            } else {
                &[("web-pr-7", &wanted)]
            };
            let run = serves(run.hooked_with(calls), &wanted);
            let states: Vec<String> = run
                .world
                .github
                .preview_records()
                .iter()
                .map(|record| record.state().to_owned())
                .collect();
            assert_eq!(states, ["inactive", "success"]);
        },
    );
}

#[test]
fn a_run_that_is_cut_off_while_it_makes_a_preview_is_made_good_by_the_next() {
    let table = [Moment::Unheard, Moment::Unanswered, Moment::Answered];
    let table = table
        .into_iter()
        .flat_map(|moment| [(moment, false), (moment, true)]);
    at_once(table, |(moment, hides_parents)| {
        let place = Place {
            kind: "Render: POST /v1/services/*/preview".into(),
            nth: 1,
            moment,
        };
        let world = opened().cancel_at(place, &["-KILL"], Then::Answers);
        if hides_parents {
            world.render.hides_parents();
        }
        let run = world.deploy();
        let is_made = moment != Moment::Unheard;
        let wanted = image(&run.world, "web");
        let calls: &[(&str, &str)] = if is_made {
            &[("web-pr-7", &wanted)]
        } else {
            &[]
        };
        let run = run.hooked_with(calls);
        assert_eq!(run.world.render.previews().len(), usize::from(is_made));
        run.world.drained();
        let world = run.again();
        world.render.pace(1);
        let run = world.deploy().ended(0, "live", "");
        let calls: &[(&str, &str)] = if is_made {
            &[]
        } else {
            &[("web-pr-7", &wanted)]
        };
        let run = serves(run.hooked_with(calls), &wanted);
        let records = run.world.github.preview_records();
        assert_eq!(records.last().map(|record| record.state()), Some("success"));
        assert!(
            records.iter().all(|record| record.state() != "open"),
            "{records:?}"
        );
    });
}

#[test]
fn a_run_that_is_cancelled_says_so_and_stops_no_deploy_of_the_service_itself() {
    let place = Place {
        kind: "Render: POST /v1/services/*/preview".into(),
        nth: 1,
        moment: Moment::Unanswered,
    };
    let world = opened().cancel_at(place, &["-TERM"], Then::Answers);
    world.render.queue_behind("web", "x@y");
    let run = world.deploy().ended(1, "cancelled", "cancelled");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-7", &wanted)]);
    assert_eq!(run.service("web")["status"], "cancelled");
    assert!(run.world.render.cancelled().is_empty());
    run.says("its preview was being made when the run was cancelled");
}

#[test]
fn of_two_runs_at_once_one_makes_the_preview() {
    // The first has written its intent, and is about to ask.
    let place = Place {
        kind: "Render: POST /v1/services/*/preview".into(),
        nth: 1,
        moment: Moment::Unheard,
    };
    let run = opened()
        .cancel_at(place, &["-KILL"], Then::Answers)
        .deploy()
        .no_hooks();
    run.world.drained();
    let world = run.into_world().run_of(99);
    world.render.pace(1);
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let wanted = image(&world, "web");
    let first = format!("{}@sha256:{}", world.repository("web"), "e".repeat(64));
    // It was heard after all, while the second one waits.
    let render = world.render.clone();
    let heard = move || {
        render.plant("web-pr-7", Some("web"), &first);
    };
    let run = world
        .after(Duration::from_secs(5), heard)
        .deploy()
        .ended(0, "live", "")
        .hooked_with(&[("web-pr-7", &wanted)])
        .says("this run waits for it");
    serves(run, &wanted);
}

#[test]
fn a_preview_that_somebody_deleted_is_made_anew_and_said() {
    let world = given(opened().deploy()).into_world();
    let id = world.render.previews()[0].id.clone();
    world.render.delete(&id);
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let run = given(world.deploy()).says(&format!("preview {id} is not on Render any more"));
    let states: Vec<String> = run
        .world
        .github
        .preview_records()
        .iter()
        .map(|record| record.state().to_owned())
        .collect();
    assert_eq!(states, ["inactive", "success"]);
}

#[test]
fn a_preview_of_a_service_that_was_made_anew_is_left_alone_and_named() {
    let mut world = given(opened().deploy()).into_world();
    let old = world.render.previews()[0].clone();
    world.new_hook("second");
    world
        .render
        .image_path("second", &format!("{}:main", world.repository("web")));
    let world = world.manifest(&manifest().replace(&service_id("web"), &service_id("second")));
    world.origin.commit("another service");
    world.origin.git(&["branch", "-q", "-D", "feature"]);
    let world = world.pull_request(7, touch_web).images_of(&["web"]);
    let run = world.deploy().ended(0, "live", "");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-7", &wanted)]);
    let run = run.annotates(
        "warning",
        &format!("preview {} is a copy of a service", old.id),
    );
    let previews = run.world.render.previews();
    assert_eq!(previews.len(), 2);
    assert!(
        previews.contains(&old),
        "the old one was touched: {previews:?}"
    );
}

#[test]
fn a_service_that_only_has_the_name_is_not_ours() {
    // Of another service; of none; and where Render does not say, without an intent of ours.
    at_once(
        [
            (Some("api"), false),
            (None, false),
            (None, true),
            (Some("web"), true),
        ],
        |(parent, hides)| {
            let world = opened();
            let other = format!("{}:v1", world.repository("web"));
            let id = world.render.plant("web-pr-7", parent, &other);
            if hides {
                world.render.hides_parents();
            }
            let run = world.deploy().ended(0, "live", "");
            let wanted = image(&run.world, "web");
            let run = run.hooked_with(&[("web-pr-7", &wanted)]);
            let touched = run
                .world
                .render
                .server
                .calls()
                .iter()
                .any(|call| call.method == "POST" && call.path.contains(&id));
            run.ensure(!touched, "a service of somebody else was deployed to");
        },
    );
}

#[test]
fn nothing_on_render_is_touched_by_what_others_wrote_down() {
    let world = given(opened().deploy()).into_world();
    let id = world.render.previews()[0].id.clone();
    let victim = service_id("api");
    world.github.poison_preview("mallory", |payload| {
        payload["id"] = json!(service_id("api"))
    });
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let run = given(world.deploy());
    let asked = |id: &str| {
        run.world
            .render
            .server
            .calls()
            .iter()
            .any(|call| call.path.contains(id))
    };
    assert!(asked(&id) && !asked(&victim));
}

#[test]
fn an_id_of_our_record_that_is_no_preview_of_the_service_is_left_alone() {
    // Another service itself, and a preview of another one. Any job of the repository may have written that.
    at_once([("api", None), ("other", Some("api"))], |(name, parent)| {
        let world = given(opened().deploy()).into_world();
        if parent.is_some() {
            world
                .render
                .plant(name, parent, &format!("{}:v1", world.repository("web")));
        }
        let id = service_id(name);
        world
            .github
            .poison_preview("github-actions", |payload| payload["id"] = json!(id));
        let world =
            world.push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"));
        let run = world.images_of(&["web"]).deploy();
        let wanted = image(&run.world, "web");
        let run = match parent {
            // Render says what it is, so ours is found by its name.
            Some(_) => run
                .ended(0, "live", "")
                .hooked_with(&[("web-pr-7", &wanted)]),
            None => run
                .ended(1, "failed", "deploy-failed")
                .no_hooks()
                .says("is no copy of anything"),
        };
        let path = format!("/v1/services/{id}/deploys");
        let touched = run
            .world
            .render
            .server
            .calls()
            .iter()
            .any(|call| call.method == "POST" && call.path == path);
        run.ensure(!touched, "another service was deployed to");
    });
}
