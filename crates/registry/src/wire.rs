//! The registry's own shapes: manifests, indexes, configs and complaints, as bytes have them.

use super::NamedDigests;
use decide::{Platform, Revision};
use model::{Digest, Untrusted};
use oci_distribution::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

/// The media types that we read. A registry may say "not there" of what is there in another
/// (<https://github.com/Mic92/niks3/issues/229>).
pub(super) const ACCEPT: &str = concat!(
    "application/vnd.oci.image.index.v1+json, ",
    "application/vnd.docker.distribution.manifest.list.v2+json, ",
    "application/vnd.oci.image.manifest.v1+json, ",
    "application/vnd.docker.distribution.manifest.v2+json",
);
/// Docker's schema 1, signed or not. Its digest leaves its signatures out, so it is not that of the bytes.
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+";
/// How many entries an index may have: an image for every platform there is has about 20.
const ENTRIES: usize = 1000;

/// An index, of which only what is needed is kept: a registry may send 4 MiB of annotations, which as texts would take twenty times that.
#[derive(Deserialize)]
struct IndexWire {
    manifests: Vec<IndexEntryWire>,
    annotations: Option<LabelsWire>,
}

/// An entry of an index.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexEntryWire {
    media_type: String,
    digest: String,
    platform: Option<PlatformWire>,
    annotations: Option<MarksWire>,
}

#[derive(Deserialize)]
struct PlatformWire {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// What BuildKit marks attestations with (<https://docs.docker.com/build/metadata/attestations/attestation-storage/>).
#[derive(Deserialize)]
struct MarksWire {
    #[serde(rename = "vnd.docker.reference.type")]
    reference_type: Option<IgnoredAny>,
}

/// A manifest, kept in the same way.
#[derive(Deserialize)]
struct ManifestWire {
    config: DescriptorWire,
    layers: Vec<LayerWire>,
    annotations: Option<LabelsWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescriptorWire {
    media_type: String,
    digest: String,
    size: i64,
}

#[derive(Deserialize)]
struct LayerWire {
    size: i64,
}

/// The labels, or annotations, that say which commit an image is of.
#[derive(Deserialize)]
struct LabelsWire {
    #[serde(rename = "org.opencontainers.image.revision")]
    revision: Option<String>,
    #[serde(rename = "org.opencontainers.image.source")]
    source: Option<String>,
}

/// What a manifest's bytes are.
#[derive(Debug)]
pub(super) enum ManifestDocument {
    /// A choice of images.
    Index {
        /// What may be chosen: everything but attestations.
        entries: Vec<IndexEntry>,
        revision: Option<Revision>,
    },
    /// One image.
    Manifest {
        config: Digest,
        /// The declared sizes of config and layers, added up.
        size: u64,
        revision: Option<Revision>,
    },
}

/// One choice of an index.
#[derive(Debug)]
pub(super) struct IndexEntry {
    pub(super) digest: Digest,
    pub(super) platform: Option<Platform>,
    pub(super) has_variant: bool,
    pub(super) is_index: bool,
}

/// The SHA-256 of some bytes.
pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    #[allow(
        clippy::expect_used,
        reason = "64 hex digits are what a digest is made of"
    )]
    Digest::parse(&format!("sha256:{hex}")).expect("a digest")
}

/// What can be told of any manifest before its shape is known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    schema_version: Option<i64>,
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
}

/// Whether an answer is in Docker's schema 1, which [`media_type`] refuses.
pub(super) fn is_schema_1(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|text| text.starts_with(SCHEMA_1))
}

/// The media type of a manifest: its own, else that of the answer, else what its shape says.
///
/// # Errors
/// What is wrong with it, fit to be shown.
pub(super) fn media_type(bytes: &[u8], content_type: Option<&str>) -> Result<String, String> {
    let outline: Outline = serde_json::from_slice(bytes)
        .map_err(|error| format!("its manifest cannot be read ({})", shown(&error)))?;
    if outline.schema_version == Some(1) || is_schema_1(content_type) {
        return Err(
            "it is in Docker's schema 1, which is no longer in use; push it with a current tool"
                .into(),
        );
    }
    if outline.schema_version != Some(2) {
        return Err("its manifest has no schemaVersion 2".into());
    }
    // What can be read as both is read as one thing by us and as another by Render (CVE-2021-41190).
    let (is_index, is_manifest) = (
        outline.manifests.is_some(),
        outline.layers.is_some() || outline.config.is_some(),
    );
    if is_index && is_manifest {
        return Err("its manifest is an index and an image at once".into());
    }
    let content_type = content_type
        .and_then(|text| text.split(';').next())
        .map(str::trim);
    let by_shape = if is_index {
        OCI_IMAGE_INDEX_MEDIA_TYPE
    } else {
        OCI_IMAGE_MEDIA_TYPE
    };
    let found = outline
        .media_type
        .or_else(|| {
            content_type
                .filter(|text| ACCEPT.split(", ").any(|known| known == *text))
                .map(Into::into)
        })
        .unwrap_or_else(|| by_shape.into());
    match found.as_str() {
        OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE if !is_manifest => Ok(found),
        OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE if !is_index => Ok(found),
        OCI_IMAGE_INDEX_MEDIA_TYPE
        | IMAGE_MANIFEST_LIST_MEDIA_TYPE
        | OCI_IMAGE_MEDIA_TYPE
        | IMAGE_MANIFEST_MEDIA_TYPE => Err("its manifest is not what its media type says".into()),
        other => Err(format!(
            "its media type is \"{}\", which is no container image",
            Untrusted(other.as_bytes())
        )),
    }
}

