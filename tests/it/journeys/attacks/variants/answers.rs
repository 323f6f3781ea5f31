//! Rows 31, 37c, 43 to 50 and 53: what the other sides answer.

use super::super::super::at_once;
use super::super::pushed;
use std::time::Duration;
use testworld::ghcr::Trouble;
use testworld::github;
use testworld::render::{Fate, model::Why};
use testworld::{Answer, Checkout, Kind, World};

/// A push that changes `api`, without its image.
fn unbuilt() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/api/x", "1"))
}

fn registry(trouble: Trouble) {
    let world = unbuilt()
        .image("api", Kind::Amd64)
        .registry_trouble("api", trouble)
        .input("image-timeout", "3s");
    let run = world.deploy().no_hooks();
    assert_eq!(run.exit, 1);
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
}

fn in_the_end(trouble: Trouble) {
    unbuilt()
        .image("api", Kind::Amd64)
        .registry_trouble("api", trouble)
        .deploy()
        .expect_accepted(["api"]);
}

fn image(kind: Kind, failure: &str) {
    unbuilt()
        .image("api", kind)
        .deploy()
        .expect_stopped(failure);
}

fn refused(name: &str, value: &str) {
    pushed()
        .input(name, value)
        .deploy()
        .expect_refusal()
        .says(name);
}

/// A registry by that name gets no credentials: it is refused, or not there at all.
fn no_registry(name: &str) {
    let run = pushed()
        .input("registry", name)
        .input("image-timeout", "1s")
        .deploy()
        .no_hooks();
    assert_ne!(run.exit, 0);
    let calls = run.world.registry.ghcr().server.calls();
    assert!(
        calls
            .iter()
            .all(|call| call.header("authorization").is_none()),
        "credentials went out"
    );
}

fn ended(fate: Fate, word: &str, status: &str) {
    let world = pushed().with_key();
    world.render.deploy_ends("api", fate);
    let run = world.deploy().ended(1, "failed", word).hooked(&["api"]);
    assert_eq!(run.service("api")["status"], status);
}

/// Told to wait so: the deploy goes on in the end, and soon.
fn limited(name: &'static str, value: &str) {
    let run = pushed()
        .hook_answers("api", [Answer::Limited(name, value.into())])
        .deploy();
    assert!(run.took < Duration::from_secs(30), "{:?}", run.took);
    run.ended(0, "accepted", "").hooked(&["api", "api"]);
}

