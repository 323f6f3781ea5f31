//! The commands: each finds facts, lets them be decided, and acts. What happened goes into the report as it happens.

mod check;
mod deploy;
mod idle_patterns;
mod init;
mod local_repository;
mod plan;
mod promote;
mod release;
mod rollback;
pub(crate) mod verify;

use crate::context::Context;
use crate::decide::{Plan, Subject, Tags, Wishes, labels};
use crate::domain::{FailureWord, Manifest, Outcome, Refused, Trigger};
use crate::failure::Failure;
use crate::gate::hooks;
use crate::intake::inputs::{Command, InputError, OnRelease, Request};
use crate::previews::comment;
use crate::report::outputs::Naming;
use crate::report::{Failed, RunReport};
use crate::resolve::{Resolution, Resolved};
use crate::runner::{Log, Surroundings};
use crate::{cleanup, resolve};
use std::cell::RefCell;

/// Everything that a command has to go by.
pub(crate) struct PlannedRun {
    pub(crate) resolved: Resolved,
    pub(crate) plan: Plan,
    pub(crate) tags: Tags,
}

/// Runs the command of the request.
///
/// # Errors
/// [`Failure`]; what had happened before it is in the report.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let result = act(context).await;
    comment::keep(context, result.as_ref().err()).await;
    result
}

async fn act(context: &Context) -> Result<(), Failure> {
    refuse_force_by_machines(context)?;
    if let Some(reason) = &context.request.freeze
        && let Some(done) = done_by(context.request.command)
    {
        tell(
            context,
            Outcome::Skipped,
            "Skipped: deploys are frozen at present",
        );
        context.warn(
            "Deploys are frozen",
            &format!(
                "nothing is {done} (freeze: {})",
                crate::domain::Foreign(reason.as_bytes())
            ),
        );
        return Ok(());
    }
    match context.request.command {
        Command::Release => return release::run(context).await,
        Command::Rollback => return rollback::run(context).await,
        Command::Cleanup => return cleanup::run(context).await,
        Command::Promote if promote::ends_early(context)? => return Ok(()),
        Command::Plan
        | Command::Verify
        | Command::Deploy
        | Command::Promote
        | Command::Check
        | Command::Init => {}
    }
    let found = match &context.trigger {
        Trigger::Push(push) => resolve::push(context, push).await?,
        Trigger::PullRequest(pull) => match resolve::cannot_push(context, pull) {
            // Nothing has to be asked to know that there is nothing to wait for.
            Some(why) if context.request.command != Command::Plan => {
                verify::nothing_to_wait_for(context, &why);
                return Ok(());
            }
            _ => resolve::pull_request(context, pull).await?,
        },
        Trigger::MergeGroup(group) => resolve::merge_group(context, group).await?,
        Trigger::Dispatch(dispatch) => resolve::dispatch(context, dispatch).await?,
        Trigger::Closed(_) => {
            Resolution::Nothing("a pull request that is closed asks for nothing".into())
        }
        Trigger::Nothing(why) => Resolution::Nothing(why.clone()),
        Trigger::Refused(why) => {
            refuse(context, why);
            return Ok(());
        }
    };
    let resolved = match found {
        Resolution::Work(resolved) => *resolved,
        Resolution::Nothing(why) => {
            tell(context, Outcome::Nothing, &format!("Nothing to do: {why}"));
            return Ok(());
        }
        Resolution::Superseded(why) => {
            tell(context, Outcome::Superseded, &format!("Superseded: {why}"));
            return Ok(());
        }
    };
    let run = planned_run(context, resolved)?;
    match context.request.command {
        Command::Plan => plan::run(context, &run).await,
        Command::Verify => verify::run(context, &run).await,
        Command::Deploy => deploy::run(context, &run).await,
        Command::Promote => promote::run(context, &run).await,
        // They have no images to plan and went their own way above.
        Command::Release | Command::Rollback | Command::Cleanup => Ok(()),
        // They have run already, without a context.
        Command::Check | Command::Init => Ok(()),
    }
}

