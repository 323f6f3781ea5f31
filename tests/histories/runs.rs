//! Runs of the program: how they are started, go on, and end.

mod start;
mod variables;

use crate::checkout::{Checkout, Watch};
use crate::event::{Ask, Event, Part};
use crate::oracle::Promise;
use crate::oracle::looks::Looks;
use crate::payload::Payload;
use crate::runner::{Next, Replying, Running};
use crate::team::Team;
use crate::wire::{Answer, Call};
use crate::world::faults::is_deploy_call;
use crate::world::{RunNumber, server_of};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a request and its answer take.
const REQUEST: Duration = Duration::from_millis(150);
/// How long it takes until the next thing happens.
const BETWEEN_EVENTS: Duration = Duration::from_secs(3);

/// What is known of a run, from outside.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) command: &'static str,
    pub(crate) commit: usize,
    /// The environment's key, if the run is about one.
    pub(crate) environment: Option<usize>,
    pub(crate) release: Option<u32>,
    /// What was set aside.
    pub(crate) force: Option<&'static str>,
    /// What was left out.
    pub(crate) part: Option<Part>,
    /// Whether a service was made anew while it ran: it calls the old one.
    pub(crate) is_outdated: bool,
    pub(crate) before: Option<usize>,
    /// When it began.
    pub(crate) begun: usize,
    /// When it began, in seconds since the world did.
    pub(crate) began: u64,
    pub(crate) looks: Looks,
    /// Whether it was killed or cancelled.
    pub(crate) is_cut: bool,
    /// Whether something else happened while it ran.
    pub(crate) is_disturbed: bool,
    /// The deploys that it asked Render for.
    pub(crate) calls: Vec<DeployCall>,
    /// The commit whose clean run came right before it, where nothing has happened since.
    pub(crate) repeats: bool,
    /// Whether nothing was under way, and nothing was armed to go wrong, when it began.
    pub(crate) was_quiet: bool,
    attempt: u32,
}

/// A call that asks Render for a deploy.
#[derive(Debug, Clone)]
pub(crate) struct DeployCall {
    pub(crate) service: usize,
    pub(crate) step: usize,
    pub(crate) digest: String,
    /// Whether it puts back what was there before, because another service of the run failed.
    pub(crate) is_restore: bool,
}

impl Run {
    /// Whether it is the first attempt of a push.
    pub(crate) const fn is_first(&self) -> bool {
        self.attempt == 1
    }
}

/// A run that goes on.
pub(crate) struct Slot {
    pub(crate) number: RunNumber,
    running: Running,
    /// By its own clock.
    pub(crate) elapsed: Duration,
    /// A request that was sent and has not arrived.
    waiting: Option<(Call, Replying)>,
    watch: Option<Watch>,
}

/// What a run is started with.
struct Start {
    run: Run,
    payload: Payload,
    git_ref: String,
    refs: BTreeMap<String, String>,
    id: usize,
    inputs: Vec<(&'static str, String)>,
}

impl Team {
    /// Plays an event.
    pub(crate) fn plays(&mut self, event: &Event) {
        self.say(|| format!("{event:?}"));
        self.passes(BETWEEN_EVENTS);
        match event {
            Event::Run { slot, ask, steps } => {
                let slot = if self.setting.overlaps {
                    usize::from(*slot) % 2
                } else {
                    0
                };
                self.goes(slot, usize::MAX);
                self.starts(slot, ask);
                self.goes(slot, steps.map_or(usize::MAX, usize::from));
            }
            Event::Go { slot, steps } => self.goes(usize::from(*slot) % 2, usize::from(*steps)),
            Event::GoToCall { slot } => self.goes_to_call(usize::from(*slot) % 2),
            Event::GoBeforeCall { slot } => self.goes_before_call(usize::from(*slot) % 2),
            Event::End { slot } => self.goes(usize::from(*slot) % 2, usize::MAX),
            Event::Kill { slot, arrives } => self.kills(usize::from(*slot) % 2, *arrives),
            Event::Cancel { slot } => self.cancels(usize::from(*slot) % 2),
            other => self.happens(other),
        }
    }

