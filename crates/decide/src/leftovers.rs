//! Which versions of a package are left over of pull requests that are closed, and may go.
//!
//! A registry of GitHub's keeps one version a digest, with every tag that is on it; what is deleted is a version, with all of its tags. So a
//! version goes only if each of its tags is one of these pull requests', and if nothing that stays needs its bytes. What is not known stays.

use model::{Digest, ImageTag, PrNumber, TagTemplate};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A version of a package: bytes, and the tags on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number at GitHub.
    pub id: u64,
    /// What it is.
    pub digest: Digest,
    /// The tags on it; none for most parts of an index.
    pub tags: Vec<ImageTag>,
}

/// What a manifest names by digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageLinks {
    /// The manifests that it is made of, where it is an index.
    pub children: Vec<Digest>,
    /// The manifest that it is about, where it is a signature, an attestation or the like.
    pub subject: Option<Digest>,
}

/// What is known of a package.
#[derive(Debug, Clone, Copy)]
pub struct Holdings<'a> {
    /// Every version.
    pub versions: &'a [Version],
    /// What each version names. One that is not in here could not be read: it may name anything.
    pub links: &'a BTreeMap<Digest, ImageLinks>,
    /// Digests that something outside the registry needs, and what that is.
    pub needed: &'a BTreeMap<Digest, String>,
}

/// What becomes of a version that has a tag of one of the pull requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionVerdict {
    /// It goes.
    Delete,
    /// It stays.
    Keep(KeepReason),
}

/// Why a version stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepReason {
    /// It has this tag too.
    Mixed(ImageTag),
    /// Something outside the registry needs it.
    Needed(String),
    /// It is a part of this one, which stays.
    PartOf(Digest),
    /// This one is about it, and stays.
    SubjectOf(Digest),
    /// It is about this one, which stays: a signature of it, for instance.
    About(Digest),
    /// What this version needs is not known.
    Unread(Digest),
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mixed(tag) => write!(f, "it is also tagged {tag}"),
            Self::Needed(by) => write!(f, "{by}"),
            Self::PartOf(index) => write!(f, "it is a part of {}, which stays", index.short()),
            Self::SubjectOf(other) => write!(f, "{} is about it, and stays", other.short()),
            Self::About(subject) => write!(f, "it is about {}, which stays", subject.short()),
            Self::Unread(other) => write!(f, "what {} needs could not be read", other.short()),
        }
    }
}

/// Whose tags may go.
#[derive(Debug, Clone, Copy)]
pub struct Closed<'a> {
    /// How the tags of pull requests are written.
    pub template: &'a TagTemplate,
    /// The pull requests that are closed.
    pub numbers: &'a BTreeSet<PrNumber>,
}

impl Closed<'_> {
    /// Whether it is a tag of one of them.
    #[must_use]
    pub fn owns(&self, tag: &ImageTag) -> bool {
        self.template
            .pull_request_of(tag)
            .is_some_and(|number| self.numbers.contains(&number))
    }

    /// The pull requests of these tags.
    #[must_use]
    pub fn pulls_of(&self, tags: &[ImageTag]) -> BTreeSet<PrNumber> {
        tags.iter()
            .filter_map(|tag| self.template.pull_request_of(tag))
            .collect()
    }

    /// Whether every tag of a version is one of theirs. A version without tags is nobody's.
    #[must_use]
    pub fn owns_all(&self, tags: &[ImageTag]) -> bool {
        !tags.is_empty() && tags.iter().all(|tag| self.owns(tag))
    }
}

/// Decides about every version that has a tag of one of the pull requests, in the order of the versions. The others are not spoken of: they stay.
#[must_use]
pub fn leftovers<'a>(
    holdings: &Holdings<'a>,
    closed: &Closed<'_>,
) -> Vec<(&'a Version, VersionVerdict)> {
    let is_theirs = |version: &&Version| version.tags.iter().any(|tag| closed.owns(tag));
    let kept = Keeping::new(holdings, closed).settle();
    let judged = holdings.versions.iter().filter(is_theirs).map(|version| {
        let fate = match (
            version.tags.iter().find(|tag| !closed.owns(tag)),
            kept.get(&version.digest),
        ) {
            (Some(other), _) => VersionVerdict::Keep(KeepReason::Mixed(other.clone())),
            (None, Some(why)) => VersionVerdict::Keep(why.clone()),
            (None, None) => VersionVerdict::Delete,
        };
        (version, fate)
    });
    judged.collect()
}

/// What stays, as far as it is known.
struct Keeping<'a> {
    links: &'a BTreeMap<Digest, ImageLinks>,
    versions: BTreeMap<&'a Digest, &'a Version>,
    /// The versions that would go, with a reason once there is one to keep them.
    candidates: BTreeMap<Digest, Option<KeepReason>>,
    /// What stays and has not been looked into yet.
    open: Vec<Digest>,
}

