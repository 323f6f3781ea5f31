//! The event: its name and its payload become one [`Trigger`].
//!
//! The name and the payload decide together. `GITHUB_REF` never does: when a pull request is closed by a merge, it names the
//! base branch (<https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#pull_request>).
//! What identifies (refs, commits, numbers, repositories) has to be there and exactly right; a flag that is not there follows
//! from those. Reasons and errors hold nothing of the payload but what [`Untrusted`] made safe.

mod error;
mod wire;

pub use error::EventError;

use model::{
    CommitSha, Dispatch, MergeGroup, PrNumber, PullRequest, Push, PushedRef, Trigger, Untrusted,
};
use wire::{AccountWire, EventRepositoryWire, HeadCommit, Json, Leaf, Payload};

/// GitHub caps payloads at 25 MB (<https://docs.github.com/webhooks/webhook-events-and-payloads#payload-cap>).
const LARGEST: usize = 25 * 1024 * 1024;

/// How many levels of lists and objects a payload may have; those of GitHub have fewer than ten.
const DEEPEST: usize = 128;

/// Dependabot's login, as an actor and as a payload's account.
const DEPENDABOT: &str = "dependabot[bot]";

/// What the runner says about the event beside its payload.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ambient<'a> {
    /// `GITHUB_REF`.
    pub git_ref: Option<&'a str>,
    /// `GITHUB_SHA`.
    pub sha: Option<&'a str>,
    /// `GITHUB_ACTOR`.
    pub actor: Option<&'a str>,
}

/// Reads the event `name` (`GITHUB_EVENT_NAME`) with its payload.
///
/// An event that asks for nothing or must never deploy is an answer with its reason, not an error. Titles, bodies, labels,
/// messages, `inputs` and `client_payload` are never read.
///
/// # Errors
/// Refuses an event that is not supported, a payload that is no JSON object, too large or too deep, one of another event or
/// of another repository, and one in which a field that is needed is missing or not exactly right.
pub fn read(name: &str, payload: &[u8], ambient: &Ambient<'_>) -> Result<Trigger, EventError> {
    let Some(kind) = EventKind::ALL.into_iter().find(|kind| kind.name() == name) else {
        return Err(EventError::NotSupported {
            name: Untrusted(name.as_bytes()).to_string(),
        });
    };
    let payload = || payload_of(kind, payload);
    match kind {
        EventKind::Push => push(&payload()?),
        EventKind::PullRequest => pull_request(&payload()?, ambient),
        EventKind::MergeGroup => merge_group(&payload()?),
        EventKind::WorkflowRun => workflow_run(&payload()?),
        EventKind::WorkflowDispatch | EventKind::RepositoryDispatch | EventKind::Schedule => dispatch(kind, &payload()?, ambient),
        // On its name alone: nothing that a payload says could make it safe.
        EventKind::PullRequestTarget => Ok(Trigger::Refused(
            "pull_request_target gives secrets to code that anyone can propose: use pull_request or push".into(),
        )),
    }
}

/// The events that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventKind {
    Push,
    PullRequest,
    MergeGroup,
    WorkflowRun,
    WorkflowDispatch,
    RepositoryDispatch,
    Schedule,
    PullRequestTarget,
}

impl EventKind {
    const ALL: [Self; 8] = [
        Self::Push,
        Self::PullRequest,
        Self::MergeGroup,
        Self::WorkflowRun,
        Self::WorkflowDispatch,
        Self::RepositoryDispatch,
        Self::Schedule,
        Self::PullRequestTarget,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::PullRequest => "pull_request",
            Self::MergeGroup => "merge_group",
            Self::WorkflowRun => "workflow_run",
            Self::WorkflowDispatch => "workflow_dispatch",
            Self::RepositoryDispatch => "repository_dispatch",
            Self::Schedule => "schedule",
            Self::PullRequestTarget => "pull_request_target",
        }
    }
}

fn supported() -> String {
    let names: Vec<_> = EventKind::ALL
        .into_iter()
        .filter(|kind| *kind != EventKind::PullRequestTarget)
        .map(EventKind::name)
        .collect();
    names.join(", ")
}

