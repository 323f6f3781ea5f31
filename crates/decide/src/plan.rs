//! The plan: what is to be done, with a reason for each part, and no choice left for the moment of acting.

use super::affected::Affected;
use super::why::{Base, ServiceNeed, Why};
use super::{Changes, Subject};
use model::{CommitSha, Decision, ImageName, Manifest, Service, ServiceName, known_names};
use std::collections::{BTreeMap, BTreeSet};

/// A service and what is to be done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedService {
    /// Its name.
    pub name: ServiceName,
    /// Its image.
    pub image: ImageName,
    /// What is to be done.
    pub decision: Decision,
    /// Why.
    pub why: Why,
    /// The commit that it was compared with.
    pub base: Option<CommitSha>,
    /// Services of the same plan that come first.
    pub after: Vec<ServiceName>,
}

/// An image that the plan needs, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedImage {
    /// Its name.
    pub name: ImageName,
    /// The services of the plan that will run it, in the manifest's order.
    pub services: Vec<ServiceName>,
    /// Why it is needed.
    pub why: Why,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What the run is about.
    pub subject: Subject,
    /// The commit.
    pub commit: CommitSha,
    /// What it is compared with.
    pub base: Base,
    /// Every service concerned, in the manifest's order.
    pub services: Vec<PlannedService>,
    /// Every image that has to be there, in the manifest's order.
    pub images: Vec<PlannedImage>,
}

/// What a plan goes by: one difference for all, or what each service needs.
#[derive(Debug, Clone)]
pub enum PlanInput {
    /// What changed since the base.
    Changes(Base, Changes),
    /// What each service needs.
    Demands(BTreeMap<ServiceName, ServiceNeed>),
}

/// What a person asked for beyond the event.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// Restrict to these.
    pub services: Option<Vec<ServiceName>>,
    /// Deploy though nothing changed.
    pub force_unchanged: bool,
    /// Every image of the environment is needed, changed or not (an env file names them all).
    pub every_image: bool,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// `services` names one that the manifest has not; which there are.
    #[error("there is no service {0} in the deploy manifest ({1})")]
    UnknownService(ServiceName, String),
    /// `services` leaves out a changed one that a listed one comes after.
    #[error("{listed} comes after {left_out}, which changed too: list both or neither")]
    LeftOut {
        /// The listed one.
        listed: ServiceName,
        /// The one that is missing.
        left_out: ServiceName,
    },
}

impl Plan {
    /// Decides what is to be done.
    ///
    /// # Errors
    /// [`PlanError`]: the wishes contradict the manifest.
    pub fn new(
        manifest: &Manifest,
        subject: Subject,
        commit: CommitSha,
        ground: &PlanInput,
        wishes: &PlanOptions,
    ) -> Result<Self, PlanError> {
        let view = View::new(manifest, ground);
        let services = planned_services(manifest, &subject, &view, wishes)?;
        let base = match ground {
            PlanInput::Changes(base, _) => base.clone(),
            PlanInput::Demands(_) => Base::OfEachService,
        };
        let images = planned_images(manifest, &subject, &view, &services, wishes);
        Ok(Self {
            subject,
            commit,
            base,
            services,
            images,
        })
    }

    /// The same without its services: for what is done to images alone.
    #[must_use]
    pub fn of_images_alone(mut self) -> Self {
        self.services.clear();
        self.images
            .iter_mut()
            .for_each(|image| image.services.clear());
        self
    }

    /// The services to deploy, in the manifest's order.
    pub fn to_deploy(&self) -> impl Iterator<Item = &PlannedService> {
        self.services
            .iter()
            .filter(|service| service.decision == Decision::Deploy)
    }
}

/// What is known of the changes.
enum View<'a> {
    OfAll(Option<CommitSha>, Result<Affected, Why>),
    OfEach(&'a BTreeMap<ServiceName, ServiceNeed>),
}

impl<'a> View<'a> {
    fn new(manifest: &Manifest, ground: &'a PlanInput) -> Self {
        let (base, changes) = match ground {
            PlanInput::Demands(demands) => return Self::OfEach(demands),
            PlanInput::Changes(base, changes) => (base, changes),
        };
        let affected = match (base, changes) {
            (Base::None(why), _) => Err(Why::NoBase(why.clone())),
            (_, Changes::Unknown(why)) => Err(Why::Unknown(why.clone())),
            (_, Changes::Known(paths)) => Affected::within_reason(manifest, paths)
                .ok_or_else(|| Why::Unknown("too many patterns and changes to compare".into())),
        };
        Self::OfAll(base.commit().copied(), affected)
    }

