//! Inputs: what each of them changes.

use serde_json::json;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use testworld::{Answer, Event, Kind, World};

/// A push that changes everything, with all images.
fn everything() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("infra/docker/x", "1"))
        .images()
}

#[test]
fn services_restricts_and_never_adds() {
    everything()
        .input("services", "web")
        .deploy()
        .ended(0, "accepted", "")
        .hooked(&["web"]);
    everything()
        .input("services", "api, workers")
        .deploy()
        .ended(0, "accepted", "")
        .hooked(&["api", "workers"]);
    everything()
        .input("services", "[\"web\",\"api\"]")
        .deploy()
        .ended(0, "accepted", "")
        .hooked(&["api", "web"]);
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .images();
    let run = world.input("services", "web").deploy().no_hooks();
    assert_eq!(run.exit, 0);
}

#[test]
fn leaving_out_a_changed_service_that_a_listed_one_comes_after_is_refused() {
    let run = everything()
        .input("services", "workers")
        .deploy()
        .no_hooks();
    assert!(run.exit != 0, "it went on");
    run.says("api");
}

#[test]
fn a_service_that_the_manifest_does_not_have_is_a_wrong_request() {
    everything()
        .input("services", "apu")
        .deploy()
        .expect_wrong_request("bad-input");
}

#[test]
fn a_dry_run_does_everything_but_the_writes() {
    let run = everything().input("dry-run", "true").deploy().no_hooks();
    assert_eq!(run.exit, 0);
    assert_eq!(
        run.json("images")["api"]["digest"],
        json!(run.world.digest("api"))
    );
    assert!(run.left.is_empty(), "{:?}", run.left);
}

#[test]
fn a_freeze_sends_nothing() {
    for reason in ["release week", "true", "1"] {
        everything()
            .input("freeze", reason)
            .deploy()
            .expect_skipped();
    }
    for none in ["false", "0", "no", "off"] {
        everything()
            .input("freeze", none)
            .deploy()
            .expect_accepted(["api", "workers", "web"]);
    }
}

#[test]
fn force_unchanged_deploys_what_did_not_change() {
    use testworld::Event;
    let make = || {
        World::new()
            .three_services()
            .on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()))
            .images()
    };
    let world = make()
        .input("environment", "staging")
        .input("force", "unchanged")
        .input("services", "web");
    world.deploy().ended(0, "accepted", "").hooked(&["web"]);
    everything()
        .input("force", "unchanged")
        .deploy()
        .expect_wrong_request("bad-input");
}

#[test]
fn the_shorthand_works_without_a_manifest() {
    let run = World::new()
        .shorthand()
        .push_to_main(|repo| repo.write("main.txt", "2"))
        .image("shop", Kind::Amd64)
        .deploy();
    let run = run.expect_accepted(["shop"]);
    assert_eq!(
        run.output("image"),
        format!(
            "{}@{}",
            run.world.repository("shop"),
            run.world.digest("shop")
        )
    );
    assert_eq!(run.output("digest"), run.world.digest("shop"));
    let world = World::new().shorthand().push_tag("prod-1");
    let commit = world.commit();
    let run = world
        .image_tagged("shop", Kind::Amd64, &commit, &[&commit, "prod-1"])
        .deploy()
        .expect_accepted(["shop"]);
    assert_eq!(run.output("environment"), "prod");
}

#[test]
fn a_bare_digest_is_enough_for_the_shorthand() {
    let world = World::new()
        .shorthand()
        .push_to_main(|repo| repo.write("main.txt", "2"));
    let commit = world.commit();
    let world = world.image_tagged("shop", Kind::Amd64, &commit, &[]);
    let digest = world.digest("shop");
    world
        .input("digest", &digest)
        .deploy()
        .expect_accepted(["shop"]);
}

#[test]
fn hooks_may_be_in_the_variables_that_the_manifest_names() {
    let text = "version: 1\nenvironments: { staging: { branch: main } }\nimages:\n  api: { repository: \"HOST/{owner}/api\", paths: [\"**\"] }\nservices:\n  api: {}\n  cron-job: { image: api, hook: NIGHTLY }\n";
    let world = World::new()
        .manifest(text)
        .hook_in("api", "RENDER_HOOK_API")
        .hook_in("cron-job", "NIGHTLY");
    let world = world
        .push_to_main(|repo| repo.write("x", "1"))
        .image("api", Kind::Amd64);
    let image = format!("{}@{}", world.repository("api"), world.digest("api"));
    world
        .deploy()
        .ended(0, "accepted", "")
        .hooked_with(&[("api", &image), ("cron-job", &image)]);
}

