//! Trees, compared entry by entry where no comparison of GitHub's is complete.

use super::address::escape;
use super::compare::REPLACED;
use super::{GitHub, GitHubError};
use model::CommitSha;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How many requests one comparison of two trees may cost; a token has 1,000 an hour for the whole repository.
const BUDGET: usize = 200;

#[derive(Deserialize)]
pub(super) struct CommitWire {
    pub(super) sha: String,
    pub(super) tree: IdWire,
    pub(super) committer: WhenWire,
}

#[derive(Deserialize)]
pub(super) struct IdWire {
    pub(super) sha: String,
}

#[derive(Deserialize)]
pub(super) struct WhenWire {
    pub(super) date: String,
}

#[derive(Deserialize)]
pub(super) struct TreeWire {
    pub(super) tree: Vec<TreeEntryWire>,
    pub(super) truncated: bool,
}

#[derive(Deserialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TreeEntryWire {
    pub(super) path: String,
    pub(super) mode: String,
    pub(super) sha: String,
}

/// The mode of a directory.
pub(super) const DIRECTORY: &str = "040000";

/// Two directories that differ, below a path; `None` where one side has none.
struct Pair {
    path: String,
    old: Option<String>,
    new: Option<String>,
}

impl GitHub {
    /// Every path in which the trees of two commits differ, sorted, found by comparing names of objects. `None` when it would cost
    /// more requests than it may, or a name that is not exactly known is among them, or a commit is not there.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn tree_changes(
        &self,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<Option<Vec<Vec<u8>>>, GitHubError> {
        let Some(old) = self.tree_of(base).await? else {
            return Ok(None);
        };
        let Some(new) = self.tree_of(head).await? else {
            return Ok(None);
        };
        let mut waiting = vec![Pair {
            path: String::new(),
            old: Some(old),
            new: Some(new),
        }];
        let mut found = Vec::new();
        let mut budget = BUDGET;
        while let Some(pair) = waiting.pop() {
            if pair.old == pair.new {
                continue;
            }
            let Some((old, new)) = self.both(&pair, &mut budget).await? else {
                return Ok(None);
            };
            let Some(different) = different(old, new) else {
                return Ok(None);
            };
            for (path, old, new) in different {
                let path = if pair.path.is_empty() {
                    path
                } else {
                    format!("{}/{path}", pair.path)
                };
                let [old_tree, new_tree] =
                    [&old, &new].map(|side| side.as_ref().filter(|side| side.0 == DIRECTORY));
                let has_file = [(&old, old_tree), (&new, new_tree)]
                    .iter()
                    .any(|(side, tree)| side.is_some() && tree.is_none());
                if has_file {
                    found.push(path.clone().into_bytes());
                }
                if old_tree.is_some() || new_tree.is_some() {
                    let [old, new] =
                        [old_tree, new_tree].map(|side| side.map(|side| side.1.clone()));
                    waiting.push(Pair { path, old, new });
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(Some(found))
    }

    /// Both sides of a pair in one depth: everything below if neither is too long for one answer, else what is directly in them.
    async fn both(
        &self,
        pair: &Pair,
        budget: &mut usize,
    ) -> Result<Option<(Vec<TreeEntryWire>, Vec<TreeEntryWire>)>, GitHubError> {
        for query in ["?recursive=1", ""] {
            let mut sides = [Vec::new(), Vec::new()];
            let mut is_whole = true;
            for (side, tree) in sides.iter_mut().zip([&pair.old, &pair.new]) {
                let Some(tree) = tree else { continue };
                let Some(left) = budget.checked_sub(1) else {
                    return Ok(None);
                };
                *budget = left;
                let listed = self.tree(tree, query).await?;
                is_whole = !listed.truncated;
                if !is_whole {
                    break;
                }
                *side = listed.tree;
            }
            if is_whole {
                if !query.is_empty() {
                    // Everything below is in the answer: directories say nothing more.
                    sides
                        .iter_mut()
                        .for_each(|side| side.retain(|entry| entry.mode != DIRECTORY));
                }
                let [old, new] = sides;
                return Ok(Some((old, new)));
            }
        }
        Ok(None)
    }

    pub(super) async fn tree(&self, tree: &str, query: &str) -> Result<TreeWire, GitHubError> {
        let what = format!("tree {tree}");
        self.get(&format!("git/trees/{}{query}", escape(tree)), &what)
            .await
    }

    pub(super) async fn tree_of(&self, commit: &CommitSha) -> Result<Option<String>, GitHubError> {
        Ok(self.git_commit(commit).await?.map(|commit| commit.tree.sha))
    }

    pub(super) async fn git_commit(
        &self,
        commit: &CommitSha,
    ) -> Result<Option<CommitWire>, GitHubError> {
        self.find(
            &format!("git/commits/{commit}"),
            &format!("commit {commit}"),
        )
        .await
    }
}

type TreeSide = Option<(String, String)>;

/// The entries that are not the same on both sides, with mode and object; `None` when that cannot be told because of names that
/// JSON cannot hold.
fn different(
    old: Vec<TreeEntryWire>,
    new: Vec<TreeEntryWire>,
) -> Option<Vec<(String, TreeSide, TreeSide)>> {
    let mut known: BTreeMap<String, (TreeSide, TreeSide)> = BTreeMap::new();
    let mut unclear: [Vec<TreeEntryWire>; 2] = Default::default();
    for (index, entry) in old
        .into_iter()
        .map(|entry| (0, entry))
        .chain(new.into_iter().map(|entry| (1, entry)))
    {
        if entry.path.contains(REPLACED) {
            unclear[index].push(entry);
            continue;
        }
        let sides = known.entry(entry.path).or_default();
        let side = if index == 0 {
            &mut sides.0
        } else {
            &mut sides.1
        };
        *side = Some((entry.mode, entry.sha));
    }
    unclear.iter_mut().for_each(|side| side.sort_unstable());
    if unclear[0] != unclear[1] {
        return None;
    }
    Some(
        known
            .into_iter()
            .filter(|(_, (old, new))| old != new)
            .map(|(path, (old, new))| (path, old, new))
            .collect(),
    )
}

/// What fuzzing opens: two trees, of which what differs is all there.
#[cfg(fuzzing)]
pub(super) mod fuzzing {
    use super::*;

    pub(crate) fn trees(body: &[u8]) {
        let Ok((old, new)) = serde_json::from_slice::<(TreeWire, TreeWire)>(body) else {
            return;
        };
        assert!(
            different(old.tree.clone(), old.tree.clone()).is_some_and(|changes| changes.is_empty()),
            "a tree differs from itself"
        );
        let (one, other) = (
            different(old.tree.clone(), new.tree.clone()),
            different(new.tree.clone(), old.tree.clone()),
        );
        assert_eq!(
            one.as_ref().map(Vec::len),
            other.map(|changes| changes.len())
        );
        // Whatever is on one side only has changed.
        for entry in &new.tree {
            let is_old = old.tree.iter().any(|known| known.path == entry.path);
            let is_told = one
                .as_ref()
                .is_none_or(|changes| changes.iter().any(|(path, ..)| *path == entry.path));
            assert!(
                is_old || is_told,
                "{} is new, and nobody says so",
                entry.path
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ExpectedRequest, Server, found, missing};
    use super::*;

    fn entries(list: &[(&str, &str, &str)]) -> Vec<TreeEntryWire> {
        let entry = |(path, mode, sha): &(&str, &str, &str)| TreeEntryWire {
            path: (*path).into(),
            mode: (*mode).into(),
            sha: (*sha).into(),
        };
        list.iter().map(entry).collect()
    }

    fn names(old: &[(&str, &str, &str)], new: &[(&str, &str, &str)]) -> Option<Vec<String>> {
        Some(
            different(entries(old), entries(new))?
                .into_iter()
                .map(|(path, ..)| path)
                .collect(),
        )
    }

    #[test]
    fn entries_differ_by_mode_object_and_presence() {
        let old = [
            ("a", "100644", "1"),
            ("b", "100644", "1"),
            ("c", "100644", "1"),
            ("d", "100644", "1"),
        ];
        let new = [
            ("a", "100644", "1"),
            ("b", "100755", "1"),
            ("c", "100644", "2"),
            ("e", "100644", "1"),
        ];
        assert_eq!(
            names(&old, &new),
            Some(vec!["b".into(), "c".into(), "d".into(), "e".into()])
        );
        assert_eq!(names(&old, &old), Some(vec![]));
    }

    #[test]
    fn names_that_json_cannot_hold_must_be_the_same_on_both_sides() {
        let (one, two) = (
            ("caf\u{fffd}", "100644", "1"),
            ("caf\u{fffd}", "100644", "2"),
        );
        assert_eq!(names(&[one, two], &[two, one]), Some(vec![]));
        assert_eq!(names(&[one, two], &[one]), None);
        assert_eq!(names(&[one], &[two]), None);
    }

    const BASE: CommitSha = CommitSha::from_bytes([0x11; 20]);
    const HEAD: CommitSha = CommitSha::from_bytes([0x22; 20]);

    fn commit(sha: &CommitSha, tree: &str) -> ExpectedRequest {
        let body = format!(
            r#"{{"sha":"{sha}","tree":{{"sha":"{tree}"}},"committer":{{"date":"2026-01-02T03:04:05Z"}}}}"#
        );
        found(&format!("git/commits/{sha}"), &body)
    }

    fn tree(name: &str, cut: &str, list: &[(&str, &str, &str)]) -> ExpectedRequest {
        let entry = |(path, mode, sha): &(&str, &str, &str)| {
            format!(r#"{{"path":"{path}","mode":"{mode}","type":"x","sha":"{sha}"}}"#)
        };
        let entries: Vec<_> = list.iter().map(entry).collect();
        found(
            &format!("git/trees/{name}"),
            &format!(r#"{{"tree":[{}],"truncated":{cut}}}"#, entries.join(",")),
        )
    }

    async fn changes(trees: Vec<ExpectedRequest>) -> Result<Option<Vec<Vec<u8>>>, GitHubError> {
        let server =
            Server::start([vec![commit(&BASE, "old"), commit(&HEAD, "new")], trees].concat());
        let answer = server.github().tree_changes(&BASE, &HEAD).await;
        server.finish();
        answer
    }

    fn paths(list: &[&str]) -> Result<Option<Vec<Vec<u8>>>, GitHubError> {
        Ok(Some(
            list.iter().map(|path| path.as_bytes().to_vec()).collect(),
        ))
    }

    #[tokio::test]
    async fn whole_trees_are_compared_in_four_requests() {
        let old = [
            ("a", "040000", "1"),
            ("a/x", "100644", "2"),
            ("b", "100644", "3"),
            ("sub", "160000", "4"),
        ];
        let new = [
            ("a", "040000", "9"),
            ("a/x", "100644", "8"),
            ("c", "100644", "3"),
            ("sub", "160000", "5"),
        ];
        let script = vec![
            tree("old?recursive=1", "false", &old),
            tree("new?recursive=1", "false", &new),
        ];
        assert_eq!(changes(script).await, paths(&["a/x", "b", "c", "sub"]));
    }

    #[tokio::test]
    async fn truncated_trees_are_walked_by_what_differs() {
        let script = vec![
            tree("old?recursive=1", "true", &[("a/x", "100644", "1")]),
            tree(
                "old",
                "false",
                &[
                    ("a", "040000", "a1"),
                    ("b", "040000", "b1"),
                    ("f", "100644", "1"),
                    ("z", "040000", "z1"),
                ],
            ),
            tree(
                "new",
                "false",
                &[
                    ("a", "040000", "a1"),
                    ("b", "040000", "b2"),
                    ("f", "040000", "f2"),
                ],
            ),
            tree("z1?recursive=1", "false", &[("gone", "100644", "1")]),
            tree("f2?recursive=1", "false", &[("deep/g", "100644", "1")]),
            tree(
                "b1?recursive=1",
                "false",
                &[("x", "100644", "1"), ("y", "100644", "1")],
            ),
            tree(
                "b2?recursive=1",
                "false",
                &[("x", "100644", "1"), ("y", "100644", "2")],
            ),
        ];
        assert_eq!(
            changes(script).await,
            paths(&["b/y", "f", "f/deep/g", "z/gone"])
        );
    }

    #[tokio::test]
    async fn a_directory_too_long_for_one_answer_is_unknown() {
        let script = vec![
            tree("old?recursive=1", "true", &[]),
            tree("old", "true", &[]),
        ];
        assert_eq!(changes(script).await, Ok(None));
    }

    #[tokio::test]
    async fn a_comparison_that_costs_too_much_is_unknown() {
        let names: Vec<_> = (0..150)
            .map(|index| {
                (
                    format!("d{index:03}"),
                    format!("o{index}"),
                    format!("n{index}"),
                )
            })
            .collect();
        let side = |which: usize| -> Vec<(&str, &str, &str)> {
            names
                .iter()
                .map(|(path, old, new)| (path.as_str(), DIRECTORY, [old, new][which].as_str()))
                .collect()
        };
        let mut script = vec![
            tree("old?recursive=1", "true", &[]),
            tree("old", "false", &side(0)),
            tree("new", "false", &side(1)),
        ];
        for (_, old, new) in names.iter().rev() {
            script.push(tree(&format!("{old}?recursive=1"), "false", &[]));
            script.push(tree(&format!("{new}?recursive=1"), "false", &[]));
        }
        script.truncate(BUDGET);
        assert_eq!(changes(script).await, Ok(None));
    }

    #[tokio::test]
    async fn equal_trees_cost_nothing_more_and_a_missing_commit_is_unknown() {
        let server = Server::start(vec![commit(&BASE, "same"), commit(&HEAD, "same")]);
        assert_eq!(server.github().tree_changes(&BASE, &HEAD).await, paths(&[]));
        server.finish();
        let server = Server::start(vec![missing(&format!("git/commits/{BASE}"))]);
        assert_eq!(server.github().tree_changes(&BASE, &HEAD).await, Ok(None));
        server.finish();
    }
}
