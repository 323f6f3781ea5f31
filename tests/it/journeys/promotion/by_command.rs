//! The command `promote`.

use super::{SERVICES, digests, puts, tags, taken};
use testworld::ghcr::Trouble;
use testworld::trap::{Moment, Place, Then};
use testworld::{Event, Kind, Run, World};

/// A release of which every image was built for its very commit.
fn release() -> World {
    built(
        World::new()
            .three_services()
            .commit_on_main(|repo| repo.write("infra/docker/x", "1"))
            .push_tag("prod-3"),
    )
}

fn built(world: World) -> World {
    let commit = world.commit();
    let kinds = [Kind::WithAttestations, Kind::MultiArch, Kind::DockerSingle];
    SERVICES
        .into_iter()
        .zip(kinds)
        .fold(world, |world, (name, kind)| {
            world.image_tagged(name, kind, &commit, &[&commit])
        })
}

/// A push to `main` that changed `api` and `workers`.
fn pushed() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("libs/x", "1"))
        .images()
}

fn promoted(world: World) -> Run {
    world.may_write().run("promote")
}

#[test]
fn a_release_puts_its_tag_on_every_image_of_the_environment_and_again_on_none() {
    let run = promoted(release()).expect_verified();
    assert_eq!(
        (tags(&run.world, "prod-3"), puts(&run)),
        (digests(&run.world), 3)
    );
    assert_eq!(
        (
            run.output("release"),
            run.output("environment"),
            run.output("services")
        ),
        ("prod-3", "production", "[]")
    );
    let images = run.json("images");
    for name in SERVICES {
        run.equal(
            name,
            &images[name]["digest"].as_str().map(str::to_owned),
            &Some(run.world.digest(name)),
        );
    }
    let run = run
        .says("Promoted: prod-3 is on api, web, workers")
        .again()
        .run("promote")
        .expect_verified();
    assert_eq!(puts(&run), 3, "nothing more was written");
    run.says("Promoted already");
}

#[test]
fn then_a_deploy_needs_no_more_writes() {
    let run = promoted(release()).expect_verified();
    let run = run
        .again()
        .input("promote-on-release", "false")
        .deploy()
        .expect_accepted(SERVICES);
    let run = run.again().deploy().expect_unchanged();
    assert_eq!(puts(&run), 3);
}

#[test]
fn a_release_is_promoted_by_hand_and_an_older_one_too() {
    let world = release()
        .tagged("prod-4")
        .on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let world = world
        .input("environment", "production")
        .input("release", "prod-3");
    let run = promoted(world).expect_verified();
    assert_eq!(tags(&run.world, "prod-3"), digests(&run.world));
    let world =
        release().on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let world = world
        .input("environment", "production")
        .input("release", "prod-999");
    promoted(world).expect_wrong_request("bad-input");
}

#[test]
fn a_promotion_that_is_cancelled_says_which_tags_it_had_put() {
    let at = |nth, moment| Place {
        kind: "registry: PUT /manifests/prod-3".into(),
        nth,
        moment,
    };
    let table = [
        (
            at(1, Moment::Unheard),
            "Cancelled: prod-3 was being put on api; no further tag is put",
        ),
        (
            at(2, Moment::Unanswered),
            "Cancelled: prod-3 was put on api, prod-3 was being put on web; no further tag is put",
        ),
    ];
    for (place, wanted) in table {
        let world = release().cancel_at(place, &["-TERM"], Then::Answers);
        let run = promoted(world).ended(1, "cancelled", "cancelled");
        run.says(wanted)
            .says("it skips tags that are already right");
    }
    let place = Place {
        kind: "registry: HEAD /manifests/prod-3".into(),
        nth: 1,
        moment: Moment::Unheard,
    };
    let world = release().cancel_at(place, &["-TERM"], Then::Answers);
    let run = promoted(world).ended(1, "cancelled", "cancelled");
    assert_eq!(puts(&run), 0);
    run.says("Cancelled: no tag was put");
}

#[test]
fn all_images_are_verified_before_the_first_tag_is_written() {
    let world = World::new()
        .three_services()
        .push_tag("prod-3")
        .input("image-timeout", "1s");
    let commit = world.commit();
    let world = ["api", "workers"].into_iter().fold(world, |world, name| {
        world.image_tagged(name, Kind::Amd64, &commit, &[&commit])
    });
    let run = promoted(world)
        .expect_stopped("image-missing")
        .says("acme/web");
    assert_eq!(puts(&run), 0);
    let run =
        promoted(release().image("web", Kind::StaleRevision)).expect_stopped("image-other-commit");
    assert_eq!(puts(&run), 0);
}