/// Runs a command that needs nothing but this machine; `None` when the request is for another one.
pub(crate) fn run_locally(
    request: &Request,
    around: &Surroundings,
    log: &Log,
    report: &RefCell<RunReport>,
) -> Option<Result<(), Failure>> {
    match request.command {
        Command::Check => Some(check::run(request, around, log, report)),
        Command::Init => Some(init::run(request, around, log, report)),
        Command::Plan | Command::Verify | Command::Deploy | Command::Promote => None,
        Command::Rollback | Command::Release | Command::Cleanup => None,
    }
}

fn planned_run(context: &Context, resolved: Resolved) -> Result<PlannedRun, Failure> {
    let Resolved {
        manifest,
        subject,
        commit,
        ground,
        tip,
        ..
    } = &resolved;
    let wishes = Wishes {
        services: context.request.services.clone(),
        force_unchanged: context.request.force.unchanged,
        every_image: match context.request.command {
            Command::Plan | Command::Deploy => context.request.env_file.is_some(),
            // A release is promoted whole: its tag names every image of the environment.
            Command::Promote => subject.release().is_some(),
            Command::Verify | Command::Release | Command::Rollback | Command::Cleanup => false,
            Command::Check | Command::Init => false,
        },
    };
    let mut tags = Tags::new(&manifest.tags, subject, commit, *tip)?;
    let mut plan = Plan::new(manifest, subject.clone(), *commit, ground, &wishes)?;
    match (
        context.request.command,
        context.request.on_release,
        subject.release(),
    ) {
        (Command::Promote, _, _) => plan = plan.of_images_alone(),
        (Command::Plan | Command::Verify | Command::Deploy, OnRelease::AsTagged, Some(release)) => {
            tags = tags.as_tagged(release);
        }
        (Command::Plan | Command::Verify | Command::Deploy | Command::Release, _, _)
        | (Command::Rollback | Command::Cleanup | Command::Check | Command::Init, _, _) => {}
    }
    let naming = naming(context, &resolved, &tags)?;
    let mut report = context.progress.borrow_mut();
    report.manifest = Some(manifest.clone());
    report.naming = Some(naming);
    report.plan = Some(plan.clone());
    if let Subject::Environments { environments, .. } = subject {
        report.environment = environments
            .first()
            .filter(|_| environments.len() == 1)
            .cloned();
    }
    drop(report);
    say_plan(context, &resolved.manifest, &plan, &tags);
    Ok(PlannedRun {
        resolved,
        plan,
        tags,
    })
}

fn naming(context: &Context, resolved: &Resolved, tags: &Tags) -> Result<Naming, Refused> {
    let images = &resolved.manifest.images;
    let named = context
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
    let created = resolved.created.as_deref();
    let with_title = |title: &str| {
        labels(
            &context.slug,
            context.server_url(),
            &resolved.commit,
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
        common: with_title(context.slug.repo()),
        only: only.map(|image| (image.name.clone(), image.repository.clone())),
    })
}

fn say_plan(context: &Context, manifest: &Manifest, plan: &Plan, tags: &Tags) {
    let log = &context.log;
    log.group("Plan");
    let names: Vec<String> = tags.to_push.iter().map(ToString::to_string).collect();
    let ways = hooks::ways(context, manifest, plan);
    for line in crate::report::plan_lines(plan, &names, &ways) {
        log.say_toned(&line);
    }
    for note in context.history.notes() {
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
fn refuse_force_by_machines(context: &Context) -> Result<(), Failure> {
    let by_person = matches!(&context.trigger, Trigger::Dispatch(dispatch) if dispatch.by_person);
    if context.request.force.words().is_some() && !by_person {
        return Err(InputError::of("force", "it is for workflow_dispatch and laptops only").into());
    }
    Ok(())
}

pub(crate) fn refuse(context: &Context, why: &str) {
    let mut report = context.progress.borrow_mut();
    *report = RunReport::new(Outcome::Refused, format!("Refused: {why}"));
    report.failed = Some(Failed {
        word: FailureWord::BadEvent,
        text: why.to_owned(),
        hint:
            "Use pull_request, push or workflow_dispatch; docs/workflows has a workflow for each."
                .into(),
        page: None,
    });
}

/// Ends the story with an outcome and a sentence.
pub(crate) fn tell(context: &Context, outcome: Outcome, headline: &str) {
    let mut report = context.progress.borrow_mut();
    report.outcome = outcome;
    report.headline = headline.to_owned();
}
