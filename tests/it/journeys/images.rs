//! What the registry holds, and what is made of it.

use super::at_once;
use std::time::Duration;
use testworld::distribution::Distribution;
use testworld::ghcr::{Ghcr, Trouble};
use testworld::{Kind, Registry, Run, World};

/// A push that changes `api` alone, without its image.
fn changed(world: World) -> World {
    world
        .three_services()
        .push_to_main(|repo| repo.write("services/api/main.txt", "2"))
}

fn deployed(kind: Kind) -> Run {
    changed(World::new())
        .image("api", kind)
        .input("image-timeout", "3s")
        .deploy()
}

fn in_trouble(trouble: Trouble) -> Run {
    changed(World::new())
        .image("api", Kind::WithAttestations)
        .registry_trouble("api", trouble)
        .input("image-timeout", "6s")
        .deploy()
}

/// Images that Render can run.
const GOOD: &[Kind] = &[
    Kind::Amd64,
    Kind::MultiArch,
    Kind::WithAttestations,
    Kind::DockerList,
    Kind::DockerSingle,
    Kind::NoPlatform,
];

#[test]
fn every_shape_that_render_can_run_is_deployed_by_its_own_digest() {
    for kind in GOOD {
        let run = deployed(*kind).expect_accepted(["api"]);
        let images = run.json("images");
        assert_eq!(images["api"]["digest"], run.world.digest("api"), "{kind:?}");
        assert_eq!(images["api"]["platform"], "linux/amd64", "{kind:?}");
        assert_eq!(images["api"]["revision"], run.world.commit(), "{kind:?}");
    }
}

#[test]
fn the_real_registry_is_read_with_and_without_tokens() {
    let (open, with_tokens) = (Distribution::open(), Distribution::with_tokens());
    for kind in GOOD {
        let world = changed(World::on(Registry::Distribution(open), None)).image("api", *kind);
        world.deploy().expect_accepted(["api"]);
        let world = World::on(Registry::Distribution(with_tokens), with_tokens.password());
        changed(world)
            .image("api", *kind)
            .deploy()
            .expect_accepted(["api"]);
    }
    let world = changed(World::on(
        Registry::Distribution(with_tokens),
        Some("a-wrong-password-of-ours"),
    ));
    world
        .image("api", Kind::Amd64)
        .deploy()
        .expect_stopped("image-denied");
}

#[test]
fn what_render_cannot_run_is_refused_with_the_reason() {
    let table = [
        (Kind::Arm64, "image-not-amd64"),
        (Kind::OnlyArm64Index, "image-not-amd64"),
        (Kind::Huge, "image-too-big"),
        (Kind::ChildDeleted, "image-broken"),
        (Kind::Nested, "image-broken"),
        (Kind::Artifact, "image-broken"),
        (Kind::StaleRevision, "image-other-commit"),
    ];
    at_once(table, |(kind, failure)| {
        let run = deployed(kind);
        assert_eq!(run.output("failure"), failure, "{kind:?}\n{}", run.stdout);
        run.expect_stopped(failure);
    });
}

#[test]
fn the_real_registry_says_the_same_of_what_cannot_run() {
    for (kind, failure) in [
        (Kind::Arm64, "image-not-amd64"),
        (Kind::Huge, "image-too-big"),
        (Kind::ChildDeleted, "image-broken"),
    ] {
        // Distribution checks that blobs exist, not what a manifest says of their size.
        let world = changed(World::on(
            Registry::Distribution(Distribution::open()),
            None,
        ));
        world
            .image("api", kind)
            .input("image-timeout", "3s")
            .deploy()
            .expect_stopped(failure);
    }
}

#[test]
fn a_missing_revision_and_a_base_images_labels_are_warnings() {
    deployed(Kind::NoRevision)
        .expect_accepted(["api"])
        .annotates("warning", "revision");
    deployed(Kind::ForeignSource)
        .expect_accepted(["api"])
        .annotates("warning", "labels of its base image");
}

