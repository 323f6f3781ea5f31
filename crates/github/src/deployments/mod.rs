//! The record of deploys, kept as GitHub Deployments: one a service and attempt, in the environment `<environment>/<service>`.
//!
//! Reading is [`GitHub::memory`]; writing takes a [`RecordWriter`], which a run that may not write never holds.

mod account;
mod index;
mod mention;
mod query;
mod query_error;
mod read;
mod status;
mod wire;
mod write;

pub(super) use account::ActorWire;
pub use mention::Mention;
pub(super) use query::{List, alias, query};
pub use read::{Depth, RecordsQuery, RecordsReply};
pub(super) use wire::DeploymentWire;
#[cfg(fuzzing)]
pub(super) use wire::fuzzing;
pub use write::{DeploymentEnd, RecordWriter, RunName, StatusUpdate};
pub(super) use write::{NewDeployment, NewStatusWire, cut};

use super::{GitHub, GitHubError};
use model::{EnvironmentName, ServiceName};

/// The task of our deployments. Those of other tasks are none of ours.
const TASK: &str = "ghcr-to-render";
/// With this word begins the description of what was seen live.
const LIVE: &str = "live";

/// GitHub's name for a service's environment. It has no other meaning there: a job's own `environment:` has a name without a slash, so GitHub
/// does not mix the deployments that it makes itself with these.
fn environment_of(environment: &EnvironmentName, service: &ServiceName) -> String {
    format!("{environment}/{service}")
}

#[cfg(test)]
pub(super) mod testing {
    use model::{
        AttemptKind, CommitSha, Digest, ImageTag, Intent, PinnedImage, Repository, ServiceId,
        ServiceName,
    };

    /// The account of this login, as a creator is told of: an app's bot, or a person.
    pub(crate) fn actor(login: &str) -> serde_json::Value {
        let (kind, number) = match login {
            "github-actions" => ("Bot", 41_898_282),
            _ => ("User", login.len()),
        };
        serde_json::json!({"__typename": kind, "login": login, "databaseId": number})
    }

    /// The account that a job's token belongs to.
    pub(crate) fn viewer() -> serde_json::Value {
        serde_json::json!({"login": "github-actions[bot]", "databaseId": 41_898_282})
    }

    pub(super) const COMMIT: CommitSha = CommitSha::from_bytes([0x11; 20]);

    /// The run that writes.
    pub(super) fn run() -> super::RunName {
        super::RunName {
            id: "7".into(),
            attempt: "1".into(),
            force: None,
        }
    }

    pub(super) fn service(name: &str) -> ServiceName {
        ServiceName::parse(name).unwrap()
    }

    /// An intent of which everything is known.
    pub(super) fn intent(name: &str) -> Intent {
        let digest = |byte: &str| Digest::parse(&format!("sha256:{}", byte.repeat(32))).unwrap();
        Intent {
            service: service(name),
            commit: COMMIT,
            id: Some(ServiceId::parse("srv-abc123").unwrap()),
            image: PinnedImage {
                repository: Repository::parse("ghcr.io/acme/api").unwrap(),
                digest: digest("aa"),
            },
            platform: digest("bb"),
            image_commit: Some(CommitSha::from_bytes([0x22; 20])),
            release: Some(ImageTag::parse("prod-7").unwrap()),
            kind: AttemptKind::Rollback,
            from: Some(CommitSha::from_bytes([0x33; 20])),
            to: Some(4),
        }
    }
}
