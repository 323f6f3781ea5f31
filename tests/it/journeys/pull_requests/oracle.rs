//! What must hold, by what the models have. No rule of the program is used here.

use super::team::{PULLS, SERVICES};
use testworld::World;

/// The digest at the end of an image's reference.
fn digest(image: &str) -> &str {
    image.split_once('@').map_or("", |(_, digest)| digest)
}

/// Nothing that serves has lost its image, and no service has two previews for one pull request.
pub(super) fn holds(world: &World) {
    for standing in world.render.standing() {
        let name = standing.service.split("-pr-").next().unwrap_or_default();
        let is_up = !["deactivated", "canceled", "build_failed", "update_failed"]
            .contains(&standing.status);
        if !is_up || !SERVICES.contains(&name) {
            continue;
        }
        let versions = world.registry.ghcr().versions(&format!("acme/{name}"));
        let wanted = digest(&standing.image);
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
            let name = format!("{service}-pr-{pull}");
            let count = previews.iter().filter(|own| own.name == name).count();
            assert!(count <= 1, "there are {count} previews {name}");
        }
    }
}

/// The comment of a pull request is true of what is there.
pub(super) fn is_told(world: &World, pull: u32, outcome: &str) {
    let comments = world.github.comments();
    let mut own = comments
        .iter()
        .filter(|comment| comment.pull == u64::from(pull) && comment.is_ours());
    let Some(comment) = own.next() else {
        return;
    };
    let body = &comment.body;
    let previews = world.render.previews();
    let end = format!("-pr-{pull}");
    let its: Vec<_> = previews
        .iter()
        .filter(|own| own.name.ends_with(&end))
        .collect();
    if body.contains("### cleaned up") {
        assert!(
            its.is_empty(),
            "cleaned up, and there is {its:?} ({outcome})"
        );
        for service in SERVICES {
            let begins = format!("pr-{pull}-");
            let versions = world.registry.ghcr().versions(&format!("acme/{service}"));
            let is_its = |tags: &[String]| {
                !tags.is_empty() && tags.iter().all(|tag| tag.starts_with(&begins))
            };
            assert!(
                versions.iter().all(|(_, tags)| !is_its(tags)),
                "cleaned up, and images of {service} are there"
            );
        }
        return;
    }
    if body.contains("some images or previews remain") {
        return;
    }
    for preview in its {
        let address = format!("(https://{}.onrender.com/)", preview.name);
        let row = body.lines().find(|line| line.contains(&address));
        let row = row.unwrap_or_else(|| panic!("{} is not in {body}", preview.name));
        let live = preview.live.as_deref().map(digest).unwrap_or_default();
        assert!(row.contains(live), "{} has {live}: {row}", preview.name);
    }
    for line in body.lines().filter(|line| line.contains(".onrender.com/)")) {
        let is_there = previews
            .iter()
            .any(|own| line.contains(&format!("(https://{}.onrender.com/)", own.name)));
        assert!(is_there, "nothing is where the comment says: {line}");
    }
}

/// Every pull request is closed and was swept: no preview is left.
pub(super) fn is_over(world: &World) {
    let previews = world.render.previews();
    assert!(
        previews.is_empty(),
        "after the last sweep there is {previews:?}"
    );
    for service in SERVICES {
        let versions = world.registry.ghcr().versions(&format!("acme/{service}"));
        let left = versions.iter().flat_map(|(_, tags)| tags);
        let left: Vec<&String> = left.filter(|tag| tag.starts_with("pr-")).collect();
        assert!(left.is_empty(), "after the last sweep there is {left:?}");
    }
}
