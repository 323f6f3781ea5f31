//! Who descends from whom.

use super::object::{NAMES, id, sha};
use super::{Checkout, RepositoryError};
use gix::ObjectId;
use gix::objs::CommitRefIter;
use gix::objs::commit::ref_iter::Token;
use model::{CommitRange, CommitSha, RangeCommit};
use std::collections::{BinaryHeap, HashMap};

impl Checkout {
    /// Whether history ends early here, as in a clone of limited depth.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.0
            .common_dir()
            .join("shallow")
            .metadata()
            .is_ok_and(|metadata| metadata.len() > 0)
    }

    /// Whether `ancestor` is `descendant` or reachable from it; `None` when that cannot be told from what is here.
    ///
    /// # Errors
    /// Refuses broken objects.
    pub fn is_ancestor(
        &self,
        ancestor: &CommitSha,
        descendant: &CommitSha,
    ) -> Result<Option<bool>, RepositoryError> {
        let (ancestor, descendant) = (id(ancestor), id(descendant));
        let mut walk = Walk::default();
        for (start, reach) in [(ancestor, FROM_ANCESTOR), (descendant, FROM_DESCENDANT)] {
            let Some(commit) = self.commit(start)? else {
                return Ok(None);
            };
            walk.reach(start, reach, commit);
        }
        let mut is_cut = false;
        while walk.reached(ancestor) & FROM_DESCENDANT == 0 {
            let Some((reach, parents)) = walk.next() else {
                return Ok((!is_cut).then_some(false));
            };
            for parent in parents {
                match walk.known(parent) {
                    Some(commit) => walk.reach(parent, reach, commit),
                    None => match self.commit(parent)? {
                        Some(commit) => walk.reach(parent, reach, commit),
                        // A way from the descendant to the ancestor has no commit that the ancestor reaches.
                        None => is_cut |= reach == FROM_DESCENDANT,
                    },
                }
            }
        }
        Ok(Some(true))
    }

    /// The commits that descend from `head`, up to and with `tip`, the newest first; `None` when that cannot be told from what is here.
    ///
    /// # Errors
    /// Refuses broken objects.
    pub fn commits_after(
        &self,
        head: &CommitSha,
        tip: &CommitSha,
    ) -> Result<Option<Vec<CommitSha>>, RepositoryError> {
        let (head, tip) = (id(head), id(tip));
        let Some(walk) = self.walk(head, tip)? else {
            return Ok(None);
        };
        let mut after = walk.only_from_descendant();
        after.sort_by_key(|(_, commit)| std::cmp::Reverse(commit.time));
        let parents: Vec<(ObjectId, &[ObjectId])> = after
            .iter()
            .map(|(object, commit)| (*object, commit.parents.as_slice()))
            .collect();
        Ok(Some(
            descendants(head, &parents).iter().filter_map(sha).collect(),
        ))
    }

    /// The commits that `tip` has and `head` lacks; `None` when that cannot be told from what is here.
    ///
    /// # Errors
    /// Refuses broken objects.
    pub fn range(
        &self,
        head: &CommitSha,
        tip: &CommitSha,
    ) -> Result<Option<CommitRange>, RepositoryError> {
        let Some(walk) = self.walk(id(head), id(tip))? else {
            return Ok(None);
        };
        let of = |(object, commit): (ObjectId, &CommitNode)| {
            Some(RangeCommit {
                sha: sha(&object)?,
                parents: commit.parents.iter().filter_map(sha).collect(),
                time: Some(commit.time),
            })
        };
        let commits: Vec<RangeCommit> = walk
            .only_from_descendant()
            .into_iter()
            .filter_map(of)
            .collect();
        Ok(Some(CommitRange {
            total: commits.len(),
            commits,
        }))
    }

    /// Walks down from both commits; `None` when something of the descendant's history is not here.
    fn walk(&self, head: ObjectId, tip: ObjectId) -> Result<Option<Walk>, RepositoryError> {
        let mut walk = Walk::default();
        for (start, reach) in [(head, FROM_ANCESTOR), (tip, FROM_DESCENDANT)] {
            let Some(commit) = self.commit(start)? else {
                return Ok(None);
            };
            walk.reach(start, reach, commit);
        }
        while let Some((reach, parents)) = walk.next() {
            for parent in parents {
                match walk.known(parent) {
                    Some(commit) => walk.reach(parent, reach, commit),
                    None => match self.commit(parent)? {
                        Some(commit) => walk.reach(parent, reach, commit),
                        None if reach == FROM_DESCENDANT => return Ok(None),
                        None => {}
                    },
                }
            }
        }
        Ok(Some(walk))
    }

    /// The first parent of a commit, its first parent and so on, the nearest first, at most `most`; and whether that is all there is to say:
    /// `false` where history ends early here. `None` when the commit itself is not here.
    ///
    /// # Errors
    /// Refuses broken objects.
    pub fn first_parents(
        &self,
        head: &CommitSha,
        most: usize,
    ) -> Result<Option<(Vec<CommitSha>, bool)>, RepositoryError> {
        let Some(mut at) = self.commit(id(head))? else {
            return Ok(None);
        };
        let mut chain = Vec::new();
        while let Some(parent) = at.parents.first().copied() {
            let (Some(name), true) = (sha(&parent), chain.len() < most) else {
                break;
            };
            // The name of a parent that is not here is known, and of no use here.
            let Some(commit) = self.commit(parent)? else {
                return Ok(Some((chain, false)));
            };
            chain.push(name);
            at = commit;
        }
        Ok(Some((chain, true)))
    }

    /// A best common ancestor; `None` when there is none, or when it cannot be told because history is not all here.
    ///
    /// # Errors
    /// Refuses broken objects.
    pub fn merge_base(
        &self,
        one: &CommitSha,
        other: &CommitSha,
    ) -> Result<Option<CommitSha>, RepositoryError> {
        if self.is_shallow() || !self.has(one) || !self.has(other) {
            return Ok(None);
        }
        let base = self
            .0
            .merge_base(id(one), id(other))
            .map_err(|error| super::object::broken(one, &error.to_string()))?;
        Ok(base.and_then(|base| sha(&base.detach())))
    }

    fn commit(&self, object: ObjectId) -> Result<Option<CommitNode>, RepositoryError> {
        let mut buffer = Vec::new();
        let Some(data) = self.read(object, &mut buffer)? else {
            return Ok(None);
        };
        let mut commit = CommitNode {
            time: 0,
            parents: Vec::new(),
        };
        for token in CommitRefIter::from_bytes(data.data, NAMES) {
            match token {
                Ok(Token::Parent { id }) => commit.parents.push(id),
                Ok(Token::Committer { signature }) => {
                    commit.time = signature.seconds();
                    break;
                }
                Ok(_) => {}
                Err(error) => {
                    let name = sha(&object).unwrap_or(CommitSha::from_bytes([0; 20]));
                    return Err(super::object::broken(&name, &error.to_string()));
                }
            }
        }
        Ok(Some(commit))
    }
}

