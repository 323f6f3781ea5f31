//! The commits before a commit.

use super::{GitHub, GitHubError};
use model::CommitSha;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How many commits an answer lists at most.
const PAGE: usize = 100;
/// How many answers are read: a branch with merges has more commits than first parents.
const PAGES: usize = 3;

#[derive(Deserialize)]
struct CommitWire {
    sha: String,
    parents: Vec<ParentWire>,
}

#[derive(Deserialize)]
struct ParentWire {
    sha: String,
}

impl GitHub {
    /// The first parent of a commit, its first parent and so on, the nearest first: at most `most`, and as far as the newest 300 commits
    /// reach. Empty where there is no such commit.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn first_parents(
        &self,
        head: &CommitSha,
        most: usize,
    ) -> Result<Vec<CommitSha>, GitHubError> {
        let what = format!("the commits before {}", head.short(10));
        let mut first: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut chain = Vec::new();
        let mut at = head.to_string();
        for page in 1..=PAGES {
            let path = format!("commits?sha={head}&per_page={PAGE}&page={page}");
            let Some(listed) = self.find::<Vec<CommitWire>>(&path, &what).await? else {
                return Ok(chain);
            };
            let is_last = listed.len() < PAGE;
            for commit in listed {
                first.insert(
                    commit.sha,
                    commit.parents.into_iter().next().map(|parent| parent.sha),
                );
            }
            // Only a parent that is listed itself, or whose child is, can be told.
            while let Some(parent) = first.get(&at) {
                let Some(parent) = parent else {
                    return Ok(chain);
                };
                let Ok(commit) = CommitSha::parse(parent.as_bytes()) else {
                    return Ok(chain);
                };
                chain.push(commit);
                if chain.len() == most {
                    return Ok(chain);
                }
                at.clone_from(parent);
            }
            if is_last {
                break;
            }
        }
        Ok(chain)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, found, missing};
    use super::*;

    fn sha(number: usize) -> CommitSha {
        CommitSha::parse(format!("{number:040x}").as_bytes()).unwrap()
    }

    fn page(number: usize) -> String {
        format!("commits?sha={}&per_page=100&page={number}", sha(1))
    }

    fn listed(commits: impl Iterator<Item = (usize, Vec<usize>)>) -> String {
        let commits = commits.map(|(commit, parents)| {
            let parents: Vec<_> = parents
                .into_iter()
                .map(|parent| format!(r#"{{"sha":"{}"}}"#, sha(parent)))
                .collect();
            format!(
                r#"{{"sha":"{}","parents":[{}]}}"#,
                sha(commit),
                parents.join(",")
            )
        });
        format!("[{}]", commits.collect::<Vec<_>>().join(","))
    }

    async fn asked(
        most: usize,
        script: Vec<super::super::testing::ExpectedRequest>,
    ) -> Vec<CommitSha> {
        let server = Server::start(script);
        let chain = server.github().first_parents(&sha(1), most).await.unwrap();
        server.finish();
        chain
    }

    #[tokio::test]
    async fn only_first_parents_count() {
        let body = listed([(1, vec![2, 9]), (9, vec![3]), (2, vec![3]), (3, vec![])].into_iter());
        assert_eq!(
            asked(200, vec![found(&page(1), &body)]).await,
            [sha(2), sha(3)]
        );
        assert_eq!(asked(1, vec![found(&page(1), &body)]).await, [sha(2)]);
    }

    #[tokio::test]
    async fn pages_are_read_as_far_as_they_are_needed_and_no_further_than_three() {
        let body =
            |from: usize| listed((from..from + 100).map(|number| (number, vec![number + 1])));
        let whole = |count: usize| (2..2 + count).map(sha).collect::<Vec<_>>();
        assert_eq!(
            asked(100, vec![found(&page(1), &body(1))]).await,
            whole(100)
        );
        let two = vec![found(&page(1), &body(1)), found(&page(2), &body(101))];
        assert_eq!(asked(150, two.clone()).await, whole(150));
        let three = [two, vec![found(&page(3), &body(201))]].concat();
        assert_eq!(asked(1000, three).await, whole(300));
    }

    #[tokio::test]
    async fn a_commit_that_is_not_there_has_none_before_it() {
        assert_eq!(asked(200, vec![missing(&page(1))]).await, []);
    }
}
