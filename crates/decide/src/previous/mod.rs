//! What an environment goes back to: the state that it was in before, service by service.
//!
//! - **Line.** The successes of a service in their order; a rollback makes it again what it was at the step that the rollback led to, which its
//!   record names. So what was rolled back is never what was live "before". A service that stayed in a rollback, because it had the same bytes
//!   at that step, went back with the others.
//! - **Step.** The successes of one commit, over all services: a release, or a push. A service that the last step did not change is left alone
//!   when the environment goes back by one, because it had the same bytes then.
//! - **Before** is the step before the newest attempt's. An attempt that brought nothing live is gone back from by doing nothing. A step whose
//!   bytes are the same everywhere is passed over.
//! - Nothing goes forward: a service that has something older than the step stays.
//!
//! Only our own records count.

mod left;
mod line;

pub use left::{is_cut_off, left, left_release};
use line::{ServiceLines, lines};

use model::{
    AttemptKind, CommitSha, Deploy, DeployStatus, Digest, ImageTag, Record, RecordState,
    ServiceName,
};
use std::collections::BTreeMap;

/// What is known of a service.
#[derive(Debug, Clone)]
pub struct ServiceHistory<'a> {
    /// Its own records that count, newest first.
    pub records: Vec<&'a Record>,
    /// The bytes that serve or may come to, each by all its digests; `None` where that is not known.
    pub serving: Option<Vec<Vec<Digest>>>,
}

/// The pasts of an environment's services.
pub type ServiceHistories<'a> = BTreeMap<ServiceName, ServiceHistory<'a>>;

/// What somebody asks to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollbackRequest {
    /// What was live before.
    Before,
    /// This release.
    Release(ImageTag),
    /// This commit.
    Commit(CommitSha),
}

/// A state of the environment, by what was deployed last in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackPoint {
    /// The commit.
    pub commit: CommitSha,
    /// The release, where it was one.
    pub release: Option<ImageTag>,
}

/// What becomes of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceRollback<'a> {
    /// It goes back to the bytes of this record.
    Back(&'a Record),
    /// It serves these bytes already.
    There(&'a Record),
    /// It serves something older than these bytes.
    Older(&'a Record),
    /// It had nothing then: it is newer.
    Newer,
    /// Nothing of it is recorded.
    Unrecorded,
}

/// The way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back<'a> {
    /// Where it leads.
    pub to: RollbackPoint,
    /// The number of the newest record of that step.
    pub at: u64,
    /// Where it comes from, as far as that is known.
    pub from: Option<RollbackPoint>,
    /// Each service's part.
    pub turns: BTreeMap<ServiceName, ServiceRollback<'a>>,
}

impl Back<'_> {
    fn changes_something(&self) -> bool {
        self.turns
            .values()
            .any(|turn| matches!(turn, ServiceRollback::Back(_)))
    }
}

/// Why there is no way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoWay {
    /// No success is recorded.
    Unrecorded,
    /// The release or commit is not in the record.
    NotRecorded,
    /// Nothing was live before this.
    First(RollbackPoint),
    /// It is newer than this, which serves.
    Forward(RollbackPoint),
    /// The rollback that is repeated, or that was cut off, has led here.
    Done(RollbackPoint),
}

/// Finds the way back. `is_repeated`: the newest rollback was this very run's, or was cut off; what it was to bring is not gone back from.
///
/// # Errors
/// [`NoWay`].
pub fn way_back<'a>(
    pasts: &ServiceHistories<'a>,
    target: &RollbackRequest,
    is_repeated: bool,
) -> Result<Back<'a>, NoWay> {
    let now = Now::of(pasts);
    let is_wanted = |record: &Record| match target {
        RollbackRequest::Before => false,
        RollbackRequest::Release(tag) => record.intent.release.as_ref() == Some(tag),
        RollbackRequest::Commit(commit) => record.intent.commit == *commit,
    };
    if *target == RollbackRequest::Before {
        return match now.newest_rollback(pasts).filter(|_| is_repeated) {
            Some(to) => now.gone_on(pasts, to),
            None => now.before(pasts),
        };
    }
    let successes = pasts
        .values()
        .flat_map(|past| past.records.iter().filter(|record| is_success(record)));
    let Some(last) = successes
        .filter(|record| is_wanted(record))
        .max_by_key(|record| record.number)
    else {
        return Err(NoWay::NotRecorded);
    };
    // The state at that time: what came later, and what was taken away later, plays no part.
    let lines = lines(pasts, last.number);
    let from = now.current.map(step);
    match &from {
        Some(serves)
            if !now.by_hand && now.reached < last.number && serves.commit != last.intent.commit =>
        {
            Err(NoWay::Forward(serves.clone()))
        }
        _ => Ok(Back {
            to: step(last),
            at: last.number,
            from,
            turns: turns(pasts, &now, &lines, last.number),
        }),
    }
}

