//! What must hold when a run asks Render for a deploy: promises 2 and 4, and holds.

use super::Promise;
use crate::team::Team;
use crate::wire::Call;
use crate::world::RunNumber;
use crate::world::render::{By, Deploy, State};

/// A call, with what the run can know.
struct Asked {
    number: RunNumber,
    service: usize,
    id: String,
    environment: usize,
    commit: usize,
    /// What the tip is, as the run can know it.
    tip: Option<(usize, Option<u32>)>,
    /// The step of the run's earlier call of this service.
    after: usize,
}

impl Team {
    pub(crate) fn check_call(&mut self, number: RunNumber, call: &Call) {
        let Some(id) = call
            .path
            .split('/')
            .find(|part| part.starts_with("srv-"))
            .map(str::to_owned)
        else {
            return;
        };
        let Some(environment) = self.runs[number].environment else {
            self.broken(
                Promise::Sane,
                format!("run {number} deploys, and is about no environment"),
            );
            return;
        };
        let Some(service) = self.service_of(environment, &id) else {
            self.broken(
                Promise::Sane,
                format!("run {number} deploys {id}, which is not of its environment"),
            );
            return;
        };
        let after = self.runs[number]
            .calls
            .iter()
            .rfind(|(of, _)| *of == service)
            .map_or(0, |(_, step)| *step);
        let (refs, is_fresh) = self.seen_refs(number, after);
        if self.tip(environment, &refs) != self.tip(environment, &self.world.origin.refs) {
            // "Between the last look and the call lies a moment that nothing can close."
            self.counters
                .add("excuse: the tip moved between the last look and the call");
        }
        if !is_fresh {
            self.counters
                .add("calls without a look at refs right before");
        }
        let asked = Asked {
            number,
            service,
            environment,
            commit: self.runs[number].commit,
            tip: self.tip(environment, &refs),
            after,
            id,
        };
        self.check_repeat(&asked);
        if self.runs[number].command == "deploy" {
            self.check_record(&asked);
            self.check_order(&asked);
            self.check_newer(&asked);
            self.check_hold(number, service);
            self.check_rollback(&asked);
            self.holds.remove(&(environment, service));
        }
        let step = self.world.step + 1;
        self.runs[number].calls.push((service, step));
        self.counters.add("deploys asked for");
    }

    /// "A re-run of a finished run deploys nothing a second time unless `force` says so."
    fn check_repeat(&mut self, asked: &Asked) {
        let run = &self.runs[asked.number];
        if !run.repeats || run.is_disturbed || self.world.faults.met.contains(&asked.number) {
            return;
        }
        let found = self.world.render.service(&asked.id);
        let is_busy = found
            .deploys
            .iter()
            .any(|deploy| deploy.state.is_in_flight());
        let Some(live) = found.live().filter(|_| !is_busy).cloned() else {
            return;
        };
        if !self.serves(&live, asked.commit, asked.service)
            || !self.is_shown(&live, self.runs[asked.number].begun)
        {
            return;
        }
        let text = format!(
            "run {} deploys s{} a second time",
            asked.number, asked.service
        );
        self.broken(Promise::NothingTwice, text);
    }

    /// Whether the record of a deploy is in the lists, and says that it went well.
    fn is_shown(&self, deploy: &Deploy, begun: usize) -> bool {
        self.world.deployments.list.iter().any(|found| {
            By::Run(found.run.unwrap_or(usize::MAX)) == deploy.by
                && found.field("digest") == deploy.digest()
                && found.is_shown(begun)
                && found
                    .state()
                    .is_some_and(|status| status.state == "success")
        })
    }

