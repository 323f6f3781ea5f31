use super::super::ledger::testing::{deploy, digest, record, sha};
use super::*;
use model::RecordState::{Error, Failure, Open, Success};

/// A story of an environment: what happened, in its order.
struct RecordedHistory(Vec<(&'static str, Record)>);

fn name(service: &str) -> ServiceName {
    ServiceName::parse(service).unwrap()
}

impl RecordedHistory {
    /// `service commit`, then `+` for a success, `!` for a failure, `?` for an open attempt, `-` for what was never sent; with `<` before the
    /// commit it is a rollback, with `=` a restore. A rollback has `@` and the place of the newest word of the step that it led to, unless it
    /// went by tags. The release is `prod-<commit>`.
    fn told(text: &'static str) -> Self {
        let mut records = Vec::new();
        for (place, word) in text.split_whitespace().enumerate() {
            let at = word.find(|c: char| !c.is_ascii_lowercase()).unwrap();
            let (service, rest) = word.split_at(at);
            let (kind, rest) = match rest.as_bytes()[0] {
                b'<' => (AttemptKind::Rollback, &rest[1..]),
                b'=' => (AttemptKind::Restore, &rest[1..]),
                _ => (AttemptKind::Deploy, rest),
            };
            let (number, end) = rest.split_at(rest.len() - 1);
            let state = match end {
                "+" => Success,
                "!" => Failure,
                "?" => Open,
                "-" => Error,
                _ => panic!("{word}"),
            };
            let (number, to) = number
                .split_once('@')
                .map_or((number, None), |(number, to)| (number, to.parse().ok()));
            let commit: u8 = number.parse().unwrap();
            let mut record = record(commit, state);
            record.number = place as u64 + 1;
            (record.intent.kind, record.intent.to) = (kind, to);
            record.intent.release = ImageTag::parse(&format!("prod-{commit}")).ok();
            records.push((service, record));
        }
        Self(records)
    }

    /// What serves is what the record says, but for these services, of which an API key tells that they serve these commits' bytes.
    fn pasts(&self, seen: &[(&str, &[u8])]) -> ServiceHistories<'_> {
        let services: std::collections::BTreeSet<&str> =
            self.0.iter().map(|(service, _)| *service).collect();
        let past = |service: &str| {
            let own = self.0.iter().rev().filter(|(of, _)| *of == service);
            let records: Vec<&Record> = own.map(|(_, record)| record).collect();
            let seen = seen.iter().find(|(of, _)| *of == service);
            let serving = match seen {
                Some((_, commits)) => commits.iter().map(|commit| vec![digest(*commit)]).collect(),
                None => by_record(&records),
            };
            ServiceHistory {
                records,
                serving: Some(serving),
            }
        };
        services
            .iter()
            .map(|service| (name(service), past(service)))
            .collect()
    }
}

fn by_record(records: &[&Record]) -> Vec<Vec<Digest>> {
    let mut bytes = Vec::new();
    for record in records
        .iter()
        .filter(|record| matches!(record.state, Success | Open))
    {
        bytes.push(vec![record.intent.image.digest.clone()]);
        if record.state == Success {
            break;
        }
    }
    bytes
}

/// The way as text: where it leads, and what becomes of each service.
fn way(back: Result<Back<'_>, NoWay>) -> String {
    let commit = |record: &Record| record.intent.commit.as_bytes()[0];
    let number = |step: &RollbackPoint| step.commit.as_bytes()[0];
    match back {
        Ok(back) => {
            let turns = back.turns.iter().map(|(service, turn)| match turn {
                ServiceRollback::Back(record) => format!("{service}<{}", commit(record)),
                ServiceRollback::There(record) => format!("{service}={}", commit(record)),
                ServiceRollback::Older(_) => format!("{service} older"),
                ServiceRollback::Newer => format!("{service} newer"),
                ServiceRollback::Unrecorded => format!("{service} unrecorded"),
            });
            format!(
                "{}: {}",
                number(&back.to),
                turns.collect::<Vec<_>>().join(" ")
            )
        }
        Err(NoWay::First(step)) => format!("first {}", number(&step)),
        Err(NoWay::Forward(step)) => format!("forward of {}", number(&step)),
        Err(NoWay::Done(step)) => format!("done {}", number(&step)),
        Err(NoWay::Unrecorded) => "unrecorded".into(),
        Err(NoWay::NotRecorded) => "not recorded".into(),
    }
}

fn before(story: &'static str) -> String {
    way(way_back(
        &RecordedHistory::told(story).pasts(&[]),
        &RollbackRequest::Before,
        false,
    ))
}

fn seen(story: &'static str, seen: &[(&str, &[u8])]) -> String {
    way(way_back(
        &RecordedHistory::told(story).pasts(seen),
        &RollbackRequest::Before,
        false,
    ))
}

fn to(story: &'static str, release: &str) -> String {
    let target = RollbackRequest::Release(ImageTag::parse(release).unwrap());
    way(way_back(
        &RecordedHistory::told(story).pasts(&[]),
        &target,
        false,
    ))
}

fn repeated(story: &'static str) -> String {
    way(way_back(
        &RecordedHistory::told(story).pasts(&[]),
        &RollbackRequest::Before,
        true,
    ))
}

#[test]
fn it_goes_to_the_step_before_and_leaves_what_the_last_one_did_not_change() {
    assert_eq!(before("a1+ w1+ a2+ w2+"), "1: a<1 w<1");
    assert_eq!(before("a1+ w1+ w2+ a3+"), "2: a<1 w=2");
    assert_eq!(before("a1+ w1+ a2+ w3+ a4+ w4+"), "3: a<2 w<3");
    // A run that was repeated, and one that another came between.
    assert_eq!(before("a1+ w1+ a2+ w2! w2+"), "1: a<1 w<1");
    assert_eq!(before("a1+ a2+ a1+"), "2: a<2");
}

#[test]
fn nothing_before_is_said_and_nothing_recorded_too() {
    assert_eq!(before("a1+ w1+"), "first 1");
    assert_eq!(before("a1!"), "unrecorded");
    assert_eq!(before("a1! a2+"), "first 2");
    // A service that is newer than the step.
    assert_eq!(before("a1+ a2+ w2+"), "1: a<1 w newer");
}

#[test]
fn what_was_rolled_back_was_not_live_before() {
    assert_eq!(before("a1+ a2+ a<1@1+ a3+"), "1: a<1");
    assert_eq!(before("a1+ w1+ a2+ w3+ w<1@3+ w4+"), "2: a=2 w<1");
}

#[test]
fn a_second_rollback_goes_further_back() {
    assert_eq!(before("a1+ w1+ w2+ a3+ w3+ a<1@3+ w<2@3+"), "1: a=1 w<1");
    assert_eq!(before("a1+ a2+ a3+ a<2@2+ a<1@1+"), "first 1");
}

#[test]
fn a_service_that_stays_goes_back_with_the_others() {
    // The fourth commit is a revert for `w`, which has the second one's bytes again and stays in the rollback to that.
    let mut story = RecordedHistory::told("a1+ w1+ a2+ w2+ a3+ w3+ w4+ a<2@4+");
    (
        story.0[6].1.intent.image.digest,
        story.0[6].1.intent.platform,
    ) = (digest(2), digest(102));
    assert_eq!(
        way(way_back(&story.pasts(&[]), &RollbackRequest::Before, false)),
        "1: a<1 w<1"
    );
}

#[test]
fn what_was_before_a_state_that_was_left_once_comes_back_with_it() {
    assert_eq!(
        before("a1+ w1+ w2+ a3+ w3+ a<1@2+ w<1@2+ a4+ w4+ a<3@5+ w<3@5+"),
        "2: a<1 w<2"
    );
}

#[test]
fn an_attempt_that_brought_nothing_is_gone_back_from_by_nothing() {
    for end in ["!", "-"] {
        let story = Box::leak(format!("a1+ w1+ a2+ a3{end}").into_boxed_str());
        assert_eq!(before(story), "2: a=2 w=1", "{end}");
    }
    // A part of it went live.
    assert_eq!(before("a1+ w1+ a2+ w2!"), "1: a<1 w=1");
    // The siblings were put back.
    assert_eq!(before("a1+ w1+ a2+ w2! a=1+"), "1: a=1 w=1");
    assert_eq!(before("a1+ w1+ w2! a2+ a=1+"), "1: a=1 w=1");
    // Once a rollback has come after it, it plays no part.
    assert_eq!(before("a1+ a2+ a3! a<2@2+"), "1: a<1");
}

#[test]
fn what_may_serve_is_gone_back_from() {
    assert_eq!(before("a1+ a2?"), "1: a<1");
    assert_eq!(before("a1+ w1+ a2+ w2?"), "1: a<1 w<1");
    // With an API key it is known that it never began, or that it did.
    assert_eq!(seen("a1+ a2?", &[("a", &[1])]), "1: a=1");
    assert_eq!(seen("a1+ a2?", &[("a", &[1, 2])]), "1: a<1");
}

#[test]
fn a_rollback_that_was_cut_off_is_finished_before_one_goes_further() {
    assert_eq!(
        repeated("a1+ w1+ a2+ w2+ a3+ w3+ a<2@4+ w<2@4?"),
        "2: a=2 w<2"
    );
    assert_eq!(repeated("a1+ w1+ a2+ w2+ a3+ w3+ a<2@4+"), "2: a=2 w<2");
    assert_eq!(repeated("a1+ w1+ a2+ w2+ a3+ w3+ a<2@4+ w<2@4+"), "done 2");
    assert_eq!(
        before("a1+ w1+ a2+ w2+ a3+ w3+ a<2@4+ w<2@4+"),
        "1: a<1 w<1"
    );
    // Only one service had to go back, and to older bytes than the step's.
    assert_eq!(repeated("a1+ w1+ w2+ a3+ a<1@3+"), "done 2");
    assert_eq!(before("a1+ w1+ w2+ a3+ a<1@3+"), "1: a=1 w<1");
    // No rollback had begun.
    assert_eq!(repeated("a1+ a2+"), "1: a<1");
}

#[test]
fn a_release_is_the_state_that_it_left() {
    let story = "a1+ w1+ w2+ a3+ w3+ a4+";
    assert_eq!(to(story, "prod-2"), "2: a<1 w<2");
    assert_eq!(to(story, "prod-3"), "3: a<3 w=3");
    assert_eq!(to(story, "prod-1"), "1: a<1 w<1");
    assert_eq!(to(story, "prod-9"), "not recorded");
    // It is the one that serves.
    assert_eq!(to(story, "prod-4"), "4: a=4 w=3");
    assert_eq!(to("a1+ a2!", "prod-2"), "not recorded");
}

#[test]
fn nothing_goes_forward() {
    assert_eq!(to("a1+ a2+ a3+ a<1@1+", "prod-2"), "forward of 1");
    assert_eq!(to("a1+ a2+ a3+ a<1@1+", "prod-3"), "forward of 1");
    // One that was rolled back may be gone back to from something later.
    assert_eq!(to("a1+ a2+ a<1@1+ a3+", "prod-2"), "2: a<2");
    // A service by itself was rolled back further than the environment.
    assert_eq!(before("a1+ w1+ a2+ w2+ a3+ w3+ a<1@2+"), "2: a=1 w<2");
    assert_eq!(
        seen("a1+ w1+ a2+ w2+ a3+ w3+", &[("a", &[1])]),
        "2: a older w<2"
    );
}

#[test]
fn what_somebody_deployed_by_hand_is_gone_back_from() {
    assert_eq!(seen("a1+ a2+", &[("a", &[77])]), "2: a<2");
    // Others serve what the record has: the step is theirs, and nobody knows when the hand came.
    assert_eq!(seen("a1+ w1+ a2+ w2+", &[("a", &[77])]), "1: a<1 w<1");
    assert_eq!(seen("a1+ a2+", &[("a", &[1])]), "first 1");
}

#[test]
fn a_step_of_the_same_bytes_is_passed_over() {
    let mut story = RecordedHistory::told("a1+ a2+ a3+");
    story.0[2].1.intent.image.digest = digest(2);
    story.0[2].1.intent.platform = digest(102);
    assert_eq!(
        way(way_back(&story.pasts(&[]), &RollbackRequest::Before, false)),
        "1: a<1"
    );
}

#[test]
fn what_others_wrote_is_never_used() {
    let mut story = RecordedHistory::told("a1+ a2+ a3+");
    story.0[1].1.is_own = false;
    assert_eq!(
        way(way_back(&story.pasts(&[]), &RollbackRequest::Before, false)),
        "1: a<1"
    );
    let of_foreign = RollbackRequest::Commit(sha(2));
    assert_eq!(
        way(way_back(&story.pasts(&[]), &of_foreign, false)),
        "not recorded"
    );
    assert_eq!(
        way(way_back(
            &story.pasts(&[]),
            &RollbackRequest::Commit(sha(1)),
            false
        )),
        "1: a<1"
    );
}

#[test]
fn what_was_rolled_back_to_need_not_be_in_the_record() {
    // A release tag named the bytes.
    let story = RecordedHistory::told("a5+ a<3+");
    assert_eq!(
        way(way_back(&story.pasts(&[]), &RollbackRequest::Before, false)),
        "first 3"
    );
}

#[test]
fn render_lists_what_was_live_before() {
    use DeployStatus::{Deactivated, Live, Queued, UpdateFailed};
    let list = [
        deploy(4, Queued),
        deploy(3, Live),
        deploy(2, UpdateFailed),
        deploy(3, Deactivated),
        deploy(1, Deactivated),
    ];
    assert_eq!(before_on_render(&list), Some([digest(1)].as_slice()));
    assert_eq!(before_on_render(&list[..4]), None);
    assert_eq!(before_on_render(&list[2..]), None, "nothing is live");
}
