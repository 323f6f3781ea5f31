//! How a registry wants to be asked, and who may hear our credentials for it.

use super::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{RegistryHost, Repository, Secret, Untrusted};
use std::time::Duration;
use url::Url;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Access {
    /// Reading.
    Pull,
    /// Reading and writing.
    PullPush,
}

impl Access {
    /// The scope for one repository. It is ours to write: the one in GHCR's challenge is a placeholder
    /// (<https://github.com/sigstore/cosign/issues/3434>).
    pub(super) fn scope(self, repository: &Repository) -> String {
        let actions = match self {
            Self::Pull => "pull",
            Self::PullPush => "pull,push",
        };
        format!("repository:{}:{actions}", repository.path())
    }
}

/// How a host wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Without more ado.
    Open,
    /// With user name and password.
    Basic,
    /// With a token of this server.
    Bearer(TokenServer),
}

/// Where tokens for a host are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenServer {
    realm: Url,
    service: Option<String>,
}

impl TokenServer {
    /// The server's host, fit to be shown.
    pub(super) fn host(&self) -> String {
        let port = self
            .realm
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        format!("{}{port}", self.realm.host_str().unwrap_or_default())
    }

    /// The server's path, fit to be shown.
    pub(super) fn path(&self) -> String {
        Untrusted(self.realm.path().as_bytes()).to_string()
    }

    /// The address at which a token for the scope is made.
    pub(super) fn address(&self, scope: &str) -> String {
        let mut address = self.realm.clone();
        let mut query = address.query_pairs_mut();
        if let Some(service) = &self.service {
            query.append_pair("service", service);
        }
        query.append_pair("scope", scope);
        drop(query);
        address.into()
    }
}

/// Why a challenge is not followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfollowed {
    /// There is none that we know how to answer.
    Unknown,
    /// The token server is where we do not go; the text says where and why.
    Misdirected(String),
}

impl Scheme {
    /// What is known without asking: GHCR's token server, whose challenge is always the same.
    pub(super) fn known(host: &RegistryHost) -> Option<Self> {
        let realm = (host.as_str() == "ghcr.io")
            .then(|| Url::parse("https://ghcr.io/token").ok())
            .flatten()?;
        Some(Self::Bearer(TokenServer {
            realm,
            service: Some("ghcr.io".into()),
        }))
    }

    /// Reads a `WWW-Authenticate` header of `host`; a token is preferred where there is a choice.
    pub(super) fn parse(header: &str, host: &RegistryHost) -> Result<Self, Unfollowed> {
        let challenges = challenges(header);
        let find = |name: &str| {
            challenges
                .iter()
                .find(|(scheme, _)| scheme.eq_ignore_ascii_case(name))
        };
        let Some((_, parameters)) = find("bearer") else {
            return find("basic")
                .map(|_| Self::Basic)
                .ok_or(Unfollowed::Unknown);
        };
        let parameter = |name: &str| {
            parameters
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
        };
        let realm = realm(parameter("realm").ok_or(Unfollowed::Unknown)?, host)
            .map_err(Unfollowed::Misdirected)?;
        Ok(Self::Bearer(TokenServer {
            realm,
            service: parameter("service").map(Into::into),
        }))
    }
}

/// Reads a token server's address and refuses it unless it is the registry's own host or a parent domain of it, over https;
/// on this machine, any address of this machine.
fn realm(text: &str, host: &RegistryHost) -> Result<Url, String> {
    let no = |why: &str| {
        Err(format!(
            "it names the token server \"{}\", {why}",
            Untrusted(shown(text).as_bytes())
        ))
    };
    let Ok(realm) = Url::parse(text) else {
        return no("which is no address");
    };
    if !realm.username().is_empty() || realm.password().is_some() || realm.fragment().is_some() {
        return no("which is no plain address");
    }
    let Some(name) = realm.host_str() else {
        return no("which is no address of a server");
    };
    let is_loopback = RegistryHost::parse(name).is_ok_and(|name| name.is_loopback());
    if host.is_loopback() && is_loopback && matches!(realm.scheme(), "http" | "https") {
        return Ok(realm);
    }
    if realm.scheme() != "https" {
        return no("which is not https");
    }
    let ours = name_of(host.as_str());
    let is_parent = name.contains('.')
        && ours
            .strip_suffix(name)
            .is_some_and(|rest| rest.ends_with('.'));
    if name == ours || is_parent {
        Ok(realm)
    } else {
        no("which is not the registry's own")
    }
}

