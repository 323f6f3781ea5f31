//! The repository's history, asked of the checkout first and of GitHub second.
//!
//! The checkout costs nothing and is exact, but it may be shallow, partial, strange or absent. Where it cannot answer, GitHub is
//! asked; where neither can, the answer says so and is never "nothing changed". What moves (a branch's tip, which tags there are)
//! is GitHub's to say, because a checkout shows it as it was.

mod branches;
mod changes;
mod order;

pub use changes::Movement;
pub use order::{Ancestry, PreviousRelease};

use git::{Checkout, RepositoryError};
use github::{GitHub, GitHubError};
use model::{CommitName, CommitSha, FailureWord, FileAt};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The largest file that is read from a commit: what GitHub's contents API gives at most.
const LARGEST_FILE: usize = 1 << 20;

/// Paths from the repository's root, as git has them.
type PathBytes = Vec<Vec<u8>>;

/// Where history is read from.
pub struct History {
    checkout: Option<Checkout>,
    github: Option<GitHub>,
    notes: RefCell<Vec<String>>,
    /// The differences that GitHub has told, by base and head: each is asked for once.
    told: RefCell<BTreeMap<(CommitSha, CommitSha), PathBytes>>,
}

/// Why history gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The checkout's reason.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// GitHub's reason.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
    /// The checkout does not have it, and there is no GitHub to ask.
    #[error("the checkout cannot tell {0}, and there is no github api to ask")]
    NobodyToAsk(String),
    /// There are more tags of a kind than are read.
    #[error("there are more than 10,000 tags that begin like {0}")]
    TooManyTags(String),
}

impl HistoryError {
    /// The word for the `failure` output.
    #[must_use]
    pub const fn word(&self) -> FailureWord {
        match self {
            Self::Repository(error) => error.word(),
            Self::GitHub(error) => error.word(),
            Self::NobodyToAsk(_) | Self::TooManyTags(_) => FailureWord::OrderUnknown,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Repository(error) => error.hint(),
            Self::GitHub(error) => error.hint(),
            Self::NobodyToAsk(_) => "give a `github-token`, or check out with `fetch-depth: 0`",
            Self::TooManyTags(_) => "remove old tags, or begin a new series of them",
        }
    }
}

impl History {
    /// Reads from what there is. A checkout that could not be opened is noted and left out.
    #[must_use]
    pub fn new(
        checkout: Result<Option<Checkout>, RepositoryError>,
        github: Option<GitHub>,
    ) -> Self {
        let (checkout, note) = match checkout {
            Ok(checkout) => (checkout, None),
            Err(error) => (None, Some(format!("the checkout is not used: {error}"))),
        };
        Self {
            checkout,
            github,
            notes: RefCell::new(note.into_iter().collect()),
            told: RefCell::default(),
        }
    }

    /// The checkout, where there is one that can be used.
    #[must_use]
    pub const fn checkout(&self) -> Option<&Checkout> {
        self.checkout.as_ref()
    }

    /// GitHub, where there is one to ask.
    #[must_use]
    pub const fn github(&self) -> Option<&GitHub> {
        self.github.as_ref()
    }

