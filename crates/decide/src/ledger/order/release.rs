//! Order in an environment that deploys releases.

use super::{Order, OrderQuestion, has_service, newer_serves};
use crate::ledger::Equality;
use crate::ledger::facts::{FactResult, Facts};
use model::{CommitSha, ImageTag, Record, RecordState, ReleaseNumber};

/// The numbers of the release tags that stand, or why they cannot be listed.
pub type ReleaseTags = Result<Vec<ReleaseNumber>, String>;

/// What is asked about releases beside the [`Facts`] about a service.
pub trait ReleaseFacts: Facts {
    /// The commit that the tag of a release is on; `None` where there is no such tag.
    ///
    /// # Errors
    /// Why that is not known.
    fn tag(&self, number: ReleaseNumber) -> FactResult<Option<CommitSha>>;

    /// Whether a commit is on a branch from which releases are made.
    ///
    /// # Errors
    /// Why that is not known.
    fn is_on_release_branch(&self, commit: &CommitSha) -> FactResult<bool>;

    /// The number of a record's release.
    fn number(&self, record: &Record) -> Option<ReleaseNumber>;
}

/// A release that was deployed or begun in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartedRelease {
    /// Its number.
    pub number: ReleaseNumber,
    /// Its commit.
    pub commit: CommitSha,
    /// Whether it brought its bytes, or may bring them.
    pub may_serve: bool,
    /// Whether it is what a service had last, as far as is known.
    pub is_live: bool,
}

/// The releases that a service's records (newest first) say were deployed or begun, `read` giving the number of a release's tag. Only our own
/// count: what others wrote refuses nothing. Nor does what was never sent.
#[must_use]
pub fn begun(
    records: &[&Record],
    read: impl Fn(&ImageTag) -> Option<ReleaseNumber>,
) -> Vec<StartedRelease> {
    let newest = records
        .iter()
        .find(|record| record.is_own && record.may_serve())
        .map(|record| record.number);
    let mut releases = Vec::new();
    for record in records {
        if !record.is_own || record.state == RecordState::Error {
            continue;
        }
        let Some(number) = record.intent.release.as_ref().and_then(&read) else {
            continue;
        };
        releases.push(StartedRelease {
            number,
            commit: record.intent.commit,
            may_serve: record.may_serve(),
            is_live: newest == Some(record.number),
        });
    }
    releases
}

/// The commit from which the same release was deployed, where that is another one.
#[must_use]
pub fn moved(
    number: ReleaseNumber,
    commit: &CommitSha,
    begun: &[StartedRelease],
) -> Option<CommitSha> {
    begun
        .iter()
        .find(|begun| begun.may_serve && begun.number == number && begun.commit != *commit)
        .map(|begun| begun.commit)
}

/// The live release that a higher one would go back from: its commit is an ancestor of what is live. Only one whose tag stands is gone back
/// from: who deletes a tag takes the release back. A lower release does not go back, it is superseded.
///
/// # Errors
/// Why that is not known.
pub fn going_back(
    number: ReleaseNumber,
    commit: &CommitSha,
    begun: &[StartedRelease],
    facts: &dyn ReleaseFacts,
) -> Result<Option<CommitSha>, String> {
    for live in begun
        .iter()
        .filter(|begun| begun.is_live && begun.number < number && begun.commit != *commit)
    {
        if facts.tag(live.number)? == Some(live.commit) && facts.reaches(commit, &live.commit)? {
            return Ok(Some(live.commit));
        }
    }
    Ok(None)
}

/// Orders a release among those whose tags stand.
#[must_use]
pub fn in_release(
    asked: &OrderQuestion<'_>,
    number: ReleaseNumber,
    tags: &ReleaseTags,
    begun: &[StartedRelease],
    facts: &dyn ReleaseFacts,
) -> Order {
    let tags = match tags {
        Ok(tags) => tags,
        Err(why) => return Order::Unknown(format!("which releases there are is not known: {why}")),
    };
    match facts.tag(number) {
        Ok(Some(commit)) if commit == asked.head => {}
        Ok(Some(commit)) => {
            return Order::Superseded(format!(
                "the tag of release {number} is on {} now",
                commit.short(7)
            ));
        }
        Ok(None) => {
            return Order::Superseded(format!("the tag of release {number} was deleted"));
        }
        Err(why) => return Order::Unknown(why),
    }
    let mut higher: Vec<ReleaseNumber> = tags
        .iter()
        .copied()
        .filter(|other| *other > number)
        .collect();
    higher.sort_unstable_by(|one, other| other.cmp(one));
    let tip = match newest(&higher, begun, facts) {
        Ok(Some(tip)) => tip,
        Ok(None) => return Order::Current,
        Err(why) => return Order::Unknown(why),
    };
    if facts.equality(&asked.head, &tip) == Equality::Equal {
        return Order::Current;
    }
    let records = match asked.known_records() {
        Ok(records) => records,
        Err(unknown) => return unknown,
    };
    match newer_recorded(number, records, facts) {
        Ok(Some(superseded)) => return superseded,
        Ok(None) => {}
        Err(why) => return Order::Unknown(why),
    }
    match release_serves_newer(asked, &higher, facts) {
        Ok(Some(superseded)) => return superseded,
        Ok(None) => {}
        Err(why) => return Order::Unknown(why),
    }
    has_service(&tip, facts)
}

/// The commit of the highest release whose tag stands and that is a release of this environment: it is on a branch from which releases are
/// made, or was deployed or begun here. Deleting a tag takes its release back; deleting its branch does not.
fn newest(
    higher: &[ReleaseNumber],
    begun: &[StartedRelease],
    facts: &dyn ReleaseFacts,
) -> FactResult<Option<CommitSha>> {
    for number in higher {
        let Some(commit) = facts.tag(*number)? else {
            continue;
        };
        let is_begun = begun
            .iter()
            .any(|begun| begun.number == *number && begun.commit == commit);
        if is_begun || facts.is_on_release_branch(&commit)? {
            return Ok(Some(commit));
        }
    }
    Ok(None)
}

/// A higher release that was deployed, or may have been, and whose tag stands.
fn newer_recorded(
    number: ReleaseNumber,
    records: &[&Record],
    facts: &dyn ReleaseFacts,
) -> Result<Option<Order>, String> {
    let mut unknown = None;
    for record in records.iter().filter(|record| record.may_serve()) {
        let Some(other) = facts.number(record).filter(|other| *other > number) else {
            continue;
        };
        match facts.tag(other) {
            Ok(commit) if commit == Some(record.intent.commit) => {
                return Ok(Some(Order::Superseded(format!(
                    "release {other} is newer and was deployed"
                ))));
            }
            Ok(_) => {}
            Err(why) => unknown = Some(why),
        }
    }
    unknown.map_or(Ok(None), Err)
}

fn release_serves_newer(
    asked: &OrderQuestion<'_>,
    higher: &[ReleaseNumber],
    facts: &dyn ReleaseFacts,
) -> Result<Option<Order>, String> {
    if asked.serving.unidentified.is_none() && asked.serving.commits.is_empty() {
        return Ok(None);
    }
    let mut newer = Vec::new();
    for number in higher.iter().take(super::MOST_COMPARED + 1) {
        newer.extend(facts.tag(*number)?);
    }
    newer_serves(asked, &newer, facts)
}
