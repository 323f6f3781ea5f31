//! The previews of closed pull requests: deleting those on Render, and setting their records aside.

use super::{Cleaning, Tally};
use crate::context::Context;
use crate::failure::Failure;
use crate::previews::on_render::{RecordsByPreview, RenderPreview, RenderServices, shown};
use decide::Owner;
use github::{GitHub, GitHubError, Mention, PullState, RecordsBack};
use model::{Manifest, PrNumber, PreviewName, PreviewRecord, PreviewState, ServiceId, ServiceName};
use render::Proof;
use report::CleanupResult;
use std::collections::{BTreeMap, BTreeSet};

/// Before it stands the name of a service whose previews a record is about.
const ENVIRONMENT: &str = "preview/";

/// Reads the record of every preview: of the manifest's services, and of services that any record is about. A service may have had another name.
///
/// # Errors
/// [`Failure::History`].
pub(crate) async fn records(
    github: &GitHub,
    manifest: &Manifest,
    mentions: &[Mention],
) -> Result<RecordsByPreview, Failure> {
    let own = manifest.services.iter().map(|service| service.name.clone());
    let mentioned = mentions.iter().filter_map(|mention| {
        ServiceName::parse(mention.environment.strip_prefix(ENVIRONMENT)?).ok()
    });
    let services: BTreeSet<ServiceName> = own.chain(mentioned).collect();
    let services: Vec<ServiceName> = services.into_iter().collect();
    let found = github
        .previews(&services, RecordsBack::All)
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

/// The pull requests of which a preview is left by the records.
pub(crate) fn left_of(records: &RecordsByPreview) -> BTreeSet<PrNumber> {
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

/// What is gone, or would be in a dry run.
#[derive(Default)]
pub(crate) struct Gone {
    /// The records whose preview is gone. What they name is no longer needed for it.
    pub(super) records: BTreeSet<u64>,
    /// The previews.
    pub(super) previews: BTreeSet<ServiceId>,
    /// The services of which a preview may be there that Render does not list yet. What it serves is not known.
    pub(super) awaited: BTreeSet<ServiceName>,
}

/// Removes the previews of these pull requests.
pub(crate) async fn remove(
    cleaning: &Cleaning<'_>,
    records: &RecordsByPreview,
    tally: &mut Tally,
) -> Gone {
    let numbers = cleaning.closed.numbers;
    let mut gone = Gone::default();
    for record in records.values().flatten() {
        if record.is_own
            && record.state == PreviewState::Inactive
            && numbers.contains(&record.intent.pull)
        {
            gone.records.insert(record.number);
        }
    }
    if let Some(there) = cleaning.there {
        for found in &there.services {
            match remove_one(cleaning, there, found, tally).await {
                Ok(true) => drop(gone.previews.insert(found.id.clone())),
                Ok(false) => {}
                Err(failure) => tally.troubles.push(failure),
            }
        }
    }
    for group in groups(records, numbers) {
        let (removed, awaited) = (&gone.previews, &mut gone.awaited);
        match group.settle(cleaning, removed, awaited, tally).await {
            Ok(settled) => gone.records.extend(settled),
            Err(failure) => tally.troubles.push(failure),
        }
    }
    gone
}

/// Deletes a service if it is a preview of one of these pull requests. Says whether it is gone, or would be.
async fn remove_one(
    cleaning: &Cleaning<'_>,
    there: &RenderServices<'_>,
    found: &RenderPreview,
    tally: &mut Tally,
) -> Result<bool, Failure> {
    let (context, numbers) = (cleaning.context, cleaning.closed.numbers);
    let name = format!("preview {} ({})", shown(&found.facts.name), found.id);
    let pull = match &found.owner {
        Owner::Of(pull) if numbers.contains(pull) => *pull,
        Owner::Perhaps(pull, doubt) if numbers.contains(pull) => {
            let why = format!(
                "{doubt}: if it is the preview of pull request {pull}, delete it on Render"
            );
            let what = (name, BTreeSet::from([*pull]));
            tally.add(context, what, CleanupResult::Kept, why);
            return Ok(false);
        }
        Owner::Of(_) | Owner::Perhaps(..) | Owner::Unknown | Owner::Nobody => return Ok(false),
    };
    let what = (name, BTreeSet::from([pull]));
    let closed = || "the pull request is closed".to_owned();
    let Some(writers) = cleaning.writers else {
        tally.add(context, what, CleanupResult::WouldGo, closed());
        return Ok(true);
    };
    let state = cleaning.github.pull_state(pull).await;
    if let PullState::Open(_) = state.map_err(|error| Failure::History(error.into()))? {
        let why = format!("pull request {pull} is open again");
        tally.add(context, what, CleanupResult::Kept, why);
        return Ok(false);
    }
    let failed = |error| Failure::Render(None, error);
    let parents = there.own.keys().cloned().collect();
    match there.api.prove(&found.id, &parents).await.map_err(failed)? {
        Proof::Preview(preview) => {
            let remover = &writers.render()?.remover;
            remover.remove(&preview).await.map_err(failed)?;
            tally.add(context, what, CleanupResult::Deleted, closed());
            Ok(true)
        }
        Proof::Absent => {
            context.log.say(&format!("{} is gone already.", what.0));
            Ok(true)
        }
        Proof::Other(_) => {
            let why = "Render just said something else of it than before".into();
            tally.add(context, what, CleanupResult::Kept, why);
            Ok(false)
        }
    }
}

/// The records of one service and pull request that are not set aside. What others wrote deletes nothing on Render; once the previews are gone it is set
/// aside, too, so that it does not keep images for ever.
struct PreviewRecordGroup<'a> {
    service: &'a ServiceName,
    pull: PrNumber,
    records: Vec<&'a PreviewRecord>,
}

/// What became of a preview whose id no record has.
enum Sought {
    /// It was removed, or was looked for twice and never made.
    Gone,
    /// It is there, and stays.
    Stays,
    /// It is not there, and a run may be about to make it.
    Awaited,
}

fn groups<'a>(
    records: &'a RecordsByPreview,
    numbers: &BTreeSet<PrNumber>,
) -> Vec<PreviewRecordGroup<'a>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for (service, records) in records {
        for record in records {
            if record.state != PreviewState::Inactive && numbers.contains(&record.intent.pull) {
                let group = (service, record.intent.pull);
                groups.entry(group).or_default().push(record);
            }
        }
    }
    let group = |((service, pull), records)| PreviewRecordGroup {
        service,
        pull,
        records,
    };
    groups.into_iter().map(group).collect()
}

