//! A deploy of a release promotes first.

use super::super::at_once;
use super::{SERVICES, digests, puts, released, released_of, tags, taken};
use std::time::Duration;
use testworld::ghcr::Trouble;
use testworld::github::record::Seed;
use testworld::trap::{Moment, Place, Then};
use testworld::{Event, Kind, World};

#[test]
fn every_image_of_the_environment_gets_the_releases_tag_skipped_services_too() {
    let run = released()
        .may_write()
        .deploy()
        .expect_accepted(["api"])
        .says("prod-2 is on api, workers, web");
    assert_eq!(
        (tags(&run.world, "prod-2"), puts(&run)),
        (digests(&run.world), 3)
    );
    let run = released()
        .may_write()
        .with_key()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api"]);
    assert_eq!(tags(&run.world, "prod-2"), digests(&run.world));
    // Once more: it is there, nothing is written, and nothing is deployed twice.
    let run = run.again().deploy().expect_skipped();
    assert_eq!(
        (tags(&run.world, "prod-2"), puts(&run)),
        (digests(&run.world), 3)
    );
}

#[test]
fn by_hand_too() {
    let world = released()
        .may_write()
        .on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let run = world
        .input("environment", "production")
        .input("release", "prod-2")
        .deploy()
        .expect_accepted(["api"]);
    assert_eq!(tags(&run.world, "prod-2"), digests(&run.world));
}

#[test]
fn with_a_key_the_tag_goes_where_render_says_not_where_the_record_does() {
    // Somebody deployed another image of the same commit in the dashboard; Render names its platform's digest.
    let world = released().may_write().with_key();
    let first = world.origin.commit_of("prod-1");
    let recorded = world.digest("web");
    let world = world.image_tagged("web", Kind::DockerSingle, &first, &[]);
    world.render.seed_live(
        "web",
        &format!("{}@{}", world.repository("web"), world.digest("web")),
    );
    let run = world.deploy().ended(0, "live", "").hooked(&["api"]);
    assert_eq!(
        run.world.tag("web", "prod-2"),
        Some(run.world.digest("web"))
    );
    assert_ne!(run.world.digest("web"), recorded);
}

#[test]
fn what_has_its_tag_already_needs_no_permission_to_write() {
    let world = released();
    let [first, commit] = ["prod-1", "HEAD"].map(|name| world.origin.git(&["rev-parse", name]));
    let world = world.image_tagged("workers", Kind::MultiArch, &first, &["prod-2"]);
    let world = world.image_tagged("web", Kind::MultiArch, &first, &["prod-2"]);
    let world = world.image_tagged("api", Kind::WithAttestations, &commit, &["prod-2"]);
    // The model takes any write that was not announced for a fault.
    let run = world.deploy().expect_accepted(["api"]);
    assert_eq!(puts(&run), 0);
}

#[test]
fn a_token_that_may_not_write_stops_everything_before_the_first_hook() {
    let world = released();
    world.registry.ghcr().deny_writes();
    let records = world.github.records().len();
    let run = world
        .deploy()
        .expect_stopped("permission-missing")
        .says("packages: write");
    let run = run.says("Manage Actions access").says("package's settings");
    assert_eq!((run.world.github.records().len(), puts(&run)), (records, 1));
}

#[test]
fn a_release_tag_on_other_bytes_is_refused_and_nothing_is_written() {
    let world = released().may_write();
    let digest = world.digest("api");
    let other = taken(world, "api", "prod-2");
    let (found, records) = (other.digest("api"), other.github.records().len());
    let run = other
        .deploy()
        .ended(1, "refused", "release-taken")
        .no_hooks()
        .says(&found)
        .says(&digest);
    assert_eq!(
        (tags(&run.world, "prod-2"), puts(&run)),
        ([Some(found), None, None], 0)
    );
    assert_eq!(run.world.github.records().len(), records);
}

#[test]
fn a_tag_that_is_on_the_platform_image_of_what_is_deployed_is_there() {
    let world = released().may_write();
    let platform = world.platform("api");
    let commit = world.commit();
    // What a build for the release pushed is the index, and what is deployed is its platform image.
    let run = world
        .image_tagged("api", Kind::WithAttestations, &commit, &["prod-2"])
        .input("pin", "platform")
        .deploy();
    let image = format!("{}@{platform}", run.world.repository("api"));
    let run = run.ended(0, "accepted", "").hooked_with(&[("api", &image)]);
    assert_eq!(
        run.world.tag("api", "prod-2"),
        Some(run.world.digest("api"))
    );
}

