//! Where there is to be no preview, and why.

use super::super::at_once;
use super::{given, manifest, nothing_done, opened, touch_web, world};
use serde_json::json;
use std::time::Duration;
use testworld::World;
use testworld::render::service_id;

#[test]
fn forks_and_dependabot_never_get_one() {
    let fork = || opened().of_a_fork();
    let dependabot = || {
        opened()
            .payload(|payload| payload["pull_request"]["user"]["login"] = json!("dependabot[bot]"))
    };
    let deleted =
        || opened().payload(|payload| payload["pull_request"]["head"]["repo"] = json!(null));
    for run in [fork().deploy(), dependabot().deploy(), deleted().deploy()] {
        let run = nothing_done(run).ended(0, "skipped", "");
        run.equal("requests to Render", &run.world.render.requests(), &0);
    }
    let target = opened().on_event(|world| {
        let mut event = world.event.clone().unwrap();
        event.name = "pull_request_target".into();
        event
    });
    nothing_done(target.deploy()).ended(1, "refused", "bad-event");
}

#[test]
fn events_that_ask_for_no_preview_get_none() {
    for action in ["closed", "labeled", "edited"] {
        nothing_done(
            opened()
                .payload(|payload| payload["action"] = json!(action))
                .deploy(),
        )
        .ended(0, "nothing", "");
    }
    for action in ["opened", "synchronize", "reopened", "ready_for_review"] {
        given(
            opened()
                .payload(|payload| payload["action"] = json!(action))
                .deploy(),
        );
    }
}

#[test]
fn the_heads_manifest_decides_nothing_about_previews() {
    let mut world = World::new()
        .manifest(&manifest().replace(", previews: staging }\n  jobs", " }\n  jobs"))
        .files();
    for service in ["api", "web"] {
        world.new_hook(service);
    }
    let host = world.registry.host();
    let text = manifest()
        .replace(&service_id("web"), &service_id("api"))
        .replace("HOST", &host);
    let text = text.replacen(&service_id("api"), "srv-evil", 1);
    let world = world.pull_request(7, |repo| {
        touch_web(repo).write(".github/deploy-manifest.yml", &text)
    });
    nothing_done(world.images_of(&["web"]).with_key().deploy()).ended(0, "verified", "");
}

#[test]
fn verify_and_a_dry_run_make_nothing() {
    nothing_done(opened().verify()).ended(0, "verified", "");
    let run = nothing_done(opened().input("dry-run", "true").deploy()).ended(0, "verified", "");
    let run = run.says(&format!(
        "would make the preview web-pr-7 of {}",
        service_id("web")
    ));
    assert_eq!(
        (
            run.output("previews"),
            run.service("web")["status"].as_str()
        ),
        ("{}", Some("skipped"))
    );
    let world = given(opened().deploy())
        .into_world()
        .input("dry-run", "true");
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let run = world
        .deploy()
        .ended(0, "verified", "")
        .no_hooks()
        .says("would deploy");
    assert_eq!(run.world.github.preview_records().len(), 1);
}

#[test]
fn without_an_api_key_it_is_said_and_images_are_verified_as_before() {
    let without = || world().pull_request(7, touch_web).images_of(&["web"]);
    let run = without()
        .deploy()
        .expect_verified()
        .annotates("warning", "without it there are no previews (web)");
    assert_eq!(run.output("previews"), "{}");
    let run = without()
        .input("on-missing-credential", "fail")
        .deploy()
        .ended(1, "refused", "hook-missing")
        .no_hooks();
    run.says("render-api-key is not set");
    world().pull_request(7, touch_web).deploy().expect_skipped();
}

#[test]
fn a_preview_is_waited_for_as_long_as_for_any_image() {
    let world = self::world()
        .pull_request(7, touch_web)
        .with_key()
        .input("image-timeout", "2s");
    let run = nothing_done(world.deploy()).ended(1, "failed", "image-missing");
    assert!(run.took >= Duration::from_secs(1));
    let world = self::world().pull_request(7, touch_web).with_key();
    let world = world
        .input("image-timeout", "1s")
        .input("on-missing-image", "warn");
    nothing_done(world.deploy()).ended(0, "skipped", "");
}

#[test]
fn a_pull_request_that_changes_no_image_gets_none() {
    let world = world()
        .pull_request(7, |repo| repo.write("other/x", "1"))
        .with_key();
    nothing_done(world.deploy()).ended(0, "nothing", "");
}

/// What is wrong with the service that a preview would be a copy of, the failure's word, and what is said.
type Wrong = (fn(&World), &'static str, &'static str);

#[test]
fn what_no_preview_can_be_made_of_is_told_before_anything_is_made() {
    let table: [Wrong; 5] = [
        (
            |world| world.render.suspend("web", "billing"),
            "service-suspended",
            "web is suspended on Render (by billing)",
        ),
        (
            |world| world.render.image_path("web", "docker.io/library/nginx:1"),
            "image-repository-differs",
            "docker.io/library/nginx:1",
        ),
        (
            |world| world.render.built_from_git("web"),
            "image-repository-differs",
            "built from Git",
        ),
        (
            |world| world.render.kind("web", "cron_job"),
            "bad-manifest",
            "web is a cron job on Render, which has no previews",
        ),
        (
            |world| world.render.no_credential("web"),
            "image-denied",
            "has no registry credential",
        ),
    ];
    at_once(table, |(spoil, word, text)| {
        let world = opened();
        spoil(&world);
        nothing_done(world.deploy())
            .ended(1, "refused", word)
            .says(text);
    });
    let mut world = World::new()
        .manifest(&manifest().replace(&format!("id: {{ staging: {} }}, ", service_id("web")), ""));
    world = world.files();
    world.new_hook("web");
    let run = nothing_done(
        world
            .pull_request(7, touch_web)
            .images_of(&["web"])
            .with_key()
            .deploy(),
    );
    run.ended(1, "refused", "bad-manifest")
        .says("no id there in the manifest");
}