impl<'a> PreviewRecordGroup<'a> {
    fn name(&self) -> PreviewName {
        PreviewName::new(self.service, self.pull)
    }

    /// Something of this pull request.
    fn said(&self, what: String) -> (String, BTreeSet<PrNumber>) {
        (what, BTreeSet::from([self.pull]))
    }

    /// Sets the records aside whose preview is gone, and gives their numbers.
    async fn settle(
        &self,
        cleaning: &Cleaning<'_>,
        removed: &BTreeSet<ServiceId>,
        awaited: &mut BTreeSet<ServiceName>,
        tally: &mut Tally,
    ) -> Result<Vec<u64>, Failure> {
        let context = cleaning.context;
        let Some(there) = cleaning.there else {
            let is_own = self.records.iter().any(|record| record.is_own);
            if is_own && context.clients.render.is_none() {
                self.warn_without_key(context, tally);
            }
            return Ok(Vec::new());
        };
        let mut settled: Vec<&'a PreviewRecord> = Vec::new();
        let mut kept = BTreeMap::new();
        for record in &self.records {
            match &record.intent.id {
                Some(id) => match self.stays(there, id, removed) {
                    Some(why) if record.is_own => drop(kept.insert(id, why)),
                    Some(_) => {}
                    None => settled.push(*record),
                },
                None => match self.look_for(record, there, removed) {
                    Sought::Gone => settled.push(*record),
                    Sought::Stays => {}
                    Sought::Awaited => {
                        awaited.insert(self.service.clone());
                        self.await_it(cleaning, record, tally).await?;
                    }
                },
            }
        }
        let gone: BTreeSet<&ServiceId> = settled
            .iter()
            .filter_map(|record| record.intent.id.as_ref())
            .filter(|id| !removed.contains(id))
            .collect();
        for id in gone {
            let name = self.name();
            context
                .log
                .say(&format!("preview {name} ({id}) is gone already."));
        }
        for (id, why) in kept {
            // What is kept as a preview of this pull request was said before.
            if let Some(why) = why {
                let what = self.said(format!("preview {} ({id})", self.name()));
                tally.add(context, what, CleanupResult::Kept, why);
            }
        }
        if let Some(writers) = cleaning.writers {
            let writer = writers.github()?.previews;
            for record in &settled {
                let why = "removed: the pull request is closed";
                let set_aside = writer.set_aside(record.number, why).await;
                set_aside.map_err(|error| Failure::History(error.into()))?;
            }
        }
        Ok(settled.iter().map(|record| record.number).collect())
    }

