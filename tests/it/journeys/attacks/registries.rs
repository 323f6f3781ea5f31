//! Rows 31, 37c, 65, 66 and 72: registries, and where credentials go.

use super::super::at_once;
use super::super::promotion::{is_promoted, released};
use super::pushed;
use std::time::Duration;
use testworld::ghcr::{Ghcr, Refusal, Trouble};
use testworld::server::{Reply, Server};
use testworld::{Kind, Registry, Run, World};

fn in_trouble(trouble: Trouble) -> Run {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/api/x", "1"));
    world
        .image("api", Kind::Amd64)
        .registry_trouble("api", trouble)
        .input("image-timeout", "3s")
        .deploy()
}

#[test]
fn row_31_whatever_a_registry_says_nothing_is_deployed_on_it() {
    let troubles = [
        Trouble::AbsentFor(u32::MAX),
        Trouble::Status(401),
        Trouble::Status(403),
        Trouble::Status(500),
        Trouble::Limited(u32::MAX),
        Trouble::BadGateway(u32::MAX),
        Trouble::Html,
        Trouble::Corrupt,
        Trouble::HugeManifest(1 << 30),
        Trouble::Token(500),
        Trouble::Realm("http://evil.example/token".into()),
        Trouble::Realm("https://evil.example/token".into()),
        Trouble::Realm("file:///etc/passwd".into()),
        Trouble::Realm("\u{1b}]0;evil".into()),
        Trouble::BlobsAt("http://evil.example".into()),
        Trouble::BlobsAt("file://".into()),
    ];
    at_once(troubles, |trouble| {
        let run = in_trouble(trouble.clone());
        assert_eq!(run.exit, 1, "{trouble:?}\n{}", run.stdout);
        assert!(
            run.took < Duration::from_secs(20),
            "{trouble:?}: {:?}",
            run.took
        );
        assert!(
            !run.shown().contains("Unicorn") && !run.shown().contains("onerror"),
            "{trouble:?}: HTML was echoed"
        );
        run.no_hooks();
    });
}

#[test]
fn row_37c_credentials_go_to_the_host_of_registry_only() {
    // The manifest names a registry that `registry` is not.
    let other = Ghcr::start(Some(("nobody", "knows")));
    let host = other.server.host();
    let elsewhere = |text: &str| text.replace("HOST/{owner}/web", &format!("{host}/{{owner}}/web"));
    let world = World::new()
        .three_services_and(elsewhere)
        .push_to_main(|repo| repo.write("services/web/x", "1"));
    world
        .input("image-timeout", "2s")
        .deploy()
        .expect_stopped("image-denied");
    assert!(!other.server.calls().is_empty());
    assert!(
        other
            .server
            .calls()
            .iter()
            .all(|call| call.header("authorization").is_none()),
        "credentials went to another host"
    );
    assert_eq!(other.violations(), Vec::<String>::new());

    // A registry that is not ghcr.io gets no token of GitHub's.
    let registry = Ghcr::start(Some(("nobody", "knows")));
    let world = World::on(Registry::Ghcr(registry.clone()), None).three_services();
    let world = world
        .push_to_main(|repo| repo.write("services/web/x", "1"))
        .images()
        .input("image-timeout", "2s");
    world.deploy().expect_stopped("image-denied");
    assert!(
        registry
            .server
            .calls()
            .iter()
            .all(|call| call.header("authorization").is_none())
    );
}

#[test]
fn row_37c_render_is_nowhere_but_at_render() {
    for url in [
        "https://evil",
        "http://api.render.com",
        "https://api.render.com.evil",
        "https://api.render.com/x",
        "ftp://localhost",
        "http://127.0.0.1.evil:1",
    ] {
        pushed()
            .input("render-api-url", url)
            .deploy()
            .expect_refusal()
            .says("render-api-url");
    }
    let evil = Server::start(|_| Reply::text(200, "{}"));
    let run = pushed()
        .variable("GITHUB_API_URL", "http://github.evil.example")
        .deploy()
        .no_hooks();
    assert_eq!(run.exit, 2);
    assert!(evil.calls().is_empty());
}

#[test]
fn row_65_a_403_that_is_a_rate_limit_is_waited_out_and_then_named() {
    let limited = |times| Trouble::Refused(times, Refusal::secondary_limit());
    let world = pushed().registry_trouble("api", limited(2));
    world.deploy().expect_accepted(["api"]);
    in_trouble(limited(u32::MAX)).expect_stopped("rate-limited");
    let writes = |times| Trouble::WriteRefused(times, Refusal::secondary_limit());
    let world = released().may_write().registry_trouble("api", writes(2));
    is_promoted(&world.deploy().expect_accepted(["api"]));
    let world = released()
        .may_write()
        .registry_trouble("api", writes(u32::MAX));
    world.deploy().expect_stopped("rate-limited");
}

#[test]
fn row_66_an_index_whose_part_is_gone_gets_no_tag_and_the_part_is_named() {
    let world = released().may_write();
    let part = world.platform("api");
    let trouble = Trouble::WriteRefused(u32::MAX, Refusal::part_unknown(&part));
    let run = world.registry_trouble("api", trouble).deploy();
    let run = run.expect_stopped("image-broken").says(&part);
    assert_eq!(run.world.tag("api", "prod-2"), None);
}

#[test]
fn row_72_nothing_of_a_registrys_own_text_is_shown() {
    let spellings: [fn(&str) -> String; 5] = [
        str::to_owned,
        |text| text.chars().rev().collect(),
        |text| text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        str::to_uppercase,
        |text| text[..10].to_owned(),
    ];
    at_once(spellings, |spell| {
        let told = |status, code| {
            let world = pushed();
            let said = spell(&world.text_of("registry-password"));
            let refusal = Refusal::new(status, code, format!("plugh {said}"));
            let run = world
                .registry_trouble("api", Trouble::Refused(u32::MAX, refusal))
                .input("image-timeout", "2s")
                .deploy()
                .no_hooks();
            assert_eq!(run.exit, 1);
            let shown = run.shown() + &run.summary + &run.output_file;
            let is_hidden = !shown.contains(&said) && !shown.contains("plugh");
            run.ensure(is_hidden, "the registry's text is shown");
        };
        told(401, "UNAUTHORIZED");
        told(403, "DENIED");
        told(404, "NAME_UNKNOWN");
        told(500, "plugh");
    });
}