impl<'a> Keeping<'a> {
    fn new(holdings: &Holdings<'a>, closed: &Closed<'_>) -> Self {
        let versions: BTreeMap<_, _> = holdings
            .versions
            .iter()
            .map(|version| (&version.digest, version))
            .collect();
        let (candidates, others): (Vec<_>, Vec<_>) = holdings
            .versions
            .iter()
            .partition(|version| closed.owns_all(&version.tags));
        let mut keeping = Self {
            links: holdings.links,
            versions,
            candidates: candidates
                .into_iter()
                .map(|version| (version.digest.clone(), None))
                .collect(),
            open: others
                .into_iter()
                .map(|version| version.digest.clone())
                .collect(),
        };
        for (digest, by) in holdings.needed {
            keeping.keep(digest, KeepReason::Needed(by.clone()));
        }
        keeping
    }

    /// Follows what stays to all that it needs.
    fn settle(mut self) -> BTreeMap<Digest, KeepReason> {
        if let Some(unread) = self
            .versions
            .keys()
            .find(|digest| !self.links.contains_key(**digest))
        {
            let unread = (*unread).clone();
            for digest in self.candidates.keys().cloned().collect::<Vec<_>>() {
                self.keep(&digest, KeepReason::Unread(unread.clone()));
            }
        }
        loop {
            while let Some(digest) = self.open.pop() {
                self.follow(&digest);
            }
            if !self.keep_what_is_about_something_kept() {
                break;
            }
        }
        self.candidates
            .into_iter()
            .filter_map(|(digest, why)| Some((digest, why?)))
            .collect()
    }

    fn keep(&mut self, digest: &Digest, why: KeepReason) {
        if let Some(reason @ None) = self.candidates.get_mut(digest) {
            *reason = Some(why);
            self.open.push(digest.clone());
        }
    }

    /// Keeps what a version that stays needs.
    fn follow(&mut self, digest: &Digest) {
        let Some(links) = self.links.get(digest) else {
            return;
        };
        for child in &links.children {
            self.keep(child, KeepReason::PartOf(digest.clone()));
        }
        if let Some(subject) = links
            .subject
            .as_ref()
            .filter(|subject| self.is_of_its_own(digest, subject))
        {
            self.keep(subject, KeepReason::SubjectOf(digest.clone()));
        }
    }

    /// Whether what is about a subject is there for its own sake. An attestation without a tag is not, nor is one whose only tag is the name
    /// that is made of its subject's digest where a registry has no other way to find it: it would keep every image that is signed.
    fn is_of_its_own(&self, digest: &Digest, subject: &Digest) -> bool {
        let named = subject.as_str().replace(':', "-");
        self.versions.get(digest).is_some_and(|version| {
            version
                .tags
                .iter()
                .any(|tag| tag.as_str() != named && !tag.as_str().starts_with(&format!("{named}.")))
        })
    }

