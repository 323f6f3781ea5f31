//! What Render shows of an attempt: what became of one that nobody ended in the record, and whether one is needed at all.

use super::state::may_still_come;
use model::{Deploy, DeployId, DeployStatus, Digest, Record, RecordState};

/// What Render shows of an attempt that the record does not say the end of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptOnRender {
    /// The number of the attempt's record.
    pub number: u64,
    /// What became of it: [`RecordState::Success`] says that it was live, [`RecordState::Failure`] that it was not.
    pub state: RecordState,
    /// The deploy that shows it.
    pub deploy: DeployId,
}

/// What Render's deploys say of our attempts that the record does not say the end of, where it is certain. `records` are those of the service
/// that count, newest first; `deploys` are its newest of any status, newest first.
#[must_use]
pub fn shown(records: &[&Record], deploys: &[Deploy]) -> Vec<AttemptOnRender> {
    let open = records
        .iter()
        .filter(|record| record.is_own && may_still_come(record));
    open.filter_map(|record| shown_of(record, records, deploys))
        .collect()
}

fn shown_of(record: &Record, records: &[&Record], deploys: &[Deploy]) -> Option<AttemptOnRender> {
    let found = |state, deploy: &Deploy| {
        Some(AttemptOnRender {
            number: record.number,
            state,
            deploy: deploy.id.clone(),
        })
    };
    if let Some(id) = &record.deploy {
        let deploy = deploys.iter().find(|deploy| deploy.id == *id)?;
        return found(ended_as(deploy.status)?, deploy);
    }
    // Without an id only the digest tells. A deploy of another record is not this one's, and a digest that several records have tells nothing.
    let is_shared = records.iter().any(|other| {
        other.number != record.number
            && other.is_own
            && other.may_serve()
            && have_same(other, record)
    });
    let is_claimed = |deploy: &Deploy| {
        records
            .iter()
            .any(|other| other.deploy.as_ref() == Some(&deploy.id))
    };
    let own: Vec<&Deploy> = deploys
        .iter()
        .filter(|deploy| deploy.is_of(&record.digests()) && !is_claimed(deploy))
        .collect();
    let was_live = |deploy: &&&Deploy| {
        matches!(
            deploy.status,
            DeployStatus::Live | DeployStatus::Deactivated
        )
    };
    // A deploy that Render has queued may not be listed before the one in progress has ended.
    let is_busy = deploys.iter().any(|deploy| deploy.status.is_in_flight());
    if own.iter().any(|deploy| deploy.status.is_in_flight()) {
        return None;
    }
    if let Some(deploy) = own.iter().find(was_live) {
        let is_certain = !is_shared && (deploy.status == DeployStatus::Live || !is_busy);
        return if is_certain {
            found(RecordState::Success, deploy)
        } else {
            None
        };
    }
    match own.first() {
        Some(deploy) if !is_busy => found(RecordState::Failure, deploy),
        Some(_) | None => None,
    }
}

fn have_same(one: &Record, other: &Record) -> bool {
    let digests = other.digests();
    one.digests().iter().any(|digest| digests.contains(digest))
}

/// What the end of a deploy means for its record; `None` while it may still go live.
const fn ended_as(status: DeployStatus) -> Option<RecordState> {
    match status {
        DeployStatus::Live | DeployStatus::Deactivated => Some(RecordState::Success),
        DeployStatus::BuildFailed
        | DeployStatus::PreDeployFailed
        | DeployStatus::UpdateFailed
        | DeployStatus::Canceled => Some(RecordState::Failure),
        DeployStatus::Created
        | DeployStatus::Queued
        | DeployStatus::Building
        | DeployStatus::PreDeploying
        | DeployStatus::Updating
        | DeployStatus::Other => None,
    }
}

/// What is there already of the bytes that are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// This deploy serves them, and nothing is on its way to replace them.
    Serves(DeployId),
    /// This deploy brings them, and nothing waits behind it: it is followed, and no other is asked for.
    Comes(DeployId),
    /// They have to be asked for.
    Absent,
}

/// Finds out whether the wanted bytes serve or come anyway, from the live deploy and those in progress, newest first. Of several deploys in
/// progress only the newest will serve. An attempt that Render does not list yet, of other bytes, would replace them.
#[must_use]
pub fn presence(wanted: &[Digest], deploys: &[Deploy], unlisted: &[&Record]) -> Presence {
    let is_other = |record: &&&Record| {
        !record
            .digests()
            .iter()
            .any(|digest| wanted.contains(digest))
    };
    if unlisted.iter().any(|record| is_other(&record)) {
        return Presence::Absent;
    }
    match coming(deploys) {
        Some(deploy) if !deploy.is_of(wanted) => Presence::Absent,
        Some(deploy) if deploy.status == DeployStatus::Live => Presence::Serves(deploy.id.clone()),
        Some(deploy) => Presence::Comes(deploy.id.clone()),
        None => Presence::Absent,
    }
}

/// The attempts that may come and that none of Render's deploys shows: those newer than what brought the live bytes.
#[must_use]
pub fn unlisted<'a>(records: &[&'a Record], deploys: &[Deploy]) -> Vec<&'a Record> {
    let live = deploys
        .iter()
        .find(|deploy| deploy.status == DeployStatus::Live);
    let brought = live.and_then(|live| super::state::record_of(records, live));
    records
        .iter()
        .copied()
        .filter(|record| may_still_come(record))
        .filter(|record| brought.is_none_or(|brought| record.number > brought.number))
        .filter(|record| {
            !deploys
                .iter()
                .any(|deploy| record.deploy.as_ref() == Some(&deploy.id))
        })
        .collect()
}

/// The deploy that serves once everything in progress has ended well.
pub(super) fn coming(deploys: &[Deploy]) -> Option<&Deploy> {
    let live = || {
        deploys
            .iter()
            .find(|deploy| deploy.status == DeployStatus::Live)
    };
    deploys
        .iter()
        .find(|deploy| deploy.status.is_in_flight())
        .or_else(live)
}
