//! What must hold when a run has ended: promise 1 above all.

use super::Promise;
use crate::manifest::Config;
use crate::setting::PROBE_TIMEOUT;
use crate::team::Team;
use crate::world::RunNumber;
use crate::world::render::{By, Deploy, State};
use std::collections::BTreeMap;

/// The environment of the records that say which names a service had.
const NAMES: &str = "ghcr-to-render";
/// Outcomes after which nothing may be lost.
const CLEAN: [&str; 5] = ["live", "accepted", "nothing", "skipped", "held"];

impl Team {
    pub(crate) fn ends(
        &mut self,
        number: RunNumber,
        code: u8,
        outputs: &BTreeMap<String, String>,
        said: &str,
    ) {
        let text = |name: &str| outputs.get(name).map(String::as_str).unwrap_or_default();
        let (outcome, failure) = (text("outcome").to_owned(), text("failure").to_owned());
        self.counters
            .add(&format!("runs that end {outcome} {failure}"));
        self.say(|| format!("  run {number} ends with {code}: {outcome} {failure}"));
        if self.story.is_some() && code != 0 {
            let said: Vec<String> = said
                .lines()
                .filter(|line| line.starts_with("::error"))
                .map(str::to_owned)
                .collect();
            said.into_iter()
                .for_each(|line| self.say(|| format!("    {line}")));
        }
        let deploys = serde_json::from_str(text("deploys")).unwrap_or_default();
        self.check_told(number, &deploys);
        self.check_words(number, code, &outcome, said);
        match self.runs[number].command {
            "deploy" => self.check_deploy(number, code, &outcome, &failure, &deploys),
            "release" => self.check_release(number, code, text("release")),
            "cleanup" => self.check_clean_up(),
            _ => {}
        }
        self.world.step += 1;
    }

    fn check_words(&mut self, number: RunNumber, code: u8, outcome: &str, said: &str) {
        if !matches!(code, 0..=2) || outcome.is_empty() || said.contains("panicked") {
            self.broken(
                Promise::Sane,
                format!("run {number} ends with {code} and outcome {outcome:?}: {said}"),
            );
        }
        for violation in std::mem::take(&mut self.world.violations) {
            self.broken(Promise::Sane, format!("run {number}: {violation}"));
        }
    }

    fn check_deploy(
        &mut self,
        number: RunNumber,
        code: u8,
        outcome: &str,
        failure: &str,
        deploys: &serde_json::Value,
    ) {
        let Some(environment) = self.runs[number].environment else {
            return;
        };
        let (commit, release) = (self.runs[number].commit, self.runs[number].release);
        let tip = self.tip(environment, commit, &self.world.origin.refs);
        let is_tip = tip == Some((commit, release));
        if self.setting.shares_hooks() {
            // What one environment deploys, the other one has to deploy again.
            self.clean.clear();
        }
        self.clean.remove(&environment);
        let is_clean = code == 0 && CLEAN.contains(&outcome);
        // "Without `services`, `freeze`, `dry-run`."
        let run = &self.runs[number];
        if !is_tip || run.is_cut || run.is_outdated || run.part.is_some() {
            return;
        }
        self.counters.add("runs of the tip");
        if !is_clean {
            self.check_progress(number, outcome, failure);
            return;
        }
        self.counters.add("runs of the tip that end well");
        let mut is_whole = true;
        for service in self.services_at(commit, environment) {
            let name = self
                .manifest(commit)
                .and_then(|manifest| manifest.service(service).map(|found| found.name.clone()));
            let told = deploys
                .as_array()
                .into_iter()
                .flatten()
                .find(|told| told["service"].as_str() == name.as_deref());
            let status = told
                .and_then(|told| told["status"].as_str())
                .unwrap_or_default();
            if status == "held" {
                self.counters.add("services held");
                if !self.may_be_held(environment, service) {
                    self.counters
                        .add("services held for a reason that the oracle does not know");
                }
                is_whole = false;
                continue;
            }
            is_whole &= self.check_service(number, service);
        }
        if is_whole && (self.setting.record || self.setting.has_key()) {
            self.check_tags(number);
        }
        // After runs that overlapped, nobody knows whose call came last: one more deploy makes it good.
        let is_alone = !self.runs[number].is_disturbed;
        if is_alone && (self.setting.record || self.setting.has_key()) {
            self.clean.insert(environment, commit);
        }
    }

