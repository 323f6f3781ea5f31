//! `deploy`: plan, verify, then the deploy hooks of the changed services, in order.

use super::failure::Failure;
use super::golive::{self, Call};
use super::hooks::{self, Hooks};
use super::images::{Images, Patience};
use super::{Brief, Scene, env_file, tell, verify};
use crate::decide::Subject;
use crate::domain::{EnvironmentName, ImageName, Outcome, ServiceName, Status, Trigger};
use crate::intake::inputs::Writes;
use crate::registry::RegistryWriter;
use crate::render::HookCaller;
use crate::report::{Ended, outcome_of};
use crate::transport::Deadline;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long moving one tag may take.
const ONE_TAG: Duration = Duration::from_secs(60);

/// Runs it.
pub(super) async fn run(scene: &Scene, brief: &Brief) -> Result<(), Failure> {
    let environment = match &brief.plan.subject {
        Subject::Environments { environments, .. } => environments.first(),
        Subject::PullRequest { .. } => {
            // The workflow may run beside the build of the same event; whoever names a number or a digest means to wait for it.
            let is_event = matches!(scene.trigger, Trigger::PullRequest(_));
            let patience = if is_event && scene.request.digest.is_none() { Patience::Once } else { Patience::Wait };
            return verify::without_deploying(scene, brief, patience).await;
        }
        Subject::Commit => return verify::without_deploying(scene, brief, Patience::Wait).await,
    };
    let Some(environment) = environment else { return Ok(()) };
    let Some(hooks) = credentials(scene, brief)? else { return Ok(()) };
    env_file::check(scene, brief).await?;
    let Some(images) = verify::verified(scene, brief, Patience::Wait).await? else { return Ok(()) };
    skip_without_hook(scene, &hooks);
    if scene.request.writes == Writes::Withheld {
        dry(scene, brief, &images);
        return Ok(());
    }
    let calls = calls(scene, brief, hooks, &images);
    if !calls.is_empty() {
        scene.log.group(&format!("Deploys to {environment}"));
        golive::go(scene, &brief.plan, &HookCaller::new(scene.client.clone()), &calls).await;
        scene.log.end_group();
    }
    conclude(scene, brief, environment, &images);
    let moved = move_tags(scene, brief, environment, &images).await;
    env_file::write(scene, brief, environment, &images)?;
    moved
}

/// Finds the credentials; `None` where some are missing and that is a reason to skip everything.
fn credentials(scene: &Scene, brief: &Brief) -> Result<Option<Hooks>, Failure> {
    let is_fatal = hooks::missing_is_fatal(scene.request.on_missing_credential, brief.gathered.in_fork);
    if verify::lacks_credential(scene, brief)? {
        return Ok(None);
    }
    let hooks = hooks::find(scene, &brief.gathered, &brief.plan)?;
    if !hooks.missing.is_empty() {
        let failure = Failure::HookMissing(hooks.missing.clone());
        if is_fatal {
            return Err(failure);
        }
        scene.warn("Deploy hooks are missing", &failure.to_string());
        if hooks.found.is_empty() {
            skip_without_hook(scene, &hooks);
            tell(scene, Outcome::Skipped, "Skipped: there is no deploy hook here");
            return Ok(None);
        }
    }
    Ok(Some(hooks))
}

fn skip_without_hook(scene: &Scene, hooks: &Hooks) {
    let mut story = scene.story.borrow_mut();
    story
        .services
        .extend(hooks.missing.iter().map(|(service, _)| skipped(service, "skipped: it has no deploy hook here")));
}

fn skipped(service: &ServiceName, reason: &str) -> Ended {
    Ended {
        service: service.clone(),
        status: Status::Skipped,
        reason: Some(reason.to_owned()),
        deploy: None,
        began: Duration::ZERO,
        took: Duration::ZERO,
        failed: None,
    }
}

