//! `moves`: tags that are kept on what an environment serves, after every deploy. What a run did not come to, the next one does.

use super::release::{now, say_others, verified};
use super::{Placement, put};
use crate::command::failure::Failure;
use crate::command::images::Images;
use crate::command::ledger::Ledger;
use crate::command::{Brief, Scene};
use crate::decide::{PlannedService, Serving, decisive};
use crate::domain::{Digest, EnvironmentName, Image, ImageTag, ServiceName, Status};
use crate::intake::inputs::Writes;
use crate::registry::Moving;
use http_client::Deadline;

/// What is to be done about one image.
enum Turn {
    /// The tags go there.
    To(Placement),
    /// They belong on what serves, which this run did not touch.
    ToServing(Vec<(ServiceName, Serving)>),
    /// They stay where they are.
    Stay,
}

/// Puts the environment's tags on what its services serve, image by image, where that is certain: a service that failed, or that something newer
/// has, leaves its image's tags where they are.
///
/// # Errors
/// [`Failure::Moves`]; the deploys stand.
pub(in crate::command) async fn follow(
    scene: &Scene,
    brief: &Brief,
    ledger: Option<&Ledger>,
    environment: &EnvironmentName,
    images: &Images,
) -> Result<(), Failure> {
    let manifest = &brief.gathered.manifest;
    let tags = manifest
        .environment(environment)
        .map(|environment| environment.moves.as_slice())
        .unwrap_or_default();
    if tags.is_empty() {
        return Ok(());
    }
    let mut placements = Vec::new();
    for image in &manifest.images {
        match turn(scene, brief, ledger, images, image) {
            Turn::To(placement) => placements.push(placement),
            Turn::ToServing(servings) => {
                placements.extend(back(scene, brief, image, tags, &servings).await?)
            }
            Turn::Stay => {}
        }
    }
    move_to(scene, &placements, tags).await
}

/// Puts these tags on these images, wherever they are now.
///
/// # Errors
/// [`Failure::Moves`].
pub(in crate::command) async fn move_to(
    scene: &Scene,
    placements: &[Placement],
    tags: &[ImageTag],
) -> Result<(), Failure> {
    for tag in tags {
        put(scene, placements, tag, Moving::Allowed)
            .await
            .map_err(|failure| {
                if let Failure::Promotion { image, tag, error } = failure {
                    Failure::Moves { image, tag, error }
                } else {
                    failure
                }
            })?;
    }
    Ok(())
}

fn turn(
    scene: &Scene,
    brief: &Brief,
    ledger: Option<&Ledger>,
    images: &Images,
    image: &Image,
) -> Turn {
    let new = images
        .get(&image.name)
        .map(|verified| Placement::new(&image.name, verified, scene.request.pin));
    if brief.gathered.manifest.services.is_empty() {
        return new.map_or(Turn::Stay, Turn::To);
    }
    let mut servings = Vec::new();
    let mut is_new = false;
    for service in brief
        .plan
        .services
        .iter()
        .filter(|service| service.image == image.name)
    {
        match (came(scene, service), &new) {
            (Came::Took, Some(new)) => {
                is_new = true;
                servings.push((service.name.clone(), now(new)));
            }
            (Came::Left, _) => {
                let serving = ledger.and_then(|ledger| ledger.serving(&service.name));
                servings.extend(
                    serving
                        .filter(|serving| serving.is_settled)
                        .map(|it| (service.name.clone(), it)),
                );
            }
            (Came::Took, None) | (Came::Unsure, _) => return Turn::Stay,
        }
    }
    match new {
        Some(new) if is_new => {
            say_others(scene, &image.name, &servings);
            Turn::To(new)
        }
        Some(_) | None if servings.is_empty() => Turn::Stay,
        Some(_) | None => Turn::ToServing(servings),
    }
}

/// What this run did to a service.
enum Came {
    /// It has the image of this run.
    Took,
    /// It was left as it was.
    Left,
    /// It is not certain what it serves from now on.
    Unsure,
}

fn came(scene: &Scene, service: &PlannedService) -> Came {
    let story = scene.story.borrow();
    let status = story
        .services
        .iter()
        .find(|ended| ended.service == service.name)
        .map(|ended| ended.status);
    match (status.unwrap_or_else(|| service.why.status()), &service.why) {
        (Status::Live | Status::Accepted, _) => Came::Took,
        // A dry run deploys nothing, and says what would follow if it did.
        (Status::Skipped, why)
            if scene.request.writes == Writes::Withheld && why.status() == Status::NotStarted =>
        {
            Came::Took
        }
        (Status::Skipped | Status::Held, _) => Came::Left,
        (Status::Superseded | Status::Failed | Status::NotStarted, _)
        | (Status::Refused | Status::Cancelled | Status::Unknown, _) => Came::Unsure,
    }
}

/// The image that serves, if a tag is not on it yet: verified again, since a record can be written by any job.
async fn back(
    scene: &Scene,
    brief: &Brief,
    image: &Image,
    tags: &[ImageTag],
    servings: &[(ServiceName, Serving)],
) -> Result<Option<Placement>, Failure> {
    let Some(serving) = decisive(servings).map(|(serving, _)| serving) else {
        return Ok(None);
    };
    let Some(digest) = serving.digests.first() else {
        return Ok(None);
    };
    if is_on(scene, image, tags, serving).await? {
        return Ok(None);
    }
    say_others(scene, &image.name, servings);
    // What Render serves and no record of ours knows may be of any commit: the tag follows it all the same.
    let commits = serving.commit.into_iter().collect();
    let verified = verified(scene, brief, image, digest, commits)
        .await
        .map_err(|failure| {
            if let Failure::Registry(image, error) = failure {
                Failure::Moves {
                    image,
                    tag: listed(tags),
                    error,
                }
            } else {
                failure
            }
        })?;
    match verified {
        Ok(placement) => Ok(Some(placement)),
        Err(why) => {
            let text = format!(
                "{} is not put on what {} serves: {why}",
                listed(tags),
                image.name
            );
            scene.warn("A tag is not on what is live", &text);
            Ok(None)
        }
    }
}

/// Whether every tag is on what serves: on its index or its linux/amd64 manifest, whichever is known of it.
async fn is_on(
    scene: &Scene,
    image: &Image,
    tags: &[ImageTag],
    serving: &Serving,
) -> Result<bool, Failure> {
    let registry = scene.registry();
    for tag in tags {
        let found: Option<Digest> = registry
            .has_tag(&image.repository, tag, &Deadline::after(super::ONE_TAG))
            .await
            .map_err(|error| Failure::Moves {
                image: image.name.clone(),
                tag: tag.to_string(),
                error,
            })?;
        if !found.is_some_and(|found| serving.digests.contains(&found)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn listed(tags: &[ImageTag]) -> String {
    tags.iter()
        .map(ImageTag::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
