//! The credentials that a run needs. A missing one is a failure, or a reason to skip everything.

use super::hooks::{self, ServiceHooks};
use crate::context::{Context, Stop};
use crate::failure::Failure;
use crate::planned_run::PlannedRun;
use decide::Subject;
use model::{Outcome, Service, ServiceName, Status};
use parse::inputs::{OnMissingCredential, Wait};
use report::ServiceResult;

/// Whether a run waits for its deploys to be live, if `wait` says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    /// It deploys.
    Deployed,
    /// It deploys nothing.
    NotDeployed,
}

/// Whether a missing credential is a failure, or a reason to skip.
pub(crate) const fn missing_is_fatal(choice: OnMissingCredential, in_fork: bool) -> bool {
    match choice {
        OnMissingCredential::Fail => true,
        OnMissingCredential::Warn => false,
        OnMissingCredential::Auto => !in_fork,
    }
}

/// Checks the registry's password, and the API key where the run needs one.
///
/// # Errors
/// One is missing: a failure, or [`Stop::Early`].
pub(crate) fn check(context: &Context, run: &PlannedRun, live: Live) -> Result<(), Stop> {
    let waits_for_live = context.request.wait == Wait::Live && live == Live::Deployed;
    let failure = if context.lacks_registry_password() {
        Failure::NoRegistryPassword
    } else if waits_for_live && context.clients.render.is_none() && !unseen(run).is_empty() {
        Failure::NoApiKey(unseen(run))
    } else {
        return Ok(());
    };
    if missing_is_fatal(context.request.on_missing_credential, run.resolved.in_fork) {
        return Err(failure.into());
    }
    context.warn("A credential is missing", &failure.to_string());
    let headline = "Skipped: a credential is missing";
    Err(Stop::early(Outcome::Skipped, headline))
}

/// The services of the environments of which, without an API key, nobody would see whether they are live. Of a pull request those with previews,
/// or all.
fn unseen(run: &PlannedRun) -> Vec<ServiceName> {
    let services = &run.resolved.manifest.services;
    let is_seen = |service: &Service| match &run.plan.subject {
        Subject::Environments { environments, .. } => environments.iter().all(|environment| {
            let is_there = service.is_in(environment);
            let probe = service.probe.as_ref();
            let is_told = probe.is_some_and(|probe| {
                probe.expect.names_the_image() && probe.url.in_environment(environment).is_some()
            });
            !is_there || is_told
        }),
        Subject::PullRequest { .. } | Subject::Commit => false,
    };
    services
        .iter()
        .filter(|service| !is_seen(service))
        .map(|service| service.name.clone())
        .collect()
}

/// Checks the credentials of a deploy, and finds its hooks.
///
/// # Errors
/// As [`check`]; hooks that are none, or are mixed up.
pub(crate) fn of_deploy(context: &Context, run: &PlannedRun) -> Result<ServiceHooks, Stop> {
    check(context, run, Live::Deployed)?;
    let hooks = hooks::find(context, &run.resolved, &run.plan)?;
    let has_key = context.clients.render.is_some();
    if !has_key && !hooks.confused.is_empty() {
        return Err(Failure::HooksConfused(hooks.confused.join("; ")).into());
    }
    if hooks.missing.is_empty() {
        return Ok(hooks);
    }
    let failure = Failure::HookMissing(hooks.missing.clone());
    if missing_is_fatal(context.request.on_missing_credential, run.resolved.in_fork) {
        return Err(failure.into());
    }
    context.warn("Deploy hooks are missing", &failure.to_string());
    // With an API key an id will do for the others.
    if run.plan.to_deploy().count() == hooks.missing.len() {
        skip_without_hook(context, &hooks);
        let headline = "Skipped: there is no deploy hook here";
        return Err(Stop::early(Outcome::Skipped, headline));
    }
    Ok(hooks)
}

/// The results of the services that have no deploy hook here.
pub(crate) fn skip_without_hook(context: &Context, hooks: &ServiceHooks) -> Vec<ServiceResult> {
    let mut results = Vec::new();
    for (service, _) in &hooks.missing {
        let reason = "skipped: it has no deploy hook here";
        let result = ServiceResult::without_deploy(service, Status::Skipped, reason);
        context.progress.ended(&result);
        results.push(result);
    }
    results
}
