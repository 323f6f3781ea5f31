//! What closed pull requests left: what there is, what else needs it, and removing it.

pub(crate) mod packages;
pub(crate) mod previews;
pub(crate) mod subject;

mod needs;
mod standing;

use crate::context::{Context, Writers};
use crate::failure::Failure;
use crate::previews::on_render::RenderServices;
use decide::Closed;
use github::{GitHub, GitHubError, Mention};
use model::{Manifest, PrNumber};
use packages::PackageVersions;
use previews::Gone;
use report::{CleanupItem, CleanupResult};
use std::collections::BTreeSet;

/// What was done with each thing, and what could not be found out or done.
#[derive(Default)]
pub(crate) struct Tally {
    /// Each with the pull requests whose it is.
    items: Vec<(BTreeSet<PrNumber>, CleanupItem)>,
    /// Images that were not looked into, and why: what is left of them is not known.
    unread: Vec<(String, String)>,
    pub(crate) troubles: Vec<Failure>,
}

impl Tally {
    /// Says what was done with something of these pull requests, and keeps it.
    fn add(
        &mut self,
        context: &Context,
        (what, pulls): (String, BTreeSet<PrNumber>),
        result: CleanupResult,
        why: String,
    ) {
        context
            .log
            .say(&format!("{}: {what}: {why}", result.as_str()));
        let item = CleanupItem { what, result, why };
        context.progress.cleaned(&item);
        self.items.push((pulls, item));
    }

    /// What of a pull request stays, and why.
    pub(crate) fn left_of(&self, pull: PrNumber) -> Vec<CleanupItem> {
        let stays = |(pulls, item): &&(BTreeSet<PrNumber>, CleanupItem)| {
            item.result == CleanupResult::Kept && pulls.contains(&pull)
        };
        let items = self.items.iter().filter(stays);
        let unread = self.unread.iter().map(|(what, why)| CleanupItem {
            what: what.clone(),
            result: CleanupResult::Kept,
            why: why.clone(),
        });
        items.map(|(_, item)| item.clone()).chain(unread).collect()
    }

    /// How many things this was done with.
    pub(crate) fn count(&self, result: CleanupResult) -> usize {
        self.items
            .iter()
            .filter(|(_, item)| item.result == result)
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
    /// What is on Render; `None` where that is not known.
    pub(crate) there: Option<&'a RenderServices<'a>>,
}

/// What there is to decide about.
pub(crate) struct CleanupFacts<'a> {
    pub(crate) packages: &'a [PackageVersions<'a>],
    /// Every record, or why there may be others.
    pub(crate) mentions: Result<Vec<Mention>, Failure>,
    /// What is gone of the previews.
    pub(crate) gone: Gone,
}

impl Cleaning<'_> {
    /// Decides about each package and acts.
    pub(crate) async fn clean(&self, found: CleanupFacts<'_>, tally: &mut Tally) {
        let CleanupFacts {
            packages,
            mentions,
            gone,
        } = found;
        let may_go = packages.iter().any(|package| {
            package
                .versions
                .iter()
                .any(|version| self.closed.owns_all(&version.tags))
        });
        let needs = match mentions {
            Err(failure) => Err(failure),
            Ok(_) if !may_go => Ok(None),
            Ok(mentions) => needs::find(self, &mentions, &gone).await.map(Some),
        };
        let needs = match needs {
            Ok(needs) => needs,
            Err(failure) => {
                self.keep_all(packages, &failure, tally);
                tally.troubles.push(failure);
                return;
            }
        };
        for package in packages {
            let needed = match &needs {
                Some(needs) => needs.of(package),
                None => Default::default(),
            };
            if let Err(failure) = packages::clean(self, package, &needed, tally).await {
                tally.troubles.push(failure);
            }
        }
    }

    /// Keeps everything that might have gone, because something is not known.
    fn keep_all(&self, packages: &[PackageVersions<'_>], why: &Failure, tally: &mut Tally) {
        for package in packages {
            for version in &package.versions {
                if version.tags.iter().any(|tag| self.closed.owns(tag)) {
                    tally.add(
                        self.context,
                        (package.named(version), self.closed.pulls_of(&version.tags)),
                        CleanupResult::Kept,
                        format!("what else needs it is not known: {why}"),
                    );
                }
            }
        }
    }
}

/// Every record, of the manifest's environments at least.
pub(crate) async fn mentions(
    github: &GitHub,
    manifest: &Manifest,
) -> Result<Vec<Mention>, Failure> {
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
