//! `rollback`: the bytes of an earlier release, deployed again in the manifest's order.
//!
//! [`aim`] finds out what each service goes back to; [`bytes`] looks at all of it again before anything is sent; the deploys are `golive`'s.
//! Order, `requires` and `freeze` keep nobody from going back.

mod target;
mod verify;

use crate::commands::{Brief, deploy, refuse, tell};
use crate::context::Scene;
use crate::decide::{Base, Demand, Ground, Plan, Subject, Tags, Tip, VerifiedImage, Why, Wishes};
use crate::domain::{
    CommitSha, Dispatch, Intent, Kind, Outcome, Pin, ServiceName, Status, Trigger, When,
};
use crate::failure::Failure;
use crate::gate::hooks::{self, Hooks};
use crate::gate::preflight::preflight;
use crate::intake::inputs::{InputError, Writes};
use crate::report::{Ended, service_lines};
use crate::resolve::{self, Gathered, Place};
use crate::rollout::{self, Call, Door, Hands, drift};
use crate::state::{About, Ledger};
use crate::tags;
use std::collections::BTreeMap;
use target::{Aim, Bytes, Way};

/// Runs it.
pub(super) async fn run(scene: &Scene) -> Result<(), Failure> {
    let dispatch = match &scene.trigger {
        Trigger::Dispatch(dispatch) => dispatch,
        Trigger::Refused(why) => {
            refuse(scene, why);
            return Ok(());
        }
        Trigger::Push(_)
        | Trigger::PullRequest(_)
        | Trigger::Closed(_)
        | Trigger::MergeGroup(_)
        | Trigger::Nothing(_) => {
            refuse(
                scene,
                "rollback goes by what somebody asks for, and this event asks for nothing of the kind",
            );
            return Ok(());
        }
    };
    if scene.request.force.words().is_some() {
        scene
            .log
            .say("force sets nothing aside here: no rule keeps anybody from going back.");
    }
    let Some((brief, aim)) = prepared(scene, dispatch).await? else {
        return Ok(());
    };
    act(scene, &brief, &aim).await
}

/// What is to be done; `None` where that is nothing.
async fn prepared(scene: &Scene, dispatch: &Dispatch) -> Result<Option<(Brief, Aim)>, Failure> {
    let place = resolve::back(scene, dispatch).await?;
    let environment = place.environment.name.clone();
    scene.story.borrow_mut().environment = Some(environment.clone());
    if place.manifest.services_in(&environment).next().is_none() {
        return Err(InputError::of(
            "environment",
            format!("{environment} has no services to go back"),
        )
        .into());
    }
    let event = Base::None("a rollback does not go by the event".into());
    let about = About {
        manifest: &place.manifest,
        environment: &place.environment,
        commit: place.at,
        release: None,
        event,
    };
    let mut ledger = Ledger::consult(scene, &about).await?;
    let aim = target::find(scene, &place, &ledger).await?;
    ledger.turn_to(aim.commit, aim.release.clone());
    let brief = brief(scene, place, ledger, &aim)?;
    if brief.plan.to_deploy().next().is_none() {
        tell(
            scene,
            Outcome::Nothing,
            &format!("Nothing to do: {}", aim.otherwise),
        );
        return Ok(None);
    }
    Ok(Some((brief, aim)))
}