/// An address without its query and fragment, which nobody has to see.
fn shown(text: &str) -> &str {
    text.split(['?', '#']).next().unwrap_or_default()
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        Some(_) | None => host,
    }
}

/// Splits a `WWW-Authenticate` header into its challenges (RFC 9110, section 11.6.1).
fn challenges(header: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',', '=']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        if token.is_empty() {
            return found;
        }
        let Some(value) = after.strip_prefix('=') else {
            found.push((token.to_owned(), Vec::new()));
            rest = after;
            continue;
        };
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = value.find([' ', '\t', ',']).unwrap_or(value.len());
                (value[..end].to_owned(), &value[end..])
            }
        };
        if let Some((_, parameters)) = found.last_mut() {
            parameters.push((token.to_owned(), value));
        }
        rest = after;
    }
}

/// Reads up to the closing quote.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            _ => value.push(c),
        }
    }
    (value, "")
}

impl Credentials {
    /// Whether they are for the host.
    pub(super) fn are_for(&self, host: &RegistryHost) -> bool {
        self.host == *host
    }

    /// The `Authorization` header that says them. Any bytes may stand in them: they are wrapped in base64.
    pub(super) fn basic(&self) -> Secret {
        let pair = format!("{}:{}", self.username, self.password.expose());
        Secret::new(format!("Basic {}", STANDARD.encode(pair)))
    }
}

/// How long a token is good at least, and when its server does not say so (<https://distribution.github.io/distribution/spec/auth/token/>).
const LIFE: Duration = Duration::from_secs(60);
/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(5);

