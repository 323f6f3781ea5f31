//! The way of a pull request's preview: that of a service, without an environment's order and record.

use super::attempt::Attempt;
use super::{DeployRequest, Rollout};
use crate::context::{Context, InFlightDeploy, Stage};
use decide::RecordEnd;
use model::{DeployId, ServiceId, ServiceName};
use render::Accepted;
use report::ServiceResult;
use std::collections::BTreeSet;

/// Notes that a preview is being made, for whoever cancels the run. Nothing is then asked of Render: which deploy is the preview's is not
/// known, and the service that it is a copy of is not ours to stop.
pub(crate) fn note_making(context: &Context, service: &ServiceName, parent: &ServiceId) {
    let deploy = InFlightDeploy {
        id: parent.clone(),
        wanted: Vec::new(),
        known: BTreeSet::new(),
        is_restore: false,
        stage: Stage::Making,
    };
    context.progress.track(service, deploy);
}

/// Takes the note back: none was made.
pub(crate) fn forget_making(context: &Context, service: &ServiceName) {
    context.progress.untrack(service);
}

/// Deploys to a preview that is there. Also says how its record ends.
pub(crate) async fn deploy(
    rollout: &Rollout<'_>,
    service: &ServiceName,
    request: &DeployRequest,
) -> (ServiceResult, RecordEnd) {
    let mut attempt = Attempt::new(rollout, service, request);
    let began = rollout.started.elapsed();
    attempt.say(&format!(
        "deploying {} to its preview {}",
        request.image, request.id
    ));
    attempt.track(Stage::Preparing);
    let result = attempt.send_and_follow_unordered().await;
    let result = attempt.confirm(result).await;
    let closing = result.landing.ending().record;
    (attempt.service_result(result, began), closing)
}

/// Sees the first deploy of a preview through that was just made.
pub(crate) async fn follow_first(
    rollout: &Rollout<'_>,
    service: &ServiceName,
    request: &DeployRequest,
    deploy: Option<DeployId>,
) -> (ServiceResult, RecordEnd) {
    let attempt = Attempt::new(rollout, service, request);
    let began = rollout.started.elapsed();
    attempt.track(Stage::Calling);
    let result = attempt.see_through(Accepted::Started(deploy)).await;
    let result = attempt.confirm(result).await;
    let closing = result.landing.ending().record;
    (attempt.service_result(result, began), closing)
}
