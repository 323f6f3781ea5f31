//! The previews on Render: which of them the record knows, and deleting those of closed pull requests.

use super::{Cleaning, Tally, environments_of};
use crate::context::Context;
use crate::domain::{
    Manifest, PrNumber, PreviewName, PreviewRecord, PreviewState, ServiceId, ServiceName,
};
use crate::failure::Failure;
use crate::github::{GitHub, GitHubError, Reach};
use crate::render::{Proof, RenderApi};
use crate::report::CleanupResult;
use crate::resolve::hooks;
use std::collections::{BTreeMap, BTreeSet};

/// The records of a service's previews.
pub(crate) type Records = BTreeMap<ServiceName, Vec<PreviewRecord>>;

/// Reads every preview's record.
///
/// # Errors
/// [`Failure::History`].
pub(crate) async fn records(github: &GitHub, manifest: &Manifest) -> Result<Records, Failure> {
    let services: Vec<ServiceName> = manifest
        .services
        .iter()
        .map(|service| service.name.clone())
        .collect();
    let found = github
        .previews(&services, Reach::All)
        .await
        .map_err(|error| Failure::History(error.into()))?;
    found.ok_or_else(|| {
        let why = "there are more than 5,000 records of one service's previews".to_owned();
        let what = "the record of previews".to_owned();
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

/// The pull requests of which a preview is left.
pub(crate) fn left_of(records: &Records) -> BTreeSet<PrNumber> {
    records
        .values()
        .flatten()
        .filter(|record| is_open(record))
        .map(|record| record.intent.pull)
        .collect()
}

/// Whether there may be a preview of it: of ours, and not set aside yet.
fn is_open(record: &PreviewRecord) -> bool {
    record.is_own && record.state != PreviewState::Inactive
}

/// Removes the previews of these pull requests. Gives the numbers of the records whose preview is gone, or would be: what they name is no longer needed
/// for it.
pub(crate) async fn remove(
    cleaning: &Cleaning<'_>,
    records: &Records,
    tally: &mut Tally,
) -> BTreeSet<u64> {
    let numbers = cleaning.closed.numbers;
    let theirs = |record: &&PreviewRecord| record.is_own && numbers.contains(&record.intent.pull);
    let mut settled: BTreeSet<u64> = records
        .values()
        .flatten()
        .filter(theirs)
        .filter(|record| record.state == PreviewState::Inactive)
        .map(|record| record.number)
        .collect();
    for (service, records) in records {
        let mut by_pull: BTreeMap<PrNumber, Vec<&PreviewRecord>> = BTreeMap::new();
        for record in records
            .iter()
            .filter(theirs)
            .filter(|record| is_open(record))
        {
            by_pull.entry(record.intent.pull).or_default().push(record);
        }
        for (pull, records) in by_pull {
            let preview = Preview {
                service,
                pull,
                parents: parents(cleaning.context, cleaning.manifest, service),
                records,
            };
            match preview.settle(cleaning, tally).await {
                Ok(true) => settled.extend(preview.records.iter().map(|record| record.number)),
                Ok(false) => {}
                Err(failure) => tally.troubles.push(failure),
            }
        }
    }
    settled
}

/// The ids that a service of the manifest has on Render, in any environment: a preview of ours is of one of them.
fn parents(context: &Context, manifest: &Manifest, name: &ServiceName) -> BTreeSet<ServiceId> {
    let services = manifest
        .services
        .iter()
        .filter(|service| service.name == *name);
    services
        .flat_map(|service| {
            environments_of(manifest, service)
                .filter_map(|environment| hooks::id_of(context, service, environment))
        })
        .collect()
}

/// The previews that one service has for one pull request: one, unless something went wrong.
struct Preview<'a> {
    service: &'a ServiceName,
    pull: PrNumber,
    parents: BTreeSet<ServiceId>,
    records: Vec<&'a PreviewRecord>,
}

impl Preview<'_> {
    /// Removes what the records name, and sets them aside. Says whether nothing of it is left, or would be.
    async fn settle(&self, cleaning: &Cleaning<'_>, tally: &mut Tally) -> Result<bool, Failure> {
        let context = cleaning.context;
        let name = PreviewName::new(self.service, self.pull);
        let Some(render) = &context.clients.render else {
            tally.add(
                context,
                format!("preview {name}"),
                CleanupResult::Kept,
                "there is no API key to delete it with".into(),
            );
            context.warn(
                "A preview is left",
                &format!("preview {name} stays on Render: give cleanup the API key"),
            );
            return Ok(false);
        };
        let ids: BTreeSet<&ServiceId> = self
            .records
            .iter()
            .filter_map(|record| record.intent.id.as_ref())
            .collect();
        let mut is_gone = true;
        for id in &ids {
            is_gone &= self.remove(cleaning, render, (&name, id), tally).await?;
        }
        if ids.is_empty() {
            is_gone = self.is_nowhere(context, render, &name, tally).await?;
        }
        if is_gone && let Some(writers) = cleaning.writers {
            let writer = writers.github()?.previews;
            for record in &self.records {
                let set_aside = writer
                    .set_aside(record.number, "removed: the pull request is closed")
                    .await;
                set_aside.map_err(|error| Failure::History(error.into()))?;
            }
        }
        Ok(is_gone)
    }

    /// Removes one preview, if Render says that it is one. Says whether it is gone, or would be.
    async fn remove(
        &self,
        cleaning: &Cleaning<'_>,
        render: &RenderApi,
        (name, id): (&PreviewName, &ServiceId),
        tally: &mut Tally,
    ) -> Result<bool, Failure> {
        let context = cleaning.context;
        let failed = |error| Failure::Render(Some(self.service.clone()), error);
        let what = format!("preview {name} ({id})");
        let preview = match render.prove(id, &self.parents).await.map_err(failed)? {
            Proof::Preview(preview) => preview,
            Proof::Absent => {
                // "Not there" is also what Render says to a key of another workspace. The right key sees the service itself.
                let Some(parent) = self.parents.first() else {
                    tally.add(
                        context,
                        what,
                        CleanupResult::Kept,
                        "nothing says which service it is a preview of".into(),
                    );
                    return Ok(false);
                };
                render.service(parent).await.map_err(failed)?;
                context.log.say(&format!("{what} is gone already."));
                return Ok(true);
            }
            Proof::Other(parent) => {
                let of = parent.map_or_else(
                    || "no preview".to_owned(),
                    |parent| format!("a preview of {parent}"),
                );
                let why = format!(
                    "Render says that it is {of}, which is not {} of the manifest",
                    self.service
                );
                tally.add(context, what, CleanupResult::Kept, why);
                return Ok(false);
            }
        };
        let Some(writers) = cleaning.writers else {
            let why = "the pull request is closed".into();
            tally.add(context, what, CleanupResult::WouldGo, why);
            return Ok(true);
        };
        let remover = &writers.render()?.remover;
        remover.remove(&preview).await.map_err(failed)?;
        tally.add(
            context,
            what,
            CleanupResult::Deleted,
            "the pull request is closed".into(),
        );
        Ok(true)
    }

    /// Whether no service has the preview's name. One of which no record names the id is not deleted: a name is no proof.
    async fn is_nowhere(
        &self,
        context: &Context,
        render: &RenderApi,
        name: &PreviewName,
        tally: &mut Tally,
    ) -> Result<bool, Failure> {
        let found = render
            .named(name)
            .await
            .map_err(|error| Failure::Render(Some(self.service.clone()), error))?;
        for (id, _) in &found {
            let why = "it has the name of a preview, and no record says its id: delete it by hand if it is one";
            tally.add(
                context,
                format!("service {name} ({id})"),
                CleanupResult::Kept,
                why.into(),
            );
        }
        Ok(found.is_empty())
    }
}
