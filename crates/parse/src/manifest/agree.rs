//! What the parts of a manifest promise each other: names that refer, no circles, no two of what there may be one.

use super::circles::circles;
use super::fields::{At, FieldReader};
use super::mistake::Position;
use super::read::{EnvironmentParts, ManifestParts, ServiceParts};
use model::{
    Environment, EnvironmentName, HookVariable, Image, ImageName, ImageTag, Manifest,
    ManifestSource, Service, ServiceName, Shape, TagRules, Untrusted, When, can_collide,
};
use std::collections::{BTreeMap, HashMap};

/// The environments that something is in, by their place in the manifest; `None` is everywhere.
type EnvironmentSet = Option<Vec<usize>>;

impl FieldReader {
    /// Checks the parts against each other and makes the manifest; `None` when there is a mistake.
    pub(super) fn agree(&mut self, draft: ManifestParts) -> Option<Manifest> {
        self.repositories(&draft);
        self.collisions(&draft);
        let requires = self.requires(&draft.environments);
        let image_places: Vec<EnvironmentSet> = draft
            .images
            .iter()
            .map(|image| self.places(image.environments.as_deref(), &draft.environments))
            .collect();
        let images: Vec<Option<usize>> = draft
            .services
            .iter()
            .map(|service| self.image_of(service, &draft))
            .collect();
        let places = self.service_places(&draft, &images, &image_places);
        let after = self.after(&draft.services);
        self.hooks(&draft.services, &places);
        self.ids_and_previews(&draft, &places);
        for (service, places) in draft.services.iter().zip(&places) {
            let (probe, name) = (service.probe.as_ref(), service.key.value.as_str());
            self.probe_environments(probe, name, places.as_deref(), &draft.environments);
        }
        if !self.mistakes.is_empty() {
            return None;
        }
        let names: Vec<EnvironmentName> = draft
            .environments
            .iter()
            .filter_map(|own| own.name.clone())
            .collect();
        let named = |places: &EnvironmentSet| {
            places
                .as_ref()
                .map(|places| places.iter().map(|at| names[*at].clone()).collect())
        };
        let environment_named =
            |text: &str| names.iter().find(|name| name.as_str() == text).cloned();
        let image_names: Vec<ImageName> = draft
            .images
            .iter()
            .filter_map(|own| own.name.clone())
            .collect();
        let service_names: Vec<ServiceName> = draft
            .services
            .iter()
            .filter_map(|own| own.name.clone())
            .collect();
        let tags = TagRules {
            commit: draft.commit.value?,
            pull_request: draft.pull_request.value?,
            latest: draft.latest,
        };
        let mut manifest = Manifest {
            source: ManifestSource::File,
            tags,
            environments: Vec::new(),
            ignore: draft.ignore,
            shared: draft.shared,
            images: Vec::new(),
            services: Vec::new(),
        };
        for (environment, requires) in draft.environments.into_iter().zip(requires) {
            manifest.environments.push(Environment {
                name: environment.name?,
                when: environment.when?.value,
                floating_tags: environment
                    .floating_tags
                    .into_iter()
                    .map(|tag| tag.value)
                    .collect(),
                requires: requires.first().map(|at| names[*at].clone()),
            });
        }
        for (image, places) in draft.images.into_iter().zip(&image_places) {
            manifest.images.push(Image {
                name: image.name?,
                repository: image.repository?.value,
                paths: image.paths,
                environments: named(places),
                build: image.build,
            });
        }
        for (at, service) in draft.services.into_iter().enumerate() {
            let ids = service
                .id
                .into_iter()
                .filter_map(|(environment, id)| Some((environment_named(&environment.value)?, id)));
            let name = service.name?;
            manifest.services.push(Service {
                image: image_names[images[at]?].clone(),
                paths: service.paths,
                after: after[at]
                    .iter()
                    .map(|at| service_names[*at].clone())
                    .collect(),
                environments: named(&places[at]),
                hook: service
                    .hook
                    .map_or_else(|| name.default_hook_variable(), |hook| hook.value),
                id: ids.collect::<BTreeMap<_, _>>(),
                previews: service
                    .previews
                    .and_then(|previews| environment_named(&previews.value)),
                probe: service.probe.map(|probe| probe.finished(environment_named)),
                name,
            });
        }
        Some(manifest)
    }

    fn repositories(&mut self, draft: &ManifestParts) {
        let mut seen = HashMap::new();
        for image in &draft.images {
            let Some(repository) = &image.repository else {
                continue;
            };
            if let Some(other) = seen.insert(&repository.value, &image.key.value) {
                let what = format!(
                    "{} is the repository of image {} too",
                    repository.value,
                    shown(other)
                );
                self.note(
                    repository.at,
                    what,
                    "give each image a repository of its own; services can share an image",
                );
            }
        }
    }

