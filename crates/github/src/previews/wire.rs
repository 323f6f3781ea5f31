//! The JSON of a preview's record: what is written into a deployment's payload, and what is believed of one that is read.

use super::super::RunName;
use super::super::deployments::{ActorWire, DeploymentWire};
use super::environment_of;
use model::{
    CommitSha, Digest, PinnedImage, PrNumber, PreviewIntent, PreviewRecord, PreviewState,
    Repository, ServiceId, ServiceName,
};
use serde::{Deserialize, Serialize};

/// The version of the payload. A record of another one is none that can be read.
const VERSION: u64 = 1;
/// How the status of a clean-up begins that looked for a preview and found none.
pub(super) const NOT_FOUND: &str = "not found: ";

/// The payload.
#[derive(Serialize, Deserialize)]
pub(super) struct PreviewPayloadWire {
    v: u64,
    pr: u64,
    service: String,
    /// The preview's; absent where it was about to be made. Its id then stands in a status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    parent: String,
    repository: String,
    digest: String,
    #[serde(default)]
    run: String,
    #[serde(default)]
    attempt: String,
}

impl PreviewPayloadWire {
    pub(super) fn new(intent: &PreviewIntent, run: &RunName) -> Self {
        Self {
            v: VERSION,
            // A pull request's number has at most five digits.
            pr: intent.pull.to_string().parse().unwrap_or_default(),
            service: intent.service.to_string(),
            id: intent.id.as_ref().map(ToString::to_string),
            parent: intent.parent.to_string(),
            repository: intent.image.repository.to_string(),
            digest: intent.image.digest.to_string(),
            run: run.id.clone(),
            attempt: run.attempt.clone(),
        }
    }

    /// What it says, where all of it is well formed and about this service.
    fn intent(&self, service: &ServiceName, commit: &str) -> Option<PreviewIntent> {
        if self.v != VERSION || self.service != service.as_str() {
            return None;
        }
        let id = match &self.id {
            None => None,
            Some(text) => Some(ServiceId::parse(text).ok()?),
        };
        Some(PreviewIntent {
            pull: PrNumber::parse(self.pr.to_string().as_bytes()).ok()?,
            service: service.clone(),
            parent: ServiceId::parse(&self.parent).ok()?,
            id,
            commit: CommitSha::parse(commit.as_bytes()).ok()?,
            image: PinnedImage {
                repository: Repository::parse(&self.repository).ok()?,
                digest: Digest::parse(&self.digest).ok()?,
            },
        })
    }
}

/// The record that a deployment is; `None` for what is none: another task, another environment, another payload.
pub(super) fn record(
    deployment: &DeploymentWire,
    service: &ServiceName,
    viewer: Option<&ActorWire>,
) -> Option<PreviewRecord> {
    if !deployment.is_ours_in(&environment_of(service)) {
        return None;
    }
    let payload: PreviewPayloadWire = deployment.payload()?;
    let mut intent = payload.intent(service, &deployment.commit_oid)?;
    let descriptions: Vec<&str> = deployment
        .own_statuses(viewer)
        .filter_map(|status| status.description.as_deref())
        .collect();
    if intent.id.is_none() {
        intent.id = descriptions.iter().find_map(|text| id_in(text));
    }
    let was_not_found = descriptions.iter().any(|text| text.starts_with(NOT_FOUND));
    Some(PreviewRecord {
        number: deployment.database_id?,
        intent,
        state: state(deployment, viewer),
        was_not_found,
        run: payload.run,
        is_own: deployment.is_own(viewer),
    })
}

/// The preview's id in a status of ours: `made: srv-…`, `live: srv-…`.
fn id_in(description: &str) -> Option<ServiceId> {
    description
        .split([' ', ','])
        .find_map(|word| ServiceId::parse(word).ok())
}

/// What became of it, by the newest status of ours. In which order others than the latest are listed is not documented, so where that one is
/// not ours nobody knows.
fn state(deployment: &DeploymentWire, viewer: Option<&ActorWire>) -> PreviewState {
    match deployment
        .latest_own_status(viewer)
        .map(|status| status.state.as_str())
    {
        Some("SUCCESS") => PreviewState::Serves,
        Some("FAILURE" | "ERROR") => PreviewState::Failed,
        Some("INACTIVE") => PreviewState::Inactive,
        _ => PreviewState::Open,
    }
}

