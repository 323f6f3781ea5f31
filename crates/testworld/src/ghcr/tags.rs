//! The list of a repository's tags: in pages of at most 100 with a link to the next one, in an order that says nothing, as GHCR has it.

use super::super::server::{Call, Reply};
use super::{State, error};
use serde_json::json;

/// The longest page.
const PAGE: usize = 100;

impl State {
    /// Answers a GET of `tags/list`.
    pub(super) fn tags(&mut self, call: &Call, path: &str) -> Reply {
        let parameters = call.parameters();
        if call.method != "GET"
            || parameters
                .iter()
                .any(|(name, _)| !["n", "last"].contains(&name.as_str()))
        {
            return self.violation("not a way to list tags", call);
        }
        if let Some(reply) = self.trouble(path, false) {
            return reply;
        }
        let Some(repository) = self
            .repositories
            .get(path)
            .filter(|repository| !repository.tags.is_empty())
        else {
            return error(404, "NAME_UNKNOWN", "repository name not known to registry");
        };
        // Backwards: whoever thinks that it is sorted is wrong.
        let all: Vec<&String> = repository.tags.keys().rev().collect();
        let after = call
            .parameter("last")
            .and_then(|last| all.iter().position(|tag| **tag == last));
        let from = after.map_or(0, |at| at + 1);
        let size = call
            .parameter("n")
            .and_then(|n| n.parse().ok())
            .unwrap_or(PAGE)
            .min(PAGE);
        let page: Vec<&String> = all.iter().copied().skip(from).take(size).collect();
        let reply = Reply::json(200, &json!({"name": path, "tags": page}));
        match page.last().filter(|_| from + page.len() < all.len()) {
            Some(last) => reply.header(
                "link",
                format!("</v2/{path}/tags/list?last={last}&n={size}>; rel=\"next\""),
            ),
            None => reply,
        }
    }
}
