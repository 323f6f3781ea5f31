//! The images: what GitHub keeps of them, what of it may go, and deleting that.

use super::{Cleaning, Tally};
use crate::context::Context;
use crate::decide::{Closed, Fate, Holdings, Links, Version, leftovers};
use crate::domain::{
    CommitName, Digest, Foreign, Image, ImageTag, Manifest, PrNumber, Reading, TagTemplate, When,
};
use crate::failure::{Failure, NoAdminRight};
use crate::github::{Deletion, GitHub, Package, PackageWriter, Shelf};
use crate::history::HistoryError;
use crate::registry::Named;
use crate::report::CleanupResult;
use crate::repository::RepositoryError;
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
/// How many commits of tags are asked about in one package.
const MOST_COMMITS: usize = 500;

/// An image with all that GitHub keeps of it.
pub(crate) struct PackageVersions<'a> {
    pub(crate) image: &'a Image,
    package: Package,
    pub(crate) versions: Vec<Version>,
}

impl PackageVersions<'_> {
    /// A version, for people.
    pub(crate) fn named(&self, version: &Version) -> String {
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
    pub(crate) fn left_of(&self, template: &TagTemplate) -> BTreeSet<PrNumber> {
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
pub(crate) async fn packages<'m>(
    context: &Context,
    github: &GitHub,
    manifest: &'m Manifest,
    tally: &mut Tally,
) -> Vec<PackageVersions<'m>> {
    let mut packages = Vec::new();
    for image in &manifest.images {
        match read_package(context, github, image).await {
            Ok(Some(package)) => packages.push(package),
            Ok(None) => {}
            Err(failure) => tally.troubles.push(failure),
        }
    }
    packages
}

async fn read_package<'m>(
    context: &Context,
    github: &GitHub,
    image: &'m Image,
) -> Result<Option<PackageVersions<'m>>, Failure> {
    let name = &image.name;
    let leave = |why: &str| {
        let text = format!("image {name} is left alone: {why}");
        context.note(text);
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
        .filter(|linked| !linked.eq_ignore_ascii_case(&context.slug.to_string()))
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
            context.log.say(&format!(
                "Package {package} has {} versions.",
                versions.len()
            ));
            Ok(Some(PackageVersions {
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
pub(crate) async fn clean(
    cleaning: &Cleaning<'_>,
    package: &PackageVersions<'_>,
    needed: &BTreeMap<Digest, String>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let (context, closed) = (cleaning.context, cleaning.closed);
    let may_go = package
        .versions
        .iter()
        .any(|version| closed.owns_all(&version.tags));
    let (links, trouble) = if may_go {
        links(context, package, closed).await
    } else {
        (BTreeMap::new(), None)
    };
    let mut kept = needed.clone();
    if may_go {
        kept.extend(of_others(context, package, closed).await);
    }
    let holdings = Holdings {
        versions: &package.versions,
        links: &links,
        needed: &kept,
    };
    let writer = match cleaning.writers {
        Some(writers) => Some(writers.github()?.packages),
        None => None,
    };
    let mut going = Vec::new();
    for (version, fate) in leftovers(&holdings, closed) {
        let (result, why) = match (fate, writer) {
            (Fate::Keep(why), _) => (CleanupResult::Kept, why.to_string()),
            (Fate::Delete, None) => (CleanupResult::WouldGo, only_theirs()),
            (Fate::Delete, Some(_)) => {
                going.push(version);
                continue;
            }
        };
        tally.add(context, package.named(version), result, why);
    }
    let Some(writer) = writer.filter(|_| !going.is_empty()) else {
        return trouble.map_or(Ok(()), Err);
    };
    let before = standing(cleaning.manifest, package, closed);
    let deleted = delete(cleaning, writer, package, &going, tally).await;
    let after = compare(context, package, &before).await;
    // A tag that is gone is the worse news.
    after.and(deleted)
}

/// The versions that would go and have a tag with a commit that this repository never had: another repository pushes to this package too, and its
/// pull requests have numbers of their own.
async fn of_others(
    context: &Context,
    package: &PackageVersions<'_>,
    closed: &Closed<'_>,
) -> BTreeMap<Digest, String> {
    let (mut known, mut kept) = (BTreeMap::new(), BTreeMap::new());
    for version in &package.versions {
        if !closed.owns_all(&version.tags) {
            continue;
        }
        for tag in &version.tags {
            let Some(commit) = closed.template.commit_of(tag) else {
                continue;
            };
            if !known.contains_key(commit) {
                let answer = if known.len() < MOST_COMMITS {
                    has_commit(context, commit).await
                } else {
                    Err(format!("more than {MOST_COMMITS} commits"))
                };
                known.insert(commit.to_owned(), answer);
            }
            let why = match known.get(commit) {
                Some(Ok(true)) | None => continue,
                Some(Ok(false)) => {
                    format!(
                        "this repository never had the commit of {tag}: another one pushes here"
                    )
                }
                Some(Err(why)) => {
                    format!("whether this repository had the commit of {tag} is not known: {why}")
                }
            };
            kept.insert(version.digest.clone(), why);
        }
    }
    kept
}

/// Whether this repository has, or had, a commit with these digits.
async fn has_commit(context: &Context, digits: &str) -> Result<bool, String> {
    let name = CommitName::parse(digits.as_bytes()).map_err(|refused| refused.to_string())?;
    match context.clients.history.resolve(&name).await {
        Ok(found) => Ok(found.is_some()),
        // Several begin with these digits, so there is one.
        Err(HistoryError::Repository(RepositoryError::Ambiguous(_))) => Ok(true),
        Err(error) => Err(error.to_string()),
    }
}

fn only_theirs() -> String {
    "all of its tags are theirs, and nothing else needs it".into()
}

/// What every version of a package names, as far as it can be read; and why some of it cannot.
///
/// Versions with a tag are read first: what they say to be an image without parts need not be.
async fn links(
    context: &Context,
    package: &PackageVersions<'_>,
    closed: &Closed<'_>,
) -> (BTreeMap<Digest, Links>, Option<Failure>) {
    let (registry, deadline) = (context.clients.registry(), Deadline::after(READING));
    let (mut links, mut leaves, mut trouble) = (BTreeMap::new(), BTreeSet::new(), None);
    let (tagged, untagged): (Vec<&Version>, Vec<&Version>) = package
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
                    .links(&package.image.repository, &version.digest, &deadline)
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
                    trouble = trouble.or(Some(Failure::Registry(package.image.name.clone(), error)))
                }
            }
        }
    }
    (links, trouble)
}

