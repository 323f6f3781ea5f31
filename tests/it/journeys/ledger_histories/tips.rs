//! Histories 6, 11, 12, 13 and 14: where the branch is now, and which release tags stand.

use super::{BOTH, With, api_1, api_2, at_once, begun, deploys, of, push, superseded};
use testworld::github::Trouble;
use testworld::{Checkout, Event, Run, World};

#[test]
fn two_environments_that_share_a_hook_are_one_service() {
    let world = World::new().three_services_and(|text| {
        text.replace(
            "  staging: { branch: main }\n",
            "  staging: { branch: main }\n  dev: { branch: dev }\n",
        )
    });
    let world = push(super::serving(world, With::Hook), api_1);
    let late = world.event.clone();
    let main = world.origin.head();
    let run = deploys(world.deploy(), With::Hook, &["api"]);
    // `dev` goes on from there, and is deployed to the same service.
    let world = run.into_world();
    world.origin.git(&["checkout", "-q", "-b", "dev"]);
    world.origin.write("services/api/x", "3");
    let head = world.origin.commit("dev");
    let world = world.on_event(|_| Event::push("refs/heads/dev", &main, &head, &head));
    let run = deploys(world.images().deploy(), With::Hook, &["api"]);
    // `main` goes on too, and then the run of the older commit is repeated.
    let world = run.into_world();
    world.origin.git(&["checkout", "-q", "main"]);
    let world = world.commit_on_main(api_2);
    superseded(of(world, &late).deploy());
}

#[test]
fn what_the_checkout_last_saw_of_a_branch_is_not_believed() {
    let world = push(begun(With::Hook), api_1);
    let late = world.event.clone();
    let world = world.force_push(|repo| repo.write("services/web/x", "1"));
    for checkout in [Checkout::Full, Checkout::None] {
        let world = of(world.beside(), &late).checkout(checkout);
        superseded(world.deploy());
    }
}

#[test]
fn a_branch_that_is_gone_supersedes_a_late_first_attempt() {
    at_once(BOTH, |with| {
        let world = push(begun(with), api_1);
        world.origin.git(&["branch", "-q", "-m", "main", "trunk"]);
        superseded(world.deploy());
    });
}

#[test]
fn nothing_is_deployed_where_nobody_says_where_the_branch_is() {
    for is_followed in [false, true] {
        let mut world = push(begun(With::Hook), api_1);
        if is_followed {
            world = world.on_event(|world| Event::workflow_run(&world.origin.head()));
        }
        let world = world
            .github_trouble(Trouble::Status(503))
            .github_trouble(Trouble::GitDown);
        world
            .deploy()
            .ended(1, "failed", "order-unknown")
            .no_hooks();
    }
}

/// The run deploys `api` to production, by its hook.
fn api_in_production(run: Run) -> Run {
    let image = format!(
        "{}@{}",
        run.world.repository("api"),
        run.world.digest("api")
    );
    run.ended(0, "accepted", "")
        .hooked_with(&[("api-production", &image)])
}

/// Production has `prod-1`; `prod-2` changes `api`.
fn released() -> World {
    let world = World::new().three_services();
    world.base();
    world
        .in_production("prod-1")
        .commit_on_main(api_1)
        .push_tag("prod-2")
        .on_event(|world| Event::tag(&world.origin, "prod-2"))
        .images()
        .may_write()
}

#[test]
fn a_release_whose_tag_was_deleted_is_taken_back() {
    let run = api_in_production(released().deploy());
    let deleted = run.world.event.clone();
    let world = run.into_world();
    let first = world.origin.commit_of("prod-1");
    world.origin.git(&["tag", "-d", "prod-2"]);
    // What serves is what it would bring, so there is nothing to deploy.
    let run = of(world, &deleted).deploy().expect_unchanged();
    let world = run.into_world();
    let world = world.image_tagged("api", testworld::Kind::Amd64, &first, &[&first]);
    let world = world.on_event(|world| Event::tag(&world.origin, "prod-1"));
    api_in_production(world.deploy());
}

#[test]
fn a_release_whose_branch_was_deleted_stays_one() {
    let world = World::new().three_services_and(|text| {
        text.replace(
            "tag: \"prod-{number}\" }",
            "tag: \"prod-{number}\", from: [main, hotfix] }",
        )
    });
    world.base();
    let world = world.in_production("prod-1");
    world.origin.git(&["checkout", "-q", "-b", "hotfix"]);
    let world = world.commit_on_main(api_1).push_tag("prod-2");
    let world = world.on_event(|world| Event::tag(&world.origin, "prod-2"));
    let world = world.images().may_write();
    let run = api_in_production(world.deploy());
    let world = run.into_world();
    let late = Some(Event::tag(&world.origin, "prod-1"));
    let newest = Some(Event::tag(&world.origin, "prod-2"));
    world.origin.git(&["checkout", "-q", "main"]);
    world.origin.git(&["branch", "-q", "-D", "hotfix"]);
    let run = of(world, &newest).deploy().expect_unchanged();
    superseded(of(run.into_world(), &late).deploy());
}

#[test]
fn an_old_release_waits_until_the_tags_can_be_listed() {
    let world = released();
    let late = Some(Event::tag(&world.origin, "prod-1"));
    let world = of(world, &late)
        .input("record", "false")
        .github_trouble(Trouble::Status(503))
        .github_trouble(Trouble::GitDown);
    world
        .deploy()
        .ended(1, "failed", "order-unknown")
        .no_hooks();
}
