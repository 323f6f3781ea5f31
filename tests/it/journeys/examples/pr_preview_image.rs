//! `pr-preview-image`: an image for each pull request, and another repository that waits for it.

use super::Stage;
use super::act::both;
use serde_json::{Value, json};
use testworld::secrets::invent;
use testworld::{Event, Kind, Repo};

/// Writes the dispatch down as GitHub would take it.
const GH: &str = r#"test -n "$GH_TOKEN"; printf '%s\n' "$@" >>"$SAID""#;

/// The repository with the pull request, whose image is `shop`.
fn opened() -> Stage {
    opened_with(|repo| repo.write("main.txt", "2"))
}

/// The same, with another change in the pull request.
fn opened_with(change: impl FnOnce(&Repo) -> &Repo) -> Stage {
    let stage = Stage::of("pr-preview-image", |text| text)
        .tool("gh", GH)
        .with(|world| {
            world.origin.write("main.txt", "1");
            world.pull_request(7, change)
        });
    let stage = stage.setting("previews", "secrets.PREVIEWS_TOKEN", "a token");
    stage.setting("previews", "vars.PREVIEWS_REPOSITORY", "acme/previews")
}

/// The payload that the other repository is sent.
fn payload(said: &str) -> Value {
    let mut words = said.lines();
    assert_eq!(
        [words.next(), words.next()],
        [Some("api"), Some("repos/acme/previews/dispatches")]
    );
    let fields = words
        .filter(|word| *word != "-f")
        .map(|word| word.split_once('=').expect("a field"));
    let mut payload = json!({});
    for (key, value) in fields {
        match key
            .strip_prefix("client_payload[")
            .and_then(|key| key.strip_suffix(']'))
        {
            Some(key) => payload[key] = json!(value),
            None => assert_eq!((key, value), ("event_type", "preview")),
        }
    }
    payload
}

