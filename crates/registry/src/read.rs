//! The reading hand.

use super::auth::Access;
use super::session::{RegistryRequest, Session};
use super::wire::{self, IndexEntry, ManifestDocument, digest_of};
use super::{Credentials, RegistryError};
use decide::{Contents, ImageFacts, Revision};
use http::Method;
use http_client::{Client, Deadline, HttpResponse};
use model::{Digest, ImageTag, Repository};

/// The largest manifest or index that is read: the OCI limit.
pub(super) const MANIFEST_CAP: usize = 4 << 20;
/// The largest config that is read: that of skopeo and podman (<https://github.com/containers/image/blob/main/internal/iolimits/iolimits.go>).
const CONFIG_CAP: usize = 4 << 20;
/// How often a part of an image that is there is asked for before it counts as gone.
const PART_TRIES: u32 = 3;
/// How many entries of an index that name no platform are looked into.
const LOOKS: usize = 4;

/// What a registry is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// What a tag is on now.
    Tag(ImageTag),
    /// Exactly these bytes.
    Digest(Digest),
}

/// Registries, read.
pub struct Registry(pub(super) Session);

/// A manifest's bytes, proven by their digest.
pub(super) struct Raw {
    pub(super) bytes: Vec<u8>,
    pub(super) content_type: Option<String>,
    pub(super) digest: Digest,
}

impl Raw {
    /// What the bytes say, and their digest. The bytes, which may be many, go before anything else is asked for.
    fn read(self) -> (Result<ManifestDocument, String>, Digest) {
        (
            wire::document(&self.bytes, self.content_type.as_deref()),
            self.digest,
        )
    }
}

/// Why a part of an image could not be read.
enum PartError {
    /// The image makes no sense; the text is fit to be shown.
    Broken(String),
    Registry(RegistryError),
}

impl From<String> for PartError {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

impl From<RegistryError> for PartError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}

impl Registry {
    /// Reads with these credentials from their host, and from others with none.
    #[must_use]
    pub fn new(client: Client, credentials: Option<Credentials>) -> Self {
        Self(Session::new(client, credentials))
    }

    /// Looks at an image once: manifest, config, and the index above them where there is one.
    ///
    /// It does not wait for what is not there. What is passing (429, 5xx, no connection, nonsense) is asked again, with back-off and
    /// as the registry asks, until `deadline`.
    ///
    /// # Errors
    /// [`RegistryError`] when the image itself cannot be had; an image that makes no sense is a fact, [`Contents::Broken`].
    pub async fn examine(
        &self,
        repository: &Repository,
        asked: &Reference,
        deadline: &Deadline,
    ) -> Result<ImageFacts, RegistryError> {
        let (tag, top) = match asked {
            Reference::Tag(tag) => (
                Some(tag.clone()),
                RegistryRequest::manifest(repository, tag.as_str(), Access::Pull),
            ),
            Reference::Digest(digest) => (
                None,
                RegistryRequest::manifest(repository, digest.as_str(), Access::Pull),
            ),
        };
        let wanted = match asked {
            Reference::Tag(_) => None,
            Reference::Digest(digest) => Some(digest),
        };
        let top = self
            .0
            .ask(&top, deadline, |answer| raw(&top, answer, wanted))
            .await?;
        let (document, digest) = top.read();
        let contents = match self.contents(repository, document, &digest, deadline).await {
            Ok(contents) => contents,
            Err(PartError::Broken(why)) => Contents::Broken(why),
            Err(PartError::Registry(error)) => return Err(error),
        };
        Ok(ImageFacts {
            repository: repository.clone(),
            tag,
            digest,
            contents,
        })
    }

    /// Asks whether a tag is there, and on which digest.
    ///
    /// # Errors
    /// As [`Registry::examine`], except that "not there" is `None`.
    pub async fn has_tag(
        &self,
        repository: &Repository,
        tag: &ImageTag,
        deadline: &Deadline,
    ) -> Result<Option<Digest>, RegistryError> {
        tag_digest(&self.0, repository, tag, Access::Pull, deadline).await
    }

