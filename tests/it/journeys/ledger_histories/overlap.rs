//! Histories 8 and 16: two runs at once.

use super::{With, api_1, api_2, asked, begun, deploys, last, of, open, push, superseded};
use testworld::{Answer, World};

/// Does something as soon as a hook was called.
fn once_called(world: World, act: impl FnOnce() + Send + Sync + 'static) -> World {
    let render = world.render.clone();
    world.once(move || !render.calls().is_empty(), act)
}

#[test]
fn a_call_that_is_repeated_asks_for_order_again() {
    for first in [
        Answer::Limited("Retry-After", "3".into()),
        Answer::Status(503),
    ] {
        let is_unclear = matches!(first, Answer::Status(_));
        let world = push(begun(With::Hook), api_1).hook_answers("api", [first]);
        let event = world.event.clone();
        let world = of(world.commit_on_main(api_2), &event);
        // A newer run deploys meanwhile.
        let newer = world.live("staging", "api", &world.origin.head());
        let github = world.github.clone();
        let world = once_called(world, move || {
            github.seed_record(newer);
        });
        let run = world.deploy().ended(0, "superseded", "").hooked(&["api"]);
        let states: Vec<String> = run
            .world
            .github
            .records()
            .into_iter()
            .filter(|record| record.service == "api")
            .map(|record| record.state)
            .collect();
        // What may have been taken stays open, whatever came after it.
        let own = if is_unclear { "open" } else { "error" };
        run.equal(
            "records",
            &states,
            &vec!["success".to_owned(), own.to_owned(), "success".to_owned()],
        );
    }
}

#[test]
fn a_success_that_was_recorded_after_a_newer_one_had_begun_counts() {
    // The older run calls last: its bytes may serve, and the newer run's record says the newer ones do.
    let world = push(begun(With::Hook), api_1);
    let older = world.github.seed_record(open(&world, &world.origin.head()));
    let world = push(world, api_2);
    let run = deploys(world.deploy(), With::Hook, &["api"]);
    run.world.github.end_record(older, "success", "accepted");
    let run = asked(run.into_world()).deploy();
    let run = deploys(run, With::Hook, &["api"]);
    asked(run.into_world()).deploy().expect_unchanged();
}

#[test]
fn the_tip_deploys_again_what_an_older_run_has_left_open() {
    let world = push(begun(With::Hook), api_1);
    let late = world.event.clone();
    let older = world.github.seed_record(open(&world, &world.origin.head()));
    let world = push(world, api_2);
    let run = deploys(world.deploy(), With::Hook, &["api"]);
    let records = run.world.github.records();
    let state = records
        .iter()
        .find(|record| record.number == older)
        .map(|record| record.state.clone());
    run.equal("the older record", &state, &Some("inactive".to_owned()));
    run.equal(
        "the newer one",
        &last(&run, "api").state,
        &"success".to_owned(),
    );
    superseded(of(run.into_world(), &late).deploy());
}
