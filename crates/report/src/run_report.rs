//! What happened, whole: the one thing that reports are made from.

use decide::Plan;
use model::{
    CommitSha, DeployId, EnvironmentName, FailureWord, ImageName, Manifest, Outcome, PinnedImage,
    Release, ServiceName, Status,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// What went wrong, in three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The stable word.
    pub word: FailureWord,
    /// What happened, one line; foreign text in it has been made fit to be shown.
    pub text: String,
    /// What to do about it; begins with a verb.
    pub hint: String,
    /// The service's page in Render's dashboard, where the next step is taken.
    pub page: Option<url::Url>,
}

/// How one service ended.
#[derive(Debug, Clone)]
pub struct ServiceResult {
    /// The service.
    pub service: ServiceName,
    /// How it ended.
    pub status: Status,
    /// Why, where the plan's own reason is not the whole story: at most 120 characters of the outputs' alphabet.
    pub reason: Option<String>,
    /// The deploy's id on Render.
    pub deploy: Option<DeployId>,
    /// Where the service is, as Render says it.
    pub url: Option<url::Url>,
    /// When it began, from the start of the deploying.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// What went wrong.
    pub failed: Option<Failed>,
}

/// A verified image, for reports.
#[derive(Debug, Clone)]
pub struct VerifiedRow {
    /// What is deployed.
    pub pinned: PinnedImage,
    /// The tag that it was found under; empty when its digest was given.
    pub tag: String,
    /// Its compressed size in bytes.
    pub size: u64,
    /// The commit that it says it was built from; empty where it says none.
    pub revision: String,
}

/// What became a release.
#[derive(Debug, Clone)]
pub struct Released {
    /// The commit.
    pub commit: CommitSha,
    /// The release that it is; none in a dry run that would make it one.
    pub release: Option<Release>,
}

/// What became of something that a closed pull request left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanupItem {
    /// What it is: an image's version, a preview.
    pub what: String,
    /// What became of it.
    pub result: CleanupResult,
    /// Why; foreign text in it has been made fit to be shown.
    pub why: String,
}

/// What became of a leftover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupResult {
    /// It was deleted.
    Deleted,
    /// It would have been, were this no dry run.
    WouldGo,
    /// It stays.
    Kept,
}

impl CleanupResult {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::WouldGo => "would be deleted",
            Self::Kept => "kept",
        }
    }
}

/// A preview that a pull request is to have.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The service of which it is a copy.
    pub service: ServiceName,
    /// The image that it runs.
    pub image: ImageName,
}

/// What happened.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// How it ended.
    pub outcome: Outcome,
    /// One sentence of it, of the outputs' alphabet.
    pub headline: String,
    /// What went wrong with the run as a whole.
    pub failed: Option<Failed>,
    /// The manifest, once it was read.
    pub manifest: Option<Manifest>,
    /// The plan, once it was made.
    pub plan: Option<Plan>,
    /// What a build needs to know, once there is a plan.
    pub naming: Option<super::outputs::Naming>,
    /// The images that a build has to make.
    pub builds: Vec<ImageName>,
    /// The images that were verified.
    pub images: BTreeMap<ImageName, VerifiedRow>,
    /// What each service is given, where that is not just its image: services that go back may differ.
    pub given: BTreeMap<ServiceName, PinnedImage>,
    /// How each service, or its preview, ended, in the manifest's order.
    pub services: Vec<ServiceResult>,
    /// The previews that a pull request is to have, in the manifest's order.
    pub previews: Vec<Preview>,
    /// The environment deployed to, where it is one.
    pub environment: Option<EnvironmentName>,
    /// The release that would come next.
    pub next_release: Option<Release>,
    /// The release that was made, or found.
    pub released: Option<Released>,
    /// What became of what closed pull requests left.
    pub cleanup_items: Vec<CleanupItem>,
    /// What the deploys carry.
    pub carried: BTreeMap<ServiceName, super::Carried>,
    /// How the services stand, which `status` found out.
    pub fleet: Option<Vec<super::FleetRow>>,
    /// Sentences for the summary: warnings, and what a reader should know.
    pub notes: Vec<String>,
    /// What `check` found.
    pub checked: Option<super::CheckReport>,
    /// What `init` did.
    pub written: Option<super::InitReport>,
}

impl ServiceResult {
    /// A service to which nothing happened, with its status and the reason.
    #[must_use]
    pub fn without_deploy(
        service: &ServiceName,
        status: Status,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            service: service.clone(),
            status,
            reason: Some(reason.into()),
            deploy: None,
            url: None,
            began: Duration::ZERO,
            took: Duration::ZERO,
            failed: None,
        }
    }
}

impl RunReport {
    /// A story that ends here.
    #[must_use]
    pub fn new(outcome: Outcome, headline: impl Into<String>) -> Self {
        Self {
            outcome,
            headline: headline.into(),
            failed: None,
            manifest: None,
            plan: None,
            naming: None,
            builds: Vec::new(),
            images: BTreeMap::new(),
            given: BTreeMap::new(),
            services: Vec::new(),
            previews: Vec::new(),
            environment: None,
            next_release: None,
            released: None,
            cleanup_items: Vec::new(),
            carried: BTreeMap::new(),
            fleet: None,
            notes: Vec::new(),
            checked: None,
            written: None,
        }
    }

    /// The failure to name: that of the run, else that of the first service that has one.
    #[must_use]
    pub fn failure(&self) -> Option<&Failed> {
        self.failed.as_ref().or_else(|| {
            self.services
                .iter()
                .find_map(|service| service.failed.as_ref())
        })
    }
}

/// The outcome of a run whose services ended as they did: the first that occurs in the order of [`Outcome::ALL`].
#[must_use]
pub fn outcome_of(services: &[ServiceResult]) -> Option<Outcome> {
    services.iter().map(|service| outcome(service.status)).min()
}

/// What a service's status makes of the whole: what did not start and what is not known count as failed.
const fn outcome(status: Status) -> Outcome {
    match status {
        Status::Live => Outcome::Live,
        Status::Accepted => Outcome::Accepted,
        Status::Superseded => Outcome::Superseded,
        Status::Failed | Status::NotStarted | Status::Unknown => Outcome::Failed,
        Status::Unchanged => Outcome::Nothing,
        Status::Skipped => Outcome::Skipped,
        Status::Held => Outcome::Held,
        Status::Refused => Outcome::Refused,
        Status::Cancelled => Outcome::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: Status) -> ServiceResult {
        let service = ServiceName::parse("api").expect("a name");
        ServiceResult {
            service,
            status,
            reason: None,
            deploy: None,
            url: None,
            began: Duration::ZERO,
            took: Duration::ZERO,
            failed: None,
        }
    }

    #[test]
    fn the_worst_service_names_the_outcome() {
        let of = |statuses: &[Status]| {
            outcome_of(
                &statuses
                    .iter()
                    .map(|status| ended(*status))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            of(&[Status::Accepted, Status::Skipped]),
            Some(Outcome::Accepted)
        );
        assert_eq!(
            of(&[Status::Accepted, Status::NotStarted]),
            Some(Outcome::Failed)
        );
        assert_eq!(
            of(&[Status::Cancelled, Status::Failed]),
            Some(Outcome::Cancelled)
        );
        assert_eq!(of(&[Status::Skipped]), Some(Outcome::Skipped));
        assert_eq!(of(&[Status::Unchanged]), Some(Outcome::Nothing));
        assert_eq!(
            of(&[Status::Unchanged, Status::Skipped]),
            Some(Outcome::Skipped)
        );
        assert_eq!(of(&[]), None);
    }
}