/// Those of some commits that descend from `head`, in their order, whatever that is.
fn descendants(head: ObjectId, commits: &[(ObjectId, &[ObjectId])]) -> Vec<ObjectId> {
    let mut found = std::collections::HashSet::from([head]);
    loop {
        let before = found.len();
        for (object, parents) in commits.iter().rev() {
            if parents.iter().any(|parent| found.contains(parent)) {
                found.insert(*object);
            }
        }
        if found.len() == before {
            break;
        }
    }
    let all = commits.iter().map(|(object, _)| *object);
    all.filter(|object| *object != head && found.contains(object))
        .collect()
}

type ReachedCommits = u8;
const FROM_ANCESTOR: ReachedCommits = 1;
const FROM_DESCENDANT: ReachedCommits = 2;
const FROM_BOTH: ReachedCommits = FROM_ANCESTOR | FROM_DESCENDANT;

#[derive(Clone)]
struct CommitNode {
    time: i64,
    parents: Vec<ObjectId>,
}

/// A walk down from two commits at once, newest first. It goes no further down when everything still waiting is reached from both: nothing below
/// that can lie on a way from one to the other, whatever the clocks of the committers said. What was passed before it was reached from both, because of
/// such a clock, is then told so.
#[derive(Default)]
struct Walk {
    seen: HashMap<ObjectId, VisitedCommits>,
    waiting: BinaryHeap<(i64, ObjectId)>,
    /// How many of those waiting are reached from one side only.
    undecided: usize,
}

