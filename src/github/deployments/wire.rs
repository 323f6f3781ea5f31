//! The record's JSON: what is written into a deployment's payload, and what is believed of one that is read.

use super::{LIVE, RunName, TASK};
use crate::domain::{
    CommitSha, Digest, ImageTag, Intent, Kind, PinnedImage, Record, RecordState, Repository,
    ServiceId, ServiceName,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The version of the payload. A record of another one is none that can be read.
const VERSION: u64 = 1;
/// How often a payload may be text within text: GitHub gives what was posted as an object as text, and has given it as text of text.
const WRAPPED: usize = 3;

/// The payload. What is absent says that it is not known, or does not apply.
#[derive(Serialize, Deserialize)]
pub(super) struct PayloadWire {
    v: u64,
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    repository: String,
    digest: String,
    platform_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<String>,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    // For people only: nothing is decided by which run it was, or by what was set aside for it.
    #[serde(default)]
    run: String,
    #[serde(default)]
    attempt: String,
    /// The rules that a person set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    force: Option<String>,
}

impl PayloadWire {
    pub(super) fn new(intent: &Intent, run: &RunName) -> Self {
        Self {
            v: VERSION,
            service: intent.service.to_string(),
            id: intent.id.as_ref().map(ToString::to_string),
            repository: intent.image.repository.to_string(),
            digest: intent.image.digest.to_string(),
            platform_digest: intent.platform.to_string(),
            image_commit: intent.image_commit.map(|commit| commit.to_string()),
            release: intent.release.as_ref().map(ToString::to_string),
            kind: intent.kind.as_str().to_owned(),
            from: intent.from.map(|commit| commit.to_string()),
            to: intent.to,
            run: run.id.clone(),
            attempt: run.attempt.clone(),
            force: run.force.clone(),
        }
    }

    /// Reads a payload as GitHub gives it.
    fn read(payload: &RawValue) -> Option<Self> {
        unwrapped(payload).filter(|wire: &Self| wire.v == VERSION)
    }

    /// What it says, where all of it is well formed and about this service.
    fn into_intent(self, service: &ServiceName, commit: &str) -> Option<Intent> {
        if self.service != service.as_str() {
            return None;
        }
        let sha = |text: &String| CommitSha::parse(text.as_bytes()).ok();
        let kind = Kind::ALL.iter().find(|(word, _)| *word == self.kind)?.1;
        Some(Intent {
            service: service.clone(),
            commit: CommitSha::parse(commit.as_bytes()).ok()?,
            id: given(self.id.as_ref(), |id| ServiceId::parse(id).ok())?,
            image: PinnedImage {
                repository: Repository::parse(&self.repository).ok()?,
                digest: Digest::parse(&self.digest).ok()?,
            },
            platform: Digest::parse(&self.platform_digest).ok()?,
            image_commit: given(self.image_commit.as_ref(), sha)?,
            release: given(self.release.as_ref(), |tag| ImageTag::parse(tag).ok())?,
            kind,
            from: given(self.from.as_ref(), sha)?,
            to: self.to,
        })
    }
}

/// What the version of a payload is read from.
#[derive(Deserialize)]
struct VersionWire {
    v: u64,
}

/// A payload is an object, or text that holds one. Of an object no more is kept than is asked for: who may write deployments may write much.
fn unwrapped<T: DeserializeOwned>(payload: &RawValue) -> Option<T> {
    let mut text = Cow::Borrowed(payload.get());
    for _ in 0..WRAPPED {
        if !text.trim_start().starts_with('"') {
            break;
        }
        text = Cow::Owned(serde_json::from_str(&text).ok()?);
    }
    serde_json::from_str(&text).ok()
}

/// Whether a payload is of a later version of this program: it may say of a deploy what this one cannot read.
fn is_later(payload: &RawValue) -> bool {
    unwrapped(payload).is_some_and(|VersionWire { v }| v > VERSION)
}

/// What may be absent, but not malformed.
fn given<T>(text: Option<&String>, parse: impl Fn(&String) -> Option<T>) -> Option<Option<T>> {
    match text {
        None => Some(None),
        Some(text) => parse(text).map(Some),
    }
}

/// A deployment, as the query asks for it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::github) struct DeploymentWire {
    pub(in crate::github) database_id: Option<u64>,
    task: Option<String>,
    payload: Box<RawValue>,
    pub(in crate::github) commit_oid: String,
    original_environment: Option<String>,
    creator: Option<ActorWire>,
    latest_status: Option<StatusWire>,
    statuses: Option<ListWire<StatusWire>>,
}

#[derive(Deserialize)]
pub(in crate::github) struct ActorWire {
    pub(super) login: String,
}

