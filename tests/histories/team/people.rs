//! What people do in Render's dashboard, and what others write among the records of deploys.

use super::{Team, labels};
use crate::event::{Edit, Hand};
use crate::setting::Key;
use crate::world::REGISTRY;
use crate::world::deployments::Account;
use crate::world::render::By;
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Team {
    /// A service on Render.
    pub(super) fn any_service(&self, which: u8) -> String {
        let which = usize::from(which);
        let environment = which / self.setting.services % self.setting.environments();
        self.render_id(environment, which % self.setting.services)
    }

    pub(super) fn by_hand(&mut self, which: u8, hand: Hand) {
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

    /// A service is made anew on Render, under another id, and the workflow gets its hook. Where the manifest names ids, nobody does that.
    pub(super) fn recreate(&mut self, which: u8) {
        if self.setting.key == Key::WithIds {
            return;
        }
        let service = usize::from(which) % self.setting.services;
        let of = usize::from(which) / self.setting.services % self.setting.environments();
        let environment = if self.setting.shares_hooks() { 0 } else { of };
        *self.recreated.entry((environment, service)).or_default() += 1;
        let id = self.render_id(environment, service);
        let _ = self.world.render.service(&id);
        for slot in self.slots.iter().flatten() {
            self.runs[slot.number].is_outdated = true;
        }
        for of in 0..2 {
            if of == environment || self.setting.shares_hooks() {
                self.holds.remove(&(of, service));
            }
        }
        self.follow_settings();
        self.counters.add("services made anew on Render");
        self.say(|| format!("  the service is {id} now"));
    }

    /// The repository of a service's image at a commit, and the image's key.
    pub(super) fn image_of(&self, commit: usize, service: usize) -> Option<(String, usize)> {
        let manifest = self.manifest(commit)?;
        let image = manifest.image(manifest.service(service)?.image)?;
        Some((image.repository.clone(), image.key))
    }

    pub(super) fn rolls_back(&mut self, environment: usize, service: usize, which: u8) {
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

    pub(super) fn edit(&mut self, edit: Edit) {
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
                self.has_lost_names |= gone.field("digest").is_empty();
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
                self.has_lost_names |= moved.field("digest").is_empty();
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
    pub(super) fn records_of(&self, service: u8) -> Option<(String, Value, String)> {
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

    pub(super) fn crowd(&mut self, service: u8, count: usize, size: usize) {
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

    pub(super) fn forge(&mut self, service: u8, commit: u8, account: u8, is_open: bool) {
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
}
