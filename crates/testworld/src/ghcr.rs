//! A registry that behaves like GHCR where Distribution does not: opaque tokens from its own `/token`, a placeholder as the
//! challenge's scope, 404 for an index that `Accept` does not name, limits with the wait in the message, lag after a push.

mod tags;
mod trouble;

pub use trouble::{Refusal, Trouble};

use super::image::{DOCKER_LIST, DOCKER_MANIFEST, Image, OCI_INDEX, OCI_MANIFEST, digest};
use super::server::{Call, Reply, Server};
use base64::Engine as _;
use leaks::{Planted, invent};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use trouble::error;

#[derive(Debug, Default)]
struct Repository {
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    tags: BTreeMap<String, String>,
    blobs: BTreeMap<String, Vec<u8>>,
    troubles: Vec<Trouble>,
    first_asked: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    origin: String,
    repositories: BTreeMap<String, Repository>,
    credentials: Option<(String, String)>,
    tokens: BTreeMap<String, (String, bool)>,
    writes: Writes,
    tokens_issued: usize,
    violations: Vec<String>,
}

/// What happens to writes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Writes {
    /// Nobody should try.
    #[default]
    Unexpected,
    Taken,
    Denied,
}

/// The registry.
#[derive(Debug, Clone)]
pub struct Ghcr {
    state: Arc<Mutex<State>>,
    pub server: Server,
}

impl Ghcr {
    /// Starts an empty registry that wants these credentials; `None` is open to everybody who fetches a token.
    pub fn start(credentials: Option<(&str, &str)>) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let model = Arc::clone(&state);
        let server = Server::start(move |call| model.lock().expect("registry").answer(call));
        {
            let mut state = state.lock().expect("registry");
            state.origin = server.origin();
            state.credentials =
                credentials.map(|(name, password)| (name.to_owned(), password.to_owned()));
        }
        Self { state, server }
    }

    /// Puts an image there, under these tags.
    pub fn put(&self, path: &str, tags: &[String], image: &Image) {
        let mut state = self.state.lock().expect("registry");
        let repository = state.repositories.entry(path.to_owned()).or_default();
        for manifest in &image.manifests {
            if !image.deleted.contains(&manifest.digest) {
                let document = (manifest.media_type.to_owned(), manifest.bytes.clone());
                repository
                    .manifests
                    .insert(manifest.digest.clone(), document);
            }
        }
        for blob in &image.blobs {
            repository
                .blobs
                .insert(blob.digest.clone(), blob.bytes.clone());
        }
        for tag in tags {
            repository.tags.insert(tag.clone(), image.digest.clone());
        }
    }

    /// Makes something go wrong with a repository.
    pub fn trouble(&self, path: &str, trouble: Trouble) {
        self.state
            .lock()
            .expect("registry")
            .repositories
            .entry(path.to_owned())
            .or_default()
            .troubles
            .push(trouble);
    }

    /// Lets manifests be put.
    pub fn allow_writes(&self) {
        self.state.lock().expect("registry").writes = Writes::Taken;
    }

    /// Expects writes and denies them, as GHCR does without `packages: write`.
    pub fn deny_writes(&self) {
        self.state.lock().expect("registry").writes = Writes::Denied;
    }

    /// The digest that a tag has.
    pub fn tag(&self, path: &str, tag: &str) -> Option<String> {
        self.state
            .lock()
            .expect("registry")
            .repositories
            .get(path)?
            .tags
            .get(tag)
            .cloned()
    }

    /// Every manifest of a repository with the tags that are on it.
    pub fn versions(&self, path: &str) -> Vec<(String, Vec<String>)> {
        let state = self.state.lock().expect("registry");
        let Some(repository) = state.repositories.get(path) else {
            return Vec::new();
        };
        let tags_of = |digest: &String| {
            repository
                .tags
                .iter()
                .filter(|(_, on)| *on == digest)
                .map(|(tag, _)| tag.clone())
                .collect()
        };
        repository
            .manifests
            .keys()
            .map(|digest| (digest.clone(), tags_of(digest)))
            .collect()
    }

    /// Deletes an image, with its tags, as a person or a clean-up job does.
    pub fn delete(&self, path: &str, digest: &str) {
        let mut state = self.state.lock().expect("registry");
        let repository = state.repositories.get_mut(path).expect("a repository");
        repository
            .manifests
            .remove(digest)
            .expect("an image to delete");
        repository.tags.retain(|_, tagged| tagged != digest);
    }

    /// Takes a tag away; the image stays.
    pub fn delete_tag(&self, path: &str, tag: &str) {
        let mut state = self.state.lock().expect("registry");
        let repository = state.repositories.get_mut(path).expect("a repository");
        repository.tags.remove(tag).expect("a tag to delete");
    }

    /// Puts a tag on what is there, as another run would.
    pub fn tag_version(&self, path: &str, tag: &str, digest: &str) {
        let mut state = self.state.lock().expect("registry");
        state
            .repositories
            .entry(path.to_owned())
            .or_default()
            .tags
            .insert(tag.to_owned(), digest.to_owned());
    }

    /// A blob of any repository, as a store beside the registry gives it.
    pub fn blob_at(&self, digest: &str) -> Reply {
        let state = self.state.lock().expect("registry");
        let found = state
            .repositories
            .values()
            .find_map(|repository| repository.blobs.get(digest));
        found.map_or(Reply::text(404, ""), |bytes| Reply::Whole {
            status: 200,
            headers: Vec::new(),
            body: bytes.clone(),
        })
    }

    /// The tokens that were handed out, which are for nobody else.
    pub fn tokens(&self) -> Vec<Planted> {
        let state = self.state.lock().expect("the registry");
        let plant = |token: &String| Planted {
            name: "a token of the registry".into(),
            text: token.clone(),
            homes: vec![state.origin.clone()],
        };
        state.tokens.keys().map(plant).collect()
    }

    /// What should not have been asked.
    pub fn violations(&self) -> Vec<String> {
        self.state.lock().expect("registry").violations.clone()
    }
}

