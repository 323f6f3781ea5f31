//! The decision: which services a run deploys, which images it needs, and under which tags they are.

use crate::context::Context;
use crate::failure::Failure;
use crate::resolve::{Purpose, Resolved, hooks};
use crate::state::{EnvironmentState, KnownState};
use decide::{Plan, PlanInput, PlanOptions, Subject, Tags, Tip, build_args, labels};
use model::{EnvironmentName, ImageTag, Refused};
use parse::inputs::{Command, OnRelease, PipelineCommand};
use report::outputs::Naming;
use std::collections::BTreeMap;

/// Everything that a command goes by once it is decided what to do.
pub(crate) struct PlannedRun {
    pub(crate) resolved: Resolved,
    /// The state of each environment whose record decided.
    pub(crate) states: Vec<EnvironmentState>,
    pub(crate) plan: Plan,
    pub(crate) tags: Tags,
}

impl PlannedRun {
    /// What is known of an environment. None where no service of the manifest is deployed.
    pub(crate) fn state_of(&self, environment: &EnvironmentName) -> Option<&EnvironmentState> {
        self.states
            .iter()
            .find(|state| state.environment() == environment)
    }
}

/// Decides, and shows the plan. `calls` says whether it shows what would be called for each service.
///
/// # Errors
/// The inputs contradict the manifest.
pub(crate) fn decide(
    context: &Context,
    resolved: Resolved,
    known: KnownState,
    purpose: Purpose,
    calls: Calls,
) -> Result<PlannedRun, Failure> {
    let KnownState { ground, states } = known;
    let tags = tags(context, &resolved, &states, purpose)?;
    let plan = plan(context, &resolved, &ground, purpose)?;
    let naming = naming(context, &resolved, &tags)?;
    context
        .progress
        .planned(&resolved.manifest, &plan, Some(naming));
    if let Subject::Environments { environments, .. } = &resolved.subject
        && let Ok(only) = environments.only()
    {
        context.progress.environment(only);
    }
    let run = PlannedRun {
        resolved,
        states,
        plan,
        tags,
    };
    show(context, &run, calls);
    Ok(run)
}

/// Decides what the push of a merge commit would deploy. It is not what the run is about, so it is neither shown nor kept for the outputs.
///
/// # Errors
/// The inputs contradict the manifest.
pub(crate) fn after_merge(
    context: &Context,
    resolved: Resolved,
    known: KnownState,
) -> Result<PlannedRun, Failure> {
    let KnownState { ground, states } = known;
    let tags = tags(context, &resolved, &states, Purpose::Plan)?;
    let plan = plan(context, &resolved, &ground, Purpose::Plan)?;
    Ok(PlannedRun {
        resolved,
        states,
        plan,
        tags,
    })
}

/// Whether a plan shows what would be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    Shown,
    Hidden,
}

fn tags(
    context: &Context,
    resolved: &Resolved,
    states: &[EnvironmentState],
    purpose: Purpose,
) -> Result<Tags, Failure> {
    let subject = &resolved.subject;
    let template = &resolved.manifest.tags;
    // The event says what was pushed. The branch may have gone on since.
    let tip = if states.iter().any(EnvironmentState::is_behind_its_branch) {
        Tip::Other
    } else {
        resolved.tip
    };
    let tags = Tags::new(template, subject, &resolved.commit, tip)?;
    match (purpose, context.request.on_release, subject.release()) {
        (Purpose::Plan | Purpose::Verify | Purpose::Deploy, OnRelease::AsTagged, Some(release)) => {
            Ok(tags.as_tagged(release))
        }
        (Purpose::Plan | Purpose::Verify | Purpose::Deploy | Purpose::Promote, _, _) => Ok(tags),
    }
}

fn plan(
    context: &Context,
    resolved: &Resolved,
    ground: &PlanInput,
    purpose: Purpose,
) -> Result<Plan, Failure> {
    let subject = &resolved.subject;
    let wishes = PlanOptions {
        services: context.request.services.clone(),
        force_unchanged: context.request.force.unchanged,
        every_image: match purpose {
            Purpose::Plan | Purpose::Deploy => context.request.env_file.is_some(),
            // A release is promoted whole: its tag names every image of the environment.
            Purpose::Promote => subject.release().is_some(),
            Purpose::Verify => false,
        },
    };
    let manifest = &resolved.manifest;
    let plan = Plan::new(manifest, subject.clone(), resolved.commit, ground, &wishes)?;
    Ok(match purpose {
        Purpose::Promote => plan.of_images_alone(),
        Purpose::Plan | Purpose::Verify | Purpose::Deploy => plan,
    })
}

fn naming(context: &Context, resolved: &Resolved, tags: &Tags) -> Result<Naming, Refused> {
    let images = &resolved.manifest.images;
    let named = context
        .request
        .image
        .as_ref()
        .and_then(|repository| images.iter().find(|image| image.repository == *repository));
    let only = match images.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    let version = match tags.to_push.first() {
        Some(tag) => tag.clone(),
        None => ImageTag::parse("none")?,
    };
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
    let of_images: BTreeMap<_, _> = images
        .iter()
        .map(|image| {
            let title = image.repository.last_component();
            (image.name.clone(), with_title(title))
        })
        .collect();
    Ok(Naming {
        tags: tags.to_push.iter().map(ToString::to_string).collect(),
        labels: of_images,
        common: with_title(context.slug.repo()),
        build_args: build_args(&resolved.commit, created),
        only: named
            .or(only)
            .map(|image| (image.name.clone(), image.repository.clone())),
    })
}

fn show(context: &Context, run: &PlannedRun, calls: Calls) {
    let log = &context.log;
    let is_result = context.request.command == Command::Pipeline(PipelineCommand::Plan);
    if is_result {
        log.answer_group("Plan");
    } else {
        log.group("Plan");
    }
    let names: Vec<String> = run.tags.to_push.iter().map(ToString::to_string).collect();
    let ways = match calls {
        Calls::Shown => hooks::ways(context, &run.resolved.manifest, &run.plan),
        Calls::Hidden => BTreeMap::new(),
    };
    for line in report::plan_lines(&run.plan, &names, &ways) {
        if is_result {
            log.answer_toned(&line);
        } else {
            log.say_toned(&line);
        }
    }
    for note in context.clients.history.notes() {
        log.say(&note);
    }
    log.end_group();
}