/// Parses the payload and checks that it is one of `kind`.
fn payload_of(kind: EventKind, bytes: &[u8]) -> Result<Payload, EventError> {
    let payload = wire::parse(bytes)?;
    let marks = [
        (
            "pull_request",
            payload.pull_request.is_there(),
            EventKind::PullRequest,
        ),
        (
            "merge_group",
            payload.merge_group.is_there(),
            EventKind::MergeGroup,
        ),
        (
            "workflow_run",
            payload.workflow_run.is_there(),
            EventKind::WorkflowRun,
        ),
        (
            "client_payload",
            payload.client_payload.is_there(),
            EventKind::RepositoryDispatch,
        ),
        ("schedule", payload.schedule.is_there(), EventKind::Schedule),
        ("commits", payload.commits.is_there(), EventKind::Push),
    ];
    let name = kind.name();
    if let Some((key, ..)) = marks
        .iter()
        .find(|(_, is_there, of)| *is_there && *of != kind)
    {
        return Err(EventError::OtherEvent { name, key });
    }
    // The first three always carry their own object; a schedule or a dispatch may come without.
    if let Some((key, ..)) = marks[..3]
        .iter()
        .find(|(_, is_there, of)| !is_there && *of == kind)
    {
        return Err(EventError::NotThatEvent { name, key });
    }
    Ok(payload)
}

fn push(payload: &Payload) -> Result<Trigger, EventError> {
    let git_ref = payload.git_ref.text("ref")?;
    if git_ref.chars().any(char::is_control) {
        return Err(payload
            .git_ref
            .wrong("ref", "a ref without control characters"));
    }
    let before = payload.before.commit_or_zeros("before")?;
    let after = payload.after.commit_or_zeros("after")?;
    let deleted = payload.deleted.flag_if_any("deleted")?.unwrap_or(false);
    let created = payload
        .created
        .flag_if_any("created")?
        .unwrap_or(before.is_none());
    let forced = payload.forced.flag_if_any("forced")?.unwrap_or(false);
    let Some(pushed) = qualified(git_ref) else {
        return Ok(Trigger::Nothing(
            "what was pushed is neither a branch nor a tag".into(),
        ));
    };
    let Some(after) = after.filter(|_| !deleted) else {
        let what = match pushed {
            PushedRef::Branch(_) | PushedRef::Either(_) => "branch",
            PushedRef::Tag(_) => "tag",
        };
        return Ok(Trigger::Nothing(format!("the push deleted a {what}")));
    };
    let head = payload.head_commit.object_if_any("head_commit")?;
    let commit = head
        .map(|head| head.id.commit("head_commit.id"))
        .transpose()?;
    let repository = payload.repository.object("repository")?;
    Ok(Trigger::Push(Push {
        pushed,
        before,
        after,
        commit,
        commit_time: time(head, "head_commit.timestamp")?,
        forced,
        created,
        default_branch: default_branch(repository)?,
        in_fork: in_fork(repository)?,
        followed: false,
    }))
}