    /// "Written before the call." Where GitHub is in trouble, "deploys go on without a record", which a warning says.
    fn check_record(&mut self, asked: &Asked) {
        if !self.setting.record || self.world.faults.met.contains(&asked.number) {
            return;
        }
        let sha = self.sha(asked.commit);
        let is_it = |found: &crate::world::deployments::Deployment| {
            found.run == Some(asked.number) && found.commit == sha
        };
        if !self.world.deployments.list.iter().any(is_it) && !self.has_edited_records {
            let text = format!(
                "run {} deploys s{} without a record",
                asked.number, asked.service
            );
            self.broken(Promise::NothingIsClaimed, text);
        }
    }

    /// "The branch is gone, or `H` is not reachable from `T`: superseded." "Order unknown: `order-unknown`, for every run."
    fn check_order(&mut self, asked: &Asked) {
        if !self.knows_order(asked.number) {
            let text = format!(
                "run {} deploys s{} and was never told where the tip is",
                asked.number, asked.service
            );
            self.broken(Promise::UnknownNeverGoesBack, text);
            return;
        }
        if self.has_releases(asked.environment) {
            self.check_release_branch(asked);
            return;
        }
        let Some((tip, _)) = asked.tip else {
            let text = format!(
                "run {} deploys s{} although its branch is gone",
                asked.number, asked.service
            );
            self.broken(Promise::NothingStepsBack, text);
            return;
        };
        if !self.world.origin.reaches(asked.commit, tip) {
            let text = format!(
                "run {} deploys c{} as s{}, which the branch on c{tip} has left",
                asked.number, asked.commit, asked.service
            );
            self.broken(Promise::NothingStepsBack, text);
            return;
        }
        let has_it = self
            .manifest(tip)
            .is_none_or(|manifest| manifest.service(asked.service).is_some());
        if !has_it {
            let text = format!(
                "run {} deploys s{}, which the tip c{tip} has not",
                asked.number, asked.service
            );
            self.broken(Promise::NothingStepsBack, text);
        }
    }

    /// A release's commit lies on a `from` branch, or "was deployed or begun here by our own record".
    fn check_release_branch(&mut self, asked: &Asked) {
        let (refs, _) = self.seen_refs(asked.number, asked.after);
        let tips = ["refs/heads/main", "refs/heads/hotfix"]
            .into_iter()
            .filter_map(|name| self.world.origin.number(refs.get(name)?));
        let is_on = tips
            .into_iter()
            .any(|tip| self.world.origin.reaches(asked.commit, tip));
        let was_begun = self.runs.iter().any(|run| {
            run.environment == Some(1) && run.commit == asked.commit && !run.calls.is_empty()
        });
        if !is_on && !was_begun {
            let text = format!(
                "run {} deploys a release on c{}, which its branches have left",
                asked.number, asked.commit
            );
            self.broken(Promise::ReleasesAreOnBranches, text);
        }
    }

    /// "What serves S and equals `T` still does afterwards. A newer commit that is live or in flight is not replaced by an older one."
    fn check_newer(&mut self, asked: &Asked) {
        let Some((tip, _)) = asked.tip else {
            return;
        };
        if self.are_equal(asked.commit, tip, asked.service) {
            return;
        }
        let deploys = self.world.render.service(&asked.id).deploys.clone();
        let coming = deploys
            .iter()
            .rfind(|deploy| deploy.state.is_in_flight())
            .or_else(|| deploys.iter().rfind(|deploy| deploy.state == State::Live));
        let coming = coming.map(|deploy| deploy.id.clone());
        for deploy in deploys
            .iter()
            .filter(|deploy| deploy.state.is_in_flight() || deploy.state == State::Live)
        {
            let is_coming = Some(&deploy.id) == coming.as_ref();
            let Some(why) = self.is_newer(asked, deploy, tip, is_coming) else {
                continue;
            };
            if let Some(excuse) = self.excuse(asked, deploy) {
                self.counters.add(excuse);
                continue;
            }
            let text = format!(
                "run {} deploys c{} as s{} over {}: {why}",
                asked.number, asked.commit, asked.service, deploy.id
            );
            self.broken(Promise::NothingStepsBack, text);
            return;
        }
    }

