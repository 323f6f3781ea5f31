//! Credentials that are missing, and what that means on each event.

use testworld::{Event, Kind, World};

fn pushed() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/x", "1"))
        .images()
}

#[test]
fn a_missing_hook_fails_a_push() {
    pushed()
        .input("deploy-hooks", "")
        .deploy()
        .expect_stopped("hook-missing")
        .says("RENDER_HOOK_WEB");
}

#[test]
fn on_missing_credential_warn_makes_it_a_soft_skip() {
    let world = pushed()
        .input("deploy-hooks", "")
        .input("on-missing-credential", "warn");
    world.deploy().expect_skipped().annotates("warning", "web");
}

#[test]
fn a_forks_own_push_is_a_soft_skip() {
    let of_a_fork = |world: World| {
        world
            .input("deploy-hooks", "")
            .payload(|payload| payload["repository"]["fork"] = true.into())
            .deploy()
            .expect_skipped()
    };
    of_a_fork(pushed());
    // Nobody has pushed an image there either, and none is waited for.
    let run = of_a_fork(
        World::new()
            .three_services()
            .push_to_main(|repo| repo.write("services/web/x", "1")),
    );
    assert!(
        run.took < std::time::Duration::from_secs(20),
        "{:?}",
        run.took
    );
}

#[test]
fn only_the_services_that_deploy_need_a_hook() {
    let world = pushed();
    let line = format!("web={}", world.hook("web"));
    world
        .input("deploy-hooks", &line)
        .deploy()
        .expect_accepted(["web"]);
}

#[test]
fn a_username_with_an_empty_password_is_a_missing_credential() {
    let run = pushed().input("registry-password", "").deploy().no_hooks();
    assert_eq!(run.exit, 1);
    let world = World::new()
        .three_services()
        .pull_request(7, |repo| repo.write("services/api/x", "1"));
    let run = world
        .image("api", Kind::Amd64)
        .input("registry-password", "")
        .verify()
        .expect_skipped();
    assert!(run.took.as_secs() < 10);
    let world = World::new()
        .three_services()
        .pull_request(7, |repo| repo.write("services/api/x", "1"));
    let run = world.input("registry-password", "").plan().no_hooks();
    assert_eq!((run.exit, run.output("builds")), (0, "0"));
}

#[test]
fn a_wrong_password_is_denied_and_not_repeated_for_ever() {
    let run = pushed()
        .input("registry-password", "a wrong one of ours")
        .deploy()
        .expect_stopped("image-denied");
    assert!(run.took.as_secs() < 10, "{:?}", run.took);
}

#[test]
fn wait_live_without_an_api_key_is_a_missing_credential() {
    let run = pushed().input("wait", "live").deploy().no_hooks();
    assert_eq!(run.exit, 1);
}

#[test]
fn a_wrong_github_token_stops_a_deploy_whose_order_nobody_can_tell() {
    use testworld::{Checkout, github};
    let world = pushed()
        .checkout(Checkout::Full)
        .github_trouble(github::Trouble::Status(401));
    world
        .deploy()
        .expect_stopped("order-unknown")
        .annotates("warning", "the deploy history is not used");
}

#[test]
fn without_a_github_token_nobody_says_which_commit_is_the_tip() {
    let world = pushed().input("github-token", "").on_event(|world| {
        let (before, after) = (
            world.origin.git(&["rev-parse", "HEAD~1"]),
            world.origin.head(),
        );
        Event::push("refs/heads/main", &before, &after, &after)
    });
    world.github.let_strangers_ask();
    world
        .deploy()
        .expect_stopped("order-unknown")
        .annotates("warning", "there is no github-token to ask with");
}
