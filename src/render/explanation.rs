//! Why a deploy ended as it did, from the service's events.
//!
//! An image that cannot be pulled, or a process that ends, has an event of its own that does not name the deploy; it is the deploy's
//! when it stands between the deploy's beginning and its end. The list is newest first.

use super::phrase;
use super::wire::{Details, Reason, WireEvent, WireFailure};
use crate::domain::{DeployId, FailureWord};
use std::fmt;

/// Why a deploy did not go live, or did not stay it. `Display` is a lower-case sentence in which of Render's text only known phrases are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explanation {
    /// Render could not pull the image; its own words.
    ImagePull(String),
    /// The process was killed for taking too much memory.
    OutOfMemory {
        /// How much it may have, in Render's words.
        limit: Option<String>,
    },
    /// The process ended by itself.
    Exited {
        /// Its exit code; 0 where it ended early and well.
        code: i64,
    },
    /// Render gave up waiting.
    TimedOut {
        /// After how many seconds.
        seconds: Option<u64>,
        /// For what, in Render's words.
        reason: Option<String>,
    },
    /// The health check failed; Render's words.
    Unhealthy(String),
    /// The pre-deploy command failed.
    PreDeployFailed {
        /// Its exit code, where it ended by itself with one.
        code: Option<i64>,
    },
    /// The build failed; for an image, that is everything before it is started.
    BuildFailed,
    /// The process was moved off its machine.
    Evicted,
    /// Another deploy took its place.
    ReplacedBy(Option<DeployId>),
    /// Somebody cancelled it, in the dashboard or by the API.
    Cancelled,
}

impl Explanation {
    /// The failure word.
    #[must_use]
    pub const fn word(&self) -> FailureWord {
        match self {
            Self::ImagePull(_) => FailureWord::ImagePullFailed,
            Self::OutOfMemory { .. } => FailureWord::OutOfMemory,
            Self::Exited { .. } => FailureWord::Exited,
            Self::TimedOut { .. } => FailureWord::TimedOut,
            Self::Unhealthy(_) => FailureWord::Unhealthy,
            Self::PreDeployFailed { .. } => FailureWord::PreDeployFailed,
            Self::BuildFailed | Self::Evicted | Self::Cancelled => FailureWord::DeployFailed,
            Self::ReplacedBy(_) => FailureWord::ReplacedByOther,
        }
    }

