//! Tables of order: histories of numbered commits, in which every number below 50 descends from all lower ones.

use super::release::{ReleaseFacts, StartedRelease, going_back, in_release, moved};
use super::{BranchTip, Order, OrderQuestion, in_branch};
use crate::Cause;
use crate::ledger::testing::{keyless, numbered, record, rollback, sha};
use crate::ledger::{Equality, FactResult, Facts, OnRender, ServingState};
use model::RecordState::{Failure, Open, Replaced, Success};
use model::{CommitSha, EnvironmentName, Record, ReleaseNumber};

/// Commits from 50 on are another line, which left the first one at 5; commit 99 is gone. Commits are equal on the service where their numbers
/// are the same modulo ten; commits that divide by ten have no such service.
#[derive(Default)]
struct World {
    /// The tip of the branch `other` of the environment `other`.
    other: Option<CommitSha>,
    /// The tags that stand, with their commits.
    tags: Vec<(u32, u8)>,
    /// The commits that are on no branch from which releases are made.
    off_branch: Vec<u8>,
}

fn number(commit: &CommitSha) -> u8 {
    commit.as_bytes()[0]
}

impl Facts for World {
    fn reaches(&self, ancestor: &CommitSha, descendant: &CommitSha) -> FactResult<bool> {
        match (number(ancestor), number(descendant)) {
            (99, _) | (_, 99) => Err("it is gone".into()),
            (one, other) if other >= 50 && one < 50 => Ok(one <= 5),
            (one, other) if one >= 50 && other < 50 => Ok(false),
            (one, other) => Ok(one <= other),
        }
    }

    fn equality(&self, one: &CommitSha, other: &CommitSha) -> Equality {
        match (number(one), number(other)) {
            (99, _) | (_, 99) => Equality::Unknown("it is gone".into()),
            (one, other) if one == other => Equality::Equal,
            (one, other) if one % 10 == other % 10 && one % 10 != 0 => Equality::Equal,
            _ => Equality::Differs(Cause {
                pattern: "**".into(),
                path: b"x".to_vec(),
                matched: 1,
            }),
        }
    }

    fn newer(&self, head: &CommitSha, tip: &CommitSha) -> FactResult<Vec<CommitSha>> {
        Ok((number(head) + 1..=number(tip)).rev().map(sha).collect())
    }

    fn has_service(&self, commit: &CommitSha) -> FactResult<bool> {
        Ok(!number(commit).is_multiple_of(10))
    }

    fn tip_of(&self, record: &Record) -> FactResult<Option<CommitSha>> {
        Ok(self
            .other
            .filter(|_| record.environment.as_str() == "other"))
    }
}

impl ReleaseFacts for World {
    fn tag(&self, number: ReleaseNumber) -> FactResult<Option<CommitSha>> {
        let tag = self
            .tags
            .iter()
            .find(|(own, _)| ReleaseNumber::Number(*own) == number);
        Ok(tag.map(|(_, commit)| sha(*commit)))
    }

    fn is_on_release_branch(&self, commit: &CommitSha) -> FactResult<bool> {
        Ok(!self.off_branch.contains(&number(commit)))
    }

    fn number(&self, record: &Record) -> Option<ReleaseNumber> {
        // The number of the release of a commit is the commit's.
        Some(ReleaseNumber::Number(u32::from(number(
            &record.intent.commit,
        ))))
    }
}

fn ordered(world: &World, head: u8, tip: u8, records: &[Record]) -> Order {
    ordered_with(world, head, tip, records, &keyless(records))
}

fn ordered_with(
    world: &World,
    head: u8,
    tip: u8,
    records: &[Record],
    serving: &ServingState,
) -> Order {
    let records = numbered(records);
    let records: Vec<&Record> = records.iter().collect();
    let asked = OrderQuestion {
        head: sha(head),
        records: Ok(&records),
        serving,
    };
    in_branch(&asked, &BranchTip::At(sha(tip)), world)
}

fn order(head: u8, tip: u8, records: &[Record]) -> Order {
    ordered(&World::default(), head, tip, records)
}

fn is_superseded(order: &Order) -> bool {
    matches!(order, Order::Superseded(_))
}

#[test]
fn the_tip_goes_on_whatever_is_recorded() {
    assert_eq!(
        order(4, 4, &[record(99, Open), record(8, Open)]),
        Order::Current
    );
}

#[test]
fn a_branch_that_is_gone_or_lacks_the_commit_supersedes_it() {
    let serving = keyless(&[]);
    let asked = OrderQuestion {
        head: sha(4),
        records: Ok(&[]),
        serving: &serving,
    };
    let of = |tip: &BranchTip| in_branch(&asked, tip, &World::default());
    assert!(is_superseded(&of(&BranchTip::Gone)));
    assert!(matches!(
        of(&BranchTip::Unknown("403".into())),
        Order::Unknown(_)
    ));
    assert!(is_superseded(&order(7, 60, &[])), "forced off the branch");
    assert!(
        is_superseded(&order(8, 4, &[])),
        "the branch was forced back"
    );
}

