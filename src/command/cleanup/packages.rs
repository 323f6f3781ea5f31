//! The images: what GitHub keeps of them, what of it may go, and deleting that.

use super::left;
use crate::command::failure::{Failure, NoAdminRight};
use crate::command::scene::Scene;
use crate::decide::{Closed, Fate, Holdings, Links, Version, leftovers};
use crate::domain::{
    Digest, Foreign, Image, ImageTag, Manifest, PrNumber, Reading, TagTemplate, When,
};
use crate::github::{Deletion, GitHub, Package, PackageWriter, Shelf};
use crate::intake::inputs::Writes;
use crate::registry::Named;
use crate::report::Became;
use http_client::{Deadline, sleep};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long reading what the versions of one package need may take.
const READING: Duration = Duration::from_secs(10 * 60);
/// How long reading its tags once more may take.
const ONCE_MORE: Duration = Duration::from_secs(2 * 60);
/// GitHub asks for a second between two requests that change something
/// (<https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>).
const PAUSE: Duration = Duration::from_secs(1);

/// An image with all that GitHub keeps of it.
pub(super) struct Shelved<'a> {
    pub(super) image: &'a Image,
    package: Package,
    pub(super) versions: Vec<Version>,
}

impl Shelved<'_> {
    /// A version, for people.
    pub(super) fn named(&self, version: &Version) -> String {
        let tags: Vec<&str> = version.tags.iter().take(5).map(ImageTag::as_str).collect();
        let more = if version.tags.len() > tags.len() {
            " ..."
        } else {
            ""
        };
        format!(
            "{} {} ({}{more})",
            self.image.name,
            version.digest.short(),
            tags.join(" ")
        )
    }

    /// The pull requests of which a version is left that has only tags of pull requests.
    pub(super) fn left_of(&self, template: &TagTemplate) -> BTreeSet<PrNumber> {
        let owners = |version: &Version| -> Option<Vec<PrNumber>> {
            version
                .tags
                .iter()
                .map(|tag| template.pull_request_of(tag))
                .collect()
        };
        self.versions.iter().filter_map(owners).flatten().collect()
    }
}

/// Reads what GitHub keeps of every image of the manifest. An image that is not GitHub's, or of another repository, is left and said.
pub(super) async fn shelves<'m>(
    scene: &Scene,
    github: &GitHub,
    manifest: &'m Manifest,
    troubles: &mut Vec<Failure>,
) -> Vec<Shelved<'m>> {
    let mut shelves = Vec::new();
    for image in &manifest.images {
        match shelf(scene, github, image).await {
            Ok(Some(shelved)) => shelves.push(shelved),
            Ok(None) => {}
            Err(failure) => troubles.push(failure),
        }
    }
    shelves
}

async fn shelf<'m>(
    scene: &Scene,
    github: &GitHub,
    image: &'m Image,
) -> Result<Option<Shelved<'m>>, Failure> {
    let name = &image.name;
    let leave = |why: &str| {
        let text = format!("image {name} is left alone: {why}");
        scene.log.say(&text);
        scene.story.borrow_mut().notes.push(text);
    };
    if !github.keeps(image.repository.host()) {
        leave(&format!(
            "{} is not this GitHub's registry",
            image.repository.host()
        ));
        return Ok(None);
    }
    let failed = |error| Failure::Package(name.clone(), Box::new(error));
    let package = github.package(&image.repository).await.map_err(failed)?;
    if let Some(other) = package
        .linked
        .as_ref()
        .filter(|linked| !linked.eq_ignore_ascii_case(&scene.slug.to_string()))
    {
        leave(&format!(
            "package {package} is linked with {}, whose pull requests have numbers of their own",
            Foreign(other.as_bytes())
        ));
        return Ok(None);
    }
    match github.versions(&package).await.map_err(failed)? {
        Shelf::Absent => {
            leave(&format!("GitHub shows no package {package}"));
            Ok(None)
        }
        Shelf::TooMany => {
            leave(&format!(
                "package {package} has more than 10,000 versions, which are not all read"
            ));
            Ok(None)
        }
        Shelf::Versions(versions) => {
            scene.log.say(&format!(
                "Package {package} has {} versions.",
                versions.len()
            ));
            Ok(Some(Shelved {
                image,
                package,
                versions,
            }))
        }
    }
}

