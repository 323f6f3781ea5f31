//! What closed pull requests left: what there is, what else needs it, and removing it.

pub(crate) mod packages;
pub(crate) mod previews;
pub(crate) mod subject;

mod needs;

use crate::context::{Context, Writers};
use crate::decide::Closed;
use crate::domain::{EnvironmentName, Manifest};
use crate::failure::Failure;
use crate::github::{GitHub, GitHubError, Mention};
use crate::report::{CleanupItem, CleanupResult};
use packages::PackageVersions;
use std::collections::BTreeSet;

/// What was done with each thing, and what could not be found out or done.
#[derive(Default)]
pub(crate) struct Tally {
    items: Vec<CleanupItem>,
    pub(crate) troubles: Vec<Failure>,
}

impl Tally {
    /// Says what was done with something, and keeps it.
    fn add(&mut self, context: &Context, what: String, result: CleanupResult, why: String) {
        context
            .log
            .say(&format!("{}: {what}: {why}", result.as_str()));
        let item = CleanupItem { what, result, why };
        context.progress.cleaned(&item);
        self.items.push(item);
    }

    /// How many things this was done with.
    pub(crate) fn count(&self, result: CleanupResult) -> usize {
        self.items
            .iter()
            .filter(|item| item.result == result)
            .count()
    }
}

/// What a clean-up goes by.
pub(crate) struct Cleaning<'a> {
    pub(crate) context: &'a Context,
    pub(crate) github: &'a GitHub,
    /// None in a dry run.
    pub(crate) writers: Option<&'a Writers<'a>>,
    pub(crate) manifest: &'a Manifest,
    pub(crate) closed: &'a Closed<'a>,
}

/// What there is to decide about.
pub(crate) struct Found<'a> {
    pub(crate) packages: &'a [PackageVersions<'a>],
    /// Records of previews that are gone.
    pub(crate) settled: &'a BTreeSet<u64>,
}

impl Cleaning<'_> {
    /// Decides about each package and acts.
    pub(crate) async fn clean(&self, found: &Found<'_>, tally: &mut Tally) {
        let may_go = found.packages.iter().any(|package| {
            package
                .versions
                .iter()
                .any(|version| self.closed.owns_all(&version.tags))
        });
        let needs = match self.needs(found, may_go).await {
            Ok(needs) => needs,
            Err(failure) => {
                self.keep_all(found, &failure, tally);
                tally.troubles.push(failure);
                return;
            }
        };
        for package in found.packages {
            let needed = match &needs {
                Some(needs) => needs.of(package),
                None => Default::default(),
            };
            if let Err(failure) = packages::clean(self, package, &needed, tally).await {
                tally.troubles.push(failure);
            }
        }
    }

    /// What else needs the images. Nothing is asked where none may go.
    async fn needs(
        &self,
        found: &Found<'_>,
        may_go: bool,
    ) -> Result<Option<needs::Needs>, Failure> {
        if !may_go {
            return Ok(None);
        }
        let mut mentions = mentions(self.github, self.manifest).await?;
        mentions.retain(|mention| !found.settled.contains(&mention.number));
        needs::find(self.context, self.manifest, &mentions)
            .await
            .map(Some)
    }

    /// Keeps everything that might have gone, because something is not known.
    fn keep_all(&self, found: &Found<'_>, why: &Failure, tally: &mut Tally) {
        for package in found.packages {
            for version in &package.versions {
                if version.tags.iter().any(|tag| self.closed.owns(tag)) {
                    tally.add(
                        self.context,
                        package.named(version),
                        CleanupResult::Kept,
                        format!("what else needs it is not known: {why}"),
                    );
                }
            }
        }
    }
}

/// Every record, of the manifest's environments at least.
async fn mentions(github: &GitHub, manifest: &Manifest) -> Result<Vec<Mention>, Failure> {
    let environments = manifest
        .environments
        .iter()
        .map(|environment| environment.name.as_str());
    let all: Vec<String> = environments
        .chain(["preview"])
        .flat_map(|environment| {
            manifest
                .services
                .iter()
                .map(move |service| format!("{environment}/{}", service.name))
        })
        .collect();
    let found = github
        .mentions(&all)
        .await
        .map_err(|error| Failure::History(error.into()))?;
    found.ok_or_else(|| {
        let why = "there are more than 10,000 records of one service".to_owned();
        let what = "the record of deploys".to_owned();
        Failure::History(
            GitHubError::Broken {
                what,
                why,
                trace: Default::default(),
            }
            .into(),
        )
    })
}

/// The names of a service in every environment in which it is.
fn environments_of<'a>(
    manifest: &'a Manifest,
    service: &'a crate::domain::Service,
) -> impl Iterator<Item = &'a EnvironmentName> {
    let is_there = |name: &&EnvironmentName| {
        service
            .environments
            .as_ref()
            .is_none_or(|environments| environments.contains(name))
    };
    manifest
        .environments
        .iter()
        .map(|environment| &environment.name)
        .filter(is_there)
}
