//! What is or may become live for a service, from the record and from Render.

use super::Begun;
use super::Equality;
use super::attempt::coming;
use crate::decide::Base;
use crate::domain::{
    CommitSha, Deploy, DeployStatus, Digest, Kind, Record, RecordState, ReleaseNumber, Repository,
    ServiceId,
};

/// What Render says of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnRender {
    /// There is no API key to ask with.
    NoKey,
    /// The deploy that is live and those in flight, newest first.
    Known(Vec<Deploy>),
    /// It cannot be asked, because of this.
    Unknown(String),
}

/// What a rollback keeps from coming back by accident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The commit that was left.
    pub from: CommitSha,
    /// Whether every commit is held until it has a higher release number, or only those that equal `from`.
    pub until: Until,
}

/// How long a hold lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Until something else than what was left is to be deployed.
    Different,
    /// Until a higher release; the caller's release is not.
    HigherRelease,
}

impl Hold {
    pub(super) fn holds(&self, equal: impl Fn(&CommitSha) -> Equality) -> bool {
        self.until == Until::HigherRelease || equal(&self.from) == Equality::Equal
    }
}

/// What is or may become live for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The commits whose bytes serve or may come to, what serves now first.
    pub commits: Vec<CommitSha>,
    /// Why not all of it is known.
    pub unknown: Option<String>,
    /// What a rollback holds.
    pub hold: Option<Hold>,
    /// Whether what serves was seen live.
    pub is_confirmed: bool,
}

/// The records that count for a service: of this service on Render (another id under the same name is another service) and of this
/// image repository. Where the id is not known, as in a plan without hooks, any will do.
pub fn counting<'a>(
    records: &'a [Record],
    id: Option<&ServiceId>,
    repository: &Repository,
) -> impl Iterator<Item = &'a Record> {
    let (id, repository) = (id.cloned(), repository.clone());
    records.iter().filter(move |record| {
        record.intent.image.repository == repository && (id.is_none() || record.intent.id == id)
    })
}

/// The commit that our own record knows for one of these digests.
#[must_use]
pub fn identify(records: &[&Record], digests: &[Digest]) -> Option<CommitSha> {
    let knows = |record: &&&Record| {
        record.is_own
            && (digests.contains(&record.intent.image.digest)
                || digests.contains(&record.intent.platform))
    };
    records
        .iter()
        .find(knows)
        .map(|record| record.intent.commit)
}

impl Standing {
    /// Finds out what serves: with an API key Render says it, without one the record does. `records` are those that count, newest first, or
    /// why they cannot be read. `label` gives the commit that an image says it was built from, where it is one of this repository.
    #[must_use]
    pub fn new(
        records: Result<&[&Record], &str>,
        render: &OnRender,
        label: impl Fn(&[Digest]) -> Option<CommitSha>,
    ) -> Self {
        let known = records.unwrap_or_default();
        let mut standing = match render {
            OnRender::NoKey => match records {
                Ok(records) => Self::by_record(records),
                Err(_) => Self::unknown("the record of deploys is not known".into()),
            },
            OnRender::Unknown(why) => Self::unknown(format!("what is live is not known: {why}")),
            OnRender::Known(deploys) => Self::by_render(deploys, known, label),
        };
        standing.hold = hold_after_rollback(known, render).map(|from| Hold {
            from,
            until: Until::Different,
        });
        standing
    }

    /// What the event says was there before: all there is to go by without a record and without an API key. A run that failed or was
    /// evicted from a queue is then nobody's to make good.
    #[must_use]
    pub fn of_event(base: &Base) -> Self {
        match base {
            Base::Commit(commit, _) => Self {
                commits: vec![*commit],
                unknown: None,
                hold: None,
                is_confirmed: true,
            },
            Base::None(why) => Self::unknown(why.clone()),
            Base::OfEachService => Self::unknown("there is nothing to compare with".into()),
        }
    }

