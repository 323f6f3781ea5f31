//! Histories 7 and 18: deploys that Render has taken and does not show.

use super::{With, api_1, api_reverted, begun, deploys, docs, last, push};
use testworld::Answer;

#[test]
fn the_revert_of_a_queued_deploy_that_nobody_followed_is_deployed() {
    // B is accepted with 202 and not listed; C reverts it, and its bytes are the live ones.
    let world = push(begun(With::Key), api_1)
        .hook_answers("api", [Answer::Forgotten])
        .input("wait", "accepted");
    let run = world.deploy().ended(0, "accepted", "").hooked(&["api"]);
    let world = push(run.into_world(), api_reverted).input("wait", "auto");
    deploys(world.deploy(), With::Key, &["api"]);
}

#[test]
fn it_is_deployed_by_the_next_run_where_its_own_call_fails() {
    let world = push(begun(With::Key), api_1)
        .hook_answers("api", [Answer::Forgotten])
        .input("wait", "accepted");
    let run = world.deploy().ended(0, "accepted", "").hooked(&["api"]);
    let world = push(run.into_world(), api_reverted)
        .input("wait", "auto")
        .hook_answers("api", [Answer::Status(401)]);
    let run = world
        .deploy()
        .ended(1, "failed", "hook-denied")
        .hooked(&["api"]);
    let world = push(run.into_world(), docs);
    deploys(world.deploy(), With::Key, &["api"]);
}

#[test]
fn a_deploy_that_was_accepted_ends_the_open_records_before_it() {
    let world = push(begun(With::Hook), api_1);
    let first = world.origin.git(&["rev-parse", "HEAD~1"]);
    let number = world.github.seed_record(super::open(&world, &first));
    let run = deploys(world.deploy(), With::Hook, &["api"]);
    let records = run.world.github.records();
    let ended = records.iter().find(|record| record.number == number);
    let state = ended.map(|record| record.state.clone());
    run.equal("the older record", &state, &Some("inactive".to_owned()));
    run.equal("ours", &last(&run, "api").state, &"success".to_owned());
    run.again().deploy().expect_unchanged();
}

#[test]
fn a_record_names_its_deploy() {
    let run = deploys(push(begun(With::Key), api_1).deploy(), With::Key, &["api"]);
    let deploy = run.service("api")["deploy"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let description = last(&run, "api").description;
    assert!(
        !deploy.is_empty() && description.starts_with(&format!("live {deploy}")),
        "{description}"
    );
}
