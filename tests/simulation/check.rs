//! The invariants, held against what is true in the model, never against what the program believes.
//!
//! 1. After a clean run of the tip every service serves bytes built from a tree equal to the tip's on its paths; or it is held, and what it
//!    serves was brought by the rollback. Without a key this ends where Render fails a deploy that it accepted, where somebody deployed by
//!    hand, and where an intent could not be written (which is warned of).
//! 2. No older commit of the present branch is hooked while a newer one is live or in flight, nor one that the branch has left, except by
//!    rollback; of releases, none with a lower number. Where order could not be asked, a warning said so.
//! 3. `live` is told only when our digest is live.
//! 4. No run of the tip is stuck on an image that its `matrix` did not list.
//! 5. Nothing is recorded that did not happen. Of bytes that serve it may be recorded that they do, whoever put them there.
//! 6. What a rollback left does not come back by accident while the rollback stands.
//!
//! 7. A release's tag is never moved, and is on a release's bytes before its first hook. After a clean run of it the tag of each image is on what
//!    a service of it serves.
//! 8. A rollback leads to what was live before, or to what was named.
//!
//! The seventh is held in `registry`, the eighth in `line`.
//!
//! The fourth (no run of the tip is stuck on an image that its `matrix` did not list) is held in `images`, where the run looks for them. What was
//! deleted or is needed only since the matrix was made, or cannot be read just then, is excused: the next run has it built.

use crate::event::At;
use crate::git::{SERVICES, number, same};
use crate::render::{By, Deployed};
use crate::run::{Known, Run, Stop, Told, What, perform};
use crate::world::{Memory, Violation, World};
use ghcr_to_render::domain::{Deploy, DeployStatus, Kind, RecordState};

/// What a rollback left: a tree, and in a tag environment the highest release of its commit.
pub(crate) struct Left {
    tree: [u8; 4],
    release: Option<u32>,
}

/// What a run does with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Deploys,
    Leaves,
}

/// What there is when the last run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Deploys may be in flight, and some of them may fail or hang: the run may then fail too, and has to say so.
    InFlight,
    /// Everything has ended.
    Quiet,
}

impl World {
    pub(crate) fn violate(&mut self, invariant: u8, text: String) {
        self.say(|| format!("!! invariant {invariant}: {text}"));
        self.violation.get_or_insert(Violation { invariant, text });
    }

    /// The deploy that serves once everything in flight has ended well.
    pub(crate) fn coming(&self, at: At) -> Option<&Deployed> {
        let render = &self.place(at).render;
        render
            .deploys
            .iter()
            .rev()
            .find(|deploy| deploy.status.is_in_flight())
            .or_else(|| render.live())
    }

    /// Whether what serves or comes was brought by a rollback that did not fail.
    fn rollback_stands(&self, at: At) -> bool {
        let Some(coming) = self.coming(at).map(|deploy| deploy.build) else {
            return false;
        };
        let place = self.place(at);
        let brought_it = |deploy: &Deployed| {
            let is_back = matches!(
                deploy.by,
                By::DashboardRollback
                    | By::Run {
                        kind: Kind::Rollback,
                        ..
                    }
            );
            is_back && deploy.build == coming && (deploy.was_live || deploy.status.is_in_flight())
        };
        place.went_back == Some(coming) && place.render.deploys.iter().any(brought_it)
    }

