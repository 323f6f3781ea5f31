//! Looking for a preview before one is made: by the record, and in Render's list of services.

use super::PreviewJob;
use decide::{PreviewOwnership, known_preview, may_be_unknown};
use model::{FailureWord, PreviewRecord, ServiceId};
use render::{RenderError, ServiceFacts};

/// A preview that is on Render.
pub(super) struct ExistingPreview {
    pub(super) id: ServiceId,
    pub(super) facts: ServiceFacts,
}

/// What looking came to.
pub(super) enum PreviewTarget {
    /// There is one.
    There(Box<ExistingPreview>),
    /// There is none.
    Absent {
        /// One that the record tells of, and that Render does not know any more.
        gone: Option<ServiceId>,
    },
}

/// What is under the id of a record.
enum RecordedService {
    /// Our preview.
    Ours(Box<ExistingPreview>),
    /// Nothing.
    Gone,
    /// Something else.
    Others,
}

/// Why it is not known whether there is one. None may be made then.
pub(super) struct Unknown {
    pub(super) word: FailureWord,
    pub(super) text: String,
    pub(super) hint: &'static str,
}

impl From<RenderError> for Unknown {
    fn from(error: RenderError) -> Self {
        Self {
            word: error.word(),
            text: error.to_string(),
            hint: error.hint(),
        }
    }
}

impl PreviewJob<'_> {
    /// Looks for the pull request's preview.
    ///
    /// # Errors
    /// [`Unknown`].
    pub(super) async fn find(&self) -> Result<PreviewTarget, Unknown> {
        let counting = self.of().counting(self.remembered.of(&self.service.name));
        let mut gone = None;
        if let Some(id) = known_preview(&counting, None) {
            match self.look_at(id).await? {
                RecordedService::Ours(standing) => return Ok(PreviewTarget::There(standing)),
                RecordedService::Gone => gone = Some(id.clone()),
                RecordedService::Others => {}
            }
        }
        if let Some(standing) = self
            .on_render(may_be_unknown(&counting), gone.as_ref())
            .await?
        {
            self.say(&format!(
                "{} is its preview on Render and is used",
                standing.id
            ));
            return Ok(PreviewTarget::There(Box::new(standing)));
        }
        if let Some(gone) = &gone {
            let text = format!(
                "{}: preview {gone} is not on Render any more, so a new one is made",
                self.service.name
            );
            self.context.note(text);
        }
        Ok(PreviewTarget::Absent { gone })
    }

    /// What Render has under the id of a record.
    async fn look_at(&self, id: &ServiceId) -> Result<RecordedService, Unknown> {
        let facts = match self.render.service(id).await {
            Ok(facts) => facts,
            Err(RenderError::NoAccess {
                status: 404 | 410, ..
            }) => return Ok(RecordedService::Gone),
            Err(error) => return Err(error.into()),
        };
        match self
            .of()
            .whose(id, facts.parent.as_ref(), &facts.name, &self.name)
        {
            PreviewOwnership::Ours => Ok(RecordedService::Ours(Box::new(ExistingPreview {
                id: id.clone(),
                facts,
            }))),
            PreviewOwnership::Others => {
                self.say(&format!(
                    "{id} is in the record, but on Render it is no preview of {} for pull request {}, so it is not touched",
                    self.parent, self.pull
                ));
                Ok(RecordedService::Others)
            }
            PreviewOwnership::Unknown => Err(Unknown {
                word: FailureWord::DeployFailed,
                text: format!(
                    "the record says that {id} is the preview {}, but on Render it has another name and is no copy of anything",
                    self.name
                ),
                hint: "Look at that service on Render: if it is the preview, delete it there, and run this again.",
            }),
        }
    }

    /// The preview that the list of services shows. Where Render does not say whose copy a service is, it is ours only if we meant to make one
    /// (`is_meant`).
    pub(super) async fn on_render(
        &self,
        is_meant: bool,
        gone: Option<&ServiceId>,
    ) -> Result<Option<ExistingPreview>, RenderError> {
        let has_our_image = |facts: &ServiceFacts| {
            let image = facts.image.as_ref();
            image.and_then(|image| image.repository.as_ref()) == Some(self.image.repository())
        };
        let is_ours = |id: &ServiceId, facts: &ServiceFacts| {
            let parent = facts.parent.as_ref();
            let of = self.of();
            of.is_found(id, parent, &facts.name, &self.name, is_meant)
        };
        let mut found: Vec<ExistingPreview> = self
            .render
            .services()
            .await?
            .into_iter()
            .filter(|(id, facts)| Some(id) != gone && has_our_image(facts) && is_ours(id, facts))
            .map(|(id, facts)| ExistingPreview { id, facts })
            .collect();
        found.sort_by(|one, other| {
            let is_other = |found: &ExistingPreview| found.facts.name != self.name.as_str();
            (is_other(one), &one.id).cmp(&(is_other(other), &other.id))
        });
        let mut found = found.into_iter();
        let first = found.next();
        let more: Vec<String> = found.map(|standing| standing.id.to_string()).collect();
        if !more.is_empty() {
            let text = format!(
                "{}: there is more than one preview {} on Render; delete {}",
                self.service.name,
                self.name,
                more.join(", ")
            );
            self.context.warn("A preview is there twice", &text);
        }
        Ok(first)
    }

    /// As [`PreviewJob::find`], by what the record says right now: another run may have made it meanwhile.
    pub(super) async fn found_meanwhile(
        &self,
        records: &[&PreviewRecord],
        gone: Option<&ServiceId>,
    ) -> Result<Option<ExistingPreview>, Unknown> {
        let Some(id) = known_preview(records, gone) else {
            return Ok(None);
        };
        match self.look_at(id).await? {
            RecordedService::Ours(standing) => Ok(Some(*standing)),
            RecordedService::Gone | RecordedService::Others => Ok(None),
        }
    }
}
