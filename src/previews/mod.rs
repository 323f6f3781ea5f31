//! Previews: what a pull request's `deploy` does with an API key, for the services whose manifest says `previews`.
//!
//! Each gets one service of its own on Render, made once and then redeployed by digest. Render never deletes such a preview and two calls make
//! two, so before one is made it is looked for: in our record, and in Render's list of services.

pub(crate) mod comment;
mod find;
mod head;
mod make;
pub(crate) mod on_render;
mod record;
mod shown;

use crate::context::{CommandOutcome, Context, Stop, Writers};
use crate::failure::Failure;
use crate::gate::{credentials, preflight};
use crate::images::{self, Patience, VerifiedImages};
use crate::planned_run::PlannedRun;
use crate::rollout;
use crate::state::EnvironmentState;
use decide::{PreviewOf, Subject, VerifiedImage};
use find::{PreviewTarget, Unknown};
use head::HeadNow;
use http_client::Stopwatch;
use model::{
    Environment, FailureWord, Outcome, PrNumber, PreviewName, PullRequest, Service, ServiceId,
    ServiceName, Status, Trigger,
};
use record::PreviewRecords;
use render::{RenderApi, RenderWriter, ServiceFacts, ServiceKind};
use report::{self, Preview, ServiceResult, outcome_of};

/// The previews that a run is to make: one at least.
pub(crate) struct WantedPreviews<'a> {
    pull: PrNumber,
    render: &'a RenderApi,
    services: Vec<WantedPreview<'a>>,
}

/// A service that is to have a preview, and the environment whose service on Render it is a copy of.
struct WantedPreview<'a> {
    service: &'a Service,
    environment: &'a Environment,
}

/// One preview that a pull request is to have.
struct PreviewJob<'a> {
    context: &'a Context,
    render: &'a RenderApi,
    pull: PrNumber,
    service: &'a Service,
    /// The service on Render that it is a copy of.
    parent: ServiceId,
    image: &'a VerifiedImage,
    name: PreviewName,
    state: EnvironmentState,
    remembered: &'a PreviewRecords<'a>,
    /// What the pull request was on after the images were there.
    head: &'a HeadNow,
    started: &'a Stopwatch,
}

/// What a preview is made and deployed with.
#[derive(Clone, Copy)]
struct PreviewClients<'a> {
    all: &'a Writers<'a>,
    render: &'a RenderWriter,
}

/// The previews of which this run is to make: of the services that say so and whose image the pull request changes. None without an API key,
/// which is said.
///
/// # Errors
/// The API key is missing, and that is a failure.
pub(crate) fn wanted<'a>(
    context: &'a Context,
    run: &'a PlannedRun,
) -> Result<Option<WantedPreviews<'a>>, Failure> {
    let (
        Trigger::PullRequest(pull),
        Subject::PullRequest {
            cannot_push: None,
            number,
        },
    ) = (&context.trigger, &run.plan.subject)
    else {
        return Ok(None);
    };
    if !may_have_previews(pull) {
        return Ok(None);
    }
    let services = services(context, run)?;
    if services.is_empty() {
        return Ok(None);
    }
    if let Some(render) = &context.clients.render {
        return Ok(Some(WantedPreviews {
            pull: *number,
            render,
            services,
        }));
    }
    let names = services.iter().map(|wanted| wanted.service.name.clone());
    let failure = Failure::NoApiKeyForPreviews(names.collect());
    if credentials::missing_is_fatal(context.request.on_missing_credential, run.resolved.in_fork) {
        return Err(failure);
    }
    context.warn(
        "No preview is made",
        &format!("{failure}; the images are verified all the same"),
    );
    Ok(None)
}

/// The services of the run that say that they have previews, and whose image the pull request changes.
fn services<'a>(context: &Context, run: &'a PlannedRun) -> Result<Vec<WantedPreview<'a>>, Failure> {
    let is_listed = |name: &ServiceName| match &context.request.services {
        Some(listed) => listed.contains(name),
        None => true,
    };
    let mut services = Vec::new();
    for service in &run.resolved.manifest.services {
        let Some(environment) = &service.previews else {
            continue;
        };
        let mut images = run.plan.images.iter();
        if !images.any(|image| image.name == service.image) || !is_listed(&service.name) {
            continue;
        }
        let found = run.resolved.manifest.environment(environment);
        let environment = found.ok_or_else(|| {
            let name = &service.name;
            let text = format!("{name} has previews: {environment}, which is no environment");
            Failure::Preflight(vec![(FailureWord::BadManifest, text)])
        })?;
        services.push(WantedPreview {
            service,
            environment,
        });
    }
    Ok(services)
}

