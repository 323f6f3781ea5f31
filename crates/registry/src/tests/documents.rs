//! What the bytes of manifests, indexes, configs and complaints are read as.

use super::super::complaint::{Complaint, SECONDARY_LIMIT, complaint, wait_in};
use super::super::wire::{self, ManifestDocument};
use super::image::{Blob, config, docker_list, docker_manifest, entry, index, manifest};
use oci_distribution::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
};
use serde_json::{Value, json};
use std::time::Duration;

fn good() -> Blob {
    manifest(&config("linux", "amd64", &json!({})))
}

fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = serde_json::from_slice(&good().bytes).unwrap();
    change(&mut value);
    value.to_string().into_bytes()
}

fn broken(bytes: &[u8]) -> String {
    wire::document(bytes, None).expect_err("broken")
}

#[test]
fn reads_oci_and_docker_alike() {
    let config = config("linux", "amd64", &json!({}));
    for manifest in [manifest(&config), docker_manifest(&config)] {
        let Ok(ManifestDocument::Manifest {
            config: found,
            size,
            ..
        }) = wire::document(&manifest.bytes, None)
        else {
            panic!("{manifest:?}")
        };
        assert_eq!(
            (found.to_string(), size),
            (
                config.digest(),
                u64::try_from(config.bytes.len()).unwrap() + 5
            )
        );
        for list in [
            index(&[entry(&manifest, "linux/amd64")]),
            docker_list(&[entry(&manifest, "linux/amd64")]),
        ] {
            let Ok(ManifestDocument::Index { entries, .. }) = wire::document(&list.bytes, None)
            else {
                panic!("{list:?}")
            };
            assert_eq!(entries.len(), 1);
            assert!(
                entries[0]
                    .platform
                    .as_ref()
                    .is_some_and(|platform| platform.is_linux_amd64())
            );
        }
    }
}

#[test]
fn a_media_type_is_the_manifests_own_else_the_answers_else_the_shapes() {
    let mut bare: Value = serde_json::from_slice(&index(&[]).bytes).unwrap();
    bare.as_object_mut().unwrap().remove("mediaType");
    let bare = bare.to_string().into_bytes();
    let list = IMAGE_MANIFEST_LIST_MEDIA_TYPE;
    for (bytes, answer, wanted) in [
        (&good().bytes, Some("text/plain"), OCI_IMAGE_MEDIA_TYPE),
        (&bare, None, OCI_IMAGE_INDEX_MEDIA_TYPE),
        (&bare, Some("application/json"), OCI_IMAGE_INDEX_MEDIA_TYPE),
        (
            &bare,
            Some("application/vnd.docker.distribution.manifest.list.v2+json; charset=utf-8"),
            list,
        ),
    ] {
        assert_eq!(wire::media_type(bytes, answer).as_deref(), Ok(wanted));
    }
    assert!(wire::media_type(&bare, Some(OCI_IMAGE_MEDIA_TYPE)).is_err());
}

