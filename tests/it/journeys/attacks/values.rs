//! Rows 1 to 3, 22, 27, 29, 32, 37 and 37f: values.

use super::pushed;
use serde_json::{Value, json};
use testworld::{Event, Kind, World};

/// A dispatch by hand on `main`.
fn dispatched() -> World {
    pushed().on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()))
}

fn opened() -> World {
    World::new()
        .three_services()
        .pull_request(7, |repo| repo.write("services/api/x", "1"))
        .image("api", Kind::Amd64)
}

#[test]
fn row_01_a_pull_request_number_is_exactly_one() {
    for text in [
        "0", "-1", "+7", "007", "7\n", " 7", "7.0", "1e3", "100000", "\u{667}", "\"7\"", "7 8",
        "null",
    ] {
        let sha = "a".repeat(40);
        let run = dispatched()
            .input("pr-number", text)
            .input("sha", &sha)
            .verify()
            .expect_refusal();
        run.says("pr-number");
    }
    for number in [
        json!(0),
        json!(-1),
        json!(7.0),
        json!(1e3),
        json!(100_000),
        json!("7"),
        Value::Null,
        json!([7]),
        json!(true),
    ] {
        let change = |payload: &mut Value| {
            payload["number"] = number.clone();
            payload["pull_request"]["number"] = number.clone();
        };
        opened().payload(change).verify().expect_refusal();
    }
    opened()
        .payload(|payload| payload["number"] = json!(8))
        .verify()
        .expect_refusal();
}

/// Texts that are no commit.
fn no_commits() -> Vec<String> {
    let good = "0123456789abcdef0123456789abcdef01234567";
    vec![
        "abc123".into(),
        format!("{good}8"),
        "a".repeat(64),
        format!("g{}", &good[1..]),
        good.to_uppercase(),
        format!("\u{a0}{good}"),
        format!("{good}\n"),
        "HEAD".into(),
        "--upload-pack=x".into(),
        "0".repeat(40),
    ]
}

#[test]
fn row_02_a_commit_is_exactly_one() {
    for text in no_commits() {
        dispatched()
            .input("environment", "staging")
            .input("sha", &text)
            .deploy()
            .expect_refusal()
            .says("sha");
        let change = |payload: &mut Value| payload["pull_request"]["head"]["sha"] = json!(text);
        opened().payload(change).verify().expect_refusal();
        // A push to 40 zeros is a deletion.
        if text != "0".repeat(40) {
            let change = |payload: &mut Value| payload["after"] = json!(text);
            pushed().payload(change).deploy().expect_refusal();
        }
    }
}

#[test]
fn row_03_inputs_that_contradict_the_event_are_refused() {
    opened()
        .input("sha", &"b".repeat(40))
        .verify()
        .expect_refusal()
        .says("sha");
    opened()
        .input("pr-number", "8")
        .verify()
        .expect_refusal()
        .says("pr-number");
    pushed()
        .input("sha", &"b".repeat(40))
        .deploy()
        .expect_refusal()
        .says("sha");
    let world = opened();
    let head = world.commit();
    world
        .input("sha", &head)
        .input("pr-number", "7")
        .verify()
        .expect_verified();
}

#[test]
fn row_22_no_input_gives_a_pull_request_latest_or_a_release() {
    for (name, value) in [
        ("release", "prod-1"),
        ("environment", "production"),
        ("environment", "staging"),
        ("force", "unchanged"),
    ] {
        for command in ["plan", "verify", "deploy"] {
            let run = opened().input(name, value).run(command).no_hooks();
            for word in ["latest", "prod-1"] {
                assert!(
                    !run.output("tags").contains(word) && !run.output("matrix").contains(word),
                    "{name}: {value}: {word}"
                );
            }
        }
    }
}

#[test]
fn row_27_inputs_of_a_dispatch_are_read_strictly() {
    let wrong = [
        ("services", "api;rm -rf /"),
        ("services", "$(id)"),
        ("services", "[\"api\", 7]"),
        ("services", "[\"api\""),
        ("dry-run", "TRUE"),
        ("dry-run", "yes"),
        ("dry-run", "1"),
        ("dry-run", " true"),
        ("command", "Deploy"),
        ("command", "rm"),
        ("pin", "Index"),
        ("wait", "forever"),
        ("on-missing-image", "ignore"),
        ("on-missing-credential", "no"),
        ("force", "everything"),
        ("release", "prod-0"),
        ("environment", "../production"),
        ("registry", "GHCR.io"),
        ("registry", "ghcr.io/acme"),
        ("manifest", "../outside.yml"),
        ("manifest", "/etc/passwd"),
    ];
    for (name, value) in wrong {
        let world = if name == "environment" {
            dispatched()
        } else {
            dispatched().input("environment", "staging")
        };
        world
            .input(name, value)
            .deploy()
            .expect_refusal()
            .says(name);
    }
    // A commit of another repository.
    dispatched()
        .input("environment", "staging")
        .input("sha", &"b".repeat(40))
        .deploy()
        .expect_refusal();
}

