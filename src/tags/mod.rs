//! Tags put on images that are there, without a rebuild: the same bytes under one more name. Every image was verified before the first tag is
//! put, and a release's tag that is on something else stays there.
//!
//! [`release`] is what a deploy of a release promotes; [`floating-tags`] keeps an environment's tags on what it serves.

pub(crate) mod existing_tags;
pub(crate) mod floating;
pub(crate) mod release;

use crate::context::{Context, Writers};
use crate::failure::{Failure, TagConflict};
use decide::VerifiedImage;
use http_client::Deadline;
use model::{Digest, ImageName, ImageTag, Pin, PinnedImage};
use registry::{Moving, RegistryError, RegistryWriter, TagPut};
use std::time::Duration;

/// How long looking for a tag, or putting one, may take.
const ONE_TAG: Duration = Duration::from_secs(60);

/// An image that tags are put on. It was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    image: ImageName,
    pinned: PinnedImage,
    /// The digests of the same image: of its index and its linux/amd64 manifest.
    same: Vec<Digest>,
}

impl Placement {
    /// By the digest that `pin` chooses.
    pub(crate) fn new(image: &ImageName, verified: &VerifiedImage, pin: Pin) -> Self {
        let same = vec![
            verified.digest().clone(),
            verified.platform_digest().clone(),
        ];
        Self {
            image: image.clone(),
            pinned: verified.pinned(pin),
            same,
        }
    }

    /// Exactly as it was found.
    pub(crate) fn as_found(image: &ImageName, verified: &VerifiedImage) -> Self {
        Self::new(image, verified, Pin::Index)
    }

    /// A tag that stays is as good on the index as on the manifest; one that is moved is put exactly where it should be.
    fn has(&self, found: &Digest, moving: Moving) -> bool {
        *found == self.pinned.digest || moving == Moving::Never && self.same.contains(found)
    }
}

/// Puts a tag on each of these images, one after another, each of another repository. A tag that is there already is left as it is, which
/// needs no permission to write. A dry run says what it would put where. Answers how many it put.
///
/// # Errors
/// [`Failure::ReleaseTaken`] with every image on which a tag that may not be moved is taken, found before any is put;
/// [`Failure::Promotion`] at the first that cannot be put: those before it stay, and the next run goes on from there.
pub(crate) async fn put(
    context: &Context,
    writers: Option<&Writers<'_>>,
    placements: &[Placement],
    tag: &ImageTag,
    moving: Moving,
) -> Result<usize, Failure> {
    let open = look(context, placements, tag, moving).await?;
    let Some(writers) = writers else {
        for placement in &open {
            context.log.say(&format!(
                "{}: would put {tag} on {}",
                placement.image, placement.pinned
            ));
        }
        return Ok(0);
    };
    for placement in &open {
        context.progress.tag_sent(tag, &placement.image);
        put_one(&writers.registry, placement, tag, moving).await?;
        context.progress.tag_put();
        context.log.say(&format!(
            "{}: {tag} is on {}",
            placement.image, placement.pinned.digest
        ));
    }
    Ok(open.len())
}

/// The images on which the tag is not yet.
async fn look<'p>(
    context: &Context,
    placements: &'p [Placement],
    tag: &ImageTag,
    moving: Moving,
) -> Result<Vec<&'p Placement>, Failure> {
    let (mut open, mut taken) = (Vec::new(), Vec::new());
    let registry = context.clients.registry();
    let looks = placements.iter().map(|placement| {
        let registry = &registry;
        async move {
            registry
                .has_tag(&placement.pinned.repository, tag, &Deadline::after(ONE_TAG))
                .await
        }
    });
    let looks = futures_util::future::join_all(looks).await;
    for (placement, found) in placements.iter().zip(looks) {
        match found.map_err(|error| failed(placement, tag, error))? {
            Some(found) if placement.has(&found, moving) => {
                context.log.say(&format!(
                    "{}: {tag} is on {found} already.",
                    placement.image
                ));
            }
            Some(found) if moving == Moving::Never => {
                taken.push(TagConflict::new(placement.pinned.clone(), tag, found))
            }
            Some(_) | None => open.push(placement),
        }
    }
    if taken.is_empty() {
        Ok(open)
    } else {
        Err(Failure::ReleaseTaken(taken))
    }
}

async fn put_one(
    writer: &RegistryWriter,
    placement: &Placement,
    tag: &ImageTag,
    moving: Moving,
) -> Result<(), Failure> {
    let deadline = Deadline::after(ONE_TAG);
    let put = writer
        .put_tag(&placement.pinned, tag, moving, &deadline)
        .await;
    match put.map_err(|error| failed(placement, tag, error))? {
        TagPut::Put { .. } | TagPut::AlreadyThere => Ok(()),
        TagPut::Taken(found) if placement.has(&found, moving) => Ok(()),
        TagPut::Taken(found) => Err(Failure::ReleaseTaken(vec![TagConflict::new(
            placement.pinned.clone(),
            tag,
            found,
        )])),
    }
}

fn failed(placement: &Placement, tag: &ImageTag, error: RegistryError) -> Failure {
    Failure::Promotion {
        image: placement.image.clone(),
        tag: tag.to_string(),
        error,
    }
}
