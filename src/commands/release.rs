//! `release`: gives a commit the next release number of an environment, by making that git tag.
//!
//! GitHub gives a name to one run only, so two runs never get the same number: the loser looks whose the tag is, and goes on above it. A
//! commit that has a number keeps it. Whatever the answer to making a tag was, the tag itself is looked at before another number is taken.

use crate::context::{CommandOutcome, Context, Stop, Writers};
use crate::failure::{Failure, ReleaseRefusal, UPDATE_FAILED};
use crate::gate::required_environment;
use crate::history::{Ancestry, HistoryError};
use crate::resolve::{
    self, ReleaseCandidate, candidate_of_dispatch, candidate_of_push, needs_github,
};
use crate::tags::existing_tags;
use decide::{NoNumber, number};
use github::{GitHub, GitHubError, GitTag, TagMade, TagWriter};
use http_client::sleep;
use model::{CommitSha, Level, Notice, Outcome, Release, ReleaseNumber, TagReading, Trigger};
use report::Released;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a number is tried for: so many others would have to come first.
const TRIES: usize = 100;
/// The first and the longest pause after a lost race.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How often a tag is looked for that GitHub says is there: it may show it some moments later.
const LOOKS: usize = 6;
/// How many annotated tags are followed to their commit by asking GitHub. Those of a checkout cost nothing, and our own are not annotated.
const ANNOTATED: usize = 100;
/// How often GitHub may fail to make a tag without a reason.
const STUMBLES: usize = 2;
/// How long the registry may take to list its tags.
const LISTING: Duration = Duration::from_secs(120);

/// What became of the commit.
enum Numbered {
    /// Its tag was made in this run.
    Made(Release),
    /// It had that number already.
    Found(Release),
    /// It would get it.
    Would(Release),
}

/// Gives the commit its number.
pub(super) async fn run(
    context: &Context,
    writers: Option<&Writers<'_>>,
) -> Result<CommandOutcome, Stop> {
    let candidate = match &context.trigger {
        Trigger::Push(push) => candidate_of_push(context, push).await?,
        Trigger::Dispatch(dispatch) => candidate_of_dispatch(context, dispatch).await?,
        Trigger::Nothing(why) => return Err(resolve::nothing(why)),
        Trigger::PullRequest(_) | Trigger::Closed(_) | Trigger::MergeGroup(_) => {
            let why = "a release is made of a commit of a branch: a pull request or merge group is none yet";
            return Err(Failure::WrongEvent(why.into()).into());
        }
        Trigger::Refused(why) => return Err(Failure::WrongEvent(why.clone()).into()),
    };
    let github = context.clients.history.github().ok_or_else(needs_github)?;
    let writer = match writers {
        Some(writers) => Some(writers.github.as_ref().ok_or_else(needs_github)?.tags),
        None => None,
    };
    let numbered = numbered(context, github, writer, &candidate).await?;
    Ok(conclude(context, &candidate, numbered))
}

/// Finds the commit's number, or gets it one.
async fn numbered(
    context: &Context,
    github: &GitHub,
    writer: Option<TagWriter<'_>>,
    candidate: &ReleaseCandidate,
) -> Result<Numbered, Failure> {
    let ReleaseCandidate {
        manifest,
        environment,
        commit,
        wanted,
        ..
    } = candidate;
    let mut seen = FollowedTags::default();
    let first = releases(github, candidate).await?;
    if let Some(release) = own(context, github, &first, commit, &mut seen).await? {
        return found(candidate, release);
    }
    required_environment::check_commit(context, manifest, &environment.name, *commit).await?;
    let mut taken = in_registry(context, candidate).await?;
    warn_of_going_back(context, candidate, &first, &mut seen).await;
    let (mut backoff, mut stumbles) = (github.backoff(PAUSES.0, PAUSES.1), 0);
    for _ in 0..TRIES {
        // Read right before a number is taken: the registry may have needed its time.
        let tags = releases(github, candidate).await?;
        if let Some(release) = own(context, github, &tags, commit, &mut seen).await? {
            return found(candidate, release);
        }
        if let Some((wanted, on)) = wanted
            .as_ref()
            .and_then(|wanted| Some((wanted, commit_of(&tags, wanted, &seen)?)))
        {
            return Err(Failure::Release(ReleaseRefusal::Taken(wanted.clone(), on)));
        }
        let known = tags
            .iter()
            .map(|(release, _)| release.number())
            .chain(taken.iter().copied());
        let release = number(&candidate.template, known, wanted.as_ref())
            .map_err(|why: NoNumber| Failure::Release(ReleaseRefusal::Number(why)))?;
        let Some(writer) = writer else {
            return Ok(Numbered::Would(release));
        };
        let answer = writer.make(release.tag(), commit).await;
        if answer == Ok(TagMade::Made) {
            return Ok(Numbered::Made(release));
        }
        match whose(github, &release, answer).await {
            Ok(Some(on)) if on == *commit => return Ok(Numbered::Found(release)),
            Ok(Some(on)) if wanted.is_some() => {
                return Err(Failure::Release(ReleaseRefusal::Taken(release, on)));
            }
            Ok(Some(_) | None) => {}
            Err(Failure::Tag(GitHubError::Rejected { why, .. }))
                if why.starts_with(UPDATE_FAILED) && stumbles < STUMBLES =>
            {
                stumbles += 1;
                sleep(backoff.next(None)).await;
                continue;
            }
            Err(failure) => return Err(failure),
        }
        context.log.say(&format!(
            "Another run made {release} for another commit. Trying the next number."
        ));
        // The list of tags may lag behind: what is known to be taken is not tried for again.
        taken.push(release.number());
        sleep(backoff.next(None)).await;
    }
    Err(Failure::OrderUnknown(format!(
        "other runs took {TRIES} numbers, one after another"
    )))
}