fn pull_request(payload: &Payload, ambient: &Ambient<'_>) -> Result<Trigger, EventError> {
    let action = word(&payload.action, "action")?;
    let trigger: fn(PullRequest) -> Trigger = match action {
        "opened" | "synchronize" | "reopened" | "ready_for_review" => Trigger::PullRequest,
        "closed" => Trigger::Closed,
        _ => {
            return Ok(Trigger::Nothing(format!(
                "a pull request that is {action} asks for nothing"
            )));
        }
    };
    let pull = payload.pull_request.object("pull_request")?;
    let number = number(&payload.number, "number")?;
    if self::number(&pull.number, "pull_request.number")? != number {
        return Err(pull
            .number
            .wrong("pull_request.number", "the same number as in number"));
    }
    let base = pull.base.object("pull_request.base")?;
    let head = pull.head.object("pull_request.head")?;
    let home = base.repo.object("pull_request.base.repo")?;
    let home = (
        home.id.integer("pull_request.base.repo.id")?,
        home.full_name.text("pull_request.base.repo.full_name")?,
    );
    let from_fork = match head.repo.object_if_any("pull_request.head.repo")? {
        // The fork was deleted.
        None => true,
        Some(repo) => is_other(
            home,
            (
                repo.id.integer("pull_request.head.repo.id")?,
                repo.full_name.text("pull_request.head.repo.full_name")?,
            ),
        ),
    };
    let merge = match commit_of_run(ambient) {
        Some(merge) => Some(merge),
        None if pull.merge_commit_sha.is_there() => Some(
            pull.merge_commit_sha
                .commit("pull_request.merge_commit_sha")?,
        ),
        None => None,
    };
    let changed_files = match pull.changed_files.is_there() {
        true => Some(pull.changed_files.integer("pull_request.changed_files")?),
        false => None,
    };
    let logins = [
        login(&payload.sender, "sender", "sender.login")?,
        login(&pull.user, "pull_request.user", "pull_request.user.login")?,
        said(ambient.actor),
    ];
    Ok(trigger(PullRequest {
        number,
        head: head.sha.commit("pull_request.head.sha")?,
        merge,
        base: base.sha.commit("pull_request.base.sha")?,
        base_branch: match base.name.is_there() {
            true => Some(base.name.branch("pull_request.base.ref")?),
            false => None,
        },
        changed_files,
        from_fork,
        by_dependabot: logins.contains(&Some(DEPENDABOT)),
        default_branch: default_branch(payload.repository.object("repository")?)?,
    }))
}

fn merge_group(payload: &Payload) -> Result<Trigger, EventError> {
    let action = word(&payload.action, "action")?;
    if action != "checks_requested" {
        return Ok(Trigger::Nothing(format!(
            "a merge group that is {action} asks for nothing"
        )));
    }
    let group = payload.merge_group.object("merge_group")?;
    Ok(Trigger::MergeGroup(MergeGroup {
        head: group.head_sha.commit("merge_group.head_sha")?,
        base: group.base_sha.commit("merge_group.base_sha")?,
        default_branch: default_branch(payload.repository.object("repository")?)?,
    }))
}

fn workflow_run(payload: &Payload) -> Result<Trigger, EventError> {
    let run = payload.workflow_run.object("workflow_run")?;
    let repository = payload.repository.object("repository")?;
    let home = (
        repository.id.integer("repository.id")?,
        repository.full_name.text("repository.full_name")?,
    );
    // Before all else: no word that a fork's run says about itself may decide anything.
    let from_fork = match run
        .head_repository
        .object_if_any("workflow_run.head_repository")?
    {
        None => true,
        Some(head) => is_other(
            home,
            (
                head.id.integer("workflow_run.head_repository.id")?,
                head.full_name
                    .text("workflow_run.head_repository.full_name")?,
            ),
        ),
    };
    if from_fork {
        return Ok(Trigger::Refused(
            "the workflow run is of another repository, a fork or a deleted one".into(),
        ));
    }
    let action = word(&payload.action, "action")?;
    if action != "completed" {
        return Ok(Trigger::Nothing(format!(
            "the workflow run is {action}, not completed"
        )));
    }
    let event = word(&run.event, "workflow_run.event")?;
    if event != "push" {
        return Ok(Trigger::Nothing(format!(
            "the workflow run followed {event}, not push"
        )));
    }
    let conclusion = word(&run.conclusion, "workflow_run.conclusion")?;
    if conclusion != "success" {
        return Ok(Trigger::Nothing(format!(
            "the workflow run ended with {conclusion}, not success"
        )));
    }
    let head = run.head_sha.commit("workflow_run.head_sha")?;
    let head_commit = run.head_commit.object_if_any("workflow_run.head_commit")?;
    Ok(Trigger::Push(Push {
        pushed: PushedRef::Either(run.head_branch.branch("workflow_run.head_branch")?),
        before: None,
        after: head,
        commit: Some(head),
        commit_time: time(head_commit, "workflow_run.head_commit.timestamp")?,
        forced: false,
        created: false,
        default_branch: default_branch(repository)?,
        in_fork: in_fork(repository)?,
        followed: true,
    }))
}

