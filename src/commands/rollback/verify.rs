//! The bytes that are gone back to, looked at again: all of them, before anything is sent.

use super::target::RollbackImage;
use crate::context::Context;
use crate::failure::{BackRefusal, Failure};
use crate::history::Movement;
use crate::images::reverify::{self, Unfit};
use crate::images::{self, VerifiedImages};
use crate::planned_run::PlannedRun;
use decide::{Affected, OtherCommit, VerifiedImage};
use model::{CommitSha, FailureWord, ImageName, Pin, ServiceName};
use registry::RegistryError;
use std::collections::BTreeMap;

/// Verifies what every service goes back to.
///
/// # Errors
/// [`BackRefusal::Unfit`] with every service whose bytes are gone or may not be deployed.
pub(super) async fn verified(
    context: &Context,
    run: &PlannedRun,
    wanted: &BTreeMap<ServiceName, &RollbackImage>,
    name: &str,
) -> Result<BTreeMap<ServiceName, VerifiedImage>, Failure> {
    context.log.group("Images");
    let asked = wanted.iter().map(|(service, bytes)| async move {
        (service, bytes, one(context, run, service, bytes).await)
    });
    let (mut images, mut problems, mut warnings) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (service, bytes, answer) in futures_util::future::join_all(asked).await {
        match answer {
            Ok((image, told)) => {
                context.log.say(&format!("{service}: {}", bytes.image));
                warnings.extend(
                    told.into_iter()
                        .map(|warning| format!("{service}: {warning}")),
                );
                images.insert(service.clone(), image);
            }
            Err((FailureWord::ImageMissing, _)) => {
                let text = format!(
                    "{service}: {}, which it had at {name}, is gone from the registry",
                    bytes.image
                );
                problems.push((FailureWord::ImageMissing, text));
            }
            Err((word, why)) => problems.push((word, format!("{service}: {}: {why}", bytes.image))),
        }
    }
    context.log.end_group();
    if !problems.is_empty() {
        return Err(Failure::Back(BackRefusal::Unfit(problems)));
    }
    if !warnings.is_empty() {
        context.warn("Images have warnings", &warnings.join("; "));
    }
    Ok(images)
}

async fn one(
    context: &Context,
    run: &PlannedRun,
    service: &ServiceName,
    bytes: &RollbackImage,
) -> Result<(VerifiedImage, Vec<String>), (FailureWord, String)> {
    match reverify::verified(context, &bytes.image, &bytes.revisions).await {
        Ok((image, warnings)) => Ok((image, warnings.iter().map(ToString::to_string).collect())),
        Err(Unfit::OtherCommit(other)) => {
            let planned = run
                .plan
                .services
                .iter()
                .find(|planned| planned.name == *service);
            match (planned, bytes.commit) {
                (Some(planned), Some(commit)) => {
                    settled(context, run, &planned.image, *other, commit).await
                }
                (None, _) | (_, None) => {
                    let problem = other.into_problem();
                    Err((problem.word(), problem.to_string()))
                }
            }
        }
        Err(Unfit::Registry(RegistryError::Missing(_))) => {
            Err((FailureWord::ImageMissing, String::new()))
        }
        Err(unfit) => Err((unfit.word(), unfit.to_string())),
    }
}

/// Another commit will do if it is equal in what the image is built from.
async fn settled(
    context: &Context,
    run: &PlannedRun,
    image: &ImageName,
    other: OtherCommit,
    commit: CommitSha,
) -> Result<(VerifiedImage, Vec<String>), (FailureWord, String)> {
    let changes = context
        .clients
        .history
        .changes(other.found(), &commit, Movement::Rewritten)
        .await;
    let affects = |paths: &[Vec<u8>]| {
        let affected = Affected::within_reason(&run.resolved.manifest, paths);
        affected.is_none_or(|affected| affected.image(image).is_some())
    };
    let settled = other.settle(&changes, affects);
    settled
        .map(|image| (image, Vec::new()))
        .map_err(|problem| (problem.word(), problem.to_string()))
}

/// Keeps them for the report. Gives the images of which all services that go back get the same bytes.
pub(super) fn images_of_all(
    context: &Context,
    run: &PlannedRun,
    verified: &BTreeMap<ServiceName, VerifiedImage>,
) -> VerifiedImages {
    let mut images = VerifiedImages::new();
    let mut split: Vec<&ImageName> = Vec::new();
    for planned in run.plan.to_deploy() {
        let Some(image) = verified.get(&planned.name) else {
            continue;
        };
        match images.get(&planned.image) {
            Some(other) if other.digest() != image.digest() => split.push(&planned.image),
            Some(_) => {}
            None => {
                images.insert(planned.image.clone(), image.clone());
            }
        }
    }
    images.retain(|name, _| !split.contains(&name));
    let given = verified
        .iter()
        .map(|(service, image)| (service.clone(), image.pinned(Pin::Index)));
    context.progress.given(given.collect());
    context
        .progress
        .verified(images::report_entries(context, &images));
    images
}
