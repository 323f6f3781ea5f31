//! The `digest` input: what a build step can hand on.

use super::lists::lines;
use crate::domain::{Digest, ImageName, Refused, Repository};
use std::collections::BTreeMap;

/// Digests that a build handed on, before they are matched with the manifest's images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenDigests {
    /// `sha256:…`: of the only image.
    One(Digest),
    /// By image name: from `image=sha256:…` lines, or from the files of a directory.
    ByName(BTreeMap<ImageName, Digest>),
    /// bake's metadata (`docker buildx bake --metadata-file`): target, the repositories that it was pushed to, digest.
    Bake(Vec<(String, Vec<Repository>, Digest)>),
    /// A directory of the workspace, still to be read.
    Directory(String),
}

const WANTED: &str = "a digest (sha256:...), image=sha256:... lines, bake's metadata JSON, or a directory of the workspace with one file an image";

impl GivenDigests {
    /// Reads the input.
    ///
    /// # Errors
    /// Refuses what is of none of the four forms.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let refused = || Refused::new("digest", text.as_bytes(), WANTED);
        let text = text.trim_ascii();
        if text.starts_with('{') {
            return bake(text).ok_or_else(refused);
        }
        if text.contains('=') {
            let mut digests = BTreeMap::new();
            for line in lines(text) {
                let (name, digest) = line.split_once('=').ok_or_else(refused)?;
                let name = ImageName::parse(name.trim_ascii())?;
                if digests
                    .insert(name, Digest::parse(digest.trim_ascii())?)
                    .is_some()
                {
                    return Err(refused());
                }
            }
            return Ok(Self::ByName(digests));
        }
        if text.starts_with("sha") && text.contains(':') {
            return Digest::parse(text).map(Self::One);
        }
        let parts = text.strip_prefix('/').unwrap_or(text).split('/');
        let is_path = text.len() <= 1024
            && parts.into_iter().all(|part| !matches!(part, "" | ".."))
            && text.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b' ')
            });
        if is_path {
            Ok(Self::Directory(text.to_owned()))
        } else {
            Err(refused())
        }
    }
}

/// Shape: `{"target": {"containerimage.digest": "sha256:…", "image.name": "ghcr.io/a/b:tag,ghcr.io/a/b:other"}}`; other members (`buildx.build.ref` …)
/// are not of interest.
fn bake(text: &str) -> Option<GivenDigests> {
    let targets: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let mut entries = Vec::new();
    for (target, metadata) in targets {
        let Some(digest) = metadata
            .get("containerimage.digest")
            .and_then(serde_json::Value::as_str)
        else {
            continue;
        };
        let names = metadata
            .get("image.name")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        let repositories = names
            .split(',')
            .filter_map(|name| Repository::parse(without_tag(name.trim_ascii())).ok())
            .collect();
        entries.push((target, repositories, Digest::parse(digest).ok()?));
    }
    (!entries.is_empty()).then_some(GivenDigests::Bake(entries))
}

fn without_tag(reference: &str) -> &str {
    let reference = reference
        .split_once('@')
        .map_or(reference, |(name, _)| name);
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_four_forms() -> Result<(), Refused> {
        let hex = format!("sha256:{}", "a".repeat(64));
        let digest = Digest::parse(&hex)?;
        assert_eq!(
            GivenDigests::parse(&hex)?,
            GivenDigests::One(digest.clone())
        );
        let by_name = GivenDigests::parse(&format!("api={hex}\nworkers={hex}\n"))?;
        assert!(matches!(by_name, GivenDigests::ByName(digests) if digests.len() == 2));
        let bake = format!(
            r#"{{"buildx.build.warnings":{{}},"api":{{"containerimage.digest":"{hex}","image.name":"127.0.0.1:5000/acme/api:x,ghcr.io/acme/api:y"}}}}"#
        );
        let repositories = vec![
            Repository::parse("127.0.0.1:5000/acme/api")?,
            Repository::parse("ghcr.io/acme/api")?,
        ];
        assert_eq!(
            GivenDigests::parse(&bake)?,
            GivenDigests::Bake(vec![("api".into(), repositories, digest)])
        );
        assert_eq!(
            GivenDigests::parse("out/digests")?,
            GivenDigests::Directory("out/digests".into())
        );
        Ok(())
    }

    #[test]
    fn refuses_what_is_none_of_them() {
        for text in [
            "sha256:abc",
            "{}",
            "{\"api\":{\"containerimage.digest\":\"x\"}}",
            "api=sha256:abc",
            "../x",
            "a/../../b",
            "x\\\"",
            "$(id)",
            "a//b",
            "sha512:abc",
            "A=sha256:",
        ] {
            assert!(GivenDigests::parse(text).is_err(), "{text:?}");
        }
    }
}
