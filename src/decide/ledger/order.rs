//! Which of two commits is newer: from git and the record, never from Render and never from a clock.

use crate::domain::{CommitSha, ImageTag, Record, RecordState, ReleaseNumber};

/// What order says of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Nothing newer is there.
    Current,
    /// This is newer; the sentence says what.
    Superseded(String),
    /// The same release was deployed from this other commit.
    Moved(CommitSha),
    /// It is an ancestor of this, which is live: going back is `rollback`'s.
    GoingBack(CommitSha),
    /// It cannot be found out, because of this.
    Unknown(String),
}

/// A release that was deployed or begun in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Its number.
    pub number: ReleaseNumber,
    /// Its commit.
    pub commit: CommitSha,
    /// Whether it is what a service had last, as far as is known.
    pub is_live: bool,
}

/// Orders `head` in an environment that follows a branch whose tip is `tip` now.
///
/// `reaches(ancestor, descendant)` says whether the one is reachable from the other, or why that is not known. A record from which
/// history has been forced away orders nothing, so a branch that is forced back is followed back. A rollback's commit orders like any other:
/// it was deployed before, and the record of that may be too old to be among those that were read.
pub fn of_branch(
    head: &CommitSha,
    tip: Result<&CommitSha, &str>,
    records: &[&Record],
    reaches: impl Fn(&CommitSha, &CommitSha) -> Result<bool, String>,
) -> Order {
    let tip = match tip {
        Ok(tip) if tip == head => return Order::Current,
        Ok(tip) => tip,
        Err(why) => return Order::Unknown(format!("the branch's tip is not known: {why}")),
    };
    match reaches(head, tip) {
        Ok(true) => {}
        Ok(false) => {
            return Order::Superseded(format!(
                "the branch is on {} now, without this commit",
                tip.short(7)
            ));
        }
        Err(why) => return Order::Unknown(why),
    }
    for record in records {
        let commit = &record.intent.commit;
        let may_serve = matches!(record.state, RecordState::Success | RecordState::Open);
        if !may_serve || commit == head {
            continue;
        }
        match (reaches(head, commit), reaches(commit, tip)) {
            (Ok(true), Ok(true)) => {
                return Order::Superseded(format!("{} is newer and was deployed", commit.short(7)));
            }
            (Ok(false), _) | (_, Ok(false)) => {}
            (Err(why), _) | (_, Err(why)) => return Order::Unknown(why),
        }
    }
    Order::Current
}

/// The releases that a service's records (newest first) say were deployed or begun, `read` giving the number of a release's tag. Only our own
/// count: what others wrote keeps nothing from going on. Nor does what Render ended, or what was never sent.
pub fn begun(records: &[&Record], read: impl Fn(&ImageTag) -> Option<ReleaseNumber>) -> Vec<Begun> {
    let may_serve = |record: &&&Record| {
        record.is_own && matches!(record.state, RecordState::Success | RecordState::Open)
    };
    let numbered = |(place, record): (usize, &&Record)| {
        let number = read(record.intent.release.as_ref()?)?;
        Some(Begun {
            number,
            commit: record.intent.commit,
            is_live: place == 0,
        })
    };
    records
        .iter()
        .filter(may_serve)
        .enumerate()
        .filter_map(numbered)
        .collect()
}

/// Orders a release among those that were deployed or begun in its environment.
pub fn of_release(
    number: ReleaseNumber,
    commit: &CommitSha,
    begun: &[Begun],
    reaches: impl Fn(&CommitSha, &CommitSha) -> Result<bool, String>,
) -> Order {
    if let Some(newer) = begun
        .iter()
        .map(|begun| begun.number)
        .filter(|other| *other > number)
        .max()
    {
        return Order::Superseded(format!("release {newer} is newer and was deployed"));
    }
    if let Some(other) = begun
        .iter()
        .find(|begun| begun.number == number && begun.commit != *commit)
    {
        return Order::Moved(other.commit);
    }
    for live in begun
        .iter()
        .filter(|begun| begun.is_live && begun.commit != *commit)
    {
        match reaches(commit, &live.commit) {
            Ok(true) => return Order::GoingBack(live.commit),
            Ok(false) => {}
            Err(why) => return Order::Unknown(why),
        }
    }
    Order::Current
}

