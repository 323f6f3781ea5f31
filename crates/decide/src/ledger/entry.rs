//! What a commit's manifest says of a service: one half of the service's fingerprint. The other half is the tree under the paths.

use model::{
    EnvironmentName, ImageName, Manifest, PatternList, Repository, Service, ServiceId, ServiceKey,
    ServiceName,
};
use std::collections::BTreeSet;

/// How a service is recognized in the manifest of any commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id on Render, where it is known.
    pub id: Option<ServiceId>,
    /// The names that it has, or has had.
    pub names: BTreeSet<ServiceKey>,
}

/// What a manifest says of a service and of its image, as far as it decides which bytes the service runs.
///
/// Names, order, text and comments are left out, and so is what does not change the bytes (`after`, `hook`, `previews`, `floating-tags`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    repository: Repository,
    build: serde_json::Value,
    /// The image's paths, the service's own, `shared` and `ignore`: the patterns of each as text, in their order.
    paths: [Vec<String>; 4],
    id: Option<ServiceId>,
}

impl ManifestEntry {
    /// What the manifest says of a service in an environment; `None` where the service's image is not there.
    #[must_use]
    pub fn of(
        manifest: &Manifest,
        service: &Service,
        environment: &EnvironmentName,
    ) -> Option<Self> {
        let image = manifest.image(&service.image)?;
        Some(Self {
            repository: image.repository.clone(),
            build: image.build.clone(),
            paths: [
                texts(&image.paths),
                texts(&service.paths),
                texts(&manifest.shared),
                texts(&manifest.ignore),
            ],
            id: service.id.get(environment).cloned(),
        })
    }

    /// The first part in which another entry differs, in the manifest's words.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.repository != other.repository {
            return Some("repository");
        }
        if self.build != other.build {
            return Some("build");
        }
        if self.paths != other.paths {
            return Some("paths");
        }
        (self.id != other.id).then_some("id")
    }
}

/// What a manifest says of how an image is built. Names are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildEntry {
    build: serde_json::Value,
    /// The image's paths, `shared` and `ignore`.
    paths: [Vec<String>; 3],
    /// The paths of the services that run it: changes of theirs build it, too.
    services: BTreeSet<Vec<String>>,
}

impl BuildEntry {
    /// What a manifest says of the image that is pushed to a repository; `None` where there is none.
    #[must_use]
    pub fn of(manifest: &Manifest, repository: &Repository) -> Option<Self> {
        let image = manifest
            .images
            .iter()
            .find(|image| image.repository == *repository)?;
        let users = manifest
            .services
            .iter()
            .filter(|service| service.image == image.name);
        Some(Self {
            build: image.build.clone(),
            paths: [
                texts(&image.paths),
                texts(&manifest.shared),
                texts(&manifest.ignore),
            ],
            services: users.map(|service| texts(&service.paths)).collect(),
        })
    }
}

fn texts(list: &PatternList) -> Vec<String> {
    list.iter()
        .map(|pattern| pattern.as_str().to_owned())
        .collect()
}

/// A service of a manifest that may be the one that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCandidate {
    /// Its name there.
    pub service: ServiceName,
    /// Its image there.
    pub image: ImageName,
    /// What the manifest says of it.
    pub entry: ManifestEntry,
}

/// The services of a manifest that are, or may be, this one. An id in the manifest decides; without one, a name that it has had.
#[must_use]
pub fn candidates(manifest: &Manifest, identity: &Identity) -> Vec<ServiceCandidate> {
    let mut found: Vec<ServiceCandidate> = Vec::new();
    for environment in &manifest.environments {
        for service in manifest.services_in(&environment.name) {
            if !is_it(service, &environment.name, identity) {
                continue;
            }
            let Some(entry) = ManifestEntry::of(manifest, service, &environment.name) else {
                continue;
            };
            let candidate = ServiceCandidate {
                service: service.name.clone(),
                image: service.image.clone(),
                entry,
            };
            if !found.contains(&candidate) {
                found.push(candidate);
            }
        }
    }
    found
}

fn is_it(service: &Service, environment: &EnvironmentName, identity: &Identity) -> bool {
    match (service.id.get(environment), &identity.id) {
        (Some(own), Some(id)) => own == id,
        (Some(_) | None, _) => identity
            .names
            .contains(&ServiceKey::new(environment, &service.name)),
    }
}
