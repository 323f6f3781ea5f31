//! Deploys of the changed services in the manifest's order, as many at a time as the order allows, each followed to its end.
//!
//! [`attempt`] is one service's deploy, and [`preview`] that of a pull request's preview. [`call`] asks Render for it. [`follow`] watches a
//! deploy. [`probe`] asks the service itself. [`records`] writes what is remembered. [`preempt`] gives way to a rollback. [`restore`] puts siblings back. [`cancel`] ends a run
//! that is cut off.

mod attempt;
mod call;
mod cancel;
pub(crate) mod carried;
pub(crate) mod drift;
mod follow;
mod preempt;
pub(crate) mod preview;
mod probe;
mod records;
mod restore;
mod schedule;

pub(crate) use cancel::cancelled;

use crate::context::{Context, RenderWriters, Writers};
use crate::probe::ProbeRequest;
use crate::state::EnvironmentState;
use attempt::{Attempt, StartedAttempt};
use decide::{Plan, PlannedService};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use github::RecordWriter;
use http_client::Stopwatch;
use model::{AttemptKind, DeployHook, Digest, Intent, PinnedImage, ServiceId, ServiceName, Status};
use parse::inputs::{OnFailure, Wait};
use render::{RenderWriter, ServiceFacts};
use report::ServiceResult;
use schedule::{Schedule, ScheduleStep};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How Render is asked for a deploy.
pub(crate) enum DeployVia {
    /// By the service's hook.
    Hook(DeployHook),
    /// By the API, with the key.
    Api(ServiceId),
}

impl DeployVia {
    /// The hook, else the id with the key. `None` where there is neither. Also says which service on Render it is.
    pub(crate) fn choose(
        hook: Option<DeployHook>,
        id: Option<&ServiceId>,
        has_key: bool,
    ) -> Option<(Self, ServiceId)> {
        match (hook, id) {
            (Some(hook), id) => {
                let id = id.unwrap_or_else(|| hook.service()).clone();
                Some((Self::Hook(hook), id))
            }
            (None, Some(id)) if has_key => Some((Self::Api(id.clone()), id.clone())),
            (None, _) => None,
        }
    }
}

/// What is asked for one service.
pub(crate) struct DeployRequest {
    pub(crate) via: DeployVia,
    /// The service on Render.
    pub(crate) id: ServiceId,
    pub(crate) image: PinnedImage,
    /// The digests under which Render may name the image: the index's and the platform's.
    pub(crate) wanted: Vec<Digest>,
    /// What is recorded of it.
    pub(crate) intent: Intent,
    /// Whether a deploy is wanted though the bytes may serve already.
    pub(crate) is_forced: bool,
    /// Whether the commit of the bytes is known: a record with a wrong one is worse than none.
    pub(crate) is_recorded: bool,
    /// What the service is asked once Render has deployed it.
    pub(crate) probe: Option<ProbeRequest>,
}

/// What the deploys of one environment have in common.
pub(crate) struct Rollout<'a> {
    pub(crate) context: &'a Context,
    writers: &'a Writers<'a>,
    /// For the records, where they are written.
    records: Option<RecordWriter<'a>>,
    pub(crate) state: &'a EnvironmentState,
    /// What Render says of the services; empty without an API key.
    pub(crate) facts: BTreeMap<ServiceName, ServiceFacts>,
    started: Stopwatch,
    /// Whether a record could not be written, which is said once.
    is_warned: Cell<bool>,
    /// The numbers of the records that this run has written.
    own: RefCell<BTreeSet<u64>>,
    /// The rollback of the environment that was begun meanwhile.
    newer_rollback: Cell<Option<u64>>,
}

impl<'a> Rollout<'a> {
    pub(crate) fn new(
        context: &'a Context,
        writers: &'a Writers<'a>,
        state: &'a EnvironmentState,
        facts: BTreeMap<ServiceName, ServiceFacts>,
    ) -> Self {
        let records = match &writers.github {
            Some(github) if state.is_writable() => Some(github.records),
            Some(_) | None => None,
        };
        Self {
            context,
            writers,
            records,
            state,
            facts,
            started: Stopwatch::start(),
            is_warned: Cell::new(false),
            own: RefCell::default(),
            newer_rollback: Cell::new(None),
        }
    }

    /// The client that deploys by Render's API, where there is a key for it.
    fn render_writer(&self) -> Option<&RenderWriter> {
        self.writers
            .render
            .as_ref()
            .map(|RenderWriters { deploys, .. }| deploys)
    }

    /// Whether deploys are followed to their end.
    fn follows(&self) -> bool {
        self.context.clients.render.is_some() && self.context.request.wait != Wait::Accepted
    }
}

/// Deploys the plan's services, and says how each ended. A service waits for those that it comes after. One that was skipped lets it go.
/// One that something newer took the place of takes it along. One that failed keeps it from starting. Once a rollback was begun, nothing more
/// is started.
pub(crate) async fn run(
    rollout: &Rollout<'_>,
    plan: &Plan,
    requests: &BTreeMap<ServiceName, DeployRequest>,
) -> Vec<ServiceResult> {
    let context = rollout.context;
    rollout.write_index(requests).await;
    let services: Vec<ServiceName> = requests.keys().cloned().collect();
    let mut schedule = Schedule::new(plan, |name| requests.contains_key(name));
    let is_unseen = |name: &ServiceName| {
        let probe = requests
            .get(name)
            .and_then(|request| request.probe.as_ref());
        probe.is_none()
    };
    warn_of_acceptance(context, &schedule.late(is_unseen));
    let mut results = Vec::new();
    tokio::select! {
        biased;
        () = deploy_all(rollout, requests, &mut schedule, &mut results) => {}
        () = rollout.watch(&services) => {}
    }
    let is_restored = context.request.on_failure == OnFailure::RollBack
        && schedule.has_failed()
        && rollout.preempted().is_none();
    if is_restored {
        restore::siblings(rollout, requests, &mut results).await;
    }
    results
}

