//! The record of deploys in the model: deployments with their statuses, written by REST. A body that is not exactly one of ours is a
//! violation, however leniently GitHub would take it.
//!
//! Shapes: <https://docs.github.com/en/rest/deployments>.

use super::super::render::service_id;
use super::super::server::{Call, Reply};
use super::{GitHub, State, Trouble, message};
use serde_json::{Map, Value, json};

/// Who writes with a job's token, as GraphQL tells of creators. As the viewer it has `[bot]` behind it.
pub(super) const WRITER: &str = "github-actions";
/// What our records are of.
pub const TASK: &str = "ghcr-to-render";
/// The first deployment's number: 32 bits do not hold it.
const FIRST: u64 = 5_000_000_001;
/// The longest description of a deployment or a status.
const LONGEST: usize = 140;

/// A deployment.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) number: u64,
    pub(super) environment: String,
    pub(super) commit: String,
    pub(super) task: String,
    pub(super) payload: Value,
    pub(super) creator: String,
    /// Oldest first.
    pub(super) statuses: Vec<Status>,
}

/// A deployment's status.
#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) state: String,
    pub(super) description: String,
    pub(super) creator: String,
    pub(super) url: Option<String>,
}

/// Every deployment, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ledger(pub(super) Vec<Deployment>);

/// A record that was there before.
#[derive(Debug, Clone)]
pub struct Seed {
    pub environment: String,
    pub service: String,
    pub commit: String,
    pub repository: String,
    pub digest: String,
    /// The digest of the linux/amd64 part.
    pub platform: String,
    /// The service's id on Render.
    pub id: Option<String>,
    /// `deploy`, `rollback` or `restore`.
    pub kind: &'static str,
    /// What a rollback left.
    pub from: Option<String>,
    pub release: Option<String>,
    /// Who wrote it and its statuses.
    pub creator: &'static str,
    /// State and description of each status, oldest first; none leaves it open.
    pub statuses: Vec<(&'static str, &'static str)>,
}

impl Seed {
    /// A deploy by this action that went live.
    pub fn live(
        environment: &str,
        service: &str,
        commit: &str,
        repository: &str,
        digest: &str,
    ) -> Self {
        Self {
            environment: environment.into(),
            service: service.into(),
            commit: commit.into(),
            repository: repository.into(),
            digest: digest.into(),
            platform: digest.into(),
            id: Some(service_id(service)),
            kind: "deploy",
            from: None,
            release: None,
            creator: WRITER,
            statuses: vec![("success", "live")],
        }
    }
}

/// A record as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub number: u64,
    pub environment: String,
    pub service: String,
    pub commit: String,
    pub digest: String,
    pub kind: String,
    /// The commit that the bytes were built from; empty where it is not said.
    pub image_commit: String,
    /// The rules that a person set aside; empty where none was.
    pub force: String,
    /// `open`, or the last status's state.
    pub state: String,
    /// The last status's description.
    pub description: String,
    /// The last status's environment URL.
    pub url: Option<String>,
    /// The states of all statuses, oldest first.
    pub statuses: Vec<String>,
}

impl GitHub {
    /// Puts a record there and gives its number.
    pub fn seed_record(&self, seed: Seed) -> u64 {
        self.plant_record(seed, |_| TASK)
    }

    /// Puts a record there whose payload and task a test made something else of.
    pub fn plant_record(&self, seed: Seed, poison: impl FnOnce(&mut Value) -> &'static str) -> u64 {
        let mut payload = json!({"v": 1, "service": seed.service, "repository": seed.repository, "digest": seed.digest,
            "platform_digest": seed.platform, "kind": seed.kind, "run": "1", "attempt": "1"});
        let optional = [
            ("id", seed.id),
            ("from", seed.from),
            ("release", seed.release),
        ];
        for (name, value) in optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
        {
            payload[name] = json!(value);
        }
        let task = poison(&mut payload);
        let status = |(state, description): (&str, &str)| Status {
            state: state.into(),
            description: description.into(),
            creator: seed.creator.into(),
            url: None,
        };
        self.state.lock().expect("GitHub").ledger.add(Deployment {
            number: 0,
            environment: format!("{}/{}", seed.environment, seed.service),
            commit: seed.commit,
            task: task.into(),
            payload,
            creator: seed.creator.into(),
            statuses: seed.statuses.into_iter().map(status).collect(),
        })
    }

    /// Every record, oldest first.
    pub fn records(&self) -> Vec<Recorded> {
        self.state
            .lock()
            .expect("GitHub")
            .ledger
            .0
            .iter()
            .map(Deployment::looked_at)
            .collect()
    }

    /// Puts a record there right after the program has written one: another run goes on beside it.
    pub fn overtake(&self, seed: Seed) {
        self.seed_record(seed);
        let mut state = self.state.lock().expect("GitHub");
        state.overtaking = state.ledger.0.pop();
    }
}