/// The step of the newest of what serves, as far as it is known.
#[must_use]
pub fn serves(pasts: &ServiceHistories<'_>) -> Option<RollbackPoint> {
    Now::of(pasts).current.map(step)
}

/// What was live before on Render, which lists a service's newest deploys (newest first) where no record says it: the bytes that were live
/// last and are not those that are now.
#[must_use]
pub fn before_on_render(deploys: &[Deploy]) -> Option<&[Digest]> {
    let live = deploys
        .iter()
        .find(|deploy| deploy.status == DeployStatus::Live)?;
    let was_live = |deploy: &&Deploy| {
        deploy.status == DeployStatus::Deactivated
            && !deploy.digests.is_empty()
            && !deploy.is_of(&live.digests)
    };
    deploys
        .iter()
        .find(was_live)
        .map(|deploy| deploy.digests.as_slice())
}

fn is_success(record: &Record) -> bool {
    record.is_own
        && record.state == RecordState::Success
        && record.intent.kind == AttemptKind::Deploy
}

fn step(record: &Record) -> RollbackPoint {
    RollbackPoint {
        commit: record.intent.commit,
        release: record.intent.release.clone(),
    }
}

fn is_of(record: &Record, digests: &[Digest]) -> bool {
    digests.contains(&record.intent.image.digest) || digests.contains(&record.intent.platform)
}

/// The state at a time, by the lines at that time, as the ways to it from now.
fn turns<'a>(
    pasts: &ServiceHistories<'a>,
    now: &Now<'a>,
    lines: &ServiceLines<'a>,
    at: u64,
) -> BTreeMap<ServiceName, ServiceRollback<'a>> {
    let turn = |(service, past): (&ServiceName, &ServiceHistory<'a>)| {
        let line = lines.get(service).map(Vec::as_slice).unwrap_or_default();
        let turn = match line
            .iter()
            .rev()
            .copied()
            .find(|record| record.number <= at)
        {
            None if past.records.iter().any(|record| is_success(record)) => ServiceRollback::Newer,
            None => ServiceRollback::Unrecorded,
            Some(record) => {
                let digests = [
                    record.intent.image.digest.clone(),
                    record.intent.platform.clone(),
                ];
                let serves =
                    |bytes: &Vec<Digest>| bytes.iter().any(|digest| digests.contains(digest));
                match &past.serving {
                    Some(serving) if !serving.is_empty() && serving.iter().all(serves) => {
                        ServiceRollback::There(record)
                    }
                    Some(_)
                        if reached(past, now.line(service))
                            .is_some_and(|reached| reached.number < record.number) =>
                    {
                        ServiceRollback::Older(record)
                    }
                    Some(_) | None => ServiceRollback::Back(record),
                }
            }
        };
        (service.clone(), turn)
    };
    pasts.iter().map(turn).collect()
}

/// The newest of what serves or may come to, by the record that brought it first: one that stands, else the newest there is.
fn reached<'a>(past: &ServiceHistory<'a>, line: &[&'a Record]) -> Option<&'a Record> {
    let may_serve = |record: &&&Record| {
        record.is_own
            && record.intent.kind == AttemptKind::Deploy
            && matches!(record.state, RecordState::Success | RecordState::Open)
    };
    let find = |bytes: &Vec<Digest>| {
        let standing = line.iter().rev().find(|record| is_of(record, bytes));
        standing
            .or_else(|| {
                past.records
                    .iter()
                    .filter(may_serve)
                    .find(|record| is_of(record, bytes))
            })
            .copied()
    };
    past.serving
        .as_ref()?
        .iter()
        .filter_map(find)
        .max_by_key(|record| record.number)
}

/// Where the environment is.
struct Now<'a> {
    lines: ServiceLines<'a>,
    /// What brought the newest of what serves.
    current: Option<&'a Record>,
    reached: u64,
    /// The newest attempt, where no rollback came after it and nothing of it serves.
    in_vain: Option<&'a Record>,
    /// No record knows anything of what serves: somebody deployed by hand.
    by_hand: bool,
}