#[test]
fn a_tag_that_is_taken_is_refused_before_any_is_written_and_all_are_named() {
    let world = taken(taken(release(), "workers", "prod-3"), "api", "prod-3");
    let found = [world.digest("api"), world.digest("workers")];
    let world = built(world);
    let run = promoted(world)
        .ended(1, "refused", "release-taken")
        .no_hooks()
        .says(&found[0])
        .says(&found[1]);
    assert_eq!((run.world.tag("web", "prod-3"), puts(&run)), (None, 0));
}

#[test]
fn latest_follows_the_tip_of_the_default_branch() {
    let run = promoted(pushed()).expect_verified();
    let wanted = ["api", "workers"].map(|name| Some(run.world.digest(name)));
    assert_eq!(
        tags(&run.world, "latest"),
        [wanted[0].clone(), wanted[1].clone(), None]
    );
    let world = run
        .into_world()
        .push_to_main(|repo| repo.write("services/api/x", "2"))
        .image("api", Kind::Amd64);
    let run = promoted(world).expect_verified();
    assert_eq!(
        tags(&run.world, "latest"),
        [Some(run.world.digest("api")), wanted[1].clone(), None]
    );
    let off = |text: &str| text.replace("environments:", "tags: { latest: false }\nenvironments:");
    let world = World::new()
        .three_services_and(off)
        .push_to_main(|repo| repo.write("libs/x", "1"))
        .images();
    assert_eq!(puts(&promoted(world).expect_nothing()), 0);
}

#[test]
fn an_older_run_does_not_take_latest_back() {
    let world = pushed();
    let event = world.event.clone();
    let mut world = world.commit_on_main(|repo| repo.write("services/api/x", "2"));
    world.event = event;
    let run = promoted(world).ended(0, "superseded", "").no_hooks();
    assert_eq!(puts(&run), 0);
}

#[test]
fn row_22_what_is_no_release_and_no_tip_promotes_nothing() {
    let opened = || {
        World::new()
            .three_services()
            .pull_request(7, |repo| repo.write("libs/x", "1"))
            .images()
    };
    assert_eq!(puts(&promoted(opened()).expect_nothing()), 0);
    promoted(opened().input("release", "prod-1")).expect_wrong_request("bad-input");
    promoted(release().input("pr-number", "7")).expect_wrong_request("bad-input");
    promoted(release().input("services", "api")).expect_wrong_request("bad-input");
    let head = |world: &World| world.origin.head();
    promoted(pushed().on_event(|world| Event::merge_group(&head(world), &head(world))))
        .expect_nothing();
    promoted(pushed().on_event(|world| {
        Event::push("refs/heads/other", &head(world), &head(world), &head(world))
    }))
    .expect_nothing();
    let by_hand =
        |world: World| world.on_event(|world| Event::dispatch("refs/heads/main", &head(world)));
    let commit = pushed().commit();
    promoted(
        by_hand(pushed())
            .input("environment", "staging")
            .input("sha", &commit),
    )
    .expect_wrong_request("bad-input");
    let run = promoted(pushed().input("freeze", "the shop is full")).expect_skipped();
    assert_eq!(puts(&run), 0);
}

#[test]
fn a_dry_run_writes_nothing_and_a_token_that_may_not_says_what_it_needs() {
    let run = release()
        .input("dry-run", "true")
        .run("promote")
        .expect_verified();
    let text = format!(
        "web: would put prod-3 on {}@{}",
        run.world.repository("web"),
        run.world.digest("web")
    );
    assert_eq!(puts(&run), 0);
    run.says(&text);
    let world = release();
    world.registry.ghcr().deny_writes();
    world
        .run("promote")
        .expect_stopped("permission-missing")
        .says("packages: write");
    let run = promoted(release().registry_trouble("web", Trouble::Write(2, 502))).expect_verified();
    assert_eq!(tags(&run.world, "prod-3"), digests(&run.world));
}

#[test]
fn it_is_completed_after_it_was_killed_between_two_images() {
    let place = Place {
        kind: "registry: PUT /manifests/prod-3".into(),
        nth: 2,
        moment: Moment::Unheard,
    };
    let run = release()
        .may_write()
        .cancel_at(place, &["-KILL"], Then::Answers)
        .run("promote")
        .no_hooks();
    run.world.drained();
    assert_eq!(tags(&run.world, "prod-3").iter().flatten().count(), 1);
    let run = run.again().run("promote").expect_verified();
    assert_eq!(tags(&run.world, "prod-3"), digests(&run.world));
}
