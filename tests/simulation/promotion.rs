//! What a deploy of a release promotes before its first hook, as `tags/release` does it: which bytes decide is the program's own
//! (`decide::serving`, `decide::decisive`).

use crate::event::At;
use crate::git::{IMAGES, SERVICES, same};
use crate::run::{Rules, Run, Stop, Told, Wanted, records};
use crate::world::{Memory, World};
use ghcr_to_render::decide::{OnRender, Serving, decisive, serving};
use ghcr_to_render::domain::ServiceName;

/// The bytes that the release's tag belongs on, one an image at most.
pub(crate) fn placements(
    world: &mut World,
    run: &Run,
    memory: &Result<Memory, String>,
    seen: &[OnRender],
    told: &[Told; 3],
    wanted: &[Wanted],
) -> Vec<usize> {
    let Some(release) = run.release() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for image in 0..IMAGES.len() {
        let new = wanted
            .iter()
            .find(|wanted| SERVICES[wanted.at.service].2 == image);
        found.extend(match new {
            Some(new) => Some(new.build),
            None => skipped(
                world,
                run,
                release,
                image,
                &servings(world, run, memory, seen, told, image),
            ),
        });
    }
    found
}

/// What the services of an image serve that have the release already.
fn servings(
    world: &World,
    run: &Run,
    memory: &Result<Memory, String>,
    seen: &[OnRender],
    told: &[Told; 3],
    image: usize,
) -> Vec<(ServiceName, Serving)> {
    let of = |service: usize| {
        let at = At {
            environment: run.environment,
            service,
        };
        let records = memory
            .as_ref()
            .map(|memory| records(world, at, memory))
            .unwrap_or_default();
        Some((
            world.names[service].clone(),
            serving(&records, &seen[service])?,
        ))
    };
    let has_it = |service: &usize| SERVICES[*service].2 == image && told[*service] == Told::Has;
    (0..SERVICES.len()).filter(has_it).filter_map(of).collect()
}

/// The image of services that are all skipped: what they serve, or what has the tag already where that is as good. Nothing where it is not fit:
/// the service is left as it is.
fn skipped(
    world: &mut World,
    run: &Run,
    release: u32,
    image: usize,
    servings: &[(ServiceName, Serving)],
) -> Option<usize> {
    let (serving, others) = decisive(servings)?;
    if !others.is_empty() {
        world.count("releases of an image whose services serve other bytes");
    }
    let build = world.build_of(serving.digests.first()?)?;
    match world.released(release, image) {
        Some(there) if there != build && is_fit(world, run.commit, image, there) => Some(there),
        Some(_) | None => Some(build).filter(|build| is_fit(world, run.commit, image, *build)),
    }
}

/// Whether bytes pass what is asked of an image of this commit.
pub(crate) fn is_fit(world: &World, commit: usize, image: usize, build: usize) -> bool {
    let bytes = &world.builds[build];
    let label = bytes.commit.filter(|_| world.setting.has_labels);
    let is_equal = |label| {
        same(
            world.git.tree(label),
            world.git.tree(commit),
            IMAGES[image].1,
        )
    };
    !bytes.is_gone && bytes.image == image && label.is_none_or(is_equal)
}

/// Puts the tag, after a look at all images. What is there already needs nothing.
pub(crate) fn put(world: &mut World, run: &Run, placements: &[usize]) -> Result<(), Stop> {
    let Some(release) = run.release() else {
        return Ok(());
    };
    let mut open = Vec::new();
    for build in placements {
        match world.released(release, world.builds[*build].image) {
            Some(there) if there == *build => world.count("release tags that were there"),
            Some(there) if world.rules != Rules::MoveReleaseTag => {
                world.say(|| {
                    format!("    prod-{release} belongs on bytes {build} and is on {there}")
                });
                world.count("releases refused as taken");
                return Err(Stop::Failed("release-taken"));
            }
            Some(_) | None => open.push(*build),
        }
    }
    let is_completed = open.len() < placements.len();
    for (done, build) in open.into_iter().enumerate() {
        world.step()?;
        // It went from the registry while the run looked.
        if world.builds[build].is_gone {
            return Err(Stop::Failed("image-missing"));
        }
        match world.released(release, world.builds[build].image) {
            Some(there) if there != build && world.rules != Rules::MoveReleaseTag => {
                return Err(Stop::Failed("release-taken"));
            }
            Some(_) | None => world.put_release_tag(release, build),
        }
        if is_completed && done == 0 && run.attempt > 1 {
            world.count("promotions completed by a later run");
        }
    }
    Ok(())
}
