//! What a service is asked about itself: its address, and the text that it has to answer.

use super::{CommitSha, Digest, EnvironmentName, Refused};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use url::{Host, Url};

/// The longest address, in bytes.
const LONGEST_ADDRESS: usize = 2048;
/// The longest text that is looked for, in bytes.
const LONGEST_EXPECT: usize = 200;

/// How a service is asked which commit it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The address that is asked.
    pub url: ProbeUrl,
    /// The text that the answer has to hold.
    pub expect: Expect,
    /// The response header in which the text is looked for; the body where there is none.
    pub header: Option<ResponseHeader>,
    /// How long the service may take to answer it.
    pub timeout: Duration,
    /// How many right answers there have to be in a row.
    pub times: u32,
}

impl Probe {
    /// The time that a probe has where the manifest names none.
    pub const TIMEOUT: Duration = Duration::from_secs(5 * 60);
    /// The longest time that the manifest may name.
    pub const LONGEST: Duration = Duration::from_secs(30 * 60);
    /// The number of right answers where the manifest names none.
    pub const TIMES: u32 = 3;
    /// The most right answers that the manifest may ask for: those of twenty seconds.
    pub const MOST_TIMES: u32 = 20;
}

/// The address of a probe: one for all environments, or one for each that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeUrl {
    /// One for every environment.
    Everywhere(ProbeAddress),
    /// One for each of these environments; a service is not probed in the others.
    In(BTreeMap<EnvironmentName, ProbeAddress>),
}

impl ProbeUrl {
    /// The address in an environment.
    #[must_use]
    pub fn in_environment(&self, name: &EnvironmentName) -> Option<&ProbeAddress> {
        match self {
            Self::Everywhere(address) => Some(address),
            Self::In(addresses) => addresses.get(name),
        }
    }
}

/// An address that may be asked: https, or http on a loopback host. It has no credentials, no fragment and no link-local host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeAddress(Url);

impl ProbeAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// Refuses every other address. The refusal shows no credentials.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let wanted =
            "an https address like https://example.com/version (http only for a loopback host)";
        let refused = |wanted: &str| Refused::new("probe.url", shown(text).as_bytes(), wanted);
        let is_odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if text.len() > LONGEST_ADDRESS || text.contains(is_odd) {
            return Err(refused(wanted));
        }
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        // Browsers take `https:///a` for `https://a/`.
        if rest.is_none_or(|rest| rest.starts_with('/')) {
            return Err(refused(wanted));
        }
        let url = Url::parse(text).map_err(|_| refused(wanted))?;
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err(refused("an address without a user, a password or an @"));
        }
        if url.fragment().is_some() {
            return Err(refused("an address without a fragment (#...)"));
        }
        let Some(host) = url.host() else {
            return Err(refused(wanted));
        };
        if is_forbidden(&host) {
            return Err(refused(
                "a public address: link-local hosts are never asked",
            ));
        }
        if url.scheme() == "http" && !is_loopback(&host) {
            return Err(refused(wanted));
        }
        if url.port() == Some(0) {
            return Err(refused(wanted));
        }
        Ok(Self(url))
    }

    /// The address.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// This address's path and query at another address's host: where a preview is asked.
    ///
    /// # Errors
    /// Refuses a host that may not be asked.
    pub fn at(&self, host: &Url) -> Result<Self, Refused> {
        let mut moved = host.clone();
        moved.set_path(self.0.path());
        moved.set_query(self.0.query());
        moved.set_fragment(None);
        Self::parse(moved.as_str())
    }

    /// Where a redirect from this address leads, if it stays on this host.
    ///
    /// # Errors
    /// Says where it leads instead, without naming the address.
    pub fn follow(&self, location: &str) -> Result<Self, &'static str> {
        let to = self
            .0
            .join(location)
            .map_err(|_| "it redirects to an invalid address")?;
        if to.origin() != self.0.origin() {
            return Err("it redirects to another host, which is not followed");
        }
        let mut to = to;
        to.set_fragment(None);
        Self::parse(to.as_str()).map_err(|_| "it redirects to an address that is not allowed")
    }
}

/// Host and path. The query stays out of logs: it may hold what people keep to themselves.
impl fmt::Display for ProbeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.0;
        write!(
            f,
            "{}://{}",
            url.scheme(),
            url.host_str().unwrap_or_default()
        )?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(url.path())
    }
}

/// What a refusal shows of an address: nothing of one that may hold a password.
fn shown(text: &str) -> &str {
    if text.contains('@') {
        "(an address with an @, not shown)"
    } else {
        text
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn is_forbidden(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(_) => false,
        Host::Ipv4(address) => is_never_asked(IpAddr::V4(*address)),
        Host::Ipv6(address) => is_never_asked(IpAddr::V6(*address)),
    }
}

/// Whether an address is one of the machine's own network alone, where clouds keep their metadata: link-local, unspecified, multicast.
#[must_use]
pub fn is_never_asked(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast()
        }
        IpAddr::V6(address) => {
            address.is_unicast_link_local() || address.is_unspecified() || address.is_multicast()
        }
    }
}