#[test]
fn row_29_an_output_keeps_its_value_whatever_stands_in_it() {
    let evil = "a\\nx<<EOF\\nEOF\\ntags=evil\\nghadelimiter_5f0c\\n::set-output name=tags::evil";
    let build = |text: &str| {
        text.replace(
            "paths: [\"services/web/**\"] }",
            &format!("paths: [\"services/web/**\"], build: {{ arguments: \"{evil}\" }} }}"),
        )
    };
    let world = World::new()
        .three_services_and(build)
        .push_to_main(|repo| repo.write("services/web/x", "1"));
    let run = world.plan().expect_planned(["web"]);
    let entry = run.json("matrix")["include"][0].clone();
    assert_eq!(
        entry["build"]["arguments"].as_str().unwrap(),
        evil.replace("\\n", "\n")
    );
    assert!(!run.outputs["tags"].contains("evil"));
    let run = pushed()
        .input("freeze", "x\ntags=evil\n::set-output name=tags::evil")
        .deploy()
        .expect_skipped();
    assert!(run.output("tags").is_empty() || !run.output("tags").contains("evil"));
}

#[test]
fn row_32_an_image_is_named_by_the_oci_grammar() {
    let bad = [
        "ghcr.io/../x",
        "ghcr.io/Acme/api",
        "GHCR.io/acme/api",
        "ghcr.io/acme/api@sha256:abc",
        "ghcr.io/acme/api:tag/with/slash",
        "ghcr.io:99999/acme/api",
        "ghcr.io/acme/api:latest",
        "acme/api",
        "ghcr.io//api",
        "https://ghcr.io/acme/api",
        "ghcr.io/acme/api\n",
        "ghcr.io/acme/api --privileged",
    ];
    for text in bad {
        let world = World::new()
            .shorthand()
            .push_to_main(|repo| repo.write("main.txt", "2"));
        world
            .input("image", text)
            .deploy()
            .expect_refusal()
            .says("image");
    }
}

#[test]
fn row_37_inputs_arrive_in_any_state_and_planted_ones_are_ignored() {
    // The runner rewrites a value that is a path of the host; some values end in a backslash or a quote; some are huge.
    let workspace = pushed().rooms.workspace.display().to_string();
    for value in [workspace.as_str(), "x\\\"", "\\", &"x".repeat(120_000)] {
        for name in ["services", "environment", "image-timeout", "pin", "sha"] {
            let run = pushed().input(name, value).deploy().no_hooks();
            assert!(run.exit != 0 && run.stdout.len() < 40_000, "{name}");
        }
    }
    let evil = testworld::server::Server::start(|_| testworld::server::Reply::text(200, "{}"));
    let world = pushed()
        .input("render-api-url", "")
        .variable("INPUT_RENDER_API_URL", &evil.origin());
    let run = world.deploy().no_hooks();
    assert!(
        run.exit != 0 && run.output("failure") == "hook-malformed",
        "{}",
        run.output("failure")
    );
    assert!(evil.calls().is_empty());
    // Where the hyphen spelling is not there at all, some runners give the other one.
    let world = pushed();
    let origin = world.render.server.origin();
    let world = world
        .without_variable("INPUT_RENDER-API-URL")
        .variable("INPUT_RENDER_API_URL", &origin);
    world.deploy().expect_accepted(["api"]);
}

#[test]
fn row_37_a_release_that_is_none_is_refused_on_every_event() {
    for value in ["x\\\"", "/home", "prod-007", "prod-1\n"] {
        let run = pushed().input("release", value).deploy().no_hooks();
        assert!(run.exit != 0, "{value:?} was taken");
    }
}

#[test]
fn row_37_a_digest_that_is_none_is_not_taken_for_no_digest() {
    for value in ["x\\\"", "sha256:", "\\"] {
        let run = pushed().input("digest", value).deploy().no_hooks();
        assert!(run.exit != 0, "{value:?} was taken");
    }
    // What could be a directory that no build made is said to be missing.
    pushed()
        .input("digest", "sha256-0123")
        .deploy()
        .expect_accepted(["api"])
        .annotates("warning", "digest");
}

#[test]
fn row_37f_a_machine_may_not_force_and_nothing_is_without_bounds() {
    for event in [Event::repository_dispatch, Event::schedule] {
        let world = pushed().on_event(|world| event(&world.origin.head()));
        world
            .input("environment", "staging")
            .input("force", "unchanged")
            .deploy()
            .expect_refusal()
            .says("force");
    }
    pushed()
        .input("image-timeout", "9999h")
        .deploy()
        .expect_refusal()
        .says("image-timeout");
    let lines: Vec<String> = (0..10_000).map(|nth| format!("s{nth}=x")).collect();
    pushed()
        .input("deploy-hooks", &lines.join("\n"))
        .deploy()
        .expect_refusal()
        .says("deploy-hooks");
}
