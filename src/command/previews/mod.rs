//! Previews: what a pull request's `deploy` does with an API key, for the services whose manifest says `previews`.
//!
//! Each gets one service of its own on Render, made once and then redeployed by digest. Render never deletes such a preview and two calls make
//! two, so before one is made it is looked for: in our record, and on Render by its name.

mod find;
mod make;
mod record;

use super::failure::Failure;
use super::golive;
use super::images::{Images, Patience};
use super::ledger::Ledger;
use super::preflight;
use super::{Brief, Scene, hooks, verify};
use crate::decide::{PreviewOf, Subject, VerifiedImage};
use crate::domain::{
    FailureWord, Outcome, PrNumber, PreviewName, PullRequest, Service, ServiceId, ServiceName,
    Status, Trigger,
};
use crate::intake::inputs::Writes;
use crate::render::{RenderApi, ServiceFacts, ServiceKind};
use crate::report::{Ended, Preview, outcome_of};
use find::{Target, Unknown};
use http_client::Stopwatch;
use record::Remembered;
use std::collections::BTreeMap;

/// One preview that a pull request is to have.
struct Job<'a> {
    scene: &'a Scene,
    render: &'a RenderApi,
    pull: PrNumber,
    service: &'a Service,
    /// The service on Render that it is a copy of.
    parent: &'a ServiceId,
    image: &'a VerifiedImage,
    name: PreviewName,
    ledger: &'a Ledger,
    remembered: &'a Remembered<'a>,
    started: &'a Stopwatch,
}

/// The services of which this run is to make previews: those that say so and whose image the pull request changes. None without an API key,
/// which is said.
///
/// # Errors
/// The API key is missing, and that is a failure.
pub(super) fn wanted<'b>(scene: &Scene, brief: &'b Brief) -> Result<Vec<&'b Service>, Failure> {
    let (
        Trigger::PullRequest(pull),
        Subject::PullRequest {
            cannot_push: None, ..
        },
    ) = (&scene.trigger, &brief.plan.subject)
    else {
        return Ok(Vec::new());
    };
    if !may_have_previews(pull) {
        return Ok(Vec::new());
    }
    let is_listed = |name: &ServiceName| {
        scene
            .request
            .services
            .as_ref()
            .is_none_or(|listed| listed.contains(name))
    };
    let is_wanted = |service: &&Service| {
        let has_image = brief
            .plan
            .images
            .iter()
            .any(|image| image.name == service.image);
        service.previews.is_some() && has_image && is_listed(&service.name)
    };
    let services: Vec<&Service> = brief
        .gathered
        .manifest
        .services
        .iter()
        .filter(is_wanted)
        .collect();
    if services.is_empty() || scene.render.is_some() {
        return Ok(services);
    }
    let failure = Failure::NoApiKeyForPreviews(
        services
            .iter()
            .map(|service| service.name.clone())
            .collect(),
    );
    if hooks::missing_is_fatal(scene.request.on_missing_credential, brief.gathered.in_fork) {
        return Err(failure);
    }
    scene.warn(
        "No preview is made",
        &format!("{failure}; the images are verified all the same"),
    );
    Ok(Vec::new())
}

/// Code that anybody can propose is not given the variables that a preview copies, nor is one made where there is no secret to make it with.
const fn may_have_previews(pull: &PullRequest) -> bool {
    !pull.from_fork && !pull.by_dependabot
}

/// Verifies the images, then gives each of the services its preview.
///
/// # Errors
/// As for a deploy; nothing was made then. What fails with one preview stands in the story.
pub(super) async fn run(
    scene: &Scene,
    brief: &Brief,
    services: &[&Service],
) -> Result<(), Failure> {
    let Subject::PullRequest { number: pull, .. } = brief.plan.subject else {
        return Ok(());
    };
    let Some(render) = &scene.render else {
        return Ok(());
    };
    if verify::lacks_credential(scene, brief)? {
        return Ok(());
    }
    scene.story.borrow_mut().previews = services
        .iter()
        .map(|service| Preview {
            service: service.name.clone(),
            image: service.image.clone(),
        })
        .collect();
    let Some(images) = verify::verified(scene, brief, Patience::Wait).await? else {
        return Ok(());
    };
    let parents = parents(services)?;
    check_parents(scene, services, &parents, &images).await?;
    let names: Vec<ServiceName> = services
        .iter()
        .map(|service| service.name.clone())
        .collect();
    let remembered = Remembered::read(scene, &names).await;
    let started = Stopwatch::start();
    let mut ledgers = BTreeMap::new();
    let manifest = &brief.gathered.manifest;
    for service in services {
        if let Some(environment) = service
            .previews
            .as_ref()
            .and_then(|name| manifest.environment(name))
        {
            ledgers.insert(
                &service.name,
                Ledger::of_nothing(environment, brief.gathered.commit, manifest),
            );
        }
    }
    let job = |service: &&'_ Service| {
        let ledger = ledgers.get(&service.name)?;
        let (parent, image) = (parents.get(&service.name)?, images.get(&service.image)?);
        let service = manifest
            .services
            .iter()
            .find(|own| own.name == service.name)?;
        let name = PreviewName::new(&service.name, pull);
        Some(Job {
            scene,
            render,
            pull,
            service,
            parent,
            image,
            name,
            ledger,
            remembered: &remembered,
            started: &started,
        })
    };
    let jobs: Vec<Job<'_>> = services.iter().filter_map(job).collect();
    scene.log.group(&format!("Previews of pull request {pull}"));
    let run = jobs
        .iter()
        .map(|job| async move { golive::tell(scene, job.run().await) });
    futures_util::future::join_all(run).await;
    scene.log.end_group();
    conclude(scene, pull, &images);
    Ok(())
}

