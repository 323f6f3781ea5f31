//! The `digest` input: what a build step can hand on.

use super::lists::lines;
use model::{Digest, ImageName, Refused, Repository};
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
    /// `repository@sha256:…`, one per line.
    ByRepository(Vec<(Repository, Digest)>),
    /// A directory of the workspace, still to be read.
    Directory(String),
}

const WANTED: &str = "a digest (sha256:...), repository@sha256:... or image=sha256:... lines, the metadata JSON of a build, or a directory of the workspace with one file an image";
/// As many hex digits as no commit and no word has, and most of a digest.
const LONG_RUN: usize = 48;
/// As many hex digits as `docker images` shows of a digest.
const SHORT_RUN: usize = 12;

impl GivenDigests {
    /// Reads the input.
    ///
    /// # Errors
    /// Refuses what is of none of these forms, and what could be a mistyped digest.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let refused = || Refused::new("digest", text.as_bytes(), WANTED);
        let text = text.trim_ascii();
        if text.starts_with('{') {
            return metadata(text).ok_or_else(refused);
        }
        if text.contains('@') && !text.contains('=') {
            let pairs: Result<Vec<_>, Refused> = lines(text).map(by_repository).collect();
            return pairs.map(Self::ByRepository);
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
        if (text.starts_with("sha") && text.contains(':')) || may_be_digest(text) {
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

/// Whether somebody may have meant a digest. A directory that is not there is a warning, so a mistyped digest must never be read as one:
/// then the image of the tag would be deployed.
fn may_be_digest(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let longest = text
        .split(|c: char| !c.is_ascii_hexdigit())
        .map(str::len)
        .max();
    if longest.unwrap_or(0) >= LONG_RUN {
        return true;
    }
    if text.contains('/') {
        return false;
    }
    let names_algorithm = ["sha256", "sha-256", "sha512", "sha-512"]
        .iter()
        .any(|name| text.starts_with(name));
    let digits: Vec<char> = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    names_algorithm || (digits.len() >= SHORT_RUN && digits.iter().all(char::is_ascii_hexdigit))
}

/// `ghcr.io/acme/api@sha256:…`, with or without a tag in it.
fn by_repository(line: &str) -> Result<(Repository, Digest), Refused> {
    let refused = || Refused::new("digest", line.as_bytes(), WANTED);
    let (name, digest) = line.split_once('@').ok_or_else(refused)?;
    let repository = Repository::parse(without_tag(name))?;
    Ok((repository, Digest::parse(digest)?))
}

/// The metadata of one build (docker/build-push-action's output `metadata`), or of bake's targets.
fn metadata(text: &str) -> Option<GivenDigests> {
    let whole: serde_json::Value = serde_json::from_str(text).ok()?;
    match whole.get("containerimage.digest") {
        Some(digest) => {
            let digest = Digest::parse(digest.as_str()?).ok()?;
            let repositories = repositories_of(&whole);
            Some(match repositories.is_empty() {
                true => GivenDigests::One(digest),
                false => GivenDigests::Bake(vec![(String::new(), repositories, digest)]),
            })
        }
        None => bake(text),
    }
}

/// Where a build pushed to.
fn repositories_of(metadata: &serde_json::Value) -> Vec<Repository> {
    let names = metadata
        .get("image.name")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    names
        .split(',')
        .filter_map(|name| Repository::parse(without_tag(name.trim_ascii())).ok())
        .collect()
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
        let repositories = repositories_of(&metadata);
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
    fn reads_what_a_build_puts_out() -> Result<(), Refused> {
        let hex = format!("sha256:{}", "a".repeat(64));
        let (digest, api) = (Digest::parse(&hex)?, Repository::parse("ghcr.io/acme/api")?);
        for text in [
            format!("ghcr.io/acme/api@{hex}"),
            format!("ghcr.io/acme/api:main@{hex}\n"),
        ] {
            let wanted = GivenDigests::ByRepository(vec![(api.clone(), digest.clone())]);
            assert_eq!(GivenDigests::parse(&text)?, wanted, "{text}");
        }
        let named = format!(
            r#"{{"containerimage.digest":"{hex}","containerimage.config.digest":"{hex}","image.name":"ghcr.io/acme/api:main"}}"#
        );
        let wanted = GivenDigests::Bake(vec![(String::new(), vec![api], digest.clone())]);
        assert_eq!(GivenDigests::parse(&named)?, wanted);
        let unnamed = format!(r#"{{"containerimage.digest":"{hex}"}}"#);
        assert_eq!(GivenDigests::parse(&unnamed)?, GivenDigests::One(digest));
        Ok(())
    }

    #[test]
    fn a_mistyped_digest_is_never_a_directory() {
        let hex = "0123456789abcdef".repeat(4);
        let bare = GivenDigests::parse(&hex).expect_err("64 digits");
        assert!(
            bare.to_string().ends_with("write sha256: before it"),
            "{bare}"
        );
        for text in [
            hex.to_uppercase(),
            hex[..63].to_owned(),
            format!("{hex}0"),
            format!("sha256-{hex}"),
            format!("sha256{hex}"),
            format!("sha256 {hex}"),
            format!("SHA256:{hex}"),
            format!("sha256:{}", hex.to_uppercase()),
            format!("sha256/{hex}"),
            format!("blobs/sha256/{hex}"),
            format!("{} {}", &hex[..32], &hex[32..]),
            format!("@{hex}"),
            format!("ghcr.io/acme/api@{hex}"),
            hex[..12].to_owned(),
            "sha256".to_owned(),
            "sha256:".to_owned(),
        ] {
            assert!(GivenDigests::parse(&text).is_err(), "{text}");
        }
        let sha = &hex[..40];
        for directory in [
            "digests",
            "out/digests",
            "facade",
            "deadbeef",
            &format!("digests-{sha}"),
        ] {
            let wanted = GivenDigests::Directory(directory.to_owned());
            assert_eq!(GivenDigests::parse(directory), Ok(wanted));
        }
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