#[test]
fn a_commit_that_equals_the_tip_goes_on() {
    assert_eq!(order(4, 14, &[record(6, Success)]), Order::Current);
    assert_eq!(order(4, 14, &[record(99, Success)]), Order::Current);
}

#[test]
fn an_older_commit_gives_way_to_a_newer_one_that_was_deployed() {
    assert_eq!(order(4, 9, &[record(3, Success)]), Order::Current);
    for state in [Success, Open] {
        assert!(
            is_superseded(&order(4, 9, &[record(6, state)])),
            "{state:?}"
        );
    }
    for state in [Failure, Replaced] {
        let records = [record(6, state), record(3, Success)];
        assert_eq!(order(4, 9, &records), Order::Current, "{state:?}");
    }
    assert!(
        is_superseded(&order(4, 9, &[rollback(6, 7)])),
        "what it went back to is newer too"
    );
    assert_eq!(order(7, 9, &[rollback(6, 8)]), Order::Current);
    assert_eq!(
        order(3, 4, &[record(8, Success)]),
        Order::Current,
        "8 was forced off the branch"
    );
    assert!(matches!(
        order(3, 9, &[record(99, Open)]),
        Order::Unknown(_)
    ));
}

#[test]
fn a_commit_of_another_environments_branch_orders_too() {
    let mut other = record(60, Success);
    other.environment = EnvironmentName::parse("other").unwrap();
    let world = World {
        other: Some(sha(61)),
        ..World::default()
    };
    let records = [other];
    assert!(is_superseded(&ordered(&world, 4, 9, &records)));
    assert_eq!(
        ordered(&world, 7, 9, &records),
        Order::Current,
        "neither is newer"
    );
    assert_eq!(
        ordered(&World::default(), 4, 9, &records),
        Order::Current,
        "that branch is gone"
    );
}

#[test]
fn what_serves_may_equal_a_newer_commit_without_a_record_of_that_one() {
    // 3 serves; 8 changed it; 13 reverted 8 and found nothing to deploy. Then 8 is run again, or for the first time.
    assert!(is_superseded(&order(8, 13, &[record(3, Success)])));
    assert!(
        is_superseded(&order(8, 14, &[record(3, Success)])),
        "and the tip has changed it again"
    );
    assert_eq!(order(8, 9, &[record(3, Success)]), Order::Current);
    assert_eq!(
        order(8, 19, &[record(8, Success)]),
        Order::Current,
        "it serves itself"
    );
}

#[test]
fn what_serves_has_to_be_known_and_the_newer_commits_be_few() {
    let serving = |render: &OnRender| ServingState::new(Err("403"), render, None, |_| None);
    let unknown = serving(&OnRender::Unknown("500".into()));
    let records = [record(3, Success)];
    let order = ordered_with(&World::default(), 4, 9, &records, &unknown);
    assert!(matches!(order, Order::Unknown(_)));
    assert!(
        is_superseded(&order_of_two(11, 42, 9)),
        "39 has what serves, and is among the twenty newest"
    );
    assert!(
        matches!(order_of_two(11, 42, 10), Order::Unknown(_)),
        "nobody compared the others"
    );
}

/// Orders a commit where the commit `serves` serves and is older.
fn order_of_two(head: u8, tip: u8, serves: u8) -> Order {
    order(head, tip, &[record(serves, Success)])
}

#[test]
fn records_that_are_not_known_order_nothing_but_the_tip() {
    let serving = keyless(&[record(3, Success)]);
    let of = |head: u8, records, serving: &ServingState| {
        let asked = OrderQuestion {
            head: sha(head),
            records,
            serving,
        };
        in_branch(&asked, &BranchTip::At(sha(9)), &World::default())
    };
    assert!(matches!(of(4, Err("403"), &serving), Order::Unknown(_)));
    assert_eq!(of(9, Err("403"), &serving), Order::Current);
    let mut cut_off = serving.clone();
    cut_off.is_cut_off = true;
    assert!(matches!(of(4, Ok(&[]), &cut_off), Order::Unknown(_)));
    assert_eq!(of(9, Ok(&[]), &cut_off), Order::Current);
}

#[test]
fn a_tip_without_the_service_supersedes() {
    assert!(is_superseded(&order(4, 10, &[record(3, Success)])));
}

/// Orders release `head` of the commit of that number, where these tags stand on the commits of their numbers.
fn release(head: u8, tags: &[u8], records: &[Record]) -> Order {
    let world = World {
        tags: tags.iter().map(|tag| (u32::from(*tag), *tag)).collect(),
        ..World::default()
    };
    release_in(&world, head, records, &[])
}

