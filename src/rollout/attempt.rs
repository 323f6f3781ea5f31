//! One service's way: intent, order, look, call, follow, end of the record.

use super::{DeployRequest, DeployVia, Rollout};
use crate::context::{InFlightDeploy, Stage};
use crate::decide::{Closing, Landing, Presence, presence};
use crate::domain::{DeployId, DeployStatus, FailureWord, ServiceName};
use crate::github::{Ended as Closed, Ending, RunName};
use crate::render::{Accepted, CallFailure, RenderError, Repeatable};
use crate::report::{Failed, ServiceResult};
use crate::state::Ordered;
use http_client::Deadline;
use std::collections::BTreeSet;
use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long one hook is tried: Render's limit of 10 deploys a minute and service passes in this time.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often Render is asked for a deploy when it has not acted upon any of the calls.
const MOST_CALLS: u32 = 5;

/// What came of an attempt.
pub(super) struct AttemptResult {
    pub(super) landing: Landing,
    pub(super) deploy: Option<DeployId>,
    /// What there is to say beside the status, of the outputs' alphabet where nothing failed.
    pub(super) text: Option<String>,
    /// What to do, where something failed.
    pub(super) hint: String,
}

impl AttemptResult {
    pub(super) fn at(landing: Landing, deploy: Option<&DeployId>) -> Self {
        Self {
            landing,
            deploy: deploy.cloned(),
            text: None,
            hint: String::new(),
        }
    }

    pub(super) fn saying(self, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            hint: hint.into(),
            ..self
        }
    }
}

/// One service being deployed.
pub(super) struct Attempt<'a> {
    pub(super) rollout: &'a Rollout<'a>,
    pub(super) service: &'a ServiceName,
    pub(super) request: &'a DeployRequest,
    /// The deploys that were there before ours.
    pub(super) known: BTreeSet<DeployId>,
}

impl<'a> Attempt<'a> {
    pub(super) const fn new(
        rollout: &'a Rollout<'a>,
        service: &'a ServiceName,
        request: &'a DeployRequest,
    ) -> Self {
        Self {
            rollout,
            service,
            request,
            known: BTreeSet::new(),
        }
    }

    /// Runs the attempt. Writes no record if the image's commit is unknown.
    pub(super) async fn run(mut self) -> ServiceResult {
        let record = if self.request.is_recorded {
            self.begin().await
        } else {
            None
        };
        let began = self.rollout.started.elapsed();
        self.say(&format!("deploying {}", self.request.image));
        self.track(Stage::Preparing);
        let log = &self.rollout.context.log;
        log.waits_for(self.service.as_str(), "deploying");
        let result = self.send_and_follow().await;
        log.has_come(self.service.as_str());
        self.end(record, &result).await;
        self.service_result(result, began)
    }

    /// Turns the outcome into a report entry and stops tracking it for cancellation.
    pub(super) fn service_result(&self, result: AttemptResult, began: Duration) -> ServiceResult {
        let ending = result.landing.ending();
        self.rollout.context.progress.untrack(self.service);
        let text = result.text.unwrap_or_default();
        let facts = self.rollout.facts.get(self.service);
        let page = facts.and_then(|facts| facts.dashboard.clone());
        let failed = ending.failure.map(|word| Failed {
            word,
            text: text.clone(),
            hint: result.hint,
            page,
        });
        let reason = (failed.is_none() && !text.is_empty()).then_some(text);
        let url = facts.and_then(|facts| facts.url.clone());
        let took = self.rollout.started.elapsed().saturating_sub(began);
        ServiceResult {
            service: self.service.clone(),
            status: ending.status,
            reason,
            deploy: result.deploy,
            url,
            began,
            took,
            failed,
        }
    }

    pub(super) fn say(&self, text: &str) {
        self.rollout
            .context
            .log
            .say(&format!("{}: {text}", self.service));
    }

    /// Says how far the attempt is, for the end of a cancelled run.
    pub(super) fn track(&self, stage: Stage) {
        let deploy = InFlightDeploy {
            id: self.request.id.clone(),
            wanted: self.request.wanted.clone(),
            known: self.known.clone(),
            stage,
        };
        self.rollout.context.progress.track(self.service, deploy);
    }

    fn advance(&self, stage: Stage) {
        self.rollout.context.progress.advance(self.service, stage);
    }

    async fn send_and_follow(&mut self) -> AttemptResult {
        if self.request.intent.kind == crate::domain::Kind::Deploy {
            match self
                .rollout
                .state
                .order_now(self.rollout.context, self.service)
                .await
            {
                Ok(Ordered::Current) => {}
                Ok(Ordered::Superseded(why)) => {
                    return AttemptResult::at(Landing::Withdrawn, None).saying(why, "");
                }
                Err(failure) => {
                    let landing = Landing::NotTaken(failure.word());
                    return AttemptResult::at(landing, None)
                        .saying(failure.to_string(), failure.hint());
                }
            }
        }
        self.send_and_follow_unordered().await
    }

