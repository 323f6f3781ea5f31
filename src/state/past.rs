//! What a rollback goes by: what each service had, and what it leaves.

use super::{EnvironmentState, serving};
use crate::context::Context;
use decide::ledger::{DeployRecords, OnRender, ServingState};
use decide::{ServiceHistories, ServiceHistory, is_cut_off, left, left_release};
use model::{CommitSha, Digest, Record, RecordState, Release, ServiceName, When};

impl EnvironmentState {
    /// What is known of each service.
    pub(crate) fn pasts(&self) -> ServiceHistories<'_> {
        let past = |service: &ServiceName| {
            ServiceHistory::new(&self.records(service), self.on_render(service))
        };
        self.services
            .iter()
            .map(|service| (service.clone(), past(service)))
            .collect()
    }

    /// Whether the newest thing that happened here by the record is a rollback that nobody had ended when this run began.
    pub(crate) fn has_open_rollback(&self) -> bool {
        let is_live = |number| {
            self.settled
                .iter()
                .any(|(_, shown)| shown.number == number && shown.state == RecordState::Success)
        };
        is_cut_off(&self.pasts(), is_live)
    }

    /// The commit that a rollback of a service leaves.
    ///
    /// Where Render does not say what serves, our records do: what is taken to be left here is what a later run must not bring back.
    pub(crate) fn left(&self, service: &ServiceName) -> Option<CommitSha> {
        let render = match self.on_render(service) {
            OnRender::Unknown(_) => &OnRender::NoKey,
            known @ (OnRender::NoKey | OnRender::Known(_)) => known,
        };
        left(&self.own_state(service, render))
    }

    /// The commit of the highest release that any service leaves.
    pub(crate) fn left_release(&self) -> Option<CommitSha> {
        left_release(
            self.services
                .iter()
                .filter_map(|service| self.left(service)),
            &self.begun_in(&self.first),
        )
    }

    /// The commit whose bytes serve, where it is known.
    pub(crate) fn serving_commit(&self, service: &ServiceName) -> Option<CommitSha> {
        self.own_state(service, self.on_render(service))
            .commits
            .first()
            .copied()
    }

    /// Whether a rollback holds a service.
    pub(crate) fn is_held(&self, service: &ServiceName) -> bool {
        self.own_state(service, self.on_render(service))
            .hold
            .is_some()
    }

    /// Whether the branch that the environment follows is known to be on another commit.
    pub(crate) fn is_behind_its_branch(&self) -> bool {
        let follows_branch = matches!(self.environment.when, When::Branch(_));
        follows_branch && self.tip().is_some_and(|tip| tip != self.commit)
    }

    /// The tip of the branch that the environment follows, where it is known.
    pub(crate) fn tip(&self) -> Option<CommitSha> {
        self.first.tip.commit()
    }

    /// Why the record is not known.
    pub(crate) fn unknown(&self) -> Option<&str> {
        self.first.records.as_ref().err().map(String::as_str)
    }

    /// From now on the run is about this commit.
    pub(crate) fn turn_to(&mut self, commit: CommitSha, release: Option<Release>) {
        (self.commit, self.release) = (commit, release);
    }

    /// The commit of this repository that one of these digests says it was built from.
    pub(crate) async fn label(
        &self,
        context: &Context,
        service: &ServiceName,
        digests: &[Digest],
    ) -> Option<CommitSha> {
        serving::label_of(context, self, service, digests).await
    }

    fn own(&self, service: &ServiceName) -> Vec<&Record> {
        self.records(service)
            .into_iter()
            .filter(|record| record.is_own)
            .collect()
    }

    fn own_state(&self, service: &ServiceName, render: &OnRender) -> ServingState {
        let own = self.own(service);
        let records = self
            .first
            .records
            .as_ref()
            .map(|_| DeployRecords {
                records: &own,
                is_cut_off: false,
            })
            .map_err(String::as_str);
        ServingState::new(records, render, None, |digests| {
            self.labelled(service, digests)
        })
    }
}