/// Decides about the versions of one package, and deletes what may go.
///
/// # Errors
/// [`Failure`]: something could not be found out or done, and nothing more of this package is deleted; or a tag that has to stay is not as it was.
pub(super) async fn clean(
    scene: &Scene,
    github: &GitHub,
    manifest: &Manifest,
    shelved: &Shelved<'_>,
    closed: &Closed<'_>,
    needed: &BTreeMap<Digest, String>,
) -> Result<(), Failure> {
    let may_go = shelved
        .versions
        .iter()
        .any(|version| closed.owns_all(&version.tags));
    let (links, trouble) = if may_go {
        links(scene, shelved, closed).await
    } else {
        (BTreeMap::new(), None)
    };
    let holdings = Holdings {
        versions: &shelved.versions,
        links: &links,
        needed,
    };
    let mut going = Vec::new();
    for (version, fate) in leftovers(&holdings, closed) {
        match (fate, scene.request.writes) {
            (Fate::Keep(why), _) => {
                left(scene, shelved.named(version), Became::Kept, why.to_string())
            }
            (Fate::Delete, Writes::Withheld) => left(
                scene,
                shelved.named(version),
                Became::WouldGo,
                only_theirs(),
            ),
            (Fate::Delete, Writes::Allowed) => going.push(version),
        }
    }
    if going.is_empty() {
        return trouble.map_or(Ok(()), Err);
    }
    let before = standing(manifest, shelved, closed);
    let deleted = delete(scene, github, shelved, closed, &going).await;
    let after = compare(scene, shelved, &before).await;
    // A tag that is gone is the worse news.
    after.and(deleted)
}

fn only_theirs() -> String {
    "all of its tags are theirs, and nothing else needs it".into()
}

/// What every version of a package names, as far as it can be read; and why some of it cannot.
///
/// Versions with a tag are read first: what they say to be an image without parts need not be.
async fn links(
    scene: &Scene,
    shelved: &Shelved<'_>,
    closed: &Closed<'_>,
) -> (BTreeMap<Digest, Links>, Option<Failure>) {
    let (registry, deadline) = (scene.registry(), Deadline::after(READING));
    let (mut links, mut leaves, mut trouble) = (BTreeMap::new(), BTreeSet::new(), None);
    let (tagged, untagged): (Vec<&Version>, Vec<&Version>) = shelved
        .versions
        .iter()
        .partition(|version| !version.tags.is_empty());
    for round in [tagged, untagged] {
        let unknown = round
            .iter()
            .filter(|version| !leaves.contains(&version.digest));
        let asked = unknown.map(|version| async {
            (
                *version,
                registry
                    .links(&shelved.image.repository, &version.digest, &deadline)
                    .await,
            )
        });
        let answers = futures_util::future::join_all(asked).await;
        let known = round
            .iter()
            .filter(|version| leaves.contains(&version.digest));
        links.extend(known.map(|version| (version.digest.clone(), Links::default())));
        for (version, answer) in answers {
            match answer {
                Ok(Named {
                    links: found,
                    leaves: more,
                }) => {
                    // What a pull request's own index says of others is not believed.
                    if !closed.owns_all(&version.tags) {
                        leaves.extend(more);
                    }
                    links.insert(version.digest.clone(), found);
                }
                Err(error) => {
                    trouble = trouble.or(Some(Failure::Registry(shelved.image.name.clone(), error)))
                }
            }
        }
    }
    (links, trouble)
}