    /// Keeps what is about something that stays: a signature goes with what it signs. Says whether there was any.
    fn keep_what_is_about_something_kept(&mut self) -> bool {
        let stays = |digest: &Digest| {
            self.versions.contains_key(digest)
                && self.candidates.get(digest).is_none_or(Option::is_some)
        };
        let about = |digest: &Digest| self.links.get(digest)?.subject.clone().filter(stays);
        let open = self.candidates.iter().filter(|(_, why)| why.is_none());
        let found: Vec<_> = open
            .filter_map(|(digest, _)| Some((digest.clone(), about(digest)?)))
            .collect();
        for (digest, subject) in &found {
            self.keep(digest, KeepReason::About(subject.clone()));
        }
        !found.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(letter: char) -> Digest {
        Digest::parse(&format!("sha256:{}", letter.to_string().repeat(64))).unwrap()
    }

    fn tag(text: &str) -> ImageTag {
        ImageTag::parse(text).unwrap()
    }

    /// Versions `a`, `b`, … with their tags.
    fn versions(tags: &[&[&str]]) -> Vec<Version> {
        let made = ('a'..).zip(tags).enumerate();
        made.map(|(at, (letter, tags))| Version {
            id: at as u64,
            digest: digest(letter),
            tags: tags.iter().map(|text| tag(text)).collect(),
        })
        .collect()
    }

    /// What becomes of the versions with a tag of pull request 1, by their letters.
    fn judged(
        tags: &[&[&str]],
        edges: &[(char, ImageLinks)],
        needed: &[char],
        unread: &[char],
    ) -> Vec<(char, String)> {
        let versions = versions(tags);
        let mut links: BTreeMap<_, _> = versions
            .iter()
            .map(|version| (version.digest.clone(), ImageLinks::default()))
            .collect();
        links.extend(
            edges
                .iter()
                .map(|(letter, links)| (digest(*letter), links.clone())),
        );
        unread
            .iter()
            .for_each(|letter| drop(links.remove(&digest(*letter))));
        let needed = needed
            .iter()
            .map(|letter| (digest(*letter), "api serves it".to_owned()))
            .collect();
        let template = TagTemplate::parse_pull_request("pr-{number}-{sha:7}").unwrap();
        let numbers = BTreeSet::from([PrNumber::parse(b"1").unwrap()]);
        let holdings = Holdings {
            versions: &versions,
            links: &links,
            needed: &needed,
        };
        let told = leftovers(
            &holdings,
            &Closed {
                template: &template,
                numbers: &numbers,
            },
        )
        .into_iter();
        let letter = |version: &Version| version.digest.as_str().chars().last().unwrap();
        told.map(|(version, fate)| match fate {
            VersionVerdict::Delete => (letter(version), "delete".into()),
            VersionVerdict::Keep(why) => (letter(version), why.to_string()),
        })
        .collect()
    }

    fn index(children: &[char]) -> ImageLinks {
        ImageLinks {
            children: children.iter().map(|letter| digest(*letter)).collect(),
            subject: None,
        }
    }

    fn about(subject: char) -> ImageLinks {
        ImageLinks {
            children: Vec::new(),
            subject: Some(digest(subject)),
        }
    }

    const OURS: &[&str] = &["pr-1-aaaaaaa"];

    #[test]
    fn only_what_is_wholly_the_pull_requests_goes() {
        let tags: &[&[&str]] = &[
            OURS,
            &["pr-1-aaaaaaa", "prod-3"],
            &["pr-12-aaaaaaa"],
            &[],
            &["latest"],
            &["pr-1-bbbbbbb", "pr-1-ccccccc"],
        ];
        let wanted = [
            ("a", "delete"),
            ("b", "it is also tagged prod-3"),
            ("f", "delete"),
        ];
        let found = judged(tags, &[], &[], &[]);
        assert_eq!(
            found
                .iter()
                .map(|(letter, why)| (letter.to_string(), why.as_str()))
                .collect::<Vec<_>>(),
            wanted.map(|(letter, why)| (letter.to_owned(), why))
        );
    }

    #[test]
    fn what_is_needed_stays_with_all_that_it_needs() {
        let found = judged(
            &[OURS, OURS, OURS, &[]],
            &[('a', index(&['b', 'd'])), ('b', index(&['c']))],
            &['a'],
            &[],
        );
        let wanted = [
            "api serves it",
            "it is a part of aaaaaaaaaaaa, which stays",
            "it is a part of bbbbbbbbbbbb, which stays",
        ];
        assert_eq!(
            found.into_iter().map(|(_, why)| why).collect::<Vec<_>>(),
            wanted
        );
    }

    #[test]
    fn an_index_without_tags_keeps_its_parts_too() {
        assert_eq!(
            judged(&[OURS, &[]], &[('b', index(&['a']))], &[], &[])[0].1,
            "it is a part of bbbbbbbbbbbb, which stays"
        );
        assert_eq!(
            judged(&[OURS, OURS], &[('b', index(&['a']))], &[], &[]),
            [('a', "delete".into()), ('b', "delete".into())]
        );
    }

    #[test]
    fn what_describes_an_image_goes_and_stays_with_it() {
        let name = format!("sha256-{}", "a".repeat(64));
        for tags in [&[] as &[&str], &[&name], &[&format!("{name}.sig")]] {
            assert_eq!(
                judged(&[OURS, tags], &[('b', about('a'))], &[], &[]),
                [('a', "delete".into())]
            );
        }
        assert_eq!(
            judged(&[OURS, &["sbom"]], &[('b', about('a'))], &[], &[])[0].1,
            "bbbbbbbbbbbb is about it, and stays"
        );
        assert_eq!(
            judged(&[OURS, &["prod-3"]], &[('a', about('b'))], &[], &[])[0].1,
            "it is about bbbbbbbbbbbb, which stays"
        );
        assert_eq!(
            judged(&[OURS, OURS], &[('a', about('b'))], &[], &[]),
            [('a', "delete".into()), ('b', "delete".into())]
        );
        // The index is about something that stays, so it does, and so does its part.
        let found = judged(
            &[OURS, OURS, &["prod-3"]],
            &[(
                'a',
                ImageLinks {
                    subject: Some(digest('c')),
                    ..index(&['b'])
                },
            )],
            &[],
            &[],
        );
        assert_eq!(found[1].1, "it is a part of aaaaaaaaaaaa, which stays");
    }

    #[test]
    fn one_version_that_cannot_be_read_may_need_all_others() {
        assert_eq!(
            judged(&[OURS, &[]], &[], &[], &['b'])[0].1,
            "what bbbbbbbbbbbb needs could not be read"
        );
        assert_eq!(
            judged(&[OURS], &[], &[], &['a'])[0].1,
            "what aaaaaaaaaaaa needs could not be read"
        );
    }
}
