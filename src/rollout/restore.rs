//! `rollback-on-failure`: the siblings that went live in this run are put back on what they ran before.
//!
//! A service that failed is looked at, too: its deploy may have gone live after its time was over, or may still do so; or it went live and did not answer
//! its probe. Nothing is held by this: the next run deploys again.

use super::attempt::{Attempt, StartedAttempt};
use super::{DeployRequest, DeployVia, Rollout};
use crate::images::reverify::{self, Unfit};
use decide::{OnRender, VerifiedImage};
use model::{
    AttemptKind, CommitSha, Deploy, DeployStatus, Digest, FailureWord, Intent, PinnedImage,
    ServiceName, Status,
};
use report::ServiceResult;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Puts them back, all at once. The results of those that are back on their old image say so.
pub(super) async fn siblings(
    rollout: &Rollout<'_>,
    requests: &BTreeMap<ServiceName, DeployRequest>,
    results: &mut [ServiceResult],
) {
    let context = rollout.context;
    let failed: Vec<String> = results
        .iter()
        .filter(|result| result.failed.is_some())
        .map(|result| result.service.to_string())
        .collect();
    if failed.is_empty() {
        return;
    }
    if context.clients.render.is_none() {
        context.warn(
            "Nothing was put back",
            "rollback-on-failure needs an API key: what went live is not known without one",
        );
        return;
    }
    let late = late(rollout, requests, results).await;
    let live: Vec<&mut ServiceResult> = results
        .iter_mut()
        .filter(|result| is_live(result) || late.contains(&result.service))
        .collect();
    if !live.is_empty() {
        let names: Vec<&str> = live.iter().map(|result| result.service.as_str()).collect();
        context.log.say(&format!(
            "Putting back what went live, because {} failed: {}",
            failed.join(", "),
            names.join(", ")
        ));
    }
    let put_back = live.into_iter().filter_map(|result| {
        let request = requests.get(&result.service)?;
        Some(one(rollout, result, request, &failed))
    });
    futures_util::future::join_all(put_back).await;
}

/// The services that failed and serve their new bytes all the same: a deploy that was not live in time went live later. One that is still under way is
/// asked to stop, and named where it goes on.
async fn late(
    rollout: &Rollout<'_>,
    requests: &BTreeMap<ServiceName, DeployRequest>,
    results: &[ServiceResult],
) -> BTreeSet<ServiceName> {
    let (context, mut late) = (rollout.context, BTreeSet::new());
    let Some(render) = &context.clients.render else {
        return late;
    };
    for result in results.iter().filter(|result| result.failed.is_some()) {
        let service = &result.service;
        let Some(request) = requests.get(service) else {
            continue;
        };
        let deploys = match render.deploys(&request.id).await {
            Ok(deploys) => deploys,
            Err(error) => {
                let text = format!("{service} failed, and what it serves is not known: {error}");
                context.warn("A service may serve the new image", &text);
                continue;
            }
        };
        let mut deploys = deploys.iter();
        let Some(deploy) = deploys.find(|deploy| deploy.is_of(&request.wanted)) else {
            continue;
        };
        if deploy.status == DeployStatus::Live {
            late.insert(service.clone());
        } else {
            stop_late(rollout, service, request, deploy).await;
        }
    }
    late
}

/// Asks Render to cancel a deploy that was not live in time, if it has not begun; one that goes on is named.
async fn stop_late(
    rollout: &Rollout<'_>,
    service: &ServiceName,
    request: &DeployRequest,
    deploy: &Deploy,
) {
    let (context, id) = (rollout.context, &deploy.id);
    if deploy.status.may_be_cancelled()
        && let Some(writer) = rollout.render_writer()
        && writer.cancel(&request.id, id).await.is_ok()
    {
        context
            .log
            .say(&format!("{service}: {id} was cancelled on Render."));
        return;
    }
    let text = format!(
        "{service} may still go live with the new image: {id} is {}. Look at it on Render; if it goes live, run rollback",
        deploy.status
    );
    context.warn("A service may serve the new image", &text);
}

