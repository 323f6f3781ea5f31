//! Every row of the event table, for `deploy`, `plan` and `verify`.

use serde_json::{Value, json};
use testworld::{Event, Kind, Repo, World};

fn touch_api(repo: &Repo) -> &Repo {
    repo.write("services/api/main.txt", "changed")
}

/// A push to `main` that changes `api`, with its images.
fn pushed() -> World {
    World::new()
        .three_services()
        .push_to_main(touch_api)
        .images()
}

/// A pull request that changes `api`, with the images it builds.
fn opened() -> World {
    World::new()
        .three_services()
        .pull_request(7, touch_api)
        .image("api", Kind::WithAttestations)
}

/// What `deploy`, `plan` and `verify` make of an event that asks for nothing.
fn nothing_in_all(make: impl Fn() -> World) {
    for command in ["deploy", "plan", "verify"] {
        make().run(command).expect_nothing();
    }
}

#[test]
fn a_push_to_an_environments_branch_deploys_what_changed() {
    let run = pushed().deploy().expect_accepted(["api"]);
    assert_eq!(run.output("environment"), "staging");
    assert_eq!(run.output("sha"), run.world.commit());
    assert_eq!(run.service("web")["decision"], "skip");
    pushed().plan().expect_planned(["api"]);
    pushed().verify().expect_verified();
}

#[test]
fn services_that_come_after_wait_for_the_ones_before() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("libs/shared.txt", "2"))
        .images();
    world
        .deploy()
        .expect_accepted(["api", "workers"])
        .after("workers", "api");
}

#[test]
fn a_push_of_a_release_tag_deploys_its_environment() {
    let make = || {
        World::new()
            .three_services()
            .tagged("prod-1")
            .commit_on_main(touch_api)
            .push_tag("prod-2")
    };
    let with_images = || {
        let world = make();
        let commit = world.commit();
        let tags = [commit.as_str(), "prod-2"];
        world
            .image_tagged("api", Kind::WithAttestations, &commit, &tags)
            .image_tagged("workers", Kind::MultiArch, &commit, &tags)
            .image_tagged("web", Kind::Amd64, &commit, &tags)
    };
    let run = with_images().deploy().expect_accepted(["api"]);
    assert_eq!(
        (run.output("environment"), run.output("release")),
        ("production", "prod-2")
    );
    with_images().plan().expect_planned(["api"]);
    with_images().verify().expect_verified();
}

#[test]
fn a_push_that_deletes_a_ref_is_nothing_to_do() {
    let event = |world: &World| {
        Event::delete(
            "refs/heads/main",
            &world.origin.head(),
            &world.origin.head(),
        )
    };
    nothing_in_all(|| World::new().three_services().on_event(event));
    let event = |world: &World| {
        Event::delete(
            "refs/tags/prod-2",
            &world.origin.head(),
            &world.origin.head(),
        )
    };
    nothing_in_all(|| World::new().three_services().on_event(event));
}

#[test]
fn a_push_of_any_other_ref_is_nothing_to_deploy() {
    for git_ref in [
        "refs/heads/feature",
        "refs/tags/nightly",
        "refs/heads/main2",
    ] {
        let event = |world: &World| {
            Event::push(
                git_ref,
                &world.origin.head(),
                &world.origin.head(),
                &world.origin.head(),
            )
        };
        World::new()
            .three_services()
            .on_event(event)
            .deploy()
            .expect_nothing();
    }
}

#[test]
fn a_pull_request_is_verified_and_never_deployed() {
    for action in ["opened", "synchronize", "reopened", "ready_for_review"] {
        let make = || opened().payload(|payload| payload["action"] = json!(action));
        make().verify().expect_verified();
        make().plan().expect_planned([]);
        let run = make().deploy().no_hooks();
        assert!(
            matches!(run.output("outcome"), "verified" | "skipped"),
            "{action}: {}",
            run.output("outcome")
        );
        assert_eq!(run.exit, 0);
    }
}

#[test]
fn deploy_asks_once_for_a_preview_image_and_verify_waits() {
    let make = || World::new().three_services().pull_request(7, touch_api);
    make().deploy().expect_skipped();
    let run = make()
        .input("image-timeout", "2s")
        .verify()
        .expect_stopped("image-missing");
    assert!(run.took.as_secs() >= 1, "it did not wait: {:?}", run.took);
}

#[test]
fn a_pull_request_has_its_own_tags_and_no_others() {
    let run = World::new()
        .three_services()
        .pull_request(7, touch_api)
        .plan()
        .expect_planned([]);
    let matrix = run.json("matrix");
    let entry = &matrix["include"][0];
    assert_eq!(entry["tag"], json!(format!("pr-7-{}", run.world.commit())));
    for word in ["latest", "prod-"] {
        assert!(!run.output("matrix").contains(word), "{word} in {matrix}");
    }
}

#[test]
fn a_pull_request_that_is_closed_or_talked_about_is_nothing_to_do() {
    for action in [
        "closed",
        "labeled",
        "edited",
        "converted_to_draft",
        "assigned",
    ] {
        nothing_in_all(|| opened().payload(|payload| payload["action"] = json!(action)));
    }
}

#[test]
fn a_merge_group_is_verified_only() {
    let make = || {
        let world = World::new().three_services().push_to_main(touch_api);
        let before = world.event.as_ref().unwrap().payload["before"]
            .as_str()
            .unwrap()
            .to_owned();
        world
            .on_event(|world| Event::merge_group(&before, &world.origin.head()))
            .images()
    };
    make().verify().expect_verified();
    make().deploy().expect_verified();
}

#[test]
fn a_workflow_run_is_as_the_push_that_it_followed() {
    let make = || pushed().on_event(|world| Event::workflow_run(&world.origin.head()));
    // It does not say what was there before, so nothing is known to be unchanged.
    let run = make().deploy().ended(0, "accepted", "");
    run.hooked(&["api", "workers", "web"]);
}

