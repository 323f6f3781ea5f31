//! What a registry says where it refuses: known codes and phrases, and nothing else of its text.

use model::Digest;
use serde::Deserialize;
use std::time::Duration;

/// What an error's body says, as far as it is known: nothing of a stranger's text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) code: Option<&'static str>,
    pub(super) phrase: Option<&'static str>,
    /// How long it asks us to wait.
    pub(super) wait: Option<Duration>,
    /// The digest that its detail names, which may be shown only if it is one of ours.
    pub(super) about: Option<Digest>,
}

/// The codes of the specification
/// (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>) and of Distribution.
const CODES: &[&str] = &[
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DENIED",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "MANIFEST_UNVERIFIED",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "TAG_INVALID",
    "TOOMANYREQUESTS",
    "UNAUTHORIZED",
    "UNAVAILABLE",
    "UNKNOWN",
    "UNSUPPORTED",
];

/// A secondary rate limit of GitHub's. GHCR answers it as a 403 with `DENIED` and GitHub's answer as JSON in the message
/// (<https://github.com/virtualcell/vcell/issues/1888>).
pub(super) const SECONDARY_LIMIT: &str = "secondary rate limit";

/// The phrases of messages that are shown. The first that occurs counts.
const PHRASES: &[&str] = &[
    SECONDARY_LIMIT,
    "installation not allowed to Create organization package",
    "installation not allowed to Write organization package",
    "installation not allowed to Read organization package",
    "permission_denied: create_package",
    "permission_denied: write_package",
    "permission_denied: read_package",
    "OCI index found, but Accept header does not support OCI indexes",
    "User cannot be authenticated with the token provided",
    "The token provided does not match expected scopes",
    "authentication required",
    "invalid token",
    "requested access to the resource is denied",
    "manifest blob unknown to registry",
    "blob unknown to registry",
    "manifest unknown",
    "repository name not known to registry",
    "The operation is unsupported",
    "denied",
];

/// Reads an OCI error body. What else stands in a body (HTML of a gateway) is never shown.
pub(super) fn complaint(body: &[u8]) -> Complaint {
    #[derive(Deserialize)]
    struct ComplaintWire {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        code: Option<String>,
        message: Option<String>,
        #[serde(default)]
        detail: Option<Box<serde_json::value::RawValue>>,
    }
    let first = serde_json::from_slice::<ComplaintWire>(body)
        .ok()
        .and_then(|wire| wire.errors.into_iter().next());
    let Some(One {
        code,
        message,
        detail,
    }) = first
    else {
        // GitHub's own answer, where no registry has wrapped it.
        let is_limit = String::from_utf8_lossy(body).contains(SECONDARY_LIMIT);
        return Complaint {
            phrase: is_limit.then_some(SECONDARY_LIMIT),
            ..Complaint::default()
        };
    };
    let code = code.unwrap_or_default();
    let message = message.unwrap_or_default();
    let lower = message.to_ascii_lowercase();
    let is_in_message = |phrase: &&&str| lower.contains(&phrase.to_ascii_lowercase());
    Complaint {
        code: CODES.iter().find(|known| **known == code).copied(),
        phrase: PHRASES.iter().find(is_in_message).copied(),
        wait: wait_in(&message),
        about: detail.and_then(|detail| digest_in(detail.get())),
    }
}

/// The first digest in a text.
fn digest_in(text: &str) -> Option<Digest> {
    let at = text.find("sha256:")?;
    Digest::parse(text.get(at..at + 71)?).ok()
}

/// How long GHCR asks us to wait, in words: `retry-after: 1.16676ms, allowed: 44000/minute`
/// (<https://github.com/falcosecurity/plugins/issues/1069>).
pub(super) fn wait_in(message: &str) -> Option<Duration> {
    let text = message.split_once("retry-after:")?.1.trim_start();
    let mut rest = text.split([',', ' ']).next()?;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at(end);
        let end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    Duration::try_from_secs_f64(seconds).ok()
}
