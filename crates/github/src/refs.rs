//! Tags, branches and commits by name.

use super::address::escape;
use super::{GitHub, GitHubError};
use model::{CommitName, CommitSha, Untrusted};
use serde::Deserialize;

/// How many tags may stand on one another.
const DEEPEST: usize = 8;
/// How many tags with one prefix are read.
const MOST_TAGS: usize = 10_000;

/// A tag of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitTag {
    /// Its short name, as foreign as any.
    pub name: String,
    /// The object it points to.
    pub object: CommitSha,
    /// Whether that is a tag object, still to be peeled.
    pub is_annotated: bool,
}

#[derive(Deserialize)]
struct RefWire {
    #[serde(rename = "ref")]
    name: String,
    object: RefTargetWire,
}

#[derive(Deserialize)]
struct RefTargetWire {
    #[serde(rename = "type")]
    kind: String,
    sha: String,
}

#[derive(Deserialize)]
struct TagWire {
    object: RefTargetWire,
}

#[derive(Deserialize)]
struct FullCommitWire {
    sha: String,
    commit: CommitterWire,
}

#[derive(Deserialize)]
struct CommitterWire {
    committer: super::tree::WhenWire,
}

#[derive(Deserialize)]
struct RepositoryWire {
    default_branch: String,
}

impl GitHub {
    /// The default branch, short.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn default_branch(&self) -> Result<String, GitHubError> {
        let found: RepositoryWire = self.get("", "the repository").await?;
        Ok(found.default_branch)
    }

    /// Every tag whose name begins with `prefix`; `None` when there are more than 10,000.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn matching_tags(&self, prefix: &str) -> Result<Option<Vec<GitTag>>, GitHubError> {
        let what = format!("tags beginning with {}", Untrusted(prefix.as_bytes()));
        let path = format!("git/matching-refs/tags/{}?per_page=100", escape(prefix));
        let Some(refs) = self.pages::<RefWire>(&path, &what, MOST_TAGS).await? else {
            return Ok(None);
        };
        Ok(Some(
            refs.into_iter()
                .filter_map(RefWire::into_tag)
                .filter(|tag| tag.name.starts_with(prefix))
                .collect(),
        ))
    }

    /// The short names of the branches that begin with `prefix` and that `keep` takes, in GitHub's order; `None` when there are more than
    /// 10,000 with that prefix.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn matching_branches(
        &self,
        prefix: &str,
        keep: impl Fn(&str) -> bool,
    ) -> Result<Option<Vec<String>>, GitHubError> {
        let what = format!("branches beginning with {}", Untrusted(prefix.as_bytes()));
        let path = format!("git/matching-refs/heads/{}?per_page=100", escape(prefix));
        let Some(refs) = self.pages::<RefWire>(&path, &what, MOST_TAGS).await? else {
            return Ok(None);
        };
        let names = refs.into_iter().filter_map(|found| {
            let name = found.name.strip_prefix("refs/heads/")?;
            keep(name).then(|| name.to_owned())
        });
        Ok(Some(names.collect()))
    }

    /// The commit that a tag is on, peeled; `None` when there is no such tag.
    ///
    /// # Errors
    /// [`GitHubError`], also for a tag that is on no commit.
    pub async fn tag_commit(&self, name: &str) -> Result<Option<CommitSha>, GitHubError> {
        let what = format!("tag {}", Untrusted(name.as_bytes()));
        let found: Option<RefWire> = self
            .find(&format!("git/ref/tags/{}", escape(name)), &what)
            .await?;
        match found
            .and_then(RefWire::into_tag)
            .filter(|tag| tag.name == name)
        {
            Some(tag) => self.peel(&tag.object).await,
            None => Ok(None),
        }
    }

    /// Follows annotated tags to their commit; `None` when there is no such commit or tag.
    ///
    /// # Errors
    /// [`GitHubError`], also for a tag of a tree or a blob and for more than 8 tags on one another.
    pub async fn peel(&self, object: &CommitSha) -> Result<Option<CommitSha>, GitHubError> {
        if self.is_commit(object).await? {
            return Ok(Some(*object));
        }
        let mut next = *object;
        for _ in 0..DEEPEST {
            let what = format!("tag object {next}");
            let Some(tag) = self
                .find::<TagWire>(&format!("git/tags/{next}"), &what)
                .await?
            else {
                return Ok(None);
            };
            next = parse(&tag.object.sha, &what)?;
            let kind = match tag.object.kind.as_str() {
                "commit" => return Ok(Some(next)),
                "tag" => continue,
                "tree" => "tree",
                "blob" => "blob",
                _ => "thing unknown",
            };
            return Err(GitHubError::NotACommit { object: next, kind });
        }
        Err(GitHubError::TooDeep(*object))
    }

    /// The tip of a branch; `None` when there is no such branch.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn branch_tip(&self, short: &str) -> Result<Option<CommitSha>, GitHubError> {
        let what = format!("branch {}", Untrusted(short.as_bytes()));
        let found: Option<RefWire> = self
            .find(&format!("git/ref/heads/{}", escape(short)), &what)
            .await?;
        let is_this = |found: &RefWire| found.name.strip_prefix("refs/heads/") == Some(short);
        found
            .filter(is_this)
            .map(|found| parse(&found.object.sha, &what))
            .transpose()
    }

    /// A commit and its committer's time (RFC 3339, in UTC); `None` when there is none of that name, or more than one.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn commit(
        &self,
        name: &CommitName,
    ) -> Result<Option<(CommitSha, String)>, GitHubError> {
        let what = format!("commit {name}");
        let (sha, date) = match name {
            CommitName::Full(sha) => match self.git_commit(sha).await? {
                Some(wire) => (wire.sha, wire.committer.date),
                None => return Ok(None),
            },
            CommitName::Abbreviated(digits) => {
                // One file a page: the files are not asked for, but cannot be left out.
                match self
                    .find::<FullCommitWire>(&format!("commits/{digits}?per_page=1"), &what)
                    .await?
                {
                    // A branch or a tag may bear the digits as its name.
                    Some(wire) if wire.sha.starts_with(digits) => {
                        (wire.sha, wire.commit.committer.date)
                    }
                    _ => return Ok(None),
                }
            }
        };
        let time: jiff::Timestamp = date.parse().map_err(|_| broken(&what, &date))?;
        Ok(Some((parse(&sha, &what)?, time.to_string())))
    }

    pub(super) async fn is_commit(&self, object: &CommitSha) -> Result<bool, GitHubError> {
        Ok(self
            .git_commit(object)
            .await?
            .is_some_and(|commit| commit.sha == object.to_string()))
    }
}

