//! Going back: to exactly the bytes that were there, looked at again, and held there until something newer comes.

use testworld::github::Trouble;
use testworld::github::record::Seed;
use testworld::render::{Fate, model::Why};
use testworld::trap::{Moment, Place, Then};
use testworld::{Answer, Event, Kind, Run, World};

const SERVICES: [&str; 3] = ["api", "workers", "web"];

/// A team that releases to production, with everything that its services were given.
struct Team {
    run: Run,
    /// Release, service, image.
    given: Vec<(u32, String, String)>,
}

/// The next release changes these services; its images are there.
fn released(world: World, number: u32, services: &[&str]) -> World {
    let world = world.commit_on_main(|repo| {
        for service in services {
            repo.write(
                &format!("services/{service}/release.txt"),
                &number.to_string(),
            );
        }
        repo.write("docs/release.txt", &number.to_string())
    });
    let world = world
        .push_tag(&format!("prod-{number}"))
        .may_write()
        .input("environment", "")
        .input("release", "");
    let commit = world.commit();
    services.iter().fold(world, |world, name| {
        world.image_tagged(name, Kind::MultiArch, &commit, &[&commit])
    })
}

/// Somebody asks for a rollback.
fn asked(world: World, release: &str) -> World {
    let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    world
        .input("environment", "production")
        .input("release", release)
}

fn image(world: &World, service: &str) -> String {
    format!("{}@{}", world.repository(service), world.digest(service))
}

impl Team {
    /// The first release of all three, with only hooks or with an API key.
    fn begins(has_key: bool, change: impl FnOnce(World) -> World) -> Self {
        let world = World::new().three_services().never_deployed();
        let world = change(if has_key { world.with_key() } else { world });
        let run = released(world, 1, &SERVICES).deploy();
        let outcome = if has_key { "live" } else { "accepted" };
        let run = run.ended(0, outcome, "").hooked(&SERVICES);
        let given = SERVICES
            .map(|name| (1, name.to_owned(), image(&run.world, name)))
            .to_vec();
        Self { run, given }
    }

    fn releases(self, number: u32, services: &[&str]) -> Self {
        self.releases_into(number, services, |world| world, |run| run)
    }

    fn releases_into(
        self,
        number: u32,
        services: &[&str],
        before: impl FnOnce(World) -> World,
        after: impl FnOnce(Run) -> Run,
    ) -> Self {
        let Self { run, mut given } = self;
        let world = before(released(run.into_world(), number, services));
        given.extend(
            services
                .iter()
                .map(|name| (number, (*name).to_owned(), image(&world, name))),
        );
        Self {
            run: after(world.deploy().hooked(services)),
            given,
        }
    }

    /// What a service was given by a release.
    fn had(&self, release: u32, service: &str) -> String {
        let found = self
            .given
            .iter()
            .find(|(number, name, _)| *number == release && name == service);
        found
            .map(|(.., image)| image.clone())
            .expect("a release of it")
    }

    fn back(self, change: impl FnOnce(World) -> World, release: &str) -> Self {
        let world = change(asked(self.run.into_world(), release));
        Self {
            run: world.run("rollback"),
            given: self.given,
        }
    }

    /// The rollback gave these services what they had at these releases, and ended well.
    fn gave(self, outcome: &str, wanted: &[(&str, u32)]) -> Self {
        let images: Vec<(&str, String)> = wanted
            .iter()
            .map(|(name, release)| (*name, self.had(*release, name)))
            .collect();
        let images: Vec<(&str, &str)> = images
            .iter()
            .map(|(name, image)| (*name, image.as_str()))
            .collect();
        Self {
            run: self.run.ended(0, outcome, "").hooked_with(&images),
            ..self
        }
    }
}

/// Somebody asks for a rollback of the second release, which changed `api` and `web`.
pub(super) fn to_one(has_key: bool) -> World {
    let quick = |world: World| {
        world.render.pace(4);
        world
    };
    let team = Team::begins(has_key, quick).releases(2, &["api", "web"]);
    asked(team.run.into_world(), "")
}

