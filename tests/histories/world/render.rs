//! Render: services, their deploys, hooks and the part of the API that a deploy needs (<https://api-docs.render.com/reference>).

mod api;

use super::{RunNumber, date};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a workspace does with a deploy that is asked for while another one of the same service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// It waits. Of several that wait, the last one is kept.
    Wait,
    /// It replaces the other one at once.
    Override,
}

/// The seconds after which a deploy is listed where lists are late.
const LISTED_AFTER: u64 = 20;

/// Who asked for a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Run(RunNumber),
    /// A person, in the dashboard.
    Hand,
}

/// What becomes of a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Live,
    Fails,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Queued,
    Building,
    Updating,
    Live,
    Deactivated,
    Failed,
    Canceled,
}

#[derive(Debug, Clone)]
pub(crate) struct Deploy {
    pub(crate) id: String,
    /// `host/acme/a0@sha256:…`
    pub(crate) image: String,
    pub(crate) state: State,
    pub(crate) by: By,
    pub(crate) is_rollback: bool,
    pub(crate) was_live: bool,
    pub(crate) fate: Fate,
    /// The step of the world in which it was asked for.
    pub(crate) asked: usize,
    /// When its present state ends; none while it waits.
    until: Option<u64>,
    created: u64,
    /// The deploy that it was cancelled for.
    replaced_by: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Service {
    pub(crate) deploys: Vec<Deploy>,
    /// The repository in its settings.
    pub(crate) repository: String,
    /// The next deploys that Render fails.
    pub(crate) failing: usize,
    /// The next deploys that take this many seconds.
    pub(crate) slow: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Render {
    pub(crate) services: BTreeMap<String, Service>,
    policy: Policy,
    /// How long a deploy takes, in seconds.
    pace: u64,
    /// Whether a deploy is not listed before it starts: neither while it waits nor while its image is fetched.
    lists_late: bool,
    /// Whether an image of another repository than the one in the settings is refused.
    is_strict: bool,
    made: u64,
    now: u64,
}

impl State {
    pub(crate) const fn is_in_flight(self) -> bool {
        matches!(self, Self::Queued | Self::Building | Self::Updating)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Building => "build_in_progress",
            Self::Updating => "update_in_progress",
            Self::Live => "live",
            Self::Deactivated => "deactivated",
            Self::Failed => "update_failed",
            Self::Canceled => "canceled",
        }
    }
}

impl Deploy {
    fn json(&self) -> Value {
        let digest = self.image.split_once('@').map_or("", |(_, digest)| digest);
        json!({"id": self.id, "status": self.state.word(), "trigger": if self.is_rollback { "rollback" } else { "deploy_hook" },
            "image": {"ref": self.image, "sha": digest, "registryCredential": "GHCR"},
            "createdAt": date(self.created), "updatedAt": date(self.created)})
    }

    /// Whether it is listed where lists are late.
    pub(crate) const fn is_listed_late(&self, now: u64) -> bool {
        !matches!(self.state, State::Queued | State::Building) || now >= self.created + LISTED_AFTER
    }

    /// Whether it has to be in lists at that time, whatever has become of it.
    pub(crate) const fn was_due(&self, now: u64) -> bool {
        now >= self.created + LISTED_AFTER
    }

    /// The digest that it runs.
    pub(crate) fn digest(&self) -> &str {
        self.image.split_once('@').map_or("", |(_, digest)| digest)
    }
}

impl Service {
    pub(crate) fn live(&self) -> Option<&Deploy> {
        self.deploys
            .iter()
            .rfind(|deploy| deploy.state == State::Live)
    }

    fn find(&mut self, id: &str) -> Option<&mut Deploy> {
        self.deploys.iter_mut().find(|deploy| deploy.id == id)
    }
}

impl Render {
    pub(crate) fn new(policy: Policy, pace: u64, lists_late: bool, is_strict: bool) -> Self {
        Self {
            services: BTreeMap::new(),
            policy,
            pace,
            lists_late,
            is_strict,
            made: 0,
            now: 0,
        }
    }

