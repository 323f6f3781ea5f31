//! Previews in the model: services with another one's settings, made by the API and never deleted by Render
//! (<https://api-docs.render.com/reference/preview-service>, <https://api-docs.render.com/reference/list-services>). Made twice under one name there
//! are two.

use super::hooks::{is_pinned, repository};
use super::model::{Fate, Model};
use super::{HookCall, Render, service_id};
use crate::server::{Call, Reply};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// The filters of the list of services.
const FILTERS: &[&str] = &[
    "name",
    "type",
    "environmentId",
    "env",
    "region",
    "suspended",
    "createdBefore",
    "createdAfter",
    "updatedBefore",
    "updatedAfter",
    "ownerId",
    "includePreviews",
    "cursor",
    "limit",
];

/// What asking for a preview is answered with.
#[derive(Debug, Clone)]
pub enum PreviewAnswer {
    /// This status with a message; nothing is made.
    Status(u16),
    /// The preview is made, and the answer is lost: a status, or none at all.
    Lost(Option<u16>),
    /// The preview is made, and the answer has no body.
    Mute,
    /// The preview is made under another name.
    Renamed(&'static str),
    /// The preview is made under a name that goes on so.
    Longer(&'static str),
}

/// How the workspace has previews.
#[derive(Debug, Default)]
pub(super) struct Previews {
    pub(super) script: VecDeque<PreviewAnswer>,
    /// What becomes of the first deploys of the next previews.
    pub(super) fates: VecDeque<Fate>,
    /// Whether services do not say whose copies they are.
    pub(super) hides_parents: bool,
    /// Whether none of the answers has to be asked for.
    is_optional: bool,
    /// How many looks at the list still find none of the previews.
    pub(super) lag: usize,
    made: usize,
}

/// A preview as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewOnRender {
    pub id: String,
    pub name: String,
    pub parent: String,
    pub live: Option<String>,
    pub is_suspended: bool,
}

impl Render {
    /// Says what asking for the next previews is answered with.
    pub fn previews_answer(&self, answers: impl IntoIterator<Item = PreviewAnswer>) {
        self.with(|model| model.previews.script.extend(answers));
    }

    /// Says what asking for the next preview is answered with, if one is asked for before [`Render::previews_are_usual`].
    pub fn preview_may_answer(&self, answer: PreviewAnswer) {
        self.with(|model| {
            model.previews.is_optional = true;
            model.previews.script.push_back(answer);
        });
    }

    /// The next previews are made as usual.
    pub fn previews_are_usual(&self) {
        self.with(|model| model.previews.script.clear());
    }

    /// Says what becomes of the first deploy of the next preview.
    pub fn preview_ends(&self, fate: Fate) {
        self.with(|model| model.previews.fates.push_back(fate));
    }

    /// Services do not say whose copies they are.
    pub fn hides_parents(&self) {
        self.with(|model| model.previews.hides_parents = true);
    }

    /// The first looks at the list of services do not show previews.
    pub fn previews_lag(&self, looks: usize) {
        self.with(|model| model.previews.lag = looks);
    }

    /// Puts a service there that is called so, as a copy of another or of none, with that image. Gives its id.
    pub fn plant(&self, name: &str, parent: Option<&str>, image: &str) -> String {
        self.with(|model| {
            let id = model.add_preview(name, parent.map(service_id), image);
            model.seed_live(&id, image);
            id
        })
    }

    /// Somebody deletes a service in the dashboard.
    pub fn delete(&self, id: &str) {
        self.with(|model| model.services.remove(id).expect("a service"));
    }

    /// Every preview that there is.
    pub fn previews(&self) -> Vec<PreviewOnRender> {
        self.with(|model| {
            let shown = |service: &super::model::Service| {
                Some(PreviewOnRender {
                    id: service.id.clone(),
                    name: service.name.clone(),
                    parent: service.parent.clone()?,
                    live: service.live().map(|deploy| deploy.image.clone()),
                    is_suspended: !service.suspenders.is_empty(),
                })
            };
            model.services.values().filter_map(shown).collect()
        })
    }
}

impl Model {
    pub(super) fn left_of_previews(&self) -> Option<String> {
        let Previews { script, fates, .. } = &self.previews;
        if self.previews.is_optional && fates.is_empty() {
            return None;
        }
        (!script.is_empty() || !fates.is_empty())
            .then(|| format!("no preview was asked for that had {script:?} {fates:?}"))
    }

    fn add_preview(&mut self, name: &str, parent: Option<String>, image: &str) -> String {
        self.previews.made += 1;
        let first = service_id(name);
        let id = if self.services.contains_key(&first) {
            service_id(&format!("{}{name}", self.previews.made))
        } else {
            first
        };
        self.add(&id, name, "no hook");
        let service = self.services.get_mut(&id).expect("a service");
        service.image_path = Some(image.to_owned());
        service.parent = parent;
        id
    }