    /// Something else than `by` happens: every other run is disturbed.
    pub(crate) fn disturb(&mut self, by: Option<RunNumber>) {
        for slot in self.slots.iter().flatten() {
            if Some(slot.number) != by {
                self.runs[slot.number].is_disturbed = true;
            }
        }
    }

    fn starts(&mut self, slot: usize, ask: &Ask) {
        let Some(mut start) = self.start_of(ask) else {
            return;
        };
        let number = self.runs.len();
        self.world.step += 1;
        self.disturb(None);
        start.run.was_quiet = self.is_quiet();
        start.run.repeats = start.run.command == "deploy"
            && start
                .run
                .environment
                .is_some_and(|environment| self.clean.get(&environment) == Some(&start.run.commit));
        self.say(|| {
            let Run { command, commit, environment, release, attempt, .. } = &start.run;
            let release = release.map(|release| format!(" prod-{release}")).unwrap_or_default();
            format!("  run {number} in slot {slot}: {command} c{commit}{release} in {environment:?}, attempt {attempt}")
        });
        let directory = self.workspaces[slot].path.clone();
        let refs = if self.setting.old_refs {
            &start.refs
        } else {
            &self.world.origin.refs
        };
        let checkout = self.setting.checkout;
        let checked_out = if start.payload.name == "workflow_run" {
            "refs/heads/main"
        } else {
            &start.git_ref
        };
        let commit = self
            .world
            .origin
            .number(&start.payload.sha)
            .unwrap_or(start.run.commit);
        self.workspaces[slot].check_out(&self.world.origin, checkout, commit, checked_out, refs);
        let has_fifo = self.setting.has_fifo && checkout != Checkout::None;
        let watch = has_fifo.then(|| self.workspaces[slot].put_fifo());
        let event = directory.join("event.json");
        std::fs::write(&event, start.payload.body.to_string()).expect("the event");
        let mut environment = self.variables(&start);
        let text = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
        environment.insert("GITHUB_EVENT_PATH".into(), text(&event));
        environment.insert("GITHUB_WORKSPACE".into(), text(&directory));
        self.counters.add("runs");
        if checkout == Checkout::None {
            self.counters.add("runs without a checkout");
        }
        self.runs.push(start.run);
        let running = Running::start(environment, &directory);
        if (0..2).any(|other| other != slot && self.slots[other].is_some()) {
            self.counters.add("runs that overlap another one");
        }
        self.slots[slot] = Some(Slot {
            number,
            running,
            elapsed: Duration::ZERO,
            waiting: None,
            watch,
        });
        self.disturb_by_others(number);
    }

    /// A run that begins while another one goes on is disturbed by it.
    fn disturb_by_others(&mut self, number: RunNumber) {
        if self
            .slots
            .iter()
            .flatten()
            .any(|slot| slot.number != number)
        {
            self.runs[number].is_disturbed = true;
        }
    }

    fn is_quiet(&self) -> bool {
        let services = self.world.render.services.values();
        let deploys = services.clone().flat_map(|service| &service.deploys);
        deploys
            .into_iter()
            .all(|deploy| !deploy.state.is_in_flight())
            && services
                .into_iter()
                .all(|service| service.failing == 0 && service.slow.is_none())
            && self.world.faults.waiting.is_empty()
            && self.slots.iter().all(Option::is_none)
    }

    /// Lets a run go on for so many requests, or to its end.
    pub(crate) fn goes(&mut self, slot: usize, steps: usize) {
        for _ in 0..steps {
            if !self.step(slot) {
                return;
            }
        }
    }

    /// Lets a run go on until it has asked for another deploy, or to its end.
    fn goes_to_call(&mut self, slot: usize) {
        let calls = |team: &Self| {
            let number = team.slots[slot].as_ref().map(|slot| slot.number);
            number.map(|number| team.runs[number].calls.len())
        };
        let before = calls(self);
        while calls(self) == before && self.step(slot) {}
    }

