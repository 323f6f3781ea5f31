//! Why a release tag, or a tag on an image, is refused.

use decide::NoNumber;
use model::{CommitSha, Digest, ImageTag, PinnedImage, Release};

/// Why a release tag is refused.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseRefusal {
    /// It begins like a release and is none.
    #[error("tag {0} begins like a release tag, but has no number of the right form")]
    Malformed(String),
    /// It was on another commit before.
    #[error("release tag {0} was moved: a release is deployed once, from one commit")]
    Moved(String),
    /// Another commit was deployed under its number.
    #[error("this release was deployed from commit {} already: a release is deployed once, from one commit", .0.short(7))]
    MovedFrom(CommitSha),
    /// It is not on a branch from which releases may be made.
    #[error("release {0} is on a commit that no branch has from which releases are made ({1})")]
    OffBranch(String, String),
    /// The commit that is to be released is not on a branch from which releases may be made.
    #[error("commit {commit} is on no branch from which releases are made ({1})", commit = .0.short(7))]
    CommitOffBranch(CommitSha, String),
    /// The release that was asked for is another commit's.
    #[error("release {0} is on commit {commit} already: a release is made once, of one commit", commit = .1.short(7))]
    Taken(Release, CommitSha),
    /// The commit is a release already, and not the one that was asked for.
    #[error("commit {commit} is release {has} already, and {wanted} was asked for: a commit keeps its number", commit = .commit.short(7))]
    Numbered {
        /// The commit.
        commit: CommitSha,
        /// The release that it is.
        has: Release,
        /// The one that was asked for.
        wanted: Release,
    },
    /// There is no number for it.
    #[error("{0}")]
    Number(NoNumber),
    /// There is no such tag.
    #[error("there is no release tag {0}")]
    Absent(String),
    /// It names no commit.
    #[error("tag {0} names no commit")]
    NoCommit(String),
}

/// A release's tag that is on something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagConflict {
    /// The image that it was to be on.
    wanted: PinnedImage,
    tag: ImageTag,
    /// The digest that it is on.
    found: Digest,
}

impl TagConflict {
    pub(crate) fn new(wanted: PinnedImage, tag: &ImageTag, found: Digest) -> Self {
        Self {
            wanted,
            tag: tag.clone(),
            found,
        }
    }
}

/// What is said of tags that are on something else.
pub(super) fn taken(all: &[TagConflict]) -> String {
    let one = |taken: &TagConflict| {
        format!(
            "{}:{} is on {} already, not on {}",
            taken.wanted.repository, taken.tag, taken.found, taken.wanted.digest
        )
    };
    all.iter().map(one).collect::<Vec<_>>().join("; ")
}
