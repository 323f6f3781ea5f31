//! What a pull request is on now.

use super::{GitHub, GitHubError};
use crate::domain::{CommitSha, PrNumber};
use serde::Deserialize;

#[derive(Deserialize)]
struct PullWire {
    head: HeadWire,
}

#[derive(Deserialize)]
struct HeadWire {
    sha: String,
}

impl GitHub {
    /// The commit at its head. In a private repository this needs `pull-requests: read`.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn pull_request_head(&self, pull: PrNumber) -> Result<CommitSha, GitHubError> {
        let what = format!("pull request {pull}");
        let reply = self.reply(&format!("pulls/{pull}"), &what).await?;
        let wire: PullWire = reply.json(&what)?;
        CommitSha::parse(wire.head.sha.as_bytes())
            .map_err(|refused| reply.broken(&what, &refused.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, found, missing};
    use super::*;

    #[tokio::test]
    async fn a_head_is_a_full_commit_or_an_error() {
        let sha = "11".repeat(20);
        let server = Server::start(vec![
            found("pulls/7", &format!(r#"{{"head":{{"sha":"{sha}"}}}}"#)),
            found("pulls/7", r#"{"head":{"sha":"1111111"}}"#),
            missing("pulls/7"),
        ]);
        let (github, pull) = (server.github(), PrNumber::parse(b"7").unwrap());
        assert_eq!(
            github
                .pull_request_head(pull)
                .await
                .map(|sha| sha.to_string()),
            Ok(sha)
        );
        assert!(matches!(
            github.pull_request_head(pull).await,
            Err(GitHubError::Broken { .. })
        ));
        assert!(matches!(
            github.pull_request_head(pull).await,
            Err(GitHubError::NotFound { .. })
        ));
        server.finish();
    }
}
