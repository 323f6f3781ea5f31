//! Faults: what goes wrong with a request on its way, or with its answer.

use super::server::{Call, Reply, Server};
use super::trap::kind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed, and nobody takes a new one for a while.
    Refused,
    /// The connection is closed before anything was done.
    ClosedBefore,
    /// It was done, and the connection is closed without an answer.
    ClosedAfter,
    /// Nothing is done, and nothing is said.
    SilentBefore,
    /// It was done, and nothing is said.
    SilentAfter,
    /// 429, with this hint.
    Limited(Hint),
    /// This status, and nothing was done.
    Failing(u16),
    /// It was done, and a proxy answers 502.
    FailingAfter,
    /// It was done, and the answer breaks off in the middle.
    Truncated,
    /// It was done, and the answer comes a byte at a time.
    Drip,
    /// It was done, and the answer says that it is a web page.
    OtherType,
    /// It was done, and the answer is JSON of another shape.
    OtherShape,
    /// 302 to another host, which is never to be asked.
    Redirect,
    /// It was done, and the answer is 1 GB long.
    Flood,
}

/// How long to wait after a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// It is not said.
    None,
    /// `Retry-After` in seconds.
    After,
    /// `Retry-After` as a date that is over.
    Date,
    /// `Ratelimit-Reset` in seconds.
    Reset,
    /// `X-RateLimit-Reset` as a time long ago, with nothing remaining.
    Epoch,
}

impl Fault {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Refused,
        Self::ClosedBefore,
        Self::ClosedAfter,
        Self::Limited(Hint::None),
        Self::Limited(Hint::After),
        Self::Limited(Hint::Date),
        Self::Limited(Hint::Reset),
        Self::Limited(Hint::Epoch),
        Self::Failing(500),
        Self::Failing(502),
        Self::Failing(503),
        Self::FailingAfter,
        Self::Truncated,
        Self::OtherType,
        Self::OtherShape,
        Self::Redirect,
        Self::Flood,
        Self::SilentBefore,
        Self::SilentAfter,
        Self::Drip,
    ];

    /// Whether the program has to give up waiting before anything goes on.
    pub const fn is_slow(self) -> bool {
        matches!(self, Self::SilentBefore | Self::SilentAfter | Self::Drip)
    }

    /// Whether what was asked for was done.
    pub const fn is_done(self) -> bool {
        match self {
            Self::Refused
            | Self::ClosedBefore
            | Self::SilentBefore
            | Self::Limited(_)
            | Self::Failing(_) => false,
            Self::Redirect => false,
            Self::ClosedAfter
            | Self::SilentAfter
            | Self::FailingAfter
            | Self::Truncated
            | Self::Drip => true,
            Self::OtherType | Self::OtherShape | Self::Flood => true,
        }
    }

    /// The answer, where the request went wrong before anything was done.
    fn instead(self, elsewhere: &str) -> Reply {
        let page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
        let message = serde_json::json!({"message": "something went wrong"});
        match self {
            Self::Limited(hint) => {
                let reply = Reply::json(429, &message);
                match hint {
                    Hint::None => reply,
                    Hint::After => reply.header("retry-after", "1"),
                    Hint::Date => reply.header("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),
                    Hint::Reset => reply
                        .header("ratelimit-reset", "1")
                        .header("ratelimit-remaining", "0"),
                    Hint::Epoch => reply
                        .header("x-ratelimit-reset", "1445412480")
                        .header("x-ratelimit-remaining", "0"),
                }
            }
            Self::Failing(502) => Reply::text(502, page).header("content-type", "text/html"),
            Self::Failing(status) => Reply::json(status, &message),
            Self::Redirect => Reply::text(302, "").header("location", elsewhere),
            Self::SilentBefore => Reply::Silent,
            Self::Refused
            | Self::ClosedBefore
            | Self::ClosedAfter
            | Self::SilentAfter
            | Self::FailingAfter
            | Self::Truncated
            | Self::Drip
            | Self::OtherType
            | Self::OtherShape
            | Self::Flood => Reply::Dropped,
        }
    }

    /// What becomes of the answer to a request that was done.
    fn spoilt(self, reply: Reply) -> Reply {
        let Reply::Whole {
            status,
            mut headers,
            body,
        } = reply.now()
        else {
            return Reply::Dropped;
        };
        let page = "<html><body>proxy error</body></html>";
        match self {
            Self::FailingAfter => Reply::text(502, page).header("content-type", "text/html"),
            Self::Truncated => Reply::Broken {
                status,
                headers,
                body,
            },
            Self::Drip => Reply::Flood {
                status,
                bytes: 1 << 20,
                pause: Duration::from_millis(200),
            },
            Self::OtherType => {
                headers.retain(|(name, _)| name != "content-type");
                Reply::Whole {
                    status,
                    headers,
                    body: page.into(),
                }
                .header("content-type", "text/html")
            }
            Self::OtherShape => {
                headers.retain(|(name, _)| name != "content-type");
                let body = r#"{"unexpected":[{"a":null}],"data":7,"id":[],"token":{}}"#.into();
                Reply::Whole {
                    status,
                    headers,
                    body,
                }
                .header("content-type", "application/json")
            }
            Self::Flood => Reply::Flood {
                status,
                bytes: 1 << 30,
                pause: Duration::ZERO,
            },
            Self::SilentAfter => Reply::Silent,
            Self::Refused
            | Self::ClosedBefore
            | Self::ClosedAfter
            | Self::SilentBefore
            | Self::Limited(_)
            | Self::Failing(_)
            | Self::Redirect => Reply::Dropped,
        }
    }
}

