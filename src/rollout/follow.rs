//! Following a deploy: asked for until it has ended, and what its end means.

use super::attempt::{Attempt, AttemptResult};
use crate::context::Stage;
use decide::{AttemptOutcome, RecordEnd};
use http_client::{Deadline, TransportError, sleep, within};
use model::{Deploy, DeployId, DeployStatus, FailureWord};
use render::{Explanation, RenderApi, RenderError};
use std::future::Future;
use std::time::Duration;

/// The pauses between looks, in milliseconds; the last is kept. Seven looks in the first half minute: with what else is asked, five services stay
/// below 60 requests of the 400 that Render allows in a minute, and few deploys of an image take less time.
const PAUSES: [u64; 8] = [1000, 1500, 2000, 3000, 4500, 8000, 12_000, 15_000];
/// How many looks in a row may find nothing of a deploy that Render queued, or has had, before it is taken to be gone.
const MOST_MISSES: u32 = 4;

/// How long a look may take that is begun when our time is nearly over. A question by itself is asked again for a minute.
const LAST_LOOK: Duration = Duration::from_secs(10);

/// The pauses in which events may still come.
const EVENTS_LAG: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

const LOOK: &str = "Look at the service's deploys on Render, then run this again.";

struct Pauses(usize);

impl Pauses {
    async fn next(&mut self, deadline: &Deadline) {
        let pause = Duration::from_millis(PAUSES[self.0.min(PAUSES.len() - 1)]);
        self.0 += 1;
        sleep(pause.min(deadline.left())).await;
    }
}

