//! Whether a commit may be deployed, or something newer is there: by the branch's tip or the release tags that stand now, the records and
//! the trees that serve. Never by what Render lists first, and never by a clock.

mod branch;
mod release;
#[cfg(test)]
mod tests;

pub use branch::{BranchTip, in_branch};
pub use release::{
    ReleaseFacts, ReleaseTags, StartedRelease, begun, going_back, in_release, moved,
};

use super::Equality;
use super::facts::{FactResult, Facts};
use super::state::ServingState;
use model::{CommitSha, Record};

/// How many commits that are newer are compared with what serves.
pub const MOST_COMPARED: usize = 20;

/// What order says of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Nothing newer is there.
    Current,
    /// This is newer; the sentence says what.
    Superseded(String),
    /// It cannot be found out, because of this.
    Unknown(String),
}

/// The commit of a run, and what is known of one service.
#[derive(Clone, Copy)]
pub struct OrderQuestion<'a> {
    /// The commit.
    pub head: CommitSha,
    /// The records of the service that count, newest first, or why they cannot be read.
    pub records: Result<&'a [&'a Record], &'a str>,
    /// What serves or may come to.
    pub serving: &'a ServingState,
}

impl<'a> OrderQuestion<'a> {
    /// The records, where they are known to reach back far enough.
    fn known_records(&self) -> Result<&'a [&'a Record], Order> {
        match self.records {
            Err(why) => Err(Order::Unknown(format!(
                "the deploy history could not be read: {why}"
            ))),
            Ok(_) if self.serving.is_cut_off => Err(Order::Unknown(
                "its list of deploys is longer than is read".into(),
            )),
            Ok(records) => Ok(records),
        }
    }
}

/// Whether anything that serves, or may come to, equals one of these commits, which are newer, and `head` does not. A run that finds nothing to
/// deploy leaves no record; the trees show it.
fn newer_serves(
    asked: &OrderQuestion<'_>,
    newer: &[CommitSha],
    facts: &dyn Facts,
) -> Result<Option<Order>, String> {
    if let Some(why) = &asked.serving.unidentified {
        return Err(why.clone());
    }
    let mut unknown = None;
    for serving in &asked.serving.commits {
        if facts.equality(&asked.head, serving) == Equality::Equal {
            continue;
        }
        for commit in newer.iter().take(MOST_COMPARED) {
            match facts.equality(commit, serving) {
                Equality::Equal => {
                    return Ok(Some(Order::Superseded(format!(
                        "it has what {} has, which is newer",
                        commit.short(7)
                    ))));
                }
                Equality::Differs(_) => {}
                Equality::Unknown(why) => unknown = Some(why),
            }
        }
        if newer.len() > MOST_COMPARED {
            unknown = Some(format!("more than {MOST_COMPARED} newer commits"));
        }
    }
    unknown.map_or(Ok(None), Err)
}

/// The last question: the newest commit has to have the service at all.
fn has_service(tip: &CommitSha, facts: &dyn Facts) -> Order {
    match facts.has_service(tip) {
        Ok(true) => Order::Current,
        Ok(false) => Order::Superseded(format!("{} has no such service any more", tip.short(7))),
        Err(why) => Order::Unknown(why),
    }
}

/// Both answers, so that both questions are noted where neither was asked yet.
fn both(one: FactResult<bool>, other: FactResult<bool>) -> FactResult<bool> {
    match (one, other) {
        (Ok(false), _) | (_, Ok(false)) => Ok(false),
        (Ok(true), Ok(true)) => Ok(true),
        (Err(why), _) | (_, Err(why)) => Err(why),
    }
}
