//! `floating-tags`: tags that are kept on what an environment serves, after every deploy. What a run did not come to, the next one does.

use super::release::{now, say_others, verified};
use super::{Placement, put};
use crate::context::{Context, Writers};
use crate::failure::Failure;
use crate::images::VerifiedImages;
use crate::planned_run::PlannedRun;
use crate::state::EnvironmentState;
use decide::{PlannedService, Serving, decisive};
use http_client::Deadline;
use model::{Digest, EnvironmentName, Image, ImageTag, ServiceName, Status};
use registry::Moving;
use report::ServiceResult;

/// What is to be done about one image.
enum TagMove {
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
pub(crate) async fn follow(
    context: &Context,
    writers: Option<&Writers<'_>>,
    run: &PlannedRun,
    ends: &Ends<'_>,
) -> Result<(), Failure> {
    let manifest = &run.resolved.manifest;
    let tags = manifest
        .environment(ends.environment)
        .map(|environment| environment.floating_tags.as_slice())
        .unwrap_or_default();
    if tags.is_empty() {
        return Ok(());
    }
    let mut placements = Vec::new();
    for image in &manifest.images {
        match turn(context, run, ends, image) {
            TagMove::To(placement) => placements.push(placement),
            TagMove::ToServing(servings) => {
                placements.extend(back(context, run, image, tags, &servings).await?)
            }
            TagMove::Stay => {}
        }
    }
    move_to(context, writers, &placements, tags).await
}

/// How a run ended, as far as tags go by it.
pub(crate) struct Ends<'a> {
    pub(crate) environment: &'a EnvironmentName,
    /// What was known of the environment before. None where no service of the manifest is deployed.
    pub(crate) state: Option<&'a EnvironmentState>,
    /// The images that were verified.
    pub(crate) images: &'a VerifiedImages,
    /// How its services ended. A service that is not here was left as it is.
    pub(crate) results: &'a [ServiceResult],
    /// Whether nothing was deployed: then it is said what would follow if it had been.
    pub(crate) is_dry: bool,
}

/// Puts these tags on these images, wherever they are now.
///
/// # Errors
/// [`Failure::Moves`].
async fn move_to(
    context: &Context,
    writers: Option<&Writers<'_>>,
    placements: &[Placement],
    tags: &[ImageTag],
) -> Result<(), Failure> {
    for tag in tags {
        put(context, writers, placements, tag, Moving::Allowed)
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

fn turn(context: &Context, run: &PlannedRun, ends: &Ends<'_>, image: &Image) -> TagMove {
    let new = ends
        .images
        .get(&image.name)
        .map(|verified| Placement::new(&image.name, verified, context.request.pin));
    if run.resolved.manifest.services.is_empty() {
        return new.map_or(TagMove::Stay, TagMove::To);
    }
    let mut servings = Vec::new();
    let mut is_new = false;
    for service in run
        .plan
        .services
        .iter()
        .filter(|service| service.image == image.name)
    {
        match (came(ends, service), &new) {
            (Came::Took, Some(new)) => {
                is_new = true;
                servings.push((service.name.clone(), now(new)));
            }
            (Came::Left, _) => {
                let serving = ends.state.and_then(|state| state.serving(&service.name));
                servings.extend(
                    serving
                        .filter(|serving| serving.is_settled)
                        .map(|it| (service.name.clone(), it)),
                );
            }
            (Came::Took, None) | (Came::Unsure, _) => return TagMove::Stay,
        }
    }
    match new {
        Some(new) if is_new => {
            say_others(context, &image.name, &servings);
            TagMove::To(new)
        }
        Some(_) | None if servings.is_empty() => TagMove::Stay,
        Some(_) | None => TagMove::ToServing(servings),
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

fn came(ends: &Ends<'_>, service: &PlannedService) -> Came {
    let status = ends
        .results
        .iter()
        .find(|ended| ended.service == service.name)
        .map(|ended| ended.status);
    match (status.unwrap_or_else(|| service.why.status()), &service.why) {
        (Status::Live | Status::Accepted, _) => Came::Took,
        // A dry run deploys nothing, and says what would follow if it did.
        (Status::Skipped, why) if ends.is_dry && why.status() == Status::NotStarted => Came::Took,
        (Status::Unchanged | Status::Skipped | Status::Held, _) => Came::Left,
        (Status::Superseded | Status::Failed | Status::NotStarted, _)
        | (Status::Refused | Status::Cancelled | Status::Unknown, _) => Came::Unsure,
    }
}

/// The image that serves, if a tag is not on it yet: verified again, since a record can be written by any job.
async fn back(
    context: &Context,
    run: &PlannedRun,
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
    if is_on(context, image, tags, serving).await? {
        return Ok(None);
    }
    say_others(context, &image.name, servings);
    // What Render serves and no record of ours knows may be of any commit: the tag follows it all the same.
    let commits = serving.commit.into_iter().collect();
    let verified = verified(context, run, image, digest, commits)
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
            context.warn("A tag is not on what is live", &text);
            Ok(None)
        }
    }
}

/// Whether every tag is on what serves: on its index or its linux/amd64 manifest, whichever is known of it.
async fn is_on(
    context: &Context,
    image: &Image,
    tags: &[ImageTag],
    serving: &Serving,
) -> Result<bool, Failure> {
    let registry = context.clients.registry();
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
