//! A registry: manifests and blobs by repository (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>). It asks for no token.

use crate::wire::{Call, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A repository: `acme/a0`.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) repositories: BTreeMap<String, Repository>,
}

/// `sha256:…` of some bytes.
fn digest(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hex: String = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

fn error(status: u16, code: &str) -> Reply {
    Reply::json(
        status,
        &json!({"errors": [{"code": code, "message": code}]}),
    )
}

impl Registry {
    /// Puts an image there whose bytes are made of `content` and `labels`, under a tag; gives its digest.
    pub(crate) fn push(
        &mut self,
        path: &str,
        tag: Option<&str>,
        content: &str,
        labels: &Value,
    ) -> String {
        let repository = self.repositories.entry(path.to_owned()).or_default();
        let layer = content.as_bytes().to_vec();
        let layer_digest = digest(&layer);
        let config = json!({"architecture": "amd64", "os": "linux", "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]}, "history": []});
        let config = config.to_string().into_bytes();
        let config_digest = digest(&config);
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer_digest, "size": layer.len()}]});
        let manifest = manifest.to_string().into_bytes();
        let own = digest(&manifest);
        repository.blobs.insert(layer_digest, layer);
        repository.blobs.insert(config_digest, config);
        repository
            .manifests
            .insert(own.clone(), (MANIFEST.to_owned(), manifest));
        if let Some(tag) = tag {
            repository.tags.insert(tag.to_owned(), own.clone());
        }
        own
    }

    /// Every manifest of a repository, with its tags.
    pub(super) fn versions(&self, path: &str) -> Vec<(String, Vec<String>)> {
        let Some(repository) = self.repositories.get(path) else {
            return Vec::new();
        };
        let tags = |digest: &String| {
            let on = repository.tags.iter().filter(|(_, on)| *on == digest);
            on.map(|(tag, _)| tag.clone()).collect()
        };
        repository
            .manifests
            .keys()
            .map(|digest| (digest.clone(), tags(digest)))
            .collect()
    }

    /// Deletes a manifest with its tags.
    pub(super) fn delete(&mut self, path: &str, digest: &str) {
        if let Some(repository) = self.repositories.get_mut(path) {
            repository.manifests.remove(digest);
            repository.tags.retain(|_, on| on != digest);
        }
    }

    pub(super) fn answer(&mut self, call: &Call) -> Option<Reply> {
        if call.path == "/v2/" {
            return Some(Reply::text(200, "{}"));
        }
        let rest = call.path.strip_prefix("/v2/")?;
        if let Some(path) = rest.strip_suffix("/tags/list") {
            let Some(repository) = self.repositories.get(path) else {
                return Some(error(404, "NAME_UNKNOWN"));
            };
            let tags: Vec<&String> = repository.tags.keys().collect();
            return Some(Reply::json(200, &json!({"name": path, "tags": tags})));
        }
        let kind = ["/manifests/", "/blobs/"]
            .into_iter()
            .find(|kind| rest.contains(kind))?;
        let (path, reference) = rest.rsplit_once(kind)?;
        let repository = self.repositories.entry(path.to_owned()).or_default();
        match (call.method.as_str(), kind) {
            ("GET" | "HEAD", "/manifests/") => {
                let digest = repository
                    .tags
                    .get(reference)
                    .cloned()
                    .unwrap_or(reference.to_owned());
                let Some((media_type, bytes)) = repository.manifests.get(&digest) else {
                    return Some(error(404, "MANIFEST_UNKNOWN"));
                };
                let reply = Reply::text(200, bytes.clone()).header("content-type", media_type);
                Some(reply.header("docker-content-digest", digest))
            }
            ("GET" | "HEAD", _) => match repository.blobs.get(reference) {
                Some(bytes) => Some(Reply::text(200, bytes.clone())),
                None => Some(error(404, "BLOB_UNKNOWN")),
            },
            ("PUT", "/manifests/") => {
                let digest = digest(&call.body);
                let media_type = call.header("content-type").unwrap_or(MANIFEST).to_owned();
                repository
                    .manifests
                    .insert(digest.clone(), (media_type, call.body.clone()));
                if !reference.starts_with("sha256:") {
                    repository.tags.insert(reference.to_owned(), digest.clone());
                }
                Some(Reply::text(201, "").header("docker-content-digest", digest))
            }
            _ => None,
        }
    }
}