    /// Remembers what a person in the dashboard left, where a run can know it.
    pub(crate) fn note_what_a_hand_left(&mut self, at: At, by: By, build: usize) {
        let stands = self.rollback_stands(at);
        let tree = self.builds[build].tree;
        let is_undone = self
            .place(at)
            .left
            .iter()
            .any(|left| same(&left.tree, &tree, SERVICES[at.service].1));
        if by == By::DashboardRollback && stands {
            let place = self.place_mut(at);
            if is_undone {
                place.left.clear();
            }
            place.went_back = Some(build);
            return;
        }
        let was = self
            .coming(at)
            .map(|deploy| (deploy.by, deploy.status, deploy.build));
        let left = match was {
            Some((
                By::Run {
                    record: Some(record),
                    ..
                },
                DeployStatus::Live,
                old,
            )) if by == By::DashboardRollback => {
                let intent = &self.place(at).records[record];
                // The rule asks the newest success, which without a key may never have been live.
                let is_newest = self.place(at).records[record + 1..]
                    .iter()
                    .all(|later| !later.is_own || later.state != RecordState::Success);
                let is_deploy =
                    intent.state == RecordState::Success && intent.intent.kind == Kind::Deploy;
                let is_known = is_deploy && is_newest && old != build;
                is_known.then(|| number(&intent.intent.commit))
            }
            _ => None,
        };
        let left = left.map(|commit| self.left(at, commit));
        let place = self.place_mut(at);
        place.went_back = left.is_some().then_some(build);
        place.left = left.into_iter().collect();
        place.left_since = place.records.len();
    }

    fn left(&self, at: At, commit: usize) -> Left {
        let deploys = self.places[at.environment]
            .iter()
            .flat_map(|place| &place.render.deploys);
        let releases = deploys.filter_map(|deploy| match deploy.by {
            // One that stands in no record cannot be known.
            By::Run {
                commit: of,
                release,
                kind: Kind::Deploy,
                record: Some(_),
                ..
            } if of == commit => release,
            By::Run { .. } | By::Dashboard | By::DashboardRollback => None,
        });
        Left {
            tree: *self.git.tree(commit),
            release: releases.max(),
        }
    }

    /// Whether, without a key, something else may serve than what a rollback brought or left: a deploy was cut off, or a rollback from bytes
    /// that only Render knew of. Nobody can tell.
    fn is_covered(&self, at: At, before: Option<usize>) -> bool {
        let records = &self.place(at).records;
        let attempts = records[..before.unwrap_or(records.len())]
            .iter()
            .rev()
            .filter(|record| {
                let may_serve = matches!(record.state, RecordState::Success | RecordState::Open);
                may_serve && record.is_own && record.intent.kind != Kind::Restore
            });
        let mut from = None;
        for record in attempts {
            let (intent, is_sure) = (&record.intent, record.state == RecordState::Success);
            match (intent.kind, is_sure) {
                (Kind::Deploy | Kind::Restore, true) => {
                    return from.is_some_and(|from| from != intent.commit);
                }
                (Kind::Deploy | Kind::Restore, false) => return true,
                (Kind::Rollback, true) => return from.is_some() && from != intent.from,
                (Kind::Rollback, false) => from = from.or(intent.from),
            }
        }
        false
    }

    /// Whether a later deploy, or one under way, was of the very bytes that the rollback brought: then they serve for that one too.
    fn is_claimed(&self, at: At) -> bool {
        let place = self.place(at);
        let Some(back) = place.went_back.map(|build| &self.builds[build].index) else {
            return false;
        };
        place.records[place.left_since.saturating_sub(1)..]
            .iter()
            .any(|record| {
                record.is_own
                    && record.intent.kind == Kind::Deploy
                    && record.intent.image.digest == *back
            })
    }

    /// The highest release that any service of an environment leaves, when a rollback begins there. What stands in no record, and what a hand did
    /// that nobody can see without a key, cannot be known.
    pub(crate) fn leaves(&self, environment: usize) -> Option<u32> {
        let of = |service| {
            let at = At {
                environment,
                service,
            };
            let deploy = self.coming(at)?;
            if let By::Run {
                kind: Kind::Deploy,
                release,
                warned: false,
                record: Some(_),
                ..
            } = deploy.by
            {
                return release;
            }
            let is_seen = self.has_key || deploy.by != By::DashboardRollback;
            let left = self
                .place(at)
                .left
                .iter()
                .filter_map(|left| left.release)
                .max();
            left.filter(|_| is_seen && self.rollback_stands(at))
        };
        (0..SERVICES.len()).filter_map(of).max()
    }

