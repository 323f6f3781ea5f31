//! What goes wrong at the registry.

use super::{Repository, State};
use crate::server::Reply;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// The tag is not there for so many requests for it.
    AbsentFor(u32),
    /// The tag is not there until that long after it was first asked for.
    AbsentUntil(Duration),
    /// 429 so many times, the wait in the message as GHCR writes it.
    Limited(u32),
    /// 429 so many times, with `Retry-After` seconds.
    RetryAfter(u32, u64),
    /// 502 with an HTML page, so many times.
    BadGateway(u32),
    /// That status with an OCI error, always.
    Status(u16),
    /// The body is not the one that the digest in the header is of.
    Corrupt,
    /// The challenge names this realm.
    Realm(String),
    /// Blobs are elsewhere, under this origin, behind a signed query.
    BlobsAt(String),
    /// The manifest is that many bytes of JSON.
    HugeManifest(u64),
    /// The token endpoint answers so.
    Token(u16),
    /// HTML with status 200.
    Html,
    /// That status to so many writes, with an OCI error.
    Write(u32, u16),
    /// This refusal, so many times.
    Refused(u32, Refusal),
    /// The same to so many writes.
    WriteRefused(u32, Refusal),
}

/// An OCI error.
#[derive(Debug, Clone)]
pub struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    detail: Value,
}

impl Refusal {
    /// That status with that message.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            detail: Value::Null,
        }
    }

    /// A secondary rate limit of GitHub's: GitHub's answer stands escaped in the message (<https://github.com/virtualcell/vcell/issues/1888>).
    pub fn secondary_limit() -> Self {
        let inner = json!({
            "documentation_url": "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits",
            "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        });
        Self::new(403, "DENIED", inner.to_string())
    }

    /// Distribution's answer to an index whose part is gone.
    pub fn part_unknown(digest: &str) -> Self {
        Self {
            detail: json!({ "digest": digest }),
            ..Self::new(
                400,
                "MANIFEST_BLOB_UNKNOWN",
                "manifest blob unknown to registry",
            )
        }
    }

    fn reply(&self) -> Reply {
        let mut error = json!({"code": self.code, "message": self.message});
        if !self.detail.is_null() {
            error["detail"] = self.detail.clone();
        }
        refusal(self.status, &error)
    }
}

pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
    refusal(status, &json!({"code": code, "message": message}))
}

fn refusal(status: u16, error: &Value) -> Reply {
    Reply::json(status, &json!({ "errors": [error] })).header("x-github-request-id", "C0DE:1:2:3:4")
}

fn html() -> &'static str {
    "<html><head><title>Unicorn!</title></head><body>::error::## <img src=x onerror=alert(1)> ##[set-output name=tags]evil</body></html>"
}

/// Whether it holds once more.
fn take(left: &mut u32) -> bool {
    let holds = *left > 0;
    *left = left.saturating_sub(1);
    holds
}

impl State {
    /// What the first trouble that fits says.
    pub(super) fn found<T>(&self, path: &str, pick: impl Fn(&Trouble) -> Option<T>) -> Option<T> {
        self.repositories.get(path)?.troubles.iter().find_map(pick)
    }

    /// The answer of the repository's first trouble that still holds.
    pub(super) fn trouble(&mut self, path: &str, is_tag: bool, now: Instant) -> Option<Reply> {
        let repository = self.repositories.get_mut(path)?;
        let first_asked = *repository.first_asked.get_or_insert(now);
        let absent = || error(404, "MANIFEST_UNKNOWN", "manifest unknown");
        for trouble in &mut repository.troubles {
            let reply = match trouble {
                Trouble::AbsentFor(left) => (is_tag && take(left)).then(absent),
                Trouble::AbsentUntil(wait) => (is_tag && now - first_asked < *wait).then(absent),
                Trouble::Limited(left) => take(left).then(|| {
                    error(
                        429,
                        "TOOMANYREQUESTS",
                        "retry-after: 1.16676ms, allowed: 44000/minute",
                    )
                }),
                Trouble::RetryAfter(left, seconds) => {
                    let seconds = seconds.to_string();
                    take(left).then(|| {
                        error(429, "TOOMANYREQUESTS", "slow down").header("retry-after", seconds)
                    })
                }
                Trouble::BadGateway(left) => {
                    take(left).then(|| Reply::text(502, html()).header("content-type", "text/html"))
                }
                Trouble::Status(status) => Some(error(
                    *status,
                    "DENIED",
                    "##[set-output name=tags]evil <img src=x>\n::set-output name=tags::evil",
                )),
                Trouble::Refused(left, refusal) => take(left).then(|| refusal.reply()),
                Trouble::HugeManifest(bytes) => Some(Reply::Flood {
                    status: 200,
                    bytes: *bytes,
                    pause: Duration::ZERO,
                }),
                Trouble::Html => Some(Reply::text(200, html()).header("content-type", "text/html")),
                Trouble::Corrupt
                | Trouble::Realm(_)
                | Trouble::BlobsAt(_)
                | Trouble::Token(_)
                | Trouble::Write(..)
                | Trouble::WriteRefused(..) => None,
            };
            if reply.is_some() {
                return reply;
            }
        }
        None
    }
}

impl Repository {
    /// The answer to a write of the first trouble that still holds.
    pub(super) fn trouble_of_writes(&mut self) -> Option<Reply> {
        self.troubles.iter_mut().find_map(|trouble| {
            if let Trouble::Write(left, status) = trouble {
                let code = if *status == 429 {
                    "TOOMANYREQUESTS"
                } else {
                    "DENIED"
                };
                return take(left).then(|| error(*status, code, "not now"));
            }
            if let Trouble::WriteRefused(left, refusal) = trouble {
                return take(left).then(|| refusal.reply());
            }
            None
        })
    }
}
