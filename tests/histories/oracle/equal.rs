//! Which deploys serve what equals a commit.

use crate::manifest::{Fingerprint, When};
use crate::team::Team;
use crate::world::REGISTRY;
use crate::world::render::{By, Deploy};
use std::collections::BTreeMap;

impl Team {
    /// A service's fingerprint at a commit: "the parsed entry of the service and of its image in that commit's manifest, and the tree under those paths".
    pub(crate) fn fingerprint(&self, commit: usize, service: usize) -> Option<Fingerprint> {
        self.manifest(commit)?
            .fingerprint(service, self.files(commit))
    }

    /// "Two commits are equal on S if both have S and the fingerprints are equal."
    pub(crate) fn are_equal(&self, one: usize, other: usize, service: usize) -> bool {
        one == other && self.fingerprint(one, service).is_some()
            || self
                .fingerprint(one, service)
                .is_some_and(|own| Some(own) == self.fingerprint(other, service))
    }

    /// The commits that a deploy's bytes were built from.
    pub(crate) fn built_from(&self, deploy: &Deploy) -> &[usize] {
        self.builds
            .get(deploy.digest())
            .map_or(&[], |build| &build.commits)
    }

    /// The commits that a deploy stands for: what its run was about. Of a rollback or a person's deploy, what its bytes were built from.
    pub(crate) fn commits_of(&self, deploy: &Deploy) -> Vec<usize> {
        match deploy.by {
            By::Run(number) if self.is_own(number, deploy) => {
                vec![self.runs[number].commit]
            }
            By::Run(_) | By::Hand => self.built_from(deploy).to_vec(),
        }
    }

    /// Whether a deploy is of the commit that its run was about.
    fn is_own(&self, number: usize, deploy: &Deploy) -> bool {
        let run = &self.runs[number];
        let mut calls = run
            .calls
            .iter()
            .filter(|call| call.digest == deploy.digest());
        run.command == "deploy" && !calls.any(|call| call.is_restore)
    }

    /// Whether a deploy serves bytes that are built from what the commit has, and stands for a commit that is equal to it.
    pub(crate) fn serves(&self, deploy: &Deploy, commit: usize, service: usize) -> bool {
        let Some(manifest) = self.manifest(commit) else {
            return false;
        };
        let Some(of) = manifest.service(service) else {
            return false;
        };
        let Some(image) = manifest.image(of.image) else {
            return false;
        };
        if deploy
            .image
            .split_once('@')
            .map(|(repository, _)| repository)
            != Some(&format!("{REGISTRY}/{}", image.repository))
        {
            return false;
        }
        let wanted = manifest.files_of(image, self.files(commit));
        let is_built_so = |built: &usize| {
            let there = self.manifest(*built);
            let build = there.and_then(|there| there.image(image.key).map(|image| image.build));
            build == Some(image.build) && manifest.files_of(image, self.files(*built)) == wanted
        };
        let built = self.built_from(deploy);
        let mut stands_for = self.commits_of(deploy);
        // "Where a service has paths beside its image's, the commit that was deployed counts, not the one that was built."
        if of.paths.is_empty() {
            stands_for.extend(built);
        }
        built.iter().any(is_built_so)
            && stands_for
                .iter()
                .any(|other| self.are_equal(*other, commit, service))
    }

    /// The tip of an environment: the branch's, or the highest release whose tag stands, "where the commit lies on a `from` branch or was deployed or begun here
    /// by our own record". With a release, its number. Which branch the environment follows, the manifest of the run's commit says.
    pub(crate) fn tip(
        &self,
        environment: usize,
        asking: usize,
        refs: &BTreeMap<String, String>,
    ) -> Option<(usize, Option<u32>)> {
        let on = |name: &str| {
            let object = refs.get(name)?;
            self.world
                .origin
                .number(object)
                .or_else(|| self.world.origin.tagged(object))
        };
        if !(environment == 1 && self.setting.has_releases()) {
            let followed = self.manifest(asking).and_then(|manifest| {
                let found = manifest.environment(environment)?;
                match found.when {
                    When::Branch(branch) => Some(branch),
                    When::Releases => None,
                }
            });
            let branch = followed.unwrap_or_else(|| self.branch(environment));
            return on(&format!("refs/heads/{branch}")).map(|tip| (tip, None));
        }
        let releases = refs.keys().filter_map(|name| {
            let number: u32 = name.strip_prefix("refs/tags/prod-")?.parse().ok()?;
            Some((on(name)?, Some(number)))
        });
        let is_on = |commit: usize| {
            ["refs/heads/main", "refs/heads/hotfix"]
                .iter()
                .filter_map(|name| on(name))
                .any(|tip| self.world.origin.reaches(commit, tip))
        };
        releases
            .filter(|(commit, _)| is_on(*commit) || self.was_begun(*commit))
            .max_by_key(|(_, number)| *number)
    }

    /// Whether a release of a commit "was deployed or begun here by our own record".
    pub(super) fn was_begun(&self, commit: usize) -> bool {
        let is_of = |number: usize| {
            let run = &self.runs[number];
            run.environment == Some(1) && run.commit == commit
        };
        let has_called = |number: usize| is_of(number) && !self.runs[number].calls.is_empty();
        let mut records = self.world.deployments.list.iter();
        (0..self.runs.len()).any(has_called)
            || records
                .any(|found| found.run.is_some_and(is_of) && !found.field("digest").is_empty())
    }

    /// Whether an environment has releases.
    pub(crate) fn has_releases(&self, environment: usize) -> bool {
        environment == 1 && (self.setting.has_releases())
    }

    /// The keys of an environment's services at a commit.
    pub(crate) fn services_at(&self, commit: usize, environment: usize) -> Vec<usize> {
        let Some(manifest) = self.manifest(commit) else {
            return Vec::new();
        };
        let is_there = manifest
            .environment(environment)
            .is_some_and(|found| match found.when {
                When::Branch(_) => !self.has_releases(environment),
                When::Releases => self.has_releases(environment),
            });
        if is_there {
            manifest
                .services
                .iter()
                .map(|service| service.key)
                .collect()
        } else {
            Vec::new()
        }
    }

    /// The service of an environment that an id on Render is.
    pub(crate) fn service_of(&self, environment: usize, id: &str) -> Option<usize> {
        (0..self.setting.services).find(|service| self.render_id(environment, *service) == id)
    }
}
