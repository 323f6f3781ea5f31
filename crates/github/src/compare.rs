//! Two commits compared, and the files of a pull request.

use super::{GitHub, GitHubError};
use model::{CommitRange, CommitSha, PrNumber, RangeCommit};
use serde::Deserialize;
use std::collections::BTreeSet;

/// A comparison lists no more files than this, without saying that there are more
/// (<https://docs.github.com/en/rest/commits/commits#compare-two-commits>).
const COMPARED: usize = 300;
/// Neither does a pull request (<https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files>).
const LISTED: usize = 3000;
/// What a byte that is no UTF-8 has become on its way through JSON.
pub(super) const REPLACED: char = '\u{fffd}';

/// How `head` stands to `base`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `head` descends from `base`.
    Ahead,
    /// `base` descends from `head`.
    Behind,
    /// They are the same commit.
    Identical,
    /// Both have commits that the other has not.
    Diverged,
    /// They have no common ancestor.
    Unrelated,
}

/// What GitHub says about two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// How the second stands to the first.
    pub relation: Relation,
    /// Their merge base, unless they are unrelated.
    pub merge_base: Option<CommitSha>,
    /// The paths in which the second differs from the *merge base*, both names of a rename, sorted. `None` when the list may
    /// have been cut short, or has a name that is not exactly known.
    pub files: Option<Vec<Vec<u8>>>,
}

#[derive(Deserialize)]
struct CompareWire {
    status: String,
    merge_base_commit: ObjectWire,
    files: Option<Vec<FileWire>>,
}

#[derive(Deserialize)]
struct ObjectWire {
    sha: String,
}

#[derive(Deserialize)]
struct FileWire {
    filename: String,
    previous_filename: Option<String>,
}

#[derive(Deserialize)]
struct CommitsWire {
    total_commits: usize,
    commits: Vec<CommitWire>,
}

#[derive(Deserialize)]
struct CommitWire {
    sha: String,
    parents: Vec<ObjectWire>,
    commit: Option<CommitTimeWire>,
}

#[derive(Deserialize)]
struct CommitTimeWire {
    committer: Option<CommitterWire>,
}

#[derive(Deserialize)]
struct CommitterWire {
    date: Option<String>,
}

impl CommitTimeWire {
    fn seconds(&self) -> Option<i64> {
        let date = self.committer.as_ref()?.date.as_ref()?;
        let time: jiff::Timestamp = date.parse().ok()?;
        Some(time.as_second())
    }
}

#[derive(Deserialize)]
struct PullRequestWire {
    head: ObjectWire,
    changed_files: u64,
}

