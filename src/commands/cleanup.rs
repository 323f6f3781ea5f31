//! `cleanup`: removes what closed pull requests left, their previews on Render and their images at GitHub.
//!
//! What may go is decided by [`crate::decide::leftovers`]. Whatever cannot be found out keeps what it is about, and one trouble does not keep
//! the others: all of them are told at the end.

use crate::cleanup::subject::{self, CleanupSubject, Whose};
use crate::cleanup::{Cleaning, Found, Tally, mentions, packages, previews};
use crate::context::{CommandOutcome, Context, Stop, Writers};
use crate::decide::Closed;
use crate::domain::{Outcome, PrNumber};
use crate::failure::Failure;
use crate::github::{CommentWriter, GitHub, PullState};
use crate::intake::inputs::InputError;
use crate::previews::comment;
use crate::previews::on_render::{OnRender, Records};
use crate::report::{CleanupResult, Left};
use std::collections::BTreeSet;

/// How many pull requests a sweep asks GitHub about.
const ASKED: usize = 200;
/// How many closed ones it cleans up after.
const CLEANED: usize = 50;

/// Removes what the pull requests left.
pub(super) async fn run(
    context: &Context,
    writers: Option<&Writers<'_>>,
    comments: Option<&CommentWriter<'_>>,
) -> Result<CommandOutcome, Stop> {
    let CleanupSubject { manifest, whose } = subject::find(context).await?;
    let needed = || InputError::of("github-token", "cleanup needs it");
    let github = context.github_with_token().ok_or_else(needed)?;
    let mut tally = Tally::default();
    context.log.group("What is there");
    let packages = packages::packages(context, github, &manifest, &mut tally).await;
    context.log.end_group();
    let mentions = mentions(github, &manifest).await;
    let records = match &mentions {
        Ok(mentions) => previews::records(github, &manifest, mentions).await,
        // Told with the images that it keeps.
        Err(_) => Ok(Records::new()),
    };
    let records = records.unwrap_or_else(|failure| {
        tally.troubles.push(failure);
        Records::new()
    });
    let (there, mentions) = match OnRender::read(context, &manifest, &records).await {
        Ok(there) => (there, mentions),
        // What is on Render is not known, so nothing of the images may go.
        Err(failure) => {
            tally.troubles.extend(mentions.err());
            (None, Err(failure))
        }
    };
    let template = &manifest.tags.pull_request;
    let numbers = match whose {
        Whose::One(number) => BTreeSet::from([number]),
        Whose::Everybodys => {
            let of_images = packages
                .iter()
                .flat_map(|package| package.left_of(template));
            let on_render = there.iter().flat_map(OnRender::pulls);
            let recorded = previews::left_of(&records);
            let found = of_images.chain(recorded).chain(on_render).collect();
            closed_of(context, github, &found, &mut tally).await
        }
    };
    let closed = Closed {
        template,
        numbers: &numbers,
    };
    let cleaning = Cleaning {
        context,
        github,
        writers,
        manifest: &manifest,
        closed: &closed,
        there: there.as_ref(),
    };
    context.log.group("Clean-up");
    // First the previews: as long as one is there, it needs its image.
    let gone = previews::remove(&cleaning, &records, &mut tally).await;
    let found = Found {
        packages: &packages,
        mentions,
        gone,
    };
    cleaning.clean(found, &mut tally).await;
    context.log.end_group();
    for number in &numbers {
        let left = Left {
            items: tally.left_of(*number),
            is_known: tally.troubles.is_empty(),
        };
        comment::clean(context, comments, *number, &left).await;
    }
    conclude(context, whose, (numbers.len(), writers.is_none()), tally)
}

/// Those of the pull requests that are closed, as many as one run cleans up after.
async fn closed_of(
    context: &Context,
    github: &GitHub,
    found: &BTreeSet<PrNumber>,
    tally: &mut Tally,
) -> BTreeSet<PrNumber> {
    let (mut closed, mut asked) = (BTreeSet::new(), 0);
    for number in found {
        if asked == ASKED || closed.len() == CLEANED {
            break;
        }
        asked += 1;
        match github.pull_state(*number).await {
            Ok(PullState::Closed) => drop(closed.insert(*number)),
            Ok(PullState::Open(_)) => {}
            Ok(PullState::Absent) => context.log.say(&format!(
                "There is no pull request {number}: what has its tags stays."
            )),
            Err(error) => {
                tally.troubles.push(Failure::History(error.into()));
                break;
            }
        }
    }
    if asked < found.len() {
        let text = format!(
            "{} pull requests are left for the next run",
            found.len() - asked
        );
        context.note(text);
    }
    closed
}

/// Names the outcome.
fn conclude(
    context: &Context,
    whose: Whose,
    (closed, is_dry): (usize, bool),
    tally: Tally,
) -> Result<CommandOutcome, Stop> {
    let deleted = tally.count(CleanupResult::Deleted);
    let would_go = tally.count(CleanupResult::WouldGo);
    let kept = tally.count(CleanupResult::Kept);
    let whose = match whose {
        Whose::One(number) => format!("pull request {number}"),
        Whose::Everybodys => format!("{closed} closed pull requests"),
    };
    let stays = if kept > 0 {
        format!(", {kept} kept")
    } else {
        String::new()
    };
    let (outcome, headline) = match (deleted, would_go, is_dry) {
        (0, 0, _) if kept > 0 => (
            Outcome::Nothing,
            format!("Nothing to delete of {whose}{stays}"),
        ),
        (0, 0, _) => (
            Outcome::Nothing,
            format!("Nothing to do: there is nothing left of {whose}"),
        ),
        (_, _, true) => (
            Outcome::Planned,
            format!("Would clean up after {whose}: {would_go} to delete{stays}"),
        ),
        (_, _, false) => (
            Outcome::Verified,
            format!("Cleaned up after {whose}: {deleted} deleted{stays}"),
        ),
    };
    let mut troubles = tally.troubles.into_iter();
    let Some(first) = troubles.next() else {
        return Ok(CommandOutcome::new(outcome, headline));
    };
    for other in troubles {
        context.warn(
            "Not everything could be cleaned up",
            &format!("{other} ({})", other.hint()),
        );
    }
    Err(first.into())
}
