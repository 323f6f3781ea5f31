//! Against CNCF Distribution itself: every shape keeps its digest, by skopeo's word, and what a race comes to.

use std::process::Command;
use testworld::distribution::Distribution;
use testworld::{Checkout, Kind, Registry, Run, World};

const ONE: &str = r#"version: 1
environments:
  production: { tag: "prod-{number}" }
images:
  api: { repository: "HOST/{owner}/api", paths: ["**"] }
services:
  api: {}
"#;

/// Every shape that a build leaves behind and Render runs: single and many, OCI's and Docker's, attested, and as tools write them who leave
/// out what they may.
const SHAPES: [Kind; 8] = [
    Kind::Amd64,
    Kind::DockerSingle,
    Kind::Untyped,
    Kind::MultiArch,
    Kind::WithAttestations,
    Kind::NoPlatform,
    Kind::UntypedIndex,
    Kind::DockerList,
];

/// A release of that number. The registry is shared, so each test has numbers of its own.
fn release(number: usize) -> World {
    let world = World::on(Registry::Distribution(Distribution::open()), None)
        .manifest(ONE)
        .hooks(&["api"]);
    world
        .checkout(Checkout::Full)
        .push_tag(&format!("prod-{number}"))
}

fn skopeo(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("skopeo")
        .args(arguments)
        .output()
        .expect("skopeo (Debian: apt-get install skopeo)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The digest of what a tag or digest names, as skopeo computes it from the bytes, and the media type that it reads.
fn seen(world: &World, reference: &str) -> (String, Vec<u8>) {
    let image = format!("docker://{}{reference}", world.repository("api"));
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &image]);
    let file = world.outside("manifest.json");
    std::fs::write(&file, &raw).expect("a file");
    let digest = skopeo(&["manifest-digest", &file.to_string_lossy()]);
    (String::from_utf8_lossy(&digest).trim().to_owned(), raw)
}

#[test]
fn every_shape_keeps_its_digest_by_skopeos_word() {
    for (nth, kind) in SHAPES.into_iter().enumerate() {
        for (command, number) in [("promote", 1000 + nth), ("deploy", 1100 + nth)] {
            let run = release(number).image("api", kind).run(command);
            let run = if command == "promote" {
                run.expect_verified()
            } else {
                run.expect_accepted(["api"])
            };
            let (wanted, tag) = (run.world.digest("api"), format!(":prod-{number}"));
            let (digest, bytes) = seen(&run.world, &tag);
            assert_eq!(digest, wanted, "{kind:?}");
            assert_eq!(bytes, seen(&run.world, &format!("@{wanted}")).1, "{kind:?}");
            assert_eq!(
                bytes,
                seen(&run.world, &format!(":{}", run.world.commit())).1,
                "{kind:?}"
            );
        }
    }
}

#[test]
fn a_token_of_the_real_registry_that_may_only_pull_is_told_so() {
    let registry = Distribution::with_tokens();
    let world = World::on(Registry::Distribution(registry), registry.password())
        .manifest(ONE)
        .hooks(&["api"]);
    let world = world.push_tag("prod-1200").image("api", Kind::MultiArch);
    world
        .deploy()
        .expect_stopped("permission-missing")
        .says("packages: write");
}

/// Two runs at once, each of its own image.
fn race(number: usize, kinds: [Kind; 2]) -> [Run; 2] {
    let world = release(number).image("api", kinds[0]);
    let other = world.beside().image("api", kinds[1]);
    let [first, second] = [world, other].map(|world| {
        let digest = format!("api={}", world.digest("api"));
        world.input("digest", &digest)
    });
    std::thread::scope(|scope| {
        let runs = [
            scope.spawn(|| first.run("promote")),
            scope.spawn(|| second.run("promote")),
        ];
        runs.map(|run| {
            run.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

#[test]
fn two_that_promote_the_same_bytes_at_once_both_succeed() {
    for round in 0..4 {
        let runs = race(1300 + round, [Kind::MultiArch, Kind::MultiArch]);
        let [one, _] = runs.map(Run::expect_verified);
        assert_eq!(
            seen(&one.world, &format!(":prod-{}", 1300 + round)).0,
            one.world.digest("api")
        );
    }
}

#[test]
fn of_two_that_promote_different_bytes_the_tag_has_the_bytes_of_one_that_succeeded() {
    for round in 0..6 {
        let number = 1400 + round;
        let runs = race(number, [Kind::MultiArch, Kind::DockerSingle]);
        let (digest, _) = seen(&runs[0].world, &format!(":prod-{number}"));
        let wins = |run: &Run| run.world.digest("api") == digest;
        assert!(
            runs.iter().any(|run| wins(run) && run.exit == 0),
            "nobody has what the tag is on"
        );
        for run in runs {
            // The registry has no "only where nothing is": who has looked before the other wrote may not hear of it.
            if run.exit == 0 {
                run.expect_verified();
            } else {
                let (is_winner, run) = (
                    wins(&run),
                    run.ended(1, "refused", "release-taken").no_hooks(),
                );
                run.ensure(!is_winner, "it has the tag and was told that it is taken")
                    .says(&digest);
            }
        }
    }
}
