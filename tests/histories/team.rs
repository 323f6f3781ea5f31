//! A team and everything around it: who pushes, tags and presses buttons. What runs of the program do is in `runs`.

mod branches;
mod people;

use crate::checkout::Workspace;
use crate::counters::Counters;
use crate::event::Event;
use crate::git::Files;
use crate::manifest::{Config, Manifest, render_id};
use crate::oracle::holds::Hold;
use crate::oracle::{Found, Promise};
use crate::payload::Payload;
use crate::runs::{Run, Slot};
use crate::setting::{Builds, Setting};
use crate::spec::Spec;
use crate::world::faults::Fault;
use crate::world::render::Render;
use crate::world::{REGISTRY, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The branches that there are, the second one under its first name.
const BRANCHES: [&str; 3] = ["main", "dev", "hotfix"];

/// Bytes, and the commits that they were built from; none of bytes from elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Build {
    pub(crate) commits: Vec<usize>,
}

/// What would start a run.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    pub(crate) payload: Payload,
    pub(crate) commit: usize,
    /// The branch or tag: a full name.
    pub(crate) git_ref: String,
    /// What the branch was on before.
    pub(crate) before: Option<usize>,
    /// The refs at that time.
    pub(crate) refs: BTreeMap<String, String>,
    /// How often it has run.
    pub(crate) attempts: u32,
    /// How often the CI run that it follows has run.
    pub(crate) ci_attempts: u32,
    pub(crate) id: usize,
}

/// A history while it is played.
pub(crate) struct Team {
    pub(crate) setting: Setting,
    pub(crate) world: World,
    pub(crate) specs: Vec<Spec>,
    pub(crate) configs: Vec<Config>,
    pub(crate) builds: BTreeMap<String, Build>,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) runs: Vec<Run>,
    pub(crate) slots: [Option<Slot>; 2],
    pub(crate) workspaces: [Workspace; 2],
    pub(crate) clock: Duration,
    /// Where a branch was when it was deleted.
    deleted: BTreeMap<String, usize>,
    /// Whether the branch of the second environment has its second name.
    is_renamed: bool,
    /// How often a service was made anew on Render, by environment and service.
    recreated: BTreeMap<(usize, usize), u32>,
    next_release: u32,
    /// What tells of the history, line by line, where somebody listens.
    pub(crate) story: Option<Vec<String>>,
    pub(crate) found: Vec<Found>,
    pub(crate) counters: Counters,
    pub(crate) holds: BTreeMap<(usize, usize), Hold>,
    /// The commit of the last clean run of the tip, by environment, while nothing has happened since.
    pub(crate) clean: BTreeMap<usize, usize>,
    /// Whether somebody edited records: what a run knows of them is then its own affair.
    pub(crate) has_edited_records: bool,
    /// Whether somebody took away a record that is of no deploy: it says which names a service had.
    pub(crate) has_lost_names: bool,
}