#[test]
fn deploy_hooks_wins_over_the_variable() {
    let world = everything().variable(
        "RENDER_HOOK_API",
        "https://api.render.com/deploy/srv-none?key=abcdefgh12345678",
    );
    world
        .secret("the losing hook", "abcdefgh12345678", &[])
        .deploy()
        .expect_accepted(["api", "workers", "web"]);
}

#[test]
fn hooks_that_are_swapped_or_doubled_are_refused_before_anything_is_sent() {
    let with_ids = |text: &str| {
        text.replace(
            "  web: {}",
            "  web: { id: { staging: srv-web00000000000000000 } }",
        )
    };
    let world = World::new()
        .three_services_and(with_ids)
        .push_to_main(|repo| repo.write("infra/docker/x", "1"))
        .images();
    let (api, web) = (world.hook("api"), world.hook("web"));
    let lines = format!("api={web}\nworkers={}\nweb={api}", world.hook("workers"));
    let run = world.input("deploy-hooks", &lines).deploy().no_hooks();
    assert!(run.exit != 0);
    let world = everything();
    let api = world.hook("api");
    let lines = format!("api={api}\nworkers={api}\nweb={}", world.hook("web"));
    let run = world.input("deploy-hooks", &lines).deploy().no_hooks();
    assert!(run.exit != 0);
}

#[test]
fn moves_puts_the_tag_on_the_deployed_digest_after_the_deploy() {
    let floating = |text: &str| {
        text.replace(
            "staging: { branch: main }",
            "staging: { branch: main, floating-tags: [staging] }",
        )
    };
    let make = || {
        World::new()
            .three_services_and(floating)
            .push_to_main(|repo| repo.write("services/api/x", "1"))
            .images()
    };
    let world = make();
    world.registry.ghcr().allow_writes();
    let run = world.deploy().expect_accepted(["api"]);
    let registry = run.world.registry.ghcr();
    assert_eq!(
        registry.tag("acme/api", "staging"),
        Some(run.world.digest("api"))
    );
    let world = make().hook_answers("api", [Answer::Status(401)]);
    world.registry.ghcr().allow_writes();
    let run = world
        .deploy()
        .ended(1, "failed", "hook-denied")
        .hooked(&["api"]);
    assert_eq!(run.world.registry.ghcr().tag("acme/api", "staging"), None);
}

#[test]
fn moves_that_are_denied_fail_and_say_that_the_deploys_stand() {
    let floating = |text: &str| {
        text.replace(
            "staging: { branch: main }",
            "staging: { branch: main, floating-tags: [staging] }",
        )
    };
    let world = World::new()
        .three_services_and(floating)
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .images();
    world.registry.ghcr().deny_writes();
    let run = world.deploy().hooked(&["api"]);
    assert_eq!((run.exit, run.output("outcome")), (1, "failed"));
    assert_eq!(run.service("api")["status"], "accepted");
}

