//! The record of deploys: what was put where, as one attempt wrote it down before it called a hook.

use super::{CommitSha, Digest, ImageTag, PinnedImage, ServiceId, ServiceName};

/// What kind of attempt a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A commit or a release, forward or by force.
    Deploy,
    /// Back to an earlier one, on purpose: it holds the service there.
    Rollback,
    /// Back to the bytes from before, because another service of the same run failed. It holds nothing.
    Restore,
}

impl Kind {
    /// Each with its word in a record.
    pub const ALL: &[(&'static str, Self)] = &[
        ("deploy", Self::Deploy),
        ("rollback", Self::Rollback),
        ("restore", Self::Restore),
    ];

    /// Its word in a record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
            Self::Restore => "restore",
        }
    }
}

/// What an attempt is about: written before the hook is called, read by every later run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The service.
    pub service: ServiceName,
    /// The commit whose bytes are put there.
    pub commit: CommitSha,
    /// Its id on Render; none where nothing says it.
    pub id: Option<ServiceId>,
    /// The bytes that Render is asked for.
    pub image: PinnedImage,
    /// The digest of their linux/amd64 manifest, which Render may name instead.
    pub platform: Digest,
    /// The commit that the image was built from: what it says, or, where it says nothing, the commit whose tag it had.
    pub image_commit: Option<CommitSha>,
    /// The release's tag.
    pub release: Option<ImageTag>,
    /// What kind of attempt it is.
    pub kind: Kind,
    /// What a rollback went back from.
    pub from: Option<CommitSha>,
    /// The number of the newest record of the step that a rollback led to; none where no record knows that step. The commit does not say it:
    /// each service goes back to the one that it had at that step.
    pub to: Option<u64>,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordState {
    /// Nobody knows: it may be live, or become it.
    Open,
    /// Render took it and, where an API key could tell, it went live.
    Success,
    /// Render ended it; what was there before still serves.
    Failure,
    /// No hook was called.
    Error,
}

/// One record, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number at GitHub.
    pub number: u64,
    /// What it is about.
    pub intent: Intent,
    /// What became of it.
    pub state: RecordState,
    /// Whether it was seen live (a success without an API key is only accepted).
    pub was_live: bool,
    /// Whether the one who writes our records wrote it. What others wrote may make a service deploy, and never keeps one from it.
    pub is_own: bool,
}