/// Whether Render serves what this run put there: a service that does not answer with it is live all the same.
fn is_live(result: &ServiceResult) -> bool {
    let word = result.failed.as_ref().map(|failed| failed.word);
    result.status == Status::Live || word == Some(FailureWord::ProbeFailed)
}

async fn one(
    rollout: &Rollout<'_>,
    result: &mut ServiceResult,
    request: &DeployRequest,
    failed: &[String],
) {
    let context = rollout.context;
    let service = result.service.clone();
    match put_back(rollout, result, request).await {
        Ok(Some(ended)) => {
            result.status = Status::Failed;
            result.deploy = ended.deploy;
            result.reason = Some(match result.failed {
                None => format!(
                    "went live, and was put back, because {} failed",
                    failed.join(", ")
                ),
                Some(_) => "went live after all, and was put back".to_owned(),
            });
            result.took = ended
                .began
                .saturating_add(ended.took)
                .saturating_sub(result.began);
            context.progress.ended(result);
        }
        Ok(None) => {}
        Err(why) => {
            context.progress.ended(result);
            context.warn(
                "A service was not put back",
                &format!("{service} stays on what it was given in this run: {why}"),
            );
        }
    }
}

/// Deploys what the service ran before, and sees it live. `None` where it ran the same image.
///
/// # Errors
/// Why the service stays as it is.
async fn put_back(
    rollout: &Rollout<'_>,
    result: &ServiceResult,
    request: &DeployRequest,
) -> Result<Option<ServiceResult>, String> {
    let (log, service) = (&rollout.context.log, &result.service);
    let Some(digests) = previous(rollout, service) else {
        return Err("what it ran before is not known".into());
    };
    if digests.iter().any(|digest| request.wanted.contains(digest)) {
        log.say(&format!(
            "{service}: it ran the same image before, so there is nothing to put back."
        ));
        return Ok(None);
    }
    if !still_serves(rollout, request).await {
        return Err("something else was deployed there since, or that is not known".into());
    }
    let image = verified(rollout, request, &digests).await?;
    let commit = rollout.state.commit_of(service, &digests);
    let back = request_for(rollout, request, &image, commit);
    // A run that is cancelled from here on does not say that it is live.
    rollout.context.progress.ended(&ServiceResult {
        status: Status::Cancelled,
        reason: Some("was being put back when the run was cancelled".into()),
        ..result.clone()
    });
    let attempt = Attempt::new(rollout, service, &back);
    let record = attempt.begin().await;
    let services = std::slice::from_ref(service);
    let look = rollout.state.look_again(rollout.context, services).await;
    let look = Some(Rc::new(look));
    let ended = attempt.run(StartedAttempt { record, look }).await;
    if ended.status != Status::Live {
        return Err(match ended.failed {
            Some(failed) => failed.text,
            None => ended.status.to_string(),
        });
    }
    log.say(&format!("{service}: back on {}", back.image));
    Ok(Some(ended))
}

/// The request for the image from before.
fn request_for(
    rollout: &Rollout<'_>,
    request: &DeployRequest,
    image: &VerifiedImage,
    commit: Option<CommitSha>,
) -> DeployRequest {
    let pinned = image.pinned(rollout.context.request.pin);
    let intent = Intent {
        commit: commit.unwrap_or(request.intent.commit),
        image: pinned.clone(),
        platform: image.platform_digest().clone(),
        image_commit: image.revision().copied(),
        release: None,
        kind: AttemptKind::Restore,
        from: Some(request.intent.commit),
        to: None,
        ..request.intent.clone()
    };
    let via = match &request.via {
        DeployVia::Hook(hook) => DeployVia::Hook(hook.clone()),
        DeployVia::Api(id) => DeployVia::Api(id.clone()),
    };
    DeployRequest {
        via,
        id: request.id.clone(),
        image: pinned,
        wanted: vec![image.digest().clone(), image.platform_digest().clone()],
        intent,
        is_forced: false,
        // A record says which commit's bytes are where; of these nobody may know it.
        is_recorded: commit.is_some(),
        probe: None,
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
    let Some(render) = &rollout.context.clients.render else {
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