    async fn contents(
        &self,
        repository: &Repository,
        top: Result<ManifestDocument, String>,
        digest: &Digest,
        deadline: &Deadline,
    ) -> Result<Contents, PartError> {
        let (entries, above) = match top? {
            ManifestDocument::Manifest {
                config,
                size,
                revision,
            } => {
                return self
                    .image(
                        repository,
                        digest.clone(),
                        (config, size),
                        revision,
                        deadline,
                    )
                    .await;
            }
            ManifestDocument::Index { entries, revision } => (entries, revision),
        };
        if let Some(entry) = choose(&entries) {
            return self.child(repository, &entry.digest, above, deadline).await;
        }
        let mut others: Vec<_> = entries
            .iter()
            .filter_map(|entry| entry.platform.clone())
            .collect();
        let mut broken = None;
        for entry in entries
            .iter()
            .filter(|entry| entry.platform.is_none() && !entry.is_index)
            .take(LOOKS)
        {
            match self
                .child(repository, &entry.digest, above.clone(), deadline)
                .await
            {
                Ok(Contents::Image { platform, .. }) if !platform.is_linux_amd64() => {
                    others.push(platform)
                }
                Ok(found) => return Ok(found),
                // It may be an artifact that was put beside the images.
                Err(PartError::Broken(why)) => broken = broken.or(Some(why)),
                Err(PartError::Registry(error)) => return Err(PartError::Registry(error)),
            }
        }
        if entries.iter().any(|entry| entry.is_index) {
            let why = "its index holds another index, which Render cannot resolve; build the index from images, not from indexes";
            return Err(PartError::Broken(why.into()));
        }
        match broken {
            Some(why) if others.is_empty() => Err(PartError::Broken(why)),
            Some(_) | None => Ok(Contents::Others(others)),
        }
    }

    /// Reads a manifest that an index names.
    async fn child(
        &self,
        repository: &Repository,
        digest: &Digest,
        above: Option<Revision>,
        deadline: &Deadline,
    ) -> Result<Contents, PartError> {
        let want = RegistryRequest {
            missing_tries: PART_TRIES,
            ..RegistryRequest::manifest(repository, digest.as_str(), Access::Pull)
        };
        let child = self
            .0
            .ask(&want, deadline, |answer| raw(&want, answer, Some(digest)))
            .await;
        let child = child.map_err(|error| gone(error, "manifest", digest))?;
        let (document, found) = child.read();
        match document? {
            ManifestDocument::Manifest {
                config,
                size,
                revision,
            } => {
                self.image(
                    repository,
                    found,
                    (config, size),
                    above.or(revision),
                    deadline,
                )
                .await
            }
            ManifestDocument::Index { .. } => Err(PartError::Broken(format!(
                "its manifest {digest} is another index"
            ))),
        }
    }

    /// Reads a config and puts the image together.
    async fn image(
        &self,
        repository: &Repository,
        manifest: Digest,
        (config, size): (Digest, u64),
        above: Option<Revision>,
        deadline: &Deadline,
    ) -> Result<Contents, PartError> {
        let want = RegistryRequest {
            target: format!("blobs/{config}"),
            cap: CONFIG_CAP,
            missing_tries: PART_TRIES,
            ..RegistryRequest::manifest(repository, "", Access::Pull)
        };
        let read = |answer: &HttpResponse| {
            proven(&want, answer, Some(&config)).map(|_| answer.body().to_vec())
        };
        let bytes = self
            .0
            .ask(&want, deadline, read)
            .await
            .map_err(|error| gone(error, "config", &config))?;
        let wire::Config { platform, revision } = wire::config(&bytes)?;
        Ok(Contents::Image {
            manifest,
            platform,
            size,
            revision: above.or(revision),
        })
    }
}

impl<'a> RegistryRequest<'a> {
    /// A manifest, by tag or digest.
    pub(super) fn manifest(repository: &'a Repository, reference: &str, access: Access) -> Self {
        Self {
            method: Method::GET,
            repository,
            target: format!("manifests/{reference}"),
            access,
            cap: MANIFEST_CAP,
            missing_tries: 1,
            body: None,
        }
    }
}

