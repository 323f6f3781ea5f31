//! Packages of every kind, tens of thousands of them, against the rule of what may be deleted (`crates/decide/src/leftovers.rs`): nothing that
//! something kept needs, and nothing of which a tag is somebody else's. Rules that leave a part of it out are kept as tests that find their fault.
//!
//! `PACKAGES` says how many, `SEED` from which one on.

use super::random::Random;
use super::{print, setting};
use decide::{Closed, Holdings, ImageLinks, KeepReason, Version, VersionVerdict, leftovers};
use model::{Digest, ImageTag, PrNumber, TagTemplate};
use std::collections::{BTreeMap, BTreeSet};

const TEMPLATE: &str = "pr-{number}-{sha:7}";
/// Some of them begin like others.
const NUMBERS: &[u32] = &[1, 2, 12, 21];
/// Tags of nobody's pull request, some of which look like one's.
const OTHERS: &[&str] = &[
    "latest",
    "prod-1",
    "prod-12",
    "staging",
    "4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90",
    "pr-1",
    "pr-1-4f2c1d",
    "pr-1-4f2c1d9-debug",
    "pr-1-4f2c1dz",
    "pr-01-4f2c1d9",
    "xpr-1-4f2c1d9",
    "pr-1.4f2c1d9",
];

/// A version, as it really is.
struct Truth {
    /// Each tag with the pull request whose it is.
    tags: Vec<(String, Option<u32>)>,
    /// The versions that it is made of, by their places. They are older, as a manifest names the digests of its parts.
    children: Vec<usize>,
    subject: Option<usize>,
    /// Whether it is needed outside the registry.
    is_live: bool,
    /// Whether the registry gives it.
    is_readable: bool,
}

/// A package, and the pull requests that are closed.
struct Package {
    versions: Vec<Truth>,
    closed: BTreeSet<u32>,
}

/// What decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The program's own.
    Real,
    /// One tag of the pull request's is enough.
    AnyTag,
    /// A tag is the pull request's if it begins like one.
    Prefix,
    /// What is live is tagged anyway.
    LiveIsTagged,
    /// Every version stands for itself.
    NoParts,
    /// Only versions with a tag need their parts.
    UntaggedNeedsNothing,
    /// What stays though its tags are the pull request's is not looked into.
    NeededIsNotFollowed,
    /// What something is about may go.
    SubjectsMayGo,
    /// What is about something goes by its own tags.
    SignaturesGo,
    /// What cannot be read needs nothing.
    UnreadNeedsNothing,
    /// Versions without a tag are of no use.
    SweepUntagged,
}

fn digest(place: usize) -> Digest {
    Digest::parse(&format!("sha256:{place:064x}")).expect("a digest")
}

