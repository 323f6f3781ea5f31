//! The part of Render's API that a deploy needs: <https://api-docs.render.com/reference>. A call that is not documented, or has
//! something in it that is not, is a violation.

use super::hooks::{Door, is_pinned};
use super::model::{Model, Service, date};
use crate::server::{Call, Reply};
use serde_json::{Value, json};

/// Statuses of deploys, in the OpenAPI document's order.
const STATUSES: &[&str] = &[
    "created",
    "queued",
    "build_in_progress",
    "update_in_progress",
    "live",
    "deactivated",
    "build_failed",
    "update_failed",
    "canceled",
    "pre_deploy_in_progress",
    "pre_deploy_failed",
];
const DEPLOY_FILTERS: &[&str] = &[
    "status",
    "createdBefore",
    "createdAfter",
    "updatedBefore",
    "updatedAfter",
    "finishedBefore",
    "finishedAfter",
    "cursor",
    "limit",
];
const EVENT_FILTERS: &[&str] = &["type", "startTime", "endTime", "cursor", "limit"];

/// What a call asks for.
enum Want<'a> {
    Service,
    Deploys,
    Create,
    Deploy(&'a str),
    Cancel(&'a str),
    Events,
    Preview,
    Delete,
}

impl Model {
    pub(super) fn answer_api(&mut self, call: &Call) -> Reply {
        let Some(key) = self.api_key.clone() else {
            return self.refuse(call, 401, "the API, to which nobody was given a key");
        };
        match self.until.take() {
            Some((0, trouble)) => self.troubles.push_back(trouble),
            Some((left, trouble)) => self.until = Some((left - 1, trouble)),
            None => {}
        }
        if let Some(trouble) = self.troubles.front_mut() {
            let status = trouble.status;
            trouble.left -= 1;
            if trouble.left == 0 {
                self.troubles.pop_front();
            }
            return if status == 0 {
                Reply::Dropped
            } else {
                limits(failed(status, "trouble"))
            };
        }
        if call.header("authorization") != Some(&format!("Bearer {key}")) {
            return self.refuse(call, 401, "not the API key");
        }
        let accept = call.header("accept").unwrap_or("*/*");
        if call.header("cookie").is_some() || !["application/json", "*/*"].contains(&accept) {
            return self.refuse(call, 406, "headers that the API does not want");
        }
        let parts: Vec<&str> = call.path.split('/').skip(1).collect();
        if (call.method.as_str(), parts.as_slice()) == ("GET", ["v1", "services"].as_slice()) {
            return match self.list(call) {
                Ok(reply) => limits(reply),
                Err((status, why)) => self.refuse(call, status, &why),
            };
        }
        let (id, want) = match (call.method.as_str(), parts.as_slice()) {
            ("GET", ["v1", "services", id]) => (*id, Want::Service),
            ("GET", ["v1", "services", id, "deploys"]) => (*id, Want::Deploys),
            ("POST", ["v1", "services", id, "deploys"]) => (*id, Want::Create),
            ("GET", ["v1", "services", id, "deploys", deploy]) => (*id, Want::Deploy(deploy)),
            ("POST", ["v1", "services", id, "deploys", deploy, "cancel"]) => {
                (*id, Want::Cancel(deploy))
            }
            ("GET", ["v1", "services", id, "events"]) => (*id, Want::Events),
            ("POST", ["v1", "services", id, "preview"]) => (*id, Want::Preview),
            ("DELETE", ["v1", "services", id]) => (*id, Want::Delete),
            _ => return self.refuse(call, 404, "nothing that a deploy needs"),
        };
        if !self.services.contains_key(id) {
            return limits(failed(404, "not found"));
        }
        let answer = self
            .check(call, &want)
            .and_then(|()| self.serve(call, id, &want));
        match answer {
            Ok(reply) => limits(reply),
            Err((status, why)) => self.refuse(call, status, &why),
        }
    }

    fn check(&self, call: &Call, want: &Want<'_>) -> Result<(), (u16, String)> {
        let known = match want {
            Want::Deploys => DEPLOY_FILTERS,
            Want::Events => EVENT_FILTERS,
            Want::Service
            | Want::Create
            | Want::Deploy(_)
            | Want::Cancel(_)
            | Want::Preview
            | Want::Delete => &[],
        };
        for (name, value) in call.parameters() {
            let is_good = match name.as_str() {
                "limit" => value
                    .parse()
                    .is_ok_and(|limit: usize| (1..=100).contains(&limit)),
                "status" => STATUSES.contains(&value.as_str()),
                _ => true,
            };
            if !known.contains(&name.as_str()) || !is_good {
                return Err((400, format!("the parameter {name}={value}")));
            }
        }
        if !matches!(want, Want::Create | Want::Preview) && !call.body.is_empty() {
            return Err((400, "a body that is not wanted".into()));
        }
        Ok(())
    }

    fn serve(&mut self, call: &Call, id: &str, want: &Want<'_>) -> Result<Reply, (u16, String)> {
        let limit = call
            .parameter("limit")
            .and_then(|limit| limit.parse().ok())
            .unwrap_or(20);
        match want {
            Want::Service => Ok(Reply::json(200, &self.shown_service(id))),
            Want::Preview => self.preview(call, id),
            Want::Delete => self.remove(id),
            Want::Deploys => {
                self.look(id);
                let parameters = call.parameters();
                let words: Vec<&str> = parameters
                    .iter()
                    .filter(|(name, _)| name == "status")
                    .map(|(_, word)| word.as_str())
                    .collect();
                let found = self.services[id]
                    .newest()
                    .filter(|deploy| words.is_empty() || words.contains(&deploy.status));
                let list = found
                    .take(limit)
                    .map(|deploy| json!({"deploy": deploy.json(), "cursor": cursor(&deploy.id)}));
                Ok(Reply::json(200, &list.collect()))
            }
            Want::Deploy(deploy) => {
                self.look(id);
                Ok(self.services[id].deploy(deploy).map_or_else(
                    || failed(404, "not found"),
                    |deploy| Reply::json(200, &deploy.json()),
                ))
            }
            Want::Events => {
                let service = self.services.get_mut(id).expect("a service");
                let shown = if service.events_lag > 0 { 0 } else { limit };
                service.events_lag = service.events_lag.saturating_sub(1);
                let newest = service.events.iter().rev().take(shown);
                let list = newest.map(
                    |event| json!({"event": event, "cursor": cursor(&event["id"].to_string())}),
                );
                Ok(Reply::json(200, &list.collect()))
            }
            Want::Create => {
                if call.header("content-type") != Some("application/json") {
                    return Err((415, "a body that is not called JSON".into()));
                }
                let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
                let fields: Vec<&String> = body
                    .as_object()
                    .map(|body| body.keys().collect())
                    .unwrap_or_default();
                let image = body["imageUrl"].as_str().filter(|image| is_pinned(image));
                match image {
                    Some(image) if fields == ["imageUrl"] => {
                        Ok(self.ask(id, image.to_owned(), Door::Api, call.at))
                    }
                    _ => Err((
                        400,
                        format!("{body} asks for more or less than an image by its digest"),
                    )),
                }
            }
            Want::Cancel(deploy) => self.cancel(id, deploy),
        }
    }

    fn cancel(&mut self, id: &str, deploy: &str) -> Result<Reply, (u16, String)> {
        let service = &self.services[id];
        let Some(found) = service.deploy(deploy) else {
            return Ok(failed(404, "not found"));
        };
        if service.kind == "cron_job" || !found.is_in_flight() {
            return Ok(failed(400, "this deploy cannot be canceled"));
        }
        if found.status == "pre_deploy_in_progress" {
            return Err((400, "a running pre-deploy command was cancelled".into()));
        }
        self.cancels(id, deploy);
        self.cancelled.push(deploy.to_owned());
        Ok(Reply::json(
            200,
            &self.services[id].deploy(deploy).expect("the deploy").json(),
        ))
    }
}

impl Service {
    /// As the API shows it (`service` in the OpenAPI document).
    pub(super) fn json(&self) -> Value {
        let part = self.kind.split('_').next().unwrap_or_default();
        let mut details = match self.kind {
            "static_site" => {
                json!({"buildPlan": "starter", "buildCommand": "make", "publishPath": "public"})
            }
            _ => {
                json!({"buildPlan": "starter", "plan": "starter", "region": "frankfurt", "runtime": "image", "env": "image",
                "envSpecificDetails": {"dockerCommand": "", "dockerContext": "", "dockerfilePath": "", "preDeployCommand": ""}})
            }
        };
        let more = match self.kind {
            "web_service" => {
                json!({"numInstances": 1, "healthCheckPath": "/", "openPorts": [{"port": 10000, "protocol": "TCP"}],
                "url": format!("https://{}.onrender.com", self.name)})
            }
            "private_service" => {
                json!({"numInstances": 1, "openPorts": [], "url": format!("{}:10000", self.name)})
            }
            "cron_job" => json!({"schedule": "0 0 * * *"}),
            "static_site" => json!({"url": format!("https://{}.onrender.com", self.name)}),
            _ => json!({"numInstances": 1}),
        };
        details
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        if let Some(parent) = &self.parent {
            details["parentServer"] = json!({"id": parent, "name": "parent"});
        }
        let mut service = json!({
            "id": self.id, "name": self.name, "slug": self.name, "ownerId": "tea-00000000000000000001", "type": self.kind,
            "autoDeploy": "no", "notifyOnFail": "default", "rootDir": "", "createdAt": date(0), "updatedAt": date(0),
            "dashboardUrl": format!("https://dashboard.render.com/{part}/{}", self.id),
            "suspended": if self.suspenders.is_empty() { "not_suspended" } else { "suspended" },
            "suspenders": self.suspenders, "serviceDetails": details,
        });
        if let Some(path) = &self.image_path {
            service["imagePath"] = path.as_str().into();
            if self.has_credential {
                service["registryCredential"] =
                    json!({"id": "rgc-00000000000000000001", "name": "GHCR"});
            }
        }
        service
    }
}

fn cursor(of: &str) -> String {
    base64::Engine::encode(&base64::prelude::BASE64_STANDARD, of)
}

fn failed(status: u16, why: &str) -> Reply {
    Reply::json(
        status,
        &json!({"id": "req-00000000000000000001", "message": why}),
    )
}

/// The headers that every answer has. One that says "too many" says that there are more in a second.
fn limits(reply: Reply) -> Reply {
    let is_limited = matches!(&reply, Reply::Whole { status: 429, .. });
    let (remaining, reset) = if is_limited {
        ("0", "1")
    } else {
        ("390", "45")
    };
    reply
        .header("ratelimit-limit", "400")
        .header("ratelimit-remaining", remaining)
        .header("ratelimit-reset", reset)
}
