//! `cleanup`: removes what closed pull requests left, their previews on Render and their images at GitHub.
//!
//! What may go is decided by [`crate::decide::leftovers`]; here it is found out and done. Whatever cannot be found out keeps what it is about, and one
//! trouble does not keep the others: all of them are told at the end.

mod needs;
mod packages;
mod previews;
mod subject;

use crate::commands::tell;
use crate::context::Scene;
use crate::decide::Closed;
use crate::domain::{EnvironmentName, Manifest, Outcome, PrNumber};
use crate::failure::Failure;
use crate::github::{GitHub, GitHubError, Mention, PullState};
use crate::intake::inputs::{InputError, Writes};
use crate::previews::comment;
use crate::report::{Became, Leftover};
use packages::Shelved;
use std::collections::BTreeSet;
use subject::Whose;

/// How many pull requests a sweep asks GitHub about.
const ASKED: usize = 200;
/// How many closed ones it cleans up after.
const CLEANED: usize = 50;

/// Runs it.
pub(crate) async fn run(scene: &Scene) -> Result<(), Failure> {
    let Some(subject::Job { manifest, whose }) = subject::find(scene).await? else {
        return Ok(());
    };
    let Some(github) = github(scene) else {
        return Err(InputError::of("github-token", "cleanup needs it").into());
    };
    scene.log.group("What is there");
    let mut troubles = Vec::new();
    let shelves = packages::shelves(scene, github, &manifest, &mut troubles).await;
    scene.log.end_group();
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
            let of_images = shelves.iter().flat_map(|shelved| shelved.left_of(template));
            let found = of_images.chain(previews::left_of(&records)).collect();
            closed_of(scene, github, &found, &mut troubles).await
        }
    };
    let closed = Closed {
        template,
        numbers: &numbers,
    };
    scene.log.group("Clean-up");
    // First the previews: as long as one is there, it needs its image.
    let settled =
        previews::remove(scene, github, &manifest, &records, &numbers, &mut troubles).await;
    clean(
        scene,
        github,
        &manifest,
        &Found {
            shelves: &shelves,
            settled: &settled,
        },
        &closed,
        &mut troubles,
    )
    .await;
    scene.log.end_group();
    let is_kept = |leftover: &&Leftover| leftover.became == Became::Kept;
    let stays = scene
        .story
        .borrow()
        .leftovers
        .iter()
        .filter(is_kept)
        .count()
        + troubles.len();
    for number in &numbers {
        comment::clean(scene, github, *number, stays).await;
    }
    conclude(scene, whose, numbers.len(), troubles)
}

/// GitHub, where there is a token to ask it with.
fn github(scene: &Scene) -> Option<&GitHub> {
    scene
        .history
        .github()
        .filter(|_| scene.request.github_token.is_some())
}

/// Those of the pull requests that are closed, as many as one run cleans up after.
async fn closed_of(
    scene: &Scene,
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
            Ok(PullState::Absent) => scene.log.say(&format!(
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
        scene.log.say(&text);
        scene.story.borrow_mut().notes.push(text);
    }
    closed
}

/// What there is to decide about.
struct Found<'a> {
    shelves: &'a [Shelved<'a>],
    /// Records of previews that are gone.
    settled: &'a BTreeSet<u64>,
}

/// Decides about each package and acts.
async fn clean(
    scene: &Scene,
    github: &GitHub,
    manifest: &Manifest,
    found: &Found<'_>,
    closed: &Closed<'_>,
    troubles: &mut Vec<Failure>,
) {
    let shelves = found.shelves;
    let may_go = shelves.iter().any(|shelved| {
        shelved
            .versions
            .iter()
            .any(|version| closed.owns_all(&version.tags))
    });
    let needs = if may_go {
        let asked = async {
            let mut mentions = mentions(github, manifest).await?;
            mentions.retain(|mention| !found.settled.contains(&mention.number));
            needs::find(scene, manifest, &mentions).await
        };
        match asked.await {
            Ok(needs) => Some(needs),
            Err(failure) => {
                keep_all(scene, shelves, closed, &failure);
                troubles.push(failure);
                return;
            }
        }
    } else {
        None
    };
    for shelved in shelves {
        let needed = needs
            .as_ref()
            .map(|needs| needs.of(shelved))
            .unwrap_or_default();
        if let Err(failure) =
            packages::clean(scene, github, manifest, shelved, closed, &needed).await
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
fn keep_all(scene: &Scene, shelves: &[Shelved<'_>], closed: &Closed<'_>, why: &Failure) {
    for shelved in shelves {
        for version in shelved
            .versions
            .iter()
            .filter(|version| version.tags.iter().any(|tag| closed.owns(tag)))
        {
            left(
                scene,
                shelved.named(version),
                Became::Kept,
                format!("what else needs it is not known: {why}"),
            );
        }
    }
}

/// Says what became of something, in the log and the story.
fn left(scene: &Scene, what: String, became: Became, why: String) {
    scene
        .log
        .say(&format!("{}: {what}: {why}", became.as_str()));
    scene
        .story
        .borrow_mut()
        .leftovers
        .push(Leftover { what, became, why });
}

/// Names the outcome.
fn conclude(
    scene: &Scene,
    whose: Whose,
    closed: usize,
    mut troubles: Vec<Failure>,
) -> Result<(), Failure> {
    let (gone, would, kept) = {
        let story = scene.story.borrow();
        let count = |became| {
            story
                .leftovers
                .iter()
                .filter(|leftover| leftover.became == became)
                .count()
        };
        (
            count(Became::Deleted),
            count(Became::WouldGo),
            count(Became::Kept),
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
    let (outcome, headline) = match (gone, would, scene.request.writes) {
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
    tell(scene, outcome, &headline);
    if troubles.is_empty() {
        return Ok(());
    }
    let first = troubles.remove(0);
    for other in troubles {
        scene.warn(
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
