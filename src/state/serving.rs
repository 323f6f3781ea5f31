//! What Render serves, and whose bytes these are.

use super::EnvironmentState;
use crate::context::Context;
use crate::failure::Failure;
use decide::{Contents, ImageFacts, OnRender, identify};
use http_client::Deadline;
use model::{CommitName, CommitSha, Digest, Repository, ServiceId, ServiceName};
use registry::Reference;
use render::{RenderApi, RenderError};
use std::collections::BTreeMap;
use std::time::Duration;

/// A label is only asked for where the record does not know the bytes.
const ONE_LOOK: Duration = Duration::from_secs(20);

/// Asks what is live and in flight, once a service.
///
/// # Errors
/// [`Failure::Render`] where the key is of no use: what follows would fail later, half way.
pub(super) async fn ask(
    context: &Context,
    render: &RenderApi,
    ids: &BTreeMap<ServiceName, ServiceId>,
) -> Result<BTreeMap<ServiceName, OnRender>, Failure> {
    let asked = ids
        .iter()
        .map(|(service, id)| async move { (service, render.deploys(id).await) });
    let mut found = BTreeMap::new();
    for (service, answer) in futures_util::future::join_all(asked).await {
        let known = match answer {
            Ok(deploys) => OnRender::Known(deploys),
            Err(error @ (RenderError::KeyInvalid | RenderError::NoAccess { .. })) => {
                return Err(Failure::Render(Some(service.clone()), error));
            }
            Err(error) => {
                context.warn(
                    "What Render serves is not known",
                    &format!("{service}: {error}; it counts as changed"),
                );
                OnRender::Unknown(error.to_string())
            }
        };
        found.insert(service.clone(), known);
    }
    Ok(found)
}

/// Asks the registry which commits images say they were built from that are live or in progress and in no record of ours.
pub(super) async fn labels(
    context: &Context,
    state: &EnvironmentState,
) -> BTreeMap<Digest, CommitSha> {
    let mut labels = BTreeMap::new();
    for service in &state.services {
        let OnRender::Known(deploys) = state.on_render(service) else {
            continue;
        };
        if state.with_own_paths.contains(service) {
            continue;
        }
        let records = state.records(service);
        for deploy in deploys
            .iter()
            .filter(|deploy| identify(&records, &deploy.digests).is_none())
        {
            for digest in &deploy.digests {
                if !labels.contains_key(digest)
                    && let Some(commit) = label(context, state, service, digest).await
                {
                    labels.insert(digest.clone(), commit);
                }
            }
        }
    }
    labels
}

/// The commit of this repository that one of these digests says it was built from.
pub(super) async fn label_of(
    context: &Context,
    state: &EnvironmentState,
    service: &ServiceName,
    digests: &[Digest],
) -> Option<CommitSha> {
    for digest in digests {
        if let Some(commit) = label(context, state, service, digest).await {
            return Some(commit);
        }
    }
    None
}

/// The commit of this repository that an image says it was built from. A build that sets no labels inherits those of its base image, which may be
/// of this repository too. So the commit's own tag has to be on this very image.
async fn label(
    context: &Context,
    state: &EnvironmentState,
    service: &ServiceName,
    digest: &Digest,
) -> Option<CommitSha> {
    let repository = state.repositories.get(service)?;
    let labelled = examine(context, repository, Reference::Digest(digest.clone())).await?;
    let Contents::Image {
        revision: Some(revision),
        ..
    } = &labelled.contents
    else {
        return None;
    };
    let ours = format!("{}/{}", context.server_url(), context.slug);
    let source = revision.source.as_deref()?;
    if !source.trim_end_matches('/').eq_ignore_ascii_case(&ours) {
        return None;
    }
    let commit = CommitSha::parse(revision.revision.as_bytes()).ok()?;
    let tag = state.commit_tag.commit_tag(&commit).ok()?;
    let tagged = examine(context, repository, Reference::Tag(tag)).await?;
    if !is_same_image(&tagged, &labelled) {
        return None;
    }
    let name = CommitName::Full(commit);
    context.clients.history.resolve(&name).await.ok().flatten()
}

async fn examine(
    context: &Context,
    repository: &Repository,
    asked: Reference,
) -> Option<ImageFacts> {
    let registry = context.clients.registry();
    let deadline = Deadline::after(ONE_LOOK);
    registry.examine(repository, &asked, &deadline).await.ok()
}

/// Whether both are one image. An index and its linux/amd64 manifest are.
fn is_same_image(one: &ImageFacts, other: &ImageFacts) -> bool {
    let manifest = |facts: &ImageFacts| match &facts.contents {
        Contents::Image { manifest, .. } => Some(manifest.clone()),
        Contents::Others(_) | Contents::Broken(_) => None,
    };
    one.digest == other.digest
        || manifest(one).is_some_and(|own| manifest(other).is_some_and(|other| own == other))
}
