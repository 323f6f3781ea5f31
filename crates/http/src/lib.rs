//! The HTTP client: every byte that leaves over the network leaves here.
//!
//! [`Exchange`] carries a request; [`connect`] makes the one that opens sockets, with one TLS stack. [`Client`] is what holds for
//! every request above it: time-outs, size limits, no redirects. It knows the difference between a request that was never sent
//! and one that got no answer, because a deploy hook may be repeated in the first case only. Who is asked, with which credentials, is
//! decided by its users.

mod backoff;
mod body;
mod client;
mod clock;
mod connect;
mod error;
mod exchange;
mod hint;
mod printable;
mod random;
mod request;
mod retry;
mod roots;
mod trust;

#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use body::BodyError;
pub use client::Client;
pub use clock::{Deadline, Stopwatch, sleep, within};
pub use connect::{Proxies, connect};
pub use error::{PROXY_DENIED, TransportError, UNTRUSTED};
pub use exchange::{Body, Exchange, ExchangeError, TransportCause};
pub use hint::wait as wait_hint;
pub use random::Random;
pub use request::{HttpRequest, HttpResponse};
pub use retry::{RetryStep, retry};
pub use roots::{Roots, RootsError};