#[test]
fn the_tag_of_a_skipped_services_image_stays_where_it_was_put_on_bytes_as_good() {
    let world = released().may_write();
    let (commit, served) = (world.commit(), world.digest("web"));
    // promote, or a build of the release, put it on what was built for this very commit.
    let world = world.image_tagged("web", Kind::MultiArch, &commit, &[&commit, "prod-2"]);
    let run = world
        .deploy()
        .expect_accepted(["api"])
        .says("equal in what matters");
    assert_eq!(
        run.world.tag("web", "prod-2"),
        Some(run.world.digest("web"))
    );
    assert_ne!(run.world.digest("web"), served);
    // On what is no image of this release it is refused.
    let world = released().may_write();
    let run = world
        .image_tagged("web", Kind::StaleRevision, &commit, &["prod-2"])
        .deploy();
    run.ended(1, "refused", "release-taken").no_hooks();
}

#[test]
fn a_dry_run_says_what_it_would_put_where() {
    let run = released()
        .input("dry-run", "true")
        .deploy()
        .expect_verified();
    for image in SERVICES {
        let text = format!(
            "{image}: would put prod-2 on {}@{}",
            run.world.repository(image),
            run.world.digest(image)
        );
        assert!(run.shown().contains(&text), "{text}\n{}", run.stdout);
    }
    assert_eq!(puts(&run), 0);
}

#[test]
fn without_promotion_the_image_that_has_the_tag_is_the_image() {
    let world = released()
        .input("promote-on-release", "false")
        .input("image-timeout", "1s");
    world
        .deploy()
        .expect_stopped("image-other-tag")
        .says("prod-2");
    let world = taken(released(), "api", "prod-2").input("promote-on-release", "false");
    let run = world.deploy().expect_accepted(["api"]);
    assert_eq!((run.world.tag("web", "prod-2"), puts(&run)), (None, 0));
    let run = taken(released(), "api", "prod-2")
        .input("promote-on-release", "false")
        .plan()
        .no_hooks();
    run.equal("builds", &run.output("builds"), &"0");
    released()
        .input("promote-on-release", "perhaps")
        .deploy()
        .expect_wrong_request("bad-input");
}

#[test]
fn a_skipped_image_that_is_gone_or_unfit_is_said_and_stops_nothing() {
    for kind in [None, Some(Kind::StaleRevision)] {
        let world = released().may_write();
        let first = world.origin.commit_of("prod-1");
        let world = match kind {
            None => world.deployed("production", "web", &first),
            Some(kind) => {
                let world = world.image_tagged("web", kind, &first, &[]);
                let seed = Seed {
                    digest: world.digest("web"),
                    ..world.live("production", "web", &first)
                };
                world.recorded(seed)
            }
        };
        let run = world
            .deploy()
            .expect_accepted(["api"])
            .annotates("warning", "release's tag is not put");
        assert_eq!(
            (
                run.world.tag("web", "prod-2"),
                run.world.tag("workers", "prod-2").is_some()
            ),
            (None, true)
        );
    }
}

#[test]
fn where_services_of_one_image_differ_the_deployed_one_decides() {
    let shared = |text: &str| {
        format!(
            "{text}  cron: {{ image: api, paths: [\"cron/**\"], environments: [production] }}\n"
        )
    };
    let world = World::new()
        .three_services_and(shared)
        .hooks(&["cron"])
        .tagged("prod-1");
    let world = super::served(world, "production", Some("prod-1"));
    let (first, old) = (world.base(), world.digest("api"));
    let seed = Seed {
        digest: old.clone(),
        ..world.live("production", "api", &first)
    };
    let seed = Seed {
        service: "cron".into(),
        id: Some(testworld::render::service_id("cron")),
        ..seed
    };
    let world = world.recorded(seed).may_write();
    let world = world
        .commit_on_main(|repo| repo.write("cron/x", "1"))
        .push_tag("prod-2");
    let commit = world.commit();
    let world = world.image_tagged("api", Kind::Amd64, &commit, &[&commit]);
    let image = format!("{}@{}", world.repository("api"), world.digest("api"));
    let run = world
        .deploy()
        .ended(0, "accepted", "")
        .hooked_with(&[("cron", &image)])
        .says("api serve other bytes");
    assert_eq!(
        run.world.tag("api", "prod-2"),
        Some(run.world.digest("api"))
    );
    assert_ne!(run.world.digest("api"), old);
}

