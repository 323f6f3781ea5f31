//! `plan`: tags and labels, the changed services and why, and which images must be built. Writes nothing but the comment that the workflow
//! asks for.

use super::merge_plan;
use crate::context::{CommandOutcome, Context, Stop};
use crate::images;
use crate::planned_run::{Calls, PlannedRun, decide};
use crate::resolve::{self, Purpose};
use crate::state;
use crate::tags::existing_tags;
use decide::{Subject, number};
use github::CommentWriter;
use model::{Environment, Outcome, Release, When};
use std::time::Duration;

/// How long the registry may take to list its tags: a plan does not wait long for what it can do without.
const LISTING: Duration = Duration::from_secs(20);

/// Computes what a deploy of the event's commit would do. On a pull request the comment says what merging would deploy.
pub(super) async fn run(
    context: &Context,
    comments: Option<&CommentWriter<'_>>,
) -> Result<CommandOutcome, Stop> {
    let result = planned(context).await;
    match &result {
        Ok((run, _)) => merge_plan::keep(context, comments, Ok(run)).await,
        Err(Stop::Failed(failure)) => merge_plan::keep(context, comments, Err(failure)).await,
        Err(Stop::Early(_)) => {}
    }
    result.map(|(_, outcome)| outcome)
}

async fn planned(context: &Context) -> Result<(PlannedRun, CommandOutcome), Stop> {
    let resolved = resolve::event(context, Purpose::Plan).await?;
    let known = state::read(context, &resolved, Purpose::Plan).await?;
    let run = decide(context, resolved, known, Purpose::Plan, Calls::Shown)?;
    let builds = match &run.plan.subject {
        Subject::PullRequest {
            cannot_push: Some(_),
            ..
        } => Vec::new(),
        Subject::Environments { .. } | Subject::PullRequest { .. } | Subject::Commit => {
            images::to_build(context, &run).await?
        }
    };
    let next_release = next_release(context, &run).await;
    let services: Vec<&str> = run
        .plan
        .to_deploy()
        .map(|service| service.name.as_str())
        .collect();
    let built: Vec<&str> = builds.iter().map(|image| image.as_str()).collect();
    let headline = format!(
        "Planned: to deploy {}, to build {}",
        list(&services),
        list(&built)
    );
    let outcome = CommandOutcome {
        builds,
        next_release,
        ..CommandOutcome::new(Outcome::Planned, headline)
    };
    Ok((run, outcome))
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "nothing".into()
    } else {
        names.join(", ")
    }
}

/// The release that would come next: of the planned environment, else of the only one that has releases. It is the one that `release` would make
/// of a commit that has none, so what `release` would stop for leaves it unknown.
async fn next_release(context: &Context, run: &PlannedRun) -> Option<Release> {
    let manifest = &run.resolved.manifest;
    let has_releases =
        |environment: &&Environment| matches!(environment.when, When::Release { .. });
    let planned = match &run.plan.subject {
        Subject::Environments { environments, .. } => environments
            .iter()
            .filter_map(|name| manifest.environment(name))
            .find(has_releases),
        // Nobody releases from there, and there may be no credentials to ask with.
        Subject::PullRequest {
            cannot_push: Some(_),
            ..
        } => return None,
        Subject::PullRequest { .. } | Subject::Commit => None,
    };
    let all: Vec<&Environment> = manifest.environments.iter().filter(has_releases).collect();
    let environment = planned.or_else(|| all.first().filter(|_| all.len() == 1).copied())?;
    let When::Release { template, .. } = &environment.when else {
        return None;
    };
    let unknown = |why: String| {
        context
            .log
            .say(&format!("The next release is not known: {why}"));
        None
    };
    let tagged = match context.clients.history.highest_release(template).await {
        Ok(highest) => highest.map(|release| release.number()),
        Err(error) => return unknown(error.to_string()),
    };
    let (taken, denied) =
        match existing_tags::in_registry(context, manifest, environment, template, LISTING).await {
            Ok(found) => found,
            Err(failure) => return unknown(failure.to_string()),
        };
    for image in denied {
        context.log.say(&format!(
            "For the next release only git tags are used: {image}"
        ));
    }
    number(template, tagged.into_iter().chain(taken), None)
        .map_or_else(|why| unknown(why.to_string()), Some)
}
