//! What the team's manifest says, as values, and the text of it.

use crate::git::Files;
use crate::setting::{FLOATING, PROBE_TIMEOUT};
use crate::world::{REGISTRY, SERVICES};
use std::fmt::Write as _;

/// Where a commit's manifest is.
pub(crate) const PATH: &str = ".github/deploy-manifest.yml";

/// What an environment follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    Branch(&'static str),
    /// Tags `prod-<number>` of these branches.
    Releases,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Environment {
    /// It stays the same when the environment is renamed.
    pub(crate) key: usize,
    pub(crate) name: String,
    pub(crate) when: When,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) key: usize,
    /// `acme/a0`
    pub(crate) repository: String,
    pub(crate) paths: Vec<String>,
    /// What the workflow builds with.
    pub(crate) build: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) key: usize,
    pub(crate) name: String,
    /// The key of its image.
    pub(crate) image: usize,
    /// Paths beside its image's.
    pub(crate) paths: Vec<String>,
    /// The service that it comes after.
    pub(crate) after: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) environments: Vec<Environment>,
    pub(crate) images: Vec<Image>,
    pub(crate) services: Vec<Service>,
    pub(crate) shared: Vec<String>,
    /// Whether services have their ids in it.
    pub(crate) has_ids: bool,
    /// Whether both branch environments have the same services on Render.
    pub(crate) shares_hooks: bool,
    /// Whether services are asked which image they run.
    pub(crate) has_probes: bool,
    /// Whether the first environment has a floating tag.
    pub(crate) floats: bool,
    /// Whether releases require the first environment.
    pub(crate) requires: bool,
}

/// What a commit says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Config {
    Manifest(Manifest),
    /// There is none, which means one image and one service.
    Absent,
    /// It cannot be parsed.
    Broken,
}

/// The id on Render of a service of an environment.
pub(crate) fn render_id(shares_hooks: bool, environment: usize, service: usize) -> String {
    let environment = if shares_hooks { 0 } else { environment };
    format!("srv-e{environment}s{service}")
}

/// Whether a pattern of the kinds that are used here matches a path.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix("**") {
        Some(prefix) => path.starts_with(prefix),
        None => path == pattern,
    }
}

/// What a service's equality rests on: the parsed entry and the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) repository: String,
    pub(crate) build: u8,
    paths: Vec<String>,
    files: Files,
}

/// What an image's bytes are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) repository: String,
    pub(crate) build: u8,
    pub(crate) files: Files,
}

fn chosen(files: &Files, patterns: &[String]) -> Files {
    let is_in = |path: &String| patterns.iter().any(|pattern| matches(pattern, path));
    let found = files.iter().filter(|(path, _)| is_in(path));
    found
        .map(|(path, content)| (path.clone(), content.clone()))
        .collect()
}

impl Config {
    /// What is meant where there is no manifest: `image` is the image's repository.
    fn shorthand() -> Manifest {
        let environment = |key, name: &str, when| Environment {
            key,
            name: name.into(),
            when,
        };
        Manifest {
            environments: vec![
                environment(0, "main", When::Branch("main")),
                environment(1, "prod", When::Releases),
            ],
            images: vec![Image {
                key: 0,
                repository: "acme/a0".into(),
                paths: vec!["**".into()],
                build: 0,
            }],
            services: vec![Service {
                key: 0,
                name: "shop".into(),
                image: 0,
                paths: Vec::new(),
                after: None,
            }],
            shared: Vec::new(),
            has_ids: false,
            shares_hooks: false,
            has_probes: false,
            floats: false,
            requires: false,
        }
    }

    /// What the commit means; `None` if that cannot be told.
    pub(crate) fn meaning(&self) -> Option<Manifest> {
        match self {
            Self::Manifest(manifest) => Some(manifest.clone()),
            Self::Absent => Some(Self::shorthand()),
            Self::Broken => None,
        }
    }

    /// The file, if there is one.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Manifest(manifest) => Some(manifest.text()),
            Self::Absent => None,
            Self::Broken => Some("version: 1\nenvironments: [\n".into()),
        }
    }
}

