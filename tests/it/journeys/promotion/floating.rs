//! `floating-tags`: tags that stay on what an environment serves, whichever run put it there.

use super::{SERVICES, digests, puts, served, tags, taken};
use testworld::github::record::Seed;
use testworld::trap::{Moment, Place, Then};
use testworld::{Answer, Kind, World};

fn moving(text: &str) -> String {
    text.replace(
        "staging: { branch: main }",
        "staging: { branch: main, floating-tags: [staging] }",
    )
}

/// Staging serves the commit before; the push changes `api`.
fn pushed() -> World {
    let world = served(World::new().three_services_and(moving), "staging", None);
    world
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .image("api", Kind::WithAttestations)
        .may_write()
}

#[test]
fn the_tag_is_put_on_what_skipped_services_serve_where_it_is_not_there_yet() {
    let run = pushed().deploy().expect_accepted(["api"]);
    assert_eq!(
        (tags(&run.world, "staging"), puts(&run)),
        (digests(&run.world), 3)
    );
    let run = run.again().deploy().expect_unchanged();
    assert_eq!(puts(&run), 3, "it is there");
    let run = pushed()
        .with_key()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api"]);
    assert_eq!(tags(&run.world, "staging"), digests(&run.world));
}

#[test]
fn a_run_that_died_between_live_and_the_tag_is_made_good_by_the_next() {
    for has_key in [false, true] {
        let place = Place {
            kind: "registry: PUT /manifests/staging".into(),
            nth: 1,
            moment: Moment::Unheard,
        };
        let world = if has_key {
            pushed().with_key()
        } else {
            pushed()
        };
        let run = world
            .cancel_at(place, &["-KILL"], Then::Answers)
            .deploy()
            .hooked(&["api"]);
        run.world.drained();
        assert_eq!(tags(&run.world, "staging"), [None, None, None]);
        let run = run.again().deploy().expect_unchanged();
        assert_eq!(tags(&run.world, "staging"), digests(&run.world));
    }
}

#[test]
fn a_tag_that_somebody_put_elsewhere_comes_back() {
    let run = pushed().deploy().expect_accepted(["api"]);
    let wanted = digests(&run.world);
    let mut world = run.again();
    let other = testworld::Image::make(
        Kind::Amd64,
        "workers",
        &"b".repeat(40),
        "https://github.com/acme/shop",
    );
    world
        .registry
        .put("acme/workers", &["staging".to_owned()], &other);
    world = world.input("dry-run", "true");
    let run = world
        .deploy()
        .expect_verified()
        .says("workers: would put staging on");
    assert_ne!(tags(&run.world, "staging"), wanted);
    let run = run
        .again()
        .input("dry-run", "false")
        .deploy()
        .expect_unchanged();
    assert_eq!(tags(&run.world, "staging"), wanted);
}

#[test]
fn after_a_rollback_it_stays_on_what_the_services_went_back_to() {
    let world = pushed();
    let (commit, first) = (world.commit(), world.origin.git(&["rev-parse", "HEAD~1"]));
    let (new, old) = (
        world.digest("api"),
        world.github.records()[0].digest.clone(),
    );
    let of = |digest: &str, at: &str| Seed {
        digest: digest.into(),
        ..world.live("staging", "api", at)
    };
    let forward = of(&new, &commit);
    let back = Seed {
        kind: "rollback",
        from: Some(commit.clone()),
        ..of(&old, &first)
    };
    let run = world
        .recorded(forward)
        .recorded(back)
        .deploy()
        .ended(0, "held", "")
        .no_hooks();
    assert_eq!(run.world.tag("api", "staging"), Some(old));
}

#[test]
fn it_stays_where_it_is_while_what_serves_is_not_certain() {
    let run = pushed()
        .hook_answers("api", [Answer::Status(401)])
        .deploy()
        .ended(1, "failed", "hook-denied");
    let run = run.hooked(&["api"]);
    assert_eq!(
        (
            run.world.tag("api", "staging"),
            run.world.tag("web", "staging").is_some()
        ),
        (None, true)
    );
    // An attempt that nobody ended may have become live.
    let world = pushed();
    let open = Seed {
        statuses: Vec::new(),
        ..world.live(
            "staging",
            "web",
            &world.origin.git(&["rev-parse", "HEAD~1"]),
        )
    };
    let run = world.recorded(open).deploy().expect_accepted(["api"]);
    assert_eq!(run.world.tag("web", "staging"), None);
}

#[test]
fn an_image_that_is_not_what_its_record_says_gets_no_tag() {
    let world = pushed();
    let first = world.origin.git(&["rev-parse", "HEAD~1"]);
    let world = world.image_tagged("web", Kind::StaleRevision, &first, &[]);
    let seed = Seed {
        digest: world.digest("web"),
        ..world.live("staging", "web", &first)
    };
    let run = world
        .recorded(seed)
        .deploy()
        .expect_accepted(["api"])
        .annotates("warning", "staging is not put");
    assert_eq!(run.world.tag("web", "staging"), None);
}

#[test]
fn a_release_environment_has_both_its_releases_and_its_moves() {
    let both = |text: &str| {
        text.replace(
            "tag: \"prod-{number}\"",
            "tag: \"prod-{number}\", floating-tags: [production]",
        )
    };
    let run = super::released_of(both)
        .may_write()
        .deploy()
        .expect_accepted(["api"]);
    for tag in ["prod-2", "production"] {
        assert_eq!(tags(&run.world, tag), digests(&run.world), "{tag}");
    }
    // What the release may not have, floating-tags does not bring either.
    let world = taken(super::released_of(both).may_write(), "api", "prod-2");
    let commit = world.commit();
    let world = world.image_tagged("api", Kind::Amd64, &commit, &[&commit]);
    let run = world
        .deploy()
        .ended(1, "refused", "release-taken")
        .no_hooks();
    assert_eq!(
        SERVICES.map(|image| run.world.tag(image, "production")),
        [None, None, None]
    );
}
