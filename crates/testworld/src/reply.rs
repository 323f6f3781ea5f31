//! What a model answers.

use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A whole answer.
    Whole {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// An answer after a while.
    After(Duration, Box<Reply>),
    /// The connection is closed without an answer.
    Dropped,
    /// The connection stays open, and nothing is ever said.
    Silent,
    /// An answer that breaks off in the middle of its body.
    Broken {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// An answer whose body is that many bytes of `a`, in pieces, with a pause between them.
    Flood {
        status: u16,
        bytes: u64,
        pause: Duration,
    },
}

impl Reply {
    /// An answer with a text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::Whole {
            status,
            headers: Vec::new(),
            body: body.into().into_bytes(),
        }
    }

    /// An answer with JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, body.to_string())
            .header("content-type", "application/json; charset=utf-8")
    }

    /// The same with one header more.
    pub fn header(self, name: &str, value: impl Into<String>) -> Self {
        match self {
            Self::Whole {
                status,
                mut headers,
                body,
            } => {
                headers.push((name.to_owned(), value.into()));
                Self::Whole {
                    status,
                    headers,
                    body,
                }
            }
            other @ (Self::After(..)
            | Self::Dropped
            | Self::Silent
            | Self::Broken { .. }
            | Self::Flood { .. }) => other,
        }
    }

    /// The same with that JSON in its first object; what is no JSON, or has no object, stays as it is.
    pub(crate) fn stuffed(self, text: &str) -> Self {
        match self {
            Self::Whole {
                status,
                headers,
                body,
            } => {
                let is_open = |byte: &u8| *byte == b'{';
                let at = body.iter().position(is_open).filter(|at| *at < 2);
                let Some(at) = at else {
                    return Self::Whole {
                        status,
                        headers,
                        body,
                    };
                };
                let (before, behind) = body.split_at(at + 1);
                let comma = if behind.trim_ascii_start().starts_with(b"}") {
                    ""
                } else {
                    ","
                };
                let body = [
                    before,
                    b"\"stuffing\":",
                    text.as_bytes(),
                    comma.as_bytes(),
                    behind,
                ]
                .concat();
                Self::Whole {
                    status,
                    headers,
                    body,
                }
            }
            other @ (Self::After(..)
            | Self::Dropped
            | Self::Silent
            | Self::Broken { .. }
            | Self::Flood { .. }) => other,
        }
    }

    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Whole { status, .. }
            | Self::Broken { status, .. }
            | Self::Flood { status, .. } => *status,
            Self::After(_, reply) => reply.status(),
            Self::Dropped | Self::Silent => 0,
        }
    }

    /// The same without its delays.
    pub fn now(self) -> Self {
        match self {
            Self::After(_, reply) => reply.now(),
            other @ (Self::Whole { .. }
            | Self::Dropped
            | Self::Silent
            | Self::Broken { .. }
            | Self::Flood { .. }) => other,
        }
    }
}