    /// Remembers what a run's hook left, or that it went on.
    pub(crate) fn note_what_a_run_left(&mut self, at: At, build: usize, by: By) {
        let left = match by {
            By::Run {
                kind: Kind::Rollback,
                record: Some(record),
                ..
            } => {
                let from = self.place(at).records[record].intent.from;
                let own = from.map(|from| self.left(at, number(&from)));
                own.map(|own| Left {
                    release: own.release.max(self.leaving),
                    ..own
                })
            }
            By::Run { .. } | By::Dashboard | By::DashboardRollback => None,
        };
        let before = if let By::Run { record, .. } = by {
            record
        } else {
            None
        };
        let is_on = self.rollback_stands(at) && (self.has_key || !self.is_covered(at, before));
        let place = self.place_mut(at);
        match left {
            Some(left) => {
                if !is_on {
                    place.left.clear();
                }
                place.left.push(left);
                place.went_back = Some(build);
                place.left_since = place.records.len();
            }
            None => (place.left, place.went_back) = (Vec::new(), None),
        }
    }

    /// Invariant 6, when a run has decided what to do with a service.
    pub(crate) fn check_hold(
        &mut self,
        at: At,
        run: &Run,
        memory: &Result<Memory, String>,
        deploys: &Option<Result<Vec<Deploy>, String>>,
        decision: Decision,
    ) {
        if memory.is_err() || matches!(deploys, Some(Err(_))) || !self.rollback_stands(at) {
            return;
        }
        let is_by_hand = self
            .coming(at)
            .is_some_and(|deploy| deploy.by == By::DashboardRollback);
        if deploys.is_none() && (is_by_hand || self.is_covered(at, None)) {
            return;
        }
        if self.is_claimed(at) {
            return;
        }
        let tree = self.git.tree(run.commit);
        let is_left = |left: &Left| match run.what {
            What::Release(release) => left.release.is_some_and(|left| release <= left),
            What::Push | What::Dispatch | What::Rollback(_) => {
                same(&left.tree, tree, SERVICES[at.service].1)
            }
        };
        if !self.place(at).left.iter().any(is_left) {
            return;
        }
        match decision {
            Decision::Leaves => self.count("rollbacks respected"),
            Decision::Deploys => {
                self.violate(
                    6,
                    format!(
                        "{run} puts back on {} what a rollback left",
                        SERVICES[at.service].0
                    ),
                );
            }
        }
    }

    /// Invariant 2, right before a hook, by the branch as it was read for it: what happens to it in between nobody can see.
    pub(crate) fn check_hook(
        &mut self,
        at: At,
        commit: usize,
        release: Option<u32>,
        kind: Kind,
        known: Known,
    ) {
        if kind != Kind::Deploy || known == Known::Unknown {
            return;
        }
        let name = SERVICES[at.service].0;
        let (git, tip) = (&self.git, self.tip_read);
        if release.is_none() && !git.reaches(commit, tip) {
            self.violate(
                2,
                format!("c{commit} is hooked on {name}, and the branch on c{tip} has left it"),
            );
            return;
        }
        // What was accepted without a key counts as what serves, until a key has seen something else live.
        let (deploys, records) = (&self.place(at).render.deploys, &self.place(at).records);
        let is_accepted = |deploy: &Deployed| match deploy.by {
            By::Run {
                record: Some(record),
                ..
            } => records[record].state == RecordState::Success && !records[record].was_live,
            By::Run { record: None, .. } | By::Dashboard | By::DashboardRollback => false,
        };
        let first = deploys.iter().rposition(is_accepted).unwrap_or(0);
        let deploys = deploys[first..].iter();
        let newer = deploys
            .filter(|deploy| deploy.status == DeployStatus::Live || deploy.status.is_in_flight())
            .find_map(|deploy| match (deploy.by, release) {
                (By::Run { warned: true, .. }, _) => None,
                (
                    By::Run {
                        release: Some(there),
                        ..
                    },
                    Some(own),
                ) => (there > own).then(|| format!("prod-{own} while prod-{there}")),
                (By::Run { commit: there, .. }, None) => {
                    let is_newer =
                        there != commit && git.reaches(commit, there) && git.reaches(there, tip);
                    is_newer.then(|| format!("c{commit} while c{there}"))
                }
                (By::Run { release: None, .. }, Some(_))
                | (By::Dashboard | By::DashboardRollback, _) => None,
            });
        if let Some(newer) = newer {
            self.violate(
                2,
                format!("{name} is hooked with {newer} is live or in flight there"),
            );
        }
    }

