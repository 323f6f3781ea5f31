//! What fuzzing opens of this folder: a registry's answers, read as they are in a run.

use super::auth::{Scheme, read_token};
use super::wire;
use model::{RegistryHost, Untrusted};

/// Reads an answer of that kind and checks what holds for every one.
pub fn answer(kind: u8, body: &[u8]) {
    match kind % 6 {
        0 => {
            if let Some((token, life)) = read_token(body) {
                assert!(
                    http::HeaderValue::from_str(token.expose()).is_ok(),
                    "a token that no header can hold"
                );
                assert!(!format!("{token:?}").contains("Bearer") && !life.is_zero());
            }
        }
        1 => told(wire::document(body, Some("application/vnd.oci.image.index.v1+json")).map(drop)),
        2 => told(wire::document(body, None).map(|document| match document {
            wire::ManifestDocument::Index { entries, .. } => assert!(entries.iter().all(|entry| {
                entry
                    .platform
                    .as_ref()
                    .is_none_or(|platform| platform.os != "unknown")
            })),
            wire::ManifestDocument::Manifest { .. } => {}
        })),
        3 => told(wire::config(body).map(drop)),
        4 => told(wire::named(body).map(drop)),
        _ => challenge(&String::from_utf8_lossy(body)),
    }
}

/// Whatever a challenge names, a token is asked for at the registry itself or above it, and never in clear.
fn challenge(header: &str) {
    let Ok(host) = RegistryHost::parse("registry.acme.example") else {
        return;
    };
    if let Ok(Scheme::Bearer(server)) = Scheme::parse(header, &host) {
        let address = server.address("repository:acme/api:pull");
        let places = ["https://registry.acme.example", "https://acme.example"];
        let is_ours = places
            .iter()
            .filter_map(|place| address.strip_prefix(place))
            .any(|rest| rest.starts_with(['/', ':', '?']));
        assert!(is_ours, "{address}");
    }
}

/// What is wrong is told on one line that is no command.
fn told(result: Result<(), String>) {
    if let Err(why) = result {
        assert!(
            !why.contains(['\n', '\r', '\u{1b}']) && !why.contains("##["),
            "{}",
            Untrusted(why.as_bytes())
        );
    }
}