    /// The key in a service's deploy hook.
    pub(crate) fn hook_key(service: &str) -> String {
        format!("hookkey{}", service.replace('-', ""))
    }

    pub(crate) fn service(&mut self, id: &str) -> &mut Service {
        self.services.entry(id.to_owned()).or_default()
    }

    /// Lets deploys go on until `now`.
    pub(super) fn pass(&mut self, now: u64) {
        self.now = now;
        for service in self.services.values_mut() {
            while step(service, now, self.pace) {}
        }
    }

    /// Lets every deploy come to its end.
    pub(crate) fn settle(&mut self) {
        for service in self.services.values_mut() {
            service.slow = None;
            while step(service, u64::MAX, 0) {}
        }
    }

    /// A deploy of an image is asked for.
    pub(crate) fn ask(
        &mut self,
        step: usize,
        service: &str,
        image: &str,
        by: By,
        is_rollback: bool,
    ) -> (String, bool) {
        self.made += 1;
        let id = format!("dep-{:0>20}", self.made);
        let (policy, now, pace) = (self.policy, self.now, self.pace);
        let service = self.service(service);
        let busy = service
            .deploys
            .iter()
            .any(|deploy| deploy.state.is_in_flight());
        let is_queued = busy && policy == Policy::Wait;
        for other in &mut service.deploys {
            let is_replaced = match policy {
                Policy::Override => other.state.is_in_flight(),
                Policy::Wait => other.state == State::Queued,
            };
            if is_replaced {
                (other.state, other.replaced_by) = (State::Canceled, Some(id.clone()));
            }
        }
        let fate = if service.failing > 0 {
            Fate::Fails
        } else {
            Fate::Live
        };
        service.failing = service.failing.saturating_sub(1);
        let duration = service.slow.take().unwrap_or(pace);
        let (state, until) = match is_queued {
            true => (State::Queued, None),
            false => (State::Building, Some(now.saturating_add(duration))),
        };
        service.deploys.push(Deploy {
            id: id.clone(),
            image: image.to_owned(),
            state,
            by,
            is_rollback,
            was_live: false,
            fate,
            asked: step,
            until,
            created: now,
            replaced_by: None,
        });
        (id, is_queued)
    }

    /// Somebody cancels what is under way, in the dashboard.
    pub(crate) fn cancel_all(&mut self, service: &str) {
        for deploy in &mut self.service(service).deploys {
            if deploy.state.is_in_flight() {
                deploy.state = State::Canceled;
            }
        }
    }
}

/// One step of a service's deploys that is due; false when there is none.
fn step(service: &mut Service, now: u64, pace: u64) -> bool {
    let running = service
        .deploys
        .iter()
        .position(|deploy| matches!(deploy.state, State::Building | State::Updating));
    let Some(at) = running else {
        let Some(next) = service
            .deploys
            .iter_mut()
            .find(|deploy| deploy.state == State::Queued)
        else {
            return false;
        };
        (next.state, next.until) = (State::Building, Some(now.saturating_add(pace)));
        return true;
    };
    let due = service.deploys[at].until.unwrap_or(0);
    if due > now {
        return false;
    }
    match (service.deploys[at].state, service.deploys[at].fate) {
        (State::Building, _) => {
            let deploy = &mut service.deploys[at];
            (deploy.state, deploy.until) = (State::Updating, Some(due.saturating_add(pace)));
        }
        (_, Fate::Fails) => service.deploys[at].state = State::Failed,
        (_, Fate::Live) => {
            for other in &mut service.deploys {
                if other.state == State::Live {
                    other.state = State::Deactivated;
                }
            }
            let deploy = &mut service.deploys[at];
            (deploy.state, deploy.was_live) = (State::Live, true);
        }
    }
    true
}
