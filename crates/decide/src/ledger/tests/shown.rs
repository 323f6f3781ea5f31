//! What Render shows of an attempt.

use super::super::testing::{deploy, digest, numbered, record, rollback};
use crate::ledger::{Presence, presence, shown};
use model::DeployStatus::{Canceled, Deactivated, Live, Queued, UpdateFailed, Updating};
use model::RecordState::{self, Failure, Open, Success};
use model::{Deploy, DeployId, DeployStatus, Record};

fn deploys(list: &[(u8, DeployStatus)]) -> Vec<Deploy> {
    list.iter()
        .map(|(commit, status)| deploy(*commit, *status))
        .collect()
}

fn ended(records: &[Record], list: &[(u8, DeployStatus)]) -> Vec<(u64, RecordState)> {
    let records = numbered(records);
    let records: Vec<&Record> = records.iter().collect();
    shown(&records, &deploys(list))
        .into_iter()
        .map(|shown| (shown.number, shown.state))
        .collect()
}

#[test]
fn an_open_record_without_a_deploy_is_ended_by_what_is_certain_only() {
    let of = |list: &[(u8, DeployStatus)]| ended(&[record(1, Open)], list);
    assert_eq!(of(&[(2, Queued), (1, Live)]), [(1, Success)]);
    assert_eq!(
        of(&[(2, Live), (1, UpdateFailed), (1, Canceled)]),
        [(1, Failure)]
    );
    assert_eq!(of(&[(2, Live), (1, Updating)]), []);
    assert_eq!(
        of(&[(2, Updating), (1, UpdateFailed)]),
        [],
        "another of its deploys may be queued behind the one in progress"
    );
    assert_eq!(of(&[(2, Live)]), [], "queued, and not listed yet");
    assert_eq!(of(&[(2, Live), (1, Deactivated)]), [(1, Success)]);
}

#[test]
fn a_digest_that_several_records_have_shows_nothing() {
    let mut other = record(1, Success);
    other.was_live = true;
    let records = [record(1, Open), other.clone()];
    assert_eq!(ended(&records, &[(1, Live)]), []);
    assert_eq!(ended(&records, &[(2, Live), (1, Deactivated)]), []);
    other.deploy = DeployId::parse("dep-1").ok();
    assert_eq!(
        ended(&[record(1, Open), other], &[(1, Live)]),
        [],
        "the deploy is another record's"
    );
}

#[test]
fn a_record_that_names_its_deploy_is_ended_by_that_deploy_alone() {
    let mut named = record(1, Open);
    named.deploy = DeployId::parse("dep-3").ok();
    let of = |list: &[(u8, DeployStatus)]| ended(std::slice::from_ref(&named), list);
    assert_eq!(of(&[(3, Live), (1, UpdateFailed)]), [(1, Success)]);
    assert_eq!(of(&[(1, Live), (3, Canceled)]), [(1, Failure)]);
    assert_eq!(of(&[(1, Live), (3, Queued)]), []);
    assert_eq!(of(&[(1, Live)]), [], "it is not listed");
    let mut accepted = named.clone();
    (accepted.state, accepted.was_live) = (Success, false);
    assert_eq!(ended(&[accepted], &[(3, Canceled)]), [(1, Failure)]);
    assert_eq!(
        ended(&[record(1, Success)], &[(1, Canceled)]),
        [],
        "it was seen live"
    );
}

#[test]
fn only_the_newest_of_those_in_progress_is_followed_instead_of_asking() {
    let present = |list: &[(u8, DeployStatus)]| presence(&[digest(1)], &deploys(list), &[]);
    let first = || deploy(1, Queued).id;
    assert_eq!(present(&[(1, Live)]), Presence::Serves(first()));
    assert_eq!(
        present(&[(1, Queued), (2, Updating), (3, Live)]),
        Presence::Comes(first())
    );
    assert_eq!(present(&[(1, Queued), (1, Live)]), Presence::Comes(first()));
    assert_eq!(
        present(&[(2, Queued), (1, Updating), (3, Live)]),
        Presence::Absent
    );
    assert_eq!(present(&[(2, Queued), (1, Live)]), Presence::Absent);
    assert_eq!(present(&[]), Presence::Absent);
}

#[test]
fn bytes_that_serve_are_asked_for_again_while_others_may_come() {
    let live = deploys(&[(1, Live)]);
    let other = record(2, Open);
    let same = rollback(1, 2);
    assert_eq!(
        presence(&[digest(1)], &live, &[&other]),
        Presence::Absent,
        "queued, and not listed yet"
    );
    assert!(matches!(
        presence(&[digest(1)], &live, &[&same]),
        Presence::Serves(_)
    ));
}
