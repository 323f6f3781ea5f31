//! The record of deploys: what was put where, as one attempt wrote it down before it called a hook.

use super::{
    CommitSha, DeployId, Digest, EnvironmentName, ImageTag, PinnedImage, ServiceId, ServiceName,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The name under which records of a service are kept: `<environment>/<service>`.
///
/// A name may change from one commit to the next. A service is its [`ServiceId`]; [`ServiceIndex`] says which names an id has had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// The environment.
    pub environment: EnvironmentName,
    /// The service.
    pub service: ServiceName,
}

impl ServiceKey {
    /// The key of a service in an environment.
    #[must_use]
    pub fn new(environment: &EnvironmentName, service: &ServiceName) -> Self {
        Self {
            environment: environment.clone(),
            service: service.clone(),
        }
    }

    /// Reads `<environment>/<service>`. A service's name has no slash, so the last one separates.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (environment, service) = text.rsplit_once('/')?;
        Some(Self {
            environment: EnvironmentName::parse(environment).ok()?,
            service: ServiceName::parse(service).ok()?,
        })
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.environment, self.service)
    }
}

/// The names under which records of each service were written, by the service's id on Render.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceIndex(BTreeMap<ServiceId, BTreeSet<ServiceKey>>);

impl ServiceIndex {
    /// Adds a name. Returns whether it is new.
    pub fn insert(&mut self, id: ServiceId, key: ServiceKey) -> bool {
        self.0.entry(id).or_default().insert(key)
    }

    /// Adds everything that another index has.
    pub fn extend(&mut self, other: Self) {
        for (id, keys) in other.0 {
            self.0.entry(id).or_default().extend(keys);
        }
    }

    /// The names of a service.
    pub fn names(&self, id: &ServiceId) -> impl Iterator<Item = &ServiceKey> {
        self.0.get(id).into_iter().flatten()
    }

    /// Whether a service has had a name.
    #[must_use]
    pub fn has(&self, id: &ServiceId, key: &ServiceKey) -> bool {
        self.0.get(id).is_some_and(|keys| keys.contains(key))
    }

    /// Every service with its names.
    pub fn iter(&self) -> impl Iterator<Item = (&ServiceId, &BTreeSet<ServiceKey>)> {
        self.0.iter()
    }
}

/// What kind of attempt a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptKind {
    /// A commit or a release, forward or by force.
    Deploy,
    /// Back to an earlier one, on purpose: it holds the service there.
    Rollback,
    /// Back to the bytes from before, because another service of the same run failed. It holds nothing.
    Restore,
}

impl AttemptKind {
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
    pub kind: AttemptKind,
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
    /// A later run of ours ended it, because Render accepted a newer deploy than this one.
    Replaced,
}

/// One record, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number at GitHub. Later records have higher numbers.
    pub number: u64,
    /// The environment under which it was written.
    pub environment: EnvironmentName,
    /// What it is about.
    pub intent: Intent,
    /// What became of it.
    pub state: RecordState,
    /// Whether it was seen live (a success without an API key is only accepted).
    pub was_live: bool,
    /// Whether the account of this job's token wrote it. What others wrote may cause a deploy and may order; it hides nothing.
    pub is_own: bool,
    /// The deploy on Render, where the record names it.
    pub deploy: Option<DeployId>,
    /// The workflow run that wrote it (`GITHUB_RUN_ID`).
    pub run: Option<u64>,
    /// When GitHub made the record, in seconds since 1970.
    pub began: Option<i64>,
    /// When GitHub took the status that says how it ended, in seconds since 1970.
    pub ended: Option<i64>,
}

/// The records that were read under one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordList {
    /// The records, newest first.
    pub records: Vec<Record>,
    /// The number of the oldest deployment that was read, of any account.
    pub read_to: Option<u64>,
    /// Whether there are older ones that were not read.
    pub has_more: bool,
}

impl Record {
    /// Whether the attempt brought these bytes or may bring them.
    #[must_use]
    pub const fn may_serve(&self) -> bool {
        matches!(self.state, RecordState::Success | RecordState::Open)
    }

    /// Both digests of its image: the one that Render was asked for, and that of the linux/amd64 manifest.
    #[must_use]
    pub fn digests(&self) -> [Digest; 2] {
        [
            self.intent.image.digest.clone(),
            self.intent.platform.clone(),
        ]
    }
}
