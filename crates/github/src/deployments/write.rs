//! Writing the record: an intent before a hook is called, and its end once that is known.

use super::super::ask::GitHubReply;
use super::index::{INDEX, IndexPayloadWire};
use super::status::{OPEN, REPLACED};
use super::wire::PayloadWire;
use super::{GitHub, GitHubError, LIVE, TASK, environment_of};
use model::{CommitSha, DeployId, EnvironmentName, Intent, ServiceIndex};
use parse::inputs::WriteAccess;
use serde::{Deserialize, Serialize};
use url::Url;

/// The longest description that GitHub takes, in characters
/// (<https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status>).
const LONGEST: usize = 140;
/// The permission without which GitHub takes nothing of this.
const NEEDED: &str = "deployments: write";

/// The hand that writes records. A run that may not write never holds one.
#[derive(Clone, Copy)]
pub struct RecordWriter<'a>(&'a GitHub);

/// The run that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName {
    /// `GITHUB_RUN_ID`, by which a run knows its own records.
    pub id: String,
    /// `GITHUB_RUN_ATTEMPT`.
    pub attempt: String,
    /// The rules that a person set aside, in the words of the input `force`.
    pub force: Option<String>,
}

/// How an attempt ended. What nobody knows has not ended: its record stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentEnd {
    /// It was seen live.
    Live,
    /// Render took it, and without an API key more cannot be seen.
    Accepted,
    /// Render ended it; what was there before still serves.
    Failed,
    /// No hook was called.
    NotSent,
    /// A later deploy of ours was accepted, so this one does not matter any more.
    Replaced,
    /// It has not ended: its run calls a hook after another run had ended its record, or leaves the record open with what it knows.
    Open,
}

impl DeploymentEnd {
    /// Every way to end.
    pub const ALL: &[Self] = &[
        Self::Live,
        Self::Accepted,
        Self::Failed,
        Self::NotSent,
        Self::Replaced,
        Self::Open,
    ];

    const fn state(self) -> &'static str {
        match self {
            Self::Live | Self::Accepted => "success",
            Self::Failed => "failure",
            Self::NotSent => "error",
            Self::Replaced => "inactive",
            Self::Open => "in_progress",
        }
    }

    /// The word with which its description begins. [`LIVE`], [`REPLACED`] and [`OPEN`] are read back.
    const fn word(self) -> &'static str {
        match self {
            Self::Live => LIVE,
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::NotSent => "not sent",
            Self::Replaced => REPLACED,
            Self::Open => OPEN,
        }
    }
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusUpdate {
    /// How it ended.
    pub how: DeploymentEnd,
    /// The deploy on Render, where it is known. It is read back.
    pub deploy: Option<DeployId>,
    /// What more there is to say, without a word for how it ended; may be empty. Cut where it is too long for GitHub.
    pub description: String,
    /// Where the service is.
    pub environment_url: Option<Url>,
    /// Where one can read more. Neither address may hold a secret: everybody who sees the repository sees them.
    pub log_url: Option<Url>,
}

#[derive(Serialize)]
struct BeginWire<P> {
    #[serde(rename = "ref")]
    commit: String,
    task: &'static str,
    environment: String,
    description: String,
    payload: P,
    // GitHub would else merge the default branch into a commit, and ask for checks of which this very run is one.
    auto_merge: bool,
    required_contexts: [String; 0],
    transient_environment: bool,
    // What GitHub takes for production is not ended by its own deployments, nor by ours.
    production_environment: bool,
}

#[derive(Serialize)]
pub(crate) struct NewStatusWire<'a> {
    pub(crate) state: &'static str,
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) environment_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log_url: Option<&'a str>,
    /// False: GitHub would else mark every earlier success inactive.
    pub(crate) auto_inactive: bool,
}

/// What a deployment is made of, beside what is the same for all of ours.
pub(crate) struct NewDeployment<P> {
    pub(crate) commit: String,
    pub(crate) environment: String,
    /// Cut where it is too long for GitHub.
    pub(crate) description: String,
    pub(crate) payload: P,
    /// Whether the environment is one that will be gone again.
    pub(crate) is_transient: bool,
}