    /// "Every service that is not held serves bytes built from a tree equal to `T`, as of the moment at which the run read what serves." Says whether
    /// it serves just that.
    fn check_service(&mut self, number: RunNumber, service: usize) -> bool {
        let run = &self.runs[number];
        let (Some(environment), commit) = (run.environment, run.commit) else {
            return false;
        };
        let id = self.render_id(environment, service);
        let found = self.world.render.service(&id);
        let coming = found
            .deploys
            .iter()
            .rfind(|deploy| deploy.state.is_in_flight())
            .or_else(|| found.live())
            .cloned();
        let deploys = found.deploys.clone();
        if coming
            .as_ref()
            .is_some_and(|deploy| self.serves(deploy, commit, service))
        {
            self.counters.add("services that serve the tip");
            return true;
        }
        if coming
            .as_ref()
            .is_some_and(|deploy| self.built_from(deploy).contains(&commit))
        {
            // "Bytes built from a tree equal to `T`": these are what `T` itself was built to, deployed for another commit or from another repository.
            self.counters.add("services that serve the tip's own bytes");
            return false;
        }
        if let Some(excuse) = self.excuse_of_loss(number, &id, coming.as_ref(), &deploys) {
            self.counters.add(excuse);
            return false;
        }
        let shown = coming
            .as_ref()
            .map(|deploy| (deploy.id.as_str(), deploy.state, self.commits_of(deploy)));
        let text = format!(
            "run {number} of the tip c{commit} ends well, and s{service} of environment {environment} serves {shown:?}"
        );
        self.broken(Promise::NothingIsLost, text);
        false
    }