/// The commit's own release, unless another one was asked for.
fn found(candidate: &ReleaseCandidate, release: Release) -> Result<Numbered, Failure> {
    match &candidate.wanted {
        Some(wanted) if *wanted != release => Err(Failure::Release(ReleaseRefusal::Numbered {
            commit: candidate.commit,
            has: release,
            wanted: wanted.clone(),
        })),
        Some(_) | None => Ok(Numbered::Found(release)),
    }
}

/// The numbers that the registry has; what cannot be asked is said.
async fn in_registry(
    context: &Context,
    candidate: &ReleaseCandidate,
) -> Result<Vec<ReleaseNumber>, Failure> {
    let ReleaseCandidate {
        manifest,
        environment,
        template,
        ..
    } = candidate;
    let (numbers, denied) =
        existing_tags::in_registry(context, manifest, environment, template, LISTING).await?;
    if !denied.is_empty() {
        let text = format!(
            "only git tags are used for these, because their packages do not exist yet or the job lacks packages: read: {}",
            denied.join("; ")
        );
        context.warn("Tags in the registry are not known", &text);
    }
    Ok(numbers)
}

/// The release tags that there are now, the highest first.
async fn releases(
    github: &GitHub,
    candidate: &ReleaseCandidate,
) -> Result<Vec<(Release, GitTag)>, Failure> {
    let template = &candidate.template;
    let tags = github
        .matching_tags(template.prefix())
        .await
        .map_err(HistoryError::from)?;
    let tags = tags.ok_or_else(|| HistoryError::TooManyTags(template.to_string()))?;
    let release = |tag: GitTag| match template.read(&tag.name) {
        TagReading::Release(release) => Some((release, tag)),
        TagReading::Malformed | TagReading::Foreign => None,
    };
    let mut releases: Vec<(Release, GitTag)> = tags.into_iter().filter_map(release).collect();
    releases.sort_by_key(|(release, _)| std::cmp::Reverse(release.number()));
    Ok(releases)
}

/// The commits of annotated tags that were followed already; none for a tag that is on no commit.
#[derive(Default)]
struct FollowedTags {
    commits: BTreeMap<CommitSha, Option<CommitSha>>,
    asked: usize,
}

impl FollowedTags {
    /// The commit that a tag is on, as far as that is known without asking.
    fn known(&self, tag: &GitTag) -> Option<CommitSha> {
        if tag.is_annotated {
            self.commits.get(&tag.object).copied().flatten()
        } else {
            Some(tag.object)
        }
    }

    /// The commit that a tag is on.
    async fn commit(
        &mut self,
        context: &Context,
        github: &GitHub,
        tag: &GitTag,
    ) -> Result<Option<CommitSha>, Failure> {
        if !tag.is_annotated || self.commits.contains_key(&tag.object) {
            return Ok(self.known(tag));
        }
        let local = context
            .clients
            .history
            .checkout()
            .and_then(|checkout| checkout.peel(&tag.object).ok().flatten());
        let commit = match local {
            Some(commit) => Some(commit),
            None if self.asked == ANNOTATED => {
                let text = format!(
                    "whether the commit has a number already is not known: more than {ANNOTATED} annotated release tags are not in the checkout"
                );
                return Err(Failure::OrderUnknown(text));
            }
            None => {
                self.asked += 1;
                match github.peel(&tag.object).await {
                    Ok(commit) => commit,
                    Err(GitHubError::NotACommit { .. } | GitHubError::TooDeep(_)) => None,
                    Err(error) => return Err(Failure::History(error.into())),
                }
            }
        };
        self.commits.insert(tag.object, commit);
        Ok(commit)
    }
}

