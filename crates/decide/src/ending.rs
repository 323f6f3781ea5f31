//! How an attempt ends: what was seen of it, and what that means for the status, the failure word and the record.
//!
//! `docs/endings.md` has the same table for users, and the tests take it as their data.

use model::{FailureWord, Status};

/// What was seen of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// Something newer was there right before the call.
    Withdrawn,
    /// Something newer was there before a call was repeated that may have been taken.
    WithdrawnLate,
    /// A rollback held the service right before the call.
    Held,
    /// A rollback held the service before a call was repeated that may have been taken.
    HeldLate,
    /// A rollback was begun while the deploy was followed, of which this was seen.
    Preempted(Closing),
    /// Render did not take it: there is no deploy.
    NotTaken(FailureWord),
    /// Whether Render took it is not known.
    Unclear(FailureWord),
    /// Render took it, and more was not asked for or cannot be.
    Accepted,
    /// It is live with our bytes.
    Live,
    /// It is live with other bytes.
    LiveWithOther,
    /// It is live, and Render names no digest.
    LiveUnproven,
    /// It was live, and then one that is not older took its place.
    SupersededLive,
    /// It never was live: one that is not older took its place.
    Superseded,
    /// One that is older, or that nobody knows, took its place.
    Replaced,
    /// Render ended it.
    Failed(FailureWord),
    /// Render does not know it any more.
    Vanished,
    /// It has not ended in our time.
    NotInTime,
    /// Render could not be asked any more, because of this.
    Unseen(FailureWord),
    /// It is live on Render, and the service's own address does not answer with it.
    LiveUnanswered,
    /// Render took it, and the service's own address does not answer with it.
    AcceptedUnanswered,
}

/// How a record is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// As seen live.
    Live,
    /// As accepted.
    Accepted,
    /// Render ended it: what was there before still serves, or something else.
    Failed,
    /// No hook was called, or Render refused it.
    NotSent,
    /// Not at all: what became of it is not known, and the next run looks.
    Open,
}

/// What a landing means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The word for the service.
    pub status: Status,
    /// What went wrong.
    pub failure: Option<FailureWord>,
    /// What the record says from then on.
    pub record: Closing,
}

impl Landing {
    /// What an end means where another call of the same attempt may have been taken as well: Render may still deploy for that one.
    #[must_use]
    pub const fn beside_another_call(self) -> Self {
        match self {
            Self::Failed(word) => Self::Unclear(word),
            Self::Replaced => Self::Unclear(FailureWord::ReplacedByOther),
            Self::Superseded => Self::WithdrawnLate,
            Self::Preempted(Closing::Failed) => Self::Preempted(Closing::Open),
            Self::Preempted(_)
            | Self::Withdrawn
            | Self::WithdrawnLate
            | Self::Held
            | Self::HeldLate
            | Self::NotTaken(_)
            | Self::Unclear(_)
            | Self::Accepted
            | Self::Live
            | Self::LiveWithOther
            | Self::LiveUnproven
            | Self::SupersededLive
            | Self::Vanished
            | Self::NotInTime
            | Self::Unseen(_)
            | Self::LiveUnanswered
            | Self::AcceptedUnanswered => self,
        }
    }

    /// What it means.
    #[must_use]
    pub const fn ending(self) -> Ending {
        let (status, failure, record) = match self {
            Self::Withdrawn => (Status::Superseded, None, Closing::NotSent),
            Self::WithdrawnLate => (Status::Superseded, None, Closing::Open),
            Self::Held => (Status::Held, None, Closing::NotSent),
            Self::HeldLate => (Status::Held, None, Closing::Open),
            Self::Preempted(seen) => (Status::Superseded, None, seen),
            Self::NotTaken(word) => (Status::Failed, Some(word), Closing::NotSent),
            Self::Unclear(word) => (Status::Failed, Some(word), Closing::Open),
            Self::Accepted => (Status::Accepted, None, Closing::Accepted),
            Self::Live => (Status::Live, None, Closing::Live),
            Self::LiveWithOther => (
                Status::Failed,
                Some(FailureWord::DigestDiffers),
                Closing::Open,
            ),
            Self::LiveUnproven => (
                Status::Unknown,
                Some(FailureWord::DigestDiffers),
                Closing::Open,
            ),
            Self::SupersededLive => (Status::Superseded, None, Closing::Live),
            Self::Superseded => (Status::Superseded, None, Closing::Failed),
            Self::Replaced => (
                Status::Failed,
                Some(FailureWord::ReplacedByOther),
                Closing::Failed,
            ),
            Self::Failed(word) => (Status::Failed, Some(word), Closing::Failed),
            Self::Vanished => (
                Status::Unknown,
                Some(FailureWord::DeployFailed),
                Closing::Open,
            ),
            Self::NotInTime => (
                Status::Failed,
                Some(FailureWord::NotLiveInTime),
                Closing::Open,
            ),
            Self::Unseen(word) => (Status::Unknown, Some(word), Closing::Open),
            Self::LiveUnanswered => (
                Status::Failed,
                Some(FailureWord::ProbeFailed),
                Closing::Failed,
            ),
            Self::AcceptedUnanswered => (
                Status::Failed,
                Some(FailureWord::ProbeFailed),
                Closing::Open,
            ),
        };
        Ending {
            status,
            failure,
            record,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_beside_another_call_leaves_the_record_open() {
        let failed = [
            Landing::Failed(FailureWord::DeployFailed),
            Landing::Replaced,
            Landing::Superseded,
            Landing::Preempted(Closing::Failed),
        ];
        for landing in failed {
            assert_eq!(landing.ending().record, Closing::Failed, "{landing:?}");
            let beside = landing.beside_another_call().ending();
            assert_eq!(beside.record, Closing::Open, "{landing:?}");
            assert_eq!(beside.status, landing.ending().status, "{landing:?}");
            assert_eq!(beside.failure, landing.ending().failure, "{landing:?}");
        }
        for landing in [Landing::Live, Landing::Accepted, Landing::SupersededLive] {
            assert_eq!(landing.beside_another_call(), landing);
        }
    }
}