#[derive(Deserialize)]
pub(in crate::github) struct StatusWire {
    pub(in crate::github) state: String,
    pub(in crate::github) description: Option<String>,
    creator: Option<ActorWire>,
}

/// A list in GraphQL's shape, whose entries may each be null.
#[derive(Deserialize)]
struct ListWire<T> {
    nodes: Vec<Option<T>>,
}

/// Why a deployment that is a record of ours cannot be gone by.
pub(super) enum Unusable {
    /// It has no number to end it by.
    NoNumber,
    /// A later version of this program wrote it.
    Later,
}

impl DeploymentWire {
    /// Whether it is one of our deployments in this environment. A status can move a deployment to another one, and would take its success there.
    pub(in crate::github) fn is_ours_in(&self, environment: &str) -> bool {
        let is_moved = self
            .original_environment
            .as_deref()
            .is_some_and(|original| original != environment);
        self.task.as_deref() == Some(TASK) && !is_moved
    }

    /// Whether the viewer wrote it.
    pub(in crate::github) fn is_own(&self, viewer: Option<&ActorWire>) -> bool {
        is_same(self.creator.as_ref(), viewer)
    }

    /// Its payload, where that is an object of this kind.
    pub(in crate::github) fn payload<T: DeserializeOwned>(&self) -> Option<T> {
        unwrapped(&self.payload)
    }

    /// The latest status, where the viewer wrote it.
    pub(in crate::github) fn latest_own_status(
        &self,
        viewer: Option<&ActorWire>,
    ) -> Option<&StatusWire> {
        self.latest_status
            .as_ref()
            .filter(|status| is_same(status.creator.as_ref(), viewer))
    }

    /// The latest status, and after it the others that are listed, in whichever order: those that the viewer wrote.
    pub(in crate::github) fn own_statuses<'s>(
        &'s self,
        viewer: Option<&'s ActorWire>,
    ) -> impl Iterator<Item = &'s StatusWire> {
        let older = self
            .statuses
            .iter()
            .flat_map(|list| list.nodes.iter().flatten());
        self.latest_status
            .iter()
            .chain(older)
            .filter(move |status| is_same(status.creator.as_ref(), viewer))
    }

    /// The record that this deployment is; `None` for what is none: another task, another service, malformed.
    pub(super) fn into_record(
        self,
        environment: &str,
        service: &ServiceName,
        viewer: Option<&ActorWire>,
    ) -> Result<Option<Record>, Unusable> {
        if !self.is_ours_in(environment) {
            return Ok(None);
        }
        let intent = PayloadWire::read(&self.payload)
            .and_then(|wire| wire.into_intent(service, &self.commit_oid));
        let is_own = self.is_own(viewer);
        let Some(intent) = intent else {
            return if is_own && is_later(&self.payload) {
                Err(Unusable::Later)
            } else {
                Ok(None)
            };
        };
        let counts = |status: &&StatusWire| !is_own || is_same(status.creator.as_ref(), viewer);
        let older = self
            .statuses
            .iter()
            .flat_map(|list| list.nodes.iter().flatten());
        let (state, was_live) = end(
            self.latest_status.iter().filter(counts),
            older.filter(counts),
        );
        let number = self.database_id.ok_or(Unusable::NoNumber)?;
        Ok(Some(Record {
            number,
            intent,
            state,
            was_live,
            is_own,
        }))
    }
}

/// What became of an attempt, and whether it was seen live.
///
/// A status that ends nothing (`INACTIVE`, which anything may set) leaves standing what was said before it. In which order older statuses are
/// listed is not documented; where they contradict each other, nobody knows.
fn end<'a>(
    latest: impl Iterator<Item = &'a StatusWire>,
    older: impl Iterator<Item = &'a StatusWire>,
) -> (RecordState, bool) {
    let ending = |status: &StatusWire| {
        let is_live = status
            .description
            .as_deref()
            .is_some_and(|text| text.starts_with(LIVE));
        match status.state.as_str() {
            "SUCCESS" => Some((RecordState::Success, is_live)),
            "FAILURE" => Some((RecordState::Failure, false)),
            "ERROR" => Some((RecordState::Error, false)),
            _ => None,
        }
    };
    if let Some(last) = latest.filter_map(ending).next() {
        return last;
    }
    let mut endings = older.filter_map(ending);
    match endings.next() {
        Some(first) if endings.all(|other| other == first) => first,
        _ => (RecordState::Open, false),
    }
}