/// The image that Render would take: the first for linux/amd64, one that runs on every such machine if there is one.
fn choose(entries: &[IndexEntry]) -> Option<&IndexEntry> {
    let fits = |entry: &&IndexEntry| {
        !entry.is_index
            && entry
                .platform
                .as_ref()
                .is_some_and(|platform| platform.is_linux_amd64())
    };
    entries
        .iter()
        .filter(fits)
        .find(|entry| !entry.has_variant)
        .or_else(|| entries.iter().find(fits))
}

/// A part that an image names and the registry does not have makes the image a broken one.
fn gone(error: RegistryError, part: &str, digest: &Digest) -> PartError {
    if matches!(error, RegistryError::Missing(_)) {
        PartError::Broken(format!(
            "its {part} {digest} is not in the registry, though the image that names it is"
        ))
    } else {
        PartError::Registry(error)
    }
}

/// The digest of an answer's bytes, if it is the one that was asked for and the one that the registry names.
fn proven(
    want: &RegistryRequest<'_>,
    answer: &HttpResponse,
    wanted: Option<&Digest>,
) -> Result<Digest, RegistryError> {
    let found = digest_of(answer.body());
    let named = answer
        .header("docker-content-digest")
        .and_then(|text| Digest::parse(text).ok());
    match wanted
        .into_iter()
        .chain(named.as_ref())
        .find(|digest| **digest != found)
    {
        Some(wanted) => Err(RegistryError::DigestDiffers {
            exchange: want.answered(answer),
            found,
            wanted: wanted.clone(),
        }),
        None => Ok(found),
    }
}

/// Reads a manifest's bytes out of an answer.
pub(super) fn raw(
    want: &RegistryRequest<'_>,
    answer: &HttpResponse,
    wanted: Option<&Digest>,
) -> Result<Raw, RegistryError> {
    let content_type = answer.header("content-type").map(Into::into);
    // Nothing names the digest of what a tag is on but the registry's header; a page of something in between has none.
    let is_named = wanted.is_some() || answer.header("docker-content-digest").is_some();
    if !is_named && serde_json::from_slice::<serde::de::IgnoredAny>(answer.body()).is_err() {
        return Err(RegistryError::Broken {
            exchange: want.answered(answer),
            why: "it is no manifest".into(),
        });
    }
    let is_schema_1 = wire::is_schema_1(answer.header("content-type"));
    let digest = if is_schema_1 {
        digest_of(answer.body())
    } else {
        proven(want, answer, wanted)?
    };
    Ok(Raw {
        digest,
        bytes: answer.body().to_vec(),
        content_type,
    })
}

/// The digest that a tag is on.
pub(super) async fn tag_digest(
    session: &Session,
    repository: &Repository,
    tag: &ImageTag,
    access: Access,
    deadline: &Deadline,
) -> Result<Option<Digest>, RegistryError> {
    let get = RegistryRequest::manifest(repository, tag.as_str(), access);
    let head = RegistryRequest {
        method: Method::HEAD,
        ..RegistryRequest::manifest(repository, tag.as_str(), access)
    };
    let named = |answer: &HttpResponse| {
        Ok(answer
            .header("docker-content-digest")
            .and_then(|text| Digest::parse(text).ok()))
    };
    match session.ask(&head, deadline, named).await {
        Ok(Some(digest)) => return Ok(Some(digest)),
        Err(RegistryError::Missing(_)) => return Ok(None),
        // An answer to HEAD has no body, so nothing says why; that of GET has.
        Ok(None)
        | Err(
            RegistryError::Denied { .. }
            | RegistryError::Unauthenticated { .. }
            | RegistryError::WriteDenied(_),
        ) => {}
        Err(error) => return Err(error),
    }
    match session
        .ask(&get, deadline, |answer| raw(&get, answer, None))
        .await
    {
        Ok(found) => Ok(Some(found.digest)),
        Err(RegistryError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
