//! What is or may become live for a service, from the records of deploys and from Render.

use super::StartedRelease;
use super::hold::{Hold, Until, hold_after_rollback};
use crate::Base;
use model::{
    CommitSha, Deploy, DeployStatus, Digest, Record, RecordState, ReleaseNumber, ServiceId,
};

/// What Render says of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnRender {
    /// There is no API key to ask with.
    NoKey,
    /// The deploy that is live and those in progress, newest first.
    Known(Vec<Deploy>),
    /// It cannot be asked, because of this.
    Unknown(String),
}

/// The records of a service that can be gone by.
#[derive(Debug, Clone, Copy)]
pub struct DeployRecords<'a> {
    /// Newest first, under every name that the service has had.
    pub records: &'a [&'a Record],
    /// Whether there are so many deployments under these names that the newest success was not reached.
    pub is_cut_off: bool,
}

/// What a push says of the commit before it, for services of which nobody but our own records says what serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushBase {
    /// The commit that the branch was on before the push.
    pub commit: CommitSha,
    /// The workflow run of the push.
    pub run: Option<u64>,
}

/// What is or may become live for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServingState {
    /// The commits whose bytes serve or may come to, what serves now first.
    pub commits: Vec<CommitSha>,
    /// Why the service counts as changed, whatever the commits are.
    pub unknown: Option<String>,
    /// Why something serves, or may come to, whose commit is not known.
    pub unidentified: Option<String>,
    /// What a rollback holds.
    pub hold: Option<Hold>,
    /// Whether what serves was seen live.
    pub is_confirmed: bool,
    /// Whether the list of records is cut off: then the order is not known.
    pub is_cut_off: bool,
}

/// The records that count for a service: those of its id on Render, under whatever name and image repository. Where the id is not known,
/// as in a plan without hooks, it is that of the newest record of our own.
#[must_use]
pub fn counting<'a>(records: &'a [Record], id: Option<&ServiceId>) -> Vec<&'a Record> {
    let newest = || {
        records
            .iter()
            .find(|record| record.is_own)
            .and_then(|record| record.intent.id.clone())
    };
    match id.cloned().or_else(newest) {
        Some(id) => records
            .iter()
            .filter(|record| record.intent.id.as_ref() == Some(&id))
            .collect(),
        None => records.iter().collect(),
    }
}

/// The commits that our own records know for one of these digests, the newest first. Several may have the same bytes.
#[must_use]
pub fn identify_all(records: &[&Record], digests: &[Digest]) -> Vec<CommitSha> {
    let mut commits = Vec::new();
    for record in records {
        let is_of = record
            .digests()
            .iter()
            .any(|digest| digests.contains(digest));
        if record.is_own && record.may_serve() && is_of && !commits.contains(&record.intent.commit)
        {
            commits.push(record.intent.commit);
        }
    }
    commits
}

/// The commit that the newest of our own records knows for one of these digests, whatever became of that attempt.
#[must_use]
pub fn identify(records: &[&Record], digests: &[Digest]) -> Option<CommitSha> {
    if let Some(commit) = identify_all(records, digests).first() {
        return Some(*commit);
    }
    let is_of = |record: &Record| {
        record
            .digests()
            .iter()
            .any(|digest| digests.contains(digest))
    };
    records
        .iter()
        .find(|record| record.is_own && is_of(record))
        .map(|record| record.intent.commit)
}

/// The record of our own that names this deploy.
#[must_use]
pub fn record_of<'a>(records: &[&'a Record], deploy: &Deploy) -> Option<&'a Record> {
    records
        .iter()
        .find(|record| record.is_own && record.deploy.as_ref() == Some(&deploy.id))
        .copied()
}

/// Whether the deploy that Render shows as live is one of ours whose record does not say so: the service did not answer with it, or was not
/// asked to the end.
#[must_use]
pub fn is_unanswered(records: &[&Record], render: &OnRender) -> bool {
    let OnRender::Known(deploys) = render else {
        return false;
    };
    let live = deploys
        .iter()
        .find(|deploy| deploy.status == DeployStatus::Live);
    let record = live.and_then(|live| record_of(records, live));
    record.is_some_and(|record| matches!(record.state, RecordState::Open | RecordState::Failure))
}

impl ServingState {
    /// Finds out what serves: with an API key Render says it, without one the records and the push do. `label` gives the commit that an image says
    /// it was built from, where that can be believed.
    #[must_use]
    pub fn new(
        records: Result<DeployRecords<'_>, &str>,
        render: &OnRender,
        before: Option<PushBase>,
        label: impl Fn(&[Digest]) -> Option<CommitSha>,
    ) -> Self {
        let known = records.map_or(&[][..], |records| records.records);
        let is_cut_off = records.is_ok_and(|records| records.is_cut_off);
        let mut state = match render {
            OnRender::NoKey => match records {
                Ok(_) => Self::by_record(known, before),
                Err(_) => Self::unidentified("the deploy history could not be read".into()),
            },
            OnRender::Unknown(why) => {
                Self::unidentified(format!("what is live is not known: {why}"))
            }
            OnRender::Known(deploys) => Self::by_render(deploys, known, label),
        };
        if is_cut_off {
            state.is_cut_off = true;
            state.unknown = Some("its list of deploys is longer than is read".into());
            return state;
        }
        state.hold = hold_after_rollback(known, render).map(|from| Hold {
            from,
            until: Until::Different,
        });
        state
    }