#[test]
fn explains_what_is_no_image() {
    let signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    assert!(wire::document(&good().bytes, Some(signed)).is_err_and(|why| why.contains("schema 1")));
    let helm = changed(|value| {
        value["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json".into()
    });
    let entry = entry(&good(), "linux/amd64");
    let table: [(Vec<u8>, &str); 11] = [
        (b"<html>".to_vec(), "cannot be read"),
        (b"[]".to_vec(), "cannot be read"),
        (br#"{"schemaVersion":1,"fsLayers":[]}"#.to_vec(), "schema 1"),
        (b"{}".to_vec(), "no schemaVersion 2"),
        (changed(|value| value["manifests"] = json!([])), "at once"),
        (
            changed(|value| value["mediaType"] = OCI_IMAGE_INDEX_MEDIA_TYPE.into()),
            "not what its media type says",
        ),
        (
            changed(|value| value["mediaType"] = "application/x\n".into()),
            "application/x\\n",
        ),
        (
            helm,
            "an artifact of the type \"application/vnd.cncf.helm.config.v1+json\"",
        ),
        (
            changed(|value| value["config"]["digest"] = "sha512:00".into()),
            "sha512:00",
        ),
        (
            changed(|value| drop(value.as_object_mut().unwrap().remove("config"))),
            "cannot be read",
        ),
        (index(&vec![entry; 1001]).bytes, "more than 1000"),
    ];
    for (bytes, wanted) in table {
        let why = broken(&bytes);
        assert!(
            why.contains(wanted) && why.is_ascii() && !why.contains('\n'),
            "{why}"
        );
    }
}

#[test]
fn sizes_are_added_up_and_never_wrap() {
    let size = |size: i64| changed(|value| value["layers"][0]["size"] = size.into());
    for bad in [
        size(-1),
        changed(|value| value["layers"] = json!(vec![layer(i64::MAX); 3])),
    ] {
        assert!(broken(&bad).contains("sizes"));
    }
    let Ok(ManifestDocument::Manifest { size, .. }) = wire::document(&size(11_000_000_000), None)
    else {
        panic!("unread")
    };
    assert!(size > 11_000_000_000);
}

fn layer(size: i64) -> Value {
    json!({ "mediaType": "x", "digest": "x", "size": size })
}

#[test]
fn attestations_are_no_choice() {
    let mut attached = entry(&good(), "linux/amd64");
    attached["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    let index = index(&[entry(&good(), "unknown/unknown"), attached]);
    let Ok(ManifestDocument::Index { entries, .. }) = wire::document(&index.bytes, None) else {
        panic!("unread")
    };
    assert!(entries.is_empty());
}

#[test]
fn a_revision_and_its_source_come_from_one_place() {
    let labels = json!({ "org.opencontainers.image.revision": "abc", "org.opencontainers.image.source": "s" });
    let revision = wire::config(&config("linux", "amd64", &labels).bytes)
        .unwrap()
        .revision
        .unwrap();
    assert_eq!(
        (revision.revision.as_str(), revision.source.as_deref()),
        ("abc", Some("s"))
    );
    let annotated = changed(|value| {
        value["annotations"] = json!({ "org.opencontainers.image.revision": "def" })
    });
    let Ok(ManifestDocument::Manifest {
        revision: Some(revision),
        ..
    }) = wire::document(&annotated, None)
    else {
        panic!()
    };
    assert_eq!((revision.revision.as_str(), revision.source), ("def", None));
    for labels in [
        json!({ "org.opencontainers.image.revision": "" }),
        json!(null),
    ] {
        assert_eq!(
            wire::config(&config("linux", "amd64", &labels).bytes)
                .unwrap()
                .revision,
            None
        );
    }
}

#[test]
fn a_config_without_a_platform_is_broken() {
    for bytes in [
        "{}",
        "[]",
        r#"{"os":"linux"}"#,
        r#"{"os":null,"architecture":null}"#,
        "\u{0}",
    ] {
        assert!(wire::config(bytes.as_bytes()).is_err(), "{bytes}");
    }
}

#[test]
fn complaints_are_read_and_pages_are_not() {
    let complaint = |body: &str| super::super::complaint::complaint(body.as_bytes());
    let said = complaint(r#"{"errors":[{"code":"DENIED","message":"no"},{"code":"X"}]}"#);
    let denied = Complaint {
        code: Some("DENIED"),
        ..Complaint::default()
    };
    assert_eq!(said, denied);
    assert_eq!(
        complaint(r#"{"errors":[{"code":"a b","message":""}]}"#),
        Complaint::default()
    );
    for body in [
        "",
        "<html>",
        r#"{"errors":[]}"#,
        r#"{"errors":"x"}"#,
        r#"{"message":"x"}"#,
    ] {
        assert_eq!(complaint(body), Complaint::default(), "{body}");
    }
}

#[test]
fn of_a_complaint_only_known_words_are_kept() {
    let complaint = |body: &str| super::super::complaint::complaint(body.as_bytes());
    let said = complaint(
        r#"{"errors":[{"code":"SECRETKEY","message":"secret permission_denied: write_package secret"}]}"#,
    );
    assert_eq!(
        (said.code, said.phrase),
        (None, Some("permission_denied: write_package"))
    );
    assert_eq!(
        complaint(r#"{"errors":[{"code":"UNKNOWN","message":"the password is hunter2"}]}"#).phrase,
        None
    );
}

#[test]
fn a_secondary_limit_is_found_however_it_is_wrapped() {
    let inner = r#"{"documentation_url":"https://docs.github.com/","message":"You have exceeded a secondary rate limit. Please wait a few minutes"}"#;
    let wrapped = serde_json::json!({"errors": [{"code": "DENIED", "message": inner}]}).to_string();
    for body in [inner, wrapped.as_str()] {
        assert_eq!(
            complaint(body.as_bytes()).phrase,
            Some(SECONDARY_LIMIT),
            "{body}"
        );
    }
    let said = complaint("{\"errors\":[{\"code\":\"DENIED\",\"message\":\"secondary rate limit, retry-after: 880.092\u{b5}s\"}]}".as_bytes());
    assert_eq!(said.wait, Some(std::time::Duration::from_nanos(880_092)));
}

#[test]
fn a_missing_part_of_an_index_is_named_by_its_digest() {
    let digest = format!("sha256:{}", "a".repeat(64));
    for detail in [
        format!("\"{digest}\""),
        format!("{{\"digest\":\"{digest}\"}}"),
    ] {
        let body = format!(
            r#"{{"errors":[{{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry","detail":{detail}}}]}}"#
        );
        let about = complaint(body.as_bytes()).about;
        assert_eq!(about.map(|digest| digest.to_string()), Some(digest.clone()));
    }
}

#[test]
fn reads_waits_in_gos_words() {
    for (text, wanted) in [
        (
            "retry-after: 1.16676ms, allowed: 44000/minute",
            Some(Duration::from_nanos(1_166_760)),
        ),
        (
            "retry-after: 1m2.5s, allowed: 2000/minute",
            Some(Duration::from_millis(62_500)),
        ),
        (
            "slow down; retry-after: 300\u{b5}s",
            Some(Duration::from_micros(300)),
        ),
        ("retry-after: 1h", Some(Duration::from_secs(3600))),
        ("retry-after: -1s", None),
        ("retry-after: 5", None),
        ("retry-after: 5d", None),
        ("retry-after: 99999999999999999999999h", None),
        ("denied", None),
    ] {
        assert_eq!(wait_in(text), wanted, "{text}");
    }
}