#[test]
fn what_is_left_out_does_not_get_the_release() {
    // Left out though it changed: its tag would stay on the bytes of before.
    let world = released().may_write().input("services", "web");
    let run = world.deploy().expect_skipped();
    assert_eq!(run.world.tag("api", "prod-2"), None);
    assert_eq!(
        run.world.tag("web", "prod-2"),
        Some(run.world.digest("web"))
    );
    let mut next = run.again();
    next = next.input("services", "");
    let run = next.deploy().expect_accepted(["api"]);
    assert_eq!(tags(&run.world, "prod-2"), digests(&run.world));
}

#[test]
fn a_release_that_was_left_does_not_tag_what_it_was_left_for() {
    let world = released().may_write();
    let (commit, first, new) = (
        world.commit(),
        world.origin.commit_of("prod-1"),
        world.digest("api"),
    );
    let old = world.tag("api", "prod-1").expect("a digest");
    let release = |name: &str| Some(name.to_owned());
    let forward = Seed {
        digest: new,
        release: release("prod-2"),
        ..world.live("production", "api", &commit)
    };
    let back = Seed {
        digest: old,
        release: release("prod-1"),
        kind: "rollback",
        from: Some(commit),
        ..world.live("production", "api", &first)
    };
    let run = world
        .recorded(forward)
        .recorded(back)
        .deploy()
        .ended(0, "held", "")
        .no_hooks();
    assert_eq!(run.world.tag("api", "prod-2"), None);
    assert_eq!(
        run.world.tag("web", "prod-2"),
        Some(run.world.digest("web"))
    );
}

#[test]
fn a_write_that_fails_in_passing_is_done_again_and_one_that_fails_for_good_has_its_word() {
    let table = [
        (Trouble::Write(2, 429), ""),
        (Trouble::Write(2, 502), ""),
        (Trouble::Write(1000, 403), "permission-missing"),
        (Trouble::Write(1000, 400), "registry-unavailable"),
        (Trouble::Write(1000, 429), "rate-limited"),
        (Trouble::Write(1000, 500), "registry-unavailable"),
    ];
    at_once(table, |(trouble, failure)| {
        let world = released().may_write().deadline(Duration::from_secs(100));
        let run = world.registry_trouble("api", trouble).deploy();
        if failure.is_empty() {
            let run = run.expect_accepted(["api"]);
            assert_eq!(tags(&run.world, "prod-2"), digests(&run.world));
        } else {
            let run = run.expect_stopped(failure).says("prod-2");
            assert_eq!(run.world.tag("api", "prod-2"), None);
        }
    });
}

#[test]
fn a_run_that_is_killed_between_two_images_leaves_nothing_wrong_and_the_next_completes_it() {
    for moment in [Moment::Unanswered, Moment::Unheard] {
        let place = Place {
            kind: "registry: PUT /manifests/prod-2".into(),
            nth: 2,
            moment,
        };
        let run = released()
            .may_write()
            .cancel_at(place, &["-KILL"], Then::Answers)
            .deploy()
            .no_hooks();
        assert_eq!(run.exit, -1);
        run.world.drained();
        let (found, wanted) = (tags(&run.world, "prod-2"), digests(&run.world));
        assert!(
            found
                .iter()
                .zip(&wanted)
                .all(|(found, wanted)| found.is_none() || found == wanted),
            "{found:?}"
        );
        assert!(found[0].is_some() && found[2].is_none(), "{found:?}");
        let run = run.again().deploy().expect_accepted(["api"]);
        assert_eq!(tags(&run.world, "prod-2"), wanted);
    }
}

#[test]
fn services_that_are_not_in_the_environment_are_not_promoted() {
    let only = |text: &str| text.replace("  web: {}", "  web: { environments: [staging] }");
    let run = released_of(only)
        .may_write()
        .deploy()
        .expect_accepted(["api"]);
    assert_eq!(run.world.tag("web", "prod-2"), None);
}
