//! Runs of the program: how they are started, go on, and end.

use crate::event::{Ask, Event};
use crate::git::{Checkout, Watch};
use crate::manifest::{Config, When};
use crate::oracle::Promise;
use crate::oracle::looks::Looks;
use crate::payload::Payload;
use crate::runner::{Next, Running};
use crate::setting::{Builds, Key};
use crate::team::{BRANCHES, Team};
use crate::wire::{Answer, Call};
use crate::world::faults::is_deploy_call;
use crate::world::render::Render;
use crate::world::{API, REGISTRY, RENDER, RENDER_KEY, RunNumber, TOKEN, server_of};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is known of a run, from outside.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) command: &'static str,
    pub(crate) commit: usize,
    /// The environment's key, if the run is about one.
    pub(crate) environment: Option<usize>,
    pub(crate) release: Option<u32>,
    pub(crate) before: Option<usize>,
    /// When it began.
    pub(crate) begun: usize,
    pub(crate) looks: Looks,
    /// Whether it was killed or cancelled.
    pub(crate) is_cut: bool,
    /// Whether something else happened while it ran.
    pub(crate) is_disturbed: bool,
    /// The services that it asked Render to deploy, with the steps.
    pub(crate) calls: Vec<(usize, usize)>,
    /// The commit whose clean run came right before it, where nothing has happened since.
    pub(crate) repeats: bool,
    /// Whether nothing was under way, and nothing was armed to go wrong, when it began.
    pub(crate) was_quiet: bool,
    attempt: u32,
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

fn release_of(git_ref: &str) -> Option<u32> {
    git_ref.strip_prefix("refs/tags/prod-")?.parse().ok()
}

