//! What is known of a service before it goes back, and what a rollback leaves behind.

use super::{ServiceHistories, ServiceHistory};
use crate::ledger::{OnRender, ServingState, StartedRelease};
use model::{AttemptKind, CommitSha, Digest, Record, RecordState};

impl<'a> ServiceHistory<'a> {
    /// By the records that count, newest first and whoever wrote them, and by what Render says. Of records only our own are gone back to: any
    /// job can write one.
    #[must_use]
    pub fn new(counting: &[&'a Record], render: &OnRender) -> Self {
        let records = counting
            .iter()
            .copied()
            .filter(|record| record.is_own)
            .collect();
        Self {
            records,
            serving: bytes(counting, render),
        }
    }
}

/// The bytes that serve or may come to. What another wrote down may be true, so after it nothing is known.
fn bytes(counting: &[&Record], render: &OnRender) -> Option<Vec<Vec<Digest>>> {
    match render {
        OnRender::Known(deploys) => {
            let is_told = deploys.iter().all(|deploy| !deploy.digests.is_empty());
            is_told.then(|| {
                deploys
                    .iter()
                    .map(|deploy| deploy.digests.clone())
                    .collect()
            })
        }
        OnRender::NoKey => bytes_by_record(counting),
        OnRender::Unknown(_) => None,
    }
}

fn bytes_by_record(counting: &[&Record]) -> Option<Vec<Vec<Digest>>> {
    let mut bytes = Vec::new();
    let may_serve =
        |record: &&&Record| matches!(record.state, RecordState::Success | RecordState::Open);
    for record in counting.iter().filter(may_serve) {
        if !record.is_own {
            return None;
        }
        bytes.push(vec![
            record.intent.image.digest.clone(),
            record.intent.platform.clone(),
        ]);
        if record.state == RecordState::Success {
            return Some(bytes);
        }
    }
    None
}

/// Whether the newest thing that happened by the record is a rollback that nobody had ended when this run began. `was_settled` says of the
/// number of a record whether this run has just seen that it is live.
#[must_use]
pub fn is_cut_off(pasts: &ServiceHistories<'_>, was_settled: impl Fn(u64) -> bool) -> bool {
    let own = pasts.values().flat_map(|past| &past.records);
    let Some(newest) = own.max_by_key(|record| record.number) else {
        return false;
    };
    let was_open = newest.state == RecordState::Open || was_settled(newest.number);
    newest.intent.kind == AttemptKind::Rollback && was_open
}

/// The commit that a rollback of a service leaves, and that is not to come back by itself: that of a rollback which stands already, else of
/// what comes, else of what serves. `state` is by our own records.
#[must_use]
pub fn left(state: &ServingState) -> Option<CommitSha> {
    let serving = state.commits.get(1).or(state.commits.first()).copied();
    state.hold.as_ref().map(|hold| hold.from).or(serving)
}

/// The commit of the highest release that any service leaves: all of them are to be held until a higher one, whichever release theirs had
/// come with. `begun` are the releases of the environment.
#[must_use]
pub fn left_release(
    left: impl Iterator<Item = CommitSha>,
    begun: &[StartedRelease],
) -> Option<CommitSha> {
    let numbers = left.flat_map(|left| begun.iter().filter(move |begun| begun.commit == left));
    numbers
        .max_by_key(|begun| begun.number)
        .map(|begun| begun.commit)
}
