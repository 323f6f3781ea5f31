//! What rollbacks left.

use super::Promise;
use crate::team::Team;
use crate::world::RunNumber;
use crate::world::render::{By, State};

/// A rollback that stands.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    /// What it left.
    left: usize,
    left_release: Option<u32>,
    /// The image that it brought.
    image: String,
    /// When the rollback began.
    begun: usize,
    /// Whether it was made in the dashboard, which only a key shows.
    by_hand: bool,
    /// Whether a run can know all of this.
    pub(crate) is_sure: bool,
}

impl Team {
    /// What a service leaves when a rollback begins, if that is certain: one live deploy of a run, followed or accepted, and nothing under way.
    fn leaves(
        &mut self,
        environment: usize,
        service: usize,
    ) -> Option<(usize, Option<u32>, String)> {
        let id = self.render_id(environment, service);
        let found = self.world.render.service(&id);
        if found
            .deploys
            .iter()
            .any(|deploy| deploy.state.is_in_flight())
        {
            return None;
        }
        let live = found.live()?.clone();
        let By::Run(number) = live.by else {
            return None;
        };
        let run = &self.runs[number];
        let is_it = run.command == "deploy" && run.environment == Some(environment);
        is_it.then_some((run.commit, run.release, live.image))
    }

    /// Whether the newest own record of the deploy that serves is ended well, and nothing came after it.
    fn is_recorded(&self, id: &str, image: &str) -> bool {
        let of_service = self
            .world
            .deployments
            .list
            .iter()
            .rfind(|found| found.run.is_some() && found.field("id") == id);
        of_service.is_some_and(|found| {
            image.ends_with(found.field("digest"))
                && found
                    .state()
                    .is_some_and(|status| status.state == "success")
        })
    }

    pub(crate) fn note_rollback_by_hand(
        &mut self,
        environment: usize,
        service: usize,
        image: &str,
    ) {
        let id = self.render_id(environment, service);
        let left = self.leaves(environment, service);
        self.holds.remove(&(environment, service));
        let Some((commit, release, from)) = left else {
            return;
        };
        let is_sure = self.setting.has_key()
            && self.is_recorded(&id, &from)
            && from != image
            && !self.has_edited_records
            && !self.setting.shares_hooks();
        let hold = Hold {
            left: commit,
            left_release: release,
            image: image.to_owned(),
            begun: self.world.step,
            by_hand: true,
            is_sure,
        };
        self.holds.insert((environment, service), hold);
    }

    /// Notes what a rollback by the program leaves, when it calls.
    pub(crate) fn note_rollback_call(&mut self, number: RunNumber, call: &crate::wire::Call) {
        let run = &self.runs[number];
        let (Some(environment), "rollback") = (run.environment, run.command) else {
            return;
        };
        let id = call
            .path
            .split('/')
            .find(|part| part.starts_with("srv-"))
            .map(str::to_owned)
            .unwrap_or_default();
        let image = call
            .parameter("imgURL")
            .or_else(|| call.json()["imageUrl"].as_str().map(str::to_owned));
        if let (Some(service), Some(image)) = (self.service_of(environment, &id), image) {
            self.note_rollback(number, service, &image);
        }
    }

    fn note_rollback(&mut self, number: RunNumber, service: usize, image: &str) {
        let Some(environment) = self.runs[number].environment else {
            return;
        };
        let id = self.render_id(environment, service);
        let left = self.leaves(environment, service);
        self.holds.remove(&(environment, service));
        let Some((commit, release, from)) = left else {
            return;
        };
        let is_recorded = self.setting.record && from != image && self.was_recorded(&id, &from);
        // "The same second counts as after": then two commits may be what is left.
        let live = self.world.render.service(&id).live().cloned();
        let is_clear = live.is_some_and(|live| !self.is_dated_alike(&id, &live));
        let is_sure =
            is_recorded && is_clear && !self.has_edited_records && !self.setting.shares_hooks();
        let hold = Hold {
            left: commit,
            left_release: release,
            image: image.to_owned(),
            begun: self.world.step,
            by_hand: false,
            is_sure,
        };
        self.holds.insert((environment, service), hold);
    }

    /// As `is_recorded`, before the newest record, which is the rollback's own.
    fn was_recorded(&self, id: &str, image: &str) -> bool {
        let mut of_service = self
            .world
            .deployments
            .list
            .iter()
            .rev()
            .filter(|found| found.run.is_some() && found.field("id") == id);
        let own = of_service.next();
        own.is_some_and(|found| found.field("kind") == "rollback")
            && of_service.next().is_some_and(|found| {
                image.ends_with(found.field("digest"))
                    && found
                        .state()
                        .is_some_and(|status| status.state == "success")
            })
    }

    /// Whether a rollback may hold a service.
    pub(crate) fn may_be_held(&self, environment: usize, service: usize) -> bool {
        self.holds.contains_key(&(environment, service))
    }

    /// "A rollback holds S: in a branch environment while `H` equals what was left, in a release environment until a higher number."
    pub(crate) fn check_hold(&mut self, number: RunNumber, service: usize) {
        let Some(environment) = self.runs[number].environment else {
            return;
        };
        let Some(hold) = self
            .holds
            .get(&(environment, service))
            .filter(|hold| hold.is_sure)
            .cloned()
        else {
            return;
        };
        let id = self.render_id(environment, service);
        let found = self.world.render.service(&id);
        let stands = found.live().is_some_and(|live| live.image == hold.image)
            && !found.deploys.iter().any(|deploy| {
                matches!(
                    deploy.state,
                    State::Queued | State::Building | State::Updating
                )
            });
        let run = &self.runs[number];
        let is_held = match (run.release, hold.left_release) {
            (Some(own), Some(left)) => own <= left,
            _ => self.are_equal(run.commit, hold.left, service),
        };
        let is_unseen = hold.by_hand && !self.setting.has_key();
        if !stands
            || !is_held
            || is_unseen
            || run.is_disturbed
            || self.world.faults.met.contains(&number)
        {
            return;
        }
        let is_later = |found: &crate::world::deployments::Deployment| {
            found.step > hold.begun
                && found.field("id") == id
                && found.run != Some(number)
                && found.field("kind") != "rollback"
        };
        if self.world.deployments.list.iter().any(is_later) {
            // "Every attempt of our own that Render has not shown to have ended" may serve, and then the rollback does not stand any more.
            self.counters
                .add("excuse: a later attempt may have lifted the hold");
            return;
        }
        let text = format!(
            "run {number} gives s{service} back what a rollback left, c{}",
            hold.left
        );
        self.broken(Promise::RollbacksHold, text);
    }
}