impl Team {
    pub(crate) fn new(setting: Setting, directory: &Path) -> Self {
        let render = Render::new(
            setting.policy,
            setting.pace,
            setting.lists_late,
            setting.is_strict,
        );
        let workspaces = [0, 1].map(|slot| Workspace::new(&directory.join(format!("w{slot}"))));
        let mut team = Self {
            setting,
            world: World::new(render),
            specs: Vec::new(),
            configs: Vec::new(),
            builds: BTreeMap::new(),
            triggers: Vec::new(),
            runs: Vec::new(),
            slots: [None, None],
            workspaces,
            clock: Duration::ZERO,
            deleted: BTreeMap::new(),
            is_renamed: false,
            recreated: BTreeMap::new(),
            next_release: 1,
            story: None,
            found: Vec::new(),
            counters: Counters::default(),
            holds: BTreeMap::new(),
            clean: BTreeMap::new(),
            has_edited_records: false,
            has_lost_names: false,
        };
        let first = team.commit(None, Spec::first(&setting));
        for branch in &BRANCHES[..2] {
            team.put(&format!("refs/heads/{branch}"), first);
        }
        for environment in 0..2 {
            for service in 0..setting.services {
                team.world
                    .render
                    .service(&render_id(setting.shares_hooks(), environment, service));
            }
        }
        team.build(first);
        team.follow_settings();
        team
    }

    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(line());
        }
    }

    pub(crate) fn manifest(&self, commit: usize) -> Option<Manifest> {
        self.configs[commit].meaning()
    }

    pub(crate) fn files(&self, commit: usize) -> &Files {
        &self.world.origin.commits[commit].files
    }

    pub(crate) fn sha(&self, commit: usize) -> String {
        self.world.origin.commits[commit].sha.clone()
    }

    pub(crate) fn on(&self, git_ref: &str) -> Option<usize> {
        self.world.origin.on(git_ref)
    }

    /// The id on Render of a service of an environment.
    pub(crate) fn render_id(&self, environment: usize, service: usize) -> String {
        let id = render_id(self.setting.shares_hooks(), environment, service);
        let environment = if self.setting.shares_hooks() {
            0
        } else {
            environment
        };
        match self.recreated.get(&(environment, service)) {
            Some(times) => format!("{id}r{times}"),
            None => id,
        }
    }

    /// The present name of a branch.
    pub(crate) fn branch(&self, number: usize) -> &'static str {
        match number {
            1 if self.is_renamed => "develop",
            other => BRANCHES[other % BRANCHES.len()],
        }
    }

    fn commit(&mut self, parent: Option<usize>, spec: Spec) -> usize {
        let number = self.world.origin.commit(parent, spec.all_files());
        self.configs.push(spec.config());
        self.specs.push(spec);
        number
    }

    fn put(&mut self, git_ref: &str, commit: usize) {
        let sha = self.sha(commit);
        self.world.origin.refs.insert(git_ref.to_owned(), sha);
    }

    /// Somebody keeps the repositories in Render's settings as the tip of `main` says.
    fn follow_settings(&mut self) {
        let Some(tip) = self.on("refs/heads/main") else {
            return;
        };
        let Some(manifest) = self.manifest(tip) else {
            return;
        };
        for service in &manifest.services {
            let Some(image) = manifest.image(service.image) else {
                continue;
            };
            for environment in 0..2 {
                let id = self.render_id(environment, service.key);
                self.world.render.service(&id).repository =
                    format!("{REGISTRY}/{}", image.repository);
            }
        }
    }

    /// Builds the images of a commit, as CI does for each push.
    fn build(&mut self, commit: usize) {
        let Some(manifest) = self.manifest(commit) else {
            return;
        };
        let (sha, base) = (self.sha(commit), self.sha(0));
        for image in &manifest.images {
            let recipe = manifest.recipe(image, self.files(commit));
            let content = format!("{} {} {:?}", image.key, recipe.build, recipe.files);
            let (content, revision) = match self.setting.builds {
                Builds::Labelled => (format!("{content} {sha}"), Some(&sha)),
                Builds::Reproducible => (content, None),
                Builds::Inherited => (format!("{content} {sha}"), Some(&base)),
            };
            let labels = labels(revision);
            let digest = self
                .world
                .registry
                .push(&image.repository, Some(&sha), &content, &labels);
            let commits = &mut self.builds.entry(digest).or_default().commits;
            if !commits.contains(&commit) {
                commits.push(commit);
            }
        }
    }

    /// The digest of an image at a commit, where it was built.
    pub(crate) fn digest(&self, repository: &str, commit: usize) -> Option<String> {
        let found = self.world.registry.repositories.get(repository)?;
        found.tags.get(&self.sha(commit)).cloned()
    }

    fn trigger(&mut self, payload: Payload, git_ref: String, commit: usize, before: Option<usize>) {
        let id = self.triggers.len();
        let refs = self.world.origin.refs.clone();
        self.triggers.push(Trigger {
            payload,
            commit,
            git_ref,
            before,
            refs,
            attempts: 0,
            ci_attempts: 1,
            id,
        });
    }

    /// Something happens that is not a run.
    pub(crate) fn happens(&mut self, event: &Event) {
        if !matches!(event, Event::Time(_) | Event::Settle | Event::Heal) {
            self.clean.clear();
        }
        self.world.step += 1;
        self.disturb(None);
        match event {
            Event::Push { branch, commits } => {
                let (branch, Some(tip)) = self.tip_of(*branch) else {
                    return;
                };
                let tip = commits
                    .iter()
                    .fold(tip, |tip, changes| self.grow(tip, changes));
                self.push(branch, tip, false);
            }
            Event::Revert { branch, back } => {
                let (branch, Some(tip)) = self.tip_of(*branch) else {
                    return;
                };
                let old = self.back(tip, usize::from(*back));
                let number = self.specs.len();
                self.say(|| format!("  c{number} on c{tip}: as c{old}"));
                let spec = self.specs[old].clone();
                let new = self.commit(Some(tip), spec);
                self.counters.add("reverts");
                self.push(branch, new, false);
            }
            Event::Force { branch, to } => {
                let (branch, Some(_)) = self.tip_of(*branch) else {
                    return;
                };
                let to = usize::from(*to) % self.specs.len();
                self.counters.add("branches forced");
                self.push(branch, to, true);
            }
            Event::ForceAside {
                branch,
                back,
                change,
            } => {
                let (branch, Some(tip)) = self.tip_of(*branch) else {
                    return;
                };
                let parent = self.back(tip, usize::from(*back));
                let new = self.grow(parent, &[*change]);
                self.counters.add("branches forced");
                self.push(branch, new, true);
            }
            Event::DeleteBranch { branch } => self.delete_branch(usize::from(*branch) % 2),
            Event::Tag { back, is_annotated } => {
                let Some(tip) = self.on("refs/heads/main") else {
                    return;
                };
                let commit = self.back(tip, usize::from(*back));
                self.tag(commit, *is_annotated);
            }
            Event::DeleteTag(which) => self.delete_tag(*which),
            Event::MoveTag { which, to } => self.move_tag(*which, *to),
            Event::Hotfix { tag, change } => self.hotfix(*tag, *change),
            Event::Fault { which, what, times } => {
                let left = usize::from(*times).max(1);
                self.world.faults.waiting.push(Fault {
                    which: *which,
                    what: *what,
                    left,
                    run: None,
                });
            }
            Event::Key => self.setting.key = self.setting.key.other(),
            Event::Recreate(which) => self.recreate(*which),
            Event::RenameBranch => self.rename_branch(),
            Event::Heal => self.world.faults.waiting.clear(),
            Event::RenderFails(which) => {
                let id = self.any_service(*which);
                self.world.render.service(&id).failing += 1;
            }
            Event::RenderSlow(which) => {
                let id = self.any_service(*which);
                self.world.render.service(&id).slow = Some(100_000);
            }
            Event::Hand(which, hand) => self.by_hand(*which, *hand),
            Event::Edit(edit) => self.edit(*edit),
            Event::Time(seconds) => self.passes(Duration::from_secs(u64::from(*seconds))),
            Event::Settle => self.world.render.settle(),
            Event::Run { .. }
            | Event::Go { .. }
            | Event::GoToCall { .. }
            | Event::GoBeforeCall { .. }
            | Event::End { .. }
            | Event::Kill { .. }
            | Event::Cancel { .. } => {}
        }
    }

    pub(crate) fn passes(&mut self, time: Duration) {
        self.clock += time;
        let seconds = self.clock.as_secs() - self.world.now;
        self.world.pass(seconds);
    }

    /// A promise is broken.
    pub(crate) fn broken(&mut self, promise: Promise, text: String) {
        self.say(|| format!("!! {promise:?}: {text}"));
        self.found.push(Found { promise, text });
    }
}

/// The labels of an image.
fn labels(revision: Option<&String>) -> Value {
    match revision {
        Some(revision) => json!({"org.opencontainers.image.revision": revision,
            "org.opencontainers.image.source": "https://github.com/acme/shop"}),
        None => json!({"org.opencontainers.image.title": "image"}),
    }
}