fn brief(scene: &Scene, place: Place, ledger: Ledger, aim: &Aim) -> Result<Brief, Failure> {
    let Place {
        manifest,
        environment,
        ..
    } = place;
    let demand = |(service, way): (&ServiceName, &Way)| {
        let why = match way {
            Way::Back(bytes) => {
                Why::Back(bytes.commit.unwrap_or(aim.commit), bytes.release.clone())
            }
            Way::Stays(why) => Why::Stays(why.clone()),
        };
        (
            service.clone(),
            Demand {
                why,
                base: ledger.serving_commit(service),
            },
        )
    };
    let mut demands: BTreeMap<ServiceName, Demand> = aim.ways.iter().map(demand).collect();
    for service in manifest.services_in(&environment.name) {
        let left_out = || Demand {
            why: Why::NotListed,
            base: ledger.serving_commit(&service.name),
        };
        demands.entry(service.name.clone()).or_insert_with(left_out);
    }
    let ground = Ground::Demands(demands);
    let subject = Subject::Environments {
        environments: vec![environment.name],
        release: aim.release.clone(),
    };
    let wishes = Wishes {
        services: scene.request.services.clone(),
        force_unchanged: false,
        every_image: false,
    };
    let tags = Tags::new(&manifest.tags, &subject, &aim.commit, Tip::Other)?;
    let plan = Plan::new(&manifest, subject.clone(), aim.commit, &ground, &wishes)?;
    let mut story = scene.story.borrow_mut();
    (story.manifest, story.plan) = (Some(manifest.clone()), Some(plan.clone()));
    drop(story);
    scene.log.group("Plan");
    scene
        .log
        .say(&format!("Back to {}, commit {}", aim.name, aim.commit));
    for line in service_lines(&plan, &hooks::ways(scene, &manifest, &plan)) {
        scene.log.say_toned(&line);
    }
    scene.log.end_group();
    let commit = aim.commit;
    let gathered = Gathered {
        manifest,
        subject,
        commit,
        ground,
        ledger: Some(ledger),
        others: Vec::new(),
        tip: Tip::Other,
        created: None,
        revisions: Vec::new(),
        in_fork: false,
    };
    Ok(Brief {
        gathered,
        plan,
        tags,
    })
}

async fn act(scene: &Scene, brief: &Brief, aim: &Aim) -> Result<(), Failure> {
    let (Subject::Environments { environments, .. }, Some(ledger)) =
        (&brief.plan.subject, &brief.gathered.ledger)
    else {
        return Ok(());
    };
    let Some(environment) = environments.first() else {
        return Ok(());
    };
    let Some(hooks) = deploy::credentials(scene, brief)? else {
        return Ok(());
    };
    let wanted = wanted(&brief.plan, aim);
    let verified = verify::verified(scene, brief, &wanted, &aim.name).await?;
    let images = verify::told(scene, brief, &verified);
    deploy::skip_without_hook(scene, &hooks);
    let confused = hooks.confused.clone();
    let left = left(scene, brief, ledger).await;
    let calls = calls(scene, ledger, hooks, aim, &wanted, &verified, &left);
    let facts = preflight(scene, &calls, confused).await?;
    if scene.request.writes == Writes::Withheld {
        dry(scene, &calls, aim);
        return Ok(());
    }
    let hands = Hands::new(scene, ledger, facts);
    hands.close_settled().await;
    scene
        .log
        .group(&format!("Back to {} in {environment}", aim.name));
    rollout::go(&hands, &brief.plan, &calls).await;
    scene.log.end_group();
    drift::warn(scene, brief, &hands, &images).await;
    deploy::conclude(scene, brief, environment, &images);
    conclude(scene, brief, ledger, aim);
    tags::moves::follow(scene, brief, Some(ledger), environment, &images).await
}

/// The bytes of the services that go back.
fn wanted<'a>(plan: &Plan, aim: &'a Aim) -> BTreeMap<ServiceName, &'a Bytes> {
    let of = |service: &ServiceName| match aim.ways.get(service)? {
        Way::Back(bytes) => Some(bytes),
        Way::Stays(_) => None,
    };
    plan.to_deploy()
        .filter_map(|service| Some((service.name.clone(), of(&service.name)?)))
        .collect()
}

/// What each service leaves. Where that is not known, it is taken to leave what would be deployed there now: that is what must not come back
/// by itself. Of releases the highest that any of them may have left counts for all.
async fn left(scene: &Scene, brief: &Brief, ledger: &Ledger) -> BTreeMap<ServiceName, CommitSha> {
    let own: Vec<(&ServiceName, Option<CommitSha>)> = brief
        .plan
        .to_deploy()
        .map(|service| (&service.name, ledger.left(&service.name)))
        .collect();
    let is_known = own.iter().all(|(_, commit)| commit.is_some());
    let newest = if is_known {
        None
    } else {
        deployable(scene, brief, ledger).await
    };
    let highest = ledger
        .left_release()
        .map(|highest| newest.unwrap_or(highest));
    let otherwise = newest.unwrap_or(brief.plan.commit);
    own.into_iter()
        .map(|(service, commit)| (service.clone(), highest.or(commit).unwrap_or(otherwise)))
        .collect()
}

