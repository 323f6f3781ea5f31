//! What is on Render: every service that the API key can see, previews included, and whose preview each is.

use crate::context::Context;
use crate::failure::Failure;
use crate::resolve::hooks;
use decide::{Listed, Ours, Owner};
use model::{
    EnvironmentName, Manifest, PrNumber, PreviewRecord, PreviewState, Repository, Service,
    ServiceId, ServiceName,
};
use render::{RenderApi, RenderError, ServiceFacts};
use std::collections::{BTreeMap, BTreeSet};

/// The records of previews, of each service's.
pub(crate) type RecordsByPreview = BTreeMap<ServiceName, Vec<PreviewRecord>>;

/// What is on Render.
pub(crate) struct RenderServices<'a> {
    pub(crate) api: &'a RenderApi,
    pub(crate) services: Vec<RenderPreview>,
    /// The ids of the manifest's services in every environment, each with the services that have it.
    pub(crate) own: BTreeMap<ServiceId, BTreeSet<ServiceName>>,
}

/// A service.
pub(crate) struct RenderPreview {
    pub(crate) id: ServiceId,
    pub(crate) facts: ServiceFacts,
    pub(crate) owner: Owner,
}

impl<'a> RenderServices<'a> {
    /// Lists what is there, once. `None` without an API key.
    ///
    /// # Errors
    /// [`Failure::Render`]: what is there is not known.
    pub(crate) async fn read(
        context: &'a Context,
        manifest: &Manifest,
        records: &RecordsByPreview,
    ) -> Result<Option<Self>, Failure> {
        let Some(api) = &context.clients.render else {
            return Ok(None);
        };
        let (services, own) = ids(context, manifest);
        let recorded: Vec<&PreviewRecord> = records
            .values()
            .flatten()
            .filter(|record| record.is_own && record.state != PreviewState::Inactive)
            .collect();
        let listed = list(api, &own, &recorded).await?;
        let repositories = manifest.images.iter().map(|image| &image.repository);
        let repositories = repositories.collect();
        let ours = Ours {
            services: &services,
            repositories: &repositories,
            records: &recorded,
        };
        let found = listed.into_iter().map(|(id, facts)| {
            let owner = ours.owner(&Listed {
                id: &id,
                name: &facts.name,
                parent: facts.parent.as_ref(),
                repository: repository(&facts),
            });
            RenderPreview { id, facts, owner }
        });
        let services: Vec<RenderPreview> = found.collect();
        say_unknown(context, &services);
        Ok(Some(Self { api, services, own }))
    }

    /// The pull requests of which a preview is there.
    pub(crate) fn pulls(&self) -> BTreeSet<PrNumber> {
        let pulls = self.services.iter().filter_map(|found| found.owner.pull());
        pulls.collect()
    }

    /// The services that may serve one of these images: those that have one in their settings, and previews of ours.
    pub(crate) fn may_serve<'s>(
        &'s self,
        manifest: &'s Manifest,
    ) -> impl Iterator<Item = &'s RenderPreview> {
        self.services.iter().filter(|found| {
            let is_ours =
                |own: &Repository| manifest.images.iter().any(|image| image.repository == *own);
            found.owner != Owner::Nobody
                || self.own.contains_key(&found.id)
                || repository(&found.facts).is_some_and(is_ours)
        })
    }
}

/// A name of Render's, if it is made of what names of previews are made of.
pub(crate) fn shown(name: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.len() < 80 && name.bytes().all(is_plain) {
        name
    } else {
        "with a name of another alphabet"
    }
}

fn repository(facts: &ServiceFacts) -> Option<&Repository> {
    facts.image.as_ref()?.repository.as_ref()
}

/// The environments in which a service is.
fn environments_of<'a>(
    manifest: &'a Manifest,
    service: &'a Service,
) -> impl Iterator<Item = &'a EnvironmentName> {
    let is_there = |name: &&EnvironmentName| {
        service
            .environments
            .as_ref()
            .is_none_or(|environments| environments.contains(name))
    };
    manifest
        .environments
        .iter()
        .map(|environment| &environment.name)
        .filter(is_there)
}

/// The ids of the manifest's services in every environment: each with the repository of its image, and with the services that have it.
fn ids<'m>(
    context: &Context,
    manifest: &'m Manifest,
) -> (
    BTreeMap<ServiceId, &'m Repository>,
    BTreeMap<ServiceId, BTreeSet<ServiceName>>,
) {
    let mut ids = BTreeMap::new();
    let mut names = BTreeMap::<ServiceId, BTreeSet<ServiceName>>::new();
    for service in &manifest.services {
        let mut images = manifest.images.iter();
        let Some(image) = images.find(|image| image.name == service.image) else {
            continue;
        };
        for environment in environments_of(manifest, service) {
            if let Some(id) = hooks::id_of(context, service, environment) {
                let own = names.entry(id.clone()).or_default();
                own.insert(service.name.clone());
                ids.insert(id, &image.repository);
            }
        }
    }
    (ids, names)
}

/// The list, and what records name beside it: Render may list a new service late.
async fn list(
    api: &RenderApi,
    own: &BTreeMap<ServiceId, BTreeSet<ServiceName>>,
    recorded: &[&PreviewRecord],
) -> Result<Vec<(ServiceId, ServiceFacts)>, Failure> {
    let failed = |error| Failure::Render(None, error);
    let mut listed = api.services().await.map_err(failed)?;
    let is_listed = |id: &ServiceId| listed.iter().any(|(found, _)| found == id);
    let missing: BTreeSet<&ServiceId> = recorded
        .iter()
        .filter_map(|record| record.intent.id.as_ref())
        .filter(|id| !is_listed(id))
        .collect();
    // "Not there" is also what Render says to a key of another workspace. The right key sees a service of the manifest.
    if !missing.is_empty()
        && !own.keys().any(is_listed)
        && let Some(parent) = own.keys().next()
    {
        api.service(parent).await.map_err(failed)?;
    }
    for id in missing {
        match api.service(id).await {
            Ok(facts) => listed.push((id.clone(), facts)),
            Err(RenderError::NoAccess {
                status: 404 | 410, ..
            }) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(listed)
}

/// Names the previews of which nobody can say to which pull request they belong.
fn say_unknown(context: &Context, services: &[RenderPreview]) {
    for found in services {
        if found.owner == Owner::Unknown {
            context.log.say(&format!(
                "{} is a preview of the manifest's, and neither its name nor a record says of which pull request: it is not touched.",
                found.id
            ));
        }
    }
}
