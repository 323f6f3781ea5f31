//! What Render says of a service, as far as a deploy needs it.

use super::wire::WireService;
use model::{Digest, ImageTag, Repository, ServiceId, Untrusted};
use std::fmt;
use url::Url;

/// What kind of service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceKind {
    /// `web_service`.
    Web,
    /// `private_service`.
    Private,
    /// `background_worker`.
    Worker,
    /// `cron_job`: it has no deploy that could be cancelled.
    Cron,
    /// `static_site`: it has no image.
    Static,
    /// A word that Render did not have when this was written.
    Other,
}

impl ServiceKind {
    /// Each with Render's word for it.
    pub const ALL: &[(&'static str, Self)] = &[
        ("web_service", Self::Web),
        ("private_service", Self::Private),
        ("background_worker", Self::Worker),
        ("cron_job", Self::Cron),
        ("static_site", Self::Static),
    ];

    fn recognize(word: Option<&str>) -> Self {
        Self::ALL
            .iter()
            .find(|(own, _)| word == Some(own))
            .map_or(Self::Other, |(_, kind)| *kind)
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Web => "web service",
            Self::Private => "private service",
            Self::Worker => "background worker",
            Self::Cron => "cron job",
            Self::Static => "static site",
            Self::Other => "service of an unknown kind",
        })
    }
}

/// Render's words for who or what suspended a service (its OpenAPI document, `suspenderType`).
const SUSPENDERS: &[&str] = &[
    "admin",
    "billing",
    "user",
    "parent_service",
    "stuck_crashlooping",
    "hipaa_enablement",
    "unknown",
];

/// The image in a service's settings. `Display` shows it as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceImage {
    /// Where it is; none where that is no repository with a host.
    pub repository: Option<Repository>,
    /// Its tag.
    pub tag: Option<ImageTag>,
    /// Its digest.
    pub digest: Option<Digest>,
    text: String,
}

impl ServiceImage {
    /// Reads `repository[:tag][@sha256:…]`. What is no such thing is kept as text.
    fn recognize(text: &str) -> Self {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Digest::parse(digest).ok()),
            None => (text, None),
        };
        // A colon before the last slash belongs to the host's port.
        let (repository, tag) = match name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((repository, tag)) => (repository, ImageTag::parse(tag).ok()),
            None => (name, None),
        };
        Self {
            repository: Repository::parse(repository).ok(),
            tag,
            digest,
            text: text.to_owned(),
        }
    }
}

impl fmt::Display for ServiceImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Untrusted(self.text.as_bytes()).fmt(f)
    }
}

/// A service as it is set up on Render.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Its name, as foreign as any.
    pub name: String,
    /// What kind it is.
    pub kind: ServiceKind,
    /// Whether it is suspended: then it takes no deploys.
    pub is_suspended: bool,
    /// Who or what suspended it, in Render's words. Words that Render did not have when this was written are left out.
    pub suspenders: Vec<&'static str>,
    /// The image in its settings; none for a service that is built from Git.
    pub image: Option<ServiceImage>,
    /// Whether Render has a credential to pull the image with.
    pub has_registry_credential: bool,
    /// Where it is served, for a web service or static site.
    pub url: Option<Url>,
    /// Its page in Render's dashboard.
    pub dashboard: Option<Url>,
    /// Of a preview: the service that it is a copy of (`parentServer`).
    pub parent: Option<ServiceId>,
}

impl ServiceFacts {
    pub(super) fn of(wire: WireService) -> Self {
        let (url, parent) = wire
            .service_details
            .map_or((None, None), |details| (details.url, details.parent_server));
        Self {
            name: wire.name.unwrap_or_default(),
            kind: ServiceKind::recognize(wire.r#type.as_deref()),
            is_suspended: wire.suspended.as_deref() == Some("suspended"),
            suspenders: SUSPENDERS
                .iter()
                .copied()
                .filter(|own| wire.suspenders.iter().any(|word| word == own))
                .collect(),
            image: wire
                .image_path
                .filter(|path| !path.is_empty())
                .map(|path| ServiceImage::recognize(&path)),
            has_registry_credential: wire.registry_credential.is_some(),
            parent: parent.and_then(|parent| ServiceId::parse(&parent.id).ok()),
            url: url.and_then(|url| web_address(&url)),
            dashboard: wire.dashboard_url.and_then(|url| web_address(&url)),
        }
    }
}

/// An address that may be linked to: https, and nobody's password in it.
fn web_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    is_plain.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::super::wire;
    use super::*;

