//! Which commit comes before which, which release before which, and what is newest.

use super::{History, HistoryError};
use decide::ledger::BranchTip;
use git::Checkout;
use github::{AdvertisedRefs, GitHub, GitHubError, Relation};
use model::{CommitRange, CommitSha, Release, ReleaseNumber, ReleaseTemplate, TagReading};

/// Whether one commit is reachable from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ancestry {
    /// It is, or they are the same.
    Yes,
    /// It is not.
    No,
    /// It cannot be found out, because of this.
    Unknown(String),
}

/// The release that comes before another, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreviousRelease {
    /// This one, on this commit.
    Commit(Release, CommitSha),
    /// There is none: the release is the first.
    None,
    /// It cannot be found out, because of this.
    Unknown(String),
}

impl History {
    /// Whether `ancestor` is `descendant` or reachable from it.
    pub async fn is_ancestor(&self, ancestor: &CommitSha, descendant: &CommitSha) -> Ancestry {
        let local = match self.local(|checkout| checkout.is_ancestor(ancestor, descendant)) {
            Ok(local) => local,
            Err(error) => return Ancestry::Unknown(error.to_string()),
        };
        let asked = match &self.github {
            Some(github) if local != Some(true) => Some(
                github
                    .compare(ancestor, descendant)
                    .await
                    .map(|comparison| comparison.relation),
            ),
            _ => None,
        };
        ancestry(local, asked)
    }

    /// Whether a commit is on a branch: at its tip or reachable from it. The tip is GitHub's to say: the checkout's remote-tracking ref is
    /// put on whatever commit an event checks out.
    pub async fn is_on_branch(&self, commit: &CommitSha, branch: &str) -> Ancestry {
        match self.tip(branch).await {
            Ok(Some(tip)) => self.is_ancestor(commit, &tip).await,
            Ok(None) if self.github.is_none() => {
                Ancestry::Unknown("the checkout does not have the branch".into())
            }
            Ok(None) => Ancestry::No,
            Err(error) => Ancestry::Unknown(error.to_string()),
        }
    }

