//! What a run is about: which environments a push concerns, or that it concerns none.

use crate::domain::{Environment, EnvironmentName, Manifest, PrNumber, Reading, Release, When};

/// What a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Environments to deploy to: one, but for `plan`, which may answer for several.
    Environments {
        /// Their names, in the manifest's order; never empty.
        environments: Vec<EnvironmentName>,
        /// The release, where a release tag is deployed.
        release: Option<Release>,
    },
    /// A pull request's preview images. Never an environment.
    PullRequest {
        /// Its number.
        number: PrNumber,
        /// Why its workflow cannot have pushed an image, where that is so.
        cannot_push: Option<String>,
    },
    /// A commit's images and nothing else: a merge group, a branch without an environment, an image of another repository.
    Commit,
}

impl Subject {
    /// The release, where one is deployed.
    #[must_use]
    pub const fn release(&self) -> Option<&Release> {
        match self {
            Self::Environments { release, .. } => release.as_ref(),
            Self::PullRequest { .. } | Self::Commit => None,
        }
    }
}

/// The environments that a ref concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concerns {
    /// These, in the manifest's order.
    Environments(Vec<EnvironmentName>, Option<Release>),
    /// None.
    None,
    /// It looks like a release but is none.
    Malformed,
}

/// Finds the environments that deploy from a branch (its short name).
#[must_use]
pub fn of_branch(manifest: &Manifest, branch: &str) -> Concerns {
    let environments: Vec<EnvironmentName> = manifest
        .environments
        .iter()
        .filter(|environment| matches!(&environment.when, When::Branch(own) if own == branch))
        .map(|environment| environment.name.clone())
        .collect();
    if environments.is_empty() {
        Concerns::None
    } else {
        Concerns::Environments(environments, None)
    }
}

/// Finds the environments that deploy on a tag (its short name).
#[must_use]
pub fn of_tag(manifest: &Manifest, tag: &str) -> Concerns {
    let readings: Vec<(&Environment, Reading)> = manifest
        .environments
        .iter()
        .filter_map(|environment| match &environment.when {
            When::Release { template, .. } => Some((environment, template.read(tag))),
            When::Branch(_) => None,
        })
        .collect();
    let mut release = None;
    let mut environments = Vec::new();
    for (environment, reading) in &readings {
        if let Reading::Release(read) = reading {
            release = Some(read.clone());
            environments.push(environment.name.clone());
        }
    }
    if !environments.is_empty() {
        return Concerns::Environments(environments, release);
    }
    if readings
        .iter()
        .any(|(_, reading)| *reading == Reading::Malformed)
    {
        Concerns::Malformed
    } else {
        Concerns::None
    }
}

/// Why an environment cannot be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// Several match.
    #[error("{0} match; name one with the input environment")]
    Several(String),
    /// The chosen one does not match what was pushed.
    #[error("environment {0} does not deploy from what was pushed; {1} would")]
    DoesNotMatch(EnvironmentName, String),
}

/// Chooses the one environment of a deploy among those that match.
///
/// # Errors
/// Several match and none is chosen, or the chosen one is not among them.
pub fn choose(
    matching: Vec<EnvironmentName>,
    chosen: Option<&EnvironmentName>,
) -> Result<Vec<EnvironmentName>, ChoiceError> {
    let names = || {
        matching
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match chosen {
        Some(name) if matching.contains(name) => Ok(vec![name.clone()]),
        Some(name) => Err(ChoiceError::DoesNotMatch(name.clone(), names())),
        None if matching.len() > 1 => Err(ChoiceError::Several(names())),
        None => Ok(matching),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<EnvironmentName> {
        texts
            .iter()
            .map(|text| EnvironmentName::parse(text).unwrap())
            .collect()
    }

    #[test]
    fn one_run_deploys_to_one_environment() {
        let (one, two) = (names(&["a"]), names(&["a", "b"]));
        assert_eq!(choose(one.clone(), None), Ok(one.clone()));
        assert_eq!(choose(two.clone(), Some(&one[0])), Ok(one.clone()));
        assert_eq!(choose(two, None), Err(ChoiceError::Several("a, b".into())));
        assert!(matches!(
            choose(one, Some(&names(&["b"])[0])),
            Err(ChoiceError::DoesNotMatch(..))
        ));
    }
}
