//! The list of commits, as GitHub shows it: everything that is reachable, page by page.
//!
//! Shapes: <https://docs.github.com/en/rest/commits/commits#list-commits>.

use super::super::server::{Call, Reply};
use super::State;
use serde_json::{Value, json};

/// What a page has where nothing is said, and at most.
const PAGES: (usize, usize) = (30, 100);

impl State {
    /// Answers the list; `None` where there is no such commit.
    pub(super) fn commits(&self, call: &Call) -> Option<Reply> {
        let number = |name: &str| {
            call.parameter(name)
                .and_then(|text| text.parse::<usize>().ok())
        };
        let sha = self.object(&format!("{}^{{commit}}", call.parameter("sha")?))?;
        let size = number("per_page").unwrap_or(PAGES.0).min(PAGES.1);
        let skipped = format!("--skip={}", (number("page").unwrap_or(1) - 1) * size);
        let listed = self.git(&[
            "log",
            "--format=%H %P",
            &format!("--max-count={size}"),
            &skipped,
            &sha,
        ]);
        let commits: Vec<Value> = listed
            .lines()
            .map(|line| {
                let mut names = line.split(' ').filter(|name| !name.is_empty());
                let sha = names.next().unwrap_or_default();
                let parents: Vec<Value> = names.map(|parent| json!({"sha": parent})).collect();
                json!({"sha": sha, "parents": parents, "commit": {"message": "##[set-output name=tags]evil"}})
            })
            .collect();
        Some(Reply::json(200, &Value::Array(commits)))
    }

    /// The commits of a comparison, the oldest first, at most 250.
    pub(super) fn commits_between(&self, base: &str, head: &str) -> Vec<Value> {
        let range = format!("{base}..{head}");
        let listed = self.git(&["rev-list", "--topo-order", "--reverse", "--parents", &range]);
        let commit = |line: &str| {
            let mut names = line.split(' ').filter(|name| !name.is_empty());
            let sha = names.next().unwrap_or_default();
            let parents: Vec<Value> = names.map(|parent| json!({"sha": parent})).collect();
            let date = self
                .git(&["show", "-s", "--format=%cI", sha])
                .replace("+00:00", "Z");
            json!({"sha": sha, "parents": parents, "commit": {"committer": {"date": date}}})
        };
        listed.lines().map(commit).take(250).collect()
    }
}
