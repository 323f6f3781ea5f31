//! Never losing a deploy: what is or may become live, whether a commit is needed there, and which of two is newer.
//!
//! - **Identity.** A service is its id on Render. Records of the same id count under any name ([`counting`]).
//! - **Equality.** Two commits are equal on a service if both have it, with the same entry in each commit's own manifest and the same tree
//!   under its paths ([`Comparisons`]).
//! - **Need.** A service is skipped only if the commit equals everything that is or may become live there ([`ServingState`], [`need`]). What is
//!   unknown is deployed.
//! - **Order** comes from git, the records and the trees that serve ([`order`]). What is unknown is not deployed.
//! - **Holds.** After a rollback the commit that was left is not put back by accident, as long as nothing else was deployed since.
//! - What others wrote into the record may make a service deploy and may order. It never keeps a service from a deploy otherwise.

mod attempt;
mod comparison;
mod entry;
mod facts;
mod hold;
mod merge;
pub mod order;
mod required;
mod serving;
mod state;
#[cfg(test)]
mod tests;

pub use attempt::{AttemptOnRender, Presence, presence, shown, unlisted};
pub use comparison::{CommitManifest, Comparisons};
pub use entry::{BuildEntry, Identity, ManifestEntry, ServiceCandidate, candidates};
pub use facts::{FactResult, Facts, Missing, Unanswered};
pub use hold::{Hold, Until, hold_after_rollback};
pub use merge::{ServiceRecords, merged};
pub use order::{BranchTip, Order, OrderQuestion, StartedRelease, begun};
pub use required::{Required, judge as judge_required};
pub use serving::{Serving, Since, decisive, serving};
pub use state::{
    DeployRecords, OnRender, PushBase, ServingState, counting, identify, identify_all,
    is_unanswered, may_still_come, record_of,
};

use super::Cause;
use model::CommitSha;

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
pub fn need(state: &ServingState, equal: impl Fn(&CommitSha) -> Equality) -> Need {
    if let Some(hold) = state.hold.as_ref().filter(|hold| hold.holds(&equal)) {
        return Need::Held(hold.from);
    }
    if let Some(why) = &state.unknown {
        return Need::Unknown(why.clone());
    }
    let mut unknown = None;
    for commit in &state.commits {
        match equal(commit) {
            Equality::Equal => {}
            Equality::Differs(cause) => return Need::Differs(*commit, cause),
            Equality::Unknown(why) => unknown = Some(why),
        }
    }
    match (unknown, state.commits.first()) {
        (Some(why), _) => Need::Unknown(why),
        (None, Some(base)) => Need::Has {
            base: *base,
            is_confirmed: state.is_confirmed,
        },
        (None, None) => Need::Unknown("nothing is known to serve there".into()),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{DeployRecords, OnRender, ServingState};
    use model::{
        AttemptKind, CommitSha, Deploy, DeployId, DeployStatus, Digest, EnvironmentName, Intent,
        PinnedImage, Record, RecordState, Repository, ServiceName,
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
                kind: AttemptKind::Deploy,
                from: None,
                to: None,
            },
            environment: EnvironmentName::parse("staging").unwrap(),
            state,
            was_live: true,
            is_own: true,
            deploy: None,
            run: None,
            // Each ended before the next one began.
            began: Some(2),
            ended: Some(1),
        }
    }

    /// A rollback of our own.
    pub(crate) fn rollback(to: u8, from: u8) -> Record {
        let mut record = record(to, RecordState::Success);
        record.intent.kind = AttemptKind::Rollback;
        record.intent.from = Some(sha(from));
        record
    }

    /// These records, newest first, with numbers in that order.
    pub(crate) fn numbered(records: &[Record]) -> Vec<Record> {
        let count = records.len() as u64;
        let number = |(place, record): (usize, &Record)| Record {
            number: count - place as u64,
            ..record.clone()
        };
        records.iter().enumerate().map(number).collect()
    }

    /// What serves by these records, without an API key.
    pub(crate) fn keyless(records: &[Record]) -> ServingState {
        with(records, &OnRender::NoKey)
    }

    /// What serves by these records and by Render.
    pub(crate) fn with(records: &[Record], render: &OnRender) -> ServingState {
        let records = numbered(records);
        let records: Vec<&Record> = records.iter().collect();
        let known = DeployRecords {
            records: &records,
            is_cut_off: false,
        };
        ServingState::new(Ok(known), render, None, |_| None)
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
