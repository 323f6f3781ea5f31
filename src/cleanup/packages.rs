//! The images: what GitHub keeps of them, what of it may go, and deleting that.

use super::standing::{compare, standing};
use super::{Cleaning, Tally};
use crate::context::Context;
use crate::failure::{Failure, NoAdminRight};
use crate::history::HistoryError;
use decide::{Closed, Holdings, ImageLinks, Version, VersionVerdict, leftovers};
use futures_util::stream::{self, StreamExt as _};
use git::RepositoryError;
use github::{Deletion, GitHub, GitHubError, Package, PackageListing, PackageWriter, PullState};
use http_client::{Deadline, sleep};
use model::{CommitName, Digest, Image, ImageTag, Manifest, PrNumber, TagTemplate, Untrusted};
use registry::NamedDigests;
use report::CleanupResult;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long reading what the versions of one package need may take.
const READING: Duration = Duration::from_secs(10 * 60);
/// How long reading one of them may take.
const EACH: Duration = Duration::from_secs(60);
/// How many are read at once.
const AT_ONCE: usize = 16;
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

    /// The pull requests of which a version may go: it has only tags of pull requests, none of which is open, and no deploy's record names it.
    pub(crate) fn left_of(
        &self,
        template: &TagTemplate,
        open: &BTreeSet<PrNumber>,
        recorded: &BTreeSet<&Digest>,
    ) -> BTreeSet<PrNumber> {
        let owners = |version: &Version| -> Option<Vec<PrNumber>> {
            version
                .tags
                .iter()
                .map(|tag| {
                    let pull = template.pull_request_of(tag)?;
                    (!open.contains(&pull)).then_some(pull)
                })
                .collect()
        };
        self.versions
            .iter()
            .filter(|version| !recorded.contains(&version.digest))
            .filter_map(owners)
            .flatten()
            .collect()
    }

    /// Names the pull requests whose numbers are too large for this project.
    pub(crate) fn say_too_large(&self, context: &Context, template: &TagTemplate) {
        let tags = self.versions.iter().flat_map(|version| &version.tags);
        let numbers: BTreeSet<&str> = tags.filter_map(|tag| template.too_large_of(tag)).collect();
        for number in numbers {
            context.note(format!(
                "image {}: the tags of pull request {number} stay, because numbers above 99999 are not supported",
                self.image.name
            ));
        }
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
    if !manifest.tags.pull_request.has_number() {
        let why = "tags.pull-request has no {number}, so no tag says whose an image is";
        context.note(why);
        tally.unread.push(("images".into(), why.into()));
    }
    for image in &manifest.images {
        match read_package(context, github, image, tally).await {
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
    tally: &mut Tally,
) -> Result<Option<PackageVersions<'m>>, Failure> {
    let name = &image.name;
    let mut leave = |why: &str| {
        context.note(format!("image {name} is not touched: {why}"));
        tally.unread.push((format!("image {name}"), why.to_owned()));
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
            Untrusted(other.as_bytes())
        ));
        return Ok(None);
    }
    match github.versions(&package).await.map_err(failed)? {
        PackageListing::Absent => {
            leave(&format!(
                "GitHub shows this token no package {package}: it is not there, or the job may not read it (packages: read)"
            ));
            Ok(None)
        }
        PackageListing::TooMany => {
            leave(&format!(
                "package {package} has more than 10,000 versions, which are not all read"
            ));
            Ok(None)
        }
        PackageListing::Versions(versions) => {
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
            (VersionVerdict::Keep(why), _) => (CleanupResult::Kept, why.to_string()),
            (VersionVerdict::Delete, None) => (CleanupResult::WouldGo, only_theirs()),
            (VersionVerdict::Delete, Some(_)) => {
                going.push(version);
                continue;
            }
        };
        let pulls = closed.pulls_of(&version.tags);
        tally.add(context, (package.named(version), pulls), result, why);
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
) -> (BTreeMap<Digest, ImageLinks>, Option<Failure>) {
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
        let (registry, deadline) = (&registry, &deadline);
        let asked = unknown.map(|version| async move {
            let own = Deadline::after(EACH.min(deadline.left()));
            let repository = &package.image.repository;
            (
                *version,
                registry.links(repository, &version.digest, &own).await,
            )
        });
        let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let known = round
            .iter()
            .filter(|version| leaves.contains(&version.digest));
        links.extend(known.map(|version| (version.digest.clone(), ImageLinks::default())));
        for (version, answer) in answers {
            match answer {
                Ok(NamedDigests {
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
                    let what = package.named(version);
                    context.log.say(&format!("{what} cannot be read: {error}."));
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
    let (mut has_deleted, mut looked_at) = (false, BTreeSet::new());
    for version in going {
        let pulls = closed.pulls_of(&version.tags);
        let what = (package.named(version), pulls.clone());
        // The pause comes before the look: a tag that is put there in the pause is seen.
        if has_deleted {
            sleep(PAUSE).await;
        }
        if looked_at != pulls {
            if let Some(open) = reopened(github, &pulls).await.map_err(failed)? {
                let why = format!("pull request {open} is open again");
                tally.add(context, what, CleanupResult::Kept, why);
                continue;
            }
            looked_at = pulls;
        }
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
        has_deleted = true;
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

/// One of these pull requests that is open again.
async fn reopened(
    github: &GitHub,
    pulls: &BTreeSet<PrNumber>,
) -> Result<Option<PrNumber>, GitHubError> {
    for pull in pulls {
        match github.pull_state(*pull).await? {
            PullState::Open(_) => return Ok(Some(*pull)),
            PullState::Closed | PullState::Absent => {}
        }
    }
    Ok(None)
}
