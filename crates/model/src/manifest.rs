//! The deploy manifest, as it was meant: every name resolves, every template is sound, every default is filled in.

use super::{
    BranchFilter, EnvironmentName, HookVariable, ImageName, ImageTag, PatternList, Probe,
    ReleaseTemplate, Repository, ServiceId, ServiceName, TagTemplate,
};
use std::collections::BTreeMap;

/// Which images there are, which services use them, and what makes each of them change.
///
/// Made by `parse::manifest` only, which checks what holding one promises: names are unique and refer to what is there, `after` has no
/// cycle, repositories are unique, and no tag of one kind can be read as a tag of another.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Whether a file said so, or nobody did.
    pub source: ManifestSource,
    /// How tags are written.
    pub tags: TagRules,
    /// Environments in the manifest's order.
    pub environments: Vec<Environment>,
    /// Paths that are never a reason for anything.
    pub ignore: PatternList,
    /// Paths that are a reason for every image and every service.
    pub shared: PatternList,
    /// Images in the manifest's order.
    pub images: Vec<Image>,
    /// Services in the manifest's order; may be empty (then images are verified, moved and written to the env file only).
    pub services: Vec<Service>,
}

/// Where a manifest came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestSource {
    /// A file of the repository.
    File,
    /// There is none: the one-service shorthand.
    Shorthand,
}

/// How tags are written.
#[derive(Debug, Clone)]
pub struct TagRules {
    /// The tag of a commit.
    pub commit: TagTemplate,
    /// The tag of a pull request's commit.
    pub pull_request: TagTemplate,
    /// Whether the tip of the default branch is also `latest`.
    pub latest: bool,
}

/// A place to deploy to.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// What deploys to it.
    pub when: When,
    /// Tags that are kept on what is live here.
    pub floating_tags: Vec<ImageTag>,
    /// The environment in which an image has to be live first.
    pub requires: Option<EnvironmentName>,
}

/// What deploys to an environment.
#[derive(Debug, Clone)]
pub enum When {
    /// A push to this branch (its short name: `main`).
    Branch(String),
    /// A push of a release tag.
    Release {
        /// How its tags are written.
        template: ReleaseTemplate,
        /// Branches on one of which the release's commit must be; empty means the default branch.
        from: Vec<BranchFilter>,
    },
}

/// An image that is built from the repository.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its name.
    pub name: ImageName,
    /// Where it is pushed to.
    pub repository: Repository,
    /// What it is built from.
    pub paths: PatternList,
    /// Where it is used; `None` is everywhere.
    pub environments: Option<Vec<EnvironmentName>>,
    /// Free JSON for the workflow's own use (`matrix.build`): an object.
    pub build: serde_json::Value,
}

/// A service on Render.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// The image that it runs.
    pub image: ImageName,
    /// Paths that matter to it beside its image's own.
    pub paths: PatternList,
    /// Services that must be deployed before it.
    pub after: Vec<ServiceName>,
    /// Where it exists; `None` is everywhere.
    pub environments: Option<Vec<EnvironmentName>>,
    /// The variable that holds its deploy hook.
    pub hook: HookVariable,
    /// Its id on Render, by environment.
    pub id: BTreeMap<EnvironmentName, ServiceId>,
    /// The environment whose service a pull request's preview is made from.
    pub previews: Option<EnvironmentName>,
    /// How it is asked which commit it runs.
    pub probe: Option<Probe>,
}

impl Service {
    /// Whether it exists in an environment.
    #[must_use]
    pub fn is_in(&self, environment: &EnvironmentName) -> bool {
        is_in(self.environments.as_deref(), environment)
    }
}

impl Manifest {
    /// The environment of that name.
    #[must_use]
    pub fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|environment| environment.name == *name)
    }

    /// The image of that name.
    #[must_use]
    pub fn image(&self, name: &ImageName) -> Option<&Image> {
        self.images.iter().find(|image| image.name == *name)
    }

    /// The services of an environment, in the manifest's order.
    pub fn services_in<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> impl Iterator<Item = &'a Service> {
        self.services
            .iter()
            .filter(|service| is_in(service.environments.as_deref(), environment))
    }

    /// The images of an environment, in the manifest's order.
    pub fn images_in<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> impl Iterator<Item = &'a Image> {
        self.images
            .iter()
            .filter(|image| is_in(image.environments.as_deref(), environment))
    }
}

fn is_in(environments: Option<&[EnvironmentName]>, environment: &EnvironmentName) -> bool {
    environments.is_none_or(|environments| environments.contains(environment))
}
