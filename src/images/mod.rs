//! The images of a plan: found, or looked for until they are there, and judged, all of them before anything is deployed.
//!
//! Which image it is, [`decide`](decide::Search) says; `plan` and `deploy` ask it alike.

pub(crate) mod env_file;
mod given;
mod look;
pub(crate) mod reverify;
mod sources;

use crate::context::{Context, Stop};
use crate::failure::{Failure, MissingImage};
use crate::planned_run::PlannedRun;
use decide::{PlannedImage, Reach, Subject, VerifiedImage, may_be_of};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use given::given_digests;
use http_client::{Deadline, Stopwatch, sleep};
use look::LookResult;
use model::{CommitSha, Digest, Image, ImageName, ImageTag, Outcome, Repository, When};
use parse::inputs::{InputError, OnMissing};
use registry::{Reference, Registry};
use report::VerifiedRow;
use sources::{KnownCommits, RecordedPlace, SearchResult};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// GHCR shows a push after some seconds, so the first waits are short.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// One look, with a few tries where the registry stumbles.
const ONE_LOOK: Duration = Duration::from_secs(20);

/// A plan does not wait for a registry that stumbles: what it cannot tell is built.
const GLANCE: Duration = Duration::from_secs(4);

/// The verified images of a plan.
pub(crate) type VerifiedImages = BTreeMap<ImageName, VerifiedImage>;

/// How long images are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Until `image-timeout`.
    Wait,
    /// Asked once.
    Once,
}

