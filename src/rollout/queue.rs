//! Which services start when. Those that start together are recorded first, and then looked at together.

use super::attempt::{Attempt, Begun};
use super::{DeployRequest, Rollout, stopped, tell, warn_of_acceptance};
use crate::decide::{Plan, PlannedService};
use crate::domain::{Kind, ServiceName, Status};
use crate::report::ServiceResult;
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The services of a plan, on their way.
pub(super) struct Queue<'a> {
    rollout: &'a Rollout<'a>,
    requests: &'a BTreeMap<ServiceName, DeployRequest>,
    waiting: Vec<&'a PlannedService>,
    /// Those that wait or are under way.
    open: BTreeSet<&'a ServiceName>,
    superseded: BTreeSet<&'a ServiceName>,
    pub(super) failed: BTreeSet<&'a ServiceName>,
    running: FuturesUnordered<LocalBoxFuture<'a, Step<'a>>>,
}

/// What a future of the queue comes to.
enum Step<'a> {
    /// These have their records, and were looked at.
    Begun(Vec<(Attempt<'a>, Begun)>),
    /// This one has ended.
    Ended(&'a ServiceName, ServiceResult),
}

impl<'a> Queue<'a> {
    pub(super) fn new(
        rollout: &'a Rollout<'a>,
        plan: &'a Plan,
        requests: &'a BTreeMap<ServiceName, DeployRequest>,
    ) -> Self {
        let waiting: Vec<&PlannedService> = plan
            .to_deploy()
            .filter(|service| requests.contains_key(&service.name))
            .collect();
        let open: BTreeSet<&ServiceName> = waiting.iter().map(|service| &service.name).collect();
        warn_of_acceptance(rollout.context, &waiting, &open);
        let superseded = plan
            .services
            .iter()
            .filter(|service| service.why.status() == Status::Superseded)
            .map(|service| &service.name)
            .collect();
        Self {
            rollout,
            requests,
            waiting,
            open,
            superseded,
            failed: BTreeSet::new(),
            running: FuturesUnordered::new(),
        }
    }

    /// Deploys them all.
    pub(super) async fn work(&mut self) {
        loop {
            let came_to_rest = self.start();
            let Some(step) = self.running.next().await else {
                if came_to_rest == 0 {
                    return;
                }
                continue;
            };
            match step {
                Step::Begun(attempts) => {
                    for (attempt, begun) in attempts {
                        let name = attempt.service;
                        let run = async move { Step::Ended(name, attempt.run(begun).await) };
                        self.running.push(Box::pin(run));
                    }
                }
                Step::Ended(name, result) => self.ended(name, result),
            }
        }
    }

    /// Starts what need not wait any more. Returns how many still wait.
    fn start(&mut self) -> usize {
        let (mut rest, mut ready) = (Vec::new(), Vec::new());
        for service in std::mem::take(&mut self.waiting) {
            let name = &service.name;
            let of = |set: &BTreeSet<&ServiceName>| {
                let mut after = service.after.iter();
                after.find(|before| set.contains(before)).cloned()
            };
            if let Some(why) = self.rollout.preempted() {
                self.stop(name, Status::Superseded, why);
            } else if let Some(before) = of(&self.failed) {
                let reason = format!("not started, because {before} was not deployed");
                self.stop(name, Status::NotStarted, reason);
            } else if of(&self.open).is_some() {
                rest.push(service);
            } else if let Some(before) = of(&self.superseded) {
                let reason = format!("superseded with {before}, which it comes after");
                self.stop(name, Status::Superseded, reason);
            } else if let Some(request) = self.requests.get(name) {
                ready.push(Attempt {
                    rollout: self.rollout,
                    service: name,
                    request,
                });
            }
        }
        if !ready.is_empty() {
            self.running.push(Box::pin(begin(self.rollout, ready)));
        }
        self.waiting = rest;
        self.waiting.len()
    }

    fn stop(&mut self, name: &'a ServiceName, status: Status, reason: String) {
        self.open.remove(name);
        if status == Status::Superseded {
            self.superseded.insert(name);
        } else {
            self.failed.insert(name);
        }
        let began = self.rollout.started.elapsed();
        tell(self.rollout.context, stopped(name, status, reason, began));
    }

    fn ended(&mut self, name: &'a ServiceName, result: ServiceResult) {
        self.open.remove(name);
        match result.status {
            Status::Live | Status::Accepted => {}
            Status::Superseded => {
                self.superseded.insert(name);
            }
            Status::Failed
            | Status::NotStarted
            | Status::Unchanged
            | Status::Skipped
            | Status::Held
            | Status::Refused
            | Status::Cancelled
            | Status::Unknown => {
                self.failed.insert(name);
            }
        }
        tell(self.rollout.context, result);
    }
}

/// Writes the records of services that start together, and looks at them all after that: of two runs at once at least the older one then sees
/// the other's record.
async fn begin<'a>(rollout: &'a Rollout<'a>, attempts: Vec<Attempt<'a>>) -> Step<'a> {
    let records = attempts.iter().map(|attempt| attempt.begin());
    let records = futures_util::future::join_all(records).await;
    let is_deploy = |attempt: &Attempt<'_>| attempt.request.intent.kind == Kind::Deploy;
    let look = if attempts.iter().any(is_deploy) {
        let names: Vec<ServiceName> = attempts
            .iter()
            .map(|attempt| attempt.service.clone())
            .collect();
        Some(Rc::new(
            rollout.state.look_again(rollout.context, &names).await,
        ))
    } else {
        None
    };
    let begun = records.into_iter().map(|record| Begun {
        record,
        look: look.clone(),
    });
    Step::Begun(attempts.into_iter().zip(begun).collect())
}