    /// The services of a name; without one, all of them.
    pub(super) fn list(&mut self, call: &Call) -> Result<Reply, (u16, String)> {
        for (name, value) in call.parameters() {
            let is_good = match name.as_str() {
                "limit" => value
                    .parse()
                    .is_ok_and(|limit: usize| (1..=100).contains(&limit)),
                "includePreviews" => value == "true" || value == "false",
                _ => true,
            };
            if !FILTERS.contains(&name.as_str()) || !is_good {
                return Err((400, format!("the parameter {name}={value}")));
            }
        }
        if !call.body.is_empty() {
            return Err((400, "a body that is not wanted".into()));
        }
        let wanted = call.parameter("name");
        let is_late = self.previews.lag > 0;
        self.previews.lag = self.previews.lag.saturating_sub(1);
        let hides = self.previews.hides_parents;
        let is_preview_shown = call.parameter("includePreviews").as_deref() == Some("true");
        let (after, limit) = (call.parameter("cursor"), call.parameter("limit"));
        let limit = limit.and_then(|limit| limit.parse().ok()).unwrap_or(20);
        let found = self
            .services
            .values()
            .filter(|service| wanted.as_ref().is_none_or(|name| *name == service.name))
            .filter(|service| (!is_late && is_preview_shown) || service.parent.is_none())
            .filter(|service| after.as_ref().is_none_or(|after| service.id > *after));
        let list = found
            .take(limit)
            .map(|service| json!({"service": shown(service.json(), hides), "cursor": service.id}));
        Ok(Reply::json(200, &list.collect()))
    }

    /// One service, as the workspace shows it.
    pub(super) fn shown_service(&self, id: &str) -> Value {
        shown(self.services[id].json(), self.previews.hides_parents)
    }

    /// Makes a preview, as the settings of the service say or as the test said.
    pub(super) fn preview(&mut self, call: &Call, id: &str) -> Result<Reply, (u16, String)> {
        if call.header("content-type") != Some("application/json") {
            return Err((415, "a body that is not called JSON".into()));
        }
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let fields: Vec<&String> = body
            .as_object()
            .map(|body| body.keys().collect())
            .unwrap_or_default();
        let (image, name) = (body["imagePath"].as_str(), body["name"].as_str());
        let (Some(image), Some(name)) = (image.filter(|image| is_pinned(image)), name) else {
            return Err((
                400,
                format!("{body} does not ask for a preview by digest and under a name"),
            ));
        };
        if fields.len() != 2 {
            return Err((400, format!("{body} asks for more than that")));
        }
        let failed =
            |status: u16, why: &str| Reply::json(status, &json!({"id": "req-1", "message": why}));
        let note = |model: &mut Self, answered: u16| {
            let call = HookCall {
                service: name.to_owned(),
                image: image.to_owned(),
                at: call.at,
                answered,
            };
            model.calls.push(call);
        };
        let answer = self.previews.script.pop_front();
        if let Some(PreviewAnswer::Status(status)) = answer {
            note(self, status);
            return Ok(failed(
                status,
                "plan limit reached ##[set-output name=tags]evil",
            ));
        }
        let service = &self.services[id];
        let own = service.image_path.as_deref().map(repository);
        if own.is_none()
            || own != Some(repository(image))
            || service.kind == "cron_job"
            || !service.suspenders.is_empty()
        {
            note(self, 400);
            return Ok(failed(
                400,
                "a preview cannot be made of this service with that image",
            ));
        }
        let kind = service.kind;
        let named = match &answer {
            Some(PreviewAnswer::Renamed(other)) => (*other).to_owned(),
            Some(PreviewAnswer::Longer(more)) => format!("{name}{more}"),
            Some(PreviewAnswer::Status(_) | PreviewAnswer::Lost(_) | PreviewAnswer::Mute)
            | None => name.to_owned(),
        };
        let own = self.add_preview(&named, Some(id.to_owned()), image);
        self.services.get_mut(&own).expect("the preview").kind = kind;
        let fate = self.previews.fates.pop_front().unwrap_or(Fate::Live);
        let begun = self.begin(&own, image, "api", fate);
        let made = Reply::json(
            200,
            &json!({"service": self.shown_service(&own), "deployId": begun.id}),
        );
        let reply = match answer {
            Some(PreviewAnswer::Lost(Some(status))) => failed(status, "lost"),
            Some(PreviewAnswer::Lost(None)) => Reply::Dropped,
            Some(PreviewAnswer::Mute) => Reply::text(200, ""),
            Some(
                PreviewAnswer::Renamed(_) | PreviewAnswer::Longer(_) | PreviewAnswer::Status(_),
            )
            | None => made,
        };
        note(
            self,
            if matches!(reply, Reply::Dropped) {
                0
            } else {
                200
            },
        );
        Ok(reply)
    }
}

fn shown(mut service: Value, hides_parents: bool) -> Value {
    if hides_parents && let Some(details) = service["serviceDetails"].as_object_mut() {
        details.remove("parentServer");
    }
    service
}
