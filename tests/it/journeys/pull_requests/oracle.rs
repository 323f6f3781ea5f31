//! What must hold whenever nothing runs, by what the models have. No rule of the program is used here.

use super::team::{PULLS, SERVICES};
use std::collections::BTreeSet;
use testworld::World;
use testworld::github::previews::PreviewRecorded;
use testworld::render::previews::PreviewOnRender;

/// The digest at the end of an image's reference.
pub(super) fn digest(image: &str) -> &str {
    image.split_once('@').map_or("", |(_, digest)| digest)
}

/// The versions of a service's package: digest and tags.
pub(super) fn versions(world: &World, service: &str) -> Vec<(String, Vec<String>)> {
    world.registry.ghcr().versions(&format!("acme/{service}"))
}

/// Whether a preview is one of this pull request. Render may have made its name longer.
pub(super) fn is_of(name: &str, pull: u32) -> bool {
    let end = format!("-pr-{pull}");
    name.ends_with(&end) || name.contains(&format!("{end}-"))
}

/// Nothing that serves has lost its image, and no service has two previews for one pull request.
pub(super) fn holds(world: &World) {
    for standing in world.render.standing() {
        let is_up = !["deactivated", "canceled", "build_failed", "update_failed"]
            .contains(&standing.status);
        let mut services = SERVICES.iter();
        let part = |service: &&&str| standing.image.contains(&format!("/acme/{service}@"));
        let Some(service) = services.find(part).filter(|_| is_up) else {
            continue;
        };
        let wanted = digest(&standing.image);
        let versions = versions(world, service);
        assert!(
            versions.iter().any(|(found, _)| found == wanted),
            "{} is {} with {wanted}, which is gone",
            standing.service,
            standing.status
        );
    }
    let previews = world.render.previews();
    for pull in PULLS {
        for service in SERVICES {
            let its = previews.iter().filter(|own| is_of(&own.name, pull));
            let count = its.filter(|own| own.name.starts_with(service)).count();
            assert!(count <= 1, "there are {count} previews of {service}");
        }
        let comments = world.github.comments();
        let ours = comments
            .iter()
            .filter(|comment| comment.is_ours() && comment.pull == u64::from(pull));
        assert!(ours.count() <= 1, "there are two comments on {pull}");
    }
}

/// What is there of a pull request: its previews, and the tags of its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct There {
    previews: BTreeSet<String>,
    tags: BTreeSet<String>,
}

impl There {
    pub(super) fn of(world: &World, pull: u32) -> Self {
        let previews = world.render.previews();
        let its = previews.into_iter().filter(|own| is_of(&own.name, pull));
        let begins = format!("pr-{pull}-");
        let tags = SERVICES.iter().flat_map(|service| {
            let tags = versions(world, service).into_iter();
            tags.flat_map(|(_, tags)| tags)
                .map(move |tag| format!("{service}:{tag}"))
        });
        Self {
            previews: its.map(|own| own.id).collect(),
            tags: tags.filter(|tag| tag.contains(&begins)).collect(),
        }
    }

    /// Whether nothing of this is missing in what is there later.
    pub(super) fn is_kept(&self, later: &Self) -> bool {
        self.previews.is_subset(&later.previews) && self.tags.is_subset(&later.tags)
    }
}

/// Every release stays.
pub(super) fn releases(world: &World) -> BTreeSet<String> {
    let tags = SERVICES.iter().flat_map(|service| {
        let tags = versions(world, service).into_iter();
        tags.flat_map(|(_, tags)| tags)
            .map(move |tag| format!("{service}:{tag}"))
    });
    tags.filter(|tag| tag.contains(":prod-") || tag.contains(":latest"))
        .collect()
}

/// Whether a preview is there of which records only say that it is being made, and every other is known by its id. Render may list new ones late.
pub(super) fn is_meant(world: &World) -> bool {
    let records = world.github.preview_records();
    let known = |own: &PreviewOnRender| {
        let mut records = records
            .iter()
            .filter(|record| record.is_own && record.state() != "inactive");
        records.any(|record| {
            record.payload["id"] == own.id.as_str() || says(record, &format!(": {}", own.id))
        })
    };
    let meant = |own: &PreviewOnRender| {
        records.iter().any(|record| {
            let pull = record.payload["pr"].as_u64().unwrap_or_default();
            record.is_own
                && record.statuses.is_empty()
                && record.payload["id"].is_null()
                && record.payload["parent"] == own.parent.as_str()
                && is_of(&own.name, u32::try_from(pull).unwrap_or_default())
        })
    };
    let previews = world.render.previews();
    let is_any_meant = previews.iter().any(|own| !known(own) && meant(own));
    is_any_meant && previews.iter().all(|own| known(own) || meant(own))
}

fn says(record: &PreviewRecorded, text: &str) -> bool {
    let mut statuses = record.statuses.iter();
    statuses.any(|(_, said)| said.ends_with(text))
}

/// Every pull request is closed and was swept: nothing is left but what is something else, too.
pub(super) fn is_over(world: &World) {
    let previews = world.render.previews();
    assert!(
        previews.is_empty(),
        "after the last sweep there is {previews:?}"
    );
    let served: BTreeSet<String> = world
        .render
        .standing()
        .into_iter()
        .map(|standing| digest(&standing.image).to_owned())
        .collect();
    let records = world.github.preview_records();
    let of_others: Vec<&str> = records
        .iter()
        .filter(|record| !record.is_own)
        .filter_map(|record| record.payload["digest"].as_str())
        .collect();
    for service in SERVICES {
        for (found, tags) in versions(world, service) {
            let is_pulls = |tag: &String| tag.starts_with("pr-");
            let is_left = !tags.is_empty() && tags.iter().all(is_pulls);
            let is_needed = served.contains(&found) || of_others.contains(&found.as_str());
            assert!(
                !is_left || is_needed,
                "after the last sweep there is {tags:?} of {service}"
            );
        }
    }
    for record in records.iter().filter(|record| record.is_own) {
        assert!(
            record.state() == "inactive" || record.payload["id"].is_null(),
            "after the last sweep there is {record:?}"
        );
    }
}
