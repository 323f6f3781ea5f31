//! The exchange of production: reqwest, with one TLS stack. No other file opens a connection.

use super::exchange::{Body, Exchange, ExchangeError, TransportCause};
use super::roots::Roots;
use super::trust;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may take to be made. Without this limit one dead address of several would use up the whole time of a request.
const CONNECT: Duration = Duration::from_secs(10);

/// The proxies to use. The default is none.
///
/// It has no `Debug`: an address of a proxy may hold a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http` addresses.
    pub http: Option<String>,
    /// For `https` addresses.
    pub https: Option<String>,
    /// For addresses without a proxy of their own.
    pub all: Option<String>,
    /// Hosts and networks that are asked directly, separated by commas.
    pub no_proxy: Option<String>,
}

/// Prepares to connect, trusting exactly `roots`. Nothing is sent yet.
///
/// # Errors
/// [`ExchangeError::NotARequest`] when the TLS stack refuses its configuration.
pub fn connect(roots: Roots, proxies: &Proxies) -> Result<Arc<dyn Exchange>, ExchangeError> {
    // A second call in one process is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let configuration = trust::configuration(roots)
        .map_err(|why| ExchangeError::NotARequest(TransportCause::new(why)))?;
    // `no_proxy` keeps reqwest from reading the environment.
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(configuration)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .dns_resolver(Arc::new(Resolver))
        .no_proxy();
    for proxy in chosen(proxies) {
        builder = builder.proxy(proxy);
    }
    match builder.build() {
        Ok(client) => Ok(Arc::new(Connector(client))),
        Err(error) => Err(ExchangeError::NotARequest(cause(&error))),
    }
}

/// What hyper-util says of a proxy that answers 407 to CONNECT; its type is private.
const PROXY_WANTS_PASSWORD: &str = "proxy authorization required";

/// The proxies in the order in which they are tried. An address that is none counts as absent, as it does for curl.
fn chosen(proxies: &Proxies) -> Vec<reqwest::Proxy> {
    let except = proxies
        .no_proxy
        .as_deref()
        .and_then(reqwest::NoProxy::from_string);
    let address = |text: &Option<String>| {
        let text = text.clone()?;
        text.parse::<http::Uri>().is_ok().then_some(text)
    };
    [
        address(&proxies.http).map(reqwest::Proxy::http),
        address(&proxies.https).map(reqwest::Proxy::https),
        address(&proxies.all).map(reqwest::Proxy::all),
    ]
    .into_iter()
    .flatten()
    .filter_map(Result::ok)
    .map(|proxy| proxy.no_proxy(except.clone()))
    .collect()
}

/// The machine's resolver, without link-local addresses: where clouds keep their metadata, and no server that this program asks.
///
/// It is asked for every connection, so it does not matter what a name led to before.
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(usable(found.collect())?)
        })
    }
}

/// The addresses that may be connected to.
fn usable(found: Vec<SocketAddr>) -> Result<Addrs, std::io::Error> {
    let usable: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| !is_link_local(address.ip()))
        .collect();
    if usable.is_empty() {
        let why = "its name resolves to no allowed address";
        return Err(std::io::Error::other(why));
    }
    Ok(Box::new(usable.into_iter()))
}

fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

struct Connector(reqwest::Client);

impl Exchange for Connector {
    fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Body>, ExchangeError>> {
        let (parts, body) = request.into_parts();
        let has_length = parts.headers.contains_key(http::header::CONTENT_LENGTH);
        let mut outgoing = self
            .0
            .request(parts.method, parts.uri.to_string())
            .headers(parts.headers);
        if has_length || !body.is_empty() {
            outgoing = outgoing.body(body);
        }
        Box::pin(async move {
            let incoming = outgoing.send().await.map_err(|error| classify(&error))?;
            let broken = |error: reqwest::Error| ExchangeError::NoAnswer(cause(&error));
            Ok(http::Response::from(incoming).map(|body| body.map_err(broken).boxed()))
        })
    }
}

fn classify(error: &reqwest::Error) -> ExchangeError {
    if error.is_builder() {
        return ExchangeError::NotARequest(cause(error));
    }
    if !error.is_connect() {
        return ExchangeError::NoAnswer(cause(error));
    }
    if let Some(why) = trust::distrust(error) {
        return ExchangeError::Tls(why);
    }
    let cause = cause(error);
    if cause.root().ends_with(PROXY_WANTS_PASSWORD) {
        return ExchangeError::ProxyDenied;
    }
    ExchangeError::NeverSent(cause)
}

/// The causes behind a library error, without its first line, which holds the address.
fn cause(error: &reqwest::Error) -> TransportCause {
    let mut texts: Vec<String> = Vec::new();
    let mut root = String::new();
    let mut source = error.source();
    while let Some(inner) = source {
        root = inner.to_string();
        if texts.last().is_none_or(|last| !last.contains(&root)) {
            texts.push(root.clone());
        }
        source = inner.source();
    }
    if texts.is_empty() {
        root = "the connection broke".into();
    }
    let is_told = texts.iter().any(|text| text.contains("timed out"));
    if error.is_timeout() && !is_told {
        texts.push("timed out".into());
    }
    if texts.is_empty() {
        TransportCause::new(root)
    } else {
        TransportCause::with_chain(texts.join(": "), root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_without_an_address_are_left_out() {
        let proxies = Proxies {
            http: Some("proxy.example:3128".into()),
            https: Some(String::new()),
            all: Some("http://all.example/a b".into()),
            no_proxy: None,
        };
        let chosen = chosen(&proxies);
        assert_eq!(chosen.len(), 1);
        assert!(format!("{:?}", chosen[0]).contains("proxy.example"));
    }

    fn of(addresses: &[&str]) -> Option<Vec<String>> {
        let parsed = addresses
            .iter()
            .map(|text| SocketAddr::new(text.parse().expect("an address"), 0));
        let found = usable(parsed.collect()).ok()?;
        Some(found.map(|address| address.ip().to_string()).collect())
    }

    #[test]
    fn link_local_addresses_are_left_out() {
        let mixed = [
            "169.254.169.254",
            "203.0.113.7",
            "fe80::1",
            "2001:db8::1",
            "::ffff:169.254.1.1",
        ];
        let wanted = ["203.0.113.7", "2001:db8::1"].map(str::to_owned);
        assert_eq!(of(&mixed), Some(wanted.to_vec()));
        assert_eq!(of(&["127.0.0.1"]), Some(vec!["127.0.0.1".to_owned()]));
        for none in [&["169.254.169.254", "fe80::1"][..], &[]] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }
}
