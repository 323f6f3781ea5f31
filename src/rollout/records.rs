//! What a rollout writes into the records: intents, ends, and which services have which names.

use super::attempt::{Attempt, AttemptResult, StartedAttempt};
use super::{DeployRequest, Rollout};
use decide::RecordEnd;
use github::{DeploymentEnd as Closed, RecordWriter, RunName, StatusUpdate};
use model::{Deploy, FailureWord, RecordState, ServiceKey, ServiceName};
use std::collections::BTreeMap;

impl Rollout<'_> {
    /// Writes an index record where a service gets its first record under a name that is not in the index yet.
    pub(super) async fn write_index(&self, requests: &BTreeMap<ServiceName, DeployRequest>) {
        let Some(record) = &self.records else { return };
        let mut index = self.state.index();
        let mut is_new = false;
        for (service, request) in requests.iter().filter(|(_, request)| request.is_recorded) {
            let key = ServiceKey::new(self.state.environment(), service);
            is_new |= index.insert(request.id.clone(), key);
        }
        if !is_new {
            return;
        }
        if let Err(error) = record.write_index(&self.state.commit(), &index).await {
            self.context.warn(
                "The names of services are not recorded",
                &format!("if one of them is renamed, its records are not found ({error})"),
            );
        }
    }

    /// Ends the records of earlier runs of ours that do not say how their attempt ended, where Render or the service itself does.
    pub(crate) async fn close_settled(&self) {
        let Some(record) = &self.records else { return };
        self.close_confirmed(record).await;
        for (service, shown) in self.state.settled() {
            let how = if shown.state == RecordState::Success {
                Closed::Live
            } else {
                Closed::Failed
            };
            let ending = StatusUpdate {
                how,
                deploy: Some(shown.deploy.clone()),
                description: "seen by a later run".to_owned(),
                environment_url: None,
                log_url: self.context.run_url(),
            };
            if let Err(error) = record.end(shown.number, &ending).await {
                self.context
                    .log
                    .say(&format!("{service}: an earlier record stays open: {error}"));
            }
        }
    }
}

impl Rollout<'_> {
    async fn close_confirmed(&self, writer: &RecordWriter<'_>) {
        for confirmed in self.state.confirmed() {
            let live = (
                confirmed.number,
                Closed::Live,
                "its address answers with the new version".to_owned(),
            );
            let older = confirmed.older.iter().map(|number| {
                let text = format!("record {} came after it", confirmed.number);
                (*number, Closed::Replaced, text)
            });
            for (number, how, description) in std::iter::once(live).chain(older) {
                let ending = StatusUpdate {
                    how,
                    deploy: None,
                    description,
                    environment_url: None,
                    log_url: self.context.run_url(),
                };
                if let Err(error) = writer.end(number, &ending).await {
                    let service = &confirmed.service;
                    let text = format!("{service}: an earlier record stays open: {error}");
                    self.context.log.say(&text);
                }
            }
        }
    }
}

impl Attempt<'_> {
    /// Writes the intent. Where that fails the deploy goes on: what it costs is said once.
    pub(super) async fn write_intent(&self) -> Option<u64> {
        let rollout = self.rollout;
        let (context, record) = (rollout.context, rollout.records.as_ref()?);
        let (id, attempt) = context.env.run.unwrap_or_default();
        let run = RunName {
            id: id.to_string(),
            attempt: attempt.to_string(),
            force: context.request.force.words(),
        };
        match record
            .begin(rollout.state.environment(), &self.request.intent, &run)
            .await
        {
            Ok(number) => {
                rollout.own.borrow_mut().insert(number);
                Some(number)
            }
            Err(error) => {
                let text = format!(
                    "this run keeps no record of its deploys ({error}): if this run is cut off or its commit is reverted, the next run may not see it"
                );
                if rollout.is_warned.replace(true) {
                    self.say(&format!("no record: {error}"));
                } else {
                    context.warn("A deploy is not recorded", &text);
                }
                None
            }
        }
    }

    /// Opens our own record again, where another run whose deploy was accepted has ended it: this run is about to call all the same.
    pub(super) async fn open_again(&self, begun: &StartedAttempt) {
        let (Some(number), Some(look)) = (begun.record, &begun.look) else {
            return;
        };
        let was_ended = look
            .records(self.service)
            .iter()
            .any(|record| record.number == number && record.state == RecordState::Replaced);
        if was_ended {
            self.write_end(number, Closed::Open, None, "it calls after all")
                .await;
        }
    }

    /// Ends the older open records of the service that were there before the call: what they began cannot come after this deploy.
    pub(super) async fn end_older(&self, begun: &StartedAttempt) {
        let (Some(own), Some(look)) = (begun.record, &begun.look) else {
            return;
        };
        for record in look.records(self.service) {
            if record.state == RecordState::Open && record.number < own {
                let text = format!("record {own} came after it");
                self.write_end(record.number, Closed::Replaced, None, &text)
                    .await;
            }
        }
    }

    /// Cancels deploys of our own that have not begun: a rollback goes back from them too.
    pub(super) async fn cancel_unbegun(&self, deploys: &[Deploy]) {
        let Some(writer) = self.rollout.render_writer() else {
            return;
        };
        let records = self.rollout.state.records(self.service);
        for deploy in deploys {
            let is_own = records.iter().any(|record| {
                record.is_own
                    && (record.deploy.as_ref() == Some(&deploy.id)
                        || deploy.is_of(&record.digests()))
            });
            if !deploy.status.may_be_cancelled() || !is_own || deploy.is_of(&self.request.wanted) {
                continue;
            }
            match writer.cancel(&self.request.id, &deploy.id).await {
                Ok(()) => self.say(&format!("{} was cancelled on Render", deploy.id)),
                Err(error) => self.say(&format!("{} was not cancelled: {error}", deploy.id)),
            }
        }
    }

    /// Ends the record by what was seen. What is not known stays open, with the deploy where one is known.
    pub(super) async fn end(&self, number: Option<u64>, result: &AttemptResult) {
        let ending = result.landing.ending();
        let how = match ending.record {
            RecordEnd::Live => Closed::Live,
            RecordEnd::Accepted => Closed::Accepted,
            RecordEnd::Failed => Closed::Failed,
            RecordEnd::NotSent => Closed::NotSent,
            RecordEnd::Open if result.deploy.is_some() => Closed::Open,
            RecordEnd::Open => return,
        };
        let Some(number) = number else { return };
        let description = match ending.failure {
            Some(word) => word.to_string(),
            None => result.text.clone().unwrap_or_default(),
        };
        self.write_end(number, how, Some(result), &description)
            .await;
    }

    async fn write_end(
        &self,
        number: u64,
        how: Closed,
        result: Option<&AttemptResult>,
        description: &str,
    ) {
        let (context, Some(record)) = (self.rollout.context, &self.rollout.records) else {
            return;
        };
        let facts = self.rollout.facts.get(self.service);
        let ending = StatusUpdate {
            how,
            deploy: result.and_then(|result| result.deploy.clone()),
            description: description.to_owned(),
            environment_url: facts.and_then(|facts| facts.url.clone()),
            log_url: context.run_url(),
        };
        let Err(error) = record.end(number, &ending).await else {
            return;
        };
        let why = format!("{}: its record stays open: {error}", self.service);
        if error.word() == FailureWord::PermissionMissing {
            context.warn("record", &why);
        } else {
            self.say(&format!("its record stays open: {error}"));
        }
    }
}
