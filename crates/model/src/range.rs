//! The commits between two commits.

use super::CommitSha;

/// A commit of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeCommit {
    /// The commit.
    pub sha: CommitSha,
    /// Its parents, in their order.
    pub parents: Vec<CommitSha>,
    /// When its committer made it, in seconds since 1970; none where that is not known.
    pub time: Option<i64>,
}

/// The commits that one commit has and another one lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRange {
    /// How many there are.
    pub total: usize,
    /// The commits, in no order; fewer than `total` where not all are listed.
    pub commits: Vec<RangeCommit>,
}