impl Team {
    /// Plays an event.
    pub(crate) fn plays(&mut self, event: &Event) {
        self.say(|| format!("{event:?}"));
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

    fn environment_of(&self, commit: usize, git_ref: &str) -> Option<usize> {
        let manifest = self.manifest(commit)?;
        let follows = |when: &When| match when {
            When::Branch(branch) => git_ref == format!("refs/heads/{branch}"),
            When::Releases => git_ref.starts_with("refs/tags/"),
        };
        let found = manifest
            .environments
            .iter()
            .find(|environment| follows(&environment.when));
        found.map(|environment| environment.key)
    }

    fn run(&self, command: &'static str, commit: usize, git_ref: &str, attempt: u32) -> Run {
        Run {
            command,
            commit,
            environment: self.environment_of(commit, git_ref),
            release: release_of(git_ref),
            before: None,
            begun: self.world.step,
            looks: Looks::default(),
            is_cut: false,
            is_disturbed: false,
            calls: Vec::new(),
            repeats: false,
            was_quiet: false,
            attempt,
        }
    }

    fn start_of(&mut self, ask: &Ask) -> Option<Start> {
        let count = self.triggers.len();
        match ask {
            Ask::Newest => self.triggered(count.checked_sub(1)?, false),
            Ask::Late(which) => {
                let late: Vec<usize> = (0..count)
                    .filter(|at| self.triggers[*at].attempts == 0)
                    .collect();
                self.counters.add("late first attempts");
                self.triggered(
                    *late.get(usize::from(*which).checked_rem(late.len())?)?,
                    false,
                )
            }
            Ask::Again(which) => self.triggered(usize::from(*which).checked_rem(count)?, false),
            Ask::CiAgain(which) => self.triggered(usize::from(*which).checked_rem(count)?, true),
            Ask::Dispatch(which) => self.dispatched(*which),
            Ask::DispatchRelease(which) => self.dispatched_release(*which),
            Ask::Rollback(which) => {
                let mut start = self.dispatched(*which)?;
                (start.run.command, start.run.release) = ("rollback", None);
                start.inputs.retain(|(name, _)| *name != "release");
                self.counters.add("rollbacks");
                Some(start)
            }
            Ask::Release(which) => {
                let at = usize::from(*which).checked_rem(count)?;
                if self.triggers[at].git_ref != "refs/heads/main" || !self.setting.has_releases() {
                    return None;
                }
                let mut start = self.triggered(at, false)?;
                (start.run.command, start.run.environment) = ("release", None);
                start.payload = self.triggers[at].payload.clone();
                self.counters.add("releases made by command");
                Some(start)
            }
            Ask::Cleanup => {
                let mut start = self.dispatched(0)?;
                (start.run.command, start.run.environment) = ("cleanup", None);
                start.inputs = vec![("pr-number", "7".into())];
                self.leave_images_of_a_pull_request(start.run.commit);
                self.counters.add("clean-ups");
                Some(start)
            }
        }
    }

    /// A run of a trigger, for the first time or again.
    fn triggered(&mut self, at: usize, is_ci_again: bool) -> Option<Start> {
        let trigger = &mut self.triggers[at];
        let is_branch = trigger.git_ref.starts_with("refs/heads/");
        let by_workflow_run = self.setting.by_workflow_run && is_branch;
        if is_ci_again && !by_workflow_run {
            return None;
        }
        let (mut id, mut attempt) = (trigger.id + 1, trigger.attempts + 1);
        if is_ci_again {
            trigger.ci_attempts += 1;
            (id, attempt) = (id + 1000 * trigger.ci_attempts as usize, 1);
        } else {
            trigger.attempts += 1;
        }
        let trigger = trigger.clone();
        if attempt > 1 {
            self.counters.add("runs repeated");
        }
        let mut run = self.run("deploy", trigger.commit, &trigger.git_ref, attempt);
        run.before = trigger.before;
        let mut payload = trigger.payload;
        if by_workflow_run {
            let branch = &trigger.git_ref["refs/heads/".len()..];
            let tip = self.on("refs/heads/main").unwrap_or(trigger.commit);
            payload = Payload::workflow_run(
                branch,
                &self.sha(trigger.commit),
                &self.sha(tip),
                trigger.ci_attempts,
            );
            run.before = None;
            self.counters.add("runs by workflow_run");
        }
        Some(Start {
            run,
            payload,
            git_ref: trigger.git_ref,
            refs: trigger.refs,
            id,
            inputs: Vec::new(),
        })
    }

    fn dispatched(&mut self, which: u8) -> Option<Start> {
        let environment = usize::from(which) % self.setting.environments();
        if environment == 1 && self.setting.has_releases() {
            return self.dispatched_release(u8::MAX);
        }
        let git_ref = format!("refs/heads/{}", BRANCHES[environment]);
        let tip = self.on(&git_ref)?;
        let name = self.manifest(tip)?.environment(environment)?.name.clone();
        let run = self.run("deploy", tip, &git_ref, 1);
        self.start_by_hand(run, git_ref, vec![("environment", name)])
    }

    fn dispatched_release(&mut self, which: u8) -> Option<Start> {
        let mut numbers: Vec<u32> = self
            .world
            .origin
            .refs
            .keys()
            .filter_map(|name| release_of(name))
            .collect();
        numbers.sort_unstable();
        let at = if which == u8::MAX {
            numbers.len().checked_sub(1)?
        } else {
            usize::from(which).checked_rem(numbers.len())?
        };
        let tag = format!("prod-{}", numbers[at]);
        let tag_ref = format!("refs/tags/{tag}");
        let commit = self.on(&tag_ref)?;
        let name = self.manifest(commit)?.environment(1)?.name.clone();
        let mut run = self.run("deploy", commit, &tag_ref, 1);
        run.environment = Some(1);
        self.start_by_hand(
            run,
            "refs/heads/main".into(),
            vec![("environment", name), ("release", tag)],
        )
    }

    fn start_by_hand(
        &mut self,
        run: Run,
        git_ref: String,
        inputs: Vec<(&'static str, String)>,
    ) -> Option<Start> {
        self.counters.add("runs by dispatch");
        let tip = self.on(&git_ref)?;
        let payload = Payload::dispatch(&git_ref, &self.sha(tip));
        let refs = self.world.origin.refs.clone();
        let id = 100_000 + self.runs.len();
        Some(Start {
            run,
            payload,
            git_ref,
            refs,
            id,
            inputs,
        })
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
        let mut environment = self.environment(&start);
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

    fn environment(&self, start: &Start) -> BTreeMap<String, String> {
        let sha = start.payload.sha.clone();
        let name = start
            .git_ref
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let mut pairs: Vec<(&str, String)> = vec![
            ("CI", "true".into()),
            ("GITHUB_ACTIONS", "true".into()),
            ("GITHUB_ACTOR", "ada".into()),
            ("GITHUB_API_URL", format!("http://{API}")),
            ("GITHUB_EVENT_NAME", start.payload.name.into()),
            ("GITHUB_REF", start.payload.git_ref.clone()),
            ("GITHUB_REF_NAME", name),
            ("GITHUB_REPOSITORY", "acme/shop".into()),
            ("GITHUB_RUN_ATTEMPT", start.run.attempt.to_string()),
            ("GITHUB_RUN_ID", (5000 + start.id).to_string()),
            ("GITHUB_SERVER_URL", "https://github.com".into()),
            ("GITHUB_SHA", sha),
            ("RUNNER_ENVIRONMENT", "github-hosted".into()),
            ("INPUT_COMMAND", start.run.command.into()),
            ("INPUT_GITHUB-TOKEN", TOKEN.into()),
            ("INPUT_REGISTRY", REGISTRY.into()),
            ("INPUT_RENDER-API-URL", format!("http://{RENDER}")),
            ("INPUT_RECORD", self.setting.record.to_string()),
            ("INPUT_IMAGE-TIMEOUT", "20s".into()),
        ];
        if self.setting.has_key() {
            pairs.push(("INPUT_RENDER-API-KEY", RENDER_KEY.into()));
        }
        if self.setting.wait_accepted {
            pairs.push(("INPUT_WAIT", "accepted".into()));
        }
        pairs.extend(self.hooks(start));
        let mut environment: BTreeMap<String, String> = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        for (name, value) in &start.inputs {
            environment.insert(format!("INPUT_{}", name.to_uppercase()), value.clone());
        }
        environment
    }

    /// The inputs with hooks, and with digests where the images' labels say nothing true.
    fn hooks(&self, start: &Start) -> Vec<(&'static str, String)> {
        let commit = start.run.commit;
        let is_absent = self.configs[commit] == Config::Absent;
        let image = ("INPUT_IMAGE", format!("{REGISTRY}/acme/a0"));
        let (Some(key), Some(manifest)) = (start.run.environment, self.manifest(commit)) else {
            return if is_absent { vec![image] } else { Vec::new() };
        };
        let url = |service: usize| {
            let id = self.render_id(key, service);
            format!("http://{RENDER}/deploy/{id}?key={}", Render::hook_key(&id))
        };
        let mut inputs = Vec::new();
        if is_absent {
            inputs.push(image);
            inputs.push(("INPUT_DEPLOY-HOOK", url(0)));
        } else if self.setting.key != Key::WithIds {
            let lines: Vec<String> = manifest
                .services
                .iter()
                .map(|service| format!("{}={}", service.name, url(service.key)))
                .collect();
            inputs.push(("INPUT_DEPLOY-HOOKS", lines.join("\n")));
        }
        if self.setting.builds == Builds::Inherited && start.run.command == "deploy" {
            let line = |image: &crate::manifest::Image| {
                let digest = self.digest(&image.repository, commit)?;
                Some(if self.configs[commit] == Config::Absent {
                    digest
                } else {
                    format!("i{}={digest}", image.key)
                })
            };
            let lines: Vec<String> = manifest.images.iter().filter_map(line).collect();
            inputs.push(("INPUT_DIGEST", lines.join("\n")));
        }
        inputs
    }

    fn leave_images_of_a_pull_request(&mut self, commit: usize) {
        let Some(manifest) = self.manifest(commit) else {
            return;
        };
        let Some(image) = manifest.images.first() else {
            return;
        };
        let own = self.sha(commit);
        let other = "e".repeat(40);
        for (sha, content) in [
            (own, "of this repository"),
            (other, "of another repository"),
        ] {
            let tag = format!("pr-7-{sha}");
            let labels = serde_json::json!({});
            self.world.registry.push(
                &image.repository,
                Some(&tag),
                &format!("{content} {}", self.runs.len()),
                &labels,
            );
        }
    }

    /// Lets a run go on for so many requests, or to its end.
    pub(crate) fn goes(&mut self, slot: usize, steps: usize) {
        for _ in 0..steps {
            if !self.step(slot) {
                return;
            }
        }
    }

    /// One request of a run; false when it has ended.
    fn step(&mut self, slot: usize) -> bool {
        let Some(mut going) = self.slots[slot].take() else {
            return false;
        };
        let (next, elapsed) = going.running.next();
        let passed = elapsed.saturating_sub(going.elapsed);
        going.elapsed = elapsed;
        self.passes(passed);
        match next {
            Next::Request(call, replying) => {
                self.slots[slot] = Some(going);
                let number = self.slots[slot].as_ref().map_or(0, |slot| slot.number);
                let answer = self.delivers(number, &call);
                replying.answer(answer);
                true
            }
            Next::Ended(code) => {
                let said = going.running.said();
                let outputs = going.running.outputs();
                if going.watch.is_some_and(Watch::was_read) {
                    self.broken(
                        Promise::Sane,
                        format!("run {} waits for a FIFO among the refs", going.number),
                    );
                }
                self.ends(going.number, code, &outputs, &said);
                false
            }
        }
    }

    /// A request of a run arrives.
    fn delivers(&mut self, number: RunNumber, call: &Call) -> Answer {
        self.disturb(Some(number));
        let is_deploy = server_of(call).is_some_and(|server| is_deploy_call(server, call));
        if is_deploy {
            self.check_call(number, call);
            self.note_rollback_call(number, call);
        }
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
        let Some(mut going) = self.slots[slot].take() else {
            return;
        };
        let number = going.number;
        self.runs[number].is_cut = true;
        let (next, elapsed) = going.running.next();
        self.passes(elapsed.saturating_sub(going.elapsed));
        going.elapsed = elapsed;
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
