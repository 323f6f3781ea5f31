//! What an environment was, state by state, in truth: what a rollback has to lead to. Only of environments that nobody and nothing has
//! disturbed, where there is no doubt about it.

use crate::event::{At, Event};
use crate::git::SERVICES;
use crate::run::{Goal, Run, Stop, Told, What};
use crate::world::World;

/// What every service served, or was about to, after a run.
struct State {
    commit: usize,
    release: Option<u32>,
    builds: [Option<usize>; 3],
    /// The states that stood by then, this one among them.
    standing: Vec<usize>,
}

/// The states of an environment.
pub(crate) struct Line {
    /// In their order.
    states: Vec<State>,
    /// Those that stand: after a rollback, those that stood when the state that it led to was new.
    standing: Vec<usize>,
    /// Whether there is no doubt about any of them.
    pub(crate) is_plain: bool,
    /// What a rollback was to lead to that was cut off.
    cut_off: Option<usize>,
    /// The rollback that ended last, where nothing was deployed since.
    is_back: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            standing: Vec::new(),
            is_plain: true,
            cut_off: None,
            is_back: false,
        }
    }
}

impl Line {
    /// The state that a rollback leads to from these bytes.
    fn target(&self, goal: Goal, serving: &[Option<usize>; 3]) -> Option<usize> {
        let is_named = |state: &State| match goal {
            Goal::Before => false,
            Goal::Release(number) => state.release == Some(number),
            Goal::Commit(commit) => state.commit == commit,
        };
        if goal != Goal::Before {
            return self.states.iter().rposition(is_named);
        }
        let mut left = *self.standing.last()?;
        for state in self.standing.iter().rev().copied() {
            if self.states[state].commit == self.states[left].commit {
                continue;
            }
            if self.states[state].builds != *serving {
                return Some(state);
            }
            left = state;
        }
        None
    }

    fn went_back(&mut self, to: usize) {
        self.standing.clone_from(&self.states[to].standing);
        (self.cut_off, self.is_back) = (None, true);
    }
}

impl World {
    pub(crate) const fn line_mut(&mut self, environment: usize) -> &mut Line {
        &mut self.lines[environment]
    }

    /// What leaves doubt.
    pub(crate) fn note_disturbance(&mut self, event: &Event) {
        match event {
            Event::Dashboard(at, _)
            | Event::Recreated(at)
            | Event::Fate(at, _)
            | Event::Forged { at, .. } => {
                self.lines[at.environment].is_plain = false;
            }
            Event::Unwritable(_)
            | Event::Unreadable(_)
            | Event::RenderSilent(_)
            | Event::Hook(_)
            | Event::Key => {
                self.lines.iter_mut().for_each(|line| line.is_plain = false);
            }
            Event::Push(_)
            | Event::Revert(_)
            | Event::Force(_)
            | Event::ForceAside { .. }
            | Event::Tag(_) => {}
            Event::Delay
            | Event::Approve(_)
            | Event::Rerun(_)
            | Event::Dispatch
            | Event::Kill { .. } => {}
            Event::Rollback(_) | Event::RollbackTo(..) | Event::Go { .. } | Event::Tick(_) => {}
            Event::BuildFails | Event::Rebuild(_) | Event::Deleted(_) | Event::Promoted { .. } => {}
        }
    }

    pub(crate) fn serving(&self, environment: usize) -> [Option<usize>; 3] {
        std::array::from_fn(|service| {
            self.coming(At {
                environment,
                service,
            })
            .map(|deploy| deploy.build)
        })
    }

    /// Keeps what a run has come to. Invariant 8.
    pub(crate) fn note_state(&mut self, run: &Run, told: &Result<[Told; 3], Stop>) {
        let builds = self.serving(run.environment);
        let is_sent = !self.asked.is_empty();
        match (run.what, told) {
            (What::Rollback(goal), Ok(told)) => self.note_way(run, goal, told),
            (What::Rollback(goal), Err(Stop::Killed)) if self.has_begun => {
                self.count("rollbacks cut off");
                let before = self.before;
                let line = self.line_mut(run.environment);
                // One that is cut off again, or was named, may be gone on with in more than one way.
                line.is_plain &= goal == Goal::Before && line.cut_off.is_none() && run.attempt == 1;
                line.cut_off = line.target(goal, &before);
            }
            (What::Rollback(_), Err(_)) if !self.has_begun => {}
            (_, Ok(told)) => {
                let line = self.line_mut(run.environment);
                if told
                    .iter()
                    .any(|told| matches!(told, Told::Failed | Told::Unknown))
                    || line.cut_off.is_some() && is_sent
                {
                    line.is_plain = false;
                } else if told
                    .iter()
                    .any(|told| matches!(told, Told::Live | Told::Accepted))
                {
                    line.standing.push(line.states.len());
                    let (commit, standing) = (run.commit, line.standing.clone());
                    line.states.push(State {
                        commit,
                        release: run.release(),
                        builds,
                        standing,
                    });
                    line.is_back = false;
                }
            }
            // An intent may stand there.
            (_, Err(_)) => {
                let has_begun = self.has_begun;
                self.line_mut(run.environment).is_plain &= !is_sent && !has_begun;
            }
        }
    }

    fn note_way(&mut self, run: &Run, goal: Goal, told: &[Told; 3]) {
        let environment = run.environment;
        let (before, builds) = (self.before, self.serving(environment));
        let line = self.line_mut(environment);
        let is_done = told
            .iter()
            .all(|told| matches!(told, Told::Has | Told::Stays | Told::Live | Told::Accepted));
        if !line.is_plain || !is_done {
            line.is_plain = false;
            return;
        }
        // Only one that names no state goes by what happened before it.
        if run.attempt > 1 && line.is_back && goal == Goal::Before {
            return;
        }
        let to = match (goal, line.cut_off) {
            (Goal::Before, Some(state)) => Some(state),
            (_, Some(_)) => None,
            (_, None) => line.target(goal, &before),
        };
        let is_completed = line.cut_off.is_some();
        let Some(to) = to else {
            // By a release's tags: it never was a state.
            line.is_plain = false;
            return;
        };
        let wanted = line.states[to].builds;
        // Something older stays, so that this is no state which was before.
        line.is_plain = (0..SERVICES.len())
            .all(|service| told[service] != Told::Stays || wanted[service].is_none());
        // Of two states of the same bytes the record does not say which it was.
        line.is_plain &= line
            .states
            .iter()
            .filter(|state| state.builds == wanted)
            .count()
            == 1;
        // Of nothing that was sent there is no trace.
        if told
            .iter()
            .any(|told| matches!(told, Told::Live | Told::Accepted))
            || is_completed
        {
            line.went_back(to);
        }
        self.count(if is_completed {
            "rollbacks completed, to where they were to lead"
        } else {
            "rollbacks to where they were to lead"
        });
        for service in 0..SERVICES.len() {
            let Some(wanted) =
                wanted[service].filter(|_| told[service] != Told::Stays || is_completed)
            else {
                continue;
            };
            let (wanted, there) = (&self.builds[wanted].index, builds[service]);
            if there.is_none_or(|there| self.builds[there].index != *wanted) {
                let name = SERVICES[service].0;
                let text = format!(
                    "after {run}, told {told:?}, {name} has bytes {there:?} and not {:?}",
                    self.lines[environment].states[to].builds
                );
                self.violate(8, text);
                return;
            }
        }
    }
}
