//! Which run begins, and of what.

use super::{Run, Start};
use crate::event::{Ask, Part};
use crate::manifest::When;
use crate::oracle::looks::Looks;
use crate::payload::Payload;
use crate::team::Team;

fn release_of(git_ref: &str) -> Option<u32> {
    git_ref.strip_prefix("refs/tags/prod-")?.parse().ok()
}

impl Team {
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
            force: None,
            part: None,
            is_outdated: false,
            before: None,
            begun: self.world.step,
            began: self.world.now,
            looks: Looks::default(),
            is_cut: false,
            is_disturbed: false,
            calls: Vec::new(),
            repeats: false,
            was_quiet: false,
            attempt,
        }
    }

    pub(super) fn start_of(&mut self, ask: &Ask) -> Option<Start> {
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
            Ask::Force { which, to } => self.forced(*which, *to),
            Ask::Rollback(which) => {
                let mut start = self.dispatched(*which)?;
                (start.run.command, start.run.release) = ("rollback", None);
                start.inputs.retain(|(name, _)| *name != "release");
                start.payload = Payload::dispatch(&start.git_ref, &start.payload.sha);
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
            Ask::Part { which, part } => {
                let mut start = match which % 3 {
                    0 => self.dispatched(which / 3)?,
                    _ => self.triggered(usize::from(*which).checked_rem(count)?, false)?,
                };
                self.leave_out(&mut start, *part)?;
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
        let git_ref = format!("refs/heads/{}", self.branch(environment));
        let tip = self.on(&git_ref)?;
        let name = self.manifest(tip)?.environment(environment)?.name.clone();
        let mut run = self.run("deploy", tip, &git_ref, 1);
        // The one that is assumed where there is no manifest has releases in its place.
        let follows = self.manifest(tip)?.environment(environment)?.when.clone();
        run.environment = matches!(follows, When::Branch(_)).then_some(environment);
        let mut start = self.start_by_hand(run, git_ref, vec![("environment", name)])?;
        let machine = match which / 2 % 8 {
            0 => Some("schedule"),
            1 => Some("repository_dispatch"),
            _ => None,
        };
        if let (0, Some(machine)) = (environment, machine) {
            start.payload = Payload::machine(machine, &self.sha(tip));
            self.counters.add("runs by a machine");
        }
        Some(start)
    }

    /// A person asks for a commit of `main`, and sets something aside.
    fn forced(&mut self, which: u8, to: u8) -> Option<Start> {
        let tip = self.on("refs/heads/main")?;
        let line: Vec<usize> = self.world.origin.line(tip).collect();
        let commit = line[usize::from(to) % line.len().min(4)];
        let name = |commit: usize| Some(self.manifest(commit)?.environment(0)?.name.clone());
        let environment = name(commit).filter(|found| Some(found) == name(tip).as_ref())?;
        let force = ["older", "held", "unchanged"][usize::from(which) % 3];
        let mut run = self.run("deploy", commit, "refs/heads/main", 1);
        run.force = Some(force);
        self.counters.add("runs by force");
        let inputs = vec![
            ("environment", environment),
            ("sha", self.sha(commit)),
            ("force", force.into()),
        ];
        self.start_by_hand(run, "refs/heads/main".into(), inputs)
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

    /// Leaves something out of a run.
    fn leave_out(&mut self, start: &mut Start, part: Part) -> Option<()> {
        start.run.part = Some(part);
        match part {
            Part::Frozen => {
                start.inputs.push(("freeze", "the fair".into()));
                self.counters.add("runs that are frozen");
            }
            Part::Dry => {
                start.inputs.push(("dry-run", "true".into()));
                self.counters.add("dry runs");
            }
            Part::Service(which) => {
                let manifest = self.manifest(start.run.commit)?;
                let at = usize::from(which) % manifest.services.len().max(1);
                let service = manifest.services.get(at)?;
                start.run.part = Some(Part::Service(u8::try_from(service.key).ok()?));
                start.inputs.push(("services", service.name.clone()));
                self.counters.add("runs of some services");
            }
        }
        Some(())
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
}
