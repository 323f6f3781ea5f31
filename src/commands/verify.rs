//! `verify`: waits for this event's images and judges them. Writes nothing.

use super::{Brief, tell};
use crate::context::Scene;
use crate::decide::Subject;
use crate::domain::Outcome;
use crate::failure::Failure;
use crate::gate::hooks;
use crate::images::{self, Images, Patience};
use crate::intake::inputs::{Command, OnMissing, Wait};

/// Runs it.
pub(crate) async fn run(scene: &Scene, brief: &Brief) -> Result<(), Failure> {
    without_deploying(scene, brief, Patience::Wait).await
}

/// Verifies the images of a plan that deploys nothing.
pub(crate) async fn without_deploying(
    scene: &Scene,
    brief: &Brief,
    patience: Patience,
) -> Result<(), Failure> {
    if let Subject::PullRequest {
        cannot_push: Some(why),
        ..
    } = &brief.plan.subject
    {
        nothing_to_wait_for(scene, why);
        return Ok(());
    }
    if lacks_credential(scene, brief)? {
        return Ok(());
    }
    if brief.plan.images.is_empty() {
        tell(
            scene,
            Outcome::Nothing,
            "Nothing to verify: no image changed",
        );
        return Ok(());
    }
    let Some(images) = verified(scene, brief, patience).await? else {
        return Ok(());
    };
    tell(
        scene,
        Outcome::Verified,
        &format!("Verified: {}", names(&images)),
    );
    Ok(())
}

/// Ends softly where nobody can have pushed an image.
pub(crate) fn nothing_to_wait_for(scene: &Scene, why: &str) {
    tell(
        scene,
        Outcome::Skipped,
        "Skipped: there can be no image to verify",
    );
    scene.warn("There can be no image", why);
}

/// Whether a credential is missing and that is a reason to skip everything.
///
/// # Errors
/// It is missing, and that is a failure.
pub(crate) fn lacks_credential(scene: &Scene, brief: &Brief) -> Result<bool, Failure> {
    let failure = if scene.lacks_registry_password() {
        Failure::NoRegistryPassword
    } else if scene.request.wait == Wait::Live
        && scene.render.is_none()
        && deploys(scene.request.command)
    {
        Failure::NoApiKey
    } else {
        return Ok(false);
    };
    if hooks::missing_is_fatal(scene.request.on_missing_credential, brief.gathered.in_fork) {
        return Err(failure);
    }
    tell(scene, Outcome::Skipped, "Skipped: a credential is missing");
    scene.warn("A credential is missing", &failure.to_string());
    Ok(true)
}

/// Verifies the images of the plan and puts them into the story; `None` where they are missing and that is no failure.
pub(crate) async fn verified(
    scene: &Scene,
    brief: &Brief,
    patience: Patience,
) -> Result<Option<Images>, Failure> {
    scene.log.group("Images");
    let result = images::verify(scene, &brief.gathered, &brief.plan, &brief.tags, patience).await;
    scene.log.end_group();
    let images = match result {
        Ok(images) => images,
        Err(missing @ Failure::ImageMissing(_))
            if patience == Patience::Once || scene.request.on_missing_image == OnMissing::Warn =>
        {
            tell(
                scene,
                Outcome::Skipped,
                "Skipped: an image is not in the registry",
            );
            scene.warn("An image is missing", &missing.to_string());
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    scene.story.borrow_mut().images = images::told(scene, &images);
    Ok(Some(images))
}

/// The names of images, for a headline.
pub(crate) fn names(images: &Images) -> String {
    images
        .keys()
        .map(|name| name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

const fn deploys(command: Command) -> bool {
    matches!(command, Command::Deploy | Command::Rollback)
}
