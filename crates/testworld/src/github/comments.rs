//! Comments on pull requests (<https://docs.github.com/en/rest/issues/comments>), and who the token is.
//!
//! Whoever may write may edit everybody's comments, so that GitHub stops nobody: an edit of somebody else's is a violation here.

use super::super::server::{Call, Reply};
use super::record::{Wrong, object, text};
use super::{GitHub, State, Trouble, message};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How many comments a page has at most.
const PAGE: usize = 100;
/// How long before an edit another one may have been made that its run could not see.
const BESIDE: Duration = Duration::from_millis(100);
/// Who writes with a job's token.
const OURS: &str = "github-actions[bot]";

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: u64,
    pub pull: u64,
    pub author: String,
    pub body: String,
    /// How often it was edited.
    pub edits: usize,
    /// When it was edited the last time.
    edited: Option<Instant>,
}

impl GitHub {
    /// Somebody comments on a pull request.
    pub fn comment(&self, pull: u64, author: &str, body: &str) {
        self.state.lock().expect("GitHub").say(pull, author, body);
    }

    /// Every comment, oldest first.
    pub fn comments(&self) -> Vec<Comment> {
        self.state.lock().expect("GitHub").comments.clone()
    }
}

impl Comment {
    /// Whether a job's token wrote it.
    pub fn is_ours(&self) -> bool {
        self.author == OURS
    }

    fn shown(&self) -> Value {
        let kind = if self.author.ends_with("[bot]") {
            "Bot"
        } else {
            "User"
        };
        json!({"id": self.id, "node_id": "IC_kw", "body": self.body, "user": {"login": self.author, "type": kind},
            "author_association": "NONE", "created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z"})
    }
}

impl State {
    fn say(&mut self, pull: u64, author: &str, body: &str) -> Value {
        let last = self.comments.last().map_or(7_000_000_000, |last| last.id);
        let id = last + 1;
        let comment = Comment {
            id,
            pull,
            author: author.into(),
            body: body.into(),
            edits: 0,
            edited: None,
        };
        let shown = comment.shown();
        self.comments.push(comment);
        shown
    }

    /// Answers below `issues/`; `None` for what is no such path.
    pub(super) fn talk(&mut self, call: &Call, path: &str) -> Option<Reply> {
        let rest = path.strip_prefix("issues/")?;
        if call.method == "GET" {
            return self.listed(call, rest.strip_suffix("/comments")?.parse().ok()?);
        }
        if self.troubles.contains(&Trouble::CommentsDenied) {
            let denied = message(403, "Resource not accessible by integration");
            return Some(denied.header(
                "x-accepted-github-permissions",
                "issues=write; pull_requests=write",
            ));
        }
        let done = match (
            call.method.as_str(),
            rest.strip_prefix("comments/"),
            rest.strip_suffix("/comments"),
        ) {
            ("PATCH", Some(id), _) => self.edit(call, id.parse().ok()?),
            ("DELETE", Some(id), _) => self.unsay(call, id.parse().ok()?),
            ("POST", _, Some(pull)) => {
                let pull = pull.parse().ok()?;
                body_of(call).map(|body| Reply::json(201, &self.say(pull, OURS, &body)))
            }
            _ => return None,
        };
        Some(done.unwrap_or_else(|wrong| {
            self.violations.push(format!("{wrong}: {}", call.line()));
            message(422, "Validation Failed")
        }))
    }

    fn edit(&mut self, call: &Call, id: u64) -> Result<Reply, Wrong> {
        let body = body_of(call)?;
        let comment = self
            .comments
            .iter_mut()
            .find(|comment| comment.id == id)
            .ok_or("no such comment")?;
        if comment.author != OURS {
            return Err(format!("a comment of {} was edited", comment.author));
        }
        // Two runs that edit it at the same moment cannot know of each other.
        let is_beside = |at: Instant| call.at.saturating_duration_since(at) < BESIDE;
        if comment.body == body {
            if comment.edited.is_some_and(is_beside) {
                return Ok(Reply::json(200, &comment.shown()));
            }
            return Err("an edit that changes nothing".into());
        }
        (comment.body, comment.edits) = (body, comment.edits + 1);
        comment.edited = Some(call.at);
        Ok(Reply::json(200, &comment.shown()))
    }

    /// Only the second of two comments of ours on one pull request may be deleted.
    fn unsay(&mut self, call: &Call, id: u64) -> Result<Reply, Wrong> {
        if !call.body.is_empty() {
            return Err("a body that is not wanted".into());
        }
        let Some(at) = self.comments.iter().position(|comment| comment.id == id) else {
            return Ok(message(404, "Not Found"));
        };
        let comment = &self.comments[at];
        let is_double = self.comments[..at]
            .iter()
            .any(|older| older.is_ours() && older.pull == comment.pull);
        if !comment.is_ours() || !is_double {
            return Err(format!("a comment of {} was deleted", comment.author));
        }
        self.comments.remove(at);
        Ok(Reply::text(204, ""))
    }

    fn listed(&self, call: &Call, pull: u64) -> Option<Reply> {
        let number = |name: &str, default: usize| {
            call.parameter(name)
                .map_or(Some(default), |text| text.parse().ok())
        };
        let (size, page) = (number("per_page", 30)?.min(PAGE), number("page", 1)?);
        let all: Vec<Value> = self
            .comments
            .iter()
            .filter(|comment| comment.pull == pull)
            .map(Comment::shown)
            .collect();
        let shown: Vec<Value> = all
            .iter()
            .skip(size * (page - 1))
            .take(size)
            .cloned()
            .collect();
        let reply = Reply::json(200, &Value::Array(shown));
        if all.len() <= size * page {
            return Some(reply);
        }
        let next = format!(
            "{}{}?per_page={size}&page={}",
            self.origin,
            call.path,
            page + 1
        );
        Some(reply.header("link", format!("<{next}>; rel=\"next\"")))
    }

    /// Who asks, where that is all that is asked.
    pub(super) fn viewer(&self, call: &Call) -> Option<Reply> {
        let body = object(call).ok()?;
        let is_all = body.len() == 1 && body.get("query")? == "query { viewer { login } }";
        is_all.then(|| Reply::json(200, &json!({"data": {"viewer": {"login": OURS}}})))
    }
}

fn body_of(call: &Call) -> Result<String, Wrong> {
    let body = object(call)?;
    if body.len() != 1 {
        return Err(format!("a comment with {:?}", body.keys()));
    }
    text(&body, "body").map(str::to_owned)
}
