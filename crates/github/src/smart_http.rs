//! The refs that a repository has now, by git's own protocol: asked where the API gives no answer.
//!
//! <https://git-scm.com/docs/http-protocol>: one GET of `info/refs` lists every ref, annotated tags with the commit that they are on.

use super::{GitHub, GitHubError, Trace};
use base64::Engine as _;
use http::{Method, header};
use http_client::{HttpRequest, TransportError};
use model::{CommitSha, Untrusted};
use std::collections::BTreeMap;

/// The largest list that is read: about 100,000 refs, of which pull requests have two each.
const CAP: usize = 8 << 20;
/// What is asked for, as errors name it.
const WHAT: &str = "the refs of the repository";
/// What a list of refs begins with.
const SERVICE: &[u8] = b"# service=git-upload-pack";

/// Every ref of a repository, with the object that it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertisedRefs(BTreeMap<String, CommitSha>);

impl AdvertisedRefs {
    /// The tip of a branch.
    #[must_use]
    pub fn branch(&self, short: &str) -> Option<CommitSha> {
        self.0.get(&format!("refs/heads/{short}")).copied()
    }

    /// The object that a tag is on, peeled where it is annotated.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<CommitSha> {
        let peeled = self.0.get(&format!("refs/tags/{name}^{{}}"));
        peeled
            .or_else(|| self.0.get(&format!("refs/tags/{name}")))
            .copied()
    }

    /// Every tag whose name begins with `prefix`, with the object that it is on, peeled.
    #[must_use]
    pub fn tags(&self, prefix: &str) -> Vec<(String, CommitSha)> {
        let names = self
            .0
            .keys()
            .filter_map(|name| name.strip_prefix("refs/tags/"))
            .filter(|name| name.starts_with(prefix) && !name.ends_with("^{}"));
        names
            .filter_map(|name| Some((name.to_owned(), self.tag(name)?)))
            .collect()
    }
}

impl GitHub {
    /// Lists every ref by git's own protocol. The token goes to the host that the API's requests go to, or to github.com for its API.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn advertised_refs(&self) -> Result<AdvertisedRefs, GitHubError> {
        let url = format!(
            "{}/{}.git/info/refs?service=git-upload-pack",
            host(&self.base),
            self.repository
        );
        let mut request = HttpRequest::new(Method::GET, url).cap(CAP);
        if let Some(token) = &self.token {
            let pair = format!("x-access-token:{}", token.expose());
            let encoded = base64::prelude::BASE64_STANDARD.encode(pair);
            request = request.authorization(&format!("Basic {encoded}"));
        }
        let request = request.header(header::ACCEPT, "*/*");
        let answer = self
            .client
            .send(request)
            .await
            .map_err(|error| self.unanswered(&error))?;
        let trace = Trace {
            status: Some(answer.status()),
            request: None,
        };
        match answer.status() {
            200 => parse(answer.body()).map_err(|why| GitHubError::Broken {
                what: WHAT.to_owned(),
                why,
                trace,
            }),
            404 => Err(GitHubError::NotFound {
                what: WHAT.to_owned(),
                trace,
            }),
            status => Err(GitHubError::Unavailable {
                what: WHAT.to_owned(),
                why: format!("status {status}"),
                whose: self.whose(),
                trace,
            }),
        }
    }

    fn unanswered(&self, error: &TransportError) -> GitHubError {
        let what = WHAT.to_owned();
        if matches!(error, TransportError::ProxyDenied) {
            return GitHubError::ProxyDenied { what };
        }
        GitHubError::Unavailable {
            what,
            why: error.to_string(),
            whose: self.whose(),
            trace: Trace::default(),
        }
    }
}

/// Where repositories are, beside the API.
fn host(base: &str) -> String {
    if let Some(host) = base.strip_suffix("/api/v3") {
        return host.to_owned();
    }
    match base.strip_prefix("https://api.") {
        Some(host) => format!("https://{host}"),
        None => base.to_owned(),
    }
}

/// Reads packet lines: four digits of length, then `<object> <name>`, of which the first has capabilities behind it.
fn parse(body: &[u8]) -> Result<AdvertisedRefs, String> {
    let (mut refs, mut rest, mut is_announced) = (BTreeMap::new(), body, false);
    while let Some((line, after)) = packet(rest)? {
        rest = after;
        if line.starts_with(SERVICE) {
            is_announced = true;
            continue;
        }
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let Some((object, name)) = line.split_at_checked(40) else {
            return Err("a line is too short".into());
        };
        let name = name.strip_prefix(b" ").ok_or("a line has no name")?;
        let Ok(object) = CommitSha::parse(object) else {
            // An empty repository names no object.
            continue;
        };
        // A name that is no text is none that is asked for.
        if let Ok(name) = std::str::from_utf8(name) {
            refs.insert(name.to_owned(), object);
        }
    }
    if !is_announced {
        return Err("it is no list of refs".into());
    }
    Ok(AdvertisedRefs(refs))
}

