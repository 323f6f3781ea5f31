//! Whether an image may be deployed, from what `registry` found.

mod problem;
mod revision;

pub use problem::{ImageProblem, ImageWarning};

use super::Changes;
use model::{CommitSha, Digest, ImageTag, Pin, PinnedImage, Repository, Untrusted};
use std::fmt;

/// The most that Render takes: 10 GB compressed (<https://render.com/docs/deploying-an-image>).
const LARGEST: u64 = 10_000_000_000;

/// What was found under a tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// Where it was found.
    pub repository: Repository,
    /// The tag that was asked for; none where a digest was.
    pub tag: Option<ImageTag>,
    /// The SHA-256 of the bytes that were received for it.
    pub digest: Digest,
    /// What those bytes are.
    pub contents: Contents,
}

/// What the bytes of an image are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// An image with everything that Render would read of it: manifest and config.
    Image {
        /// The digest of its manifest; that of the whole where there is no index.
        manifest: Digest,
        /// What its config says it runs on.
        platform: Platform,
        /// The declared sizes of its config and its layers, added up, in bytes.
        size: u64,
        /// What it says it was built from.
        revision: Option<Revision>,
    },
    /// An index without an image for linux/amd64: the platforms that it has.
    Others(Vec<Platform>),
    /// Nothing that can run, for this reason (fit to be shown).
    Broken(String),
}

/// An operating system and an architecture, as somebody wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The operating system, in Go's words.
    pub os: String,
    /// The architecture, in Go's words.
    pub architecture: String,
}

impl Platform {
    /// Whether Render runs it.
    #[must_use]
    pub fn is_linux_amd64(&self) -> bool {
        self.os == "linux" && self.architecture == "amd64"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            Untrusted(self.os.as_bytes()),
            Untrusted(self.architecture.as_bytes())
        )
    }
}

/// What `org.opencontainers.image.revision` and the `source` beside it say, as somebody wrote them.
///
/// Both come from one place (the index, the manifest or the config), because a label that was inherited from a base image says
/// nothing about an annotation that was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The revision; not empty.
    pub revision: String,
    /// The source.
    pub source: Option<String>,
}

/// What an image has to be.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// The commits that it may say it was built from. Empty: any.
    pub commits: &'a [CommitSha],
    /// The digest that it has to have, where the caller of the program named one.
    pub digest: Option<&'a Digest>,
    /// This repository's address: `https://github.com/owner/repo`.
    pub source: &'a str,
}

/// What was decided about an image.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageVerdict {
    /// It may be deployed.
    Verified(VerifiedImage, Vec<ImageWarning>),
    /// It may be deployed if another commit turns out to be equal in what it is built from.
    OtherCommit(OtherCommit),
    /// It may not be deployed.
    Refused(ImageProblem),
}

/// An image that is there, whole, runs on Render and was built from the right commit. Only [`judge`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedImage {
    repository: Repository,
    tag: Option<ImageTag>,
    digest: Digest,
    manifest: Digest,
    size: u64,
    revision: Option<CommitSha>,
    found_as: Option<CommitSha>,
}

impl VerifiedImage {
    /// Where it is.
    #[must_use]
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag under which it was found.
    #[must_use]
    pub const fn tag(&self) -> Option<&ImageTag> {
        self.tag.as_ref()
    }

    /// The digest of what the tag names: an index or a manifest.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The digest of its linux/amd64 manifest; the same where there is no index.
    #[must_use]
    pub const fn platform_digest(&self) -> &Digest {
        &self.manifest
    }

    /// Its compressed size in bytes, as its manifest declares it.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The commit that it says it was built from.
    #[must_use]
    pub const fn revision(&self) -> Option<&CommitSha> {
        self.revision.as_ref()
    }

    /// The commit that it was built from: the one that it says; where it says none, the one that it was found as the image of.
    #[must_use]
    pub const fn built_from(&self) -> Option<&CommitSha> {
        match &self.revision {
            Some(revision) => Some(revision),
            None => self.found_as.as_ref(),
        }
    }

    /// The same image, found as that of this commit.
    #[must_use]
    pub fn found_as(self, commit: CommitSha) -> Self {
        Self {
            found_as: Some(commit),
            ..self
        }
    }

    /// Names it by its bytes.
    #[must_use]
    pub fn pinned(&self, pin: Pin) -> PinnedImage {
        let digest = match pin {
            Pin::Index => &self.digest,
            Pin::Platform => &self.manifest,
        };
        PinnedImage {
            repository: self.repository.clone(),
            digest: digest.clone(),
        }
    }
}