/// The repository of the preview environments, which hears of a pull request.
fn heard(payload: &Value) -> Stage {
    let start = "#!/bin/sh\nstarted \"$@\"\n";
    let stage = Stage::of("pr-preview-image", |text| text)
        .tool("started", r#"printf '%s\n' "$@" >>"$SAID""#)
        .with(|world| {
            // The manifest belongs to the repository with the pull requests.
            let manifest = world.origin.path().join(".github/deploy-manifest.yml");
            std::fs::remove_file(manifest).expect("the manifest");
            world.origin.write("start-preview", start);
            let path = world.origin.path().join("start-preview");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(path, mode).expect("a program");
            // No credential but the example's own.
            let world = world
                .input("registry-username", "")
                .input("registry-password", "");
            let world = world.on_event(|world| Event::repository_dispatch(&world.origin.head()));
            world.payload(|event| {
                event["action"] = json!("preview");
                event["client_payload"] = payload.clone();
            })
        });
    let image = stage.world.repository("shop");
    let stage = stage
        .setting("previews", "vars.PREVIEW_IMAGE", &image)
        .setting("previews", "vars.GHCR_USER", "robot");
    let stage = stage.setting(
        "previews",
        "secrets.GHCR_TOKEN",
        &format!("{}/+=%\"", invent("registry password")),
    );
    stage.hurried("image-timeout", "240s", "2s")
}

#[test]
fn every_pull_request_gets_its_image_and_is_announced_and_started_elsewhere() {
    let mut stage = opened();
    let mut played = stage
        .play("preview-image.yml")
        .ended(&[("image", "success"), ("announce", "success")]);
    let head = stage.world.commit();
    let tag = format!("pr-7-{head}");
    assert_eq!(played.built, [("shop".to_owned(), vec![tag.clone()])]);
    played.run("announce").ended(0, "verified", "").no_hooks();
    let payload = payload(&stage.said());
    assert_eq!(payload, json!({"pr-number": "7", "sha": head}));
    let digest = stage.world.tag("shop", &tag).expect("an image");
    // The other repository, in a world with the same image.
    let mut stage = heard(&payload)
        .with(|world| world.image_tagged("shop", Kind::WithAttestations, &head, &[&tag]));
    let mut played = stage
        .play("preview-environment.yml")
        .ended(&[("preview", "success")]);
    let run = played.run("preview").ended(0, "verified", "").no_hooks();
    let own = format!(
        "{}@{}",
        run.world.repository("shop"),
        stage.world.tag("shop", &tag).expect("an image")
    );
    assert_eq!(stage.said(), format!("7\n{own}\n"));
    assert!(digest.starts_with("sha256:"));
}

#[test]
fn on_a_pull_request_of_a_fork_nothing_is_built_and_nobody_hears_of_it() {
    let mut stage = opened().with(testworld::World::of_a_fork);
    let mut played = stage
        .play("preview-image.yml")
        .ended(&[("image", "success"), ("announce", "success")])
        .builds(&[]);
    played.run("image").ended(0, "planned", "").no_hooks();
    played.run("announce").ended(0, "skipped", "").no_hooks();
    assert_eq!(stage.said(), "");
}

#[test]
fn without_its_token_nobody_is_told_and_the_job_says_so_and_ends_well() {
    let mut stage = opened().setting("previews", "secrets.PREVIEWS_TOKEN", "");
    let mut played = stage
        .play("preview-image.yml")
        .ended(&[("image", "success"), ("announce", "success")])
        .builds(&["shop"]);
    played.run("announce").ended(0, "verified", "").no_hooks();
    let notices: Vec<&str> = played
        .printed
        .lines()
        .filter(|line| line.starts_with("::notice"))
        .collect();
    assert!(
        matches!(notices[..], [one] if one.contains("PREVIEWS_TOKEN")),
        "{}",
        played.printed
    );
    assert_eq!(stage.said(), "");
}

#[test]
fn a_pull_request_of_documentation_alone_builds_nothing_and_nobody_is_told() {
    let mut stage = opened_with(|repo| repo.write("docs/x.md", "2").write("y.md", "2"));
    let mut played = stage
        .play("preview-image.yml")
        .ended(&[("image", "success"), ("announce", "success")])
        .builds(&[]);
    played.run("image").ended(0, "planned", "").no_hooks();
    let run = played.run("announce").no_hooks();
    assert_eq!(run.exit, 0);
    assert_ne!(run.output("outcome"), "verified");
    assert_eq!(stage.said(), "");
}

#[test]
fn a_build_that_fails_announces_nothing() {
    let mut stage = opened().build_fails("acme/shop", true);
    stage
        .play("preview-image.yml")
        .ended(&[("image", "failure"), ("announce", "skipped")]);
    assert_eq!(stage.said(), "");
}

fn asked() -> Value {
    json!({"pr-number": "7", "sha": "c".repeat(40)})
}

#[test]
fn an_image_that_does_not_come_is_waited_for_and_ends_neutral() {
    let mut stage = heard(&asked());
    let mut played = stage
        .play("preview-environment.yml")
        .ended(&[("preview", "success")]);
    let run = played.run("preview").ended(0, "skipped", "").no_hooks();
    let run = run.annotates("warning", &format!("pr-7-{}", "c".repeat(40)));
    assert!(run.took.as_secs() >= 1, "it did not wait: {:?}", run.took);
    assert_eq!(stage.said(), "");
}

#[test]
fn a_credential_that_is_missing_ends_neutral_at_once() {
    let mut stage = heard(&asked()).setting("previews", "secrets.GHCR_TOKEN", "");
    let mut played = stage
        .play("preview-environment.yml")
        .ended(&[("preview", "success")]);
    let run = played
        .run("preview")
        .ended(0, "skipped", "")
        .no_hooks()
        .annotates("warning", "registry-password");
    // Nothing is waited for. As a process on a busy machine that takes a while, too.
    assert!(run.took.as_secs() < 30, "{:?}", run.took);
    assert_eq!(stage.said(), "");
}

#[test]
fn a_payload_that_is_none_is_refused() {
    for payload in [
        json!({"pr-number": "7; rm -rf /", "sha": "c".repeat(40)}),
        json!({"pr-number": "7", "sha": "c0ffee1"}),
    ] {
        let mut stage = heard(&payload);
        let mut played = stage
            .play("preview-environment.yml")
            .ended(&[("preview", "failure")]);
        played.run("preview").expect_wrong_request("bad-input");
        assert_eq!(stage.said(), "");
    }
}

#[test]
fn act_says_the_same_with_and_without_the_token() {
    const WELL: [(&str, &str); 2] = [("image", "success"), ("announce", "success")];
    let told = both(opened, "preview-image.yml");
    told.ended(&WELL).ran("announce: outcome=verified");
    assert!(told.said.contains("event_type=preview"), "{told:#?}");
    let begin = || opened().setting("previews", "secrets.PREVIEWS_TOKEN", "");
    let told = both(begin, "preview-image.yml");
    told.ended(&WELL).ran("announce: outcome=verified");
    assert_eq!(told.said, "");
}

#[test]
fn act_says_the_same_where_the_preview_is_started() {
    let head = "c".repeat(40);
    let begin = || {
        let tag = format!("pr-7-{head}");
        heard(&asked())
            .with(|world| world.image_tagged("shop", Kind::WithAttestations, &head, &[&tag]))
    };
    let told = both(begin, "preview-environment.yml");
    told.ended(&[("preview", "success")])
        .ran("preview: outcome=verified");
    assert!(told.said.starts_with("7\n"), "{told:#?}");
}
