//! What a run that is cut off must still report.

use decide::Plan;
use model::{
    DeployId, Digest, EnvironmentName, ImageName, ImageTag, Manifest, Outcome, PinnedImage,
    ServiceId, ServiceName,
};
use report::outputs::Naming;
use report::{Carried, CleanupItem, FleetRow, Preview, RunReport, ServiceResult, VerifiedRow};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What has happened so far: the only mutable state that the parts of a run share.
///
/// A cancelled run is a dropped future, which returns nothing. So everything that its report needs is written here when it
/// happens. Commands only write to it: what they decide by is returned to them. The report of a run that ends by itself begins with it too.
pub(crate) struct Progress {
    report: RefCell<RunReport>,
    in_flight: RefCell<BTreeMap<ServiceName, InFlightDeploy>>,
    tags: RefCell<Vec<TagSent>>,
}

/// A deploy that this run has begun, or is about to begin.
#[derive(Debug, Clone)]
pub(crate) struct InFlightDeploy {
    /// The service on Render.
    pub(crate) id: ServiceId,
    /// The digests under which Render may name the image.
    pub(crate) wanted: Vec<Digest>,
    /// The deploys that were there before.
    pub(crate) known: BTreeSet<DeployId>,
    /// Whether it puts a service back on what it ran before: a cancelled run lets it go on.
    pub(crate) is_restore: bool,
    pub(crate) stage: Stage,
}

/// How far a deploy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing has been sent.
    Preparing,
    /// A preview is being made, whose id is not known yet.
    Making,
    /// The hook is being called, or the deploy is being looked for.
    Calling,
    /// This deploy of ours is under way.
    Following(DeployId),
    /// A deploy of another run is under way, and is followed.
    Adopted,
    /// The service is asked about itself, after a deploy that is live (`true`) or was accepted.
    Probing(Option<DeployId>, bool),
}

