//! Which service starts when: each after those that it comes after.

use decide::{Plan, PlannedService};
use model::{ServiceName, Status};
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
pub(super) enum ScheduleStep<'p> {
    /// It is deployed now.
    Start,
    /// This service, which it comes after, was not deployed.
    NotStarted(&'p ServiceName),
    /// Something newer took the place of this service, which it comes after.
    Superseded(&'p ServiceName),
    /// A rollback was begun.
    Preempted,
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

    /// The services that come after others of this rollout which `is_unseen`.
    pub(super) fn late(&self, is_unseen: impl Fn(&ServiceName) -> bool) -> Vec<&'p str> {
        let is_late = |service: &&&PlannedService| {
            let mut before = service.after.iter();
            before.any(|name| self.open.contains(name) && is_unseen(name))
        };
        self.waiting
            .iter()
            .filter(is_late)
            .map(|service| service.name.as_str())
            .collect()
    }

    /// Takes the services that wait no longer, in the manifest's order. Once a rollback was begun, none waits.
    pub(super) fn turns(
        &mut self,
        is_preempted: bool,
    ) -> Vec<(&'p PlannedService, ScheduleStep<'p>)> {
        let mut turns = Vec::new();
        for service in std::mem::take(&mut self.waiting) {
            let turn = if is_preempted {
                Some(ScheduleStep::Preempted)
            } else {
                self.turn(service)
            };
            let Some(turn) = turn else {
                self.waiting.push(service);
                continue;
            };
            match turn {
                ScheduleStep::Start => {}
                ScheduleStep::NotStarted(_) => {
                    self.open.remove(&service.name);
                    self.failed.insert(&service.name);
                }
                ScheduleStep::Superseded(_) | ScheduleStep::Preempted => {
                    self.open.remove(&service.name);
                    self.superseded.insert(&service.name);
                }
            }
            turns.push((service, turn));
        }
        turns
    }

    fn turn(&self, service: &'p PlannedService) -> Option<ScheduleStep<'p>> {
        let first_in =
            |names: &BTreeSet<&ServiceName>| service.after.iter().find(|name| names.contains(name));
        if let Some(before) = first_in(&self.failed) {
            return Some(ScheduleStep::NotStarted(before));
        }
        if first_in(&self.open).is_some() {
            return None;
        }
        match first_in(&self.superseded) {
            Some(before) => Some(ScheduleStep::Superseded(before)),
            None => Some(ScheduleStep::Start),
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
            | Status::Unchanged
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

#[cfg(test)]
mod tests {
    use super::*;
    use decide::{Base, Subject, Why};
    use model::{CommitSha, Decision, ImageName};

    fn name(text: &str) -> ServiceName {
        ServiceName::parse(text).expect("a name")
    }

    fn service(own: &str, after: &[&str]) -> PlannedService {
        PlannedService {
            name: name(own),
            image: ImageName::parse("app").expect("a name"),
            decision: Decision::Deploy,
            why: Why::Forced,
            base: None,
            after: after.iter().copied().map(name).collect(),
        }
    }

    fn plan(services: Vec<PlannedService>) -> Plan {
        Plan {
            subject: Subject::Commit,
            commit: CommitSha::from_bytes([1; 20]),
            base: Base::OfEachService,
            services,
            images: Vec::new(),
        }
    }

    fn turns(schedule: &mut Schedule<'_>) -> Vec<String> {
        let shown = |(service, turn): (&PlannedService, ScheduleStep<'_>)| match turn {
            ScheduleStep::Start => format!("{} starts", service.name),
            ScheduleStep::NotStarted(before) => format!("{} stays, {before} failed", service.name),
            ScheduleStep::Superseded(before) => format!("{} gives way with {before}", service.name),
            ScheduleStep::Preempted => format!("{} gives way to a rollback", service.name),
        };
        schedule.turns(false).into_iter().map(shown).collect()
    }

    /// `api`, then `web`, then `job`.
    fn chain() -> Plan {
        plan(vec![
            service("api", &[]),
            service("web", &["api"]),
            service("job", &["web"]),
        ])
    }

    #[test]
    fn a_service_starts_when_those_before_it_are_live() {
        let plan = chain();
        let mut schedule = Schedule::new(&plan, |_| true);
        assert_eq!(schedule.late(|_| true), ["web", "job"]);
        assert_eq!(schedule.late(|own| own.as_str() == "web"), ["job"]);
        assert_eq!(turns(&mut schedule), ["api starts"]);
        assert!(turns(&mut schedule).is_empty() && !schedule.is_done());
        schedule.ended(&plan.services[0], Status::Live);
        assert_eq!(turns(&mut schedule), ["web starts"]);
        schedule.ended(&plan.services[1], Status::Accepted);
        assert_eq!(turns(&mut schedule), ["job starts"]);
        assert!(schedule.is_done() && !schedule.has_failed());
    }

    #[test]
    fn a_failure_keeps_everything_behind_it_from_starting() {
        let plan = chain();
        let mut schedule = Schedule::new(&plan, |_| true);
        assert_eq!(turns(&mut schedule), ["api starts"]);
        schedule.ended(&plan.services[0], Status::Unknown);
        let wanted = ["web stays, api failed", "job stays, web failed"];
        assert_eq!(turns(&mut schedule), wanted);
        assert!(schedule.is_done() && schedule.has_failed());
    }

    #[test]
    fn what_is_superseded_takes_along_what_comes_after_it() {
        let plan = chain();
        let mut schedule = Schedule::new(&plan, |_| true);
        assert_eq!(turns(&mut schedule), ["api starts"]);
        schedule.ended(&plan.services[0], Status::Superseded);
        let wanted = ["web gives way with api", "job gives way with web"];
        assert_eq!(turns(&mut schedule), wanted);
        assert!(!schedule.has_failed());
    }

    #[test]
    fn a_service_that_is_not_requested_is_not_waited_for() {
        let plan = chain();
        let mut schedule = Schedule::new(&plan, |own| own.as_str() != "api");
        assert_eq!(turns(&mut schedule), ["web starts"]);
    }
}