    fn read(json: &str) -> Option<ServiceFacts> {
        wire::read(json.as_bytes()).ok().map(ServiceFacts::of)
    }

    #[test]
    fn an_image_is_read_with_port_tag_and_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let (tagged, pinned) = (
            format!("localhost:5000/a/b:main@{digest}"),
            format!("ghcr.io/acme/api@{digest}"),
        );
        let table = [
            (
                "ghcr.io/acme/api:latest",
                Some("ghcr.io/acme/api"),
                Some("latest"),
                None,
            ),
            ("localhost:5000/a/b", Some("localhost:5000/a/b"), None, None),
            (
                &tagged,
                Some("localhost:5000/a/b"),
                Some("main"),
                Some(digest.as_str()),
            ),
            (
                &pinned,
                Some("ghcr.io/acme/api"),
                None,
                Some(digest.as_str()),
            ),
            ("nginx:1.26", None, Some("1.26"), None),
            (
                "ghcr.io/acme/api:##[x]",
                Some("ghcr.io/acme/api"),
                None,
                None,
            ),
        ];
        for (text, repository, tag, digest) in table {
            let image = ServiceImage::recognize(text);
            assert_eq!(
                image
                    .repository
                    .map(|repository| repository.to_string())
                    .as_deref(),
                repository,
                "{text}"
            );
            assert_eq!(image.tag.as_ref().map(ImageTag::as_str), tag, "{text}");
            assert_eq!(image.digest.as_ref().map(Digest::as_str), digest, "{text}");
        }
        assert_eq!(ServiceImage::recognize("a##[x]").to_string(), "a##\\[x]");
    }

    #[test]
    fn a_service_is_read_as_it_is_documented() {
        let facts = read(
            r#"{"id":"srv-a","type":"web_service","suspended":"suspended","suspenders":["billing","::new","user"],
                "imagePath":"ghcr.io/acme/api:main","registryCredential":{"id":"rgc-a","name":"GHCR"},"autoDeploy":"no",
                "dashboardUrl":"https://dashboard.render.com/web/srv-a","serviceDetails":{"url":"https://api.onrender.com","plan":"pro",
                "parentServer":{"id":"srv-parent","name":"api"}}}"#,
        );
        let facts = facts.expect("a service");
        assert_eq!((facts.kind, facts.is_suspended), (ServiceKind::Web, true));
        assert_eq!(facts.suspenders, ["billing", "user"]);
        assert!(facts.has_registry_credential && facts.image.is_some());
        assert_eq!(facts.parent, ServiceId::parse("srv-parent").ok());
        assert_eq!(
            facts.url.map(String::from).as_deref(),
            Some("https://api.onrender.com/")
        );
        assert_eq!(
            facts.dashboard.map(String::from).as_deref(),
            Some("https://dashboard.render.com/web/srv-a")
        );
    }

    #[test]
    fn a_service_built_from_git_has_no_image() {
        for path in ["", r#","imagePath":null"#, r#","imagePath":"""#] {
            let facts = read(&format!(
                r#"{{"type":"cron_job","suspended":"not_suspended"{path}}}"#
            ))
            .expect("a service");
            assert_eq!(
                (facts.image, facts.kind, facts.is_suspended),
                (None, ServiceKind::Cron, false)
            );
            assert!(
                !facts.has_registry_credential && facts.url.is_none() && facts.parent.is_none()
            );
        }
    }

    #[test]
    fn only_plain_https_addresses_are_linked_to() {
        for text in [
            "http://a",
            "javascript:x",
            "https://user@a",
            "https://:x@a",
            "x",
            "",
        ] {
            assert_eq!(web_address(text), None, "{text}");
        }
    }
}
