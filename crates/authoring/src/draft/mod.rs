//! A starting manifest and workflow, drafted from what a repository holds. Pure: what lies there is read by others.
//!
//! Where two readings are possible the wider one is taken (a file too many deploys once too often, a file too few loses a deploy), and a
//! comment asks a person.

mod environments;
mod image;
mod text;

pub use text::{PLACEHOLDER, manifest_text, workflow_text};

use crate::blueprint::BlueprintService;
use crate::dockerfile::Sources;
use crate::workflow::Workflow;
use environments::DraftEnvironments;
use image::DraftImages;
use model::{ImageName, ServiceName, Slug, Untrusted};
use std::collections::{BTreeMap, BTreeSet};

/// What a repository holds.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// Its name.
    pub slug: &'a Slug,
    /// Its default branch.
    pub default_branch: &'a str,
    /// Its tracked files, sorted.
    pub files: &'a [Vec<u8>],
    /// The services of its `render.yaml`.
    pub blueprint: Vec<BlueprintService>,
    /// Its workflows by path.
    pub workflows: Vec<(String, Workflow)>,
    /// Its Dockerfiles by path, with what they copy.
    pub dockerfiles: BTreeMap<String, Sources>,
}

/// A draft.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The environments; never none.
    pub environments: Vec<EnvironmentDraft>,
    /// How commits are tagged, where an existing workflow tags them in another way than the default.
    pub commit_tag: Option<String>,
    /// The images.
    pub images: Vec<ImageDraft>,
    /// The services.
    pub services: Vec<ServiceDraft>,
    /// What was seen and left out, a sentence each.
    pub left_out: Vec<String>,
}

/// An environment of a draft.
#[derive(Debug, Clone)]
pub struct EnvironmentDraft {
    /// Its name.
    pub name: String,
    /// What render.yaml calls it.
    wanted: String,
    /// The branch that deploys it; releases do where it has none.
    pub branch: Option<String>,
    /// The tags that follow what is live there.
    pub floating_tags: Vec<String>,
}

/// An image of a draft.
#[derive(Debug, Clone)]
pub struct ImageDraft {
    /// Its name.
    pub name: String,
    /// Its repository, with `{owner}` and `{repo}`.
    pub repository: String,
    /// What it is built from.
    pub paths: Vec<String>,
    /// Where the paths come from: a part of a sentence.
    pub reason: String,
    /// Its build context; empty is the root.
    pub context: String,
    /// Its Dockerfile.
    pub file: Option<String>,
    /// The stage that is built.
    pub target: Option<String>,
    /// Whether nothing says where it is pushed to.
    pub is_guess: bool,
}

/// A service of a draft.
#[derive(Debug, Clone)]
pub struct ServiceDraft {
    /// Its name.
    pub name: String,
    /// Its image's name.
    pub image: String,
    /// What is known of it: a part of a sentence.
    pub source: String,
    /// The environment that it is in, where there are several.
    pub environment: Option<String>,
}

/// Whether a path is that of a Dockerfile that an image for Render may be built from.
#[must_use]
pub fn is_dockerfile(path: &str) -> bool {
    const ELSEWHERE: [&str; 8] = [
        ".devcontainer",
        ".github",
        "examples",
        "node_modules",
        "test",
        "testdata",
        "tests",
        "vendor",
    ];
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_one = matches!(name, "Dockerfile" | "Containerfile")
        || name.starts_with("Dockerfile.") && !name.ends_with(".dockerignore")
        || name.ends_with(".Dockerfile");
    is_one && !directory.split('/').any(|part| ELSEWHERE.contains(&part))
}

/// Makes a draft. Without an image in it there is nothing to deploy.
#[must_use]
pub fn draft(evidence: &Evidence<'_>) -> Draft {
    let mut images = DraftImages::new(evidence);
    let environments = DraftEnvironments::of(evidence);
    let mut services: Vec<ServiceDraft> = Vec::new();
    let mut left_out = Vec::new();
    let mut names = BTreeSet::new();
    for service in &evidence.blueprint {
        let shown = Untrusted(service.name.as_bytes()).to_string();
        match images.of_service(service) {
            Ok(image) => services.push(ServiceDraft {
                name: own_name(&service.name, &mut names),
                image,
                source: format!("{} {shown} of render.yaml", service.kind),
                environment: environments.of_service(service),
            }),
            Err(why) => left_out.push(format!("{shown} of render.yaml: {why}")),
        }
    }
    if services.is_empty() {
        for (_, workflow) in &evidence.workflows {
            workflow
                .builds
                .iter()
                .for_each(|build| images.of_build(build));
        }
    }
    left_out.extend(loose_dockerfiles(evidence, &mut images));
    if images.is_empty() {
        images.of_workflows();
    }
    let (images, notes) = images.finished();
    if services.is_empty() {
        services = services_of(evidence, &images, &mut names, &mut left_out);
    }
    left_out.extend(notes);
    left_out.extend(not_understood(evidence));
    Draft {
        environments: environments.all,
        commit_tag: commit_tag(evidence),
        images,
        services,
        left_out,
    }
}