#[test]
fn one_missing_image_stops_the_whole_deploy() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("infra/docker/x", "1"));
    let world = world
        .image("api", Kind::Amd64)
        .image("web", Kind::Amd64)
        .input("image-timeout", "1s");
    world
        .deploy()
        .expect_stopped("image-missing")
        .says("workers");
}

#[test]
fn on_missing_image_warn_is_a_soft_skip() {
    let world = changed(World::new())
        .input("image-timeout", "1s")
        .input("on-missing-image", "warn");
    world.deploy().expect_skipped().annotates("warning", "api");
}

#[test]
fn an_image_that_lags_behind_its_push_is_waited_for() {
    for trouble in [
        Trouble::AbsentFor(3),
        Trouble::AbsentUntil(Duration::from_secs(2)),
    ] {
        in_trouble(trouble).expect_accepted(["api"]);
    }
}

#[test]
fn an_image_that_comes_in_the_last_moments_is_still_found() {
    // The waits before it are about 0.5, 1 and 2 seconds, so the next whole one would end after the time is over.
    let world = changed(World::new())
        .image("api", Kind::Amd64)
        .input("image-timeout", "5s");
    let run = world
        .registry_trouble("api", Trouble::AbsentUntil(Duration::from_millis(4200)))
        .deploy();
    run.expect_accepted(["api"]);
}

#[test]
fn another_spelling_of_the_tag_is_named_at_once() {
    let other = |spell: fn(&str) -> String| {
        let world = changed(World::new());
        let commit = world.commit();
        let tag = spell(&commit);
        let run = world
            .image_tagged("api", Kind::Amd64, &commit, &[&tag])
            .deploy()
            .expect_stopped("image-other-tag");
        assert!(
            run.took < Duration::from_secs(20),
            "it waited: {:?}",
            run.took
        );
        run.says(&tag);
    };
    other(|commit| commit[..7].to_owned());
    other(|commit| format!("sha-{}", &commit[..7]));
}

#[test]
fn passing_trouble_of_a_registry_is_waited_out() {
    for trouble in [
        Trouble::Limited(2),
        Trouble::RetryAfter(1, 1),
        Trouble::BadGateway(2),
    ] {
        in_trouble(trouble).expect_accepted(["api"]);
    }
}

#[test]
fn lasting_trouble_has_the_right_word() {
    let table = [
        (Trouble::Status(403), "image-denied"),
        (Trouble::Status(401), "image-denied"),
        (Trouble::Token(401), "image-denied"),
        (Trouble::Token(403), "image-denied"),
        (Trouble::Limited(1000), "rate-limited"),
        (Trouble::BadGateway(1000), "registry-unavailable"),
        (Trouble::Corrupt, "digest-differs"),
    ];
    at_once(table, |(trouble, failure)| {
        let run = in_trouble(trouble.clone());
        assert_eq!(
            run.output("failure"),
            failure,
            "{trouble:?}\n{}",
            run.stdout
        );
        run.expect_stopped(failure);
    });
}

#[test]
fn a_denial_fails_at_once_and_names_both_causes_and_the_request() {
    let run = in_trouble(Trouble::Status(403)).expect_stopped("image-denied");
    assert!(run.took < Duration::from_secs(4), "{:?}", run.took);
    run.says("C0DE:1:2:3:4");
}

#[test]
fn an_image_is_verified_with_three_requests_and_one_token() {
    let run = deployed(Kind::WithAttestations).expect_accepted(["api"]);
    let calls = run.world.registry.ghcr().server.calls();
    let (tokens, others): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call.path == "/token");
    // A registry that is not ghcr.io has to be asked once where its tokens are.
    let others = others.iter().filter(|call| call.answered != 401).count();
    assert!(
        tokens.len() <= 1 && others <= 3,
        "{:?}",
        calls.iter().map(|call| call.line()).collect::<Vec<_>>()
    );
}