    /// A tag must say what it is: none of one kind may be readable as one of another.
    fn collisions(&mut self, draft: &ManifestParts) {
        let mut kinds: Vec<(String, Option<Position>, Shape)> = Vec::new();
        for (key, template) in [
            ("tags.commit", &draft.commit),
            ("tags.pull-request", &draft.pull_request),
        ] {
            if let Some(value) = &template.value {
                kinds.push((format!("{key} \"{value}\""), template.at, value.into()));
            }
        }
        if let Some(latest) = ImageTag::parse("latest").ok().filter(|_| draft.latest) {
            kinds.push(("tags.latest".to_owned(), None, Shape::from(&latest)));
        }
        for environment in &draft.environments {
            let whose = shown(&environment.key.value);
            if let Some(At {
                at,
                value: When::Release { template, .. },
            }) = &environment.when
            {
                kinds.push((
                    format!("tag \"{template}\" of {whose}"),
                    Some(*at),
                    template.into(),
                ));
            }
            for tag in &environment.floating_tags {
                let label = format!("floating-tags \"{}\" of {whose}", tag.value);
                kinds.push((label, Some(tag.at), Shape::from(&tag.value)));
            }
        }
        for (at, (label, position, shape)) in kinds.iter().enumerate() {
            for (other, other_position, other_shape) in &kinds[..at] {
                let Some(position) = position.or(*other_position) else {
                    continue;
                };
                if can_collide(shape.clone(), other_shape.clone()) {
                    let help = "write them so that no tag can be both, like pr-{number}-{sha} and prod-{number}";
                    self.note(
                        position,
                        format!("{label} and {other} can be the same tag"),
                        help,
                    );
                }
            }
        }
    }

    fn requires(&mut self, environments: &[EnvironmentParts]) -> Vec<Vec<usize>> {
        let index = index(environments.iter().map(|environment| &environment.key));
        let mut requires = vec![Vec::new(); environments.len()];
        for (at, environment) in environments.iter().enumerate() {
            let Some(required) = &environment.requires else {
                continue;
            };
            match index.get(required.value.as_str()) {
                Some(other) => requires[at].push(*other),
                None => {
                    let known = environments.iter().map(|other| other.key.value.as_str());
                    self.unknown(required.at, "environment", &required.value, known);
                }
            }
        }
        for circle in circles(&requires) {
            let told = tell(&circle, |at| environments[at].key.value.as_str());
            let at = environments[circle[0]]
                .requires
                .as_ref()
                .map_or(environments[circle[0]].key.at, |own| own.at);
            self.note(
                at,
                format!("environments that require each other: {told}"),
                "remove one requires of these",
            );
        }
        requires
    }

    fn places(
        &mut self,
        stated: Option<&[At<String>]>,
        environments: &[EnvironmentParts],
    ) -> EnvironmentSet {
        let stated = stated?;
        let mut places = Vec::new();
        for name in stated {
            match environments
                .iter()
                .position(|environment| environment.key.value == name.value)
            {
                Some(at) => places.push(at),
                None => {
                    let known = environments.iter().map(|other| other.key.value.as_str());
                    self.unknown(name.at, "environment", &name.value, known);
                }
            }
        }
        Some(places)
    }

    /// The image that is named, the one of the service's name, or the only one.
    fn image_of(&mut self, service: &ServiceParts, draft: &ManifestParts) -> Option<usize> {
        let wanted = service.image.as_ref().unwrap_or(&service.key);
        let found = draft
            .images
            .iter()
            .position(|image| image.key.value == wanted.value);
        if found.is_some() || draft.images.is_empty() {
            return found;
        }
        if service.image.is_some() {
            let known = draft.images.iter().map(|image| image.key.value.as_str());
            self.unknown(wanted.at, "image", &wanted.value, known);
            return None;
        }
        if draft.images.len() == 1 {
            return Some(0);
        }
        let what = format!(
            "service {} does not say which image it runs",
            shown(&wanted.value)
        );
        let names: Vec<&str> = draft
            .images
            .iter()
            .map(|image| image.key.value.as_str())
            .collect();
        let names = shown(&names.join(", "));
        self.note(wanted.at, what, format!("add image: with one of {names}"));
        None
    }

    /// Where services are. A service that does not say so is where its image is; one that does cannot be elsewhere.
    fn service_places(
        &mut self,
        draft: &ManifestParts,
        images: &[Option<usize>],
        image_places: &[EnvironmentSet],
    ) -> Vec<EnvironmentSet> {
        let mut all = Vec::new();
        for (service, image) in draft.services.iter().zip(images) {
            let own = self.places(service.environments.as_deref(), &draft.environments);
            let of_image = image.and_then(|image| image_places[image].as_ref());
            if let (Some(stated), Some(of_image), Some(image)) =
                (&service.environments, of_image, image)
            {
                for name in stated {
                    let place = draft
                        .environments
                        .iter()
                        .position(|other| other.key.value == name.value);
                    if place.is_some_and(|place| !of_image.contains(&place)) {
                        let (image, place) =
                            (shown(&draft.images[*image].key.value), shown(&name.value));
                        let help =
                            format!("add {place} to the image's environments, or remove it here");
                        self.note(name.at, format!("image {image} is not in {place}"), help);
                    }
                }
            }
            all.push(own.or_else(|| of_image.cloned()));
        }
        all
    }