    /// The commits that descend from `head`, up to and with `tip`, the newest first.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn commits_after(
        &self,
        head: &CommitSha,
        tip: &CommitSha,
    ) -> Result<Vec<CommitSha>, String> {
        match self.local(|checkout| checkout.commits_after(head, tip)) {
            Ok(Some(commits)) => return Ok(commits),
            Ok(None) => {}
            Err(error) => return Err(error.to_string()),
        }
        let Some(github) = &self.github else {
            return Err(
                "the checkout does not reach far enough, and there is no github api to ask".into(),
            );
        };
        match github.commits_after(head, tip).await {
            Ok(Some(commits)) => Ok(commits),
            Ok(None) => Err(format!(
                "github does not list every commit between {} and {}",
                head.short(7),
                tip.short(7)
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The commits that `to` has and `from` lacks.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn range(&self, from: &CommitSha, to: &CommitSha) -> Result<CommitRange, String> {
        match self.local(|checkout| checkout.range(from, to)) {
            Ok(Some(range)) => return Ok(range),
            Ok(None) => {}
            Err(error) => return Err(error.to_string()),
        }
        let Some(github) = &self.github else {
            return Err(
                "the checkout does not reach far enough, and there is no github api to ask".into(),
            );
        };
        let range = github.range(from, to).await;
        range.map_err(|error| error.to_string())
    }

    /// The first parent of a commit, its first parent and so on, the nearest first: at most `most`. Where neither the checkout nor GitHub
    /// reaches that far, fewer.
    pub async fn first_parents(&self, head: &CommitSha, most: usize) -> Vec<CommitSha> {
        let local = match self.local(|checkout| checkout.first_parents(head, most)) {
            Ok(Some((chain, true))) => return chain,
            Ok(Some((chain, false))) => chain,
            Ok(None) => Vec::new(),
            Err(error) => {
                self.note(error.to_string());
                return Vec::new();
            }
        };
        let Some(github) = &self.github else {
            return local;
        };
        match github.first_parents(head, most).await {
            Ok(chain) if chain.len() > local.len() => chain,
            Ok(_) => local,
            Err(error) => {
                self.note(error.to_string());
                local
            }
        }
    }

    /// Whether the checkout has the commit.
    #[must_use]
    pub fn has(&self, commit: &CommitSha) -> bool {
        self.checkout
            .as_ref()
            .is_some_and(|checkout| checkout.has(commit))
    }

    /// The release with the next lower number, of those that are tagged.
    pub async fn previous_release(
        &self,
        template: &ReleaseTemplate,
        release: &Release,
    ) -> PreviousRelease {
        let tags = match self.tags_that_have(release) {
            Some(tags) => tags,
            None => match self.tags(template).await {
                Ok(tags) => tags,
                Err(error) => return PreviousRelease::Unknown(error.to_string()),
            },
        };
        let Some((previous, object)) = highest(template, &tags, Some(release.number())) else {
            return PreviousRelease::None;
        };
        match self.peel(&object).await {
            Ok(Some(commit)) => PreviousRelease::Commit(previous, commit),
            Ok(None) => PreviousRelease::Unknown(format!("the commit of {previous} is not there")),
            Err(error) => {
                PreviousRelease::Unknown(format!("the commit of {previous} is not known: {error}"))
            }
        }
    }

    /// The tagged release with the highest number.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn highest_release(
        &self,
        template: &ReleaseTemplate,
    ) -> Result<Option<Release>, HistoryError> {
        let tags = self.tags(template).await?;
        Ok(highest(template, &tags, None).map(|(release, _)| release))
    }

    /// The release that the next tag would make; `None` when numbers have run out.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn next_release(
        &self,
        template: &ReleaseTemplate,
    ) -> Result<Option<Release>, HistoryError> {
        let highest = self.highest_release(template).await?;
        Ok(template.next(highest.map(|release| release.number())))
    }

    /// A branch's tip now: from GitHub's API, else by git's own protocol. `None` when there is no such branch. Only where there is no GitHub to ask
    /// at all, as on a laptop, it is where the checkout last saw it.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn tip(&self, branch: &str) -> Result<Option<CommitSha>, HistoryError> {
        let Some(github) = &self.github else {
            let seen = self
                .checkout
                .as_ref()
                .and_then(|checkout| checkout.branch_tip(branch));
            if seen.is_some() {
                self.note("the branch's tip is the one that the checkout last saw".to_owned());
            }
            return Ok(seen);
        };
        let error = match github.branch_tip(branch).await {
            Ok(Some(tip)) => return Ok(Some(tip)),
            // Who may not read the repository is told of no branch either.
            Ok(None) => return Ok(github.advertised_refs().await?.branch(branch)),
            Err(error) => error,
        };
        match self.advertised(github, &error).await {
            Some(refs) => Ok(refs.branch(branch)),
            None => Err(error.into()),
        }
    }

    /// A branch's tip now. What a checkout last saw may be old, and nothing is taken for newest by it.
    pub async fn present_tip(&self, branch: &str) -> BranchTip {
        if self.github.is_none() {
            return BranchTip::Unknown("there is no github api to ask".into());
        }
        match self.tip(branch).await {
            Ok(Some(tip)) => BranchTip::At(tip),
            Ok(None) => BranchTip::Gone,
            Err(error) => BranchTip::Unknown(error.to_string()),
        }
    }

    /// The refs by git's own protocol, where the API gave no answer.
    async fn advertised(&self, github: &GitHub, error: &GitHubError) -> Option<AdvertisedRefs> {
        if !is_no_answer(error) {
            return None;
        }
        match github.advertised_refs().await {
            Ok(refs) => {
                self.note(format!("{error}; git's own protocol was asked instead"));
                Some(refs)
            }
            Err(second) => {
                self.note(second.to_string());
                None
            }
        }
    }

    /// The commit that a tag is on now, peeled: from GitHub's API, else by git's own protocol, else, where there is no GitHub to ask at all, from
    /// the checkout. `None` when there is no such tag.
    ///
    /// # Errors
    /// [`HistoryError`], also for a tag that is on no commit.
    pub async fn tag_commit(&self, name: &str) -> Result<Option<CommitSha>, HistoryError> {
        let Some(github) = &self.github else {
            let tags = self.checkout.as_ref().map(Checkout::tags);
            let found = tags
                .unwrap_or_default()
                .into_iter()
                .find(|(tag, _)| tag == name);
            let Some((_, object)) = found else {
                return Ok(None);
            };
            self.note("the tag is where the checkout last saw it".to_owned());
            return self.peel(&object).await;
        };
        let error = match github.tag_commit(name).await {
            Ok(commit) => return Ok(commit),
            Err(error) => error,
        };
        match self.advertised(github, &error).await {
            Some(refs) => Ok(refs.tag(name)),
            None => Err(error.into()),
        }
    }

    /// The release tags that stand now, each with the object that it is on, which may have to be peeled. Only GitHub says it.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn release_tags(
        &self,
        template: &ReleaseTemplate,
    ) -> Result<Vec<(Release, CommitSha)>, String> {
        if self.github.is_none() {
            return Err("there is no github api to ask".into());
        }
        let tags = self
            .tags(template)
            .await
            .map_err(|error| error.to_string())?;
        Ok(releases(template, &tags))
    }

    /// The checkout's tags, if it is complete and has the tag of this very release: then it was fetched with all of them.
    fn tags_that_have(&self, release: &Release) -> Option<Vec<(String, CommitSha)>> {
        let tags = self
            .checkout
            .as_ref()
            .filter(|checkout| !checkout.is_shallow())?
            .tags();
        tags.iter()
            .any(|(name, _)| name == release.tag().as_str())
            .then_some(tags)
    }

    /// Every tag that may be a release; without GitHub, those of a complete checkout.
    async fn tags(
        &self,
        template: &ReleaseTemplate,
    ) -> Result<Vec<(String, CommitSha)>, HistoryError> {
        let Some(github) = &self.github else {
            return self
                .checkout
                .as_ref()
                .filter(|checkout| !checkout.is_shallow())
                .map(Checkout::tags)
                .ok_or_else(|| {
                    HistoryError::NobodyToAsk(format!("which tags {template} there are"))
                });
        };
        let error = match github.matching_tags(template.prefix()).await {
            Ok(Some(tags)) => {
                return Ok(tags.into_iter().map(|tag| (tag.name, tag.object)).collect());
            }
            Ok(None) => return Err(HistoryError::TooManyTags(template.to_string())),
            Err(error) => error,
        };
        match self.advertised(github, &error).await {
            Some(refs) => Ok(refs.tags(template.prefix())),
            None => Err(error.into()),
        }
    }
}

