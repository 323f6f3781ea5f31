//! The writing hand: it puts tags, and nothing else.

use super::auth::Access;
use super::read::{raw, tag_digest};
use super::session::{RegistryRequest, Session};
use super::{Credentials, RegistryError, wire};
use http::Method;
use http_client::{Client, Deadline};
use model::{Digest, ImageTag, PinnedImage};
use parse::inputs::WriteAccess;
use std::time::Duration;

/// How often a new tag is looked at before it counts as not put: GHCR shows what was pushed some moments later.
const LOOKS: u32 = 5;

/// Registries, written to.
pub struct RegistryWriter(Session);

/// Whether a tag may leave the digest that it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// It follows what it names: `latest`, `staging`.
    Allowed,
    /// It is put once and stays: a release.
    Never,
}

/// What became of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagPut {
    /// It was on the digest already; nothing was written.
    AlreadyThere,
    /// It is on this other digest, where it stays: it was there before, or somebody else put it there at the same time.
    Taken(Digest),
    /// It was put there.
    Put {
        /// The digest that it was on before.
        replaced: Option<Digest>,
    },
}

impl RegistryWriter {
    /// Writes with these credentials to their host.
    #[must_use]
    pub fn new(_access: &WriteAccess, client: Client, credentials: Option<Credentials>) -> Self {
        Self(Session::new(client, credentials))
    }

    /// Puts a tag on an image that is in the repository: the same bytes under one more name, so the digest stays.
    ///
    /// The registry has no "put it only where nothing is": a tag that may not be moved is looked for right before it is put, and looked at
    /// afterwards. Of two that put it on different digests between these looks the last one wins, and the other is told [`TagPut::Taken`] if it
    /// looks after that.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::DigestDiffers`] when the tag is on something else afterwards.
    pub async fn put_tag(
        &self,
        image: &PinnedImage,
        tag: &ImageTag,
        moving: Moving,
        deadline: &Deadline,
    ) -> Result<TagPut, RegistryError> {
        let PinnedImage { repository, digest } = image;
        let get = RegistryRequest::manifest(repository, digest.as_str(), Access::PullPush);
        let found = self
            .0
            .ask(&get, deadline, |answer| raw(&get, answer, Some(digest)))
            .await?;
        let media_type =
            wire::media_type(&found.bytes, found.content_type.as_deref()).map_err(|why| {
                RegistryError::Broken {
                    exchange: Box::new(get.exchange()),
                    why,
                }
            })?;
        let before = tag_digest(&self.0, repository, tag, Access::PullPush, deadline).await?;
        match &before {
            Some(before) if before == digest => return Ok(TagPut::AlreadyThere),
            Some(before) if moving == Moving::Never => return Ok(TagPut::Taken(before.clone())),
            Some(_) | None => {}
        }
        let put = RegistryRequest {
            method: Method::PUT,
            body: Some((found.bytes, media_type)),
            ..RegistryRequest::manifest(repository, tag.as_str(), Access::PullPush)
        };
        self.0.ask(&put, deadline, |_| Ok(())).await?;
        let mut backoff = self
            .0
            .client
            .backoff(Duration::from_millis(250), Duration::from_secs(4));
        let mut looks = 1;
        loop {
            let after = tag_digest(&self.0, repository, tag, Access::PullPush, deadline).await?;
            if after.as_ref() == Some(digest) {
                return Ok(TagPut::Put { replaced: before });
            }
            // Nothing was there before, so this is no old answer: it is somebody else's.
            if let (Some(other), Moving::Never) = (&after, moving) {
                return Ok(TagPut::Taken(other.clone()));
            }
            if looks == LOOKS || !deadline.allows(backoff.next(None)).await {
                let exchange = Box::new(put.exchange());
                return Err(match after {
                    Some(found) => RegistryError::DigestDiffers {
                        exchange,
                        found,
                        wanted: digest.clone(),
                    },
                    None => RegistryError::Missing(exchange),
                });
            }
            looks += 1;
        }
    }
}
