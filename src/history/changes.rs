//! What differs between two commits, and in a pull request.

use super::History;
use decide::Changes;
use github::{Comparison, GitHub, Relation};
use model::{CommitSha, PullRequest};

/// Whether the head was made on top of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// As far as the event says, it was.
    Forward,
    /// History was rewritten: the head may be anywhere, even behind the base.
    Rewritten,
}

impl History {
    /// The paths in which the trees of two commits differ.
    pub async fn changes(&self, base: &CommitSha, head: &CommitSha, movement: Movement) -> Changes {
        if base == head {
            return Changes::Known(Vec::new());
        }
        match self.local(|checkout| checkout.changed_paths(base, head)) {
            Ok(Some(paths)) => return Changes::Known(paths),
            Ok(None) => {}
            Err(error) => return Changes::Unknown(error.to_string()),
        }
        let Some(github) = &self.github else {
            return nobody_has(base, head);
        };
        if let Some(told) = self.told.borrow().get(&(*base, *head)) {
            return Changes::Known(told.clone());
        }
        let changes = self.told_by(github, base, head, movement).await;
        if let Changes::Known(paths) = &changes {
            self.told.borrow_mut().insert((*base, *head), paths.clone());
        }
        changes
    }

    async fn told_by(
        &self,
        github: &GitHub,
        base: &CommitSha,
        head: &CommitSha,
        movement: Movement,
    ) -> Changes {
        if movement == Movement::Forward {
            match github.compare(base, head).await {
                Ok(comparison) => {
                    if let Some(paths) = between_trees(comparison, base) {
                        return Changes::Known(paths);
                    }
                }
                Err(error) => self.note(error.to_string()),
            }
        }
        from_trees(github, base, head).await
    }

    /// The paths that a pull request changes since its merge base, and that merge base.
    pub async fn changes_of_pull_request(
        &self,
        pull_request: &PullRequest,
    ) -> (Changes, Option<CommitSha>) {
        let (base, head) = (&pull_request.base, &pull_request.head);
        let merge_base = match self.local(|checkout| checkout.merge_base(base, head)) {
            Ok(merge_base) => merge_base,
            Err(error) => return (Changes::Unknown(error.to_string()), None),
        };
        if let Some(merge_base) = merge_base
            && let Ok(Some(paths)) =
                self.local(|checkout| checkout.changed_paths(&merge_base, head))
        {
            return (Changes::Known(paths), Some(merge_base));
        }
        let Some(github) = &self.github else {
            return (nobody_has(base, head), merge_base);
        };
        let merge_base = match github.compare(base, head).await {
            Ok(Comparison {
                files: Some(paths),
                merge_base,
                ..
            }) => return (Changes::Known(paths), merge_base),
            Ok(comparison) => comparison.merge_base,
            Err(error) => {
                self.note(error.to_string());
                merge_base
            }
        };
        let mut why = format!(
            "{} and {} have no merge base that is known",
            base.short(10),
            head.short(10)
        );
        if let Some(merge_base) = &merge_base {
            match from_trees(github, merge_base, head).await {
                Changes::Unknown(reason) => why = reason,
                known @ Changes::Known(_) => return (known, Some(*merge_base)),
            }
        }
        // The last resort: the list is of the pull request as it is now, and in a private repository needs one more permission.
        match github
            .pull_request_files(pull_request.number, head, pull_request.changed_files)
            .await
        {
            Ok(Some(paths)) => return (Changes::Known(paths), merge_base),
            Ok(None) => {}
            Err(error) => self.note(error.to_string()),
        }
        (Changes::Unknown(why), merge_base)
    }
}

async fn from_trees(github: &GitHub, base: &CommitSha, head: &CommitSha) -> Changes {
    match github.tree_changes(base, head).await {
        Ok(Some(paths)) => Changes::Known(paths),
        Ok(None) => {
            let (base, head) = (base.short(10), head.short(10));
            Changes::Unknown(format!(
                "neither the checkout nor github has the whole difference of {base} and {head}"
            ))
        }
        Err(error) => Changes::Unknown(error.to_string()),
    }
}

fn nobody_has(base: &CommitSha, head: &CommitSha) -> Changes {
    let (base, head) = (base.short(10), head.short(10));
    Changes::Unknown(format!(
        "the checkout does not have both {base} and {head}, and there is no github api to ask"
    ))
}

