//! Asking, authorization, retries and redirects, against a server that says exactly what a test wants.

mod putting;

use super::image::{Blob, config, entry, index, manifest};
use super::server::{Reply, Server};
use crate::{Credentials, Reference, Registry, RegistryError};
use decide::Contents;
use futures_util::future::join_all;
use http_client::{Client, Deadline, Proxies, Random, Roots, Stopwatch, connect};
use model::{Digest, FailureWord, ImageTag, RegistryHost, Repository, Secret};
use serde_json::json;
use std::time::Duration;

const PASSWORD: &str = "s3cret-pa55word";
const BASIC: &str = "Basic Y2k6czNjcmV0LXBhNTV3b3Jk";

pub(super) fn client() -> Client {
    let exchange = connect(Roots::built_in(), &Proxies::default()).unwrap();
    Client::new(exchange, Random::new(|| 0))
}

fn anonymous() -> Registry {
    Registry::new(client(), None)
}

fn credentials(host: &str) -> Option<Credentials> {
    Some(Credentials::new(
        RegistryHost::parse(host).unwrap(),
        "ci",
        Secret::new(PASSWORD),
    ))
}

fn known(server: &Server) -> Registry {
    Registry::new(client(), credentials(&server.host()))
}

fn repository(server: &Server) -> Repository {
    Repository::parse(&format!("{}/acme/api", server.host())).unwrap()
}

fn tag(text: &str) -> ImageTag {
    ImageTag::parse(text).unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn examine(registry: &Registry, server: &Server) -> Result<Contents, RegistryError> {
    let (repository, asked) = (repository(server), Reference::Tag(tag("t")));
    run(registry.examine(&repository, &asked, &soon())).map(|facts| facts.contents)
}

fn served(blob: &Blob) -> Reply {
    Reply::new(200, blob.bytes.clone())
        .header("content-type", blob.media_type)
        .header("docker-content-digest", blob.digest())
}

fn config_of(architecture: &str) -> Blob {
    config("linux", architecture, &json!({}))
}

fn get(kind: &str, blob: &Blob) -> String {
    format!("GET /v2/acme/api/{kind}/{}", blob.digest())
}

fn top() -> String {
    "GET /v2/acme/api/manifests/t".into()
}

fn error(code: &str, message: &str) -> String {
    json!({ "errors": [{ "code": code, "message": message }] }).to_string()
}

/// A good image: config, manifest and an index above, at the tag `t`.
fn serve_image(server: &Server) -> (Blob, Blob, Blob) {
    let config = config("linux", "amd64", &json!({}));
    let manifest = manifest(&config);
    let arm = super::image::manifest(&super::image::config("linux", "arm64", &json!({})));
    let index = index(&[
        entry(&arm, "unknown/unknown"),
        entry(&arm, "linux/arm64"),
        entry(&manifest, "linux/amd64"),
    ]);
    server.on(top(), served(&index));
    server.on(get("manifests", &manifest), served(&manifest));
    server.on(get("blobs", &config), served(&config));
    (config, manifest, index)
}

fn serve_challenge(server: &Server) -> String {
    let realm = format!("http://{}/token", server.host());
    let challenge =
        format!("Bearer realm=\"{realm}\",service=\"reg\",scope=\"repository:user/image:pull\"");
    server.on(
        top(),
        Reply::new(401, "").header("www-authenticate", challenge),
    );
    "GET /token?service=reg&scope=repository%3Aacme%2Fapi%3Apull".into()
}

#[test]
fn an_image_costs_three_requests_with_all_four_media_types() {
    let server = Server::start();
    let (config, manifest, index) = serve_image(&server);
    let (repository, asked) = (repository(&server), Reference::Tag(tag("t")));
    let facts = run(anonymous().examine(&repository, &asked, &soon())).unwrap();
    assert_eq!(facts.digest.to_string(), index.digest());
    let Contents::Image {
        manifest: found,
        size,
        ..
    } = facts.contents
    else {
        panic!("{facts:?}")
    };
    assert_eq!(
        (found.to_string(), size),
        (
            manifest.digest(),
            u64::try_from(config.bytes.len()).unwrap() + 5
        )
    );
    assert_eq!(
        server.lines(),
        [top(), get("manifests", &manifest), get("blobs", &config)]
    );
    let accept = server.seen()[0].accept.clone().unwrap();
    assert_eq!(accept.matches("application/vnd.").count(), 4);
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.authorization.is_none())
    );
}

