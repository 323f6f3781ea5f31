//! The record's JSON: what is written into a deployment's payload, and what is believed of one that is read.

use super::account::{ActorWire, is_same};
use super::index::INDEX;
use super::status::{StatusWire, outcome};
use super::{RunName, TASK};
use model::{
    AttemptKind, CommitSha, Digest, ImageTag, Intent, PinnedImage, Record, RecordState, Repository,
    ServiceId, ServiceKey, ServiceName,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The version of the payload. A record of another one is none that can be read.
pub(super) const VERSION: u64 = 1;
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
    /// The workflow run. A run of a push that has recorded a success itself need not go by the commit before the push.
    #[serde(default)]
    run: String,
    // For people only: nothing is decided by these two.
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
        let kind = AttemptKind::ALL
            .iter()
            .find(|(word, _)| *word == self.kind)?
            .1;
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
struct PayloadVersionWire {
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
    unwrapped(payload).is_some_and(|PayloadVersionWire { v }| v > VERSION)
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
pub(crate) struct DeploymentWire {
    pub(crate) database_id: Option<u64>,
    created_at: Option<String>,
    task: Option<String>,
    payload: Box<RawValue>,
    pub(crate) commit_oid: String,
    original_environment: Option<String>,
    creator: Option<ActorWire>,
    latest_status: Option<StatusWire>,
    statuses: Option<ListWire<StatusWire>>,
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
    pub(crate) fn is_ours_in(&self, environment: &str) -> bool {
        let is_moved = self
            .original_environment
            .as_deref()
            .is_some_and(|original| original != environment);
        self.task.as_deref() == Some(TASK) && !is_moved
    }

    /// Whether the viewer wrote it.
    pub(crate) fn is_own(&self, viewer: Option<&ActorWire>) -> bool {
        is_same(self.creator.as_ref(), viewer)
    }

    /// Its payload, where that is an object of this kind.
    pub(crate) fn payload<T: DeserializeOwned>(&self) -> Option<T> {
        unwrapped(&self.payload)
    }

    /// The latest status, where the viewer wrote it.
    pub(crate) fn latest_own_status(&self, viewer: Option<&ActorWire>) -> Option<&StatusWire> {
        self.latest_status
            .as_ref()
            .filter(|status| status.is_by(viewer))
    }

    /// The latest status, and after it the others that are listed, in whichever order: those that the viewer wrote.
    pub(crate) fn own_statuses<'s>(
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
            .filter(move |status| status.is_by(viewer))
    }

    /// The record that this deployment is; `None` for what is none: another task, another service, malformed.
    pub(super) fn into_record(
        self,
        key: &ServiceKey,
        viewer: Option<&ActorWire>,
    ) -> Result<Option<Record>, Unusable> {
        if !self.is_ours_in(&key.to_string()) {
            return Ok(None);
        }
        let payload = PayloadWire::read(&self.payload);
        let run = payload.as_ref().and_then(|wire| wire.run.parse().ok());
        let intent = payload.and_then(|wire| wire.into_intent(&key.service, &self.commit_oid));
        let is_own = self.is_own(viewer);
        let Some(intent) = intent else {
            return if is_own && is_later(&self.payload) {
                Err(Unusable::Later)
            } else {
                Ok(None)
            };
        };
        let counts = |status: &&StatusWire| !is_own || status.is_by(viewer);
        let older = self
            .statuses
            .iter()
            .flat_map(|list| list.nodes.iter().flatten());
        let ended = outcome(
            self.latest_status.iter().find(counts),
            &older.filter(counts).collect::<Vec<_>>(),
        );
        let number = self.database_id.ok_or(Unusable::NoNumber)?;
        Ok(Some(Record {
            number,
            environment: key.environment.clone(),
            intent,
            state: ended.state,
            was_live: ended.was_live,
            is_own,
            deploy: ended.deploy,
            run,
            began: self.created_at.as_deref().and_then(seconds),
            ended: match ended.state {
                RecordState::Open => None,
                RecordState::Success
                | RecordState::Failure
                | RecordState::Error
                | RecordState::Replaced => ended.at,
            },
        }))
    }

    /// The names of services in an index record; `None` where it is none that the viewer wrote.
    pub(super) fn into_index(
        self,
        viewer: Option<&ActorWire>,
    ) -> Option<super::index::IndexPayloadWire> {
        if !self.is_ours_in(INDEX) || !self.is_own(viewer) {
            return None;
        }
        self.payload()
    }
}

/// A moment of GitHub's, in seconds since 1970.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(moment.as_second())
}

