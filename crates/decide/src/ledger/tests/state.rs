//! What serves, or may come to.

use super::super::testing::{deploy, digest, keyless, numbered, record, rollback, sha, with};
use crate::Base;
use crate::ledger::{DeployRecords, OnRender, PushBase, ServingState, counting, unlisted};
use model::RecordState::{Error, Failure, Open, Replaced, Success};
use model::{Deploy, DeployId, DeployStatus, Record, Repository, ServiceId};

fn on_render(deploys: &[Deploy]) -> OnRender {
    OnRender::Known(deploys.to_vec())
}

fn dep(number: u8) -> Option<DeployId> {
    DeployId::parse(&format!("dep-{number}")).ok()
}

/// A success that names its deploy.
fn named(commit: u8) -> Record {
    Record {
        deploy: dep(commit),
        ..record(commit, Success)
    }
}

/// A deploy that Render accepted and that nobody saw live.
fn accepted(commit: u8) -> Record {
    Record {
        was_live: false,
        ..record(commit, Success)
    }
}

#[test]
fn without_a_key_every_later_attempt_counts_that_may_have_gone_live() {
    let commits = |records: &[Record]| keyless(records).commits;
    assert_eq!(commits(&[record(1, Success)]), [sha(1)]);
    assert_eq!(
        commits(&[record(2, Open), record(1, Success)]),
        [sha(1), sha(2)]
    );
    for ended in [Failure, Error, Replaced] {
        assert_eq!(commits(&[record(2, ended), record(1, Success)]), [sha(1)]);
    }
    assert_eq!(
        commits(&[record(3, Success), record(2, Success), record(1, Success)]),
        [sha(3)]
    );
    assert!(keyless(&[]).unknown.is_some() && keyless(&[]).unidentified.is_none());
}

#[test]
fn without_a_key_an_earlier_attempt_counts_that_may_have_come_after_the_newest_success() {
    let commits = |records: &[Record]| keyless(records).commits;
    assert_eq!(
        commits(&[record(2, Success), record(1, Open)]),
        [sha(2), sha(1)],
        "it is still open"
    );
    let ended = |at| Record {
        ended: at,
        ..record(1, Success)
    };
    let newest = || Record {
        began: Some(10),
        ..record(2, Success)
    };
    assert_eq!(commits(&[newest(), ended(Some(9))]), [sha(2)]);
    for overlapping in [Some(10), Some(11), None] {
        assert_eq!(
            commits(&[newest(), ended(overlapping)]),
            [sha(2), sha(1)],
            "{overlapping:?}"
        );
    }
}

#[test]
fn without_a_key_the_commit_before_a_push_counts_until_the_run_has_a_success() {
    let commits = |records: &[Record], run| {
        let records = numbered(records);
        let records: Vec<&Record> = records.iter().collect();
        let before = Some(PushBase {
            commit: sha(5),
            run,
        });
        let known = DeployRecords {
            records: &records,
            is_cut_off: false,
        };
        ServingState::new(Ok(known), &OnRender::NoKey, before, |_| None).commits
    };
    let of_run = |run, state| Record {
        run: Some(run),
        ..record(2, state)
    };
    assert_eq!(
        commits(&[record(1, Success)], Some(7)),
        [sha(1), sha(5)],
        "nobody knows who deployed it"
    );
    assert_eq!(
        commits(&[of_run(6, Success)], Some(7)),
        [sha(2), sha(5)],
        "another run"
    );
    assert_eq!(commits(&[of_run(7, Success)], Some(7)), [sha(2)]);
    assert_eq!(
        commits(&[of_run(7, Failure), record(1, Success)], Some(7)),
        [sha(1), sha(5)]
    );
    assert_eq!(commits(&[record(1, Success)], None), [sha(1), sha(5)]);
}

#[test]
fn with_a_key_render_says_what_serves_and_the_record_whose_bytes_these_are() {
    let records = [record(1, Success)];
    let commits = |list: &[Deploy]| with(&records, &on_render(list)).commits;
    let live = deploy(1, DeployStatus::Live);
    assert_eq!(commits(std::slice::from_ref(&live)), [sha(1)]);
    let unknown = |list: &[Deploy]| with(&records, &on_render(list));
    let nothing = unknown(&[]);
    assert!(nothing.unknown.is_some() && nothing.unidentified.is_none());
    for list in [
        vec![deploy(7, DeployStatus::Live)],
        vec![deploy(7, DeployStatus::Other), live],
    ] {
        let state = unknown(&list);
        assert!(state.unknown.is_some() && state.unidentified.is_some());
    }
    let mut by_platform = deploy(1, DeployStatus::Live);
    by_platform.digests = vec![digest(101)];
    assert_eq!(commits(&[by_platform]), [sha(1)]);
    let failed = with(&records, &OnRender::Unknown("500".into()));
    assert!(failed.unknown.is_some() && failed.unidentified.is_some());
}