/// The highest release that is on the commit.
async fn own(
    context: &Context,
    github: &GitHub,
    releases: &[(Release, GitTag)],
    commit: &CommitSha,
    seen: &mut FollowedTags,
) -> Result<Option<Release>, Failure> {
    for (release, tag) in releases {
        if seen.commit(context, github, tag).await?.as_ref() == Some(commit) {
            return Ok(Some(release.clone()));
        }
    }
    Ok(None)
}

/// The commit of one of the releases.
fn commit_of(
    releases: &[(Release, GitTag)],
    wanted: &Release,
    seen: &FollowedTags,
) -> Option<CommitSha> {
    releases
        .iter()
        .find(|(release, _)| release == wanted)
        .and_then(|(_, tag)| seen.known(tag))
}

/// Whose the tag is that was not made, or of which nobody knows whether it was: the commit that it is on, or `None` for one that is on no commit.
///
/// # Errors
/// Why the tag was not made, where it is not there; or that it is said to be there and is not seen.
async fn whose(
    github: &GitHub,
    release: &Release,
    answer: Result<TagMade, GitHubError>,
) -> Result<Option<CommitSha>, Failure> {
    let mut backoff = github.backoff(PAUSES.0, PAUSES.1);
    for look in 1..=LOOKS {
        match (github.tag_commit(release.tag().as_str()).await, &answer) {
            (Ok(Some(on)), _) => return Ok(Some(on)),
            (Err(GitHubError::NotACommit { .. } | GitHubError::TooDeep(_)), _) => return Ok(None),
            (Ok(None) | Err(_), Err(error)) => return Err(Failure::Tag(error.clone())),
            (Err(error), Ok(_)) => return Err(Failure::History(error.into())),
            (Ok(None), Ok(_)) if look < LOOKS => sleep(backoff.next(None)).await,
            (Ok(None), Ok(_)) => {}
        }
    }
    Err(Failure::OrderUnknown(format!(
        "github says that tag {release} is there, and does not show it"
    )))
}

/// A higher number on an older commit can be made, but not deployed.
async fn warn_of_going_back(
    context: &Context,
    candidate: &ReleaseCandidate,
    releases: &[(Release, GitTag)],
    seen: &mut FollowedTags,
) {
    let Some((highest, tag)) = releases.first() else {
        return;
    };
    let Some(on) = seen.known(tag) else { return };
    if context
        .clients
        .history
        .is_ancestor(&candidate.commit, &on)
        .await
        == Ancestry::Yes
    {
        let text = format!(
            "commit {} is older than {highest}, the highest release. If that release is live, deploy refuses this one",
            candidate.commit.short(7)
        );
        context.warn("An older commit gets a higher number", &text);
    }
}

/// Tells what came of it, and how to go on.
fn conclude(context: &Context, candidate: &ReleaseCandidate, numbered: Numbered) -> CommandOutcome {
    let (environment, short) = (&candidate.environment.name, candidate.commit.short(7));
    let (outcome, headline, release) = match &numbered {
        Numbered::Made(release) => (
            Outcome::Verified,
            format!("Released for {environment}: {release} is commit {short}"),
            Some(release),
        ),
        Numbered::Found(release) => {
            let headline =
                format!("Released for {environment} before: {release} is commit {short}");
            (Outcome::Verified, headline, Some(release))
        }
        Numbered::Would(release) => {
            let headline = format!(
                "Planned in a dry run for {environment}: commit {short} would become {release}"
            );
            (Outcome::Planned, headline, None)
        }
    };
    let (Numbered::Made(next) | Numbered::Found(next) | Numbered::Would(next)) = &numbered;
    let how = format!(
        "a tag that is made with GITHUB_TOKEN starts no workflow: continue in this workflow with command deploy and release {next}, or set github-token to a token of an app or a person that can write contents"
    );
    match &numbered {
        Numbered::Made(_) => context.log.notice(&Notice::new(
            Level::Notice,
            "How to deploy the release",
            how.as_str(),
        )),
        Numbered::Found(_) | Numbered::Would(_) => context
            .log
            .say(&format!("How to deploy the release: {how}.")),
    }
    context.progress.note(how);
    context.progress.environment(environment);
    CommandOutcome {
        next_release: Some(next.clone()),
        released: Some(Released {
            commit: candidate.commit,
            release: release.cloned(),
        }),
        ..CommandOutcome::new(outcome, headline)
    }
}
