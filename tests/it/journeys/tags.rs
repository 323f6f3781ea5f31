//! Tags and labels: the shapes of docker/metadata-action, read back as docker/build-push-action reads them.

use serde_json::{Value, json};
use testworld::{Checkout, Event, Run, World, lists};

const ONE: &str = r#"version: 1
environments:
  staging: { branch: main }
  production: { tag: "prod-{number}" }
images:
  shop: { repository: "HOST/{owner}/shop", paths: ["**"] }
services:
  shop: {}
"#;

fn one() -> World {
    World::new().manifest(ONE).hooks(&["shop"])
}

fn pushed() -> Run {
    one()
        .push_to_main(|repo| repo.write("x", "1"))
        .plan()
        .expect_planned(["shop"])
}

/// What every plan's tags and labels have in common, and the tag names.
fn names(run: &Run) -> Vec<String> {
    let repository = run.world.repository("shop");
    let tags = lists::list(run.output("tags"));
    assert_eq!(
        tags,
        run.output("tags").lines().collect::<Vec<_>>(),
        "build-push-action reads other tags"
    );
    let names: Vec<String> = run.output("tag-names").lines().map(str::to_owned).collect();
    assert_eq!(
        tags,
        names
            .iter()
            .map(|name| format!("{repository}:{name}"))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        names.first().map(String::as_str),
        Some(run.output("version"))
    );
    for output in ["labels", "annotations"] {
        let lines: Vec<&str> = run.output(output).lines().collect();
        assert_eq!(
            lists::lines(run.output(output)),
            lines,
            "build-push-action reads other {output}"
        );
    }
    let json = run.json("json");
    assert_eq!(json["tags"], json!(tags));
    let labels: serde_json::Map<String, Value> = run
        .output("labels")
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect();
    assert_eq!(json["labels"], Value::Object(labels.clone()));
    assert_eq!(
        labels["org.opencontainers.image.revision"],
        json!(run.world.commit())
    );
    assert_eq!(
        labels["org.opencontainers.image.source"],
        json!("https://github.com/acme/shop")
    );
    assert_eq!(
        labels["org.opencontainers.image.version"],
        json!(run.output("version"))
    );
    let short: Vec<&str> = labels
        .keys()
        .map(|key| key.trim_start_matches("org.opencontainers.image."))
        .collect();
    for label in ["created", "revision", "source", "title", "url", "version"] {
        assert!(short.contains(&label), "no label {label}");
    }
    names
}

#[test]
fn a_push_to_main_is_tagged_with_its_commit_and_latest() {
    let run = pushed();
    assert_eq!(names(&run), [run.world.commit(), "latest".into()]);
}

#[test]
fn a_pull_request_is_tagged_with_its_number_and_head() {
    let run = one()
        .pull_request(7, |repo| repo.write("x", "1"))
        .plan()
        .expect_planned([]);
    assert_eq!(names(&run), [format!("pr-7-{}", run.world.commit())]);
}

#[test]
fn a_release_is_tagged_with_its_number_and_never_latest() {
    let run = one().push_tag("prod-3").plan().expect_planned(["shop"]);
    assert!(
        names(&run).contains(&"prod-3".to_owned()) && !names(&run).contains(&"latest".to_owned())
    );
}

#[test]
fn a_commit_that_is_not_the_tip_any_more_is_not_latest() {
    let world = one().push_to_main(|repo| repo.write("x", "1"));
    let pushed = world.commit();
    let run = world
        .commit_on_main(|repo| repo.write("x", "2"))
        .plan()
        .no_hooks();
    assert_eq!(run.world.commit(), pushed);
    assert_eq!(names(&run), [pushed]);
}

#[test]
fn templates_are_followed() {
    let text = ONE.replace(
        "environments:",
        "tags: { commit: \"c-{sha:7}\", pull-request: \"preview-{number}-{sha:12}\", latest: false }\nenvironments:",
    );
    let run = World::new()
        .manifest(&text)
        .hooks(&["shop"])
        .push_to_main(|repo| repo.write("x", "1"))
        .plan();
    let run = run.expect_planned(["shop"]);
    assert_eq!(names(&run), [format!("c-{}", &run.world.commit()[..7])]);
}