    /// Invariant 3, when live is told.
    pub(crate) fn check_live(&mut self, at: At, build: usize) {
        if self
            .place(at)
            .render
            .live()
            .is_none_or(|live| live.build != build)
        {
            self.violate(
                3,
                format!(
                    "{} is told live with bytes {build}, and they are not",
                    SERVICES[at.service].0
                ),
            );
        }
    }

    /// Invariant 5, when a record is ended.
    pub(crate) fn check_record(
        &mut self,
        at: At,
        record: usize,
        state: RecordState,
        was_live: bool,
    ) {
        let place = self.place(at);
        let digest = &place.records[record].intent.image.digest;
        let truth = &place.truth[record];
        let deploys = || {
            place
                .render
                .deploys
                .iter()
                .enumerate()
                .filter(|(id, _)| truth.deploys.contains(id))
        };
        let is_own = |deploy: &Deployed| self.builds[deploy.build].index == *digest;
        let later = || {
            place
                .render
                .deploys
                .iter()
                .skip(truth.began)
                .filter(|deploy| is_own(deploy))
        };
        let is_true = match state {
            RecordState::Success if was_live => {
                later().any(|deploy| deploy.was_live) || place.render.live().is_some_and(is_own)
            }
            RecordState::Success => deploys().next().is_some(),
            RecordState::Failure => {
                deploys().all(|(_, deploy)| !deploy.was_live && !deploy.status.is_in_flight())
            }
            RecordState::Error => deploys().next().is_none(),
            RecordState::Open => false,
        };
        if state == RecordState::Success
            && record >= place.left_since
            && place.records[record].intent.kind == Kind::Deploy
        {
            // Something else was deployed, perhaps by adopting what the rollback had asked for.
            let place = self.place_mut(at);
            (place.left, place.went_back) = (Vec::new(), None);
        }
        if !is_true {
            let name = SERVICES[at.service].0;
            self.violate(
                5,
                format!(
                    "record {record} of {name} is ended as {state:?}, which is not what happened"
                ),
            );
        }
    }

    /// Whether the promise ends for a service without a key: what happened there last is nothing that the record can know, or Render has
    /// failed the deploy whose acceptance is the base.
    pub(crate) fn is_beyond_the_record(&self, at: At) -> bool {
        let place = self.place(at);
        let is_unrecorded = |deploy: &Deployed| {
            matches!(
                deploy.by,
                By::Dashboard | By::DashboardRollback | By::Run { warned: true, .. }
            )
        };
        if place.render.live().is_some_and(is_unrecorded) {
            return true;
        }
        let base = place
            .records
            .iter()
            .rposition(|record| record.is_own && record.state == RecordState::Success);
        let was_live = |record: usize| {
            place.truth[record]
                .deploys
                .iter()
                .any(|id| place.render.deploys[*id].was_live)
        };
        let is_ours = |record: &usize| place.records[*record].intent.id.as_ref() == Some(&place.id);
        match base.filter(is_ours) {
            Some(base) => !place.records[base].was_live && !was_live(base),
            None => false,
        }
    }

    /// Invariant 1, at the end: the tip is run once more with nobody in its way, and again when everything has settled.
    pub(crate) fn check_end(&mut self) {
        self.end_faults();
        self.clean_runs(Before::InFlight);
        self.settle();
        self.clean_runs(Before::Quiet);
    }