impl Package {
    fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = usize::try_from(3 + random.below(9)).expect("small");
        let mut versions: Vec<Truth> = Vec::new();
        for place in 0..count {
            let mut any = |percent| {
                let is = place > 0 && random.happens(percent);
                is.then(|| usize::try_from(random.below(place as u64)).expect("small"))
            };
            let children = [40, 20, 10].into_iter().filter_map(&mut any).collect();
            let subject = any(15);
            let mut tags = BTreeMap::new();
            for percent in [75, 30, 10] {
                if random.happens(percent) {
                    let number = NUMBERS[usize::from(random.byte()) % NUMBERS.len()];
                    let tag = match random.below(10) {
                        0..6 => (
                            format!("pr-{number}-{:07x}", random.below(0x0fff_ffff)),
                            Some(number),
                        ),
                        6 if subject.is_some() => (
                            digest(subject.unwrap_or(0)).as_str().replace(':', "-"),
                            None,
                        ),
                        _ => (
                            OTHERS[usize::from(random.byte()) % OTHERS.len()].to_owned(),
                            None,
                        ),
                    };
                    // A tag is on one version only.
                    if !versions
                        .iter()
                        .any(|version: &Truth| version.tags.contains(&tag))
                    {
                        tags.insert(tag.0, tag.1);
                    }
                }
            }
            let is_live = random.happens(12);
            versions.push(Truth {
                tags: tags.into_iter().collect(),
                children,
                subject,
                is_live,
                is_readable: true,
            });
        }
        if random.happens(10) {
            let place = usize::try_from(random.below(count as u64)).expect("small");
            versions[place].is_readable = false;
        }
        let mut closed: BTreeSet<u32> = NUMBERS
            .iter()
            .copied()
            .filter(|_| random.happens(30))
            .collect();
        closed.insert(NUMBERS[usize::from(random.byte()) % NUMBERS.len()]);
        Self { versions, closed }
    }

    /// What a rule decides: the fates of the versions that it speaks of, by their places.
    fn judged(&self, rule: Rule) -> Vec<(usize, VersionVerdict)> {
        let tag = |text: &str| ImageTag::parse(text).expect("a tag");
        let template = TagTemplate::parse_pull_request(TEMPLATE).expect("a template");
        let numbers = self
            .closed
            .iter()
            .map(|number| PrNumber::parse(number.to_string().as_bytes()).expect("a number"));
        let numbers: BTreeSet<PrNumber> = numbers.collect();
        let closed = Closed {
            template: &template,
            numbers: &numbers,
        };
        let is_candidate = |place: usize| {
            let tags: Vec<ImageTag> = self.versions[place]
                .tags
                .iter()
                .map(|(text, _)| tag(text))
                .collect();
            closed.owns_all(&tags)
        };
        let (mut versions, mut links, mut needed) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (place, truth) in self.versions.iter().enumerate() {
            let mut tags: Vec<ImageTag> = truth.tags.iter().map(|(text, _)| tag(text)).collect();
            if rule == Rule::AnyTag && tags.iter().any(|tag| closed.owns(tag)) {
                tags.retain(|tag| closed.owns(tag));
            }
            if rule == Rule::Prefix {
                for tag in &mut tags {
                    let number = self
                        .closed
                        .iter()
                        .find(|number| tag.as_str().starts_with(&format!("pr-{number}")));
                    if let Some(number) = number {
                        *tag = ImageTag::parse(&format!("pr-{number}-aaaaaaa")).expect("a tag");
                    }
                }
            }
            let mut found = ImageLinks {
                children: truth.children.iter().map(|child| digest(*child)).collect(),
                subject: truth.subject.map(digest),
            };
            let is_blind = rule == Rule::NoParts
                || rule == Rule::UntaggedNeedsNothing && tags.is_empty()
                || rule == Rule::NeededIsNotFollowed && is_candidate(place);
            if is_blind {
                found.children.clear();
            }
            if rule == Rule::SubjectsMayGo && !is_candidate(place)
                || rule == Rule::SignaturesGo && is_candidate(place)
            {
                found.subject = None;
            }
            if truth.is_readable {
                links.insert(digest(place), found);
            } else if rule == Rule::UnreadNeedsNothing {
                links.insert(digest(place), ImageLinks::default());
            }
            if truth.is_live && rule != Rule::LiveIsTagged {
                needed.insert(digest(place), "it is live".to_owned());
            }
            versions.push(Version {
                id: place as u64,
                digest: digest(place),
                tags,
            });
        }
        // Something is live that is in no registry of ours.
        needed.insert(digest(usize::MAX), "it is live".to_owned());
        let holdings = Holdings {
            versions: &versions,
            links: &links,
            needed: &needed,
        };
        let told = leftovers(&holdings, &closed).into_iter();
        let mut told: Vec<(usize, VersionVerdict)> = told
            .map(|(version, fate)| (usize::try_from(version.id).expect("small"), fate))
            .collect();
        if rule == Rule::SweepUntagged {
            let untagged =
                (0..self.versions.len()).filter(|place| self.versions[*place].tags.is_empty());
            told.extend(
                untagged
                    .filter(|place| !self.versions[*place].is_live)
                    .map(|place| (place, VersionVerdict::Delete)),
            );
        }
        told
    }

    /// What is wrong with deleting these, by what is true.
    fn fault(&self, deleted: &BTreeSet<usize>) -> Option<String> {
        for place in deleted {
            let truth = &self.versions[*place];
            let is_theirs = |(_, owner): &(String, Option<u32>)| {
                owner.is_some_and(|number| self.closed.contains(&number))
            };
            if truth.tags.is_empty() || !truth.tags.iter().all(is_theirs) {
                return Some(format!(
                    "{place} has tags that are not theirs: {:?}",
                    truth.tags
                ));
            }
            if truth.is_live {
                return Some(format!("{place} is live"));
            }
            if let Some(subject) = truth.subject.filter(|subject| !deleted.contains(subject)) {
                return Some(format!("{place} is about {subject}, which is kept"));
            }
        }
        let kept = self
            .versions
            .iter()
            .enumerate()
            .filter(|(place, _)| !deleted.contains(place));
        for (place, truth) in kept {
            if let Some(child) = truth.children.iter().find(|child| deleted.contains(child)) {
                return Some(format!("{place} is kept and lacks {child}"));
            }
            let Some(subject) = truth.subject.filter(|subject| deleted.contains(subject)) else {
                continue;
            };
            let fallback = digest(subject).as_str().replace(':', "-");
            if truth.tags.iter().any(|(tag, _)| *tag != fallback) {
                return Some(format!(
                    "{place} is kept for its own sake and is about {subject}"
                ));
            }
        }
        None
    }

    fn told(&self) -> String {
        let lines = self.versions.iter().enumerate().map(|(place, truth)| {
            let (live, read) = (
                if truth.is_live { " live" } else { "" },
                if truth.is_readable { "" } else { " unread" },
            );
            let tags: Vec<&str> = truth.tags.iter().map(|(tag, _)| tag.as_str()).collect();
            format!(
                "  {place}: {tags:?} of {:?} about {:?}{live}{read}\n",
                truth.children, truth.subject
            )
        });
        format!("closed: {:?}\n{}", self.closed, lines.collect::<String>())
    }
}

