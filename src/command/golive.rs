//! The act: deploy hooks called in the manifest's order, as many at a time as the order allows.

use super::scene::Scene;
use crate::decide::{Plan, PlannedService};
use crate::domain::{Decision, DeployHook, FailureWord, Outcome, PinnedImage, ServiceName, Status};
use crate::render::{Accepted, CallFailure, HookCaller, Repeatable};
use crate::report::{Ended, Failed};
use crate::transport::{Backoff, Deadline, Stopwatch};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long one hook is tried: Render's limit of 10 deploys a minute and service passes in this time.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often a hook is called when Render has not acted upon any of the calls.
const MOST_CALLS: u32 = 5;

/// What is called for one service.
pub(crate) struct Call {
    pub(crate) hook: DeployHook,
    pub(crate) image: PinnedImage,
}

/// Calls the hooks of the plan's services. A service waits for those that it comes after: one that was skipped lets it go, one that
/// failed keeps it from starting.
pub(crate) async fn go(scene: &Scene, plan: &Plan, caller: &HookCaller, calls: &BTreeMap<ServiceName, Call>) {
    let started = Stopwatch::start();
    let mut waiting: Vec<&PlannedService> =
        plan.to_deploy().filter(|service| calls.contains_key(&service.name)).collect();
    let mut running = FuturesUnordered::new();
    let mut open: BTreeSet<&ServiceName> = waiting.iter().map(|service| &service.name).collect();
    let mut failed: BTreeSet<&ServiceName> = BTreeSet::new();
    loop {
        let mut rest = Vec::new();
        for service in waiting {
            if let Some(before) = service.after.iter().find(|name| failed.contains(name)) {
                open.remove(&service.name);
                failed.insert(&service.name);
                record(scene, not_started(service, before, started.elapsed()));
            } else if service.after.iter().any(|name| open.contains(name)) {
                rest.push(service);
            } else if let Some(call) = calls.get(&service.name) {
                running.push(one(scene, service, caller, call, started));
            }
        }
        let came_to_rest = rest.len();
        waiting = rest;
        let Some((service, ended)) = running.next().await else {
            if came_to_rest == 0 {
                return;
            }
            continue;
        };
        open.remove(&service.name);
        if ended.status != Status::Accepted {
            failed.insert(&service.name);
        }
        record(scene, ended);
    }
}

fn record(scene: &Scene, ended: Ended) {
    let why = ended
        .failed
        .as_ref()
        .map(|failed| format!(": {}", failed.text))
        .or_else(|| ended.reason.as_ref().map(|reason| format!(": {reason}")));
    let id = ended.deploy.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    scene.log.say(&format!("{}: {}{id}{}", ended.service, ended.status, why.unwrap_or_default()));
    let mut story = scene.story.borrow_mut();
    story.services.push(ended);
}

fn not_started(service: &PlannedService, before: &ServiceName, began: Duration) -> Ended {
    let reason = format!("not started, because {before} was not deployed");
    Ended {
        service: service.name.clone(),
        status: Status::NotStarted,
        reason: Some(reason),
        deploy: None,
        began,
        took: Duration::ZERO,
        failed: None,
    }
}

async fn one<'p>(
    scene: &Scene,
    service: &'p PlannedService,
    caller: &HookCaller,
    call: &Call,
    started: Stopwatch,
) -> (&'p PlannedService, Ended) {
    let began = started.elapsed();
    scene.log.say(&format!("{}: deploying {}", service.name, call.image));
    scene.story.borrow_mut().calling.insert(service.name.clone());
    let (result, note) = persist(scene, service, caller, call).await;
    scene.story.borrow_mut().calling.remove(&service.name);
    let took = started.elapsed().saturating_sub(began);
    let ended = |status, reason, deploy, failed| Ended {
        service: service.name.clone(),
        status,
        reason,
        deploy,
        began,
        took,
        failed,
    };
    let ended = match result {
        Ok(Accepted::Started(deploy)) => ended(Status::Accepted, note, deploy.map(|id| id.to_string()), None),
        Ok(Accepted::Queued) => {
            let reason = note.unwrap_or_else(|| "queued behind the deploy that is in progress".into());
            ended(Status::Accepted, Some(reason), None, None)
        }
        Err(failure) => {
            let text = note.map_or_else(|| failure.to_string(), |note| format!("{failure} ({note})"));
            let failed = Failed { word: failure.word(), text, hint: failure.hint().into() };
            ended(Status::Failed, None, None, Some(failed))
        }
    };
    (service, ended)
}

/// Calls a hook until Render has taken it, as often as is harmless: any number of times while nothing was heard, once more where something may have
/// been. The second value says so.
async fn persist(
    scene: &Scene,
    service: &PlannedService,
    caller: &HookCaller,
    call: &Call,
) -> (Result<Accepted, CallFailure>, Option<String>) {
    let deadline = Deadline::after(PATIENCE);
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    let (mut calls, mut unanswered) = (1, 0);
    loop {
        let failure = match caller.call(&call.hook, &call.image).await {
            Ok(accepted) => {
                return (
                    Ok(accepted),
                    (unanswered > 0).then(|| "called twice: the first call had no clear answer".to_owned()),
                );
            }
            Err(failure) => failure,
        };
        let hint = match failure.repeatable() {
            Repeatable::Safely(hint) if calls < MOST_CALLS => hint,
            Repeatable::Once if unanswered == 0 && calls < MOST_CALLS => {
                unanswered += 1;
                None
            }
            Repeatable::Safely(_) | Repeatable::Once | Repeatable::Never => {
                return (Err(failure), note(calls, unanswered));
            }
        };
        let wait = backoff.next(hint);
        scene.log.say(&format!("{}: {failure}; again in {:.1} s", service.name, wait.as_secs_f64()));
        if !deadline.allows(wait).await {
            return (Err(failure), note(calls, unanswered));
        }
        calls += 1;
    }
}

fn note(calls: u32, unanswered: u32) -> Option<String> {
    match (calls, unanswered) {
        (1, _) => None,
        (calls, 0) => Some(format!("called {calls} times")),
        (calls, _) => Some(format!("called {calls} times; Render may have begun a deploy")),
    }
}

/// Makes of a story that was cut off by a signal what is true of it.
pub(crate) fn cancelled(scene: &Scene) {
    let mut story = scene.story.borrow_mut();
    story.outcome = Outcome::Cancelled;
    story.headline = "Cancelled: no further hook is called".into();
    story.failed = Some(Failed {
        word: FailureWord::Cancelled,
        text: "the run was cancelled".into(),
        hint: "Run it again; what was not deployed is deployed then.".into(),
    });
    let Some(plan) = story.plan.clone() else { return };
    for service in plan.services.iter().filter(|service| service.decision == Decision::Deploy) {
        if story.services.iter().any(|ended| ended.service == service.name) {
            continue;
        }
        let (status, reason) = if story.calling.contains(&service.name) {
            (Status::Cancelled, "the hook was being called when the run was cancelled")
        } else {
            (Status::NotStarted, "the run was cancelled first")
        };
        let ended = Ended {
            service: service.name.clone(),
            status,
            reason: Some(reason.into()),
            deploy: None,
            began: Duration::ZERO,
            took: Duration::ZERO,
            failed: None,
        };
        story.services.push(ended);
    }
}
