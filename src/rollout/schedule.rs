//! Which service starts when: each after those that it comes after.

use crate::decide::{Plan, PlannedService};
use crate::domain::{ServiceName, Status};
use std::collections::BTreeSet;

/// The services that are to be deployed, and how far each is.
pub(super) struct Schedule<'p> {
    waiting: Vec<&'p PlannedService>,
    /// Those that wait or are being deployed.
    open: BTreeSet<&'p ServiceName>,
    superseded: BTreeSet<&'p ServiceName>,
    failed: BTreeSet<&'p ServiceName>,
}

/// What becomes of a service that waits no longer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<'p> {
    /// It is deployed now.
    Start,
    /// This service, which it comes after, was not deployed.
    NotStarted(&'p ServiceName),
    /// Something newer took the place of this service, which it comes after.
    Superseded(&'p ServiceName),
}

impl<'p> Schedule<'p> {
    pub(super) fn new(plan: &'p Plan, is_requested: impl Fn(&ServiceName) -> bool) -> Self {
        let waiting: Vec<&PlannedService> = plan
            .to_deploy()
            .filter(|service| is_requested(&service.name))
            .collect();
        let is_superseded = |service: &&PlannedService| service.why.status() == Status::Superseded;
        Self {
            open: waiting.iter().map(|service| &service.name).collect(),
            waiting,
            superseded: plan
                .services
                .iter()
                .filter(is_superseded)
                .map(|service| &service.name)
                .collect(),
            failed: BTreeSet::new(),
        }
    }

    /// The services that come after others of this rollout.
    pub(super) fn late(&self) -> Vec<&'p str> {
        let is_late =
            |service: &&&PlannedService| service.after.iter().any(|name| self.open.contains(name));
        self.waiting
            .iter()
            .filter(is_late)
            .map(|service| service.name.as_str())
            .collect()
    }

    /// Takes the services that wait no longer, in the manifest's order.
    pub(super) fn turns(&mut self) -> Vec<(&'p PlannedService, Turn<'p>)> {
        let mut turns = Vec::new();
        for service in std::mem::take(&mut self.waiting) {
            let Some(turn) = self.turn(service) else {
                self.waiting.push(service);
                continue;
            };
            match turn {
                Turn::Start => {}
                Turn::NotStarted(_) => {
                    self.open.remove(&service.name);
                    self.failed.insert(&service.name);
                }
                Turn::Superseded(_) => {
                    self.open.remove(&service.name);
                    self.superseded.insert(&service.name);
                }
            }
            turns.push((service, turn));
        }
        turns
    }

    fn turn(&self, service: &'p PlannedService) -> Option<Turn<'p>> {
        let first_in =
            |names: &BTreeSet<&ServiceName>| service.after.iter().find(|name| names.contains(name));
        if let Some(before) = first_in(&self.failed) {
            return Some(Turn::NotStarted(before));
        }
        if first_in(&self.open).is_some() {
            return None;
        }
        match first_in(&self.superseded) {
            Some(before) => Some(Turn::Superseded(before)),
            None => Some(Turn::Start),
        }
    }

    /// Notes how the deploy of a service ended.
    pub(super) fn ended(&mut self, service: &'p PlannedService, status: Status) {
        let name = &service.name;
        self.open.remove(name);
        match status {
            Status::Live | Status::Accepted => {}
            Status::Superseded => {
                self.superseded.insert(name);
            }
            Status::Failed
            | Status::NotStarted
            | Status::Skipped
            | Status::Held
            | Status::Refused
            | Status::Cancelled
            | Status::Unknown => {
                self.failed.insert(name);
            }
        }
    }

    /// Whether no service waits any more.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a service was not deployed.
    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }
}