    /// As a release sees it: one with a higher number than the release that was left lifts the hold, and any other is held whatever its tree is.
    /// A hold of which no number is known goes by the tree.
    #[must_use]
    pub fn for_release(mut self, number: ReleaseNumber, begun: &[Begun]) -> Self {
        if let Some(hold) = &mut self.hold {
            match begun
                .iter()
                .filter(|begun| begun.commit == hold.from)
                .map(|begun| begun.number)
                .max()
            {
                Some(left) if number > left => self.hold = None,
                Some(_) => hold.until = Until::HigherRelease,
                None => {}
            }
        }
        self
    }

    fn unknown(why: String) -> Self {
        Self {
            commits: Vec::new(),
            unknown: Some(why),
            hold: None,
            is_confirmed: false,
        }
    }

    /// The newest success, and every later attempt that nothing is known to have ended.
    fn by_record(records: &[&Record]) -> Self {
        let (mut commits, mut is_confirmed) = (Vec::new(), false);
        let mut found = None;
        for record in records {
            match record.state {
                RecordState::Failure | RecordState::Error => {}
                RecordState::Success if record.is_own => {
                    found = Some(record.intent.commit);
                    is_confirmed = record.was_live;
                    break;
                }
                RecordState::Open | RecordState::Success => commits.push(record.intent.commit),
            }
        }
        let Some(found) = found else {
            return Self::unknown("no deploy is recorded".into());
        };
        commits.insert(0, found);
        Self {
            commits,
            unknown: None,
            hold: None,
            is_confirmed,
        }
    }

    /// Render's live deploy and those in flight. The record only says which commit their digests are of.
    fn by_render(
        deploys: &[Deploy],
        records: &[&Record],
        label: impl Fn(&[Digest]) -> Option<CommitSha>,
    ) -> Self {
        let live = deploys
            .iter()
            .filter(|deploy| deploy.status == DeployStatus::Live);
        let flying = deploys.iter().filter(|deploy| deploy.status.is_in_flight());
        if live.clone().next().is_none() {
            return Self::unknown("nothing is live on Render".into());
        }
        let mut commits = Vec::new();
        for deploy in live.chain(flying) {
            match identify(records, &deploy.digests).or_else(|| label(&deploy.digests)) {
                Some(commit) => commits.push(commit),
                None => {
                    return Self::unknown(format!(
                        "which commit deploy {} ({}) is of is not known",
                        deploy.id, deploy.status
                    ));
                }
            }
        }
        Self {
            commits,
            unknown: None,
            hold: None,
            is_confirmed: true,
        }
    }
}

/// The commit that a rollback left, while the rollback stands: ours by the record, or one in Render's dashboard.
///
/// With an API key Render says whether it stands, by the bytes that serve or come. Without one, an attempt that nothing is known to have ended
/// counts as what it would have done: a later deploy that was cut off has lifted the hold, and a rollback that was cut off holds, unless what
/// it would have left was not all that may have served.
#[must_use]
pub fn hold_after_rollback(records: &[&Record], render: &OnRender) -> Option<CommitSha> {
    let attempts = records
        .iter()
        .copied()
        .filter(|record| record.is_own && record.intent.kind != Kind::Restore);
    match render {
        OnRender::Known(deploys) => held_on_render(attempts, coming(deploys)?),
        OnRender::NoKey | OnRender::Unknown(_) => held_by_record(attempts.filter(may_serve)),
    }
}

fn may_serve(record: &&Record) -> bool {
    matches!(record.state, RecordState::Success | RecordState::Open)
}

/// Goes back through the attempts, newest first, to one that certainly took effect. What may serve has to be what the rollback brought or left.
fn held_by_record<'a>(attempts: impl Iterator<Item = &'a Record>) -> Option<CommitSha> {
    let mut held = None;
    for record in attempts {
        let intent = &record.intent;
        let stands = match intent.kind {
            Kind::Rollback => held.is_none() || held == intent.from,
            Kind::Deploy | Kind::Restore => held == Some(intent.commit),
        };
        if !stands {
            return None;
        }
        held = held.or(intent.from);
        if record.state == RecordState::Success {
            break;
        }
    }
    held
}

