//! The commands: each gathers facts, lets them be decided, and acts. What happened goes into the scene's story as it happens.

mod check;
mod deploy;
mod init;
mod local_repository;
mod plan;
mod promote;
mod release;
mod rollback;
pub(crate) mod verify;

use crate::context::Scene;
use crate::decide::{Plan, Subject, Tags, Wishes, labels};
use crate::domain::{FailureWord, Manifest, Outcome, Refused, Trigger};
use crate::failure::Failure;
use crate::gate::hooks;
use crate::intake::inputs::{Command, InputError, OnRelease, Request};
use crate::previews::comment;
use crate::report::outputs::Naming;
use crate::report::{Failed, Story};
use crate::resolve::{Found, Gathered};
use crate::runner::{Log, Surroundings};
use crate::{cleanup, resolve};
use std::cell::RefCell;

/// Everything that a command has to go by.
pub(crate) struct Brief {
    pub(crate) gathered: Gathered,
    pub(crate) plan: Plan,
    pub(crate) tags: Tags,
}

/// Runs the command of the request.
///
/// # Errors
/// [`Failure`]; what had happened before it stands in the scene's story.
pub(crate) async fn run(scene: &Scene) -> Result<(), Failure> {
    let result = act(scene).await;
    comment::keep(scene, result.as_ref().err()).await;
    result
}

async fn act(scene: &Scene) -> Result<(), Failure> {
    refuse_force_by_machines(scene)?;
    if let Some(reason) = &scene.request.freeze
        && let Some(done) = done_by(scene.request.command)
    {
        tell(
            scene,
            Outcome::Skipped,
            "Skipped: deploys are frozen at present",
        );
        scene.warn(
            "Deploys are frozen",
            &format!(
                "nothing is {done} (freeze: {})",
                crate::domain::Foreign(reason.as_bytes())
            ),
        );
        return Ok(());
    }
    match scene.request.command {
        Command::Release => return release::run(scene).await,
        Command::Rollback => return rollback::run(scene).await,
        Command::Cleanup => return cleanup::run(scene).await,
        Command::Promote if promote::ends_early(scene)? => return Ok(()),
        Command::Plan
        | Command::Verify
        | Command::Deploy
        | Command::Promote
        | Command::Check
        | Command::Init => {}
    }
    let found = match &scene.trigger {
        Trigger::Push(push) => resolve::push(scene, push).await?,
        Trigger::PullRequest(pull) => match resolve::cannot_push(scene, pull) {
            // Nothing has to be asked to know that there is nothing to wait for.
            Some(why) if scene.request.command != Command::Plan => {
                verify::nothing_to_wait_for(scene, &why);
                return Ok(());
            }
            _ => resolve::pull_request(scene, pull).await?,
        },
        Trigger::MergeGroup(group) => resolve::merge_group(scene, group).await?,
        Trigger::Dispatch(dispatch) => resolve::dispatch(scene, dispatch).await?,
        Trigger::Closed(_) => {
            Found::Nothing("a pull request that is closed asks for nothing".into())
        }
        Trigger::Nothing(why) => Found::Nothing(why.clone()),
        Trigger::Refused(why) => {
            refuse(scene, why);
            return Ok(());
        }
    };
    let gathered = match found {
        Found::Work(gathered) => *gathered,
        Found::Nothing(why) => {
            tell(scene, Outcome::Nothing, &format!("Nothing to do: {why}"));
            return Ok(());
        }
        Found::Superseded(why) => {
            tell(scene, Outcome::Superseded, &format!("Superseded: {why}"));
            return Ok(());
        }
    };
    let brief = brief(scene, gathered)?;
    match scene.request.command {
        Command::Plan => plan::run(scene, &brief).await,
        Command::Verify => verify::run(scene, &brief).await,
        Command::Deploy => deploy::run(scene, &brief).await,
        Command::Promote => promote::run(scene, &brief).await,
        // They have no images to plan and went their own way above.
        Command::Release | Command::Rollback | Command::Cleanup => Ok(()),
        // They have run already, without a scene.
        Command::Check | Command::Init => Ok(()),
    }
}

/// Runs a command that needs nothing but this machine; `None` when the request is for another one.
pub(crate) fn run_locally(
    request: &Request,
    around: &Surroundings,
    log: &Log,
    story: &RefCell<Story>,
) -> Option<Result<(), Failure>> {
    match request.command {
        Command::Check => Some(check::run(request, around, log, story)),
        Command::Init => Some(init::run(request, around, log, story)),
        Command::Plan | Command::Verify | Command::Deploy | Command::Promote => None,
        Command::Rollback | Command::Release | Command::Cleanup => None,
    }
}