struct VisitedCommits {
    reach: ReachedCommits,
    is_waiting: bool,
    commit: CommitNode,
}

impl Walk {
    fn known(&self, object: ObjectId) -> Option<CommitNode> {
        self.seen.get(&object).map(|seen| seen.commit.clone())
    }

    /// The commits that only the descendant reaches.
    fn only_from_descendant(&self) -> Vec<(ObjectId, &CommitNode)> {
        self.seen
            .iter()
            .filter(|(_, seen)| seen.reach == FROM_DESCENDANT)
            .map(|(object, seen)| (*object, &seen.commit))
            .collect()
    }

    fn reached(&self, object: ObjectId) -> ReachedCommits {
        self.seen.get(&object).map_or(0, |seen| seen.reach)
    }

    fn reach(&mut self, object: ObjectId, reach: ReachedCommits, commit: CommitNode) {
        let seen = self.seen.entry(object).or_insert(VisitedCommits {
            reach: 0,
            is_waiting: false,
            commit,
        });
        let after = seen.reach | reach;
        if after == seen.reach {
            return;
        }
        if seen.is_waiting && seen.reach != FROM_BOTH {
            self.undecided -= 1;
        }
        if after != FROM_BOTH {
            self.undecided += 1;
        }
        seen.reach = after;
        if !seen.is_waiting {
            seen.is_waiting = true;
            self.waiting.push((seen.commit.time, object));
        }
    }