/// Code that anybody can propose is not given the variables that a preview copies, nor is one made where there is no secret to make it with.
const fn may_have_previews(pull: &PullRequest) -> bool {
    !pull.from_fork && !pull.by_dependabot
}

/// Verifies the images, then gives each of the services its preview.
///
/// # Errors
/// As for a deploy; nothing was made then. What fails with one preview is that service's result.
pub(crate) async fn run(
    context: &Context,
    writers: Option<&Writers<'_>>,
    run: &PlannedRun,
    wanted: &WantedPreviews<'_>,
) -> Result<CommandOutcome, Stop> {
    credentials::check(context, run, credentials::Live::Deployed)?;
    let previews = wanted.services.iter().map(|wanted| Preview {
        service: wanted.service.name.clone(),
        image: wanted.service.image.clone(),
    });
    context.progress.previews(previews.collect());
    let images = images::verified(context, run, Patience::Wait).await?;
    let parents = parents(&wanted.services)?;
    check_parents(context, wanted, &parents, &images).await?;
    let names: Vec<ServiceName> = wanted
        .services
        .iter()
        .map(|wanted| wanted.service.name.clone())
        .collect();
    let remembered = PreviewRecords::read(context, writers, &names).await;
    let head = head::head_now(context, wanted.pull).await;
    let started = Stopwatch::start();
    let mut jobs = Vec::new();
    for (preview, parent) in wanted.services.iter().zip(parents) {
        let manifest = &run.resolved.manifest;
        let service = preview.service;
        jobs.push(PreviewJob {
            context,
            render: wanted.render,
            pull: wanted.pull,
            service,
            parent,
            image: images::of(&images, &service.image)?,
            name: PreviewName::new(&service.name, wanted.pull),
            state: EnvironmentState::of_nothing(
                context,
                preview.environment,
                run.resolved.commit,
                manifest,
            ),
            remembered: &remembered,
            head: &head,
            started: &started,
        });
    }
    context
        .log
        .group(&format!("Previews of pull request {}", wanted.pull));
    let clients = writers.and_then(|all| {
        let render = &all.render.as_ref()?.deploys;
        Some(PreviewClients { all, render })
    });
    let ends = jobs.iter().map(|job| async move {
        let result = job.run(clients).await;
        rollout::say_result(context, &result);
        result
    });
    let results = futures_util::future::join_all(ends).await;
    context.log.end_group();
    context.progress.sort(names.iter());
    Ok(conclude(wanted.pull, &images, &results, clients.is_none()))
}

