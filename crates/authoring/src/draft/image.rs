//! The images of a draft: found in render.yaml, in workflows and in Dockerfiles, each once.

mod build;

use super::{Evidence, ImageDraft, own_name};
use crate::blueprint::BlueprintService;
use crate::dockerfile::Sources;
use crate::workflow::Build;
use model::{Pattern, PatternList, Repository};
use std::collections::BTreeSet;

/// The images so far.
pub(super) struct DraftImages<'a> {
    evidence: &'a Evidence<'a>,
    found: Vec<FoundImage>,
    names: BTreeSet<String>,
    notes: Vec<String>,
}

struct FoundImage {
    image: ImageDraft,
    /// Whether a file said which repository it is in.
    is_placed: bool,
    /// What build filters say of it: wanted and ignored.
    filters: (Vec<String>, Vec<String>),
}

impl<'a> DraftImages<'a> {
    pub(super) const fn new(evidence: &'a Evidence<'a>) -> Self {
        Self {
            evidence,
            found: Vec::new(),
            names: BTreeSet::new(),
            notes: Vec::new(),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether an image is built from that Dockerfile.
    pub(super) fn knows(&self, dockerfile: &str) -> bool {
        self.found
            .iter()
            .any(|found| found.image.file.as_deref() == Some(dockerfile))
    }

    /// The image of a service of render.yaml, by name, or why it has none that is built here.
    pub(super) fn of_service(&mut self, service: &BlueprintService) -> Result<String, String> {
        let at = match (&service.image, service.runtime.as_str()) {
            (Some(url), _) => self.of_url(url)?,
            (None, "docker") => {
                let below = |path: &str| join(&service.root, path);
                let candidates = [below(&service.dockerfile), service.dockerfile.clone()];
                let file = candidates
                    .iter()
                    .find(|path| self.evidence.dockerfiles.contains_key(*path));
                let Some(file) = file.cloned() else {
                    return Err(format!(
                        "its Dockerfile, {}, is not tracked",
                        model::Untrusted(candidates[0].as_bytes())
                    ));
                };
                let is_below_root = file == candidates[0];
                let context = if is_below_root {
                    below(&service.context)
                } else {
                    service.context.clone()
                };
                self.at_dockerfile(&file, Some(context), &service.name)
            }
            (None, runtime) => {
                let runtime = model::Untrusted(runtime.as_bytes());
                return Err(format!(
                    "Render builds it itself (runtime {runtime}); give it a Dockerfile to deploy an image"
                ));
            }
        };
        let found = &mut self.found[at];
        found.filters.0.extend(service.paths.iter().cloned());
        found.filters.1.extend(service.ignored.iter().cloned());
        Ok(found.image.name.clone())
    }

    /// The image that an address names, if it is of this repository's owner.
    fn of_url(&mut self, url: &str) -> Result<usize, String> {
        let foreign = || {
            format!(
                "it runs {}, which is not built here",
                model::Untrusted(url.as_bytes())
            )
        };
        let bare = url.split('@').next().unwrap_or_default();
        // A colon before the last slash is a port's.
        let bare = bare
            .rsplit_once(':')
            .filter(|(_, tag)| !tag.contains('/'))
            .map_or(bare, |(bare, _)| bare);
        let repository = self.template(bare).ok_or_else(foreign)?;
        let is_ours = repository.contains("{owner}") || self.repositories().contains(&repository);
        if !is_ours {
            return Err(foreign());
        }
        if let Some(at) = self
            .found
            .iter()
            .position(|found| found.image.repository == repository)
        {
            return Ok(at);
        }
        let last = bare.rsplit('/').next().unwrap_or_default().to_owned();
        let evidence = self.evidence;
        let build = self
            .builds()
            .find(|build| build.tags.iter().any(|tag| tag.starts_with(bare)));
        let file = build.and_then(file_of).or_else(|| {
            let all: Vec<&String> = evidence.dockerfiles.keys().collect();
            let named = all
                .iter()
                .find(|path| path.rsplit('/').nth(1) == Some(last.as_str()))
                .copied();
            named
                .or_else(|| all.first().filter(|_| all.len() == 1).copied())
                .cloned()
        });
        let at = match file
            .filter(|file| evidence.dockerfiles.contains_key(file) && !self.knows(file))
        {
            Some(file) => self.at_dockerfile(&file, None, &last),
            None => self.push(
                &last,
                vec!["**".into()],
                "nothing says what it is built from",
                "",
                None,
                None,
            ),
        };
        let found = &mut self.found[at];
        (found.image.repository, found.is_placed) = (repository, true);
        Ok(at)
    }

    /// An image for a Dockerfile that nothing else speaks of.
    pub(super) fn of_dockerfile(&mut self, path: &str) {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let name = path.rsplit('/').next().unwrap_or_default();
        let variant = name
            .strip_prefix("Dockerfile.")
            .or_else(|| name.strip_suffix(".Dockerfile"));
        let last = directory.rsplit('/').next().filter(|last| !last.is_empty());
        let name = variant
            .or(last)
            .unwrap_or_else(|| self.evidence.slug.repo())
            .to_owned();
        self.at_dockerfile(path, None, &name);
    }

    /// One image of everything for each that a workflow names: there is no Dockerfile to go by.
    pub(super) fn of_workflows(&mut self) {
        let repositories = self.repositories();
        for repository in &repositories {
            let name = repository
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .replace("{repo}", self.evidence.slug.repo());
            let at = self.push(
                &name,
                vec!["**".into()],
                "there is no Dockerfile to read it from",
                "",
                None,
                None,
            );
            (self.found[at].image.repository, self.found[at].is_placed) =
                (repository.clone(), true);
        }
    }

    /// The images, with what is only known at the end: how many there are.
    pub(super) fn finished(self) -> (Vec<ImageDraft>, Vec<String>) {
        let repositories = self.repositories();
        let is_alone = self.found.len() == 1;
        let evidence = self.evidence;
        let finish = |mut found: FoundImage| {
            let image = &mut found.image;
            image.is_guess = !found.is_placed;
            if !found.is_placed {
                image.repository = match repositories
                    .first()
                    .filter(|_| is_alone && repositories.len() == 1)
                {
                    Some(repository) => {
                        image.is_guess = false;
                        repository.clone()
                    }
                    None if is_alone => "ghcr.io/{owner}/{repo}".into(),
                    None => format!("ghcr.io/{{owner}}/{{repo}}/{}", image.name),
                };
            }
            filter(image, &found.filters, evidence);
            found.image
        };
        let images = self.found.into_iter().map(finish).collect();
        (images, self.notes)
    }

    /// The image that is built from a Dockerfile.
    fn at_dockerfile(&mut self, file: &str, context: Option<String>, name: &str) -> usize {
        if let Some(at) = self
            .found
            .iter()
            .position(|found| found.image.file.as_deref() == Some(file))
        {
            return at;
        }
        let build = self
            .builds()
            .find(|build| file_of(build).as_deref() == Some(file))
            .cloned();
        match build {
            Some(build) => self.at_build(file, &build, name),
            None => self.at_sources(file, context, None, name),
        }
    }

    /// The image of a build step, with its repository where the step says one.
    fn at_build(&mut self, file: &str, build: &Build, name: &str) -> usize {
        let at = self.at_sources(
            file,
            Some(build.context.clone()),
            build.target.clone(),
            name,
        );
        if let Some(repository) = self.repository_of(build) {
            (self.found[at].image.repository, self.found[at].is_placed) = (repository, true);
        }
        at
    }

    fn at_sources(
        &mut self,
        file: &str,
        context: Option<String>,
        target: Option<String>,
        name: &str,
    ) -> usize {
        let sources = &self.evidence.dockerfiles[file];
        let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
        let context = context.unwrap_or_else(|| self.likely_context(directory, sources));
        let (paths, reason) = self.paths(file, &context, sources);
        self.push(
            name,
            paths,
            &reason,
            &context,
            Some(file.to_owned()),
            target,
        )
    }

    /// A Dockerfile's own directory, unless it copies what is only there from the root.
    fn likely_context(&self, directory: &str, sources: &Sources) -> String {
        let is_untold = matches!(sources, Sources::Partly(known) if known.is_empty());
        if is_untold {
            return String::new();
        }
        let sources = sources.known();
        let is_in = |directory: &str| {
            sources
                .iter()
                .all(|source| source == "." || self.is_there(&join(directory, source)))
        };
        if is_in(directory) || !is_in("") {
            directory.to_owned()
        } else {
            String::new()
        }
    }

    /// Whether a path, which may have wildcards, is a tracked file or a directory of some.
    fn is_there(&self, path: &str) -> bool {
        let pattern = Pattern::parse(path);
        self.is_directory(path)
            || pattern
                .is_ok_and(|pattern| self.evidence.files.iter().any(|file| pattern.matches(file)))
    }

    fn is_directory(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let from = self
            .evidence
            .files
            .partition_point(|file| file.as_slice() < below.as_bytes());
        self.evidence
            .files
            .get(from)
            .is_some_and(|file| file.starts_with(below.as_bytes()))
    }

    /// What an image is built from: what its Dockerfile copies, where that can be told, else all of its context.
    fn paths(&self, file: &str, context: &str, sources: &Sources) -> (Vec<String>, String) {
        let all = if context.is_empty() {
            "**".to_owned()
        } else {
            format!("{context}/**")
        };
        let mut paths = match sources {
            Sources::Known(sources)
                if !sources.is_empty() && !sources.iter().any(|source| source == ".") =>
            {
                let path = |source: &String| {
                    let path = join(context, source);
                    if self.is_directory(&path) {
                        format!("{path}/**")
                    } else {
                        path
                    }
                };
                sources.iter().map(path).collect()
            }
            Sources::Known(_) | Sources::Partly(_) => vec![all.clone()],
        };
        // What an image is made of and no file of the tree tells, like a directory that another job fills, is not to be waited for.
        paths.retain(|path| Pattern::parse(path).is_ok() && self.is_there(path));
        let is_told = !paths.is_empty() && paths != [all.clone()];
        if paths.is_empty() {
            paths.push(all);
        }
        let ignore_file = join(context, ".dockerignore");
        for more in [file.to_owned(), ignore_file] {
            let is_taken = list(&paths).is_some_and(|list| list.decide(more.as_bytes()).is_some());
            if !is_taken && self.is_there(&more) {
                paths.push(more);
            }
        }
        let reason = if is_told {
            "what its Dockerfile copies"
        } else {
            "all of its build context"
        };
        (paths, reason.to_owned())
    }

    fn push(
        &mut self,
        name: &str,
        paths: Vec<String>,
        reason: &str,
        context: &str,
        file: Option<String>,
        target: Option<String>,
    ) -> usize {
        let image = ImageDraft {
            name: own_name(name, &mut self.names),
            repository: String::new(),
            paths,
            reason: reason.to_owned(),
            context: context.to_owned(),
            file,
            target,
            is_guess: false,
        };
        self.found.push(FoundImage {
            image,
            is_placed: false,
            filters: (Vec::new(), Vec::new()),
        });
        self.found.len() - 1
    }

    fn builds(&self) -> impl Iterator<Item = &'a Build> {
        self.evidence
            .workflows
            .iter()
            .flat_map(|(_, workflow)| &workflow.builds)
    }

    /// The repositories of the workflows' docker/metadata-action steps on GHCR.
    fn repositories(&self) -> Vec<String> {
        let mut found = Vec::new();
        for image in self
            .evidence
            .workflows
            .iter()
            .flat_map(|(_, workflow)| &workflow.images)
        {
            // `name=ghcr.io/…,enable=true` is another way to write it.
            let bare = image.split(',').next().unwrap_or_default().trim();
            let bare = bare.strip_prefix("name=").unwrap_or(bare);
            found.extend(
                self.template(bare)
                    .filter(|own| own.starts_with("ghcr.io/") && !found.contains(own)),
            );
        }
        found
    }

    /// An address as the manifest writes it; none where an expression stands for what cannot be known here.
    fn template(&self, bare: &str) -> Option<String> {
        let (owner, repo) = (
            self.evidence.slug.owner().to_ascii_lowercase(),
            self.evidence.slug.repo().to_ascii_lowercase(),
        );
        let text = bare
            .replace("${{ github.repository }}", "{owner}/{repo}")
            .replace("${{ github.repository_owner }}", "{owner}")
            .replace("${{ github.event.repository.name }}", "{repo}");
        let mut parts: Vec<&str> = text.split('/').collect();
        if parts.len() > 2 && parts[0] == "ghcr.io" && parts[1].eq_ignore_ascii_case(&owner) {
            parts[1] = "{owner}";
        }
        if parts.len() > 2 && parts[2].eq_ignore_ascii_case(&repo) && parts[1] == "{owner}" {
            parts[2] = "{repo}";
        }
        let text = parts.join("/");
        let filled = text.replace("{owner}", &owner).replace("{repo}", &repo);
        Repository::parse(&filled).ok().map(|_| text)
    }
}

/// The Dockerfile of a build step.
fn file_of(build: &Build) -> Option<String> {
    Some(
        build
            .file
            .clone()
            .unwrap_or_else(|| join(&build.context, "Dockerfile")),
    )
}

pub(super) fn join(directory: &str, path: &str) -> String {
    match (directory, path) {
        ("", path) => path.to_owned(),
        (directory, "" | ".") => directory.to_owned(),
        (directory, path) => format!("{directory}/{path}"),
    }
}

fn list(paths: &[String]) -> Option<PatternList> {
    let patterns: Option<Vec<Pattern>> =
        paths.iter().map(|path| Pattern::parse(path).ok()).collect();
    PatternList::new(patterns?).ok()
}

/// Build filters say it better than a Dockerfile: a person wrote them. What is ignored is the same for all services that share an image.
fn filter(
    image: &mut ImageDraft,
    (wanted, ignored): &(Vec<String>, Vec<String>),
    evidence: &Evidence<'_>,
) {
    let directory = |path: &String| {
        let below = format!("{path}/");
        let is_directory = evidence
            .files
            .iter()
            .any(|file| file.starts_with(below.as_bytes()));
        if is_directory {
            format!("{path}/**")
        } else {
            path.clone()
        }
    };
    let good = |paths: &[String]| {
        let mut seen = BTreeSet::new();
        let paths = paths
            .iter()
            .map(directory)
            .filter(|path| Pattern::parse(path).is_ok() && !path.starts_with('!'));
        paths
            .filter(|path| seen.insert(path.clone()))
            .collect::<Vec<_>>()
    };
    let (wanted, ignored) = (good(wanted), good(ignored));
    if !wanted.is_empty() {
        image.reason = "the build filters of render.yaml".into();
        image.paths = wanted;
        if let Some(file) = &image.file
            && list(&image.paths).is_some_and(|list| list.decide(file.as_bytes()).is_none())
        {
            image.paths.push(file.clone());
        }
    }
    image
        .paths
        .extend(ignored.iter().map(|path| format!("!{path}")));
}