impl RefWire {
    fn into_tag(self) -> Option<GitTag> {
        let name = self.name.strip_prefix("refs/tags/")?.to_owned();
        let object = CommitSha::parse(self.object.sha.as_bytes()).ok()?;
        Some(GitTag {
            name,
            object,
            is_annotated: self.object.kind == "tag",
        })
    }
}

fn parse(sha: &str, what: &str) -> Result<CommitSha, GitHubError> {
    CommitSha::parse(sha.as_bytes()).map_err(|_| broken(what, sha))
}

fn broken(what: &str, value: &str) -> GitHubError {
    let why = format!("it says \"{}\"", Untrusted(value.as_bytes()));
    GitHubError::Broken {
        what: what.to_owned(),
        why,
        trace: Default::default(),
    }
}

/// What fuzzing opens: tags, with what they are on.
#[cfg(fuzzing)]
pub(super) mod fuzzing {
    use super::*;

    pub(crate) fn tags(body: &[u8]) {
        for wire in serde_json::from_slice::<Vec<RefWire>>(body).unwrap_or_default() {
            let name = wire.name.clone();
            if let Some(tag) = wire.into_tag() {
                assert_eq!(name, format!("refs/tags/{}", tag.name));
            }
        }
        let _ = serde_json::from_slice::<TagWire>(body)
            .map(|tag| parse(&tag.object.sha, "tag").is_ok());
        let _ = serde_json::from_slice::<FullCommitWire>(body)
            .map(|commit| (commit.sha, commit.commit.committer.date));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ExpectedRequest, Server, exchange, found, missing};
    use super::*;

    const COMMIT: CommitSha = CommitSha::from_bytes([0x11; 20]);
    const TAG: CommitSha = CommitSha::from_bytes([0x22; 20]);