fn calls(scene: &Scene, brief: &Brief, mut hooks: Hooks, images: &Images) -> BTreeMap<ServiceName, Call> {
    let mut calls = BTreeMap::new();
    for service in brief.plan.to_deploy() {
        if let (Some(hook), Some(image)) = (hooks.found.remove(&service.name), images.get(&service.image)) {
            calls.insert(service.name.clone(), Call { hook, image: image.pinned(scene.request.pin) });
        }
    }
    calls
}

fn dry(scene: &Scene, brief: &Brief, images: &Images) {
    for service in brief.plan.to_deploy() {
        let Some(image) = images.get(&service.image) else { continue };
        scene.log.say(&format!("{}: would deploy {}", service.name, image.pinned(scene.request.pin)));
        let mut story = scene.story.borrow_mut();
        if !story.services.iter().any(|ended| ended.service == service.name) {
            story.services.push(skipped(&service.name, "dry run: not deployed"));
        }
    }
    tell(scene, Outcome::Verified, "Verified in a dry run: everything is there, and nothing was written");
}

/// Sorts the services into the manifest's order and names the outcome.
fn conclude(scene: &Scene, brief: &Brief, environment: &EnvironmentName, images: &Images) {
    let mut story = scene.story.borrow_mut();
    let place = |name: &ServiceName| brief.plan.services.iter().position(|service| service.name == *name);
    story.services.sort_by_key(|ended| place(&ended.service));
    let of = |status: Status| {
        let names: Vec<&str> =
            story.services.iter().filter(|ended| ended.status == status).map(|ended| ended.service.as_str()).collect();
        names.join(", ")
    };
    let (outcome, headline) = match outcome_of(&story.services) {
        Some(Outcome::Accepted) => (
            Outcome::Accepted,
            format!("Accepted by Render for {environment}, not confirmed live: {}", of(Status::Accepted)),
        ),
        Some(Outcome::Failed) => {
            let (failed, not_started) = (of(Status::Failed), of(Status::NotStarted));
            let rest = if not_started.is_empty() { String::new() } else { format!(", not started: {not_started}") };
            (Outcome::Failed, format!("Failed in {environment}: {failed}{rest}"))
        }
        Some(outcome) => (outcome, format!("Skipped in {environment}: {}", of(Status::Skipped))),
        None if images.is_empty() => {
            (Outcome::Skipped, format!("Skipped: nothing to deploy to {environment}, nothing of it changed"))
        }
        None => (Outcome::Verified, format!("Verified for {environment}: {}", verify::names(images))),
    };
    story.outcome = outcome;
    story.headline = headline;
}

/// Puts the environment's `moves` tags on what its services were given, image by image, where every one of them took it.
async fn move_tags(
    scene: &Scene,
    brief: &Brief,
    environment: &EnvironmentName,
    images: &Images,
) -> Result<(), Failure> {
    let tags = brief
        .gathered
        .manifest
        .environment(environment)
        .map(|environment| environment.moves.clone())
        .unwrap_or_default();
    if tags.is_empty() {
        return Ok(());
    }
    let writer = RegistryWriter::new(scene.client.clone(), scene.credentials());
    for planned in &brief.plan.images {
        let Some(image) = images.get(&planned.name).filter(|_| all_accepted(scene, brief, &planned.name)) else {
            continue;
        };
        let pinned = image.pinned(scene.request.pin);
        for tag in &tags {
            let put = writer.put_tag(&pinned, tag, &Deadline::after(ONE_TAG)).await;
            put.map_err(|error| Failure::Moves { image: planned.name.clone(), tag: tag.to_string(), error })?;
            scene.log.say(&format!("{}: {tag} is on {}", planned.name, pinned.digest));
        }
    }
    Ok(())
}

/// Whether every service of the plan that runs the image took it. Where there are no services, verification is all there is.
fn all_accepted(scene: &Scene, brief: &Brief, image: &ImageName) -> bool {
    let story = scene.story.borrow();
    let mut users = brief.plan.to_deploy().filter(|service| service.image == *image).peekable();
    if users.peek().is_none() {
        return brief.gathered.manifest.services.is_empty();
    }
    users.all(|service| {
        story.services.iter().any(|ended| ended.service == service.name && ended.status == Status::Accepted)
    })
}
