//! A team and everything around it: who pushes, tags and presses buttons. What runs of the program do is in `runs`.

use crate::counters::Counters;
use crate::event::{Change, Edit, Event, Hand};
use crate::git::{Files, Workspace};
use crate::manifest::{Config, Manifest, render_id};
use crate::oracle::holds::Hold;
use crate::oracle::{Found, Promise};
use crate::payload::Payload;
use crate::runs::{Run, Slot};
use crate::setting::{Builds, Setting};
use crate::spec::Spec;
use crate::world::deployments::Account;
use crate::world::faults::Fault;
use crate::world::render::{By, Render};
use crate::world::{REGISTRY, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// The branches that there are.
pub(crate) const BRANCHES: [&str; 3] = ["main", "dev", "hotfix"];

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
            next_release: 1,
            story: None,
            found: Vec::new(),
            counters: Counters::default(),
            holds: BTreeMap::new(),
            clean: BTreeMap::new(),
            has_edited_records: false,
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
        render_id(self.setting.shares_hooks(), environment, service)
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

    /// A branch is moved, by a push.
    fn push(&mut self, branch: usize, to: usize, is_forced: bool) {
        let git_ref = format!("refs/heads/{}", BRANCHES[branch]);
        let before = self.on(&git_ref);
        self.put(&git_ref, to);
        self.build(to);
        self.follow_settings();
        let (sha, old) = (self.sha(to), before.map(|before| self.sha(before)));
        let payload = Payload::push(&git_ref, old.as_deref(), &sha, &sha, is_forced);
        self.trigger(payload, git_ref, to, before);
        self.say(|| format!("  {} is on c{to} now", BRANCHES[branch]));
    }

    fn tip_of(&self, branch: u8) -> (usize, Option<usize>) {
        let branch = usize::from(branch) % BRANCHES.len();
        (branch, self.on(&format!("refs/heads/{}", BRANCHES[branch])))
    }

    /// The commit so many steps before one, or the first.
    fn back(&self, from: usize, steps: usize) -> usize {
        self.world
            .origin
            .line(from)
            .take(steps + 1)
            .last()
            .unwrap_or(from)
    }

    fn grow(&mut self, parent: usize, changes: &[Change]) -> usize {
        let (mut spec, number) = (self.specs[parent].clone(), self.specs.len());
        changes
            .iter()
            .for_each(|change| spec.apply(*change, number));
        self.say(|| format!("  c{number} on c{parent}: {changes:?}"));
        self.commit(Some(parent), spec)
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

    fn delete_branch(&mut self, branch: usize) {
        let git_ref = format!("refs/heads/{}", BRANCHES[branch]);
        match self.on(&git_ref) {
            Some(tip) => {
                self.deleted.insert(git_ref.clone(), tip);
                self.world.origin.refs.remove(&git_ref);
                self.counters.add("branches deleted");
                self.say(|| format!("  {git_ref} is gone"));
            }
            None => {
                let tip = self.deleted[&git_ref];
                self.push(branch, tip, false);
            }
        }
    }

    fn tag(&mut self, commit: usize, is_annotated: bool) {
        let name = format!("prod-{}", self.next_release);
        self.next_release += 1;
        let git_ref = format!("refs/tags/{name}");
        let sha = self.sha(commit);
        let object = if is_annotated {
            self.world.origin.tag_object(&name, commit)
        } else {
            sha.clone()
        };
        self.world
            .origin
            .refs
            .insert(git_ref.clone(), object.clone());
        self.build(commit);
        self.say(|| format!("  {name} is on c{commit}"));
        let payload = Payload::push(&git_ref, None, &object, &sha, false);
        self.trigger(payload, git_ref, commit, None);
        self.counters.add("releases tagged");
    }

    /// A release that stands, chosen by a number.
    fn release(&self, which: u8) -> Option<(String, usize)> {
        let names: Vec<&String> = self
            .world
            .origin
            .refs
            .keys()
            .filter(|name| name.starts_with("refs/tags/"))
            .collect();
        let name = names.get(usize::from(which).checked_rem(names.len())?)?;
        Some(((*name).clone(), self.on(name)?))
    }

    fn delete_tag(&mut self, which: u8) {
        let Some((name, _)) = self.release(which) else {
            return;
        };
        self.world.origin.refs.remove(&name);
        self.counters.add("tags deleted");
        self.say(|| format!("  {name} is gone"));
    }

    fn move_tag(&mut self, which: u8, to: u8) {
        let Some((name, before)) = self.release(which) else {
            return;
        };
        let commit = usize::from(to) % self.specs.len();
        self.put(&name, commit);
        self.build(commit);
        self.counters.add("tags moved");
        self.say(|| format!("  {name} is moved to c{commit}"));
        let (old, new) = (self.sha(before), self.sha(commit));
        let payload = Payload::push(&name, Some(&old), &new, &new, true);
        self.trigger(payload, name, commit, Some(before));
    }

    fn hotfix(&mut self, tag: u8, change: Change) {
        let Some((_, commit)) = self.release(tag) else {
            return;
        };
        let new = self.grow(commit, &[change]);
        self.put("refs/heads/hotfix", new);
        self.build(new);
        self.counters.add("hotfix branches");
        self.tag(new, false);
    }

    /// A service on Render.
    fn any_service(&self, which: u8) -> String {
        let which = usize::from(which);
        let environment = which / self.setting.services % self.setting.environments();
        self.render_id(environment, which % self.setting.services)
    }

    fn by_hand(&mut self, which: u8, hand: Hand) {
        let id = self.any_service(which);
        let (service, step) = (usize::from(which) % self.setting.services, self.world.step);
        let environment = usize::from(which) / self.setting.services % self.setting.environments();
        match hand {
            Hand::Deploys(commit) => {
                let commit = usize::from(commit) % self.specs.len();
                let Some((repository, _)) = self.image_of(commit, service) else {
                    return;
                };
                let Some(digest) = self.digest(&repository, commit) else {
                    return;
                };
                let image = format!("{REGISTRY}/{repository}@{digest}");
                self.world.render.ask(step, &id, &image, By::Hand, false);
                self.holds.remove(&(environment, service));
                self.counters.add("deploys by hand");
                self.say(|| format!("  {id} is given the image of c{commit} by hand"));
            }
            Hand::DeploysForeign(commit) => {
                let commit = usize::from(commit) % self.specs.len();
                let Some((repository, _)) = self.image_of(commit, service) else {
                    return;
                };
                let sha = self.sha(commit);
                let content = format!("from a laptop {} {}", self.specs.len(), self.world.step);
                let digest =
                    self.world
                        .registry
                        .push(&repository, None, &content, &labels(Some(&sha)));
                self.builds.entry(digest.clone()).or_default();
                let image = format!("{REGISTRY}/{repository}@{digest}");
                self.world.render.ask(step, &id, &image, By::Hand, false);
                self.holds.remove(&(environment, service));
                self.counters.add("foreign bytes deployed by hand");
                self.say(|| {
                    format!("  {id} is given bytes from elsewhere, with the label of c{commit}")
                });
            }
            Hand::RollsBack(deploy) => self.rolls_back(environment, service, deploy),
            Hand::Cancels => {
                self.world.render.cancel_all(&id);
                self.counters.add("deploys cancelled by hand");
            }
        }
    }

    /// The repository of a service's image at a commit, and the image's key.
    fn image_of(&self, commit: usize, service: usize) -> Option<(String, usize)> {
        let manifest = self.manifest(commit)?;
        let image = manifest.image(manifest.service(service)?.image)?;
        Some((image.repository.clone(), image.key))
    }

    fn rolls_back(&mut self, environment: usize, service: usize, which: u8) {
        let (id, step) = (self.render_id(environment, service), self.world.step);
        let earlier: Vec<String> = {
            let deploys = &self.world.render.service(&id).deploys;
            let was_live = deploys
                .iter()
                .filter(|deploy| deploy.state == crate::world::render::State::Deactivated);
            was_live.map(|deploy| deploy.image.clone()).collect()
        };
        let Some(at) = usize::from(which).checked_rem(earlier.len()) else {
            return;
        };
        self.note_rollback_by_hand(environment, service, &earlier[at]);
        self.world
            .render
            .ask(step, &id, &earlier[at], By::Hand, true);
        self.counters.add("rollbacks by hand");
        self.say(|| format!("  {id} is rolled back by hand"));
    }

    fn edit(&mut self, edit: Edit) {
        self.has_edited_records = true;
        self.holds
            .values_mut()
            .for_each(|hold| hold.is_sure = false);
        let newest = |which: u8, count: usize| count.checked_sub(1 + usize::from(which));
        let own: Vec<usize> = {
            let list = &self.world.deployments.list;
            (0..list.len())
                .filter(|at| list[*at].creator == Account::own())
                .collect()
        };
        match edit {
            Edit::Delete(which) => {
                let Some(at) = newest(which, own.len()) else {
                    return;
                };
                let gone = self.world.deployments.list.remove(own[at]);
                self.counters.add("records deleted");
                self.say(|| {
                    format!(
                        "  the record {} of {} is deleted",
                        gone.number, gone.environment
                    )
                });
            }
            Edit::Move(which) => {
                let Some(at) = newest(which, own.len()) else {
                    return;
                };
                let moved = &mut self.world.deployments.list[own[at]];
                moved.environment = "elsewhere".into();
                self.counters.add("records moved");
            }
            Edit::Late(lists) => {
                self.world.deployments.next_is_late = usize::from(lists);
                self.counters.add("records listed late");
            }
            Edit::Crowd { service, count } => {
                self.crowd(service, usize::from(count), 0);
                self.counters.add("crowds of foreign records");
            }
            Edit::Large { service } => {
                self.crowd(service, 20, 450_000);
                self.counters.add("large foreign records");
            }
            Edit::Forged {
                service,
                commit,
                account,
                is_open,
            } => {
                self.forge(service, commit, account, is_open);
            }
        }
    }

    /// The name under which records of a service are kept, by the newest record of the program.
    fn records_of(&self, service: u8) -> Option<(String, Value, String)> {
        let own = self
            .world
            .deployments
            .list
            .iter()
            .rev()
            .filter(|found| found.creator == Account::own());
        let all: BTreeSet<String> = own.clone().map(|found| found.original.clone()).collect();
        let name = all
            .iter()
            .nth(usize::from(service).checked_rem(all.len())?)?
            .clone();
        let newest = own.clone().find(|found| found.original == name)?;
        Some((name, newest.payload.clone(), newest.task.clone()))
    }

    fn crowd(&mut self, service: u8, count: usize, size: usize) {
        let Some((environment, _, task)) = self.records_of(service) else {
            return;
        };
        let (at, sha) = ((self.world.now, self.world.step), self.sha(0));
        let task = if size == 0 { "deploy".to_owned() } else { task };
        let text = "x".repeat(size);
        let body = json!({"environment": environment, "task": task, "payload": {"text": text}});
        for _ in 0..count {
            self.world
                .deployments
                .write_foreign(at, &Account::other(1), &body, &sha, None);
        }
        self.say(|| format!("  another account writes {count} deployments of {environment}"));
    }

    fn forge(&mut self, service: u8, commit: u8, account: u8, is_open: bool) {
        let Some((environment, mut payload, task)) = self.records_of(service) else {
            return;
        };
        let commit = self.specs.len() - 1 - usize::from(commit) % self.specs.len().min(4);
        let service = usize::from(service) % self.setting.services;
        if let Some((repository, _)) = self.image_of(commit, service)
            && let Some(digest) = self.digest(&repository, commit)
        {
            payload["digest"] = digest.clone().into();
            payload["platform_digest"] = digest.into();
        }
        let (at, sha) = ((self.world.now, self.world.step), self.sha(commit));
        let body = json!({"environment": environment, "task": task, "payload": payload});
        let account = Account::other(account);
        let state = if is_open { None } else { Some("success") };
        self.world
            .deployments
            .write_foreign(at, &account, &body, &sha, state);
        self.counters.add("forged records");
        self.say(|| {
            format!(
                "  {} writes a record of {environment} with c{commit}",
                account.login
            )
        });
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