/// Whether the API gave no answer at all: then git's own protocol may.
const fn is_no_answer(error: &GitHubError) -> bool {
    match error {
        GitHubError::Unavailable { .. }
        | GitHubError::Untrusted { .. }
        | GitHubError::ProxyDenied { .. }
        | GitHubError::RateLimited { .. }
        | GitHubError::Denied { .. }
        | GitHubError::Broken { .. }
        | GitHubError::TooLarge { .. } => true,
        GitHubError::NotFound { .. }
        | GitHubError::Rejected { .. }
        | GitHubError::NotACommit { .. }
        | GitHubError::TooDeep(_) => false,
    }
}

/// What to make of the checkout's answer and of GitHub's, how the descendant stands to the ancestor.
fn ancestry(local: Option<bool>, asked: Option<Result<Relation, GitHubError>>) -> Ancestry {
    match (local, asked) {
        (Some(true), _) | (_, Some(Ok(Relation::Ahead | Relation::Identical))) => Ancestry::Yes,
        (_, Some(Ok(Relation::Behind | Relation::Diverged | Relation::Unrelated))) => Ancestry::No,
        // The checkout says no only when it has seen every commit that could have said yes.
        (Some(false), None | Some(Err(_))) => Ancestry::No,
        (None, Some(Err(error))) => Ancestry::Unknown(error.to_string()),
        (None, None) => Ancestry::Unknown(
            "the checkout does not reach far enough, and there is no github api to ask".into(),
        ),
    }
}

