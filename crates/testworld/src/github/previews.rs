//! The record of previews in the model: deployments in `preview/<service>`, which are transient. A body that is not exactly one of ours is a
//! violation.

use super::GitHub;
use super::record::{
    Deployment, Status, WRITER, Wrong, description, ensure, fields, is_digest, is_hex, text,
};
use serde_json::{Map, Value, json};

/// A record of a preview as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewRecorded {
    pub number: u64,
    pub environment: String,
    pub commit: String,
    pub payload: Value,
    /// Whether the program wrote it.
    pub is_own: bool,
    /// State and description of each status, oldest first.
    pub statuses: Vec<(String, String)>,
    /// The last status's environment URL.
    pub url: Option<String>,
}

impl PreviewRecorded {
    /// `open`, or the last status's state.
    pub fn state(&self) -> &str {
        self.statuses.last().map_or("open", |(state, _)| state)
    }
}

impl GitHub {
    /// Every record of a preview, oldest first.
    pub fn preview_records(&self) -> Vec<PreviewRecorded> {
        let state = self.state.lock().expect("GitHub");
        let is_one = |deployment: &&Deployment| deployment.environment.starts_with("preview/");
        let shown = |deployment: &Deployment| PreviewRecorded {
            number: deployment.number,
            environment: deployment.environment.clone(),
            commit: deployment.commit.clone(),
            payload: deployment.payload.clone(),
            is_own: deployment.creator == WRITER,
            statuses: deployment
                .statuses
                .iter()
                .map(|status| (status.state.clone(), status.description.clone()))
                .collect(),
            url: deployment
                .statuses
                .last()
                .and_then(|status| status.url.clone()),
        };
        state.ledger.0.iter().filter(is_one).map(shown).collect()
    }

    /// Takes every status of the newest record of a preview away, as if its run had been cut off before it wrote one.
    pub fn forget_statuses(&self) {
        let mut state = self.state.lock().expect("GitHub");
        let is_one = |deployment: &&mut Deployment| deployment.environment.starts_with("preview/");
        let newest = state.ledger.0.iter_mut().rev().find(is_one);
        newest.expect("a record of a preview").statuses.clear();
    }

    /// Changes the payload of the newest record of a preview, and says who wrote it.
    pub fn poison_preview(&self, creator: &str, poison: impl FnOnce(&mut Value)) {
        let mut state = self.state.lock().expect("GitHub");
        let is_one = |deployment: &&mut Deployment| deployment.environment.starts_with("preview/");
        let newest = state
            .ledger
            .0
            .iter_mut()
            .rev()
            .find(is_one)
            .expect("a record of a preview");
        poison(&mut newest.payload);
        newest.creator = creator.into();
    }
}

/// Whether a body asks for the record of a preview. An environment may be called `preview` too: its records have a kind.
pub(super) fn is_one(body: &Map<String, Value>) -> bool {
    let is_named = body
        .get("environment")
        .and_then(Value::as_str)
        .is_some_and(|name| name.starts_with("preview/"));
    is_named
        && body
            .get("payload")
            .is_some_and(|payload| payload.get("kind").is_none())
}

/// The deployment that a body asks for.
pub(super) fn intent(body: &Map<String, Value>) -> Result<Deployment, Wrong> {
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
    for (name, wanted) in [
        ("auto_merge", false),
        ("transient_environment", true),
        ("production_environment", false),
    ] {
        ensure(
            body[name] == json!(wanted),
            format!("{name} is not {wanted}"),
        )?;
    }
    ensure(
        body["required_contexts"] == json!([]),
        "required_contexts is not []",
    )?;
    description(body)?;
    let (commit, environment) = (text(body, "ref")?, text(body, "environment")?);
    ensure(is_hex(commit, 40), "ref is no full commit")?;
    ensure(text(body, "task")? == "ghcr-to-render", "task is not ours")?;
    let payload = body["payload"].as_object().ok_or("payload is no object")?;
    fields(
        payload,
        &[
            "v",
            "pr",
            "service",
            "parent",
            "repository",
            "digest",
            "run",
            "attempt",
        ],
        &["id"],
    )?;
    ensure(payload["v"] == json!(1), "payload: v is not 1")?;
    ensure(
        payload["pr"]
            .as_u64()
            .is_some_and(|number| (1..=99_999).contains(&number)),
        "payload: pr",
    )?;
    let is_named = environment == format!("preview/{}", text(payload, "service")?);
    ensure(
        is_named,
        "environment is not that of the service's previews",
    )?;
    ensure(is_digest(text(payload, "digest")?), "payload: digest")?;
    for name in ["id", "parent"]
        .into_iter()
        .filter(|name| payload.contains_key(*name))
    {
        ensure(
            text(payload, name)?.starts_with("srv-"),
            format!("payload: {name}"),
        )?;
    }
    for name in ["run", "attempt"] {
        let digits = text(payload, name)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        ensure(is_number, format!("payload: {name} is no number"))?;
    }
    Ok(Deployment {
        number: 0,
        environment: environment.into(),
        commit: commit.into(),
        task: "ghcr-to-render".into(),
        payload: body["payload"].clone(),
        creator: WRITER.into(),
        at: 0,
        statuses: Vec::new(),
    })
}

/// The status that a body asks for.
pub(super) fn status(body: &Map<String, Value>) -> Result<Status, Wrong> {
    fields(
        body,
        &["state", "description", "auto_inactive"],
        &["environment_url", "log_url"],
    )?;
    ensure(
        body["auto_inactive"] == json!(false),
        "auto_inactive is not false",
    )?;
    let (state, description) = (text(body, "state")?, description(body)?);
    let begins = match state {
        "in_progress" => {
            description.starts_with("made: srv-") || description.starts_with("not found: ")
        }
        "success" => {
            description.starts_with("live: srv-") || description.starts_with("accepted: srv-")
        }
        "failure" => description.starts_with("failed"),
        "error" => description.starts_with("not sent"),
        "inactive" => true,
        _ => return Err(format!("the state {state}")),
    };
    ensure(
        begins,
        format!("{state} with the description {description:?}"),
    )?;
    let url = body
        .get("environment_url")
        .and_then(Value::as_str)
        .map(str::to_owned);
    ensure(
        url.as_ref().is_none_or(|url| url.starts_with("https://")),
        "environment_url",
    )?;
    Ok(Status {
        state: state.into(),
        description: description.into(),
        creator: WRITER.into(),
        at: 0,
        url,
    })
}
