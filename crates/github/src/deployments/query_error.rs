//! What an error in an answer of GraphQL means.

use super::read::NEEDED;
use crate::ask::GitHubReply;
use crate::{GitHubError, RequestPurpose};
use model::Untrusted;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct QueryErrorWire {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    path: Vec<Value>,
}

impl QueryErrorWire {
    /// What an error in an answer with status 200 means.
    pub(super) fn meaning(&self, reply: &GitHubReply, what: &str) -> GitHubError {
        let (what, trace) = (what.to_owned(), reply.trace());
        let said = Untrusted(self.message.as_bytes()).to_string();
        match self.kind.as_deref().unwrap_or_default() {
            "RATE_LIMITED" | "RATE_LIMIT" => GitHubError::RateLimited { trace },
            _ if self.message.contains("rate limit") => GitHubError::RateLimited { trace },
            "FORBIDDEN" | "INSUFFICIENT_SCOPES" => self.denied(what, said, reply),
            _ if self.message.contains("Resource not accessible") => self.denied(what, said, reply),
            "NOT_FOUND" => GitHubError::NotFound { what, trace },
            // Without a type these are its own: "Something went wrong while executing your query", also where it took too long.
            "" => GitHubError::Unavailable {
                what,
                why: said,
                whose: reply.whose(),
                trace,
            },
            _ => reply.broken(&what, &self.message),
        }
    }

    fn denied(&self, what: String, said: String, reply: &GitHubReply) -> GitHubError {
        let needed = if self.path.iter().any(|part| part == "branch") {
            "contents: read"
        } else {
            NEEDED
        };
        GitHubError::Denied {
            aim: RequestPurpose::Read,
            what,
            why: format!("it needs {needed} ({said})"),
            trace: reply.trace(),
        }
    }
}
