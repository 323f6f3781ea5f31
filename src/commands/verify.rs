//! `verify`: waits for this event's images and judges them. Writes nothing.

use super::{PlannedRun, tell};
use crate::context::Context;
use crate::decide::Subject;
use crate::domain::Outcome;
use crate::failure::Failure;
use crate::gate::hooks;
use crate::images::{self, Images, Patience};
use crate::intake::inputs::{Command, OnMissing, Wait};

/// Runs it.
pub(crate) async fn run(context: &Context, run: &PlannedRun) -> Result<(), Failure> {
    without_deploying(context, run, Patience::Wait).await
}

/// Verifies the images of a plan that deploys nothing.
pub(crate) async fn without_deploying(
    context: &Context,
    run: &PlannedRun,
    patience: Patience,
) -> Result<(), Failure> {
    if let Subject::PullRequest {
        cannot_push: Some(why),
        ..
    } = &run.plan.subject
    {
        nothing_to_wait_for(context, why);
        return Ok(());
    }
    if lacks_credential(context, run)? {
        return Ok(());
    }
    if run.plan.images.is_empty() {
        tell(
            context,
            Outcome::Nothing,
            "Nothing to verify: no image changed",
        );
        return Ok(());
    }
    let Some(images) = verified(context, run, patience).await? else {
        return Ok(());
    };
    tell(
        context,
        Outcome::Verified,
        &format!("Verified: {}", names(&images)),
    );
    Ok(())
}

/// Ends softly where nobody can have pushed an image.
pub(crate) fn nothing_to_wait_for(context: &Context, why: &str) {
    tell(
        context,
        Outcome::Skipped,
        "Skipped: there can be no image to verify",
    );
    context.warn("There can be no image", why);
}

/// Whether a credential is missing and that is a reason to skip everything.
///
/// # Errors
/// It is missing, and that is a failure.
pub(crate) fn lacks_credential(context: &Context, run: &PlannedRun) -> Result<bool, Failure> {
    let failure = if context.lacks_registry_password() {
        Failure::NoRegistryPassword
    } else if context.request.wait == Wait::Live
        && context.render.is_none()
        && deploys(context.request.command)
    {
        Failure::NoApiKey
    } else {
        return Ok(false);
    };
    if hooks::missing_is_fatal(context.request.on_missing_credential, run.resolved.in_fork) {
        return Err(failure);
    }
    tell(
        context,
        Outcome::Skipped,
        "Skipped: a credential is missing",
    );
    context.warn("A credential is missing", &failure.to_string());
    Ok(true)
}

/// Verifies the images of the plan and puts them into the story; `None` where they are missing and that is no failure.
pub(crate) async fn verified(
    context: &Context,
    run: &PlannedRun,
    patience: Patience,
) -> Result<Option<Images>, Failure> {
    context.log.group("Images");
    let result = images::verify(context, &run.resolved, &run.plan, &run.tags, patience).await;
    context.log.end_group();
    let images = match result {
        Ok(images) => images,
        Err(missing @ Failure::ImageMissing(_))
            if patience == Patience::Once
                || context.request.on_missing_image == OnMissing::Warn =>
        {
            tell(
                context,
                Outcome::Skipped,
                "Skipped: an image is not in the registry",
            );
            context.warn("An image is missing", &missing.to_string());
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    context.progress.borrow_mut().images = images::told(context, &images);
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
