//! When a service is skipped.

use super::super::testing::{keyless, record, rollback, sha};
use crate::Cause;
use crate::ledger::{Equality, Need, need};
use model::CommitSha;
use model::RecordState::{Error, Failure, Open, Success};

/// Commits with the same number modulo ten are equal.
fn equal_to(head: u8) -> impl Fn(&CommitSha) -> Equality {
    move |commit| match commit.as_bytes()[0] {
        99 => Equality::Unknown("gone".into()),
        number if number % 10 == head % 10 => Equality::Equal,
        _ => Equality::Differs(Cause {
            pattern: "**".into(),
            path: b"x".to_vec(),
            matched: 1,
        }),
    }
}

fn needs(head: u8, records: &[model::Record]) -> Need {
    need(&keyless(records), equal_to(head))
}

#[test]
fn only_what_equals_all_that_may_serve_is_skipped() {
    let cause = || Cause {
        pattern: "**".into(),
        path: b"x".to_vec(),
        matched: 1,
    };
    let has = |base: u8| Need::Has {
        base: sha(base),
        is_confirmed: true,
    };
    assert_eq!(needs(11, &[record(1, Success)]), has(1));
    assert_eq!(
        needs(12, &[record(1, Success)]),
        Need::Differs(sha(1), cause())
    );
    // An intent that was left open may have become live; one that Render ended or that was never sent did not.
    assert_eq!(
        needs(11, &[record(2, Open), record(1, Success)]),
        Need::Differs(sha(2), cause())
    );
    assert_eq!(needs(11, &[record(2, Failure), record(1, Success)]), has(1));
    assert_eq!(needs(11, &[record(2, Error), record(1, Success)]), has(1));
    assert!(matches!(
        needs(11, &[record(99, Success)]),
        Need::Unknown(_)
    ));
    assert!(matches!(needs(11, &[]), Need::Unknown(_)));
    assert!(matches!(needs(11, &[record(1, Open)]), Need::Unknown(_)));
}

#[test]
fn what_others_wrote_may_cause_a_deploy_and_never_a_skip() {
    let foreign = |commit, state| {
        let mut record = record(commit, state);
        record.is_own = false;
        record
    };
    assert!(matches!(
        needs(11, &[foreign(1, Success)]),
        Need::Unknown(_)
    ));
    assert!(matches!(
        needs(11, &[foreign(2, Success), record(1, Success)]),
        Need::Differs(..)
    ));
    assert!(matches!(
        needs(12, &[foreign(2, Success), record(1, Success)]),
        Need::Differs(..)
    ));
    let mut hold = rollback(1, 2);
    hold.is_own = false;
    assert!(matches!(
        needs(12, &[hold, record(2, Success)]),
        Need::Differs(..)
    ));
}

#[test]
fn a_rollback_holds_until_something_else_is_deployed() {
    let back = [rollback(1, 2), record(2, Success), record(1, Success)];
    assert_eq!(needs(12, &back), Need::Held(sha(2)));
    assert!(matches!(needs(3, &back), Need::Differs(..)));
    assert!(matches!(needs(11, &back), Need::Has { .. }));
    let on = [record(3, Success), rollback(1, 2), record(2, Success)];
    assert!(matches!(needs(12, &on), Need::Differs(..)));
    let tried = [record(3, Failure), rollback(1, 2), record(2, Success)];
    assert_eq!(needs(12, &tried), Need::Held(sha(2)));
}

#[test]
fn what_was_cut_off_counts_as_what_it_would_have_done() {
    let cut_off = |mut record: model::Record| {
        record.state = Open;
        record
    };
    let back = [
        cut_off(rollback(1, 2)),
        record(2, Success),
        record(1, Success),
    ];
    assert_eq!(
        needs(12, &back),
        Need::Held(sha(2)),
        "the rollback may serve"
    );
    let on = [record(3, Open), rollback(1, 2), record(2, Success)];
    assert!(
        matches!(needs(12, &on), Need::Differs(..)),
        "what came after the rollback may serve, and is not to stay"
    );
    let unsure = [cut_off(rollback(1, 2)), record(3, Open), record(2, Success)];
    assert!(
        matches!(needs(12, &unsure), Need::Differs(..)),
        "neither is known to serve"
    );
    let twice = [cut_off(rollback(0, 2)), rollback(1, 2), record(2, Success)];
    assert_eq!(needs(12, &twice), Need::Held(sha(2)));
    let meanwhile = [cut_off(rollback(1, 2)), record(2, Open), record(1, Success)];
    assert_eq!(
        needs(12, &meanwhile),
        Need::Held(sha(2)),
        "everything that may serve is what it left or what it brought"
    );
}
