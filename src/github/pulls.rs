//! Whether a pull request is open.

use super::{GitHub, GitHubError};
use crate::domain::PrNumber;
use serde::Deserialize;

/// The permission without which GitHub shows no pull request of a private repository.
const NEEDED: &str = "pull-requests: read";

/// How a pull request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullState {
    /// It is open.
    Open,
    /// It was closed, merged or not.
    Closed,
    /// There is none of that number: it is an issue's, or nobody's.
    Absent,
}

#[derive(Deserialize)]
struct PullWire {
    state: String,
}

impl GitHub {
    /// How the pull request of that number stands now.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn pull_state(&self, number: PrNumber) -> Result<PullState, GitHubError> {
        let what = format!("pull request {number}");
        let path = format!("pulls/{number}");
        let reply = match self.reply(&path, &what).await {
            Ok(reply) => reply,
            Err(GitHubError::NotFound { .. }) => return Ok(PullState::Absent),
            Err(error) => return Err(error.needing(NEEDED)),
        };
        match reply.json::<PullWire>(&what)?.state.as_str() {
            "open" => Ok(PullState::Open),
            "closed" => Ok(PullState::Closed),
            _ => Err(reply.broken(&what, "its state is neither open nor closed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Exchange, Server, exchange, found, missing};
    use super::*;

    async fn ask(answer: Exchange) -> Result<PullState, GitHubError> {
        let server = Server::start(vec![answer]);
        let state = server
            .github()
            .pull_state(PrNumber::parse(b"7").unwrap())
            .await;
        server.finish();
        state
    }

    #[tokio::test]
    async fn a_pull_request_is_open_or_closed_or_not_there() {
        assert_eq!(
            ask(found("pulls/7", r#"{"number":7,"state":"open"}"#)).await,
            Ok(PullState::Open)
        );
        assert_eq!(
            ask(found("pulls/7", r#"{"state":"closed","merged":true}"#)).await,
            Ok(PullState::Closed)
        );
        assert_eq!(ask(missing("pulls/7")).await, Ok(PullState::Absent));
        for body in [r#"{"state":"CLOSED"}"#, "{}", "[]"] {
            assert!(
                matches!(
                    ask(found("pulls/7", body)).await,
                    Err(GitHubError::Broken { .. })
                ),
                "{body}"
            );
        }
        let body = r#"{"message":"Resource not accessible by integration"}"#;
        let error = ask(exchange("/api/v3/repos/acme/shop/pulls/7", 403, &[], body))
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("pull request 7: it needs pull-requests: read"),
            "{error}"
        );
    }
}