impl State {
    fn violation(&mut self, what: &str, call: &Call) -> Reply {
        self.violations.push(format!("{what}: {}", call.line()));
        error(400, "UNSUPPORTED", what)
    }

    fn answer(&mut self, call: &Call) -> Reply {
        if call.path == "/token" {
            return self.token(call);
        }
        if call.path == "/v2/" {
            return if self.is_allowed(call, None) {
                Reply::text(200, "{}")
            } else {
                self.challenge(None)
            };
        }
        let Some(rest) = call.path.strip_prefix("/v2/") else {
            return self.violation("not a registry's path", call);
        };
        if let Some(path) = rest.strip_suffix("/tags/list") {
            return if self.is_allowed(call, Some(path)) {
                self.tags(call, path)
            } else {
                self.challenge(Some(path))
            };
        }
        let parts = ["/manifests/", "/blobs/"].iter().find_map(|kind| {
            rest.rsplit_once(kind)
                .map(|(path, reference)| (path.to_owned(), *kind, reference.to_owned()))
        });
        let Some((path, kind, reference)) = parts else {
            return self.violation("not a registry's path", call);
        };
        if !self.is_allowed(call, Some(&path)) {
            return self.challenge(Some(&path));
        }
        match (call.method.as_str(), kind) {
            ("GET" | "HEAD", "/manifests/") => self.manifest(call, &path, &reference),
            ("GET" | "HEAD", "/blobs/") => self.blob(&path, &reference),
            ("PUT", "/manifests/") => self.put(call, &path, &reference),
            _ => self.violation("a method that is not allowed", call),
        }
    }

    fn challenge(&self, path: Option<&str>) -> Reply {
        let realm = path.and_then(|path| {
            self.found(path, |trouble| {
                if let Trouble::Realm(realm) = trouble {
                    Some(realm.clone())
                } else {
                    None
                }
            })
        });
        let realm = realm.unwrap_or_else(|| format!("{}/token", self.origin));
        let host = self.origin.trim_start_matches("http://");
        error(401, "UNAUTHORIZED", "authentication required").header(
            "www-authenticate",
            format!(
                "Bearer realm=\"{realm}\",service=\"{host}\",scope=\"repository:user/image:pull\""
            ),
        )
    }

    fn is_allowed(&self, call: &Call, path: Option<&str>) -> bool {
        let token = call
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let Some((scope, may_push)) = token.and_then(|token| self.tokens.get(token)) else {
            return false;
        };
        path.is_none_or(|path| path == scope) && (call.method != "PUT" || *may_push)
    }