/// The name of a response header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHeader(String);

impl ResponseHeader {
    /// Reads a header's name: letters, digits and `-_`, at most 64.
    ///
    /// # Errors
    /// Refuses other names, one with a colon among them.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let is_good = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if is_good {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            let wanted = "the name of a response header alone, like X-Version";
            Err(Refused::new("probe.header", text.as_bytes(), wanted))
        }
    }

    /// The name, lower-case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text that an answer has to hold, with placeholders for the image that was deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect(Vec<ProbePart>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum ProbePart {
    Text(String),
    Sha(usize),
    Digest,
}

impl Expect {
    /// What is looked for where the manifest says nothing.
    #[must_use]
    pub fn default_text() -> Self {
        Self(vec![ProbePart::Sha(7)])
    }

    /// Reads text around `{sha}`, `{sha:N}` (7 to 40) and `{digest}`. Other braces may stand in it, as in JSON, if no word is in them.
    ///
    /// # Errors
    /// Refuses unknown placeholders, control characters, and text that is empty or too long.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let refused = |wanted: &str| Refused::new("probe.expect", text.as_bytes(), wanted);
        let wanted = "text around {sha}, {sha:7} to {sha:40} or {digest}, and no other placeholder";
        if text.is_empty() || text.len() > LONGEST_EXPECT || text.contains(char::is_control) {
            return Err(refused("one line of text, at most 200 bytes, like {sha:7}"));
        }
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, braced)) = rest.split_once('{') {
            literal.push_str(before);
            let part = match braced.split_once('}') {
                Some((name, after)) if looks_like_a_placeholder(name) => {
                    let part = ProbePart::read(name).ok_or_else(|| refused(wanted))?;
                    rest = after;
                    Some(part)
                }
                Some(_) | None => {
                    literal.push('{');
                    rest = braced;
                    None
                }
            };
            if let Some(part) = part {
                if !literal.is_empty() {
                    parts.push(ProbePart::Text(std::mem::take(&mut literal)));
                }
                parts.push(part);
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(ProbePart::Text(literal));
        }
        Ok(Self(parts))
    }

    /// Whether the text tells one image from another: without a placeholder an old instance answers it too.
    #[must_use]
    pub fn names_the_image(&self) -> bool {
        self.0
            .iter()
            .any(|part| !matches!(part, ProbePart::Text(_)))
    }

    /// Whether the image's commit has to be known.
    #[must_use]
    pub fn needs_commit(&self) -> bool {
        self.0.iter().any(|part| matches!(part, ProbePart::Sha(_)))
    }

    /// The texts of which one has to be in the answer: one for each digest that names the image. `None` where the commit is needed and not known.
    #[must_use]
    pub fn filled(&self, commit: Option<&CommitSha>, digests: &[Digest]) -> Option<Vec<String>> {
        let commit = match commit {
            Some(commit) => commit.to_string(),
            None if self.needs_commit() => return None,
            None => String::new(),
        };
        let fill = |digest: &str| {
            let piece = |part: &ProbePart| match part {
                ProbePart::Text(text) => text.clone(),
                ProbePart::Sha(digits) => commit[..*digits].to_owned(),
                ProbePart::Digest => digest.to_owned(),
            };
            self.0.iter().map(piece).collect::<String>()
        };
        let mut texts: Vec<String> = digests.iter().map(|digest| fill(digest.as_str())).collect();
        if texts.is_empty() {
            texts.push(fill(""));
        }
        texts.dedup();
        Some(texts)
    }
}

impl ProbePart {
    fn read(name: &str) -> Option<Self> {
        match (name, name.strip_prefix("sha:")) {
            ("sha", _) => Some(Self::Sha(40)),
            ("digest", _) => Some(Self::Digest),
            (_, Some(digits)) => {
                let count: usize = digits.parse().ok()?;
                let is_plain = count.to_string() == digits && (7..=40).contains(&count);
                is_plain.then_some(Self::Sha(count))
            }
            (_, None) => None,
        }
    }
}

