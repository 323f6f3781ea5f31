//! Why a registry did not give what was asked of it.

use http::Method;
use http_client::{PROXY_DENIED, UNTRUSTED};
use model::{Digest, FailureWord};
use std::fmt;
use std::time::Duration;

/// One request and what came back, as far as it may be shown: no query, no header of ours, no redirect's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTrace {
    pub(super) method: Method,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) redirected: bool,
    pub(super) status: Option<u16>,
    pub(super) code: Option<&'static str>,
    pub(super) phrase: Option<&'static str>,
    /// How long the answer asks us to wait, in words.
    pub(super) wait: Option<Duration>,
    pub(super) request_id: Option<String>,
}

impl RequestTrace {
    /// The status of the answer, where there was one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// The OCI error code, such as `MANIFEST_UNKNOWN`.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        self.code
    }

    /// GitHub's id of the request, for its support.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl fmt::Display for RequestTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.host, self.path)?;
        if self.redirected {
            f.write_str(" (redirected)")?;
        }
        if let Some(status) = self.status {
            write!(f, ": {status}")?;
        }
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(phrase) = self.phrase {
            write!(f, " \"{phrase}\"")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

/// As whom a registry was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// As nobody: there are no credentials for that host.
    Anonymous,
    /// With the credentials for that host.
    Known,
}

/// Why there is no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// There is nothing under that name (now).
    #[error("not in the registry: {0}")]
    Missing(Box<RequestTrace>),
    /// We may not see it, or it is not there: a registry does not say which (403, or no token).
    #[error("not found, or not readable: {exchange}")]
    Denied {
        /// As whom we asked.
        asker: Asker,
        /// What was said.
        exchange: Box<RequestTrace>,
    },
    /// We are not known there, or it is not there: a registry does not say which (401).
    #[error("not found, or not readable without credentials: {exchange}")]
    Unauthenticated {
        /// As whom we asked.
        asker: Asker,
        /// What was said.
        exchange: Box<RequestTrace>,
    },
    /// We may not write.
    #[error("not permitted to write: {0}")]
    WriteDenied(Box<RequestTrace>),
    /// It limits our requests.
    #[error("the registry limits requests: {exchange}")]
    RateLimited {
        /// When to come back, where it said so.
        after: Option<Duration>,
        /// What was said.
        exchange: Box<RequestTrace>,
    },
    /// It does not answer, or says that it cannot now.
    #[error("the registry is unavailable: {exchange}{}", because(why))]
    Unavailable {
        /// When to come back, where it said so.
        after: Option<Duration>,
        /// What was said.
        exchange: Box<RequestTrace>,
        /// What went wrong on the way; empty where there was an answer.
        why: String,
    },
    /// It cannot show that it is who it should be.
    #[error("no TLS connection: {exchange}{}", because(why))]
    Untrusted {
        /// What was asked.
        exchange: Box<RequestTrace>,
        /// What the TLS stack says.
        why: String,
    },
    /// A proxy on the way wants a password.
    #[error(
        "a proxy on the way to the registry answered 407, so it wants a user and a password: {0}"
    )]
    ProxyDenied(Box<RequestTrace>),
    /// It answered nonsense.
    #[error("a broken answer: {exchange}{}", because(why))]
    Broken {
        /// What was asked.
        exchange: Box<RequestTrace>,
        /// What is wrong with the answer.
        why: String,
    },
    /// It does not take an index, because an image that belongs to it is gone.
    #[error("a part of the image is gone{}: {exchange}", named(child.as_ref()))]
    ChildMissing {
        /// The part, where the registry names one that the index has.
        child: Option<Digest>,
        /// What was said.
        exchange: Box<RequestTrace>,
    },
    /// It answered with a status that makes no sense for the request.
    #[error("the registry rejects the request: {0}")]
    Rejected(Box<RequestTrace>),
    /// It answered with more than is ever read.
    #[error("an answer of more than {most} bytes: {exchange}")]
    TooLarge {
        /// What was asked.
        exchange: Box<RequestTrace>,
        /// The most that is read.
        most: usize,
    },
    /// There are more tags than are read.
    #[error("there are more than 100,000 tags: {0}")]
    TooManyTags(Box<RequestTrace>),
    /// The bytes are not those of the digest.
    #[error("the bytes have digest {found}, wanted {wanted}: {exchange}")]
    DigestDiffers {
        /// What was asked.
        exchange: Box<RequestTrace>,
        /// The digest of the bytes.
        found: Digest,
        /// The digest that was asked for, or that the registry names.
        wanted: Digest,
    },
    /// It wants to send us somewhere where we do not go.
    #[error("{exchange}: {why}")]
    Misdirected {
        /// What was asked.
        exchange: Box<RequestTrace>,
        /// Where to, as far as it may be shown, and why not.
        why: String,
    },
}

fn named(child: Option<&Digest>) -> String {
    child.map_or_else(String::new, |child| format!(" ({child})"))
}

fn because(why: &str) -> String {
    if why.is_empty() {
        String::new()
    } else {
        format!(": {why}")
    }
}

