//! What must hold when a run asks Render for a deploy: promises 2 and 4, and holds.

use super::Promise;
use crate::runs::DeployCall;
use crate::team::Team;
use crate::wire::Call;
use crate::world::RunNumber;
use crate::world::render::{By, Deploy};

/// A call, with what the run can know.
pub(super) struct Asked {
    pub(super) number: RunNumber,
    pub(super) service: usize,
    pub(super) id: String,
    pub(super) environment: usize,
    pub(super) commit: usize,
    /// What the tip is, as the run can know it.
    pub(super) tip: Option<(usize, Option<u32>)>,
    /// The step of the run's earlier call of this service.
    pub(super) after: usize,
}

/// The digest that a call asks for.
fn digest_of(call: &Call) -> String {
    let image = call
        .parameter("imgURL")
        .or_else(|| call.json()["imageUrl"].as_str().map(str::to_owned));
    let image = image.unwrap_or_default();
    image
        .split_once('@')
        .map_or(String::new(), |(_, digest)| digest.to_owned())
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
            if self.runs[number].is_outdated {
                self.counters.add("calls of a service that was made anew");
                return;
            }
            self.broken(
                Promise::Sane,
                format!("run {number} deploys {id}, which is not of its environment"),
            );
            return;
        };
        let digest = digest_of(call);
        let earlier = self.runs[number]
            .calls
            .iter()
            .rfind(|call| call.service == service);
        let after = earlier.map_or(0, |call| call.step);
        let is_restore = self.setting.restores && earlier.is_some_and(|call| call.digest != digest);
        let (refs, is_fresh) = self.seen_refs(number, after);
        let commit = self.runs[number].commit;
        let tip = self.tip(environment, commit, &refs);
        if tip != self.tip(environment, commit, &self.world.origin.refs) {
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
            commit,
            tip,
            after,
            id,
        };
        self.check_repeat(&asked);
        self.check_part(number, service);
        if self.runs[number].command == "deploy" {
            self.check_deploy_call(&asked, is_restore);
            if !is_restore {
                self.check_required(number, service, &digest);
            }
            self.holds.remove(&(environment, service));
        }
        let step = self.world.step + 1;
        self.runs[number].calls.push(DeployCall {
            service,
            step,
            digest,
            is_restore,
        });
        self.counters.add("deploys asked for");
    }

    fn check_deploy_call(&mut self, asked: &Asked, is_restore: bool) {
        self.check_rollback(asked);
        if is_restore {
            self.counters.add("deploys that put back what was there");
            return;
        }
        let force = self.runs[asked.number].force;
        self.check_record(asked);
        if force != Some("older") {
            self.check_order(asked);
            self.check_newer(asked);
        }
        if force != Some("held") {
            self.check_hold(asked.number, asked.service);
        }
    }

    /// "A re-run of a finished run deploys nothing a second time unless `force` says so", "as of the moment at which the run read what serves".
    fn check_repeat(&mut self, asked: &Asked) {
        let run = &self.runs[asked.number];
        let is_plain = run.repeats && run.was_quiet && run.force.is_none() && !run.is_disturbed;
        if !is_plain || self.world.faults.met.contains(&asked.number) {
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
        let run = &self.runs[asked.number];
        let before = run
            .before
            .filter(|_| run.is_first() && !self.setting.has_key());
        if before.is_some_and(|before| !self.are_equal(before, asked.commit, asked.service)) {
            // "And the push event's `before`, unless this run has recorded a success."
            self.counters
                .add("excuse: the push's own first run, which its `before` makes deploy");
            return;
        }
        let begun = run.begun;
        let is_hidden = |found: &crate::world::deployments::Deployment| {
            found.run.is_some() && found.field("id") == asked.id && !found.is_shown(begun)
        };
        if self
            .world
            .deployments
            .list
            .iter()
            .any(|found| found.step < begun && is_hidden(found))
        {
            self.counters.add("excuse: a record is listed late");
            return;
        }
        if self.is_dated_alike(&asked.id, &live) {
            self.counters
                .add("excuse: an earlier success has no earlier time than what serves");
            return;
        }
        let text = format!(
            "run {} deploys s{} a second time",
            asked.number, asked.service
        );
        self.broken(Promise::NothingTwice, text);
    }

    /// "Whose success was recorded after the newest success began (GitHub's times; the same second counts as after)."
    pub(super) fn is_dated_alike(&self, id: &str, live: &Deploy) -> bool {
        let list = &self.world.deployments.list;
        let of_live = list.iter().find(|found| {
            By::Run(found.run.unwrap_or(usize::MAX)) == live.by
                && found.field("digest") == live.digest()
        });
        let Some(newest) = of_live else {
            return false;
        };
        list.iter().any(|found| {
            found.number < newest.number
                && found.field("id") == id
                && found
                    .state()
                    .is_some_and(|status| status.created >= newest.created)
        })
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

    /// "Written before the call." Where GitHub is in trouble, "this run keeps no record of its deploys", which a warning says.
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
        // "Or was deployed or begun here by our own record": what the run began while the commit was on a branch goes on.
        let first = self.runs[asked.number].looks.first_refs.as_ref();
        let is_on = [Some(&refs), first].into_iter().flatten().any(|refs| {
            ["refs/heads/main", "refs/heads/hotfix"]
                .into_iter()
                .filter_map(|name| self.world.origin.number(refs.get(name)?))
                .any(|tip| self.world.origin.reaches(asked.commit, tip))
        });
        if !is_on && !self.was_begun(asked.commit) {
            let text = format!(
                "run {} deploys a release on c{}, which its branches have left",
                asked.number, asked.commit
            );
            self.broken(Promise::ReleasesAreOnBranches, text);
        }
    }

    /// "A rollback pre-empts."
    fn check_rollback(&mut self, asked: &Asked) {
        let records = self.seen_records(asked.number, asked.after);
        let run = &self.runs[asked.number];
        let begun = run.looks.first_records.unwrap_or(run.begun);
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
