//! One comment on a pull request: found among all of them, made once, and edited from then on.
//!
//! It is known by a mark at its beginning and by its author. Anybody may copy the mark, so a comment of another author is never touched.

use super::ask::GitHubReply;
use super::{GitHub, GitHubError};
use model::PrNumber;
use parse::inputs::CommentAccess;
use serde::Deserialize;
use serde_json::json;

/// How many comments of a pull request are read.
const MOST: usize = 5_000;
/// The permission without which GitHub takes no comment.
const NEEDED: &str = "pull-requests: write";
/// The author of what is written with the token that GitHub gives to a job.
const OF_JOBS: &str = "github-actions[bot]";

/// The hand that comments. A run that may not write never holds one.
#[derive(Clone, Copy)]
pub struct CommentWriter<'a>(&'a GitHub);

/// Which of our comments on a pull request is meant. Each has a mark of its own, and none begins with that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentKind {
    /// What a `deploy` came to.
    Result,
    /// What merging would deploy.
    Plan,
}

impl CommentKind {
    /// With these words the first line of the comment begins; after them stands which form it has. GitHub shows nothing of it.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Result => "<!-- ghcr-to-render:",
            Self::Plan => "<!-- ghcr-to-render-plan:",
        }
    }
}

/// What became of the comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentResult {
    /// It was not there and was made.
    Made,
    /// It said something else and was edited.
    Edited,
    /// It says so already; nothing was sent.
    Unchanged,
    /// It is not there, and was not to be made.
    Absent,
    /// There are more comments than are read, so whether it is there is not known. Nothing was sent.
    TooMany,
}

/// What is done where the comment is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfAbsent {
    /// It is made.
    Make,
    /// Nothing.
    Leave,
}

#[derive(Deserialize)]
struct CommentWire {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    user: Option<UserWire>,
}

#[derive(Deserialize)]
struct UserWire {
    login: String,
}

#[derive(Deserialize)]
struct ViewerWire {
    data: Option<ViewerData>,
}

#[derive(Deserialize)]
struct ViewerData {
    viewer: Option<UserWire>,
}

impl<'a> CommentWriter<'a> {
    /// The hand for the repository of `github`.
    #[must_use]
    pub const fn new(_access: &CommentAccess, github: &'a GitHub) -> Self {
        Self(github)
    }

    /// Sees to it that our comment of this kind on a pull request says what `body` makes of what it says so far. The text begins with the kind's mark.
    /// One that is there is edited, however many times this is asked for. Two runs at once may have made two: the first stays, and the others are
    /// deleted.
    ///
    /// # Errors
    /// [`GitHubError`]. Where no answer came to the comment being made it may be there; it is not made a second time.
    pub async fn keep(
        &self,
        pull: PrNumber,
        kind: CommentKind,
        body: &dyn Fn(&[&str]) -> String,
        if_absent: IfAbsent,
    ) -> Result<CommentResult, GitHubError> {
        let Some(own) = self.own(pull, kind).await? else {
            return Ok(CommentResult::TooMany);
        };
        let bodies: Vec<&str> = own.iter().filter_map(|own| own.body.as_deref()).collect();
        let body = body(&bodies);
        let Some((first, doubles)) = own.split_first() else {
            return match if_absent {
                IfAbsent::Leave => Ok(CommentResult::Absent),
                IfAbsent::Make => self.make(pull, &body).await,
            };
        };
        let kept = if first.says(&body) {
            CommentResult::Unchanged
        } else {
            self.edit(pull, first.id, &body).await?
        };
        for double in doubles {
            self.delete(pull, double.id).await?;
        }
        Ok(kept)
    }

    async fn make(&self, pull: PrNumber, body: &str) -> Result<CommentResult, GitHubError> {
        let what = shown(pull);
        let path = format!("issues/{pull}/comments");
        let body = json!({ "body": body });
        let reply = self.0.post_once(&path, &what, &body).await;
        must_be(&reply.map_err(needing)?, 201, &what)?;
        Ok(CommentResult::Made)
    }

    async fn edit(
        &self,
        pull: PrNumber,
        id: u64,
        body: &str,
    ) -> Result<CommentResult, GitHubError> {
        let what = shown(pull);
        let path = format!("issues/comments/{id}");
        let reply = self.0.patch(&path, &what, &json!({ "body": body })).await;
        must_be(&reply.map_err(needing)?, 200, &what)?;
        Ok(CommentResult::Edited)
    }

