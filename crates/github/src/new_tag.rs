//! Making a tag, once: GitHub gives a name to the first who asks, and to nobody else.

use super::{GitHub, GitHubError};
use model::{CommitSha, ImageTag};
use parse::inputs::WriteAccess;
use serde::Deserialize;
use serde_json::json;

/// The permission without which GitHub takes nothing of this.
const NEEDED: &str = "contents: write";

/// The hand that makes git tags. A run that may not write never holds one.
#[derive(Clone, Copy)]
pub struct TagWriter<'a>(&'a GitHub);

/// What became of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagMade {
    /// It was made by this very request.
    Made,
    /// There is one of that name: somebody else's, or one that we made and whose answer was lost.
    Taken,
}

#[derive(Deserialize)]
struct CreatedWire {
    #[serde(rename = "ref")]
    name: String,
    object: ObjectWire,
}

#[derive(Deserialize)]
struct ObjectWire {
    sha: String,
}

impl<'a> TagWriter<'a> {
    /// The hand for the repository of `github`.
    #[must_use]
    pub const fn new(_access: &WriteAccess, github: &'a GitHub) -> Self {
        Self(github)
    }

    /// Makes a lightweight tag on a commit, and never moves one. It is asked again where no answer came, by the same name: GitHub then says
    /// [`TagMade::Taken`] of a tag that is there already, ours or not.
    ///
    /// Answers: <https://docs.github.com/en/rest/git/refs#create-a-reference>.
    ///
    /// # Errors
    /// [`GitHubError`]. There may be a tag even then, where no answer came, or one that makes no sense.
    pub async fn make(&self, tag: &ImageTag, commit: &CommitSha) -> Result<TagMade, GitHubError> {
        let (name, what) = (format!("refs/tags/{tag}"), format!("tag {tag}"));
        let body = json!({ "ref": name, "sha": commit.to_string() });
        let reply = match self.0.post("git/refs", &what, &body).await {
            Ok(reply) => reply,
            Err(GitHubError::Rejected { why, .. })
                if why.starts_with("Reference already exists") =>
            {
                return Ok(TagMade::Taken);
            }
            Err(error) => return Err(error.needing(NEEDED)),
        };
        let created: CreatedWire = reply.json(&what)?;
        if reply.status() != 201 || created.name != name || created.object.sha != commit.to_string()
        {
            return Err(reply.broken(&what, "it is not the tag that was asked for"));
        }
        Ok(TagMade::Made)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ExpectedRequest, Server, TOKEN, closed, exchange};
    use super::*;

    const REFS: &str = "/api/v3/repos/acme/shop/git/refs";
    const COMMIT: CommitSha = CommitSha::from_bytes([0x11; 20]);

    fn wanted() -> serde_json::Value {
        json!({ "ref": "refs/tags/prod-7", "sha": "11".repeat(20) })
    }

    fn answer(status: u16, body: &str) -> ExpectedRequest {
        exchange(REFS, status, &[], body).posting("", &wanted())
    }

    fn created(name: &str, sha: &str) -> String {
        json!({ "ref": name, "node_id": "x", "url": "x", "object": { "type": "commit", "sha": sha } }).to_string()
    }

    async fn make(script: Vec<ExpectedRequest>) -> Result<TagMade, GitHubError> {
        let server = Server::start(script);
        let tag = ImageTag::parse("prod-7").unwrap();
        let answer = TagWriter::new(&WriteAccess::for_tests(), &server.github())
            .make(&tag, &COMMIT)
            .await;
        server.finish();
        answer
    }

    #[tokio::test]
    async fn a_tag_is_made_once() {
        let body = created("refs/tags/prod-7", &"11".repeat(20));
        assert_eq!(make(vec![answer(201, &body)]).await, Ok(TagMade::Made));
        let exists = r#"{"message":"Reference already exists","status":"422"}"#;
        assert_eq!(make(vec![answer(422, exists)]).await, Ok(TagMade::Taken));
    }

    #[tokio::test]
    async fn where_no_answer_came_the_same_name_is_asked_for_again() {
        let exists = r#"{"message":"Reference already exists"}"#;
        let lost = closed("git/refs").posting("", &wanted());
        assert_eq!(
            make(vec![lost, answer(502, "<html>"), answer(422, exists)]).await,
            Ok(TagMade::Taken)
        );
    }

    #[tokio::test]
    async fn what_is_not_exactly_the_tag_is_not_made() {
        let (ours, others) = ("11".repeat(20), "22".repeat(20));
        for (status, body) in [
            (201, created("refs/tags/prod-7", &others)),
            (201, created("refs/tags/prod-8", &ours)),
            (200, created("refs/tags/prod-7", &ours)),
            (201, "{}".into()),
        ] {
            let failure = make(vec![answer(status, &body)]).await.unwrap_err();
            assert!(matches!(failure, GitHubError::Broken { .. }), "{failure}");
        }
        for (status, message) in [
            (422, "Object does not exist"),
            (422, "Repository rule violations found ::error::x"),
            (404, "Not Found"),
            (409, "Git Repository is empty."),
        ] {
            let failure = make(vec![answer(
                status,
                &json!({ "message": message }).to_string(),
            )])
            .await
            .unwrap_err();
            assert!(matches!(failure, GitHubError::Rejected { .. }), "{failure}");
            assert!(!failure.to_string().contains("::error"), "{failure}");
        }
    }

    #[tokio::test]
    async fn the_permission_is_named() {
        let body = r#"{"message":"Resource not accessible by integration"}"#;
        let failure = make(vec![answer(403, body)]).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            "github does not let this token write tag prod-7: it needs contents: write \
             (Resource not accessible by integration) (status 403, request AB12:34)"
        );
        assert!(!format!("{failure:?}").contains(TOKEN));
        let headers =
            ["X-Accepted-GitHub-Permissions: contents=write; contents=write,workflows=write"];
        let denied = exchange(REFS, 403, &headers, body).posting("", &wanted());
        let failure = make(vec![denied]).await.unwrap_err();
        assert!(
            failure.to_string().contains("it needs contents=write"),
            "{failure}"
        );
    }
}