fn deleted(fates: &[(usize, VersionVerdict)]) -> BTreeSet<usize> {
    fates
        .iter()
        .filter(|(_, fate)| *fate == VersionVerdict::Delete)
        .map(|(place, _)| *place)
        .collect()
}

/// What tens of thousands of packages reach, each at least once.
const REACHED: &[&str] = &[
    "about a kept one",
    "deleted",
    "mixed",
    "needed",
    "part of a kept one",
    "subject of a kept one",
    "unread",
];

#[test]
fn nothing_that_something_kept_needs_is_deleted() {
    let (first, packages) = (setting("SEED", 0), setting("PACKAGES", 50_000));
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in first..first + packages {
        let package = Package::of(seed);
        let fates = package.judged(Rule::Real);
        let gone = deleted(&fates);
        if let Some(fault) = package.fault(&gone) {
            panic!(
                "package {seed}: {fault}\n{}deleted: {gone:?}",
                package.told()
            );
        }
        for (place, fate) in &fates {
            let what = match fate {
                VersionVerdict::Delete => "deleted",
                VersionVerdict::Keep(KeepReason::Mixed(_)) => "mixed",
                VersionVerdict::Keep(KeepReason::Needed(_)) => "needed",
                VersionVerdict::Keep(KeepReason::PartOf(_)) => "part of a kept one",
                VersionVerdict::Keep(KeepReason::SubjectOf(_)) => "subject of a kept one",
                VersionVerdict::Keep(KeepReason::About(_)) => "about a kept one",
                VersionVerdict::Keep(KeepReason::Unread(_)) => "unread",
            };
            *reached.entry(what).or_default() += 1;
            // Keeping everything would be safe too: what is kept is kept for a reason.
            let mut more = gone.clone();
            more.insert(*place);
            let is_known = package.versions.iter().all(|version| version.is_readable);
            if is_known && package.fault(&more).is_none() && *fate != VersionVerdict::Delete {
                panic!(
                    "package {seed}: {place} might go as well, and is kept: {fate:?}\n{}",
                    package.told()
                );
            }
        }
    }
    for (what, times) in &reached {
        print(&format!("{times:>9}  {what}"));
    }
    let missing: Vec<_> = REACHED
        .iter()
        .filter(|what| !reached.contains_key(**what))
        .collect();
    assert!(
        packages < 50_000 || missing.is_empty(),
        "never reached: {missing:?}"
    );
}

/// Shows that the test would notice: by this rule something is deleted that may not be.
fn finds(rule: Rule) {
    let found = (0..2_000).find_map(|seed| {
        let package = Package::of(seed);
        let fault = package.fault(&deleted(&package.judged(rule)))?;
        Some((seed, fault, package))
    });
    let (seed, fault, package) =
        found.unwrap_or_else(|| panic!("{rule:?} deletes nothing wrong in 2,000 packages"));
    print(&format!(
        "{rule:?}: package {seed}: {fault}\n{}",
        package.told()
    ));
}

#[test]
fn one_tag_of_the_pull_requests_is_not_enough() {
    finds(Rule::AnyTag);
}

#[test]
fn a_tag_that_begins_like_one_of_the_pull_requests_may_be_anothers() {
    finds(Rule::Prefix);
}

#[test]
fn what_is_live_may_have_only_a_pull_requests_tag() {
    finds(Rule::LiveIsTagged);
}

#[test]
fn an_index_needs_its_parts() {
    finds(Rule::NoParts);
}

#[test]
fn an_index_without_a_tag_needs_its_parts_too() {
    finds(Rule::UntaggedNeedsNothing);
}

#[test]
fn what_stays_because_it_is_needed_needs_its_parts_too() {
    finds(Rule::NeededIsNotFollowed);
}

#[test]
fn what_something_kept_is_about_stays() {
    finds(Rule::SubjectsMayGo);
}

#[test]
fn a_signature_of_something_kept_stays() {
    finds(Rule::SignaturesGo);
}

#[test]
fn what_cannot_be_read_may_need_anything() {
    finds(Rule::UnreadNeedsNothing);
}

#[test]
fn a_version_without_a_tag_may_be_a_part_of_an_image() {
    finds(Rule::SweepUntagged);
}
