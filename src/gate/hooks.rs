//! The deploy hooks of a plan's services: found, checked against each other and against the manifest, before any is called.

use crate::context::Context;
use crate::failure::{EMPTY_LINE, Failure};
use crate::resolve::Resolved;
use crate::resolve::hooks::{hook_of, id_in, variable};
use decide::Plan;
use model::{
    Decision, DeployHook, FailureWord, HookError, Service, ServiceId, ServiceName, known_names,
};
use parse::inputs::InputError;
use std::collections::BTreeMap;

/// The hooks of the services that have one, and the services that lack one with the variable that would hold it.
pub(crate) struct ServiceHooks {
    pub(crate) found: BTreeMap<ServiceName, DeployHook>,
    pub(crate) missing: Vec<(ServiceName, String)>,
    /// Hooks that are doubled, or another service's by their id.
    pub(crate) confused: Vec<String>,
}

impl ServiceHooks {
    /// Checks that it was said that a service has no hook here.
    ///
    /// # Errors
    /// [`Failure::HookMissing`]: nobody was told.
    pub(crate) fn must_be_missing(&self, service: &ServiceName) -> Result<(), Failure> {
        if self.missing.iter().any(|(own, _)| own == service) {
            return Ok(());
        }
        let what = "neither a hook nor an id".to_owned();
        Err(Failure::HookMissing(vec![(service.clone(), what)]))
    }
}

/// Finds the hooks of the services to deploy.
///
/// # Errors
/// A hook that is none, and one for a service that the manifest has not: all of a kind are told together, and nothing has been sent.
pub(crate) fn find(
    context: &Context,
    resolved: &Resolved,
    plan: &Plan,
) -> Result<ServiceHooks, Failure> {
    let manifest = &resolved.manifest;
    let known = |name: &ServiceName| {
        manifest
            .services
            .iter()
            .any(|service| service.name == *name)
    };
    if let Some(name) = context
        .request
        .deploy_hooks
        .keys()
        .find(|name| !known(name))
    {
        let names: Vec<&str> = manifest
            .services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        let text = format!(
            "there is no service {name} in the deploy manifest ({})",
            known_names(name.as_str(), &names)
        );
        return Err(InputError::of("deploy-hooks", text).into());
    }
    if context.request.deploy_hook.is_some() && manifest.services.len() > 1 {
        return Err(InputError::of(
            "deploy-hook",
            "there are several services: use deploy-hooks",
        )
        .into());
    }
    let mut hooks = ServiceHooks {
        found: BTreeMap::new(),
        missing: Vec::new(),
        confused: Vec::new(),
    };
    let (mut malformed, mut all) = (Vec::new(), BTreeMap::new());
    for planned in &plan.services {
        let Some(service) = manifest
            .services
            .iter()
            .find(|service| service.name == planned.name)
        else {
            continue;
        };
        let is_needed = planned.decision == Decision::Deploy;
        match hook_of(context, service) {
            Some(Ok(hook)) => {
                all.insert(service.name.clone(), hook.clone());
                if is_needed {
                    hooks.found.insert(service.name.clone(), hook);
                }
            }
            Some(Err(error)) if is_needed => {
                malformed.push((
                    word(error),
                    format!("{} of service {}: {error}", service.hook, service.name),
                ));
            }
            // With an API key the id will do.
            None if is_needed
                && context.clients.render.is_some()
                && id_in(plan, service).is_some() => {}
            None if is_needed && context.request.empty_hooks.contains(&service.name) => hooks
                .missing
                .push((service.name.clone(), EMPTY_LINE.to_owned())),
            None if is_needed => hooks
                .missing
                .push((service.name.clone(), variable(service, manifest.source))),
            Some(Err(_)) | None => {}
        }
    }
    if !malformed.is_empty() {
        return Err(Failure::HookMalformed(malformed));
    }
    hooks.confused = confusion(plan, &manifest.services, &all);
    Ok(hooks)
}

const fn word(error: HookError) -> FailureWord {
    match error {
        HookError::HasImage => FailureWord::HookHasImage,
        HookError::Malformed | HookError::Blueprint => FailureWord::HookMalformed,
    }
}

/// Two services with one hook would deploy one of them twice; a hook of another service would deploy the wrong one.
fn confusion(
    plan: &Plan,
    services: &[Service],
    hooks: &BTreeMap<ServiceName, DeployHook>,
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<&ServiceId, &ServiceName> = BTreeMap::new();
    for (name, hook) in hooks {
        if let Some(other) = seen.insert(hook.service(), name) {
            problems.push(format!(
                "services {other} and {name} have the same deploy hook ({})",
                hook.service()
            ));
        }
        let wanted = services
            .iter()
            .find(|service| service.name == *name)
            .and_then(|service| id_in(plan, service));
        if let Some(wanted) = wanted.filter(|wanted| *wanted != hook.service()) {
            problems.push(format!(
                "the deploy hook of {name} is of {}, but its id in the manifest is {wanted}",
                hook.service()
            ));
        }
    }
    problems
}
