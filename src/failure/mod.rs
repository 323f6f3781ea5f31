//! Every way in which a run can stop, with its word, its hint and its exit code.

mod laptop;
mod release;
mod rollback;

use crate::history::HistoryError;
use crate::runner::FileError;
use decide::{ChoiceError, ImageProblem, NoNumber, PlanError};
use github::{GitHubError, Trace};
use http_client::TransportError;
use model::{CommitSha, EnvironmentName, FailureWord, ImageName, Outcome, Refused, ServiceName};
use parse::event::EventError;
use parse::inputs::InputError;
use parse::manifest::Diagnostic;
use registry::RegistryError;
use release::taken;
pub use release::{ReleaseRefusal, TagConflict};
use render::RenderError;
use report::Failed;
pub use rollback::BackRefusal;

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Inputs are wrong; all of them are told.
    #[error("{}", list(.0))]
    Inputs(Vec<InputError>),
    /// A value that was put together from inputs or the environment is wrong.
    #[error("{0}")]
    Value(#[from] Refused),
    /// A file cannot be used.
    #[error("{0}")]
    File(#[from] FileError),
    /// The event is wrong, or none of ours.
    #[error("{0}")]
    Event(#[from] EventError),
    /// The command does not take events of this kind.
    #[error("{0}")]
    WrongEvent(String),
    /// The manifest has mistakes.
    #[error("{path} has {} mistake(s): line {}, column {}: {}", mistakes.len(), mistakes[0].line(), mistakes[0].column(), mistakes[0].what())]
    Manifest {
        /// Its path.
        path: String,
        /// Every mistake; never none.
        mistakes: Vec<Diagnostic>,
    },
    /// The manifest is not to be had.
    #[error("{0}")]
    NoManifest(String),
    /// The environment cannot be chosen.
    #[error("{0}")]
    Choice(#[from] ChoiceError),
    /// The wishes contradict the manifest.
    #[error("{0}")]
    Plan(#[from] PlanError),
    /// A release tag that may not be deployed.
    #[error("{0}")]
    Release(ReleaseRefusal),
    /// A release tag that GitHub does not make.
    #[error("{0}")]
    Tag(GitHubError),
    /// A commit that may not be deployed to the environment.
    #[error("{0}")]
    NotReachable(String),
    /// What has to be known cannot be asked.
    #[error("{0}")]
    OrderUnknown(String),
    /// What the checkout and GitHub cannot tell.
    #[error("{0}")]
    History(#[from] HistoryError),
    /// The HTTP client cannot be made.
    #[error("{0}")]
    Transport(#[from] TransportError),
    /// Images that are not there.
    #[error("{}", missing(.0))]
    ImageMissing(Vec<MissingImage>),
    /// An image that is there under another tag than the expected one.
    #[error("image {image}: {expected} is not there, but {found} is")]
    ImageOtherTag {
        /// The image.
        image: ImageName,
        /// `repository:tag` that was looked for.
        expected: String,
        /// The tag that is there.
        found: String,
    },
    /// The registry does not answer as it should.
    #[error("image {0}: {1}")]
    Registry(ImageName, RegistryError),
    /// An image that may not be deployed.
    #[error("image {0}: {1}")]
    Image(ImageName, ImageProblem),
    /// No password for the registry where there is a username.
    #[error("registry-username is set and registry-password is empty")]
    NoRegistryPassword,
    /// `wait: live` without an API key.
    #[error("wait is live, render-api-key is not set, and no probe tells of {}", names(.0))]
    NoApiKey(Vec<ServiceName>),
    /// Services whose probe needs the commit of their image, which is not known.
    #[error("the commit of the image is not known, which expect of the probe needs: {}", names(.0))]
    ProbeNeedsCommit(Vec<ServiceName>),
    /// Services that are to have previews, without an API key.
    #[error("render-api-key is not set, and without it there are no previews ({})", names(.0))]
    NoApiKeyForPreviews(Vec<ServiceName>),
    /// Render's API does not say what has to be known; of which service, where it is about one.
    #[error("{}{}", .0.as_ref().map(|service| format!("{service}: ")).unwrap_or_default(), .1)]
    Render(Option<ServiceName>, RenderError),
    /// Services whose settings on Render would make the deploy fail.
    #[error("{}", told(.0))]
    Preflight(Vec<(FailureWord, String)>),
    /// An environment has not had what it has to have first.
    #[error("{0} has not had what is to be deployed: {list}", list = services(.1))]
    Required(EnvironmentName, Vec<(ServiceName, String)>),
    /// The release is older in git than what is live.
    #[error("the commit is an ancestor of {}, which is live", .0.short(7))]
    GoingBack(CommitSha),
    /// There is no going back.
    #[error("{0}")]
    Back(BackRefusal),
    /// Services without a deploy hook.
    #[error("no deploy hook for {}", hooks(.0))]
    HookMissing(Vec<(ServiceName, String)>),
    /// Deploy hooks that are none.
    #[error("{}", told(.0))]
    HookMalformed(Vec<(FailureWord, String)>),
    /// Deploy hooks that are doubled or swapped.
    #[error("{0}")]
    HooksConfused(String),
    /// A release's tag is on something else already.
    #[error("{}", taken(.0))]
    ReleaseTaken(Vec<TagConflict>),
    /// A tag could not be put on an image.
    #[error("image {image} could not be tagged {tag}: {error}")]
    Promotion {
        /// The image.
        image: ImageName,
        /// The tag.
        tag: String,
        /// Why.
        error: RegistryError,
    },
    /// GitHub does not say what has to be known of an image's package, or does not delete a version of it.
    #[error("image {0}: {1}")]
    Package(ImageName, Box<GitHubError>),
    /// The job's token may not delete versions of a package.
    #[error("image {}: this token has no admin right on package {}: github says that version {} is not there, and shows it ({})", .0.image, .0.package, .0.version, .0.trace)]
    NotAdmin(Box<NoAdminRight>),
    /// A tag that nothing should have touched is not as it was.
    #[error("image {0}: {1}")]
    TagsChanged(ImageName, String),
    /// Tags could not be moved after the deploys.
    #[error(
        "the services are deployed, but tag {tag} of image {image} could not be moved: {error}"
    )]
    Moves {
        /// The image.
        image: ImageName,
        /// The tag.
        tag: String,
        /// Why.
        error: RegistryError,
    },
}

/// Why a service has no hook where `deploy-hooks` has its line.
pub(crate) const EMPTY_LINE: &str = "it has a line in deploy-hooks, but the secret in it is empty";

/// What GitHub says where a tag is protected, and now and then for no reason (<https://github.com/github/rest-api-description/issues/4887>).
pub(crate) const UPDATE_FAILED: &str = "Reference update failed";

/// Whether a rule of the repository is against a tag. GitHub says so in the words of its rulesets, or in none
/// (<https://github.com/Actions-R-Us/actions-tagger/pull/79>), and hides it where the token may not even see the repository.
fn is_forbidden(error: &GitHubError) -> bool {
    let is_rule =
        |why: &str| why.contains("rule") || why.starts_with(UPDATE_FAILED) || why == "Not Found";
    matches!(error, GitHubError::Rejected { why, .. } if is_rule(why))
}

/// Other folders write their hints as parts of a sentence.
fn sentence(hint: &str) -> String {
    let mut letters = hint.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    let text: String = first.into_iter().chain(letters).collect();
    if text.ends_with('.') {
        text
    } else {
        format!("{text}.")
    }
}

/// A right on a package that the job's token lacks.
#[derive(Debug)]
pub struct NoAdminRight {
    /// The image.
    pub image: ImageName,
    /// The package.
    pub package: String,
    /// The version that was to be deleted.
    pub version: u64,
    /// The page with the package's access.
    pub settings: String,
    /// The repository whose job has no right.
    pub repository: String,
    /// The reply.
    pub trace: Trace,
}

/// An image that was not there when the time was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingImage {
    /// The image.
    pub image: ImageName,
    /// What was looked for: `repository:tag`, or `repository@digest`.
    pub looked_for: String,
    /// Whether it was looked for by its digest: one that is not there was never pushed, or was deleted.
    pub by_digest: bool,
}

/// One per line, each once.
fn list(errors: &[InputError]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for error in errors {
        let line = error.to_string();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

fn missing(images: &[MissingImage]) -> String {
    let names: Vec<&str> = images
        .iter()
        .map(|image| image.looked_for.as_str())
        .collect();
    format!("not in the registry: {}", names.join(", "))
}

fn told(problems: &[(FailureWord, String)]) -> String {
    problems
        .iter()
        .map(|(_, text)| text.as_str())
        .collect::<Vec<_>>()
        .join("; ")
}

fn services(missing: &[(ServiceName, String)]) -> String {
    missing
        .iter()
        .map(|(service, why)| format!("{service} ({why})"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn names(services: &[ServiceName]) -> String {
    services
        .iter()
        .map(ServiceName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn hooks(missing: &[(ServiceName, String)]) -> String {
    missing
        .iter()
        .map(|(service, variable)| format!("{service} ({variable})"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::Inputs(vec![error])
    }
}

impl Failure {
    /// The stable word in the `failure` output and the heading in docs/failures.md.
    #[must_use]
    pub fn word(&self) -> FailureWord {
        match self {
            Self::Inputs(errors) => errors
                .first()
                .map_or(FailureWord::BadInput, InputError::word),
            Self::Value(_)
            | Self::File(_)
            | Self::Choice(_)
            | Self::Plan(_)
            | Self::NotReachable(_)
            | Self::HooksConfused(_) => FailureWord::BadInput,
            Self::Event(_) | Self::WrongEvent(_) => FailureWord::BadEvent,
            Self::Manifest { .. } | Self::NoManifest(_) => FailureWord::BadManifest,
            Self::Release(ReleaseRefusal::Moved(_) | ReleaseRefusal::MovedFrom(_)) => {
                FailureWord::ReleaseMoved
            }
            Self::GoingBack(_) => FailureWord::GoingBack,
            Self::Back(refusal) => refusal.word(),
            Self::Render(_, error) => error.word(),
            Self::Package(_, error) => error.word(),
            Self::NotAdmin(_) => FailureWord::PermissionMissing,
            Self::TagsChanged(..) => FailureWord::ImageMissing,
            Self::Required(..) => FailureWord::NotLiveInRequiredEnvironment,
            Self::Release(ReleaseRefusal::Taken(..)) => FailureWord::ReleaseTaken,
            Self::Release(
                ReleaseRefusal::Absent(_)
                | ReleaseRefusal::Numbered { .. }
                | ReleaseRefusal::Number(_),
            ) => FailureWord::BadInput,
            Self::Release(
                ReleaseRefusal::Malformed(_)
                | ReleaseRefusal::OffBranch(..)
                | ReleaseRefusal::CommitOffBranch(..)
                | ReleaseRefusal::NoCommit(_),
            ) => FailureWord::BadEvent,
            Self::Tag(error) if is_forbidden(error) => FailureWord::PermissionMissing,
            Self::Tag(error) => error.word(),
            Self::OrderUnknown(_) => FailureWord::OrderUnknown,
            Self::History(error) => error.word(),
            Self::Transport(_) => FailureWord::BadInput,
            Self::ImageMissing(_) => FailureWord::ImageMissing,
            Self::ImageOtherTag { .. } => FailureWord::ImageOtherTag,
            Self::Registry(_, error)
            | Self::Moves { error, .. }
            | Self::Promotion { error, .. } => error.word(),
            Self::ReleaseTaken(_) => FailureWord::ReleaseTaken,
            Self::Image(_, problem) => problem.word(),
            Self::NoRegistryPassword => FailureWord::ImageDenied,
            Self::ProbeNeedsCommit(_) => FailureWord::ProbeFailed,
            Self::NoApiKey(_) | Self::NoApiKeyForPreviews(_) | Self::HookMissing(_) => {
                FailureWord::HookMissing
            }
            Self::HookMalformed(hooks) => hooks
                .first()
                .map_or(FailureWord::HookMalformed, |(word, _)| *word),
            Self::Preflight(problems) => problems
                .first()
                .map_or(FailureWord::DeployFailed, |(word, _)| *word),
        }
    }

    /// What to do about it; begins with a verb.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Inputs(_) | Self::Value(_) => "Correct the input: in the workflow's with: block, or the flag.".into(),
            Self::File(_) => "Check the path, and what an earlier step put there.".into(),
            Self::Event(error) => error.hint(),
            Self::Manifest { mistakes, .. } => format!("Correct the manifest: {}", mistakes[0].help()),
            Self::NoManifest(_) => "Check the input manifest, that the commit has the file, and that the job checks it out or has contents: read.".into(),
            Self::Choice(_) => "Name one environment with the input environment.".into(),
            Self::Plan(_) => "Correct the input services.".into(),
            Self::Release(ReleaseRefusal::Malformed(_)) => "Delete the tag and make one like the environment's tag in the manifest.".into(),
            Self::Release(ReleaseRefusal::Moved(_) | ReleaseRefusal::MovedFrom(_)) => "Make a new release tag with the next number.".into(),
            Self::Release(ReleaseRefusal::OffBranch(..) | ReleaseRefusal::CommitOffBranch(..)) => "Merge the commit first, or list its branch under from in the manifest.".into(),
            Self::Release(ReleaseRefusal::Taken(..) | ReleaseRefusal::Number(NoNumber::NotAbove { .. })) => "Leave the input release empty for the next one, or name a higher one.".into(),
            Self::Release(ReleaseRefusal::Numbered { .. }) => "Use the release that the commit has, or release a later commit.".into(),
            Self::Release(ReleaseRefusal::Number(NoNumber::RunOut(_))) => "Begin a new series: change the environment's tag in the manifest.".into(),
            Self::Tag(error) if is_forbidden(error) => "Let this token make release tags: it needs contents: write, and no ruleset for tags may be against it.".into(),
            Self::Tag(GitHubError::Unavailable { .. } | GitHubError::Broken { .. }) => "Run it again. If the tag was created, it is found and kept.".into(),
            Self::Tag(error) => sentence(error.hint()),
            Self::Release(ReleaseRefusal::Absent(_)) => "Push the tag first, or correct the input release.".into(),
            Self::Release(ReleaseRefusal::NoCommit(_)) => "Put the tag on a commit, then run this again.".into(),
            Self::NotReachable(_) => "Name a commit of the environment's branch with the input sha.".into(),
            Self::OrderUnknown(_) => "Give the job contents: read and deployments: write (on a laptop a github-token), or check out with fetch-depth: 0, and run this again.".into(),
            Self::History(error) => sentence(error.hint()),
            Self::Transport(error) => error.hint().into(),
            Self::ImageMissing(missing) if missing.iter().all(|image| image.by_digest) => "Compare the digest with the one that the build put out, in this repository, and check that no clean-up deleted it; build and push it again if it is gone.".into(),
            Self::ImageMissing(_) => "Check that the build pushed this tag, and give it more time with image-timeout.".into(),
            Self::ImageOtherTag { .. } => "Push the tag that this action computes (output tags), or set tags.commit in the manifest to your own form.".into(),
            Self::Registry(_, error) | Self::Moves { error, .. } | Self::Promotion { error, .. } => sentence(error.hint()),
            Self::ReleaseTaken(_) => "Make a new release with the next number, or set promote-on-release to false to deploy the image that has the tag. No hook was called.".into(),
            Self::Image(_, problem) => sentence(problem.hint()),
            Self::NoRegistryPassword => "Set registry-password, or remove registry-username.".into(),
            Self::NoApiKey(_) => "Set render-api-key, give each service a probe that names its commit, or set wait to accepted or auto.".into(),
            Self::ProbeNeedsCommit(_) => "Let the build set the label org.opencontainers.image.revision, or write {digest} instead of {sha} in expect; nothing was sent (wait: accepted asks no probe).".into(),
            Self::NoApiKeyForPreviews(_) => "Set render-api-key, or remove previews from the manifest.".into(),
            Self::Render(_, error) => error.hint().into(),
            Self::Package(_, error) => sentence(error.hint()),
            Self::NotAdmin(right) => format!("Open {}, add {} under Manage Actions access with the role Admin, and give the job packages: write.", right.settings, right.repository),
            Self::TagsChanged(..) => "Restore the version on the package's page (within 30 days), or build and push the tag again.".into(),
            Self::Preflight(_) => "Correct these settings on Render, or the deploy manifest, then run this again; nothing was sent.".into(),
            Self::Required(required, _) => format!("Deploy this commit to {required} first, then run this again; nothing was sent."),
            Self::GoingBack(_) => "Delete the tag, or tag a newer commit. Use rollback if going back is what you mean (force: older deploys it all the same).".into(),
            Self::Back(refusal) => refusal.hint().into(),
            Self::HookMissing(hooks) if hooks.iter().any(|(_, why)| why == EMPTY_LINE) => "Check that the secret exists under exactly this name; that the job has the environment: whose secret it is; and that the run is not a fork's or Dependabot's, which get no secrets.".into(),
            Self::HookMissing(_) => "Pass the hook as service=URL in deploy-hooks, or in the variable of that name.".into(),
            Self::HookMalformed(_) => "Copy the deploy hook from the service's settings on Render.".into(),
            Self::WrongEvent(_) => {
                "Use pull_request, push or workflow_dispatch; docs/workflows has a workflow for each."
                    .into()
            }
            Self::HooksConfused(_) => "Give every service its own deploy hook.".into(),
        }
    }

    /// 2 where the request itself is wrong (inputs, event, manifest), else 1.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Inputs(_)
            | Self::Value(_)
            | Self::Event(_)
            | Self::Manifest { .. }
            | Self::NoManifest(_)
            | Self::Choice(_)
            | Self::Plan(_) => 2,
            Self::HookMalformed(_)
            | Self::HooksConfused(_)
            | Self::NotReachable(_)
            | Self::Transport(_) => 2,
            Self::Back(refusal) => refusal.exit_code(),
            Self::Release(
                ReleaseRefusal::Absent(_)
                | ReleaseRefusal::Numbered { .. }
                | ReleaseRefusal::Number(_),
            ) => 2,
            Self::Tag(_) => 1,
            Self::File(_) | Self::Release(_) | Self::OrderUnknown(_) | Self::History(_) => 1,
            Self::ImageMissing(_)
            | Self::ImageOtherTag { .. }
            | Self::Registry(..)
            | Self::Image(..) => 1,
            Self::WrongEvent(_) => 1,
            Self::NoRegistryPassword
            | Self::NoApiKey(_)
            | Self::HookMissing(_)
            | Self::Moves { .. } => 1,
            Self::NoApiKeyForPreviews(_) | Self::ProbeNeedsCommit(_) => 1,
            Self::Render(..) | Self::Preflight(_) | Self::Required(..) | Self::GoingBack(_) => 1,
            Self::ReleaseTaken(_) | Self::Promotion { .. } => 1,
            Self::Package(..) | Self::NotAdmin(_) | Self::TagsChanged(..) => 1,
        }
    }

    /// The outcome: refused where something may not be done, failed where something that was tried did not work.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::History(_)
            | Self::Registry(..)
            | Self::ImageMissing(_)
            | Self::ImageOtherTag { .. }
            | Self::Promotion { .. }
            | Self::Moves { .. } => Outcome::Failed,
            Self::File(_) | Self::OrderUnknown(_) | Self::Render(..) | Self::Tag(_) => {
                Outcome::Failed
            }
            Self::Package(..) | Self::NotAdmin(_) | Self::TagsChanged(..) => Outcome::Failed,
            Self::Preflight(_)
            | Self::Required(..)
            | Self::GoingBack(_)
            | Self::ReleaseTaken(_) => Outcome::Refused,
            Self::Back(refusal) => refusal.outcome(),
            Self::Inputs(_)
            | Self::Value(_)
            | Self::Event(_)
            | Self::WrongEvent(_)
            | Self::Manifest { .. }
            | Self::NoManifest(_)
            | Self::Choice(_) => Outcome::Refused,
            Self::Plan(_)
            | Self::Release(_)
            | Self::NotReachable(_)
            | Self::Transport(_)
            | Self::Image(..) => Outcome::Refused,
            Self::NoRegistryPassword
            | Self::NoApiKey(_)
            | Self::NoApiKeyForPreviews(_)
            | Self::ProbeNeedsCommit(_)
            | Self::HookMissing(_)
            | Self::HookMalformed(_)
            | Self::HooksConfused(_) => Outcome::Refused,
        }
    }

    /// What the first line of a report says of it.
    #[must_use]
    pub fn headline(&self) -> String {
        if let Self::Inputs(errors) = self
            && errors.len() > 1
        {
            return format!("{} inputs are wrong", errors.len());
        }
        self.to_string()
    }

    /// The failure for reports.
    #[must_use]
    pub fn told(&self) -> Failed {
        Failed {
            word: self.word(),
            text: self.to_string(),
            hint: self.hint(),
            page: None,
        }
    }
}