    /// Goes on from where nothing newer is there.
    pub(super) async fn send_and_follow_unordered(&mut self) -> AttemptResult {
        match self.look_before().await {
            Ok(Presence::Absent) => {}
            Ok(Presence::Serves) => {
                return AttemptResult::at(Landing::Live, None)
                    .saying("its live deploy has this image already", "");
            }
            Ok(Presence::Comes(deploy)) => {
                self.say(&format!(
                    "{deploy} is under way with the same image, and is followed"
                ));
                self.advance(Stage::Adopted);
                return self.follow(&deploy).await;
            }
            // Without knowing which deploys there were, none could be told to be ours afterwards.
            Err(error) => {
                let text = format!("which deploys there are is not known: {error}");
                return AttemptResult::at(Landing::NotTaken(error.word()), None)
                    .saying(text, error.hint());
            }
        }
        self.advance(Stage::Calling);
        let (accepted, note) = match self.persist().await {
            Ok(accepted) => accepted,
            Err((landing, failure, note)) => {
                let text =
                    note.map_or_else(|| failure.to_string(), |note| format!("{failure} ({note})"));
                return AttemptResult::at(landing, None).saying(text, failure.hint());
            }
        };
        let mut result = self.see_through(accepted).await;
        if result.text.is_none() {
            result.text = note;
        }
        result
    }

    /// Follows what Render took, as far as it is followed.
    pub(super) async fn see_through(&self, accepted: Accepted) -> AttemptResult {
        if let Accepted::Started(Some(deploy)) = &accepted {
            self.advance(Stage::Following(deploy.clone()));
        }
        match (accepted, self.rollout.follows()) {
            (Accepted::Started(Some(deploy)), true) => self.follow(&deploy).await,
            (Accepted::Started(None) | Accepted::Queued, true) => match self.find().await {
                Ok(deploy) => {
                    self.say(&format!("queued as {deploy}"));
                    self.advance(Stage::Following(deploy.clone()));
                    self.follow(&deploy).await
                }
                Err(result) => result,
            },
            (Accepted::Started(deploy), false) => {
                AttemptResult::at(Landing::Accepted, deploy.as_ref())
            }
            (Accepted::Queued, false) => AttemptResult::at(Landing::Accepted, None)
                .saying("queued behind the deploy that is in progress", ""),
        }
    }

    /// Finds out which deploys there are, and whether the bytes serve by now or come anyway.
    async fn look_before(&mut self) -> Result<Presence, RenderError> {
        let Some(render) = &self.rollout.context.clients.render else {
            return Ok(Presence::Absent);
        };
        let mut deploys = render.newest(&self.request.id).await?;
        self.known = deploys.iter().map(|deploy| deploy.id.clone()).collect();
        self.track(Stage::Preparing);
        deploys
            .retain(|deploy| deploy.status.is_in_flight() || deploy.status == DeployStatus::Live);
        let is_wanted = self.rollout.follows() && !self.request.is_forced;
        Ok(if is_wanted {
            presence(&self.request.wanted, &deploys)
        } else {
            Presence::Absent
        })
    }

    /// Asks for the deploy until Render has taken it, as often as is harmless: any number of times while nothing was heard; where something
    /// may have been, Render is looked at first, and without an API key it is asked once more at most.
    async fn persist(
        &self,
    ) -> Result<(Accepted, Option<String>), (Landing, CallFailure, Option<String>)> {
        let deadline = Deadline::after(PATIENCE);
        let mut backoff = self
            .rollout
            .context
            .clients
            .http
            .backoff(FIRST_WAIT, LONGEST_WAIT);
        let (mut requests, mut unanswered) = (1, 0);
        loop {
            let failure = match self.send_deploy_request().await {
                Ok(accepted) => {
                    let note = (unanswered > 0)
                        .then(|| "called twice: the first call had no clear answer".to_owned());
                    return Ok((accepted, note));
                }
                Err(failure) => failure,
            };
            let hint = match failure.repeatable() {
                Repeatable::Safely(hint) if requests < MOST_CALLS => hint,
                Repeatable::Once if unanswered == 0 && requests < MOST_CALLS => {
                    unanswered += 1;
                    None
                }
                Repeatable::Safely(_) | Repeatable::Once | Repeatable::Never => {
                    let is_unclear = unanswered > 0 || failure.repeatable() == Repeatable::Once;
                    if is_unclear
                        && self.rollout.context.clients.render.is_some()
                        && deadline.allows(backoff.next(None)).await
                        && let Some(found) = self.found().await
                    {
                        return Ok(found);
                    }
                    return Err(given_up(failure, requests, unanswered));
                }
            };
            let wait = backoff.next(hint);
            self.say(&format!("{failure}; again in {:.1} s", wait.as_secs_f64()));
            if !deadline.allows(wait).await {
                return Err(given_up(failure, requests, unanswered));
            }
            if unanswered > 0
                && let Some(found) = self.found().await
            {
                return Ok(found);
            }
            requests += 1;
        }
    }

