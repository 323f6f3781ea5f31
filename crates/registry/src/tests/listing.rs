//! Listing tags, from a server that says exactly what a test wants.

use super::server::{Reply, Server};
use crate::{Registry, RegistryError};
use http_client::Deadline;
use model::{FailureWord, Repository};
use std::time::Duration;

const FIRST: &str = "GET /v2/acme/api/tags/list?n=1000";

/// Lists the release tags of `acme/api`.
fn list(server: &Server) -> Result<Option<Vec<String>>, RegistryError> {
    let registry = Registry::new(super::door::client(), None);
    let repository = Repository::parse(&format!("{}/acme/api", server.host())).unwrap();
    let deadline = Deadline::after(Duration::from_secs(2));
    let listing = registry.tags(&repository, |tag| tag.starts_with("prod-"), &deadline);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(listing)
}

fn page(tags: &str, next: Option<&str>) -> Reply {
    let reply = Reply::new(200, format!(r#"{{"name":"acme/api","tags":{tags}}}"#));
    match next {
        Some(next) => reply.header("link", format!("<{next}>; rel=\"next\"")),
        None => reply,
    }
}

#[test]
fn pages_are_followed_in_whatever_form_and_order() {
    let server = Server::start();
    server.on(
        FIRST,
        page(
            r#"["prod-9","x"]"#,
            Some("/v2/acme/api/tags/list?last=x&n=100"),
        ),
    );
    let whole = format!(
        "http://{}/v2/acme/api/tags/list?n=100&last=prod-1",
        server.host()
    );
    server.on(
        "GET /v2/acme/api/tags/list?last=x&n=100",
        page(r#"["prod-10","prod-1"]"#, Some(&whole)),
    );
    server.on(
        "GET /v2/acme/api/tags/list?n=100&last=prod-1",
        page("[]", Some("?n=1")),
    );
    server.on("GET /v2/acme/api/tags/list?n=1", page("null", None));
    assert_eq!(
        list(&server).unwrap(),
        Some(["prod-9", "prod-10", "prod-1"].map(str::to_owned).to_vec())
    );
}

#[test]
fn a_repository_that_is_not_there_has_none_and_one_that_goes_is_no_answer() {
    let server = Server::start();
    server.on(
        FIRST,
        Reply::new(404, r#"{"errors":[{"code":"NAME_UNKNOWN","message":"x"}]}"#),
    );
    assert_eq!(list(&server).unwrap(), None);
    let server = Server::start();
    server.on(
        FIRST,
        page(r#"["prod-9"]"#, Some("/v2/acme/api/tags/list?n=2")),
    );
    server.on("GET /v2/acme/api/tags/list?n=2", Reply::new(404, ""));
    assert!(matches!(list(&server), Err(RegistryError::Missing(_))));
}

#[test]
fn a_next_page_elsewhere_is_not_followed() {
    for next in [
        "https://evil.example.com/v2/acme/api/tags/list?n=2",
        "http://127.0.0.1:1/v2/acme/api/tags/list?n=2",
        "/v2/acme/other/tags/list?n=2",
        "/v2/acme/api/tags/list/../../other/tags/list?n=2",
        "//evil.example.com/v2/acme/api/tags/list",
        "http://[",
        "/v2/acme/api/tags/list?n=1000",
    ] {
        let server = Server::start();
        server.on(FIRST, page(r#"["prod-9"]"#, Some(next)));
        let refused = list(&server).unwrap_err();
        assert!(
            matches!(refused, RegistryError::Misdirected { .. }),
            "{next}: {refused}"
        );
        assert!(!refused.to_string().contains("evil"), "{refused}");
        assert_eq!(server.lines(), [FIRST]);
    }
}

#[test]
fn nonsense_and_lists_without_end_are_no_lists() {
    for body in ["<html>", "{}", r#"{"tags":{}}"#, r#"{"tags":[1]}"#] {
        let server = Server::start();
        server.on(FIRST, Reply::new(200, body));
        assert!(
            matches!(list(&server), Err(RegistryError::Broken { .. })),
            "{body}"
        );
    }
    let server = Server::start();
    let many = format!("[{}\"x\"]", "\"x\",".repeat(60_000));
    server.on(FIRST, page(&many, Some("/v2/acme/api/tags/list?n=1")));
    server.on(
        "GET /v2/acme/api/tags/list?n=1",
        page(&many, Some("/v2/acme/api/tags/list?n=2")),
    );
    let refused = list(&server).unwrap_err();
    assert_eq!(refused.word(), FailureWord::OrderUnknown);
    assert!(
        refused
            .to_string()
            .starts_with("there are more than 100,000 tags"),
        "{refused}"
    );
    let server = Server::start();
    server.on(FIRST, Reply::new(200, " ".repeat((4 << 20) + 1)));
    assert!(matches!(list(&server), Err(RegistryError::TooLarge { .. })));
}
