//! The whole train, with the real program at every stop: staged, numbered, promoted, deployed, failed, rolled back, and forward again. What is built is
//! what `plan` lists, and production never gets other bytes than staging ran.

use std::collections::BTreeMap;
use testworld::render::{Fate, model::Why};
use testworld::{Answer, Event, Kind, Run, World};

const SERVICES: [&str; 3] = ["api", "workers", "web"];

/// A team with two environments, each with services and hooks of its own.
struct Team {
    world: World,
    has_key: bool,
    /// The input `deploy-hooks` of each environment.
    hooks: BTreeMap<&'static str, String>,
    /// What staging was given last.
    staged: BTreeMap<&'static str, String>,
}

/// A service's name on Render.
fn on_render(environment: &str, service: &str) -> String {
    if environment == "staging" {
        service.to_owned()
    } else {
        format!("{service}-{environment}")
    }
}

impl Team {
    fn begins(has_key: bool) -> Self {
        let requires = |text: &str| {
            text.replace(
                "tag: \"prod-{number}\" }",
                "tag: \"prod-{number}\", requires: staging }",
            )
        };
        let mut world = World::new()
            .three_services_and(requires)
            .never_deployed()
            .may_write();
        world.base();
        let mut hooks = BTreeMap::new();
        for environment in ["staging", "production"] {
            let lines = SERVICES.map(|service| {
                let name = on_render(environment, service);
                let url = world.new_hook(&name);
                world
                    .render
                    .image_path(&name, &format!("{}:latest", world.repository(service)));
                format!("{service}={url}")
            });
            hooks.insert(environment, lines.join("\n"));
        }
        let world = if has_key { world.with_key() } else { world };
        world.render.pace(4);
        Self {
            world,
            has_key,
            hooks,
            staged: BTreeMap::new(),
        }
    }

