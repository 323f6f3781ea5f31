//! A model at an address. It takes requests and gives replies, without a socket and without a clock: who brings a request says when it arrived.
//! `loopback` brings those that come through real sockets.

use super::address;
pub use super::address::{with_address, with_ipv6_only};
pub use super::call::Call;
use super::fault::{Fault, Faulty};
use super::loopback::Listener;
pub use super::reply::Reply;
use super::trap::{Moment, Trap};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long a server that refuses connections once does so.
const REFUSES: Duration = Duration::from_millis(700);

/// A server: a model at an address of its own.
#[derive(Debug, Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    model: Box<dyn Fn(&Call) -> Reply + Send + Sync>,
    calls: Mutex<Vec<Call>>,
    /// How many of the calls were searched for secrets.
    searched: AtomicUsize,
    disturbed: Mutex<Option<Arc<Disturbance>>>,
    date: Mutex<Option<String>>,
    stuffing: Mutex<Option<Arc<str>>>,
    late: Mutex<Duration>,
    entrance: Mutex<Entrance>,
    changed: Notify,
    listener: OnceLock<Listener>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Server({})", self.address)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        address::give_back(self.address);
    }
}

/// Whether connections are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entrance {
    Open,
    /// Closed until then.
    Until(Instant),
    /// Closed for so long from the start of the run on.
    For(Duration),
    Closed,
}

/// What becomes of a request that was taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) reply: Reply,
    /// The trap that cancels the run once the answer was read.
    pub(crate) springs: Option<Trap>,
}

/// What a test lets happen to a run at one of its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disturbance {
    /// What the servers are called in kinds of requests.
    pub(crate) names: BTreeMap<SocketAddr, &'static str>,
    /// The servers that have a name on the internet, reached by https.
    pub(crate) hosts: BTreeMap<String, Server>,
    pub(crate) trap: Option<Trap>,
    pub(crate) fault: Option<Faulty>,
}

/// A server that may be gone.
#[derive(Debug, Clone)]
pub(crate) struct Known(Weak<Inner>);

impl Known {
    pub(crate) fn server(&self) -> Option<Server> {
        self.0.upgrade().map(Server)
    }
}

impl Server {
    /// Puts a model at a free address.
    pub fn start(model: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_late(Duration::ZERO, model)
    }

    /// Puts a model at a free address that refuses connections until a run has lasted for `delay`.
    pub fn start_late(
        delay: Duration,
        model: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = address::free();
        let entrance = match delay {
            Duration::ZERO => Entrance::Open,
            delay => Entrance::For(delay),
        };
        let server = Self(Arc::new(Inner {
            address,
            model: Box::new(model),
            calls: Mutex::default(),
            searched: AtomicUsize::new(0),
            disturbed: Mutex::default(),
            date: Mutex::default(),
            stuffing: Mutex::default(),
            late: Mutex::default(),
            entrance: Mutex::new(entrance),
            changed: Notify::new(),
            listener: OnceLock::new(),
        }));
        address::take(address, Known(Arc::downgrade(&server.0)));
        if address::is_real(address) {
            server.listen();
        }
        server
    }

    /// Listens at its address, for programs that are processes of their own.
    pub fn listen(&self) {
        self.0.listener.get_or_init(|| Listener::start(self));
    }

    /// The same server, listening.
    pub fn listening(self) -> Self {
        self.listen();
        self
    }

    /// Takes a request that came through a socket.
    pub(crate) fn take(&self, call: Call) -> Taken {
        let disturbed = self.0.disturbed.lock().expect("a disturbance").clone();
        self.take_of(
            call,
            disturbed.as_deref().unwrap_or(&Disturbance::default()),
        )
    }

    /// Takes a request of a run: its trap and its fault act, the model answers, and the request is written down.
    pub(crate) fn take_of(&self, mut call: Call, disturbed: &Disturbance) -> Taken {
        let name = disturbed.names.get(&self.0.address).copied();
        let name = name.unwrap_or_default();
        let trap = disturbed.trap.clone();
        let met = trap.and_then(|trap| Some((trap.meets(name, &call)?, trap)));
        let (now, silent) = (
            call.at,
            Taken {
                reply: Reply::Silent,
                springs: None,
            },
        );
        if let Some((Moment::Unheard, trap)) = &met {
            self.write_down(call);
            trap.spring(now);
            return silent;
        }
        let fault = disturbed.fault.clone();
        let struck = fault.filter(|faulty| faulty.meets(name, &call));
        if let Some(Faulty {
            fault: Fault::Refused,
            lasts,
            ..
        }) = &struck
        {
            self.set_entrance(if *lasts {
                Entrance::Closed
            } else {
                Entrance::Until(now + REFUSES)
            });
        }
        let reply = match struck {
            Some(faulty) => faulty.answer(|| self.answer(&call)),
            None => self.answer(&call),
        };
        call.answered = reply.status();
        self.write_down(call);
        match met {
            Some((Moment::Unanswered, trap)) => {
                trap.spring(now);
                silent
            }
            Some((Moment::Answered, trap)) => Taken {
                reply,
                springs: Some(trap),
            },
            Some((Moment::Unheard, _)) | None => Taken {
                reply,
                springs: None,
            },
        }
    }

