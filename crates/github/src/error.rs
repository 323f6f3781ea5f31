//! What can go wrong when GitHub is asked.

use http_client::{PROXY_DENIED, UNTRUSTED};
use model::{CommitSha, FailureWord};
use std::fmt;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestPurpose {
    /// To know something.
    Read,
    /// To leave something there.
    Write,
}

impl fmt::Display for RequestPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// Which GitHub is asked: each has its own people to turn to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitHubInstance {
    /// github.com.
    GitHub,
    /// One with a host of its own: an Enterprise Server, or `ghe.com`.
    Company,
}

/// Why GitHub gives no answer. None of these holds an address with a query, or a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitHubError {
    /// It is not there, or this token may not know that it is.
    #[error("github has no {what} ({trace})")]
    NotFound {
        /// What was asked for.
        what: String,
        /// The reply.
        trace: Trace,
    },
    /// The token may not do that.
    #[error("github does not let this token {aim} {what}: {why} ({trace})")]
    Denied {
        /// What it may not.
        aim: RequestPurpose,
        /// What was asked for.
        what: String,
        /// The permission that GitHub names as enough, else GitHub's own message.
        why: String,
        /// The reply.
        trace: Trace,
    },
    /// What was to be written makes no sense to GitHub, or stands against something there.
    #[error("github does not take {what}: {why} ({trace})")]
    Rejected {
        /// What was to be written.
        what: String,
        /// GitHub's own message.
        why: String,
        /// The reply.
        trace: Trace,
    },
    /// The token has no requests left, or GitHub asks to wait longer than we do.
    #[error("github limits our requests ({trace})")]
    RateLimited {
        /// The reply.
        trace: Trace,
    },
    /// No answer, or 5xx, three times.
    #[error("github does not answer for {what}: {why} ({trace})")]
    Unavailable {
        /// What was asked for.
        what: String,
        /// What happened instead.
        why: String,
        /// Which GitHub it is.
        whose: GitHubInstance,
        /// The last reply.
        trace: Trace,
    },
    /// What answers cannot show that it is GitHub.
    #[error("no TLS connection to github for {what}: {why}")]
    Untrusted {
        /// What was asked for.
        what: String,
        /// Why it is not believed.
        why: String,
    },
    /// A proxy on the way wants a password.
    #[error(
        "a proxy on the way to github answered 407 for {what}, so it wants a user and a password"
    )]
    ProxyDenied {
        /// What was asked for.
        what: String,
    },
    /// An answer that makes no sense.
    #[error("github's answer for {what} cannot be used: {why} ({trace})")]
    Broken {
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        why: String,
        /// The reply.
        trace: Trace,
    },
    /// An answer of more bytes than are read.
    #[error("github's answer for {what} has more than {mib} MiB ({trace})")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// How much is read.
        mib: usize,
        /// The reply.
        trace: Trace,
    },
    /// A tag's object is of a kind that cannot be deployed.
    #[error("git object {object} is a {kind}, wanted a commit")]
    NotACommit {
        /// The object.
        object: CommitSha,
        /// Its kind, in git's word.
        kind: &'static str,
    },
    /// A tag of a tag of a tag, and so on.
    #[error("git object {0} is a tag of more than 8 tags, wanted a commit")]
    TooDeep(CommitSha),
}

impl GitHubError {
    /// Names the permission that a refused request needs, where GitHub did not.
    pub(super) fn needing(mut self, permission: &str) -> Self {
        if let Self::Denied { why, trace, .. } = &mut self
            && trace.status == Some(403)
            && !why.contains("it needs")
        {
            *why = format!("it needs {permission} ({why})");
        }
        self
    }

    /// The word for the `failure` output.
    #[must_use]
    pub const fn word(&self) -> FailureWord {
        match self {
            Self::NotFound { .. } | Self::Denied { .. } => FailureWord::PermissionMissing,
            Self::RateLimited { .. } => FailureWord::RateLimited,
            Self::Unavailable { .. }
            | Self::Untrusted { .. }
            | Self::ProxyDenied { .. }
            | Self::Broken { .. }
            | Self::TooLarge { .. }
            | Self::Rejected { .. } => FailureWord::GithubUnavailable,
            Self::NotACommit { .. } | Self::TooDeep(_) => FailureWord::BadEvent,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => {
                "check that it exists in this repository, and that the job's `permissions` let it be read (`contents: read` for commits and files, `pull-requests: read` for pull requests)"
            }
            Self::Denied { .. } => "add the permission to the job's `permissions`",
            Self::Rejected { .. } => {
                "check that the commit is in this repository, and what GitHub's message says"
            }
            Self::RateLimited { .. } => {
                "run it again later; a checkout with `fetch-depth: 0` makes most of these requests unnecessary"
            }
            Self::Untrusted { .. } => UNTRUSTED,
            Self::ProxyDenied { .. } => PROXY_DENIED,
            Self::Unavailable {
                whose: GitHubInstance::GitHub,
                ..
            } => "run it again; if it stays, look at https://www.githubstatus.com",
            Self::Unavailable {
                whose: GitHubInstance::Company,
                ..
            } => "run it again; if it stays, ask who runs your GitHub server",
            Self::Broken { .. } | Self::TooLarge { .. } => {
                "run it again; if it stays, check what answers at GITHUB_API_URL"
            }
            Self::NotACommit { .. } | Self::TooDeep(_) => "put the tag on a commit",
        }
    }
}

/// What GitHub's support asks for: the status and the id of the request, as far as there was a reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    pub(super) status: Option<u16>,
    pub(super) request: Option<String>,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "status {status}")?,
            None => f.write_str("no reply")?,
        }
        self.request
            .as_ref()
            .map_or(Ok(()), |request| write!(f, ", request {request}"))
    }
}
