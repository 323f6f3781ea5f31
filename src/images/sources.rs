//! Where an image may come from: what `decide`'s search for it asks, answered from the record, from history and from the registry.

use super::ImageWait;
use super::look::LookResult;
use crate::context::Context;
use crate::failure::Failure;
use crate::history::Movement;
use crate::planned_run::PlannedRun;
use crate::resolve::{Resolved, commit_manifest};
use crate::state::records_of;
use decide::ledger::{BuildEntry, CommitManifest};
use decide::{
    Affected, Ancestor, Changes, Equality, ImageSearch as Decision, ImageSource, MOST_ANCESTORS,
    NewestRecords, Next, PlannedImage, Reach, VerifiedImage, recorded_images, required_images,
};
use http_client::Deadline;
use model::{
    CommitSha, EnvironmentName, Image, ImageTag, Manifest, Record, Repository, Service, ServiceId,
    ServiceName,
};
use std::collections::BTreeMap;
use tokio::sync::{Mutex, OnceCell};

/// How many commits are compared through GitHub in one run, at most; `decide` allows some for each image.
const MOST_COMPARED: usize = 60;

/// The records of services, by name; newest first.
type RecordsByService = BTreeMap<ServiceName, Vec<Record>>;

/// What is recorded that an image of one environment may be found by.
pub(super) struct RecordedPlace<'a> {
    /// The environment's services; empty where there is no environment.
    services: Vec<&'a Service>,
    records: RecordsByService,
    required: Option<(EnvironmentName, RecordsByService)>,
}

/// What one run knows of other commits.
#[derive(Default)]
pub(super) struct KnownCommits {
    /// What differs between the commit and others, for every image at once.
    compared: Mutex<Compared>,
    ancestors: OnceCell<Vec<Ancestor>>,
}

#[derive(Default)]
struct Compared {
    of: BTreeMap<CommitSha, Result<ImageDifference, String>>,
    /// How many of them were asked of GitHub.
    far: usize,
}

/// How another commit differs.
struct ImageDifference {
    affected: Affected,
    /// The other commit's manifest, where its file differs.
    manifest: Option<CommitManifest>,
}

impl ImageDifference {
    fn of_image(&self, manifest: &Manifest, image: &Image) -> Equality {
        let own = BuildEntry::of(manifest, &image.repository);
        let is_built_alike = match &self.manifest {
            None => true,
            Some(CommitManifest::Known(other)) => {
                own.is_some() && own == BuildEntry::of(other, &image.repository)
            }
            Some(CommitManifest::Unusable | CommitManifest::Unknown(_)) => false,
        };
        if !is_built_alike {
            return Equality::Unknown("its manifest builds the image differently".into());
        }
        match self.affected.image(&image.name) {
            Some(cause) => Equality::Differs(cause.clone()),
            None => Equality::Equal,
        }
    }
}

/// How a search ended.
pub(super) enum SearchResult {
    Image(Box<VerifiedImage>),
    /// Nothing that may be deployed is there.
    Nothing,
    /// The commit's own tag holds an image that may not be deployed.
    Spoiled(Failure),
}

/// Reads what is recorded, for each environment of the run.
pub(super) async fn places<'a>(
    context: &Context,
    run: &'a PlannedRun,
    reach: Reach,
) -> Result<Vec<RecordedPlace<'a>>, Failure> {
    let resolved = &run.resolved;
    let manifest = &resolved.manifest;
    let environments = match reach {
        Reach::Equal => resolved.environments()?,
        Reach::Own => Vec::new(),
    };
    let mut places = Vec::new();
    for environment in environments {
        let services: Vec<&Service> = manifest.services_in(&environment.name).collect();
        let records = match run.state_of(&environment.name) {
            Some(state) => state.all_records().cloned(),
            None => read(context, manifest, &environment.name).await,
        };
        let required = match &environment.requires {
            Some(name) => read(context, manifest, name)
                .await
                .map(|records| (name.clone(), records)),
            None => None,
        };
        places.push(RecordedPlace {
            services,
            records: records.unwrap_or_default(),
            required,
        });
    }
    if places.is_empty() {
        places.push(RecordedPlace {
            services: Vec::new(),
            records: RecordsByService::new(),
            required: None,
        });
    }
    Ok(places)
}