/// A tag that this run puts on an image.
#[derive(Debug, Clone)]
pub(crate) struct TagSent {
    pub(crate) tag: ImageTag,
    pub(crate) image: ImageName,
    /// Whether the registry has said that it is there.
    pub(crate) is_there: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            report: RefCell::new(RunReport::new(Outcome::Nothing, "nothing was done")),
            in_flight: RefCell::default(),
            tags: RefCell::default(),
        }
    }

    /// Keeps a sentence for the summary.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.report.borrow_mut().notes.push(text.into());
    }

    /// Keeps a sentence for the summary, unless it is there already. Says whether it is new.
    pub(crate) fn note_once(&self, text: &str) -> bool {
        let mut report = self.report.borrow_mut();
        if report.notes.iter().any(|note| note == text) {
            return false;
        }
        report.notes.push(text.to_owned());
        true
    }

    /// Keeps the environment that the run is about.
    pub(crate) fn environment(&self, name: &EnvironmentName) {
        self.report.borrow_mut().environment = Some(name.clone());
    }

    /// Keeps the plan, and what a build needs to know of it, if a build may follow.
    pub(crate) fn planned(&self, manifest: &Manifest, plan: &Plan, naming: Option<Naming>) {
        let mut report = self.report.borrow_mut();
        report.manifest = Some(manifest.clone());
        report.plan = Some(plan.clone());
        report.naming = naming;
    }

    /// Keeps the images that were verified.
    pub(crate) fn verified(&self, images: BTreeMap<ImageName, VerifiedRow>) {
        self.report.borrow_mut().images = images;
    }

    /// Keeps what each service is given, where services of one image may differ.
    pub(crate) fn given(&self, images: BTreeMap<ServiceName, PinnedImage>) {
        self.report.borrow_mut().given = images;
    }

    /// Keeps the previews that a pull request is to have.
    pub(crate) fn previews(&self, previews: Vec<Preview>) {
        self.report.borrow_mut().previews = previews;
    }

    /// Keeps how a service ended. A later result of the same service replaces the earlier one.
    pub(crate) fn ended(&self, result: &ServiceResult) {
        let services = &mut self.report.borrow_mut().services;
        match services
            .iter_mut()
            .find(|own| own.service == result.service)
        {
            Some(own) => *own = result.clone(),
            None => services.push(result.clone()),
        }
    }

    /// Sorts the services as they are in this list.
    pub(crate) fn sort<'a>(&self, order: impl Iterator<Item = &'a ServiceName>) {
        let order: Vec<&ServiceName> = order.collect();
        let place = |name: &ServiceName| order.iter().position(|own| *own == name);
        self.report
            .borrow_mut()
            .services
            .sort_by_key(|result| place(&result.service));
    }

    /// Keeps what the deploys carry.
    pub(crate) fn carried(&self, carried: BTreeMap<ServiceName, Carried>) {
        self.report.borrow_mut().carried = carried;
    }

    /// Keeps how the services stand.
    pub(crate) fn fleet(&self, rows: Vec<FleetRow>) {
        self.report.borrow_mut().fleet = Some(rows);
    }

    /// Keeps what was done with something that a closed pull request left.
    pub(crate) fn cleaned(&self, item: &CleanupItem) {
        self.report.borrow_mut().cleanup_items.push(item.clone());
    }

    /// Keeps that a tag is being put on an image.
    pub(crate) fn tag_sent(&self, tag: &ImageTag, image: &ImageName) {
        self.tags.borrow_mut().push(TagSent {
            tag: tag.clone(),
            image: image.clone(),
            is_there: false,
        });
    }

    /// Keeps that the tag that was sent last is there.
    pub(crate) fn tag_put(&self) {
        if let Some(last) = self.tags.borrow_mut().last_mut() {
            last.is_there = true;
        }
    }

    /// The tags that were sent so far. For the end of a cancelled run.
    pub(crate) fn tags(&self) -> Vec<TagSent> {
        self.tags.borrow().clone()
    }

    /// Starts to track a deploy, or replaces what is known of it.
    pub(crate) fn track(&self, service: &ServiceName, deploy: InFlightDeploy) {
        self.in_flight.borrow_mut().insert(service.clone(), deploy);
    }

    /// Says how far a tracked deploy is.
    pub(crate) fn advance(&self, service: &ServiceName, stage: Stage) {
        if let Some(deploy) = self.in_flight.borrow_mut().get_mut(service) {
            deploy.stage = stage;
        }
    }

    /// Stops tracking a deploy: cancelling the run no longer concerns it.
    pub(crate) fn untrack(&self, service: &ServiceName) {
        self.in_flight.borrow_mut().remove(service);
    }

    /// What has happened so far. For reports, and for the end of a cancelled run.
    pub(crate) fn report(&self) -> RunReport {
        self.report.borrow().clone()
    }

    /// The deploys that are under way. For the end of a cancelled run.
    pub(crate) fn in_flight(&self) -> BTreeMap<ServiceName, InFlightDeploy> {
        self.in_flight.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Status;

    fn result(name: &str, status: Status) -> ServiceResult {
        let service = ServiceName::parse(name).expect("a name");
        ServiceResult::without_deploy(&service, status, "")
    }

    #[test]
    fn a_later_result_replaces_the_earlier_one() {
        let progress = Progress::new();
        for (name, status) in [
            ("web", Status::Live),
            ("api", Status::Failed),
            ("web", Status::Failed),
        ] {
            progress.ended(&result(name, status));
        }
        let shown = |progress: &Progress| -> Vec<(String, Status)> {
            let services = progress.report().services;
            services
                .iter()
                .map(|own| (own.service.to_string(), own.status))
                .collect()
        };
        let failed = |name: &str| (name.to_owned(), Status::Failed);
        assert_eq!(shown(&progress), [failed("web"), failed("api")]);
        let order = ["api", "web"].map(|name| ServiceName::parse(name).expect("a name"));
        progress.sort(order.iter());
        assert_eq!(shown(&progress), [failed("api"), failed("web")]);
    }

    #[test]
    fn a_note_is_kept_once() {
        let progress = Progress::new();
        assert!(progress.note_once("order is not known"));
        assert!(!progress.note_once("order is not known"));
        assert_eq!(progress.report().notes, ["order is not known"]);
    }
}