/// An image that is good in everything but its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherCommit {
    found: CommitSha,
    wanted: Vec<CommitSha>,
    image: VerifiedImage,
}

impl OtherCommit {
    /// The commit that it says it was built from.
    #[must_use]
    pub const fn found(&self) -> &CommitSha {
        &self.found
    }

    /// Decides, from what differs between that commit and the wanted one. `affects` says whether any of the paths is built into
    /// the image.
    ///
    /// # Errors
    /// [`ImageProblem::OtherCommit`] when one is, and when what differs is not known.
    pub fn settle(
        self,
        changes: &Changes,
        affects: impl FnOnce(&[Vec<u8>]) -> bool,
    ) -> Result<VerifiedImage, ImageProblem> {
        match changes {
            Changes::Known(paths) if !affects(paths) => Ok(self.image),
            Changes::Known(_) | Changes::Unknown(_) => Err(self.into_problem()),
        }
    }

    /// Gives up on it.
    #[must_use]
    pub fn into_problem(self) -> ImageProblem {
        ImageProblem::OtherCommit {
            found: self.found.to_string(),
            wanted: self.wanted,
        }
    }
}

/// Decides whether an image may be deployed.
pub fn judge(facts: ImageFacts, expected: &Expectation<'_>) -> ImageVerdict {
    let ImageFacts {
        repository,
        tag,
        digest,
        contents,
    } = facts;
    if let Some(wanted) = expected.digest.filter(|wanted| **wanted != digest) {
        return ImageVerdict::Refused(ImageProblem::DigestDiffers {
            found: digest,
            wanted: wanted.clone(),
        });
    }
    let (manifest, platform, size, revision) = match contents {
        Contents::Image {
            manifest,
            platform,
            size,
            revision,
        } => (manifest, platform, size, revision),
        Contents::Others(found) => return ImageVerdict::Refused(ImageProblem::NotAmd64 { found }),
        Contents::Broken(why) => return ImageVerdict::Refused(ImageProblem::Broken { why }),
    };
    if !platform.is_linux_amd64() {
        return ImageVerdict::Refused(ImageProblem::NotAmd64 {
            found: vec![platform],
        });
    }
    if size > LARGEST {
        return ImageVerdict::Refused(ImageProblem::TooBig { bytes: size });
    }
    let mut image = VerifiedImage {
        repository,
        tag,
        digest,
        manifest,
        size,
        revision: None,
        found_as: None,
    };
    let Some(said) = revision else {
        return ImageVerdict::Verified(image, vec![ImageWarning::NoRevision]);
    };
    let named = revision::commit_in(&said.revision);
    if expected.commits.is_empty() {
        image.revision = named.and_then(|named| CommitSha::parse(named.as_bytes()).ok());
        return ImageVerdict::Verified(image, Vec::new());
    }
    let wanted = expected.commits.iter();
    let right = named.as_ref().and_then(|named| {
        let mut wanted = wanted;
        wanted.find(|commit| commit.to_string().starts_with(named.as_str()))
    });
    if let Some(commit) = right {
        image.revision = Some(*commit);
        return ImageVerdict::Verified(image, Vec::new());
    }
    if said
        .source
        .as_deref()
        .is_some_and(|source| is_elsewhere(source, expected.source))
    {
        return ImageVerdict::Verified(image, vec![ImageWarning::InheritedRevision(said)]);
    }
    let Some(named) = named else {
        return ImageVerdict::Verified(image, vec![ImageWarning::NoCommit(said)]);
    };
    let commit = CommitSha::parse(named.as_bytes()).ok();
    if expected.digest.is_some() {
        image.revision = commit;
        return ImageVerdict::Verified(image, vec![ImageWarning::OtherRevision(said)]);
    }
    let wanted = expected.commits.to_vec();
    match commit {
        Some(found) => {
            image.revision = Some(found);
            ImageVerdict::OtherCommit(OtherCommit {
                found,
                wanted,
                image,
            })
        }
        None => ImageVerdict::Refused(ImageProblem::OtherCommit {
            found: said.revision,
            wanted,
        }),
    }
}