    /// What the log should say about how the answers were found, each sentence once.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.borrow().clone()
    }

    /// What a commit has at a path, a file of at most 1 MiB.
    ///
    /// # Errors
    /// [`HistoryError`]; that the commit is nowhere is an answer, [`FileAt::CommitMissing`].
    pub async fn file_at(&self, commit: &CommitSha, path: &str) -> Result<FileAt, HistoryError> {
        let found = self.local(|checkout| {
            let found = checkout.file_at(commit, path, LARGEST_FILE)?;
            Ok((found != FileAt::CommitMissing).then_some(found))
        })?;
        match (found, &self.github) {
            (Some(found), _) => Ok(found),
            (None, Some(github)) => Ok(github.file_at(commit, path).await?),
            (None, None) => Ok(FileAt::CommitMissing),
        }
    }

    /// Follows annotated tags to their commit; `None` when there is no such object.
    ///
    /// # Errors
    /// [`HistoryError`], also for a tag of a tree or a blob.
    pub async fn peel(&self, object: &CommitSha) -> Result<Option<CommitSha>, HistoryError> {
        match (self.local(|checkout| checkout.peel(object))?, &self.github) {
            (Some(commit), _) => Ok(Some(commit)),
            (None, Some(github)) => Ok(github.peel(object).await?),
            (None, None) => Ok(None),
        }
    }

    /// The commit that a person means; `None` when there is no such commit.
    ///
    /// In a shallow clone digits may seem to be enough that are not, so GitHub is asked where there is one.
    ///
    /// # Errors
    /// [`HistoryError`], also for digits that several commits begin with.
    pub async fn resolve(&self, name: &CommitName) -> Result<Option<CommitSha>, HistoryError> {
        let digits = match name {
            CommitName::Full(sha) => return self.peel(sha).await,
            CommitName::Abbreviated(digits) => digits,
        };
        let sees_all = |checkout: &Checkout| !checkout.is_shallow() || self.github.is_none();
        let found = self.local(|checkout| {
            if sees_all(checkout) {
                checkout.resolve(digits)
            } else {
                Ok(None)
            }
        })?;
        match (found, &self.github) {
            (Some(commit), _) => Ok(Some(commit)),
            (None, Some(github)) => Ok(github.commit(name).await?.map(|(commit, _)| commit)),
            (None, None) => Ok(None),
        }
    }

    /// When a commit was made by its committer (RFC 3339, in UTC), where that can be found out.
    pub async fn commit_time(&self, commit: &CommitSha) -> Option<String> {
        if let Some(time) = self
            .checkout
            .as_ref()
            .and_then(|checkout| checkout.commit_time(commit))
        {
            return Some(time);
        }
        match self
            .github
            .as_ref()?
            .commit(&CommitName::Full(*commit))
            .await
        {
            Ok(found) => found.map(|(_, time)| time),
            Err(error) => {
                self.note(error.to_string());
                None
            }
        }
    }

    /// What the checkout says; `None` where it cannot say, or cannot be used for this, which is noted.
    fn local<T>(
        &self,
        ask: impl FnOnce(&Checkout) -> Result<Option<T>, RepositoryError>,
    ) -> Result<Option<T>, RepositoryError> {
        let Some(checkout) = &self.checkout else {
            return Ok(None);
        };
        match ask(checkout) {
            Err(error) if !error.is_final() => {
                self.note(format!("the checkout is not used for this: {error}"));
                Ok(None)
            }
            answer => answer,
        }
    }

    fn note(&self, note: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
}

#[cfg(test)]
mod testing {
    use super::*;
    use git::testing::Repo;
    use github::testing::{ExpectedRequest, Server, found};

    /// A commit that no test repository has.
    pub(crate) const ELSEWHERE: CommitSha = CommitSha::from_bytes([0x11; 20]);
    /// Another one.
    pub(crate) const FAR_AWAY: CommitSha = CommitSha::from_bytes([0x22; 20]);

    /// A history with only a checkout.
    pub(crate) fn local(repo: &Repo) -> History {
        History::new(Ok(Some(repo.checkout())), None)
    }

    /// A history with only GitHub.
    pub(crate) fn remote(server: &Server) -> History {
        History::new(Ok(None), Some(server.github()))
    }

    /// A history with both.
    pub(crate) fn both(repo: &Repo, server: &Server) -> History {
        History::new(Ok(Some(repo.checkout())), Some(server.github()))
    }

    /// GitHub's answer for a commit with a tree.
    pub(crate) fn commit(sha: &CommitSha, tree: &str) -> ExpectedRequest {
        let body = format!(
            r#"{{"sha":"{sha}","tree":{{"sha":"{tree}"}},"committer":{{"date":"2026-01-02T03:04:05Z"}}}}"#
        );
        found(&format!("git/commits/{sha}"), &body)
    }

    /// GitHub's answer for a tree with one file.
    pub(crate) fn tree(name: &str, path: &str, blob: &str) -> ExpectedRequest {
        let body = format!(
            r#"{{"tree":[{{"path":"{path}","mode":"100644","sha":"{blob}"}}],"truncated":false}}"#
        );
        found(&format!("git/trees/{name}?recursive=1"), &body)
    }