    fn excuse_of_loss(
        &self,
        number: RunNumber,
        id: &str,
        coming: Option<&Deploy>,
        deploys: &[Deploy],
    ) -> Option<&'static str> {
        let run = &self.runs[number];
        let by_others = |deploy: &Deploy| deploy.by != By::Run(number) && deploy.asked > run.begun;
        if deploys.iter().any(by_others) {
            // "As of the moment at which the run read what serves." "The next run of T makes it good."
            return Some("excuse: somebody else deployed while the run of the tip went on");
        }
        let is_unlisted = |deploy: &Deploy| {
            let was_listed = deploy.is_listed_late(self.world.now) && deploy.was_due(run.began);
            self.setting.lists_late && !was_listed
        };
        let is_recorded = |deploy: &Deploy| {
            let is_its = |found: &&crate::world::deployments::Deployment| {
                By::Run(found.run.unwrap_or(usize::MAX)) == deploy.by
                    && found.field("id") == id
                    && found.field("digest") == deploy.digest()
            };
            let found = self.world.deployments.list.iter().find(is_its);
            found.is_some_and(|found| found.is_shown(run.begun.max(found.step + 1)))
        };
        if coming.is_some_and(|deploy| is_unlisted(deploy) && !is_recorded(deploy)) {
            // "As of the moment at which the run read what serves." "Every attempt of our own" is known by its record.
            return Some("excuse: Render does not list a deploy yet, and no record tells of it");
        }
        if self.setting.wait_accepted
            && deploys.iter().any(|deploy| {
                deploy.by == By::Run(number)
                    && matches!(deploy.state, State::Failed | State::Canceled)
            })
        {
            // Nobody follows what is only accepted: "provided that Render fails no deploy that it accepted".
            return Some("excuse: `wait: accepted`, and Render failed the deploy that it accepted");
        }
        if self.setting.has_key() {
            return None;
        }
        if !self.setting.record {
            return Some("excuse: no key, and no records are kept");
        }
        if coming.is_some_and(|deploy| self.crossed_and_was_cut(id, deploy)) {
            // "Between the last look and the call lies a moment that nothing can close." A run that is cut off there tells nobody of its call.
            return Some("excuse: no key, and a run was cut off whose call crossed another's");
        }
        // "Hook-only without a probe: provided that Render fails no deploy that it accepted."
        let last = deploys.iter().rfind(|deploy| deploy.by != By::Hand)?;
        if matches!(last.state, State::Failed | State::Canceled) && !self.asks_services() {
            return Some("excuse: no key, and Render failed the last deploy that it accepted");
        }
        if coming.is_some_and(|deploy| deploy.by == By::Hand) {
            return Some("excuse: no key, and a person deployed");
        }
        if self.has_lost_names || self.hides_names(run.begun) {
            // "Records that were deleted are outside."
            return Some(
                "excuse: the record of a service's names was taken away, or is listed late",
            );
        }
        let is_shown = coming.is_none_or(is_recorded);
        // "Records that were deleted are outside, except for what `before` shows."
        let before = run.before.filter(|_| run.is_first());
        let shows = coming.is_some_and(|deploy| {
            before.is_some_and(|before| self.commits_of(deploy).contains(&before))
        });
        if !is_shown && !shows {
            return Some(
                "excuse: no key, and the record of the last deploy was never written, or was hidden",
            );
        }
        None
    }

    /// Whether a deploy is of a run that was cut off, and whose record another run had ended by the time of its call.
    fn crossed_and_was_cut(&self, id: &str, deploy: &Deploy) -> bool {
        let By::Run(number) = deploy.by else {
            return false;
        };
        let is_its = |found: &&crate::world::deployments::Deployment| {
            found.run == Some(number)
                && found.field("id") == id
                && found.field("digest") == deploy.digest()
        };
        let mut records = self.world.deployments.list.iter().filter(is_its);
        self.runs[number].is_cut
            && records.any(|found| {
                let status = found.state();
                status.is_some_and(|status| status.description.starts_with("replaced"))
            })
    }

    /// Whether every deploy is confirmed by the service itself, where the program asks it.
    pub(super) fn asks_services(&self) -> bool {
        let has_manifest = |config: &Config| !matches!(config, Config::Absent);
        self.setting.has_probes
            && !self.setting.wait_accepted
            && self.configs.iter().all(has_manifest)
    }

    /// Whether a record of names is not in the lists that a run reads which begins in that step.
    pub(super) fn hides_names(&self, begun: usize) -> bool {
        let mut records = self.world.deployments.list.iter();
        records.any(|found| found.original == NAMES && found.step < begun && !found.is_shown(begun))
    }

    /// A run of the tip to which nothing happens ends well.
    fn check_progress(&mut self, number: RunNumber, outcome: &str, failure: &str) {
        let run = &self.runs[number];
        let is_plain =
            run.was_quiet && !run.is_disturbed && !self.world.faults.met.contains(&number);
        // Strangers may fill lists up to their bound: "need and order are unknown".
        if !is_plain || self.has_edited_records || self.is_refused_for_a_reason(number, failure) {
            return;
        }
        self.broken(
            Promise::RunsEndWell,
            format!("nothing happens to run {number} of the tip, and it ends {outcome} {failure}"),
        );
    }

    fn is_refused_for_a_reason(&self, number: RunNumber, failure: &str) -> bool {
        let run = &self.runs[number];
        let is_broken = self.manifest(run.commit).is_none();
        // The images of a commit that nobody pushed by itself were never built, and a base image's label is none of the image's own.
        let image = failure.starts_with("image-");
        // "Everything else that lies on no `from` branch is refused."
        let release = run.release.is_some()
            && ["going-back", "release-moved", "bad-event"].contains(&failure);
        is_broken
            || image
            || release
            || failure == "bad-manifest"
            || self.is_too_slow(number, failure)
            || (failure == "not-live-in-required-environment" && self.setting.requires())
            || self.is_renamed(number, failure)
    }

    /// A service answers only once Render has deployed it, and what Render fails never answers.
    fn is_too_slow(&self, _: RunNumber, failure: &str) -> bool {
        failure == "probe-failed" && 2 * self.setting.pace >= PROBE_TIMEOUT
    }

    /// A person gives an environment's name, which is read in the manifest of the default branch and in that of the commit.
    fn is_renamed(&self, number: RunNumber, failure: &str) -> bool {
        let run = &self.runs[number];
        let name = |commit: usize| {
            let manifest = self.manifest(commit)?;
            Some(manifest.environment(run.environment?)?.name.clone())
        };
        let tip = self.on("refs/heads/main");
        failure == "bad-input" && tip.and_then(name) != name(run.commit)
    }

    /// A release is made on a commit of the branch.
    fn check_release(&mut self, number: RunNumber, code: u8, release: &str) {
        let git_ref = format!("refs/tags/{release}");
        if code != 0 || release.is_empty() {
            return;
        }
        let Some(commit) = self.on(&git_ref) else {
            return;
        };
        let is_on = |name: &str| {
            self.on(name)
                .is_some_and(|tip| self.world.origin.reaches(commit, tip))
        };
        let step = self.runs[number].begun;
        if !is_on("refs/heads/main")
            && !is_on("refs/heads/hotfix")
            && !self.runs[number].is_disturbed
            && step > 0
        {
            let text = format!("run {number} makes {release} on c{commit}, which main has left");
            self.broken(Promise::ReleasesAreOnBranches, text);
        }
    }

    fn check_clean_up(&mut self) {
        for (repository, tags) in std::mem::take(&mut self.world.packages.deleted) {
            let is_own = |tag: &String| {
                let sha = tag.strip_prefix("pr-7-");
                sha.is_some_and(|sha| self.world.origin.number(sha).is_some())
            };
            self.counters.add("images cleaned up");
            if !tags.iter().all(is_own) {
                self.broken(
                    Promise::CleanUpDeletesItsOwn,
                    format!("clean-up deletes {tags:?} of {repository}"),
                );
            }
        }
    }
}
