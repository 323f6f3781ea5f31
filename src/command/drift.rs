//! Drift, said aloud: what will go wrong later, at the next restart from the dashboard, cron run or scale-out. Needs an API key.

use super::golive::Hands;
use super::images::Images;
use super::{Brief, Scene};
use crate::decide::{OnRender, VerifiedImage};
use crate::domain::{Decision, DeployStatus, Digest, PinnedImage, Repository, Status};
use crate::registry::{Asked, RegistryError};
use crate::render::ServiceImage;
use http_client::Deadline;
use std::time::Duration;

const ONE_LOOK: Duration = Duration::from_secs(20);

/// Warns once of each kind.
pub(super) async fn warn(scene: &Scene, brief: &Brief, hands: &Hands<'_>, images: &Images) {
    let drifting = drifting(scene, brief, hands, images);
    if !drifting.is_empty() {
        let text = format!(
            "a deploy's image is for that deploy only, and the settings on Render name another one: {}. A restart from the dashboard goes back to it; name a tag of the environment's moves there",
            drifting.join(", ")
        );
        scene.warn("Settings on Render name another image", &text);
    }
    let gone = gone(scene, brief, hands).await;
    if !gone.is_empty() {
        let text = format!(
            "what is live is gone from the registry: {}. Render pulls it again at the next cron run, restart or scale-out, and fails",
            gone.join(", ")
        );
        scene.warn("A live image is gone from the registry", &text);
    }
}

/// The services that went live and whose settings will not bring the same bytes again.
fn drifting(scene: &Scene, brief: &Brief, hands: &Hands<'_>, images: &Images) -> Vec<String> {
    let manifest = &brief.gathered.manifest;
    let environment = manifest.environment(hands.ledger.environment());
    let moves = environment
        .map(|environment| environment.moves.as_slice())
        .unwrap_or_default();
    let story = scene.story.borrow();
    let live = story
        .services
        .iter()
        .filter(|ended| ended.status == Status::Live);
    let settings = live.filter_map(|ended| {
        let planned = brief
            .plan
            .services
            .iter()
            .find(|planned| planned.name == ended.service)?;
        Some((
            &ended.service,
            hands.facts.get(&ended.service)?.image.as_ref()?,
            images.get(&planned.image)?,
        ))
    });
    settings
        .filter(|(_, set, image)| {
            !brings(set, image) && !set.tag.as_ref().is_some_and(|tag| moves.contains(tag))
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
async fn gone(scene: &Scene, brief: &Brief, hands: &Hands<'_>) -> Vec<String> {
    let manifest = &brief.gathered.manifest;
    let left = brief
        .plan
        .services
        .iter()
        .filter(|planned| planned.decision == Decision::Skip);
    let live = left.filter_map(|planned| {
        let OnRender::Known(deploys) = hands.ledger.on_render(&planned.name) else {
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
        is_gone(scene, repository, digest).await.then(|| {
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

async fn is_gone(scene: &Scene, repository: &Repository, digest: &Digest) -> bool {
    let asked = Asked::Digest(digest.clone());
    let answer = scene
        .registry()
        .examine(repository, &asked, &Deadline::after(ONE_LOOK))
        .await;
    matches!(answer, Err(RegistryError::Missing(_)))
}