/// The Dockerfiles of which neither render.yaml nor a workflow speaks: images where nothing else is one, else left out. Says why.
fn loose_dockerfiles(evidence: &Evidence<'_>, images: &mut DraftImages<'_>) -> Vec<String> {
    let has_images = !images.is_empty();
    let mut left_out = Vec::new();
    for (path, sources) in &evidence.dockerfiles {
        if images.knows(path) {
            continue;
        }
        let why = if has_images {
            "neither a workflow nor a service of render.yaml builds it"
        } else if is_for_development(path) {
            "it looks like one for development"
        } else if copies_nothing(sources) {
            "it copies nothing of this repository"
        } else {
            images.of_dockerfile(path);
            continue;
        };
        left_out.push(format!("{}: {why}", Untrusted(path.as_bytes())));
    }
    left_out
}

/// Whether a Dockerfile's name or directory says that people work with it and nothing deploys it.
fn is_for_development(path: &str) -> bool {
    let words = path.split(['/', '.', '-', '_']);
    words.map(str::to_ascii_lowercase).any(|word| {
        matches!(
            word.as_str(),
            "dev" | "develop" | "development" | "local" | "debug" | "test" | "e2e" | "ci"
        )
    })
}

fn copies_nothing(sources: &Sources) -> bool {
    matches!(sources, Sources::Known(paths) if paths.is_empty())
}

/// A service for each image that is built from this repository. What is not is told.
fn services_of(
    evidence: &Evidence<'_>,
    images: &[ImageDraft],
    names: &mut BTreeSet<String>,
    left_out: &mut Vec<String>,
) -> Vec<ServiceDraft> {
    let mut services = Vec::new();
    for image in images {
        let sources = image
            .file
            .as_ref()
            .map(|file| evidence.dockerfiles.get(file));
        let why = match sources {
            None => "no Dockerfile is known",
            Some(Some(sources)) if copies_nothing(sources) => {
                "its Dockerfile copies nothing of this repository"
            }
            Some(_) => {
                services.push(ServiceDraft {
                    name: own_name(&image.name, names),
                    image: image.name.clone(),
                    source: "decide: does a service run this image? name it as you like".into(),
                    environment: None,
                });
                continue;
            }
        };
        left_out.push(format!("a service for image {}: {why}", image.name));
    }
    services
}

/// What workflows build in a way that is not read.
fn not_understood(evidence: &Evidence<'_>) -> Vec<String> {
    let mut told = Vec::new();
    for (path, workflow) in &evidence.workflows {
        let path = Untrusted(path.as_bytes());
        for (line, why) in &workflow.not_understood {
            let why = Untrusted(why.as_bytes());
            told.push(format!(
                "{path}:{line}: {why}, which init does not read; add by hand what is missing"
            ));
        }
    }
    told
}

/// How docker/metadata-action tags commits here (its `type=sha`: `sha-` and seven digits, unless it says otherwise).
fn commit_tag(evidence: &Evidence<'_>) -> Option<String> {
    let mut rules = evidence
        .workflows
        .iter()
        .flat_map(|(_, workflow)| &workflow.tags);
    let rule = rules.rfind(|rule| rule.split(',').any(|part| part.trim() == "type=sha"))?;
    let part = |key: &str| {
        rule.split(',')
            .find_map(|part| part.trim().strip_prefix(key)?.strip_prefix('='))
    };
    if part("enable") == Some("false") {
        return None;
    }
    let sha = if part("format") == Some("long") {
        "{sha}"
    } else {
        "{sha:7}"
    };
    let tag = format!(
        "{}{sha}{}",
        part("prefix").unwrap_or("sha-"),
        part("suffix").unwrap_or_default()
    );
    let is_good = tag != "{sha}" && model::TagTemplate::parse_commit(&tag).is_ok();
    is_good.then_some(tag)
}

/// A name of the manifest from any text, and none twice.
fn own_name(text: &str, taken: &mut BTreeSet<String>) -> String {
    let fitting = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = text
        .chars()
        .map(fitting)
        .skip_while(|c| *c == '-')
        .take(60)
        .collect();
    let name = name.trim_end_matches('-');
    let is_good = ServiceName::parse(name).is_ok() && ImageName::parse(name).is_ok();
    let name = if is_good { name } else { "app" };
    let mut own = name.to_owned();
    for number in 2.. {
        if taken.insert(own.clone()) {
            break;
        }
        own = format!("{name}-{number}");
    }
    own
}

#[cfg(test)]
mod tests;
