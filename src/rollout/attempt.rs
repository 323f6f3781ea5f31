//! One service's way: intent, look, order, call, follow, end of the record. How a deploy is asked for is in `call`, what is written in `records`.

use super::call::AcceptedDeploy;
use super::{DeployRequest, Rollout};
use crate::context::{InFlightDeploy, Stage};
use crate::state::{Look, OrderVerdict};
use decide::AttemptOutcome;
use decide::ledger::{OnRender, Presence, presence, unlisted};
use model::{AttemptKind, Deploy, DeployId, DeployStatus, ServiceName};
use render::{Accepted, RenderError};
use report::{Failed, ServiceResult};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// What came of an attempt.
pub(super) struct AttemptResult {
    pub(super) landing: AttemptOutcome,
    pub(super) deploy: Option<DeployId>,
    /// What there is to say beside the status, of the outputs' alphabet where nothing failed.
    pub(super) text: Option<String>,
    /// What to do, where something failed.
    pub(super) hint: String,
}

impl AttemptResult {
    pub(super) fn at(landing: AttemptOutcome, deploy: Option<&DeployId>) -> Self {
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

/// An attempt whose record is written, and what a look after that showed.
pub(super) struct StartedAttempt {
    /// The number of its record.
    pub(super) record: Option<u64>,
    /// None where no order is asked for: for a preview, and for going back.
    pub(super) look: Option<Rc<Look>>,
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

    /// Writes the intent, unless the image's commit is unknown.
    pub(super) async fn begin(&self) -> Option<u64> {
        if self.request.is_recorded {
            self.write_intent().await
        } else {
            None
        }
    }

    /// Runs the attempt to its end.
    pub(super) async fn run(mut self, begun: StartedAttempt) -> ServiceResult {
        let began = self.rollout.started.elapsed();
        self.say(&format!("deploying {}", self.request.image));
        self.track(Stage::Preparing);
        let log = &self.rollout.context.log;
        log.waits_for(self.service.as_str(), "deploying");
        let result = self.send_and_follow(&begun).await;
        let result = self.confirm(result).await;
        log.has_come(self.service.as_str());
        self.end(begun.record, &result).await;
        if self.request.probe.is_some() && result.landing.ending().record.ends_older() {
            self.end_older(&begun).await;
        }
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
            is_restore: self.request.intent.kind == AttemptKind::Restore,
            stage,
        };
        self.rollout.context.progress.track(self.service, deploy);
    }

    pub(super) fn advance(&self, stage: Stage) {
        self.rollout.context.progress.advance(self.service, stage);
    }

    async fn send_and_follow(&mut self, begun: &StartedAttempt) -> AttemptResult {
        let deploys = match self.look_at_render().await {
            Ok(deploys) => deploys,
            // Without knowing which deploys there were, none could be told to be ours afterwards.
            Err(error) => {
                let text = format!("which deploys there are is not known: {error}");
                return AttemptResult::at(AttemptOutcome::NotTaken(error.word()), None)
                    .saying(text, error.hint());
            }
        };
        self.known = deploys.iter().map(|deploy| deploy.id.clone()).collect();
        self.track(Stage::Preparing);
        if let Some(stopped) = self.must_not_call(begun, &deploys).await {
            return stopped;
        }
        match self.presence(begun, &deploys) {
            Presence::Absent => {}
            Presence::Serves(deploy) => {
                return AttemptResult::at(AttemptOutcome::Live, Some(&deploy))
                    .saying("its live deploy has this image already", "");
            }
            Presence::Comes(deploy) => {
                self.say(&format!(
                    "{deploy} is under way with the same image, and is followed"
                ));
                self.advance(Stage::Adopted);
                return self.follow(&deploy).await;
            }
        }
        if self.request.intent.kind == AttemptKind::Rollback {
            self.cancel_unbegun(&deploys).await;
        }
        self.open_again(begun).await;
        self.advance(Stage::Calling);
        match self.persist(begun).await {
            Ok(taken) => {
                // Of a service with a probe they end once it has answered, because Render may fail this deploy.
                if self.request.probe.is_none() {
                    self.end_older(begun).await;
                }
                self.see_through_call(taken).await
            }
            Err(stopped) => *stopped,
        }
    }

    /// Follows what a call brought. Where another call may have been taken as well, a failed deploy is not the end of the attempt.
    async fn see_through_call(&self, taken: AcceptedDeploy) -> AttemptResult {
        let mut result = self.see_through(taken.accepted).await;
        if taken.is_one_of_two {
            result.landing = result.landing.beside_another_call();
        }
        if result.text.is_none() {
            result.text = taken.note;
        }
        result
    }

    /// As [`Attempt::run`], of what has no record and no order: a preview.
    pub(super) async fn send_and_follow_unordered(&mut self) -> AttemptResult {
        let begun = StartedAttempt {
            record: None,
            look: None,
        };
        self.send_and_follow(&begun).await
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
                AttemptResult::at(AttemptOutcome::Accepted, deploy.as_ref())
            }
            (Accepted::Queued, false) => AttemptResult::at(AttemptOutcome::Accepted, None)
                .saying("queued behind the deploy that is in progress", ""),
        }
    }

    /// Why a call must not be made, by what was looked at: something newer, a rollback, or that neither is known.
    pub(super) async fn must_not_call(
        &self,
        begun: &StartedAttempt,
        deploys: &[Deploy],
    ) -> Option<AttemptResult> {
        if let Some(look) = &begun.look {
            self.rollout.notice_rollback(look);
            if self.request.intent.kind == AttemptKind::Deploy
                && let Some(stopped) = self.judge(look, deploys).await
            {
                return Some(stopped);
            }
        }
        let why = self.rollout.preempted()?;
        Some(AttemptResult::at(AttemptOutcome::Withdrawn, None).saying(why, ""))
    }

    async fn judge(&self, look: &Look, deploys: &[Deploy]) -> Option<AttemptResult> {
        let on_render = match &self.rollout.context.clients.render {
            Some(_) => OnRender::Known(current(deploys)),
            None => OnRender::NoKey,
        };
        let verdict = self
            .rollout
            .state
            .verdict(self.rollout.context, look, self.service, &on_render)
            .await;
        match verdict {
            Ok(OrderVerdict::Go) => None,
            Ok(OrderVerdict::Superseded(why)) => {
                Some(AttemptResult::at(AttemptOutcome::Withdrawn, None).saying(why, ""))
            }
            Ok(OrderVerdict::Held(from)) => {
                let why = format!("a rollback from {} holds it by now", from.short(7));
                Some(AttemptResult::at(AttemptOutcome::Held, None).saying(why, ""))
            }
            Err(failure) => {
                let landing = AttemptOutcome::NotTaken(failure.word());
                Some(AttemptResult::at(landing, None).saying(failure.to_string(), failure.hint()))
            }
        }
    }

    /// The newest deploys of the service; none without an API key.
    pub(super) async fn look_at_render(&self) -> Result<Vec<Deploy>, RenderError> {
        let Some(render) = &self.rollout.context.clients.render else {
            return Ok(Vec::new());
        };
        render.newest(&self.request.id).await
    }

    /// Whether the bytes serve by now or come anyway.
    fn presence(&self, begun: &StartedAttempt, deploys: &[Deploy]) -> Presence {
        if !self.rollout.follows() || self.request.is_forced {
            return Presence::Absent;
        }
        let deploys = current(deploys);
        let records = match &begun.look {
            Some(look) => look.records(self.service),
            None => self.rollout.state.records(self.service),
        };
        let others = records
            .into_iter()
            .filter(|record| Some(record.number) != begun.record)
            .collect::<Vec<_>>();
        presence(&self.request.wanted, &deploys, &unlisted(&others, &deploys))
    }
}

/// The deploy that is live and those in progress.
fn current(deploys: &[Deploy]) -> Vec<Deploy> {
    let counts =
        |deploy: &&Deploy| deploy.status.is_in_flight() || deploy.status == DeployStatus::Live;
    deploys.iter().filter(counts).cloned().collect()
}