    fn reference(name: &str, kind: &str, sha: &CommitSha) -> String {
        format!(r#"{{"ref":"{name}","object":{{"type":"{kind}","sha":"{sha}"}}}}"#)
    }

    fn commit(sha: &CommitSha) -> ExpectedRequest {
        let body = format!(
            r#"{{"sha":"{sha}","tree":{{"sha":"t"}},"committer":{{"date":"2026-01-02T03:04:05+02:00"}}}}"#
        );
        found(&format!("git/commits/{sha}"), &body)
    }

    fn tag(sha: &CommitSha, kind: &str, target: &CommitSha) -> ExpectedRequest {
        found(
            &format!("git/tags/{sha}"),
            &format!(r#"{{"object":{{"type":"{kind}","sha":"{target}"}}}}"#),
        )
    }

    fn no_commit(sha: &CommitSha) -> ExpectedRequest {
        missing(&format!("git/commits/{sha}"))
    }

    async fn peel(
        script: Vec<ExpectedRequest>,
        object: &CommitSha,
    ) -> Result<Option<CommitSha>, GitHubError> {
        let server = Server::start(script);
        let answer = server.github().peel(object).await;
        server.finish();
        answer
    }

    #[tokio::test]
    async fn the_default_branch_is_the_repositorys() {
        let repository = exchange(
            "/api/v3/repos/acme/shop",
            200,
            &[],
            r#"{"id":1,"default_branch":"trunk"}"#,
        );
        let server = Server::start(vec![repository]);
        assert_eq!(server.github().default_branch().await, Ok("trunk".into()));
        server.finish();
    }

    #[tokio::test]
    async fn tags_are_listed_with_what_they_point_to() {
        let list = [
            reference("refs/tags/prod-1", "commit", &COMMIT),
            reference("refs/tags/prod-10", "tag", &TAG),
            reference("refs/heads/prod-2", "commit", &COMMIT),
        ];
        let body = format!("[{}]", list.join(","));
        let server = Server::start(vec![found(
            "git/matching-refs/tags/prod-?per_page=100",
            &body,
        )]);
        let tags = server
            .github()
            .matching_tags("prod-")
            .await
            .unwrap()
            .unwrap();
        server.finish();
        let wanted = [
            GitTag {
                name: "prod-1".into(),
                object: COMMIT,
                is_annotated: false,
            },
            GitTag {
                name: "prod-10".into(),
                object: TAG,
                is_annotated: true,
            },
        ];
        assert_eq!(tags, wanted);
    }

    #[tokio::test]
    async fn tags_are_peeled_to_their_commit() {
        let inner = CommitSha::from_bytes([0x33; 20]);
        assert_eq!(peel(vec![commit(&COMMIT)], &COMMIT).await, Ok(Some(COMMIT)));
        let script = vec![
            no_commit(&TAG),
            tag(&TAG, "tag", &inner),
            tag(&inner, "commit", &COMMIT),
        ];
        assert_eq!(peel(script, &TAG).await, Ok(Some(COMMIT)));
        let script = vec![no_commit(&TAG), missing(&format!("git/tags/{TAG}"))];
        assert_eq!(peel(script, &TAG).await, Ok(None));
        let script = vec![no_commit(&TAG), tag(&TAG, "tree", &inner)];
        assert_eq!(
            peel(script, &TAG).await,
            Err(GitHubError::NotACommit {
                object: inner,
                kind: "tree"
            })
        );
        let mut script = vec![no_commit(&TAG)];
        script.extend((0..8).map(|_| tag(&TAG, "tag", &TAG)));
        assert_eq!(peel(script, &TAG).await, Err(GitHubError::TooDeep(TAG)));
    }

    #[tokio::test]
    async fn a_name_is_looked_up_exactly() {
        let server = Server::start(vec![
            found(
                "git/ref/heads/feature/a%20b",
                &reference("refs/heads/feature/a b", "commit", &COMMIT),
            ),
            found(
                "git/ref/heads/ma",
                &reference("refs/heads/main", "commit", &COMMIT),
            ),
            missing("git/ref/heads/none"),
            found(
                "git/ref/tags/prod-1",
                &reference("refs/tags/prod-1", "commit", &COMMIT),
            ),
            commit(&COMMIT),
            missing("git/ref/tags/none"),
        ]);
        let github = server.github();
        assert_eq!(github.branch_tip("feature/a b").await, Ok(Some(COMMIT)));
        assert_eq!(github.branch_tip("ma").await, Ok(None));
        assert_eq!(github.branch_tip("none").await, Ok(None));
        assert_eq!(github.tag_commit("prod-1").await, Ok(Some(COMMIT)));
        assert_eq!(github.tag_commit("none").await, Ok(None));
        server.finish();
    }

    #[tokio::test]
    async fn a_commit_is_found_by_its_digits_and_not_by_a_branch_named_like_them() {
        let full = |sha: &CommitSha| {
            format!(
                r#"{{"sha":"{sha}","commit":{{"committer":{{"date":"2026-01-02T03:04:05Z"}}}}}}"#
            )
        };
        let server = Server::start(vec![
            found("commits/1111111?per_page=1", &full(&COMMIT)),
            found("commits/1111112?per_page=1", &full(&COMMIT)),
            missing("commits/1111113?per_page=1"),
            commit(&COMMIT),
        ]);
        let github = server.github();
        let name = |digits: &str| CommitName::parse(digits.as_bytes()).unwrap();
        assert_eq!(
            github.commit(&name("1111111")).await,
            Ok(Some((COMMIT, "2026-01-02T03:04:05Z".into())))
        );
        assert_eq!(github.commit(&name("1111112")).await, Ok(None));
        assert_eq!(github.commit(&name("1111113")).await, Ok(None));
        assert_eq!(
            github.commit(&CommitName::Full(COMMIT)).await,
            Ok(Some((COMMIT, "2026-01-02T01:04:05Z".into())))
        );
        server.finish();
    }
}