/// The services that previews are copies of, in the order of `services`.
fn parents(services: &[WantedPreview<'_>]) -> Result<Vec<ServiceId>, Failure> {
    let (mut parents, mut problems) = (Vec::new(), Vec::new());
    for WantedPreview {
        service,
        environment,
    } in services
    {
        let environment = &environment.name;
        match service.id.get(environment) {
            Some(id) => parents.push(id.clone()),
            None => {
                let name = &service.name;
                let text = format!(
                    "{name} has previews: {environment} and no id there in the manifest: id: {{ {environment}: srv-... }}"
                );
                problems.push((FailureWord::BadManifest, text));
            }
        }
    }
    if problems.is_empty() {
        Ok(parents)
    } else {
        Err(Failure::Preflight(problems))
    }
}

/// Looks at Render's settings of the services that previews are copies of: a copy has the same.
async fn check_parents(
    context: &Context,
    wanted: &WantedPreviews<'_>,
    parents: &[ServiceId],
    images: &VerifiedImages,
) -> Result<(), Failure> {
    let mut pinned = Vec::new();
    for (preview, parent) in wanted.services.iter().zip(parents) {
        let image = images::of(images, &preview.service.image)?;
        pinned.push((
            &preview.service.name,
            parent,
            image.pinned(context.request.pin),
        ));
    }
    let looked = pinned.iter().map(|(name, id, image)| (*name, *id, image));
    let facts = preflight::look(context, looked, Vec::new()).await?;
    let is_cron = |facts: &ServiceFacts| facts.kind == ServiceKind::Cron;
    let crons = facts.iter().filter(|(_, facts)| is_cron(facts));
    let problems: Vec<_> = crons
        .map(|(name, _)| {
            (
                FailureWord::BadManifest,
                format!("{name} is a cron job on Render, which has no previews"),
            )
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::Preflight(problems))
    }
}

impl PreviewJob<'_> {
    fn say(&self, text: &str) {
        self.context
            .log
            .say(&format!("{}: {text}", self.service.name));
    }

    fn of(&self) -> PreviewOf<'_> {
        PreviewOf {
            pull: self.pull,
            parent: &self.parent,
            repository: self.image.repository(),
        }
    }

    /// Makes the preview, or deploys to it. A dry run has no clients to do it with.
    async fn run(&self, clients: Option<PreviewClients<'_>>) -> ServiceResult {
        let began = self.started.elapsed();
        let ended = self.end(clients).await;
        ServiceResult {
            began,
            took: self.started.elapsed().saturating_sub(began),
            ..ended
        }
    }

    async fn end(&self, clients: Option<PreviewClients<'_>>) -> ServiceResult {
        let records = self.remembered.of(&self.service.name);
        for id in self.of().left_over(records) {
            let text = format!(
                "{}: preview {id} is a copy of a service that the manifest does not name any more; it is not touched, so delete it on Render",
                self.service.name
            );
            self.context.warn("A preview is left over", &text);
        }
        match self.stale(self.head, &self.of().counting(records)).await {
            Ok(None) => {}
            Ok(Some(why)) => return self.without(Status::Superseded, why),
            Err(Unknown { word, text, hint }) => return self.failed(word, text, hint),
        }
        let target = match self.find().await {
            Ok(target) => target,
            Err(Unknown { word, text, hint }) => return self.failed(word, text, hint),
        };
        let Some(clients) = clients else {
            return self.dry(&target);
        };
        match target {
            PreviewTarget::There(preview) => self.redeploy(clients, preview).await,
            PreviewTarget::Absent { gone } => self.make(clients, gone.as_ref()).await,
        }
    }

    fn dry(&self, target: &PreviewTarget) -> ServiceResult {
        let image = self.image.pinned(self.context.request.pin);
        match target {
            PreviewTarget::There(preview) => self.say(&format!(
                "would deploy {image} to its preview {}",
                preview.id
            )),
            PreviewTarget::Absent { .. } => {
                self.say(&format!(
                    "would make the preview {} of {} with {image}",
                    self.name, self.parent
                ));
            }
        }
        self.without(
            Status::Skipped,
            "dry run: nothing was made or deployed".into(),
        )
    }

    fn without(&self, status: Status, reason: String) -> ServiceResult {
        ServiceResult::without_deploy(&self.service.name, status, reason)
    }

    fn failed(&self, word: FailureWord, text: String, hint: &str) -> ServiceResult {
        let failed = report::Failed {
            word,
            text,
            hint: hint.to_owned(),
            page: None,
        };
        ServiceResult {
            failed: Some(failed),
            reason: None,
            ..ServiceResult::without_deploy(&self.service.name, Status::Failed, String::new())
        }
    }
}

fn conclude(
    pull: PrNumber,
    images: &VerifiedImages,
    results: &[ServiceResult],
    is_dry: bool,
) -> CommandOutcome {
    match outcome_of(results) {
        Some(outcome) if !is_dry || outcome != Outcome::Skipped => {
            let place = format!("the previews of pull request {pull}");
            CommandOutcome::new(outcome, report::headline(outcome, &place, results))
        }
        Some(_) | None => CommandOutcome::new(
            Outcome::Verified,
            format!(
                "Verified in a dry run: {}; no preview was made",
                images::names(images)
            ),
        ),
    }
}
