//! The writing hand: it puts tags, and nothing else.

use super::auth::Access;
use super::read::{raw, tag_digest};
use super::session::{Session, Want};
use super::{Credentials, RegistryError, wire};
use crate::domain::{Digest, ImageTag, PinnedImage};
use crate::transport::{Backoff, Client, Deadline};
use http::Method;
use std::time::Duration;

/// How often a new tag is looked at before it counts as not put: GHCR shows what was pushed some moments later.
const LOOKS: u32 = 5;

/// Registries, written to.
pub struct RegistryWriter(Session);

/// What became of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagPut {
    /// It was on the digest already; nothing was written.
    AlreadyThere,
    /// It was put there.
    Put {
        /// The digest that it was on before.
        replaced: Option<Digest>,
    },
}

impl RegistryWriter {
    /// Writes with these credentials to their host.
    #[must_use]
    pub fn new(client: Client, credentials: Option<Credentials>) -> Self {
        Self(Session::new(client, credentials))
    }

    /// Puts a tag on an image that is in the repository: the same bytes under one more name, so the digest stays.
    ///
    /// A tag that is on another digest is moved; whether it may be is the caller's to decide before.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::DigestDiffers`] when the tag is on something else afterwards.
    pub async fn put_tag(
        &self,
        image: &PinnedImage,
        tag: &ImageTag,
        deadline: &Deadline,
    ) -> Result<TagPut, RegistryError> {
        let PinnedImage { repository, digest } = image;
        let get = Want::manifest(repository, digest.as_str(), Access::PullPush);
        let found = self.0.ask(&get, deadline, |answer| raw(&get, answer, Some(digest))).await?;
        let before = tag_digest(&self.0, repository, tag, Access::PullPush, deadline).await?;
        if before.as_ref() == Some(digest) {
            return Ok(TagPut::AlreadyThere);
        }
        let media_type = wire::media_type(&found.bytes, found.content_type.as_deref())
            .map_err(|why| RegistryError::Broken { exchange: Box::new(get.exchange()), why })?;
        let put = Want {
            method: Method::PUT,
            body: Some((found.bytes, media_type)),
            ..Want::manifest(repository, tag.as_str(), Access::PullPush)
        };
        self.0.ask(&put, deadline, |_| Ok(())).await?;
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(4));
        let mut looks = 1;
        loop {
            let after = tag_digest(&self.0, repository, tag, Access::PullPush, deadline).await?;
            if after.as_ref() == Some(digest) {
                return Ok(TagPut::Put { replaced: before });
            }
            if looks == LOOKS || !deadline.allows(backoff.next(None)).await {
                let exchange = Box::new(put.exchange());
                return Err(match after {
                    Some(found) => RegistryError::DigestDiffers { exchange, found, wanted: digest.clone() },
                    None => RegistryError::Missing(exchange),
                });
            }
            looks += 1;
        }
    }
}
