//! The invariants, held against what the fake Render did and the fake GitHub was told; their numbers are those of `tests/simulation/check.rs`.
//!
//! 1. After a clean run of the tip every service serves the bytes of a commit that is equal to the tip on its paths, or a rollback holds it.
//!    Without a key this ends where an intent could not be written, which a warning says.
//! 2. No commit is hooked that the branch has left, nor an older one while a newer one is live or in flight. Where order could not be asked
//!    because GitHub was in trouble, a warning says so; of what somebody deployed by hand, or no record could be written, order knows nothing.
//! 3. `live` is told only of what Render served.
//! 5. Nothing is recorded that did not happen, and no hook is called without an intent.
//! 6. What a rollback by hand left does not come back by accident while the rollback stands.

use super::event::{Fortune, Key};
use super::team::{Before, Team};
use testworld::Run;
use testworld::github::Trouble;
use testworld::github::record::Recorded;
use testworld::render::{HookCall, Standing};

const SERVED: [&str; 2] = ["live", "deactivated"];
const FAILED: [&str; 4] = [
    "build_failed",
    "pre_deploy_failed",
    "update_failed",
    "canceled",
];

/// Whether a deploy goes on.
pub(super) fn is_in_flight(status: &str) -> bool {
    !SERVED.contains(&status) && !FAILED.contains(&status)
}

impl Team {
    /// What must hold of every run.
    pub(super) fn check(&mut self, run: &Run, before: &Before) {
        let calls = run.world.render.calls().split_off(before.calls);
        let taken: Vec<HookCall> = calls
            .into_iter()
            .filter(|call| matches!(call.answered, 200..=299))
            .collect();
        let (standing, records) = (run.world.render.standing(), run.world.github.records());
        self.check_end_of_run(run, before);
        for call in &taken {
            self.check_order(run, before, call);
            self.check_hold(run, before, call);
            self.check_intent(run, before, call, &records);
        }
        for record in &records {
            self.check_record(run, before, record, &taken, &standing);
        }
        self.check_told(run, before, &standing);
        self.count_run(run, before, &standing);
    }

    fn check_end_of_run(&self, run: &Run, before: &Before) {
        if before.fortune == Fortune::Well && run.exit != 0 {
            run.fail("nothing went wrong, and the run failed");
        }
    }

    fn check_order(&self, run: &Run, before: &Before, call: &HookCall) {
        let commit = before.commit;
        if self.image(commit, &call.service).as_ref() != Some(&call.image) {
            run.fail(&format!(
                "invariant 1: {} was given {}, which is not of commit {commit}",
                call.service, call.image
            ));
        }
        let warnings = run.annotations("warning");
        if warnings
            .iter()
            .any(|warning| warning.contains("this push is taken to be the newest"))
        {
            if !matches!(before.fortune, Fortune::Record(_)) {
                run.fail("order was not known, although nothing was wrong");
            }
            return;
        }
        if !self.reaches(commit, self.tip) {
            run.fail(&format!(
                "invariant 2: {} was given commit {commit}, which the branch has left",
                call.service
            ));
        }
        let is_newer = |deploy: &&Standing| {
            let may_serve = deploy.status == "live" || is_in_flight(deploy.status);
            let is_known = !self.by_hand.contains(&deploy.deploy)
                && !self
                    .unrecorded
                    .contains(&(deploy.service.clone(), deploy.image.clone()));
            let commits = self.commits_of(&deploy.service, &deploy.image);
            deploy.service == call.service
                && may_serve
                && is_known
                && !commits.is_empty()
                && commits.iter().all(|other| {
                    *other != commit
                        && self.reaches(commit, *other)
                        && self.reaches(*other, self.tip)
                })
        };
        if let Some(newer) = before.standing.iter().find(is_newer) {
            run.fail(&format!(
                "invariant 2: {} was given the older commit {commit} over {newer:?}",
                call.service
            ));
        }
    }

    fn check_hold(&self, run: &Run, before: &Before, call: &HookCall) {
        let Some(rolled) = self
            .rolled_back
            .get(call.service.as_str())
            .filter(|rolled| rolled.is_sure)
        else {
            return;
        };
        let of_service = || {
            before
                .standing
                .iter()
                .filter(|deploy| deploy.service == call.service)
        };
        let stands = of_service()
            .any(|deploy| deploy.status == "live" && deploy.image == rolled.image)
            && !of_service().any(|deploy| is_in_flight(deploy.status));
        let place = self
            .services
            .iter()
            .position(|(service, _)| *service == call.service)
            .unwrap_or_default();
        let tree = |commit: usize| self.commits[commit].tree[place];
        let is_back = rolled
            .left
            .iter()
            .all(|left| tree(*left) == tree(before.commit));
        if stands && is_back && !matches!(before.fortune, Fortune::Record(_)) {
            run.fail(&format!(
                "invariant 6: {} was given back what a rollback left",
                call.service
            ));
        }
    }