impl GitHub {
    /// Makes a deployment and gives its number; `what` names it in errors.
    pub(crate) async fn make_deployment<P: Serialize>(
        &self,
        what: &str,
        begun: NewDeployment<P>,
    ) -> Result<u64, GitHubError> {
        let wire = BeginWire {
            commit: begun.commit,
            task: TASK,
            environment: begun.environment,
            description: cut(&begun.description),
            payload: begun.payload,
            auto_merge: false,
            required_contexts: [],
            transient_environment: begun.is_transient,
            production_environment: false,
        };
        let reply = self.write_record("deployments", what, &wire).await?;
        match reply.status() {
            201 => reply.json::<CreatedWire>(what).map(|created| created.id),
            202 => {
                let why = "it merged branches and made no deployment".to_owned();
                Err(GitHubError::Rejected {
                    what: what.to_owned(),
                    why,
                    trace: reply.trace(),
                })
            }
            _ => Err(reply.broken(what, "a status that was not expected")),
        }
    }

    /// Adds a status to a deployment; `what` names it in errors.
    pub(crate) async fn add_status(
        &self,
        number: u64,
        what: &str,
        wire: &NewStatusWire<'_>,
    ) -> Result<(), GitHubError> {
        let reply = self
            .write_record(&format!("deployments/{number}/statuses"), what, wire)
            .await?;
        if reply.status() != 201 {
            return Err(reply.broken(what, "a status that was not expected"));
        }
        Ok(())
    }

    async fn write_record(
        &self,
        path: &str,
        what: &str,
        wire: &impl Serialize,
    ) -> Result<GitHubReply, GitHubError> {
        let body = serde_json::to_value(wire).map_err(|error| GitHubError::Broken {
            what: what.to_owned(),
            why: error.to_string(),
            trace: Default::default(),
        })?;
        self.post(path, what, &body)
            .await
            .map_err(|error| error.needing(NEEDED))
    }
}

#[derive(Deserialize)]
struct CreatedWire {
    id: u64,
}

impl<'a> RecordWriter<'a> {
    /// The hand for the repository of `github`.
    #[must_use]
    pub const fn new(_access: &WriteAccess, github: &'a GitHub) -> Self {
        Self(github)
    }

    /// Writes an intent and gives its number. It is asked again where no answer came: an intent that is there twice says nothing else.
    ///
    /// # Errors
    /// [`GitHubError`]. There may be an intent even then, where no answer came.
    pub async fn begin(
        &self,
        environment: &EnvironmentName,
        intent: &Intent,
        run: &RunName,
    ) -> Result<u64, GitHubError> {
        let what = format!("the record of {} in {environment}", intent.service);
        let text = format!(
            "{} of {} as {}",
            intent.kind.as_str(),
            intent.commit.short(10),
            intent.image
        );
        let begun = NewDeployment {
            commit: intent.commit.to_string(),
            environment: environment_of(environment, &intent.service),
            description: text,
            payload: PayloadWire::new(intent, run),
            is_transient: false,
        };
        self.0.make_deployment(&what, begun).await
    }

    /// Writes which services have which names. `commit` is any that GitHub has.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn write_index(
        &self,
        commit: &CommitSha,
        index: &ServiceIndex,
    ) -> Result<u64, GitHubError> {
        let begun = NewDeployment {
            commit: commit.to_string(),
            environment: INDEX.to_owned(),
            description: "index of the names of services".to_owned(),
            payload: IndexPayloadWire::new(index),
            is_transient: false,
        };
        self.0.make_deployment("the index of services", begun).await
    }

    /// Ends an attempt.
    ///
    /// # Errors
    /// [`GitHubError`]. The record then stays open, unless only the answer was lost.
    pub async fn end(&self, number: u64, ending: &StatusUpdate) -> Result<(), GitHubError> {
        let what = format!("the end of record {number}");
        let mut description = ending.how.word().to_owned();
        if let Some(deploy) = &ending.deploy {
            description = format!("{description} {deploy}");
        }
        if !ending.description.is_empty() {
            description = format!("{description}: {}", ending.description);
        }
        let wire = NewStatusWire {
            state: ending.how.state(),
            description: cut(&description),
            environment_url: ending.environment_url.as_ref().map(Url::as_str),
            log_url: ending.log_url.as_ref().map(Url::as_str),
            auto_inactive: false,
        };
        self.0.add_status(number, &what, &wire).await
    }
}

