//! Images as registries hold them, made of bytes: every shape that a build leaves behind, and some that only accidents make.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// What an image looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A single manifest for linux/amd64.
    Amd64,
    /// A single manifest whose config says arm64.
    Arm64,
    /// An index of amd64 and arm64.
    MultiArch,
    /// What buildx pushes by default: amd64, arm64 and two `unknown/unknown` attestations.
    WithAttestations,
    /// An index of arm64 alone.
    OnlyArm64Index,
    /// An index whose amd64 manifest was deleted by a clean-up job.
    ChildDeleted,
    /// A docker schema 2 list.
    DockerList,
    /// A docker schema 2 manifest.
    DockerSingle,
    /// The revision label of another commit, the source label of this repository.
    StaleRevision,
    /// The revision and source labels of a base image.
    ForeignSource,
    /// Declares 11 GB of layers.
    Huge,
    /// Has no revision label.
    NoRevision,
    /// An index in an index, as `imagetools create` over attested tags makes it.
    Nested,
    /// An index whose entries do not say their platform.
    NoPlatform,
    /// No image at all: an artifact with an empty config.
    Artifact,
    /// A single manifest that does not say its own media type.
    Untyped,
    /// An index that does not say its own media type.
    UntypedIndex,
    /// For linux/amd64, with as many labels and annotations as are read: an index, a manifest and a config of 4 MiB each.
    Stuffed,
}

/// One document of a registry.
#[derive(Debug, Clone)]
pub struct Document {
    pub media_type: &'static str,
    pub digest: String,
    pub bytes: Vec<u8>,
}

/// An image, ready to be put into a registry.
#[derive(Debug, Clone)]
pub struct Image {
    /// The top manifest or index.
    pub digest: String,
    /// The linux/amd64 manifest's digest, where there is one.
    pub platform: String,
    /// Children first, the top one last.
    pub manifests: Vec<Document>,
    /// Configs and layers.
    pub blobs: Vec<Document>,
    /// Digests that are in the index and not in the registry.
    pub deleted: Vec<String>,
}

