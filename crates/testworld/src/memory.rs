//! What was deployed before a journey begins: by default what the event says was there before, of every service, and live.

use super::World;
use super::event::ZEROS;
use super::github::record::Seed;
use super::render::service_id;
use super::steps::MANIFEST;
use model::{Environment, Manifest, Repository, TagReading, When};
use parse::manifest::{self, Home};

impl World {
    /// Nothing was ever deployed by this action.
    pub fn never_deployed(mut self) -> Self {
        self.is_remembered = false;
        self
    }

    /// A service of an environment was deployed at that commit, and went live.
    pub fn deployed(self, environment: &str, service: &str, commit: &str) -> Self {
        let seed = self.live(environment, service, commit);
        self.recorded(seed)
    }

    /// A record of that kind is there.
    pub fn recorded(self, seed: Seed) -> Self {
        self.github.seed_record(seed);
        self
    }

    /// The record of a deploy that went live.
    pub fn live(&self, environment: &str, service: &str, commit: &str) -> Seed {
        Seed::live(
            environment,
            service,
            commit,
            &self.repository(service),
            &digest_of(commit),
        )
    }

    /// The step has an API key, and Render serves what the record says was deployed last.
    pub fn with_key(self) -> Self {
        let (key, home) = (self.render.api_key(), self.render.server.origin());
        self.input("render-api-key", &key)
            .secret("render-api-key", &key, &[&home])
    }

    /// Whether the step has an API key.
    pub fn has_key(&self) -> bool {
        self.inputs.contains_key("render-api-key")
    }

    /// From now on the step deploys to production, by hooks alone: services of their own, that all have the release that is tagged here, with
    /// the images that were put last.
    pub fn in_production(mut self, tag: &str) -> Self {
        self.origin.tag(tag, "HEAD");
        let commit = self.origin.head();
        for (service, _) in std::mem::take(&mut self.hooks) {
            let own = format!("{service}-production");
            let url = self.new_hook(&own);
            self.render
                .image_path(&own, &format!("{}:latest", self.repository(&service)));
            self.hooks.push((service.clone(), url));
            let id = Some(service_id(&own));
            let mut seed = Seed {
                id,
                release: Some(tag.to_owned()),
                ..self.live("production", &service, &commit)
            };
            if let Some(image) = self.images.get(&service) {
                (seed.digest, seed.platform) = (image.digest.clone(), image.platform.clone());
            }
            self = self.recorded(seed);
        }
        let lines: Vec<String> = self
            .hooks
            .iter()
            .map(|(service, url)| format!("{service}={url}"))
            .collect();
        self.input("deploy-hooks", &lines.join("\n"))
            .input("render-api-key", "")
    }

    /// Puts what the event says was there before into the record now, so that more can be put there.
    pub fn first_remembered(self) -> Self {
        self.remember();
        self
    }

    /// Puts into the record what the event says was there before, where nothing else was put there.
    pub fn remember(&self) {
        if !self.is_remembered || !self.github.records().is_empty() {
            return;
        }
        let Some(manifest) = self.known_manifest() else {
            return;
        };
        for environment in &manifest.environments {
            let Some((commit, release)) = self.before(environment) else {
                continue;
            };
            for service in manifest.services_in(&environment.name) {
                let Some(image) = manifest.image(&service.image) else {
                    continue;
                };
                let (name, repository) = (environment.name.as_str(), image.repository.to_string());
                let seed = Seed::live(
                    name,
                    service.name.as_str(),
                    &commit,
                    &repository,
                    &digest_of(&commit),
                );
                if self.inputs.contains_key("render-api-key")
                    && self.render.live(service.name.as_str()).is_none()
                {
                    self.render.seed_live(
                        service.name.as_str(),
                        &format!("{repository}@{}", seed.digest),
                    );
                }
                self.github.seed_record(Seed {
                    release: release.clone(),
                    ..seed
                });
            }
        }
    }

    fn known_manifest(&self) -> Option<Manifest> {
        let home = Home {
            owner: "acme",
            repo: "shop",
            default_branch: "main",
        };
        let path = self.inputs.get("manifest").map_or(MANIFEST, String::as_str);
        match std::fs::read(self.origin.path().join(path)) {
            Ok(bytes) => manifest::parse(&bytes, &home).ok(),
            Err(_) => {
                let image = self
                    .inputs
                    .get("image")
                    .map_or_else(|| self.repository("shop"), Clone::clone);
                manifest::shorthand(Repository::parse(&image).ok()?, &home).ok()
            }
        }
    }

    /// The commit that a push found there, or that of the release before the one that is pushed.
    fn before(&self, environment: &Environment) -> Option<(String, Option<String>)> {
        let event = self.event.as_ref().filter(|event| event.name == "push")?;
        match &environment.when {
            When::Branch(branch) => {
                let before = event.payload["before"]
                    .as_str()
                    .filter(|before| *before != ZEROS)?;
                (event.git_ref == format!("refs/heads/{branch}")).then(|| (before.to_owned(), None))
            }
            When::Release { template, .. } => {
                let read = |tag: &str| match template.read(tag) {
                    TagReading::Release(release) => Some(release.number()),
                    TagReading::Malformed | TagReading::Foreign => None,
                };
                let pushed = read(event.git_ref.strip_prefix("refs/tags/")?)?;
                let tags = self.origin.tags();
                let older = tags
                    .iter()
                    .filter_map(|tag| Some((read(tag)?, tag)))
                    .filter(|(number, _)| *number < pushed);
                let (_, tag) = older.max_by_key(|(number, _)| *number)?;
                Some((self.origin.commit_of(tag), Some(tag.clone())))
            }
        }
    }
}

/// A digest that no image of the world has.
pub(crate) fn digest_of(commit: &str) -> String {
    format!("sha256:{commit:0<64}")
}
