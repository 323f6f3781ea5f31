//! The act: deploys of the changed services in the manifest's order, as many at a time as the order allows, each followed to its end.
//!
//! [`attempt`] is one service's way, and [`preview`] that of a pull request's preview; [`follow`] watches a deploy; [`restore`] puts siblings back; [`cancel`] ends a run that is cut off.

mod attempt;
mod cancel;
mod follow;
pub(crate) mod preview;
mod restore;

pub(crate) use cancel::cancelled;

use super::ledger::Ledger;
use super::scene::Scene;
use crate::decide::{Plan, PlannedService};
use crate::domain::{
    DeployHook, DeployId, Digest, Intent, PinnedImage, RecordState, ServiceId, ServiceName, Status,
};
use crate::github::{self, Ending, RecordWriter};
use crate::intake::inputs::{OnFailure, Wait};
use crate::render::{HookCaller, RenderWriter, ServiceFacts};
use crate::report::Ended;
use attempt::Attempt;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_client::Stopwatch;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How Render is asked for a deploy.
pub(crate) enum Door {
    /// By the service's hook.
    Hook(DeployHook),
    /// By the API, with the key.
    Api(ServiceId),
}

/// What is asked for one service.
pub(crate) struct Call {
    pub(crate) door: Door,
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
pub(crate) struct Flight {
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
pub(crate) struct Hands<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) hooks: HookCaller,
    pub(crate) writer: Option<RenderWriter>,
    pub(crate) record: Option<RecordWriter<'a>>,
    pub(crate) ledger: &'a Ledger,
    /// What Render says of the services; empty without an API key.
    pub(crate) facts: BTreeMap<ServiceName, ServiceFacts>,
    started: Stopwatch,
    /// Whether a record could not be written, which is said once.
    forgot: Cell<bool>,
}

impl<'a> Hands<'a> {
    pub(crate) fn new(
        scene: &'a Scene,
        ledger: &'a Ledger,
        facts: BTreeMap<ServiceName, ServiceFacts>,
    ) -> Self {
        let request = &scene.request;
        let writer = request
            .render_api_key
            .clone()
            .map(|key| RenderWriter::new(scene.client.clone(), &request.render_api_url, key));
        Self {
            scene,
            hooks: HookCaller::new(scene.client.clone()),
            writer,
            record: scene
                .history
                .github()
                .filter(|_| ledger.is_writable())
                .map(RecordWriter::new),
            ledger,
            facts,
            started: Stopwatch::start(),
            forgot: Cell::new(false),
        }
    }

    /// Ends the records that earlier runs of ours left open and of which Render says the end.
    pub(crate) async fn close_settled(&self) {
        let Some(record) = &self.record else { return };
        for (service, number, state) in self.ledger.settled() {
            let how = if *state == RecordState::Success {
                github::Ended::Live
            } else {
                github::Ended::Failed
            };
            let description = "seen by a later run".to_owned();
            let ending = Ending {
                how,
                description,
                environment_url: None,
                log_url: self.scene.run_url(),
            };
            if let Err(error) = record.end(*number, &ending).await {
                self.scene
                    .log
                    .say(&format!("{service}: an earlier record stays open: {error}"));
            }
        }
    }

    /// Whether deploys are followed to their end.
    fn follows(&self) -> bool {
        self.scene.render.is_some() && self.scene.request.wait != Wait::Accepted
    }
}

/// Deploys the plan's services. A service waits for those that it comes after: one that was skipped lets it go, one that something newer
/// took the place of takes it along, one that failed keeps it from starting.
pub(crate) async fn go(hands: &Hands<'_>, plan: &Plan, calls: &BTreeMap<ServiceName, Call>) {
    let scene = hands.scene;
    let mut waiting: Vec<&PlannedService> = plan
        .to_deploy()
        .filter(|service| calls.contains_key(&service.name))
        .collect();
    let mut open: BTreeSet<&ServiceName> = waiting.iter().map(|service| &service.name).collect();
    warn_of_acceptance(scene, &waiting, &open);
    let is_superseded = |service: &&PlannedService| service.why.status() == Status::Superseded;
    let mut superseded: BTreeSet<&ServiceName> = plan
        .services
        .iter()
        .filter(is_superseded)
        .map(|service| &service.name)
        .collect();
    let mut failed: BTreeSet<&ServiceName> = BTreeSet::new();
    let mut running = FuturesUnordered::new();
    loop {
        let mut rest = Vec::new();
        for service in waiting {
            let name = &service.name;
            if let Some(before) = service.after.iter().find(|before| failed.contains(before)) {
                open.remove(name);
                failed.insert(name);
                let reason = format!("not started, because {before} was not deployed");
                tell(
                    scene,
                    stopped(name, Status::NotStarted, reason, hands.started.elapsed()),
                );
            } else if service.after.iter().any(|before| open.contains(before)) {
                rest.push(service);
            } else if let Some(before) = service
                .after
                .iter()
                .find(|before| superseded.contains(before))
            {
                open.remove(name);
                superseded.insert(name);
                let reason = format!("superseded with {before}, which it comes after");
                tell(
                    scene,
                    stopped(name, Status::Superseded, reason, hands.started.elapsed()),
                );
            } else if let Some(call) = calls.get(name) {
                running.push(async move {
                    (
                        name,
                        Attempt {
                            hands,
                            service: name,
                            call,
                        }
                        .run()
                        .await,
                    )
                });
            }
        }
        let came_to_rest = rest.len();
        waiting = rest;
        let Some((name, ended)) = running.next().await else {
            if came_to_rest == 0 {
                break;
            }
            continue;
        };
        open.remove(name);
        match ended.status {
            Status::Live | Status::Accepted => {}
            Status::Superseded => {
                superseded.insert(name);
            }
            Status::Failed
            | Status::NotStarted
            | Status::Skipped
            | Status::Held
            | Status::Refused
            | Status::Cancelled
            | Status::Unknown => {
                failed.insert(name);
            }
        }
        tell(scene, ended);
    }
    drop(running);
    if scene.request.on_failure == OnFailure::RollBack && !failed.is_empty() {
        restore::siblings(hands, calls).await;
    }
}

/// Without an API key nobody sees when a service is live, so those that come after it start sooner than they should.
fn warn_of_acceptance(scene: &Scene, deploying: &[&PlannedService], open: &BTreeSet<&ServiceName>) {
    let waits =
        |service: &&&PlannedService| service.after.iter().any(|before| open.contains(before));
    let late: Vec<&str> = deploying
        .iter()
        .filter(waits)
        .map(|service| service.name.as_str())
        .collect();
    if scene.render.is_none() && !late.is_empty() {
        let text = format!(
            "{} come after services that are accepted, not live: only with an API key is it known when a service is live",
            late.join(", ")
        );
        scene.warn("Order goes by what Render accepts", &text);
    }
}

fn stopped(service: &ServiceName, status: Status, reason: String, began: Duration) -> Ended {
    Ended {
        began,
        ..Ended::without_deploy(service, status, reason)
    }
}

/// Says how a service ended, and keeps it.
pub(crate) fn tell(scene: &Scene, ended: Ended) {
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
    scene
        .log
        .say(&format!("{}: {}{id}{why}", ended.service, ended.status));
    scene.story.borrow_mut().services.push(ended);
}