/// The text as far as GitHub takes it.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{ExpectedRequest, Server, TOKEN, closed, exchange};
    use super::super::testing::{COMMIT, intent, run};
    use super::*;
    use serde_json::{Value, json};

    const BELOW: &str = "/api/v3/repos/acme/shop/deployments";

    fn begun(body: &Value) -> ExpectedRequest {
        exchange(BELOW, 201, &[], &body.to_string()).posting("/ref", &json!(COMMIT.to_string()))
    }

    async fn begin(script: Vec<ExpectedRequest>) -> Result<u64, GitHubError> {
        let server = Server::start(script);
        let run = run();
        let environment = EnvironmentName::parse("staging").unwrap();
        let answer = RecordWriter::new(&WriteAccess::for_tests(), &server.github())
            .begin(&environment, &intent("api"), &run)
            .await;
        server.finish();
        answer
    }

    async fn end(script: Vec<ExpectedRequest>, ending: &StatusUpdate) -> Result<(), GitHubError> {
        let server = Server::start(script);
        let answer = RecordWriter::new(&WriteAccess::for_tests(), &server.github())
            .end(9_000_000_005, ending)
            .await;
        server.finish();
        answer
    }

    fn ending(how: DeploymentEnd, description: &str) -> StatusUpdate {
        StatusUpdate {
            how,
            deploy: None,
            description: description.into(),
            environment_url: None,
            log_url: None,
        }
    }

    #[tokio::test]
    async fn an_intent_merges_nothing_and_waits_for_no_check() {
        let (aa, bb) = ("aa".repeat(32), "bb".repeat(32));
        let wanted = json!({
            "ref": "11".repeat(20),
            "task": "ghcr-to-render",
            "environment": "staging/api",
            "description": format!("rollback of 1111111111 as ghcr.io/acme/api@sha256:{aa}"),
            "payload": {
                "v": 1, "service": "api", "id": "srv-abc123", "repository": "ghcr.io/acme/api",
                "digest": format!("sha256:{aa}"), "platform_digest": format!("sha256:{bb}"),
                "image_commit": "22".repeat(20), "release": "prod-7", "kind": "rollback", "from": "33".repeat(20),
                "to": 4, "run": "7", "attempt": "1",
            },
            "auto_merge": false,
            "required_contexts": [],
            "transient_environment": false,
            "production_environment": false,
        });
        let answer = exchange(BELOW, 201, &[], r#"{"id":9000000005}"#).posting("", &wanted);
        assert_eq!(begin(vec![answer]).await, Ok(9_000_000_005));
    }

    #[tokio::test]
    async fn only_a_created_deployment_is_an_intent() {
        let table = [
            (
                202,
                r#"{"message":"Auto-merged main into topic"}"#,
                "it merged branches and made no deployment",
            ),
            (
                409,
                r#"{"message":"Conflict merging main into topic"}"#,
                "does not take the record of api in staging: Conflict",
            ),
            (
                422,
                r#"{"message":"No ref found for: 1111 ::error::x"}"#,
                "No ref found for: 1111 :\\:error",
            ),
            (
                404,
                r#"{"message":"Not Found"}"#,
                "github does not take the record of api in staging: Not Found",
            ),
            (200, r#"{"id":5}"#, "a status that was not expected"),
            (201, r#"{"id":"5"}"#, "cannot be used"),
            (201, "{}", "cannot be used"),
        ];
        for (status, body, wanted) in table {
            let answer =
                exchange(BELOW, status, &[], body).posting("/task", &json!("ghcr-to-render"));
            let failure = begin(vec![answer]).await.unwrap_err().to_string();
            assert!(failure.contains(wanted), "{failure}");
        }
    }

    #[tokio::test]
    async fn the_permission_to_write_is_named() {
        let body = r#"{"message":"Resource not accessible by integration"}"#;
        let denied = |headers: &[&str]| {
            exchange(BELOW, 403, headers, body).posting("/task", &json!("ghcr-to-render"))
        };
        let failure = begin(vec![denied(&[
            "X-Accepted-GitHub-Permissions: deployments=write",
        ])])
        .await
        .unwrap_err();
        assert_eq!(
            failure.to_string(),
            "github does not let this token write the record of api in staging: it needs deployments=write \
             (status 403, request AB12:34)"
        );
        let failure = begin(vec![denied(&[])]).await.unwrap_err();
        assert!(
            failure
                .to_string()
                .contains("write (Resource not accessible by integration)"),
            "{failure}"
        );
        assert!(!format!("{failure:?}").contains(TOKEN));
    }

    #[tokio::test]
    async fn an_intent_is_written_again_when_no_answer_came() {
        let path = json!("staging/api");
        let lost = closed("deployments").posting("/environment", &path);
        let broken = exchange(BELOW, 502, &[], "").posting("/environment", &path);
        assert_eq!(
            begin(vec![lost, broken, begun(&json!({"id": 5}))]).await,
            Ok(5)
        );
    }

    #[tokio::test]
    async fn an_end_leaves_earlier_deployments_as_they_are() {
        let url = |text: &str| Some(Url::parse(text).unwrap());
        let table = [
            (DeploymentEnd::Live, "success", "live: as sha256:aa"),
            (DeploymentEnd::Accepted, "success", "accepted: as sha256:aa"),
            (DeploymentEnd::Failed, "failure", "failed: as sha256:aa"),
            (DeploymentEnd::NotSent, "error", "not sent: as sha256:aa"),
            (
                DeploymentEnd::Replaced,
                "inactive",
                "replaced: as sha256:aa",
            ),
            (DeploymentEnd::Open, "in_progress", "open: as sha256:aa"),
        ];
        assert_eq!(table.map(|(how, ..)| how), DeploymentEnd::ALL);
        let path = format!("{BELOW}/9000000005/statuses");
        for (how, state, description) in table {
            let wanted = json!({"state": state, "description": description, "environment_url": "https://shop.example.com/",
                "log_url": "https://github.com/acme/shop/actions/runs/7", "auto_inactive": false});
            let ending = StatusUpdate {
                environment_url: url("https://shop.example.com"),
                log_url: url("https://github.com/acme/shop/actions/runs/7"),
                ..ending(how, "as sha256:aa")
            };
            assert_eq!(
                end(
                    vec![exchange(&path, 201, &[], "{}").posting("", &wanted)],
                    &ending
                )
                .await,
                Ok(())
            );
        }
        let bare = json!({"state": "success", "description": "live", "auto_inactive": false});
        let answer = exchange(&path, 201, &[], "{}").posting("", &bare);
        assert_eq!(
            end(vec![answer], &ending(DeploymentEnd::Live, "")).await,
            Ok(())
        );
        for (status, wanted) in [
            (200, "not expected"),
            (422, "does not take the end of record 9000000005"),
        ] {
            let answer = exchange(&path, status, &[], "{}").posting("", &bare);
            let failure = end(vec![answer], &ending(DeploymentEnd::Live, ""))
                .await
                .unwrap_err()
                .to_string();
            assert!(failure.contains(wanted), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_description_is_cut_between_two_characters() {
        let path = format!("{BELOW}/9000000005/statuses");
        let wanted = json!(format!("failed: {}", "ü".repeat(132)));
        let answer = exchange(&path, 201, &[], "{}").posting("/description", &wanted);
        assert_eq!(
            end(
                vec![answer],
                &ending(DeploymentEnd::Failed, &"ü".repeat(200))
            )
            .await,
            Ok(())
        );
    }
}