#[test]
fn env_file_holds_the_images_for_other_deploys() {
    let run = everything()
        .input("env-file", "deploy.env")
        .deploy()
        .expect_accepted(["api", "workers", "web"]);
    let path = run.world.rooms.workspace.join("deploy.env");
    let text = std::fs::read_to_string(&path).unwrap();
    for image in ["api", "workers", "web"] {
        let line = format!(
            "{}_IMAGE={}@{}",
            image.to_uppercase(),
            run.world.repository(image),
            run.world.digest(image)
        );
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    for line in [
        "REGISTRY_OWNER=acme".to_owned(),
        "ENV=staging".into(),
        format!("IMAGE_TAG={}", run.world.commit()),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn env_file_belongs_to_the_workspaces_owner() {
    let world = everything().input("env-file", "deploy.env");
    world.check_out();
    let status = std::process::Command::new("chown")
        .args(["-R", "1001:1001"])
        .arg(&world.rooms.workspace)
        .status()
        .unwrap();
    assert!(
        status.success(),
        "this test needs root, as the runner's containers have it"
    );
    let run = world.deploy().expect_accepted(["api", "workers", "web"]);
    let data = run
        .world
        .rooms
        .workspace
        .join("deploy.env")
        .metadata()
        .unwrap();
    assert_eq!((data.uid(), data.gid()), (1001, 1001));
}

/// A push of images that no service runs.
fn images_without_services() -> World {
    let none = |text: &str| {
        text.split("services:")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    World::new()
        .three_services_and(none)
        .push_to_main(|repo| repo.write("infra/docker/x", "1"))
        .images()
        .input("deploy-hooks", "")
        .input("env-file", "deploy.env")
}

#[test]
fn without_services_a_commit_that_is_not_the_tip_any_more_is_superseded() {
    let world = images_without_services().commit_on_main(|repo| repo.write("y", "1"));
    let run = world.deploy().no_hooks();
    assert_eq!((run.exit, run.output("outcome")), (0, "superseded"));
    assert!(!run.world.rooms.workspace.join("deploy.env").exists());
    let older = images_without_services();
    let sha = older.commit();
    let forced = older
        .commit_on_main(|repo| repo.write("y", "1"))
        .on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()))
        .input("environment", "staging")
        .input("sha", &sha)
        .input("force", "older")
        .deploy()
        .no_hooks();
    assert!(forced.world.rooms.workspace.join("deploy.env").exists());
}

#[test]
fn without_services_images_are_verified_and_written_down() {
    let run = images_without_services().deploy().no_hooks();
    assert_eq!((run.exit, run.output("services")), (0, "[]"));
    assert!(run.world.rooms.workspace.join("deploy.env").exists());
}

#[test]
fn version_and_help_need_no_environment() {
    let run = World::new().on_laptop(&["--version"]);
    assert_eq!(
        (run.exit, run.stdout.as_str()),
        (
            0,
            concat!("ghcr-to-render ", env!("CARGO_PKG_VERSION"), "\n")
        )
    );
    let run = World::new().on_laptop(&["--help"]);
    assert_eq!(run.exit, 0);
    for input in parse::inputs::INPUTS
        .iter()
        .filter(|input| input.name != "command")
    {
        assert!(
            run.stdout.contains(&format!("--{}", input.name)),
            "{} is not in --help",
            input.name
        );
    }
}

#[test]
fn durations_are_read_strictly() {
    for text in ["240", "4 m", "-1s", "7h", "9999h", "1e3s", "1.5m"] {
        everything()
            .input("image-timeout", text)
            .deploy()
            .expect_wrong_request("bad-input")
            .says("image-timeout");
    }
}

#[test]
fn debug_says_more_and_still_no_secret() {
    let quiet = everything()
        .without_variable("RUNNER_DEBUG")
        .deploy()
        .expect_accepted(["api", "workers", "web"]);
    let loud = everything()
        .deploy()
        .expect_accepted(["api", "workers", "web"]);
    assert!(loud.annotations("debug").len() > quiet.annotations("debug").len());
}

#[test]
fn row_38_proxies_and_roots_of_the_environment_count_on_ones_own_runners_only() {
    // A door that nobody answers: whoever goes through it gets nowhere.
    let planted = |runner: &str| {
        let world = everything()
            .as_process()
            .input("image-timeout", "1s")
            .variable("RUNNER_ENVIRONMENT", runner);
        let world = world.variable("SSL_CERT_FILE", "/nowhere/roots.pem");
        world
            .variable("HTTP_PROXY", "http://127.0.0.1:9")
            .variable("http_proxy", "http://127.0.0.1:9")
            .deploy()
    };
    let hosted = planted("github-hosted").expect_accepted(["api", "workers", "web"]);
    assert_eq!(
        hosted
            .annotations("warning")
            .iter()
            .filter(|text| text.contains("HTTP_PROXY"))
            .count(),
        1
    );
    hosted.annotates("warning", "SSL_CERT_FILE");
    planted("self-hosted")
        .ended(1, "failed", "order-unknown")
        .no_hooks()
        .says("HTTP_PROXY");
}
