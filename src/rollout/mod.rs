//! The act: deploys of the changed services in the manifest's order, as many at a time as the order allows, each followed to its end.
//!
//! [`attempt`] is one service's way, and [`preview`] that of a pull request's preview; [`follow`] watches a deploy; [`restore`] puts siblings back; [`cancel`] ends a run that is cut off.

mod attempt;
mod call;
mod cancel;
pub(crate) mod drift;
mod follow;
mod preempt;
pub(crate) mod preview;
mod queue;
mod records;
mod restore;

pub(crate) use cancel::cancelled;

use crate::context::Context;
use crate::decide::{Plan, PlannedService};
use crate::domain::{
    DeployHook, DeployId, Digest, Intent, PinnedImage, ServiceId, ServiceName, Status,
};
use crate::github::RecordWriter;
use crate::intake::inputs::{OnFailure, Wait};
use crate::render::{HookCaller, RenderWriter, ServiceFacts};
use crate::report::ServiceResult;
use crate::state::EnvironmentState;
use crate::transport::Stopwatch;
use queue::Queue;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How Render is asked for a deploy.
pub(crate) enum DeployVia {
    /// By the service's hook.
    Hook(DeployHook),
    /// By the API, with the key.
    Api(ServiceId),
}

/// What is asked for one service.
pub(crate) struct DeployRequest {
    pub(crate) via: DeployVia,
    /// The service on Render.
    pub(crate) id: ServiceId,
    pub(crate) image: PinnedImage,
    /// The digests under which Render may name the image: the index's and the platform's.
    pub(crate) wanted: Vec<Digest>,
    /// What the record is told.
    pub(crate) intent: Intent,
    /// Whether a deploy is wanted though the bytes may serve already.
    pub(crate) is_forced: bool,
    /// Whether the commit of the bytes is known: a record with a wrong one is worse than none.
    pub(crate) is_recorded: bool,
}

/// A deploy that this run has begun, or is about to: what somebody who cancels the run has to know.
#[derive(Debug, Clone)]
pub(crate) struct InFlightDeploy {
    id: ServiceId,
    wanted: Vec<Digest>,
    /// The deploys that were there before.
    known: BTreeSet<DeployId>,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Nothing has been sent.
    Preparing,
    /// A preview is being made, whose id is not known yet.
    Making,
    /// The hook is being called, or the deploy is being looked for.
    Calling,
    /// This deploy of ours is under way.
    Following(DeployId),
    /// This deploy of another run is under way.
    Adopted,
}

/// The hands that a deploy writes with, and what it goes by.
pub(crate) struct Rollout<'a> {
    pub(crate) context: &'a Context,
    pub(crate) hooks: HookCaller,
    pub(crate) writer: Option<RenderWriter>,
    pub(crate) record: Option<RecordWriter<'a>>,
    pub(crate) state: &'a EnvironmentState,
    /// What Render says of the services; empty without an API key.
    pub(crate) facts: BTreeMap<ServiceName, ServiceFacts>,
    started: Stopwatch,
    /// Whether a record could not be written, which is said once.
    forgot: Cell<bool>,
    /// The numbers of the records that this run has written.
    own: RefCell<BTreeSet<u64>>,
    /// The rollback of the environment that was begun meanwhile.
    newer_rollback: RefCell<Option<u64>>,
}

impl<'a> Rollout<'a> {
    pub(crate) fn new(
        context: &'a Context,
        state: &'a EnvironmentState,
        facts: BTreeMap<ServiceName, ServiceFacts>,
    ) -> Self {
        let request = &context.request;
        let writer = request
            .render_api_key
            .clone()
            .map(|key| RenderWriter::new(context.client.clone(), &request.render_api_url, key));
        Self {
            context,
            hooks: HookCaller::new(context.client.clone()),
            writer,
            record: context
                .history
                .github()
                .filter(|_| state.is_writable())
                .map(RecordWriter::new),
            state,
            facts,
            started: Stopwatch::start(),
            forgot: Cell::new(false),
            own: RefCell::default(),
            newer_rollback: RefCell::default(),
        }
    }

    /// Whether deploys are followed to their end.
    fn follows(&self) -> bool {
        self.context.render.is_some() && self.context.request.wait != Wait::Accepted
    }
}

/// Deploys the plan's services. A service waits for those that it comes after: one that was skipped lets it go, one that something newer
/// took the place of takes it along, one that failed keeps it from starting.
pub(crate) async fn go(
    rollout: &Rollout<'_>,
    plan: &Plan,
    requests: &BTreeMap<ServiceName, DeployRequest>,
) {
    rollout.write_index(requests).await;
    let services: Vec<ServiceName> = requests.keys().cloned().collect();
    let mut queue = Queue::new(rollout, plan, requests);
    tokio::select! {
        biased;
        () = queue.work() => {}
        () = rollout.watch(&services) => {}
    }
    let has_failed = !queue.failed.is_empty();
    drop(queue);
    if rollout.context.request.on_failure == OnFailure::RollBack
        && has_failed
        && rollout.preempted().is_none()
    {
        restore::siblings(rollout, requests).await;
    }
}

/// Without an API key nobody sees when a service is live, so those that come after it start sooner than they should.
pub(super) fn warn_of_acceptance(
    context: &Context,
    deploying: &[&PlannedService],
    open: &BTreeSet<&ServiceName>,
) {
    let waits =
        |service: &&&PlannedService| service.after.iter().any(|before| open.contains(before));
    let late: Vec<&str> = deploying
        .iter()
        .filter(waits)
        .map(|service| service.name.as_str())
        .collect();
    if context.render.is_none() && !late.is_empty() {
        let text = format!(
            "{} come after services that are accepted, not live: only with an API key is it known when a service is live",
            late.join(", ")
        );
        context.warn("Order goes by what Render accepts", &text);
    }
}

fn stopped(
    service: &ServiceName,
    status: Status,
    reason: String,
    began: Duration,
) -> ServiceResult {
    ServiceResult {
        began,
        ..ServiceResult::without_deploy(service, status, reason)
    }
}

/// Says how a service ended, and keeps it.
pub(crate) fn tell(context: &Context, ended: ServiceResult) {
    let why = match (&ended.failed, &ended.reason) {
        (Some(failed), _) => format!(": {}", failed.text),
        (None, Some(reason)) => format!(": {reason}"),
        (None, None) => String::new(),
    };
    let id = ended
        .deploy
        .as_ref()
        .map(|id| format!(" ({id})"))
        .unwrap_or_default();
    context
        .log
        .say(&format!("{}: {}{id}{why}", ended.service, ended.status));
    context.progress.borrow_mut().services.push(ended);
}
