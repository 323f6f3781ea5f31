//! What a rollback goes by: what each service had, and what it leaves.

use super::{Ledger, serving};
use crate::command::scene::Scene;
use crate::decide::{OnRender, Past, Pasts, Standing};
use crate::domain::{CommitSha, Digest, Kind, Record, RecordState, Release, ServiceName};

impl Ledger {
    /// What is known of each service. Of records only our own: any job can write one.
    pub(crate) fn pasts(&self) -> Pasts<'_> {
        let past = |service: &ServiceName| Past { records: self.own(service), serving: self.bytes(service) };
        self.services.iter().map(|service| (service.clone(), past(service))).collect()
    }

    /// Whether the newest thing that happened here by the record is a rollback that nobody had ended when this run began.
    pub(crate) fn has_open_rollback(&self) -> bool {
        let own = self.services.iter().flat_map(|service| self.own(service));
        let Some(newest) = own.max_by_key(|record| record.number) else { return false };
        let was_open = newest.state == RecordState::Open
            || self.settled.iter().any(|(_, number, state)| *number == newest.number && *state == RecordState::Success);
        newest.intent.kind == Kind::Rollback && was_open
    }

    /// The commit that a rollback of a service leaves, and that is not to come back by itself: that of a rollback which stands already, else of
    /// what comes, else of what serves.
    pub(crate) fn left(&self, service: &ServiceName) -> Option<CommitSha> {
        let standing = self.standing_as_it_is(service);
        let serving = standing.commits.get(1).or(standing.commits.first()).copied();
        standing.hold.map(|hold| hold.from).or(serving)
    }

    /// The commit of the highest release that any service leaves: all of them are to be held until a higher one, whichever release theirs
    /// had come with.
    pub(crate) fn left_release(&self) -> Option<CommitSha> {
        let begun = self.begun_in(&self.records);
        let left = self.services.iter().filter_map(|service| self.left(service));
        let numbers = left.flat_map(|left| begun.iter().filter(move |begun| begun.commit == left));
        numbers.max_by_key(|begun| begun.number).map(|begun| begun.commit)
    }

    /// The commit whose bytes serve, where it is known.
    pub(crate) fn serving_commit(&self, service: &ServiceName) -> Option<CommitSha> {
        self.standing_as_it_is(service).commits.first().copied()
    }

    /// Whether a rollback holds a service.
    pub(crate) fn is_held(&self, service: &ServiceName) -> bool {
        self.standing_as_it_is(service).hold.is_some()
    }

    /// The tip of the branch that the environment follows, where it is known.
    pub(crate) fn tip(&self) -> Option<CommitSha> {
        self.tip.as_ref().ok().copied()
    }

    /// Why the record is not known.
    pub(crate) fn unknown(&self) -> Option<&str> {
        self.records.as_ref().err().map(String::as_str)
    }

    /// From now on the run is about this commit.
    pub(crate) fn turn_to(&mut self, commit: CommitSha, release: Option<Release>) {
        (self.commit, self.release) = (commit, release);
    }

    /// The commit of this repository that one of these digests says it was built from.
    pub(crate) async fn label(&self, scene: &Scene, service: &ServiceName, digests: &[Digest]) -> Option<CommitSha> {
        serving::label_of(scene, self.repositories.get(service)?, digests).await
    }

    fn own(&self, service: &ServiceName) -> Vec<&Record> {
        self.records(service).into_iter().filter(|record| record.is_own).collect()
    }

    fn standing_as_it_is(&self, service: &ServiceName) -> Standing {
        let own = self.own(service);
        let records = self.records.as_ref().map(|_| own.as_slice()).map_err(String::as_str);
        Standing::new(records, self.on_render(service), |digests| self.labelled(digests))
    }

    /// The bytes that serve or may come to. What another wrote down may be true, so after it nothing is known.
    fn bytes(&self, service: &ServiceName) -> Option<Vec<Vec<Digest>>> {
        let deploys = match self.on_render(service) {
            OnRender::Known(deploys) => deploys,
            OnRender::NoKey => return self.bytes_by_record(service),
            OnRender::Unknown(_) => return None,
        };
        let is_told = deploys.iter().all(|deploy| !deploy.digests.is_empty());
        is_told.then(|| deploys.iter().map(|deploy| deploy.digests.clone()).collect())
    }

    fn bytes_by_record(&self, service: &ServiceName) -> Option<Vec<Vec<Digest>>> {
        let mut bytes = Vec::new();
        let may_serve = |record: &&Record| matches!(record.state, RecordState::Success | RecordState::Open);
        for record in self.records(service).into_iter().filter(may_serve) {
            if !record.is_own {
                return None;
            }
            bytes.push(vec![record.intent.image.digest.clone(), record.intent.platform.clone()]);
            if record.state == RecordState::Success {
                return Some(bytes);
            }
        }
        None
    }
}
