//! Deploy hooks: <https://render.com/docs/deploy-hooks>.

use super::model::{Begun, Model};
use super::{Answer, HookCall};
use crate::server::{Call, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Who asks for a deploy. Both doors open to the same room, and differ in what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Hook,
    Api,
}

impl Model {
    pub(super) fn answer_hook(&mut self, call: &Call) -> Reply {
        match self.check_hook(call) {
            Ok((id, image)) => self.ask(&id, image, Door::Hook),
            Err((status, why)) => self.refuse(call, status, &why),
        }
    }

    fn check_hook(&self, call: &Call) -> Result<(String, String), (u16, String)> {
        if call.method != "GET" && call.method != "POST" {
            return Err((405, "a method that hooks do not take".into()));
        }
        let id = call
            .path
            .strip_prefix("/deploy/")
            .ok_or((404, "not a hook's path".to_owned()))?;
        let service = self
            .services
            .get(id)
            .ok_or((404, format!("no service {id}")))?;
        let parameters = call.parameters();
        let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
        if names != ["key", "imgURL"] {
            return Err((400, format!("parameters {names:?}, not key and imgURL")));
        }
        if parameters[0].1 != service.key {
            return Err((401, "a wrong key".into()));
        }
        let image = &parameters[1].1;
        if !is_pinned(image) {
            return Err((400, format!("imgURL {image:?} is not pinned")));
        }
        if call.header("authorization").is_some() || call.header("cookie").is_some() {
            return Err((400, "credentials that a hook does not want".into()));
        }
        Ok((id.to_owned(), image.clone()))
    }

    /// A well-formed call for a deploy: answered as the test said, else as the settings say.
    pub(super) fn ask(&mut self, id: &str, image: String, door: Door) -> Reply {
        if self.api_key.is_none() {
            self.settle();
        }
        let scripted = self
            .services
            .get_mut(id)
            .expect("a known service")
            .script
            .pop_front();
        let name = self.services[id].name.clone();
        let reply = match scripted {
            Some(answer) => self.play(id, &image, door, &answer),
            None => self.deploy(id, &image, door),
        };
        let answered = match &reply {
            Reply::Whole { status, .. }
            | Reply::Broken { status, .. }
            | Reply::Flood { status, .. } => *status,
            Reply::After(..) => 200,
            Reply::Dropped | Reply::Silent => 0,
        };
        self.calls.push(HookCall {
            service: name,
            image,
            at: Instant::now(),
            answered,
        });
        self.troubles.extend(self.later.take());
        reply
    }

    /// What Render itself would answer.
    fn deploy(&mut self, id: &str, image: &str, door: Door) -> Reply {
        let service = &self.services[id];
        let failed =
            |status: u16, why: &str| Reply::json(status, &json!({"id": "req-1", "message": why}));
        if !service.suspenders.is_empty() {
            return failed(409, "service is suspended");
        }
        let own = service.image_path.as_deref().map(repository);
        if own.is_none() || service.is_strict && own != Some(repository(image)) {
            return failed(
                400,
                "only the image tag or digest can be updated when creating a deploy",
            );
        }
        let begun = self.begin_ours(id, image, door);
        if begun.is_queued {
            return Reply::text(202, "");
        }
        self.started(id, &begun, door, if door == Door::Api { 201 } else { 200 })
    }

    fn begin_ours(&mut self, id: &str, image: &str, door: Door) -> Begun {
        let service = self.services.get_mut(id).expect("a known service");
        let fate = service
            .fates
            .pop_front()
            .unwrap_or_else(|| service.usual.clone());
        let trigger = if door == Door::Api {
            "api"
        } else {
            "deploy_hook"
        };
        self.begin(id, image, trigger, fate)
    }

    fn started(&self, id: &str, begun: &Begun, door: Door, status: u16) -> Reply {
        let body: Value = match door {
            Door::Hook => json!({"deploy": {"id": begun.id}}),
            Door::Api => self.services[id]
                .deploy(&begun.id)
                .expect("the deploy")
                .json(),
        };
        Reply::json(status, &body)
    }

    fn play(&mut self, id: &str, image: &str, door: Door, answer: &Answer) -> Reply {
        let is_taken = match answer {
            Answer::Started | Answer::Created | Answer::Queued | Answer::Lost(_) => true,
            Answer::Slow(_) | Answer::Flood(_) | Answer::Drip => true,
            Answer::Status(status) | Answer::Body(status, _) => matches!(status, 200..=299),
            Answer::Forgotten | Answer::Limited(..) | Answer::Redirect(..) | Answer::Dropped => {
                false
            }
        };
        let begun = is_taken.then(|| self.begin_ours(id, image, door));
        let started = |status| {
            begun.as_ref().map_or(Reply::Dropped, |begun| {
                self.started(id, begun, door, status)
            })
        };
        let reply = match answer {
            Answer::Started => started(200),
            Answer::Created => started(201),
            Answer::Queued | Answer::Forgotten => Reply::text(202, ""),
            Answer::Status(status) | Answer::Lost(Some(status)) => Reply::json(
                *status,
                &json!({"id": "req-1", "message": format!("status {status}")}),
            ),
            Answer::Limited(name, value) => Reply::text(429, "rate limit exceeded")
                .header(name, value)
                .header("date", "Sat, 21 Nov 2026 10:00:00 GMT"),
            Answer::Body(status, text) => Reply::text(*status, text),
            Answer::Redirect(status, to) => Reply::text(*status, "").header("location", to),
            Answer::Dropped | Answer::Lost(None) => Reply::Dropped,
            Answer::Slow(wait) => Reply::After(*wait, Box::new(started(200))),
            Answer::Flood(bytes) => Reply::Flood {
                status: 200,
                bytes: *bytes,
                pause: Duration::ZERO,
            },
            Answer::Drip => Reply::Flood {
                status: 200,
                bytes: 1 << 20,
                pause: Duration::from_millis(200),
            },
        };
        if matches!(answer, Answer::Queued) {
            let id_of = begun.expect("a deploy").id;
            self.services
                .get_mut(id)
                .expect("a known service")
                .queue(&id_of);
        }
        reply
    }
}

/// Whether an image is named by its bytes.
pub(super) fn is_pinned(image: &str) -> bool {
    image
        .rsplit_once("@sha256:")
        .is_some_and(|(_, hex)| hex.len() == 64)
}

/// The repository of a reference.
pub(super) fn repository(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    name.rsplit_once(':')
        .filter(|(_, tag)| !tag.contains('/'))
        .map_or(name, |(repository, _)| repository)
}
