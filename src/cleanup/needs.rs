//! What is needed outside the registry: what any record names, and with an API key what Render serves.

use super::Cleaning;
use super::packages::PackageVersions;
use super::previews::Gone;
use crate::failure::Failure;
use crate::previews::on_render::{RenderServices, shown as service_name};
use github::Mention;
use model::{Digest, Image, ImageTag, Manifest, Repository, Service, ServiceId, Untrusted};
use parse::inputs::Recording;
use render::ServiceImage;
use std::collections::BTreeMap;

/// What is needed, and what for.
pub(super) struct Needs {
    digests: BTreeMap<Digest, String>,
    /// Tags that stand in a service's settings.
    tags: Vec<(Repository, ImageTag, String)>,
    /// Where nothing says what serves: everything may be needed.
    unknown: Option<&'static str>,
    /// Repositories of whose images some may be served without being seen.
    unseen: BTreeMap<Repository, String>,
}

impl Needs {
    /// What the settings of a service name.
    fn settings(&mut self, image: &ServiceImage, service: &str, id: &ServiceId) {
        if let Some(digest) = &image.digest {
            let why = format!("the settings of {service} name it ({id})");
            self.digests.insert(digest.clone(), why);
        }
        if let (Some(repository), Some(tag)) = (&image.repository, &image.tag) {
            let why = format!("the settings of {service} name its tag ({id})");
            self.tags.push((repository.clone(), tag.clone(), why));
        }
    }

    /// A preview that Render does not list yet may serve more than its record names: a run without a record may have deployed to it.
    fn await_previews(&mut self, manifest: &Manifest, gone: &Gone) {
        for name in &gone.awaited {
            let of_service = |service: &&Service| service.name == *name;
            let service = manifest.services.iter().find(of_service);
            let of_image = |image: &&Image| service.is_some_and(|own| own.image == image.name);
            match manifest.images.iter().find(of_image) {
                Some(image) => {
                    let why = format!(
                        "a preview of {name} may serve it: Render does not list that preview yet"
                    );
                    self.unseen.insert(image.repository.clone(), why);
                }
                None => self.unknown = Some("a preview that Render does not list yet may serve it"),
            }
        }
    }

    /// What of a package is needed.
    pub(super) fn of(&self, package: &PackageVersions<'_>) -> BTreeMap<Digest, String> {
        let mut needed = self.digests.clone();
        for version in &package.versions {
            let named = self.tags.iter().find(|(repository, tag, _)| {
                *repository == package.image.repository && version.tags.contains(tag)
            });
            let why = named.map(|(_, _, why)| why.as_str()).or(self.unknown);
            let unseen = self.unseen.get(&package.image.repository);
            let why = why.or(unseen.map(String::as_str));
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
    cleaning: &Cleaning<'_>,
    mentions: &[Mention],
    gone: &Gone,
) -> Result<Needs, Failure> {
    let context = cleaning.context;
    let mut needs = Needs {
        digests: BTreeMap::new(),
        tags: Vec::new(),
        unknown: None,
        unseen: BTreeMap::new(),
    };
    let counting = mentions
        .iter()
        .filter(|mention| !gone.records.contains(&mention.number));
    for mention in counting {
        for digest in &mention.digests {
            let why = || {
                format!(
                    "the record of {} names it",
                    Untrusted(mention.environment.as_bytes())
                )
            };
            needs.digests.entry(digest.clone()).or_insert_with(why);
        }
    }
    match cleaning.there {
        Some(there) => {
            needs.await_previews(cleaning.manifest, gone);
            ask_render(cleaning, there, gone, &mut needs).await?;
        }
        None if context.request.recording == Recording::Off => {
            needs.unknown =
                Some("what serves is not known: record is false, and there is no API key");
        }
        None => needs.unseen = unseen(cleaning.manifest),
    }
    Ok(needs)
}

/// Without an API key nobody sees what previews serve: not every one has a record.
fn unseen(manifest: &Manifest) -> BTreeMap<Repository, String> {
    let mut unseen = BTreeMap::new();
    for service in &manifest.services {
        if service.previews.is_none() {
            continue;
        }
        for image in &manifest.images {
            if image.name == service.image {
                let why = format!(
                    "a preview of {} may serve it: without an API key that is not known",
                    service.name
                );
                unseen.insert(image.repository.clone(), why);
            }
        }
    }
    unseen
}

/// Asks about every service that may serve one of the images: what is live and in flight, and what its settings name.
async fn ask_render(
    cleaning: &Cleaning<'_>,
    there: &RenderServices<'_>,
    gone: &Gone,
    needs: &mut Needs,
) -> Result<(), Failure> {
    let asked = there
        .may_serve(cleaning.manifest)
        .filter(|found| !gone.previews.contains(&found.id))
        .map(|found| async move {
            let answer = there.api.deploys(&found.id).await;
            let deploys = answer.map_err(|error| Failure::Render(None, error))?;
            Ok::<_, Failure>((found, deploys))
        });
    // One that the list does not show is asked about all the same: the manifest or a hook says that it is there.
    let is_missing = |id: &&ServiceId| there.services.iter().all(|found| found.id != **id);
    for id in there.own.keys().filter(is_missing) {
        let failed = |error| Failure::Render(None, error);
        there.api.service(id).await.map_err(failed)?;
        needs.unknown =
            Some("what serves is not known: Render does not list every service of the manifest");
    }
    for answer in futures_util::future::join_all(asked).await {
        let (found, deploys) = answer?;
        let (id, is_image) = (&found.id, found.facts.image.is_some());
        let service = service_name(&found.facts.name);
        if let Some(image) = &found.facts.image {
            needs.settings(image, service, id);
        }
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
    }
    Ok(())
}
