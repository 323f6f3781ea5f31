//! Events, as the runner hands them to a step.

use crate::git::ZEROS;
use serde_json::{Value, json};

/// An event with what the runner's variables say of it.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    pub(crate) name: &'static str,
    pub(crate) body: Value,
    pub(crate) git_ref: String,
    pub(crate) sha: String,
}

fn repository() -> Value {
    json!({"id": 4242, "name": "shop", "full_name": "acme/shop", "private": true, "fork": false,
        "owner": {"login": "acme", "id": 7, "type": "Organization"}, "html_url": "https://github.com/acme/shop",
        "default_branch": "main", "master_branch": "main"})
}

fn sender() -> Value {
    json!({"login": "ada", "id": 1001, "type": "User"})
}

fn head_commit(sha: &str) -> Value {
    let ada = json!({"name": "Ada", "email": "ada@example.com", "username": "ada"});
    json!({"id": sha, "tree_id": "9".repeat(40), "distinct": true, "message": "c", "timestamp": "2026-11-20T10:00:00Z",
        "url": format!("https://github.com/acme/shop/commit/{sha}"), "author": ada, "committer": ada})
}

impl Payload {
    /// A push of a ref. `after` is a tag object for an annotated tag.
    pub(crate) fn push(
        git_ref: &str,
        before: Option<&str>,
        after: &str,
        commit: &str,
        is_forced: bool,
    ) -> Self {
        let body = json!({"ref": git_ref, "before": before.unwrap_or(ZEROS), "after": after, "created": before.is_none(),
            "deleted": false, "forced": is_forced, "base_ref": null, "compare": "https://github.com/acme/shop/compare/a...b",
            "commits": [head_commit(commit)], "head_commit": head_commit(commit), "repository": repository(),
            "pusher": {"name": "ada", "email": "ada@example.com"}, "sender": sender()});
        Self {
            name: "push",
            body,
            git_ref: git_ref.to_owned(),
            sha: commit.to_owned(),
        }
    }

    /// The end of a workflow run that a push of a branch had triggered. The run that follows it is on the default branch's tip.
    pub(crate) fn workflow_run(branch: &str, commit: &str, tip: &str, attempt: u32) -> Self {
        let body = json!({"action": "completed", "repository": repository(), "sender": sender(), "workflow": {"id": 3, "name": "build"},
            "workflow_run": {"id": 99, "name": "build", "event": "push", "status": "completed", "conclusion": "success",
                "head_branch": branch, "head_sha": commit, "head_commit": head_commit(commit), "run_attempt": attempt,
                "repository": repository(), "head_repository": repository(), "pull_requests": []}});
        Self {
            name: "workflow_run",
            body,
            git_ref: "refs/heads/main".into(),
            sha: tip.to_owned(),
        }
    }

    /// The clock asks, or a machine: for the default branch's tip.
    pub(crate) fn machine(name: &'static str, tip: &str) -> Self {
        let body = match name {
            "schedule" => {
                json!({"schedule": "0 5 * * 1", "repository": repository(), "workflow": ".github/workflows/deploy.yml"})
            }
            _ => {
                json!({"action": "deploy", "branch": "main", "client_payload": {}, "repository": repository(),
                "sender": sender()})
            }
        };
        Self {
            name,
            body,
            git_ref: "refs/heads/main".into(),
            sha: tip.to_owned(),
        }
    }

    /// A person asks, on a branch.
    pub(crate) fn dispatch(git_ref: &str, sha: &str) -> Self {
        let body = json!({"inputs": {}, "ref": git_ref, "repository": repository(), "sender": sender(),
            "workflow": ".github/workflows/deploy.yml"});
        Self {
            name: "workflow_dispatch",
            body,
            git_ref: git_ref.to_owned(),
            sha: sha.to_owned(),
        }
    }
}
