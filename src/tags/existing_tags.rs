//! The release numbers that the registry has taken: every release tag of every image of an environment.

use crate::context::Context;
use crate::failure::Failure;
use http_client::Deadline;
use model::{Environment, Manifest, ReleaseNumber, ReleaseTemplate, TagReading};
use registry::{Registry, RegistryError};
use std::time::Duration;

/// The numbers of release tags in the registry, in no order, and sentences about the images that cannot be asked.
///
/// An image that the registry denies counts as one without tags: GHCR says the same of a package that is not there yet, and `release` does with
/// `contents: write`. Two runs cannot get one number by that, for which git's tags alone stand; a tag that is taken in the registry alone is
/// never moved, but refused when it comes to promoting.
///
/// # Errors
/// [`Failure::Registry`]: what cannot be asked for another reason is not taken for nothing.
pub(crate) async fn in_registry(
    context: &Context,
    manifest: &Manifest,
    environment: &Environment,
    template: &ReleaseTemplate,
    patience: Duration,
) -> Result<(Vec<ReleaseNumber>, Vec<String>), Failure> {
    let (registry, deadline): (Registry, Deadline) =
        (context.clients.registry(), Deadline::after(patience));
    let is_release = |tag: &str| matches!(template.read(tag), TagReading::Release(_));
    let asked = manifest.images_in(&environment.name).map(|image| {
        let (registry, deadline) = (&registry, &deadline);
        async move {
            (
                image,
                registry.tags(&image.repository, is_release, deadline).await,
            )
        }
    });
    let (mut numbers, mut denied) = (Vec::new(), Vec::new());
    for (image, answer) in futures_util::future::join_all(asked).await {
        match answer {
            Ok(tags) => numbers.extend(tags.unwrap_or_default().iter().filter_map(|tag| {
                match template.read(tag) {
                    TagReading::Release(release) => Some(release.number()),
                    TagReading::Malformed | TagReading::Foreign => None,
                }
            })),
            Err(error @ (RegistryError::Denied { .. } | RegistryError::Unauthenticated { .. })) => {
                denied.push(format!("image {}: {error}", image.name));
            }
            Err(error) => return Err(Failure::Registry(image.name.clone(), error)),
        }
    }
    Ok((numbers, denied))
}