impl RegistryError {
    /// The request and what came back.
    #[must_use]
    pub fn exchange(&self) -> &RequestTrace {
        match self {
            Self::Missing(exchange)
            | Self::WriteDenied(exchange)
            | Self::ProxyDenied(exchange)
            | Self::Rejected(exchange)
            | Self::TooManyTags(exchange) => exchange,
            Self::Denied { exchange, .. }
            | Self::ChildMissing { exchange, .. }
            | Self::Unauthenticated { exchange, .. }
            | Self::RateLimited { exchange, .. }
            | Self::Unavailable { exchange, .. }
            | Self::Untrusted { exchange, .. }
            | Self::Broken { exchange, .. }
            | Self::TooLarge { exchange, .. }
            | Self::DigestDiffers { exchange, .. }
            | Self::Misdirected { exchange, .. } => exchange,
        }
    }

    /// The word for it in the `failure` output.
    #[must_use]
    pub const fn word(&self) -> FailureWord {
        match self {
            Self::Missing(_) => FailureWord::ImageMissing,
            Self::Denied { .. } | Self::Unauthenticated { .. } | Self::Misdirected { .. } => {
                FailureWord::ImageDenied
            }
            Self::WriteDenied(_) => FailureWord::PermissionMissing,
            Self::RateLimited { .. } => FailureWord::RateLimited,
            Self::Unavailable { .. }
            | Self::Untrusted { .. }
            | Self::ProxyDenied(_)
            | Self::Broken { .. }
            | Self::Rejected(_) => FailureWord::RegistryUnavailable,
            Self::TooLarge { .. } | Self::ChildMissing { .. } => FailureWord::ImageBroken,
            Self::DigestDiffers { .. } => FailureWord::DigestDiffers,
            Self::TooManyTags(_) => FailureWord::OrderUnknown,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) => "push the image before this step, under this name and tag",
            Self::Denied {
                asker: Asker::Known,
                ..
            }
            | Self::Unauthenticated {
                asker: Asker::Known,
                ..
            } => {
                "check both causes: the package may be absent (is the name right, was it ever pushed?), or the credentials may not \
                 read it (`packages: read` in the job, and this repository under the package's \"Manage Actions access\"; a token of your \
                 own has to be a classic one, because GHCR takes no fine-grained tokens)"
            }
            Self::Denied {
                asker: Asker::Anonymous,
                ..
            }
            | Self::Unauthenticated {
                asker: Asker::Anonymous,
                ..
            } => {
                "check both causes: the package may be absent (is the name right, was it ever pushed?), or it is not permitted \
                 without credentials (set `registry`, `registry-username` and `registry-password` for this host)"
            }
            Self::WriteDenied(_) => {
                "give the job `packages: write`, and this repository the role Write under \"Manage Actions access\" in the package's settings"
            }
            Self::RateLimited { .. } => {
                "run fewer jobs that use the registry at the same time, and run this one again"
            }
            Self::Unavailable { .. } => {
                "look at the registry's status page, and run this job again"
            }
            Self::Untrusted { .. } => UNTRUSTED,
            Self::ProxyDenied(_) => PROXY_DENIED,
            Self::Broken { .. } | Self::Rejected(_) => {
                "check that a registry answers at this host, without a proxy that changes answers, then run this job again"
            }
            Self::ChildMissing { .. } => {
                "build and push the image again, and make sure that no cleanup deletes untagged versions: the parts of an index have no tags"
            }
            Self::TooLarge { .. } => {
                "build the image again: no valid image has a manifest or config of that size"
            }
            Self::DigestDiffers { .. } => {
                "check that `digest` is the digest that the build printed, and that no proxy changes the registry's answers"
            }
            Self::TooManyTags(_) => "delete tags that nobody needs any more",
            Self::Misdirected { .. } => {
                "check `registry` and the image's host: a registry's token server and its blobs must be at https addresses it may name"
            }
        }
    }

    /// How often a request is made at most while it ends like this. `None`: as often as the deadline allows.
    pub(super) const fn most_tries(&self) -> Option<u32> {
        match self {
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Broken { .. } => None,
            // Bytes that were damaged on the way are good the next time; bytes that are others will stay others.
            Self::DigestDiffers { .. } => Some(3),
            Self::Missing(_)
            | Self::ChildMissing { .. }
            | Self::Denied { .. }
            | Self::Unauthenticated { .. }
            | Self::WriteDenied(_)
            | Self::Untrusted { .. }
            | Self::ProxyDenied(_)
            | Self::Rejected(_)
            | Self::TooLarge { .. }
            | Self::TooManyTags(_)
            | Self::Misdirected { .. } => Some(1),
        }
    }

    /// How long the registry asks us to wait.
    #[must_use]
    pub const fn after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { after, .. } | Self::Unavailable { after, .. } => *after,
            Self::Missing(_)
            | Self::ChildMissing { .. }
            | Self::Denied { .. }
            | Self::Unauthenticated { .. }
            | Self::WriteDenied(_)
            | Self::Untrusted { .. }
            | Self::ProxyDenied(_)
            | Self::Broken { .. }
            | Self::Rejected(_)
            | Self::TooLarge { .. }
            | Self::TooManyTags(_)
            | Self::DigestDiffers { .. }
            | Self::Misdirected { .. } => None,
        }
    }
}
