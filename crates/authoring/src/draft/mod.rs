//! A starting manifest and workflow, drafted from what a repository holds. Pure: what lies there is read by others.
//!
//! Where two readings are possible the wider one is taken (a file too many deploys once too often, a file too few loses a deploy), and a
//! comment asks a person.

mod image;
mod text;

pub use text::{manifest_text, workflow_text};

use crate::blueprint::BlueprintService;
use crate::dockerfile::Sources;
use crate::workflow::Workflow;
use image::Images;
use model::{Foreign, ImageName, ServiceName, Slug};
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
    /// The branch that deploys.
    pub branch: String,
    /// How commits are tagged, where an existing workflow tags them in another way than the default.
    pub commit_tag: Option<String>,
    /// The images.
    pub images: Vec<ImageDraft>,
    /// The services.
    pub services: Vec<ServiceDraft>,
    /// What was seen and left out, a sentence each.
    pub left_out: Vec<String>,
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

/// Makes a draft.
#[must_use]
pub fn draft(evidence: &Evidence<'_>) -> Draft {
    let mut images = Images::new(evidence);
    let mut services: Vec<ServiceDraft> = Vec::new();
    let mut left_out = Vec::new();
    let mut names = BTreeSet::new();
    for service in &evidence.blueprint {
        let shown = Foreign(service.name.as_bytes()).to_string();
        match images.of_service(service) {
            Ok(image) => services.push(ServiceDraft {
                name: own_name(&service.name, &mut names),
                image,
                source: format!("{} {shown} of render.yaml", service.kind),
            }),
            Err(why) => left_out.push(format!("{shown} of render.yaml: {why}")),
        }
    }
    let has_services = !services.is_empty();
    for path in evidence
        .dockerfiles
        .keys()
        .filter(|path| !images.knows(path))
        .cloned()
        .collect::<Vec<_>>()
    {
        if has_services {
            let shown = Foreign(path.as_bytes());
            left_out.push(format!(
                "{shown}: no service of render.yaml is built from it"
            ));
        } else {
            images.of_dockerfile(&path);
        }
    }
    if images.is_empty() {
        images.of_everything();
    }
    let images = images.finished();
    if !has_services {
        let of_image = |image: &ImageDraft| ServiceDraft {
            name: own_name(&image.name, &mut names),
            image: image.name.clone(),
            source: "decide: one service runs each image? name them as you like".into(),
        };
        services = images.iter().map(of_image).collect();
    }
    Draft {
        branch: branch(evidence),
        commit_tag: commit_tag(evidence),
        images,
        services,
        left_out,
    }
}

/// The branch that render.yaml deploys from, where all its services agree.
fn branch(evidence: &Evidence<'_>) -> String {
    let named: BTreeSet<&str> = evidence
        .blueprint
        .iter()
        .filter_map(|service| service.branch.as_deref())
        .collect();
    let one = named.first().filter(|_| named.len() == 1);
    one.map_or(evidence.default_branch, |branch| branch)
        .to_owned()
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