    fn service(&self, name: &ServiceName) -> ServiceNeed {
        match self {
            Self::OfAll(base, Err(why)) => ServiceNeed {
                why: why.clone(),
                base: *base,
            },
            Self::OfAll(base, Ok(affected)) => {
                let why = affected
                    .service(name)
                    .map_or(Why::Unchanged, |cause| Why::Changed(cause.clone()));
                ServiceNeed { why, base: *base }
            }
            Self::OfEach(demands) => demands.get(name).cloned().unwrap_or_else(|| ServiceNeed {
                why: Why::Unknown("nothing is known of it".into()),
                base: None,
            }),
        }
    }

    /// Why an image has to be there of which no service of the plan is a user.
    fn image(&self, name: &ImageName) -> Why {
        match self {
            Self::OfAll(_, Err(why)) => why.clone(),
            Self::OfAll(_, Ok(affected)) => affected
                .image(name)
                .map_or(Why::Unchanged, |cause| Why::Changed(cause.clone())),
            Self::OfEach(_) => Why::Unchanged,
        }
    }
}

fn concerned<'m>(manifest: &'m Manifest, subject: &Subject) -> Vec<&'m Service> {
    let Subject::Environments { environments, .. } = subject else {
        return Vec::new();
    };
    let is_in = |service: &&Service| {
        environments.iter().any(|environment| {
            service
                .environments
                .as_ref()
                .is_none_or(|own| own.contains(environment))
        })
    };
    manifest.services.iter().filter(is_in).collect()
}

fn planned_services(
    manifest: &Manifest,
    subject: &Subject,
    view: &View<'_>,
    wishes: &PlanOptions,
) -> Result<Vec<PlannedService>, PlanError> {
    let concerned = concerned(manifest, subject);
    if let Some(listed) = &wishes.services {
        let unknown = listed.iter().find(|name| {
            !manifest
                .services
                .iter()
                .any(|service| service.name == **name)
        });
        if let Some(name) = unknown {
            let known: Vec<&str> = manifest
                .services
                .iter()
                .map(|service| service.name.as_str())
                .collect();
            let known = known_names(name.as_str(), &known);
            return Err(PlanError::UnknownService(name.clone(), known));
        }
    }
    let is_listed = |name: &ServiceName| {
        wishes
            .services
            .as_ref()
            .is_none_or(|listed| listed.contains(name))
    };
    let here: BTreeSet<&ServiceName> = concerned.iter().map(|service| &service.name).collect();
    let mut planned = Vec::new();
    for service in &concerned {
        let ServiceNeed { mut why, base } = view.service(&service.name);
        if why.is_unchanged() && wishes.force_unchanged {
            why = Why::Forced;
        }
        if why.decision() == Decision::Deploy && !is_listed(&service.name) {
            let follower = concerned
                .iter()
                .find(|other| other.after.contains(&service.name) && is_listed(&other.name));
            // Who names services for going back means them, and no others.
            let is_meant = why == Why::Forced || matches!(why, Why::Back(..));
            if let Some(listed) = follower.filter(|_| !is_meant) {
                return Err(PlanError::LeftOut {
                    listed: listed.name.clone(),
                    left_out: service.name.clone(),
                });
            }
            why = Why::NotListed;
        }
        planned.push(PlannedService {
            name: service.name.clone(),
            image: service.image.clone(),
            decision: why.decision(),
            why,
            base,
            after: service
                .after
                .iter()
                .filter(|name| here.contains(name))
                .cloned()
                .collect(),
        });
    }
    Ok(planned)
}