    /// Deletes a second comment of ours. One that another run has deleted is as good.
    async fn delete(&self, pull: PrNumber, id: u64) -> Result<(), GitHubError> {
        let what = format!("the second comment on pull request {pull}");
        let url = format!("repos/{}/issues/comments/{id}", self.0.repository());
        match self.0.delete_at(&self.0.at(&url), &what).await {
            Ok(_) => Ok(()),
            Err(GitHubError::Rejected { trace, .. }) if trace.status == Some(404) => Ok(()),
            Err(error) => Err(needing(error)),
        }
    }

    /// Our comments, the oldest first; `None` where there are more comments than are read.
    async fn own(
        &self,
        pull: PrNumber,
        kind: CommentKind,
    ) -> Result<Option<Vec<CommentWire>>, GitHubError> {
        let what = format!("the comments of pull request {pull}");
        let path = format!("issues/{pull}/comments?per_page=100");
        let listed = self.0.pages::<CommentWire>(&path, &what, MOST).await;
        let Some(mut comments) = listed.map_err(needing)? else {
            return Ok(None);
        };
        comments.retain(|comment| comment.is_marked(kind));
        // Who we are is asked only where it decides something.
        if !comments.is_empty() {
            let login = self.login().await;
            comments.retain(|comment| comment.is_by(&login));
        }
        comments.sort_by_key(|comment| comment.id);
        Ok(Some(comments))
    }

    /// Who we are. GraphQL tells it to every kind of token; `GET /user` tells nothing to a job's own. Where it is not to be had, a job's own is
    /// the likeliest, and nobody else can write under that name.
    async fn login(&self) -> String {
        let asked = self
            .0
            .query(
                "who this token is",
                &json!({ "query": "query { viewer { login } }" }),
            )
            .await;
        let wire = asked.and_then(|reply| reply.json::<ViewerWire>("who this token is"));
        let login = wire
            .ok()
            .and_then(|wire| wire.data?.viewer)
            .map(|viewer| viewer.login);
        login
            .filter(|login| !login.is_empty())
            .unwrap_or_else(|| OF_JOBS.into())
    }
}

fn shown(pull: PrNumber) -> String {
    format!("the comment on pull request {pull}")
}

fn needing(error: GitHubError) -> GitHubError {
    error.needing(NEEDED)
}

fn must_be(reply: &GitHubReply, wanted: u16, what: &str) -> Result<(), GitHubError> {
    if reply.status() == wanted {
        Ok(())
    } else {
        Err(reply.broken(what, "a status that was not expected"))
    }
}

impl CommentWire {
    fn is_marked(&self, kind: CommentKind) -> bool {
        self.body
            .as_deref()
            .is_some_and(|body| body.starts_with(kind.mark()))
    }

    /// GitHub may give back other line ends than it was given.
    fn says(&self, body: &str) -> bool {
        let own = self.body.as_deref().unwrap_or_default();
        own.lines()
            .map(str::trim_end)
            .eq(body.lines().map(str::trim_end))
    }

    /// Whether it was written under this login. That of an app ends in `[bot]`, which no person's can; GraphQL has left it out at places.
    fn is_by(&self, login: &str) -> bool {
        let author = self
            .user
            .as_ref()
            .map(|user| user.login.as_str())
            .unwrap_or_default();
        author == login || author.strip_suffix("[bot]") == Some(login)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ExpectedRequest, Server, exchange, found};
    use super::*;
    use serde_json::Value;

    const BODY: &str = "<!-- ghcr-to-render:pull-request:v1 -->\nhello";
    const LIST: &str = "issues/7/comments?per_page=100";

    fn listed(comments: &[(u64, &str, &str)]) -> ExpectedRequest {
        let list: Vec<Value> = comments
            .iter()
            .map(|(id, login, body)| json!({"id": id, "body": body, "user": {"login": login}}))
            .collect();
        found(LIST, &json!(list).to_string())
    }

    fn viewer(login: &str) -> ExpectedRequest {
        let body = json!({"data": {"viewer": {"login": login}}}).to_string();
        exchange("/api/graphql", 200, &[], &body)
            .posting("/query", &json!("query { viewer { login } }"))
    }

    fn path(path: &str) -> String {
        format!("/api/v3/repos/acme/shop/{path}")
    }

    fn made(status: u16) -> ExpectedRequest {
        exchange(&path("issues/7/comments"), status, &[], "{}").posting("/body", &json!(BODY))
    }

    fn edited(id: u64) -> ExpectedRequest {
        exchange(&path(&format!("issues/comments/{id}")), 200, &[], "{}")
            .patching("/body", &json!(BODY))
    }