    /// What the model answers, dated and stuffed as a test said.
    fn answer(&self, call: &Call) -> Reply {
        let mut reply = (self.0.model)(call);
        if let Some(date) = self.0.date.lock().expect("a date").clone() {
            reply = reply.header("date", date);
        }
        if let Some(text) = self.0.stuffing.lock().expect("the stuffing").clone() {
            reply = reply.stuffed(&text);
        }
        match *self.0.late.lock().expect("a delay") {
            Duration::ZERO => reply,
            late => Reply::After(late, Box::new(reply)),
        }
    }

    fn write_down(&self, call: Call) {
        self.0.calls.lock().expect("calls").push(call);
    }

    fn set_entrance(&self, entrance: Entrance) {
        *self.0.entrance.lock().expect("the entrance") = entrance;
        self.0.changed.notify_one();
    }

    /// A run begins: a server that is late counts from now.
    pub(crate) fn run_begins(&self, now: Instant) {
        let entrance = *self.0.entrance.lock().expect("the entrance");
        if let Entrance::For(delay) = entrance {
            self.set_entrance(Entrance::Until(now + delay));
        }
    }

    /// Whether connections are refused.
    pub(crate) fn refuses(&self, now: Instant) -> bool {
        match *self.0.entrance.lock().expect("the entrance") {
            Entrance::Open => false,
            Entrance::Until(then) => now < then,
            Entrance::For(_) | Entrance::Closed => true,
        }
    }

    /// Waits until it refuses connections, or takes them.
    pub(crate) async fn until(&self, refuses: bool) {
        loop {
            let now = tokio::time::Instant::now();
            if self.refuses(now.into_std()) == refuses {
                return;
            }
            let opens = match *self.0.entrance.lock().expect("the entrance") {
                Entrance::Until(then) if !refuses => then.into(),
                Entrance::Until(_) | Entrance::Open | Entrance::For(_) | Entrance::Closed => {
                    now + Duration::from_secs(3600)
                }
            };
            tokio::select! {
                biased;
                () = self.0.changed.notified() => {}
                () = tokio::time::sleep_until(opens) => {}
            }
        }
    }

    /// Waits until everything that a program sent before it died has been read.
    pub fn drained(&self) {
        if let Some(listener) = self.0.listener.get() {
            listener.drained();
        }
    }

    /// Dates every answer from now on.
    pub fn dated(&self, date: &str) {
        *self.0.date.lock().expect("a date") = Some(date.to_owned());
    }

    /// Sends every answer that late from now on.
    pub fn late(&self, delay: Duration) {
        *self.0.late.lock().expect("a delay") = delay;
    }

    /// Puts this JSON into the first object of every answer that has one.
    pub fn stuff(&self, text: &str) {
        *self.0.stuffing.lock().expect("the stuffing") = Some(text.into());
    }

    /// Lets something happen to the runs whose requests come through sockets, or nothing any more.
    pub(crate) fn disturb(&self, disturbed: Option<Arc<Disturbance>>) {
        *self.0.disturbed.lock().expect("a disturbance") = disturbed;
    }

    /// Takes connections again, after a fault has closed it.
    pub(crate) fn open(&self) {
        self.set_entrance(Entrance::Open);
        if let Some(listener) = self.0.listener.get() {
            listener.is_back();
        }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.0.address.to_string()
    }

    /// `http://127.0.0.1:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Forgets what arrived: it has been looked at.
    pub fn forget(&self) {
        self.0.calls.lock().expect("calls").clear();
    }

    /// What arrived since this was asked the last time.
    pub(crate) fn unsearched(&self) -> Vec<Call> {
        let calls = self.0.calls.lock().expect("calls");
        let from = self.0.searched.swap(calls.len(), Ordering::SeqCst);
        calls.get(from..).unwrap_or_default().to_vec()
    }

    /// What arrived up to now.
    pub fn calls(&self) -> Vec<Call> {
        self.0.calls.lock().expect("calls").clone()
    }
}
