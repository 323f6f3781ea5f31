//! GitHub's REST API, and the list of refs that git itself asks for (<https://git-scm.com/docs/http-protocol>).

mod commits;

use super::deployments::Account;
use super::{RunNumber, TOKEN, World};
use crate::git::Origin;
use crate::wire::{Call, Reply};
use commits::{any_commit, commit, compare, contents, list_of_commits, tree};
use serde_json::{Value, json};

fn decoded(text: &str) -> String {
    let plus = text.replace('+', "%2B");
    let pairs = url::form_urlencoded::parse(plus.as_bytes()).next();
    pairs.map(|(text, _)| text.into_owned()).unwrap_or_default()
}

fn missing() -> Reply {
    Reply::message(404, "Not Found")
}

/// The repository, as GitHub describes it.
pub(crate) fn repository() -> Value {
    json!({"id": 4242, "node_id": "R_1", "name": "shop", "full_name": "acme/shop", "private": true, "fork": false,
        "owner": {"login": "acme", "id": 7, "type": "Organization"}, "html_url": "https://github.com/acme/shop",
        "default_branch": "main", "master_branch": "main"})
}

impl World {
    pub(super) fn github(&mut self, run: RunNumber, call: &Call) -> Option<Reply> {
        if call.path.ends_with("/info/refs") {
            return Some(self.info_refs(call));
        }
        let is_own = call
            .header("authorization")
            .is_some_and(|value| value.ends_with(TOKEN));
        if !is_own {
            self.violations
                .push(format!("without the job's token: {}", call.line()));
            return Some(Reply::message(401, "Bad credentials"));
        }
        if call.path == "/graphql" {
            return Some(self.graphql(call));
        }
        if let Some(reply) = self.package(call) {
            return Some(reply);
        }
        let path = call
            .path
            .strip_prefix("/repos/acme/shop")?
            .trim_start_matches('/');
        match call.method.as_str() {
            "GET" => self.read(call, path),
            "POST" => self.write(run, call, path),
            _ => None,
        }
    }

    fn read(&mut self, call: &Call, path: &str) -> Option<Reply> {
        let origin = &self.origin;
        let parts: Vec<&str> = path.splitn(3, '/').collect();
        let found = match parts.as_slice() {
            [""] => Some(Reply::json(200, &repository())),
            ["contents", ..] => contents(origin, call, &decoded(&path["contents/".len()..])),
            ["compare", range] => compare(origin, &decoded(range)),
            ["commits"] => list_of_commits(origin, call),
            ["commits", name] => any_commit(origin, &decoded(name)),
            ["branches"] => Some(branches(origin)),
            ["branches", ..] => branch(origin, &decoded(&path["branches/".len()..])),
            ["git", "ref", name] => reference(origin, &format!("refs/{}", decoded(name))),
            ["git", "matching-refs", prefix] => Some(matching(origin, &decoded(prefix))),
            ["git", "commits", sha] => origin.number(sha).map(|number| commit(origin, number)),
            ["git", "tags", sha] => origin.tagged(sha).map(|on| {
                let object = json!({"type": "commit", "sha": origin.commits[on].sha});
                Reply::json(200, &json!({"sha": sha, "tag": "x", "object": object}))
            }),
            ["git", "trees", name] => tree(origin, call, name),
            ["pulls", number, ..] => Some(Reply::json(
                200,
                &json!({"number": number.parse::<u32>().ok()?, "state": "closed"}),
            )),
            ["deployments"] => Some(self.list_of_deployments(call)),
            ["issues", ..] => Some(Reply::json(200, &json!([]))),
            _ => return None,
        };
        Some(found.unwrap_or_else(missing))
    }

    fn list_of_deployments(&mut self, call: &Call) -> Reply {
        let environment = call.parameter("environment").unwrap_or_default();
        let found = self.deployments.of(self.step, &[environment]);
        let shown = found.iter().take(100).map(|found| {
            json!({"id": found.number, "sha": found.commit, "task": found.task, "payload": found.payload,
                "environment": found.environment, "original_environment": found.original})
        });
        Reply::json(200, &shown.collect())
    }