    async fn send_deploy_request(&self) -> Result<Accepted, CallFailure> {
        match (&self.request.via, self.rollout.render_writer()) {
            (DeployVia::Api(id), Some(writer)) => writer.deploy(id, &self.request.image).await,
            (DeployVia::Hook(hook), _) => {
                self.rollout
                    .writers
                    .hooks
                    .call(hook, &self.request.image)
                    .await
            }
            (DeployVia::Api(_), None) => Err(CallFailure::Denied(crate::render::Key::Api)),
        }
    }

    /// The deploy that a call without a clear answer has begun.
    async fn found(&self) -> Option<(Accepted, Option<String>)> {
        let deploy = self.appeared().await?;
        let note = "the call had no clear answer, and the deploy was found on Render".to_owned();
        Some((Accepted::Started(Some(deploy)), Some(note)))
    }

    /// A deploy of our bytes that was not there before.
    async fn appeared(&self) -> Option<DeployId> {
        let deploys = self
            .rollout
            .context
            .clients
            .render
            .as_ref()?
            .newest(&self.request.id)
            .await
            .ok()?;
        let is_new = |deploy: &&crate::domain::Deploy| {
            !self.known.contains(&deploy.id) && deploy.is_of(&self.request.wanted)
        };
        deploys.iter().find(is_new).map(|deploy| deploy.id.clone())
    }

    /// Writes the intent. Where that fails the deploy goes on: what it costs is said once.
    async fn begin(&self) -> Option<u64> {
        let (context, record) = (self.rollout.context, self.rollout.records.as_ref()?);
        let (id, attempt) = context.around.run.unwrap_or_default();
        let run = RunName {
            id: id.to_string(),
            attempt: attempt.to_string(),
            force: context.request.force.words(),
        };
        match record
            .begin(self.rollout.state.environment(), &self.request.intent, &run)
            .await
        {
            Ok(number) => Some(number),
            Err(error) => {
                let text = format!(
                    "deploys go on without a record ({error}): should this run be cut off, or its commit be reverted, the next run may not see what it has to make good"
                );
                if self.rollout.is_warned.replace(true) {
                    self.say(&format!("no record: {error}"));
                } else {
                    context.warn("A deploy is not recorded", &text);
                }
                None
            }
        }
    }

    async fn end(&self, number: Option<u64>, result: &AttemptResult) {
        let how = match result.landing.ending().record {
            Closing::Live => Closed::Live,
            Closing::Accepted => Closed::Accepted,
            Closing::Failed => Closed::Failed,
            Closing::NotSent => Closed::NotSent,
            Closing::Open => return,
        };
        let (Some(number), Some(record)) = (number, &self.rollout.records) else {
            return;
        };
        let context = self.rollout.context;
        let description = match result.landing.ending().failure {
            Some(word) => word.to_string(),
            None => result.text.clone().unwrap_or_default(),
        };
        let url = self
            .rollout
            .facts
            .get(self.service)
            .and_then(|facts| facts.url.clone());
        let ending = Ending {
            how,
            description,
            environment_url: url,
            log_url: context.run_url(),
        };
        if let Err(error) = record.end(number, &ending).await {
            let why = format!("{}: its record stays open: {error}", self.service);
            if error.word() == FailureWord::PermissionMissing {
                context.warn("record", &why);
            } else {
                self.say(&format!("its record stays open: {error}"));
            }
        }
    }
}

fn given_up(
    failure: CallFailure,
    requests: u32,
    unanswered: u32,
) -> (Landing, CallFailure, Option<String>) {
    let word: FailureWord = failure.word();
    let landing = if unanswered > 0 || failure.repeatable() == Repeatable::Once {
        Landing::Unclear(word)
    } else {
        Landing::NotTaken(word)
    };
    let note = match (requests, unanswered) {
        (1, _) => None,
        (requests, 0) => Some(format!("called {requests} times")),
        (requests, _) => Some(format!(
            "called {requests} times; Render may have begun a deploy"
        )),
    };
    (landing, failure, note)
}