/// Goes back through the attempts, newest first, to the one that brought what serves or comes. A rollback of ours that came to nothing says what
/// somebody wanted to leave, and has left where the dashboard then went back.
fn held_on_render<'a>(
    attempts: impl Iterator<Item = &'a Record>,
    coming: &Deploy,
) -> Option<CommitSha> {
    for record in attempts {
        let intent = &record.intent;
        if !may_serve(&record) {
            if intent.kind == Kind::Rollback && coming.by_rollback {
                return intent.from;
            }
            continue;
        }
        let brought_it = coming.is_of(&[intent.image.digest.clone(), intent.platform.clone()]);
        match (intent.kind, brought_it) {
            (Kind::Rollback, true) => return intent.from,
            (Kind::Deploy | Kind::Restore, true) => return None,
            // It was never sent, or something has replaced it since; what came before it may say more.
            (_, false) if record.state == RecordState::Open => {}
            (Kind::Rollback, false) => return intent.from.filter(|_| coming.by_rollback),
            (Kind::Deploy | Kind::Restore, false) => {
                return coming.by_rollback.then_some(intent.commit);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::testing::{deploy, digest, record, rollback, sha};
    use super::*;
    use crate::domain::RecordState::{Failure, Open, Success};

    #[test]
    fn render_says_what_serves_and_the_record_only_whose_bytes_these_are() {
        let (open, old) = (record(2, Open), record(1, Success));
        let records = [&open, &old];
        let render = |deploys: &[Deploy]| {
            Standing::new(Ok(&records), &OnRender::Known(deploys.to_vec()), |_| None)
        };
        let live = deploy(1, DeployStatus::Live);
        assert_eq!(render(std::slice::from_ref(&live)).commits, [sha(1)]);
        assert_eq!(
            render(&[deploy(2, DeployStatus::Queued), live.clone()]).commits,
            [sha(1), sha(2)]
        );
        assert!(render(&[deploy(2, DeployStatus::Queued)]).unknown.is_some());
        assert!(render(&[deploy(7, DeployStatus::Live)]).unknown.is_some());
        assert!(
            render(&[deploy(7, DeployStatus::Other), live])
                .unknown
                .is_some()
        );
        let mut by_platform = deploy(1, DeployStatus::Live);
        by_platform.digests = vec![digest(101)];
        assert_eq!(render(&[by_platform]).commits, [sha(1)]);
    }

    #[test]
    fn a_label_stands_in_where_the_record_does_not_know_the_digest() {
        let render = OnRender::Known(vec![deploy(7, DeployStatus::Live)]);
        let standing = Standing::new(Err("403"), &render, |digests| {
            (digests == [digest(7)]).then(|| sha(7))
        });
        assert_eq!((standing.commits, standing.unknown), (vec![sha(7)], None));
    }

    #[test]
    fn what_another_wrote_does_not_say_whose_bytes_these_are() {
        let mut foreign = record(1, Success);
        foreign.is_own = false;
        let render = OnRender::Known(vec![deploy(1, DeployStatus::Live)]);
        assert!(
            Standing::new(Ok(&[&foreign]), &render, |_| None)
                .unknown
                .is_some()
        );
    }

    #[test]
    fn a_rollback_in_the_dashboard_holds_too() {
        let (new, old) = (record(2, Success), record(1, Success));
        let mut live = deploy(1, DeployStatus::Live);
        live.by_rollback = true;
        let held = |live: &Deploy| {
            hold_after_rollback(&[&new, &old], &OnRender::Known(vec![live.clone()]))
        };
        assert_eq!(held(&live), Some(sha(2)));
        live.by_rollback = false;
        assert_eq!(held(&live), None);
        let mut forth = deploy(2, DeployStatus::Live);
        forth.by_rollback = true;
        assert_eq!(held(&forth), None, "it is where the record has it");
    }

    #[test]
    fn a_rollback_in_the_dashboard_in_place_of_ours_leaves_what_ours_was_to_leave() {
        let (mut back, cut_off, old) = (rollback(1, 2), record(2, Open), record(1, Success));
        back.state = Failure;
        let mut live = deploy(1, DeployStatus::Live);
        let held = |live: &Deploy| {
            hold_after_rollback(
                &[&back, &cut_off, &old],
                &OnRender::Known(vec![live.clone()]),
            )
        };
        assert_eq!(held(&live), None, "nobody went back");
        live.by_rollback = true;
        assert_eq!(held(&live), Some(sha(2)));
    }

    #[test]
    fn a_higher_release_than_the_one_that_was_left_lifts_the_hold() {
        let (back, left) = (rollback(6, 7), record(7, Success));
        let records = [&back, &left];
        let begun = |number, commit| Begun {
            number: ReleaseNumber::Number(number),
            commit: sha(commit),
            is_live: false,
        };
        let all = [begun(6, 6), begun(7, 7), begun(9, 9)];
        let until = |number, begun: &[Begun]| {
            let standing = Standing::new(Ok(&records), &OnRender::NoKey, |_| None);
            standing
                .for_release(ReleaseNumber::Number(number), begun)
                .hold
                .map(|hold| hold.until)
        };
        assert_eq!(until(7, &all), Some(Until::HigherRelease));
        assert_eq!(
            until(8, &all),
            None,
            "a later one that failed does not count"
        );
        assert_eq!(
            until(8, &all[..1]),
            Some(Until::Different),
            "the number of what was left is not known"
        );
    }

    #[test]
    fn render_says_whether_a_rollback_stands() {
        let (mut back, new, old) = (rollback(1, 2), record(2, Success), record(1, Success));
        let later = record(3, Open);
        let held = |records: &[&Record], list: &[Deploy]| {
            hold_after_rollback(records, &OnRender::Known(list.to_vec()))
        };
        let live = |commit| deploy(commit, DeployStatus::Live);
        assert_eq!(held(&[&back, &new, &old], &[live(1)]), Some(sha(2)));
        assert_eq!(
            held(
                &[&back, &new, &old],
                &[deploy(1, DeployStatus::Queued), live(2)]
            ),
            Some(sha(2))
        );
        assert_eq!(
            held(&[&back, &new, &old], &[live(7)]),
            None,
            "something else was put there by hand"
        );
        assert_eq!(
            held(&[&later, &back, &new], &[live(1)]),
            Some(sha(2)),
            "the later deploy never began"
        );
        assert_eq!(
            held(
                &[&later, &back, &new],
                &[deploy(3, DeployStatus::Queued), live(1)]
            ),
            None,
            "it comes"
        );
        let mut further = live(0);
        further.by_rollback = true;
        assert_eq!(
            held(&[&back, &new, &old], &[further]),
            Some(sha(2)),
            "rolled back further by hand"
        );
        back.state = Open;
        assert_eq!(
            held(&[&back, &new, &old], &[live(1)]),
            Some(sha(2)),
            "it was cut off and went live"
        );
        assert_eq!(
            held(&[&back, &new, &old], &[live(2)]),
            None,
            "it never began"
        );
    }

    #[test]
    fn a_service_of_another_id_or_image_has_no_record() {
        let mut one = record(1, Success);
        one.intent.id = ServiceId::parse("srv-1").ok();
        let records = [one];
        let repository = &records[0].intent.image.repository.clone();
        let count = |id: Option<&str>, repository: &Repository| {
            let id = id.and_then(|id| ServiceId::parse(id).ok());
            counting(&records, id.as_ref(), repository).count()
        };
        assert_eq!(
            (count(Some("srv-1"), repository), count(None, repository)),
            (1, 1)
        );
        assert_eq!(count(Some("srv-2"), repository), 0);
        assert_eq!(
            count(None, &Repository::parse("ghcr.io/acme/web").unwrap()),
            0
        );
    }
}
