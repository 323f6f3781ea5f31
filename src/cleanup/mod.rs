//! `cleanup`: removes what closed pull requests left, their previews on Render and their images at GitHub.
//!
//! What may go is decided by [`crate::decide::leftovers`]; here it is found out and done. Whatever cannot be found out keeps what it is about, and one
//! trouble does not keep the others: all of them are told at the end.

mod needs;
mod packages;
mod previews;
mod subject;

use crate::commands::tell;
use crate::context::Context;
use crate::decide::Closed;
use crate::domain::{EnvironmentName, Manifest, Outcome, PrNumber};
use crate::failure::Failure;
use crate::github::{GitHub, GitHubError, Mention, PullState};
use crate::intake::inputs::{InputError, Writes};
use crate::previews::comment;
use crate::report::{CleanupItem, CleanupResult};
use packages::PackageVersions;
use std::collections::BTreeSet;
use subject::Whose;

/// How many pull requests a sweep asks GitHub about.
const ASKED: usize = 200;
/// How many closed ones it cleans up after.
const CLEANED: usize = 50;

/// Runs it.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let Some(subject::Job { manifest, whose }) = subject::find(context).await? else {
        return Ok(());
    };
    let Some(github) = github(context) else {
        return Err(InputError::of("github-token", "cleanup needs it").into());
    };
    context.log.group("What is there");
    let mut troubles = Vec::new();
    let packages = packages::packages(context, github, &manifest, &mut troubles).await;
    context.log.end_group();
    let records = previews::records(github, &manifest)
        .await
        .unwrap_or_else(|failure| {
            troubles.push(failure);
            previews::Records::new()
        });
    let template = &manifest.tags.pull_request;
    let numbers = match whose {
        Whose::One(number) => BTreeSet::from([number]),
        Whose::Everybodys => {
            let of_images = packages
                .iter()
                .flat_map(|package| package.left_of(template));
            let found = of_images.chain(previews::left_of(&records)).collect();
            closed_of(context, github, &found, &mut troubles).await
        }
    };
    let closed = Closed {
        template,
        numbers: &numbers,
    };
    context.log.group("Clean-up");
    // First the previews: as long as one is there, it needs its image.
    let settled = previews::remove(
        context,
        github,
        &manifest,
        &records,
        &numbers,
        &mut troubles,
    )
    .await;
    clean(
        context,
        github,
        &manifest,
        &Found {
            packages: &packages,
            settled: &settled,
        },
        &closed,
        &mut troubles,
    )
    .await;
    context.log.end_group();
    let is_kept = |item: &&CleanupItem| item.result == CleanupResult::Kept;
    let stays = context
        .progress
        .borrow()
        .cleanup_items
        .iter()
        .filter(is_kept)
        .count()
        + troubles.len();
    for number in &numbers {
        comment::clean(context, github, *number, stays).await;
    }
    conclude(context, whose, numbers.len(), troubles)
}

/// GitHub, where there is a token to ask it with.
fn github(context: &Context) -> Option<&GitHub> {
    context
        .history
        .github()
        .filter(|_| context.request.github_token.is_some())
}

/// Those of the pull requests that are closed, as many as one run cleans up after.
async fn closed_of(
    context: &Context,
    github: &GitHub,
    found: &BTreeSet<PrNumber>,
    troubles: &mut Vec<Failure>,
) -> BTreeSet<PrNumber> {
    let (mut closed, mut asked) = (BTreeSet::new(), 0);
    for number in found {
        if asked == ASKED || closed.len() == CLEANED {
            break;
        }
        asked += 1;
        match github.pull_state(*number).await {
            Ok(PullState::Closed) => drop(closed.insert(*number)),
            Ok(PullState::Open) => {}
            Ok(PullState::Absent) => context.log.say(&format!(
                "There is no pull request {number}: what has its tags stays."
            )),
            Err(error) => {
                troubles.push(Failure::History(error.into()));
                break;
            }
        }
    }
    if asked < found.len() {
        let text = format!(
            "{} pull requests are left for the next run",
            found.len() - asked
        );
        context.log.say(&text);
        context.progress.borrow_mut().notes.push(text);
    }
    closed
}

/// What there is to decide about.
struct Found<'a> {
    packages: &'a [PackageVersions<'a>],
    /// Records of previews that are gone.
    settled: &'a BTreeSet<u64>,
}