/// What fuzzing opens: a deployment, which is a preview's record or none.
#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    use super::*;

    pub(crate) fn record(body: &[u8]) {
        let Ok(service) = ServiceName::parse("api") else {
            return;
        };
        let Ok((viewer, deployment)) =
            serde_json::from_slice::<(Option<ActorWire>, DeploymentWire)>(body)
        else {
            return;
        };
        if let Some(found) = super::record(&deployment, &service, viewer.as_ref()) {
            assert_eq!(found.intent.service, service);
            // Only a status of ours says that it serves.
            assert!(
                found.state == PreviewState::Open || viewer.is_some(),
                "nobody said so"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{COMMIT, id, intent, run};
    use super::*;
    use crate::deployments::testing::{actor, viewer};
    use serde_json::{Value, json};

    fn payload(intent: &PreviewIntent) -> Value {
        serde_json::to_value(PreviewPayloadWire::new(intent, &run())).unwrap()
    }

    fn deployment(payload: &Value, statuses: &[(&str, &str, &str)]) -> Value {
        let nodes: Vec<Value> = statuses
            .iter()
            .map(|(state, description, login)| {
                json!({"state": state, "description": description, "creator": actor(login)})
            })
            .collect();
        json!({"databaseId": 5, "task": "ghcr-to-render", "payload": payload.to_string(), "commitOid": COMMIT.to_string(),
            "originalEnvironment": "preview/api", "creator": actor("github-actions"),
            "latestStatus": nodes.first(), "statuses": {"nodes": nodes}})
    }

    fn read(deployment: Value) -> Option<PreviewRecord> {
        let viewer: ActorWire = serde_json::from_value(viewer()).unwrap();
        let wire: DeploymentWire = serde_json::from_value(deployment).unwrap();
        record(&wire, &intent(None).service, Some(&viewer))
    }

    #[test]
    fn a_record_reads_back_as_itself() {
        for intent in [intent(None), intent(Some("srv-own"))] {
            let record = read(deployment(&payload(&intent), &[])).unwrap();
            assert_eq!(
                (&record.intent, record.number, record.run.as_str()),
                (&intent, 5, "77")
            );
            assert_eq!((record.state, record.is_own), (PreviewState::Open, true));
        }
    }

    #[test]
    fn the_payload_holds_what_a_cleanup_needs() {
        let wanted = json!({"v": 1, "pr": 7, "service": "api", "id": "srv-own", "parent": "srv-parent",
            "repository": "ghcr.io/acme/api", "digest": format!("sha256:{}", "aa".repeat(32)), "run": "77", "attempt": "2"});
        assert_eq!(payload(&intent(Some("srv-own"))), wanted);
    }

    #[test]
    fn the_id_of_a_preview_that_was_made_stands_in_a_status_of_ours() {
        let of = |statuses: &[(&str, &str, &str)]| {
            read(deployment(&payload(&intent(None)), statuses)).unwrap()
        };
        let made = ("IN_PROGRESS", "made: srv-own, api-pr-7", "github-actions");
        let record = of(&[("SUCCESS", "live: srv-own", "github-actions"), made]);
        assert_eq!(
            (record.intent.id, record.state),
            (Some(id("srv-own")), PreviewState::Serves)
        );
        let record = of(&[("INACTIVE", "removed", "github-actions"), made]);
        assert_eq!(
            (record.intent.id, record.state),
            (Some(id("srv-own")), PreviewState::Inactive)
        );
        let record = of(&[("SUCCESS", "live: srv-evil", "mallory")]);
        assert_eq!((record.intent.id, record.state), (None, PreviewState::Open));
        assert_eq!(
            of(&[("ERROR", "not sent", "github-actions")]).state,
            PreviewState::Failed
        );
        assert_eq!(of(&[made]).state, PreviewState::Open);
    }

    #[test]
    fn what_is_not_exactly_ours_is_no_record() {
        let good = deployment(&payload(&intent(Some("srv-own"))), &[]);
        assert!(read(good.clone()).is_some());
        let in_deployment = [
            ("task", json!("deploy")),
            ("commitOid", json!("1111111")),
            ("originalEnvironment", json!("staging/api")),
            ("databaseId", json!(null)),
            ("payload", json!("[]")),
        ];
        for (name, value) in in_deployment {
            let mut bad = good.clone();
            bad[name] = value.clone();
            assert_eq!(read(bad), None, "{name}: {value}");
        }
        let in_payload = [
            ("v", json!(2)),
            ("pr", json!("7")),
            ("pr", json!(0)),
            ("pr", json!(100_000)),
            ("service", json!("web")),
            ("id", json!("api")),
            ("parent", json!("##[x]")),
            ("parent", json!(null)),
            ("repository", json!("acme/api")),
            ("digest", json!("sha256:aa")),
        ];
        for (name, value) in in_payload {
            let mut bad = payload(&intent(Some("srv-own")));
            bad[name] = value.clone();
            assert_eq!(read(deployment(&bad, &[])), None, "{name}: {value}");
        }
        let mut foreign = good;
        foreign["creator"] = actor("mallory");
        assert!(!read(foreign).unwrap().is_own);
    }

    #[test]
    fn a_deploy_to_an_environment_that_is_called_preview_is_no_preview() {
        let deploy = json!({"v": 1, "service": "api", "id": "srv-own", "repository": "ghcr.io/acme/api",
            "digest": format!("sha256:{}", "aa".repeat(32)), "platform_digest": format!("sha256:{}", "bb".repeat(32)),
            "kind": "deploy", "run": "7", "attempt": "1"});
        assert_eq!(read(deployment(&deploy, &[])), None);
    }
}
