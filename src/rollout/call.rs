//! Asking Render for a deploy, as often as is harmless. Before every call everything that may have moved is looked at again.

use super::DeployVia;
use super::attempt::{Attempt, AttemptResult, StartedAttempt};
use decide::AttemptOutcome;
use http_client::Deadline;
use model::{Deploy, DeployId, FailureWord};
use render::{Accepted, CallFailure, Repeatable};
use std::rc::Rc;
use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long one hook is tried: Render's limit of 10 deploys a minute and service passes in this time.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often Render is asked for a deploy when it has not acted upon any of the calls.
const MOST_CALLS: u32 = 5;

/// What Render took.
pub(super) struct AcceptedDeploy {
    pub(super) accepted: Accepted,
    /// What there is to say of it.
    pub(super) note: Option<String>,
    /// Whether another call of the same attempt may have been taken as well.
    pub(super) is_one_of_two: bool,
}

impl Attempt<'_> {
    /// Asks for the deploy until Render has taken it: any number of times while nothing was heard; where something may have been, Render is
    /// looked at first, and without an API key it is asked once more at most.
    pub(super) async fn persist(
        &self,
        begun: &StartedAttempt,
    ) -> Result<AcceptedDeploy, Box<AttemptResult>> {
        let deadline = Deadline::after(PATIENCE);
        let mut backoff = self
            .rollout
            .context
            .clients
            .http
            .backoff(FIRST_WAIT, LONGEST_WAIT);
        let (mut calls, mut unanswered) = (1, 0);
        loop {
            let failure = match self.send_deploy_request().await {
                Ok(accepted) => {
                    let note = (unanswered > 0)
                        .then(|| "called twice: the first call had no clear answer".to_owned());
                    return Ok(AcceptedDeploy {
                        accepted,
                        note,
                        is_one_of_two: unanswered > 0,
                    });
                }
                Err(failure) => failure,
            };
            let hint = match failure.repeatable() {
                Repeatable::Safely(hint) if calls < MOST_CALLS => hint,
                Repeatable::Once if unanswered == 0 && calls < MOST_CALLS => {
                    unanswered += 1;
                    None
                }
                Repeatable::Safely(_) | Repeatable::Once | Repeatable::Never => {
                    let unclear = unanswered + u32::from(failure.may_have_been_taken());
                    if unclear > 0
                        && self.rollout.context.clients.render.is_some()
                        && deadline.allows(backoff.next(None)).await
                        && let Some(found) = self.found(unclear).await
                    {
                        return Ok(found);
                    }
                    return Err(Box::new(given_up(&failure, calls, unanswered)));
                }
            };
            let wait = backoff.next(hint);
            self.say(&format!("{failure}; again in {:.1} s", wait.as_secs_f64()));
            if !deadline.allows(wait).await {
                return Err(Box::new(given_up(&failure, calls, unanswered)));
            }
            if unanswered > 0
                && let Some(found) = self.found(unanswered).await
            {
                return Ok(found);
            }
            if let Some(stopped) = self.look_again(begun).await {
                return Err(Box::new(after_calls(stopped, unanswered)));
            }
            calls += 1;
        }
    }

    /// Looks again before a call is repeated. A record that another run has ended is opened again.
    async fn look_again(&self, begun: &StartedAttempt) -> Option<AttemptResult> {
        let rollout = self.rollout;
        let look = match &begun.look {
            Some(_) => {
                let services = std::slice::from_ref(self.service);
                let look = rollout.state.look_again(rollout.context, services).await;
                Some(Rc::new(look))
            }
            None => None,
        };
        let again = StartedAttempt {
            record: begun.record,
            look,
        };
        let deploys = match self.look_at_render().await {
            Ok(deploys) => deploys,
            Err(error) => {
                let text = format!("which deploys there are is not known: {error}");
                let result = AttemptResult::at(AttemptOutcome::NotTaken(error.word()), None);
                return Some(result.saying(text, error.hint()));
            }
        };
        if let Some(stopped) = self.must_not_call(&again, &deploys).await {
            return Some(stopped);
        }
        self.open_again(&again).await;
        None
    }

    async fn send_deploy_request(&self) -> Result<Accepted, CallFailure> {
        match (&self.request.via, self.rollout.render_writer()) {
            (DeployVia::Api(id), Some(writer)) => writer.deploy(id, &self.request.image).await,
            (DeployVia::Hook(hook), _) => {
                let hooks = &self.rollout.writers.hooks;
                hooks.call(hook, &self.request.image).await
            }
            (DeployVia::Api(_), None) => Err(CallFailure::Denied(render::RenderKey::Api)),
        }
    }

    /// The deploy that one of so many calls without a clear answer has begun.
    async fn found(&self, unclear: u32) -> Option<AcceptedDeploy> {
        let deploy = self.appeared().await?;
        let note = "the call had no clear answer, and the deploy was found on Render".to_owned();
        Some(AcceptedDeploy {
            accepted: Accepted::Started(Some(deploy)),
            note: Some(note),
            is_one_of_two: unclear > 1,
        })
    }

    /// A deploy of our bytes that was not there before.
    async fn appeared(&self) -> Option<DeployId> {
        let render = self.rollout.context.clients.render.as_ref()?;
        let deploys = render.newest(&self.request.id).await.ok()?;
        let is_new = |deploy: &&Deploy| {
            !self.known.contains(&deploy.id) && deploy.is_of(&self.request.wanted)
        };
        deploys.iter().find(is_new).map(|deploy| deploy.id.clone())
    }
}

/// What it comes to where no further call is made.
fn given_up(failure: &CallFailure, calls: u32, unanswered: u32) -> AttemptResult {
    let word: FailureWord = failure.word();
    let landing = if failure.is_undocumented() {
        AttemptOutcome::Unseen(word)
    } else if unanswered > 0 || failure.may_have_been_taken() {
        AttemptOutcome::Unclear(word)
    } else {
        AttemptOutcome::NotTaken(word)
    };
    let text = match (calls, unanswered) {
        (1, _) => failure.to_string(),
        (calls, 0) => format!("{failure} (called {calls} times)"),
        (calls, _) => {
            format!("{failure} (called {calls} times; Render may have begun a deploy)")
        }
    };
    AttemptResult::at(landing, None).saying(text, failure.hint())
}

/// What it comes to where a look forbids a further call. Once a call may have been taken, the record stays open.
fn after_calls(stopped: AttemptResult, unanswered: u32) -> AttemptResult {
    if unanswered == 0 {
        return stopped;
    }
    let landing = match stopped.landing {
        AttemptOutcome::Withdrawn => AttemptOutcome::WithdrawnLate,
        AttemptOutcome::Held => AttemptOutcome::HeldLate,
        AttemptOutcome::NotTaken(word) => AttemptOutcome::Unclear(word),
        other @ (AttemptOutcome::WithdrawnLate
        | AttemptOutcome::HeldLate
        | AttemptOutcome::Preempted(_)
        | AttemptOutcome::Unclear(_)
        | AttemptOutcome::Accepted
        | AttemptOutcome::Live
        | AttemptOutcome::LiveWithOther
        | AttemptOutcome::LiveUnproven
        | AttemptOutcome::SupersededLive
        | AttemptOutcome::Superseded
        | AttemptOutcome::Replaced
        | AttemptOutcome::Failed(_)
        | AttemptOutcome::Vanished
        | AttemptOutcome::NotInTime
        | AttemptOutcome::Unseen(_)
        | AttemptOutcome::LiveUnanswered
        | AttemptOutcome::AcceptedUnanswered) => other,
    };
    AttemptResult { landing, ..stopped }
}
