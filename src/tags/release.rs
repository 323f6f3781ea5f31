//! What a deploy of a release promotes, before its first hook: what each service of the environment will serve, skipped ones too.

use super::{Placement, put};
use crate::context::{Context, Writers};
use crate::failure::Failure;
use crate::images::{self, VerifiedImages};
use crate::planned_run::PlannedRun;
use crate::state::EnvironmentState;
use decide::{PlannedService, Serving, Since, Why, decisive};
use http_client::Deadline;
use model::{CommitSha, Decision, Digest, Image, ImageName, ImageTag, Release, ServiceName};
use parse::inputs::OnRelease;
use registry::Moving;

/// Puts the release's tag on the images of its environment.
///
/// A service that is held, superseded or left out does not get this release, so its image is promoted only where another service needs it:
/// the tag would stay on bytes that the release is not. What a skipped service serves and is not fit or not known is said, and stops nothing:
/// that service is left as it is.
///
/// # Errors
/// As [`put`]; the registry, where it does not answer.
pub(crate) async fn promote(
    context: &Context,
    writers: Option<&Writers<'_>>,
    run: &PlannedRun,
    state: Option<&EnvironmentState>,
    images: &VerifiedImages,
) -> Result<(), Failure> {
    let Some(release) = run
        .plan
        .subject
        .release()
        .filter(|_| context.request.on_release == OnRelease::Promote)
    else {
        return Ok(());
    };
    context.log.group(&format!("Promotion to {release}"));
    let promoted = match placements(context, run, state, images, release).await {
        Ok(placements) => put(context, writers, &placements, release.tag(), Moving::Never)
            .await
            .map(|count| (placements, count)),
        Err(failure) => Err(failure),
    };
    context.log.end_group();
    let (placements, count) = promoted?;
    if count > 0 {
        let names: Vec<&str> = placements
            .iter()
            .map(|placement| placement.image.as_str())
            .collect();
        context
            .progress
            .note(format!("{} is on {}", release.tag(), names.join(", ")));
    }
    Ok(())
}

async fn placements(
    context: &Context,
    run: &PlannedRun,
    state: Option<&EnvironmentState>,
    images: &VerifiedImages,
    release: &Release,
) -> Result<Vec<Placement>, Failure> {
    let (mut placements, mut without) = (Vec::new(), Vec::new());
    for image in &run.resolved.manifest.images {
        let mut users = run
            .plan
            .services
            .iter()
            .filter(|service| service.image == image.name)
            .peekable();
        // An env file names images that no service deploys here, and those of skipped services, which serve something of before.
        let is_new =
            users.peek().is_none() || users.any(|service| service.decision == Decision::Deploy);
        match images.get(&image.name).filter(|_| is_new) {
            Some(verified) => {
                let placement = Placement::new(&image.name, verified, context.request.pin);
                say_others(
                    context,
                    &image.name,
                    &of_services(run, state, image, Some(&placement)).0,
                );
                placements.push(placement);
            }
            None => match skipped(context, run, state, image, release.tag()).await? {
                Some(Ok(placement)) => placements.push(placement),
                Some(Err(why)) => without.push(format!("{} ({why})", image.name)),
                None => {}
            },
        }
    }
    if !without.is_empty() {
        let text = format!(
            "the release's tag is not put on the image of what is left as it is: {}. promote puts it there once that is mended",
            without.join(", ")
        );
        context.warn("Not every image has the release's tag", &text);
    }
    Ok(placements)
}

