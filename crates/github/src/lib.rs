//! GitHub's API: read, and in few places written.
//!
//! Written are the record of deploys, that of previews, release tags and one comment on a pull request, and versions of packages are deleted, each by
//! a hand of its own ([`RecordWriter`], [`PreviewWriter`], [`TagWriter`], [`CommentWriter`], [`PackageWriter`]). Requests go through octocrab on the program's one HTTP client, without its retries, and replies are read
//! through a cap of our own into private structs. A list that GitHub may have cut short is `None`, never a shorter list.

mod address;
mod ancestors;
mod ask;
mod comments;
mod compare;
mod deployments;
mod error;
mod file;
#[cfg(fuzzing)]
pub mod fuzzing;
mod library;
mod new_tag;
mod packages;
mod previews;
mod pulls;
mod refs;
mod smart_http;
mod tree;

pub use comments::{CommentKind, CommentResult, CommentWriter, IfAbsent};
pub use compare::{Comparison, Relation};
pub use deployments::{
    DeploymentEnd, Depth, Mention, RecordWriter, RecordsQuery, RecordsReply, RunName, StatusUpdate,
};
pub use error::{GitHubError, GitHubInstance, RequestPurpose, Trace};
pub use new_tag::{TagMade, TagWriter};
pub use packages::{Deletion, Package, PackageListing, PackageWriter};
pub use previews::{PreviewEnd, PreviewEnding, PreviewWriter, RecordsBack};
pub use pulls::PullState;
pub use refs::GitTag;
pub use smart_http::AdvertisedRefs;

use http_client::{Backoff, Client};
use library::Library;
use model::{Refused, RegistryHost, Secret};
use std::cell::OnceCell;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

/// One repository, as GitHub's API tells of it.
pub struct GitHub {
    client: Client,
    base: String,
    token: Option<Secret>,
    repository: String,
    /// Made when it is first needed: most runs with a checkout never ask.
    library: OnceCell<Library>,
    /// Whether the last question found nobody: the next one is then asked once only, so that an outage costs no more than seconds.
    is_silent: AtomicBool,
}

impl GitHub {
    /// Prepares to ask the API at `api_url` about `repository` (`owner/repo`). Nothing is sent yet.
    ///
    /// # Errors
    /// Refuses an address that is neither https nor on this machine, a token that no header can hold, and other shapes of
    /// repository.
    pub fn new(
        client: &Client,
        api_url: &str,
        token: Option<&Secret>,
        repository: &str,
    ) -> Result<Self, Refused> {
        let base = parse_base(api_url)?;
        if !is_repository(repository) {
            return Err(Refused::new(
                "repository",
                repository.as_bytes(),
                "owner/repo",
            ));
        }
        let token = token.filter(|token| !token.expose().is_empty());
        if token.is_some_and(|token| !token.expose().bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Refused::new(
                "github-token",
                b"***",
                "printable ASCII without white space",
            ));
        }
        Ok(Self {
            client: client.clone(),
            base,
            token: token.cloned(),
            repository: repository.to_owned(),
            library: OnceCell::new(),
            is_silent: AtomicBool::new(false),
        })
    }

    /// Waits between tries, from `first` to `longest`.
    pub fn backoff(&self, first: Duration, longest: Duration) -> Backoff {
        self.client.backoff(first, longest)
    }

    /// Which GitHub this is.
    fn whose(&self) -> GitHubInstance {
        if self.base == "https://api.github.com" {
            GitHubInstance::GitHub
        } else {
            GitHubInstance::Company
        }
    }

    fn repository(&self) -> &str {
        &self.repository
    }
}

impl GitHub {
    /// Whether this GitHub keeps the images of that registry as packages: those of `ghcr.io` are github.com's; with a host of one's own they are
    /// `containers.` and that host (<https://docs.github.com/en/enterprise-server/packages/working-with-a-github-packages-registry/working-with-the-container-registry>).
    /// On one machine they may be anything. Of others it is not known.
    #[must_use]
    pub fn keeps(&self, registry: &RegistryHost) -> bool {
        let host = self
            .base
            .split_once("://")
            .map_or("", |(_, rest)| rest)
            .split('/')
            .next()
            .unwrap_or_default();
        let is_loopback = RegistryHost::parse(host).is_ok_and(|host| host.is_loopback());
        match host {
            "api.github.com" => registry.as_str() == "ghcr.io",
            _ if is_loopback => registry.is_loopback(),
            _ => {
                registry.as_str().strip_prefix("containers.")
                    == Some(host.strip_prefix("api.").unwrap_or(host))
            }
        }
    }
}

