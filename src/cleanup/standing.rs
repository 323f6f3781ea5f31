//! The tags that people rely on: they have to be where they were before a clean-up.

use super::packages::PackageVersions;
use crate::context::Context;
use crate::failure::Failure;
use decide::Closed;
use http_client::Deadline;
use model::{Digest, ImageTag, Manifest, TagReading, When};
use std::time::Duration;

/// How long reading them once more may take.
const ONCE_MORE: Duration = Duration::from_secs(2 * 60);

/// A tag that has to stay, and whether it is ever moved.
pub(super) struct KeptTag<'a> {
    tag: &'a ImageTag,
    digest: &'a Digest,
    moves: bool,
}

/// The tags that people rely on: `latest`, releases, and floating tags.
pub(super) fn standing<'a>(
    manifest: &Manifest,
    package: &'a PackageVersions<'_>,
    closed: &Closed<'_>,
) -> Vec<KeptTag<'a>> {
    let is_release = |tag: &ImageTag| {
        manifest
            .environments
            .iter()
            .any(|environment| match &environment.when {
                When::Release { template, .. } => {
                    matches!(template.read(tag.as_str()), TagReading::Release(_))
                }
                When::Branch(_) => false,
            })
    };
    let moves = |tag: &ImageTag| {
        tag.as_str() == "latest"
            || manifest
                .environments
                .iter()
                .any(|environment| environment.floating_tags.contains(tag))
    };
    let tags = package
        .versions
        .iter()
        .flat_map(|version| version.tags.iter().map(move |tag| (tag, &version.digest)));
    let tags = tags.filter(|(tag, _)| !closed.owns(tag) && (is_release(tag) || moves(tag)));
    tags.map(|(tag, digest)| KeptTag {
        tag,
        digest,
        moves: moves(tag),
    })
    .collect()
}

/// Reads those tags once more: they have to be where they were. One that moves may have been moved by a push in the meantime, if what it was on
/// is still there.
pub(super) async fn compare(
    context: &Context,
    package: &PackageVersions<'_>,
    before: &[KeptTag<'_>],
) -> Result<(), Failure> {
    let (registry, deadline) = (context.clients.registry(), Deadline::after(ONCE_MORE));
    let repository = &package.image.repository;
    let (registry, deadline) = (&registry, &deadline);
    let asked = before
        .iter()
        .map(|tag| async move { (tag, registry.has_tag(repository, tag.tag, deadline).await) });
    let mut changed = Vec::new();
    for (KeptTag { tag, digest, moves }, answer) in futures_util::future::join_all(asked).await {
        let now = match answer {
            Ok(Some(now)) if now == **digest => continue,
            Ok(now) => now,
            Err(error) => {
                changed.push(format!(
                    "whether {tag} is still on {} cannot be read ({error})",
                    digest.short()
                ));
                continue;
            }
        };
        let was_moved =
            *moves && now.is_some() && registry.links(repository, digest, deadline).await.is_ok();
        let now = now.map_or_else(|| "gone".to_owned(), |now| format!("on {}", now.short()));
        let text = format!(
            "tag {tag} was on {} before the clean-up, and is {now} now",
            digest.short()
        );
        if was_moved {
            context.warn(
                "A tag was moved in the meantime",
                &format!("image {}: {text}", package.image.name),
            );
        } else {
            changed.push(text);
        }
    }
    if changed.is_empty() {
        Ok(())
    } else {
        Err(Failure::TagsChanged(
            package.image.name.clone(),
            changed.join("; "),
        ))
    }
}
