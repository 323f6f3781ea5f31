//! The deploy hooks of a plan's services: found, checked against each other and against the manifest, before any is called.

use super::failure::Failure;
use super::gather::Gathered;
use super::scene::Scene;
use crate::decide::{Plan, Subject};
use crate::domain::{
    Decision, DeployHook, EnvironmentName, FailureWord, HookError, Manifest, Service, ServiceId,
    ServiceName, Source,
};
use crate::intake::inputs::{Command, InputError, OnMissingCredential, Writes};
use std::collections::BTreeMap;

/// The hooks of the services that have one, and the services that lack one with the variable that would hold it.
pub(crate) struct Hooks {
    pub(crate) found: BTreeMap<ServiceName, DeployHook>,
    pub(crate) missing: Vec<(ServiceName, String)>,
    /// Hooks that are doubled, or another service's by their id.
    pub(crate) confused: Vec<String>,
}

/// Whether a missing credential is a failure, or a reason to skip.
pub(crate) const fn missing_is_fatal(choice: OnMissingCredential, in_fork: bool) -> bool {
    match choice {
        OnMissingCredential::Fail => true,
        OnMissingCredential::Warn => false,
        OnMissingCredential::Auto => !in_fork,
    }
}

/// Finds the hooks of the services to deploy.
///
/// # Errors
/// A hook that is none, and one for a service that the manifest has not: all of a kind are told together, and nothing has been sent.
pub(crate) fn find(scene: &Scene, gathered: &Gathered, plan: &Plan) -> Result<Hooks, Failure> {
    let manifest = &gathered.manifest;
    let known = |name: &ServiceName| {
        manifest
            .services
            .iter()
            .any(|service| service.name == *name)
    };
    if let Some(name) = scene.request.deploy_hooks.keys().find(|name| !known(name)) {
        return Err(InputError::of(
            "deploy-hooks",
            format!("there is no service {name} in the deploy manifest"),
        )
        .into());
    }
    if scene.request.deploy_hook.is_some() && manifest.services.len() > 1 {
        return Err(InputError::of(
            "deploy-hook",
            "there are several services: use deploy-hooks",
        )
        .into());
    }
    let mut hooks = Hooks {
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
        match hook_of(scene, service) {
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
            None if is_needed && scene.render.is_some() && id_in(plan, service).is_some() => {}
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

/// What would be called for each service of a plan, where calling is not what this run is for. No secret is in it, only where it stands.
pub(crate) fn ways(
    scene: &Scene,
    manifest: &Manifest,
    plan: &Plan,
) -> BTreeMap<ServiceName, String> {
    let would_call = match scene.request.command {
        Command::Plan => true,
        Command::Deploy | Command::Rollback => scene.request.writes == Writes::Withheld,
        Command::Verify | Command::Promote | Command::Release | Command::Cleanup => false,
        Command::Check | Command::Init => false,
    };
    if !would_call || !matches!(plan.subject, Subject::Environments { .. }) {
        return BTreeMap::new();
    }
    let way = |service: &Service| {
        let (request, variable) = (&scene.request, variable(service, manifest.source));
        let id = id_in(plan, service);
        match (hook_of(scene, service), id) {
            (Some(_), _) if request.deploy_hooks.contains_key(&service.name) => {
                "its hook in deploy-hooks".to_owned()
            }
            (Some(_), _) => format!("its hook in {variable}"),
            (None, Some(id)) if scene.render.is_some() => format!("Render's API for {id}"),
            (None, _) if manifest.source == Source::Shorthand => {
                "its hook in deploy-hook (not given to this run)".into()
            }
            (None, _) => format!("its hook in deploy-hooks or {variable} (not given to this run)"),
        }
    };
    manifest
        .services
        .iter()
        .map(|service| (service.name.clone(), way(service)))
        .collect()
}

/// A service's id on Render in an environment: the manifest's, else its hook's.
pub(crate) fn id_of(
    scene: &Scene,
    service: &Service,
    environment: &EnvironmentName,
) -> Option<ServiceId> {
    if let Some(id) = service.id.get(environment) {
        return Some(id.clone());
    }
    hook_of(scene, service)?
        .ok()
        .map(|hook| hook.service().clone())
}

fn variable(service: &Service, source: Source) -> String {
    match source {
        Source::File => service.hook.to_string(),
        Source::Shorthand => "deploy-hook".into(),
    }
}

/// A line of `deploy-hooks` first, then the shorthand's input, then the variable that the manifest names.
fn hook_of(scene: &Scene, service: &Service) -> Option<Result<DeployHook, HookError>> {
    let given = scene
        .request
        .deploy_hooks
        .get(&service.name)
        .or(scene.request.deploy_hook.as_ref());
    if let Some(hook) = given {
        return Some(Ok(hook.clone()));
    }
    let secret = scene.around.hook(&service.hook)?;
    scene.log.mask(&secret);
    Some(DeployHook::parse(
        secret.expose(),
        &scene.request.render_api_url,
    ))
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

pub(crate) fn id_in<'a>(plan: &Plan, service: &'a Service) -> Option<&'a ServiceId> {
    let Subject::Environments { environments, .. } = &plan.subject else {
        return None;
    };
    environments
        .iter()
        .find_map(|environment| service.id.get(environment))
}