impl<'a> Now<'a> {
    fn of(pasts: &ServiceHistories<'a>) -> Self {
        let lines = lines(pasts, u64::MAX);
        let (mut current, mut is_seen, mut is_strange) = (None::<&Record>, false, false);
        for (service, past) in pasts {
            let line = lines.get(service).map(Vec::as_slice).unwrap_or_default();
            let serves = reached(past, line);
            let is_asked = past
                .serving
                .as_ref()
                .is_some_and(|serving| !serving.is_empty());
            is_seen |= serves.is_some();
            is_strange |= is_asked && serves.is_none() && !line.is_empty();
            let newest = serves.or_else(|| line.last().copied());
            current = current
                .into_iter()
                .chain(newest)
                .max_by_key(|record| record.number);
        }
        let by_hand = is_strange && !is_seen;
        let newest = |kind: AttemptKind| {
            let own = pasts.values().flat_map(|past| past.records.iter().copied());
            own.filter(|record| record.is_own && record.intent.kind == kind)
                .max_by_key(|record| record.number)
        };
        let reached = current.map_or(0, |record| record.number);
        let last =
            newest(AttemptKind::Rollback).map_or(reached, |rollback| rollback.number.max(reached));
        // What stands in the record and serves no more was gone back from on Render.
        let stands = |attempt: &Record| {
            lines
                .values()
                .flatten()
                .any(|record| record.number == attempt.number)
        };
        let in_vain =
            newest(AttemptKind::Deploy).filter(|attempt| attempt.number > last && !stands(attempt));
        Self {
            lines,
            current,
            reached,
            in_vain,
            by_hand,
        }
    }

    fn line(&self, service: &ServiceName) -> &[&'a Record] {
        self.lines
            .get(service)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The step before the newest attempt's that had other bytes.
    fn before(&self, pasts: &ServiceHistories<'a>) -> Result<Back<'a>, NoWay> {
        let newest = self.in_vain.or(self.current).ok_or(NoWay::Unrecorded)?;
        let mut left = newest;
        loop {
            let at = if self.by_hand {
                self.last()
            } else {
                self.previous(left)
            };
            let Some(at) = at else {
                return Err(if self.is_empty() {
                    NoWay::Unrecorded
                } else {
                    NoWay::First(step(newest))
                });
            };
            let turns = turns(pasts, self, &self.lines, at.number);
            let back = Back {
                to: step(at),
                at: at.number,
                from: (!self.by_hand).then(|| step(newest)),
                turns,
            };
            // What was in vain has changed nothing, or is undone by this.
            if self.in_vain.is_some() || self.by_hand || back.changes_something() {
                return Ok(back);
            }
            left = at;
        }
    }

    /// The record that the newest rollback led to, where nothing was deployed after it and the record is known.
    fn newest_rollback(&self, pasts: &ServiceHistories<'a>) -> Option<&'a Record> {
        let own = || {
            pasts
                .values()
                .flat_map(|past| past.records.iter().copied())
                .filter(|record| record.is_own)
        };
        let newest = own()
            .filter(|record| record.intent.kind != AttemptKind::Restore)
            .max_by_key(|record| record.number)?;
        let to = newest.intent.to?;
        own().find(|record| record.number == to && is_success(record))
    }

    /// What is left to do of a rollback.
    fn gone_on(&self, pasts: &ServiceHistories<'a>, to: &'a Record) -> Result<Back<'a>, NoWay> {
        let turns = turns(pasts, self, &lines(pasts, to.number), to.number);
        let back = Back {
            to: step(to),
            at: to.number,
            from: self.current.map(step),
            turns,
        };
        if back.changes_something() {
            Ok(back)
        } else {
            Err(NoWay::Done(back.to))
        }
    }

    /// The newest success that stands, is older, and is of another commit.
    fn previous(&self, left: &Record) -> Option<&'a Record> {
        let standing = self.lines.values().flatten().copied();
        standing
            .filter(|record| {
                record.number < left.number && record.intent.commit != left.intent.commit
            })
            .max_by_key(|record| record.number)
    }

    fn last(&self) -> Option<&'a Record> {
        self.lines
            .values()
            .flatten()
            .copied()
            .max_by_key(|record| record.number)
    }

    fn is_empty(&self) -> bool {
        self.lines.values().all(Vec::is_empty)
    }
}

#[cfg(test)]
mod tests;