#[test]
fn a_workflow_run_that_was_no_successful_push_is_nothing_to_do() {
    let changes: [(&str, Value); 4] = [
        ("conclusion", json!("failure")),
        ("conclusion", json!("cancelled")),
        ("event", json!("pull_request")),
        ("event", json!("schedule")),
    ];
    for (key, value) in changes {
        let event = |world: &World| Event::workflow_run(&world.origin.head());
        let world = pushed()
            .on_event(event)
            .payload(|payload| payload["workflow_run"][key] = value.clone());
        world.deploy().expect_nothing();
    }
}

#[test]
fn a_dispatch_deploys_the_environment_that_it_names() {
    let make =
        || pushed().on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let run = make()
        .input("environment", "staging")
        .deploy()
        .ended(0, "accepted", "");
    assert_eq!(run.output("environment"), "staging");
    run.hooked(&["api", "workers", "web"]);
}

#[test]
fn a_dispatch_to_a_tag_environment_needs_a_release() {
    let make =
        || pushed().on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    make()
        .input("environment", "production")
        .deploy()
        .expect_wrong_request("bad-input");
}

#[test]
fn a_dispatch_deploys_the_release_that_it_names() {
    let make = || {
        let world = World::new()
            .three_services()
            .tagged("prod-1")
            .commit_on_main(touch_api)
            .tagged("prod-2");
        let world =
            world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
        let commit = world.commit();
        let tags = [commit.as_str(), "prod-2"];
        ["api", "workers", "web"]
            .into_iter()
            .fold(world, |world, name| {
                world.image_tagged(name, Kind::Amd64, &commit, &tags)
            })
    };
    let run = make()
        .input("environment", "production")
        .input("release", "prod-2")
        .deploy()
        .ended(0, "accepted", "");
    assert_eq!(
        (run.output("environment"), run.output("release")),
        ("production", "prod-2")
    );
    assert!(run.hooks.iter().any(|call| call.service == "api"));
    let services: Vec<String> = serde_json::from_str(run.output("services")).unwrap();
    run.hooked(&services.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn schedule_and_repository_dispatch_do_what_the_inputs_name() {
    for event in [Event::schedule, Event::repository_dispatch] {
        let make = || pushed().on_event(|world| event(&world.origin.head()));
        make()
            .input("environment", "staging")
            .deploy()
            .ended(0, "accepted", "")
            .hooked(&["api", "workers", "web"]);
    }
}

#[test]
fn a_dispatch_for_a_pull_request_or_a_foreign_image_is_verified_only() {
    let world = World::new()
        .three_services()
        .pull_request(7, touch_api)
        .image("api", Kind::Amd64);
    let (head, image) = (world.commit(), world.repository("api"));
    let tip = world.origin.head();
    let world = world
        .on_event(|_| Event::dispatch("refs/heads/main", &tip))
        .input("image", &image);
    let world = world.input("pr-number", "7").input("sha", &head);
    let run = world.deploy().expect_verified();
    // Whoever dispatches has secrets: one that is missing is a mistake, unless it is said to be none.
    let world = run.into_world().input("registry-password", "");
    let world = world.on_event(|_| Event::dispatch("refs/heads/main", &tip));
    let run = world
        .deploy()
        .ended(1, "refused", "image-denied")
        .no_hooks();
    let world = run.into_world().input("on-missing-credential", "warn");
    world
        .on_event(|_| Event::dispatch("refs/heads/main", &tip))
        .deploy()
        .expect_skipped();
    let commit = "c".repeat(40);
    let world = World::new()
        .three_services()
        .on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let world = world.image_tagged("elsewhere", Kind::NoRevision, &commit, &[&commit]);
    let image = world.repository("elsewhere");
    let world = world.input("deploy-hooks", "");
    world
        .input("image", &image)
        .input("sha", &commit)
        .deploy()
        .expect_verified();
}

#[test]
fn events_that_must_not_deploy_are_refused_and_unknown_ones_are_wrong() {
    let target = |world: &World| {
        let head = world.origin.head();
        let mut event = Event::pull_request("opened", 7, &head, &head, &head);
        event.name = "pull_request_target".into();
        event.git_ref = "refs/heads/main".into();
        event
    };
    pushed()
        .on_event(target)
        .deploy()
        .ended(1, "refused", "bad-event")
        .no_hooks();
    for name in [
        "release",
        "create",
        "delete",
        "issue_comment",
        "deployment_status",
        "no_such_event",
    ] {
        let event = |world: &World| Event::other(name, &world.origin.head());
        pushed()
            .on_event(event)
            .deploy()
            .expect_wrong_request("bad-event");
    }
}

#[test]
fn environment_may_only_choose_among_those_that_match() {
    pushed()
        .input("environment", "production")
        .deploy()
        .expect_wrong_request("bad-input");
    pushed()
        .input("environment", "nowhere")
        .deploy()
        .expect_wrong_request("bad-input");
    pushed()
        .input("environment", "staging")
        .deploy()
        .expect_accepted(["api"]);
}

#[test]
fn two_environments_of_one_branch_want_a_choice() {
    let two = |text: &str| {
        text.replace(
            "environments:\n",
            "environments:\n  demo: { branch: main }\n",
        )
    };
    let make = || {
        World::new()
            .three_services_and(two)
            .push_to_main(touch_api)
            .images()
    };
    let run = make().deploy().expect_wrong_request("bad-input");
    run.says("demo").says("staging");
    let run = make()
        .input("environment", "demo")
        .deploy()
        .expect_accepted(["api"]);
    assert_eq!(run.output("environment"), "demo");
}
