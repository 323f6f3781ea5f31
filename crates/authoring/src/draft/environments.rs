//! The environments of a draft: those of render.yaml, with their branches.

use super::{EnvironmentDraft, Evidence, own_name};
use crate::blueprint::BlueprintService;
use model::ImageTag;
use std::collections::BTreeSet;

/// The environments, and which one each service of render.yaml is in.
pub(super) struct DraftEnvironments {
    pub(super) all: Vec<EnvironmentDraft>,
    /// The environment that each key became.
    of: Vec<(Key, String)>,
}

/// What render.yaml says of a service: its project's environment, and its branch.
type Key = (Option<String>, Option<String>);

impl DraftEnvironments {
    pub(super) fn of(evidence: &Evidence<'_>) -> Self {
        let mut keys: Vec<Key> = Vec::new();
        for service in &evidence.blueprint {
            if !keys.contains(&key(service)) {
                keys.push(key(service));
            }
        }
        // Staging comes first: where both have one branch, production waits for a release.
        keys.sort_by_key(|(name, _)| name.as_deref().is_some_and(is_production));
        let mut found = Self {
            all: Vec::new(),
            of: Vec::new(),
        };
        let mut names = BTreeSet::new();
        let has_one_branch = keys.len() == 1;
        for key in keys {
            let (name, branch) = &key;
            let branch = branch
                .as_deref()
                .unwrap_or(evidence.default_branch)
                .to_owned();
            let wanted = match name.as_deref() {
                Some(name) => name,
                None if has_one_branch || branch == evidence.default_branch => "production",
                None => &branch,
            };
            let wanted = wanted.to_owned();
            let own = match found.same(&wanted, &branch, name.is_some()) {
                Some(own) => own,
                None => found.add(&wanted, &branch, evidence, &mut names),
            };
            found.of.push((key, own));
        }
        if found.all.is_empty() {
            found.add("production", evidence.default_branch, evidence, &mut names);
        }
        found
    }

    /// The environment of a service of render.yaml; `None` where there is one alone.
    pub(super) fn of_service(&self, service: &BlueprintService) -> Option<String> {
        let (_, name) = self.of.iter().find(|(own, _)| *own == key(service))?;
        (self.all.len() > 1).then(|| name.clone())
    }

    /// An environment that is there already: of that name, or without a name of its own of that branch.
    fn same(&self, name: &str, branch: &str, is_named: bool) -> Option<String> {
        let is_it = |own: &&EnvironmentDraft| {
            own.wanted == name || (!is_named && own.branch.as_deref() == Some(branch))
        };
        self.all.iter().find(is_it).map(|own| own.name.clone())
    }

    /// Adds an environment. A push deploys to one: where a branch is taken, the environment takes releases, or has no trigger yet.
    fn add(
        &mut self,
        wanted: &str,
        branch: &str,
        evidence: &Evidence<'_>,
        names: &mut BTreeSet<String>,
    ) -> String {
        let is_taken = self
            .all
            .iter()
            .any(|own| own.branch.as_deref() == Some(branch));
        let has_release = self.all.iter().any(|own| own.branch.is_none());
        if is_taken && has_release {
            // A third one of the same branch: its services are told to a person as those of the first.
            return self.all[0].name.clone();
        }
        let name = own_name(wanted, names);
        self.all.push(EnvironmentDraft {
            name: name.clone(),
            wanted: wanted.to_owned(),
            branch: (!is_taken).then(|| branch.to_owned()),
            floating_tags: if is_taken {
                Vec::new()
            } else {
                floating_tags(evidence, branch)
            },
        });
        name
    }
}

fn key(service: &BlueprintService) -> Key {
    (service.environment.clone(), service.branch.clone())
}

fn is_production(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("prod")
}

/// The tag that docker/metadata-action's `type=ref,event=branch` moves along with a branch.
fn floating_tags(evidence: &Evidence<'_>, branch: &str) -> Vec<String> {
    let follows_branch = |rule: &&String| {
        let parts: Vec<&str> = rule.split(',').map(str::trim).collect();
        parts.contains(&"type=ref")
            && parts.contains(&"event=branch")
            && !parts.iter().any(|part| {
                part.starts_with("prefix=")
                    || part.starts_with("suffix=")
                    || *part == "enable=false"
            })
    };
    let mut rules = evidence
        .workflows
        .iter()
        .flat_map(|(_, workflow)| &workflow.tags);
    let tag = branch.replace('/', "-");
    let is_followed = rules.any(|rule| follows_branch(&rule));
    if is_followed && tag != "latest" && ImageTag::parse(&tag).is_ok() {
        vec![tag]
    } else {
        Vec::new()
    }
}