    fn deleted(id: u64) -> ExpectedRequest {
        exchange(&path(&format!("issues/comments/{id}")), 204, &[], "").deleting()
    }

    async fn keep(
        script: Vec<ExpectedRequest>,
        if_absent: IfAbsent,
    ) -> Result<CommentResult, GitHubError> {
        let server = Server::start(script);
        let pull = PrNumber::parse(b"7").unwrap();
        let github = server.github();
        let kept = CommentWriter::new(&CommentAccess::for_tests(), &github)
            .keep(pull, CommentKind::Result, &|_| BODY.to_owned(), if_absent)
            .await;
        server.finish();
        kept
    }

    #[tokio::test]
    async fn the_first_time_it_is_made_and_then_edited() {
        let others = [
            (1, "ada", "hello"),
            (2, "ada", "see <!-- ghcr-to-render:pull-request:v1 -->"),
        ];
        assert_eq!(
            keep(vec![listed(&others), made(201)], IfAbsent::Make).await,
            Ok(CommentResult::Made)
        );
        assert_eq!(
            keep(vec![listed(&others)], IfAbsent::Leave).await,
            Ok(CommentResult::Absent)
        );
        let old = "<!-- ghcr-to-render:pull-request:v0 -->\nold";
        let script = vec![
            listed(&[
                (3, "github-actions[bot]", old),
                (4, "github-actions[bot]", old),
            ]),
            viewer("github-actions[bot]"),
            edited(3),
            deleted(4),
        ];
        assert_eq!(
            keep(script, IfAbsent::Make).await,
            Ok(CommentResult::Edited)
        );
    }

    #[tokio::test]
    async fn what_says_so_already_is_left_as_it_is() {
        for same in [
            BODY.to_owned(),
            BODY.replace('\n', "\r\n"),
            format!("{BODY}\n"),
        ] {
            let script = vec![listed(&[(3, "ada", &same)]), viewer("ada")];
            assert_eq!(
                keep(script, IfAbsent::Make).await,
                Ok(CommentResult::Unchanged)
            );
        }
    }

    #[tokio::test]
    async fn a_comment_of_somebody_else_is_never_touched() {
        for (us, author) in [
            ("github-actions[bot]", "mallory"),
            ("github-actions[bot]", "github-actions"),
            ("ada", "adam"),
            ("ada", "ADA"),
            ("ada[bot]", "ada"),
        ] {
            let script = vec![listed(&[(3, author, BODY)]), viewer(us), made(201)];
            assert_eq!(
                keep(script, IfAbsent::Make).await,
                Ok(CommentResult::Made),
                "{us} {author}"
            );
        }
        let script = vec![
            listed(&[(3, "our-app[bot]", "<!-- ghcr-to-render: -->")]),
            viewer("our-app"),
            edited(3),
        ];
        assert_eq!(
            keep(script, IfAbsent::Make).await,
            Ok(CommentResult::Edited)
        );
    }

    #[tokio::test]
    async fn who_is_not_told_its_name_goes_by_the_jobs_own() {
        let denied = exchange(
            "/api/graphql",
            200,
            &[],
            r#"{"data":null,"errors":[{"message":"no"}]}"#,
        );
        let denied = denied.posting("/query", &json!("query { viewer { login } }"));
        let comments = [
            (3, "mallory", "<!-- ghcr-to-render:x"),
            (4, "github-actions[bot]", "<!-- ghcr-to-render:x"),
        ];
        assert_eq!(
            keep(vec![listed(&comments), denied, edited(4)], IfAbsent::Make).await,
            Ok(CommentResult::Edited)
        );
    }

    #[tokio::test]
    async fn a_comment_is_posted_once_whatever_comes_of_it() {
        let failure = keep(vec![listed(&[]), made(502)], IfAbsent::Make)
            .await
            .unwrap_err();
        assert!(
            matches!(failure, GitHubError::Unavailable { .. }),
            "{failure}"
        );
    }

    #[tokio::test]
    async fn a_missing_permission_is_named() {
        let body = r#"{"message":"Resource not accessible by integration"}"#;
        let denied =
            exchange(&path("issues/7/comments"), 403, &[], body).posting("/body", &json!(BODY));
        let failure = keep(vec![listed(&[]), denied], IfAbsent::Make)
            .await
            .unwrap_err();
        assert!(
            failure
                .to_string()
                .contains("it needs pull-requests: write"),
            "{failure}"
        );
    }
}
