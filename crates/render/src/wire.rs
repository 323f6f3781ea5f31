//! The JSON of Render's API, as far as it is read: tolerant of what is new, and nothing of it leaves this folder as it came.
//! Shapes: the schemas `deploy`, `deployWithCursor`, `service` and `serviceEventWithCursor` of Render's OpenAPI document.

use super::{CallFailure, phrase};
use model::{Deploy, DeployId, DeployStatus, Digest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Reads an answer's body. The error is why not, without any of it.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if body.trim_ascii().is_empty() {
        return Err("it is empty".into());
    }
    serde_json::from_slice(body).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Data => "is not of the documented shape",
            serde_json::error::Category::Syntax => "is not JSON",
            serde_json::error::Category::Eof | serde_json::error::Category::Io => "ends too early",
        };
        format!(
            "it {kind} (line {}, column {})",
            error.line(),
            error.column()
        )
    })
}

/// Whether a body is a JSON object, as Render answers one that takes a deploy.
pub(super) fn is_object(body: &[u8]) -> bool {
    serde_json::from_slice::<std::collections::BTreeMap<String, serde::de::IgnoredAny>>(body)
        .is_ok()
}

/// The `message` of an error's body, where it has one. It may only be compared, never shown.
fn message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Error {
        message: String,
    }
    let error = serde_json::from_slice::<Error>(body).ok();
    error.map(|error| error.message)
}

/// The known phrase in the `message` of an error's body.
pub(super) fn phrase(body: &[u8]) -> Option<&'static str> {
    phrase::known(&message(body)?)
}

/// What a 400 to a deploy means (attested in public reports; Render documents neither).
pub(super) fn bad_request(body: &[u8]) -> CallFailure {
    match phrase(body) {
        Some("unable to fetch image") => CallFailure::ImageNotFetched,
        Some(
            "cannot change the host, project, or image name"
            | "only the image tag or digest can be updated",
        ) => CallFailure::OtherImage,
        Some(_) | None => CallFailure::BadRequest,
    }
}

/// The id in a hook's `{"deploy":{"id":"dep-…"}}`, where there is one of that shape.
pub(super) fn hooked(body: &[u8]) -> Option<DeployId> {
    #[derive(Deserialize)]
    struct Hooked {
        deploy: WithId,
    }
    serde_json::from_slice::<Hooked>(body)
        .ok()
        .and_then(|hooked| DeployId::parse(&hooked.deploy.id).ok())
}

/// The id of the deploy that the API made, where there is one of that shape.
pub(super) fn created(body: &[u8]) -> Option<DeployId> {
    serde_json::from_slice::<WithId>(body)
        .ok()
        .and_then(|deploy| DeployId::parse(&deploy.id).ok())
}

/// Anything with an id.
#[derive(Deserialize)]
pub(super) struct WithId {
    pub(super) id: String,
}

/// An entry of a list of deploys.
#[derive(Deserialize)]
pub(super) struct DeployEntry {
    pub(super) deploy: WireDeploy,
}

/// A deploy.
#[derive(Deserialize)]
pub(super) struct WireDeploy {
    id: String,
    status: Option<String>,
    image: Option<WireImage>,
    trigger: Option<String>,
}

#[derive(Deserialize)]
struct WireImage {
    #[serde(rename = "ref")]
    reference: Option<String>,
    sha: Option<String>,
}

impl WireDeploy {
    /// The deploy, if its id is one.
    pub(super) fn value(self) -> Result<Deploy, String> {
        let id = DeployId::parse(&self.id).map_err(|refused| refused.to_string())?;
        let mut digests: Vec<Digest> = Vec::new();
        if let Some(image) = self.image {
            for digest in [image.reference, image.sha]
                .iter()
                .flatten()
                .filter_map(|text| digest_in(text))
            {
                if !digests.contains(&digest) {
                    digests.push(digest);
                }
            }
        }
        Ok(Deploy {
            id,
            status: self
                .status
                .as_deref()
                .map_or(DeployStatus::Other, DeployStatus::recognize),
            digests,
            by_rollback: self.trigger.as_deref() == Some("rollback"),
        })
    }
}

/// The digest in `repository@sha256:…`, `sha256:…` or 64 bare hex digits: it is not documented which of them `image.sha` is.
pub(super) fn digest_in(text: &str) -> Option<Digest> {
    let text = text
        .rsplit_once('@')
        .map_or(text, |(_, digest)| digest)
        .to_ascii_lowercase();
    let hex = text.strip_prefix("sha256:").unwrap_or(&text);
    Digest::parse(&format!("sha256:{hex}")).ok()
}

/// A service.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireService {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) r#type: Option<String>,
    pub(super) suspended: Option<String>,
    #[serde(default)]
    pub(super) suspenders: Vec<String>,
    pub(super) image_path: Option<String>,
    pub(super) registry_credential: Option<serde::de::IgnoredAny>,
    pub(super) dashboard_url: Option<String>,
    pub(super) service_details: Option<WireDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireDetails {
    pub(super) url: Option<String>,
    /// Of a preview: the service that it is a copy of.
    pub(super) parent_server: Option<WithId>,
}

