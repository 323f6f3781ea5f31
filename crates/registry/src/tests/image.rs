//! Images made of a few bytes, with right digests.

use super::super::wire::digest_of;
use oci_distribution::manifest::{
    IMAGE_DOCKER_CONFIG_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
};
use serde_json::{Value, json};

/// Some bytes that a registry holds.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) bytes: Vec<u8>,
    pub(super) media_type: &'static str,
}

impl Blob {
    pub(super) fn of(value: &Value, media_type: &'static str) -> Self {
        Self {
            bytes: value.to_string().into_bytes(),
            media_type,
        }
    }

    pub(super) fn digest(&self) -> String {
        digest_of(&self.bytes).to_string()
    }

    pub(super) fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest(), "size": self.bytes.len() })
    }
}

pub(super) const LAYER: &[u8] = b"layer";

/// A config for a platform, with labels.
pub(super) fn config(os: &str, architecture: &str, labels: &Value) -> Blob {
    let value = json!({ "os": os, "architecture": architecture, "config": { "Labels": labels }, "rootfs": { "type": "layers", "diff_ids": [] } });
    Blob::of(&value, "application/vnd.oci.image.config.v1+json")
}

/// The layer that every image has.
pub(super) fn layer() -> Blob {
    Blob {
        bytes: LAYER.to_vec(),
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip",
    }
}

/// A manifest over a config and [`layer`].
pub(super) fn manifest(config: &Blob) -> Blob {
    let value = json!({ "schemaVersion": 2, "mediaType": OCI_IMAGE_MEDIA_TYPE, "config": config.descriptor(), "layers": [layer().descriptor()] });
    Blob::of(&value, OCI_IMAGE_MEDIA_TYPE)
}

/// The same in Docker's words.
pub(super) fn docker_manifest(config: &Blob) -> Blob {
    let mut descriptor = config.descriptor();
    descriptor["mediaType"] = IMAGE_DOCKER_CONFIG_MEDIA_TYPE.into();
    let mut layer = layer().descriptor();
    layer["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar.gzip".into();
    let value = json!({ "schemaVersion": 2, "mediaType": IMAGE_MANIFEST_MEDIA_TYPE, "config": descriptor, "layers": [layer] });
    Blob::of(&value, IMAGE_MANIFEST_MEDIA_TYPE)
}

/// An entry of an index; the platform is `os/architecture`, or empty for none.
pub(super) fn entry(manifest: &Blob, platform: &str) -> Value {
    let mut entry = manifest.descriptor();
    if let Some((os, architecture)) = platform.split_once('/') {
        entry["platform"] = json!({ "os": os, "architecture": architecture });
        if os == "unknown" {
            entry["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
        }
    }
    entry
}

/// An index.
pub(super) fn index(entries: &[Value]) -> Blob {
    let value = json!({ "schemaVersion": 2, "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE, "manifests": entries });
    Blob::of(&value, OCI_IMAGE_INDEX_MEDIA_TYPE)
}

/// An index in Docker's words.
pub(super) fn docker_list(entries: &[Value]) -> Blob {
    let value = json!({ "schemaVersion": 2, "mediaType": IMAGE_MANIFEST_LIST_MEDIA_TYPE, "manifests": entries });
    Blob::of(&value, IMAGE_MANIFEST_LIST_MEDIA_TYPE)
}