    /// Lets a run go on until it has sent a call for a deploy, which has not arrived yet, or to its end.
    fn goes_before_call(&mut self, slot: usize) {
        loop {
            let Some(going) = self.slots[slot].take() else {
                return;
            };
            let (next, mut going) = self.next_of(going);
            match next {
                Next::Request(call, replying) => {
                    let is_call = asks_for_deploy(&call);
                    going.waiting = Some((call, replying));
                    self.slots[slot] = Some(going);
                    if is_call {
                        return;
                    }
                    self.step(slot);
                }
                Next::Ended(code) => self.ended(going, code),
            }
        }
    }

    /// What comes next of a run: the request that waits, or the next one.
    fn next_of(&mut self, mut going: Slot) -> (Next, Slot) {
        if let Some((call, replying)) = going.waiting.take() {
            return (Next::Request(call, replying), going);
        }
        let (next, elapsed) = going.running.next();
        let passed = elapsed.saturating_sub(going.elapsed);
        going.elapsed = elapsed;
        self.passes(passed);
        (next, going)
    }

    /// One request of a run; false when it has ended.
    fn step(&mut self, slot: usize) -> bool {
        let Some(going) = self.slots[slot].take() else {
            return false;
        };
        let (next, going) = self.next_of(going);
        match next {
            Next::Request(call, replying) => {
                self.slots[slot] = Some(going);
                let number = self.slots[slot].as_ref().map_or(0, |slot| slot.number);
                let answer = self.delivers(number, &call);
                replying.answer(answer);
                true
            }
            Next::Ended(code) => {
                self.ended(going, code);
                false
            }
        }
    }

    fn ended(&mut self, going: Slot, code: u8) {
        let said = going.running.said();
        let outputs = going.running.outputs();
        if going.watch.is_some_and(Watch::was_read) {
            self.broken(
                Promise::Sane,
                format!("run {} waits for a FIFO among the refs", going.number),
            );
        }
        self.ends(going.number, code, &outputs, &said);
    }

    /// A request of a run arrives.
    fn delivers(&mut self, number: RunNumber, call: &Call) -> Answer {
        self.passes(REQUEST);
        self.disturb(Some(number));
        if asks_for_deploy(call) {
            self.check_call(number, call);
            self.note_rollback_call(number, call);
        }
        self.check_write(number, call);
        let answer = self.world.answer(number, call);
        self.say(|| {
            let shown = answer
                .as_ref()
                .map_or_else(|lost| format!("{lost:?}"), |reply| reply.status.to_string());
            let line = call.line().chars().take(150).collect::<String>();
            format!("    {number}: {line} -> {shown}")
        });
        self.note_look(number, call, &answer);
        self.check_status(number, call, &answer);
        answer
    }

    fn kills(&mut self, slot: usize, arrives: bool) {
        let Some(going) = self.slots[slot].take() else {
            return;
        };
        let number = going.number;
        self.runs[number].is_cut = true;
        let (next, going) = self.next_of(going);
        match next {
            Next::Request(call, _) => {
                self.counters.add("runs killed");
                if arrives {
                    self.slots[slot] = Some(going);
                    let _ = self.delivers(number, &call);
                    self.slots[slot] = None;
                }
            }
            Next::Ended(code) => {
                let (outputs, said) = (going.running.outputs(), going.running.said());
                self.ends(going.number, code, &outputs, &said);
            }
        }
    }

    fn cancels(&mut self, slot: usize) {
        let Some(going) = &self.slots[slot] else {
            return;
        };
        going.running.cancel();
        self.runs[going.number].is_cut = true;
        self.counters.add("runs cancelled");
        self.goes(slot, usize::MAX);
    }
}

fn asks_for_deploy(call: &Call) -> bool {
    server_of(call).is_some_and(|server| is_deploy_call(server, call))
}