fn release_in(world: &World, head: u8, records: &[Record], begun: &[StartedRelease]) -> Order {
    let serving = keyless(records);
    let records = numbered(records);
    let records: Vec<&Record> = records.iter().collect();
    let asked = OrderQuestion {
        head: sha(head),
        records: Ok(&records),
        serving: &serving,
    };
    let number = ReleaseNumber::Number(u32::from(head));
    let tags = world.tags.iter();
    let tags = tags.map(|(tag, _)| ReleaseNumber::Number(*tag)).collect();
    in_release(&asked, number, &Ok(tags), begun, world)
}

fn begun(number: u32, commit: u8, is_live: bool) -> StartedRelease {
    StartedRelease {
        number: ReleaseNumber::Number(number),
        commit: sha(commit),
        may_serve: true,
        is_live,
    }
}

#[test]
fn releases_go_by_the_numbers_of_the_tags_that_stand() {
    assert_eq!(release(7, &[6, 7], &[record(6, Success)]), Order::Current);
    assert!(is_superseded(&release(7, &[7, 8], &[record(8, Success)])));
    assert_eq!(
        release(7, &[7], &[record(8, Success)]),
        Order::Current,
        "the tag was deleted, and the release taken back"
    );
    assert!(
        is_superseded(&release(7, &[6], &[])),
        "its own tag was deleted"
    );
    assert_eq!(
        release(7, &[7, 8], &[record(6, Success)]),
        Order::Current,
        "8 was never deployed"
    );
    assert_eq!(
        release(7, &[7, 17], &[record(8, Success)]),
        Order::Current,
        "it equals the highest"
    );
}

#[test]
fn a_release_that_reverts_another_leaves_no_record_and_orders_by_its_tree() {
    assert!(is_superseded(&release(
        2,
        &[1, 2, 11],
        &[record(1, Success)]
    )));
}

#[test]
fn a_tag_that_is_on_another_commit_now_supersedes() {
    let world = World {
        tags: vec![(7, 8)],
        ..World::default()
    };
    assert!(is_superseded(&release_in(&world, 7, &[], &[])));
}

#[test]
fn a_tag_on_no_release_branch_is_a_release_only_if_it_was_begun_here() {
    let world = World {
        tags: vec![(7, 7), (8, 8)],
        off_branch: vec![8],
        ..World::default()
    };
    let records = [record(8, Success)];
    assert_eq!(release_in(&world, 7, &records, &[]), Order::Current);
    let begun = [begun(8, 8, true)];
    assert!(
        is_superseded(&release_in(&world, 7, &records, &begun)),
        "its branch was deleted since"
    );
}

#[test]
fn tags_that_cannot_be_listed_leave_the_order_unknown() {
    let serving = keyless(&[]);
    let asked = OrderQuestion {
        head: sha(7),
        records: Ok(&[]),
        serving: &serving,
    };
    let number = ReleaseNumber::Number(7);
    let order = in_release(&asked, number, &Err("403".into()), &[], &World::default());
    assert!(matches!(order, Order::Unknown(_)));
}

#[test]
fn only_a_live_release_whose_tag_stands_is_gone_back_from() {
    let of = |tags: &[(u32, u8)], begun: &[StartedRelease]| {
        let world = World {
            tags: tags.to_vec(),
            ..World::default()
        };
        going_back(ReleaseNumber::Number(7), &sha(5), begun, &world)
    };
    assert_eq!(of(&[(6, 6)], &[begun(6, 6, true)]), Ok(Some(sha(6))));
    assert_eq!(of(&[], &[begun(6, 6, true)]), Ok(None), "it was deleted");
    assert_eq!(
        of(&[(6, 7)], &[begun(6, 6, true)]),
        Ok(None),
        "it was moved"
    );
    assert_eq!(of(&[(6, 6)], &[begun(6, 6, false)]), Ok(None));
    assert_eq!(of(&[(4, 4)], &[begun(4, 4, true)]), Ok(None));
    assert!(of(&[(6, 99)], &[begun(6, 99, true)]).is_err());
    assert_eq!(
        of(&[(8, 8)], &[begun(8, 8, true)]),
        Ok(None),
        "a higher one supersedes"
    );
}

#[test]
fn the_same_number_on_another_commit_was_moved() {
    let number = ReleaseNumber::Number(7);
    assert_eq!(moved(number, &sha(7), &[begun(7, 8, false)]), Some(sha(8)));
    assert_eq!(moved(number, &sha(7), &[begun(7, 7, true)]), None);
    let mut failed = begun(7, 8, false);
    failed.may_serve = false;
    assert_eq!(moved(number, &sha(7), &[failed]), None);
}