#[test]
fn blobs_that_are_elsewhere_are_fetched_there_without_the_token() {
    let world = changed(World::new()).image("api", Kind::Amd64);
    let config = {
        let registry = world.registry.ghcr().clone();
        testworld::server::Server::start(move |call| {
            registry.blob_at(call.path.trim_start_matches('/'))
        })
    };
    let run = world
        .registry_trouble("api", Trouble::BlobsAt(config.origin()))
        .deploy()
        .expect_accepted(["api"]);
    let calls = config.calls();
    assert!(
        !calls.is_empty()
            && calls
                .iter()
                .all(|call| call.header("authorization").is_none())
    );
    assert!(!run.shown().contains("sig="), "a signed query was shown");
}

#[test]
fn a_registry_that_wants_no_password_gets_none() {
    let registry = Registry::Ghcr(Ghcr::start(None));
    let run = changed(World::on(registry, None))
        .image("api", Kind::Amd64)
        .deploy()
        .expect_accepted(["api"]);
    assert!(run.world.registry.ghcr().server.calls().iter().all(|call| {
        !call
            .header("authorization")
            .is_some_and(|value| value.starts_with("Basic"))
    }));
}

#[test]
fn pin_platform_deploys_the_amd64_image_itself() {
    let world = changed(World::new())
        .image("api", Kind::WithAttestations)
        .input("pin", "platform");
    let run = world.deploy().ended(0, "accepted", "");
    let wanted = format!(
        "{}@{}",
        run.world.repository("api"),
        run.world.platform("api")
    );
    assert_eq!(run.hooks[0].image, wanted);
    run.hooked_with(&[("api", &wanted)]);
}

mod given_digests {
    use super::*;

    /// The image is there by digest only.
    fn untagged() -> World {
        let world = changed(World::new());
        let commit = world.commit();
        world.image_tagged("api", Kind::WithAttestations, &commit, &[])
    }

    #[test]
    fn in_each_form_deploy_exactly_that_image() {
        let forms: [fn(&str, &str) -> String; 4] = [
            |_, digest| digest.to_owned(),
            |_, digest| format!("api={digest}"),
            |_, digest| format!("{{\"api\":{{\"containerimage.digest\":\"{digest}\"}}}}"),
            |_, digest| format!("api={digest}\nweb={digest}"),
        ];
        for (nth, form) in forms.into_iter().enumerate() {
            let world = untagged();
            let digest = world.digest("api");
            let text = form(&world.repository("api"), &digest);
            if nth == 0 {
                // A bare digest is for a manifest with one image.
                world
                    .input("digest", &text)
                    .deploy()
                    .expect_wrong_request("bad-input");
                continue;
            }
            world
                .input("digest", &text)
                .deploy()
                .expect_accepted(["api"]);
        }
    }

    #[test]
    fn from_a_directory_of_the_workspace() {
        let world = untagged();
        world.check_out();
        let directory = world.rooms.workspace.join("digests");
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("api"), format!("{}\n", world.digest("api"))).unwrap();
        world
            .input("digest", "digests")
            .deploy()
            .expect_accepted(["api"]);
    }

    #[test]
    fn of_an_image_that_is_not_there_fail_and_of_another_commit_warn() {
        let world = untagged()
            .input("digest", &format!("api=sha256:{}", "a".repeat(64)))
            .input("image-timeout", "1s");
        let run = world.deploy().expect_stopped("image-missing");
        // A digest does not come by waiting.
        let waits = run.shown().contains("give it more time");
        run.ensure(!waits, "it says to wait").annotates(
            "error",
            "Compare the digest with the one that the build put out",
        );
        let world = changed(World::new());
        let world = world.image_tagged("api", Kind::StaleRevision, &"5".repeat(40), &[]);
        let digest = format!("api={}", world.digest("api"));
        world
            .input("digest", &digest)
            .deploy()
            .expect_accepted(["api"])
            .annotates("warning", "api");
    }

    #[test]
    fn that_are_none_are_refused() {
        for text in [
            "sha256:abc",
            "api=latest",
            "nobody=sha256:",
            "{\"api\":",
            "../outside",
            "/etc",
        ] {
            untagged()
                .input("digest", text)
                .deploy()
                .expect_wrong_request("bad-input");
        }
    }
}