    /// GitHub's answer for two commits.
    pub(crate) fn comparison(
        base: &CommitSha,
        head: &CommitSha,
        status: &str,
        merge_base: &CommitSha,
        files: &str,
    ) -> ExpectedRequest {
        let body = format!(
            r#"{{"status":"{status}","merge_base_commit":{{"sha":"{merge_base}"}},"files":{files}}}"#
        );
        found(&format!("compare/{base}...{head}"), &body)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{ELSEWHERE, both, commit, local, remote};
    use super::*;
    use git::Trust;
    use git::testing::Repo;
    use github::testing::{Server, missing};

    #[tokio::test]
    async fn a_checkout_that_is_refused_is_noted_and_github_is_asked() {
        let repo = Repo::new();
        repo.commit(&[("a", "1")]);
        std::fs::write(
            repo.path().join(".git/objects/info/alternates"),
            "/elsewhere\n",
        )
        .unwrap();
        let server = Server::start(vec![commit(&ELSEWHERE, "t")]);
        let history = History::new(
            Checkout::open(repo.path(), Trust::OnRunner),
            Some(server.github()),
        );
        assert_eq!(history.peel(&ELSEWHERE).await, Ok(Some(ELSEWHERE)));
        server.finish();
        assert!(history.checkout().is_none());
        assert_eq!(
            history.notes(),
            [
                "the checkout is not used: the workspace's .git/objects/info/alternates is a file, \
              wanted none: objects come from this workspace only"
            ]
        );
    }

    #[tokio::test]
    async fn what_the_checkout_has_costs_no_request() {
        let repo = Repo::new();
        let head = repo.commit(&[("a", "text")]);
        repo.git(&["tag", "-a", "-m", "x", "prod-1"]);
        let server = Server::start(vec![]);
        let history = both(&repo, &server);
        assert_eq!(history.peel(&repo.sha("prod-1")).await, Ok(Some(head)));
        assert_eq!(
            history.file_at(&head, "a").await,
            Ok(FileAt::File(b"text".to_vec()))
        );
        assert_eq!(history.file_at(&head, "b").await, Ok(FileAt::Absent));
        assert_eq!(
            history
                .resolve(&CommitName::parse(head.short(8).as_bytes()).unwrap())
                .await,
            Ok(Some(head))
        );
        assert!(history.commit_time(&head).await.is_some());
        assert!(history.notes().is_empty());
        server.finish();
    }

    #[tokio::test]
    async fn what_the_checkout_lacks_is_asked_of_github() {
        let repo = Repo::new();
        repo.commit(&[("a", "text")]);
        let server = Server::start(vec![
            missing(&format!("contents/a?ref={ELSEWHERE}")),
            commit(&ELSEWHERE, "t"),
            commit(&ELSEWHERE, "t"),
        ]);
        let history = both(&repo, &server);
        assert_eq!(history.file_at(&ELSEWHERE, "a").await, Ok(FileAt::Absent));
        assert_eq!(
            history.resolve(&CommitName::Full(ELSEWHERE)).await,
            Ok(Some(ELSEWHERE))
        );
        assert_eq!(
            history.commit_time(&ELSEWHERE).await,
            Some("2026-01-02T03:04:05Z".into())
        );
        server.finish();
        assert_eq!(
            local(&repo).file_at(&ELSEWHERE, "a").await,
            Ok(FileAt::CommitMissing)
        );
    }

    #[tokio::test]
    async fn digits_in_a_shallow_clone_are_asked_of_github() {
        let origin = Repo::new();
        origin.commit(&[("a", "1")]);
        let head = origin.commit(&[("a", "2")]);
        let clone = Repo::clone_of(&origin, &["--depth=1"]);
        let name = CommitName::parse(head.short(7).as_bytes()).unwrap();
        let server = Server::start(vec![missing(&format!("commits/{name}?per_page=1"))]);
        assert_eq!(both(&clone, &server).resolve(&name).await, Ok(None));
        server.finish();
        assert_eq!(local(&clone).resolve(&name).await, Ok(Some(head)));
    }

    #[tokio::test]
    async fn a_tag_on_no_commit_is_not_asked_about_twice() {
        let repo = Repo::new();
        repo.commit(&[("a", "1")]);
        repo.git(&["tag", "-a", "-m", "x", "odd", "HEAD:a"]);
        let server = Server::start(vec![]);
        let refused = both(&repo, &server)
            .peel(&repo.sha("odd"))
            .await
            .unwrap_err();
        assert_eq!(refused.word(), FailureWord::BadEvent);
        server.finish();
    }

    #[tokio::test]
    async fn a_damaged_checkout_is_noted_and_github_is_asked() {
        let repo = Repo::new();
        let head = repo.commit(&[("a", "1")]);
        let name = head.to_string();
        let object = repo
            .path()
            .join(".git/objects")
            .join(&name[..2])
            .join(&name[2..]);
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&object, "damaged").unwrap();
        let server = Server::start(vec![commit(&head, "t")]);
        let history = both(&repo, &server);
        assert_eq!(history.peel(&head).await, Ok(Some(head)));
        server.finish();
        assert!(
            history.notes()[0].starts_with("the checkout is not used for this: git object"),
            "{:?}",
            history.notes()
        );
        let server = Server::start(vec![
            missing(&format!("git/commits/{head}")),
            missing(&format!("git/tags/{head}")),
        ]);
        assert_eq!(remote(&server).peel(&head).await, Ok(None));
        server.finish();
    }
}