    /// How a deploy ends that goes well.
    fn well(&self) -> &'static str {
        if self.has_key { "live" } else { "accepted" }
    }

    /// The same team with another world.
    fn with(self, change: impl FnOnce(World) -> World) -> Self {
        Self {
            world: change(self.world),
            ..self
        }
    }

    /// A run's world, for the next.
    fn after(self, run: Run) -> Self {
        Self {
            world: run.into_world(),
            ..self
        }
    }

    fn take(&mut self) -> World {
        std::mem::replace(&mut self.world, World::new())
    }

    /// A push changes these services: `plan` says what is built, that is built, and staging gets it.
    fn stages(mut self, change: &str, services: &[&'static str]) -> Self {
        let hooks = self.hooks["staging"].clone();
        let world = self
            .take()
            .input("environment", "")
            .input("release", "")
            .input("deploy-hooks", &hooks);
        let world = world.push_to_main(|repo| {
            for service in services {
                repo.write(&format!("services/{service}/change.txt"), change);
            }
            repo.write("docs/change.txt", change)
        });
        let run = world.plan().ended(0, "planned", "").no_hooks();
        let matrix = run.json("matrix");
        let listed = matrix["include"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|entry| entry["image"].as_str());
        let listed: Vec<&str> = listed.collect();
        assert_eq!(listed, services, "what is built");
        let (event, commit) = (run.world.event.clone(), run.world.commit());
        let mut world = run.into_world();
        world.event = event;
        let world = services.iter().fold(world, |world, name| {
            world.image_tagged(name, Kind::MultiArch, &commit, &[&commit])
        });
        let run = world.deploy().ended(0, self.well(), "").hooked(services);
        for service in services {
            self.staged.insert(service, run.world.digest(service));
        }
        self.after(run)
    }

    /// Somebody asks for production.
    fn asked(&mut self, release: &str) -> World {
        let hooks = self.hooks["production"].clone();
        let world = self
            .take()
            .on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
        world
            .input("environment", "production")
            .input("release", release)
            .input("deploy-hooks", &hooks)
    }

    /// The tip becomes this release, of which nothing has to be built.
    fn numbers(mut self, tag: &str) -> Self {
        let run = self.asked("").release().ended(0, "verified", "").no_hooks();
        assert_eq!(run.output("release"), tag);
        let mut team = self.after(run);
        let run = team.asked(tag).plan().ended(0, "planned", "").no_hooks();
        assert_eq!(
            run.output("builds"),
            "0",
            "production is given what staging ran"
        );
        team.after(run)
    }

    /// What production is asked for these services to run: what staging ran.
    fn wanted(&self, services: &[&'static str]) -> Vec<(String, String)> {
        let image = |service: &str| {
            format!(
                "{}@{}",
                self.world.repository(service),
                self.staged[service]
            )
        };
        services
            .iter()
            .map(|service| (on_render("production", service), image(service)))
            .collect()
    }

    fn releases(mut self, tag: &str, services: &[&'static str], ends: (i32, &str, &str)) -> Self {
        let wanted = self.wanted(services);
        let run = self.asked(tag).deploy().ended(ends.0, ends.1, ends.2);
        self.after(asked_of_render(run, &wanted)).promoted(tag)
    }

    /// The release's tag is on what staging ran, of every image.
    fn promoted(self, tag: &str) -> Self {
        for service in SERVICES {
            assert_eq!(
                self.world.tag(service, tag).as_deref(),
                Some(self.staged[service].as_str()),
                "{service}:{tag}"
            );
        }
        self
    }

    /// What production serves, where somebody can tell.
    fn serves(self, wanted: &[(String, String)]) -> Self {
        self.world.render.settle();
        for (service, image) in wanted {
            assert_eq!(
                self.world.render.live(service).as_ref(),
                Some(image),
                "{service}"
            );
        }
        self
    }
}

fn asked_of_render(run: Run, wanted: &[(String, String)]) -> Run {
    let wanted: Vec<(&str, &str)> = wanted
        .iter()
        .map(|(service, image)| (service.as_str(), image.as_str()))
        .collect();
    run.hooked_with(&wanted)
}

fn goes_all_the_way(has_key: bool) {
    let team = Team::begins(has_key);
    let well = team.well();
    let team = team.stages("one", &SERVICES);
    // Somebody builds the commit again: other bytes, under the very tag that staging took.
    let commit = team.world.origin.head();
    let rebuilt = |world: World| world.image_tagged("api", Kind::Amd64, &commit, &[&commit]);
    let team = team
        .numbers("prod-1")
        .with(rebuilt)
        .releases("prod-1", &SERVICES, (0, well, ""));
    let first = team.wanted(&SERVICES);
    let mut team = team
        .serves(&first)
        .stages("two", &["api", "web"])
        .numbers("prod-2");
    // Promoted by its own step, with only the permissions for that.
    let run = team
        .asked("prod-2")
        .run("promote")
        .ended(0, "verified", "")
        .no_hooks();
    let team = team.after(run).promoted("prod-2");
    // `web` does not come up.
    let failure = if has_key { "exited" } else { "hook-denied" };
    let team = team.with(|world| {
        if has_key {
            world.render.deploy_ends(
                "web-production",
                Fate::Fails("update_failed", Why::Exited(1)),
            );
            return world;
        }
        world.hook_answers("web-production", [Answer::Status(401)])
    });
    let mut team = team.releases("prod-2", &["api", "web"], (1, "failed", failure));
    let run = team.asked("").run("rollback").ended(0, well, "");
    assert_eq!(run.output("release"), "prod-1");
    let back: Vec<(String, String)> = first
        .iter()
        .filter(|(service, _)| service == "api-production")
        .cloned()
        .collect();
    let mut team = team
        .after(asked_of_render(run.says("this rollback holds api"), &back))
        .serves(&first);
    // The release that was left does not come back by itself where it was; what it never brought it may still bring.
    let missed = team.wanted(&["web"]);
    let run = team
        .asked("prod-2")
        .deploy()
        .ended(0, well, "")
        .annotates("warning", "a rollback holds api");
    let team = team
        .after(asked_of_render(run, &missed))
        .promoted("prod-2")
        .serves(&back);
    let team = team.stages("three", &["api"]).numbers("prod-3").releases(
        "prod-3",
        &["api"],
        (0, well, ""),
    );
    let last = team.wanted(&SERVICES);
    team.serves(&last);
}

#[test]
fn a_release_is_staged_numbered_promoted_deployed_rolled_back_and_followed_by_hooks_alone() {
    goes_all_the_way(false);
}

#[test]
fn a_release_is_staged_numbered_promoted_deployed_rolled_back_and_followed_with_an_api_key() {
    goes_all_the_way(true);
}
