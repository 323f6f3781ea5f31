//! `cleanup`: removes what closed pull requests left, their previews on Render and their images at GitHub.
//!
//! What may go is decided by [`decide::leftovers`]. Whatever cannot be found out keeps what it is about, and one trouble does not keep
//! the others: all of them are told at the end.

use crate::cleanup::packages::PackageVersions;
use crate::cleanup::subject::{self, CleanupScope, CleanupSubject};
use crate::cleanup::{Cleaning, CleanupFacts, Tally, mentions, packages, previews};
use crate::context::{CommandOutcome, Context, Stop, Writers};
use crate::failure::Failure;
use crate::previews::comment;
use crate::previews::on_render::{RecordsByPreview, RenderServices};
use decide::Closed;
use github::{CommentWriter, GitHub, Mention, PullState};
use model::{Digest, Outcome, PrNumber, TagTemplate};
use parse::inputs::InputError;
use report::{CleanupResult, Left};
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
        Err(_) => Ok(RecordsByPreview::new()),
    };
    let records = records.unwrap_or_else(|failure| {
        tally.troubles.push(failure);
        RecordsByPreview::new()
    });
    let (there, mentions) = match RenderServices::read(context, &manifest, &records).await {
        Ok(there) => (there, mentions),
        // What is on Render is not known, so nothing of the images may go.
        Err(failure) => {
            tally.troubles.extend(mentions.err());
            (None, Err(failure))
        }
    };
    let template = &manifest.tags.pull_request;
    let numbers = match whose {
        CleanupScope::One(number) => BTreeSet::from([number]),
        CleanupScope::Everybodys => {
            let known = SweepFacts {
                packages: &packages,
                records: &records,
                there: there.as_ref(),
                mentions: mentions.as_deref().unwrap_or_default(),
            };
            match known.candidates(context, github, template).await {
                Ok(found) => closed_of(context, github, &found, &mut tally).await,
                Err(failure) => {
                    tally.troubles.push(failure);
                    BTreeSet::new()
                }
            }
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
    let found = CleanupFacts {
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

/// What a sweep knows before it asks about pull requests.
struct SweepFacts<'a> {
    packages: &'a [PackageVersions<'a>],
    records: &'a RecordsByPreview,
    there: Option<&'a RenderServices<'a>>,
    mentions: &'a [Mention],
}

impl SweepFacts<'_> {
    /// The pull requests that are not open, and of which something may go. They begin at a different one in each sweep: of those from which nothing goes
    /// in the end, no number can keep the others waiting for ever.
    async fn candidates(
        &self,
        context: &Context,
        github: &GitHub,
        template: &TagTemplate,
    ) -> Result<Vec<PrNumber>, Failure> {
        let open = github.open_pulls().await;
        let open = open.map_err(|error| Failure::History(error.into()))?;
        // Where there are too many of them, each candidate is asked about.
        let open = open.unwrap_or_default();
        let recorded: BTreeSet<&Digest> = self
            .mentions
            .iter()
            .filter(|mention| !mention.environment.starts_with("preview/"))
            .flat_map(|mention| &mention.digests)
            .collect();
        let mut found = previews::left_of(self.records);
        found.extend(self.there.iter().flat_map(|there| there.pulls()));
        for package in self.packages {
            package.say_too_large(context, template);
            found.extend(package.left_of(template, &open, &recorded));
        }
        let mut found: Vec<PrNumber> = found.difference(&open).copied().collect();
        if found.len() > CLEANED {
            let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
            let first = usize::try_from(context.random.bits() % count).unwrap_or_default();
            found.rotate_left(first);
        }
        Ok(found)
    }
}

/// Those of the pull requests that are closed, as many as one run cleans up after.
async fn closed_of(
    context: &Context,
    github: &GitHub,
    found: &[PrNumber],
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
    whose: CleanupScope,
    (closed, is_dry): (usize, bool),
    tally: Tally,
) -> Result<CommandOutcome, Stop> {
    let deleted = tally.count(CleanupResult::Deleted);
    let would_go = tally.count(CleanupResult::WouldGo);
    let kept = tally.count(CleanupResult::Kept);
    let whose = match whose {
        CleanupScope::One(number) => format!("pull request {number}"),
        CleanupScope::Everybodys => format!("{closed} closed pull requests"),
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
            format!("Nothing to do: nothing is left of {whose}"),
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