    fn token(&mut self, call: &Call) -> Reply {
        self.tokens_issued += 1;
        let scope = call.parameter("scope").unwrap_or_default();
        let mut parts = scope.splitn(3, ':');
        let (Some("repository"), Some(path), Some(actions)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return self.violation("a token without a scope of its own", call);
        };
        if path == "user/image" {
            return self.violation("the placeholder scope was copied", call);
        }
        let trouble = self.found(path, |trouble| {
            if let Trouble::Token(status) = trouble {
                Some(*status)
            } else {
                None
            }
        });
        if let Some(status) = trouble {
            return error(status, "DENIED", "denied");
        }
        let given = call.header("authorization").map(|value| {
            let basic = value
                .strip_prefix("Basic ")
                .and_then(|text| base64::prelude::BASE64_STANDARD.decode(text).ok());
            basic
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .unwrap_or_default()
        });
        let wanted = self
            .credentials
            .as_ref()
            .map(|(name, password)| format!("{name}:{password}"));
        match (given, wanted) {
            (None, None) => {}
            (Some(given), Some(wanted)) if given == wanted => {}
            (Some(_), None) => return self.violation("credentials that nobody asked for", call),
            _ => return error(403, "DENIED", "denied"),
        }
        let token = format!(
            "djE6b3BhcXVl{}",
            invent(&format!("{path} {}", self.tokens_issued))
        );
        self.tokens.insert(
            token.clone(),
            (
                path.to_owned(),
                actions.split(',').any(|action| action == "push"),
            ),
        );
        Reply::json(200, &json!({"token": token}))
    }

    fn manifest(&mut self, call: &Call, path: &str, reference: &str) -> Reply {
        if let Some(reply) = self.trouble(path, !reference.starts_with("sha256:"), call.at) {
            return reply;
        }
        let Some(repository) = self.repositories.get(path) else {
            return error(404, "NAME_UNKNOWN", "repository name not known to registry");
        };
        let digest = repository
            .tags
            .get(reference)
            .map_or(reference, String::as_str)
            .to_owned();
        let Some((media_type, bytes)) = repository.manifests.get(&digest) else {
            return error(404, "MANIFEST_UNKNOWN", "manifest unknown");
        };
        let accept = call.all("accept");
        if ![OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST]
            .iter()
            .all(|wanted| accept.contains(wanted))
        {
            return error(
                404,
                "MANIFEST_UNKNOWN",
                "OCI index found, but Accept header does not support OCI indexes",
            );
        }
        let mut body = bytes.clone();
        if repository
            .troubles
            .iter()
            .any(|trouble| matches!(trouble, Trouble::Corrupt))
        {
            body.push(b' ');
        }
        Reply::Whole {
            status: 200,
            headers: Vec::new(),
            body,
        }
        .header("content-type", media_type)
        .header("docker-content-digest", digest)
        .header("x-github-request-id", "C0DE:5:6:7:8")
    }

    fn blob(&self, path: &str, reference: &str) -> Reply {
        let repository = self.repositories.get(path);
        let Some(bytes) = repository.and_then(|repository| repository.blobs.get(reference)) else {
            return error(404, "BLOB_UNKNOWN", "blob unknown to registry");
        };
        let elsewhere = self.found(path, |trouble| {
            if let Trouble::BlobsAt(origin) = trouble {
                Some(origin.clone())
            } else {
                None
            }
        });
        match elsewhere {
            Some(origin) => Reply::text(307, "").header(
                "location",
                format!("{origin}/{reference}?sig=c2lnbmVkLXF1ZXJ5LXN0cmluZw"),
            ),
            None => Reply::Whole {
                status: 200,
                headers: Vec::new(),
                body: bytes.clone(),
            }
            .header("content-type", "application/octet-stream"),
        }
    }

    fn put(&mut self, call: &Call, path: &str, tag: &str) -> Reply {
        if self.writes == Writes::Unexpected {
            self.violations.push(format!("a write: {}", call.line()));
        }
        if self.writes != Writes::Taken {
            return error(403, "DENIED", "permission_denied: write_package");
        }
        let digest = digest(&call.body);
        let Some(repository) = self.repositories.get_mut(path) else {
            return error(404, "NAME_UNKNOWN", "unknown");
        };
        if let Some(reply) = repository.trouble_of_writes() {
            return reply;
        }
        let media_type = call.header("content-type").unwrap_or_default().to_owned();
        let is_same = repository
            .manifests
            .get(&digest)
            .is_some_and(|(known, _)| *known == media_type);
        if !is_same {
            return self.violation(
                "a manifest that is not byte for byte one of the repository's",
                call,
            );
        }
        repository.tags.insert(tag.to_owned(), digest.clone());
        Reply::text(201, "").header("docker-content-digest", digest)
    }
}
