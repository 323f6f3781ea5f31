//! The workflows of `docs/workflows`, each played once; and every workflow of the examples once by act, where there is act.

use super::act::both;
use super::{Example, Stage};
use serde_json::json;
use testworld::render::service_id;
use testworld::{Event, Repo, World};

/// Two images and two services, in two environments; `api` has previews.
const MANIFEST: &str = r#"version: 1
environments:
  staging: { branch: main }
  production: { tag: "prod-{number}" }
ignore: ["**/*.md"]
images:
  api: { repository: "ghcr.io/{owner}/api", paths: ["services/api/**"] }
  workers: { repository: "ghcr.io/{owner}/workers", paths: ["services/workers/**"] }
services:
  api: { id: { staging: STAGING-API, production: PRODUCTION-API }, previews: staging }
  workers: { after: [api], id: { staging: STAGING-WORKERS, production: PRODUCTION-WORKERS } }
"#;

const SERVICES: [&str; 2] = ["api", "workers"];

fn on_render(environment: &str, service: &str) -> String {
    format!("{environment}-{service}")
}

/// The repository, its services on Render, and the secrets that the workflows ask for. `main` has one commit.
fn begun() -> Stage {
    let with_ids = |mut text: String| {
        for environment in ["staging", "production"] {
            for service in SERVICES {
                let name = on_render(environment, service);
                text = text.replace(&name.to_uppercase(), &service_id(&name));
            }
        }
        text
    };
    let mut stage = Stage::with_files(Example::documented(MANIFEST), with_ids).with(|world| {
        for service in SERVICES {
            world
                .origin
                .write(&format!("services/{service}/main.txt"), "1");
        }
        world.base();
        world.github.keep_packages(world.registry.ghcr());
        world.render.pace(2);
        world
    });
    for environment in ["staging", "production"] {
        for service in SERVICES {
            let name = on_render(environment, service);
            stage = stage.with(|world| {
                let world = world.hooks(&[&name]).with_key();
                world.input("deploy-hooks", "").input("render-api-key", "")
            });
            let world = &stage.world;
            let path = format!("{}:latest", world.repository(service));
            world.render.image_path(&name, &path);
            let secret = format!("secrets.RENDER_HOOK_{}", service.to_uppercase());
            let hook = world.hook(&name);
            stage = stage.setting(environment, &secret, &hook);
        }
    }
    let key = stage.world.render.api_key();
    ["staging", "production", "previews", "cleanup"]
        .into_iter()
        .fold(stage, |stage, environment| {
            stage.setting(environment, "secrets.RENDER_API_KEY", &key)
        })
}

fn pushed(stage: Stage, change: impl FnOnce(&Repo) -> &Repo) -> Stage {
    stage.with(|world| world.push_to_main(change))
}

/// Staging runs the newest commit.
fn staged() -> Stage {
    let mut stage = pushed(begun(), |repo| repo.write("services/api/main.txt", "2"));
    stage.play("ci.yml").ended(&CI).settled();
    stage
}

/// A person starts a workflow on `main`, with these inputs.
fn by_hand(stage: Stage, inputs: serde_json::Value) -> Stage {
    let stage = stage.with(|world| {
        world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()))
    });
    stage.with(|world| world.payload(|event| event["inputs"] = inputs))
}

fn opened(world: World) -> World {
    world.pull_request(7, |repo| repo.write("services/api/main.txt", "3"))
}

const CI: [(&str, &str); 3] = [
    ("plan", "success"),
    ("build", "success"),
    ("deploy", "success"),
];

const RELEASE: [(&str, &str); 4] = [
    ("plan", "success"),
    ("build", "success"),
    ("approve", "success"),
    ("deploy", "success"),
];

const NOTHING_BUILT: [(&str, &str); 4] = [
    ("plan", "success"),
    ("build", "skipped"),
    ("approve", "success"),
    ("deploy", "success"),
];

#[test]
fn ci_builds_what_changed_and_deploys_it_to_staging() {
    let begin = || pushed(begun(), |repo| repo.write("services/api/main.txt", "2"));
    let told = both(begin, "ci.yml");
    told.ended(&CI)
        .ran("deploy: outcome=live failure= services=[\"api\",\"workers\"]");
    assert_eq!(told.built.len(), 2, "{told:#?}");
    // Only one image changed.
    let stage = pushed(staged(), |repo| {
        repo.write("services/workers/main.txt", "2")
    });
    let told = stage.tell("ci.yml");
    told.ended(&CI)
        .ran("deploy: outcome=live failure= services=[\"workers\"]");
    assert_eq!(told.built.len(), 1, "{told:#?}");
}

#[test]
fn ci_deploys_nothing_where_a_build_fails_and_everything_where_none_is_needed() {
    let begin = || {
        let stage = begun().build_fails("acme/workers", true);
        pushed(stage, |repo| repo.write("services/api/main.txt", "2"))
    };
    both(begin, "ci.yml").ended(&[
        ("plan", "success"),
        ("build", "failure"),
        ("deploy", "skipped"),
    ]);
    let begin = || pushed(staged(), |repo| repo.write("notes.md", "1"));
    let told = both(begin, "ci.yml");
    told.ended(&[
        ("plan", "success"),
        ("build", "skipped"),
        ("deploy", "success"),
    ])
    .ran("deploy: outcome=nothing");
    assert!(told.asked.is_empty(), "{told:#?}");
}