impl Deployment {
    fn looked_at(&self) -> Recorded {
        let (environment, service) = self
            .environment
            .split_once('/')
            .unwrap_or((&self.environment, ""));
        let last = self.statuses.last();
        let text = |name: &str| self.payload[name].as_str().unwrap_or_default().to_owned();
        Recorded {
            number: self.number,
            environment: environment.into(),
            service: service.into(),
            commit: self.commit.clone(),
            digest: text("digest"),
            kind: text("kind"),
            image_commit: text("image_commit"),
            force: text("force"),
            state: last.map_or("open", |status| &status.state).into(),
            description: last
                .map(|status| status.description.clone())
                .unwrap_or_default(),
            url: last.and_then(|status| status.url.clone()),
            statuses: self
                .statuses
                .iter()
                .map(|status| status.state.clone())
                .collect(),
        }
    }
}

impl Ledger {
    fn add(&mut self, deployment: Deployment) -> u64 {
        let number = FIRST + self.0.len() as u64;
        self.0.push(Deployment {
            number,
            ..deployment
        });
        number
    }
}

/// What is wrong with a request that is none of ours.
pub(super) type Wrong = String;

/// The JSON object of a body that says it is JSON.
pub(super) fn object(call: &Call) -> Result<Map<String, Value>, Wrong> {
    if call.header("content-type") != Some("application/json") {
        return Err("a body that does not say it is JSON".into());
    }
    serde_json::from_slice(&call.body)
        .map_err(|error| format!("a body that is no JSON object ({error})"))
}

pub(super) fn ensure(holds: bool, what: impl Into<String>) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// Exactly these fields: the first ones always, the others perhaps.
pub(super) fn fields(
    object: &Map<String, Value>,
    always: &[&str],
    perhaps: &[&str],
) -> Result<(), Wrong> {
    let missing = always.iter().find(|name| !object.contains_key(**name));
    let unknown = object
        .keys()
        .find(|key| !always.contains(&key.as_str()) && !perhaps.contains(&key.as_str()));
    ensure(missing.is_none(), format!("without {missing:?}"))?;
    ensure(unknown.is_none(), format!("with {unknown:?}"))
}

pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, Wrong> {
    object
        .get(name)
        .and_then(Value::as_str)
        .ok_or(format!("{name} is no text"))
}

pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| is_hex(hex, 64))
}

pub(super) fn description(object: &Map<String, Value>) -> Result<&str, Wrong> {
    let description = text(object, "description")?;
    ensure(
        !description.is_empty() && description.chars().count() <= LONGEST,
        "description is empty or too long",
    )?;
    Ok(description)
}

/// The deployment that a body asks for.
fn intent(body: &Map<String, Value>) -> Result<Deployment, Wrong> {
    let always = [
        "ref",
        "task",
        "environment",
        "description",
        "payload",
        "auto_merge",
        "required_contexts",
        "transient_environment",
        "production_environment",
    ];
    fields(body, &always, &[])?;
    for name in [
        "auto_merge",
        "transient_environment",
        "production_environment",
    ] {
        ensure(body[name] == json!(false), format!("{name} is not false"))?;
    }
    ensure(
        body["required_contexts"] == json!([]),
        "required_contexts is not []",
    )?;
    description(body)?;
    let (commit, task, environment) = (
        text(body, "ref")?,
        text(body, "task")?,
        text(body, "environment")?,
    );
    ensure(is_hex(commit, 40), "ref is no full commit")?;
    ensure(task == "ghcr-to-render", "task is not ours")?;
    let payload = body["payload"].as_object().ok_or("payload is no object")?;
    let always = [
        "v",
        "service",
        "repository",
        "digest",
        "platform_digest",
        "kind",
        "run",
        "attempt",
    ];
    fields(
        payload,
        &always,
        &["id", "image_commit", "release", "from", "to", "force"],
    )?;
    ensure(payload["v"] == json!(1), "payload: v is not 1")?;
    let (service, kind) = (text(payload, "service")?, text(payload, "kind")?);
    let is_named = environment
        .split_once('/')
        .is_some_and(|(name, of)| !name.is_empty() && of == service);
    ensure(is_named, "environment is not that of the service")?;
    ensure(
        ["deploy", "rollback", "restore"].contains(&kind),
        "payload: kind",
    )?;
    ensure(
        kind != "rollback" || payload.contains_key("from"),
        "payload: a rollback from nothing",
    )?;
    let leads_to = payload
        .get("to")
        .is_none_or(|to| kind == "rollback" && to.as_u64().is_some_and(|to| to >= FIRST));
    ensure(
        leads_to,
        "payload: to is no deployment's number, or not a rollback's",
    )?;
    for name in ["digest", "platform_digest"] {
        ensure(is_digest(text(payload, name)?), format!("payload: {name}"))?;
    }
    for name in ["image_commit", "from"]
        .into_iter()
        .filter(|name| payload.contains_key(*name))
    {
        ensure(is_hex(text(payload, name)?, 40), format!("payload: {name}"))?;
    }
    for name in ["run", "attempt"] {
        let digits = text(payload, name)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        ensure(is_number, format!("payload: {name} is no number"))?;
    }
    if payload.contains_key("force") {
        let is_rule = |word| ["unchanged", "older", "held", "requires"].contains(&word);
        ensure(
            text(payload, "force")?.split(',').all(is_rule),
            "payload: force",
        )?;
    }
    let is_pinned =
        text(payload, "repository")?.contains('/') && !text(payload, "repository")?.contains('@');
    ensure(is_pinned, "payload: repository")?;
    Ok(Deployment {
        number: 0,
        environment: environment.into(),
        commit: commit.into(),
        task: task.into(),
        payload: body["payload"].clone(),
        creator: WRITER.into(),
        statuses: Vec::new(),
    })
}

