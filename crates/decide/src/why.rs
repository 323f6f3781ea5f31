//! The reasons for what is done and left, in the words of outputs, log and summary.

use super::Cause;
use super::ledger::Need;
use model::{CommitSha, Decision, ImageTag, Status, Untrusted};

/// What a commit is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// This commit; the words say where it comes from ("the push's before").
    Commit(CommitSha, String),
    /// Every service's own: what serves there, or may come to.
    OfEachService,
    /// Nothing, because of this: everything counts as changed.
    None(String),
}

impl Base {
    /// The commit, where there is one for all.
    #[must_use]
    pub const fn commit(&self) -> Option<&CommitSha> {
        match self {
            Self::Commit(commit, _) => Some(commit),
            Self::OfEachService | Self::None(_) => None,
        }
    }
}

/// Why something is done or left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// These changes are a reason.
    Changed(Cause),
    /// None of the changes is a reason.
    Unchanged,
    /// None of the changes is a reason, but what it is compared with was only accepted by Render and never seen live.
    Unconfirmed(CommitSha),
    /// There is nothing to compare with.
    NoBase(String),
    /// What serves there, or what changed since, cannot be found out.
    Unknown(String),
    /// Nothing changed, and somebody wants it all the same.
    Forced,
    /// It is not among the services that were asked for.
    NotListed,
    /// A rollback from this commit holds it where it is.
    Held(CommitSha),
    /// Something newer was deployed there; the sentence says what.
    Superseded(String),
    /// It goes back to this commit's bytes, which were of this release.
    Back(CommitSha, Option<ImageTag>),
    /// A rollback leaves it as it is; the sentence, of the outputs' alphabet, says why.
    Stays(String),
}

impl Why {
    /// What it comes to.
    #[must_use]
    pub const fn decision(&self) -> Decision {
        match self {
            Self::Changed(_)
            | Self::NoBase(_)
            | Self::Unknown(_)
            | Self::Forced
            | Self::Back(..) => Decision::Deploy,
            Self::Unchanged | Self::Unconfirmed(_) | Self::NotListed | Self::Stays(_) => {
                Decision::Skip
            }
            Self::Held(_) | Self::Superseded(_) => Decision::Skip,
        }
    }

    /// The status of a service that no deploying has come to.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Changed(_)
            | Self::NoBase(_)
            | Self::Unknown(_)
            | Self::Forced
            | Self::Back(..) => Status::NotStarted,
            Self::Unchanged | Self::Unconfirmed(_) => Status::Unchanged,
            Self::NotListed | Self::Stays(_) => Status::Skipped,
            Self::Held(_) => Status::Held,
            Self::Superseded(_) => Status::Superseded,
        }
    }

    /// Whether nothing changed: a reason to leave it that a person may set aside.
    #[must_use]
    pub(super) const fn is_unchanged(&self) -> bool {
        matches!(self, Self::Unchanged | Self::Unconfirmed(_))
    }

    /// The reason as it stands in outputs: at most 120 characters of a small alphabet, without a path.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Changed(cause) if cause.matched == 1 => "1 of its files changed".into(),
            Self::Changed(cause) => format!("{} of its files changed", cause.matched),
            Self::Unchanged => "unchanged".into(),
            Self::Unconfirmed(commit) => {
                format!(
                    "unchanged since the deploy that Render accepted at {}, which was never confirmed",
                    commit.short(7)
                )
            }
            Self::NoBase(_) => "there is nothing to compare with, so it is deployed".into(),
            Self::Unknown(_) => "it could not be compared, so it is deployed".into(),
            Self::Forced => "unchanged, but deployed (force: unchanged)".into(),
            Self::NotListed => "not among the services asked for".into(),
            Self::Held(from) => format!(
                "held by the rollback from {} (force: held lifts it)",
                from.short(7)
            ),
            Self::Superseded(why) | Self::Stays(why) => why.clone(),
            // The longest tag there is would not leave room for the rest.
            Self::Back(commit, Some(release)) if release.as_str().len() <= 60 => {
                format!("goes back to {release} (commit {})", commit.short(7))
            }
            Self::Back(commit, _) => format!("goes back to commit {}", commit.short(7)),
        }
    }

    /// The reason for the log and the summary, with the pattern, one path and what else is known.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Changed(cause) => {
                let (pattern, path) = (Untrusted(cause.pattern.as_bytes()), Untrusted(&cause.path));
                match cause.matched {
                    1 => format!("{path} changed ({pattern})"),
                    matched => format!("{path} changed ({pattern}) and {} more", matched - 1),
                }
            }
            Self::NoBase(why) | Self::Unknown(why) => format!("counts as changed: {why}"),
            Self::Unchanged | Self::Unconfirmed(_) | Self::Forced | Self::NotListed => {
                self.reason()
            }
            Self::Held(_) | Self::Back(..) | Self::Stays(_) => self.reason(),
            Self::Superseded(why) => format!("superseded: {why}"),
        }
    }
}

/// What a service is to get, and what it was compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNeed {
    /// Why it is deployed or left.
    pub why: Why,
    /// The commit whose bytes serve there.
    pub base: Option<CommitSha>,
}

impl From<Need> for ServiceNeed {
    fn from(need: Need) -> Self {
        let (why, base) = match need {
            Need::Has {
                base,
                is_confirmed: true,
            } => (Why::Unchanged, Some(base)),
            Need::Has {
                base,
                is_confirmed: false,
            } => (Why::Unconfirmed(base), Some(base)),
            Need::Differs(base, cause) => (Why::Changed(cause), Some(base)),
            Need::Unknown(why) => (Why::Unknown(why), None),
            Need::Held(from) => (Why::Held(from), None),
        };
        Self { why, base }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_fit_the_outputs_whatever_the_paths_are() {
        let cause = Cause {
            pattern: "a/**".into(),
            path: b"a/##[x]\n::y".to_vec(),
            matched: usize::MAX,
        };
        for why in [
            Why::Changed(cause),
            Why::Unchanged,
            Why::NoBase("x".repeat(500)),
            Why::Unknown("`".repeat(500)),
            Why::Forced,
            Why::NotListed,
            Why::Unconfirmed(CommitSha::from_bytes([1; 20])),
            Why::Held(CommitSha::from_bytes([1; 20])),
            Why::Back(
                CommitSha::from_bytes([1; 20]),
                ImageTag::parse(&"p".repeat(128)).ok(),
            ),
            Why::Back(
                CommitSha::from_bytes([1; 20]),
                ImageTag::parse(&"p".repeat(60)).ok(),
            ),
        ] {
            let reason = why.reason();
            assert!(
                reason.len() <= 120
                    && reason
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || " ._:/@,()+-".contains(c)),
                "{reason}"
            );
            assert!(!why.detail().contains("##["), "{}", why.detail());
        }
    }
}
