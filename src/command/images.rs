//! The images of a plan: looked for until they are there, judged, all of them before anything is deployed.

use super::failure::{Failure, MissingImage};
use super::gather::Gathered;
use super::history::Movement;
use super::scene::Scene;
use crate::decide::{Affected, Expectation, Plan, PlannedImage, Tags, Verdict, VerifiedImage, judge};
use crate::domain::{CommitSha, Digest, Image, ImageName, ImageTag, Repository};
use crate::intake::inputs::{GivenDigests, InputError};
use crate::registry::{Asked, Registry, RegistryError};
use crate::report::Verified;
use crate::transport::{Backoff, Deadline, Stopwatch, sleep};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// GHCR shows a push after some seconds, so the first waits are short.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How often somebody who watches is told that we are still there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// One look, with a few tries where the registry stumbles.
const ONE_LOOK: Duration = Duration::from_secs(20);

/// A plan does not wait for a registry that stumbles: what it cannot tell is built.
const GLANCE: Duration = Duration::from_secs(4);

/// The verified images of a plan.
pub(crate) type Images = BTreeMap<ImageName, VerifiedImage>;

/// How long images are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Until `image-timeout`.
    Wait,
    /// Asked once.
    Once,
}

/// Reads the `digest` input against the manifest's images.
pub(crate) fn given_digests(scene: &Scene, gathered: &Gathered) -> Result<BTreeMap<ImageName, Digest>, Failure> {
    let refused = |why: String| Failure::from(InputError::of("digest", why));
    let images = &gathered.manifest.images;
    let known = |name: &ImageName| images.iter().any(|image| image.name == *name);
    let by_name = |digests: BTreeMap<ImageName, Digest>| match digests.keys().find(|name| !known(name)) {
        Some(name) => Err(refused(format!("there is no image {name} in the deploy manifest"))),
        None => Ok(digests),
    };
    match &scene.request.digest {
        None => Ok(BTreeMap::new()),
        Some(GivenDigests::One(digest)) => {
            let named = scene
                .request
                .image
                .as_ref()
                .and_then(|repository| images.iter().find(|image| image.repository == *repository));
            let only = images.first().filter(|_| images.len() == 1);
            let image = named
                .or(only)
                .ok_or_else(|| refused("there are several images: write image=sha256:... lines".into()))?;
            Ok(BTreeMap::from([(image.name.clone(), digest.clone())]))
        }
        Some(GivenDigests::ByName(digests)) => by_name(digests.clone()),
        Some(GivenDigests::Bake(targets)) => {
            let mut digests = BTreeMap::new();
            for (target, repositories, digest) in targets {
                let image = images
                    .iter()
                    .find(|image| repositories.contains(&image.repository) || image.name.as_str() == target);
                if let Some(image) = image {
                    digests.insert(image.name.clone(), digest.clone());
                }
            }
            if digests.is_empty() {
                Err(refused("none of its targets is an image of the deploy manifest".into()))
            } else {
                Ok(digests)
            }
        }
        Some(GivenDigests::Directory(path)) => {
            let Some(files) = scene.workspace.read_directory(path).map_err(|error| refused(error.to_string()))? else {
                scene.warn(
                    "No digests",
                    "the directory that the input digest names is not there; images are looked up by their tags",
                );
                return Ok(BTreeMap::new());
            };
            let mut digests = BTreeMap::new();
            for (file, content) in files {
                let name =
                    ImageName::parse(&file).map_err(|error| refused(format!("a file of the directory: {error}")))?;
                let text = String::from_utf8_lossy(&content);
                let digest =
                    Digest::parse(text.trim_ascii()).map_err(|error| refused(format!("file {name}: {error}")))?;
                digests.insert(name, digest);
            }
            by_name(digests)
        }
    }
}

/// Verifies every image of the plan.
///
/// # Errors
/// The first final failure, at once; every image that is still missing when the time is over.
pub(crate) async fn verify(
    scene: &Scene,
    gathered: &Gathered,
    plan: &Plan,
    tags: &Tags,
    patience: Patience,
) -> Result<Images, Failure> {
    let search = Search {
        scene,
        gathered,
        tags,
        registry: scene.registry(),
        digests: given_digests(scene, gathered)?,
        commits: gathered.revisions.clone(),
        deadline: Deadline::after(match patience {
            Patience::Wait => scene.request.image_timeout,
            Patience::Once => Duration::ZERO,
        }),
        started: Stopwatch::start(),
        waiting: RefCell::new(plan.images.iter().map(|image| image.name.clone()).collect()),
        warnings: RefCell::default(),
    };
    let images = tokio::select! {
        images = search.all(&plan.images) => images,
        () = search.signs_of_life() => Ok(Images::new()),
    };
    let warnings = search.warnings.take();
    if !warnings.is_empty() {
        scene.warn("Images are not quite as expected", &warnings.join("; "));
    }
    images
}

