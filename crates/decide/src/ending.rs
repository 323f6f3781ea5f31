//! How an attempt ends: what was seen of it, and what that means for the status, the failure word and the record.
//!
//! `docs/endings.md` has the same table for users, and the tests take it as their data.

use model::{FailureWord, Status};

/// What was seen of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Something newer was there right before the call.
    Withdrawn,
    /// Something newer was there before a call was repeated that may have been taken.
    WithdrawnLate,
    /// A rollback held the service right before the call.
    Held,
    /// A rollback held the service before a call was repeated that may have been taken.
    HeldLate,
    /// A rollback was begun while the deploy was followed, of which this was seen.
    Preempted(RecordEnd),
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
pub enum RecordEnd {
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
pub struct ServiceEnd {
    /// The word for the service.
    pub status: Status,
    /// What went wrong.
    pub failure: Option<FailureWord>,
    /// What the record says from then on.
    pub record: RecordEnd,
}

impl AttemptOutcome {
    /// What an end means where another call of the same attempt may have been taken as well: Render may still deploy for that one.
    #[must_use]
    pub const fn beside_another_call(self) -> Self {
        match self {
            Self::Failed(word) => Self::Unclear(word),
            Self::Replaced => Self::Unclear(FailureWord::ReplacedByOther),
            Self::Superseded => Self::WithdrawnLate,
            Self::Preempted(RecordEnd::Failed) => Self::Preempted(RecordEnd::Open),
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
    pub const fn ending(self) -> ServiceEnd {
        let (status, failure, record) = match self {
            Self::Withdrawn => (Status::Superseded, None, RecordEnd::NotSent),
            Self::WithdrawnLate => (Status::Superseded, None, RecordEnd::Open),
            Self::Held => (Status::Held, None, RecordEnd::NotSent),
            Self::HeldLate => (Status::Held, None, RecordEnd::Open),
            Self::Preempted(seen) => (Status::Superseded, None, seen),
            Self::NotTaken(word) => (Status::Failed, Some(word), RecordEnd::NotSent),
            Self::Unclear(word) => (Status::Failed, Some(word), RecordEnd::Open),
            Self::Accepted => (Status::Accepted, None, RecordEnd::Accepted),
            Self::Live => (Status::Live, None, RecordEnd::Live),
            Self::LiveWithOther => (
                Status::Failed,
                Some(FailureWord::DigestDiffers),
                RecordEnd::Open,
            ),
            Self::LiveUnproven => (
                Status::Unknown,
                Some(FailureWord::DigestDiffers),
                RecordEnd::Open,
            ),
            Self::SupersededLive => (Status::Superseded, None, RecordEnd::Live),
            Self::Superseded => (Status::Superseded, None, RecordEnd::Failed),
            Self::Replaced => (
                Status::Failed,
                Some(FailureWord::ReplacedByOther),
                RecordEnd::Failed,
            ),
            Self::Failed(word) => (Status::Failed, Some(word), RecordEnd::Failed),
            Self::Vanished => (
                Status::Unknown,
                Some(FailureWord::DeployFailed),
                RecordEnd::Open,
            ),
            Self::NotInTime => (
                Status::Failed,
                Some(FailureWord::NotLiveInTime),
                RecordEnd::Open,
            ),
            Self::Unseen(word) => (Status::Unknown, Some(word), RecordEnd::Open),
            Self::LiveUnanswered => (
                Status::Failed,
                Some(FailureWord::ProbeFailed),
                RecordEnd::Failed,
            ),
            Self::AcceptedUnanswered => (
                Status::Failed,
                Some(FailureWord::ProbeFailed),
                RecordEnd::Open,
            ),
        };
        ServiceEnd {
            status,
            failure,
            record,
        }
    }
}

impl RecordEnd {
    /// Whether what older attempts began cannot come after this any more. Until a service has answered with its new deploy, Render may fail
    /// that deploy, and then an older one goes live after all.
    #[must_use]
    pub const fn ends_older(self) -> bool {
        match self {
            Self::Live | Self::Accepted => true,
            Self::Failed | Self::NotSent | Self::Open => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_attempt_ends_only_where_this_one_ended_well() {
        for (landing, ends_older) in [
            (AttemptOutcome::Live, true),
            (AttemptOutcome::Accepted, true),
            (AttemptOutcome::SupersededLive, true),
            (AttemptOutcome::LiveUnanswered, false),
            (AttemptOutcome::AcceptedUnanswered, false),
            (AttemptOutcome::Failed(FailureWord::DeployFailed), false),
            (AttemptOutcome::Withdrawn, false),
        ] {
            let record = landing.ending().record;
            assert_eq!(record.ends_older(), ends_older, "{landing:?}");
        }
    }

    #[test]
    fn a_failure_beside_another_call_leaves_the_record_open() {
        let failed = [
            AttemptOutcome::Failed(FailureWord::DeployFailed),
            AttemptOutcome::Replaced,
            AttemptOutcome::Superseded,
            AttemptOutcome::Preempted(RecordEnd::Failed),
        ];
        for landing in failed {
            assert_eq!(landing.ending().record, RecordEnd::Failed, "{landing:?}");
            let beside = landing.beside_another_call().ending();
            assert_eq!(beside.record, RecordEnd::Open, "{landing:?}");
            assert_eq!(beside.status, landing.ending().status, "{landing:?}");
            assert_eq!(beside.failure, landing.ending().failure, "{landing:?}");
        }
        for landing in [
            AttemptOutcome::Live,
            AttemptOutcome::Accepted,
            AttemptOutcome::SupersededLive,
        ] {
            assert_eq!(landing.beside_another_call(), landing);
        }
    }
}