fn dispatch(
    kind: EventKind,
    payload: &Payload,
    ambient: &Ambient<'_>,
) -> Result<Trigger, EventError> {
    let by_person = kind == EventKind::WorkflowDispatch;
    // Only this event's own `ref` is one of git's; it may be short, and then GITHUB_REF says which namespace it is in.
    let theirs = if by_person {
        payload.git_ref.text_if_any("ref")?
    } else {
        None
    };
    let git_ref = theirs
        .filter(|git_ref| git_ref.starts_with("refs/"))
        .or(said(ambient.git_ref));
    let default_branch = match payload.repository.object_if_any("repository")? {
        Some(repository) if repository.default_branch.is_there() => {
            Some(default_branch(repository)?)
        }
        Some(_) | None => None,
    };
    Ok(Trigger::Dispatch(Dispatch {
        pushed: git_ref.and_then(qualified),
        commit: commit_of_run(ambient),
        default_branch,
        by_person,
        of_workflow: by_person,
    }))
}

/// A variable that says something: the runner passes an unset one as an empty string.
fn said(variable: Option<&str>) -> Option<&str> {
    variable.filter(|text| !text.is_empty())
}

/// `GITHUB_SHA`, when it is a commit.
fn commit_of_run(ambient: &Ambient<'_>) -> Option<CommitSha> {
    ambient
        .sha
        .and_then(|sha| CommitSha::parse(sha.as_bytes()).ok())
}

/// The branch or tag of a fully qualified ref.
fn qualified(git_ref: &str) -> Option<PushedRef> {
    let named = |prefix| {
        git_ref
            .strip_prefix(prefix)
            .filter(|name: &&str| !name.is_empty() && !name.chars().any(char::is_control))
            .map(str::to_owned)
    };
    named("refs/heads/")
        .map(PushedRef::Branch)
        .or_else(|| named("refs/tags/").map(PushedRef::Tag))
}

fn default_branch(repository: &EventRepositoryWire) -> Result<String, EventError> {
    repository
        .default_branch
        .branch("repository.default_branch")
}

fn in_fork(repository: &EventRepositoryWire) -> Result<bool, EventError> {
    Ok(repository
        .fork
        .flag_if_any("repository.fork")?
        .unwrap_or(false))
}

/// Whether two repositories, each told by its id and its full name, differ in either.
fn is_other(ours: (u64, &str), theirs: (u64, &str)) -> bool {
    ours.0 != theirs.0 || !ours.1.eq_ignore_ascii_case(theirs.1)
}

fn number(value: &Leaf, path: &'static str) -> Result<PrNumber, EventError> {
    let number = value.integer(path)?.to_string();
    PrNumber::parse(number.as_bytes()).map_err(|_| {
        if PrNumber::is_too_large(number.as_bytes()) {
            EventError::NumberTooLarge { number }
        } else {
            value.wrong(path, "a whole number from 1 to 99999")
        }
    })
}

fn login<'a>(
    account: &'a Json<AccountWire>,
    path: &'static str,
    login_path: &'static str,
) -> Result<Option<&'a str>, EventError> {
    match account.object_if_any(path)? {
        Some(account) => account.login.text_if_any(login_path),
        None => Ok(None),
    }
}

/// One of GitHub's own words, which may stand in a reason as it is.
fn word<'a>(value: &'a Leaf, path: &'static str) -> Result<&'a str, EventError> {
    let text = value.text(path)?;
    let is_word = (1..=40).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
    if is_word {
        Ok(text)
    } else {
        Err(value.wrong(path, "a word of a-z and _"))
    }
}

/// A commit's time. Git lets people write any; one that RFC 3339 cannot say is left out, as no decision depends on it.
fn time(commit: Option<&HeadCommit>, path: &'static str) -> Result<Option<String>, EventError> {
    let Some(commit) = commit else {
        return Ok(None);
    };
    let text = commit.timestamp.text_if_any(path)?;
    let is_plain = |text: &&str| {
        text.len() <= 40
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b':' | b'.' | b'T' | b'Z' | b'+'))
            && text.parse::<jiff::Timestamp>().is_ok()
    };
    Ok(text.filter(is_plain).map(str::to_owned))
}

#[cfg(test)]
mod tests;
