//! What can be wrong with an image, and what can be odd about one, in words.

use super::{LARGEST, Platform, Revision};
use model::{CommitSha, Digest, FailureWord, Untrusted};
use std::fmt;

/// Why an image may not be deployed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageProblem {
    /// It runs elsewhere.
    #[error("the image is for {}, and Render runs linux/amd64", platforms(found))]
    NotAmd64 {
        /// What it is for.
        found: Vec<Platform>,
    },
    /// It is larger than Render takes.
    #[error("the image has {bytes} compressed bytes, and Render takes at most {LARGEST}")]
    TooBig {
        /// Its size.
        bytes: u64,
    },
    /// It is no image that could run.
    #[error("the image is broken: {why}")]
    Broken {
        /// What is wrong with it, fit to be shown.
        why: String,
    },
    /// It says that it was built from another commit.
    #[error("the image was built from {}, wanted {}", Untrusted(found.as_bytes()), commits(wanted))]
    OtherCommit {
        /// What its revision says.
        found: String,
        /// What would have been right.
        wanted: Vec<CommitSha>,
    },
    /// It is not the one that was named.
    #[error("the image has digest {found}, wanted {wanted}")]
    DigestDiffers {
        /// Its digest.
        found: Digest,
        /// The one that was named.
        wanted: Digest,
    },
}

impl ImageProblem {
    /// The word for it in the `failure` output.
    #[must_use]
    pub const fn word(&self) -> FailureWord {
        match self {
            Self::NotAmd64 { .. } => FailureWord::ImageNotAmd64,
            Self::TooBig { .. } => FailureWord::ImageTooBig,
            Self::Broken { .. } => FailureWord::ImageBroken,
            Self::OtherCommit { .. } => FailureWord::ImageOtherCommit,
            Self::DigestDiffers { .. } => FailureWord::DigestDiffers,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotAmd64 { .. } => {
                "build it with `platforms: linux/amd64`, alone or among others"
            }
            Self::TooBig { .. } => {
                "make it smaller, for example with several build stages, a slimmer base image or a .dockerignore"
            }
            Self::Broken { .. } => {
                "build and push it again, and make sure that no cleanup deletes untagged versions: the parts of an index have no tags"
            }
            Self::OtherCommit { .. } => {
                "build it from the commit that is deployed, with the `labels` that `plan` gives, or name it with `digest`"
            }
            Self::DigestDiffers { .. } => "pass the `digest` output of the build unchanged",
        }
    }
}

/// What is odd about an image that may be deployed all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageWarning {
    /// It does not say from which commit it was built.
    NoRevision,
    /// Its revision names no commit.
    NoCommit(Revision),
    /// It names another commit of another repository: labels that were inherited from a base image.
    InheritedRevision(Revision),
    /// It names another commit, but it was named by its digest.
    OtherRevision(Revision),
}

impl fmt::Display for ImageWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRevision => f.write_str(
                "the image has no org.opencontainers.image.revision, so its commit is not known",
            ),
            Self::NoCommit(Revision { revision, .. }) => write!(
                f,
                "the image's org.opencontainers.image.revision is \"{}\", which names no commit, so its commit is not known",
                Untrusted(revision.as_bytes()),
            ),
            Self::InheritedRevision(Revision { revision, source }) => write!(
                f,
                "the image says it is {} of {}: probably labels of its base image, so its commit is not known",
                Untrusted(revision.as_bytes()),
                Untrusted(source.as_deref().unwrap_or_default().as_bytes()),
            ),
            Self::OtherRevision(Revision { revision, .. }) => write!(
                f,
                "the image says it was built from {}, which is not the commit that is deployed; it is used because its digest was given",
                Untrusted(revision.as_bytes()),
            ),
        }
    }
}

fn platforms(found: &[Platform]) -> String {
    const SHOWN: usize = 5;
    if found.is_empty() {
        return "no platform at all".into();
    }
    let mut names: Vec<String> = found.iter().take(SHOWN).map(Platform::to_string).collect();
    if found.len() > SHOWN {
        names.push(format!("{} more", found.len() - SHOWN));
    }
    names.join(", ")
}

fn commits(wanted: &[CommitSha]) -> String {
    wanted
        .iter()
        .map(CommitSha::to_string)
        .collect::<Vec<_>>()
        .join(" or ")
}