/// The commit that a deploy would bring now, where that is known.
async fn deployable(scene: &Scene, brief: &Brief, ledger: &Ledger) -> Option<CommitSha> {
    let environment = brief.gathered.manifest.environment(ledger.environment());
    match environment.map(|environment| &environment.when) {
        Some(When::Release { template, .. }) => match scene.history.highest_release(template).await
        {
            Ok(Some(highest)) => scene
                .history
                .tag_commit(highest.tag().as_str())
                .await
                .ok()
                .flatten(),
            Ok(None) | Err(_) => None,
        },
        Some(When::Branch(_)) | None => ledger.tip(),
    }
}

fn calls(
    scene: &Scene,
    ledger: &Ledger,
    mut hooks: Hooks,
    aim: &Aim,
    wanted: &BTreeMap<ServiceName, &Bytes>,
    verified: &BTreeMap<ServiceName, VerifiedImage>,
    left: &BTreeMap<ServiceName, CommitSha>,
) -> BTreeMap<ServiceName, Call> {
    let mut calls = BTreeMap::new();
    for (service, bytes) in wanted {
        let Some(image) = verified.get(service) else {
            continue;
        };
        let id = ledger.id(service).cloned();
        let (door, id) = match (hooks.found.remove(service), id) {
            (Some(hook), id) => {
                let id = id.unwrap_or_else(|| hook.service().clone());
                (Door::Hook(hook), id)
            }
            (None, Some(id)) if scene.render.is_some() => (Door::Api(id.clone()), id),
            (None, _) => continue,
        };
        // Exactly the digest that was recorded, whatever `pin` says now.
        let pinned = image.pinned(Pin::Index);
        let intent = Intent {
            service: service.clone(),
            commit: bytes.commit.unwrap_or_else(|| ledger.commit()),
            id: Some(id.clone()),
            image: pinned.clone(),
            platform: image.platform_digest().clone(),
            image_commit: image.revision().copied().or(bytes.built_from),
            release: bytes.release.clone(),
            kind: Kind::Rollback,
            from: left.get(service).copied(),
            to: aim.to,
        };
        let wanted = vec![image.digest().clone(), image.platform_digest().clone()];
        let is_recorded = bytes.commit.is_some();
        let call = Call {
            door,
            id,
            image: pinned,
            wanted,
            intent,
            is_forced: false,
            is_recorded,
        };
        calls.insert(service.clone(), call);
    }
    calls
}

fn dry(scene: &Scene, calls: &BTreeMap<ServiceName, Call>, aim: &Aim) {
    for (service, call) in calls {
        scene
            .log
            .say(&format!("{service}: would go back to {}", call.image));
        let ended = Ended::without_deploy(service, Status::Skipped, "dry run: not deployed");
        scene.story.borrow_mut().services.push(ended);
    }
    let headline = format!(
        "Verified in a dry run: everything of {} is there, and nothing was written",
        aim.name
    );
    tell(scene, Outcome::Verified, &headline);
}

/// Says where it led, and what holds from now on.
fn conclude(scene: &Scene, brief: &Brief, ledger: &Ledger, aim: &Aim) {
    let mut story = scene.story.borrow_mut();
    story.headline = format!("Rollback to {}: {}", aim.name, story.headline);
    let is_back = |service: &&ServiceName| {
        let took = |ended: &Ended| {
            ended.service == **service && matches!(ended.status, Status::Live | Status::Accepted)
        };
        story.services.iter().any(took)
    };
    let services = || brief.plan.services.iter().map(|service| &service.name);
    let held: Vec<&str> = services()
        .filter(|service| is_back(service) || ledger.is_held(service))
        .map(|service| service.as_str())
        .collect();
    if held.is_empty() {
        return;
    }
    let until = match brief.plan.subject.release() {
        Some(_) => "a higher release lifts it",
        None => "a commit that changes something of the service lifts it",
    };
    let text = format!(
        "from now on this rollback holds {}: {until}, and so does force: held",
        held.join(", ")
    );
    scene.log.say(&text);
    story.notes.push(text);
}
