//! Histories that have to hold: each lost a deploy, stepped back or claimed too much under earlier rules. The numbers are those of
//! docs/how-it-decides.md.

pub(super) mod foreign;
mod names;
mod overlap;
mod queued;
mod reverts;
mod rollbacks;
mod tips;

use super::at_once;
use testworld::github::record::Seed;
use testworld::render::service_id;
use testworld::{Event, Kind, Repo, Run, World};

/// How a team deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Hook,
    Key,
}

const BOTH: [With; 2] = [With::Hook, With::Key];
const SERVICES: [&str; 3] = ["api", "workers", "web"];

/// The usual repository in which what the first commit has serves everywhere: by a record that names its deploy, and with a key on Render.
fn begun(with: With) -> World {
    serving(World::new().three_services(), with)
}

/// As [`begun`], of any repository with these three services in staging.
fn serving(world: World, with: With) -> World {
    let first = world.base();
    let mut world = world;
    let ids = SERVICES.map(service_id);
    let names = SERVICES.map(|service| format!("staging/{service}"));
    let index: Vec<(&str, &str)> = ids
        .iter()
        .zip(&names)
        .map(|(id, name)| (id.as_str(), name.as_str()))
        .collect();
    world.github.seed_index(&index);
    for service in SERVICES {
        world = world.image_tagged(service, Kind::Amd64, &first, &[&first]);
        let mut seed = world.live("staging", service, &first);
        (seed.digest, seed.platform) = (world.digest(service), world.platform(service));
        let image = format!("{}@{}", seed.repository, seed.digest);
        if with == With::Key {
            let deploy = world.render.seed_live(service, &image);
            seed.statuses = vec![("success", format!("live {deploy}").leak())];
        }
        world = world.recorded(seed);
    }
    match with {
        With::Hook => world,
        With::Key => world.with_key(),
    }
}

/// Pushes a change, with its images.
fn push(world: World, change: fn(&Repo) -> &Repo) -> World {
    world.push_to_main(change).images()
}

fn api_1(repo: &Repo) -> &Repo {
    repo.write("services/api/x", "1")
}

fn api_2(repo: &Repo) -> &Repo {
    repo.write("services/api/x", "2")
}

fn api_reverted(repo: &Repo) -> &Repo {
    repo.delete("services/api/x")
}

fn docs(repo: &Repo) -> &Repo {
    repo.write("docs/x", "1")
}

/// Somebody asks for the tip of `main` in staging: no push says what was there before.
fn asked(world: World) -> World {
    let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    world.input("environment", "staging")
}

/// Another run, of this event.
fn of(world: World, event: &Option<Event>) -> World {
    let mut world = world;
    world.event.clone_from(event);
    world
}

/// The run ends well, and deploys exactly these.
fn deploys(run: Run, with: With, services: &[&str]) -> Run {
    let outcome = match with {
        With::Hook => "accepted",
        With::Key => "live",
    };
    run.ended(0, outcome, "").hooked(services)
}

fn superseded(run: Run) -> Run {
    run.ended(0, "superseded", "").no_hooks()
}

/// The last record of a service.
fn last(run: &Run, service: &str) -> testworld::github::record::Recorded {
    let records = run.world.github.records();
    let found = records
        .into_iter()
        .rev()
        .find(|record| record.service == service);
    found.expect("a record")
}

/// A record of `api` in staging, of a commit, that is open.
fn open(world: &World, commit: &str) -> Seed {
    Seed {
        statuses: Vec::new(),
        ..world.live("staging", "api", commit)
    }
}