fn status(run: &Run, service: &str) -> String {
    run.service(service)["status"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn back_to_one(has_key: bool) -> Team {
    let outcome = if has_key { "live" } else { "accepted" };
    let team = Team::begins(has_key, |world| world).releases(2, &["api", "web"]);
    team.back(|world| world, "")
        .gave(outcome, &[("api", 1), ("web", 1)])
}

#[test]
fn a_release_is_gone_back_from_and_held_until_a_higher_one() {
    for has_key in [false, true] {
        let outcome = if has_key { "live" } else { "accepted" };
        let team = back_to_one(has_key);
        let (run, one) = (team.run, team.given[0].2.clone());
        let left = run.world.origin.commit_of("prod-2");
        assert_eq!(
            (run.output("release"), run.output("environment")),
            ("prod-1", "production")
        );
        assert_eq!(run.output("sha"), run.world.origin.commit_of("prod-1"));
        assert_eq!(run.json("services"), serde_json::json!(["api", "web"]));
        let api = run.service("api");
        assert_eq!(
            (api["base"].as_str(), api["status"].as_str()),
            (Some(left.as_str()), Some(outcome))
        );
        assert!(one.ends_with(api["digest"].as_str().unwrap()), "{api}");
        assert_eq!(status(&run, "workers"), "skipped");
        let run = run
            .says("from now on this rollback holds api, web")
            .says("Rollback to prod-1");
        let records: Vec<_> = run
            .world
            .github
            .records()
            .into_iter()
            .rev()
            .take(2)
            .collect();
        assert!(
            records
                .iter()
                .all(|record| record.kind == "rollback" && record.state == "success"),
            "{records:?}"
        );
        // A run of the release that was left does not bring it back.
        let mut world = run
            .into_world()
            .input("environment", "")
            .input("release", "");
        world.event = Some(Event::tag(&world.origin, "prod-2"));
        let run = world
            .variable("GITHUB_RUN_ATTEMPT", "2")
            .deploy()
            .ended(0, "held", "")
            .no_hooks();
        let run = run.annotates("warning", "a rollback holds api, web");
        let world =
            released(run.into_world(), 3, &["api"]).image_tagged("web", Kind::Amd64, &left, &["x"]);
        // `web` needs what release 2 brought, too: nothing is lost.
        let commit = world.commit();
        let world = world.image_tagged("web", Kind::Amd64, &commit, &[&commit]);
        world
            .variable("GITHUB_RUN_ATTEMPT", "1")
            .deploy()
            .ended(0, outcome, "")
            .hooked(&["api", "web"]);
    }
}

#[test]
fn a_release_that_failed_half_way_is_gone_back_from_where_it_went_live() {
    let team = Team::begins(true, |world| world);
    let fails = |world: World| {
        world
            .render
            .deploy_ends("web", Fate::Fails("update_failed", Why::Exited(1)));
        world
    };
    let team = team.releases_into(2, &["api", "web"], fails, |run| {
        run.ended(1, "failed", "exited")
    });
    let team = team.back(|world| world, "").gave("live", &[("api", 1)]);
    assert_eq!(status(&team.run, "web"), "skipped");
    assert_eq!(team.run.world.render.live("api"), Some(team.had(1, "api")));
    let team = team.releases_into(
        3,
        &["api", "web"],
        |world| world,
        |run| run.ended(0, "live", ""),
    );
    // It was live before that, and not release 2.
    team.back(|world| world, "")
        .gave("live", &[("api", 1), ("web", 1)]);
}

#[test]
fn a_release_that_failed_everywhere_leaves_nothing_to_go_back_from() {
    let team = Team::begins(true, |world| world).releases(2, &["api"]);
    let fails = |world: World| {
        world
            .render
            .deploy_ends("api", Fate::Fails("update_failed", Why::Exited(1)));
        world
    };
    let team = team.releases_into(3, &["api"], fails, |run| run.ended(1, "failed", "exited"));
    let team = team.back(|world| world, "");
    let run = team
        .run
        .expect_nothing()
        .says("prod-3 deployed nothing, production still has prod-2");
    let team = Team {
        run,
        given: team.given,
    };
    team.back(|world| world, "prod-1")
        .gave("live", &[("api", 1)]);
}

#[test]
fn a_second_rollback_goes_further_back_and_holds_what_the_first_one_left() {
    for (has_key, outcome) in [(false, "accepted"), (true, "live")] {
        let team = Team::begins(has_key, |world| world)
            .releases(2, &["api", "web"])
            .releases(3, &["api"]);
        let team = team.back(|world| world, "").gave(outcome, &[("api", 2)]);
        let team = team
            .back(|world| world, "")
            .gave(outcome, &[("api", 1), ("web", 1)]);
        let run = team.run;
        let mut world = run
            .into_world()
            .input("environment", "")
            .input("release", "");
        world.event = Some(Event::tag(&world.origin, "prod-3"));
        let run = world
            .variable("GITHUB_RUN_ATTEMPT", "2")
            .deploy()
            .no_hooks();
        assert_eq!(status(&run, "api"), "held");
        let world = asked(run.into_world().variable("GITHUB_RUN_ATTEMPT", "1"), "");
        let run = world.run("rollback").expect_wrong_request("bad-input");
        run.says("the records name nothing that was live in production before prod-1");
    }
}

#[test]
fn what_cannot_be_gone_back_to_gets_its_own_words() {
    let team = Team::begins(false, |world| world)
        .releases(2, &["api"])
        .releases(3, &["api"]);
    let team = team
        .back(|world| world, "prod-2")
        .gave("accepted", &[("api", 2)]);
    let table = [
        (
            "prod-07",
            "it is \"prod-07\", wanted one like prod-{number}",
        ),
        ("prod-0", "it is \"prod-0\", wanted one like prod-{number}"),
        ("stable", "it is \"stable\", wanted one like prod-{number}"),
        ("prod-999", "there is no release tag prod-999"),
        (
            "prod-3",
            "prod-3 is newer than prod-2, which production has: use deploy to go forward",
        ),
    ];
    let mut run = team.run;
    for (release, wanted) in table {
        run = asked(run.into_world(), release)
            .run("rollback")
            .expect_wrong_request("bad-input")
            .annotates("error", wanted);
    }
    run = asked(run.into_world(), "prod-2")
        .run("rollback")
        .expect_nothing()
        .says("production has prod-2 already");
    // It is tagged, and neither the record nor the registry knows it.
    let world = run
        .into_world()
        .commit_on_main(|repo| repo.write("docs/y", "4"))
        .tagged("prod-4");
    run = asked(world, "prod-4")
        .run("rollback")
        .expect_wrong_request("bad-input");
    run = run.annotates("error", "prod-4 is newer than prod-2");
    let strangers = [
        ("digest", "sha256:aa"),
        ("base", "1234567"),
        ("pr-number", "7"),
        ("env-file", "x.env"),
        ("sha", "1234567"),
    ];
    let mut last = "digest";
    for (name, value) in strangers {
        let world = asked(run.into_world().input(last, ""), "").input(name, value);
        run = world.run("rollback").expect_wrong_request("bad-input");
        last = name;
    }
}

#[test]
fn only_somebody_who_asks_goes_back() {
    let run = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .run("rollback");
    run.ended(1, "refused", "bad-event").no_hooks();
    let run = World::new()
        .three_services()
        .pull_request(7, |repo| repo.write("services/api/x", "1"))
        .run("rollback");
    run.ended(1, "refused", "bad-event").no_hooks();
    for make in [Event::schedule, Event::repository_dispatch] {
        let team = Team::begins(false, |world| world).releases(2, &["api"]);
        let asks = |world: World| {
            world
                .on_event(|world| make(&world.origin.head()))
                .input("environment", "production")
        };
        team.back(asks, "").gave("accepted", &[("api", 1)]);
    }
}

/// Production has had release 1 by the record alone, of which `api` was this; then it got release 2.
fn seeded(api: impl FnOnce(&World, Seed) -> Seed) -> Run {
    let world = World::new().three_services().never_deployed();
    let mut world = released(world, 1, &SERVICES);
    let commit = world.commit();
    for name in SERVICES {
        let seed = Seed {
            digest: world.digest(name),
            platform: world.platform(name),
            release: Some("prod-1".into()),
            ..world.live("production", name, &commit)
        };
        world = world.recorded(seed);
    }
    let seed = Seed {
        release: Some("prod-1".into()),
        ..world.live("production", "api", &commit)
    };
    let seed = api(&world, seed);
    let world = world.recorded(seed);
    released(world, 2, &["api", "web"])
        .deploy()
        .ended(0, "accepted", "")
        .hooked(&["api", "web"])
}

#[test]
fn what_a_record_knows_of_bytes_stays_known_when_they_come_back() {
    // The image does not say what it was built from: it was found under its commit's tag.
    let world = released(World::new().three_services().never_deployed(), 1, &SERVICES);
    let commit = world.commit();
    let world = world.image_tagged("api", Kind::NoRevision, &commit, &[&commit]);
    let run = world.deploy().ended(0, "accepted", "").hooked(&SERVICES);
    let run = released(run.into_world(), 2, &["api"])
        .deploy()
        .ended(0, "accepted", "")
        .hooked(&["api"]);
    let run = asked(run.into_world(), "")
        .run("rollback")
        .ended(0, "accepted", "");
    run.settled();
    let records = run.world.github.records();
    let back = records
        .iter()
        .rfind(|record| record.service == "api")
        .expect("its record");
    assert_eq!(
        (back.kind.as_str(), &back.image_commit),
        ("rollback", &commit)
    );
}

/// The image of a service's first record.
fn first(run: &Run, service: &str) -> String {
    let records = run.world.github.records();
    let first = records
        .iter()
        .find(|record| record.service == service)
        .expect("its first record");
    format!("{}@{}", run.world.repository(service), first.digest)
}

#[test]
fn bytes_that_are_gone_stop_everything_and_are_named() {
    let run = seeded(|_, seed| seed);
    let digest = format!("sha256:{:0<64}", run.world.origin.commit_of("prod-1"));
    let run = asked(run.into_world(), "")
        .run("rollback")
        .expect_stopped("image-missing");
    let gone = format!(
        "api: {}@{digest}, which it had at prod-1, is gone from the registry",
        run.world.repository("api")
    );
    let run = run.annotates("error", &gone);
    assert!(
        run.world
            .github
            .records()
            .iter()
            .all(|record| record.kind == "deploy")
    );
    // The others by themselves can go.
    let run = asked(run.into_world(), "")
        .input("services", "web")
        .run("rollback")
        .ended(0, "accepted", "");
    assert_eq!(run.hooks.len(), 1);
    let image = run.hooks[0].image.clone();
    run.hooked_with(&[("web", &image)]);
}

#[test]
fn recorded_bytes_are_judged_again() {
    for (kind, word) in [
        (Kind::Arm64, "image-not-amd64"),
        (Kind::StaleRevision, "image-other-commit"),
        (Kind::Huge, "image-too-big"),
    ] {
        let run = seeded(|world, seed| {
            let image =
                testworld::Image::make(kind, "api", &seed.commit, "https://github.com/acme/shop");
            world.registry.put("acme/api", &[], &image);
            Seed {
                digest: image.digest.clone(),
                platform: image.digest,
                ..seed
            }
        });
        asked(run.into_world(), "")
            .run("rollback")
            .expect_stopped(word)
            .annotates("error", "api: ");
    }
}

#[test]
fn what_another_recorded_is_never_gone_back_to() {
    let run = seeded(|world, seed| Seed {
        creator: "mallory",
        release: Some("prod-2".into()),
        digest: world.digest("web"),
        ..seed
    });
    let run = asked(run.into_world(), "")
        .run("rollback")
        .ended(0, "accepted", "");
    let (api, web) = (first(&run, "api"), first(&run, "web"));
    run.hooked_with(&[("api", &api), ("web", &web)]);
}

#[test]
fn what_was_live_before_is_found_behind_many_records() {
    let run = seeded(|world, seed| Seed {
        digest: world.digest("api"),
        platform: world.platform("api"),
        ..seed
    });
    let commit = run.world.origin.commit_of("prod-1");
    for _ in 0..30 {
        let failed = Seed {
            statuses: vec![("failure", "exited")],
            ..run.world.live("production", "api", &commit)
        };
        run.world.github.seed_record(Seed {
            release: Some("prod-1".into()),
            ..failed
        });
    }
    let records = run.world.github.records();
    let two = records
        .iter()
        .find(|record| record.service == "api" && record.commit != commit)
        .cloned()
        .expect("release 2");
    let again = Seed {
        digest: two.digest.clone(),
        platform: two.digest,
        release: Some("prod-2".into()),
        ..run.world.live("production", "api", &two.commit)
    };
    run.world.github.seed_record(again);
    let run = asked(run.into_world(), "")
        .run("rollback")
        .ended(0, "accepted", "");
    let (api, web) = (first(&run, "api"), first(&run, "web"));
    run.hooked_with(&[("api", &api), ("web", &web)]);
}

#[test]
fn a_rollback_that_is_cut_off_is_gone_on_with_and_never_doubled() {
    for has_key in [false, true] {
        let outcome = if has_key { "live" } else { "accepted" };
        let team = Team::begins(has_key, |world| world)
            .releases(2, &["api"])
            .releases(3, &["api", "web"]);
        let place = Place {
            kind: "Render: POST /deploy/* key imgURL".into(),
            nth: 1,
            moment: Moment::Unanswered,
        };
        let cut = |world: World| world.cancel_at(place.clone(), &["-TERM"], Then::Answers);
        let team = team.back(cut, "");
        let run = team.run.ended(1, "cancelled", "cancelled");
        run.world.drained();
        let records = run.world.github.records();
        let open: Vec<_> = records
            .iter()
            .filter(|record| record.kind == "rollback")
            .collect();
        assert!(
            !open.is_empty() && open.iter().all(|record| record.state == "open"),
            "{open:?}"
        );
        let hooks: Vec<(String, String)> = run
            .hooks
            .iter()
            .map(|call| (call.service.clone(), call.image.clone()))
            .collect();
        let hooks: Vec<(&str, &str)> = hooks
            .iter()
            .map(|(name, image)| (name.as_str(), image.as_str()))
            .collect();
        let run = run.hooked_with(&hooks);
        run.world.render.pace(1);
        run.world.render.settle();
        // The next one goes where this one went, and not one further.
        let run = asked(run.into_world(), "").run("rollback");
        assert_eq!(
            (run.exit, run.output("outcome"), run.output("release")),
            (0, outcome, "prod-2")
        );
        let hooks: Vec<(String, String)> = run
            .hooks
            .iter()
            .map(|call| (call.service.clone(), call.image.clone()))
            .collect();
        let hooks: Vec<(&str, &str)> = hooks
            .iter()
            .map(|(name, image)| (name.as_str(), image.as_str()))
            .collect();
        let run = run.hooked_with(&hooks);
        if has_key {
            assert_eq!(run.world.render.live("api"), Some(team.given[3].2.clone()));
        }
        // Nor does a run that is repeated.
        run.again()
            .run("rollback")
            .expect_nothing()
            .says("put production on prod-2 already");
    }
}

#[test]
fn only_the_services_that_are_named_go_back() {
    let team = Team::begins(false, |world| world).releases(2, &["api", "workers", "web"]);
    // `workers` comes after `api`, which stays.
    let team = team
        .back(|world| world.input("services", "workers"), "")
        .gave("accepted", &[("workers", 1)]);
    let team = team
        .back(|world| world.input("services", ""), "")
        .gave("accepted", &[("api", 1), ("web", 1)]);
    assert_eq!(team.run.service("workers")["status"], "skipped");
}

#[test]
fn the_manifests_order_counts() {
    let team = Team::begins(true, |world| world).releases(2, &["api", "workers"]);
    let team = team
        .back(|world| world, "")
        .gave("live", &[("api", 1), ("workers", 1)]);
    team.run.after("workers", "api");
}

#[test]
fn freeze_and_requires_keep_nobody_from_going_back_and_a_dry_run_sends_nothing() {
    let team = Team::begins(false, |world| world).releases(2, &["api"]);
    let team = team.back(|world| world.input("dry-run", "true"), "");
    let run = team
        .run
        .expect_verified()
        .says(&format!("api: would go back to {}", team.given[0].2));
    assert!(
        run.world
            .github
            .records()
            .iter()
            .all(|record| record.kind == "deploy")
    );
    let team = Team {
        run,
        given: team.given,
    };
    let frozen = |world: World| {
        world
            .input("dry-run", "")
            .input("freeze", "the books are being closed")
    };
    let team = team.back(frozen, "").gave("accepted", &[("api", 1)]);
    // `requires` came with a later commit: staging never had anything.
    let team = Team {
        run: team.run,
        given: team.given,
    }
    .releases_into(3, &["api"], |world| world.input("freeze", ""), |run| run);
    let requires = |world: World| {
        let world = world.three_services_requiring();
        asked(world, "")
    };
    team.back(requires, "").gave("accepted", &[("api", 1)]);
}

#[test]
fn tags_of_moves_follow() {
    let floating = |world: World| {
        let world = world.three_services_moving();
        world.registry.ghcr().allow_writes();
        world
    };
    let team = Team::begins(false, floating).releases(2, &["api"]);
    let tag = |run: &Run| {
        run.world
            .registry
            .ghcr()
            .tag("acme/api", "stable")
            .expect("a tag")
    };
    assert!(team.had(2, "api").ends_with(&tag(&team.run)));
    let team = team.back(|world| world, "").gave("accepted", &[("api", 1)]);
    assert!(team.had(1, "api").ends_with(&tag(&team.run)));
}

#[test]
fn a_branch_is_gone_back_from_and_held_while_nothing_else_comes() {
    for (has_key, outcome) in [(false, "accepted"), (true, "live")] {
        let world = World::new().three_services().never_deployed();
        let world = if has_key { world.with_key() } else { world };
        let run = world
            .push_to_main(|repo| repo.write("services/api/x", "1"))
            .images()
            .deploy();
        let run = run.ended(0, outcome, "").hooked(&SERVICES);
        let (first, one) = (run.world.commit(), image(&run.world, "api"));
        let run = run
            .into_world()
            .push_to_main(|repo| repo.write("services/api/x", "2"))
            .images()
            .deploy();
        let run = run.ended(0, outcome, "").hooked(&["api"]);
        let run = to_staging(run.into_world(), "")
            .run("rollback")
            .ended(0, outcome, "")
            .hooked_with(&[("api", &one)]);
        assert_eq!(
            (run.output("sha"), run.output("release")),
            (first.as_str(), "")
        );
        // Something else of another service does not lift it.
        let world = run
            .into_world()
            .input("environment", "")
            .push_to_main(|repo| repo.write("services/web/x", "3"));
        let run = world
            .images()
            .deploy()
            .ended(0, outcome, "")
            .hooked(&["web"])
            .annotates("warning", "holds api");
        let world = run
            .into_world()
            .push_to_main(|repo| repo.write("services/api/x", "4"));
        let run = world
            .images()
            .deploy()
            .ended(0, outcome, "")
            .hooked(&["api"]);
        // To a commit that is named; `web` had something else then.
        let run = to_staging(run.into_world(), &first[..10])
            .run("rollback")
            .ended(0, outcome, "");
        let web = run
            .hooks
            .iter()
            .find(|call| call.service == "web")
            .expect("web")
            .image
            .clone();
        let run = run.hooked_with(&[("api", &one), ("web", &web)]);
        let unknown = run
            .world
            .origin
            .git(&["rev-list", "--max-parents=0", "HEAD"]);
        let run = to_staging(run.into_world(), &unknown)
            .run("rollback")
            .expect_wrong_request("bad-input");
        run.says("was not deployed to staging");
    }
}

fn to_staging(world: World, sha: &str) -> World {
    let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    world.input("environment", "staging").input("sha", sha)
}

#[test]
fn without_a_record_the_release_tags_say_what_it_was() {
    let world = World::new()
        .three_services()
        .never_deployed()
        .commit_on_main(|repo| repo.write("docs/x", "1"));
    let world = world.push_tag("prod-1").may_write();
    let commit = world.commit();
    let world = SERVICES.into_iter().fold(world, |world, name| {
        world.image_tagged(name, Kind::Amd64, &commit, &["prod-1"])
    });
    let world = world
        .commit_on_main(|repo| repo.write("services/api/x", "2"))
        .tagged("prod-2");
    let run = asked(world, "")
        .run("rollback")
        .expect_stopped("order-unknown");
    let run = asked(run.into_world(), "prod-1")
        .run("rollback")
        .ended(0, "accepted", "")
        .hooked(&SERVICES);
    let records = run.world.github.records();
    assert!(
        records
            .iter()
            .all(|record| record.kind == "rollback" && record.commit == commit),
        "{records:?}"
    );
    // The highest release is what must not come back by itself.
    let mut world = run
        .into_world()
        .input("environment", "")
        .input("release", "");
    world.event = Some(Event::tag(&world.origin, "prod-2"));
    world.deploy().ended(0, "held", "").no_hooks();
    // One that is not there keeps all from going.
    let world = World::new()
        .three_services()
        .never_deployed()
        .commit_on_main(|repo| repo.write("docs/x", "1"));
    let world = world.push_tag("prod-1").may_write();
    let commit = world.commit();
    let world = ["api", "web"].into_iter().fold(world, |world, name| {
        world.image_tagged(name, Kind::Amd64, &commit, &["prod-1"])
    });
    let run = asked(world, "prod-1")
        .run("rollback")
        .expect_wrong_request("bad-input");
    run.annotates("error", "/workers:prod-1 of workers");
}

#[test]
fn without_a_record_render_says_what_was_live_before_of_services_that_are_named() {
    let team = Team::begins(true, |world| world).releases(2, &["api"]);
    let unreadable = |world: World| world.github_trouble(Trouble::GraphQl("FORBIDDEN"));
    let team = team.back(unreadable, "");
    let run = team.run.ended(1, "failed", "order-unknown").no_hooks();
    let team = Team {
        run,
        given: team.given,
    };
    let team = team
        .back(|world| world.input("services", "api"), "")
        .gave("live", &[("api", 1)]);
    team.run
        .annotates("warning", "the one that Render lists is used");
    // Without a key nobody says it.
    let team = Team::begins(false, |world| world).releases(2, &["api"]);
    let run = team
        .back(
            |world| world.input("record", "false").input("services", "api"),
            "",
        )
        .run;
    run.ended(1, "failed", "order-unknown").no_hooks();
}

#[test]
fn a_hook_that_fails_is_told_and_the_next_rollback_does_the_rest() {
    let team = Team::begins(false, |world| world).releases(2, &["api", "web"]);
    let denied = |world: World| world.hook_answers("web", [Answer::Status(401)]);
    let team = team.back(denied, "");
    let (api, web) = (team.had(1, "api"), team.had(1, "web"));
    let run = team
        .run
        .ended(1, "failed", "hook-denied")
        .hooked_with(&[("api", &api), ("web", &web)]);
    let team = Team {
        run,
        given: team.given,
    };
    team.back(|world| world, "").gave("accepted", &[("web", 1)]);
}
