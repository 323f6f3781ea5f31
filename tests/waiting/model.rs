//! A model of GitHub's concurrency groups, as far as waiting goes. Time is in minutes.
//!
//! The rules are those of GitHub's documentation and changelog (2026-05-07 for `queue`):
//! - One run or job holds a group. With `queue: single` (the default) one more waits, and a newer one cancels it. With `queue: max` up to 100 wait.
//! - A run holds a group of its workflow until its last job ends, also while a job waits for a reviewer.
//! - A job holds a group of its own while it runs. It joins the group when the jobs that it needs have ended.
//!
//! Not known is whether a job that has both reviewers and a group joins the group before the approval. No workflow of ours has such a job, and
//! the model refuses one.

use std::collections::{BTreeMap, VecDeque};

/// The longest queue of `queue: max`.
const LONGEST: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    Single,
    Max,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) queue: Queue,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Build,
    Sandbox,
    /// Only asks.
    Approve,
    Production,
    Rollback,
}

/// A job. It needs the job before it in the workflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) task: Task,
    pub(crate) group: Option<Group>,
    /// Its environment has reviewers.
    pub(crate) asks: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Workflow {
    pub(crate) group: Option<Group>,
    pub(crate) jobs: Vec<Job>,
}

/// Where a run is: at which of its jobs, and what that job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for the group of its workflow.
    Pending,
    /// The job's turn has come.
    Ready,
    /// The job waits for a reviewer since that minute.
    Asks(u32),
    /// The job waits for its group.
    Queued,
    /// The job runs until that minute.
    Runs(u32),
    Ended,
    Cancelled,
}

#[derive(Debug)]
struct Run {
    workflow: Workflow,
    job: usize,
    state: State,
}

#[derive(Debug, Default)]
struct Slot {
    holder: Option<usize>,
    waiting: VecDeque<usize>,
}

/// A job that ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) run: usize,
    pub(crate) task: Task,
    pub(crate) began: u32,
    pub(crate) ended: u32,
}

/// GitHub, with the runs of one repository.
#[derive(Debug, Default)]
pub(crate) struct GitHub {
    runs: Vec<Run>,
    slots: BTreeMap<&'static str, Slot>,
    pub(crate) done: Vec<Done>,
    began: BTreeMap<usize, u32>,
}

impl GitHub {
    /// Starts a run of a workflow and gives its number.
    pub(crate) fn start(&mut self, workflow: &Workflow) -> usize {
        for job in &workflow.jobs {
            assert!(!(job.asks && job.group.is_some()), "not known: {job:?}");
        }
        let run = self.runs.len();
        self.runs.push(Run {
            workflow: workflow.clone(),
            job: 0,
            state: State::Pending,
        });
        match workflow.group {
            None => self.runs[run].state = State::Ready,
            Some(group) => self.join(run, group),
        }
        run
    }

    /// Whether the run was cancelled because a newer one took its place in a queue.
    pub(crate) fn is_cancelled(&self, run: usize) -> bool {
        self.runs[run].state == State::Cancelled
    }

    fn join(&mut self, run: usize, group: Group) {
        let slot = self.slots.entry(group.name).or_default();
        if slot.holder.is_none() && slot.waiting.is_empty() {
            slot.holder = Some(run);
            return;
        }
        if group.queue == Queue::Single {
            for dropped in slot.waiting.drain(..) {
                self.runs[dropped].state = State::Cancelled;
            }
        }
        slot.waiting.push_back(run);
        assert!(slot.waiting.len() <= LONGEST, "{} is full", group.name);
    }

    fn leave(&mut self, run: usize, group: Option<Group>) {
        let Some(group) = group else { return };
        let slot = self.slots.entry(group.name).or_default();
        if slot.holder == Some(run) {
            slot.holder = None;
        }
    }

    /// Lets everything happen that happens in this minute. `minutes` says how long a job takes, `approval` after how many minutes a run is approved.
    pub(crate) fn minute(
        &mut self,
        now: u32,
        minutes: &mut dyn FnMut(usize, Task) -> u32,
        approval: &dyn Fn(usize) -> Option<u32>,
    ) {
        loop {
            let before: Vec<State> = self.runs.iter().map(|run| run.state).collect();
            self.end_jobs(now);
            self.hand_on();
            for run in 0..self.runs.len() {
                self.step(run, now, minutes, approval);
            }
            if before == self.runs.iter().map(|run| run.state).collect::<Vec<_>>() {
                return;
            }
        }
    }

    fn end_jobs(&mut self, now: u32) {
        for number in 0..self.runs.len() {
            let run = &mut self.runs[number];
            if !matches!(run.state, State::Runs(until) if until <= now) {
                continue;
            }
            let (job, of_workflow) = (run.workflow.jobs[run.job], run.workflow.group);
            run.job += 1;
            let is_over = run.job == run.workflow.jobs.len();
            run.state = if is_over { State::Ended } else { State::Ready };
            self.done.push(Done {
                run: number,
                task: job.task,
                began: self.began[&number],
                ended: now,
            });
            self.leave(number, job.group);
            if is_over {
                self.leave(number, of_workflow);
            }
        }
    }

    /// Gives every free group to the first that waits for it.
    fn hand_on(&mut self) {
        for slot in self.slots.values_mut() {
            if slot.holder.is_none() {
                slot.holder = slot.waiting.pop_front();
            }
        }
    }

    fn holds(&self, run: usize, group: Option<Group>) -> bool {
        group.is_some_and(|group| self.slots[group.name].holder == Some(run))
    }

    fn step(
        &mut self,
        number: usize,
        now: u32,
        minutes: &mut dyn FnMut(usize, Task) -> u32,
        approval: &dyn Fn(usize) -> Option<u32>,
    ) {
        let run = &self.runs[number];
        let state = run.state;
        let next = match state {
            State::Pending if self.holds(number, run.workflow.group) => State::Ready,
            State::Ready => {
                let job = run.workflow.jobs[run.job];
                match job.group {
                    _ if job.asks => State::Asks(now),
                    Some(group) => {
                        self.join(number, group);
                        State::Queued
                    }
                    None => self.begins(number, job, now, minutes),
                }
            }
            State::Asks(since) => {
                let job = run.workflow.jobs[run.job];
                match approval(number) {
                    Some(after) if since + after <= now => self.begins(number, job, now, minutes),
                    _ => state,
                }
            }
            State::Queued => {
                let job = run.workflow.jobs[run.job];
                if self.holds(number, job.group) {
                    self.begins(number, job, now, minutes)
                } else {
                    state
                }
            }
            State::Pending | State::Runs(_) | State::Ended | State::Cancelled => state,
        };
        self.runs[number].state = next;
    }

    fn begins(
        &mut self,
        run: usize,
        job: Job,
        now: u32,
        minutes: &mut dyn FnMut(usize, Task) -> u32,
    ) -> State {
        self.began.insert(run, now);
        State::Runs(now + minutes(run, job.task))
    }
}
