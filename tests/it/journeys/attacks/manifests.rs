//! Rows 7 to 10, 37b and 37e: manifests.

use std::time::Duration;
use testworld::server::{Reply, Server};
use testworld::{Checkout, Kind, World};

const GOOD: &str = "version: 1\nenvironments: { staging: { branch: main } }\nimages:\n  api: { repository: \"HOST/{owner}/api\", paths: [PATHS] }\nservices:\n  SERVICE: { image: api }\n";

fn with(text: &str) -> World {
    World::new()
        .manifest(text)
        .files()
        .hooks(&["api"])
        .push_to_main(|repo| repo.write("services/api/x", "1"))
}

fn with_service(name: &str) -> World {
    with(&GOOD.replace("PATHS", "\"**\"").replace("SERVICE", name))
}

fn with_paths(paths: &str) -> World {
    with(&GOOD.replace("PATHS", paths).replace("SERVICE", "api"))
}

#[test]
fn row_07_a_service_has_a_plain_name() {
    let long = "a".repeat(300);
    for name in [
        "\"##[stop-commands]z\"",
        "\"a,b\"",
        "\"$(x)\"",
        "\"::error::x\"",
        "Api",
        "-api",
        "\"api\\nx\"",
        "\u{e9}t\u{e9}",
        "constructor",
        &long,
        "\"\"",
    ] {
        with_service(name)
            .deploy()
            .expect_wrong_request("bad-manifest")
            .expect_refusal();
    }
    with(&GOOD.replace("PATHS", "\"**\"").replace(
        "SERVICE: { image: api }",
        "api: { image: api }\n  api: { image: api }",
    ))
    .deploy()
    .expect_wrong_request("bad-manifest");
}

#[test]
fn row_08_a_pattern_stays_in_the_repository_and_takes_bounded_time() {
    for path in [
        "../x",
        "/etc",
        "**/../..",
        "",
        "a\\0b",
        "[",
        "[z-a]",
        "a//b",
        "./a/../../b",
    ] {
        with_paths(&format!("\"{path}\""))
            .deploy()
            .expect_wrong_request("bad-manifest")
            .expect_refusal();
    }
    let heavy = [
        "**/**/**/**/**/**/**/**/*a*b*c*d*e*f*g*h",
        "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
        "{a,{b,{c,{d,e}}}}/**/*{x,y}*{x,y}*{x,y}",
    ];
    for pattern in heavy {
        let name = format!("services/{}", "a".repeat(200));
        let world = World::new().manifest(
            &GOOD
                .replace("PATHS", &format!("\"{pattern}\""))
                .replace("SERVICE", "api"),
        );
        let world = world
            .hooks(&["api"])
            .push_to_main(|repo| repo.write(&name, "1"));
        let run = world.plan().no_hooks();
        assert!(
            run.took < Duration::from_secs(5),
            "{pattern}: {:?}",
            run.took
        );
    }
    let many: Vec<String> = (0..10_001).map(|nth| format!("\"p{nth}/**\"")).collect();
    let run = with_paths(&many.join(", "))
        .deploy()
        .expect_wrong_request("bad-manifest");
    assert!(run.took < Duration::from_secs(10));
}

#[test]
fn row_09_yaml_that_is_a_weapon_is_refused_quickly() {
    let mut aliases = String::from("version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for nth in 1..12 {
        let before = format!("*a{}, ", nth - 1).repeat(10);
        aliases.push_str(&format!(
            "a{nth}: &a{nth} [{}]\n",
            before.trim_end_matches(", ")
        ));
    }
    let bombs = [
        aliases,
        format!("version: 1\nignore: [\"{}\"]\n", "x".repeat(10 << 20)),
        format!("version: {}1{}\n", "[".repeat(20_000), "]".repeat(20_000)),
        format!("{}x: 1\n", "? ".repeat(20_000)),
        "version: 1\nversion: 1\n".into(),
        "version: !!python/object:os.system 1\n".into(),
        "version: 1\n---\nversion: 1\n".into(),
        "\0".into(),
        String::new(),
        "version: 1\n<<: {a: 1}\n".into(),
    ];
    for bomb in bombs {
        let run = with(&bomb)
            .deploy()
            .expect_wrong_request("bad-manifest")
            .expect_refusal();
        assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
    }
}

#[test]
fn row_10_the_manifest_is_a_file_of_the_commit_and_not_a_link() {
    for (checkout, target) in [
        (Checkout::Full, "/proc/self/environ"),
        (Checkout::Full, "../../../outside.yml"),
        (Checkout::Shallow, "/proc/self/environ"),
        (Checkout::None, "/proc/self/environ"),
        (Checkout::None, "../../../outside.yml"),
    ] {
        let world = World::new()
            .three_services()
            .push_to_main(|repo| repo.link(".github/deploy-manifest.yml", target));
        world
            .checkout(checkout)
            .deploy()
            .expect_wrong_request("bad-manifest")
            .expect_refusal();
    }
    let world = World::new().three_services();
    let world = world.push_to_main(|repo| {
        repo.git(&["mv", ".github", "real"]);
        repo.link(".github", "real")
    });
    world
        .deploy()
        .expect_wrong_request("bad-manifest")
        .expect_refusal();
}

#[test]
fn row_37b_a_pull_requests_manifest_decides_nothing_but_its_paths() {
    let evil = Server::start(|_| Reply::text(404, "{}"));
    for checkout in [Checkout::Full, Checkout::Shallow, Checkout::None] {
        let world = World::new().three_services();
        let (host, text) = (
            world.registry.host(),
            world.origin.path().join(".github/deploy-manifest.yml"),
        );
        let world = world.pull_request(7, |repo| {
            let base = std::fs::read_to_string(&text).unwrap();
            let changed = base
                .replace(&host, &evil.host())
                .replace(
                    "environments:",
                    "tags: { pull-request: \"latest-{number}-{sha}\" }\nenvironments:",
                )
                .replace("  web: {}", "  web: { id: { staging: srv-evil } }")
                .replace("\"services/web/**\"", "\"services/web/**\", \"extra/**\"");
            repo.write(".github/deploy-manifest.yml", &changed)
                .write("extra/x", "1")
        });
        let world = world.image("web", Kind::Amd64).checkout(checkout);
        let run = world.verify().expect_verified();
        let images = run.json("images");
        assert_eq!(images["web"]["repository"], run.world.repository("web"));
        assert_eq!(images["web"]["tag"], format!("pr-7-{}", run.world.commit()));
    }
    assert!(evil.calls().is_empty(), "a pull request chose the registry");
}

#[test]
fn row_37e_a_hooks_variable_is_not_somebody_elses() {
    for variable in [
        "ACTIONS_RUNTIME_TOKEN",
        "GITHUB_TOKEN",
        "RUNNER_TEMP",
        "INPUT_X",
        "path",
        "A-B",
        "A B",
        "1A",
        "A=B",
    ] {
        let text = GOOD.replace("PATHS", "\"**\"").replace(
            "SERVICE: { image: api }",
            &format!("api: {{ image: api, hook: \"{variable}\" }}"),
        );
        with(&text)
            .deploy()
            .expect_wrong_request("bad-manifest")
            .expect_refusal();
    }
}
