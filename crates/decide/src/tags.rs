//! Which tags a build gives its image, which tags an image is looked for under, and its labels.
//!
//! The line shapes are those of docker/metadata-action, so that docker/build-push-action takes them unchanged.

use super::{Reach, Subject};
use model::{CommitSha, ImageTag, Refused, Release, Slug, TagRules};

/// How many hex digits other tools abbreviate a commit's tag to.
const USUAL_SHORT: usize = 7;

/// The tags of a commit's images; the same for every image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    /// What a build pushes, the one that names the version first.
    pub to_push: Vec<ImageTag>,
    /// What an image is looked for under, in this order.
    pub to_find: Vec<ImageTag>,
    /// Whether the image of an equal commit will do where there is none of its own.
    pub reach: Reach,
}

/// Whether the commit is the tip of the default branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tip {
    /// It is: `latest` is its.
    OfDefaultBranch,
    /// It is not, or that is not known.
    Other,
}

impl Tags {
    /// Computes the tags of `commit`. Nobody has to be asked for them.
    ///
    /// A release is built under its own tag, so that a rebuild never moves the tag that an earlier environment tested; it is looked for
    /// under its commit's tag first, which is what was tested.
    ///
    /// # Errors
    /// None in practice: templates were checked when the manifest was read.
    pub fn new(
        rules: &TagRules,
        subject: &Subject,
        commit: &CommitSha,
        tip: Tip,
    ) -> Result<Self, Refused> {
        let of_commit = rules.commit.commit_tag(commit);
        Ok(match subject {
            Subject::PullRequest { number, .. } => {
                let tag = rules.pull_request.pull_request_tag(*number, commit)?;
                Self {
                    to_push: vec![tag.clone()],
                    to_find: vec![tag],
                    reach: Reach::Own,
                }
            }
            Subject::Environments {
                release: Some(release),
                ..
            } => {
                let to_find = vec![of_commit?, release.tag().clone()];
                Self {
                    to_push: vec![release.tag().clone()],
                    to_find,
                    reach: Reach::Equal,
                }
            }
            Subject::Environments { release: None, .. } | Subject::Commit => {
                let tag = of_commit?;
                let latest = (rules.latest && tip == Tip::OfDefaultBranch)
                    .then(|| ImageTag::parse("latest"))
                    .transpose()?;
                let reach = if *subject == Subject::Commit {
                    Reach::Own
                } else {
                    Reach::Equal
                };
                Self {
                    to_push: [tag.clone()].into_iter().chain(latest).collect(),
                    to_find: vec![tag],
                    reach,
                }
            }
        })
    }

    /// The same, looked for under the release's own tag alone: that one is then what says which image it is, whatever its commit's tag is on.
    #[must_use]
    pub fn as_tagged(self, release: &Release) -> Self {
        Self {
            to_find: vec![release.tag().clone()],
            reach: Reach::Own,
            ..self
        }
    }

    /// The tags that other tools would have given the commit of this branch: a hint when the expected one is missing.
    #[must_use]
    pub fn usual_others(&self, commit: &CommitSha, branch: Option<&str>) -> Vec<ImageTag> {
        let (whole, short) = (commit.to_string(), commit.short(USUAL_SHORT));
        let mut spellings = vec![
            whole.clone(),
            short.clone(),
            format!("sha-{short}"),
            format!("sha-{whole}"),
        ];
        spellings.extend(branch.map(|branch| format!("{}-{short}", as_tag(branch))));
        spellings
            .iter()
            .filter_map(|text| ImageTag::parse(text).ok())
            .filter(|tag| !self.to_find.contains(tag))
            .collect()
    }
}

/// A branch's name as docker/metadata-action writes it into a tag.
fn as_tag(branch: &str) -> String {
    let mut tag = String::new();
    for c in branch.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
            tag.push(c);
        } else if !tag.ends_with('-') {
            tag.push('-');
        }
    }
    tag
}

/// Whether a tag that somebody gave an image is probably the commit's: it has the first seven digits.
#[must_use]
pub fn may_be_of(tag: &str, commit: &CommitSha) -> bool {
    tag.contains(&commit.short(USUAL_SHORT))
}

/// The labels of an image, sorted by key: `created revision source title url version` of `org.opencontainers.image`.
///
/// `created` is the commit's time (RFC 3339, UTC) and stands there only where that is known: a build of the same commit has the same labels.
#[must_use]
pub fn labels(
    slug: &Slug,
    server_url: &str,
    commit: &CommitSha,
    created: Option<&str>,
    title: &str,
    version: &ImageTag,
) -> Vec<(String, String)> {
    let home = format!("{server_url}/{slug}");
    let created = created
        .and_then(|time| time.parse::<jiff::Timestamp>().ok())
        .map(|time| ("created", time.to_string()));
    let others = [
        ("revision", commit.to_string()),
        ("source", home.clone()),
        ("title", title.to_owned()),
        ("url", home),
        ("version", version.to_string()),
    ];
    created
        .into_iter()
        .chain(others)
        .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value))
        .collect()
}

