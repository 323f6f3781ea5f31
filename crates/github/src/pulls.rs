//! How a pull request stands: whether it is open, and what it is on.

use super::ask::GitHubReply;
use super::{GitHub, GitHubError};
use model::{CommitSha, PrNumber};
use serde::Deserialize;
use std::collections::BTreeSet;

/// The permission without which GitHub shows no pull request of a private repository.
const NEEDED: &str = "pull-requests: read";

/// How many open pull requests are read.
const MOST: usize = 5_000;

/// How a pull request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullState {
    /// It is open, and on this commit.
    Open(CommitSha),
    /// It was closed, merged or not.
    Closed,
    /// There is none of that number: it is an issue's, or nobody's.
    Absent,
}

#[derive(Deserialize)]
struct PullWire {
    state: String,
    #[serde(default)]
    head: Option<HeadWire>,
}

#[derive(Deserialize)]
struct HeadWire {
    sha: String,
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
        read(&reply, &what)
    }

    /// The pull requests that are open; `None` where there are more than are read. Numbers above 99999 are left out.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn open_pulls(&self) -> Result<Option<BTreeSet<PrNumber>>, GitHubError> {
        let path = "pulls?state=open&per_page=100";
        let listed = self
            .pages::<NumberWire>(path, "the open pull requests", MOST)
            .await;
        let Some(listed) = listed.map_err(|error| error.needing(NEEDED))? else {
            return Ok(None);
        };
        let number = |wire: NumberWire| PrNumber::parse(wire.number.to_string().as_bytes()).ok();
        Ok(Some(listed.into_iter().filter_map(number).collect()))
    }

    /// The commit that a pull request is on, by its ref: for a token that may read the repository and no pull requests.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn pull_ref(&self, number: PrNumber) -> Result<CommitSha, GitHubError> {
        let what = format!("the head of pull request {number}");
        let reply = self
            .reply(&format!("git/ref/pull/{number}/head"), &what)
            .await?;
        let wire: PullRefWire = reply.json(&what)?;
        CommitSha::parse(wire.object.sha.as_bytes())
            .map_err(|refused| reply.broken(&what, &refused.to_string()))
    }
}

#[derive(Deserialize)]
struct NumberWire {
    number: u64,
}

#[derive(Deserialize)]
struct PullRefWire {
    object: HeadWire,
}

fn read(reply: &GitHubReply, what: &str) -> Result<PullState, GitHubError> {
    let wire: PullWire = reply.json(what)?;
    match wire.state.as_str() {
        "open" => {
            let head = wire.head.map(|head| head.sha).unwrap_or_default();
            let head = CommitSha::parse(head.as_bytes());
            let head = head.map_err(|refused| reply.broken(what, &refused.to_string()))?;
            Ok(PullState::Open(head))
        }
        "closed" => Ok(PullState::Closed),
        _ => Err(reply.broken(what, "its state is neither open nor closed")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ExpectedRequest, Server, exchange, found, missing};
    use super::*;

    fn seventh() -> PrNumber {
        PrNumber::parse(b"7").unwrap()
    }

    async fn ask(answer: ExpectedRequest) -> Result<PullState, GitHubError> {
        let server = Server::start(vec![answer]);
        let state = server.github().pull_state(seventh()).await;
        server.finish();
        state
    }

    #[tokio::test]
    async fn a_pull_request_is_open_or_closed_or_not_there() {
        let sha = "11".repeat(20);
        let open = format!(r#"{{"number":7,"state":"open","head":{{"sha":"{sha}"}}}}"#);
        assert_eq!(
            ask(found("pulls/7", &open)).await,
            Ok(PullState::Open(CommitSha::from_bytes([0x11; 20])))
        );
        assert_eq!(
            ask(found("pulls/7", r#"{"state":"closed","merged":true}"#)).await,
            Ok(PullState::Closed)
        );
        assert_eq!(ask(missing("pulls/7")).await, Ok(PullState::Absent));
        for body in [
            r#"{"state":"CLOSED"}"#,
            "{}",
            "[]",
            r#"{"state":"open"}"#,
            r#"{"state":"open","head":{"sha":"1111111"}}"#,
        ] {
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

    #[tokio::test]
    async fn a_head_is_also_read_from_its_ref() {
        let sha = "11".repeat(20);
        let path = "git/ref/pull/7/head";
        let server = Server::start(vec![
            found(path, &format!(r#"{{"object":{{"sha":"{sha}"}}}}"#)),
            missing(path),
        ]);
        let github = server.github();
        let found = github.pull_ref(seventh()).await;
        assert_eq!(found, Ok(CommitSha::from_bytes([0x11; 20])));
        assert!(github.pull_ref(seventh()).await.is_err());
        server.finish();
    }
}