    /// What to do about it; begins with a verb.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::ImagePull(_) => {
                "Check that the image is still in the registry and that the service's registry credential on Render can read it."
            }
            Self::OutOfMemory { .. } => {
                "Choose a larger instance type on Render, or make the service use less memory."
            }
            Self::Exited { .. } => {
                "Look at the service's logs on Render: the process exited; a service must keep running."
            }
            Self::TimedOut { .. } => {
                "Look at the service's logs on Render: it did not get ready in time."
            }
            Self::Unhealthy(_) => "Look at the service's logs and its health check path on Render.",
            Self::PreDeployFailed { .. } => "Look at the log of the pre-deploy command on Render.",
            Self::BuildFailed => "Look at the deploy's log on Render.",
            Self::Evicted => "Run this again; Render moved the service off its machine.",
            Self::ReplacedBy(_) => {
                "Look at the service's deploys on Render: something else deploys it too."
            }
            Self::Cancelled => "Ask who cancelled the deploy on Render, then run this again.",
        }
    }

    /// What the events, newest first, say of a deploy.
    pub(super) fn find(events: &[WireEvent], deploy: &DeployId) -> Option<Self> {
        let mine = |event: &WireEvent, kind| {
            event.r#type == kind && event.details.deploy_id.as_deref() == Some(deploy.as_str())
        };
        let end = events
            .iter()
            .position(|event| mine(event, "deploy_ended"))?;
        let ended = &events[end].details;
        let no_reason = Reason::default();
        let reason = ended.reason.as_ref().unwrap_or(&no_reason);
        if let Some(other) = &reason.new_deploy {
            return Some(Self::ReplacedBy(DeployId::parse(&other.id).ok()));
        }
        if reason.new_build.is_some() {
            return Some(Self::ReplacedBy(None));
        }
        match ended.deploy_status.as_deref() {
            Some("canceled") => return Some(Self::Cancelled),
            Some("succeeded") => return None,
            _ => {}
        }
        let pre_deploy = events
            .iter()
            .find(|event| mine(event, "pre_deploy_ended"))
            .map(|event| &event.details);
        if let Some(details) =
            pre_deploy.filter(|details| details.pre_deploy_status.as_deref() == Some("failed"))
        {
            let failure = details
                .reason
                .as_ref()
                .and_then(|reason| reason.failure.as_ref());
            return Some(Self::PreDeployFailed {
                code: failure.and_then(|failure| failure.non_zero_exit),
            });
        }
        let older = &events[end + 1..];
        let begin = older.iter().position(|event| mine(event, "deploy_started"));
        let during = &older[..begin.unwrap_or(0)];
        if let Some(pull) = during
            .iter()
            .find(|event| event.r#type == "image_pull_failed")
        {
            return Some(Self::pull(&pull.details));
        }
        if let Some(own) = reason.failure.as_ref().and_then(Self::of) {
            return Some(own);
        }
        if reason.build_failed.is_some() {
            return Some(Self::BuildFailed);
        }
        let failed = during
            .iter()
            .filter(|event| event.r#type == "server_failed");
        failed
            .filter_map(|event| event.details.reason.as_ref())
            .find_map(|reason| Self::of(&reason.own))
    }

    fn pull(details: &Details) -> Self {
        Self::ImagePull(details.message.clone().unwrap_or_default())
    }

    /// How a process ended, the most telling first.
    fn of(failure: &WireFailure) -> Option<Self> {
        if let Some(killed) = &failure.oom_killed {
            Some(Self::OutOfMemory {
                limit: killed.memory_limit.clone(),
            })
        } else if let Some(code) = failure.non_zero_exit {
            Some(Self::Exited { code })
        } else if let Some(why) = &failure.unhealthy {
            Some(Self::Unhealthy(why.clone()))
        } else if failure.early_exit {
            Some(Self::Exited { code: 0 })
        } else if failure.timed_out_seconds.is_some() || failure.timed_out_reason.is_some() {
            Some(Self::TimedOut {
                seconds: failure.timed_out_seconds,
                reason: failure.timed_out_reason.clone(),
            })
        } else {
            failure.evicted.then_some(Self::Evicted)
        }
    }
}

/// `: phrase`, or nothing where no phrase of the text is known.
fn after_colon(text: &str) -> String {
    match phrase::known(text) {
        Some(phrase) => format!(": {phrase}"),
        None => String::new(),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImagePull(message) => {
                write!(f, "Render could not pull the image{}", after_colon(message))
            }
            Self::OutOfMemory { limit } => match limit.as_deref().and_then(phrase::size) {
                Some(limit) => write!(f, "it used more memory than its instance has ({limit})"),
                None => f.write_str("it used more memory than its instance has"),
            },
            Self::Exited { code: 0 } => f.write_str("its process ended early, with exit code 0"),
            Self::Exited { code } => write!(f, "its process ended with exit code {code}"),
            Self::TimedOut { seconds, reason } => {
                let seconds = seconds
                    .map(|seconds| format!(" after {seconds} s"))
                    .unwrap_or_default();
                write!(
                    f,
                    "Render gave up waiting{seconds}{}",
                    after_colon(reason.as_deref().unwrap_or_default())
                )
            }
            Self::Unhealthy(why) => match phrase::error_status(why) {
                Some(status) => write!(f, "it failed its health check: status {status}"),
                None => write!(f, "it failed its health check{}", after_colon(why)),
            },
            Self::PreDeployFailed { code: Some(code) } => {
                write!(f, "its pre-deploy command ended with exit code {code}")
            }
            Self::PreDeployFailed { code: None } => f.write_str("its pre-deploy command failed"),
            Self::BuildFailed => f.write_str("its build failed"),
            Self::Evicted => f.write_str("Render moved it off its machine"),
            Self::ReplacedBy(Some(other)) => write!(f, "{other} took its place"),
            Self::ReplacedBy(None) => f.write_str("another deploy took its place"),
            Self::Cancelled => f.write_str("somebody cancelled it on Render"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{self, EventEntry};
    use super::*;

    /// What these events, newest first, say of `dep-1`.
    fn find(events: &[(&str, &str)]) -> Option<Explanation> {
        let events = events.iter().map(|(kind, details)| {
            format!(r#"{{"event":{{"id":"evt-a","timestamp":"2026-11-24T10:00:00Z","serviceId":"srv-a","type":"{kind}","details":{details}}},"cursor":"c"}}"#)
        });
        let events = format!("[{}]", events.collect::<Vec<_>>().join(","));
        let events: Vec<EventEntry> = wire::read(events.as_bytes()).unwrap();
        let events: Vec<WireEvent> = events.into_iter().map(|entry| entry.event).collect();
        Explanation::find(&events, &DeployId::parse("dep-1").unwrap())
    }

    fn ended(status: &str, reason: &str) -> String {
        format!(r#"{{"deployId":"dep-1","deployStatus":"{status}","status":3,"reason":{reason}}}"#)
    }

    const STARTED: (&str, &str) = (
        "deploy_started",
        r#"{"deployId":"dep-1","trigger":{"manual":false}}"#,
    );
    const PULL: (&str, &str) = (
        "image_pull_failed",
        r#"{"imageURL":"ghcr.io/acme/api@sha256:aa","message":"failed to resolve ghcr.io/acme/api@sha256:aa: not found"}"#,
    );
    const KILLED: (&str, &str) = (
        "server_failed",
        r#"{"reason":{"evicted":false,"nonZeroExit":137}}"#,
    );

    #[test]
    fn every_reason_that_render_gives_is_understood() {
        let failure = |text: &str| format!(r#"{{"failure":{{"evicted":false{text}}}}}"#);
        let table = [
            (
                failure(r#","nonZeroExit":7"#),
                "its process ended with exit code 7",
                FailureWord::Exited,
            ),
            (
                failure(r#","earlyExit":true"#),
                "its process ended early, with exit code 0",
                FailureWord::Exited,
            ),
            (
                failure(r#","oomKilled":{"memoryLimit":"512Mi"},"nonZeroExit":137"#),
                "it used more memory than its instance has (512Mi)",
                FailureWord::OutOfMemory,
            ),
            (
                failure(r#","timedOutSeconds":900,"timedOutReason":"no open port""#),
                "Render gave up waiting after 900 s: no open port",
                FailureWord::TimedOut,
            ),
            (
                failure(r#","unhealthy":"GET /health: ::500","timedOutSeconds":900"#),
                "it failed its health check: status 500",
                FailureWord::Unhealthy,
            ),
            (
                r#"{"failure":{"evicted":true}}"#.into(),
                "Render moved it off its machine",
                FailureWord::DeployFailed,
            ),
            (
                r#"{"buildFailed":{"id":"bld-1"}}"#.into(),
                "its build failed",
                FailureWord::DeployFailed,
            ),
            (
                r#"{"newDeploy":{"id":"dep-2"}}"#.into(),
                "dep-2 took its place",
                FailureWord::ReplacedByOther,
            ),
            (
                r#"{"newDeploy":{"id":"::x"}}"#.into(),
                "another deploy took its place",
                FailureWord::ReplacedByOther,
            ),
            (
                r#"{"newBuild":{"id":"bld-2"}}"#.into(),
                "another deploy took its place",
                FailureWord::ReplacedByOther,
            ),
        ];
        for (reason, text, word) in table {
            let found = find(&[("deploy_ended", &ended("failed", &reason)), STARTED])
                .unwrap_or_else(|| panic!("{reason}"));
            assert_eq!(
                (found.to_string().as_str(), found.word()),
                (text, word),
                "{reason}"
            );
            assert!(found.hint().starts_with(|c: char| c.is_ascii_uppercase()));
        }
        let cancelled = find(&[("deploy_ended", &ended("canceled", "{}")), STARTED]);
        assert_eq!(cancelled, Some(Explanation::Cancelled));
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_the_deploys_while_it_runs() {
        let ended = ended("failed", r#"{"buildFailed":{"id":"bld-1"}}"#);
        let end = ("deploy_ended", ended.as_str());
        let found = find(&[end, PULL, STARTED]).unwrap();
        assert_eq!(
            found.to_string(),
            "Render could not pull the image: not found"
        );
        assert_eq!(found.word(), FailureWord::ImagePullFailed);
        for events in [
            &[PULL, end, STARTED][..],
            &[end, STARTED, PULL],
            &[end, PULL],
        ] {
            assert_eq!(find(events), Some(Explanation::BuildFailed), "{events:?}");
        }
    }

    #[test]
    fn a_failed_pre_deploy_command_is_told_with_its_exit_code() {
        let ended = ended("failed", "{}");
        let details = |status: &str, reason: &str| {
            format!(
                r#"{{"deployId":"dep-1","deployCommandExecutionId":"x","preDeployStatus":"{status}","reason":{reason}}}"#
            )
        };
        let failed = details("failed", r#"{"failure":{"evicted":false,"nonZeroExit":3}}"#);
        let found = find(&[
            ("deploy_ended", &ended),
            ("pre_deploy_ended", &failed),
            STARTED,
        ]);
        assert_eq!(found, Some(Explanation::PreDeployFailed { code: Some(3) }));
        let well = details("succeeded", "{}");
        assert_eq!(
            find(&[
                ("deploy_ended", &ended),
                ("pre_deploy_ended", &well),
                STARTED
            ]),
            None
        );
    }

    #[test]
    fn a_server_that_ended_meanwhile_explains_what_nothing_else_does() {
        let silent = ended("failed", "{}");
        let found = find(&[("deploy_ended", &silent), KILLED, STARTED]);
        assert_eq!(found, Some(Explanation::Exited { code: 137 }));
        let own = ended("failed", r#"{"failure":{"evicted":false,"unhealthy":"x"}}"#);
        assert_eq!(
            find(&[("deploy_ended", &own), KILLED, STARTED]),
            Some(Explanation::Unhealthy("x".into()))
        );
    }

    #[test]
    fn nothing_is_made_up() {
        let other =
            r#"{"deployId":"dep-2","deployStatus":"failed","reason":{"buildFailed":{"id":"b"}}}"#;
        let well = ended("succeeded", "{}");
        for events in [
            &[][..],
            &[STARTED],
            &[("deploy_ended", other), STARTED],
            &[("deploy_ended", &well), PULL, STARTED],
        ] {
            assert_eq!(find(events), None, "{events:?}");
        }
        let odd = [
            ("from_the_future", r#"{"reason":"x","message":7}"#),
            ("deploy_ended", "null"),
        ];
        assert_eq!(find(&odd), None);
    }
}
