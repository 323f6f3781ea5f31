//! Order in an environment that follows a branch.

use super::{Order, OrderQuestion, both, has_service, newer_serves};
use crate::ledger::Equality;
use crate::ledger::facts::{FactResult, Facts};
use model::{CommitSha, Record};

/// Where a branch is now, as GitHub says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchTip {
    /// On this commit.
    At(CommitSha),
    /// There is no such branch.
    Gone,
    /// Nobody could be asked, because of this.
    Unknown(String),
}

impl BranchTip {
    /// The commit, where it is known.
    #[must_use]
    pub const fn commit(&self) -> Option<CommitSha> {
        match self {
            Self::At(commit) => Some(*commit),
            Self::Gone | Self::Unknown(_) => None,
        }
    }
}

/// Orders a commit in an environment that follows a branch.
#[must_use]
pub fn in_branch(asked: &OrderQuestion<'_>, tip: &BranchTip, facts: &dyn Facts) -> Order {
    let tip = match tip {
        BranchTip::At(tip) => tip,
        BranchTip::Gone => return Order::Superseded("the branch is gone".into()),
        BranchTip::Unknown(why) => {
            return Order::Unknown(format!("the branch's tip is not known: {why}"));
        }
    };
    if *tip == asked.head {
        return Order::Current;
    }
    match facts.reaches(&asked.head, tip) {
        Ok(true) => {}
        Ok(false) => {
            return Order::Superseded(format!(
                "the branch is on {} now, without this commit",
                tip.short(7)
            ));
        }
        Err(why) => return Order::Unknown(why),
    }
    if facts.equality(&asked.head, tip) == Equality::Equal {
        return Order::Current;
    }
    let records = match asked.known_records() {
        Ok(records) => records,
        Err(unknown) => return unknown,
    };
    match newer_recorded(asked, tip, records, facts) {
        Ok(Some(superseded)) => return superseded,
        Ok(None) => {}
        Err(why) => return Order::Unknown(why),
    }
    match branch_serves_newer(asked, tip, facts) {
        Ok(Some(superseded)) => return superseded,
        Ok(None) => {}
        Err(why) => return Order::Unknown(why),
    }
    has_service(tip, facts)
}

/// A newer commit that was deployed, or may have been, under any name of the service. A rollback orders by the commit that it put back.
fn newer_recorded(
    asked: &OrderQuestion<'_>,
    tip: &CommitSha,
    records: &[&Record],
    facts: &dyn Facts,
) -> Result<Option<Order>, String> {
    let mut unknown = None;
    for record in records.iter().filter(|record| record.may_serve()) {
        let commit = &record.intent.commit;
        if *commit == asked.head {
            continue;
        }
        match both(
            facts.reaches(&asked.head, commit),
            stands(record, tip, facts),
        ) {
            Ok(true) => {
                return Ok(Some(Order::Superseded(format!(
                    "{} is newer and was deployed",
                    commit.short(7)
                ))));
            }
            Ok(false) => {}
            Err(why) => unknown = Some(why),
        }
    }
    unknown.map_or(Ok(None), Err)
}

/// Whether a recorded commit is on the branch, or on that of the environment that recorded it. History that was forced away orders nothing.
fn stands(record: &Record, tip: &CommitSha, facts: &dyn Facts) -> FactResult<bool> {
    let commit = &record.intent.commit;
    if facts.reaches(commit, tip)? {
        return Ok(true);
    }
    match facts.tip_of(record)? {
        Some(other) => facts.reaches(commit, &other),
        None => Ok(false),
    }
}

fn branch_serves_newer(
    asked: &OrderQuestion<'_>,
    tip: &CommitSha,
    facts: &dyn Facts,
) -> Result<Option<Order>, String> {
    if asked.serving.unidentified.is_none() && asked.serving.commits.is_empty() {
        return Ok(None);
    }
    let newer = facts.newer(&asked.head, tip)?;
    newer_serves(asked, &newer, facts)
}