#[test]
fn a_host_is_learned_once_and_a_token_made_once() {
    let server = Server::start();
    let token = serve_challenge(&server);
    serve_image(&server);
    server.on(&token, Reply::new(200, r#"{"token":"opaque.-_"}"#));
    let (repository, registry, asked) = (
        repository(&server),
        known(&server),
        Reference::Tag(tag("t")),
    );
    let deadline = soon();
    let looks = run(join_all(
        (0..4).map(|_| registry.examine(&repository, &asked, &deadline)),
    ));
    assert!(looks.iter().all(Result::is_ok), "{looks:?}");
    let seen = server.seen();
    assert_eq!(seen.len(), 1 + 1 + 4 * 3);
    for seen in &seen[1..] {
        let wanted = if seen.line == token {
            BASIC
        } else {
            "Bearer opaque.-_"
        };
        assert_eq!(seen.authorization.as_deref(), Some(wanted), "{}", seen.line);
    }
}

#[test]
fn credentials_are_for_one_host_only() {
    let server = Server::start();
    let token = serve_challenge(&server);
    serve_image(&server);
    server.on(&token, Reply::new(200, r#"{"access_token":"anyone"}"#));
    let others = Registry::new(client(), credentials("ghcr.io"));
    assert!(matches!(
        examine(&others, &server),
        Ok(Contents::Image { .. })
    ));
    let sent: Vec<_> = server
        .seen()
        .into_iter()
        .filter_map(|seen| seen.authorization)
        .collect();
    assert_eq!(sent, ["Bearer anyone", "Bearer anyone", "Bearer anyone"]);
}

#[test]
fn a_registry_that_wants_basic_gets_it() {
    let server = Server::start();
    server.on(
        top(),
        Reply::new(401, "").header("www-authenticate", "Basic realm=\"x\""),
    );
    serve_image(&server);
    assert!(examine(&known(&server), &server).is_ok());
    let sent: Vec<_> = server
        .seen()
        .into_iter()
        .filter_map(|seen| seen.authorization)
        .collect();
    assert_eq!(sent, [BASIC; 3]);
}

#[test]
fn a_token_that_ran_out_is_made_anew_once() {
    let server = Server::start();
    let token = serve_challenge(&server);
    let (_, _, index) = serve_image(&server);
    server.on(&token, Reply::new(200, r#"{"token":"first"}"#));
    server.on(&token, Reply::new(200, r#"{"token":"second"}"#));
    let registry = known(&server);
    let head = "HEAD /v2/acme/api/manifests/u";
    server.on(
        head,
        Reply::new(401, "").header("www-authenticate", "Bearer realm=\"x\""),
    );
    server.on(head, served(&index));
    assert!(examine(&registry, &server).is_ok());
    let found = run(registry.has_tag(&repository(&server), &tag("u"), &soon())).unwrap();
    assert_eq!(found.map(|digest| digest.to_string()), Some(index.digest()));
    let sent: Vec<_> = server
        .seen()
        .into_iter()
        .filter_map(|seen| seen.authorization)
        .collect();
    assert_eq!(
        sent[sent.len() - 3..],
        ["Bearer first", BASIC, "Bearer second"]
    );
}

#[test]
fn a_fresh_token_that_is_denied_is_the_end() {
    let server = Server::start();
    let token = serve_challenge(&server);
    server.on(&token, Reply::new(200, r#"{"token":"x"}"#));
    let refused = examine(&known(&server), &server).unwrap_err();
    assert_eq!(refused.word(), FailureWord::ImageDenied);
    assert_eq!(server.lines(), [top(), token, top()]);
}

#[test]
fn a_token_server_that_says_no_is_quoted_and_both_causes_are_named() {
    for (status, registry_is_known) in [(401, true), (403, true), (403, false)] {
        let server = Server::start();
        let token = serve_challenge(&server);
        let reply =
            Reply::new(status, error("DENIED", "denied")).header("x-github-request-id", "E4:8C");
        server.on(&token, reply);
        let registry = if registry_is_known {
            known(&server)
        } else {
            anonymous()
        };
        let refused = examine(&registry, &server).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("not found, or not"), "{text}");
        let wanted = format!(
            "GET {}/token: {status} DENIED \"denied\" (request E4:8C)",
            server.host()
        );
        assert!(text.ends_with(&wanted), "{text}");
        assert!(refused.hint().contains("absent") && refused.hint().starts_with("check "));
        assert_eq!(
            refused.hint().contains("registry-password"),
            !registry_is_known
        );
        assert_eq!(server.lines().len(), 2);
    }
}

#[test]
fn final_answers_are_final_at_once() {
    for (status, code, word) in [
        (401, "UNAUTHORIZED", FailureWord::ImageDenied),
        (403, "DENIED", FailureWord::ImageDenied),
        (404, "MANIFEST_UNKNOWN", FailureWord::ImageMissing),
        (400, "NAME_INVALID", FailureWord::RegistryUnavailable),
    ] {
        let server = Server::start();
        server.on(top(), Reply::new(status, error(code, "a\n::error::b")));
        let refused = examine(&anonymous(), &server).unwrap_err();
        assert_eq!(
            (refused.word(), refused.exchange().code()),
            (word, Some(code))
        );
        let wanted = format!(
            "GET {}/v2/acme/api/manifests/t: {status} {code}",
            server.host()
        );
        assert!(refused.to_string().ends_with(&wanted), "{refused}");
        assert_eq!(server.lines().len(), 1);
    }
}

#[test]
fn what_is_passing_is_asked_again() {
    let server = Server::start();
    server.on(
        top(),
        Reply::new(503, "<html><h1>::error::Bad gateway</h1></html>"),
    );
    server.on(
        top(),
        Reply::new(
            429,
            error(
                "TOOMANYREQUESTS",
                "retry-after: 1.16676ms, allowed: 44000/minute",
            ),
        ),
    );
    serve_image(&server);
    assert!(examine(&anonymous(), &server).is_ok());
    assert_eq!(server.lines().len(), 5);
}

#[test]
fn a_page_in_between_is_asked_again_and_never_quoted() {
    let server = Server::start();
    server.on(top(), Reply::new(200, "<html>sign in</html>"));
    let (repository, asked) = (repository(&server), Reference::Tag(tag("t")));
    let deadline = Deadline::after(Duration::from_secs(1));
    let broken = run(anonymous().examine(&repository, &asked, &deadline)).unwrap_err();
    assert!(
        matches!(broken, RegistryError::Broken { .. }) && !broken.to_string().contains("sign in"),
        "{broken}"
    );
    assert_eq!(server.lines().len(), 2);
}

#[test]
fn waits_as_long_as_it_is_asked_to_and_never_past_the_deadline() {
    let server = Server::start();
    server.on(top(), Reply::new(429, "").header("retry-after", "1"));
    serve_image(&server);
    let stopwatch = Stopwatch::start();
    assert!(examine(&anonymous(), &server).is_ok());
    assert!(stopwatch.elapsed() >= Duration::from_secs(1));

    let server = Server::start();
    server.on(top(), Reply::new(429, "").header("retry-after", "60"));
    let stopwatch = Stopwatch::start();
    let limited = examine(&anonymous(), &server).unwrap_err();
    assert_eq!(
        (limited.word(), limited.after()),
        (FailureWord::RateLimited, Some(Duration::from_secs(60)))
    );
    assert!(stopwatch.elapsed() < Duration::from_secs(2));
}

/// A 403 of GHCR's that is a rate limit: GitHub's answer stands escaped in the message.
fn secondary_limit() -> Reply {
    let inner = json!({
        "documentation_url": "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits",
        "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    });
    Reply::new(403, error("DENIED", &inner.to_string()))
}

#[test]
fn a_403_that_is_a_rate_limit_is_waited_for_and_then_named() {
    let server = Server::start();
    server.on(top(), secondary_limit());
    serve_image(&server);
    assert!(examine(&anonymous(), &server).is_ok());

    let server = Server::start();
    let token = serve_challenge(&server);
    server.on(&token, secondary_limit());
    let (own, asked) = (repository(&server), Reference::Tag(tag("t")));
    let deadline = Deadline::after(Duration::from_secs(1));
    let limited = run(known(&server).examine(&own, &asked, &deadline)).unwrap_err();
    assert_eq!(limited.word(), FailureWord::RateLimited, "{limited}");

    let server = Server::start();
    server.on("HEAD /v2/acme/api/manifests/t", Reply::new(403, ""));
    server.on(top(), secondary_limit());
    let own = repository(&server);
    let limited = run(anonymous().has_tag(&own, &tag("t"), &deadline)).unwrap_err();
    assert_eq!(limited.word(), FailureWord::RateLimited, "{limited}");
}

#[test]
fn a_registry_that_is_not_there_is_unavailable() {
    let repository = Repository::parse("127.0.0.1:9/acme/api").unwrap();
    let deadline = Deadline::after(Duration::from_secs(1));
    let gone = run(anonymous().has_tag(&repository, &tag("t"), &deadline)).unwrap_err();
    assert_eq!(gone.word(), FailureWord::RegistryUnavailable);
    assert!(
        gone.to_string().contains("no connection") || gone.to_string().contains("refused"),
        "{gone}"
    );
}

#[test]
fn bytes_that_are_not_those_of_the_digest_are_refused() {
    let server = Server::start();
    let (_, manifest, index) = serve_image(&server);
    let lie =
        Reply::new(200, index.bytes.clone()).header("docker-content-digest", manifest.digest());
    server.on("GET /v2/acme/api/manifests/lie", lie);
    let asked = Digest::parse(&format!("sha256:{}", "0".repeat(64))).unwrap();
    server.on(
        format!("GET /v2/acme/api/manifests/{asked}"),
        Reply::new(200, index.bytes.clone()),
    );
    for asked in [Reference::Tag(tag("lie")), Reference::Digest(asked)] {
        let before = server.lines().len();
        let differs = run(anonymous().examine(&repository(&server), &asked, &soon())).unwrap_err();
        assert_eq!(differs.word(), FailureWord::DigestDiffers);
        assert!(differs.to_string().contains(&index.digest()), "{differs}");
        assert_eq!(server.lines().len() - before, 3);
    }
}

#[test]
fn a_part_that_is_gone_makes_a_broken_image() {
    for kind in ["manifest", "config"] {
        let server = Server::start();
        let config = config("linux", "amd64", &json!({}));
        let manifest = manifest(&config);
        server.on(top(), served(&index(&[entry(&manifest, "linux/amd64")])));
        let gone = if kind == "manifest" {
            get("manifests", &manifest)
        } else {
            get("blobs", &config)
        };
        if kind == "config" {
            server.on(get("manifests", &manifest), served(&manifest));
        }
        server.on(&gone, Reply::new(404, error("MANIFEST_UNKNOWN", "x")));
        let Ok(Contents::Broken(why)) = examine(&anonymous(), &server) else {
            panic!("not broken")
        };
        assert!(why.starts_with(&format!("its {kind} sha256:")), "{why}");
        assert_eq!(
            server.lines().iter().filter(|line| **line == gone).count(),
            3
        );
    }
}

#[test]
fn the_image_that_runs_everywhere_is_chosen_and_its_config_has_the_last_word() {
    let (fits, other) = (manifest(&config_of("amd64")), manifest(&config_of("arm64")));
    let mut newer = entry(&other, "linux/amd64");
    newer["platform"]["variant"] = "v3".into();
    let fit = entry(&fits, "linux/amd64");
    let artifact = Blob::of(
        &json!({ "schemaVersion": 2 }),
        "application/vnd.oci.image.manifest.v1+json",
    );
    for (blob, wanted) in [
        (index(&[newer.clone(), fit]), "linux/amd64"),
        (index(&[newer]), "linux/arm64"),
        (
            index(&[entry(&artifact, ""), entry(&other, ""), entry(&fits, "")]),
            "linux/amd64",
        ),
    ] {
        let server = Server::start();
        serve_image(&server);
        server.on("GET /v2/acme/api/manifests/u", served(&blob));
        server.on(get("manifests", &artifact), served(&artifact));
        for (config, manifest) in [("amd64", &fits), ("arm64", &other)] {
            let config = config_of(config);
            server.on(get("manifests", manifest), served(manifest));
            server.on(get("blobs", &config), served(&config));
        }
        let found =
            run(anonymous().examine(&repository(&server), &Reference::Tag(tag("u")), &soon()))
                .unwrap();
        let Contents::Image { platform, .. } = found.contents else {
            panic!("{found:?}")
        };
        assert_eq!(platform.to_string(), wanted);
    }
}

#[test]
fn dockers_first_schema_is_explained_though_its_digest_is_not_that_of_its_bytes() {
    let server = Server::start();
    let schema_1 = Reply::new(200, r#"{"schemaVersion":1}"#)
        .header(
            "content-type",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
        )
        .header(
            "docker-content-digest",
            format!("sha256:{}", "0".repeat(64)),
        );
    server.on(top(), schema_1);
    let found = examine(&anonymous(), &server);
    assert!(
        matches!(&found, Ok(Contents::Broken(why)) if why.contains("schema 1")),
        "{found:?}"
    );
}

#[test]
fn blobs_elsewhere_are_fetched_without_our_token() {
    let (server, elsewhere) = (Server::start(), Server::start());
    let token = serve_challenge(&server);
    server.on(&token, Reply::new(200, r#"{"token":"x"}"#));
    let config = config("linux", "amd64", &json!({}));
    let manifest = manifest(&config);
    server.on(top(), served(&manifest));
    let signed = format!("http://localhost:{}/blob?sig=abc", elsewhere.port);
    server.on(
        get("blobs", &config),
        Reply::new(307, "").header("location", signed),
    );
    elsewhere.on(
        "GET /blob?sig=abc",
        Reply::new(302, "").header("location", "/blob2?sig=abc"),
    );
    elsewhere.on("GET /blob2?sig=abc", Reply::new(200, config.bytes.clone()));
    assert!(matches!(
        examine(&known(&server), &server),
        Ok(Contents::Image { .. })
    ));
    assert_eq!(elsewhere.lines().len(), 2);
    assert!(
        elsewhere
            .seen()
            .iter()
            .all(|seen| seen.authorization.is_none())
    );
}

#[test]
fn redirects_that_lead_astray_are_refused_without_their_address() {
    let endless = "/v2/acme/api/manifests/t?sig=SIGNED";
    for location in [
        "http://evil.example/x?sig=SIGNED",
        "ftp://127.0.0.1/?sig=SIGNED",
        endless,
        "http://[SIGNED",
    ] {
        let server = Server::start();
        server.on(top(), Reply::new(307, "").header("location", location));
        server.on(
            format!("{}?sig=SIGNED", top()),
            Reply::new(307, "").header("location", location),
        );
        let astray = examine(&anonymous(), &server).unwrap_err();
        assert!(
            matches!(astray, RegistryError::Misdirected { .. }),
            "{astray:?}"
        );
        assert!(
            !format!("{astray:?} {astray}").contains("SIGNED"),
            "{astray:?}"
        );
        assert!(server.lines().len() <= 4);
    }
}

#[test]
fn a_token_server_elsewhere_hears_nothing_and_is_named() {
    let server = Server::start();
    let challenge = "Bearer realm=\"http://evil.example/token\",service=\"x\"";
    server.on(
        top(),
        Reply::new(401, "").header("www-authenticate", challenge),
    );
    let refused = examine(&known(&server), &server).unwrap_err();
    assert_eq!(refused.word(), FailureWord::ImageDenied);
    assert!(
        refused.to_string().contains("http://evil.example/token"),
        "{refused}"
    );
    assert_eq!(server.lines(), [top()]);
    assert!(server.seen()[0].authorization.is_none());
}

#[test]
fn secrets_that_a_server_repeats_are_not_shown() {
    let server = Server::start();
    let token = serve_challenge(&server);
    server.on(&token, Reply::new(200, r#"{"token":"T0KEN"}"#));
    let head = "HEAD /v2/acme/api/manifests/t";
    server.on(head, Reply::new(403, ""));
    server.on(
        top(),
        Reply::new(403, error("DENIED", "T0KEN is bad")).header("x-github-request-id", "T0KEN"),
    );
    let registry = known(&server);
    let denied = run(registry.has_tag(&repository(&server), &tag("t"), &soon())).unwrap_err();
    assert!(
        !format!("{denied:?}{denied}").contains("T0KEN"),
        "{denied:?}"
    );

    let server = Server::start();
    let token = serve_challenge(&server);
    server.on(
        &token,
        Reply::new(
            403,
            error(
                &PASSWORD.to_uppercase(),
                &format!("denied: {PASSWORD} and {BASIC}, {}", &PASSWORD[..4]),
            ),
        ),
    );
    let denied = examine(&known(&server), &server).unwrap_err();
    let upper = PASSWORD.to_uppercase();
    assert!(
        !format!("{denied:?}{denied}").contains(PASSWORD)
            && !denied.to_string().contains(&upper)
            && !denied.to_string().contains("Y2k6"),
        "{denied:?}"
    );
}

#[test]
fn an_answer_without_end_is_cut() {
    let server = Server::start();
    server.on(top(), Reply::new(200, vec![b' '; (4 << 20) + 1]));
    let large = examine(&anonymous(), &server).unwrap_err();
    assert!(
        matches!(large, RegistryError::TooLarge { most, .. } if most == 4 << 20),
        "{large:?}"
    );
}

#[test]
fn a_tag_that_is_not_there_is_none_and_a_denied_one_says_why() {
    let server = Server::start();
    let head = |tag: &str| format!("HEAD /v2/acme/api/manifests/{tag}");
    server.on(head("gone"), Reply::new(404, ""));
    server.on(head("denied"), Reply::new(403, ""));
    server.on(
        "GET /v2/acme/api/manifests/denied",
        Reply::new(403, error("DENIED", "denied: why")),
    );
    let (_, _, index) = serve_image(&server);
    server.on(head("t"), Reply::new(200, "").header("content-length", "9"));
    let (registry, repository) = (anonymous(), repository(&server));
    let look = |text| run(registry.has_tag(&repository, &tag(text), &soon()));
    assert!(matches!(look("gone"), Ok(None)));
    assert!(
        look("denied")
            .unwrap_err()
            .to_string()
            .ends_with("403 DENIED \"denied\"")
    );
    assert_eq!(
        look("t").unwrap().map(|digest| digest.to_string()),
        Some(index.digest())
    );
}

#[test]
fn no_credentials_can_make_it_panic() {
    let server = Server::start();
    let token = serve_challenge(&server);
    server.on(&token, Reply::new(403, ""));
    let host = RegistryHost::parse(&server.host()).unwrap();
    for (username, password) in [("a\r\nb", "c\n"), ("", ""), ("\u{0}\u{e9}", "\u{202e}")] {
        let registry = Registry::new(
            client(),
            Some(Credentials::new(
                host.clone(),
                username,
                Secret::new(password),
            )),
        );
        assert_eq!(
            examine(&registry, &server).unwrap_err().word(),
            FailureWord::ImageDenied
        );
    }
}

#[test]
fn what_a_manifest_names_is_read_by_its_digest_and_asked_for_thrice_where_it_is_not_there() {
    let server = Server::start();
    let body = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let digest = super::super::wire::digest_of(body);
    let line = format!("GET /v2/acme/api/manifests/{digest}");
    let missing = || Reply::new(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#);
    let good = Reply::new(200, body.to_vec()).header("docker-content-digest", digest.to_string());
    let other = || Reply::new(200, "{}");
    // Other bytes may have been damaged on their way, so they are asked for again, too.
    for reply in [
        missing(),
        missing(),
        good,
        other(),
        other(),
        other(),
        missing(),
    ] {
        server.on(line.clone(), reply);
    }
    let links = || run(anonymous().links(&repository(&server), &digest, &soon()));
    assert!(links().is_ok());
    assert!(matches!(links(), Err(RegistryError::DigestDiffers { .. })));
    assert!(matches!(links(), Err(RegistryError::Missing(_))));
    assert_eq!(server.lines().len(), 3 + 3 + 3);
}