#[cfg(test)]
mod tests {
    use super::super::testing::{record, rollback, sha};
    use super::*;
    use crate::domain::RecordState::{Failure, Open, Success};

    /// Commits below 50 are one line; those from 50 on are another that left it at 5; 99 is gone.
    fn reaches(ancestor: &CommitSha, descendant: &CommitSha) -> Result<bool, String> {
        let (one, other) = (ancestor.as_bytes()[0], descendant.as_bytes()[0]);
        match (one, other) {
            (99, _) | (_, 99) => Err("it is gone".into()),
            (one, other) if other >= 50 && one < 50 => Ok(one <= 5),
            (one, other) if one >= 50 && other < 50 => Ok(false),
            (one, other) => Ok(one <= other),
        }
    }

    fn order(head: u8, tip: u8, records: &[Record]) -> Order {
        let records: Vec<_> = records.iter().collect();
        of_branch(&sha(head), Ok(&sha(tip)), &records, reaches)
    }

    #[test]
    fn an_older_commit_gives_way_to_a_newer_one_of_the_present_branch() {
        assert_eq!(order(4, 5, &[record(3, Success)]), Order::Current);
        assert!(matches!(
            order(4, 9, &[record(3, Success), record(6, Success)]),
            Order::Superseded(_)
        ));
        assert!(matches!(
            order(4, 9, &[record(6, Open)]),
            Order::Superseded(_)
        ));
        assert_eq!(order(4, 9, &[record(6, Failure)]), Order::Current);
        assert!(
            matches!(order(4, 9, &[rollback(6, 7)]), Order::Superseded(_)),
            "what it went back to is newer too"
        );
        assert_eq!(order(7, 9, &[rollback(6, 8)]), Order::Current);
        assert!(
            matches!(order(7, 60, &[]), Order::Superseded(_)),
            "not on the branch any more"
        );
    }

    #[test]
    fn a_branch_that_was_forced_back_is_followed_back() {
        assert_eq!(order(4, 4, &[record(8, Success)]), Order::Current);
        assert_eq!(
            order(3, 4, &[record(8, Success)]),
            Order::Current,
            "8 is not of this branch"
        );
        assert_eq!(order(3, 60, &[record(8, Success)]), Order::Current);
    }

    #[test]
    fn the_tip_is_never_superseded_and_what_cannot_be_asked_is_said() {
        assert_eq!(
            order(4, 4, &[record(99, Open), record(8, Open)]),
            Order::Current
        );
        assert!(matches!(
            order(3, 9, &[record(99, Open)]),
            Order::Unknown(_)
        ));
        assert!(matches!(
            of_branch(&sha(1), Err("403"), &[], reaches),
            Order::Unknown(_)
        ));
    }

    #[test]
    fn releases_go_by_their_numbers() {
        let begun = |number, commit, is_live| Begun {
            number: ReleaseNumber::Number(number),
            commit: sha(commit),
            is_live,
        };
        let of = |number, commit, list: &[Begun]| {
            of_release(ReleaseNumber::Number(number), &sha(commit), list, reaches)
        };
        assert_eq!(of(7, 7, &[begun(6, 6, true)]), Order::Current);
        assert!(matches!(
            of(7, 7, &[begun(10, 8, false)]),
            Order::Superseded(_)
        ));
        assert_eq!(of(7, 7, &[begun(7, 7, true)]), Order::Current);
        assert_eq!(of(7, 7, &[begun(7, 8, false)]), Order::Moved(sha(8)));
        assert_eq!(of(7, 5, &[begun(6, 6, true)]), Order::GoingBack(sha(6)));
        assert!(matches!(of(7, 7, &[begun(6, 99, true)]), Order::Unknown(_)));
    }
}