/// The tags that are releases.
fn releases(template: &ReleaseTemplate, tags: &[(String, CommitSha)]) -> Vec<(Release, CommitSha)> {
    let mut found = Vec::new();
    for (name, object) in tags {
        match template.read(name) {
            TagReading::Release(release) => found.push((release, *object)),
            TagReading::Malformed | TagReading::Foreign => {}
        }
    }
    found
}

/// The release with the highest number, below a number where one is given.
fn highest(
    template: &ReleaseTemplate,
    tags: &[(String, CommitSha)],
    below: Option<ReleaseNumber>,
) -> Option<(Release, CommitSha)> {
    releases(template, tags)
        .into_iter()
        .filter(|(release, _)| below.is_none_or(|below| release.number() < below))
        .max_by_key(|(release, _)| release.number())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ELSEWHERE, FAR_AWAY, both, commit, comparison, local, remote};
    use super::*;
    use git::testing::Repo;
    use github::Trace;
    use github::testing::{ExpectedRequest, Server, closed, exchange, found, missing};

    fn template() -> ReleaseTemplate {
        ReleaseTemplate::parse("prod-{number}").unwrap()
    }

    fn release(tag: &str) -> Release {
        match template().read(tag) {
            TagReading::Release(release) => release,
            reading @ (TagReading::Malformed | TagReading::Foreign) => panic!("{reading:?}"),
        }
    }

    fn tags(list: &[(&str, &str, CommitSha)]) -> ExpectedRequest {
        let entry = |(name, kind, sha): &(&str, &str, CommitSha)| {
            format!(r#"{{"ref":"refs/tags/{name}","object":{{"type":"{kind}","sha":"{sha}"}}}}"#)
        };
        let entries: Vec<_> = list.iter().map(entry).collect();
        found(
            "git/matching-refs/tags/prod-?per_page=100",
            &format!("[{}]", entries.join(",")),
        )
    }

    #[test]
    fn the_better_answer_about_ancestry_counts() {
        let failed = || {
            Err(GitHubError::RateLimited {
                trace: Trace::default(),
            })
        };
        let table = [
            (Some(true), None, Ancestry::Yes),
            (None, Some(Ok(Relation::Ahead)), Ancestry::Yes),
            (None, Some(Ok(Relation::Identical)), Ancestry::Yes),
            (None, Some(Ok(Relation::Behind)), Ancestry::No),
            (None, Some(Ok(Relation::Diverged)), Ancestry::No),
            (None, Some(Ok(Relation::Unrelated)), Ancestry::No),
            (Some(false), Some(Ok(Relation::Ahead)), Ancestry::Yes),
            (Some(false), Some(Ok(Relation::Diverged)), Ancestry::No),
            (Some(false), Some(failed()), Ancestry::No),
            (Some(false), None, Ancestry::No),
            (
                None,
                Some(failed()),
                Ancestry::Unknown("github limits our requests (no reply)".into()),
            ),
        ];
        for (local, asked, wanted) in table {
            assert_eq!(
                ancestry(local, asked.clone()),
                wanted,
                "{local:?} {asked:?}"
            );
        }
        assert!(matches!(ancestry(None, None), Ancestry::Unknown(_)));
    }

    #[tokio::test]
    async fn an_ancestor_in_the_checkout_costs_no_request_and_a_refusal_is_asked_again() {
        let repo = Repo::new();
        let old = repo.commit(&[("a", "1")]);
        let new = repo.commit(&[("a", "2")]);
        let server = Server::start(vec![comparison(&new, &old, "behind", &old, "[]")]);
        let history = both(&repo, &server);
        assert_eq!(history.is_ancestor(&old, &new).await, Ancestry::Yes);
        assert_eq!(history.is_ancestor(&new, &old).await, Ancestry::No);
        server.finish();
        assert_eq!(local(&repo).is_ancestor(&new, &old).await, Ancestry::No);
        assert!(matches!(
            local(&repo).is_ancestor(&ELSEWHERE, &old).await,
            Ancestry::Unknown(_)
        ));
    }

    #[test]
    fn releases_are_ordered_as_integers_and_only_real_ones_count() {
        let names = [
            "prod-9",
            "prod-10",
            "prod-2",
            "prod-011",
            "prod-11-x",
            "prod-",
            "PROD-99",
            "production-50",
            "prod-12",
        ];
        let tags: Vec<_> = names
            .iter()
            .map(|name| ((*name).to_owned(), ELSEWHERE))
            .collect();
        let before = |tag: &str| {
            highest(&template(), &tags, Some(release(tag).number()))
                .map(|(release, _)| release.to_string())
        };
        assert_eq!(before("prod-11").as_deref(), Some("prod-10"));
        assert_eq!(before("prod-10").as_deref(), Some("prod-9"));
        assert_eq!(before("prod-2"), None);
        assert_eq!(
            highest(&template(), &tags, None)
                .map(|(release, _)| release.to_string())
                .as_deref(),
            Some("prod-12")
        );
    }

    #[tokio::test]
    async fn a_complete_clone_with_this_very_tag_knows_the_previous_release() {
        let origin = Repo::new();
        let first = origin.commit(&[("a", "1")]);
        origin.git(&["tag", "-a", "-m", "x", "prod-9"]);
        origin.commit(&[("a", "2")]);
        origin.git(&["tag", "prod-10"]);
        let server = Server::start(vec![]);
        let wanted = PreviousRelease::Commit(release("prod-9"), first);
        assert_eq!(
            both(&origin, &server)
                .previous_release(&template(), &release("prod-10"))
                .await,
            wanted
        );
        assert_eq!(
            local(&origin)
                .previous_release(&template(), &release("prod-9"))
                .await,
            PreviousRelease::None
        );
        server.finish();
        let asked = || {
            vec![tags(&[
                ("prod-10", "commit", FAR_AWAY),
                ("prod-9", "commit", first),
            ])]
        };
        let shallow = Repo::clone_of(&origin, &["--depth=1"]);
        let server = Server::start([asked(), vec![commit(&first, "t")]].concat());
        assert_eq!(
            both(&shallow, &server)
                .previous_release(&template(), &release("prod-10"))
                .await,
            wanted
        );
        server.finish();
        let without_tags = Repo::clone_of(&origin, &["--no-tags"]);
        let server = Server::start(asked());
        assert_eq!(
            both(&without_tags, &server)
                .previous_release(&template(), &release("prod-10"))
                .await,
            wanted
        );
        server.finish();
        let answer = local(&shallow)
            .previous_release(&template(), &release("prod-10"))
            .await;
        assert!(matches!(answer, PreviousRelease::Unknown(_)), "{answer:?}");
    }

    #[tokio::test]
    async fn an_annotated_previous_release_is_peeled_by_github() {
        let server = Server::start(vec![
            tags(&[("prod-1", "tag", FAR_AWAY), ("prod-2", "commit", ELSEWHERE)]),
            missing(&format!("git/commits/{FAR_AWAY}")),
            found(
                &format!("git/tags/{FAR_AWAY}"),
                &format!(r#"{{"object":{{"type":"commit","sha":"{ELSEWHERE}"}}}}"#),
            ),
        ]);
        let answer = remote(&server)
            .previous_release(&template(), &release("prod-2"))
            .await;
        assert_eq!(
            answer,
            PreviousRelease::Commit(release("prod-1"), ELSEWHERE)
        );
        server.finish();
    }

    #[tokio::test]
    async fn the_next_release_follows_the_highest() {
        let server = Server::start(vec![
            tags(&[
                ("prod-9", "commit", ELSEWHERE),
                ("prod-10", "commit", ELSEWHERE),
            ]),
            tags(&[]),
        ]);
        let history = remote(&server);
        assert_eq!(
            history.next_release(&template()).await,
            Ok(Some(release("prod-11")))
        );
        assert_eq!(
            history.next_release(&template()).await,
            Ok(Some(release("prod-1")))
        );
        server.finish();
        let nobody = History::new(Ok(None), None)
            .next_release(&template())
            .await
            .unwrap_err();
        assert_eq!(
            nobody.to_string(),
            "the checkout cannot tell which tags prod-{number} there are, and there is no github api to ask"
        );
    }

    #[tokio::test]
    async fn a_tip_is_githubs_to_say() {
        let repo = Repo::new();
        let seen = repo.commit(&[("a", "1")]);
        repo.git(&["tag", "prod-1"]);
        let reference = |name: &str| {
            format!(r#"{{"ref":"{name}","object":{{"type":"commit","sha":"{ELSEWHERE}"}}}}"#)
        };
        let server = Server::start(vec![
            found("git/ref/heads/main", &reference("refs/heads/main")),
            found("git/ref/tags/prod-1", &reference("refs/tags/prod-1")),
            commit(&ELSEWHERE, "t"),
        ]);
        let history = both(&repo, &server);
        assert_eq!(history.tip("main").await, Ok(Some(ELSEWHERE)));
        assert_eq!(history.tag_commit("prod-1").await, Ok(Some(ELSEWHERE)));
        server.finish();
        let alone = local(&repo);
        assert_eq!(alone.tip("main").await, Ok(Some(seen)));
        assert_eq!(alone.tag_commit("prod-1").await, Ok(Some(seen)));
        assert_eq!(alone.tag_commit("prod-2").await, Ok(None));
        let notes = [
            "the branch's tip is the one that the checkout last saw",
            "the tag is where the checkout last saw it",
        ];
        assert_eq!(alone.notes(), notes);
    }

    #[tokio::test]
    async fn what_the_api_cannot_say_git_does_and_never_the_checkout() {
        let repo = Repo::new();
        repo.commit(&[("a", "1")]);
        repo.git(&["tag", "prod-1"]);
        let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
        let list = line("# service=git-upload-pack\n")
            + "0000"
            + &line(&format!("{ELSEWHERE} refs/heads/main\0x\n"))
            + &line(&format!("{FAR_AWAY} refs/tags/prod-1\n"))
            + "0000";
        let git = |status: u16| {
            let path = "/acme/shop.git/info/refs?service=git-upload-pack";
            exchange(path, status, &[], &list)
        };
        // Who was silent three times is asked once from then on.
        let mut script: Vec<ExpectedRequest> = ["git/ref/heads/main"; 3].map(closed).to_vec();
        script.push(git(200));
        for path in ["git/ref/heads/other", "git/ref/tags/prod-1"] {
            script.extend([closed(path), git(200)]);
        }
        script.extend([
            closed("git/matching-refs/tags/prod-?per_page=100"),
            git(200),
            closed("git/ref/heads/main"),
            git(503),
        ]);
        let server = Server::start(script);
        let history = both(&repo, &server);
        assert_eq!(history.tip("main").await, Ok(Some(ELSEWHERE)));
        assert_eq!(history.present_tip("other").await, BranchTip::Gone);
        assert_eq!(history.tag_commit("prod-1").await, Ok(Some(FAR_AWAY)));
        assert_eq!(
            history.release_tags(&template()).await,
            Ok(vec![(release("prod-1"), FAR_AWAY)])
        );
        assert!(matches!(
            history.present_tip("main").await,
            BranchTip::Unknown(_)
        ));
        server.finish();
    }
}
