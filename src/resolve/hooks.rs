//! Which deploy hook and which id on Render a service has.

use crate::context::Context;
use decide::{Plan, Subject};
use model::{
    DeployHook, EnvironmentName, HookError, Manifest, ManifestSource, Service, ServiceId,
    ServiceName,
};
use std::collections::BTreeMap;

/// A line of `deploy-hooks` first, then the shorthand's input, then the variable that the manifest names.
pub(crate) fn hook_of(
    context: &Context,
    service: &Service,
) -> Option<Result<DeployHook, HookError>> {
    let given = context
        .request
        .deploy_hooks
        .get(&service.name)
        .or(context.request.deploy_hook.as_ref());
    if let Some(hook) = given {
        return Some(Ok(hook.clone()));
    }
    let secret = context.env.hook(&service.hook)?;
    context.log.mask(&secret);
    // A secret that was pasted or piped often ends with a newline.
    Some(DeployHook::parse(
        secret.expose().trim_ascii(),
        &context.request.render_api_url,
    ))
}

/// A service's id on Render in an environment: the manifest's, else its hook's.
pub(crate) fn id_of(
    context: &Context,
    service: &Service,
    environment: &EnvironmentName,
) -> Option<ServiceId> {
    if let Some(id) = service.id.get(environment) {
        return Some(id.clone());
    }
    hook_of(context, service)?
        .ok()
        .map(|hook| hook.service().clone())
}

pub(crate) fn id_in<'a>(plan: &Plan, service: &'a Service) -> Option<&'a ServiceId> {
    let Subject::Environments { environments, .. } = &plan.subject else {
        return None;
    };
    environments
        .iter()
        .find_map(|environment| service.id.get(environment))
}

/// Where a service's hook is expected.
pub(crate) fn variable(service: &Service, source: ManifestSource) -> String {
    match source {
        ManifestSource::File => service.hook.to_string(),
        ManifestSource::Shorthand => "deploy-hook".into(),
    }
}

/// What would be called for each service of a plan, where calling is not what this run is for. No secret is in it, only where it stands.
pub(crate) fn ways(
    context: &Context,
    manifest: &Manifest,
    plan: &Plan,
) -> BTreeMap<ServiceName, String> {
    if !matches!(plan.subject, Subject::Environments { .. }) {
        return BTreeMap::new();
    }
    let way = |service: &Service| {
        let (request, variable) = (&context.request, variable(service, manifest.source));
        let id = id_in(plan, service);
        match (hook_of(context, service), id) {
            (Some(_), _) if request.deploy_hooks.contains_key(&service.name) => {
                "its hook in deploy-hooks".to_owned()
            }
            (Some(_), _) => format!("its hook in {variable}"),
            (None, Some(id)) if context.clients.render.is_some() => {
                format!("Render's API for {id}")
            }
            (None, _) if manifest.source == ManifestSource::Shorthand => {
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