#[test]
fn a_release_is_approved_and_deployed_also_where_nothing_is_built() {
    let begin = || begun().with(|world| world.push_tag("prod-1"));
    both(begin, "release.yml")
        .ended(&RELEASE)
        .ran("deploy: outcome=live");
    let begin = || staged().with(|world| world.push_tag("prod-1"));
    let told = both(begin, "release.yml");
    told.ended(&NOTHING_BUILT).ran("deploy: outcome=live");
    assert_eq!(told.asked.len(), 2, "{told:#?}");
}

#[test]
fn a_release_whose_build_fails_asks_nobody_and_deploys_nothing() {
    let begin = || {
        let stage = begun().build_fails("acme/workers", true);
        stage.with(|world| world.push_tag("prod-1"))
    };
    let told = both(begin, "release.yml");
    told.ended(&[
        ("plan", "success"),
        ("build", "failure"),
        ("approve", "skipped"),
        ("deploy", "skipped"),
    ]);
    assert!(told.asked.is_empty(), "{told:#?}");
}

#[test]
fn a_release_by_hand_is_approved_numbered_and_deployed() {
    let begin = || by_hand(staged(), json!({"sha": "", "release": "", "force": ""}));
    both(begin, "release-by-hand.yml")
        .ended(&[
            ("approve", "success"),
            ("release", "success"),
            ("deploy", "success"),
        ])
        .ran("release: outcome=verified")
        .ran("deploy: outcome=live");
}

#[test]
fn a_rollback_goes_back_to_the_release_before() {
    let begin = || {
        let mut stage = staged().with(|world| world.push_tag("prod-1"));
        let played = stage.play("release.yml").settled();
        played.ended(&NOTHING_BUILT);
        let stage = pushed(stage, |repo| repo.write("services/api/main.txt", "9"));
        let mut stage = stage.with(|world| world.push_tag("prod-2"));
        stage.play("release.yml").ended(&RELEASE).settled();
        by_hand(
            stage,
            json!({"release": "prod-1", "services": "", "dry-run": "false"}),
        )
    };
    let told = both(begin, "rollback.yml");
    told.ended(&[("rollback", "success")])
        .ran("rollback: outcome=live");
    assert_eq!(told.asked.len(), 1, "{told:#?}");
}

#[test]
fn one_image_without_a_manifest_is_built_and_deployed() {
    let begin = || {
        let stage = Stage::with_files(Example::documented(""), |text| text);
        let stage = stage.with(|world| {
            let image = world.repository("shop");
            let world = world.hooks(&["shop"]).with_key();
            let world = world.input("deploy-hooks", "").input("render-api-key", "");
            world.render.image_path("shop", &format!("{image}:latest"));
            let world = world.input("image", &image);
            world.push_to_main(|repo| repo.write("main.txt", "1"))
        });
        let (hook, key) = (stage.world.hook("shop"), stage.world.render.api_key());
        stage
            .setting("production", "secrets.RENDER_DEPLOY_HOOK", &hook)
            .setting("production", "secrets.RENDER_API_KEY", &key)
    };
    both(begin, "shorthand.yml")
        .ended(&[("build", "success"), ("deploy", "success")])
        .ran("deploy: outcome=live");
}

#[test]
fn a_pull_request_has_its_images_built_and_verified() {
    let told = both(|| begun().with(opened), "preview-image.yml");
    told.ended(&[
        ("plan", "success"),
        ("build", "success"),
        ("verify", "success"),
    ])
    .ran("verify: outcome=verified");
    assert_eq!(told.built.len(), 1, "{told:#?}");
}

#[test]
fn a_comment_says_what_merging_would_deploy() {
    let mut stage = begun().with(opened);
    let results = ["plan", "build", "verify"].map(|job| (job, "success"));
    stage.play("preview-image.yml").ended(&results);
    let comments = stage.world.github.comments();
    let [comment] = comments.as_slice() else {
        panic!("{comments:?}");
    };
    let body = &comment.body;
    assert!(body.contains("### Merging deploys api"), "{body}");
}

#[test]
fn a_pull_request_of_a_fork_builds_nothing_and_ends_well() {
    let begin = || begun().with(opened).with(World::of_a_fork);
    both(begin, "preview-image.yml")
        .ended(&[
            ("plan", "success"),
            ("build", "skipped"),
            ("verify", "success"),
        ])
        .ran("verify: outcome=skipped");
}

#[test]
fn a_pull_request_gets_a_preview() {
    let told = both(|| begun().with(opened), "preview-service.yml");
    told.ended(&CI).ran("deploy: outcome=live");
    assert_eq!(told.asked.len(), 1, "{told:#?}");
}

#[test]
fn a_closed_pull_request_is_cleaned_up() {
    let begin = || {
        let mut stage = begun().with(opened);
        stage.play("preview-service.yml").ended(&CI).settled();
        // GitHub deletes no package's last tag.
        let mut stage = pushed(stage, |repo| repo.write("services/workers/main.txt", "7"));
        stage.play("ci.yml").ended(&CI).settled();
        stage.with(|world| {
            world.github.pull(7, "closed");
            world.on_event(|world| {
                let head = world.origin.git(&["rev-parse", "refs/pull/7/head"]);
                Event::merged_close(7, &head, &head, &world.origin.head())
            })
        })
    };
    both(begin, "cleanup.yml")
        .ended(&[("cleanup", "success")])
        .ran("cleanup: outcome=verified");
}
