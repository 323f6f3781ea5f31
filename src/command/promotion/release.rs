//! What a deploy of a release promotes, before its first hook: what each service of the environment will serve, skipped ones too.

use super::{Placement, put};
use crate::command::failure::Failure;
use crate::command::images::{self, Images};
use crate::command::ledger::Ledger;
use crate::command::{Brief, Scene};
use crate::decide::{PlannedService, Serving, Since, Why, decisive};
use crate::domain::{
    CommitSha, Decision, Digest, Image, ImageName, ImageTag, Release, ServiceName,
};
use crate::intake::inputs::OnRelease;
use crate::registry::Moving;
use http_client::Deadline;

/// Puts the release's tag on the images of its environment.
///
/// A service that is held, superseded or left out does not get this release, so its image is promoted only where another service needs it:
/// the tag would stay on bytes that the release is not. What a skipped service serves and is not fit or not known is said, and stops nothing:
/// that service is left as it is.
///
/// # Errors
/// As [`put`]; the registry, where it does not answer.
pub(in crate::command) async fn promote(
    scene: &Scene,
    brief: &Brief,
    ledger: Option<&Ledger>,
    images: &Images,
) -> Result<(), Failure> {
    let Some(release) = brief
        .plan
        .subject
        .release()
        .filter(|_| scene.request.on_release == OnRelease::Promote)
    else {
        return Ok(());
    };
    scene.log.group(&format!("Promotion to {release}"));
    let promoted = match placements(scene, brief, ledger, images, release).await {
        Ok(placements) => put(scene, &placements, release.tag(), Moving::Never)
            .await
            .map(|count| (placements, count)),
        Err(failure) => Err(failure),
    };
    scene.log.end_group();
    let (placements, count) = promoted?;
    if count > 0 {
        let names: Vec<&str> = placements
            .iter()
            .map(|placement| placement.image.as_str())
            .collect();
        scene.story.borrow_mut().notes.push(format!(
            "{} is on {}",
            release.tag(),
            names.join(", ")
        ));
    }
    Ok(())
}

async fn placements(
    scene: &Scene,
    brief: &Brief,
    ledger: Option<&Ledger>,
    images: &Images,
    release: &Release,
) -> Result<Vec<Placement>, Failure> {
    let (mut placements, mut without) = (Vec::new(), Vec::new());
    for image in &brief.gathered.manifest.images {
        let mut users = brief
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
                let placement = Placement::new(&image.name, verified, scene.request.pin);
                say_others(
                    scene,
                    &image.name,
                    &of_services(brief, ledger, image, Some(&placement)).0,
                );
                placements.push(placement);
            }
            None => match skipped(scene, brief, ledger, image, release.tag()).await? {
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
        scene.warn("Not every image has the release's tag", &text);
    }
    Ok(placements)
}

/// The image of services that are all skipped: what they serve, verified again, since a record can be written by any job. `None` where no
/// service of the image has this release.
///
/// The release's tag may be on other bytes already, which were built for its commit or promoted by hand: where these are as good, they stay.
async fn skipped(
    scene: &Scene,
    brief: &Brief,
    ledger: Option<&Ledger>,
    image: &Image,
    tag: &ImageTag,
) -> Result<Option<Result<Placement, String>>, Failure> {
    let (servings, is_known) = of_services(brief, ledger, image, None);
    say_others(scene, &image.name, &servings);
    let Some((serving, _)) = decisive(&servings) else {
        return Ok((!is_known).then(|| Err("which digest serves there is not known".into())));
    };
    let Some(digest) = serving.digests.first() else {
        return Ok(None);
    };
    let found = scene
        .registry()
        .has_tag(&image.repository, tag, &Deadline::after(super::ONE_TAG))
        .await;
    let found = found.map_err(|error| Failure::Registry(image.name.clone(), error))?;
    if let Some(found) = found.filter(|found| !serving.digests.contains(found))
        && let Ok(placement) = verified(
            scene,
            brief,
            image,
            &found,
            brief.gathered.revisions.clone(),
        )
        .await?
    {
        let text = format!(
            "{}: {tag} stays on {}; the services, which are left as they are, serve {}, equal in what matters to them",
            image.name,
            found.short(),
            digest.short()
        );
        scene.log.say(&text);
        return Ok(Some(Ok(placement)));
    }
    verified(
        scene,
        brief,
        image,
        digest,
        brief.gathered.revisions.clone(),
    )
    .await
    .map(Some)
}

/// Verifies what serves, by its digest, as built from one of these commits. Why it is not fit is an answer; a registry that does not answer is
/// a failure.
pub(super) async fn verified(
    scene: &Scene,
    brief: &Brief,
    image: &Image,
    digest: &Digest,
    commits: Vec<CommitSha>,
) -> Result<Result<Placement, String>, Failure> {
    match images::by_digest(scene, &brief.gathered, &brief.tags, image, digest, commits).await {
        Ok(Some(verified)) => Ok(Ok(Placement::as_found(&image.name, &verified))),
        Ok(None) => Ok(Err(format!("{} is not in the registry", digest.short()))),
        Err(Failure::Image(_, problem)) => Ok(Err(format!("{}: {problem}", digest.short()))),
        Err(failure) => Err(failure),
    }
}

/// What the services of an image will serve, and whether that is known of all that have this release. A deployed one gets `new`.
fn of_services(
    brief: &Brief,
    ledger: Option<&Ledger>,
    image: &Image,
    new: Option<&Placement>,
) -> (Vec<(ServiceName, Serving)>, bool) {
    let (mut servings, mut is_known) = (Vec::new(), true);
    for service in brief
        .plan
        .services
        .iter()
        .filter(|service| service.image == image.name)
    {
        let serving = match (service.decision, new) {
            (Decision::Deploy, Some(new)) => Some(now(new)),
            (Decision::Skip, _) if has_release(service) => {
                ledger.and_then(|ledger| ledger.serving(&service.name))
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
pub(super) fn say_others(scene: &Scene, image: &ImageName, servings: &[(ServiceName, Serving)]) {
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
    if !scene.story.borrow().notes.contains(&text) {
        scene.log.say(&text);
        scene.story.borrow_mut().notes.push(text);
    }
}