    fn next(&mut self) -> Option<(ReachedCommits, Vec<ObjectId>)> {
        let is_decided = self.undecided == 0;
        let (_, object) = self.waiting.pop()?;
        let seen = self.seen.get_mut(&object)?;
        seen.is_waiting = false;
        if seen.reach != FROM_BOTH {
            self.undecided -= 1;
        }
        let (reach, mut parents) = (seen.reach, seen.commit.parents.clone());
        if is_decided {
            parents.retain(|parent| !matches!(self.reached(*parent), 0 | FROM_BOTH));
        }
        Some((reach, parents))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Repo;

    #[test]
    fn ancestry_is_that_of_git() {
        let repo = Repo::new();
        let root = repo.commit(&[("a", "1")]);
        let fork = repo.commit(&[("a", "2")]);
        let main = repo.commit(&[("a", "3")]);
        repo.git(&["checkout", "-q", "-b", "side", &fork.to_string()]);
        let side = repo.commit(&[("b", "1")]);
        repo.git(&["merge", "-q", "--no-edit", "main"]);
        let merge = repo.sha("HEAD");
        repo.git(&["checkout", "-q", "--orphan", "other"]);
        let other = repo.commit(&[("c", "1")]);
        let checkout = repo.checkout();
        let all = [root, fork, main, side, merge, other];
        for a in &all {
            for b in &all {
                let wanted = repo
                    .git(&["rev-list", &b.to_string()])
                    .contains(&a.to_string());
                assert_eq!(checkout.is_ancestor(a, b), Ok(Some(wanted)), "{a} {b}");
            }
        }
        assert_eq!(
            checkout.first_parents(&merge, 200),
            Ok(Some((vec![side, fork, root], true)))
        );
        assert_eq!(
            checkout.first_parents(&merge, 2),
            Ok(Some((vec![side, fork], true)))
        );
        assert_eq!(checkout.merge_base(&main, &side), Ok(Some(fork)));
        assert_eq!(checkout.merge_base(&main, &merge), Ok(Some(main)));
        assert_eq!(checkout.merge_base(&main, &other), Ok(None));
    }

    #[test]
    fn a_range_is_that_of_git() {
        let repo = Repo::new();
        let root = repo.commit(&[("a", "1")]);
        let fork = repo.commit(&[("a", "2")]);
        let main = repo.commit(&[("a", "3")]);
        repo.git(&["checkout", "-q", "-b", "side", &fork.to_string()]);
        let side = repo.commit(&[("b", "1")]);
        repo.git(&["merge", "-q", "--no-edit", "main"]);
        let merge = repo.sha("HEAD");
        let checkout = repo.checkout();
        for (from, to) in [
            (root, merge),
            (main, merge),
            (side, main),
            (merge, root),
            (fork, fork),
        ] {
            let listed = repo.git(&["rev-list", "--parents", &format!("{from}..{to}")]);
            let mut wanted: Vec<&str> = listed.lines().collect();
            let range = checkout.range(&from, &to).unwrap().unwrap();
            let shown = |own: &model::RangeCommit| {
                let all = std::iter::once(&own.sha).chain(&own.parents);
                all.map(ToString::to_string).collect::<Vec<_>>().join(" ")
            };
            let mut found: Vec<String> = range.commits.iter().map(shown).collect();
            found.sort();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{from} {to}");
            assert_eq!(range.total, wanted.len());
            assert!(range.commits.iter().all(|own| own.time.is_some()));
        }
    }

    #[test]
    fn wrong_clocks_do_not_change_ancestry() {
        let repo = Repo::new();
        let root = repo.commit(&[("a", "1")]);
        let mut chain = vec![root];
        for (index, time) in [9_000_000_000_u64, 1, 5_000_000_000, 2, 1_750_000_000]
            .into_iter()
            .enumerate()
        {
            let tree = repo.git(&["write-tree"]);
            let parent = chain[index].to_string();
            let text = format!(
                "tree {tree}\nparent {parent}\nauthor A <a@x> {time} +0000\ncommitter A <a@x> {time} +0000\n\n{index}\n"
            );
            std::fs::write(repo.path().join("commit"), text).unwrap();
            chain.push(repo.sha(&repo.git(&["hash-object", "-t", "commit", "-w", "commit"])));
        }
        let checkout = repo.checkout();
        for (i, a) in chain.iter().enumerate() {
            for (j, b) in chain.iter().enumerate() {
                assert_eq!(checkout.is_ancestor(a, b), Ok(Some(i <= j)), "{i} {j}");
                let range = checkout.range(a, b).unwrap().unwrap();
                assert_eq!(range.total, j.saturating_sub(i), "{i} {j}");
            }
        }
    }

    #[test]
    fn a_shallow_clone_says_only_what_is_certain() {
        let origin = Repo::new();
        let old = origin.commit(&[("a", "1")]);
        let middle = origin.commit(&[("a", "2")]);
        let new = origin.commit(&[("a", "3")]);
        let clone = Repo::clone_of(&origin, &["--depth=2"]);
        let checkout = clone.checkout();
        assert!(checkout.is_shallow() && !origin.checkout().is_shallow());
        assert_eq!(checkout.is_ancestor(&middle, &new), Ok(Some(true)));
        assert_eq!(checkout.is_ancestor(&old, &new), Ok(None));
        assert_eq!(checkout.is_ancestor(&new, &middle), Ok(Some(false)));
        assert_eq!(checkout.merge_base(&middle, &new), Ok(None));
        assert_eq!(checkout.changed_paths(&old, &new), Ok(None));
        assert_eq!(
            checkout.first_parents(&new, 200),
            Ok(Some((vec![middle], false)))
        );
        assert_eq!(checkout.first_parents(&old, 200), Ok(None));
        assert_eq!(
            checkout.changed_paths(&middle, &new),
            Ok(Some(vec![b"a".to_vec()]))
        );
    }

    #[test]
    fn the_commits_after_a_commit_are_those_that_descend_from_it() {
        let repo = Repo::new();
        let first = repo.commit(&[("a", "1")]);
        repo.git(&["checkout", "-q", "-b", "side"]);
        let side = repo.commit(&[("side", "1")]);
        repo.git(&["checkout", "-q", "main"]);
        let head = repo.commit(&[("a", "2")]);
        let next = repo.commit(&[("a", "3")]);
        repo.git(&["merge", "-q", "--no-edit", "side"]);
        let tip = repo.sha("HEAD");
        let mut after = repo.checkout().commits_after(&head, &tip).unwrap().unwrap();
        after.sort();
        let mut wanted = vec![next, tip];
        wanted.sort();
        assert_eq!(after, wanted, "not {side}");
        let all = repo.checkout().commits_after(&first, &tip);
        assert_eq!(all.unwrap().unwrap().len(), 4);
        let shallow = Repo::clone_of(&repo, &["--depth=1"]);
        assert_eq!(shallow.checkout().commits_after(&head, &tip), Ok(None));
    }
}
