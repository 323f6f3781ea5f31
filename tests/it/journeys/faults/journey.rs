//! The journeys that faults are tried in: each command, by hooks alone and with an API key, with a checkout and without one.

use crate::journeys::{cleanup, previews, promotion, release, rollback};
use testworld::{Checkout, Kind, Run, World};

/// A journey.
pub(super) struct Journey {
    pub(super) name: &'static str,
    pub(super) command: &'static str,
    pub(super) world: fn() -> World,
    /// The services that get an image: those of Render by their names there, each with the image's name.
    pub(super) services: &'static [(&'static str, &'static str)],
    /// How it ends where nothing is in its way, at first and when it is repeated.
    pub(super) outcomes: &'static [&'static str],
    /// What else has to be so in the end.
    pub(super) also: fn(&Run),
}

impl Journey {
    /// Whether it brings back what each service was given first.
    pub(super) fn goes_back(&self) -> bool {
        self.command == "rollback"
    }

    /// The world, in which nothing has been asked of anybody yet.
    pub(super) fn begin(&self) -> World {
        let world = (self.world)();
        // Deploys are there at the third look: each look is a request with every fault.
        world.render.pace(3);
        world.servers().for_each(|(_, server)| server.forget());
        world
    }

    pub(super) fn run(&self, world: World) -> Run {
        if self.command == "release" {
            world.release()
        } else {
            world.run(self.command)
        }
    }
}

fn pushed() -> World {
    let world = World::new().three_services();
    world
        .push_to_main(|repo| {
            repo.write("services/web/x", "1")
                .write("services/api/x", "1")
        })
        .images()
}

const BOTH: &[(&str, &str)] = &[("api", "api"), ("web", "web")];
const LIVE: &[&str] = &["live", "skipped"];
const ACCEPTED: &[&str] = &["accepted", "skipped"];

pub(super) const JOURNEYS: &[Journey] = &[
    Journey {
        name: "plan",
        command: "plan",
        world: pushed,
        services: &[],
        outcomes: &["planned"],
        also: |_| {},
    },
    Journey {
        name: "plan without a checkout",
        command: "plan",
        world: || pushed().checkout(Checkout::None),
        services: &[],
        outcomes: &["planned"],
        also: |_| {},
    },
    Journey {
        name: "verify a pull request",
        command: "verify",
        world: || {
            let world = World::new()
                .three_services()
                .pull_request(7, |repo| repo.write("services/web/x", "1"));
            world
                .image("web", Kind::WithAttestations)
                .input("comment", "true")
        },
        services: &[],
        outcomes: &["verified"],
        also: |_| {},
    },
    Journey {
        name: "deploy by hooks",
        command: "deploy",
        world: pushed,
        services: BOTH,
        outcomes: ACCEPTED,
        also: |_| {},
    },
    Journey {
        name: "deploy with a key",
        command: "deploy",
        world: || pushed().with_key(),
        services: BOTH,
        outcomes: LIVE,
        also: |_| {},
    },
    Journey {
        name: "deploy with a key and without a checkout",
        command: "deploy",
        world: || pushed().checkout(Checkout::None).with_key(),
        services: BOTH,
        outcomes: LIVE,
        also: |_| {},
    },
    Journey {
        name: "preview",
        command: "deploy",
        world: previews::opened,
        services: &[("web-pr-7", "web")],
        outcomes: LIVE,
        also: |_| {},
    },
    Journey {
        name: "release with promotion",
        command: "deploy",
        world: || promotion::released().may_write().with_key(),
        services: &[("api", "api")],
        outcomes: LIVE,
        also: promotion::is_promoted,
    },
    Journey {
        name: "promote",
        command: "promote",
        world: || promotion::released().may_write(),
        services: &[],
        outcomes: &["verified"],
        also: promotion::is_promoted,
    },
    Journey {
        name: "release",
        command: "release",
        world: release::pushed,
        services: &[],
        outcomes: &["verified"],
        also: release::is_released_once,
    },
    Journey {
        name: "rollback by hooks",
        command: "rollback",
        world: || rollback::to_one(false),
        services: BOTH,
        outcomes: &["accepted", "nothing"],
        also: |_| {},
    },
    Journey {
        name: "rollback with a key",
        command: "rollback",
        world: || rollback::to_one(true),
        services: BOTH,
        outcomes: &["live", "nothing"],
        also: |_| {},
    },
    Journey {
        name: "cleanup",
        command: "cleanup",
        world: cleanup::closed,
        services: &[],
        outcomes: &["verified", "nothing"],
        also: cleanup::is_clean,
    },
];
