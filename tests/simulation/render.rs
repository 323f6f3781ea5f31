//! A service on Render: one deploy at a time, and what a hook call means while one is in progress.

use ghcr_to_render::domain::DeployStatus::{self, *};
use ghcr_to_render::domain::Kind;

/// What happens to a hook call while a deploy is in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// It waits behind the one in progress; of those that wait only the newest is kept.
    Wait,
    /// The one in progress is cancelled.
    Override,
}

/// How a deploy is going to end, where it does not go live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Fails,
    /// It stays where it is until Render's own time limit, which is longer than ours.
    Hangs,
}

/// Who asked for a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// A run, for a commit or for the release of that number.
    /// `warned` where its intent could not be written, which the run says.
    Run {
        commit: usize,
        release: Option<u32>,
        kind: Kind,
        record: Option<usize>,
        warned: bool,
    },
    /// A person in the dashboard: a redeploy of what the settings name.
    Dashboard,
    /// A person in the dashboard: back to an earlier deploy.
    DashboardRollback,
}

#[derive(Debug, Clone)]
pub(crate) struct Deployed {
    /// The number of the bytes.
    pub(crate) build: usize,
    pub(crate) status: DeployStatus,
    pub(crate) by: By,
    pub(crate) fate: Option<Fate>,
    pub(crate) was_live: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Started(usize),
    /// 202: it says no id.
    Queued,
}

pub(crate) struct OnRender {
    pub(crate) policy: Policy,
    /// Oldest first; the index is the id.
    pub(crate) deploys: Vec<Deployed>,
}

impl OnRender {
    pub(crate) const fn new(policy: Policy) -> Self {
        Self {
            policy,
            deploys: Vec::new(),
        }
    }

    fn active(&self) -> Option<usize> {
        self.deploys
            .iter()
            .position(|deploy| deploy.status.is_in_flight() && deploy.status != Queued)
    }

    fn queued(&self) -> Option<usize> {
        self.deploys
            .iter()
            .position(|deploy| deploy.status == Queued)
    }

    pub(crate) fn live(&self) -> Option<&Deployed> {
        self.deploys.iter().find(|deploy| deploy.status == Live)
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.active().is_none()
    }

    /// Takes a call.
    pub(crate) fn trigger(&mut self, build: usize, by: By) -> Answer {
        let id = self.deploys.len();
        let active = self.active();
        let status = match (active, self.policy) {
            (Some(_), Policy::Wait) => Queued,
            (Some(active), Policy::Override) => {
                self.deploys[active].status = Canceled;
                Created
            }
            (None, _) => Created,
        };
        if let Some(queued) = self.queued() {
            self.deploys[queued].status = Canceled;
        }
        self.deploys.push(Deployed {
            build,
            status,
            by,
            fate: None,
            was_live: false,
        });
        if status == Queued {
            Answer::Queued
        } else {
            Answer::Started(id)
        }
    }

    /// Moves what is in progress by one step.
    pub(crate) fn tick(&mut self) {
        let Some(active) = self.active() else { return };
        let deploy = &mut self.deploys[active];
        match (deploy.status, deploy.fate) {
            (Created, _) => deploy.status = Building,
            (Building, _) => deploy.status = Updating,
            (_, Some(Fate::Hangs)) => {}
            (_, Some(Fate::Fails)) => self.end(active, UpdateFailed),
            (_, None) => {
                if let Some(old) = self.deploys.iter_mut().find(|deploy| deploy.status == Live) {
                    old.status = Deactivated;
                }
                self.deploys[active].was_live = true;
                self.end(active, Live);
            }
        }
    }

    fn end(&mut self, id: usize, status: DeployStatus) {
        self.deploys[id].status = status;
        if let (None, Some(next)) = (self.active(), self.queued()) {
            self.deploys[next].status = Created;
        }
    }

    /// Cancels a deploy that is in flight.
    pub(crate) fn cancel(&mut self, id: usize) {
        if self.deploys[id].status.is_in_flight() {
            self.end(id, Canceled);
        }
    }

    /// Lets everything end; what hangs runs into Render's limit.
    pub(crate) fn settle(&mut self) {
        while let Some(active) = self.active() {
            if self.deploys[active].fate == Some(Fate::Hangs) {
                self.deploys[active].fate = Some(Fate::Fails);
            }
            self.tick();
        }
    }
}