    /// What the event says was there before: all there is to go by without records and without an API key. What a run that failed or was
    /// evicted from a queue left is then lost.
    #[must_use]
    pub fn of_event(base: &Base) -> Self {
        match base {
            Base::Commit(commit, _) => Self {
                commits: vec![*commit],
                is_confirmed: true,
                ..Self::nothing()
            },
            Base::None(why) => Self::unidentified(why.clone()),
            Base::OfEachService => Self::unidentified("there is nothing to compare with".into()),
        }
    }

    /// As a release sees it: one with a higher number than the release that was left lifts the hold, and any other is held whatever its tree is.
    /// A hold of which no number is known goes by the tree.
    #[must_use]
    pub fn for_release(mut self, number: ReleaseNumber, begun: &[StartedRelease]) -> Self {
        let Some(hold) = &mut self.hold else {
            return self;
        };
        let left = begun
            .iter()
            .filter(|begun| begun.commit == hold.from)
            .map(|begun| begun.number)
            .max();
        match left {
            Some(left) if number > left => self.hold = None,
            Some(_) => hold.until = Until::HigherRelease,
            None => {}
        }
        self
    }

    /// As a service sees it that is asked about itself: what Render shows as live and our record does not counts as unknown.
    #[must_use]
    pub fn for_probed(mut self, records: &[&Record], render: &OnRender) -> Self {
        if self.unknown.is_none() && is_unanswered(records, render) {
            self.unknown = Some("its address has not confirmed its live deploy".into());
        }
        self
    }

    const fn nothing() -> Self {
        Self {
            commits: Vec::new(),
            unknown: None,
            unidentified: None,
            hold: None,
            is_confirmed: false,
            is_cut_off: false,
        }
    }

    fn unidentified(why: String) -> Self {
        Self {
            unknown: Some(why.clone()),
            unidentified: Some(why),
            ..Self::nothing()
        }
    }

    fn push(&mut self, commit: CommitSha) {
        if !self.commits.contains(&commit) {
            self.commits.push(commit);
        }
    }

    /// The newest success, every later attempt that nothing is known to have ended, every earlier one that may have come after it, and the
    /// commit before the push, unless this run has recorded a success itself.
    fn by_record(records: &[&Record], before: Option<PushBase>) -> Self {
        let mut state = Self::nothing();
        let newest = records
            .iter()
            .position(|record| record.is_own && record.state == RecordState::Success);
        match newest.and_then(|place| records.get(place)) {
            Some(success) => {
                state.push(success.intent.commit);
                state.is_confirmed = success.was_live;
            }
            None => state.unknown = Some("no deploy is recorded".into()),
        }
        for (place, record) in records.iter().enumerate() {
            let may_serve = match newest {
                Some(newest) if place > newest => may_have_come_after(record, records[newest]),
                Some(_) | None => record.may_serve(),
            };
            if may_serve {
                state.push(record.intent.commit);
            }
        }
        if let Some(before) = before
            && !has_succeeded(records, before.run)
        {
            state.push(before.commit);
        }
        state
    }

    /// Render's live deploy, those in progress, and every attempt newer than what brought the live bytes and that Render has not shown to have
    /// ended. What brought the live bytes is known by the deploy's id in a record; the same digest may have been deployed by several.
    fn by_render(
        deploys: &[Deploy],
        records: &[&Record],
        label: impl Fn(&[Digest]) -> Option<CommitSha>,
    ) -> Self {
        let mut state = Self {
            is_confirmed: true,
            ..Self::nothing()
        };
        let live = deploys
            .iter()
            .find(|deploy| deploy.status == DeployStatus::Live);
        if live.is_none() {
            state.unknown = Some("nothing is live on Render".into());
        }
        let in_progress = deploys.iter().filter(|deploy| deploy.status.is_in_flight());
        for deploy in live.into_iter().chain(in_progress) {
            let mut commits = match record_of(records, deploy) {
                Some(record) => vec![record.intent.commit],
                None => identify_all(records, &deploy.digests),
            };
            if commits.is_empty() {
                commits.extend(label(&deploy.digests));
            }
            if commits.is_empty() {
                let why = format!(
                    "which commit deploy {} ({}) is of is not known",
                    deploy.id, deploy.status
                );
                state.unknown = Some(why.clone());
                state.unidentified = Some(why);
            }
            commits.into_iter().for_each(|commit| state.push(commit));
        }
        let brought = live.and_then(|live| record_of(records, live));
        for record in records {
            let is_newer = brought.is_none_or(|brought| record.number > brought.number);
            if is_newer && may_still_come(record) {
                state.push(record.intent.commit);
            }
        }
        state
    }
}

/// Whether an attempt is one that Render has not shown to have ended: it is open, or it was accepted and nobody saw it live.
#[must_use]
pub fn may_still_come(record: &Record) -> bool {
    match record.state {
        RecordState::Open => true,
        RecordState::Success => !record.was_live,
        RecordState::Failure | RecordState::Error | RecordState::Replaced => false,
    }
}

/// Whether an attempt that was begun before the newest success may have taken its place. GitHub's times tell seconds apart, no less: the same
/// second counts as after, and so does a time that is not known.
fn may_have_come_after(earlier: &Record, success: &Record) -> bool {
    match earlier.state {
        RecordState::Open => true,
        RecordState::Success => match (earlier.ended, success.began) {
            (Some(ended), Some(began)) => ended >= began,
            (None, _) | (_, None) => true,
        },
        RecordState::Failure | RecordState::Error | RecordState::Replaced => false,
    }
}

fn has_succeeded(records: &[&Record], run: Option<u64>) -> bool {
    run.is_some()
        && records.iter().any(|record| {
            record.is_own && record.state == RecordState::Success && record.run == run
        })
}