fn brief(scene: &Scene, gathered: Gathered) -> Result<Brief, Failure> {
    let Gathered {
        manifest,
        subject,
        commit,
        ground,
        tip,
        ..
    } = &gathered;
    let wishes = Wishes {
        services: scene.request.services.clone(),
        force_unchanged: scene.request.force.unchanged,
        every_image: match scene.request.command {
            Command::Plan | Command::Deploy => scene.request.env_file.is_some(),
            // A release is promoted whole: its tag names every image of the environment.
            Command::Promote => subject.release().is_some(),
            Command::Verify | Command::Release | Command::Rollback | Command::Cleanup => false,
            Command::Check | Command::Init => false,
        },
    };
    let mut tags = Tags::new(&manifest.tags, subject, commit, *tip)?;
    let mut plan = Plan::new(manifest, subject.clone(), *commit, ground, &wishes)?;
    match (
        scene.request.command,
        scene.request.on_release,
        subject.release(),
    ) {
        (Command::Promote, _, _) => plan = plan.of_images_alone(),
        (Command::Plan | Command::Verify | Command::Deploy, OnRelease::AsTagged, Some(release)) => {
            tags = tags.as_tagged(release);
        }
        (Command::Plan | Command::Verify | Command::Deploy | Command::Release, _, _)
        | (Command::Rollback | Command::Cleanup | Command::Check | Command::Init, _, _) => {}
    }
    let naming = naming(scene, &gathered, &tags)?;
    let mut story = scene.story.borrow_mut();
    story.manifest = Some(manifest.clone());
    story.naming = Some(naming);
    story.plan = Some(plan.clone());
    if let Subject::Environments { environments, .. } = subject {
        story.environment = environments
            .first()
            .filter(|_| environments.len() == 1)
            .cloned();
    }
    drop(story);
    say_plan(scene, &gathered.manifest, &plan, &tags);
    Ok(Brief {
        gathered,
        plan,
        tags,
    })
}

fn naming(scene: &Scene, gathered: &Gathered, tags: &Tags) -> Result<Naming, Refused> {
    let images = &gathered.manifest.images;
    let named = scene
        .request
        .image
        .as_ref()
        .and_then(|repository| images.iter().find(|image| image.repository == *repository));
    let only = named.or_else(|| images.first().filter(|_| images.len() == 1));
    let version = tags
        .to_push
        .first()
        .cloned()
        .map_or_else(|| crate::domain::ImageTag::parse("none"), Ok)?;
    let created = gathered.created.as_deref();
    let with_title = |title: &str| {
        labels(
            &scene.slug,
            scene.server_url(),
            &gathered.commit,
            created,
            title,
            &version,
        )
    };
    Ok(Naming {
        tags: tags.to_push.iter().map(ToString::to_string).collect(),
        labels: images
            .iter()
            .map(|image| {
                (
                    image.name.clone(),
                    with_title(image.repository.last_component()),
                )
            })
            .collect(),
        common: with_title(scene.slug.repo()),
        only: only.map(|image| (image.name.clone(), image.repository.clone())),
    })
}

fn say_plan(scene: &Scene, manifest: &Manifest, plan: &Plan, tags: &Tags) {
    let log = &scene.log;
    log.group("Plan");
    let names: Vec<String> = tags.to_push.iter().map(ToString::to_string).collect();
    let ways = hooks::ways(scene, manifest, plan);
    for line in crate::report::plan_lines(plan, &names, &ways) {
        log.say_toned(&line);
    }
    for note in scene.history.notes() {
        log.say(&note);
    }
    log.end_group();
}

/// What a freeze keeps a command from; nothing where it holds nothing back: who goes back needs to, above all then.
const fn done_by(command: Command) -> Option<&'static str> {
    match command {
        Command::Deploy => Some("deployed"),
        Command::Promote => Some("promoted"),
        Command::Release => Some("released"),
        Command::Plan
        | Command::Verify
        | Command::Rollback
        | Command::Cleanup
        | Command::Check
        | Command::Init => None,
    }
}

/// `force` is a person's decision about one run; a schedule or another program must not make it.
fn refuse_force_by_machines(scene: &Scene) -> Result<(), Failure> {
    let by_person = matches!(&scene.trigger, Trigger::Dispatch(dispatch) if dispatch.by_person);
    if scene.request.force.words().is_some() && !by_person {
        return Err(InputError::of("force", "it is for workflow_dispatch and laptops only").into());
    }
    Ok(())
}

pub(crate) fn refuse(scene: &Scene, why: &str) {
    let mut story = scene.story.borrow_mut();
    *story = Story::new(Outcome::Refused, format!("Refused: {why}"));
    story.failed = Some(Failed {
        word: FailureWord::BadEvent,
        text: why.to_owned(),
        hint:
            "Use pull_request, push or workflow_dispatch; docs/workflows has a workflow for each."
                .into(),
        page: None,
    });
}

/// Ends the story with an outcome and a sentence.
pub(crate) fn tell(scene: &Scene, outcome: Outcome, headline: &str) {
    let mut story = scene.story.borrow_mut();
    story.outcome = outcome;
    story.headline = headline.to_owned();
}