/// A packet and what follows it.
type Packet<'a> = (&'a [u8], &'a [u8]);

/// The next packet and what follows it; `None` at the end. A flush packet is empty.
fn packet(rest: &[u8]) -> Result<Option<Packet<'_>>, String> {
    if rest.is_empty() {
        return Ok(None);
    }
    let Some((digits, after)) = rest.split_at_checked(4) else {
        return Err("it ends in a length".into());
    };
    let length = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| usize::from_str_radix(digits, 16).ok())
        .ok_or_else(|| format!("\"{}\" is no length", Untrusted(digits)))?;
    if length == 0 {
        return Ok(Some((&[], after)));
    }
    length
        .checked_sub(4)
        .and_then(|length| after.split_at_checked(length))
        .map(Some)
        .ok_or_else(|| "it ends in a line".into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, exchange};
    use super::*;

    const ONE: CommitSha = CommitSha::from_bytes([0x11; 20]);
    const TWO: CommitSha = CommitSha::from_bytes([0x22; 20]);

    fn line(text: &str) -> String {
        format!("{:04x}{text}", text.len() + 4)
    }

    /// A list as git gives it.
    fn list(refs: &[(&str, CommitSha)]) -> String {
        let mut text = line("# service=git-upload-pack\n") + "0000";
        for (place, (name, object)) in refs.iter().enumerate() {
            let capabilities = if place == 0 {
                "\0multi_ack side-band-64k"
            } else {
                ""
            };
            text += &line(&format!("{object} {name}{capabilities}\n"));
        }
        text + "0000"
    }

    #[test]
    fn branches_and_tags_are_read_and_tags_are_peeled() {
        let refs = parse(
            list(&[
                ("HEAD", ONE),
                ("refs/heads/main", ONE),
                ("refs/heads/refs/tags/prod-9", TWO),
                ("refs/pull/1/head", TWO),
                ("refs/tags/prod-1", ONE),
                ("refs/tags/prod-2", TWO),
                ("refs/tags/prod-2^{}", ONE),
                ("refs/tags/v1", TWO),
            ])
            .as_bytes(),
        )
        .unwrap();
        assert_eq!(refs.branch("main"), Some(ONE));
        assert_eq!(refs.branch("gone"), None);
        assert_eq!(
            (refs.tag("prod-1"), refs.tag("prod-2")),
            (Some(ONE), Some(ONE))
        );
        assert_eq!(refs.tag("prod-9"), None);
        let tags = [("prod-1".to_owned(), ONE), ("prod-2".to_owned(), ONE)];
        assert_eq!(refs.tags("prod-"), tags);
    }

    #[test]
    fn what_is_no_list_of_refs_is_refused() {
        let good = list(&[("refs/heads/main", ONE)]);
        for bad in [
            "",
            "0000",
            "<html>",
            "001",
            "zzzz",
            "0003",
            &good[..good.len() - 20],
            &format!("{}0007abc", good),
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        let empty = format!("{} capabilities^{{}}\0x", "0".repeat(40));
        let empty = line("# service=git-upload-pack\n") + "0000" + &line(&empty) + "0000";
        assert_eq!(parse(empty.as_bytes()).unwrap().branch("main"), None);
    }

    #[test]
    fn repositories_are_beside_the_api() {
        for (base, wanted) in [
            ("https://api.github.com", "https://github.com"),
            ("https://api.acme.ghe.com", "https://acme.ghe.com"),
            ("https://ghe.example.com/api/v3", "https://ghe.example.com"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ] {
            assert_eq!(host(base), wanted);
        }
    }

    #[tokio::test]
    async fn one_request_lists_every_ref() {
        let path = "/acme/shop.git/info/refs?service=git-upload-pack";
        let body = list(&[("refs/heads/main", ONE)]);
        let server = Server::start(vec![exchange(path, 200, &[], &body)]);
        let refs = server.github().advertised_refs().await.unwrap();
        server.finish();
        assert_eq!(refs.branch("main"), Some(ONE));
        for (status, is_missing) in [(404, true), (401, false), (503, false)] {
            let server = Server::start(vec![exchange(path, status, &[], "")]);
            let error = server.github().advertised_refs().await.unwrap_err();
            server.finish();
            assert_eq!(matches!(error, GitHubError::NotFound { .. }), is_missing);
        }
    }
}