#[test]
fn with_several_images_and_none_named_only_the_matrix_has_tags() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("libs/x", "1"));
    let run = world.plan().expect_planned(["api", "workers"]);
    assert_eq!((run.output("tags"), run.output("builds")), ("", "2"));
    let matrix = run.json("matrix");
    for entry in matrix["include"].as_array().unwrap() {
        let keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            [
                "image",
                "repository",
                "tag",
                "tags",
                "labels",
                "annotations",
                "build-args",
                "services",
                "build"
            ]
        );
        let tags = lists::list(entry["tags"].as_str().unwrap());
        assert_eq!(
            tags[0],
            format!(
                "{}:{}",
                entry["repository"].as_str().unwrap(),
                run.world.commit()
            )
        );
    }
}

#[test]
fn every_build_is_handed_its_commit_and_the_commits_time() {
    let push = || {
        World::new()
            .three_services()
            .push_to_main(|repo| repo.write("libs/x", "1"))
    };
    // The event knows the time; on a dispatch the checkout does, and without one nobody.
    let dispatched = |checkout| {
        let world =
            push().on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
        world.input("environment", "staging").checkout(checkout)
    };
    let worlds = [
        (push(), true),
        (push().checkout(Checkout::None), true),
        (dispatched(Checkout::Shallow), true),
        (dispatched(Checkout::None), false),
    ];
    for (world, has_time) in worlds {
        // Of several images, the output is about the one that is named.
        let repository = world.repository("api");
        let run = world.input("image", &repository).plan();
        let run = run.ended(0, "planned", "");
        let commit = run.world.commit();
        let date = ["show", "-s", "--format=%ct", &commit];
        let mut wanted = format!("GIT_SHA={commit}");
        if has_time {
            let time = run.world.origin.git(&date);
            wanted.push_str(&format!("\nSOURCE_DATE_EPOCH={time}"));
        }
        assert_eq!(run.output("build-args"), wanted);
        let matrix = run.json("matrix");
        let entries = matrix["include"].as_array().expect("entries");
        assert!(entries.len() >= 2, "{matrix}");
        for entry in entries {
            assert_eq!(entry["build-args"], wanted);
        }
    }
    // On a pull request it is the head, which is what the image is labelled with.
    let world = World::new()
        .three_services()
        .pull_request(7, |repo| repo.write("libs/x", "1"));
    let run = world.plan().ended(0, "planned", "");
    let entry = run.json("matrix")["include"][0].clone();
    let arguments = entry["build-args"].as_str().expect("text");
    let line = format!("GIT_SHA={}", run.world.commit());
    assert_eq!(arguments.lines().next(), Some(line.as_str()));
}

#[test]
fn image_names_the_one_that_tags_speaks_of() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("libs/x", "1"));
    let repository = world.repository("workers");
    let run = world
        .input("image", &repository)
        .plan()
        .expect_planned(["api", "workers"]);
    assert!(
        run.output("tags").starts_with(&format!("{repository}:")),
        "{}",
        run.output("tags")
    );
}

#[test]
fn an_image_that_is_there_already_need_not_be_built() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("libs/x", "1"))
        .images();
    let run = world.plan().expect_planned(["api", "workers"]);
    assert_eq!(
        (run.output("builds"), run.output("matrix")),
        ("0", "{\"include\":[]}")
    );
}

#[test]
fn nothing_of_the_event_but_its_numbers_becomes_a_tag_or_a_label() {
    let world = one().pull_request(7, |repo| repo.write("x", "1"));
    let run = world
        .payload(|payload| {
            payload["pull_request"]["head"]["ref"] = json!("x\n::set-output name=tags::evil")
        })
        .plan();
    assert!(!run.output_file.contains("evil"), "{}", run.output_file);
    run.expect_planned([]);
}

#[test]
fn a_dispatch_plans_the_branch_that_it_is_on() {
    let world = one().on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let run = world.input("environment", "staging").plan().no_hooks();
    assert_eq!(run.output("outcome"), "planned");
}