variants! {
    row_31_variants {
        "a realm with a user in it" => || registry(Trouble::Realm("https://ghcr.io@evil.example/token".into())),
        "a realm that begins like the registry" => || registry(Trouble::Realm("https://127.0.0.1.evil.example/token".into())),
        "a realm that is no address" => || registry(Trouble::Realm("token".into())),
        "blobs at the machine's own data" => || registry(Trouble::BlobsAt("http://169.254.169.254".into())),
        "a token endpoint that denies" => || registry(Trouble::Token(403)),
        "unavailable for legal reasons" => || registry(Trouble::Status(451)),
    }
    row_37c_variants {
        "a registry that begins like ghcr.io" => || no_registry("ghcr.io.evil.example"),
        "the machine's own data as a registry" => || no_registry("169.254.169.254"),
        "a registry with a user in it" => || no_registry("ghcr.io@127.0.0.1:9"),
        "Render with a user in it" => || refused("render-api-url", "https://api.render.com@evil.example"),
        "Render at an address that only looks like loopback" => || refused("render-api-url", "http://127.0.0.1@169.254.169.254"),
        "Render at any address" => || refused("render-api-url", "http://0.0.0.0:8080"),
        "Render at another scheme" => || refused("render-api-url", "file:///dev/null"),
    }
    row_43_variants {
        "absent twice" => || in_the_end(Trouble::AbsentFor(2)),
        "bad gateways first" => || in_the_end(Trouble::BadGateway(2)),
        "too many requests first, in GHCR's words" => || in_the_end(Trouble::Limited(1)),
        "absent for as long as there is patience" => || {
            let world = unbuilt().image("api", Kind::Amd64).registry_trouble("api", Trouble::AbsentFor(u32::MAX));
            let run = world.input("image-timeout", "2s").deploy().expect_stopped("image-missing");
            assert!(run.took >= Duration::from_secs(2) && run.took < Duration::from_secs(12), "{:?}", run.took);
        },
    }
    row_44_variants {
        "an index without amd64" => || image(Kind::OnlyArm64Index, "image-not-amd64"),
        // It is not known whether Render finds the image in it.
        "an index in an index" => || image(Kind::Nested, "image-broken"),
        "a list of Docker's" => || {
            unbuilt().image("api", Kind::DockerList).deploy().expect_accepted(["api"]);
        },
        "a child that was deleted" => || image(Kind::ChildDeleted, "image-broken"),
    }
    row_45_variants {
        "an artifact that is no image" => || image(Kind::Artifact, "image-broken"),
        // Its config says amd64.
        "an index that does not say for whom" => || {
            unbuilt().image("api", Kind::NoPlatform).deploy().expect_accepted(["api"]);
        },
        "arm64 by digest" => || {
            let world = unbuilt().image("api", Kind::Arm64);
            let digest = world.digest("api");
            world.input("digest", &format!("api={digest}")).deploy().no_hooks().ended(1, "refused", "image-not-amd64");
        },
    }
    row_46_variants {
        "the tag is gone before the next service" => || {
            let world = World::new().three_services().push_to_main(|repo| repo.write("libs/x", "1")).images();
            let world = world.hook_answers("api", [Answer::Slow(Duration::from_secs(2))]);
            let (render, registry, commit) = (world.render.clone(), world.registry.ghcr().clone(), world.commit());
            let run = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while render.calls().is_empty() {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    registry.delete_tag("acme/workers", &commit);
                });
                world.deploy()
            });
            assert_eq!(run.world.registry.ghcr().tag("acme/workers", &run.world.commit()), None);
            run.expect_accepted(["api", "workers"]);
        },
        "the tag was moved and the digest is given" => || {
            let world = unbuilt().image("api", Kind::Amd64);
            let (digest, commit) = (world.digest("api"), world.commit());
            let other = testworld::Image::make(Kind::Arm64, "api", &"b".repeat(40), "https://github.com/acme/shop");
            world.registry.put("acme/api", std::slice::from_ref(&commit), &other);
            world.input("digest", &format!("api={digest}")).deploy().expect_accepted(["api"]);
        },
    }
    row_47_variants {
        "listed only after some looks" => || {
            let world = pushed().with_key();
            world.render.pace(6);
            world.render.queue_behind("api", &format!("{}@sha256:{}", world.repository("api"), "7".repeat(64)));
            world.deploy().ended(0, "live", "").hooked(&["api"]);
        },
        "nothing comes of it" => || {
            let world = pushed().with_key().hook_answers("api", [Answer::Forgotten]).input("live-timeout", "8s");
            let run = world.deadline(Duration::from_secs(90)).deploy();
            assert_ne!(run.output("outcome"), "live");
            assert!(run.exit != 0);
            run.hooked(&["api"]);
        },
    }
    row_48_variants {
        "its first command failed" => || ended(Fate::Fails("pre_deploy_failed", Why::Exited(1)), "pre-deploy-failed", "failed"),
        "it was never healthy" => || ended(Fate::Fails("update_failed", Why::OutOfMemory("1Gi")), "out-of-memory", "failed"),
        "it was built in vain, for a reason of many lines" => || {
            ended(Fate::Fails("build_failed", Why::Pull("::error::x\n##[set-output name=tags]evil")), "image-pull-failed", "failed");
        },
    }
    row_49_variants {
        "lost behind an error" => || {
            pushed().with_key().hook_answers("api", [Answer::Lost(Some(502))]).deploy().ended(0, "live", "").hooked(&["api"]);
        },
        "lost behind an error, and nobody can look" => || {
            let run = pushed().hook_answers("api", [Answer::Lost(Some(500))]).deploy();
            run.ended(0, "accepted", "").hooked(&["api", "api"]).says("called twice");
        },
        "dropped twice, with a key" => || {
            let run = pushed().with_key().hook_answers("api", [Answer::Dropped, Answer::Dropped]).deploy();
            run.ended(1, "failed", "render-unavailable").hooked(&["api", "api"]);
        },
    }
    row_50_variants {
        "a time that is none" => || limited("retry-after", "soon"),
        "less than nothing" => || limited("retry-after", "-5"),
        "at once" => || limited("retry-after", "0"),
        "a date in the past" => || limited("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),
    }
    row_53_variants {
        "comparisons fail and there is no checkout" => || {
            let world = pushed().checkout(Checkout::None).github_trouble(github::Trouble::Compare(500));
            let run = world.deploy();
            let services: Vec<String> = serde_json::from_value(run.json("services")).unwrap();
            assert!(services.contains(&"api".to_owned()), "{services:?}");
            run.hooked(&services.iter().map(String::as_str).collect::<Vec<_>>());
        },
        "neither comparisons nor trees" => || {
            let world = pushed().checkout(Checkout::None).github_trouble(github::Trouble::NoTrees);
            let run = world.github_trouble(github::Trouble::Compare(404)).deploy();
            run.ended(0, "accepted", "").hooked(&["api", "workers", "web"]);
        },
        "statuses are denied" => || {
            let run = pushed().github_trouble(github::Trouble::StatusesDenied).deploy().ended(0, "accepted", "").hooked(&["api"]);
            run.annotates("warning", "deployments=write");
        },
        "everything is a bad gateway" => || at_once([502, 503], |status| {
            let run = pushed().github_trouble(github::Trouble::Status(status)).deploy();
            run.ended(0, "accepted", "").hooked(&["api", "workers", "web"]);
        }),
    }
}