/// Verifies every image of the plan, and keeps them for the report.
///
/// # Errors
/// The first final failure, at once; every image that is still missing when the time is over. [`Stop::Early`] where missing ones are no failure.
pub(crate) async fn verified(
    context: &Context,
    run: &PlannedRun,
    patience: Patience,
) -> Result<VerifiedImages, Stop> {
    context.log.group("Images");
    let result = verify(context, run, patience).await;
    context.log.end_group();
    let may_be_missing =
        patience == Patience::Once || context.request.on_missing_image == OnMissing::Warn;
    match result {
        Ok(images) => {
            context.progress.verified(report_entries(context, &images));
            Ok(images)
        }
        Err(missing @ Failure::ImageMissing(_)) if may_be_missing => {
            context.warn("An image is missing", &missing.to_string());
            let headline = "Skipped: an image is not in the registry";
            Err(Stop::early(Outcome::Skipped, headline))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// The verified image of this name.
///
/// # Errors
/// [`Failure::ImageMissing`]: it was not verified.
pub(crate) fn of<'i>(
    images: &'i VerifiedImages,
    name: &ImageName,
) -> Result<&'i VerifiedImage, Failure> {
    images.get(name).ok_or_else(|| {
        Failure::ImageMissing(vec![MissingImage {
            image: name.clone(),
            looked_for: "a verified image of this name".into(),
            by_digest: false,
        }])
    })
}

/// The names of images, for a headline.
pub(crate) fn names(images: &VerifiedImages) -> String {
    let names: Vec<&str> = images.keys().map(ImageName::as_str).collect();
    names.join(", ")
}

async fn verify(
    context: &Context,
    run: &PlannedRun,
    patience: Patience,
) -> Result<VerifiedImages, Failure> {
    let time = match patience {
        Patience::Wait => context.request.image_timeout,
        Patience::Once => Duration::ZERO,
    };
    let search = ImageWait::begin(context, run, (time, ONE_LOOK)).await?;
    let images = search.all(&run.plan.images).await;
    // The first that fails ends the search for all.
    run.plan
        .images
        .iter()
        .for_each(|image| context.log.has_come(image.name.as_str()));
    let warnings = search.warnings.take();
    if !warnings.is_empty() {
        context.warn("Images have warnings", &warnings.join("; "));
    }
    images
}

/// The images of the plan for which nothing is there that may be deployed: those that have to be built. What cannot be asked is built.
pub(crate) async fn to_build(
    context: &Context,
    run: &PlannedRun,
) -> Result<Vec<ImageName>, Failure> {
    let search = ImageWait::begin(context, run, (Duration::ZERO, GLANCE)).await?;
    let asked = run
        .plan
        .images
        .iter()
        .filter(|planned| !search.digests.contains_key(&planned.name));
    let asked = asked.map(|planned| async {
        search
            .has_to_be_built(planned)
            .await
            .then(|| planned.name.clone())
    });
    Ok(futures_util::future::join_all(asked)
        .await
        .into_iter()
        .flatten()
        .collect())
}

/// Judges the image of these bytes, which the record or Render names, as strictly as one that is found by its tag. `commits` are those
/// that it may say it was built from; none: any. `None` when it is not in the registry.
///
/// # Errors
/// [`Failure::Image`] when it may not be deployed; [`Failure::Registry`].
pub(crate) async fn by_digest(
    context: &Context,
    run: &PlannedRun,
    image: &Image,
    digest: &Digest,
    commits: Vec<CommitSha>,
) -> Result<Option<VerifiedImage>, Failure> {
    let search = ImageWait {
        context,
        run,
        registry: context.clients.registry(),
        digests: BTreeMap::new(),
        commits,
        places: Vec::new(),
        known: KnownCommits::default(),
        deadline: Deadline::after(ONE_LOOK),
        one_look: ONE_LOOK,
        started: Stopwatch::start(),
        warnings: RefCell::default(),
    };
    match search
        .look(image, &Reference::Digest(digest.clone()), None)
        .await?
    {
        LookResult::Verified(verified) => Ok(Some(*verified)),
        LookResult::Absent => Ok(None),
        LookResult::Refused(failure) => Err(failure),
    }
}

/// What reports say of verified images.
pub(crate) fn report_entries(
    context: &Context,
    images: &VerifiedImages,
) -> BTreeMap<ImageName, VerifiedRow> {
    let tell = |image: &VerifiedImage| VerifiedRow {
        pinned: image.pinned(context.request.pin),
        tag: image.tag().map(ToString::to_string).unwrap_or_default(),
        size: image.size(),
        revision: image
            .revision()
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    images
        .iter()
        .map(|(name, image)| (name.clone(), tell(image)))
        .collect()
}

struct ImageWait<'a> {
    context: &'a Context,
    run: &'a PlannedRun,
    registry: Registry,
    digests: BTreeMap<ImageName, Digest>,
    /// The commits that an image may say it was built from, the wanted one first; none: any.
    commits: Vec<CommitSha>,
    /// What is recorded, by environment; empty only where one image is looked at and none is searched for.
    places: Vec<RecordedPlace<'a>>,
    known: KnownCommits,
    deadline: Deadline,
    /// How long a single look may take, where less time is left.
    one_look: Duration,
    started: Stopwatch,
    warnings: RefCell<Vec<String>>,
}

/// How one image's search ended.
enum ImageSearchEnd {
    Found(ImageName, VerifiedImage),
    Missing(MissingImage),
}

impl<'a> ImageWait<'a> {
    async fn begin(
        context: &'a Context,
        run: &'a PlannedRun,
        (time, one_look): (Duration, Duration),
    ) -> Result<Self, Failure> {
        let digests = given_digests(context, &run.resolved)?;
        let needs_record = run
            .plan
            .images
            .iter()
            .any(|planned| !digests.contains_key(&planned.name));
        let reach = if needs_record {
            run.tags.reach
        } else {
            Reach::Own
        };
        Ok(Self {
            context,
            run,
            registry: context.clients.registry(),
            digests,
            commits: run.resolved.revisions.clone(),
            places: sources::places(context, run, reach).await?,
            known: KnownCommits::default(),
            deadline: Deadline::after(time),
            one_look,
            started: Stopwatch::start(),
            warnings: RefCell::default(),
        })
    }

    async fn all(&self, planned: &[PlannedImage]) -> Result<VerifiedImages, Failure> {
        let mut searches: FuturesUnordered<_> =
            planned.iter().map(|planned| self.one(planned)).collect();
        let (mut images, mut missing) = (VerifiedImages::new(), Vec::new());
        while let Some(ended) = searches.next().await {
            match ended? {
                ImageSearchEnd::Found(name, image) => {
                    self.context.log.has_come(name.as_str());
                    images.insert(name, image);
                }
                ImageSearchEnd::Missing(image) => missing.push(image),
            }
        }
        missing.sort_by(|one, other| one.image.cmp(&other.image));
        if missing.is_empty() {
            Ok(images)
        } else {
            Err(Failure::ImageMissing(missing))
        }
    }

    /// Whether nothing is there that a deploy would take, in one of the environments that need it.
    async fn has_to_be_built(&self, planned: &PlannedImage) -> bool {
        let Some(image) = self.run.resolved.manifest.image(&planned.name) else {
            return false;
        };
        for place in self.places.iter().filter(|place| place.needs(planned)) {
            let why = match self.find(image, planned, place).await {
                Ok(SearchResult::Image(found)) => {
                    let name = found
                        .tag()
                        .map_or_else(|| found.digest().to_string(), ToString::to_string);
                    self.context.log.say(&format!(
                        "{}: {name} is there already, so there is nothing to build.",
                        image.name
                    ));
                    continue;
                }
                Ok(SearchResult::Nothing) => return true,
                Ok(SearchResult::Spoiled(failure)) => {
                    format!("the image with its tag may not be deployed ({failure})")
                }
                Err(failure) => format!("it could not be checked ({failure})"),
            };
            self.context
                .log
                .say(&format!("{}: {why}, so it must be built.", image.name));
            return true;
        }
        false
    }

    /// Says which commit's image is used, where that is not the commit's own.
    fn say_source(&self, image: &Image, sentence: &str) {
        let text = format!("{}: {sentence}", image.name);
        self.context.log.say(&text);
        self.context.progress.note_once(&text);
    }

    async fn one(&self, planned: &PlannedImage) -> Result<ImageSearchEnd, Failure> {
        let Some(image) = self.run.resolved.manifest.image(&planned.name) else {
            return Err(
                InputError::of("manifest", format!("there is no image {}", planned.name)).into(),
            );
        };
        let found = |found: VerifiedImage| ImageSearchEnd::Found(image.name.clone(), found);
        let asked: Vec<Reference> = match self.digests.get(&image.name) {
            Some(digest) => vec![Reference::Digest(digest.clone())],
            None => {
                for place in &self.places {
                    match self.find(image, planned, place).await? {
                        SearchResult::Image(image) => return Ok(found(*image)),
                        SearchResult::Spoiled(failure) => return Err(failure),
                        SearchResult::Nothing => {}
                    }
                }
                self.run
                    .tags
                    .to_find
                    .iter()
                    .cloned()
                    .map(Reference::Tag)
                    .collect()
            }
        };
        let own = (!self.digests.contains_key(&image.name)).then_some(self.run.resolved.commit);
        let mut backoff = self.context.clients.http.backoff(FIRST_WAIT, LONGEST_WAIT);
        let (mut is_first, mut other) = (true, None);
        loop {
            // Tags have been asked for a moment ago.
            let asked_now = if is_first && own.is_some() {
                &[]
            } else {
                asked.as_slice()
            };
            for asked in asked_now {
                match self.look(image, asked, None).await? {
                    LookResult::Verified(verified) => {
                        if !is_first {
                            let waited = self.started.elapsed().as_secs_f64();
                            let note =
                                format!("{}: waited {waited:.1} s for its image", image.name);
                            self.context.progress.note(note);
                        }
                        return Ok(found(match own {
                            Some(commit) => verified.found_as(commit),
                            None => *verified,
                        }));
                    }
                    LookResult::Refused(failure) => return Err(failure),
                    LookResult::Absent => {}
                }
            }
            let looked_for = looked_for(&image.repository, &asked);
            if std::mem::take(&mut is_first) {
                self.look_for_other_spellings(image, &looked_for).await?;
                if self.deadline.left() > Duration::ZERO {
                    self.context
                        .log
                        .say(&format!("{}: {looked_for} is not there yet.", image.name));
                    self.context.log.waits_for(image.name.as_str(), "image");
                }
            }
            let left = self.deadline.left();
            if left.is_zero() {
                return match other {
                    Some(found) => Err(Failure::ImageOtherTag {
                        image: image.name.clone(),
                        expected: looked_for,
                        found,
                    }),
                    None => Ok(ImageSearchEnd::Missing(MissingImage {
                        image: image.name.clone(),
                        looked_for,
                        by_digest: own.is_none(),
                    })),
                };
            }
            // The last look is at the deadline itself, not some time before it.
            let next = backoff.next(None);
            if next >= left && own.is_some() {
                other = self.probably_pushed_as(image).await;
            }
            sleep(next.min(self.deadline.left())).await;
        }
    }

    /// A tag that is missing is often there under a name that another tool gave it. Asked once; an error here is no reason to stop.
    async fn look_for_other_spellings(&self, image: &Image, expected: &str) -> Result<(), Failure> {
        if self.digests.contains_key(&image.name) {
            return Ok(());
        }
        let deadline = Deadline::after(GLANCE);
        let branch = self.branch();
        let others: Vec<ImageTag> = self
            .run
            .tags
            .usual_others(&self.run.resolved.commit, branch.as_deref());
        for tag in others {
            if let Ok(Some(_)) = self
                .registry
                .has_tag(&image.repository, &tag, &deadline)
                .await
            {
                return Err(Failure::ImageOtherTag {
                    image: image.name.clone(),
                    expected: expected.to_owned(),
                    found: tag.to_string(),
                });
            }
        }
        Ok(())
    }
}

impl ImageWait<'_> {
    /// The branch that is deployed, where it is one.
    fn branch(&self) -> Option<String> {
        let resolved = &self.run.resolved;
        let Subject::Environments { environments, .. } = &resolved.subject else {
            return None;
        };
        let environment = resolved.manifest.environment(environments.only().ok()?)?;
        match &environment.when {
            When::Branch(branch) => Some(branch.clone()),
            When::Release { .. } => None,
        }
    }

    /// A tag of the repository that has the first digits of the commit. Asked once, shortly before the time is over; an error is no reason to
    /// stop.
    async fn probably_pushed_as(&self, image: &Image) -> Option<String> {
        let commit = &self.run.resolved.commit;
        let keep = |tag: &str| may_be_of(tag, commit);
        let deadline = Deadline::after(GLANCE);
        let listed = self.registry.tags(&image.repository, keep, &deadline).await;
        let tags = listed.ok().flatten().unwrap_or_default();
        let tag = tags.iter().find(|tag| {
            let tag = ImageTag::parse(tag);
            tag.is_ok_and(|tag| !self.run.tags.to_find.contains(&tag))
        });
        tag.cloned()
    }
}

fn looked_for(repository: &Repository, asked: &[Reference]) -> String {
    let names = asked.iter().map(|asked| match asked {
        Reference::Tag(tag) => format!("{repository}:{tag}"),
        Reference::Digest(digest) => format!("{repository}@{digest}"),
    });
    names.collect::<Vec<_>>().join(" or ")
}