    /// Whether the preview that a record names is still there, and why, where nothing was said of it before.
    fn stays(
        &self,
        there: &RenderServices<'_>,
        id: &ServiceId,
        removed: &BTreeSet<ServiceId>,
    ) -> Option<Option<String>> {
        if removed.contains(id) {
            return None;
        }
        let Some(found) = there.services.iter().find(|found| found.id == *id) else {
            if there.own.is_empty() {
                return Some(Some("nothing says which service it is a preview of".into()));
            }
            return None;
        };
        let of = match &found.facts.parent {
            Some(parent) if !there.own.contains_key(id) => format!("a preview of {parent}"),
            Some(_) | None => "no preview".to_owned(),
        };
        match found.owner.pull() {
            Some(pull) if pull == self.pull => Some(None),
            Some(pull) => Some(Some(format!(
                "its name says that it is the preview of pull request {pull}"
            ))),
            None => Some(Some(format!(
                "Render says that it is {of}, which is not what the record of {} says",
                self.service
            ))),
        }
    }

    /// Looks for the preview that a record without an id is about.
    fn look_for(
        &self,
        record: &PreviewRecord,
        there: &RenderServices<'_>,
        removed: &BTreeSet<ServiceId>,
    ) -> Sought {
        let is_its = |found: &&RenderPreview| {
            found.owner.pull() == Some(self.pull)
                && found.facts.parent.as_ref() == Some(&record.intent.parent)
        };
        let its: Vec<&RenderPreview> = there.services.iter().filter(is_its).collect();
        if its.iter().any(|found| !removed.contains(&found.id)) {
            Sought::Stays
        } else if its.is_empty() && record.state == PreviewState::Open && !record.was_not_found {
            Sought::Awaited
        } else {
            Sought::Gone
        }
    }

    /// Writes down that the preview was looked for. The next clean-up that finds none either sets the record aside.
    async fn await_it(
        &self,
        cleaning: &Cleaning<'_>,
        record: &PreviewRecord,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let name = self.name();
        if let Some(writers) = cleaning.writers {
            let writer = writers.github()?.previews;
            let noted = writer.not_found(record.number, &name).await;
            noted.map_err(|error| Failure::History(error.into()))?;
        }
        let why =
            "a run wrote that it makes it, and may still do so: the next clean-up looks again";
        let what = self.said(format!("preview {name}"));
        tally.add(cleaning.context, what, CleanupResult::Kept, why.into());
        Ok(())
    }

    fn warn_without_key(&self, context: &Context, tally: &mut Tally) {
        let name = self.name();
        tally.add(
            context,
            self.said(format!("preview {name}")),
            CleanupResult::Kept,
            "there is no API key to delete it with".into(),
        );
        context.warn(
            "A preview is left",
            &format!("preview {name} stays on Render: give cleanup the API key"),
        );
    }
}
