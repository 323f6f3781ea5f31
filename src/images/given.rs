//! The images that the input `digest` names.

use crate::context::Context;
use crate::failure::Failure;
use crate::resolve::Resolved;
use model::{Digest, ImageName};
use parse::inputs::{GivenDigests, InputError};
use std::collections::BTreeMap;

/// Reads the `digest` input against the manifest's images.
pub(super) fn given_digests(
    context: &Context,
    resolved: &Resolved,
) -> Result<BTreeMap<ImageName, Digest>, Failure> {
    let refused = |why: String| Failure::from(InputError::of("digest", why));
    let images = &resolved.manifest.images;
    let known = |name: &ImageName| images.iter().any(|image| image.name == *name);
    let by_name =
        |digests: BTreeMap<ImageName, Digest>| match digests.keys().find(|name| !known(name)) {
            Some(name) => Err(refused(format!(
                "there is no image {name} in the deploy manifest"
            ))),
            None => Ok(digests),
        };
    match &context.request.digest {
        None => Ok(BTreeMap::new()),
        Some(GivenDigests::One(digest)) => {
            let named =
                context.request.image.as_ref().and_then(|repository| {
                    images.iter().find(|image| image.repository == *repository)
                });
            let only = images.first().filter(|_| images.len() == 1);
            let image = named.or(only).ok_or_else(|| {
                refused("there are several images: write image=sha256:... lines".into())
            })?;
            Ok(BTreeMap::from([(image.name.clone(), digest.clone())]))
        }
        Some(GivenDigests::ByName(digests)) => by_name(digests.clone()),
        Some(GivenDigests::Bake(targets)) => {
            let mut digests = BTreeMap::new();
            for (target, repositories, digest) in targets {
                let image = images.iter().find(|image| {
                    repositories.contains(&image.repository) || image.name.as_str() == target
                });
                if let Some(image) = image {
                    digests.insert(image.name.clone(), digest.clone());
                }
            }
            if digests.is_empty() {
                Err(refused(
                    "none of its targets is an image of the deploy manifest".into(),
                ))
            } else {
                Ok(digests)
            }
        }
        Some(GivenDigests::ByRepository(pairs)) => {
            let mut digests = BTreeMap::new();
            for (repository, digest) in pairs {
                let image = images.iter().find(|image| image.repository == *repository);
                let image = image.ok_or_else(|| {
                    refused(format!("no image of the deploy manifest is {repository}"))
                })?;
                digests.insert(image.name.clone(), digest.clone());
            }
            Ok(digests)
        }
        Some(GivenDigests::Directory(path)) => {
            let Some(files) = context
                .workspace
                .read_directory(path)
                .map_err(|error| refused(error.to_string()))?
            else {
                context.warn(
                    "No digests",
                    "the directory that the input digest names is not there; images are looked up by their tags",
                );
                return Ok(BTreeMap::new());
            };
            let mut digests = BTreeMap::new();
            for (file, content) in files {
                let name = ImageName::parse(&file)
                    .map_err(|error| refused(format!("a file of the directory: {error}")))?;
                let text = String::from_utf8_lossy(&content);
                let digest = Digest::parse(text.trim_ascii())
                    .map_err(|error| refused(format!("file {name}: {error}")))?;
                digests.insert(name, digest);
            }
            by_name(digests)
        }
    }
}
