//! What a service serves now, for `status`: by Render's word, by the record, by what it answers itself.

use super::{EnvironmentState, serving};
use crate::context::Context;
use crate::probe::ProbeRequest;
use decide::ProbeVerdict;
use decide::ledger::{Need, OnRender, is_unanswered, record_of};
use http_client::within;
use model::{
    CommitSha, Deploy, DeployId, DeployStatus, Digest, ImageTag, Record, RecordState, ServiceId,
    ServiceName,
};
use std::time::Duration;

/// How long a service may take to answer what it runs.
const ONE_ANSWER: Duration = Duration::from_secs(15);

/// What a service serves.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServedNow {
    pub(crate) commit: Option<CommitSha>,
    pub(crate) release: Option<ImageTag>,
    /// The digest that it was deployed by, or that Render names.
    pub(crate) digest: Option<Digest>,
    /// Since when, in seconds since 1970.
    pub(crate) since: Option<i64>,
    /// Whether Render or the service itself says so.
    pub(crate) confirmed: Option<bool>,
    pub(crate) is_deploying: bool,
    pub(crate) is_drifting: bool,
    pub(crate) is_held: bool,
    /// Whether it is equal to the commit that it is compared with.
    pub(crate) is_equal: Option<bool>,
    /// Where it is asked what it runs.
    pub(crate) url: Option<String>,
    /// Why it stands as it does, where there is more to say.
    pub(crate) why: String,
    /// Its newest attempt, if Render ended that.
    pub(crate) failed: Option<(ServiceId, DeployId)>,
}

impl EnvironmentState {
    /// What a service serves, and how that compares with the commit of this state.
    pub(crate) async fn standing(&self, context: &Context, service: &ServiceName) -> ServedNow {
        let records = self.records(service);
        let mut standing = match self.on_render(service) {
            OnRender::Unknown(why) => ServedNow::unknown(format!("Render does not say: {why}")),
            OnRender::NoKey => self.by_record(service, &records),
            OnRender::Known(deploys) => self.by_render(context, service, &records, deploys).await,
        };
        standing.failed = self.failed(service, &records);
        if standing.commit.is_some() {
            let state = self.serving_state(&self.first, service, self.on_render(service));
            match self.need(context, service, &state).await {
                Need::Held(_) => standing.is_held = true,
                Need::Has { .. } => standing.is_equal = Some(true),
                Need::Differs(..) => standing.is_equal = Some(false),
                Need::Unknown(_) => {}
            }
        }
        self.ask_itself(context, service, &records, &mut standing)
            .await;
        standing
    }

    fn by_record(&self, service: &ServiceName, records: &[&Record]) -> ServedNow {
        let seen = match &self.first.records {
            Ok(seen) => seen,
            Err(why) => return ServedNow::unknown(format!("the record cannot be read: {why}")),
        };
        let found = seen.counting.get(service);
        if found.is_some_and(|found| found.is_cut_off) {
            return ServedNow::unknown("its list of deploys is longer than is read".into());
        }
        let mut own = records.iter().filter(|record| record.is_own);
        let newest = own.clone().find(|record| record.may_serve());
        let Some(record) = own.find(|record| record.state == RecordState::Success) else {
            let is_deploying = newest.is_some();
            let why = if is_deploying {
                "its first deploy is not known to have ended"
            } else {
                "no deploy is recorded"
            };
            return ServedNow::unknown(why.into());
        };
        let is_deploying = newest.is_some_and(|newest| newest.number != record.number);
        let why = if is_deploying {
            "a later deploy is not known to have ended".to_owned()
        } else if record.was_live {
            String::new()
        } else {
            "Render accepted it, and it was never seen live".to_owned()
        };
        ServedNow {
            confirmed: Some(record.was_live),
            is_deploying,
            why,
            ..ServedNow::of_record(record)
        }
    }

    async fn by_render(
        &self,
        context: &Context,
        service: &ServiceName,
        records: &[&Record],
        deploys: &[Deploy],
    ) -> ServedNow {
        let in_flight = deploys.iter().find(|deploy| deploy.status.is_in_flight());
        let live = deploys
            .iter()
            .find(|deploy| deploy.status == DeployStatus::Live);
        let Some(live) = live else {
            return ServedNow::unknown("nothing is live on Render".into());
        };
        let is_of = |record: &&&Record| record.is_own && live.is_of(&record.digests());
        let record = record_of(records, live).or_else(|| records.iter().find(is_of).copied());
        let mut standing = match record {
            Some(record) => ServedNow::of_record(record),
            None => ServedNow {
                commit: serving::label_of(context, self, service, &live.digests).await,
                digest: live.digests.first().cloned(),
                ..ServedNow::default()
            },
        };
        standing.is_deploying = in_flight.is_some();
        standing.confirmed = Some(!is_unanswered(records, self.on_render(service)));
        if let Some(deploy) = in_flight {
            standing.why = format!("{} is {}", deploy.id, deploy.status);
        }
        if self.is_recorded() && (record.is_none() || live.by_rollback) {
            standing.is_drifting = true;
            standing.why = if live.by_rollback {
                format!("{} was rolled back to in the dashboard", live.id)
            } else {
                format!("no record of ours knows the image of {}", live.id)
            };
        }
        if standing.commit.is_none() {
            standing.why = format!("which commit {} is of is not known", live.id);
        }
        standing
    }

    /// The newest attempt, if it failed on Render.
    fn failed(&self, service: &ServiceName, records: &[&Record]) -> Option<(ServiceId, DeployId)> {
        let newest = records.iter().find(|record| record.is_own)?;
        if newest.state != RecordState::Failure {
            return None;
        }
        Some((self.id(service)?.clone(), newest.deploy.clone()?))
    }

    /// Asks a service with a probe once what it runs.
    async fn ask_itself(
        &self,
        context: &Context,
        service: &ServiceName,
        records: &[&Record],
        standing: &mut ServedNow,
    ) {
        let Some((probe, address)) = self.probed.get(service) else {
            return;
        };
        standing.url = Some(address.to_string());
        let Some(commit) = standing.commit else {
            return;
        };
        let of_commit = |record: &&&Record| {
            record.is_own && record.may_serve() && record.intent.commit == commit
        };
        let Some(record) = records.iter().find(of_commit) else {
            return;
        };
        let image_commit = record.intent.image_commit.as_ref();
        let request = ProbeRequest::new(probe, address.clone(), image_commit, &record.digests());
        let Ok(request) = request else {
            return;
        };
        if !request.names_the_image() {
            return;
        }
        let answer = within(ONE_ANSWER, request.ask(&context.clients.probes, false)).await;
        match answer {
            Some(Ok((ProbeVerdict::Right, _))) => standing.confirmed = Some(true),
            Some(Ok((ProbeVerdict::Other, _))) => {
                let was_live = standing.confirmed == Some(true);
                standing.confirmed = Some(false);
                standing.is_drifting |= was_live && !standing.is_deploying;
                standing.why = format!("its address does not answer {}", request.expected());
            }
            Some(Ok((said, _))) => standing.why = format!("its own address gave {}", said.told()),
            Some(Err(error)) => standing.why = format!("its address gave no answer: {error}"),
            None => standing.why = "its address gave no answer in time".into(),
        }
    }
}

impl ServedNow {
    fn unknown(why: String) -> Self {
        Self {
            why,
            ..Self::default()
        }
    }

    fn of_record(record: &Record) -> Self {
        Self {
            commit: Some(record.intent.commit),
            release: record.intent.release.clone(),
            digest: Some(record.intent.image.digest.clone()),
            since: record.ended,
            ..Self::default()
        }
    }
}
