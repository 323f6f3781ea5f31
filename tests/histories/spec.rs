//! What a commit has: its files and its manifest, and how changes edit them.

use crate::event::Change;
use crate::git::Files;
use crate::manifest::{Config, Environment, Manifest, PATH, When};
use crate::setting::Setting;
use std::collections::BTreeSet;

/// A commit's content, before it is one.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    /// Everything but the manifest.
    files: Files,
    manifest: Manifest,
    removed: BTreeSet<usize>,
    is_absent: bool,
    is_broken: bool,
}

impl Spec {
    pub(crate) fn first(setting: &Setting) -> Self {
        let mut files = Files::new();
        files.insert("readme.md".into(), "0".into());
        files.insert("shared/lib.txt".into(), "0".into());
        for key in 0..setting.services {
            for folder in ["services", "libs", "cron"] {
                files.insert(format!("{folder}/{key}/main.txt"), "0".into());
            }
        }
        Self {
            files,
            manifest: setting.manifest(),
            removed: BTreeSet::new(),
            is_absent: setting.begins_without_manifest,
            is_broken: false,
        }
    }

    /// What the manifest is.
    pub(crate) fn config(&self) -> Config {
        if self.is_absent {
            return Config::Absent;
        }
        if self.is_broken {
            return Config::Broken;
        }
        let mut manifest = self.manifest.clone();
        manifest
            .services
            .retain(|service| !self.removed.contains(&service.key));
        Config::Manifest(manifest)
    }

    /// Every file, the manifest too.
    pub(crate) fn all_files(&self) -> Files {
        let mut files = self.files.clone();
        files.extend(self.config().text().map(|text| (PATH.to_owned(), text)));
        files
    }

    fn write(&mut self, path: String, content: &str) {
        self.files.insert(path, content.to_owned());
    }

    /// Applies a change; `number` is that of the commit.
    pub(crate) fn apply(&mut self, change: Change, number: usize) {
        let services = self.manifest.services.len();
        let of = |byte: u8, count: usize| usize::from(byte) % count;
        match change {
            Change::Files { image, content } => {
                let at = of(image, self.manifest.images.len());
                let key = self.manifest.images[at].key;
                self.write(format!("services/{key}/main.txt"), &content.to_string());
            }
            Change::Extra { content } => {
                self.write(
                    format!("cron/{}/main.txt", services - 1),
                    &content.to_string(),
                );
            }
            Change::Shared { content } => self.write("shared/lib.txt".into(), &content.to_string()),
            Change::Readme => self.write("readme.md".into(), &number.to_string()),
            Change::RenameService(which) => {
                let service = &mut self.manifest.services[of(which, services)];
                service.name = other(&service.name, "b");
            }
            Change::RenameEnvironment(which) => {
                let at = of(which, self.manifest.environments.len());
                let environment: &mut Environment = &mut self.manifest.environments[at];
                environment.name = other(&environment.name, "b");
            }
            Change::MoveImage(which) => {
                let at = of(which, self.manifest.images.len());
                let image = &mut self.manifest.images[at];
                image.repository = other(&image.repository, "b");
            }
            Change::Build(which) => {
                let at = of(which, self.manifest.images.len());
                let image = &mut self.manifest.images[at];
                image.build = (image.build + 1) % 2;
            }
            Change::Paths(which) => {
                let at = of(which, self.manifest.images.len());
                let image = &mut self.manifest.images[at];
                match image.paths.len() {
                    1 => image.paths.push(format!("libs/{}/**", image.key)),
                    _ => image.paths.truncate(1),
                }
            }
            Change::RemoveService(which) => {
                let key = of(which, services);
                if !self.removed.remove(&key) && self.removed.len() + 1 < services {
                    self.removed.insert(key);
                }
            }
            Change::RemoveManifest => self.is_absent = !self.is_absent,
            Change::BreakManifest => self.is_broken = !self.is_broken,
            Change::FollowBranch => {
                for environment in &mut self.manifest.environments {
                    match &mut environment.when {
                        When::Branch(branch) if *branch == "dev" => *branch = "develop",
                        When::Branch(branch) if *branch == "develop" => *branch = "dev",
                        When::Branch(_) | When::Releases => {}
                    }
                }
            }
        }
    }
}

/// The name with the ending, or without it where it has it.
fn other(name: &str, ending: &str) -> String {
    match name.strip_suffix(ending) {
        Some(first) => first.to_owned(),
        None => format!("{name}{ending}"),
    }
}
