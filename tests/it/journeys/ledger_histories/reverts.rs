//! Histories 1, 2 and 10: what a revert leaves without a record.

use super::{
    BOTH, With, api_1, api_2, api_reverted, asked, at_once, begun, deploys, docs, last, of, push,
    superseded,
};
use testworld::render::Fate;
use testworld::render::model::Why;
use testworld::{Answer, World};

/// What became of the run that was reverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Failed,
    NeverRan,
}

/// `api` is changed by M; its run fails, or never comes.
fn changed(with: With, first: First) -> (World, Option<testworld::Event>) {
    let world = push(begun(with), api_1);
    let event = world.event.clone();
    if first == First::NeverRan {
        return (world, event);
    }
    let world = match with {
        With::Hook => world.hook_answers("api", [Answer::Status(401)]),
        With::Key => {
            let fate = Fate::Fails("update_failed", Why::Exited(1));
            world.render.deploy_ends("api", fate);
            world
        }
    };
    let word = match with {
        With::Hook => "hook-denied",
        With::Key => "exited",
    };
    let run = world.deploy().ended(1, "failed", word).hooked(&["api"]);
    (run.into_world(), event)
}

fn every() -> Vec<(With, First)> {
    let ways = [First::Failed, First::NeverRan];
    BOTH.iter()
        .flat_map(|with| ways.map(|first| (*with, first)))
        .collect()
}

#[test]
fn a_commit_that_was_reverted_by_a_clean_run_is_superseded() {
    at_once(every(), |(with, first)| {
        let (world, late) = changed(with, first);
        let world = world.commit_on_main(api_reverted);
        let run = asked(world).deploy().expect_unchanged();
        superseded(of(run.into_world(), &late).deploy());
    });
}

#[test]
fn it_stays_superseded_when_the_tip_has_changed_the_service_again() {
    at_once(every(), |(with, first)| {
        let (world, late) = changed(with, first);
        let world = world.commit_on_main(api_reverted);
        let run = asked(world).deploy().expect_unchanged();
        let world = run.into_world().commit_on_main(api_2);
        superseded(of(world, &late).deploy());
    });
}

#[test]
fn a_release_that_was_reverted_by_a_higher_one_is_superseded() {
    let world = World::new().three_services();
    world.base();
    let world = world
        .in_production("prod-1")
        .commit_on_main(api_1)
        .push_tag("prod-2")
        .images();
    let late = world.event.clone();
    let world = world
        .commit_on_main(api_reverted)
        .push_tag("prod-3")
        .images();
    let run = world.deploy().expect_unchanged();
    superseded(of(run.into_world(), &late).deploy());
}

#[test]
fn a_deploy_whose_record_was_deleted_is_reverted() {
    at_once(BOTH, |with| {
        let run = deploys(push(begun(with), api_1).deploy(), with, &["api"]);
        run.world.github.forget_record(last(&run, "api").number);
        let run = push(run.into_world(), api_reverted).deploy();
        deploys(run, with, &["api"]);
    });
}

#[test]
fn what_was_pushed_before_is_deployed_once_where_no_record_shows_it() {
    let run = deploys(
        push(begun(With::Hook), api_1).deploy(),
        With::Hook,
        &["api"],
    );
    run.world.github.forget_record(last(&run, "api").number);
    let run = push(run.into_world(), docs).deploy();
    let run = deploys(run, With::Hook, &["api"]);
    run.again().deploy().expect_unchanged();
}
