//! Commits, what they have, and how they compare.

use crate::git::{Commit, Entry, Origin};
use crate::wire::{Call, Reply};
use crate::world::date;
use base64::Engine as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn commit(origin: &Origin, number: usize) -> Reply {
    let found = &origin.commits[number];
    let parents: Vec<Value> = found
        .parent
        .iter()
        .map(|parent| json!({"sha": origin.commits[*parent].sha}))
        .collect();
    Reply::json(
        200,
        &json!({"sha": found.sha, "tree": {"sha": found.tree}, "parents": parents,
        "committer": {"date": date(number as u64)}, "author": {"date": date(number as u64)}}),
    )
}

/// The commit that a name means: a full name, the beginning of one, a branch or a tag.
pub(super) fn named(origin: &Origin, name: &str) -> Option<usize> {
    let begins =
        |(number, commit): (usize, &Commit)| commit.sha.starts_with(name).then_some(number);
    let by_ref = ["refs/heads/", "refs/tags/", "refs/"]
        .iter()
        .find_map(|kind| origin.on(&format!("{kind}{name}")));
    let is_hex = name.len() >= 7;
    by_ref.or_else(|| {
        if is_hex {
            origin.commits.iter().enumerate().find_map(begins)
        } else {
            None
        }
    })
}

pub(super) fn any_commit(origin: &Origin, name: &str) -> Option<Reply> {
    let number = named(origin, name)?;
    let found = &origin.commits[number];
    Some(Reply::json(
        200,
        &json!({"sha": found.sha, "files": [],
        "commit": {"message": "c", "tree": {"sha": found.tree}, "committer": {"date": date(number as u64)}}}),
    ))
}

pub(super) fn list_of_commits(origin: &Origin, call: &Call) -> Option<Reply> {
    let number = |name: &str, otherwise: usize| {
        call.parameter(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(otherwise)
    };
    let from = named(origin, &call.parameter("sha").unwrap_or("main".into()))?;
    let size = number("per_page", 30).min(100);
    let shown = origin
        .line(from)
        .skip((number("page", 1) - 1) * size)
        .take(size);
    let list = shown.map(|number| {
        let found = &origin.commits[number];
        let parents: Vec<Value> = found
            .parent
            .iter()
            .map(|parent| json!({"sha": origin.commits[*parent].sha}))
            .collect();
        json!({"sha": found.sha, "parents": parents,
            "commit": {"message": "c", "committer": {"date": date(number as u64)}}})
    });
    Some(Reply::json(200, &list.collect()))
}

pub(super) fn contents(origin: &Origin, call: &Call, path: &str) -> Option<Reply> {
    let number = named(origin, &call.parameter("ref").unwrap_or("main".into()))?;
    let text = origin.commits[number].files.get(path)?;
    let content = base64::prelude::BASE64_STANDARD.encode(text);
    Some(Reply::json(
        200,
        &json!({"type": "file", "encoding": "base64", "size": text.len(), "name": path,
        "path": path, "content": content, "sha": "0".repeat(40)}),
    ))
}

pub(super) fn compare(origin: &Origin, range: &str) -> Option<Reply> {
    let (base, head) = range.split_once("...")?;
    let (base, head) = (named(origin, base)?, named(origin, head)?);
    let ours: BTreeSet<usize> = origin.line(base).collect();
    let merge = origin.line(head).find(|number| ours.contains(number))?;
    let count = |from: usize| {
        origin
            .line(from)
            .take_while(|number| *number != merge)
            .count()
    };
    let (ahead, behind) = (count(head), count(base));
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let (old, new) = (&origin.commits[merge].files, &origin.commits[head].files);
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let files: Vec<Value> = paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| {
            let word = match (old.contains_key(path), new.contains_key(path)) {
                (false, _) => "added",
                (_, false) => "removed",
                _ => "modified",
            };
            json!({"filename": path, "status": word, "sha": "0".repeat(40)})
        })
        .collect();
    Some(Reply::json(
        200,
        &json!({"status": status, "ahead_by": ahead, "behind_by": behind,
        "total_commits": ahead, "merge_base_commit": {"sha": origin.commits[merge].sha}, "commits": [], "files": files}),
    ))
}

pub(super) fn tree(origin: &Origin, call: &Call, name: &str) -> Option<Reply> {
    let sha = match origin.tree(name) {
        Some(_) => name.to_owned(),
        None => origin.commits[named(origin, name)?].tree.clone(),
    };
    let mut list = Vec::new();
    list_tree(
        origin,
        &sha,
        "",
        call.parameter("recursive").is_some(),
        &mut list,
    );
    Some(Reply::json(
        200,
        &json!({"sha": sha, "tree": list, "truncated": false}),
    ))
}

pub(super) fn list_tree(
    origin: &Origin,
    sha: &str,
    below: &str,
    is_deep: bool,
    list: &mut Vec<Value>,
) {
    let entries: Vec<Entry> = origin
        .tree(sha)
        .map(|found| found.to_vec())
        .unwrap_or_default();
    for Entry { is_tree, name, sha } in entries {
        let path = format!("{below}{name}");
        let (mode, kind) = if is_tree {
            ("040000", "tree")
        } else {
            ("100644", "blob")
        };
        list.push(json!({"path": path, "mode": mode, "type": kind, "sha": sha}));
        if is_tree && is_deep {
            list_tree(origin, &sha, &format!("{path}/"), is_deep, list);
        }
    }
}
