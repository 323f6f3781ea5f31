//! Services that can be asked about themselves: which these are, and whether they confirm an attempt of ours that nobody has seen the end of.

use super::EnvironmentState;
use crate::context::Context;
use crate::decide::ledger::is_unanswered;
use crate::domain::{
    EnvironmentName, Probe, ProbeAddress, Record, RecordState, Service, ServiceName,
};
use crate::probe::{self, ProbeRequest};
use std::collections::BTreeMap;

/// An open attempt of ours whose bytes the service itself names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) service: ServiceName,
    /// The number of its record.
    pub(crate) number: u64,
    /// The older open records of ours: what they began cannot come after it.
    pub(crate) older: Vec<u64>,
}

/// The probes of an environment, unless `wait` says that none is asked.
pub(super) fn of(
    context: &Context,
    services: &[&Service],
    environment: &EnvironmentName,
) -> BTreeMap<ServiceName, (Probe, ProbeAddress)> {
    let wait = context.request.wait;
    let found = services.iter().filter_map(|service| {
        let (probe, address) = probe::wanted(wait, service, environment)?;
        Some((service.name.clone(), (probe.clone(), address.clone())))
    });
    found.collect()
}

impl EnvironmentState {
    /// Whether a service with a probe has not confirmed the deploy of ours that Render shows as live: it is asked again, whatever else is so.
    pub(crate) fn is_unanswered(&self, service: &ServiceName) -> bool {
        self.probed.contains_key(service)
            && is_unanswered(&self.records(service), self.on_render(service))
    }

    /// Open attempts of ours that the services themselves have confirmed.
    pub(crate) fn confirmed(&self) -> &[Confirmed] {
        &self.confirmed
    }

    /// Asks the services whose newest attempt of ours is open whether they run it. Without an API key nobody else can tell.
    pub(super) async fn confirm_open(&mut self, context: &Context) {
        let asked = self
            .probed
            .iter()
            .filter_map(|(service, (probe, address))| {
                let record = self.newest_own(service)?;
                let commit = record.intent.image_commit.as_ref();
                let request =
                    ProbeRequest::new(probe, address.clone(), commit, &record.digests()).ok()?;
                (record.state == RecordState::Open).then_some((
                    service.clone(),
                    record.number,
                    request,
                ))
            });
        let asked: Vec<_> = asked.collect();
        let answers = asked.iter().map(|(service, number, request)| async move {
            let is_right = request.is_right_now(&context.clients.probes).await;
            (service, *number, is_right)
        });
        for (service, number, is_right) in futures_util::future::join_all(answers).await {
            if is_right {
                context.log.say(&format!(
                    "{service}: its address answers with the commit of record {number}, so that deploy is live."
                ));
                self.confirm(service, number);
            }
        }
    }

    fn newest_own(&self, service: &ServiceName) -> Option<&Record> {
        self.first
            .counting(service)
            .iter()
            .find(|record| record.is_own)
    }

    /// Takes an attempt as live, and the older open ones as replaced by it.
    fn confirm(&mut self, service: &ServiceName, number: u64) {
        let Ok(seen) = &mut self.first.records else {
            return;
        };
        let Some(found) = seen.counting.get_mut(service) else {
            return;
        };
        let mut older = Vec::new();
        for record in found.records.iter_mut().filter(|record| record.is_own) {
            if record.number == number {
                (record.state, record.was_live) = (RecordState::Success, true);
            } else if record.state == RecordState::Open && record.number < number {
                record.state = RecordState::Replaced;
                older.push(record.number);
            }
        }
        let service = service.clone();
        self.confirmed.push(Confirmed {
            service,
            number,
            older,
        });
    }
}
