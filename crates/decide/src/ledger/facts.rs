//! What the rules have to be told by git and by manifests. A rule asks as it goes; what nobody has found out yet is noted and asked for,
//! and then the rule is applied again. So nothing is asked that no decision turns on.

use super::Equality;
use model::{CommitSha, Record, ReleaseNumber};

/// A question that has to be answered before a rule can decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// The manifest of this commit.
    Manifest(CommitSha),
    /// The paths in which the second commit differs from the first.
    Changes(CommitSha, CommitSha),
    /// Whether the second commit can be reached from the first: ancestor, descendant.
    Ancestry(CommitSha, CommitSha),
    /// The commits after the first one, up to the second.
    Between(CommitSha, CommitSha),
    /// The tip of this branch.
    Branch(String),
    /// The commit of the tag of this release.
    Tag(ReleaseNumber),
    /// Whether this commit is on a branch from which releases are made.
    OnReleaseBranch(CommitSha),
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// It was not asked yet.
    Missing(Missing),
    /// It cannot be answered, because of this.
    Unknown(String),
}

/// An answer, or why there is none. A question that was not asked yet is noted by the code that answers it.
pub type FactResult<T> = Result<T, String>;

/// What git and the manifests say, about one service.
pub trait Facts {
    /// Whether `ancestor` is `descendant` or can be reached from it.
    ///
    /// # Errors
    /// Why that is not known.
    fn reaches(&self, ancestor: &CommitSha, descendant: &CommitSha) -> FactResult<bool>;

    /// Whether two commits are equal on the service.
    fn equality(&self, one: &CommitSha, other: &CommitSha) -> Equality;

    /// The commits that descend from `head`, up to and with `tip`, the newest first; at most one more than are compared.
    ///
    /// # Errors
    /// Why they are not known.
    fn newer(&self, head: &CommitSha, tip: &CommitSha) -> FactResult<Vec<CommitSha>>;

    /// Whether the manifest of a commit has the service.
    ///
    /// # Errors
    /// Why that is not known.
    fn has_service(&self, commit: &CommitSha) -> FactResult<bool>;

    /// The tip of the branch that is followed by the environment under which a record was written; `None` where it follows none, or the
    /// branch is gone.
    ///
    /// # Errors
    /// Why that is not known.
    fn tip_of(&self, record: &Record) -> FactResult<Option<CommitSha>>;
}
