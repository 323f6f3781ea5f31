//! What a run is about: which environments a push concerns, or that it concerns none.

use model::{Environment, EnvironmentName, Manifest, PrNumber, Release, TagReading, When};

/// What a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Environments to deploy to: one, but for `plan`, which may answer for several.
    Environments {
        /// Their names.
        environments: Environments,
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

/// The names of environments, in the manifest's order: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environments {
    first: EnvironmentName,
    others: Vec<EnvironmentName>,
}

impl Environments {
    /// One environment.
    #[must_use]
    pub const fn one(name: EnvironmentName) -> Self {
        let others = Vec::new();
        Self {
            first: name,
            others,
        }
    }

    /// These environments; `None` where there is none.
    pub fn new(names: impl IntoIterator<Item = EnvironmentName>) -> Option<Self> {
        let mut names = names.into_iter();
        let first = names.next()?;
        let others = names.collect();
        Some(Self { first, others })
    }

    /// Every name.
    pub fn iter(&self) -> impl Iterator<Item = &EnvironmentName> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The only name.
    ///
    /// # Errors
    /// [`ChoiceError::Several`].
    pub fn only(&self) -> Result<&EnvironmentName, ChoiceError> {
        if self.others.is_empty() {
            Ok(&self.first)
        } else {
            Err(ChoiceError::Several(self.to_string()))
        }
    }
}

impl std::fmt::Display for Environments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.first)?;
        self.others
            .iter()
            .try_for_each(|name| write!(f, ", {name}"))
    }
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
    /// These.
    Environments(Environments, Option<Release>),
    /// None.
    None,
    /// It looks like a release but is none.
    Malformed,
}

/// Finds the environments that deploy from a branch (its short name).
#[must_use]
pub fn of_branch(manifest: &Manifest, branch: &str) -> Concerns {
    let matching = manifest
        .environments
        .iter()
        .filter(|environment| matches!(&environment.when, When::Branch(own) if own == branch))
        .map(|environment| environment.name.clone());
    match Environments::new(matching) {
        Some(environments) => Concerns::Environments(environments, None),
        None => Concerns::None,
    }
}

/// Finds the environments that deploy on a tag (its short name).
#[must_use]
pub fn of_tag(manifest: &Manifest, tag: &str) -> Concerns {
    let readings: Vec<(&Environment, TagReading)> = manifest
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
        if let TagReading::Release(read) = reading {
            release = Some(read.clone());
            environments.push(environment.name.clone());
        }
    }
    if let Some(environments) = Environments::new(environments) {
        return Concerns::Environments(environments, release);
    }
    if readings
        .iter()
        .any(|(_, reading)| *reading == TagReading::Malformed)
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
    matching: Environments,
    chosen: Option<&EnvironmentName>,
) -> Result<EnvironmentName, ChoiceError> {
    let Some(name) = chosen else {
        return matching.only().cloned();
    };
    if matching.iter().any(|own| own == name) {
        Ok(name.clone())
    } else {
        Err(ChoiceError::DoesNotMatch(
            name.clone(),
            matching.to_string(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> EnvironmentName {
        EnvironmentName::parse(text).unwrap()
    }

    fn environments(texts: &[&str]) -> Environments {
        Environments::new(texts.iter().copied().map(name)).unwrap()
    }

    #[test]
    fn one_run_deploys_to_one_environment() {
        let (one, two) = (environments(&["a"]), environments(&["a", "b"]));
        assert_eq!(choose(one.clone(), None), Ok(name("a")));
        assert_eq!(choose(two.clone(), Some(&name("b"))), Ok(name("b")));
        assert_eq!(choose(two, None), Err(ChoiceError::Several("a, b".into())));
        assert_eq!(
            choose(one, Some(&name("b"))),
            Err(ChoiceError::DoesNotMatch(name("b"), "a".into()))
        );
    }

    #[test]
    fn environments_are_never_none() {
        assert_eq!(Environments::new([]), None);
    }
}
