//! Values: what the rest of the program is allowed to believe.
//!
//! Holding one of these proves something (its doc comment says what). Each has one constructor that reads
//! raw bytes, a private field, and a `Display` that reads back as itself. Nothing here awaits, prints, or reads
//! clock, environment or disk, and nothing here is `Serialize` or `Deserialize`: shapes of other systems stay
//! in the folders that talk to them.

mod branch_filter;
mod deploy;
mod file;
mod foreign;
mod home;
mod image;
mod lint_code;
mod manifest;
mod name;
mod nearest;
mod notice;
mod pattern;
mod percent;
mod preview;
mod probe;
mod pull_request;
mod range;
mod record;
mod release;
mod secret;
mod sha;
mod template;
mod tone;
mod trigger;
mod wiring;
mod word;

pub use branch_filter::{BranchFilter, takes_branch};
pub use deploy::{Deploy, DeployId, DeployStatus};
pub use file::FileAt;
pub use foreign::{Refused, Untrusted};
pub use home::Slug;
pub use image::{Digest, ImageTag, Pin, PinnedImage, RegistryHost, Repository};
pub use lint_code::LintCode;
pub use manifest::{Environment, Image, Manifest, ManifestSource, Service, TagRules, When};
pub use name::{EnvironmentName, HookVariable, ImageName, ServiceName};
pub use nearest::{known_names, nearest};
pub use notice::{Level, Notice};
pub use pattern::{Pattern, PatternError, PatternList};
pub use percent::percent_escape;
pub use preview::{PreviewIntent, PreviewName, PreviewRecord, PreviewState};
pub use probe::{Expect, Probe, ProbeAddress, ProbeUrl, ResponseHeader, is_never_asked};
pub use pull_request::PrNumber;
pub use range::{CommitRange, RangeCommit};
pub use record::{AttemptKind, Intent, Record, RecordList, RecordState, ServiceIndex, ServiceKey};
pub use release::{Release, ReleaseNumber, ReleaseTemplate, TagReading};
pub use secret::{DeployHook, HookError, RenderOrigin, Secret, ServiceId};
pub use sha::{CommitName, CommitSha};
pub use template::{Shape, TagTemplate, can_collide};
pub use tone::{Tone, TonedLine};
pub use trigger::{Dispatch, MergeGroup, PullRequest, Push, PushedRef, Trigger};
pub use wiring::{ActionStep, Handover, JobPermissions, Triggers, WorkflowFacts};
pub use word::{Decision, FailureWord, Outcome, Status};