/// The records of an environment's services. Where they cannot be read, images are not found by them, and that is said.
async fn read(
    context: &Context,
    manifest: &Manifest,
    environment: &EnvironmentName,
) -> Option<RecordsByService> {
    let services: Vec<ServiceName> = manifest
        .services_in(environment)
        .map(|service| service.name.clone())
        .collect();
    if services.is_empty() {
        return None;
    }
    match records_of(context, environment, &services, &BTreeMap::new()).await {
        Ok(records) => Some(records),
        Err(why) => {
            context.log.say(&format!(
                "Images that ran in {environment} before are not looked for: {why}."
            ));
            None
        }
    }
}

impl RecordedPlace<'_> {
    /// Whether one of these services is of this environment; also where an image is needed for itself.
    pub(super) fn needs(&self, planned: &PlannedImage) -> bool {
        planned.services.is_empty()
            || self
                .services
                .iter()
                .any(|service| planned.services.contains(&service.name))
    }

    fn search(
        &self,
        context: &Context,
        resolved: &Resolved,
        own: &[ImageTag],
        reach: Reach,
        (image, planned): (&Image, &PlannedImage),
    ) -> Decision {
        let manifest = &resolved.manifest;
        let mut users: Vec<&Service> = manifest
            .services
            .iter()
            .filter(|service| service.image == image.name)
            .collect();
        users.sort_by_key(|service| !planned.services.contains(&service.name));
        let all = |memory: &RecordsByService| -> Vec<Vec<Record>> {
            users
                .iter()
                .filter_map(|service| memory.get(&service.name).cloned())
                .collect()
        };
        let here = |records: &[Vec<Record>]| -> Vec<Vec<Record>> {
            records
                .iter()
                .map(|records| of_repository(records, None, &image.repository))
                .collect()
        };
        let mut recorded = here(&all(&self.records));
        let mut required: Vec<Vec<Record>> = Vec::new();
        if let Some((environment, memory)) = &self.required {
            recorded.extend(here(&all(memory)));
            for service in &users {
                let records = memory
                    .get(&service.name)
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let id = service.id.get(environment);
                required.push(of_repository(records, id, &image.repository));
            }
        }
        let recorded = by_reference(&recorded);
        let required = by_reference(&required);
        let head = resolved.commit;
        let history = &context.clients.history;
        let is_here = history.has(&head);
        Decision::new(
            head,
            own,
            reach,
            required_images(&head, &required),
            recorded_images(&head, &recorded),
            |commit| is_here && history.has(commit),
        )
    }

    /// What is said of an image that is not the commit's own.
    pub(super) fn sentence(&self, source: &ImageSource, head: &CommitSha) -> Option<String> {
        let commit = source.commit()?;
        let equal = if commit == head {
            ""
        } else {
            ", equal in what it is built from"
        };
        let short = commit.short(7);
        Some(match (source, &self.required) {
            (ImageSource::Required(..), Some((environment, _))) => {
                format!("image of {short}{equal}, as {environment} ran it")
            }
            (ImageSource::Recorded(..), _) => format!("image of {short}{equal}, deployed before"),
            (ImageSource::Own(_) | ImageSource::Required(..) | ImageSource::Ancestor(..), _) => {
                format!("image of {short}{equal}")
            }
        })
    }
}

/// The records of an image repository, and of a service where its id is known: only those name bytes that can be pulled from it.
fn of_repository(
    records: &[Record],
    id: Option<&ServiceId>,
    repository: &Repository,
) -> Vec<Record> {
    let is_its = |record: &&Record| {
        record.intent.image.repository == *repository
            && (id.is_none() || record.intent.id.as_ref() == id)
    };
    records.iter().filter(is_its).cloned().collect()
}

fn by_reference(all: &[Vec<Record>]) -> Vec<NewestRecords<'_>> {
    all.iter().map(|records| records.iter().collect()).collect()
}