/// The image of services that are all skipped: what they serve, verified again, since a record can be written by any job. `None` where no
/// service of the image has this release.
///
/// The release's tag may be on other bytes already, which were built for its commit or promoted by hand: where these are as good, they stay.
async fn skipped(
    context: &Context,
    run: &PlannedRun,
    state: Option<&EnvironmentState>,
    image: &Image,
    tag: &ImageTag,
) -> Result<Option<Result<Placement, String>>, Failure> {
    let (servings, is_known) = of_services(run, state, image, None);
    say_others(context, &image.name, &servings);
    let Some((serving, _)) = decisive(&servings) else {
        return Ok((!is_known).then(|| Err("which digest serves there is not known".into())));
    };
    let Some(digest) = serving.digests.first() else {
        return Ok(None);
    };
    let found = context
        .clients
        .registry()
        .has_tag(&image.repository, tag, &Deadline::after(super::ONE_TAG))
        .await;
    let found = found.map_err(|error| Failure::Registry(image.name.clone(), error))?;
    if let Some(found) = found.filter(|found| !serving.digests.contains(found))
        && let Ok(placement) =
            verified(context, run, image, &found, run.resolved.revisions.clone()).await?
    {
        let text = format!(
            "{}: {tag} stays on {}; the services, which are left as they are, serve {}, equal in what matters to them",
            image.name,
            found.short(),
            digest.short()
        );
        context.log.say(&text);
        return Ok(Some(Ok(placement)));
    }
    verified(context, run, image, digest, run.resolved.revisions.clone())
        .await
        .map(Some)
}

/// Verifies what serves, by its digest, as built from one of these commits. Why it is not fit is an answer; a registry that does not answer is
/// a failure.
pub(super) async fn verified(
    context: &Context,
    run: &PlannedRun,
    image: &Image,
    digest: &Digest,
    commits: Vec<CommitSha>,
) -> Result<Result<Placement, String>, Failure> {
    match images::by_digest(context, run, image, digest, commits).await {
        Ok(Some(verified)) => Ok(Ok(Placement::as_found(&image.name, &verified))),
        Ok(None) => Ok(Err(format!("{} is not in the registry", digest.short()))),
        Err(Failure::Image(_, problem)) => Ok(Err(format!("{}: {problem}", digest.short()))),
        Err(failure) => Err(failure),
    }
}

/// What the services of an image will serve, and whether that is known of all that have this release. A deployed one gets `new`.
fn of_services(
    run: &PlannedRun,
    state: Option<&EnvironmentState>,
    image: &Image,
    new: Option<&Placement>,
) -> (Vec<(ServiceName, Serving)>, bool) {
    let (mut servings, mut is_known) = (Vec::new(), true);
    for service in run
        .plan
        .services
        .iter()
        .filter(|service| service.image == image.name)
    {
        let serving = match (service.decision, new) {
            (Decision::Deploy, Some(new)) => Some(now(new)),
            (Decision::Skip, _) if has_release(service) => {
                state.and_then(|state| state.serving(&service.name))
            }
            (Decision::Deploy | Decision::Skip | Decision::Refuse, _) => continue,
        };
        match serving {
            Some(serving) => servings.push((service.name.clone(), serving)),
            None => is_known = false,
        }
    }
    (servings, is_known)
}

pub(super) fn now(placement: &Placement) -> Serving {
    Serving {
        digests: placement.same.clone(),
        commit: None,
        since: Since::Now,
        is_settled: true,
    }
}

/// Whether a service that is skipped serves what the release is: nothing that matters to it differs.
const fn has_release(service: &PlannedService) -> bool {
    matches!(service.why, Why::Unchanged | Why::Unconfirmed(_))
}

/// Says which services serve something else than what the tag is put on.
pub(super) fn say_others(
    context: &Context,
    image: &ImageName,
    servings: &[(ServiceName, Serving)],
) {
    let Some((decisive, others)) = decisive(servings).filter(|(_, others)| !others.is_empty())
    else {
        return;
    };
    let names: Vec<&str> = others.iter().map(|name| name.as_str()).collect();
    let digest = decisive
        .digests
        .first()
        .map(Digest::short)
        .unwrap_or_default();
    let text = format!(
        "{image}: {} serve other bytes, equal in what matters to them; the tag goes with what was deployed last ({digest})",
        names.join(", ")
    );
    if context.progress.note_once(&text) {
        context.log.say(&text);
    }
}