/// Decides about each package and acts.
async fn clean(
    context: &Context,
    github: &GitHub,
    manifest: &Manifest,
    found: &Found<'_>,
    closed: &Closed<'_>,
    troubles: &mut Vec<Failure>,
) {
    let packages = found.packages;
    let may_go = packages.iter().any(|package| {
        package
            .versions
            .iter()
            .any(|version| closed.owns_all(&version.tags))
    });
    let needs = if may_go {
        let asked = async {
            let mut mentions = mentions(github, manifest).await?;
            mentions.retain(|mention| !found.settled.contains(&mention.number));
            needs::find(context, manifest, &mentions).await
        };
        match asked.await {
            Ok(needs) => Some(needs),
            Err(failure) => {
                keep_all(context, packages, closed, &failure);
                troubles.push(failure);
                return;
            }
        }
    } else {
        None
    };
    for package in packages {
        let needed = needs
            .as_ref()
            .map(|needs| needs.of(package))
            .unwrap_or_default();
        if let Err(failure) =
            packages::clean(context, github, manifest, package, closed, &needed).await
        {
            troubles.push(failure);
        }
    }
}

/// Every record, of the manifest's environments at least.
async fn mentions(github: &GitHub, manifest: &Manifest) -> Result<Vec<Mention>, Failure> {
    let environments = manifest
        .environments
        .iter()
        .map(|environment| environment.name.as_str());
    let all: Vec<String> = environments
        .chain(["preview"])
        .flat_map(|environment| {
            manifest
                .services
                .iter()
                .map(move |service| format!("{environment}/{}", service.name))
        })
        .collect();
    let found = github
        .mentions(&all)
        .await
        .map_err(|error| Failure::History(error.into()))?;
    found.ok_or_else(|| {
        let why = "there are more than 10,000 records of one service".to_owned();
        let what = "the record of deploys".to_owned();
        Failure::History(
            GitHubError::Broken {
                what,
                why,
                trace: Default::default(),
            }
            .into(),
        )
    })
}

/// Says of all that would have been looked at that it stays, because something is not known.
fn keep_all(
    context: &Context,
    packages: &[PackageVersions<'_>],
    closed: &Closed<'_>,
    why: &Failure,
) {
    for package in packages {
        for version in package
            .versions
            .iter()
            .filter(|version| version.tags.iter().any(|tag| closed.owns(tag)))
        {
            left(
                context,
                package.named(version),
                CleanupResult::Kept,
                format!("what else needs it is not known: {why}"),
            );
        }
    }
}

/// Says what became of something, in the log and the story.
fn left(context: &Context, what: String, result: CleanupResult, why: String) {
    context
        .log
        .say(&format!("{}: {what}: {why}", result.as_str()));
    context
        .progress
        .borrow_mut()
        .cleanup_items
        .push(CleanupItem { what, result, why });
}

/// Names the outcome.
fn conclude(
    context: &Context,
    whose: Whose,
    closed: usize,
    mut troubles: Vec<Failure>,
) -> Result<(), Failure> {
    let (gone, would, kept) = {
        let report = context.progress.borrow();
        let count = |result| {
            report
                .cleanup_items
                .iter()
                .filter(|item| item.result == result)
                .count()
        };
        (
            count(CleanupResult::Deleted),
            count(CleanupResult::WouldGo),
            count(CleanupResult::Kept),
        )
    };
    let whose = match whose {
        Whose::One(number) => format!("pull request {number}"),
        Whose::Everybodys => format!("{closed} closed pull requests"),
    };
    let stays = if kept > 0 {
        format!(", {kept} kept")
    } else {
        String::new()
    };
    let (outcome, headline) = match (gone, would, context.request.writes) {
        (0, 0, _) if kept > 0 => (
            Outcome::Nothing,
            format!("Nothing to delete of {whose}{stays}"),
        ),
        (0, 0, _) => (
            Outcome::Nothing,
            format!("Nothing to do: there is nothing left of {whose}"),
        ),
        (_, _, Writes::Withheld) => (
            Outcome::Planned,
            format!("Would clean up after {whose}: {would} to delete{stays}"),
        ),
        (_, _, Writes::Allowed) => (
            Outcome::Verified,
            format!("Cleaned up after {whose}: {gone} deleted{stays}"),
        ),
    };
    tell(context, outcome, &headline);
    if troubles.is_empty() {
        return Ok(());
    }
    let first = troubles.remove(0);
    for other in troubles {
        context.warn(
            "Not everything could be cleaned up",
            &format!("{other} ({})", other.hint()),
        );
    }
    Err(first)
}

/// The names of a service in every environment in which it is.
fn environments_of<'a>(
    manifest: &'a Manifest,
    service: &'a crate::domain::Service,
) -> impl Iterator<Item = &'a EnvironmentName> {
    let is_there = |name: &&EnvironmentName| {
        service
            .environments
            .as_ref()
            .is_none_or(|environments| environments.contains(name))
    };
    manifest
        .environments
        .iter()
        .map(|environment| &environment.name)
        .filter(is_there)
}
