//! Promise 2: "Nothing steps back."

use super::Promise;
use super::calls::Asked;
use crate::team::Team;
use crate::world::deployments::Deployment;
use crate::world::render::{By, Deploy, State};

impl Team {
    /// "What serves S and equals `T` still does afterwards. A newer commit that is live or in flight is not replaced by an older one."
    pub(super) fn check_newer(&mut self, asked: &Asked) {
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
        let is_recorded = |found: &Deployment| {
            let is_its = match deploy.by {
                By::Run(run) => found.run == Some(run),
                By::Hand => false,
            };
            is_its
                && found.field("id") == asked.id
                && found.field("digest") == deploy.digest()
                && found.is_shown(records)
        };
        if self.has_lost_names || self.hides_names(records) {
            // "Records that were deleted are outside."
            return Some(
                "excuse: the record of a service's names was taken away, or is listed late",
            );
        }
        if self.world.deployments.list.iter().any(is_recorded) {
            return None;
        }
        let is_listed = !self.setting.lists_late || deploy.is_listed_late(self.world.now);
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
}
