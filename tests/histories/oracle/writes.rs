//! What must hold when a run writes something: what was left out, which environment comes first, and where floating tags go.

use super::Promise;
use crate::event::Part;
use crate::setting::{Builds, FLOATING};
use crate::team::Team;
use crate::wire::Call;
use crate::world::faults::Server;
use crate::world::render::{By, Deploy};
use crate::world::{RunNumber, server_of};
use std::collections::BTreeSet;

/// Whether a request changes something.
fn writes(call: &Call) -> bool {
    match server_of(call) {
        Some(Server::GitHub) => call.method != "GET" && call.path != "/graphql",
        Some(Server::Render) => call.method == "POST" || call.path.starts_with("/deploy/"),
        Some(Server::Registry) => !matches!(call.method.as_str(), "GET" | "HEAD"),
        Some(Server::Service) | None => false,
    }
}

/// Whether a request puts a floating tag.
fn moves_tag(call: &Call) -> bool {
    call.method == "PUT" && call.path.ends_with(&format!("/manifests/{FLOATING}"))
}

impl Team {
    pub(crate) fn check_write(&mut self, number: RunNumber, call: &Call) {
        let is_dry = self.runs[number].part == Some(Part::Dry);
        if is_dry && writes(call) {
            let text = format!("run {number} is a dry one, and sends {}", call.line());
            self.broken(Promise::WhatIsLeftOutIsLeft, text);
        }
        if moves_tag(call) {
            self.counters.add("floating tags put");
            self.check_tag_after_rollback(number);
        }
    }

    /// "If it sees a newer rollback of its environment, it … moves no floating tag."
    fn check_tag_after_rollback(&mut self, number: RunNumber) {
        let run = &self.runs[number];
        let (Some(look), "deploy") = (run.looks.records, run.command) else {
            return;
        };
        let ids: Vec<String> = run
            .calls
            .iter()
            .filter_map(|call| Some(self.render_id(run.environment?, call.service)))
            .collect();
        let is_rollback = |found: &&crate::world::deployments::Deployment| {
            found.step > run.looks.first_records.unwrap_or(run.begun)
                && found.is_shown(look.step)
                && run.looks.last_query.contains(&found.original)
                && found.field("kind") == "rollback"
                && found.run.is_some_and(|other| {
                    other != number && self.runs[other].environment == run.environment
                })
                && ids.iter().any(|id| found.field("id") == id)
        };
        if self
            .world
            .deployments
            .list
            .iter()
            .any(|found| is_rollback(&found))
        {
            let text = format!("run {number} puts a floating tag after a rollback that it saw");
            self.broken(Promise::RollbacksHold, text);
        }
    }

    /// What a run was told to leave out, it does not call.
    pub(super) fn check_part(&mut self, number: RunNumber, service: usize) {
        let is_left = match self.runs[number].part {
            Some(Part::Frozen | Part::Dry) => true,
            Some(Part::Service(only)) => usize::from(only) != service,
            None => false,
        };
        if is_left {
            let text = format!("run {number} deploys s{service}, which it was told to leave out");
            self.broken(Promise::WhatIsLeftOutIsLeft, text);
        }
    }

    /// `requires`: a success there of the same digest or of an equal commit. One that never was asked for there is none.
    pub(super) fn check_required(&mut self, number: RunNumber, service: usize, digest: &str) {
        let commit = self.runs[number].commit;
        if self.runs[number].environment != Some(1) {
            return;
        }
        let Some(manifest) = self.manifest(commit) else {
            return;
        };
        if !manifest.requires || manifest.service(service).is_none() {
            return;
        }
        let is_it = |(id, deploy): (&String, &Deploy)| {
            let base = crate::manifest::render_id(false, 0, service);
            let By::Run(run) = deploy.by else {
                return false;
            };
            id.starts_with(&base)
                && (deploy.digest() == digest
                    || self.are_equal(self.runs[run].commit, commit, service))
        };
        let was_there = self
            .world
            .render
            .services
            .iter()
            .flat_map(|(id, found)| found.deploys.iter().map(move |deploy| (id, deploy)))
            .any(is_it);
        self.counters
            .add("deploys that required another environment");
        if !was_there {
            let text = format!(
                "run {number} deploys c{commit} as s{service}, which the required environment never had"
            );
            self.broken(Promise::RequiredComesFirst, text);
        }
    }

    /// Whether the newest record of each of these services is of a digest.
    fn is_newest_record(&self, ids: &[String], digest: &str) -> bool {
        ids.iter().all(|id| {
            let mut records = self.world.deployments.list.iter().rev();
            let newest = records.find(|found| found.run.is_some() && found.field("id") == id);
            newest.is_some_and(|found| found.field("digest") == digest)
        })
    }

    /// "Kept on what it runs": after a clean run of the tip to which nothing happens, for each image whose services all serve the same bytes.
    pub(super) fn check_tags(&mut self, number: RunNumber) {
        let run = &self.runs[number];
        let (Some(0), commit) = (run.environment, run.commit) else {
            return;
        };
        let is_plain =
            run.was_quiet && !run.is_disturbed && !self.world.faults.met.contains(&number);
        let Some(manifest) = self.manifest(commit) else {
            return;
        };
        // An image whose label is a base image's does not say which commit it is: no tag is put on it but that of its own run.
        let is_known = self.setting.builds != Builds::Inherited;
        if !manifest.floats || !is_plain || !is_known || self.has_edited_records {
            return;
        }
        for image in &manifest.images {
            let of_image = manifest
                .services
                .iter()
                .filter(|service| service.image == image.key);
            let ids: Vec<String> = of_image
                .map(|service| self.render_id(0, service.key))
                .collect();
            let mut digests = BTreeSet::new();
            for id in &ids {
                let found = self.world.render.service(id);
                let coming = found
                    .deploys
                    .iter()
                    .rfind(|deploy| deploy.state.is_in_flight())
                    .or_else(|| found.live());
                let ours = coming.filter(|deploy| deploy.by != By::Hand);
                digests.insert(ours.map(|deploy| deploy.digest().to_owned()));
            }
            let (1, Some(Some(digest))) = (digests.len(), digests.first()) else {
                continue;
            };
            let on = self
                .world
                .registry
                .repositories
                .get(&image.repository)
                .and_then(|found| found.tags.get(FLOATING));
            // Of two runs side by side, nobody without a key knows which call came last.
            if !self.setting.has_key() && !self.is_newest_record(&ids, digest) {
                self.counters
                    .add("excuse: no key, and the newest record is of other bytes");
                continue;
            }
            self.counters.add("floating tags looked at");
            if on != Some(digest) {
                let text = format!(
                    "after run {number} of the tip i{} has its floating tag on {on:?}, and serves {digest}",
                    image.key
                );
                self.broken(Promise::TagsFollow, text);
            }
        }
    }
}
