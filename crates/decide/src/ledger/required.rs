//! `requires`: whether an environment that comes first has had these bytes.

use super::Equality;
use model::{AttemptKind, CommitSha, Digest, Record, RecordState};

/// Whether the required environment has had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Required {
    /// It succeeded there with this digest.
    Met(Digest),
    /// It did not, for this reason.
    Missing(String),
}

/// Judges the records of the required environment's service of the same name, newest first. A success counts when it had the wanted digest or
/// a commit with an equal tree, and no rollback has left it since. Only our own records count, and what cannot be compared does not.
#[must_use]
pub fn judge(
    records: Result<&[&Record], &str>,
    wanted: &[Digest],
    equal: impl Fn(&CommitSha) -> Equality,
) -> Required {
    let records = match records {
        Ok(records) => records,
        Err(why) => return Required::Missing(format!("what it has had is not known: {why}")),
    };
    let mut left: Vec<CommitSha> = Vec::new();
    for record in records
        .iter()
        .filter(|record| record.is_own && record.state == RecordState::Success)
    {
        let intent = &record.intent;
        let is_it = wanted.contains(&intent.image.digest)
            || wanted.contains(&intent.platform)
            || equal(&intent.commit) == Equality::Equal;
        if is_it && !left.contains(&intent.commit) {
            return Required::Met(intent.image.digest.clone());
        }
        if is_it {
            return Required::Missing("it was rolled back there".into());
        }
        if let (AttemptKind::Rollback, Some(from)) = (intent.kind, intent.from) {
            if equal(&from) == Equality::Equal {
                return Required::Missing("it was rolled back there".into());
            }
            left.push(from);
        }
    }
    Required::Missing("it has not been deployed there".into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{digest, record, rollback};
    use super::*;
    use crate::Cause;
    use model::RecordState::{Failure, Open, Success};

    fn required(records: &[Record], wanted: u8, head: u8) -> Required {
        let records: Vec<_> = records.iter().collect();
        judge(Ok(&records), &[digest(wanted)], |commit| {
            if commit.as_bytes()[0] == head {
                Equality::Equal
            } else {
                Equality::Differs(Cause {
                    pattern: "**".into(),
                    path: b"x".to_vec(),
                    matched: 1,
                })
            }
        })
    }

    #[test]
    fn a_digest_or_an_equal_tree_that_succeeded_there_counts() {
        let list = [record(3, Success), record(2, Success)];
        assert_eq!(required(&list, 2, 9), Required::Met(digest(2)));
        assert_eq!(
            required(&list, 102, 9),
            Required::Met(digest(2)),
            "by the platform's digest"
        );
        assert_eq!(required(&list, 9, 3), Required::Met(digest(3)));
        assert!(matches!(required(&list, 9, 9), Required::Missing(_)));
    }

    #[test]
    fn it_fails_closed() {
        for state in [Open, Failure] {
            assert!(
                matches!(required(&[record(2, state)], 2, 2), Required::Missing(_)),
                "{state:?}"
            );
        }
        let mut foreign = record(2, Success);
        foreign.is_own = false;
        assert!(matches!(required(&[foreign], 2, 2), Required::Missing(_)));
        assert!(matches!(
            judge(Err("403"), &[digest(2)], |_| Equality::Equal),
            Required::Missing(_)
        ));
    }

    #[test]
    fn what_was_rolled_back_since_does_not_count() {
        let list = [rollback(1, 2), record(2, Success), record(1, Success)];
        assert!(matches!(required(&list, 2, 2), Required::Missing(_)));
        assert!(
            matches!(required(&list, 2, 9), Required::Missing(_)),
            "by its digest alone"
        );
        assert_eq!(required(&list, 1, 1), Required::Met(digest(1)));
        let again = [record(2, Success), rollback(1, 2), record(2, Success)];
        assert_eq!(required(&again, 2, 2), Required::Met(digest(2)));
    }
}
