//! What can be wrong with a checkout.

use crate::domain::{CommitSha, FailureWord};

/// Why the checkout gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryError {
    /// `.git` is not the plain directory that checking out makes.
    #[error("the workspace's .git is {0}, wanted a directory of its own")]
    Unusual(&'static str),
    /// Some of its files are not what git writes.
    #[error("the workspace's .git/{file} is {found}, wanted {wanted}")]
    PlantedFile {
        /// The file, below `.git`.
        file: &'static str,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// Its objects have SHA-256 names.
    #[error("the repository's object format is sha256, wanted sha1")]
    ObjectFormat,
    /// git's own files cannot be made sense of.
    #[error("the checkout cannot be opened: {0}")]
    Unreadable(String),
    /// An object is damaged, larger than it may be, or not the one that its name says.
    #[error("git object {object} cannot be used: {why}")]
    Broken {
        /// The object.
        object: CommitSha,
        /// Why, made fit to be shown.
        why: String,
    },
    /// An object is of a kind that cannot be deployed.
    #[error("git object {object} is a {kind}, wanted a commit")]
    NotACommit {
        /// The object.
        object: CommitSha,
        /// Its kind, in git's word.
        kind: &'static str,
    },
    /// A tag of a tag of a tag, and so on.
    #[error("git object {0} is a tag of more than 8 tags, wanted a commit")]
    TooDeep(CommitSha),
    /// An abbreviation fits several commits.
    #[error("sha is \"{0}\", which several commits begin with, wanted more digits")]
    Ambiguous(String),
    /// Two trees differ in more paths than are held.
    #[error("the trees of {base} and {head} differ in too many paths to hold")]
    TooManyChanges {
        /// One commit.
        base: CommitSha,
        /// The other.
        head: CommitSha,
    },
}

impl RepositoryError {
    /// The word for the `failure` output.
    #[must_use]
    pub const fn word(&self) -> FailureWord {
        match self {
            Self::Unusual(_)
            | Self::PlantedFile { .. }
            | Self::ObjectFormat
            | Self::Unreadable(_)
            | Self::Broken { .. }
            | Self::TooManyChanges { .. } => FailureWord::ChangesUnknown,
            Self::NotACommit { .. } | Self::TooDeep(_) => FailureWord::BadEvent,
            Self::Ambiguous(_) => FailureWord::BadInput,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unusual(_)
            | Self::PlantedFile { .. }
            | Self::Unreadable(_)
            | Self::Broken { .. } => {
                "check out with actions/checkout into a clean workspace, or leave the checkout out"
            }
            Self::ObjectFormat => "use a repository with SHA-1 object names",
            Self::TooManyChanges { .. } => "too much changed to compare",
            Self::NotACommit { .. } | Self::TooDeep(_) => "put the tag on a commit",
            Self::Ambiguous(_) => "give all 40 digits of the commit",
        }
    }

    /// Whether another source of the same objects would have to say the same.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::NotACommit { .. }
            | Self::TooDeep(_)
            | Self::Ambiguous(_)
            | Self::TooManyChanges { .. } => true,
            Self::Unusual(_)
            | Self::PlantedFile { .. }
            | Self::ObjectFormat
            | Self::Unreadable(_)
            | Self::Broken { .. } => false,
        }
    }
}