/// The images of the plan that no registry has yet: those that have to be built. Asked once; what cannot be asked is built.
pub(crate) async fn to_build(
    scene: &Scene,
    gathered: &Gathered,
    plan: &Plan,
    tags: &Tags,
) -> Result<Vec<ImageName>, Failure> {
    let registry = scene.registry();
    let digests = given_digests(scene, gathered)?;
    let asked = plan.images.iter().filter(|planned| !digests.contains_key(&planned.name)).map(|planned| {
        let registry = &registry;
        async move {
            let image = gathered.manifest.image(&planned.name)?;
            let deadline = Deadline::after(GLANCE);
            for tag in &tags.to_find {
                match registry.has_tag(&image.repository, tag, &deadline).await {
                    Ok(Some(_)) => {
                        scene.log.say(&format!("{}: {}:{tag} is there already.", image.name, image.repository));
                        return None;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        scene.log.say(&format!(
                            "{}: whether it is there is not known ({error}), so it is to be built.",
                            image.name
                        ));
                        break;
                    }
                }
            }
            Some(image.name.clone())
        }
    });
    let found: Vec<ImageName> = futures_util::future::join_all(asked).await.into_iter().flatten().collect();
    Ok(gathered
        .manifest
        .images
        .iter()
        .filter(|image| found.contains(&image.name))
        .map(|image| image.name.clone())
        .collect())
}

/// Judges the image of these bytes, which the record or Render names, as strictly as one that is found by its tag. `commits` are those
/// that it may say it was built from; none: any. `None` when it is not in the registry.
///
/// # Errors
/// [`Failure::Image`] when it may not be deployed; [`Failure::Registry`].
pub(crate) async fn by_digest(
    scene: &Scene,
    gathered: &Gathered,
    tags: &Tags,
    image: &Image,
    digest: &Digest,
    commits: Vec<CommitSha>,
) -> Result<Option<VerifiedImage>, Failure> {
    let search = Search {
        scene,
        gathered,
        tags,
        registry: scene.registry(),
        digests: BTreeMap::new(),
        commits,
        deadline: Deadline::after(ONE_LOOK),
        started: Stopwatch::start(),
        waiting: RefCell::default(),
        warnings: RefCell::default(),
    };
    search.look(image, &Asked::Digest(digest.clone())).await
}

/// What reports say of verified images.
pub(crate) fn told(scene: &Scene, images: &Images) -> BTreeMap<ImageName, Verified> {
    let tell = |image: &VerifiedImage| Verified {
        pinned: image.pinned(scene.request.pin),
        tag: image.tag().map(ToString::to_string).unwrap_or_default(),
        size: image.size(),
        revision: image.revision().map(ToString::to_string).unwrap_or_default(),
    };
    images.iter().map(|(name, image)| (name.clone(), tell(image))).collect()
}

struct Search<'a> {
    scene: &'a Scene,
    gathered: &'a Gathered,
    tags: &'a Tags,
    registry: Registry,
    digests: BTreeMap<ImageName, Digest>,
    /// The commits that an image may say it was built from, the wanted one first.
    commits: Vec<CommitSha>,
    deadline: Deadline,
    started: Stopwatch,
    waiting: RefCell<BTreeSet<ImageName>>,
    warnings: RefCell<Vec<String>>,
}

/// How one image's search ended.
enum Ending {
    Found(ImageName, VerifiedImage),
    Missing(MissingImage),
}

