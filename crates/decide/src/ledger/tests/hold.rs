//! What a rollback holds.

use super::super::testing::{deploy, keyless, record, rollback, sha};
use crate::ledger::{OnRender, StartedRelease, Until, hold_after_rollback};
use model::RecordState::{Failure, Open, Success};
use model::{Deploy, DeployStatus, Record, ReleaseNumber};

#[test]
fn a_rollback_in_the_dashboard_holds_too() {
    let (new, old) = (record(2, Success), record(1, Success));
    let mut live = deploy(1, DeployStatus::Live);
    live.by_rollback = true;
    let held =
        |live: &Deploy| hold_after_rollback(&[&new, &old], &OnRender::Known(vec![live.clone()]));
    assert_eq!(held(&live), Some(sha(2)));
    live.by_rollback = false;
    assert_eq!(held(&live), None);
    let mut forth = deploy(2, DeployStatus::Live);
    forth.by_rollback = true;
    assert_eq!(held(&forth), None, "it is where the record has it");
}

#[test]
fn a_rollback_in_the_dashboard_in_place_of_ours_leaves_what_ours_was_to_leave() {
    let (mut back, cut_off, old) = (rollback(1, 2), record(2, Open), record(1, Success));
    back.state = Failure;
    let mut live = deploy(1, DeployStatus::Live);
    let held = |live: &Deploy| {
        hold_after_rollback(
            &[&back, &cut_off, &old],
            &OnRender::Known(vec![live.clone()]),
        )
    };
    assert_eq!(held(&live), None, "nobody went back");
    live.by_rollback = true;
    assert_eq!(held(&live), Some(sha(2)));
}

#[test]
fn a_higher_release_than_the_one_that_was_left_lifts_the_hold() {
    let (back, left) = (rollback(6, 7), record(7, Success));
    let records = [back, left];
    let begun = |number, commit| StartedRelease {
        number: ReleaseNumber::Number(number),
        commit: sha(commit),
        may_serve: true,
        is_live: false,
    };
    let all = [begun(6, 6), begun(7, 7), begun(9, 9)];
    let until = |number, begun: &[StartedRelease]| {
        keyless(&records)
            .for_release(ReleaseNumber::Number(number), begun)
            .hold
            .map(|hold| hold.until)
    };
    assert_eq!(until(7, &all), Some(Until::HigherRelease));
    assert_eq!(
        until(8, &all),
        None,
        "a later one that failed does not count"
    );
    assert_eq!(
        until(8, &all[..1]),
        Some(Until::Different),
        "the number of what was left is not known"
    );
}

#[test]
fn render_says_whether_a_rollback_stands() {
    let (mut back, new, old) = (rollback(1, 2), record(2, Success), record(1, Success));
    let later = record(3, Open);
    let held = |records: &[&Record], list: &[Deploy]| {
        hold_after_rollback(records, &OnRender::Known(list.to_vec()))
    };
    let live = |commit| deploy(commit, DeployStatus::Live);
    assert_eq!(held(&[&back, &new, &old], &[live(1)]), Some(sha(2)));
    assert_eq!(
        held(
            &[&back, &new, &old],
            &[deploy(1, DeployStatus::Queued), live(2)]
        ),
        Some(sha(2))
    );
    assert_eq!(
        held(&[&back, &new, &old], &[live(7)]),
        None,
        "something else was put there by hand"
    );
    assert_eq!(
        held(&[&later, &back, &new], &[live(1)]),
        Some(sha(2)),
        "the later deploy never began"
    );
    assert_eq!(
        held(
            &[&later, &back, &new],
            &[deploy(3, DeployStatus::Queued), live(1)]
        ),
        None,
        "it comes"
    );
    let mut further = live(0);
    further.by_rollback = true;
    assert_eq!(
        held(&[&back, &new, &old], &[further]),
        Some(sha(2)),
        "rolled back further by hand"
    );
    back.state = Open;
    assert_eq!(
        held(&[&back, &new, &old], &[live(1)]),
        Some(sha(2)),
        "it was cut off and went live"
    );
    assert_eq!(
        held(&[&back, &new, &old], &[live(2)]),
        None,
        "it never began"
    );
}
