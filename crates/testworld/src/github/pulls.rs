//! Pull requests in the model (<https://docs.github.com/en/rest/pulls/pulls>): whether one is open, and what it is on. One is there if the repository has its
//! ref, or if a test says how it stands.

use super::super::server::Reply;
use super::{GitHub, State, Trouble, message};
use serde_json::json;

/// The head of a pull request that has no ref here.
const NO_REF: &str = "0123456789012345678901234567890123456789";

impl GitHub {
    /// How a pull request stands: `open` or `closed`.
    pub fn pull(&self, number: u32, state: &'static str) {
        self.state
            .lock()
            .expect("GitHub")
            .pulls
            .insert(number, state);
    }

    /// A ref is not shown from now on.
    pub fn hide(&self, name: &str) {
        let mut state = self.state.lock().expect("GitHub");
        state.refs.hide(name);
    }
}

impl State {
    /// One pull request.
    pub(super) fn pull_request(&self, path: &str) -> Option<Reply> {
        let number: u32 = path.strip_prefix("pulls/")?.parse().ok()?;
        if self.troubles.contains(&Trouble::PullsDenied) {
            return Some(message(403, "Resource not accessible by integration"));
        }
        let head = self.object(&format!("refs/pull/{number}/head"));
        let state = match (self.pulls.get(&number), &head) {
            (Some(state), _) => *state,
            (None, Some(_)) => "open",
            (None, None) => return Some(message(404, "Not Found")),
        };
        let head = head.unwrap_or_else(|| NO_REF.to_owned());
        Some(Reply::json(
            200,
            &json!({"number": number, "state": state, "title": "##[set-output name=tags]evil",
                "head": {"sha": head, "ref": "feature"}}),
        ))
    }
}