/// Whether two are the same account. GraphQL gives an app's login with `[bot]` where it is the viewer, and without where it is a creator.
fn is_same(one: Option<&ActorWire>, other: Option<&ActorWire>) -> bool {
    let bare = |actor: &ActorWire| {
        actor
            .login
            .strip_suffix("[bot]")
            .unwrap_or(&actor.login)
            .to_owned()
    };
    match (one.map(bare), other.map(bare)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// What fuzzing opens: a deployment, which is a record of ours or none.
#[cfg(fuzzing)]
pub(in crate::github) mod fuzzing {
    use super::*;

    pub(in crate::github) fn record(body: &[u8]) {
        let Ok(service) = ServiceName::parse("api") else {
            return;
        };
        let viewer = ActorWire {
            login: "github-actions[bot]".into(),
        };
        let read = || {
            serde_json::from_slice::<DeploymentWire>(body)
                .ok()?
                .into_record("staging/api", &service, Some(&viewer))
                .ok()?
        };
        let Some(record) = read() else { return };
        assert_eq!(record.intent.service, service);
        // What nobody ended, or somebody else ended of ours, is open; and only what went well was live.
        assert!(!record.was_live || record.state == RecordState::Success);
        // What we would write of it is read as the same.
        let wire = PayloadWire::new(
            &record.intent,
            &RunName {
                id: "1".into(),
                attempt: "1".into(),
                force: None,
            },
        );
        let again = serde_json::value::to_raw_value(&wire)
            .ok()
            .and_then(|value| unwrapped::<PayloadWire>(&value));
        let again =
            again.and_then(|wire| wire.into_intent(&service, &record.intent.commit.to_string()));
        assert_eq!(again, Some(record.intent));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{COMMIT, intent, run, service};
    use super::*;
    use crate::domain::RecordState::{Error, Failure, Open, Success};
    use serde_json::{Value, json};

    fn payload(intent: &Intent) -> Value {
        serde_json::to_value(PayloadWire::new(intent, &run())).unwrap()
    }

    fn deployment(payload: &Value) -> Value {
        json!({"databaseId": 5, "task": "ghcr-to-render", "payload": payload, "commitOid": COMMIT.to_string(),
            "originalEnvironment": "staging/api", "creator": {"login": "github-actions"}, "latestStatus": null,
            "statuses": {"nodes": []}})
    }

    fn read_by(viewer: Option<&str>, deployment: Value) -> Option<Record> {
        let viewer = viewer.map(|login| ActorWire {
            login: login.into(),
        });
        let wire: DeploymentWire = serde_json::from_value(deployment).unwrap();
        wire.into_record("staging/api", &service("api"), viewer.as_ref())
            .ok()
            .unwrap()
    }

    fn read(deployment: Value) -> Option<Record> {
        read_by(Some("github-actions[bot]"), deployment)
    }

    fn status(state: &str, description: &str, login: &str) -> Value {
        json!({"state": state, "description": description, "creator": {"login": login}})
    }

    fn state(latest: &Value, all: &Value) -> (RecordState, bool) {
        let mut deployment = deployment(&payload(&intent("api")));
        deployment["latestStatus"] = latest.clone();
        deployment["statuses"] = json!({ "nodes": all });
        let record = read(deployment).unwrap();
        (record.state, record.was_live)
    }

    #[test]
    fn an_intent_reads_back_as_itself_however_it_is_wrapped() {
        let mut bare = intent("api");
        (bare.id, bare.image_commit, bare.release, bare.from, bare.to) =
            (None, None, None, None, None);
        for intent in [intent("api"), bare] {
            let object = payload(&intent);
            let once = Value::from(object.to_string());
            let twice = Value::from(once.to_string());
            for payload in [object, once, twice] {
                let record = Record {
                    number: 5,
                    intent: intent.clone(),
                    state: Open,
                    was_live: false,
                    is_own: true,
                };
                assert_eq!(read(deployment(&payload)), Some(record), "{payload}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_left_out_of_a_payload() {
        let mut bare = intent("api");
        (bare.id, bare.image_commit, bare.release, bare.from, bare.to) =
            (None, None, None, None, None);
        let wanted = json!({"v": 1, "service": "api", "repository": "ghcr.io/acme/api",
            "digest": format!("sha256:{}", "aa".repeat(32)), "platform_digest": format!("sha256:{}", "bb".repeat(32)),
            "kind": "rollback", "run": "7", "attempt": "1"});
        assert_eq!(payload(&bare), wanted);
    }

    #[test]
    fn what_is_not_exactly_ours_is_no_record() {
        let good = deployment(&payload(&intent("api")));
        assert!(read(good.clone()).is_some());
        let in_deployment = [
            ("task", json!("deploy")),
            ("task", json!(null)),
            ("commitOid", json!("1111111")),
            ("commitOid", json!("0".repeat(40))),
            ("originalEnvironment", json!("production/api")),
            ("payload", json!(null)),
            ("payload", json!("")),
            ("payload", json!("{")),
            ("payload", json!("[]")),
        ];
        for (name, value) in in_deployment {
            let mut bad = good.clone();
            bad[name] = value.clone();
            assert_eq!(read(bad), None, "{name}: {value}");
        }
        let in_payload = [
            ("v", json!(0)),
            ("v", json!("1")),
            ("service", json!("web")),
            ("id", json!("api")),
            ("id", json!(7)),
            ("repository", json!("acme/api")),
            ("repository", json!(null)),
            ("digest", json!("sha256:aa")),
            ("platform_digest", json!("")),
            ("image_commit", json!("main")),
            ("release", json!("a b")),
            ("kind", json!("Deploy")),
            ("from", json!("::error::")),
        ];
        for (name, value) in in_payload {
            let mut bad = payload(&intent("api"));
            bad[name] = value.clone();
            assert_eq!(read(deployment(&bad)), None, "{name}: {value}");
        }
        let mut unknown = good;
        unknown["originalEnvironment"] = json!(null);
        assert!(read(unknown).is_some());
    }

    #[test]
    fn a_record_without_a_number_is_no_record_to_go_by() {
        for payload in [payload(&intent("api")), json!("")] {
            let mut deployment = deployment(&payload);
            deployment["databaseId"] = json!(null);
            let wire: DeploymentWire = serde_json::from_value(deployment).unwrap();
            let is_ours = payload != json!("");
            assert_eq!(
                wire.into_record("staging/api", &service("api"), None)
                    .is_err(),
                is_ours
            );
        }
    }

    #[test]
    fn an_attempt_is_open_until_a_status_ends_it() {
        let none = json!(null);
        assert_eq!(state(&none, &json!([])), (Open, false));
        let table = [
            ("SUCCESS", "live: as sha256:aa", (Success, true)),
            ("SUCCESS", "accepted: as sha256:aa", (Success, false)),
            ("FAILURE", "failed: live for a second", (Failure, false)),
            ("FAILURE", "live", (Failure, false)),
            ("ERROR", "not sent", (Error, false)),
            ("IN_PROGRESS", "live", (Open, false)),
            ("QUEUED", "", (Open, false)),
            ("PENDING", "", (Open, false)),
            ("WAITING", "", (Open, false)),
            ("INACTIVE", "live", (Open, false)),
            ("LATER_WORD", "live", (Open, false)),
        ];
        for (word, description, wanted) in table {
            let one = status(word, description, "github-actions");
            assert_eq!(state(&one, &json!([one])), wanted, "{word}");
        }
    }

    #[test]
    fn what_was_said_before_an_inactive_status_stands() {
        let own = |word: &str| status(word, "live", "github-actions");
        let (inactive, success, failure) = (own("INACTIVE"), own("SUCCESS"), own("FAILURE"));
        assert_eq!(
            state(&inactive, &json!([inactive, success])),
            (Success, true)
        );
        assert_eq!(
            state(&inactive, &json!([failure, null, inactive])),
            (Failure, false)
        );
        assert_eq!(
            state(&inactive, &json!([success, success, inactive])),
            (Success, true)
        );
        assert_eq!(
            state(&inactive, &json!([success, failure, inactive])),
            (Open, false)
        );
        assert_eq!(
            state(&failure, &json!([success, failure])),
            (Failure, false)
        );
    }

    #[test]
    fn only_we_end_what_we_began() {
        let (own, other) = (
            status("SUCCESS", "accepted", "github-actions"),
            status("FAILURE", "no", "mallory"),
        );
        assert_eq!(state(&other, &json!([other])), (Open, false));
        assert_eq!(state(&other, &json!([other, own])), (Success, false));
        let mut foreign = deployment(&payload(&intent("api")));
        foreign["creator"] = json!({"login": "mallory"});
        foreign["latestStatus"] = other;
        let record = read(foreign).unwrap();
        assert_eq!((record.state, record.is_own), (Failure, false));
    }

    #[test]
    fn an_app_is_known_by_both_spellings_of_its_login_and_nobody_by_none() {
        let by = |viewer: Option<&str>, creator: Value| {
            let mut deployment = deployment(&payload(&intent("api")));
            deployment["creator"] = creator;
            read_by(viewer, deployment).unwrap().is_own
        };
        let actor = |login: &str| json!({ "login": login });
        assert!(by(Some("github-actions[bot]"), actor("github-actions")));
        assert!(by(Some("github-actions"), actor("github-actions[bot]")));
        assert!(by(
            Some("github-actions[bot]"),
            actor("github-actions[bot]")
        ));
        assert!(by(Some("ada"), actor("ada")));
        assert!(!by(Some("ada"), actor("adam")));
        assert!(!by(None, actor("ada")));
        assert!(!by(Some("ada"), json!(null)));
        assert!(!by(None, json!(null)));
    }
}
