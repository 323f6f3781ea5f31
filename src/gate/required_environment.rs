//! `requires`: an environment that has to have had these bytes, or an equal commit, first. What is not known there is not met.

use crate::context::Context;
use crate::failure::Failure;
use crate::rollout::DeployRequest;
use crate::state::{compared, records_of};
use decide::ledger::{Comparisons, Identity};
use decide::{Equality, Required, judge_required};
use model::{CommitSha, Digest, EnvironmentName, Manifest, Record, ServiceKey, ServiceName};
use std::collections::{BTreeMap, BTreeSet};

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
    let mut ids = BTreeMap::new();
    for own in manifest.services_in(required) {
        if let Some(id) = own.id.get(required) {
            ids.insert(own.name.clone(), id.clone());
        }
    }
    let records = records_of(context, required, &names, &ids).await;
    let path = &context.request.manifest.path;
    let mut comparisons = Comparisons::new(path, head, manifest);
    let mut missing = Vec::new();
    for service in asked {
        let digests = wanted.get(service).map(Vec::as_slice).unwrap_or_default();
        let of_service = records.as_ref().map_err(String::as_str).map(|records| {
            let own = records.get(service);
            own.map_or_else(Vec::new, |own| own.iter().collect::<Vec<&Record>>())
        });
        let identity = Identity {
            id: ids.get(service).cloned(),
            names: BTreeSet::from([ServiceKey::new(required, service)]),
        };
        let mut equalities = BTreeMap::new();
        for record in of_service.iter().flatten() {
            for commit in std::iter::once(record.intent.commit).chain(record.intent.from) {
                let equality = compared(context, &mut comparisons, &head, &commit, &identity).await;
                equalities.insert(commit, equality);
            }
        }
        let equal = |commit: &CommitSha| {
            equalities
                .get(commit)
                .cloned()
                .unwrap_or_else(|| Equality::Unknown("it was not compared".into()))
        };
        let judged = judge_required(of_service.as_deref().map_err(|why| *why), digests, equal);
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