impl ImageWait<'_> {
    /// Finds an image that is there already.
    ///
    /// # Errors
    /// What the registry says where it neither has an image nor lacks it.
    pub(super) async fn find(
        &self,
        image: &Image,
        planned: &PlannedImage,
        place: &RecordedPlace<'_>,
    ) -> Result<SearchResult, Failure> {
        let (history, tags) = (&self.context.clients.history, &self.run.tags);
        let mut search = place.search(
            self.context,
            &self.run.resolved,
            &tags.to_find,
            tags.reach,
            (image, planned),
        );
        let (mut seen, mut spoiled) = (None, None);
        loop {
            match search.wants() {
                Next::Compare(commit) => {
                    let equality = self.compare(image, commit).await;
                    search.compared(commit, &equality);
                }
                Next::Look(source) => {
                    let look = self.look_at(image, &source, place).await?;
                    search.looked(look.sight());
                    match (look, &source) {
                        (LookResult::Verified(verified), _) => seen = Some(verified),
                        (LookResult::Refused(failure), ImageSource::Own(_)) => {
                            spoiled = Some(failure)
                        }
                        (LookResult::Refused(failure), _) => {
                            let sentence = place
                                .sentence(&source, &self.run.resolved.commit)
                                .unwrap_or_default();
                            self.context
                                .log
                                .say(&format!("{}: {sentence}: not used, {failure}.", image.name));
                        }
                        (LookResult::Absent, _) => {}
                    }
                }
                Next::GoBack => {
                    let is_here = history.has(&self.run.resolved.commit);
                    search.went_back(self.ancestors().await.to_vec(), |commit| {
                        is_here && history.has(commit)
                    });
                }
                Next::List(asked) => {
                    let there = self.list(image, &asked).await?;
                    search.listed(&there);
                }
                Next::Found(_) => {
                    return Ok(seen.map_or(SearchResult::Nothing, SearchResult::Image));
                }
                Next::Nothing => {
                    return Ok(spoiled.map_or(SearchResult::Nothing, SearchResult::Spoiled));
                }
            }
        }
    }

    /// How a commit compares with ours in what an image is built from.
    async fn compare(&self, image: &Image, commit: CommitSha) -> Equality {
        let (history, head) = (&self.context.clients.history, &self.run.resolved.commit);
        let mut compared = self.known.compared.lock().await;
        if !compared.of.contains_key(&commit) {
            let is_near = history.has(head) && history.has(&commit);
            if !is_near && compared.far == MOST_COMPARED {
                return Equality::Unknown(format!("{MOST_COMPARED} commits were compared already"));
            }
            compared.far += usize::from(!is_near);
            let difference = self.difference(&commit).await;
            compared.of.insert(commit, difference);
        }
        match compared.of.get(&commit) {
            Some(Ok(difference)) => difference.of_image(&self.run.resolved.manifest, image),
            Some(Err(why)) => Equality::Unknown(why.clone()),
            None => Equality::Unknown("it was not compared".into()),
        }
    }

    async fn difference(&self, commit: &CommitSha) -> Result<ImageDifference, String> {
        let (context, resolved) = (self.context, &self.run.resolved);
        let history = &context.clients.history;
        let paths = match history
            .changes(commit, &resolved.commit, Movement::Forward)
            .await
        {
            Changes::Unknown(why) => return Err(why),
            Changes::Known(paths) => paths,
        };
        let path = context.request.manifest.path.as_bytes();
        let manifest = if paths.iter().any(|changed| changed == path) {
            Some(commit_manifest(context, commit, &resolved.default_branch).await)
        } else {
            None
        };
        let affected = Affected::within_reason(&resolved.manifest, &paths)
            .ok_or("too many patterns and changes to compare")?;
        Ok(ImageDifference { affected, manifest })
    }

    async fn ancestors(&self) -> &[Ancestor] {
        let (history, resolved) = (&self.context.clients.history, &self.run.resolved);
        let ancestors = self.known.ancestors.get_or_init(|| async {
            let commits = history
                .first_parents(&resolved.commit, MOST_ANCESTORS)
                .await;
            let tagged = |commit: CommitSha| {
                Some(Ancestor {
                    commit,
                    tag: resolved.manifest.tags.commit.commit_tag(&commit).ok()?,
                })
            };
            commits.into_iter().filter_map(tagged).collect()
        });
        ancestors.await
    }

    /// Which of these tags are there, all asked for at the same time.
    async fn list(&self, image: &Image, tags: &[ImageTag]) -> Result<Vec<ImageTag>, Failure> {
        let deadline = Deadline::after(self.deadline.left().max(self.one_look));
        let asked = tags
            .iter()
            .map(|tag| self.registry.has_tag(&image.repository, tag, &deadline));
        let answers = futures_util::future::join_all(asked).await;
        let mut there = Vec::new();
        for (tag, answer) in tags.iter().zip(answers) {
            match answer {
                Ok(Some(_)) => there.push(tag.clone()),
                Ok(None) => {}
                Err(error) => return Err(Failure::Registry(image.name.clone(), error)),
            }
        }
        Ok(there)
    }
}