/// An entry of the list of services.
#[derive(Deserialize)]
pub(super) struct ServiceEntry {
    pub(super) service: WireService,
    pub(super) cursor: Option<String>,
}

/// A preview that was made, and its first deploy.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WirePreview {
    pub(super) service: WireService,
    pub(super) deploy_id: Option<String>,
}

/// An entry of a list of events.
#[derive(Deserialize)]
pub(super) struct EventEntry {
    pub(super) event: WireEvent,
}

/// An event.
#[derive(Deserialize)]
pub(super) struct WireEvent {
    pub(super) r#type: String,
    #[serde(default, deserialize_with = "known")]
    pub(super) details: Details,
}

/// Reads details that are as documented. Those of a type that is none of ours may have anything under the same names.
fn known<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Details, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// What is read of an event's details, of whatever type it is.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Details {
    pub(super) deploy_id: Option<String>,
    pub(super) deploy_status: Option<String>,
    pub(super) pre_deploy_status: Option<String>,
    pub(super) reason: Option<Reason>,
    pub(super) message: Option<String>,
    #[serde(rename = "imageURL")]
    pub(super) image_url: Option<String>,
}

/// Why something ended. A server's end has the failure's fields at this place, a deploy's in `failure`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Reason {
    pub(super) build_failed: Option<serde::de::IgnoredAny>,
    pub(super) new_build: Option<serde::de::IgnoredAny>,
    pub(super) new_deploy: Option<WithId>,
    pub(super) failure: Option<WireFailure>,
    #[serde(flatten)]
    pub(super) own: WireFailure,
}

/// How a process ended.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireFailure {
    pub(super) evicted: bool,
    pub(super) early_exit: bool,
    pub(super) non_zero_exit: Option<i64>,
    pub(super) oom_killed: Option<OutOfMemory>,
    pub(super) timed_out_seconds: Option<u64>,
    pub(super) timed_out_reason: Option<String>,
    pub(super) unhealthy: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutOfMemory {
    pub(super) memory_limit: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_of_the_known_shape_is_taken_from_an_answer() {
        let id = DeployId::parse("dep-abc123").ok();
        assert_eq!(hooked(br#"{"deploy":{"id":"dep-abc123"}}"#), id);
        assert_eq!(created(br#"{"id":"dep-abc123","status":"created"}"#), id);
        for body in [
            &b""[..],
            b"{}",
            br#"{"deploy":{"id":"::add-mask::a"}}"#,
            br#"{"deploy":{"id":7}}"#,
            b"{\"deploy\":\"##[set-output]\"}",
            br#"{"id":"srv-abc"}"#,
            b"\xff",
        ] {
            assert_eq!((hooked(body), created(body)), (None, None));
        }
    }

    #[test]
    fn a_digest_is_found_in_every_way_of_writing_one() {
        let hex = "0123456789abcdef".repeat(4);
        let digest = Digest::parse(&format!("sha256:{hex}")).ok();
        for text in [
            format!("ghcr.io/acme/api@sha256:{hex}"),
            format!("ghcr.io/acme/api:main@sha256:{hex}"),
            format!("sha256:{hex}"),
            hex.clone(),
            hex.to_uppercase(),
        ] {
            assert_eq!(digest_in(&text), digest, "{text}");
        }
        for text in ["", "ghcr.io/acme/api:main", &hex[1..], "sha512:00", "@"] {
            assert_eq!(digest_in(text), None, "{text}");
        }
    }

    #[test]
    fn a_400_means_what_its_message_says() {
        for (body, wanted) in [
            (
                r#"{"message":"unable to fetch image with provided input"}"#,
                "image-pull-failed",
            ),
            (
                r#"{"message":"deploy hook cannot change the host, project, or image name. Only the digest or tag may be modified"}"#,
                "image-repository-differs",
            ),
            (
                r#"{"message":"only the image tag or digest can be updated when creating a deploy"}"#,
                "image-repository-differs",
            ),
            (r#"{"message":"a SECRET of another kind"}"#, "deploy-failed"),
            ("", "deploy-failed"),
            ("<html>SECRET</html>", "deploy-failed"),
        ] {
            let failure = bad_request(body.as_bytes());
            assert_eq!(failure.word().as_str(), wanted, "{body}");
            assert!(failure.to_string().contains("400") && !failure.to_string().contains("SECRET"));
        }
    }

    #[test]
    fn a_body_that_cannot_be_read_is_not_repeated_in_the_error() {
        for (body, why) in [
            ("", "empty"),
            (" \n", "empty"),
            ("<secret>", "not JSON"),
            ("[\"secret\"]", "shape"),
            ("[{", "too early"),
        ] {
            let error = read::<Vec<DeployEntry>>(body.as_bytes())
                .err()
                .unwrap_or_default();
            assert!(
                error.contains(why) && !error.contains("secret"),
                "{body:?}: {error}"
            );
        }
    }
}
