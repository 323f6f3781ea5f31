//! What happened: the event that started the workflow, reduced to what decisions need.

use super::{CommitSha, PrNumber};

/// The event, read from its name and its payload together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Commits or a tag were pushed.
    Push(Push),
    /// A pull request has a new head to verify.
    PullRequest(PullRequest),
    /// A pull request was closed, merged or not: nothing of it is verified any more, and what it left may go.
    Closed(PullRequest),
    /// A merge queue asks for checks.
    MergeGroup(MergeGroup),
    /// Somebody, or the clock, asks; what for stands in the inputs. A laptop is one too.
    Dispatch(Dispatch),
    /// The event asks for nothing (a deleted ref, a pull request that got a label, a failed workflow run); the sentence says why.
    Nothing(String),
    /// The event is one that must never deploy (`pull_request_target`, a fork's workflow run); the sentence says why.
    Refused(String),
}

/// A push, or a workflow run that followed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// What was pushed to.
    pub pushed: PushedRef,
    /// The object that the ref pointed to before; `None` for a new ref, and for a workflow run, which does not say.
    pub before: Option<CommitSha>,
    /// The object that the ref points to now: a commit, or an annotated tag still to be peeled.
    pub after: CommitSha,
    /// The commit, where the payload says it (`head_commit.id`).
    pub commit: Option<CommitSha>,
    /// The commit's time as the payload writes it (RFC 3339).
    pub commit_time: Option<String>,
    /// Whether history was rewritten (for a tag: whether it was moved).
    pub forced: bool,
    /// Whether the ref is new.
    pub created: bool,
    /// The repository's default branch, short.
    pub default_branch: String,
    /// Whether the repository itself is a fork: its own pushes may lack the upstream's secrets.
    pub in_fork: bool,
    /// Whether this is a workflow run that followed the push.
    pub followed: bool,
}

/// A fully qualified ref, by namespace: `refs/heads/refs/tags/prod-5` is a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushedRef {
    /// `refs/heads/…`.
    Branch(String),
    /// `refs/tags/…`.
    Tag(String),
    /// A workflow run's `head_branch` is a short name: which namespace it is in has to be asked.
    Either(String),
}

/// A pull request that was opened, synchronized, reopened, made ready or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: PrNumber,
    /// The commit at its head: what is built and tagged.
    pub head: CommitSha,
    /// The event's merge commit (`GITHUB_SHA`), which a build may have labelled the image with.
    pub merge: Option<CommitSha>,
    /// The tip of the base branch as the event saw it.
    pub base: CommitSha,
    /// The branch that it is to be merged into, short, where the event says it.
    pub base_branch: Option<String>,
    /// The number of changed files that the payload states.
    pub changed_files: Option<u64>,
    /// Whether the head is in another repository (a deleted one counts).
    pub from_fork: bool,
    /// Whether Dependabot is the actor: its runs have no secrets of ours.
    pub by_dependabot: bool,
    /// The repository's default branch, short.
    pub default_branch: String,
}

/// A group of a merge queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeGroup {
    /// Its commit.
    pub head: CommitSha,
    /// What it is to be merged onto.
    pub base: CommitSha,
    /// The repository's default branch, short.
    pub default_branch: String,
}

/// `workflow_dispatch`, `repository_dispatch`, `schedule`, or a person on a laptop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// The fully qualified ref that the run is on, where there is one.
    pub pushed: Option<PushedRef>,
    /// The commit that the run is on, where it is known.
    pub commit: Option<CommitSha>,
    /// The repository's default branch, short, where it is known.
    pub default_branch: Option<String>,
    /// Whether `force` may be used: by a person (`workflow_dispatch`, a laptop), not by a machine.
    pub by_person: bool,
    /// Whether it is a `workflow_dispatch`, for which a person chose the branch.
    pub of_workflow: bool,
}
