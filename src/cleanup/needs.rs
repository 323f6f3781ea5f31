//! What is needed outside the registry: what any record names, and with an API key what Render serves.

use super::environments_of;
use super::packages::PackageVersions;
use crate::context::Context;
use crate::domain::{Digest, Foreign, ImageTag, Manifest, Repository, ServiceId, ServiceName};
use crate::failure::Failure;
use crate::github::Mention;
use crate::intake::inputs::Recording;
use crate::render::RenderApi;
use crate::resolve::hooks;
use std::collections::{BTreeMap, BTreeSet};

/// What is needed, and what for.
pub(super) struct Needs {
    digests: BTreeMap<Digest, String>,
    /// Tags that stand in a service's settings.
    tags: Vec<(Repository, ImageTag, String)>,
    /// Where nothing says what serves: everything may be needed.
    unknown: Option<&'static str>,
}

impl Needs {
    /// What of a package is needed.
    pub(super) fn of(&self, package: &PackageVersions<'_>) -> BTreeMap<Digest, String> {
        let mut needed = self.digests.clone();
        for version in &package.versions {
            let named = self.tags.iter().find(|(repository, tag, _)| {
                *repository == package.image.repository && version.tags.contains(tag)
            });
            let why = named.map(|(_, _, why)| why.as_str()).or(self.unknown);
            if let Some(why) = why {
                needed
                    .entry(version.digest.clone())
                    .or_insert_with(|| why.to_owned());
            }
        }
        needed
    }
}

/// Finds out what is needed.
///
/// # Errors
/// [`Failure::Render`]: what a service serves is not known.
pub(super) async fn find(
    context: &Context,
    manifest: &Manifest,
    mentions: &[Mention],
) -> Result<Needs, Failure> {
    let mut needs = Needs {
        digests: BTreeMap::new(),
        tags: Vec::new(),
        unknown: None,
    };
    for mention in mentions {
        for digest in &mention.digests {
            let why = || {
                format!(
                    "the record of {} names it",
                    Foreign(mention.environment.as_bytes())
                )
            };
            needs.digests.entry(digest.clone()).or_insert_with(why);
        }
    }
    match &context.clients.render {
        Some(render) => ask_render(context, render, manifest, &mut needs).await?,
        None if context.request.recording == Recording::Off => {
            needs.unknown =
                Some("what serves is not known: record is false, and there is no API key");
        }
        None => {}
    }
    Ok(needs)
}

/// Asks about every service in every environment: what is live and in flight, and what its settings name.
async fn ask_render(
    context: &Context,
    render: &RenderApi,
    manifest: &Manifest,
    needs: &mut Needs,
) -> Result<(), Failure> {
    let ids: BTreeSet<(&ServiceName, ServiceId)> = manifest
        .services
        .iter()
        .flat_map(|service| {
            environments_of(manifest, service).map(move |environment| (service, environment))
        })
        .filter_map(|(service, environment)| {
            Some((&service.name, hooks::id_of(context, service, environment)?))
        })
        .collect();
    let unknown = manifest.services.iter().map(|service| &service.name);
    let unknown: Vec<&str> = unknown
        .filter(|name| !ids.iter().any(|(own, _)| own == name))
        .map(|name| name.as_str())
        .collect();
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        context.log.say(&format!(
            "Render is not asked about {names}: neither an id in the manifest nor a hook says which service it is."
        ));
    }
    let asked = ids.iter().map(|(service, id)| async move {
        let answers = futures_util::future::join(render.deploys(id), render.service(id)).await;
        let failed = |error| Failure::Render(Some((*service).clone()), error);
        Ok::<_, Failure>((
            *service,
            id,
            answers.0.map_err(failed)?,
            answers.1.map_err(failed)?,
        ))
    });
    for answer in futures_util::future::join_all(asked).await {
        let (service, id, deploys, facts) = answer?;
        let is_image = facts.image.is_some();
        for deploy in deploys {
            if deploy.digests.is_empty() && is_image {
                needs.unknown = Some(
                    "what serves is not known: Render names no digest of a deploy that is live or in flight",
                );
            }
            for digest in deploy.digests {
                needs
                    .digests
                    .insert(digest, format!("{service} serves it ({id})"));
            }
        }
        let Some(image) = facts.image else { continue };
        if let Some(digest) = image.digest {
            needs
                .digests
                .insert(digest, format!("the settings of {service} name it ({id})"));
        }
        if let (Some(repository), Some(tag)) = (image.repository, image.tag) {
            needs.tags.push((
                repository,
                tag,
                format!("the settings of {service} name its tag ({id})"),
            ));
        }
    }
    Ok(())
}