/// `{sha}` and everything that somebody could have meant by it; `{"a":1}` is none.
fn looks_like_a_placeholder(name: &str) -> bool {
    let is_word =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'+' | b'.');
    name.bytes().all(is_word)
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            ProbePart::Text(text) => f.write_str(text),
            ProbePart::Sha(40) => f.write_str("{sha}"),
            ProbePart::Sha(digits) => write!(f, "{{sha:{digits}}}"),
            ProbePart::Digest => f.write_str("{digest}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90";

    #[test]
    fn an_address_is_https_or_http_on_loopback() {
        for good in [
            "https://example.com/version",
            "https://example.com",
            "https://example.com:8443/a?b=c",
            "https://[2606:4700::1]/version",
            "https://10.0.0.1/version",
            "http://127.0.0.1:4000/version",
            "http://[::1]:4000/",
            "http://localhost:80/",
        ] {
            assert!(ProbeAddress::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.com/version",
            "http://example.com/version",
            "HTTPS://example.com",
            "ftp://example.com",
            "https://",
            "https:///version",
            "https://example.com/version#top",
            "https://example.com/a b",
            "https://example.com/\n",
            "https://example.com\\@evil.example/",
            "https://example.com:0/",
            "https://169.254.169.254/latest",
            "https://0xa9fea9fe/",
            "https://2852039166/",
            "https://[fe80::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://0.0.0.0/",
            "https://[::]/",
            "https://224.0.0.1/",
            "http://0.0.0.0:80/",
            "//example.com",
            "file:///etc/passwd",
        ] {
            assert!(ProbeAddress::parse(bad).is_err(), "{bad:?}");
        }
        let long = format!("https://example.com/{}", "a".repeat(LONGEST_ADDRESS));
        assert!(ProbeAddress::parse(&long).is_err());
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_shown() {
        for bad in [
            "https://user:hunter2@example.com/",
            "https://hunter2@example.com/",
            "https://example.com/hunter2@x",
            "http://hunter2:x@127.0.0.1/",
        ] {
            let refused = ProbeAddress::parse(bad).expect_err(bad).to_string();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn a_redirect_stays_on_its_host() {
        let from = ProbeAddress::parse("https://example.com:8443/a/version").expect("an address");
        for (location, to) in [
            ("/b", Some("https://example.com:8443/b")),
            ("b?c=d#e", Some("https://example.com:8443/a/b?c=d")),
            (
                "https://example.com:8443/x",
                Some("https://example.com:8443/x"),
            ),
            ("https://example.com/x", None),
            ("http://example.com:8443/x", None),
            ("//evil.example/x", None),
            ("https://169.254.169.254/", None),
            ("https://user@example.com:8443/x", None),
            ("https://[", None),
        ] {
            let found = from.follow(location).ok();
            assert_eq!(
                found.as_ref().map(|own| own.url().as_str()),
                to,
                "{location}"
            );
        }
    }

    #[test]
    fn a_preview_is_asked_at_its_own_host() {
        let address =
            ProbeAddress::parse("https://example.com/version?full=1").expect("an address");
        let preview = Url::parse("https://web-pr-7.onrender.com/").expect("an address");
        let found = address.at(&preview).expect("an address");
        assert_eq!(
            found.url().as_str(),
            "https://web-pr-7.onrender.com/version?full=1"
        );
        assert_eq!(found.to_string(), "https://web-pr-7.onrender.com/version");
    }

    #[test]
    fn a_header_is_a_name_alone() {
        for good in ["X-Version", "etag", "x_commit"] {
            assert!(ResponseHeader::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "X-Version:",
            "X Version",
            "X-Version: 1",
            "é",
            "a\n",
            &"x".repeat(65),
        ] {
            assert!(ResponseHeader::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn placeholders_are_filled_in_and_others_refused() {
        let commit = CommitSha::parse(SHA.as_bytes()).expect("a commit");
        let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).expect("a digest");
        for (text, filled) in [
            ("{sha:7}", "4f2c1d9".to_owned()),
            ("{sha}", SHA.to_owned()),
            ("v-{sha:12}!", "v-4f2c1d90a1b2!".to_owned()),
            ("{digest}", format!("sha256:{}", "a".repeat(64))),
            (
                r#"{"commit":"{sha:7}"}"#,
                r#"{"commit":"4f2c1d9"}"#.to_owned(),
            ),
            ("{ok", "{ok".to_owned()),
            ("a}b", "a}b".to_owned()),
        ] {
            let expect = Expect::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let found = expect.filled(Some(&commit), std::slice::from_ref(&digest));
            assert_eq!(found, Some(vec![filled]), "{text}");
            assert_eq!(expect.to_string(), text);
        }
        for bad in [
            "",
            "{}",
            "{version}",
            "{sha:6}",
            "{sha:41}",
            "{sha:07}",
            "{SHA}",
            "{digest:7}",
            "{number}",
            "a\nb",
        ] {
            assert!(Expect::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Expect::parse(&"a".repeat(LONGEST_EXPECT + 1)).is_err());
    }

    #[test]
    fn text_without_a_placeholder_names_no_image_and_a_sha_needs_a_commit() {
        let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).expect("a digest");
        let expect = |text| Expect::parse(text).expect("text");
        assert!(!expect("ok").names_the_image() && expect("{digest}").names_the_image());
        assert_eq!(
            expect("{sha}").filled(None, std::slice::from_ref(&digest)),
            None
        );
        assert_eq!(expect("ok").filled(None, &[]), Some(vec!["ok".to_owned()]));
        assert!(expect("{digest}").filled(None, &[digest]).is_some());
    }
}