    fn write(&mut self, run: RunNumber, call: &Call, path: &str) -> Option<Reply> {
        let body = call.json();
        if path == "git/refs" {
            return Some(self.make_ref(&body));
        }
        if path == "deployments" {
            let name = body["ref"].as_str().unwrap_or_default();
            let Some(number) = self.origin.number(name) else {
                return Some(Reply::message(422, "No ref found"));
            };
            let sha = self.origin.commits[number].sha.clone();
            let at = (self.now, self.step, Some(run));
            let made = self.deployments.create(at, Account::own(), &body, sha);
            return Some(Reply::json(201, &made));
        }
        let number = path
            .strip_prefix("deployments/")?
            .strip_suffix("/statuses")?
            .parse()
            .ok()?;
        let (now, own) = (self.now, Account::own());
        let made = self.deployments.add_status(now, own, number, &body);
        Some(made.map_or_else(missing, |made| Reply::json(201, &made)))
    }

    fn make_ref(&mut self, body: &Value) -> Reply {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (name, sha) = (text("ref"), text("sha"));
        if self.origin.refs.contains_key(&name) {
            return Reply::message(422, "Reference already exists");
        }
        if self.origin.number(&sha).is_none() {
            return Reply::message(422, "Object does not exist");
        }
        self.origin.refs.insert(name.clone(), sha.clone());
        Reply::json(
            201,
            &json!({"ref": name, "object": {"type": "commit", "sha": sha}}),
        )
    }

    fn info_refs(&self, call: &Call) -> Reply {
        if call.parameter("service").as_deref() != Some("git-upload-pack") {
            return Reply::text(403, "");
        }
        let packet = |text: &str| format!("{:04x}{text}", text.len() + 4);
        let head = self.origin.refs.get("refs/heads/main");
        let mut body = packet("# service=git-upload-pack\n") + "0000";
        let capabilities = "\0multi_ack symref=HEAD:refs/heads/main agent=git/github";
        let mut is_first = true;
        let all = head.map(|sha| ("HEAD", sha)).into_iter();
        for (name, sha) in all.chain(
            self.origin
                .refs
                .iter()
                .map(|(name, sha)| (name.as_str(), sha)),
        ) {
            let more = if std::mem::take(&mut is_first) {
                capabilities
            } else {
                ""
            };
            body += &packet(&format!("{sha} {name}{more}\n"));
            if let Some(on) = self.origin.tagged(sha) {
                body += &packet(&format!("{} {name}^{{}}\n", self.origin.commits[on].sha));
            }
        }
        body += "0000";
        Reply::text(200, body).header(
            "content-type",
            "application/x-git-upload-pack-advertisement",
        )
    }
}

fn object(origin: &Origin, sha: &str) -> Value {
    let kind = if origin.tagged(sha).is_some() {
        "tag"
    } else {
        "commit"
    };
    json!({"type": kind, "sha": sha})
}

fn reference(origin: &Origin, name: &str) -> Option<Reply> {
    let sha = origin.refs.get(name)?;
    Some(Reply::json(
        200,
        &json!({"ref": name, "object": object(origin, sha)}),
    ))
}

fn matching(origin: &Origin, prefix: &str) -> Reply {
    let prefix = format!("refs/{prefix}");
    let found = origin
        .refs
        .iter()
        .filter(|(name, _)| name.starts_with(&prefix));
    let list = found.map(|(name, sha)| json!({"ref": name, "object": object(origin, sha)}));
    Reply::json(200, &list.collect())
}

fn branches(origin: &Origin) -> Reply {
    let short = |name: &String| name.strip_prefix("refs/heads/").map(str::to_owned);
    let found = origin
        .refs
        .iter()
        .filter_map(|(name, sha)| Some((short(name)?, sha)));
    let list =
        found.map(|(name, sha)| json!({"name": name, "commit": {"sha": sha}, "protected": false}));
    Reply::json(200, &list.collect())
}

fn branch(origin: &Origin, name: &str) -> Option<Reply> {
    let sha = origin.refs.get(&format!("refs/heads/{name}"))?;
    Some(Reply::json(
        200,
        &json!({"name": name, "commit": {"sha": sha}}),
    ))
}
