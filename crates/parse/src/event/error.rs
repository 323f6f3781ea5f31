//! Why an event cannot be read. Every one of these is a wrong request.

use super::{DEEPEST, LARGEST, supported};

/// Why the event cannot be read; the request itself is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// There is no payload.
    #[error("the event payload is empty, wanted the JSON object that GITHUB_EVENT_PATH names")]
    Empty,
    /// The payload is larger than any of GitHub's.
    #[error("the event payload has {bytes} bytes, wanted at most {LARGEST}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The payload is nested more deeply than any of GitHub's.
    #[error("the event payload is nested too deeply, wanted at most {DEEPEST} levels")]
    TooDeep,
    /// The payload is not JSON.
    #[error("the event payload is not JSON at line {line}, column {column}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
    /// A key that is read stands twice in one object, so that two readers could read two values.
    #[error("the event payload has a key twice ({what})")]
    Repeated {
        /// The parser's words.
        what: String,
    },
    /// A field is not there.
    #[error("the event payload has no {path}, wanted {wanted}")]
    Missing {
        /// The field's JSON path.
        path: &'static str,
        /// What would be right.
        wanted: &'static str,
    },
    /// A field holds something else than what it has to.
    #[error("{path} in the event payload is {shown}, wanted {wanted}")]
    Wrong {
        /// The field's JSON path.
        path: &'static str,
        /// The value, shown safely.
        shown: String,
        /// What would be right.
        wanted: &'static str,
    },
    /// The pull request's number is larger than this project takes.
    #[error("pull request {number} is not supported: its number is above 99999")]
    NumberTooLarge {
        /// Its number.
        number: String,
    },
    /// The payload holds what only another event has.
    #[error("GITHUB_EVENT_NAME is {name}, but the event payload is of another event: it has {key}")]
    OtherEvent {
        /// The event's name.
        name: &'static str,
        /// What tells.
        key: &'static str,
    },
    /// The payload lacks what every payload of the event has.
    #[error(
        "GITHUB_EVENT_NAME is {name}, but the event payload is of another event: it has no {key}"
    )]
    NotThatEvent {
        /// The event's name.
        name: &'static str,
        /// What is missing.
        key: &'static str,
    },
    /// There is nothing to be done on events of this name.
    #[error("GITHUB_EVENT_NAME is \"{name}\", wanted one of {}", supported())]
    NotSupported {
        /// The name, shown safely.
        name: String,
    },
    /// Somebody ran the workflow by hand on another ref than the environment's branch, and did not say which commit is meant.
    #[error("this run is on {ran_on}, and environment {environment} deploys from branch {branch}")]
    OtherBranch {
        /// The environment.
        environment: String,
        /// Its branch, shown safely.
        branch: String,
        /// What the run is on, shown safely.
        ran_on: String,
    },
}

impl EventError {
    /// What to do about it; begins with a verb.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::OtherBranch { branch, .. } => format!(
                "Run the workflow on branch {branch}, or name the commit that is meant with the input sha."
            ),
            Self::NotSupported { name } => instead_of(name).into(),
            Self::NumberTooLarge { .. } => {
                "Leave such pull requests out: give the job `if: github.event.pull_request.number < 100000`."
                    .into()
            }
            Self::Empty
            | Self::TooLarge { .. }
            | Self::TooDeep
            | Self::NotJson { .. }
            | Self::Repeated { .. }
            | Self::Missing { .. }
            | Self::Wrong { .. }
            | Self::OtherEvent { .. }
            | Self::NotThatEvent { .. } => {
                format!("Use the action on {}.", supported())
            }
        }
    }
}

/// The lines to write where an event is not supported.
fn instead_of(event: &str) -> &'static str {
    match event {
        "release" => {
            "Write `on: { push: { tags: [\"prod-*\"] } }` instead of `on: release`, with the environment's tag: publishing a release pushes its tag, and that push starts the run."
        }
        "create" => "Write `on: push` instead of `on: create`: a new branch or tag is pushed too.",
        "registry_package" | "package" => {
            "Write `on: push`, and a job that needs the build; or `on: { workflow_run: { workflows: [Build], types: [completed] } }`."
        }
        "check_suite" | "check_run" | "status" => {
            "Write `on: { workflow_run: { workflows: [CI], types: [completed] } }` instead: it says which push was checked."
        }
        "deployment" | "deployment_status" | "issues" | "issue_comment" | "pull_request_review" => {
            "Write `on: { workflow_dispatch: }` with inputs, or `on: push`: this event names no commit of a branch that was pushed."
        }
        _ => {
            "Use the action on push, pull_request, merge_group, workflow_run, workflow_dispatch, repository_dispatch or schedule."
        }
    }
}