    fn after(&mut self, services: &[ServiceParts]) -> Vec<Vec<usize>> {
        let index = index(services.iter().map(|service| &service.key));
        let mut after = vec![Vec::new(); services.len()];
        for (at, service) in services.iter().enumerate() {
            for name in &service.after {
                match index.get(name.value.as_str()) {
                    Some(other) => after[at].push(*other),
                    None => {
                        let known = services.iter().map(|other| other.key.value.as_str());
                        self.unknown(name.at, "service", &name.value, known);
                    }
                }
            }
        }
        for circle in circles(&after) {
            let told = tell(&circle, |at| services[at].key.value.as_str());
            let next = &services[*circle.get(1).unwrap_or(&circle[0])].key.value;
            let first = &services[circle[0]];
            let at = first
                .after
                .iter()
                .find(|name| name.value == *next)
                .map_or(first.key.at, |name| name.at);
            self.note(
                at,
                format!("services that wait for each other: {told}"),
                "remove one after of these",
            );
        }
        after
    }

    fn hooks(&mut self, services: &[ServiceParts], places: &[EnvironmentSet]) {
        let mut users: HashMap<HookVariable, Vec<usize>> = HashMap::new();
        for (at, service) in services.iter().enumerate() {
            let default = || {
                service
                    .name
                    .as_ref()
                    .map(ServiceName::default_hook_variable)
            };
            let Some(hook) = service
                .hook
                .as_ref()
                .map(|hook| hook.value.clone())
                .or_else(default)
            else {
                continue;
            };
            let others = users.entry(hook).or_default();
            if let Some(other) = others
                .iter()
                .find(|other| overlap(&places[**other], &places[at]))
            {
                // One of the two says so: names differ, so their default variables do.
                let stated = service.hook.as_ref().or(services[*other].hook.as_ref());
                let position = stated.map_or(service.key.at, |hook| hook.at);
                let (one, other) = (
                    shown(&services[*other].key.value),
                    shown(&service.key.value),
                );
                let what = format!("services {one} and {other} have the same hook variable");
                self.note(
                    position,
                    what,
                    "give each service a variable of its own: a hook deploys one service",
                );
            }
            others.push(at);
        }
    }

    fn ids_and_previews(&mut self, draft: &ManifestParts, places: &[EnvironmentSet]) {
        let index = index(
            draft
                .environments
                .iter()
                .map(|environment| &environment.key),
        );
        let known = || {
            draft
                .environments
                .iter()
                .map(|other| other.key.value.as_str())
        };
        let has_previews = draft
            .services
            .iter()
            .any(|service| service.previews.is_some());
        let preview = draft
            .environments
            .iter()
            .find(|environment| environment.key.value == "preview");
        if let Some(preview) = preview.filter(|_| has_previews) {
            // Neither could be read as the other, but the hundred records that are read of a service would be used up by pull requests.
            let what = "environment preview would have its record where that of previews is";
            self.note(
                preview.key.at,
                what,
                "give it another name, or remove previews from every service",
            );
        }
        let mut users = HashMap::new();
        for (service, places) in draft.services.iter().zip(places) {
            for (environment, id) in &service.id {
                let Some(at) = index.get(environment.value.as_str()) else {
                    self.unknown(environment.at, "environment", &environment.value, known());
                    continue;
                };
                if let Some(other) = users.insert((*at, id), &service.key.value) {
                    let place = shown(&environment.value);
                    let what = format!("{id} is the id of service {} in {place} too", shown(other));
                    self.note(environment.at, what, "give each service an id of its own");
                }
            }
            let Some(previews) = &service.previews else {
                continue;
            };
            let Some(at) = index.get(previews.value.as_str()) else {
                self.unknown(previews.at, "environment", &previews.value, known());
                continue;
            };
            let whose = shown(&service.key.value);
            if places.as_ref().is_some_and(|places| !places.contains(at)) {
                let what = format!(
                    "service {whose} is not in {}, so no preview can be made from it",
                    shown(&previews.value)
                );
                self.note(previews.at, what, "name an environment that it is in");
            }
            let cron = |(environment, id): &(At<String>, model::ServiceId)| {
                environment.value == previews.value && id.as_str().starts_with("crn-")
            };
            if service.id.iter().any(cron) {
                self.note(
                    previews.at,
                    format!("service {whose} is a cron job, which has no previews"),
                    "remove previews",
                );
            }
        }
    }
}

fn shown(text: &str) -> String {
    Untrusted(text.as_bytes()).to_string()
}

fn overlap(one: &EnvironmentSet, other: &EnvironmentSet) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.iter().any(|place| other.contains(place)),
        (None, _) | (_, None) => true,
    }
}

fn index<'k>(keys: impl Iterator<Item = &'k At<String>>) -> HashMap<&'k str, usize> {
    keys.enumerate()
        .map(|(at, key)| (key.value.as_str(), at))
        .collect()
}

/// `a -> b -> a`.
fn tell<'k>(circle: &[usize], name: impl Fn(usize) -> &'k str) -> String {
    let names: Vec<String> = circle
        .iter()
        .chain(&circle[..1])
        .map(|at| shown(name(*at)))
        .collect();
    names.join(" -> ")
}
