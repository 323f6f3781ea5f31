//! What a manifest names by digest, whatever kind of manifest it is.

use super::auth::Access;
use super::read::raw;
use super::session::RegistryRequest;
use super::{Registry, RegistryError, wire};
use decide::ImageLinks;
use http_client::Deadline;
use model::{Digest, Repository};

/// How often a version that is listed is asked for before it counts as gone: GHCR shows what was pushed some moments later.
const TRIES: u32 = 3;

/// What a manifest names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedDigests {
    /// Its parts, and what it is about.
    pub links: ImageLinks,
    /// Those of its parts that are said to be images: they have no parts.
    pub leaves: Vec<Digest>,
}

impl Registry {
    /// Reads what a manifest names. It may be an artifact: nothing is asked of it but that its digests are ours to read.
    ///
    /// # Errors
    /// [`RegistryError`], also for a manifest that is not there, and for one that cannot be read.
    pub async fn links(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: &Deadline,
    ) -> Result<NamedDigests, RegistryError> {
        let want = RegistryRequest {
            missing_tries: TRIES,
            ..RegistryRequest::manifest(repository, digest.as_str(), Access::Pull)
        };
        let found = self
            .0
            .ask(&want, deadline, |answer| raw(&want, answer, Some(digest)))
            .await?;
        wire::named(&found.bytes).map_err(|why| RegistryError::Broken {
            exchange: Box::new(want.exchange()),
            why,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::named;

    #[test]
    fn parts_subjects_and_leaves_are_found_whatever_the_manifest_is() {
        let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
        let (a, b, c) = (digest("a"), digest("b"), digest("c"));
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[
                {{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{a}","platform":{{"os":"unknown","architecture":"unknown"}},
                  "annotations":{{"vnd.docker.reference.type":"attestation-manifest"}}}},
                {{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{b}"}},{{"digest":"{c}"}}],
                "subject":{{"digest":"{c}","mediaType":"x","size":1}}}}"#
        );
        let found = named(index.as_bytes()).unwrap();
        let children: Vec<String> = found
            .links
            .children
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(children, [a.clone(), b, c.clone()]);
        assert_eq!(
            found
                .leaves
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            [a]
        );
        assert_eq!(
            found.links.subject.map(|subject| subject.to_string()),
            Some(c.clone())
        );
        let artifact = format!(
            r#"{{"artifactType":"application/x","config":{{}},"layers":[{{"digest":"{c}"}}]}}"#
        );
        assert_eq!(
            named(artifact.as_bytes()).unwrap(),
            super::NamedDigests::default()
        );
        for bad in [
            r#"{"manifests":[{"digest":"sha512:aa"}]}"#,
            r#"{"manifests":[{}]}"#,
            r#"{"subject":{"digest":"::x"}}"#,
            "[",
            "<html>",
        ] {
            let why = named(bad.as_bytes()).unwrap_err();
            assert!(!why.contains("::"), "{why}");
        }
    }
}
