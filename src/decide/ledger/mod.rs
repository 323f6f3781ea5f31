//! Never losing a deploy: what is or may become live, whether a commit is needed there, and which of two is newer.
//!
//! The rules were found by simulation, after simpler ones that look right had lost deploys. tests/simulation drives these very functions
//! through thousands of histories, and shows that the simpler ones fail in them.
//!
//! - **Need.** A service is skipped only if the commit equals, on the service's paths, everything that is or may become live there. What
//!   is unknown is deployed. The event's `before` plays no part: a run that was evicted from a queue never was anybody's `before`.
//! - **Order** comes from git and the record, never from Render and never from a clock.
//! - **Holds.** After a rollback the commit that was left is not put back by accident, as long as nothing else was deployed since. What was cut off
//!   counts as what it would have done.
//! - What others wrote into the record may make a service deploy, and never keeps one from it.

mod attempt;
mod differences;
mod order;
mod required;
mod serving;
mod standing;

pub use attempt::{Presence, ending, presence};
pub use differences::Differences;
pub use order::{
    Begun, Order, begun, of_branch as order_in_branch, of_release as order_of_release,
};
pub use required::{Required, judge as judge_required};
pub use serving::{Serving, Since, decisive, serving};
pub use standing::{Hold, OnRender, Standing, Until, counting, hold_after_rollback, identify};

use super::Cause;
use crate::domain::CommitSha;

/// How a commit compares with another one on a service's paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Equality {
    /// Nothing of it differs.
    Equal,
    /// This differs.
    Differs(Cause),
    /// It cannot be found out, because of this.
    Unknown(String),
}

/// Whether a service needs a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// It has it: whatever serves, or may come to, is equal to it.
    Has {
        /// What serves.
        base: CommitSha,
        /// Whether that was only accepted, and never seen live.
        is_confirmed: bool,
    },
    /// It differs from this, which serves or may come to.
    Differs(CommitSha, Cause),
    /// What serves there is not known, or cannot be compared.
    Unknown(String),
    /// A rollback from this commit holds it where it is.
    Held(CommitSha),
}

/// Decides whether a service needs the commit that `equal` compares with others.
#[must_use]
pub fn need(standing: &Standing, equal: impl Fn(&CommitSha) -> Equality) -> Need {
    if let Some(hold) = standing.hold.as_ref().filter(|hold| hold.holds(&equal)) {
        return Need::Held(hold.from);
    }
    if let Some(why) = &standing.unknown {
        return Need::Unknown(why.clone());
    }
    let mut unknown = None;
    for commit in &standing.commits {
        match equal(commit) {
            Equality::Equal => {}
            Equality::Differs(cause) => return Need::Differs(*commit, cause),
            Equality::Unknown(why) => unknown = Some(why),
        }
    }
    match (unknown, standing.commits.first()) {
        (Some(why), _) => Need::Unknown(why),
        (None, Some(base)) => Need::Has {
            base: *base,
            is_confirmed: standing.is_confirmed,
        },
        (None, None) => Need::Unknown("nothing is known to serve there".into()),
    }
}

#[cfg(test)]
pub(in crate::decide) mod testing {
    use crate::domain::{
        CommitSha, Deploy, DeployId, DeployStatus, Digest, Intent, Kind, PinnedImage, Record,
        RecordState, Repository, ServiceName,
    };

    /// A commit by number.
    pub(crate) fn sha(number: u8) -> CommitSha {
        CommitSha::from_bytes([number; 20])
    }

    /// The digest of the image of a commit.
    pub(crate) fn digest(number: u8) -> Digest {
        Digest::parse(&format!("sha256:{}", format!("{number:02x}").repeat(32))).unwrap()
    }

    /// A record of our own.
    pub(crate) fn record(commit: u8, state: RecordState) -> Record {
        let image = PinnedImage {
            repository: Repository::parse("ghcr.io/acme/api").unwrap(),
            digest: digest(commit),
        };
        Record {
            number: 1,
            intent: Intent {
                service: ServiceName::parse("api").unwrap(),
                commit: sha(commit),
                id: None,
                image,
                platform: digest(commit + 100),
                image_commit: Some(sha(commit)),
                release: None,
                kind: Kind::Deploy,
                from: None,
                to: None,
            },
            state,
            was_live: true,
            is_own: true,
        }
    }

    /// A rollback of our own.
    pub(crate) fn rollback(to: u8, from: u8) -> Record {
        let mut record = record(to, RecordState::Success);
        record.intent.kind = Kind::Rollback;
        record.intent.from = Some(sha(from));
        record
    }

    /// A deploy of the image of a commit.
    pub(crate) fn deploy(commit: u8, status: DeployStatus) -> Deploy {
        let id = DeployId::parse(&format!("dep-{commit}")).unwrap();
        Deploy {
            id,
            status,
            digests: vec![digest(commit)],
            by_rollback: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{record, rollback, sha};
    use super::*;
    use crate::domain::RecordState::{Error, Failure, Open, Success};

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

    fn needs(head: u8, records: &[crate::domain::Record]) -> Need {
        let records: Vec<_> = records.iter().collect();
        need(
            &Standing::new(Ok(&records), &OnRender::NoKey, |_| None),
            equal_to(head),
        )
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
        let cut_off = |mut record: crate::domain::Record| {
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
    }
}