/// `sha256:…` of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// So many short entries.
fn filler(entries: usize) -> Value {
    (0..entries)
        .map(|number| (format!("x{number:06}"), json!("")))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

struct Maker {
    salt: String,
    labels: Value,
    /// What every manifest and index has besides.
    annotations: Option<Value>,
    image: Image,
}

impl Image {
    /// Makes an image. `name` and `revision` make its bytes, and so its digests, its own.
    pub fn make(kind: Kind, name: &str, revision: &str, source: &str) -> Self {
        let (revision, source) = match kind {
            Kind::StaleRevision => (Some("5".repeat(40)), Some(source.to_owned())),
            Kind::ForeignSource => (
                Some("5".repeat(40)),
                Some("https://github.com/library/python".to_owned()),
            ),
            Kind::NoRevision => (None, None),
            Kind::Amd64
            | Kind::Arm64
            | Kind::MultiArch
            | Kind::WithAttestations
            | Kind::OnlyArm64Index
            | Kind::ChildDeleted
            | Kind::DockerList
            | Kind::DockerSingle
            | Kind::Huge
            | Kind::Nested
            | Kind::NoPlatform
            | Kind::Untyped
            | Kind::UntypedIndex
            | Kind::Stuffed
            | Kind::Artifact => (Some(revision.to_owned()), Some(source.to_owned())),
        };
        let mut labels = json!({"org.opencontainers.image.title": name});
        if let Some(revision) = &revision {
            labels["org.opencontainers.image.revision"] = json!(revision);
        }
        if let Some(source) = &source {
            labels["org.opencontainers.image.source"] = json!(source);
        }
        let salt = format!("{name} {revision:?} {kind:?}");
        let empty = Self {
            digest: String::new(),
            platform: String::new(),
            manifests: Vec::new(),
            blobs: Vec::new(),
            deleted: Vec::new(),
        };
        let mut maker = Maker {
            salt,
            labels,
            annotations: None,
            image: empty,
        };
        maker.build(kind);
        maker.image
    }
}

impl Maker {
    fn build(&mut self, kind: Kind) {
        match kind {
            Kind::Amd64 | Kind::StaleRevision | Kind::ForeignSource | Kind::NoRevision => {
                self.image.platform = self.manifest("amd64", OCI_MANIFEST, 1);
            }
            Kind::Untyped => {
                self.manifest("amd64", OCI_MANIFEST, 1);
                self.image.platform = self.untyped();
            }
            Kind::UntypedIndex => {
                self.index(OCI_INDEX, OCI_MANIFEST, &["amd64", "arm64"]);
                self.untyped();
            }
            Kind::Huge => {
                self.image.platform = self.manifest("amd64", OCI_MANIFEST, 11_000_000_000)
            }
            Kind::DockerSingle => self.image.platform = self.manifest("amd64", DOCKER_MANIFEST, 1),
            Kind::Arm64 => {
                self.manifest("arm64", OCI_MANIFEST, 1);
            }
            Kind::MultiArch => self.index(OCI_INDEX, OCI_MANIFEST, &["amd64", "arm64"]),
            Kind::OnlyArm64Index => self.index(OCI_INDEX, OCI_MANIFEST, &["arm64"]),
            Kind::DockerList => self.index(DOCKER_LIST, DOCKER_MANIFEST, &["arm64", "amd64"]),
            Kind::WithAttestations => {
                self.index(
                    OCI_INDEX,
                    OCI_MANIFEST,
                    &["attestation", "amd64", "arm64", "attestation"],
                );
            }
            Kind::ChildDeleted => {
                self.index(OCI_INDEX, OCI_MANIFEST, &["amd64", "arm64"]);
                self.image.deleted.push(self.image.platform.clone());
            }
            Kind::NoPlatform => self.index(OCI_INDEX, OCI_MANIFEST, &["unsaid"]),
            Kind::Stuffed => {
                // In a manifest each takes 19 bytes, as it is laid out there, and in a config 13.
                self.annotations = Some(filler(215_000));
                let labels = self.labels.as_object_mut().expect("labels");
                labels.extend(filler(320_000).as_object().expect("labels").clone());
                self.index(OCI_INDEX, OCI_MANIFEST, &["amd64"]);
            }
            Kind::Nested => {
                self.index(OCI_INDEX, OCI_MANIFEST, &["amd64"]);
                let inner = self.image.manifests.last().expect("an index");
                let entry = json!({"mediaType": inner.media_type, "digest": inner.digest, "size": inner.bytes.len()});
                self.top(
                    OCI_INDEX,
                    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}),
                );
            }
            Kind::Artifact => {
                let config = self.blob("application/vnd.oci.empty.v1+json", b"{}".to_vec());
                let layer = self.blob("text/plain", b"hello".to_vec());
                let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST,
                    "artifactType": "application/x-thing", "config": config, "layers": [layer]});
                self.top(OCI_MANIFEST, manifest);
            }
        }
        self.image.digest = self
            .image
            .manifests
            .last()
            .expect("a manifest")
            .digest
            .clone();
    }

    /// Adds a blob and gives its descriptor.
    fn blob(&mut self, media_type: &'static str, bytes: Vec<u8>) -> Value {
        let document = Document {
            media_type,
            digest: digest(&bytes),
            bytes,
        };
        let descriptor = json!({"mediaType": media_type, "digest": document.digest, "size": document.bytes.len()});
        self.image.blobs.push(document);
        descriptor
    }

    fn top(&mut self, media_type: &'static str, mut manifest: Value) -> String {
        if let Some(annotations) = &self.annotations {
            manifest["annotations"] = annotations.clone();
        }
        let bytes = serde_json::to_vec_pretty(&manifest).expect("JSON");
        let digest = digest(&bytes);
        self.image.manifests.push(Document {
            media_type,
            digest: digest.clone(),
            bytes,
        });
        digest
    }

    /// Takes the media type out of the last manifest and gives the digest of what is left.
    fn untyped(&mut self) -> String {
        let last = self.image.manifests.pop().expect("a manifest");
        let mut manifest: Value = serde_json::from_slice(&last.bytes).expect("JSON");
        manifest
            .as_object_mut()
            .expect("an object")
            .remove("mediaType");
        self.top(last.media_type, manifest)
    }

    /// Adds a manifest for one platform and gives its digest. `declared` replaces the layer's size if it is larger.
    fn manifest(&mut self, architecture: &str, media_type: &'static str, declared: u64) -> String {
        let is_docker = media_type == DOCKER_MANIFEST;
        let (config_type, layer_type) = if is_docker {
            (
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            )
        } else {
            (
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.oci.image.layer.v1.tar+gzip",
            )
        };
        let mut layer = self.blob(
            layer_type,
            format!("layer of {} for {architecture}", self.salt).into_bytes(),
        );
        let config = json!({"architecture": architecture, "os": "linux", "config": {"Labels": self.labels},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}, "history": []});
        let config = self.blob(config_type, config.to_string().into_bytes());
        if declared > 1 {
            layer["size"] = json!(declared);
        }
        self.top(media_type, json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer]}))
    }

    fn index(&mut self, media_type: &'static str, child_type: &'static str, children: &[&str]) {
        let mut entries = Vec::new();
        for (nth, child) in children.iter().enumerate() {
            if *child == "attestation" {
                let config = self.blob(
                    "application/vnd.oci.image.config.v1+json",
                    b"{\"architecture\":\"unknown\",\"os\":\"unknown\"}".to_vec(),
                );
                let statement = format!(
                    "{{\"_type\":\"statement {nth} of {}\"}}",
                    self.salt.escape_default()
                );
                let layer = self.blob("application/vnd.in-toto+json", statement.into_bytes());
                let digest = self.top(
                    OCI_MANIFEST,
                    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}),
                );
                entries.push((digest, json!({"os": "unknown", "architecture": "unknown"})));
                continue;
            }
            let architecture = if *child == "unsaid" { "amd64" } else { child };
            let digest = self.manifest(architecture, child_type, 1);
            if architecture == "amd64" {
                self.image.platform.clone_from(&digest);
            }
            let platform = json!({"os": "linux", "architecture": architecture});
            entries.push((
                digest,
                if *child == "unsaid" {
                    Value::Null
                } else {
                    platform
                },
            ));
        }
        let entries: Vec<Value> = entries
            .into_iter()
            .map(|(digest, platform)| {
                let size = self
                    .image
                    .manifests
                    .iter()
                    .find(|document| document.digest == digest);
                let size = size.map_or(0, |document| document.bytes.len());
                let mut entry = json!({"mediaType": child_type, "digest": digest, "size": size});
                if platform["os"] == "unknown" {
                    entry["annotations"] =
                        json!({"vnd.docker.reference.type": "attestation-manifest"});
                }
                if !platform.is_null() {
                    entry["platform"] = platform;
                }
                entry
            })
            .collect();
        self.top(
            media_type,
            json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}),
        );
    }
}
