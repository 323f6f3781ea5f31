//! One look at what changes while a run goes on: the branch's tip or the release tags, the index, the records.

use super::EnvironmentState;
use super::records::{KnownRecords, RecordsRequest, read};
use crate::context::Context;
use decide::ledger::BranchTip;
use decide::ledger::order::ReleaseTags;
use github::Depth;
use model::{
    AttemptKind, CommitSha, Environment, Record, Release, ReleaseNumber, ServiceId, ServiceIndex,
    ServiceName, When,
};
use std::collections::{BTreeMap, BTreeSet};

/// What was there when it was looked.
pub(crate) struct Look {
    pub(super) records: KnownRecords,
    pub(super) tip: BranchTip,
    /// The release tags that stand, each with the object that it is on; empty where no release is deployed.
    pub(super) tags: Result<Vec<(Release, CommitSha)>, String>,
    /// Whether there is a record to write to.
    pub(super) is_writable: bool,
}

impl Look {
    /// Looks at some services of an environment.
    pub(super) async fn at(
        context: &Context,
        environment: &Environment,
        release: Option<&Release>,
        services: &[ServiceName],
        ids: &BTreeMap<ServiceName, ServiceId>,
        index: &ServiceIndex,
        depth: Depth,
    ) -> Self {
        let asked = RecordsRequest {
            environment: &environment.name,
            services,
            ids,
            index,
            depth,
        };
        let tags = async {
            match (&environment.when, release) {
                (When::Release { template, .. }, Some(_)) => {
                    context.clients.history.release_tags(template).await
                }
                (When::Release { .. }, None) | (When::Branch(_), _) => Ok(Vec::new()),
            }
        };
        let (answer, tags) =
            futures_util::future::join(read(context, environment, asked), tags).await;
        Self {
            records: answer.records,
            tip: answer.tip,
            tags,
            is_writable: answer.is_writable,
        }
    }

    /// Nothing: what goes by no record.
    pub(super) fn of_nothing() -> Self {
        Self {
            records: Ok(super::records::SeenRecords::default()),
            tip: BranchTip::Unknown("a preview follows no branch".into()),
            tags: Ok(Vec::new()),
            is_writable: false,
        }
    }

    /// The object that the tag of a release is on; `None` where no such tag stands.
    pub(super) fn tag_object(&self, number: ReleaseNumber) -> Option<CommitSha> {
        let tags = self.tags.as_ref().ok()?;
        tags.iter()
            .find(|(release, _)| release.number() == number)
            .map(|(_, object)| *object)
    }

    /// The numbers of the tags that stand.
    pub(super) fn numbers(&self) -> ReleaseTags {
        match &self.tags {
            Ok(tags) => Ok(tags.iter().map(|(release, _)| release.number()).collect()),
            Err(why) => Err(why.clone()),
        }
    }

    /// The records of a service that count, newest first; none where they cannot be read.
    pub(super) fn counting(&self, service: &ServiceName) -> &[Record] {
        match &self.records {
            Ok(seen) => seen
                .counting
                .get(service)
                .map_or(&[], |found| found.records.as_slice()),
            Err(_) => &[],
        }
    }

    /// As [`Look::counting`], each by reference.
    pub(crate) fn records(&self, service: &ServiceName) -> Vec<&Record> {
        self.counting(service).iter().collect()
    }

    /// The number of the newest rollback of ours that may have taken effect, `but` for these.
    pub(crate) fn newest_rollback(&self, but: &BTreeSet<u64>) -> Option<u64> {
        let Ok(seen) = &self.records else { return None };
        let is_rollback = |record: &&Record| {
            record.is_own && record.intent.kind == AttemptKind::Rollback && record.may_serve()
        };
        let records = seen.counting.values().flat_map(|found| &found.records);
        records
            .filter(is_rollback)
            .map(|record| record.number)
            .filter(|number| !but.contains(number))
            .max()
    }
}

impl EnvironmentState {
    /// Looks again at some services: between a plan and a call everything may have moved.
    pub(crate) async fn look_again(&self, context: &Context, services: &[ServiceName]) -> Look {
        let index = self.index();
        let release = self.release.as_ref();
        Look::at(
            context,
            &self.environment,
            release,
            services,
            &self.ids,
            &index,
            self.reader.depth(),
        )
        .await
    }
}
