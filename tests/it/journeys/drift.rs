//! Drift, said aloud with an API key: settings that will bring other bytes back, and live images that no registry has any more.

use super::at_once;
use testworld::event::ZEROS;
use testworld::{Event, Kind, Run, World};

/// A push that changes `api` and `web`; what `workers` runs is known, live, and in the registry.
fn world() -> World {
    with(World::new().three_services())
}

fn with(world: World) -> World {
    let commit = world.base();
    let world =
        world.on_event(|world| Event::push("refs/heads/main", ZEROS, &commit, &world.base()));
    let mut world = world.image_tagged("workers", Kind::Amd64, &commit, &[&commit]);
    for service in ["api", "workers", "web"] {
        let mut seed = world.live("staging", service, &commit);
        if service == "workers" {
            (seed.digest, seed.platform) = (world.digest(service), world.platform(service));
        }
        world
            .render
            .seed_live(service, &format!("{}@{}", seed.repository, seed.digest));
        world = world.recorded(seed);
    }
    let world = world.push_to_main(|repo| {
        repo.write("services/api/x", "1")
            .write("services/web/x", "1")
    });
    world
        .image("api", Kind::Amd64)
        .image("web", Kind::WithAttestations)
        .with_key()
}

/// Writes the tag of a service's image into its settings.
fn set(world: &World, service: &str, what: &str) {
    world
        .render
        .image_path(service, &format!("{}{what}", world.repository(service)));
}

/// The warnings that say this.
fn warnings(run: &Run, text: &str) -> Vec<String> {
    run.annotations("warning")
        .into_iter()
        .filter(|warning| warning.contains(text))
        .collect()
}

const SETTINGS: &str = "the settings on Render name another image";
const GONE: &str = "gone from the registry";

#[test]
fn settings_that_name_another_tag_are_warned_of_once_with_every_service() {
    let run = world()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api", "web"]);
    let found = warnings(&run, SETTINGS);
    run.equal("warnings", &found.len(), &1);
    let names = |service: &str| {
        found[0].contains(&format!(
            "{service} ({}:main)",
            run.world.repository(service)
        ))
    };
    let holds = names("api") && names("web") && !found[0].contains("workers");
    run.ensure(holds, "the warning does not name the two")
        .says(SETTINGS);
}

#[test]
fn settings_that_bring_the_same_bytes_are_no_drift() {
    // The deployed tag, the index's digest, and the platform's.
    at_once([0, 1, 2], |which| {
        let world = world();
        let (tag, digest, platform) = (world.commit(), world.digest("web"), world.platform("web"));
        let what = [
            format!(":{tag}"),
            format!("@{digest}"),
            format!("@{platform}"),
        ];
        set(&world, "web", &what[which]);
        set(&world, "api", &format!(":{tag}"));
        let run = world.deploy().ended(0, "live", "").hooked(&["api", "web"]);
        run.equal(&what[which], &warnings(&run, SETTINGS), &vec![]);
    });
}

#[test]
fn a_tag_of_the_environments_moves_is_no_drift() {
    let floating =
        |text: &str| text.replace("branch: main }", "branch: main, floating-tags: [staging] }");
    let world = with(World::new().three_services_and(floating));
    world.registry.ghcr().allow_writes();
    set(&world, "api", ":staging");
    set(&world, "web", ":staging");
    let run = world.deploy().ended(0, "live", "").hooked(&["api", "web"]);
    run.equal("warnings", &warnings(&run, SETTINGS), &vec![]);
    run.equal(
        "the tag",
        &run.world.registry.ghcr().tag("acme/web", "staging"),
        &Some(run.world.digest("web")),
    );
}

#[test]
fn settings_are_nobodys_business_where_nothing_went_live() {
    let world = world();
    world
        .render
        .deploy_ends("api", testworld::render::Fate::Canceled);
    world
        .render
        .deploy_ends("web", testworld::render::Fate::Canceled);
    let run = world
        .deploy()
        .ended(1, "failed", "deploy-failed")
        .hooked(&["api", "web"]);
    run.equal("warnings", &warnings(&run, SETTINGS), &vec![]);
}

#[test]
fn a_live_image_that_is_gone_from_the_registry_is_warned_of_once() {
    // By default the world's earlier images are in no registry.
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/x", "1"))
        .images()
        .with_key();
    let run = world.deploy().ended(0, "live", "").hooked(&["web"]);
    let found = warnings(&run, GONE);
    run.equal("warnings", &found.len(), &1);
    let holds =
        found[0].contains("api (") && found[0].contains("workers (") && !found[0].contains("web (");
    run.ensure(
        holds,
        "the warning does not name the two that were left as they are",
    );
}

#[test]
fn a_live_image_that_is_there_is_not_warned_of() {
    let run = world()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api", "web"]);
    run.equal(
        "workers",
        &run.service("workers")["status"],
        &"unchanged".into(),
    );
    run.equal("warnings", &warnings(&run, GONE), &vec![]);
}

#[test]
fn without_a_key_there_is_nothing_to_say_of_drift() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/x", "1"))
        .images();
    let run = world.deploy().expect_accepted(["web"]);
    run.equal(
        "warnings",
        &(warnings(&run, SETTINGS), warnings(&run, GONE)),
        &(vec![], vec![]),
    );
}