/// What a build is handed so that its image knows its commit, and so that the same commit gives the same bytes: `GIT_SHA`, and
/// `SOURCE_DATE_EPOCH` where the commit's time is known (<https://reproducible-builds.org/specs/source-date-epoch/>).
#[must_use]
pub fn build_args(commit: &CommitSha, created: Option<&str>) -> Vec<(String, String)> {
    let mut arguments = vec![("GIT_SHA".to_owned(), commit.to_string())];
    let time = created.and_then(|time| time.parse::<jiff::Timestamp>().ok());
    if let Some(time) = time {
        let seconds = time.as_second().to_string();
        arguments.push(("SOURCE_DATE_EPOCH".to_owned(), seconds));
    }
    arguments
}

/// A moment, in seconds since 1970, as RFC 3339 writes it in UTC.
#[must_use]
pub fn rfc3339(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environments;
    use model::{EnvironmentName, PrNumber, ReleaseTemplate, TagReading, TagTemplate};

    const SHA: &str = "4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90";

    fn rules() -> Result<TagRules, Refused> {
        Ok(TagRules {
            commit: TagTemplate::parse_commit("{sha}")?,
            pull_request: TagTemplate::parse_pull_request("pr-{number}-{sha}")?,
            latest: true,
        })
    }

    fn pushed(subject: &Subject, tip: Tip) -> Result<Vec<String>, Refused> {
        let tags = Tags::new(&rules()?, subject, &CommitSha::parse(SHA.as_bytes())?, tip)?;
        Ok(tags.to_push.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn latest_is_the_tip_of_the_default_branch_and_nothing_else() -> Result<(), Refused> {
        let branch = Subject::Environments {
            environments: Environments::one(EnvironmentName::parse("staging").unwrap()),
            release: None,
        };
        assert_eq!(pushed(&branch, Tip::OfDefaultBranch)?, [SHA, "latest"]);
        assert_eq!(pushed(&branch, Tip::Other)?, [SHA]);
        let pull_request = Subject::PullRequest {
            number: PrNumber::parse(b"7")?,
            cannot_push: None,
        };
        assert_eq!(
            pushed(&pull_request, Tip::OfDefaultBranch)?,
            [format!("pr-7-{SHA}")]
        );
        Ok(())
    }

    #[test]
    fn a_release_is_pushed_as_such_and_found_by_its_commit_first() -> Result<(), Refused> {
        let TagReading::Release(release) = ReleaseTemplate::parse("prod-{number}")?.read("prod-2")
        else {
            panic!("a release")
        };
        let subject = Subject::Environments {
            environments: Environments::one(EnvironmentName::parse("staging").unwrap()),
            release: Some(release),
        };
        let tags = Tags::new(
            &rules()?,
            &subject,
            &CommitSha::parse(SHA.as_bytes())?,
            Tip::OfDefaultBranch,
        )?;
        assert_eq!(
            tags.to_push
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["prod-2"]
        );
        assert_eq!(
            tags.to_find
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            [SHA, "prod-2"]
        );
        let Subject::Environments {
            release: Some(release),
            ..
        } = &subject
        else {
            panic!("a release")
        };
        assert_eq!(
            tags.as_tagged(release)
                .to_find
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["prod-2"]
        );
        Ok(())
    }

    #[test]
    fn other_tools_spell_a_commits_tag_in_five_ways() -> Result<(), Refused> {
        let commit = CommitSha::parse(SHA.as_bytes())?;
        let tags = Tags::new(&rules()?, &Subject::Commit, &commit, Tip::Other)?;
        let told: Vec<String> = tags
            .usual_others(&commit, Some("feature/one two"))
            .iter()
            .map(ToString::to_string)
            .collect();
        let wanted = [
            "4f2c1d9",
            "sha-4f2c1d9",
            &format!("sha-{SHA}"),
            "feature-one-two-4f2c1d9",
        ];
        assert_eq!(told, wanted);
        assert!(may_be_of("build-77-4f2c1d90", &commit) && !may_be_of("4f2c1d", &commit));
        Ok(())
    }

    #[test]
    fn labels_are_sorted_and_repeatable() -> Result<(), Refused> {
        let slug = Slug::parse("Acme/Shop")?;
        let labels = labels(
            &slug,
            "https://github.com",
            &CommitSha::parse(SHA.as_bytes())?,
            Some("2026-11-20T10:00:00+01:00"),
            "api",
            &ImageTag::parse("x")?,
        );
        let keys: Vec<&str> = labels
            .iter()
            .filter_map(|(key, _)| key.strip_prefix("org.opencontainers.image."))
            .collect();
        assert_eq!(
            keys,
            ["created", "revision", "source", "title", "url", "version"]
        );
        assert_eq!(labels[0].1, "2026-11-20T09:00:00Z");
        Ok(())
    }
}
