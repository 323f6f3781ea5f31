//! Drift, said aloud: what will go wrong later, at the next restart from the dashboard, cron run or scale-out. Needs an API key.

use super::Rollout;
use crate::context::Context;
use crate::images::VerifiedImages;
use crate::planned_run::PlannedRun;
use decide::{OnRender, VerifiedImage};
use http_client::Deadline;
use model::{Decision, DeployStatus, Digest, PinnedImage, Repository, Status};
use registry::{Reference, RegistryError};
use render::ServiceImage;
use report::ServiceResult;
use std::time::Duration;

const ONE_LOOK: Duration = Duration::from_secs(20);

/// Warns once of each kind. `results` are how the services of this run ended.
pub(crate) async fn warn(
    context: &Context,
    run: &PlannedRun,
    rollout: &Rollout<'_>,
    images: &VerifiedImages,
    results: &[ServiceResult],
) {
    let drifting = drifting(run, rollout, images, results);
    if !drifting.is_empty() {
        let text = format!(
            "the settings on Render name another image than the deploy: {}. A restart from the dashboard goes back to that image. Set one of the environment's floating tags there",
            drifting.join(", ")
        );
        context.warn("Settings on Render name another image", &text);
    }
    let gone = gone(context, run, rollout).await;
    if !gone.is_empty() {
        let text = format!(
            "an image that is live is gone from the registry: {}. Render pulls it again at the next cron run, restart or scale-out, and that fails",
            gone.join(", ")
        );
        context.warn("A live image is gone from the registry", &text);
    }
}

/// The services that went live and whose settings will not bring the same bytes again.
fn drifting(
    run: &PlannedRun,
    rollout: &Rollout<'_>,
    images: &VerifiedImages,
    results: &[ServiceResult],
) -> Vec<String> {
    let manifest = &run.resolved.manifest;
    let environment = manifest.environment(rollout.state.environment());
    let floating = environment
        .map(|environment| environment.floating_tags.as_slice())
        .unwrap_or_default();
    let live = results.iter().filter(|ended| ended.status == Status::Live);
    let settings = live.filter_map(|ended| {
        let planned = run
            .plan
            .services
            .iter()
            .find(|planned| planned.name == ended.service)?;
        Some((
            &ended.service,
            rollout.facts.get(&ended.service)?.image.as_ref()?,
            images.get(&planned.image)?,
        ))
    });
    settings
        .filter(|(_, set, image)| {
            !brings(set, image) && !set.tag.as_ref().is_some_and(|tag| floating.contains(tag))
        })
        .map(|(service, set, _)| format!("{service} ({set})"))
        .collect()
}

/// Whether settings name these bytes, or the tag under which they were found.
fn brings(set: &ServiceImage, image: &VerifiedImage) -> bool {
    match (&set.digest, &set.tag) {
        (Some(digest), _) => digest == image.digest() || digest == image.platform_digest(),
        (None, Some(tag)) => image.tag() == Some(tag),
        (None, None) => false,
    }
}

/// The services that were left as they are and whose live image no registry has any more.
async fn gone(context: &Context, run: &PlannedRun, rollout: &Rollout<'_>) -> Vec<String> {
    let manifest = &run.resolved.manifest;
    let left = run
        .plan
        .services
        .iter()
        .filter(|planned| planned.decision == Decision::Skip);
    let live = left.filter_map(|planned| {
        let OnRender::Known(deploys) = rollout.state.on_render(&planned.name) else {
            return None;
        };
        let live = deploys
            .iter()
            .find(|deploy| deploy.status == DeployStatus::Live)?;
        Some((
            &planned.name,
            &manifest.image(&planned.image)?.repository,
            live.digests.first()?,
        ))
    });
    let asked = live.map(|(service, repository, digest)| async move {
        is_gone(context, repository, digest).await.then(|| {
            let pinned = PinnedImage {
                repository: repository.clone(),
                digest: digest.clone(),
            };
            format!("{service} ({pinned})")
        })
    });
    futures_util::future::join_all(asked)
        .await
        .into_iter()
        .flatten()
        .collect()
}

async fn is_gone(context: &Context, repository: &Repository, digest: &Digest) -> bool {
    let asked = Reference::Digest(digest.clone());
    let answer = context
        .clients
        .registry()
        .examine(repository, &asked, &Deadline::after(ONE_LOOK))
        .await;
    matches!(answer, Err(RegistryError::Missing(_)))
}