/// What a future of a rollout comes to.
enum RolloutStep<'a> {
    /// These have their records, and were looked at.
    Begun(Vec<(&'a PlannedService, Attempt<'a>, StartedAttempt)>),
    /// This one has ended.
    Ended(&'a PlannedService, Box<ServiceResult>),
}

async fn deploy_all<'a>(
    rollout: &'a Rollout<'a>,
    requests: &'a BTreeMap<ServiceName, DeployRequest>,
    schedule: &mut Schedule<'a>,
    results: &mut Vec<ServiceResult>,
) {
    let context = rollout.context;
    let mut running: FuturesUnordered<LocalBoxFuture<'a, RolloutStep<'a>>> =
        FuturesUnordered::new();
    loop {
        let mut ready = Vec::new();
        for (service, turn) in schedule.turns(rollout.preempted().is_some()) {
            let name = &service.name;
            let (status, reason) = match turn {
                ScheduleStep::Start => {
                    if let Some(request) = requests.get(name) {
                        ready.push((service, Attempt::new(rollout, name, request)));
                    }
                    continue;
                }
                ScheduleStep::NotStarted(before) => (
                    Status::NotStarted,
                    format!("not started: it comes after {before}, which was not deployed"),
                ),
                ScheduleStep::Superseded(before) => (
                    Status::Superseded,
                    format!("superseded: it comes after {before}, which was superseded"),
                ),
                ScheduleStep::Preempted => {
                    (Status::Superseded, rollout.preempted().unwrap_or_default())
                }
            };
            let result = ServiceResult {
                began: rollout.started.elapsed(),
                ..ServiceResult::without_deploy(name, status, reason)
            };
            say_result(context, &result);
            results.push(result);
        }
        if !ready.is_empty() {
            running.push(Box::pin(begin(rollout, ready)));
        }
        match running.next().await {
            Some(RolloutStep::Begun(attempts)) => {
                for (service, attempt, begun) in attempts {
                    let run = async move {
                        RolloutStep::Ended(service, Box::new(attempt.run(begun).await))
                    };
                    running.push(Box::pin(run));
                }
            }
            Some(RolloutStep::Ended(service, result)) => {
                let result = *result;
                schedule.ended(service, result.status);
                say_result(context, &result);
                results.push(result);
            }
            None if schedule.is_done() => return,
            None => {}
        }
    }
}

/// Writes the records of services that start together, and looks at them all after that: of two runs at once at least the older one then sees
/// the other's record.
async fn begin<'a>(
    rollout: &'a Rollout<'a>,
    attempts: Vec<(&'a PlannedService, Attempt<'a>)>,
) -> RolloutStep<'a> {
    let records = attempts.iter().map(|(_, attempt)| attempt.begin());
    let records = futures_util::future::join_all(records).await;
    let is_deploy = attempts
        .iter()
        .any(|(_, attempt)| attempt.request.intent.kind == AttemptKind::Deploy);
    let names: Vec<ServiceName> = attempts
        .iter()
        .map(|(service, _)| service.name.clone())
        .collect();
    let look = if is_deploy {
        let look = rollout.state.look_again(rollout.context, &names).await;
        Some(Rc::new(look))
    } else {
        None
    };
    let begun = records.into_iter().map(|record| StartedAttempt {
        record,
        look: look.clone(),
    });
    let all = attempts.into_iter().zip(begun);
    RolloutStep::Begun(
        all.map(|((service, attempt), begun)| (service, attempt, begun))
            .collect(),
    )
}

/// Without an API key nobody sees when a service is live, so those that come after it start sooner than they should.
fn warn_of_acceptance(context: &Context, late: &[&str]) {
    if context.clients.render.is_none() && !late.is_empty() {
        let text = format!(
            "{} come after services that Render only accepted: without an API key or a probe it is not known when a service is live",
            late.join(", ")
        );
        context.warn("Services are ordered by acceptance", &text);
    }
}

/// Says what a service would be asked, in a dry run.
pub(crate) fn say_probe(context: &Context, service: &ServiceName, request: Option<&DeployRequest>) {
    if let Some(probe) = request.and_then(|request| request.probe.as_ref()) {
        context.log.say(&format!(
            "{service}: would then ask {} for {}, {} times in a row",
            probe.address(),
            probe.expected(),
            probe.times()
        ));
    }
}

/// Says how a service ended, and keeps it for the report.
pub(crate) fn say_result(context: &Context, result: &ServiceResult) {
    let why = match (&result.failed, &result.reason) {
        (Some(failed), _) => format!(": {}", failed.text),
        (None, Some(reason)) => format!(": {reason}"),
        (None, None) => String::new(),
    };
    let id = match &result.deploy {
        Some(id) => format!(" ({id})"),
        None => String::new(),
    };
    context
        .log
        .say(&format!("{}: {}{id}{why}", result.service, result.status));
    context.progress.ended(result);
}
