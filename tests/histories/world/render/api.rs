//! Deploy hooks, and the part of the API that a deploy needs.

use super::{By, Deploy, Render, State};
use crate::wire::{Call, Reply};
use crate::world::{RENDER_KEY, RunNumber, date};
use serde_json::{Value, json};

impl Render {
    pub(in crate::world) fn answer(
        &mut self,
        now: u64,
        step: usize,
        run: RunNumber,
        call: &Call,
    ) -> Option<Reply> {
        self.pass(now);
        if let Some(id) = call.path.strip_prefix("/deploy/") {
            return Some(self.hook(step, run, id, call));
        }
        if call.header("authorization") != Some(&format!("Bearer {RENDER_KEY}")) {
            return Some(Reply::message(401, "Unauthorized"));
        }
        if (call.method.as_str(), call.path.as_str()) == ("GET", "/v1/services") {
            let ids: Vec<String> = self.services.keys().cloned().collect();
            let list = ids
                .iter()
                .map(|id| json!({"service": self.shown(id), "cursor": id}));
            return Some(Reply::json(200, &list.collect()));
        }
        let parts: Vec<&str> = call
            .path
            .strip_prefix("/v1/services/")?
            .split('/')
            .collect();
        let id = *parts.first()?;
        if !self.services.contains_key(id) {
            return Some(Reply::message(404, "not found"));
        }
        match (call.method.as_str(), &parts[1..]) {
            ("GET", []) => Some(Reply::json(200, &self.shown(id))),
            ("GET", ["deploys"]) => Some(self.list(id, call)),
            ("GET", ["deploys", deploy]) => {
                let found = self.service(id).find(deploy).map(|deploy| deploy.json());
                Some(found.map_or(Reply::message(404, "not found"), |found| {
                    Reply::json(200, &found)
                }))
            }
            ("GET", ["events"]) => Some(self.events(id)),
            ("POST", ["deploys"]) => {
                let image = call.json()["imageUrl"].as_str()?.to_owned();
                Some(self.call(step, run, id, &image, false))
            }
            ("POST", ["deploys", deploy, "cancel"]) => Some(self.cancel(id, deploy)),
            _ => None,
        }
    }

    /// What a service itself answers: the image that it runs. The newest of those that were made anew has its address.
    pub(in crate::world) fn service_answers(&mut self, now: u64, call: &Call) -> Reply {
        self.pass(now);
        let base = call.path.trim_start_matches('/');
        let newest = self.services.iter().rev();
        let found = newest
            .filter(|(id, _)| id.strip_prefix(base).is_some_and(is_made_anew))
            .map(|(_, found)| found)
            .next();
        match found.and_then(|found| found.live()) {
            Some(live) => Reply::text(200, format!("this is {}", live.digest())),
            None => Reply::text(502, "Bad Gateway"),
        }
    }

    fn hook(&mut self, step: usize, run: RunNumber, id: &str, call: &Call) -> Reply {
        let image = call.parameter("imgURL").unwrap_or_default();
        if call.parameter("key") != Some(Self::hook_key(id)) || !image.contains("@sha256:") {
            return Reply::text(401, "Unauthorized");
        }
        self.call(step, run, id, &image, true)
    }

    fn call(&mut self, step: usize, run: RunNumber, id: &str, image: &str, is_hook: bool) -> Reply {
        let repository = image
            .split_once('@')
            .map_or("", |(repository, _)| repository);
        let known = self.service(id).repository.clone();
        if self.is_strict && !known.is_empty() && known != repository {
            let text = "deploy hook cannot change the host, project, or image name. Only the digest or tag may be modified";
            return Reply::message(400, text);
        }
        let (deploy, is_queued) = self.ask(step, id, image, By::Run(run), false);
        if is_queued {
            return Reply::text(202, "");
        }
        match is_hook {
            true => Reply::json(200, &json!({"deploy": {"id": deploy}})),
            false => {
                let found = self.service(id).find(&deploy).expect("the deploy").json();
                Reply::json(201, &found)
            }
        }
    }

    fn shown(&mut self, id: &str) -> Value {
        let repository = self.service(id).repository.clone();
        json!({"id": id, "name": id, "slug": id, "type": "background_worker", "suspended": "not_suspended", "suspenders": [],
            "dashboardUrl": format!("https://dashboard.render.com/worker/{id}"), "imagePath": format!("{repository}:main"),
            "registryCredential": {"id": "rgc-1", "name": "GHCR"}, "serviceDetails": {"numInstances": 1}})
    }

    fn list(&mut self, id: &str, call: &Call) -> Reply {
        let words: Vec<String> = call
            .parameters()
            .into_iter()
            .filter(|(name, _)| name == "status")
            .map(|(_, word)| word)
            .collect();
        let limit = call
            .parameter("limit")
            .and_then(|limit| limit.parse().ok())
            .unwrap_or(20);
        let after = call.parameter("cursor").unwrap_or_default();
        let (is_late, now) = (self.lists_late, self.now);
        let shown = self.service(id).deploys.iter().rev().filter(|deploy| {
            let is_listed = !is_late || deploy.is_listed_late(now);
            let is_wanted =
                words.is_empty() || words.iter().any(|word| word == deploy.state.word());
            is_listed && is_wanted && (after.is_empty() || deploy.id < after)
        });
        let list = shown
            .take(limit)
            .map(|deploy| json!({"deploy": deploy.json(), "cursor": deploy.id}));
        Reply::json(200, &list.collect())
    }

    fn events(&mut self, id: &str) -> Reply {
        let ended = |deploy: &&Deploy| !deploy.state.is_in_flight();
        let list = self.service(id).deploys.iter().rev().filter(ended).take(100).map(|deploy| {
            let (word, reason) = match (deploy.state, &deploy.replaced_by) {
                (State::Canceled, Some(other)) => ("canceled", json!({"newDeploy": {"id": other}})),
                (State::Canceled, None) => ("canceled", json!({})),
                (State::Failed, _) => ("failed", json!({"failure": {"nonZeroExit": 1}})),
                _ => ("succeeded", json!({})),
            };
            json!({"event": {"id": format!("evt-{}", deploy.id), "timestamp": date(0), "serviceId": id, "type": "deploy_ended",
                "details": {"deployId": deploy.id, "deployStatus": word, "reason": reason}}, "cursor": deploy.id})
        });
        Reply::json(200, &list.collect())
    }

    fn cancel(&mut self, id: &str, deploy: &str) -> Reply {
        match self.service(id).find(deploy) {
            Some(found) if found.state.is_in_flight() => {
                found.state = State::Canceled;
                Reply::json(200, &found.json())
            }
            Some(_) => Reply::message(400, "this deploy cannot be canceled"),
            None => Reply::message(404, "not found"),
        }
    }
}

/// Whether this follows a service's first id: nothing, or how often it was made anew.
fn is_made_anew(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('r')
}