/// Deletes versions, each after one more look at it.
async fn delete(
    cleaning: &Cleaning<'_>,
    writer: PackageWriter<'_>,
    package: &PackageVersions<'_>,
    going: &[&Version],
    tally: &mut Tally,
) -> Result<(), Failure> {
    let Cleaning {
        context,
        github,
        closed,
        ..
    } = cleaning;
    let (name, address) = (&package.image.name, &package.package);
    let failed = |error| Failure::Package(name.clone(), Box::new(error));
    let mut has_deleted = false;
    for version in going {
        let what = package.named(version);
        let now = github.version(address, version.id).await.map_err(failed)?;
        if let Some(now) =
            now.filter(|now| !closed.owns_all(&now.tags) || now.digest != version.digest)
        {
            let tag = now.tags.iter().find(|tag| !closed.owns(tag));
            let why = tag.map_or_else(
                || "its tags were taken away".into(),
                |tag| format!("it has just been tagged {tag}"),
            );
            tally.add(context, what, CleanupResult::Kept, why);
            continue;
        }
        if std::mem::replace(&mut has_deleted, true) {
            sleep(PAUSE).await;
        }
        match writer.delete(address, version.id).await.map_err(failed)? {
            Deletion::Gone => tally.add(context, what, CleanupResult::Deleted, only_theirs()),
            Deletion::LastTagged => {
                let why = "GitHub keeps the last version of a package that has a tag; delete the package by hand if it is of no use";
                tally.add(context, what, CleanupResult::Kept, why.into());
            }
            Deletion::ManyDownloads => {
                let why = "GitHub keeps public versions with more than 5,000 downloads; its support deletes them";
                tally.add(context, what, CleanupResult::Kept, why.into());
            }
            Deletion::NotAdmin(trace) => {
                tally.add(
                    context,
                    what,
                    CleanupResult::Kept,
                    "the token has no admin right on the package".into(),
                );
                return Err(Failure::NotAdmin(Box::new(NoAdminRight {
                    image: name.clone(),
                    package: address.to_string(),
                    version: version.id,
                    settings: format!("{}/{}", context.server_url(), address.settings()),
                    repository: context.slug.to_string(),
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

/// The tags that people rely on: `latest`, releases, and floating tags.
fn standing<'a>(
    manifest: &Manifest,
    package: &'a PackageVersions<'_>,
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
                .any(|environment| environment.floating_tags.contains(tag))
    };
    let tags = package
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
    context: &Context,
    package: &PackageVersions<'_>,
    before: &[Standing<'_>],
) -> Result<(), Failure> {
    let (registry, deadline) = (context.clients.registry(), Deadline::after(ONCE_MORE));
    let repository = &package.image.repository;
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
            context.warn(
                "A tag was moved in the meantime",
                &format!("image {}: {text}", package.image.name),
            );
        } else {
            changed.push(text);
        }
    }
    if changed.is_empty() {
        Ok(())
    } else {
        Err(Failure::TagsChanged(
            package.image.name.clone(),
            changed.join("; "),
        ))
    }
}
