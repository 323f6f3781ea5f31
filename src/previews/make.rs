//! Making a preview, and deploying to one that is there.

use super::find::{ExistingPreview, Unknown};
use super::{PreviewClients, PreviewJob};
use crate::gate::preflight;
use crate::probe::{self, ProbeRequest};
use crate::rollout::{DeployRequest, DeployVia, Rollout, preview as tracked};
use decide::{RecordEnd, is_forestalled};
use http_client::{Deadline, sleep};
use model::{
    AttemptKind, DeployId, Digest, FailureWord, Intent, PreviewRecord, PreviewState, ServiceId,
    Status,
};
use render::{CallFailure, Made, RenderError, Repeatable, ServiceFacts};
use report::ServiceResult;
use std::collections::BTreeMap;
use std::time::Duration;

/// The first and the longest pause between two calls that Render did not act upon.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long Render is asked to make one preview while it acts upon none of the calls.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often.
const MOST_CALLS: u32 = 5;
/// The pauses in which a preview may appear whose making was not clearly answered, or that another run is making.
const LOOKS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// What asking for a preview came to.
enum PreviewRequestResult {
    /// Render made it.
    Made(ServiceId, Option<Box<ServiceFacts>>, Option<DeployId>),
    /// It is there, though nobody said so.
    Appeared(Box<ExistingPreview>),
    /// There is none.
    Refused(CallFailure),
    /// Whether there is one is not known.
    Unclear(String),
    /// The pull request was closed, or is on another commit by now. Render was not asked.
    Stale(String),
}

