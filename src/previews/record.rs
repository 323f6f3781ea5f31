//! What was written down of previews, and writing it.

use super::PreviewJob;
use crate::context::{Context, Writers};
use decide::RecordEnd;
use github::{GitHub, GitHubError, PreviewEnd, PreviewEnding, PreviewWriter, RecordsBack, RunName};
use model::{PreviewIntent, PreviewRecord, PreviewState, ServiceId, ServiceName};
use parse::inputs::Recording;
use std::cell::Cell;
use std::collections::BTreeMap;
use url::Url;

/// The records, and what writes more of them.
pub(super) struct PreviewRecords<'a> {
    records: BTreeMap<ServiceName, Vec<PreviewRecord>>,
    reader: Option<&'a GitHub>,
    writer: Option<PreviewWriter<'a>>,
    /// Whether a record could not be written, which is said once.
    forgot: Cell<bool>,
}

impl<'a> PreviewRecords<'a> {
    /// Reads the record. What cannot be read is said; previews are then found on Render by their names alone.
    pub(super) async fn read(
        context: &'a Context,
        writers: Option<&Writers<'a>>,
        services: &[ServiceName],
    ) -> Self {
        let github = match context.request.recording {
            Recording::On => context.github_with_token(),
            Recording::Off => None,
        };
        let (records, is_writable) = match github {
            None => {
                warn_without_records(context, "record is false, or there is no github-token");
                (BTreeMap::new(), false)
            }
            Some(github) => match github.previews(services, RecordsBack::Newest).await {
                Ok(records) => (records.unwrap_or_default(), true),
                Err(error) => {
                    warn_without_records(context, &error.to_string());
                    // Who may not read may not write either; a refused permission is told once.
                    (
                        BTreeMap::new(),
                        !matches!(error, GitHubError::Denied { .. }),
                    )
                }
            },
        };
        let writer = match writers.and_then(|writers| writers.github.as_ref()) {
            Some(github) if is_writable => Some(github.previews),
            Some(_) | None => None,
        };
        Self {
            records,
            reader: github,
            writer,
            forgot: Cell::new(false),
        }
    }

    /// The records of a service's previews, of all pull requests, newest first.
    pub(super) fn of(&self, service: &ServiceName) -> &[PreviewRecord] {
        self.records
            .get(service)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The same as they are by now; as they were where that cannot be read.
    pub(super) async fn now(&self, service: &ServiceName) -> Vec<PreviewRecord> {
        let fresh = match self.reader {
            Some(github) => github
                .previews(std::slice::from_ref(service), RecordsBack::Newest)
                .await
                .ok()
                .flatten(),
            None => None,
        };
        fresh
            .and_then(|mut fresh| fresh.remove(service))
            .unwrap_or_else(|| self.of(service).to_vec())
    }
}

fn warn_without_records(context: &Context, why: &str) {
    let text = format!(
        "the record of previews is not used ({why}): previews are found on Render by their names, and a cleanup does not find those of this run (it needs deployments: write)"
    );
    context.warn("Previews are not remembered", &text);
}

impl PreviewJob<'_> {
    fn run_name(&self) -> RunName {
        let (id, attempt) = self.context.env.run.unwrap_or_default();
        RunName {
            id: id.to_string(),
            attempt: attempt.to_string(),
            force: None,
        }
    }

    /// This run, as records name it.
    pub(super) fn run_id(&self) -> String {
        self.run_name().id
    }

    /// Writes the intent. Where that fails the preview is made all the same: what it costs is said once.
    pub(super) async fn begin(&self, id: Option<&ServiceId>) -> Option<u64> {
        let writer = self.remembered.writer?;
        let intent = PreviewIntent {
            pull: self.pull,
            service: self.service.name.clone(),
            parent: self.parent.clone(),
            id: id.cloned(),
            commit: self.state.commit(),
            image: self.image.pinned(self.context.request.pin),
        };
        match writer.begin(&intent, &self.run_name()).await {
            Ok(number) => Some(number),
            Err(error) => {
                let text = format!(
                    "this run keeps no record of its previews ({error}): a cleanup does not find them, so delete them on Render by hand"
                );
                if self.remembered.forgot.replace(true) {
                    self.say(&format!("no record: {error}"));
                } else {
                    self.context.warn("A preview is not recorded", &text);
                }
                None
            }
        }
    }

    /// Writes down which preview it is.
    pub(super) async fn note_made(&self, number: Option<u64>, id: &ServiceId) {
        let (Some(number), Some(writer)) = (number, self.remembered.writer) else {
            return;
        };
        if let Err(error) = writer.made(number, id).await {
            self.say(&format!(
                "its record does not say which preview it is: {error}"
            ));
        }
    }

    /// Ends the record. One that ended well tells of everything that older ones left open.
    pub(super) async fn close(
        &self,
        number: Option<u64>,
        closing: RecordEnd,
        id: Option<&ServiceId>,
        environment_url: Option<&Url>,
    ) {
        let how = match closing {
            RecordEnd::Live => PreviewEnd::Live,
            RecordEnd::Accepted => PreviewEnd::Accepted,
            RecordEnd::Failed => PreviewEnd::Failed,
            RecordEnd::NotSent => PreviewEnd::NotSent,
            RecordEnd::Open => return,
        };
        let (Some(number), Some(writer)) = (number, self.remembered.writer) else {
            return;
        };
        let ending = PreviewEnding {
            how,
            id: id.cloned(),
            environment_url: environment_url.cloned(),
            log_url: self.context.run_url(),
        };
        if let Err(error) = writer.end(number, &ending).await {
            self.say(&format!("its record stays open: {error}"));
            return;
        }
        if id.is_none() {
            return;
        }
        let records = self.remembered.of(&self.service.name);
        let is_open =
            |record: &&&PreviewRecord| record.state == PreviewState::Open && record.number < number;
        for record in self.of().counting(records).iter().filter(is_open) {
            self.set_aside(record.number, "a later run reports it")
                .await;
        }
    }

    /// Sets the records of a preview aside that is not there any more.
    pub(super) async fn forget(&self, id: &ServiceId) {
        let records = self.remembered.of(&self.service.name);
        for record in self
            .of()
            .counting(records)
            .iter()
            .filter(|record| record.intent.id.as_ref() == Some(id))
        {
            self.set_aside(record.number, "the preview is not on Render any more")
                .await;
        }
    }

    async fn set_aside(&self, number: u64, why: &str) {
        let Some(writer) = self.remembered.writer else {
            return;
        };
        if let Err(error) = writer.set_aside(number, why).await {
            self.say(&format!("an earlier record stays as it is: {error}"));
        }
    }
}
