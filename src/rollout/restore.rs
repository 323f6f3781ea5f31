//! `rollback-on-failure`: the siblings that went live in this run are put back on what they ran before.
//!
//! A service that failed still serves its old bytes, so it is left alone. Nothing is held by this: the next run deploys again.

use super::attempt::Attempt;
use super::{Call, Door, Hands};
use crate::decide::{OnRender, VerifiedImage};
use crate::domain::{DeployStatus, Digest, Intent, Kind, PinnedImage, ServiceName, Status};
use crate::images::reverify::{self, Unfit};
use std::collections::BTreeMap;

/// Puts them back, all at once.
pub(super) async fn siblings(hands: &Hands<'_>, calls: &BTreeMap<ServiceName, Call>) {
    let scene = hands.scene;
    let is_live = |ended: &&crate::report::Ended| ended.status == Status::Live;
    let live: Vec<ServiceName> = scene
        .story
        .borrow()
        .services
        .iter()
        .filter(is_live)
        .map(|ended| ended.service.clone())
        .collect();
    let failed: Vec<String> = {
        let story = scene.story.borrow();
        story
            .services
            .iter()
            .filter(|ended| ended.failed.is_some())
            .map(|ended| ended.service.to_string())
            .collect()
    };
    if failed.is_empty() {
        return;
    }
    if scene.render.is_none() {
        scene.warn(
            "Nothing was put back",
            "rollback-on-failure needs an API key: what went live is not known without one",
        );
        return;
    }
    if !live.is_empty() {
        let names: Vec<&str> = live.iter().map(ServiceName::as_str).collect();
        scene.log.say(&format!(
            "Putting back what went live, because {} failed: {}",
            failed.join(", "),
            names.join(", ")
        ));
    }
    let put_back = live
        .iter()
        .filter_map(|service| Some((service, calls.get(service)?)));
    let put_back = put_back.map(|(service, call)| one(hands, service, call, &failed));
    futures_util::future::join_all(put_back).await;
}

async fn one(hands: &Hands<'_>, service: &ServiceName, call: &Call, failed: &[String]) {
    let scene = hands.scene;
    let stays = |why: &str| {
        scene.warn(
            "A service was not put back",
            &format!("{service} stays on what it was given in this run: {why}"),
        );
    };
    let Some(digests) = previous(hands, service) else {
        stays("what it ran before is not known");
        return;
    };
    if digests.iter().any(|digest| call.wanted.contains(digest)) {
        scene.log.say(&format!(
            "{service}: it ran the same image before, so there is nothing to put back."
        ));
        return;
    }
    if !still_serves(hands, call).await {
        stays("something else was deployed there since, or that is not known");
        return;
    }
    let image = match verified(hands, call, &digests).await {
        Ok(image) => image,
        Err(why) => {
            stays(&why);
            return;
        }
    };
    let commit = hands.ledger.commit_of(service, &digests);
    let pinned = image.pinned(scene.request.pin);
    let intent = Intent {
        commit: commit.unwrap_or(call.intent.commit),
        image: pinned.clone(),
        platform: image.platform_digest().clone(),
        image_commit: image.revision().copied(),
        release: None,
        kind: Kind::Restore,
        from: Some(call.intent.commit),
        to: None,
        ..call.intent.clone()
    };
    let door = match &call.door {
        Door::Hook(hook) => Door::Hook(hook.clone()),
        Door::Api(id) => Door::Api(id.clone()),
    };
    let wanted = vec![image.digest().clone(), image.platform_digest().clone()];
    // A record says which commit's bytes are where; of these nobody may know it.
    let is_recorded = commit.is_some();
    let back = Call {
        door,
        id: call.id.clone(),
        image: pinned,
        wanted,
        intent,
        is_forced: false,
        is_recorded,
    };
    let ended = Attempt {
        hands,
        service,
        call: &back,
    }
    .run()
    .await;
    if ended.status != Status::Live {
        let why = ended
            .failed
            .map(|failed| failed.text)
            .unwrap_or_else(|| ended.status.to_string());
        stays(&why);
        return;
    }
    scene.log.say(&format!("{service}: back on {}", back.image));
    let mut story = scene.story.borrow_mut();
    if let Some(own) = story
        .services
        .iter_mut()
        .find(|own| own.service == *service)
    {
        own.status = Status::Failed;
        own.deploy = ended.deploy;
        own.reason = Some(format!(
            "went live, and was put back, because {} failed",
            failed.join(", ")
        ));
        own.took = ended
            .began
            .saturating_add(ended.took)
            .saturating_sub(own.began);
    }
}

/// What the service ran when this run began.
fn previous(hands: &Hands<'_>, service: &ServiceName) -> Option<Vec<Digest>> {
    let OnRender::Known(deploys) = hands.ledger.on_render(service) else {
        return None;
    };
    let live = deploys
        .iter()
        .find(|deploy| deploy.status == DeployStatus::Live)?;
    (!live.digests.is_empty()).then(|| live.digests.clone())
}

/// Whether our bytes still serve, and nothing is under way that would replace them: what another run has deployed since is not ours to undo.
async fn still_serves(hands: &Hands<'_>, call: &Call) -> bool {
    let Some(render) = &hands.scene.render else {
        return false;
    };
    let Ok(deploys) = render.deploys(&call.id).await else {
        return false;
    };
    let is_live = deploys
        .iter()
        .any(|deploy| deploy.status == DeployStatus::Live);
    is_live && deploys.iter().all(|deploy| deploy.is_of(&call.wanted))
}

/// The image from before, judged again: it may be gone by now.
async fn verified(
    hands: &Hands<'_>,
    call: &Call,
    digests: &[Digest],
) -> Result<VerifiedImage, String> {
    let mut why = String::new();
    for digest in digests {
        let pinned = PinnedImage {
            repository: call.image.repository.clone(),
            digest: digest.clone(),
        };
        match reverify::verified(hands.scene, &pinned, &[]).await {
            Ok((image, _)) => return Ok(image),
            Err(error @ Unfit::Registry(_)) => why = format!("{pinned}: {error}"),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}