impl PreviewJob<'_> {
    /// Deploys to a preview that is there.
    pub(super) async fn redeploy(
        &self,
        clients: PreviewClients<'_>,
        preview: Box<ExistingPreview>,
    ) -> ServiceResult {
        if let Some(by) = preflight::suspended(&preview.facts) {
            let text = format!("its preview {} is suspended on Render{by}", preview.id);
            let hint = "Resume it on Render, or delete it there, then run this again.";
            return self.failed(FailureWord::ServiceSuspended, text, hint);
        }
        let number = if self.is_told(&preview.id) {
            None
        } else {
            self.begin(Some(&preview.id)).await
        };
        self.deploy_to(clients, *preview, number).await
    }

    /// Whether the newest record says all of this already: the run is repeated.
    fn is_told(&self, id: &ServiceId) -> bool {
        let counting = self.of().counting(self.remembered.of(&self.service.name));
        counting.first().is_some_and(|newest| {
            newest.state == PreviewState::Serves
                && newest.intent.id.as_ref() == Some(id)
                && newest.intent.commit == self.state.commit()
                && newest.intent.image == self.image.pinned(self.context.request.pin)
        })
    }

    async fn deploy_to(
        &self,
        clients: PreviewClients<'_>,
        preview: ExistingPreview,
        number: Option<u64>,
    ) -> ServiceResult {
        let ExistingPreview { id, facts } = preview;
        let request = self.request(&id, Some(&facts));
        let rollout = self.rollout(clients, Some(facts));
        let (ended, closing) = tracked::deploy(&rollout, &self.service.name, &request).await;
        let ended = self.or_gone(ended, &id).await;
        self.conclude(ended, closing, number, &id).await
    }

    /// Says so where the preview was deleted meanwhile: Render answers then as it does to a key that may not see it.
    async fn or_gone(&self, ended: ServiceResult, id: &ServiceId) -> ServiceResult {
        let word = ended.failed.as_ref().map(|failed| failed.word);
        if word != Some(FailureWord::PermissionMissing) {
            return ended;
        }
        let is_gone = matches!(
            self.render.service(id).await,
            Err(RenderError::NoAccess {
                status: 404 | 410,
                ..
            })
        );
        // The key still sees the service that it is a copy of.
        if !is_gone || self.render.service(&self.parent).await.is_err() {
            return ended;
        }
        let text = format!("its preview {id} is not on Render any more");
        let hint = "Run this again: a new preview is made.";
        ServiceResult {
            failed: self.failed(FailureWord::DeployFailed, text, hint).failed,
            ..ended
        }
    }

    /// Makes the preview. The intent is written first and the record read after it, so of two runs at once one sees the other.
    pub(super) async fn make(
        &self,
        clients: PreviewClients<'_>,
        gone: Option<&ServiceId>,
    ) -> ServiceResult {
        let name = &self.service.name;
        tracked::note_making(self.context, name, &self.parent);
        let number = self.begin(None).await;
        if let Some(gone) = gone {
            self.forget(gone).await;
        }
        let asked = match self.meanwhile(number, gone).await {
            Ok(Some(standing)) => PreviewRequestResult::Appeared(Box::new(standing)),
            Ok(None) => self.ask(clients, number.is_some(), gone).await,
            Err(Unknown { word, text, hint }) => {
                tracked::forget_making(self.context, name);
                self.close(number, RecordEnd::NotSent, None, None).await;
                return self.failed(word, text, hint);
            }
        };
        match asked {
            PreviewRequestResult::Made(id, facts, deploy) => {
                self.note_made(number, &id).await;
                let is_enough =
                    |facts: &ServiceFacts| facts.url.is_some() || self.service.probe.is_none();
                let facts = match facts {
                    Some(facts) if is_enough(&facts) => Some(*facts),
                    Some(_) | None => self.render.service(&id).await.ok(),
                };
                let request = self.request(&id, facts.as_ref());
                let rollout = self.rollout(clients, facts);
                let (ended, closing) =
                    tracked::follow_first(&rollout, name, &request, deploy).await;
                self.conclude(ended, closing, number, &id).await
            }
            PreviewRequestResult::Appeared(standing) => {
                self.note_made(number, &standing.id).await;
                self.deploy_to(clients, *standing, number).await
            }
            PreviewRequestResult::Refused(failure) => {
                tracked::forget_making(self.context, name);
                self.close(number, RecordEnd::NotSent, None, None).await;
                self.failed(failure.word(), failure.to_string(), failure.hint())
            }
            PreviewRequestResult::Stale(why) => {
                tracked::forget_making(self.context, name);
                self.close(number, RecordEnd::NotSent, None, None).await;
                self.without(Status::Superseded, why)
            }
            PreviewRequestResult::Unclear(why) => {
                tracked::forget_making(self.context, name);
                let text = format!(
                    "whether Render made the preview {} is not known: {why}",
                    self.name
                );
                self.failed(
                    FailureWord::RenderUnavailable,
                    text,
                    "Look for it on Render, then run this again: an existing preview is used, and no second one is created.",
                )
            }
        }
    }

    /// What other runs have done about this preview: one that they made, or one that appears because an earlier intent is being acted upon.
    async fn meanwhile(
        &self,
        number: Option<u64>,
        gone: Option<&ServiceId>,
    ) -> Result<Option<ExistingPreview>, Unknown> {
        let Some(number) = number else {
            return Ok(None);
        };
        let records = self.remembered.now(&self.service.name).await;
        let others: Vec<&PreviewRecord> = self
            .of()
            .counting(&records)
            .into_iter()
            .filter(|record| record.number != number)
            .collect();
        if let Some(standing) = self.found_meanwhile(&others, gone).await? {
            return Ok(Some(standing));
        }
        if !is_forestalled(&others, number, &self.run_id()) {
            return Ok(None);
        }
        self.say("another run is creating this preview, so this run waits for it");
        for pause in LOOKS {
            if let Some(standing) = self.on_render(true, gone).await? {
                return Ok(Some(standing));
            }
            sleep(pause).await;
        }
        Ok(self.on_render(true, gone).await?)
    }

    /// Asks Render to make it, again only while nothing was acted upon.
    async fn ask(
        &self,
        clients: PreviewClients<'_>,
        is_recorded: bool,
        gone: Option<&ServiceId>,
    ) -> PreviewRequestResult {
        let image = self.image.pinned(self.context.request.pin);
        let (deadline, mut backoff) = (
            Deadline::after(PATIENCE),
            self.context.clients.http.backoff(PAUSES.0, PAUSES.1),
        );
        for requests in 1.. {
            if let Some(why) = self.stale_by(&self.head_now().await).await {
                return PreviewRequestResult::Stale(why);
            }
            self.say(&format!(
                "making the preview {} of {} with {image}",
                self.name, self.parent
            ));
            let failure = match clients
                .render
                .preview(&self.parent, &image, &self.name)
                .await
            {
                Ok(made) => return self.made(made, is_recorded, gone).await,
                Err(failure) => failure,
            };
            match failure.repeatable() {
                Repeatable::Never => return PreviewRequestResult::Refused(failure),
                Repeatable::Once => {
                    return self
                        .look_for_it(&failure.to_string(), is_recorded, gone)
                        .await;
                }
                Repeatable::Safely(hint) => {
                    let wait = backoff.next(hint);
                    if requests == MOST_CALLS || !deadline.allows(wait).await {
                        return PreviewRequestResult::Refused(failure);
                    }
                    self.say(&format!("{failure}; asked again"));
                }
            }
        }
        PreviewRequestResult::Unclear("it was not asked".into())
    }

    async fn made(
        &self,
        made: Made,
        is_recorded: bool,
        gone: Option<&ServiceId>,
    ) -> PreviewRequestResult {
        let Made {
            id,
            is_named_so,
            facts,
            deploy,
        } = made;
        let Some(id) = id else {
            return self
                .look_for_it("its answer does not name it", is_recorded, gone)
                .await;
        };
        if !is_named_so {
            let text = format!(
                "{}: Render gave preview {id} another name than {}, so only the record finds it again",
                self.service.name, self.name
            );
            self.context.warn("A preview has another name", &text);
        }
        PreviewRequestResult::Made(id, facts.map(Box::new), deploy)
    }

    /// Looks for a preview that may have been made. It is not asked for a second time: there would be two.
    async fn look_for_it(
        &self,
        why: &str,
        is_recorded: bool,
        gone: Option<&ServiceId>,
    ) -> PreviewRequestResult {
        self.say(&format!("{why}; it is looked for"));
        for pause in LOOKS {
            sleep(pause).await;
            if let Ok(Some(standing)) = self.on_render(is_recorded, gone).await {
                return PreviewRequestResult::Appeared(Box::new(standing));
            }
        }
        PreviewRequestResult::Unclear(why.to_owned())
    }

    fn request(&self, id: &ServiceId, facts: Option<&ServiceFacts>) -> DeployRequest {
        let image = self.image.pinned(self.context.request.pin);
        let intent = Intent {
            service: self.service.name.clone(),
            commit: self.state.commit(),
            id: Some(id.clone()),
            image: image.clone(),
            platform: self.image.platform_digest().clone(),
            image_commit: self.image.revision().copied(),
            release: None,
            kind: AttemptKind::Deploy,
            from: None,
            to: None,
        };
        let wanted = vec![
            self.image.digest().clone(),
            self.image.platform_digest().clone(),
        ];
        // Its record is one of previews.
        let via = DeployVia::Api(id.clone());
        let probe = facts.and_then(|facts| self.probe(facts, &wanted));
        DeployRequest {
            via,
            id: id.clone(),
            image,
            wanted,
            intent,
            is_forced: false,
            is_recorded: false,
            probe,
        }
    }

    /// The probe of the service, asked at the preview's own address. None where the preview has no address, or the image's commit is not known.
    fn probe(&self, facts: &ServiceFacts, wanted: &[Digest]) -> Option<ProbeRequest> {
        let environment = self.state.environment();
        let (probe, address) = probe::wanted(self.context.request.wait, self.service, environment)?;
        let address = address.at(facts.url.as_ref()?).ok()?;
        let found = ProbeRequest::new(probe, address, self.image.built_from(), wanted);
        if found.is_err() {
            self.say("its image does not say which commit it is, so its probe is not asked");
        }
        found.ok()
    }

    fn rollout<'r>(
        &'r self,
        clients: PreviewClients<'r>,
        facts: Option<ServiceFacts>,
    ) -> Rollout<'r> {
        let facts: BTreeMap<_, _> = facts
            .into_iter()
            .map(|facts| (self.service.name.clone(), facts))
            .collect();
        Rollout::new(self.context, clients.all, &self.state, facts)
    }

    /// Ends the record, and asks where the preview is if that was not known before it was live.
    async fn conclude(
        &self,
        mut ended: ServiceResult,
        closing: RecordEnd,
        number: Option<u64>,
        id: &ServiceId,
    ) -> ServiceResult {
        if ended.url.is_none() && matches!(closing, RecordEnd::Live | RecordEnd::Accepted) {
            ended.url = self
                .render
                .service(id)
                .await
                .ok()
                .and_then(|facts| facts.url);
        }
        self.close(number, closing, Some(id), ended.url.as_ref())
            .await;
        ended
    }
}