/// With services, their images; without, the images themselves decide. An env file names every image of the environment.
fn planned_images(
    manifest: &Manifest,
    subject: &Subject,
    view: &View<'_>,
    services: &[PlannedService],
    wishes: &PlanOptions,
) -> Vec<PlannedImage> {
    let mut planned = Vec::new();
    for image in &manifest.images {
        let users: Vec<&PlannedService> = services
            .iter()
            .filter(|service| service.decision == Decision::Deploy && service.image == image.name)
            .collect();
        let is_here = match subject {
            Subject::Environments { environments, .. } => environments.iter().any(|environment| {
                image
                    .environments
                    .as_ref()
                    .is_none_or(|own| own.contains(environment))
            }),
            Subject::PullRequest { .. } | Subject::Commit => true,
        };
        let by_itself =
            !matches!(subject, Subject::Environments { .. }) || manifest.services.is_empty();
        let why = match users.first() {
            Some(user) => user.why.clone(),
            None => view.image(&image.name),
        };
        let is_needed = !users.is_empty()
            || is_here && (wishes.every_image || by_itself && why != Why::Unchanged);
        if is_needed {
            planned.push(PlannedImage {
                name: image.name.clone(),
                services: users.iter().map(|service| service.name.clone()).collect(),
                why,
            });
        }
    }
    planned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environments;
    use model::{
        EnvironmentName, Image, ManifestSource, Pattern, PatternList, Repository, TagRules,
        TagTemplate,
    };

    fn patterns(texts: &[&str]) -> PatternList {
        PatternList::new(
            texts
                .iter()
                .map(|text| Pattern::parse(text).unwrap())
                .collect(),
        )
        .unwrap()
    }

    fn service(name: &str, image: &str, after: &[&str], environments: Option<&[&str]>) -> Service {
        let name = ServiceName::parse(name).unwrap();
        Service {
            image: ImageName::parse(image).unwrap(),
            paths: patterns(&[]),
            after: after
                .iter()
                .map(|name| ServiceName::parse(name).unwrap())
                .collect(),
            environments: environments.map(|names| {
                names
                    .iter()
                    .map(|name| EnvironmentName::parse(name).unwrap())
                    .collect()
            }),
            hook: name.default_hook_variable(),
            id: Default::default(),
            previews: None,
            probe: None,
            name,
        }
    }

    /// Images api and web; services api, worker (api's image, after api), web, and cron (api's image, production only).
    fn manifest() -> Manifest {
        let image = |name: &str| Image {
            name: ImageName::parse(name).unwrap(),
            repository: Repository::parse(&format!("ghcr.io/acme/{name}")).unwrap(),
            paths: patterns(&[&format!("{name}/**")]),
            environments: None,
            build: serde_json::json!({}),
        };
        Manifest {
            source: ManifestSource::File,
            tags: TagRules {
                commit: TagTemplate::parse_commit("{sha}").unwrap(),
                pull_request: TagTemplate::parse_pull_request("pr-{number}-{sha}").unwrap(),
                latest: true,
            },
            environments: Vec::new(),
            ignore: patterns(&["**/*.md"]),
            shared: patterns(&["infra/**"]),
            images: vec![image("api"), image("web")],
            services: vec![
                service("api", "api", &[], None),
                service("worker", "api", &["api"], None),
                service("web", "web", &[], None),
                service("cron", "api", &["api"], Some(&["production"])),
            ],
        }
    }

    fn staging() -> Subject {
        Subject::Environments {
            environments: Environments::one(EnvironmentName::parse("staging").unwrap()),
            release: None,
        }
    }

    fn plan(
        subject: Subject,
        paths: Option<&[&str]>,
        wishes: &PlanOptions,
    ) -> Result<Plan, PlanError> {
        let sha = CommitSha::from_bytes([1; 20]);
        let base = Base::Commit(CommitSha::from_bytes([2; 20]), "the push's before".into());
        let changes = match paths {
            Some(paths) => {
                Changes::Known(paths.iter().map(|path| path.as_bytes().to_vec()).collect())
            }
            None => Changes::Unknown("the commit is not there".into()),
        };
        Plan::new(
            &manifest(),
            subject,
            sha,
            &PlanInput::Changes(base, changes),
            wishes,
        )
    }

    fn to_deploy(plan: &Plan) -> Vec<&str> {
        plan.to_deploy()
            .map(|service| service.name.as_str())
            .collect()
    }

    fn images(plan: &Plan) -> Vec<&str> {
        plan.images
            .iter()
            .map(|image| image.name.as_str())
            .collect()
    }

    fn listed(names: &[&str]) -> PlanOptions {
        PlanOptions {
            services: Some(
                names
                    .iter()
                    .map(|name| ServiceName::parse(name).unwrap())
                    .collect(),
            ),
            ..PlanOptions::default()
        }
    }

    #[test]
    fn exactly_what_changed_is_deployed() -> Result<(), PlanError> {
        for (paths, services, needed) in [
            (&["api/x"][..], &["api", "worker"][..], &["api"][..]),
            (&["web/x"], &["web"], &["web"]),
            (&["web/x.md"], &[], &[]),
            (&["other"], &[], &[]),
            (&["infra/x"], &["api", "worker", "web"], &["api", "web"]),
        ] {
            let plan = plan(staging(), Some(paths), &PlanOptions::default())?;
            assert_eq!(
                (to_deploy(&plan).as_slice(), images(&plan).as_slice()),
                (services, needed),
                "{paths:?}"
            );
        }
        Ok(())
    }

    #[test]
    fn unknown_is_deployed_and_said() -> Result<(), PlanError> {
        let unknown = plan(staging(), None, &PlanOptions::default())?;
        assert_eq!(to_deploy(&unknown), ["api", "worker", "web"]);
        assert!(
            unknown.services[0]
                .why
                .detail()
                .contains("the commit is not there")
        );
        Ok(())
    }

    #[test]
    fn what_would_take_minutes_to_compare_counts_as_changed() {
        let mut manifest = manifest();
        let many: Vec<String> = (0..5000).map(|at| format!("**/x{at}/*.rs")).collect();
        manifest.images[0].paths = patterns(&many.iter().map(String::as_str).collect::<Vec<_>>());
        let paths: Vec<Vec<u8>> = (0..5000)
            .map(|at| format!("a/b/c/d/{at}").into_bytes())
            .collect();
        let base = Base::Commit(CommitSha::from_bytes([2; 20]), String::new());
        let ground = PlanInput::Changes(base, Changes::Known(paths));
        let view = View::new(&manifest, &ground);
        assert!(matches!(
            view.service(&manifest.services[0].name).why,
            Why::Unknown(_)
        ));
    }

    #[test]
    fn a_list_restricts_and_never_adds() -> Result<(), PlanError> {
        assert_eq!(
            to_deploy(&plan(
                staging(),
                Some(&["api/x", "web/x"]),
                &listed(&["web"])
            )?),
            ["web"]
        );
        assert_eq!(
            to_deploy(&plan(staging(), Some(&["web/x"]), &listed(&["api"]))?),
            [""; 0]
        );
        assert!(matches!(
            plan(staging(), Some(&["api/x"]), &listed(&["worker"])),
            Err(PlanError::LeftOut { .. })
        ));
        assert!(matches!(
            plan(staging(), Some(&[]), &listed(&["nobody"])),
            Err(PlanError::UnknownService(..))
        ));
        Ok(())
    }

    #[test]
    fn force_deploys_what_did_not_change_and_says_so() -> Result<(), PlanError> {
        let forced = plan(
            staging(),
            Some(&["web/x"]),
            &PlanOptions {
                force_unchanged: true,
                ..PlanOptions::default()
            },
        )?;
        assert_eq!(to_deploy(&forced), ["api", "worker", "web"]);
        assert_eq!(forced.services[0].why, Why::Forced);
        Ok(())
    }

    #[test]
    fn each_service_may_have_a_base_of_its_own() -> Result<(), PlanError> {
        let (old, new) = (
            CommitSha::from_bytes([3; 20]),
            CommitSha::from_bytes([4; 20]),
        );
        let of =
            |name: &str, why, base| (ServiceName::parse(name).unwrap(), ServiceNeed { why, base });
        let ground = PlanInput::Demands(BTreeMap::from([
            of("api", Why::Held(new), None),
            of(
                "worker",
                Why::Superseded("release prod-8 is newer".into()),
                Some(new),
            ),
            of("web", Why::Unconfirmed(old), Some(old)),
        ]));
        let of_wishes =
            |wishes: &PlanOptions| Plan::new(&manifest(), staging(), new, &ground, wishes);
        let plan = of_wishes(&PlanOptions::default())?;
        assert_eq!((to_deploy(&plan), images(&plan)), (vec![], vec![]));
        assert_eq!(plan.services[2].base, Some(old));
        let forced = of_wishes(&PlanOptions {
            force_unchanged: true,
            ..PlanOptions::default()
        })?;
        assert_eq!(
            to_deploy(&forced),
            ["web"],
            "neither a hold nor what is newer is set aside by force: unchanged"
        );
        let nobody = Plan::new(
            &manifest(),
            staging(),
            new,
            &PlanInput::Demands(BTreeMap::new()),
            &PlanOptions::default(),
        )?;
        assert_eq!(
            to_deploy(&nobody),
            ["api", "worker", "web"],
            "what is not known is deployed"
        );
        Ok(())
    }

    #[test]
    fn a_pull_request_has_images_and_never_services() -> Result<(), PlanError> {
        let subject = Subject::PullRequest {
            number: model::PrNumber::parse(b"7").unwrap(),
            cannot_push: None,
        };
        let plan = plan(subject, Some(&["api/x"]), &PlanOptions::default())?;
        assert!(plan.services.is_empty());
        assert_eq!(images(&plan), ["api"]);
        Ok(())
    }

    #[test]
    fn an_env_file_needs_every_image() -> Result<(), PlanError> {
        let plan = plan(
            staging(),
            Some(&["api/x"]),
            &PlanOptions {
                every_image: true,
                ..PlanOptions::default()
            },
        )?;
        assert_eq!(images(&plan), ["api", "web"]);
        Ok(())
    }
}
