//! `deploy`: plan, verify, then the deploy hooks of the changed services, in order.

use super::{Brief, tell, verify};
use crate::context::Scene;
use crate::decide::{OnRender, Plan, Presence, Subject, Why, presence};
use crate::domain::{Digest, EnvironmentName, Intent, Kind, Outcome, ServiceName, Status, Trigger};
use crate::failure::Failure;
use crate::gate::hooks::{self, Hooks};
use crate::gate::preflight::preflight;
use crate::gate::required_environment;
use crate::images::{Images, Patience, env_file};
use crate::intake::inputs::Writes;
use crate::report::{Ended, outcome_of};
use crate::rollout::{self, Call, Door, Hands, drift};
use crate::state::Ledger;
use crate::{previews, tags};
use std::collections::BTreeMap;

/// Runs it.
pub(crate) async fn run(scene: &Scene, brief: &Brief) -> Result<(), Failure> {
    let environment = match &brief.plan.subject {
        Subject::Environments { environments, .. } => environments.first(),
        Subject::PullRequest { .. } => {
            let previews = previews::wanted(scene, brief)?;
            if !previews.is_empty() {
                return previews::run(scene, brief, &previews).await;
            }
            // The workflow may run beside the build of the same event; whoever names a number or a digest means to wait for it.
            let is_event = matches!(scene.trigger, Trigger::PullRequest(_));
            let patience = if is_event && scene.request.digest.is_none() {
                Patience::Once
            } else {
                Patience::Wait
            };
            return verify::without_deploying(scene, brief, patience).await;
        }
        Subject::Commit => return verify::without_deploying(scene, brief, Patience::Wait).await,
    };
    let (Some(environment), ledger) = (environment, brief.gathered.ledger.as_ref()) else {
        return Ok(());
    };
    note_left(scene, &brief.plan);
    let Some(hooks) = credentials(scene, brief)? else {
        return Ok(());
    };
    env_file::check(scene, brief).await?;
    let Some(images) = verify::verified(scene, brief, Patience::Wait).await? else {
        return Ok(());
    };
    skip_without_hook(scene, &hooks);
    let confused = hooks.confused.clone();
    let calls = match ledger {
        Some(ledger) => calls(scene, brief, ledger, hooks, &images),
        None => BTreeMap::new(),
    };
    required_environment::check(scene, &brief.gathered.manifest, environment, &calls).await?;
    let facts = preflight(scene, &calls, confused).await?;
    tags::release::promote(scene, brief, ledger, &images).await?;
    if scene.request.writes == Writes::Withheld {
        dry(scene, brief, &images);
        return tags::moves::follow(scene, brief, ledger, environment, &images).await;
    }
    if let Some(ledger) = ledger {
        let hands = Hands::new(scene, ledger, facts);
        hands.close_settled().await;
        if !calls.is_empty() {
            scene.log.group(&format!("Deploys to {environment}"));
            rollout::go(&hands, &brief.plan, &calls).await;
            scene.log.end_group();
        }
        drift::warn(scene, brief, &hands, &images).await;
    }
    conclude(scene, brief, environment, &images);
    let moved = tags::moves::follow(scene, brief, ledger, environment, &images).await;
    env_file::write(scene, brief, environment, &images)?;
    moved
}

/// Keeps what the plan leaves for a reason that is no "nothing changed", and says what was never confirmed.
fn note_left(scene: &Scene, plan: &Plan) {
    let mut story = scene.story.borrow_mut();
    for service in &plan.services {
        let status = service.why.status();
        if matches!(status, Status::Held | Status::Superseded) {
            story.services.push(Ended::without_deploy(
                &service.name,
                status,
                service.why.reason(),
            ));
        }
    }
    drop(story);
    let held: Vec<&str> = named(plan, |why| matches!(why, Why::Held(_)));
    if !held.is_empty() {
        let text = format!(
            "a rollback holds {}: force: held lifts it, and so does something newer",
            held.join(", ")
        );
        scene.warn("Held by a rollback", &text);
    }
    let unconfirmed = named(plan, |why| matches!(why, Why::Unconfirmed(_)));
    if !unconfirmed.is_empty() {
        let text = format!(
            "{} skipped as accepted by Render and never confirmed live: {} (an API key confirms, force: unchanged deploys again)",
            unconfirmed.len(),
            unconfirmed.join(", ")
        );
        scene.log.say(&text);
        scene.story.borrow_mut().notes.push(text);
    }
}