    fn clean_runs(&mut self, before: Before) {
        let tip = self.git.tip;
        let run = Run {
            environment: 0,
            commit: tip,
            what: What::Push,
            attempt: 1,
            before: None,
        };
        let run = self.last_push.clone().unwrap_or(run);
        self.clean_run(&run, before);
        let Some(last) = self.releases.last().copied() else {
            return;
        };
        let what = What::Release(u32::try_from(self.releases.len()).expect("few releases"));
        // Whatever its own run came to.
        self.clean_run(
            &Run {
                environment: 1,
                commit: last,
                what,
                attempt: 2,
                before: None,
            },
            before,
        );
        self.tag(0);
        if let Some(run) = self.queues[1].pending.take() {
            self.clean_run(&run, before);
        }
    }

    fn clean_run(&mut self, run: &Run, before: Before) {
        if self.violation.is_some() {
            return;
        }
        let environment = run.environment;
        let places = [0, 1, 2].map(|service| At {
            environment,
            service,
        });
        self.say(|| format!("at the end, with nothing in its way: {run}"));
        let is_flying = places.iter().any(|at| {
            self.place(*at)
                .render
                .deploys
                .iter()
                .any(|it| it.status.is_in_flight())
        });
        let told = match perform(self, run) {
            Ok(told) => told,
            Err(Stop::Killed) => return,
            Err(Stop::Failed(word)) => return self.check_stopped(run, word, before, is_flying),
        };
        self.settle();
        self.check_release_tags(run, &told);
        if before == Before::InFlight
            && told
                .iter()
                .any(|told| matches!(told, Told::Failed | Told::Unknown))
        {
            self.count("last runs that Render failed");
            return;
        }
        for (at, told) in places.into_iter().zip(told) {
            if !self.has_key && self.is_beyond_the_record(at) {
                self.count("services beyond the promise without a key");
                continue;
            }
            // What was held for a rollback on its way is put right by the next run, where that rollback fails.
            if before == Before::Quiet || told != Told::Held {
                self.check_serves(at, run, told);
            }
        }
    }

    fn check_serves(&mut self, at: At, run: &Run, told: Told) {
        let live = self.place(at).render.live();
        let tree = live.map(|live| self.builds[live.build].tree);
        if tree.is_some_and(|tree| same(&tree, self.git.tree(run.commit), SERVICES[at.service].1)) {
            return;
        }
        let place = self.place(at);
        let is_ours = |build: usize| {
            let digest = &self.builds[build].index;
            let back = place
                .records
                .iter()
                .filter(|record| record.intent.kind == Kind::Rollback);
            back.into_iter()
                .any(|record| record.is_own && record.intent.image.digest == *digest)
        };
        let went_back =
            live.is_some_and(|live| live.by == By::DashboardRollback || is_ours(live.build));
        if told == Told::Held && went_back {
            self.count("services held at the end");
            return;
        }
        let name = SERVICES[at.service].0;
        let by = live.map(|live| (live.build, live.by));
        self.violate(
            1,
            format!(
                "after {run}, {name} was told {told:?} and serves {by:?}, which is not the tip's"
            ),
        );
    }

    /// A clean run may only refuse what is to be refused.
    fn check_stopped(&mut self, run: &Run, word: &'static str, before: Before, is_flying: bool) {
        let (environment, git) = (run.environment, &self.git);
        let is_behind = (0..3)
            .flat_map(|service| {
                &self
                    .place(At {
                        environment,
                        service,
                    })
                    .records
            })
            .any(|record| {
                let commit = number(&record.intent.commit);
                record.is_own && commit != run.commit && git.reaches(run.commit, commit)
            });
        let is_taken = run
            .release()
            .is_some_and(|release| (0..2).any(|image| self.released(release, image).is_some()));
        match word {
            "release-taken" if is_taken => self.count("last releases refused as taken"),
            "going-back" if environment == 1 && is_behind => {
                self.count("releases that would go back, refused")
            }
            // A rollback failed between its plan, which had found nothing to build, and its deploy: the next run builds it.
            "image-missing"
                if before == Before::InFlight
                    && is_flying
                    && self.builds.iter().any(|it| it.is_gone) =>
            {
                self.count("last runs that came to need a deleted image");
            }
            "not-live-in-required-environment" if environment == 1 => {
                self.count("releases that staging has not had")
            }
            _ => self.violate(1, format!("{run} failed: {word}")),
        }
    }
}
