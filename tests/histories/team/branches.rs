//! What happens to branches and tags.

use super::Team;
use crate::event::Change;
use crate::payload::Payload;

impl Team {
    /// A branch is moved, by a push.
    pub(super) fn push(&mut self, branch: usize, to: usize, is_forced: bool) {
        let git_ref = format!("refs/heads/{}", self.branch(branch));
        let before = self.on(&git_ref);
        self.put(&git_ref, to);
        self.build(to);
        self.follow_settings();
        let (sha, old) = (self.sha(to), before.map(|before| self.sha(before)));
        let payload = Payload::push(&git_ref, old.as_deref(), &sha, &sha, is_forced);
        self.trigger(payload, git_ref, to, before);
        let name = self.branch(branch);
        self.say(|| format!("  {name} is on c{to} now"));
    }

    pub(super) fn tip_of(&self, branch: u8) -> (usize, Option<usize>) {
        let branch = usize::from(branch) % 3;
        let git_ref = format!("refs/heads/{}", self.branch(branch));
        (branch, self.on(&git_ref))
    }

    /// The commit so many steps before one, or the first.
    pub(super) fn back(&self, from: usize, steps: usize) -> usize {
        self.world
            .origin
            .line(from)
            .take(steps + 1)
            .last()
            .unwrap_or(from)
    }

    pub(super) fn grow(&mut self, parent: usize, changes: &[Change]) -> usize {
        let (mut spec, number) = (self.specs[parent].clone(), self.specs.len());
        changes
            .iter()
            .for_each(|change| spec.apply(*change, number));
        self.say(|| format!("  c{number} on c{parent}: {changes:?}"));
        self.commit(Some(parent), spec)
    }

    pub(super) fn delete_branch(&mut self, branch: usize) {
        let git_ref = format!("refs/heads/{}", self.branch(branch));
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

    /// The branch of the second environment is renamed: the ref moves, and no push tells of it.
    pub(super) fn rename_branch(&mut self) {
        let old = format!("refs/heads/{}", self.branch(1));
        let Some(tip) = self.on(&old) else { return };
        self.world.origin.refs.remove(&old);
        self.is_renamed = !self.is_renamed;
        let new = format!("refs/heads/{}", self.branch(1));
        self.put(&new, tip);
        self.counters.add("branches renamed");
        self.say(|| format!("  {old} is {new} now"));
    }

    pub(super) fn tag(&mut self, commit: usize, is_annotated: bool) {
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
    pub(super) fn release(&self, which: u8) -> Option<(String, usize)> {
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

    pub(super) fn delete_tag(&mut self, which: u8) {
        let Some((name, _)) = self.release(which) else {
            return;
        };
        self.world.origin.refs.remove(&name);
        self.counters.add("tags deleted");
        self.say(|| format!("  {name} is gone"));
    }

    pub(super) fn move_tag(&mut self, which: u8, to: u8) {
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

    pub(super) fn hotfix(&mut self, tag: u8, change: Change) {
        let Some((_, commit)) = self.release(tag) else {
            return;
        };
        let new = self.grow(commit, &[change]);
        self.put("refs/heads/hotfix", new);
        self.build(new);
        self.counters.add("hotfix branches");
        self.tag(new, false);
    }
}
