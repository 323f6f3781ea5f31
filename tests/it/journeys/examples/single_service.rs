//! `single-service`: one image, one service, one hook.

use super::Stage;
use super::act::both;
use testworld::ghcr::Trouble;

fn begun() -> Stage {
    let stage = Stage::of("single-service", |text| text);
    // Without a manifest the image is this repository's at ghcr.io; the registry of this world has another name.
    let stage = stage.with(|world| {
        let image = world.repository("shop");
        let world = world
            .hooks(&["shop"])
            .input("deploy-hooks", "")
            .input("image", &image);
        world.push_to_main(|repo| repo.write("main.txt", "1"))
    });
    let hook = stage.world.hook("shop");
    stage.setting("production", "secrets.RENDER_DEPLOY_HOOK", &hook)
}

#[test]
fn a_push_builds_once_and_deploys_what_was_built() {
    let mut stage = begun();
    let mut played = stage
        .play("deploy.yml")
        .ended(&[("build", "success"), ("deploy", "success")])
        .builds(&["shop"]);
    let commit = stage.world.commit();
    assert_eq!(played.built[0].1, [commit.as_str(), "latest"]);
    let image = format!(
        "{}@{}",
        stage.world.repository("shop"),
        stage.world.tag("shop", &commit).expect("an image")
    );
    played
        .run("deploy")
        .ended(0, "accepted", "")
        .hooked_with(&[("shop", &image)]);
    // Once more, the same commit: it is built again, which changes nothing that serves.
    let mut played = stage
        .play("deploy.yml")
        .ended(&[("build", "success"), ("deploy", "success")]);
    played.run("deploy").ended(0, "skipped", "").no_hooks();
}

#[test]
fn without_its_secret_it_fails_before_anything_is_sent() {
    let mut stage = begun().setting("production", "secrets.RENDER_DEPLOY_HOOK", "");
    let mut played = stage
        .play("deploy.yml")
        .ended(&[("build", "success"), ("deploy", "failure")]);
    played
        .run("deploy")
        .ended(1, "refused", "hook-missing")
        .no_hooks();
}

#[test]
fn a_build_that_fails_deploys_nothing_and_the_next_push_makes_it_good() {
    let mut stage = begun().build_fails("acme/shop", true);
    stage
        .play("deploy.yml")
        .ended(&[("build", "failure"), ("deploy", "skipped")])
        .builds(&[]);
    let stage = stage.build_fails("acme/shop", false);
    // The registry does not show the tag of that push for a long time; the digest is what is handed on.
    stage
        .world
        .registry
        .ghcr()
        .trouble("acme/shop", Trouble::AbsentFor(10_000));
    let mut stage = stage.with(|world| world.push_to_main(|repo| repo.write("main.txt", "2")));
    let mut played = stage
        .play("deploy.yml")
        .ended(&[("build", "success"), ("deploy", "success")]);
    let digest = stage.world.tag("shop", "latest").expect("an image");
    let image = format!("{}@{digest}", stage.world.repository("shop"));
    played
        .run("deploy")
        .ended(0, "accepted", "")
        .hooked_with(&[("shop", &image)]);
}

#[test]
fn act_says_the_same() {
    both(begun, "deploy.yml")
        .ended(&[("build", "success"), ("deploy", "success")])
        .ran("deploy: outcome=accepted");
}
