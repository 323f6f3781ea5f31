//! `requires`: an environment that has to have had these bytes, or an equal commit, first. What is not known there is not met.

use crate::context::Context;
use crate::decide::{Required, counting, judge_required};
use crate::domain::{CommitSha, Digest, EnvironmentName, Manifest, Record, ServiceName};
use crate::failure::Failure;
use crate::rollout::DeployRequest;
use crate::state::{differences, records_of};
use std::collections::BTreeMap;

/// Judges every service that is to be deployed to `environment`.
///
/// # Errors
/// [`Failure::Required`] with every service that the required environment has not had; nothing has been sent.
pub(crate) async fn check(
    context: &Context,
    manifest: &Manifest,
    environment: &EnvironmentName,
    requests: &BTreeMap<ServiceName, DeployRequest>,
) -> Result<(), Failure> {
    let Some(head) = requests
        .values()
        .next()
        .map(|request| request.intent.commit)
    else {
        return Ok(());
    };
    let wanted = requests
        .iter()
        .map(|(service, request)| (service.clone(), request.wanted.clone()))
        .collect();
    judged(context, manifest, environment, head, &wanted).await
}

/// Judges a commit for all services of `environment`, whatever images they will be given: the required environment has had an equal commit of each.
///
/// # Errors
/// As [`check`].
pub(crate) async fn check_commit(
    context: &Context,
    manifest: &Manifest,
    environment: &EnvironmentName,
    commit: CommitSha,
) -> Result<(), Failure> {
    let wanted = manifest
        .services_in(environment)
        .map(|service| (service.name.clone(), Vec::new()))
        .collect();
    judged(context, manifest, environment, commit, &wanted).await
}

/// Judges services, each with the digests that will do for it.
async fn judged(
    context: &Context,
    manifest: &Manifest,
    environment: &EnvironmentName,
    head: CommitSha,
    wanted: &BTreeMap<ServiceName, Vec<Digest>>,
) -> Result<(), Failure> {
    let Some(required) = manifest
        .environment(environment)
        .and_then(|environment| environment.requires.as_ref())
    else {
        return Ok(());
    };
    let (asked, exempt): (Vec<&ServiceName>, Vec<&ServiceName>) = wanted.keys().partition(|name| {
        manifest
            .services_in(required)
            .any(|service| service.name == **name)
    });
    if !exempt.is_empty() {
        let names: Vec<&str> = exempt.iter().map(|name| name.as_str()).collect();
        context.log.say(&format!(
            "Not in {required}, so not required there: {}.",
            names.join(", ")
        ));
    }
    if asked.is_empty() {
        return Ok(());
    }
    let names: Vec<ServiceName> = asked.iter().map(|name| (*name).clone()).collect();
    let records = records_of(context, required, &names).await;
    let of = |service: &ServiceName| -> Result<Vec<&Record>, &str> {
        let records = records.as_ref().map_err(String::as_str)?;
        let own = manifest.services.iter().find(|own| own.name == *service);
        let id = own.and_then(|own| own.id.get(required).cloned());
        let repository = own
            .and_then(|own| manifest.image(&own.image))
            .map(|image| &image.repository);
        let of_service = records.get(service).map(Vec::as_slice).unwrap_or_default();
        Ok(repository
            .map(|repository| counting(of_service, id.as_ref(), repository).collect())
            .unwrap_or_default())
    };
    let named = asked
        .iter()
        .filter_map(|service| of(service).ok())
        .flatten();
    let commits =
        named.flat_map(|record| std::iter::once(record.intent.commit).chain(record.intent.from));
    let differences = differences(&context.clients.history, manifest, head, commits).await;
    let mut missing = Vec::new();
    for service in asked {
        let digests = wanted.get(service).map(Vec::as_slice).unwrap_or_default();
        let records = of(service);
        let judged = judge_required(records.as_deref().map_err(|why| *why), digests, |commit| {
            differences.of(service, commit)
        });
        match judged {
            Required::Met(digest) => context.log.say(&format!(
                "{service}: {required} had it ({}).",
                digest.short()
            )),
            Required::Missing(why) => missing.push((service.clone(), why)),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let failure = Failure::Required(required.clone(), missing);
    if context.request.force.requires {
        context.warn(
            "requires is set aside",
            &format!("{failure} (force: requires)"),
        );
        return Ok(());
    }
    Err(failure)
}