/// Reads a token server's answer: an `Authorization` header and how long it is good. A token is opaque; all that is asked of it is
/// that a header can hold it.
pub(super) fn read_token(body: &[u8]) -> Option<(Secret, Duration)> {
    #[derive(serde::Deserialize)]
    struct TokenWire {
        token: Option<String>,
        access_token: Option<String>,
        expires_in: Option<serde_json::Value>,
    }
    let wire: TokenWire = serde_json::from_slice(body).ok()?;
    let token = wire
        .token
        .filter(|token| !token.is_empty())
        .or(wire.access_token)?;
    if token.is_empty() || !token.bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
        return None;
    }
    let said = wire
        .expires_in
        .as_ref()
        .and_then(serde_json::Value::as_u64)
        .map(Duration::from_secs);
    let life = said.unwrap_or(LIFE).max(LIFE) - MARGIN;
    Some((Secret::new(format!("Bearer {token}")), life))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> RegistryHost {
        RegistryHost::parse(text).unwrap()
    }

    fn parse(header: &str, at: &str) -> Result<String, Unfollowed> {
        Scheme::parse(header, &host(at)).map(|scheme| match scheme {
            Scheme::Bearer(server) => server.address("s"),
            Scheme::Basic => "basic".into(),
            Scheme::Open => "open".into(),
        })
    }

    #[test]
    fn reads_challenges() {
        let table = [
            (
                r#"Bearer realm="https://r.example/t",service="x y",scope="a:b""#,
                Ok("https://r.example/t?service=x+y&scope=s"),
            ),
            (
                r#"bearer service=x, realm="https://r.example/t?a=1""#,
                Ok("https://r.example/t?a=1&service=x&scope=s"),
            ),
            (
                r#"Basic realm="a, Bearer b", Bearer realm="https://r.example/\t""#,
                Ok("https://r.example/t?scope=s"),
            ),
            (r#"Basic realm="Registry Realm""#, Ok("basic")),
            ("Basic", Ok("basic")),
            ("Negotiate", Err(Unfollowed::Unknown)),
            ("Bearer", Err(Unfollowed::Unknown)),
            (
                "Bearer realm=\"",
                Err(Unfollowed::Misdirected(
                    "it names the token server \"\", which is no address".into(),
                )),
            ),
            ("=,=\"", Err(Unfollowed::Unknown)),
            ("", Err(Unfollowed::Unknown)),
        ];
        for (header, wanted) in table {
            assert_eq!(
                parse(header, "r.example"),
                wanted.map(Into::into),
                "{header}"
            );
        }
    }

    #[test]
    fn a_token_server_elsewhere_is_refused_and_named() {
        let good = [
            ("https://r.example.com/t", "r.example.com:5000"),
            ("https://example.com/t", "r.example.com"),
            ("http://127.0.0.1:9/t", "localhost:5000"),
            ("https://localhost:9/t", "127.0.0.1:5000"),
        ];
        for (realm, at) in good {
            assert!(
                parse(&format!("Bearer realm=\"{realm}\""), at).is_ok(),
                "{realm} {at}"
            );
        }
        let bad = [
            ("http://r.example.com/t", "r.example.com"),
            ("https://evil/t", "r.example.com"),
            ("https://com/t", "r.example.com"),
            ("https://evil-example.com/t", "r.example.com"),
            ("https://ample.com/t", "r.example.com"),
            ("https://a.r.example.com/t", "r.example.com"),
            ("https://r.example.com@evil/t", "r.example.com"),
            ("https://r.example.com:x@evil/t", "r.example.com"),
            ("http://evil/t", "127.0.0.1:5000"),
            ("http://127.0.0.1.evil/t", "127.0.0.1:5000"),
            ("http://127.0.0.1/t", "r.example.com"),
            ("file:///etc/passwd", "127.0.0.1:5000"),
            ("/t", "r.example.com"),
        ];
        for (realm, at) in bad {
            let refused = parse(&format!("Bearer realm=\"{realm}?secret=1\""), at);
            let Err(Unfollowed::Misdirected(why)) = refused else {
                panic!("{realm}: {refused:?}")
            };
            assert!(why.contains(realm) && !why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn ghcr_is_not_asked_where_its_tokens_are_made() -> Result<(), model::Refused> {
        let Some(Scheme::Bearer(server)) = Scheme::known(&host("ghcr.io")) else {
            panic!("unknown")
        };
        let repository = Repository::parse("ghcr.io/acme/api")?;
        for (access, actions) in [(Access::Pull, "pull"), (Access::PullPush, "pull%2Cpush")] {
            let wanted = format!(
                "https://ghcr.io/token?service=ghcr.io&scope=repository%3Aacme%2Fapi%3A{actions}"
            );
            assert_eq!(server.address(&access.scope(&repository)), wanted);
        }
        assert_eq!(Scheme::known(&host("ghcr.io.evil.example")), None);
        Ok(())
    }

    #[test]
    fn tokens_are_opaque() {
        let long = format!("ghs_1_{}", "aB.-_".repeat(200));
        assert_eq!(
            read_token(format!("{{\"token\":\"{long}\"}}").as_bytes()),
            Some((
                Secret::new(format!("Bearer {long}")),
                Duration::from_secs(55)
            ))
        );
        let named = read_token(br#"{"token":"","access_token":"x","expires_in":300}"#);
        assert_eq!(
            named,
            Some((Secret::new("Bearer x"), Duration::from_secs(295)))
        );
        for odd in ["1", "-5", "\"300\"", "null", "1e99"] {
            let body = format!("{{\"token\":\"x\",\"expires_in\":{odd}}}");
            assert_eq!(
                read_token(body.as_bytes()).map(|(_, life)| life),
                Some(Duration::from_secs(55)),
                "{odd}"
            );
        }
        for body in [
            "{}",
            "<html>",
            r#"{"token":"a\nb"}"#,
            r#"{"token":""}"#,
            r#"{"token":7}"#,
        ] {
            assert_eq!(read_token(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn any_credentials_fit_into_a_header() {
        let credentials = Credentials::new(host("ghcr.io"), "a\r\nb", Secret::new("p\u{e9}\n"));
        assert_eq!(credentials.basic(), Secret::new("Basic YQ0KYjpww6kK"));
        assert!(
            credentials.are_for(&host("ghcr.io")) && !credentials.are_for(&host("ghcr.io:443"))
        );
    }
}
