//! Deploys of the changed services in the manifest's order, as many at a time as the order allows, each followed to its end.
//!
//! [`attempt`] is one service's deploy, and [`preview`] that of a pull request's preview. [`follow`] watches a deploy. [`restore`] puts
//! siblings back. [`cancel`] ends a run that is cut off.

mod attempt;
mod cancel;
pub(crate) mod drift;
mod follow;
pub(crate) mod preview;
mod restore;
mod schedule;

pub(crate) use cancel::cancelled;

use crate::context::{Context, RenderWriters, Writers};
use crate::decide::{Plan, PlannedService};
use crate::domain::{
    DeployHook, Digest, Intent, PinnedImage, RecordState, ServiceId, ServiceName, Status,
};
use crate::github::{self, Ending, RecordWriter};
use crate::intake::inputs::{OnFailure, Wait};
use crate::render::{RenderWriter, ServiceFacts};
use crate::report::ServiceResult;
use crate::state::EnvironmentState;
use attempt::Attempt;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_client::Stopwatch;
use schedule::{Schedule, Turn};
use std::cell::Cell;
use std::collections::BTreeMap;

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
        }
    }

    /// Ends the records that earlier runs of ours left open and of which Render says the end.
    pub(crate) async fn close_settled(&self) {
        let Some(records) = &self.records else {
            return;
        };
        for (service, number, state) in self.state.settled() {
            let how = if *state == RecordState::Success {
                github::Ended::Live
            } else {
                github::Ended::Failed
            };
            let ending = Ending {
                how,
                description: "seen by a later run".to_owned(),
                environment_url: None,
                log_url: self.context.run_url(),
            };
            if let Err(error) = records.end(*number, &ending).await {
                self.context
                    .log
                    .say(&format!("{service}: an earlier record stays open: {error}"));
            }
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
/// One that something newer took the place of takes it along. One that failed keeps it from starting.
pub(crate) async fn run(
    rollout: &Rollout<'_>,
    plan: &Plan,
    requests: &BTreeMap<ServiceName, DeployRequest>,
) -> Vec<ServiceResult> {
    let context = rollout.context;
    let mut schedule = Schedule::new(plan, |name| requests.contains_key(name));
    warn_of_acceptance(context, &schedule.late());
    let mut results = Vec::new();
    let mut running = FuturesUnordered::new();
    loop {
        for (service, turn) in schedule.turns() {
            let name = &service.name;
            let (status, reason) = match turn {
                Turn::Start => {
                    if let Some(request) = requests.get(name) {
                        running.push(attempt(rollout, service, request));
                    }
                    continue;
                }
                Turn::NotStarted(before) => (
                    Status::NotStarted,
                    format!("not started, because {before} was not deployed"),
                ),
                Turn::Superseded(before) => (
                    Status::Superseded,
                    format!("superseded with {before}, which it comes after"),
                ),
            };
            let result = ServiceResult {
                began: rollout.started.elapsed(),
                ..ServiceResult::without_deploy(name, status, reason)
            };
            say_result(context, &result);
            results.push(result);
        }
        let Some((service, result)) = running.next().await else {
            if schedule.is_done() {
                break;
            }
            continue;
        };
        schedule.ended(service, result.status);
        say_result(context, &result);
        results.push(result);
    }
    drop(running);
    if context.request.on_failure == OnFailure::RollBack && schedule.has_failed() {
        restore::siblings(rollout, requests, &mut results).await;
    }
    results
}

async fn attempt<'p>(
    rollout: &Rollout<'_>,
    service: &'p PlannedService,
    request: &DeployRequest,
) -> (&'p PlannedService, ServiceResult) {
    let attempt = Attempt::new(rollout, &service.name, request);
    (service, attempt.run().await)
}

/// Without an API key nobody sees when a service is live, so those that come after it start sooner than they should.
fn warn_of_acceptance(context: &Context, late: &[&str]) {
    if context.clients.render.is_none() && !late.is_empty() {
        let text = format!(
            "{} come after services that are accepted, not live: only with an API key is it known when a service is live",
            late.join(", ")
        );
        context.warn("Order goes by what Render accepts", &text);
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
