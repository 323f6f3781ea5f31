//! `rollback-on-failure`: the siblings that went live in this run are put back on what they ran before.
//!
//! A service that failed still serves its old bytes, so it is left alone. Nothing is held by this: the next run deploys again.

use super::attempt::Attempt;
use super::{DeployRequest, DeployVia, Rollout};
use crate::decide::{OnRender, VerifiedImage};
use crate::domain::{DeployStatus, Digest, Intent, Kind, PinnedImage, ServiceName, Status};
use crate::images::reverify::{self, Unfit};
use std::collections::BTreeMap;

/// Puts them back, all at once.
pub(super) async fn siblings(
    rollout: &Rollout<'_>,
    requests: &BTreeMap<ServiceName, DeployRequest>,
) {
    let context = rollout.context;
    let is_live = |ended: &&crate::report::ServiceResult| ended.status == Status::Live;
    let live: Vec<ServiceName> = context
        .progress
        .borrow()
        .services
        .iter()
        .filter(is_live)
        .map(|ended| ended.service.clone())
        .collect();
    let failed: Vec<String> = {
        let report = context.progress.borrow();
        report
            .services
            .iter()
            .filter(|ended| ended.failed.is_some())
            .map(|ended| ended.service.to_string())
            .collect()
    };
    if failed.is_empty() {
        return;
    }
    if context.render.is_none() {
        context.warn(
            "Nothing was put back",
            "rollback-on-failure needs an API key: what went live is not known without one",
        );
        return;
    }
    if !live.is_empty() {
        let names: Vec<&str> = live.iter().map(ServiceName::as_str).collect();
        context.log.say(&format!(
            "Putting back what went live, because {} failed: {}",
            failed.join(", "),
            names.join(", ")
        ));
    }
    let put_back = live
        .iter()
        .filter_map(|service| Some((service, requests.get(service)?)));
    let put_back = put_back.map(|(service, request)| one(rollout, service, request, &failed));
    futures_util::future::join_all(put_back).await;
}

async fn one(
    rollout: &Rollout<'_>,
    service: &ServiceName,
    request: &DeployRequest,
    failed: &[String],
) {
    let context = rollout.context;
    let stays = |why: &str| {
        context.warn(
            "A service was not put back",
            &format!("{service} stays on what it was given in this run: {why}"),
        );
    };
    let Some(digests) = previous(rollout, service) else {
        stays("what it ran before is not known");
        return;
    };
    if digests.iter().any(|digest| request.wanted.contains(digest)) {
        context.log.say(&format!(
            "{service}: it ran the same image before, so there is nothing to put back."
        ));
        return;
    }
    if !still_serves(rollout, request).await {
        stays("something else was deployed there since, or that is not known");
        return;
    }
    let image = match verified(rollout, request, &digests).await {
        Ok(image) => image,
        Err(why) => {
            stays(&why);
            return;
        }
    };
    let commit = rollout.state.commit_of(service, &digests);
    let pinned = image.pinned(context.request.pin);
    let intent = Intent {
        commit: commit.unwrap_or(request.intent.commit),
        image: pinned.clone(),
        platform: image.platform_digest().clone(),
        image_commit: image.revision().copied(),
        release: None,
        kind: Kind::Restore,
        from: Some(request.intent.commit),
        to: None,
        ..request.intent.clone()
    };
    let via = match &request.via {
        DeployVia::Hook(hook) => DeployVia::Hook(hook.clone()),
        DeployVia::Api(id) => DeployVia::Api(id.clone()),
    };
    let wanted = vec![image.digest().clone(), image.platform_digest().clone()];
    // A record says which commit's bytes are where; of these nobody may know it.
    let is_recorded = commit.is_some();
    let back = DeployRequest {
        via,
        id: request.id.clone(),
        image: pinned,
        wanted,
        intent,
        is_forced: false,
        is_recorded,
    };
    let ended = Attempt {
        rollout,
        service,
        request: &back,
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
    context
        .log
        .say(&format!("{service}: back on {}", back.image));
    let mut report = context.progress.borrow_mut();
    if let Some(own) = report
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
fn previous(rollout: &Rollout<'_>, service: &ServiceName) -> Option<Vec<Digest>> {
    let OnRender::Known(deploys) = rollout.state.on_render(service) else {
        return None;
    };
    let live = deploys
        .iter()
        .find(|deploy| deploy.status == DeployStatus::Live)?;
    (!live.digests.is_empty()).then(|| live.digests.clone())
}

/// Whether our bytes still serve, and nothing is under way that would replace them: what another run has deployed since is not ours to undo.
async fn still_serves(rollout: &Rollout<'_>, request: &DeployRequest) -> bool {
    let Some(render) = &rollout.context.render else {
        return false;
    };
    let Ok(deploys) = render.deploys(&request.id).await else {
        return false;
    };
    let is_live = deploys
        .iter()
        .any(|deploy| deploy.status == DeployStatus::Live);
    is_live && deploys.iter().all(|deploy| deploy.is_of(&request.wanted))
}

/// The image from before, judged again: it may be gone by now.
async fn verified(
    rollout: &Rollout<'_>,
    request: &DeployRequest,
    digests: &[Digest],
) -> Result<VerifiedImage, String> {
    let mut why = String::new();
    for digest in digests {
        let pinned = PinnedImage {
            repository: request.image.repository.clone(),
            digest: digest.clone(),
        };
        match reverify::verified(rollout.context, &pinned, &[]).await {
            Ok((image, _)) => return Ok(image),
            Err(error @ Unfit::Registry(_)) => why = format!("{pinned}: {error}"),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}