/// Whether a source is the address of a repository that is not `ours`. What is no such address decides nothing.
fn is_elsewhere(source: &str, ours: &str) -> bool {
    match (repository_of(source), repository_of(ours)) {
        (Some(theirs), Some(ours)) => theirs != ours,
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}

/// `host/owner/name` of a repository's address, in lower case, as GitHub's names do not depend on case: of
/// `https://github.com/Acme/Api.git`, `git@github.com:acme/api` and pages below it.
fn repository_of(address: &str) -> Option<String> {
    let address = address.trim().to_ascii_lowercase();
    let (rest, has_scheme) = match address.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (address.as_str(), false),
    };
    let (rest, has_user) = match rest.split_once('@') {
        Some((user, rest)) if !user.contains('/') => (rest, true),
        Some(_) | None => (rest, false),
    };
    if !has_scheme && !has_user {
        return None;
    }
    let rest = rest.replacen(':', "/", usize::from(!has_scheme));
    let mut parts = rest.split(['/', '#', '?']).filter(|part| !part.is_empty());
    let (host, owner, name) = (parts.next()?, parts.next()?, parts.next()?);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    Some(format!(
        "{host}/{owner}/{}",
        name.strip_suffix(".git").unwrap_or(name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::FailureWord;

    const HEAD: &str = "4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90";
    const MERGE: &str = "1111111111111111111111111111111111111111";
    const STALE: &str = "2222222222222222222222222222222222222222";
    const OURS: &str = "https://github.com/Acme/shop";

    fn digest(digit: char) -> Digest {
        Digest::parse(&format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
    }

    fn sha(text: &str) -> CommitSha {
        CommitSha::parse(text.as_bytes()).unwrap()
    }

    fn platform(os: &str, architecture: &str) -> Platform {
        Platform {
            os: os.into(),
            architecture: architecture.into(),
        }
    }

    fn facts(contents: Contents) -> ImageFacts {
        ImageFacts {
            repository: Repository::parse("ghcr.io/acme/api").unwrap(),
            tag: ImageTag::parse("prod-7").ok(),
            digest: digest('a'),
            contents,
        }
    }

    fn image(size: u64, revision: Option<(&str, Option<&str>)>) -> ImageFacts {
        facts(Contents::Image {
            manifest: digest('b'),
            platform: platform("linux", "amd64"),
            size,
            revision: revision.map(|(revision, source)| Revision {
                revision: revision.into(),
                source: source.map(Into::into),
            }),
        })
    }

    fn judged(facts: ImageFacts, digest: Option<&Digest>) -> ImageVerdict {
        judge(
            facts,
            &Expectation {
                commits: &[sha(HEAD), sha(MERGE)],
                digest,
                source: OURS,
            },
        )
    }

    fn problem(verdict: ImageVerdict) -> ImageProblem {
        match verdict {
            ImageVerdict::Refused(problem) => problem,
            ImageVerdict::Verified(..) | ImageVerdict::OtherCommit(_) => {
                panic!("not refused: {verdict:?}")
            }
        }
    }

    #[test]
    fn verifies_the_head_and_the_merge_commit_however_they_are_abbreviated() {
        for (said, commit) in [
            (HEAD, HEAD),
            (MERGE, MERGE),
            (&HEAD[..7], HEAD),
            (&HEAD.to_uppercase(), HEAD),
        ] {
            let ImageVerdict::Verified(image, warnings) =
                judged(image(1, Some((said, None))), None)
            else {
                panic!("{said} refused")
            };
            assert_eq!((image.revision(), warnings), (Some(&sha(commit)), vec![]));
            assert_eq!(image.pinned(Pin::Index).digest, digest('a'));
            assert_eq!(image.pinned(Pin::Platform).digest, digest('b'));
        }
    }

    #[test]
    fn refuses_other_platforms_by_name() {
        let arm = problem(judged(
            facts(Contents::Others(vec![platform("linux", "arm64")])),
            None,
        ));
        assert_eq!(
            arm.to_string(),
            "the image is for linux/arm64, and Render runs linux/amd64"
        );
        let mut single = image(1, None);
        if let Contents::Image {
            platform: found, ..
        } = &mut single.contents
        {
            *found = platform("windows", "amd64");
        }
        assert_eq!(
            problem(judged(single, None)).word(),
            FailureWord::ImageNotAmd64
        );
    }

    #[test]
    fn ten_gigabytes_are_the_most() {
        assert!(matches!(
            judged(image(LARGEST, None), None),
            ImageVerdict::Verified(..)
        ));
        assert_eq!(
            problem(judged(image(LARGEST + 1, None), None)),
            ImageProblem::TooBig { bytes: LARGEST + 1 }
        );
    }

    #[test]
    fn an_absent_revision_is_a_warning() {
        let ImageVerdict::Verified(image, warnings) = judged(image(1, None), None) else {
            panic!("refused")
        };
        assert_eq!(
            (image.revision(), warnings),
            (None, vec![ImageWarning::NoRevision])
        );
    }

    #[test]
    fn another_commit_is_good_only_where_nothing_it_is_built_from_differs() {
        let other = || match judged(
            image(1, Some((STALE, Some("https://github.com/acme/shop.git")))),
            None,
        ) {
            ImageVerdict::OtherCommit(other) => other,
            verdict @ (ImageVerdict::Verified(..) | ImageVerdict::Refused(_)) => {
                panic!("{verdict:?}")
            }
        };
        let changes = Changes::Known(vec![b"docs/a".to_vec()]);
        assert_eq!(other().found(), &sha(STALE));
        assert_eq!(
            other()
                .settle(&changes, |_| false)
                .map(|image| image.revision),
            Ok(Some(sha(STALE)))
        );
        assert!(other().settle(&changes, |_| true).is_err());
        let unknown = other()
            .settle(&Changes::Unknown("cut".into()), |_| false)
            .unwrap_err();
        assert_eq!(unknown.word(), FailureWord::ImageOtherCommit);
        assert_eq!(
            unknown.to_string(),
            format!("the image was built from {STALE}, wanted {HEAD} or {MERGE}")
        );
    }

    #[test]
    fn a_revision_without_a_commit_in_it_is_a_warning() {
        for said in [
            "v1.2.3",
            "unknown",
            "main",
            "${{ github.sha }}",
            &HEAD[..6],
            "##[x]",
        ] {
            let ImageVerdict::Verified(image, warnings) =
                judged(image(1, Some((said, None))), None)
            else {
                panic!("{said} refused")
            };
            assert_eq!(image.revision(), None, "{said}");
            assert!(
                matches!(warnings[..], [ImageWarning::NoCommit(_)]),
                "{said}"
            );
            assert!(!warnings[0].to_string().contains("##["));
        }
    }

    #[test]
    fn a_revision_with_more_around_its_commit_is_compared_by_it() {
        for (said, is_right) in [
            (format!("{HEAD}-dirty"), true),
            (format!("v1-3-g{}", &HEAD[..7]), true),
            (format!("{STALE}-dirty"), false),
            (format!("v1-3-g{}", &STALE[..7]), false),
            (STALE[..7].to_owned(), false),
        ] {
            let verdict = judged(image(1, Some((&said, None))), None);
            match verdict {
                ImageVerdict::Verified(image, warnings) => {
                    assert!(is_right, "{said}");
                    assert_eq!((image.revision(), warnings), (Some(&sha(HEAD)), vec![]));
                }
                ImageVerdict::OtherCommit(other) => {
                    assert!(!is_right && *other.found() == sha(STALE))
                }
                ImageVerdict::Refused(problem) => {
                    assert!(!is_right, "{said}");
                    assert_eq!(problem.word(), FailureWord::ImageOtherCommit);
                }
            }
        }
    }

    #[test]
    fn labels_of_a_base_image_are_a_warning_and_ours_are_not() {
        for (source, inherited) in [
            ("https://github.com/debian/base", true),
            ("git@github.com:debian/base.git", true),
            ("https://gitlab.com/acme/shop", true),
            ("https://github.com/acme/SHOP", false),
            ("ssh://git@github.com/acme/shop.git", false),
            ("git@github.com:acme/shop", false),
            ("ssh://git@github.com:22/acme/shop", false),
            ("https://github.com/acme/shop/tree/main", false),
            ("acme/other", false),
            ("https://github.com/", false),
            ("", false),
        ] {
            let verdict = judged(image(1, Some((STALE, Some(source)))), None);
            assert_eq!(
                matches!(verdict, ImageVerdict::Verified(..)),
                inherited,
                "{source}"
            );
        }
    }

    #[test]
    fn with_a_digest_only_the_digest_is_binding() {
        let ImageVerdict::Verified(_, warnings) =
            judged(image(1, Some((STALE, None))), Some(&digest('a')))
        else {
            panic!("refused")
        };
        assert!(matches!(warnings[..], [ImageWarning::OtherRevision(_)]));
        let differs = problem(judged(image(1, Some((HEAD, None))), Some(&digest('c'))));
        assert_eq!(differs.word(), FailureWord::DigestDiffers);
    }
}