/// The files of a comparison, if they are the difference of the two trees: only then is the merge base the base.
fn between_trees(comparison: Comparison, base: &CommitSha) -> Option<Vec<Vec<u8>>> {
    match comparison.relation {
        Relation::Ahead | Relation::Identical if comparison.merge_base == Some(*base) => {
            comparison.files
        }
        Relation::Ahead
        | Relation::Identical
        | Relation::Behind
        | Relation::Diverged
        | Relation::Unrelated => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        ELSEWHERE, FAR_AWAY, both, commit, comparison, local, remote, tree,
    };
    use super::*;
    use git::testing::Repo;
    use github::testing::{Server, exchange, found, missing};
    use model::PrNumber;

    fn known(paths: &[&str]) -> Changes {
        Changes::Known(paths.iter().map(|path| path.as_bytes().to_vec()).collect())
    }

    fn pull_request(base: CommitSha, head: CommitSha) -> PullRequest {
        PullRequest {
            number: PrNumber::parse(b"7").unwrap(),
            head,
            merge: None,
            base,
            base_branch: None,
            changed_files: Some(1),
            from_fork: false,
            by_dependabot: false,
            default_branch: "main".into(),
        }
    }

    fn many(count: usize) -> String {
        let files: Vec<_> = (0..count)
            .map(|index| format!(r#"{{"filename":"f{index}"}}"#))
            .collect();
        format!("[{}]", files.join(","))
    }

    #[test]
    fn a_comparison_is_the_difference_of_two_trees_only_when_the_merge_base_is_the_base() {
        let table = [
            (Relation::Ahead, Some(ELSEWHERE), true),
            (Relation::Identical, Some(ELSEWHERE), true),
            (Relation::Ahead, Some(FAR_AWAY), false),
            (Relation::Ahead, None, false),
            (Relation::Behind, Some(ELSEWHERE), false),
            (Relation::Diverged, Some(ELSEWHERE), false),
            (Relation::Unrelated, None, false),
        ];
        for (relation, merge_base, is_known) in table {
            let comparison = Comparison {
                relation,
                merge_base,
                files: Some(vec![]),
            };
            assert_eq!(
                between_trees(comparison, &ELSEWHERE).is_some(),
                is_known,
                "{relation:?} {merge_base:?}"
            );
        }
        let cut = Comparison {
            relation: Relation::Ahead,
            merge_base: Some(ELSEWHERE),
            files: None,
        };
        assert_eq!(between_trees(cut, &ELSEWHERE), None);
    }

    #[tokio::test]
    async fn a_push_back_to_an_ancestor_is_seen_in_a_checkout_and_through_the_api() {
        let repo = Repo::new();
        let old = repo.commit(&[("api/x", "1")]);
        let new = repo.commit(&[("api/x", "2")]);
        for movement in [Movement::Forward, Movement::Rewritten] {
            assert_eq!(
                local(&repo).changes(&new, &old, movement).await,
                known(&["api/x"])
            );
        }
        let trees = || {
            vec![
                commit(&ELSEWHERE, "t1"),
                commit(&FAR_AWAY, "t2"),
                tree("t1", "api/x", "2"),
                tree("t2", "api/x", "1"),
            ]
        };
        let server = Server::start(trees());
        assert_eq!(
            remote(&server)
                .changes(&ELSEWHERE, &FAR_AWAY, Movement::Rewritten)
                .await,
            known(&["api/x"])
        );
        server.finish();
        let compared = comparison(&ELSEWHERE, &FAR_AWAY, "behind", &FAR_AWAY, "[]");
        let server = Server::start([vec![compared], trees()].concat());
        assert_eq!(
            remote(&server)
                .changes(&ELSEWHERE, &FAR_AWAY, Movement::Forward)
                .await,
            known(&["api/x"])
        );
        server.finish();
    }

    #[tokio::test]
    async fn a_base_that_the_checkout_lacks_is_compared_by_github() {
        let repo = Repo::new();
        let head = repo.commit(&[("a", "1")]);
        let server = Server::start(vec![comparison(
            &ELSEWHERE,
            &head,
            "ahead",
            &ELSEWHERE,
            r#"[{"filename":"a"}]"#,
        )]);
        assert_eq!(
            both(&repo, &server)
                .changes(&ELSEWHERE, &head, Movement::Forward)
                .await,
            known(&["a"])
        );
        server.finish();
        assert!(matches!(
            local(&repo)
                .changes(&ELSEWHERE, &head, Movement::Forward)
                .await,
            Changes::Unknown(_)
        ));
    }

    #[tokio::test]
    async fn three_hundred_files_are_never_all_of_them() {
        let server = Server::start(vec![
            comparison(&ELSEWHERE, &FAR_AWAY, "ahead", &ELSEWHERE, &many(300)),
            commit(&ELSEWHERE, "t1"),
            commit(&FAR_AWAY, "t2"),
            tree("t1", "a", "1"),
            tree("t2", "b", "1"),
        ]);
        assert_eq!(
            remote(&server)
                .changes(&ELSEWHERE, &FAR_AWAY, Movement::Forward)
                .await,
            known(&["a", "b"])
        );
        server.finish();
    }

    #[tokio::test]
    async fn what_nobody_knows_is_unknown_and_says_why() {
        let missing_base = missing(&format!("git/commits/{ELSEWHERE}"));
        let compared = missing(&format!("compare/{ELSEWHERE}...{FAR_AWAY}"));
        let server = Server::start(vec![compared, missing_base.clone(), missing_base]);
        let history = remote(&server);
        let Changes::Unknown(why) = history
            .changes(&ELSEWHERE, &FAR_AWAY, Movement::Forward)
            .await
        else {
            panic!()
        };
        assert_eq!(
            why,
            "neither the checkout nor github has the whole difference of 1111111111 and 2222222222"
        );
        assert!(
            history.notes()[0].contains("status 404"),
            "{:?}",
            history.notes()
        );
        server.finish();
        let limited = exchange(
            &format!("/api/v3/repos/acme/shop/git/commits/{ELSEWHERE}"),
            403,
            &["X-RateLimit-Remaining: 0"],
            "{}",
        );
        let server = Server::start(vec![limited]);
        let Changes::Unknown(why) = remote(&server)
            .changes(&ELSEWHERE, &FAR_AWAY, Movement::Rewritten)
            .await
        else {
            panic!()
        };
        assert!(why.contains("limits our requests"), "{why}");
        server.finish();
    }

    #[tokio::test]
    async fn a_pull_request_changes_what_differs_from_its_merge_base() {
        let repo = Repo::new();
        let fork = repo.commit(&[("a", "1")]);
        repo.git(&["checkout", "-q", "-b", "topic"]);
        let head = repo.commit(&[("topic", "1")]);
        repo.git(&["checkout", "-q", "main"]);
        let base = repo.commit(&[("main", "1")]);
        let answer = local(&repo)
            .changes_of_pull_request(&pull_request(base, head))
            .await;
        assert_eq!(answer, (known(&["topic"]), Some(fork)));
    }

    #[tokio::test]
    async fn a_pull_request_in_a_shallow_clone_is_compared_by_github() {
        let origin = Repo::new();
        let fork = origin.commit(&[("a", "1")]);
        let base = origin.commit(&[("a", "2")]);
        let clone = Repo::clone_of(&origin, &["--depth=1"]);
        let server = Server::start(vec![comparison(
            &base,
            &FAR_AWAY,
            "diverged",
            &fork,
            r#"[{"filename":"topic"}]"#,
        )]);
        let answer = both(&clone, &server)
            .changes_of_pull_request(&pull_request(base, FAR_AWAY))
            .await;
        assert_eq!(answer, (known(&["topic"]), Some(fork)));
        server.finish();
        let (changes, merge_base) = local(&clone)
            .changes_of_pull_request(&pull_request(base, FAR_AWAY))
            .await;
        assert!(matches!(changes, Changes::Unknown(_)) && merge_base.is_none());
    }

    #[tokio::test]
    async fn a_large_pull_request_is_read_from_trees_and_its_own_list_comes_last() {
        let fork = CommitSha::from_bytes([0x33; 20]);
        let cut = comparison(&ELSEWHERE, &FAR_AWAY, "diverged", &fork, &many(300));
        let server = Server::start(vec![
            cut.clone(),
            commit(&fork, "t1"),
            commit(&FAR_AWAY, "t2"),
            tree("t1", "a", "1"),
            tree("t2", "a", "2"),
        ]);
        let answer = remote(&server)
            .changes_of_pull_request(&pull_request(ELSEWHERE, FAR_AWAY))
            .await;
        assert_eq!(answer, (known(&["a"]), Some(fork)));
        server.finish();
        let no_tree = missing(&format!("git/commits/{fork}"));
        let list = found("pulls/7/files?per_page=100", r#"[{"filename":"b"}]"#);
        let now = |head: &CommitSha| {
            found(
                "pulls/7",
                &format!(r#"{{"head":{{"sha":"{head}"}},"changed_files":1}}"#),
            )
        };
        let server = Server::start(vec![
            cut.clone(),
            no_tree.clone(),
            list.clone(),
            now(&FAR_AWAY),
        ]);
        let answer = remote(&server)
            .changes_of_pull_request(&pull_request(ELSEWHERE, FAR_AWAY))
            .await;
        assert_eq!(answer, (known(&["b"]), Some(fork)));
        server.finish();
        let server = Server::start(vec![cut, no_tree, list, now(&ELSEWHERE)]);
        let (changes, _) = remote(&server)
            .changes_of_pull_request(&pull_request(ELSEWHERE, FAR_AWAY))
            .await;
        assert!(matches!(changes, Changes::Unknown(_)), "{changes:?}");
        server.finish();
    }
}