/// What fuzzing opens: a deployment, which is a record of ours or none.
#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    use super::*;

    pub(crate) fn record(body: &[u8]) {
        let Ok(service) = ServiceName::parse("api") else {
            return;
        };
        let viewer = r#"{"login":"github-actions[bot]","databaseId":41898282}"#;
        let (Ok(viewer), Some(key)) = (
            serde_json::from_str::<ActorWire>(viewer),
            ServiceKey::parse("staging/api"),
        ) else {
            return;
        };
        let read = || {
            serde_json::from_slice::<DeploymentWire>(body)
                .ok()?
                .into_record(&key, Some(&viewer))
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
    use super::super::testing::{COMMIT, actor, intent, run, viewer};
    use super::*;
    use model::RecordState::{Error, Failure, Open, Replaced, Success};
    use serde_json::{Value, json};

    fn payload(intent: &Intent) -> Value {
        serde_json::to_value(PayloadWire::new(intent, &run())).unwrap()
    }

    fn deployment(payload: &Value) -> Value {
        json!({"databaseId": 5, "task": "ghcr-to-render", "payload": payload, "commitOid": COMMIT.to_string(),
            "createdAt": "2026-11-20T10:00:00Z", "originalEnvironment": "staging/api", "creator": actor("github-actions"), "latestStatus": null,
            "statuses": {"nodes": []}})
    }

    fn key() -> ServiceKey {
        ServiceKey::parse("staging/api").unwrap()
    }

    fn read(deployment: Value) -> Option<Record> {
        let viewer: ActorWire = serde_json::from_value(viewer()).unwrap();
        let wire: DeploymentWire = serde_json::from_value(deployment).unwrap();
        wire.into_record(&key(), Some(&viewer)).ok().unwrap()
    }

    fn status(state: &str, description: &str, login: &str) -> Value {
        json!({"state": state, "description": description, "creator": actor(login)})
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
                    environment: key().environment,
                    intent: intent.clone(),
                    state: Open,
                    was_live: false,
                    is_own: true,
                    deploy: None,
                    run: Some(7),
                    began: Some(1_795_168_800),
                    ended: None,
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
            assert_eq!(wire.into_record(&key(), None).is_err(), is_ours);
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
        foreign["creator"] = actor("mallory");
        foreign["latestStatus"] = other;
        let record = read(foreign).unwrap();
        assert_eq!((record.state, record.is_own), (Failure, false));
    }

    #[test]
    fn of_several_statuses_the_newest_counts() {
        let at = |word: &str, description: &str, second: u32| {
            let mut one = status(word, description, "github-actions");
            one["createdAt"] = json!(format!("2026-11-20T10:00:{second:02}Z"));
            one
        };
        let (accepted, inactive) = (at("SUCCESS", "accepted", 5), at("INACTIVE", "x", 6));
        let replaced = at("INACTIVE", "replaced: record 9 came after it", 3);
        let reopened = at("IN_PROGRESS", "open: it calls after all", 4);
        assert_eq!(state(&replaced, &json!([replaced])), (Replaced, false));
        assert_eq!(
            state(&reopened, &json!([reopened, replaced])),
            (Open, false)
        );
        assert_eq!(
            state(&inactive, &json!([replaced, accepted, reopened, inactive])),
            (Success, false)
        );
        let late = at("INACTIVE", "replaced: record 9 came after it", 6);
        assert_eq!(
            state(&late, &json!([replaced, reopened, accepted, late])),
            (Success, false),
            "it was accepted, perhaps after what replaced it"
        );
        let same_second = at("FAILURE", "failed", 5);
        assert_eq!(
            state(&inactive, &json!([same_second, accepted, inactive])),
            (Open, false),
            "nobody knows which came last"
        );
        let other = {
            let mut other = replaced.clone();
            other["creator"] = actor("mallory");
            other
        };
        assert_eq!(state(&other, &json!([other])), (Open, false));
    }

    #[test]
    fn a_status_names_the_deploy_and_when_it_ended() {
        let mut deployment = deployment(&payload(&intent("api")));
        let mut live = status(
            "SUCCESS",
            "live dep-abc123: as it was asked",
            "github-actions",
        );
        live["createdAt"] = json!("2026-11-20T10:00:05Z");
        deployment["latestStatus"] = live.clone();
        deployment["statuses"] = json!({ "nodes": [live] });
        let record = read(deployment.clone()).unwrap();
        assert_eq!(record.deploy, model::DeployId::parse("dep-abc123").ok());
        assert_eq!(record.ended, Some(1_795_168_805));
        let mut open = status("IN_PROGRESS", "open dep-9", "github-actions");
        open["createdAt"] = json!("2026-11-20T10:00:06Z");
        deployment["latestStatus"] = open.clone();
        deployment["statuses"] = json!({ "nodes": [open] });
        let record = read(deployment).unwrap();
        assert_eq!((record.state, record.ended), (Open, None));
        assert_eq!(record.deploy, model::DeployId::parse("dep-9").ok());
    }
}