/// Deletes versions, each after one more look at it.
async fn delete(
    scene: &Scene,
    github: &GitHub,
    shelved: &Shelved<'_>,
    closed: &Closed<'_>,
    going: &[&Version],
) -> Result<(), Failure> {
    let (name, package) = (&shelved.image.name, &shelved.package);
    let writer = PackageWriter::new(github);
    let failed = |error| Failure::Package(name.clone(), Box::new(error));
    let mut has_deleted = false;
    for version in going {
        let what = shelved.named(version);
        let now = github.version(package, version.id).await.map_err(failed)?;
        if let Some(now) =
            now.filter(|now| !closed.owns_all(&now.tags) || now.digest != version.digest)
        {
            let tag = now.tags.iter().find(|tag| !closed.owns(tag));
            let why = tag.map_or_else(
                || "its tags were taken away".into(),
                |tag| format!("it has just been tagged {tag}"),
            );
            left(scene, what, Became::Kept, why);
            continue;
        }
        if std::mem::replace(&mut has_deleted, true) {
            sleep(PAUSE).await;
        }
        match writer.delete(package, version.id).await.map_err(failed)? {
            Deletion::Gone => left(scene, what, Became::Deleted, only_theirs()),
            Deletion::LastTagged => {
                let why = "GitHub keeps the last version of a package that has a tag; delete the package by hand if it is of no use";
                left(scene, what, Became::Kept, why.into());
            }
            Deletion::ManyDownloads => {
                let why = "GitHub keeps public versions with more than 5,000 downloads; its support deletes them";
                left(scene, what, Became::Kept, why.into());
            }
            Deletion::NotAdmin(trace) => {
                left(
                    scene,
                    what,
                    Became::Kept,
                    "the token has no admin right on the package".into(),
                );
                return Err(Failure::NotAdmin(Box::new(NoAdminRight {
                    image: name.clone(),
                    package: package.to_string(),
                    version: version.id,
                    settings: format!("{}/{}", scene.server_url(), package.settings()),
                    repository: scene.slug.to_string(),
                    trace,
                })));
            }
        }
    }
    Ok(())
}

/// A tag that has to stay, and whether it is ever moved.
struct Standing<'a> {
    tag: &'a ImageTag,
    digest: &'a Digest,
    moves: bool,
}

/// The tags that people rely on: `latest`, releases, and those of `moves`.
fn standing<'a>(
    manifest: &Manifest,
    shelved: &'a Shelved<'_>,
    closed: &Closed<'_>,
) -> Vec<Standing<'a>> {
    let is_release = |tag: &ImageTag| {
        manifest
            .environments
            .iter()
            .any(|environment| match &environment.when {
                When::Release { template, .. } => {
                    matches!(template.read(tag.as_str()), Reading::Release(_))
                }
                When::Branch(_) => false,
            })
    };
    let moves = |tag: &ImageTag| {
        tag.as_str() == "latest"
            || manifest
                .environments
                .iter()
                .any(|environment| environment.moves.contains(tag))
    };
    let tags = shelved
        .versions
        .iter()
        .flat_map(|version| version.tags.iter().map(move |tag| (tag, &version.digest)));
    let tags = tags.filter(|(tag, _)| !closed.owns(tag) && (is_release(tag) || moves(tag)));
    tags.map(|(tag, digest)| Standing {
        tag,
        digest,
        moves: moves(tag),
    })
    .collect()
}

/// Reads those tags once more: they have to be where they were. One that moves may have been moved by a push in the meantime, if what it was on
/// is still there.
async fn compare(
    scene: &Scene,
    shelved: &Shelved<'_>,
    before: &[Standing<'_>],
) -> Result<(), Failure> {
    let (registry, deadline) = (scene.registry(), Deadline::after(ONCE_MORE));
    let repository = &shelved.image.repository;
    let (registry, deadline) = (&registry, &deadline);
    let asked = before
        .iter()
        .map(|tag| async move { (tag, registry.has_tag(repository, tag.tag, deadline).await) });
    let mut changed = Vec::new();
    for (Standing { tag, digest, moves }, answer) in futures_util::future::join_all(asked).await {
        let now = match answer {
            Ok(Some(now)) if now == **digest => continue,
            Ok(now) => now,
            Err(error) => {
                changed.push(format!(
                    "whether {tag} is still on {} cannot be read ({error})",
                    digest.short()
                ));
                continue;
            }
        };
        let was_moved =
            *moves && now.is_some() && registry.links(repository, digest, deadline).await.is_ok();
        let now = now.map_or_else(|| "gone".to_owned(), |now| format!("on {}", now.short()));
        let text = format!(
            "tag {tag} was on {} before the clean-up, and is {now} now",
            digest.short()
        );
        if was_moved {
            scene.warn(
                "A tag was moved in the meantime",
                &format!("image {}: {text}", shelved.image.name),
            );
        } else {
            changed.push(text);
        }
    }
    if changed.is_empty() {
        Ok(())
    } else {
        Err(Failure::TagsChanged(
            shelved.image.name.clone(),
            changed.join("; "),
        ))
    }
}