fn named(plan: &Plan, is: impl Fn(&Why) -> bool) -> Vec<&str> {
    plan.services
        .iter()
        .filter(|service| is(&service.why))
        .map(|service| service.name.as_str())
        .collect()
}

/// Finds the credentials; `None` where some are missing and that is a reason to skip everything.
pub(crate) fn credentials(scene: &Scene, brief: &Brief) -> Result<Option<Hooks>, Failure> {
    let is_fatal =
        hooks::missing_is_fatal(scene.request.on_missing_credential, brief.gathered.in_fork);
    if verify::lacks_credential(scene, brief)? {
        return Ok(None);
    }
    let hooks = hooks::find(scene, &brief.gathered, &brief.plan)?;
    if scene.render.is_none() && !hooks.confused.is_empty() {
        return Err(Failure::HooksConfused(hooks.confused.join("; ")));
    }
    if !hooks.missing.is_empty() {
        let failure = Failure::HookMissing(hooks.missing.clone());
        if is_fatal {
            return Err(failure);
        }
        scene.warn("Deploy hooks are missing", &failure.to_string());
        // With an API key an id will do for the others.
        if brief.plan.to_deploy().count() == hooks.missing.len() {
            skip_without_hook(scene, &hooks);
            tell(
                scene,
                Outcome::Skipped,
                "Skipped: there is no deploy hook here",
            );
            return Ok(None);
        }
    }
    Ok(Some(hooks))
}

pub(crate) fn skip_without_hook(scene: &Scene, hooks: &Hooks) {
    let mut story = scene.story.borrow_mut();
    for (service, _) in &hooks.missing {
        story.services.push(Ended::without_deploy(
            service,
            Status::Skipped,
            "skipped: it has no deploy hook here",
        ));
    }
}

/// What is asked of Render for each service to deploy. One whose live deploy has these very bytes already is left as it is.
fn calls(
    scene: &Scene,
    brief: &Brief,
    ledger: &Ledger,
    mut hooks: Hooks,
    images: &Images,
) -> BTreeMap<ServiceName, Call> {
    let mut calls = BTreeMap::new();
    for service in brief.plan.to_deploy() {
        let Some(image) = images.get(&service.image) else {
            continue;
        };
        let id = ledger.id(&service.name).cloned();
        let (door, id) = match (hooks.found.remove(&service.name), id) {
            (Some(hook), id) => {
                let id = id.unwrap_or_else(|| hook.service().clone());
                (Door::Hook(hook), id)
            }
            (None, Some(id)) if scene.render.is_some() => (Door::Api(id.clone()), id),
            (None, _) => continue,
        };
        let wanted = vec![image.digest().clone(), image.platform_digest().clone()];
        let is_forced = service.why == Why::Forced;
        if !is_forced && serves(ledger.on_render(&service.name), &wanted) {
            scene.log.say(&format!(
                "{}: its live deploy has this image already.",
                service.name
            ));
            let ended = Ended::without_deploy(
                &service.name,
                Status::Skipped,
                "its live deploy has this image already",
            );
            scene.story.borrow_mut().services.push(ended);
            continue;
        }
        let pinned = image.pinned(scene.request.pin);
        let intent = Intent {
            service: service.name.clone(),
            commit: ledger.commit(),
            id: Some(id.clone()),
            image: pinned.clone(),
            platform: image.platform_digest().clone(),
            image_commit: image.built_from().copied(),
            release: ledger.release().map(|release| release.tag().clone()),
            kind: Kind::Deploy,
            from: None,
            to: None,
        };
        let call = Call {
            door,
            id,
            image: pinned,
            wanted,
            intent,
            is_forced,
            is_recorded: true,
        };
        calls.insert(service.name.clone(), call);
    }
    calls
}

