//! Why there is no answer, and what to do about it.

use super::exchange::ExchangeError;

/// What to do where TLS fails; begins with a verb.
pub const UNTRUSTED: &str = "If this network or server has its own certificate authority, pass its certificate in ca-bundle. Otherwise check this machine's clock and which server answers.";

/// What to do where a proxy wants a password; begins with a verb.
pub const PROXY_DENIED: &str = "Write the proxy's user and password into HTTPS_PROXY (http://user:password@proxy:3128, from a secret), or name this host in \
     NO_PROXY.";

/// Why there is no answer. No variant holds an address: addresses can be secrets.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The request did not leave: no connection could be made (refused, DNS, TLS).
    #[error("no connection: {0}")]
    NeverSent(String),
    /// The TLS handshake failed; the request did not leave.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// 407: a proxy on the way wants a password; the request did not get past it.
    #[error("no connection: a proxy on the way answered 407, so it wants a user and a password")]
    ProxyDenied,
    /// The request may have arrived; no whole answer came back.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The answer is larger than it may be.
    #[error("an answer of more than {0} bytes")]
    TooLarge(usize),
    /// The address is none, or the client could not be made.
    #[error("not a request: {0}")]
    NotARequest(String),
}

impl TransportError {
    /// What to do about it; begins with a verb.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Tls(_) => UNTRUSTED,
            Self::ProxyDenied => PROXY_DENIED,
            Self::NeverSent(_) => {
                "Check the network (DNS, firewall, proxy) and the status page, then run this again."
            }
            Self::NoAnswer(_) | Self::TooLarge(_) => {
                "Look at its status page, then run this again."
            }
            Self::NotARequest(_) => "Correct the inputs ca-bundle and render-api-url.",
        }
    }

    /// Whether the other side cannot have seen the request.
    #[must_use]
    pub const fn was_never_sent(&self) -> bool {
        match self {
            Self::NeverSent(_) | Self::Tls(_) | Self::ProxyDenied | Self::NotARequest(_) => true,
            Self::NoAnswer(_) | Self::TooLarge(_) => false,
        }
    }
}

impl From<ExchangeError> for TransportError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::NeverSent(cause) => Self::NeverSent(cause.to_string()),
            ExchangeError::Tls(why) => Self::Tls(why),
            ExchangeError::ProxyDenied => Self::ProxyDenied,
            ExchangeError::NoAnswer(cause) => Self::NoAnswer(cause.to_string()),
            ExchangeError::NotARequest(cause) => Self::NotARequest(cause.to_string()),
        }
    }
}
