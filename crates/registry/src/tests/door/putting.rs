//! Putting tags.

use super::super::image::Blob;
use super::super::server::{Reply, Server};
use super::{
    client, credentials, error, get, repository, run, serve_challenge, serve_image, served, soon,
    tag,
};
use crate::{Moving, RegistryError, RegistryWriter, TagPut};
use model::{Digest, FailureWord, PinnedImage};
use parse::inputs::WriteAccess;

fn put(server: &Server, index: &Blob, moving: Moving) -> Result<TagPut, RegistryError> {
    let image = PinnedImage {
        repository: repository(server),
        digest: Digest::parse(&index.digest()).unwrap(),
    };
    let writer = RegistryWriter::new(
        &WriteAccess::for_tests(),
        client(),
        credentials(&server.host()),
    );
    run(writer.put_tag(&image, &tag("prod-7"), moving, &soon()))
}

#[test]
fn a_tag_is_put_with_the_same_bytes_and_their_own_media_type() {
    let server = Server::start();
    let (config, _, index) = serve_image(&server);
    let token = serve_challenge(&server).replace("pull", "pull%2Cpush");
    server.on(&token, Reply::new(200, r#"{"token":"w"}"#));
    let path = "/v2/acme/api/manifests/prod-7";
    let realm = format!(
        "Bearer realm=\"http://{}/token\",service=\"reg\"",
        server.host()
    );
    server.on(
        get("manifests", &index),
        Reply::new(401, "").header("www-authenticate", realm),
    );
    server.on(get("manifests", &index), served(&index));
    server.on(
        format!("HEAD {path}"),
        Reply::new(200, "").header("docker-content-digest", config.digest()),
    );
    server.on(format!("HEAD {path}"), Reply::new(404, ""));
    server.on(format!("HEAD {path}"), served(&index));
    server.on(format!("PUT {path}"), Reply::new(502, "<html>"));
    server.on(format!("PUT {path}"), Reply::new(201, ""));
    let replaced = Digest::parse(&config.digest()).ok();
    assert_eq!(
        put(&server, &index, Moving::Allowed).unwrap(),
        TagPut::Put { replaced }
    );
    let seen = server.seen();
    let puts: Vec<_> = seen
        .iter()
        .filter(|seen| seen.line.starts_with("PUT "))
        .collect();
    assert_eq!(puts.len(), 2);
    assert!(puts.iter().all(
        |put| put.body == index.bytes && put.content_type.as_deref() == Some(index.media_type)
    ));
    assert_eq!(
        server.lines().iter().filter(|line| **line == token).count(),
        1
    );
    assert_eq!(
        put(&server, &index, Moving::Allowed).unwrap(),
        TagPut::AlreadyThere
    );
}

#[test]
fn a_tag_that_may_not_be_moved_is_told_to_be_taken() {
    let path = "/v2/acme/api/manifests/prod-7";
    // It was there before: nothing is written.
    let server = Server::start();
    let (config, _, index) = serve_image(&server);
    let other = TagPut::Taken(Digest::parse(&config.digest()).unwrap());
    server.on(get("manifests", &index), served(&index));
    server.on(
        format!("HEAD {path}"),
        Reply::new(200, "").header("docker-content-digest", config.digest()),
    );
    assert_eq!(put(&server, &index, Moving::Never).unwrap(), other);
    assert!(
        !server.lines().iter().any(|line| line.starts_with("PUT ")),
        "{:?}",
        server.lines()
    );
    // Somebody else puts it between our looks, and after us.
    let server = Server::start();
    let (_, _, index) = serve_image(&server);
    server.on(get("manifests", &index), served(&index));
    server.on(format!("HEAD {path}"), Reply::new(404, ""));
    server.on(
        format!("HEAD {path}"),
        Reply::new(200, "").header("docker-content-digest", config.digest()),
    );
    server.on(format!("PUT {path}"), Reply::new(201, ""));
    assert_eq!(put(&server, &index, Moving::Never).unwrap(), other);
    assert_eq!(
        server
            .lines()
            .iter()
            .filter(|line| line.starts_with("PUT "))
            .count(),
        1
    );
}

#[test]
fn a_tag_that_may_not_be_put_names_the_permission() {
    let server = Server::start();
    let (_, _, index) = serve_image(&server);
    server.on(get("manifests", &index), served(&index));
    server.on("HEAD /v2/acme/api/manifests/prod-7", Reply::new(404, ""));
    server.on(
        "PUT /v2/acme/api/manifests/prod-7",
        Reply::new(403, error("DENIED", "permission_denied: write_package")),
    );
    let denied = put(&server, &index, Moving::Allowed).unwrap_err();
    assert_eq!(denied.word(), FailureWord::PermissionMissing);
    assert!(
        denied.hint().contains("packages: write") && denied.to_string().contains("write_package"),
        "{denied}"
    );
}

#[test]
fn an_index_whose_parts_are_gone_is_broken_and_the_part_is_named() {
    let server = Server::start();
    let (_, manifest, index) = serve_image(&server);
    let stranger = format!("sha256:{}", "5".repeat(64));
    for (detail, is_named) in [(manifest.digest(), true), (stranger, false)] {
        let body = serde_json::json!({"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": detail}]});
        server.on(get("manifests", &index), served(&index));
        server.on("HEAD /v2/acme/api/manifests/prod-7", Reply::new(404, ""));
        server.on(
            "PUT /v2/acme/api/manifests/prod-7",
            Reply::new(400, body.to_string()),
        );
        let broken = put(&server, &index, Moving::Allowed).unwrap_err();
        assert_eq!(broken.word(), FailureWord::ImageBroken, "{broken}");
        assert_eq!(broken.to_string().contains(&detail), is_named, "{broken}");
    }
}

#[test]
fn a_403_that_is_a_rate_limit_is_waited_for_when_a_tag_is_put() {
    let server = Server::start();
    let (_, _, index) = serve_image(&server);
    server.on(get("manifests", &index), served(&index));
    server.on("HEAD /v2/acme/api/manifests/prod-7", Reply::new(404, ""));
    server.on("HEAD /v2/acme/api/manifests/prod-7", served(&index));
    let inner = r#"{"message":"You have exceeded a secondary rate limit."}"#;
    server.on(
        "PUT /v2/acme/api/manifests/prod-7",
        Reply::new(403, error("DENIED", inner)),
    );
    server.on("PUT /v2/acme/api/manifests/prod-7", Reply::new(201, ""));
    assert_eq!(
        put(&server, &index, Moving::Allowed).unwrap(),
        TagPut::Put { replaced: None }
    );
}