    /// In which way a deploy is newer than the commit that is asked for.
    fn is_newer(
        &self,
        asked: &Asked,
        deploy: &Deploy,
        tip: usize,
        is_coming: bool,
    ) -> Option<String> {
        if is_coming && self.serves(deploy, tip, asked.service) {
            return Some(format!("it has what the tip c{tip} has"));
        }
        let By::Run(other) = deploy.by else {
            return None;
        };
        let (run, own) = (&self.runs[other], &self.runs[asked.number]);
        // "A service that two environments share belongs to whichever ran last."
        if run.environment != own.environment || other == asked.number {
            return None;
        }
        if let (Some(there), Some(here)) = (run.release, own.release) {
            let stands = self
                .world
                .origin
                .refs
                .contains_key(&format!("refs/tags/prod-{there}"));
            return (there > here && stands).then(|| format!("it is of prod-{there}"));
        }
        if self.has_releases(asked.environment)
            || !self.world.origin.reaches(asked.commit, tip)
            || !is_coming
        {
            return None;
        }
        let origin = &self.world.origin;
        // What serves a newer commit has its bytes, whether that commit was ever deployed or a run of it skipped.
        let newer = origin
            .line(tip)
            .take_while(|commit| *commit != asked.commit)
            .find(|commit| {
                self.serves(deploy, *commit, asked.service)
                    && !self.are_equal(*commit, asked.commit, asked.service)
            })?;
        Some(format!("it has what the newer c{newer} has"))
    }

    /// Why the run cannot know of a deploy.
    fn excuse(&self, asked: &Asked, deploy: &Deploy) -> Option<&'static str> {
        let records = self.seen_records(asked.number, asked.after);
        let is_recorded = |found: &crate::world::deployments::Deployment| {
            let is_its = match deploy.by {
                By::Run(run) => found.run == Some(run),
                By::Hand => false,
            };
            is_its && found.field("digest") == deploy.digest() && found.is_shown(records)
        };
        if self.world.deployments.list.iter().any(is_recorded) {
            return None;
        }
        let is_listed = !self.setting.lists_late || deploy.is_listed_late();
        let sees_deploys =
            self.setting.has_key() && asked.tip.is_none_or(|(tip, _)| tip != asked.commit);
        let is_seen = sees_deploys
            && is_listed
            && deploy.asked <= self.seen_deploys(asked.number, &asked.id, asked.after);
        if deploy.by != By::Hand && deploy.asked > records && !is_seen {
            // "Between the last look and the call lies a moment that nothing can close."
            return Some("excuse: another run called between the last look and the call");
        }
        if !self.setting.has_key() {
            // "Records that were deleted are outside"; what was never recorded cannot be known without a key.
            return Some("excuse: no key, and no record of the newer deploy");
        }
        if deploy.by == By::Hand {
            // "Which commit a person's deploy is of" can be told by labels only, where there are some.
            return Some("excuse: the newer deploy is a person's");
        }
        if !is_seen {
            return Some(
                "excuse: Render does not list the newer deploy, and there is no record of it",
            );
        }
        if self.has_edited_records || !self.setting.record {
            return Some("excuse: the newer deploy is listed, and no record says of which commit");
        }
        None
    }

    /// "A rollback pre-empts."
    fn check_rollback(&mut self, asked: &Asked) {
        let records = self.seen_records(asked.number, asked.after);
        let begun = self.runs[asked.number].begun;
        let environment = Some(asked.environment);
        let is_rollback = |found: &crate::world::deployments::Deployment| {
            found.step > begun
                && found.is_shown(records)
                && found.run.is_some_and(|run| {
                    self.runs[run].command == "rollback"
                        && self.runs[run].environment == environment
                })
                && found.field("id") == asked.id
        };
        if self.world.deployments.list.iter().any(is_rollback) {
            let text = format!(
                "run {} deploys s{} after a rollback that it could see",
                asked.number, asked.service
            );
            self.broken(Promise::RollbacksHold, text);
        }
    }
}