impl GitHub {
    /// Compares two commits, three-dot: the files are those since the merge base.
    ///
    /// # Errors
    /// [`GitHubError`]; `NotFound` when one of them is not there.
    pub async fn compare(
        &self,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<Comparison, GitHubError> {
        let what = format!("comparison of {} with {}", base.short(10), head.short(10));
        let reply = match self.reply(&format!("compare/{base}...{head}"), &what).await {
            Ok(reply) => reply,
            Err(error) if self.are_unrelated(&error, base, head).await? => {
                return Ok(Comparison {
                    relation: Relation::Unrelated,
                    merge_base: None,
                    files: None,
                });
            }
            Err(error) => return Err(error),
        };
        let wire: CompareWire = reply.json(&what)?;
        let relation = match wire.status.as_str() {
            "ahead" => Relation::Ahead,
            "behind" => Relation::Behind,
            "identical" => Relation::Identical,
            "diverged" => Relation::Diverged,
            other => return Err(reply.broken(&what, &format!("status {other}"))),
        };
        let merge_base = CommitSha::parse(wire.merge_base_commit.sha.as_bytes())
            .map_err(|error| reply.broken(&what, &error.to_string()))?;
        let files = wire
            .files
            .filter(|files| files.len() < COMPARED)
            .and_then(paths);
        Ok(Comparison {
            relation,
            merge_base: Some(merge_base),
            files,
        })
    }

    /// The commits that descend from `base`, up to and with `head`, the newest first; `None` where there are more than GitHub lists.
    ///
    /// # Errors
    /// [`GitHubError`]; `NotFound` when one of them is not there.
    pub async fn commits_after(
        &self,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<Option<Vec<CommitSha>>, GitHubError> {
        let what = format!("the commits from {} to {}", base.short(10), head.short(10));
        let reply = self
            .reply(&format!("compare/{base}...{head}"), &what)
            .await?;
        let wire: CommitsWire = reply.json(&what)?;
        if wire.total_commits > wire.commits.len() {
            return Ok(None);
        }
        // The oldest is listed first, so the parents of each stand before it.
        let (mut found, mut after) = (BTreeSet::from([base.to_string()]), Vec::new());
        for commit in wire.commits {
            let descends = commit
                .parents
                .iter()
                .any(|parent| found.contains(&parent.sha));
            if !descends {
                continue;
            }
            let sha = CommitSha::parse(commit.sha.as_bytes())
                .map_err(|error| reply.broken(&what, &error.to_string()))?;
            found.insert(commit.sha);
            after.push(sha);
        }
        after.reverse();
        Ok(Some(after))
    }

    /// The commits that `head` has and `base` lacks. GitHub lists 250 of them at most.
    ///
    /// # Errors
    /// [`GitHubError`]; `NotFound` when one of them is not there.
    pub async fn range(
        &self,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<CommitRange, GitHubError> {
        let what = format!("the commits from {} to {}", base.short(10), head.short(10));
        let reply = self
            .reply(&format!("compare/{base}...{head}"), &what)
            .await?;
        let wire: CommitsWire = reply.json(&what)?;
        let mut commits = Vec::new();
        for commit in &wire.commits {
            let parse = |text: &str| CommitSha::parse(text.as_bytes());
            let parents = commit.parents.iter().map(|parent| parse(&parent.sha));
            let parents: Result<Vec<CommitSha>, _> = parents.collect();
            let (Ok(sha), Ok(parents)) = (parse(&commit.sha), parents) else {
                return Err(reply.broken(&what, "a commit that is none"));
            };
            let time = commit.commit.as_ref().and_then(CommitTimeWire::seconds);
            commits.push(RangeCommit { sha, parents, time });
        }
        Ok(CommitRange {
            total: wire.total_commits,
            commits,
        })
    }

    /// A comparison is "not found" for two commits without a common ancestor, too: then both of them are.
    async fn are_unrelated(
        &self,
        error: &GitHubError,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<bool, GitHubError> {
        if !matches!(error, GitHubError::NotFound { .. }) {
            return Ok(false);
        }
        Ok(self.is_commit(base).await? && self.is_commit(head).await?)
    }

    /// The paths that a pull request changes, sorted, while `head` is its head. `None` when the list may have been cut short, is
    /// not that of `head`, is not as long as `expected` says, or has a name that is not exactly known.
    ///
    /// The list is of the pull request as it is now, so it is of use only for as long as nothing is pushed to it.
    ///
    /// # Errors
    /// [`GitHubError`]; in a private repository the token needs `pull-requests: read`.
    pub async fn pull_request_files(
        &self,
        number: PrNumber,
        head: &CommitSha,
        expected: Option<u64>,
    ) -> Result<Option<Vec<Vec<u8>>>, GitHubError> {
        let what = format!("files of pull request {number}");
        let list = self
            .pages::<FileWire>(
                &format!("pulls/{number}/files?per_page=100"),
                &what,
                LISTED - 1,
            )
            .await?;
        let Some(files) = list else { return Ok(None) };
        let now: PullRequestWire = self
            .get(
                &format!("pulls/{number}"),
                &format!("pull request {number}"),
            )
            .await?;
        let count = u64::try_from(files.len()).unwrap_or(u64::MAX);
        let is_whole = now.head.sha == head.to_string()
            && now.changed_files == count
            && expected.is_none_or(|expected| expected == count);
        Ok(if is_whole { paths(files) } else { None })
    }
}

/// Every name of every file, sorted; `None` when one of them is not exactly known.
fn paths(files: Vec<FileWire>) -> Option<Vec<Vec<u8>>> {
    let names = files
        .into_iter()
        .flat_map(|file| [Some(file.filename), file.previous_filename])
        .flatten();
    let mut paths = names
        .map(|name| (!name.is_empty() && !name.contains(REPLACED)).then(|| name.into_bytes()))
        .collect::<Option<Vec<_>>>()?;
    paths.sort_unstable();
    paths.dedup();
    Some(paths)
}

/// What fuzzing opens: a list of files, of which every name is known or none is.
#[cfg(fuzzing)]
pub(super) mod fuzzing {
    use super::*;

    pub(crate) fn files(body: &[u8]) {
        let Ok(wire) = serde_json::from_slice::<CompareWire>(body) else {
            return;
        };
        let files = wire.files.unwrap_or_default();
        let names: Vec<String> = files
            .iter()
            .flat_map(|file| [Some(&file.filename), file.previous_filename.as_ref()])
            .flatten()
            .cloned()
            .collect();
        match paths(files) {
            None => assert!(
                names
                    .iter()
                    .any(|name| name.is_empty() || name.contains(REPLACED))
            ),
            Some(paths) => {
                assert!(
                    paths.is_sorted()
                        && names
                            .iter()
                            .all(|name| paths.iter().any(|path| path == name.as_bytes()))
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ExpectedRequest, Server, found, missing};
    use super::*;

    const BASE: CommitSha = CommitSha::from_bytes([0x11; 20]);
    const HEAD: CommitSha = CommitSha::from_bytes([0x22; 20]);

    fn comparison(status: &str, files: &str) -> ExpectedRequest {
        let body =
            format!(r#"{{"status":"{status}","merge_base_commit":{{"sha":"{BASE}"}}{files}}}"#);
        found(&format!("compare/{BASE}...{HEAD}"), &body)
    }

    fn listed(count: usize) -> String {
        let files: Vec<_> = (0..count)
            .map(|index| format!(r#"{{"filename":"f{index:05}"}}"#))
            .collect();
        format!("[{}]", files.join(","))
    }

    async fn compare(script: Vec<ExpectedRequest>) -> Result<Comparison, GitHubError> {
        let server = Server::start(script);
        let answer = server.github().compare(&BASE, &HEAD).await;
        server.finish();
        answer
    }

    #[tokio::test]
    async fn both_names_of_a_rename_count() {
        let files = r#","files":[{"filename":"b","previous_filename":"a","status":"renamed","changes":0},{"filename":"c"}]"#;
        let answer = compare(vec![comparison("ahead", files)]).await.unwrap();
        assert_eq!(answer.relation, Relation::Ahead);
        assert_eq!(answer.merge_base, Some(BASE));
        assert_eq!(
            answer.files,
            Some(vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()])
        );
    }

    #[tokio::test]
    async fn a_list_that_may_be_cut_is_unknown() {
        for (files, is_known) in [
            (format!(r#","files":{}"#, listed(299)), true),
            (format!(r#","files":{}"#, listed(300)), false),
            (r#","files":null"#.into(), false),
            (String::new(), false),
            (r#","files":[]"#.into(), true),
            (",\"files\":[{\"filename\":\"caf\u{fffd}\"}]".into(), false),
            (
                ",\"files\":[{\"filename\":\"a\",\"previous_filename\":\"caf\u{fffd}\"}]".into(),
                false,
            ),
        ] {
            let answer = compare(vec![comparison("ahead", &files)]).await.unwrap();
            assert_eq!(answer.files.is_some(), is_known, "{files:.60}");
        }
    }

    #[tokio::test]
    async fn every_relation_is_told_apart() {
        for (status, relation) in [
            ("ahead", Relation::Ahead),
            ("behind", Relation::Behind),
            ("identical", Relation::Identical),
            ("diverged", Relation::Diverged),
        ] {
            assert_eq!(
                compare(vec![comparison(status, "")])
                    .await
                    .unwrap()
                    .relation,
                relation
            );
        }
        assert!(matches!(
            compare(vec![comparison("odd", "")]).await,
            Err(GitHubError::Broken { .. })
        ));
    }

    #[tokio::test]
    async fn two_commits_without_a_comparison_are_unrelated() {
        let commit = |sha: &CommitSha| {
            let body = format!(
                r#"{{"sha":"{sha}","tree":{{"sha":"t"}},"committer":{{"date":"2026-01-02T03:04:05Z"}}}}"#
            );
            found(&format!("git/commits/{sha}"), &body)
        };
        let compared = missing(&format!("compare/{BASE}...{HEAD}"));
        let answer = compare(vec![compared.clone(), commit(&BASE), commit(&HEAD)])
            .await
            .unwrap();
        assert_eq!(answer.relation, Relation::Unrelated);
        let answer = compare(vec![
            compared,
            commit(&BASE),
            missing(&format!("git/commits/{HEAD}")),
        ])
        .await;
        assert!(matches!(answer, Err(GitHubError::NotFound { .. })));
    }

    #[tokio::test]
    async fn files_of_a_pull_request_are_known_when_all_of_them_are_there_and_its_head_is_ours() {
        let number = PrNumber::parse(b"7").unwrap();
        for (listed_files, head, stated, expected, is_known) in [
            (2, HEAD, 2, Some(2), true),
            (2, HEAD, 2, None, true),
            (2, HEAD, 2, Some(3), false),
            (2, HEAD, 3, None, false),
            (2, BASE, 2, Some(2), false),
            (0, HEAD, 0, Some(0), true),
        ] {
            let server = Server::start(vec![
                found("pulls/7/files?per_page=100", &listed(listed_files)),
                found(
                    "pulls/7",
                    &format!(r#"{{"head":{{"sha":"{head}"}},"changed_files":{stated}}}"#),
                ),
            ]);
            let answer = server
                .github()
                .pull_request_files(number, &HEAD, expected)
                .await
                .unwrap();
            assert_eq!(
                answer.is_some(),
                is_known,
                "{listed_files} {stated} {expected:?}"
            );
            server.finish();
        }
        let server = Server::start(vec![found("pulls/7/files?per_page=100", &listed(3000))]);
        assert_eq!(
            server
                .github()
                .pull_request_files(number, &HEAD, Some(3000))
                .await,
            Ok(None)
        );
        server.finish();
    }
}
