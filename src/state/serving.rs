//! What Render serves, and whose bytes these are.

use super::EnvironmentState;
use crate::context::Context;
use crate::decide::{Contents, OnRender, identify};
use crate::domain::{CommitName, CommitSha, Digest, Repository, ServiceId, ServiceName};
use crate::failure::Failure;
use crate::registry::Asked;
use crate::render::{RenderApi, RenderError};
use http_client::Deadline;
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

/// Asks the registry which commits images say they were built from that are live or in flight and in no record of ours.
pub(super) async fn labels(
    context: &Context,
    state: &EnvironmentState,
) -> BTreeMap<Digest, CommitSha> {
    let mut labels = BTreeMap::new();
    for service in &state.services {
        let (OnRender::Known(deploys), Some(repository)) =
            (state.on_render(service), state.repositories.get(service))
        else {
            continue;
        };
        let records = state.records(service);
        for deploy in deploys
            .iter()
            .filter(|deploy| identify(&records, &deploy.digests).is_none())
        {
            for digest in &deploy.digests {
                if !labels.contains_key(digest)
                    && let Some(commit) = label(context, repository, digest).await
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
    repository: &Repository,
    digests: &[Digest],
) -> Option<CommitSha> {
    for digest in digests {
        if let Some(commit) = label(context, repository, digest).await {
            return Some(commit);
        }
    }
    None
}

/// The commit of this repository that an image says it was built from.
async fn label(context: &Context, repository: &Repository, digest: &Digest) -> Option<CommitSha> {
    let asked = Asked::Digest(digest.clone());
    let facts = context
        .clients
        .registry()
        .examine(repository, &asked, &Deadline::after(ONE_LOOK))
        .await
        .ok()?;
    let Contents::Image {
        revision: Some(revision),
        ..
    } = facts.contents
    else {
        return None;
    };
    let ours = format!("{}/{}", context.server_url(), context.slug);
    let is_ours = revision
        .source
        .is_some_and(|source| source.trim_end_matches('/').eq_ignore_ascii_case(&ours));
    let commit = CommitSha::parse(revision.revision.as_bytes())
        .ok()
        .filter(|_| is_ours)?;
    context
        .clients
        .history
        .resolve(&CommitName::Full(commit))
        .await
        .ok()
        .flatten()
}
