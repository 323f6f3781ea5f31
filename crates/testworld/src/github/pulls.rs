//! Pull requests in the model (<https://docs.github.com/en/rest/pulls/pulls>): whether one is open, and what it is on. One is there if the repository has its
//! ref, or if a test says how it stands.

use super::super::server::{Call, Reply};
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
    /// The pull requests that are open, a page of them (<https://docs.github.com/en/rest/pulls/pulls#list-pull-requests>).
    pub(super) fn open_pulls(&self, call: &Call) -> Option<Reply> {
        if self.troubles.contains(&Trouble::PullsDenied) {
            return Some(message(403, "Resource not accessible by integration"));
        }
        if call.parameter("state").as_deref() != Some("open") {
            return None;
        }
        let number = |name: &str, otherwise: usize| {
            let text = call.parameter(name);
            text.map_or(Some(otherwise), |text| text.parse().ok())
        };
        let (size, page) = (number("per_page", 30)?.min(100), number("page", 1)?);
        let refs = self.git(&["for-each-ref", "--format=%(refname)", "refs/pull"]);
        let refs = refs.lines().filter_map(|name| {
            let name = name.strip_prefix("refs/pull/")?.strip_suffix("/head")?;
            name.parse::<u32>().ok()
        });
        let mut numbers: Vec<u32> = self.pulls.keys().copied().chain(refs).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.retain(|number| self.pulls.get(number).is_none_or(|state| *state == "open"));
        let shown = numbers.iter().skip(size * (page - 1)).take(size);
        let shown = shown.map(|number| json!({"number": number, "state": "open"}));
        let reply = Reply::json(200, &shown.collect());
        if numbers.len() <= size * page {
            return Some(reply);
        }
        let next = format!(
            "<{}{}?state=open&per_page={size}&page={}>; rel=\"next\"",
            self.origin,
            call.path,
            page + 1
        );
        Some(reply.header("link", next))
    }

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