impl Attempt<'_> {
    fn render(&self) -> Option<&RenderApi> {
        self.rollout.context.clients.render.as_ref()
    }

    /// Finds the deploy that Render queued without naming it: the new one with our digest.
    pub(super) async fn find(&self) -> Result<DeployId, AttemptResult> {
        let deadline = Deadline::after(self.rollout.context.request.live_timeout);
        let (mut pauses, mut misses) = (Pauses(0), 0);
        let Some(render) = self.render() else {
            return Err(AttemptResult::at(AttemptOutcome::Accepted, None));
        };
        loop {
            pauses.next(&deadline).await;
            match in_time(&deadline, render.newest(&self.request.id)).await {
                Ok(deploys) => {
                    let mut new = deploys
                        .iter()
                        .filter(|deploy| !self.known.contains(&deploy.id));
                    if let Some(ours) = new
                        .clone()
                        .find(|deploy| deploy.is_of(&self.request.wanted))
                    {
                        return Ok(ours.id.clone());
                    }
                    // While a deploy is in progress, ours may be queued without being listed. One that was not known before the call may be older
                    // than ours: it was not listed then.
                    let is_busy = deploys.iter().any(|deploy| deploy.status.is_in_flight());
                    misses = if is_busy { 0 } else { misses + 1 };
                    if misses == MOST_MISSES {
                        return Err(match new.find(has_served) {
                            Some(other) => self.not_seen_because_of(other).await,
                            None => AttemptResult::at(AttemptOutcome::Vanished, None).saying(
                                "Render queued it, and it does not appear in the service's deploys",
                                LOOK,
                            ),
                        });
                    }
                }
                Err(error) if is_final(&error) => return Err(unseen(&error, None)),
                Err(error) => self.say(&format!("{error}; it is asked again")),
            }
            if deadline.left().is_zero() {
                return Err(AttemptResult::at(AttemptOutcome::NotInTime, None)
                    .saying("it was still queued after live-timeout", LOOK));
            }
        }
    }

    /// Follows a deploy to its end, or to the end of our time. Once a rollback was begun, the record is ended by what was seen, and nothing more
    /// comes of it.
    pub(super) async fn follow(&self, id: &DeployId) -> AttemptResult {
        let result = self.follow_to_end(id).await;
        match self.rollout.preempted() {
            Some(why) => {
                let landing = AttemptOutcome::Preempted(result.landing.ending().record);
                AttemptResult { landing, ..result }.saying(why, "")
            }
            None => result,
        }
    }

    async fn follow_to_end(&self, id: &DeployId) -> AttemptResult {
        let timeout = self.rollout.context.request.live_timeout;
        let Some(render) = self.render() else {
            return AttemptResult::at(AttemptOutcome::Accepted, Some(id));
        };
        // How long it waits for others is not its own time.
        let (mut deadline, mut has_begun) = (Deadline::after(timeout), false);
        let (mut pauses, mut seen, mut misses) = (Pauses(0), None, 0);
        loop {
            pauses.next(&deadline).await;
            match in_time(&deadline, render.deploy(&self.request.id, id)).await {
                Ok(deploy) => {
                    misses = 0;
                    if !deploy.status.is_in_flight() {
                        return self.ended(&deploy).await;
                    }
                    if self.rollout.preempted().is_some() {
                        return AttemptResult::at(
                            AttemptOutcome::Preempted(RecordEnd::Open),
                            Some(id),
                        );
                    }
                    if !has_begun
                        && !matches!(deploy.status, DeployStatus::Created | DeployStatus::Queued)
                    {
                        (deadline, has_begun) = (Deadline::after(timeout), true);
                    }
                    if seen.replace(deploy.status) != Some(deploy.status) {
                        self.say(&format!("{id} is {}", deploy.status));
                        self.rollout
                            .context
                            .log
                            .waits_for(self.service.as_str(), &deploy.status.to_string());
                    }
                }
                Err(RenderError::NoDeploy { .. }) => {
                    misses += 1;
                    if misses == MOST_MISSES {
                        let text = format!("Render does not know {id} any more");
                        return AttemptResult::at(AttemptOutcome::Vanished, Some(id))
                            .saying(text, LOOK);
                    }
                }
                Err(error) if is_final(&error) => return unseen(&error, Some(id)),
                Err(error) => {
                    self.say(&format!("{error}; it is asked again"));
                    if deadline.left().is_zero() {
                        return unseen(&error, Some(id));
                    }
                }
            }
            if deadline.left().is_zero() {
                let status = seen
                    .map(|status| status.to_string())
                    .unwrap_or_else(|| "not seen".into());
                let text = format!(
                    "it was still {status} after live-timeout ({} s)",
                    timeout.as_secs()
                );
                let hint = "Look at the deploy on Render. The next run continues from its result.";
                return AttemptResult::at(AttemptOutcome::NotInTime, Some(id)).saying(text, hint);
            }
        }
    }

    async fn ended(&self, deploy: &Deploy) -> AttemptResult {
        let id = &deploy.id;
        let at = |landing| AttemptResult::at(landing, Some(id));
        match deploy.status {
            DeployStatus::Live if deploy.digests.is_empty() => at(AttemptOutcome::LiveUnproven)
                .saying(
                    "it is live, but Render does not say with which image",
                    "Look at the deploy's image on Render.",
                ),
            DeployStatus::Live if deploy.is_of(&self.request.wanted) => at(AttemptOutcome::Live),
            DeployStatus::Live => {
                let other = deploy
                    .digests
                    .iter()
                    .map(|digest| digest.short())
                    .collect::<Vec<_>>()
                    .join(", ");
                at(AttemptOutcome::LiveWithOther).saying(
                    format!("it is live with another image than was asked for ({other})"),
                    "Find out who else deploys this service, then run this again.",
                )
            }
            DeployStatus::Deactivated => self.replaced(id, AttemptOutcome::SupersededLive).await,
            DeployStatus::Canceled => self.replaced(id, AttemptOutcome::Superseded).await,
            DeployStatus::BuildFailed
            | DeployStatus::PreDeployFailed
            | DeployStatus::UpdateFailed => self.explained(deploy).await,
            DeployStatus::Created
            | DeployStatus::Queued
            | DeployStatus::Building
            | DeployStatus::PreDeploying
            | DeployStatus::Updating
            | DeployStatus::Other => at(AttemptOutcome::Unseen(FailureWord::RenderUnavailable)),
        }
    }

    /// Why Render ended it, in the words of the service's events.
    async fn explained(&self, deploy: &Deploy) -> AttemptResult {
        let told = self.told_by_events(&deploy.id).await;
        let at = |word| AttemptResult::at(AttemptOutcome::Failed(word), Some(&deploy.id));
        match told {
            Some(why) => at(why.word()).saying(format!("{}: {why}", deploy.status), why.hint()),
            None => {
                let is_command = deploy.status == DeployStatus::PreDeployFailed;
                let word = if is_command {
                    FailureWord::PreDeployFailed
                } else {
                    FailureWord::DeployFailed
                };
                at(word).saying(
                    format!("Render says {}", deploy.status),
                    "Look at the deploy's log on Render.",
                )
            }
        }
    }

    /// What the events say of a deploy's end. They come a little after it.
    async fn told_by_events(&self, id: &DeployId) -> Option<Explanation> {
        let render = self.render()?;
        for pause in EVENTS_LAG {
            if let Ok(Some(why)) = render.explain(&self.request.id, id).await {
                return Some(why);
            }
            sleep(pause).await;
        }
        render.explain(&self.request.id, id).await.ok().flatten()
    }

    /// It was live, or under way, and is no more: because of which other deploy?
    async fn replaced(&self, id: &DeployId, superseded: AttemptOutcome) -> AttemptResult {
        if self.rolled_back().await {
            return AttemptResult::at(superseded, Some(id));
        }
        let why = self.told_by_events(id).await;
        if let Some(other) = self.successor(id, why.as_ref()).await {
            return self.replaced_by(&other, Some(id), superseded).await;
        }
        let landing = match &why {
            Some(why) => AttemptOutcome::Failed(why.word()),
            None if superseded == AttemptOutcome::SupersededLive => AttemptOutcome::Replaced,
            None => AttemptOutcome::Failed(FailureWord::DeployFailed),
        };
        let text = why.as_ref().map_or_else(
            || "it was ended on Render, and there is no later deploy".into(),
            ToString::to_string,
        );
        AttemptResult::at(landing, Some(id)).saying(text, why.map_or(LOOK, |why| why.hint()))
    }

    /// Whether a rollback was begun meanwhile: it cancels what has not begun.
    async fn rolled_back(&self) -> bool {
        let rollout = self.rollout;
        if rollout.records.is_none() {
            return false;
        }
        let services = std::slice::from_ref(self.service);
        let look = rollout.state.look_again(rollout.context, services).await;
        rollout.notice_rollback(&look)
    }

    /// The deploy that took the place of ours: the one that the events name, which may have ended by now, else one that is live or under way
    /// and was not there before.
    async fn successor(&self, id: &DeployId, why: Option<&Explanation>) -> Option<Deploy> {
        let render = self.render()?;
        if let Some(Explanation::ReplacedBy(Some(other))) = why
            && let Ok(other) = render.deploy(&self.request.id, other).await
        {
            return Some(other);
        }
        let now = render.deploys(&self.request.id).await.ok()?;
        now.into_iter()
            .find(|other| other.id != *id && !self.known.contains(&other.id))
    }

    /// What it comes to where ours was queued and never listed, and another deploy took its turn. Behind one with an older commit ours may still come.
    async fn not_seen_because_of(&self, other: &Deploy) -> AttemptResult {
        let mut result = self
            .replaced_by(other, None, AttemptOutcome::Superseded)
            .await;
        if result.landing == AttemptOutcome::Replaced {
            result.landing = AttemptOutcome::Unclear(FailureWord::ReplacedByOther);
        }
        result
    }

    /// Superseded where what took our place carries our bytes or a commit that is not older; else something went wrong.
    async fn replaced_by(
        &self,
        other: &Deploy,
        id: Option<&DeployId>,
        superseded: AttemptOutcome,
    ) -> AttemptResult {
        let rollout = self.rollout;
        if other.is_of(&self.request.wanted) {
            self.say(&format!(
                "{} replaced it with the same image and is followed instead",
                other.id
            ));
            self.advance(Stage::Adopted);
            return Box::pin(self.follow_to_end(&other.id)).await;
        }
        let commit = rollout
            .state
            .commit_now(rollout.context, self.service, &other.digests)
            .await;
        match commit {
            Some(commit) if rollout.state.is_not_older(rollout.context, &commit).await => {
                AttemptResult::at(superseded, id).saying(
                    format!(
                        "{} has commit {}, which is not older",
                        other.id,
                        commit.short(7)
                    ),
                    "",
                )
            }
            Some(commit) => AttemptResult::at(AttemptOutcome::Replaced, id).saying(
                format!(
                    "{} replaced it, with the older commit {}",
                    other.id,
                    commit.short(7)
                ),
                "Find out who else deploys this service, then run this again.",
            ),
            None => AttemptResult::at(AttemptOutcome::Replaced, id).saying(
                format!(
                    "{} replaced it, with an image that is in no record",
                    other.id
                ),
                "Find out who else deploys this service, then run this again.",
            ),
        }
    }
}

/// Whether a deploy took its turn. One that ended without that took nobody's place.
fn has_served(deploy: &&Deploy) -> bool {
    matches!(
        deploy.status,
        DeployStatus::Live | DeployStatus::Deactivated
    )
}

/// An answer, if it comes while there is time for it.
async fn in_time<T>(
    deadline: &Deadline,
    question: impl Future<Output = Result<T, RenderError>>,
) -> Result<T, RenderError> {
    let answer = within(deadline.left() + LAST_LOOK, question).await;
    answer.unwrap_or_else(|| {
        Err(TransportError::NoAnswer("live-timeout was over first".into()).into())
    })
}

const fn is_final(error: &RenderError) -> bool {
    matches!(
        error,
        RenderError::KeyInvalid | RenderError::NoAccess { .. }
    )
}

fn unseen(error: &RenderError, id: Option<&DeployId>) -> AttemptResult {
    AttemptResult::at(AttemptOutcome::Unseen(error.word()), id)
        .saying(format!("its result is not known: {error}"), error.hint())
}
