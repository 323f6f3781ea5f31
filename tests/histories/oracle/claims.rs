//! Promise 3: "`live` means that Render, or the service itself, said so for these bytes. A record says only what was seen."

use super::Promise;
use crate::team::Team;
use crate::wire::{Answer, Call};
use crate::world::RunNumber;
use crate::world::render::{By, Deploy, State};

impl Team {
    /// What must be true when a run ends a record.
    pub(crate) fn check_status(&mut self, number: RunNumber, call: &Call, answer: &Answer) {
        let Some(rest) = call.path.strip_prefix("/repos/acme/shop/deployments/") else {
            return;
        };
        let is_written = answer.as_ref().is_ok_and(|reply| reply.status == 201);
        let Some(record) = rest
            .strip_suffix("/statuses")
            .and_then(|text| text.parse::<u64>().ok())
            .filter(|_| is_written)
        else {
            return;
        };
        let Some(found) = self
            .world
            .deployments
            .list
            .iter()
            .find(|found| found.number == record)
            .cloned()
        else {
            return;
        };
        let (id, digest) = (
            found.field("id").to_owned(),
            found.field("digest").to_owned(),
        );
        if id.is_empty() || digest.is_empty() {
            return;
        }
        let Some(status) = found.state() else { return };
        let deploys: Vec<Deploy> = self.world.render.service(&id).deploys.clone();
        let of_bytes: Vec<&Deploy> = deploys
            .iter()
            .filter(|deploy| deploy.digest() == digest)
            .collect();
        let own: Vec<&&Deploy> = of_bytes
            .iter()
            .filter(|deploy| found.run.is_some_and(|run| deploy.by == By::Run(run)))
            .collect();
        let is_live = status.description.starts_with("live");
        // Render says live, and the service did not answer with it.
        let is_unanswered = status.description.contains("probe-failed");
        let is_true = match status.state.as_str() {
            "success" if is_live => of_bytes.iter().any(|deploy| deploy.was_live),
            // "Accepted" may be a deploy that was cancelled or failed since.
            "success" => !of_bytes.is_empty(),
            "failure" => {
                // "A deploy that was replaced by one of the same digest is followed there; that is no failure."
                let is_own_run = found.run == Some(number);
                let still_comes = is_own_run
                    && !is_unanswered
                    && own
                        .iter()
                        .any(|deploy| deploy.state.is_in_flight() || deploy.state == State::Live);
                let has_ended = of_bytes.iter().any(|deploy| {
                    matches!(
                        deploy.state,
                        State::Failed | State::Canceled | State::Deactivated
                    )
                });
                (has_ended && !still_comes) || is_unanswered
            }
            "error" => own.is_empty(),
            _ => true,
        };
        self.counters
            .add(&format!("records ended as {}", status.state));
        if !is_true {
            let text = format!(
                "run {number} ends record {record} of {id} as {} ({}): {of_bytes:?}",
                status.state, status.description
            );
            self.broken(Promise::NothingIsClaimed, text);
        }
    }

    /// What a run says of services.
    pub(crate) fn check_told(&mut self, number: RunNumber, deploys: &serde_json::Value) {
        let Some(environment) = self.runs[number].environment else {
            return;
        };
        for told in deploys.as_array().into_iter().flatten() {
            let status = told["status"].as_str().unwrap_or_default();
            self.counters.add(&format!("services told {status}"));
            if status != "live" {
                continue;
            }
            let digest = told["digest"].as_str().unwrap_or_default();
            let name = told["service"].as_str().unwrap_or_default();
            let manifest = self.manifest(self.runs[number].commit);
            let key = manifest.and_then(|manifest| {
                manifest
                    .services
                    .iter()
                    .find(|service| service.name == name)
                    .map(|service| service.key)
            });
            let Some(key) = key else { continue };
            let id = self.render_id(environment, key);
            let was_live = self
                .world
                .render
                .service(&id)
                .deploys
                .iter()
                .any(|deploy| deploy.digest() == digest && deploy.was_live);
            if !was_live && !self.runs[number].is_outdated {
                self.broken(
                    Promise::NothingIsClaimed,
                    format!("run {number} says that {name} is live, which it never was"),
                );
            }
        }
    }
}