#[test]
fn with_a_key_an_attempt_counts_that_is_newer_than_what_brought_the_live_bytes() {
    let commits = |records: &[Record], list: &[Deploy]| with(records, &on_render(list)).commits;
    let live = [deploy(1, DeployStatus::Live)];
    assert_eq!(
        commits(&[record(2, Open), named(1)], &live),
        [sha(1), sha(2)],
        "queued, and not listed yet"
    );
    assert_eq!(
        commits(&[accepted(2), named(1)], &live),
        [sha(1), sha(2)],
        "accepted, and nobody followed it"
    );
    assert_eq!(commits(&[record(2, Replaced), named(1)], &live), [sha(1)]);
    assert_eq!(
        commits(&[named(1), record(2, Open)], &live),
        [sha(1)],
        "Render has gone past it"
    );
    assert_eq!(
        commits(&[record(1, Success), record(2, Open)], &live),
        [sha(1), sha(2)],
        "no record names the deploy that is live"
    );
    let mut other = accepted(2);
    other.is_own = false;
    assert_eq!(commits(&[other, named(1)], &live), [sha(1), sha(2)]);
}

#[test]
fn several_records_with_the_live_digest_all_count_unless_one_names_the_deploy() {
    let same = |commit| {
        let mut same = record(commit, Success);
        same.intent.image.digest = digest(1);
        same
    };
    let live = [deploy(1, DeployStatus::Live)];
    let commits = |records: &[Record]| with(records, &on_render(&live)).commits;
    assert_eq!(commits(&[same(3), same(2)]), [sha(3), sha(2)]);
    let mut naming = same(2);
    naming.deploy = dep(1);
    assert_eq!(commits(&[same(3), naming]), [sha(2)]);
}

#[test]
fn a_label_stands_in_where_the_record_does_not_know_the_digest() {
    let render = OnRender::Known(vec![deploy(7, DeployStatus::Live)]);
    let state = ServingState::new(Err("403"), &render, None, |digests| {
        (digests == [digest(7)]).then(|| sha(7))
    });
    assert_eq!((state.commits, state.unknown), (vec![sha(7)], None));
}

#[test]
fn what_another_wrote_does_not_say_whose_bytes_these_are() {
    let mut foreign = record(1, Success);
    foreign.is_own = false;
    let live = [deploy(1, DeployStatus::Live)];
    assert!(with(&[foreign], &on_render(&live)).unknown.is_some());
}

#[test]
fn a_list_that_is_cut_off_makes_the_service_count_as_changed_and_holds_nothing() {
    let records = numbered(&[rollback(1, 2), record(2, Success)]);
    let records: Vec<&Record> = records.iter().collect();
    let state = |is_cut_off| {
        let known = DeployRecords {
            records: &records,
            is_cut_off,
        };
        ServingState::new(Ok(known), &OnRender::NoKey, None, |_| None)
    };
    assert!(state(false).hold.is_some() && state(false).unknown.is_none());
    assert!(state(true).hold.is_none() && state(true).unknown.is_some());
    assert!(state(true).is_cut_off);
}

#[test]
fn an_attempt_that_no_deploy_shows_is_unlisted() {
    let list = [
        deploy(2, DeployStatus::Queued),
        deploy(1, DeployStatus::Live),
    ];
    let numbers = |records: &[Record]| -> Vec<u64> {
        let records = numbered(records);
        let records: Vec<&Record> = records.iter().collect();
        unlisted(&records, &list)
            .iter()
            .map(|record| record.number)
            .collect()
    };
    let mut shown = record(2, Open);
    shown.deploy = dep(2);
    assert_eq!(numbers(&[shown, named(1)]), [0; 0]);
    assert_eq!(numbers(&[record(3, Open), named(1)]), [2]);
    assert_eq!(numbers(&[named(1), record(3, Open)]), [0; 0]);
}

#[test]
fn a_service_of_another_id_has_no_record_and_names_and_repositories_do_not_matter() {
    let of = |id: &str, repository: &str| {
        let mut one = record(1, Success);
        one.intent.id = ServiceId::parse(id).ok();
        one.intent.image.repository = Repository::parse(repository).unwrap();
        one
    };
    let records = [
        of("srv-2", "ghcr.io/acme/web"),
        of("srv-1", "ghcr.io/acme/api"),
        of("srv-1", "ghcr.io/acme/moved"),
    ];
    let count = |id: Option<&str>| {
        let id = id.and_then(|id| ServiceId::parse(id).ok());
        counting(&records, id.as_ref()).len()
    };
    assert_eq!((count(Some("srv-1")), count(Some("srv-2"))), (2, 1));
    assert_eq!(count(Some("srv-3")), 0);
    assert_eq!(count(None), 1, "the newest record's id");
}

#[test]
fn without_records_and_without_a_key_the_event_alone_says_what_serves() {
    let of = |base: Base| ServingState::of_event(&base);
    assert_eq!(of(Base::Commit(sha(1), "before".into())).commits, [sha(1)]);
    assert!(of(Base::None("new".into())).unknown.is_some());
}
