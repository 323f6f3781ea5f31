//! One service's way: intent, order, look, call, follow, end of the record.

use super::{Call, Door, Flight, Hands, Stage};
use crate::command::ledger::Ordered;
use crate::decide::{Closing, Landing, Presence, presence};
use crate::domain::{DeployId, DeployStatus, FailureWord, ServiceName};
use crate::github::{Ended as Closed, Ending, RunName};
use crate::render::{Accepted, CallFailure, RenderError, Repeatable};
use crate::report::{Ended, Failed};
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
pub(super) struct Landed {
    pub(super) landing: Landing,
    pub(super) deploy: Option<DeployId>,
    /// What there is to say beside the status, of the outputs' alphabet where nothing failed.
    pub(super) text: Option<String>,
    /// What to do, where something failed.
    pub(super) hint: String,
}

impl Landed {
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
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) hands: &'a Hands<'a>,
    pub(super) service: &'a ServiceName,
    pub(super) call: &'a Call,
}

impl Attempt<'_> {
    /// Goes it, without a record where nothing true could be written into one.
    pub(super) async fn run(self) -> Ended {
        let record = if self.call.is_recorded {
            self.begin().await
        } else {
            None
        };
        let began = self.hands.started.elapsed();
        self.say(&format!("deploying {}", self.call.image));
        self.fly(Stage::Preparing, BTreeSet::new());
        self.hands
            .scene
            .log
            .waits_for(self.service.as_str(), "deploying");
        let landed = self.land().await;
        self.hands.scene.log.has_come(self.service.as_str());
        self.end(record, &landed).await;
        self.told(landed, began)
    }

    /// What became of it, for the story. Who cancels the run has nothing to do about it any more.
    pub(super) fn told(&self, landed: Landed, began: Duration) -> Ended {
        let ending = landed.landing.ending();
        self.hands.scene.flights.borrow_mut().remove(self.service);
        let text = landed.text.unwrap_or_default();
        let facts = self.hands.facts.get(self.service);
        let page = facts.and_then(|facts| facts.dashboard.clone());
        let failed = ending.failure.map(|word| Failed {
            word,
            text: text.clone(),
            hint: landed.hint,
            page,
        });
        let reason = (failed.is_none() && !text.is_empty()).then_some(text);
        let url = facts.and_then(|facts| facts.url.clone());
        let took = self.hands.started.elapsed().saturating_sub(began);
        Ended {
            service: self.service.clone(),
            status: ending.status,
            reason,
            deploy: landed.deploy,
            url,
            began,
            took,
            failed,
        }
    }

    pub(super) fn say(&self, text: &str) {
        self.hands
            .scene
            .log
            .say(&format!("{}: {text}", self.service));
    }

    /// Notes where we are, for whoever cancels the run.
    pub(super) fn fly(&self, stage: Stage, known: BTreeSet<DeployId>) {
        let flight = Flight {
            id: self.call.id.clone(),
            wanted: self.call.wanted.clone(),
            known,
            stage,
        };
        self.hands
            .scene
            .flights
            .borrow_mut()
            .insert(self.service.clone(), flight);
    }

    fn advance(&self, stage: Stage) {
        if let Some(flight) = self.hands.scene.flights.borrow_mut().get_mut(self.service) {
            flight.stage = stage;
        }
    }

    /// The deploys that were there before ours.
    pub(super) fn known(&self) -> BTreeSet<DeployId> {
        self.hands
            .scene
            .flights
            .borrow()
            .get(self.service)
            .map(|flight| flight.known.clone())
            .unwrap_or_default()
    }

    async fn land(&self) -> Landed {
        if self.call.intent.kind == crate::domain::Kind::Deploy {
            match self
                .hands
                .ledger
                .order_now(self.hands.scene, self.service)
                .await
            {
                Ok(Ordered::Current) => {}
                Ok(Ordered::Superseded(why)) => {
                    return Landed::at(Landing::Withdrawn, None).saying(why, "");
                }
                Err(failure) => {
                    let landing = Landing::NotTaken(failure.word());
                    return Landed::at(landing, None).saying(failure.to_string(), failure.hint());
                }
            }
        }
        self.land_unordered().await
    }

    /// Goes on from where nothing newer is there.
    pub(super) async fn land_unordered(&self) -> Landed {
        match self.look_before().await {
            Ok(Presence::Absent) => {}
            Ok(Presence::Serves) => {
                return Landed::at(Landing::Live, None)
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
                return Landed::at(Landing::NotTaken(error.word()), None)
                    .saying(text, error.hint());
            }
        }
        self.advance(Stage::Calling);
        let (accepted, note) = match self.persist().await {
            Ok(accepted) => accepted,
            Err((landing, failure, note)) => {
                let text =
                    note.map_or_else(|| failure.to_string(), |note| format!("{failure} ({note})"));
                return Landed::at(landing, None).saying(text, failure.hint());
            }
        };
        let mut landed = self.see_through(accepted).await;
        if landed.text.is_none() {
            landed.text = note;
        }
        landed
    }

    /// Follows what Render took, as far as it is followed.
    pub(super) async fn see_through(&self, accepted: Accepted) -> Landed {
        if let Accepted::Started(Some(deploy)) = &accepted {
            self.advance(Stage::Following(deploy.clone()));
        }
        match (accepted, self.hands.follows()) {
            (Accepted::Started(Some(deploy)), true) => self.follow(&deploy).await,
            (Accepted::Started(None) | Accepted::Queued, true) => match self.find().await {
                Ok(deploy) => {
                    self.say(&format!("queued as {deploy}"));
                    self.advance(Stage::Following(deploy.clone()));
                    self.follow(&deploy).await
                }
                Err(landed) => landed,
            },
            (Accepted::Started(deploy), false) => Landed::at(Landing::Accepted, deploy.as_ref()),
            (Accepted::Queued, false) => Landed::at(Landing::Accepted, None)
                .saying("queued behind the deploy that is in progress", ""),
        }
    }

    /// Remembers which deploys there are, and finds out whether the bytes serve by now or come anyway.
    async fn look_before(&self) -> Result<Presence, RenderError> {
        let Some(render) = &self.hands.scene.render else {
            return Ok(Presence::Absent);
        };
        let mut deploys = render.newest(&self.call.id).await?;
        self.fly(
            Stage::Preparing,
            deploys.iter().map(|deploy| deploy.id.clone()).collect(),
        );
        deploys
            .retain(|deploy| deploy.status.is_in_flight() || deploy.status == DeployStatus::Live);
        let is_wanted = self.hands.follows() && !self.call.is_forced;
        Ok(if is_wanted {
            presence(&self.call.wanted, &deploys)
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
        let mut backoff = self.hands.scene.client.backoff(FIRST_WAIT, LONGEST_WAIT);
        let (mut calls, mut unanswered) = (1, 0);
        loop {
            let failure = match self.knock().await {
                Ok(accepted) => {
                    let note = (unanswered > 0)
                        .then(|| "called twice: the first call had no clear answer".to_owned());
                    return Ok((accepted, note));
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
                    let is_unclear = unanswered > 0 || failure.repeatable() == Repeatable::Once;
                    if is_unclear
                        && self.hands.scene.render.is_some()
                        && deadline.allows(backoff.next(None)).await
                        && let Some(found) = self.found().await
                    {
                        return Ok(found);
                    }
                    return Err(given_up(failure, calls, unanswered));
                }
            };
            let wait = backoff.next(hint);
            self.say(&format!("{failure}; again in {:.1} s", wait.as_secs_f64()));
            if !deadline.allows(wait).await {
                return Err(given_up(failure, calls, unanswered));
            }
            if unanswered > 0
                && let Some(found) = self.found().await
            {
                return Ok(found);
            }
            calls += 1;
        }
    }

    async fn knock(&self) -> Result<Accepted, CallFailure> {
        match (&self.call.door, &self.hands.writer) {
            (Door::Api(id), Some(writer)) => writer.deploy(id, &self.call.image).await,
            (Door::Hook(hook), _) => self.hands.hooks.call(hook, &self.call.image).await,
            (Door::Api(_), None) => Err(CallFailure::Denied(crate::render::Key::Api)),
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
        let known = self.known();
        let deploys = self
            .hands
            .scene
            .render
            .as_ref()?
            .newest(&self.call.id)
            .await
            .ok()?;
        let is_new = |deploy: &&crate::domain::Deploy| {
            !known.contains(&deploy.id) && deploy.is_of(&self.call.wanted)
        };
        deploys.iter().find(is_new).map(|deploy| deploy.id.clone())
    }

    /// Writes the intent. Where that fails the deploy goes on: what it costs is said once.
    async fn begin(&self) -> Option<u64> {
        let (scene, record) = (self.hands.scene, self.hands.record.as_ref()?);
        let (id, attempt) = scene.around.run.unwrap_or_default();
        let run = RunName {
            id: id.to_string(),
            attempt: attempt.to_string(),
            force: scene.request.force.words(),
        };
        match record
            .begin(self.hands.ledger.environment(), &self.call.intent, &run)
            .await
        {
            Ok(number) => Some(number),
            Err(error) => {
                let text = format!(
                    "deploys go on without a record ({error}): should this run be cut off, or its commit be reverted, the next run may not see what it has to make good"
                );
                if self.hands.forgot.replace(true) {
                    self.say(&format!("no record: {error}"));
                } else {
                    scene.warn("A deploy is not recorded", &text);
                }
                None
            }
        }
    }

    async fn end(&self, number: Option<u64>, landed: &Landed) {
        let how = match landed.landing.ending().record {
            Closing::Live => Closed::Live,
            Closing::Accepted => Closed::Accepted,
            Closing::Failed => Closed::Failed,
            Closing::NotSent => Closed::NotSent,
            Closing::Open => return,
        };
        let (Some(number), Some(record)) = (number, &self.hands.record) else {
            return;
        };
        let scene = self.hands.scene;
        let description = match landed.landing.ending().failure {
            Some(word) => word.to_string(),
            None => landed.text.clone().unwrap_or_default(),
        };
        let url = self
            .hands
            .facts
            .get(self.service)
            .and_then(|facts| facts.url.clone());
        let ending = Ending {
            how,
            description,
            environment_url: url,
            log_url: scene.run_url(),
        };
        if let Err(error) = record.end(number, &ending).await {
            let why = format!("{}: its record stays open: {error}", self.service);
            if error.word() == FailureWord::PermissionMissing {
                scene.warn("record", &why);
            } else {
                self.say(&format!("its record stays open: {error}"));
            }
        }
    }
}

fn given_up(
    failure: CallFailure,
    calls: u32,
    unanswered: u32,
) -> (Landing, CallFailure, Option<String>) {
    let word: FailureWord = failure.word();
    let landing = if unanswered > 0 || failure.repeatable() == Repeatable::Once {
        Landing::Unclear(word)
    } else {
        Landing::NotTaken(word)
    };
    let note = match (calls, unanswered) {
        (1, _) => None,
        (calls, 0) => Some(format!("called {calls} times")),
        (calls, _) => Some(format!(
            "called {calls} times; Render may have begun a deploy"
        )),
    };
    (landing, failure, note)
}