impl Manifest {
    pub(crate) fn environment(&self, key: usize) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|environment| environment.key == key)
    }

    pub(crate) fn service(&self, key: usize) -> Option<&Service> {
        self.services.iter().find(|service| service.key == key)
    }

    pub(crate) fn image(&self, key: usize) -> Option<&Image> {
        self.images.iter().find(|image| image.key == key)
    }

    fn patterns(&self, image: &Image) -> Vec<String> {
        [image.paths.clone(), self.shared.clone()].concat()
    }

    /// What an image is made of.
    pub(crate) fn recipe(&self, image: &Image, files: &Files) -> Recipe {
        Recipe {
            repository: image.repository.clone(),
            build: image.build,
            files: chosen(files, &self.patterns(image)),
        }
    }

    /// The part of some files that an image is made of.
    pub(crate) fn files_of(&self, image: &Image, files: &Files) -> Files {
        chosen(files, &self.patterns(image))
    }

    pub(crate) fn fingerprint(&self, service: usize, files: &Files) -> Option<Fingerprint> {
        let service = self.service(service)?;
        let image = self.image(service.image)?;
        let paths = [self.patterns(image), service.paths.clone()].concat();
        Some(Fingerprint {
            repository: image.repository.clone(),
            build: image.build,
            files: chosen(files, &paths),
            paths,
        })
    }

    fn text(&self) -> String {
        let mut text = String::from("version: 1\nenvironments:\n");
        for environment in &self.environments {
            let when = match &environment.when {
                When::Branch(branch) => format!("branch: {branch}"),
                When::Releases => "tag: \"prod-{number}\", from: [main, hotfix]".to_owned(),
            };
            let tag = if self.floats && environment.key == 0 {
                format!(", floating-tags: [{FLOATING}]")
            } else {
                String::new()
            };
            let first = self.environment(0).filter(|_| self.requires);
            let required = match (&environment.when, first) {
                (When::Releases, Some(first)) => format!(", requires: {}", first.name),
                _ => String::new(),
            };
            let _ = writeln!(text, "  {}: {{ {when}{tag}{required} }}", environment.name);
        }
        text += "ignore: [\"readme.md\"]\n";
        if !self.shared.is_empty() {
            let _ = writeln!(text, "shared: {:?}", self.shared);
        }
        text += "images:\n";
        for image in &self.images {
            let build = format!("build: {{ level: \"{}\" }}", image.build);
            let _ = writeln!(
                text,
                "  i{}: {{ repository: \"{REGISTRY}/{}\", paths: {:?}, {build} }}",
                image.key, image.repository, image.paths
            );
        }
        text += "services:\n";
        for service in &self.services {
            let _ = write!(text, "  {}: {{ image: i{}", service.name, service.image);
            if !service.paths.is_empty() {
                let _ = write!(text, ", paths: {:?}", service.paths);
            }
            if let Some(after) = service.after.and_then(|after| self.service(after)) {
                let _ = write!(text, ", after: [{}]", after.name);
            }
            if self.has_probes {
                let url = |environment: &Environment| {
                    let id = render_id(self.shares_hooks, environment.key, service.key);
                    format!("{}: \"http://{SERVICES}/{id}\"", environment.name)
                };
                let urls: Vec<String> = self.environments.iter().map(url).collect();
                let urls = urls.join(", ");
                let _ = write!(
                    text,
                    ", probe: {{ url: {{ {urls} }}, expect: \"{{digest}}\", timeout: {PROBE_TIMEOUT}s, times: 2 }}"
                );
            }
            if self.has_ids {
                let id = |environment: &Environment| {
                    let id = render_id(self.shares_hooks, environment.key, service.key);
                    format!("{}: {id}", environment.name)
                };
                let ids: Vec<String> = self.environments.iter().map(id).collect();
                let _ = write!(text, ", id: {{ {} }}", ids.join(", "));
            }
            text += " }\n";
        }
        text
    }
}