/// The status that a body asks for.
fn ending(body: &Map<String, Value>) -> Result<Status, Wrong> {
    fields(
        body,
        &["state", "description", "auto_inactive"],
        &["environment_url", "log_url"],
    )?;
    ensure(
        body["auto_inactive"] == json!(false),
        "auto_inactive is not false",
    )?;
    let state = text(body, "state")?;
    ensure(
        ["success", "failure", "error"].contains(&state),
        "state ends nothing",
    )?;
    let description = description(body)?;
    for name in ["environment_url", "log_url"]
        .into_iter()
        .filter(|name| body.contains_key(*name))
    {
        let is_web = url::Url::parse(text(body, name)?)
            .is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
        ensure(is_web, format!("{name} is no address"))?;
    }
    let says_how = description.starts_with("live") || description.starts_with("accepted");
    ensure(
        says_how == (state == "success"),
        "a description that does not begin as the state wants it",
    )?;
    let url = body
        .get("environment_url")
        .and_then(Value::as_str)
        .map(str::to_owned);
    Ok(Status {
        state: state.into(),
        description: description.into(),
        creator: WRITER.into(),
        url,
    })
}

fn denied() -> Reply {
    message(403, "Resource not accessible by integration")
        .header("x-accepted-github-permissions", "deployments=write")
}

impl State {
    /// Answers a POST below `deployments`; `None` for what is no such path.
    pub(super) fn write(&mut self, call: &Call, path: &str) -> Option<Reply> {
        let number: Option<u64> = match path.strip_prefix("deployments")? {
            "" => None,
            rest => Some(
                rest.strip_prefix('/')?
                    .strip_suffix("/statuses")?
                    .parse()
                    .ok()?,
            ),
        };
        if self.troubles.contains(&Trouble::RecordDown) {
            return Some(message(502, "Server Error"));
        }
        let reply = match number {
            None => self.create(call),
            Some(number) => self.end(call, number),
        };
        Some(reply.unwrap_or_else(|wrong| {
            self.violations.push(format!("{wrong}: {}", call.line()));
            message(422, "Validation Failed")
        }))
    }

    fn create(&mut self, call: &Call) -> Result<Reply, Wrong> {
        let body = object(call)?;
        let is_preview = super::previews::is_one(&body);
        let deployment = if is_preview {
            super::previews::intent(&body)?
        } else {
            intent(&body)?
        };
        if self.troubles.contains(&Trouble::DeploymentsDenied) {
            return Ok(denied());
        }
        let status = self.troubles.iter().find_map(|trouble| {
            if let Trouble::Create(status) = trouble {
                Some(*status)
            } else {
                None
            }
        });
        if let Some(status) = status {
            return Ok(message(
                status,
                "Conflict merging main into topic ##[set-output name=tags]evil",
            ));
        }
        if self
            .object(&format!("{}^{{commit}}", deployment.commit))
            .is_none()
        {
            return Ok(message(
                422,
                &format!("No ref found for: {}", deployment.commit),
            ));
        }
        let mut shown = json!({"node_id": "DE_kw", "sha": deployment.commit, "ref": deployment.commit,
            "task": deployment.task, "environment": deployment.environment,
            "original_environment": deployment.environment, "payload": deployment.payload,
            "creator": {"login": format!("{WRITER}[bot]"), "type": "Bot"}, "transient_environment": is_preview,
            "production_environment": false, "created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z"});
        shown["id"] = json!(self.ledger.add(deployment));
        if let Some(other) = self.overtaking.take() {
            self.ledger.add(other);
        }
        Ok(Reply::json(201, &shown))
    }

    fn end(&mut self, call: &Call, number: u64) -> Result<Reply, Wrong> {
        let body = object(call)?;
        let is_preview = self
            .ledger
            .0
            .iter()
            .any(|own| own.number == number && own.environment.starts_with("preview/"));
        let status = if is_preview {
            super::previews::status(&body)?
        } else {
            ending(&body)?
        };
        let deployment = self
            .ledger
            .0
            .iter_mut()
            .find(|deployment| deployment.number == number);
        let deployment = deployment.ok_or("the end of no deployment")?;
        if self.troubles.contains(&Trouble::StatusesDenied) {
            return Ok(denied());
        }
        let shown = json!({"id": 1, "state": status.state, "description": status.description,
            "environment": deployment.environment});
        deployment.statuses.push(status);
        Ok(Reply::json(201, &shown))
    }
}