/// Reads the address of the API, which may have a path (GitHub Enterprise Server's ends in `/api/v3`).
fn parse_base(api_url: &str) -> Result<String, Refused> {
    let refused = || {
        Refused::new(
            "GITHUB_API_URL",
            api_url.as_bytes(),
            "https://api.github.com, or another https or loopback address",
        )
    };
    let (scheme, rest) = api_url.split_once("://").ok_or_else(refused)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = RegistryHost::parse(host).map_err(|_| refused())?;
    let may_be_asked = scheme == "https" || scheme == "http" && host.is_loopback();
    let is_path = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte))
        && !path.contains("..");
    if !may_be_asked || !is_path {
        return Err(refused());
    }
    Ok(api_url.trim_end_matches('/').to_owned())
}

fn is_repository(text: &str) -> bool {
    let is_name = |name: &str| {
        !matches!(name, "" | "." | "..")
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    text.split_once('/')
        .is_some_and(|(owner, repo)| is_name(owner) && is_name(repo))
}

#[cfg(test)]
mod tests {
    use super::testing::client;
    use super::*;

    #[tokio::test]
    async fn only_githubs_own_trouble_leads_to_its_status_page() {
        let hint = |url: &str| {
            let github = GitHub::new(&client(), url, None, "acme/shop").expect("an address");
            let error = GitHubError::Unavailable {
                what: "a thing".into(),
                why: "a server error".into(),
                whose: github.whose(),
                trace: Trace::default(),
            };
            error.hint()
        };
        let own = hint("https://api.github.com");
        assert!(own.contains("https://www.githubstatus.com"), "{own}");
        for url in ["https://ghe.example.com/api/v3", "https://api.acme.ghe.com"] {
            let other = hint(url);
            assert!(!other.contains("githubstatus"), "{url}: {other}");
        }
    }

    #[tokio::test]
    async fn only_safe_addresses_are_asked() {
        for url in [
            "https://api.github.com",
            "https://ghe.example.com/api/v3",
            "http://127.0.0.1:8080",
            "http://localhost:1/api/v3/",
        ] {
            assert!(
                GitHub::new(&client(), url, None, "acme/shop").is_ok(),
                "{url}"
            );
        }
        for url in [
            "http://api.github.com",
            "ftp://127.0.0.1",
            "api.github.com",
            "https://user@api.github.com",
            "https://api.github.com?x=1",
            "https://api.github.com/#x",
            "https://api.github.com/a/../b",
            "https://",
            "",
        ] {
            assert!(
                GitHub::new(&client(), url, None, "acme/shop").is_err(),
                "{url}"
            );
        }
        for repository in [
            "acme",
            "acme/shop/x",
            "/shop",
            "acme/",
            "acme/..",
            "acme/sh op",
            "acme/shop?x",
        ] {
            assert!(
                GitHub::new(&client(), "https://api.github.com", None, repository).is_err(),
                "{repository}"
            );
        }
    }

    #[tokio::test]
    async fn a_github_keeps_the_packages_of_its_own_registry_only() {
        for (api, registry, keeps) in [
            ("https://api.github.com", "ghcr.io", true),
            ("https://api.github.com", "containers.github.com", false),
            ("https://api.github.com", "docker.io", false),
            ("https://api.github.com", "127.0.0.1:5000", false),
            (
                "https://ghe.example.com/api/v3",
                "containers.ghe.example.com",
                true,
            ),
            ("https://ghe.example.com/api/v3", "ghcr.io", false),
            ("https://api.acme.ghe.com", "containers.acme.ghe.com", true),
            (
                "https://api.acme.ghe.com",
                "containers.other.ghe.com",
                false,
            ),
            ("http://127.0.0.1:1/api/v3", "127.0.0.1:5000", true),
            ("http://127.0.0.1:1", "ghcr.io", false),
        ] {
            let github = GitHub::new(&client(), api, None, "acme/shop").unwrap();
            assert_eq!(
                github.keeps(&RegistryHost::parse(registry).unwrap()),
                keeps,
                "{api} {registry}"
            );
        }
    }

    #[tokio::test]
    async fn a_token_that_fits_no_header_is_refused_unseen() {
        let token = Secret::new("ghs_secret\nX-Evil: 1");
        let refused = GitHub::new(
            &client(),
            "https://api.github.com",
            Some(&token),
            "acme/shop",
        )
        .err()
        .unwrap();
        assert!(!refused.to_string().contains("ghs_secret"));
    }
}
