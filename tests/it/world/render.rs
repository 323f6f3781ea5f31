//! A model of Render's deploy hooks: knows its services, their keys and their images, and answers as it was told.
//!
//! Answers: <https://render.com/docs/deploy-hooks>. What is not exactly a deploy hook call is written down as a violation.

use super::server::{Call, Reply, Server};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a hook answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// 200 with a deploy's id.
    Started,
    /// 201 with a deploy's id.
    Created,
    /// 202: another deploy is in progress, no id.
    Queued,
    /// A status with Render's kind of body.
    Status(u16),
    /// 429 with a header that says when to come back.
    Limited(&'static str, String),
    /// A body of one's own.
    Body(u16, String),
    /// A redirect to that address.
    Redirect(u16, String),
    /// The connection is closed after the request was read.
    Dropped,
    /// 200, after a while.
    Slow(Duration),
    /// 200 with a body of that many bytes.
    Flood(u64),
    /// 200 with a body that comes a byte at a time.
    Drip,
}

/// A hook call that was well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookCall {
    pub(crate) service: String,
    pub(crate) image: String,
    pub(crate) at: Instant,
    pub(crate) answered: u16,
}

#[derive(Debug, Clone)]
struct Service {
    name: String,
    key: String,
    script: VecDeque<Answer>,
}

#[derive(Debug, Default)]
struct State {
    services: BTreeMap<String, Service>,
    calls: Vec<HookCall>,
    violations: Vec<String>,
    deploys: u32,
}

/// Render.
#[derive(Debug, Clone)]
pub(crate) struct Render {
    state: Arc<Mutex<State>>,
    pub(crate) server: Server,
}

impl Render {
    /// Starts it; connections are refused until `delay` is over.
    pub(crate) fn start(delay: Duration) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let model = Arc::clone(&state);
        let server = Server::start_late(delay, move |call| model.lock().expect("Render").answer(call));
        Self { state, server }
    }

    /// Adds a service and gives its hook.
    pub(crate) fn add(&self, name: &str, key: &str) -> String {
        let id = service_id(name);
        let service = Service { name: name.to_owned(), key: key.to_owned(), script: VecDeque::new() };
        self.state.lock().expect("Render").services.insert(id.clone(), service);
        format!("{}/deploy/{id}?key={key}", self.server.origin())
    }

    /// Says what a service's hook answers next; after that it starts deploys.
    pub(crate) fn script(&self, name: &str, answers: impl IntoIterator<Item = Answer>) {
        let mut state = self.state.lock().expect("Render");
        let service = state.services.get_mut(&service_id(name)).unwrap_or_else(|| panic!("no service {name}"));
        service.script.extend(answers);
    }

    /// The calls, in their order.
    pub(crate) fn calls(&self) -> Vec<HookCall> {
        self.state.lock().expect("Render").calls.clone()
    }

    /// What was not a deploy hook call, and scripted answers that nobody came for.
    pub(crate) fn violations(&self) -> Vec<String> {
        let state = self.state.lock().expect("Render");
        let unasked = state.services.values().filter(|service| !service.script.is_empty());
        let unasked =
            unasked.map(|service| format!("the hook of {} was not asked for {:?}", service.name, service.script));
        state.violations.iter().cloned().chain(unasked).collect()
    }
}

/// The id of a service in the world: like Render's own, a prefix and 20 characters.
pub(crate) fn service_id(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("srv-{letters:0<20}")
}

impl State {
    fn answer(&mut self, call: &Call) -> Reply {
        match self.check(call) {
            Ok((id, image)) => self.play(&id, image),
            Err((status, why)) => {
                self.violations.push(format!("{why}: {}", call.line()));
                Reply::text(status, why)
            }
        }
    }

    fn check(&self, call: &Call) -> Result<(String, String), (u16, String)> {
        if call.method != "GET" && call.method != "POST" {
            return Err((405, "a method that hooks do not take".into()));
        }
        let id = call.path.strip_prefix("/deploy/").ok_or((404, "not a hook's path".to_owned()))?;
        let service = self.services.get(id).ok_or((404, format!("no service {id}")))?;
        let parameters = call.parameters();
        let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
        if names != ["key", "imgURL"] {
            return Err((400, format!("parameters {names:?}, not key and imgURL")));
        }
        if parameters[0].1 != service.key {
            return Err((401, "a wrong key".into()));
        }
        let image = &parameters[1].1;
        let is_pinned = image.rsplit_once("@sha256:").is_some_and(|(_, hex)| hex.len() == 64);
        if !is_pinned {
            return Err((400, format!("imgURL {image:?} is not pinned")));
        }
        if call.header("authorization").is_some() || call.header("cookie").is_some() {
            return Err((400, "credentials that a hook does not want".into()));
        }
        Ok((id.to_owned(), image.clone()))
    }

    fn play(&mut self, id: &str, image: String) -> Reply {
        self.deploys += 1;
        let deploy = format!("dep-{:0>20}", self.deploys);
        let service = self.services.get_mut(id).expect("a known service");
        let answer = service.script.pop_front().unwrap_or(Answer::Started);
        let started = json!({"deploy": {"id": deploy}});
        let reply = match &answer {
            Answer::Started => Reply::json(200, &started),
            Answer::Created => Reply::json(201, &started),
            Answer::Queued => Reply::text(202, ""),
            Answer::Status(status) => {
                Reply::json(*status, &json!({"id": "req-1", "message": format!("status {status}")}))
            }
            Answer::Limited(name, value) => Reply::text(429, "rate limit exceeded")
                .header(name, value)
                .header("date", "Sat, 21 Nov 2026 10:00:00 GMT"),
            Answer::Body(status, text) => Reply::text(*status, text),
            Answer::Redirect(status, to) => Reply::text(*status, "").header("location", to),
            Answer::Dropped => Reply::Dropped,
            Answer::Slow(wait) => Reply::After(*wait, Box::new(Reply::json(200, &started))),
            Answer::Flood(bytes) => Reply::Flood { status: 200, bytes: *bytes, pause: Duration::ZERO },
            Answer::Drip => Reply::Flood { status: 200, bytes: 1 << 20, pause: Duration::from_millis(200) },
        };
        let answered = match &reply {
            Reply::Whole { status, .. } | Reply::Flood { status, .. } => *status,
            Reply::After(..) => 200,
            Reply::Dropped => 0,
        };
        self.calls.push(HookCall { service: service.name.clone(), image, at: Instant::now(), answered });
        reply
    }
}