/// The host that redirects lead to. Whoever asks it anything follows what a stranger said.
fn stranger() -> &'static Server {
    static STRANGER: OnceLock<Server> = OnceLock::new();
    STRANGER.get_or_init(|| Server::start(|_| Reply::text(200, "{}")))
}

/// A fault and its place in a run.
#[derive(Debug, Clone)]
pub struct Faulty {
    /// As [`kind`] has it.
    pub kind: String,
    /// Which of its kind: 1 is the first.
    pub nth: usize,
    pub fault: Fault,
    /// Whether all later requests of the kind go wrong too.
    pub lasts: bool,
    /// The address that a redirect leads to.
    elsewhere: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    seen: usize,
    struck: Vec<Call>,
}

impl Faulty {
    pub fn new(kind: &str, nth: usize, fault: Fault, lasts: bool) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let elsewhere = format!(
            "{}/{}",
            stranger().origin(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        Self {
            kind: kind.to_owned(),
            nth,
            fault,
            lasts,
            elsewhere,
            state: Arc::default(),
        }
    }

    /// The requests that went wrong.
    pub fn struck(&self) -> Vec<Call> {
        self.state.lock().expect("a fault").struck.clone()
    }

    /// What the stranger was asked because of it.
    pub fn led_to(&self) -> Vec<Call> {
        let is_of_it =
            |call: &Call| format!("{}{}", stranger().origin(), call.path) == self.elsewhere;
        stranger().calls().into_iter().filter(is_of_it).collect()
    }

    /// The answer to a request with which something goes wrong; the model does what it does for the others.
    pub(super) fn answer(&self, model: impl FnOnce() -> Reply) -> Reply {
        if self.fault.is_done() {
            self.fault.spoilt(model())
        } else {
            self.fault.instead(&self.elsewhere)
        }
    }

    /// A request arrives: whether something goes wrong with it.
    pub(super) fn meets(&self, server: &str, call: &Call) -> bool {
        if kind(server, call) != self.kind {
            return false;
        }
        let mut state = self.state.lock().expect("a fault");
        state.seen += 1;
        let strikes = state.seen == self.nth || self.lasts && state.seen > self.nth;
        if strikes {
            state.struck.push(call.clone());
        }
        strikes
    }
}