/// Whether these bytes are live, and nothing is under way that would replace them.
fn serves(on_render: &OnRender, wanted: &[Digest]) -> bool {
    matches!(on_render, OnRender::Known(deploys) if presence(wanted, deploys) == Presence::Serves)
}

fn dry(scene: &Scene, brief: &Brief, images: &Images) {
    for service in brief.plan.to_deploy() {
        let Some(image) = images.get(&service.image) else {
            continue;
        };
        scene.log.say(&format!(
            "{}: would deploy {}",
            service.name,
            image.pinned(scene.request.pin)
        ));
        let mut story = scene.story.borrow_mut();
        if !story
            .services
            .iter()
            .any(|ended| ended.service == service.name)
        {
            story.services.push(Ended::without_deploy(
                &service.name,
                Status::Skipped,
                "dry run: not deployed",
            ));
        }
    }
    tell(
        scene,
        Outcome::Verified,
        "Verified in a dry run: everything is there, and nothing was written",
    );
}

/// Sorts the services into the manifest's order and names the outcome.
pub(crate) fn conclude(
    scene: &Scene,
    brief: &Brief,
    environment: &EnvironmentName,
    images: &Images,
) {
    let mut story = scene.story.borrow_mut();
    let place = |name: &ServiceName| {
        brief
            .plan
            .services
            .iter()
            .position(|service| service.name == *name)
    };
    story.services.sort_by_key(|ended| place(&ended.service));
    let (outcome, headline) = match outcome_of(&story.services) {
        Some(outcome) => (outcome, headline(outcome, environment, &story.services)),
        None if images.is_empty() => {
            let headline =
                format!("Skipped: nothing to deploy to {environment}, nothing of it changed");
            (Outcome::Skipped, headline)
        }
        None => (
            Outcome::Verified,
            format!("Verified for {environment}: {}", verify::names(images)),
        ),
    };
    story.outcome = outcome;
    story.headline = headline;
}

/// The worst is said first; what else became of services is not left out.
fn headline(outcome: Outcome, environment: &EnvironmentName, services: &[Ended]) -> String {
    let of = |status: Status| {
        let named = services
            .iter()
            .filter(|ended| ended.status == status)
            .map(|ended| ended.service.as_str());
        named.collect::<Vec<_>>().join(", ")
    };
    let (first, shown) = match outcome {
        Outcome::Accepted => (
            "Accepted by Render for {}, not confirmed live: ",
            Status::Accepted,
        ),
        Outcome::Live => ("Live in {}: ", Status::Live),
        Outcome::Superseded => ("Superseded in {}: ", Status::Superseded),
        Outcome::Held => ("Held in {} by a rollback: ", Status::Held),
        Outcome::Failed | Outcome::Refused | Outcome::Cancelled => {
            ("Failed in {}: ", Status::Failed)
        }
        Outcome::Skipped | Outcome::Verified | Outcome::Nothing | Outcome::Planned => {
            ("Skipped in {}: ", Status::Skipped)
        }
    };
    let others = [
        ("unknown", Status::Unknown),
        ("not started", Status::NotStarted),
        ("superseded", Status::Superseded),
        ("accepted", Status::Accepted),
        ("live", Status::Live),
        ("held", Status::Held),
    ];
    let others = others
        .iter()
        .filter(|(_, status)| *status != shown)
        .map(|(word, status)| (*word, of(*status)));
    let told = others
        .filter(|(_, names)| !names.is_empty())
        .map(|(word, names)| format!("{word}: {names}"));
    let all = std::iter::once(of(shown))
        .filter(|names| !names.is_empty())
        .chain(told);
    format!(
        "{}{}",
        first.replace("{}", environment.as_str()),
        all.collect::<Vec<_>>().join(", ")
    )
}