impl Search<'_> {
    async fn all(&self, planned: &[PlannedImage]) -> Result<Images, Failure> {
        let mut searches: FuturesUnordered<_> = planned.iter().map(|planned| self.one(planned)).collect();
        let (mut images, mut missing) = (Images::new(), Vec::new());
        while let Some(ended) = searches.next().await {
            match ended? {
                Ending::Found(name, image) => {
                    self.waiting.borrow_mut().remove(&name);
                    images.insert(name, image);
                }
                Ending::Missing(image) => missing.push(image),
            }
        }
        missing.sort_by(|one, other| one.image.cmp(&other.image));
        if missing.is_empty() { Ok(images) } else { Err(Failure::ImageMissing(missing)) }
    }

    /// Never ends: it is dropped when the search does.
    async fn signs_of_life(&self) {
        loop {
            sleep(SIGN_OF_LIFE).await;
            let waiting: Vec<String> = self.waiting.borrow().iter().map(ToString::to_string).collect();
            self.scene.log.say(&format!(
                "Waiting for {} ({} s).",
                waiting.join(", "),
                self.started.elapsed().as_secs()
            ));
        }
    }

    async fn one(&self, planned: &PlannedImage) -> Result<Ending, Failure> {
        let Some(image) = self.gathered.manifest.image(&planned.name) else {
            return Err(InputError::of("manifest", format!("there is no image {}", planned.name)).into());
        };
        let asked: Vec<Asked> = match self.digests.get(&image.name) {
            Some(digest) => vec![Asked::Digest(digest.clone())],
            None => self.tags.to_find.iter().cloned().map(Asked::Tag).collect(),
        };
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut is_first = true;
        loop {
            for asked in &asked {
                if let Some(found) = self.look(image, asked).await? {
                    if !is_first {
                        let note = format!(
                            "{}: waited {:.1} s for its image",
                            image.name,
                            self.started.elapsed().as_secs_f64()
                        );
                        self.scene.story.borrow_mut().notes.push(note);
                    }
                    return Ok(Ending::Found(image.name.clone(), found));
                }
            }
            let looked_for = looked_for(&image.repository, &asked);
            if std::mem::take(&mut is_first) {
                self.look_for_other_spellings(image, &looked_for).await?;
                if self.deadline.left() > Duration::ZERO {
                    self.scene.log.say(&format!("{}: {looked_for} is not there yet.", image.name));
                }
            }
            let left = self.deadline.left();
            if left.is_zero() {
                return Ok(Ending::Missing(MissingImage { image: image.name.clone(), looked_for }));
            }
            // The last look is at the deadline itself, not some time before it.
            sleep(backoff.next(None).min(left)).await;
        }
    }

    /// Looks once; `None` when it is not there.
    async fn look(&self, image: &Image, asked: &Asked) -> Result<Option<VerifiedImage>, Failure> {
        let patience = Deadline::after(self.deadline.left().max(ONE_LOOK));
        let facts = match self.registry.examine(&image.repository, asked, &patience).await {
            Ok(facts) => facts,
            Err(RegistryError::Missing(_)) => return Ok(None),
            Err(error) => return Err(Failure::Registry(image.name.clone(), error)),
        };
        let source = format!("{}/{}", self.scene.server_url(), self.scene.slug);
        let digest = self.digests.get(&image.name);
        let expected = Expectation { commits: &self.commits, digest, source: &source };
        let verified = match judge(facts, &expected) {
            Verdict::Verified(verified, warnings) => {
                let warnings = warnings.iter().map(|warning| format!("image {}: {warning}", image.name));
                self.warnings.borrow_mut().extend(warnings);
                verified
            }
            Verdict::OtherCommit(other) => {
                let found = *other.found();
                let wanted = self.commits.first().unwrap_or(&self.gathered.commit);
                let changes = self.scene.history.changes(&found, wanted, Movement::Rewritten).await;
                let affects = |paths: &[Vec<u8>]| {
                    let affected = Affected::within_reason(&self.gathered.manifest, paths);
                    affected.is_none_or(|affected| affected.image(&image.name).is_some())
                };
                let verified =
                    other.settle(&changes, affects).map_err(|problem| Failure::Image(image.name.clone(), problem))?;
                self.scene.log.say(&format!(
                    "{}: built from {}, which is equal in what it is built from.",
                    image.name,
                    found.short(7)
                ));
                verified
            }
            Verdict::Refused(problem) => return Err(Failure::Image(image.name.clone(), problem)),
        };
        let took = self.started.elapsed();
        let pinned = verified.pinned(self.scene.request.pin);
        self.scene.log.say(&format!(
            "{}: {pinned} ({:.1} MB), after {:.1} s.",
            image.name,
            megabytes(verified.size()),
            took.as_secs_f64()
        ));
        Ok(Some(verified))
    }

    /// A tag that is missing is often there under a name that another tool gave it. Asked once; an error here is no reason to stop.
    async fn look_for_other_spellings(&self, image: &Image, expected: &str) -> Result<(), Failure> {
        if self.digests.contains_key(&image.name) {
            return Ok(());
        }
        let deadline = Deadline::after(GLANCE);
        let others: Vec<ImageTag> = self.tags.usual_others(&self.gathered.commit);
        for tag in others {
            if let Ok(Some(_)) = self.registry.has_tag(&image.repository, &tag, &deadline).await {
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

fn looked_for(repository: &Repository, asked: &[Asked]) -> String {
    let names = asked.iter().map(|asked| match asked {
        Asked::Tag(tag) => format!("{repository}:{tag}"),
        Asked::Digest(digest) => format!("{repository}@{digest}"),
    });
    names.collect::<Vec<_>>().join(" or ")
}

#[expect(clippy::cast_precision_loss, reason = "for people, to one decimal")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