/// Reads a manifest or an index.
///
/// # Errors
/// What is wrong with it, fit to be shown.
pub(super) fn document(
    bytes: &[u8],
    content_type: Option<&str>,
) -> Result<ManifestDocument, String> {
    let media_type = media_type(bytes, content_type)?;
    if media_type == OCI_IMAGE_INDEX_MEDIA_TYPE || media_type == IMAGE_MANIFEST_LIST_MEDIA_TYPE {
        let index: IndexWire = serde_json::from_slice(bytes)
            .map_err(|error| format!("its index cannot be read ({})", shown(&error)))?;
        if index.manifests.len() > ENTRIES {
            return Err(format!("its index has more than {ENTRIES} entries"));
        }
        let entries = index
            .manifests
            .into_iter()
            .filter_map(entry)
            .collect::<Result<_, _>>()?;
        return Ok(ManifestDocument::Index {
            entries,
            revision: revision(index.annotations),
        });
    }
    let manifest: ManifestWire = serde_json::from_slice(bytes)
        .map_err(|error| format!("its manifest cannot be read ({})", shown(&error)))?;
    let kind = manifest.config.media_type.as_str();
    if kind != IMAGE_CONFIG_MEDIA_TYPE && kind != IMAGE_DOCKER_CONFIG_MEDIA_TYPE {
        return Err(format!(
            "it is an artifact of the type \"{}\", not a container image",
            Untrusted(kind.as_bytes())
        ));
    }
    let mut size: u64 = 0;
    for declared in
        std::iter::once(manifest.config.size).chain(manifest.layers.iter().map(|layer| layer.size))
    {
        size = u64::try_from(declared)
            .ok()
            .and_then(|declared| size.checked_add(declared))
            .ok_or("its manifest declares impossible sizes")?;
    }
    let config = part(&manifest.config.digest)?;
    Ok(ManifestDocument::Manifest {
        config,
        size,
        revision: revision(manifest.annotations),
    })
}

/// Reads what a manifest of any kind names: attestations too, as they are parts of an index like all others.
///
/// # Errors
/// What is wrong with it, fit to be shown; also a digest that is no SHA-256.
pub(super) fn named(bytes: &[u8]) -> Result<NamedDigests, String> {
    #[derive(Deserialize)]
    struct Wire {
        manifests: Option<Vec<Descriptor>>,
        subject: Option<Descriptor>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Descriptor {
        digest: String,
        media_type: Option<String>,
    }
    let wire: Wire = serde_json::from_slice(bytes)
        .map_err(|error| format!("its manifest cannot be read ({})", shown(&error)))?;
    let mut found = NamedDigests::default();
    for child in wire.manifests.unwrap_or_default() {
        let digest = part(&child.digest)?;
        if matches!(
            child.media_type.as_deref(),
            Some(OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE)
        ) {
            found.leaves.push(digest.clone());
        }
        found.links.children.push(digest);
    }
    found.links.subject = wire
        .subject
        .map(|subject| part(&subject.digest))
        .transpose()?;
    Ok(found)
}

/// Reads an entry; attestations are none.
fn entry(wire: IndexEntryWire) -> Option<Result<IndexEntry, String>> {
    let is_attestation = wire
        .annotations
        .is_some_and(|marks| marks.reference_type.is_some());
    if is_attestation
        || wire
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os == "unknown")
    {
        return None;
    }
    let is_index = wire.media_type == OCI_IMAGE_INDEX_MEDIA_TYPE
        || wire.media_type == IMAGE_MANIFEST_LIST_MEDIA_TYPE;
    let variant = wire
        .platform
        .as_ref()
        .and_then(|platform| platform.variant.as_deref());
    let has_variant = variant.is_some_and(|variant| !variant.is_empty() && variant != "v1");
    let platform = wire.platform.map(
        |PlatformWire {
             os, architecture, ..
         }| Platform { os, architecture },
    );
    Some(part(&wire.digest).map(|digest| IndexEntry {
        digest,
        platform,
        has_variant,
        is_index,
    }))
}

fn part(digest: &str) -> Result<Digest, String> {
    Digest::parse(digest).map_err(|refused| format!("a part of it cannot be named: {refused}"))
}

fn shown(error: &serde_json::Error) -> String {
    Untrusted(error.to_string().as_bytes()).to_string()
}

fn revision(labels: Option<LabelsWire>) -> Option<Revision> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let labels = labels?;
    given(labels.revision).map(|revision| Revision {
        revision,
        source: given(labels.source),
    })
}

/// What an image's config says.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) platform: Platform,
    pub(super) revision: Option<Revision>,
}

/// Reads a config.
///
/// # Errors
/// What is wrong with it, fit to be shown.
pub(super) fn config(bytes: &[u8]) -> Result<Config, String> {
    #[derive(Deserialize)]
    struct Wire {
        os: Option<String>,
        architecture: Option<String>,
        config: Option<Inner>,
    }
    #[derive(Deserialize)]
    struct Inner {
        #[serde(rename = "Labels")]
        labels: Option<LabelsWire>,
    }
    let wire: Wire = serde_json::from_slice(bytes)
        .map_err(|error| format!("its config cannot be read ({})", shown(&error)))?;
    let (Some(os), Some(architecture)) = (wire.os, wire.architecture) else {
        return Err("its config names no platform".into());
    };
    let labels = wire.config.and_then(|inner| inner.labels);
    Ok(Config {
        platform: Platform { os, architecture },
        revision: revision(labels),
    })
}