    fn check_intent(&mut self, run: &Run, before: &Before, call: &HookCall, records: &[Recorded]) {
        let is_it = |record: &Recorded| {
            record.service == call.service && call.image.ends_with(&record.digest)
        };
        let given = (call.service.clone(), call.image.clone());
        if records[before.records..].iter().any(is_it) {
            self.unrecorded.remove(&given);
            self.untracked.remove(&call.service);
        } else if matches!(before.fortune, Fortune::Record(_)) {
            self.unrecorded.insert(given);
            self.untracked.insert(call.service.clone());
        } else {
            run.fail(&format!("invariant 5: {call:?} without an intent"));
        }
    }

    fn check_record(
        &mut self,
        run: &Run,
        before: &Before,
        record: &Recorded,
        taken: &[HookCall],
        standing: &[Standing],
    ) {
        let known = self.states.insert(record.number, record.state.clone());
        if known.as_ref() == Some(&record.state) {
            return;
        }
        let image = self
            .image(before.commit, &record.service)
            .unwrap_or_default();
        let is_of_run =
            record.commit == self.commits[before.commit].sha && image.ends_with(&record.digest);
        let is_own = |service: &str, image: &str| {
            service == record.service && image.ends_with(&record.digest)
        };
        let was = |statuses: &[&str]| {
            let is_it = |deploy: &Standing| is_own(&deploy.service, &deploy.image);
            standing
                .iter()
                .any(|deploy| is_it(deploy) && statuses.contains(&deploy.status))
        };
        let is_true = match (record.state.as_str(), known.is_none()) {
            ("open", is_new) => is_new && is_of_run,
            (_, true) if !is_of_run => false,
            ("success", _) if record.description.starts_with("live") => was(&SERVED),
            ("success", _) => {
                self.setting.key == Key::None
                    && taken.iter().any(|call| is_own(&call.service, &call.image))
            }
            ("failure", _) => was(&FAILED),
            ("error", is_new) => {
                is_new && !taken.iter().any(|call| is_own(&call.service, &call.image))
            }
            _ => false,
        };
        if !is_true {
            run.fail(&format!(
                "invariant 5: {record:?} of commit {}, was {known:?}: {standing:#?}",
                before.commit
            ));
        }
    }

    fn check_told(&mut self, run: &Run, before: &Before, standing: &[Standing]) {
        let deploys = match run.output("deploys") {
            "" => return,
            _ => run.json("deploys"),
        };
        for told in deploys.as_array().into_iter().flatten() {
            let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
            let (service, status) = (text("service"), text("status"));
            let image = self.image(before.commit, &service);
            let is_it = |deploy: &Standing| {
                deploy.service == service && Some(&deploy.image) == image.as_ref()
            };
            if status == "live"
                && !standing
                    .iter()
                    .any(|deploy| is_it(deploy) && SERVED.contains(&deploy.status))
            {
                run.fail(&format!(
                    "invariant 3: {service} is told to be live: {standing:#?}"
                ));
            }
            match status.as_str() {
                "superseded" => self.count("services superseded"),
                "held" => self.count("services held"),
                "live" => self.count("services told live"),
                "accepted" => self.count("services told accepted"),
                _ => {}
            }
            self.told.insert(service, status);
        }
    }

    fn count_run(&mut self, run: &Run, before: &Before, standing: &[Standing]) {
        let failed = |deploys: &[Standing]| {
            deploys
                .iter()
                .filter(|deploy| deploy.status == "update_failed")
                .count()
        };
        match (&before.fortune, &run.cut) {
            (Fortune::Killed(_), Some(_)) if run.is_killed => self.count("runs killed"),
            (Fortune::Cancelled(_), Some(_)) => self.count("runs cancelled"),
            (Fortune::Fails(_), _) if failed(standing) > failed(&before.standing) => {
                self.count("deploys that failed")
            }
            (Fortune::Record(Trouble::RecordDown | Trouble::GraphQl(_)), _) => {
                self.count("records unreadable")
            }
            (Fortune::Record(_), _) => self.count("records unwritable"),
            _ => self.count("runs that nothing happened to"),
        }
    }

    /// What must hold when everything has come to its end.
    pub(super) fn check_end(&mut self) {
        for (place, (service, _)) in self.services.into_iter().enumerate() {
            let live = self.world().render.live(service);
            let commits = live
                .as_ref()
                .map(|image| self.commits_of(service, image))
                .unwrap_or_default();
            let tip = self.commits[self.tip].tree;
            if commits
                .iter()
                .any(|commit| self.commits[*commit].tree[place] == tip[place])
            {
                continue;
            }
            let is_told = self
                .told
                .get(service)
                .is_some_and(|status| status == "held");
            let is_held = self.rolled_back.get(service).is_some_and(|rolled| {
                live.as_ref() == Some(&rolled.image)
                    && rolled
                        .left
                        .iter()
                        .any(|left| self.commits[*left].tree[place] == tip[place])
            });
            if is_told && is_held {
                self.count("services held at the end");
            } else if self.setting.key == Key::None && self.untracked.contains(service) {
                self.count("services lost without a record");
            } else {
                panic!(
                    "invariant 1: {service} serves {live:?} of commits {commits:?}, and the tip is {}",
                    self.tip
                );
            }
        }
    }
}
