//! Preflight: what Render's settings would make of the deploys, looked at before the first hook. Needs an API key.

use crate::context::Context;
use crate::failure::Failure;
use crate::rollout::DeployRequest;
use http_client::Deadline;
use model::{FailureWord, PinnedImage, Repository, ServiceId, ServiceName};
use registry::{Reference, RegistryError};
use render::{ServiceFacts, ServiceKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// Whether anybody may pull the image is asked only where Render has no credential for it.
const ONE_LOOK: Duration = Duration::from_secs(10);

/// Asks Render about every service that is to be deployed; without an API key nothing is asked and nothing known. `confused` are the hooks that
/// are doubled or another service's.
///
/// # Errors
/// [`Failure::Preflight`] with every problem of every service, and nothing has been sent; [`Failure::Render`] where Render does not say.
pub(crate) async fn preflight(
    context: &Context,
    requests: &BTreeMap<ServiceName, DeployRequest>,
    confused: Vec<String>,
) -> Result<BTreeMap<ServiceName, ServiceFacts>, Failure> {
    let problems = confused
        .into_iter()
        .map(|text| (FailureWord::BadInput, text))
        .collect();
    look(
        context,
        requests
            .iter()
            .map(|(service, request)| (service, &request.id, &request.image)),
        problems,
    )
    .await
}

/// As [`preflight`], for services of which it is known which they are on Render and which image they, or their previews, are to be given.
pub(crate) async fn look<'a>(
    context: &Context,
    services: impl Iterator<Item = (&'a ServiceName, &'a ServiceId, &'a PinnedImage)>,
    mut problems: Vec<(FailureWord, String)>,
) -> Result<BTreeMap<ServiceName, ServiceFacts>, Failure> {
    let Some(render) = &context.clients.render else {
        return Ok(BTreeMap::new());
    };
    let asked = services
        .map(|(service, id, image)| async move { (service, image, render.service(id).await) });
    let mut facts = BTreeMap::new();
    for (service, image, answer) in futures_util::future::join_all(asked).await {
        let found = answer.map_err(|error| Failure::Render(Some(service.clone()), error))?;
        let is_open =
            !found.has_registry_credential && problem(service, &image.repository, &found).is_none();
        let denied = if is_open {
            unreadable(context, service, image).await
        } else {
            None
        };
        problems.extend(problem(service, &image.repository, &found).or(denied));
        facts.insert(service.clone(), found);
    }
    if problems.is_empty() {
        Ok(facts)
    } else {
        Err(Failure::Preflight(problems))
    }
}

/// What would keep a service from being deployed.
fn problem(
    service: &ServiceName,
    repository: &Repository,
    facts: &ServiceFacts,
) -> Option<(FailureWord, String)> {
    if facts.kind == ServiceKind::Static {
        return Some((
            FailureWord::ImageRepositoryDiffers,
            format!("{service} is a static site, which runs no image"),
        ));
    }
    let Some(image) = &facts.image else {
        let text = format!("{service} is built from Git on Render, not deployed from an image");
        return Some((FailureWord::ImageRepositoryDiffers, text));
    };
    if image.repository.as_ref() != Some(repository) {
        let text =
            format!("{service} has image {image} on Render, and {repository} in the manifest");
        return Some((FailureWord::ImageRepositoryDiffers, text));
    }
    let by = suspended(facts)?;
    Some((
        FailureWord::ServiceSuspended,
        format!("{service} is suspended on Render{by}"),
    ))
}

/// Who suspended a service, in brackets and as far as Render says it, if it is suspended.
pub(crate) fn suspended(facts: &ServiceFacts) -> Option<String> {
    if !facts.is_suspended {
        return None;
    }
    if facts.suspenders.is_empty() {
        return Some(String::new());
    }
    Some(format!(" (by {})", facts.suspenders.join(", ")))
}

/// Without a registry credential Render can pull only what anybody can.
async fn unreadable(
    context: &Context,
    service: &ServiceName,
    image: &PinnedImage,
) -> Option<(FailureWord, String)> {
    let anybody = context.clients.public_registry();
    let asked = Reference::Digest(image.digest.clone());
    let answer = anybody
        .examine(&image.repository, &asked, &Deadline::after(ONE_LOOK))
        .await;
    match answer {
        Err(RegistryError::Denied { .. } | RegistryError::Missing(_)) => Some((
            FailureWord::ImageDenied,
            format!(
                "{service} has no registry credential on Render, and {} is not public",
                image.repository
            ),
        )),
        Ok(_) | Err(_) => None,
    }
}
