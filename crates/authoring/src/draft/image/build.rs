//! Images that workflows build: where they are pushed to, and from which Dockerfile they come.

use super::{DraftImages, file_of};
use crate::workflow::Build;
use model::Untrusted;
use std::collections::BTreeSet;

/// Where an image is pushed to.
enum Pushed {
    /// To this repository of GHCR, as the manifest writes it.
    Here(String),
    /// To GHCR, to somebody else's repository.
    Elsewhere,
    /// To a registry that is not GHCR.
    NotGhcr(&'static str),
    /// That is only known when the workflow runs, or nowhere.
    Unknown,
}

impl DraftImages<'_> {
    /// The image that a step of a workflow builds, unless its Dockerfile is not tracked or another step builds the same.
    pub(in crate::draft) fn of_build(&mut self, build: &Build) {
        let Some(file) = file_of(build) else {
            return;
        };
        if !self.evidence.dockerfiles.contains_key(&file) {
            return;
        }
        if let Some(at) = self.position(&file, build.target.as_deref()) {
            // One step tests it, another one pushes it.
            let repository = self.repository_of(build);
            if let Some(repository) = repository.filter(|_| !self.found[at].is_placed) {
                (self.found[at].image.repository, self.found[at].is_placed) = (repository, true);
            }
            return;
        }
        let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
        let own = directory.rsplit('/').next().filter(|own| !own.is_empty());
        let repository = build.tags.iter().find_map(|tag| self.here(tag));
        let last = repository.as_deref().and_then(|own| own.rsplit('/').next());
        let last = last.map(|last| last.replace("{repo}", self.evidence.slug.repo()));
        let name = last
            .as_deref()
            .or(build.target.as_deref().filter(|_| self.has_targets(&file)))
            .or(own.filter(|own| !matches!(*own, "docker" | ".docker" | "deploy")))
            .unwrap_or_else(|| self.evidence.slug.repo())
            .to_owned();
        self.at_build(&file, build, &name);
    }

    /// Whether several stages of a Dockerfile are built: then the stage says more than the directory.
    fn has_targets(&self, file: &str) -> bool {
        let of_file = self
            .builds()
            .filter(|build| file_of(build).as_deref() == Some(file));
        let targets: BTreeSet<_> = of_file.map(|build| build.target.as_deref()).collect();
        targets.len() > 1
    }

    fn position(&self, file: &str, target: Option<&str>) -> Option<usize> {
        self.found.iter().position(|found| {
            found.image.file.as_deref() == Some(file) && found.image.target.as_deref() == target
        })
    }

    /// The repository of GHCR that a tag is in, if it is of this repository's owner.
    fn here(&self, tag: &str) -> Option<String> {
        match self.pushed(tag) {
            Pushed::Here(repository) => Some(repository),
            Pushed::Elsewhere | Pushed::NotGhcr(_) | Pushed::Unknown => None,
        }
    }

    /// The repository of a build's first tag that is this owner's. Others are noted: the draft pushes to GHCR, to this owner's packages.
    pub(super) fn repository_of(&mut self, build: &Build) -> Option<String> {
        let mut own = None;
        for tag in &build.tags {
            let shown = Untrusted(bare(tag).as_bytes()).to_string();
            match self.pushed(tag) {
                Pushed::Here(repository) => own = own.or(Some(repository)),
                Pushed::Elsewhere => self.note(format!(
                    "{shown}: its packages are another owner's, and this workflow's token cannot push there"
                )),
                Pushed::NotGhcr(registry) => self.note(format!(
                    "{shown}: {registry} is not supported; images are pushed to GHCR"
                )),
                Pushed::Unknown => {}
            }
        }
        own
    }

    fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    fn pushed(&self, tag: &str) -> Pushed {
        let bare = bare(tag);
        let first = bare.split('/').next().unwrap_or_default();
        let is_told = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if !bare.contains('/') || first.is_empty() || !first.bytes().all(is_told) {
            return Pushed::Unknown;
        }
        if first == "docker.io" || !first.contains(['.', ':']) {
            return Pushed::NotGhcr("Docker Hub");
        }
        if first != "ghcr.io" {
            return Pushed::NotGhcr("this registry");
        }
        match self.template(bare) {
            Some(repository) if repository.contains("{owner}") => Pushed::Here(repository),
            Some(_) => Pushed::Elsewhere,
            None => Pushed::Unknown,
        }
    }
}

/// A reference without its tag. A colon before the last slash is a port's.
fn bare(tag: &str) -> &str {
    match tag.rsplit_once(':') {
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => tag,
    }
}