/// The services that previews are copies of.
fn parents(services: &[&Service]) -> Result<BTreeMap<ServiceName, ServiceId>, Failure> {
    let (mut parents, mut problems) = (BTreeMap::new(), Vec::new());
    for service in services {
        let Some(environment) = &service.previews else {
            continue;
        };
        match service.id.get(environment) {
            Some(id) => {
                parents.insert(service.name.clone(), id.clone());
            }
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
    scene: &Scene,
    services: &[&Service],
    parents: &BTreeMap<ServiceName, ServiceId>,
    images: &Images,
) -> Result<(), Failure> {
    let pinned: Vec<_> = services
        .iter()
        .filter_map(|service| {
            let image = images.get(&service.image)?.pinned(scene.request.pin);
            Some((&service.name, parents.get(&service.name)?, image))
        })
        .collect();
    let looked = pinned.iter().map(|(name, id, image)| (*name, *id, image));
    let facts = preflight::look(scene, looked, Vec::new()).await?;
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

impl Job<'_> {
    fn say(&self, text: &str) {
        self.scene
            .log
            .say(&format!("{}: {text}", self.service.name));
    }

    fn of(&self) -> PreviewOf<'_> {
        PreviewOf {
            pull: self.pull,
            parent: self.parent,
            repository: self.image.repository(),
        }
    }

    async fn run(&self) -> Ended {
        let began = self.started.elapsed();
        let ended = self.end().await;
        Ended {
            began,
            took: self.started.elapsed().saturating_sub(began),
            ..ended
        }
    }

    async fn end(&self) -> Ended {
        let records = self.remembered.of(&self.service.name);
        for id in self.of().left_over(records) {
            let text = format!(
                "{}: preview {id} is a copy of a service that the manifest does not name any more; it is left alone, so delete it on Render",
                self.service.name
            );
            self.scene.warn("A preview is left over", &text);
        }
        if let Some(why) = self.superseded(&self.of().counting(records)).await {
            return self.without(Status::Superseded, why);
        }
        let target = match self.find().await {
            Ok(target) => target,
            Err(Unknown { word, text, hint }) => return self.failed(word, text, hint),
        };
        if self.scene.request.writes == Writes::Withheld {
            return self.dry(&target);
        }
        match target {
            Target::There(preview) => self.redeploy(preview).await,
            Target::Absent { gone } => self.make(gone.as_ref()).await,
        }
    }

    fn dry(&self, target: &Target) -> Ended {
        let image = self.image.pinned(self.scene.request.pin);
        match target {
            Target::There(preview) => self.say(&format!(
                "would deploy {image} to its preview {}",
                preview.id
            )),
            Target::Absent { .. } => {
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

    fn without(&self, status: Status, reason: String) -> Ended {
        Ended::without_deploy(&self.service.name, status, reason)
    }

    fn failed(&self, word: FailureWord, text: String, hint: &str) -> Ended {
        let failed = crate::report::Failed {
            word,
            text,
            hint: hint.to_owned(),
            page: None,
        };
        Ended {
            failed: Some(failed),
            reason: None,
            ..Ended::without_deploy(&self.service.name, Status::Failed, String::new())
        }
    }
}

fn conclude(scene: &Scene, pull: PrNumber, images: &Images) {
    let mut story = scene.story.borrow_mut();
    let order: Vec<ServiceName> = story
        .previews
        .iter()
        .map(|preview| preview.service.clone())
        .collect();
    story
        .services
        .sort_by_key(|ended| order.iter().position(|name| *name == ended.service));
    let is_dry = scene.request.writes == Writes::Withheld;
    let outcome =
        outcome_of(&story.services).filter(|outcome| !is_dry || *outcome != Outcome::Skipped);
    story.outcome = outcome.unwrap_or(Outcome::Verified);
    story.headline = match outcome {
        Some(outcome) => headline(outcome, pull, &story.services),
        None => format!(
            "Verified in a dry run: {}; no preview was made",
            verify::names(images)
        ),
    };
}

/// What became of the previews, by how they ended.
fn headline(outcome: Outcome, pull: PrNumber, services: &[Ended]) -> String {
    let first = match outcome {
        Outcome::Live => "Live",
        Outcome::Accepted => "Accepted by Render, not confirmed live",
        Outcome::Superseded => "Superseded",
        Outcome::Failed | Outcome::Refused | Outcome::Cancelled => "Failed",
        Outcome::Held
        | Outcome::Skipped
        | Outcome::Verified
        | Outcome::Nothing
        | Outcome::Planned => "Skipped",
    };
    let told: Vec<String> = services
        .iter()
        .map(|ended| format!("{} {}", ended.service, ended.status))
        .collect();
    format!(
        "{first}: previews of pull request {pull}: {}",
        told.join(", ")
    )
}
