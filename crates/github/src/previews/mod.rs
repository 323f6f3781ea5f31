//! The record of previews: one GitHub Deployment a preview and push, in the transient environment `preview/<service>`.
//!
//! The payload is not that of a deploy to an environment: it names a pull request and has no `kind`, so neither of the two can be read as the
//! other, whatever an environment is called. Reading is [`super::GitHub::previews`]; writing takes a [`PreviewWriter`].

mod read;
mod wire;
mod write;

pub use read::RecordsBack;
#[cfg(fuzzing)]
pub(super) use wire::fuzzing;
pub use write::{PreviewEnd, PreviewEnding, PreviewWriter};

use model::ServiceName;

/// GitHub's name for the environment of a service's previews, all pull requests' together. Nothing can delete an environment with a job's own
/// token, so each pull request having one would leave them behind.
fn environment_of(service: &ServiceName) -> String {
    format!("preview/{service}")
}

#[cfg(test)]
mod testing {
    use crate::RunName;
    use model::{
        CommitSha, Digest, PinnedImage, PrNumber, PreviewIntent, Repository, ServiceId, ServiceName,
    };

    pub(super) const COMMIT: CommitSha = CommitSha::from_bytes([0x11; 20]);

    pub(super) fn run() -> RunName {
        RunName {
            id: "77".into(),
            attempt: "2".into(),
            force: None,
        }
    }

    pub(super) fn id(text: &str) -> ServiceId {
        ServiceId::parse(text).unwrap()
    }

    /// A deploy to the preview of `api` for pull request 7.
    pub(super) fn intent(own: Option<&str>) -> PreviewIntent {
        let digest = Digest::parse(&format!("sha256:{}", "aa".repeat(32))).unwrap();
        PreviewIntent {
            pull: PrNumber::parse(b"7").unwrap(),
            service: ServiceName::parse("api").unwrap(),
            parent: id("srv-parent"),
            id: own.map(id),
            commit: COMMIT,
            image: PinnedImage {
                repository: Repository::parse("ghcr.io/acme/api").unwrap(),
                digest,
            },
        }
    }
}
