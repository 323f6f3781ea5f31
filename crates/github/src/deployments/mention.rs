//! Every record, for those who want to know what may still be needed: where it is, and the digests in it.

use super::super::address::escape;
use super::TASK;
use crate::{GitHub, GitHubError};
use model::{Digest, Untrusted};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// How many records are read at once: of all environments, and where there are more, of each.
const MOST: usize = 10_000;
/// The permission without which GitHub shows no deployments.
const NEEDED: &str = "deployments: read";
/// How a digest begins, and how long it is.
const DIGEST: (&str, usize) = ("sha256:", 71);

/// A record, however old, whoever wrote it, and whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Its number.
    pub number: u64,
    /// Its environment, as GitHub names it: `production/api`, `preview/api`.
    pub environment: String,
    /// The digests in its payload, wherever they stand there.
    pub digests: Vec<Digest>,
}

#[derive(serde::Deserialize)]
struct MentionWire {
    id: u64,
    environment: String,
    task: String,
    #[serde(default)]
    payload: MentionedDigests,
}

/// Every digest that stands in JSON of any shape. A payload is searched as it is read: one that is of no shape that is known, as a later version of
/// this program may write it, keeps what it names, and a large one takes no memory for what it does not name.
#[derive(Default)]
struct MentionedDigests(Vec<Digest>);

impl<'de> Deserialize<'de> for MentionedDigests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MentionSearch)
    }
}

struct MentionSearch;

impl<'de> Visitor<'de> for MentionSearch {
    type Value = MentionedDigests;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<MentionedDigests, E> {
        Ok(MentionedDigests(digests(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<MentionedDigests, A::Error> {
        let mut all = MentionedDigests::default();
        while let Some(MentionedDigests(found)) = list.next_element()? {
            all.0.extend(found);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<MentionedDigests, A::Error> {
        let mut all = MentionedDigests::default();
        while let Some((MentionedDigests(name), MentionedDigests(value))) = object.next_entry()? {
            all.0.extend(name.into_iter().chain(value));
        }
        Ok(all)
    }

    fn visit_bool<E>(self, _: bool) -> Result<MentionedDigests, E> {
        Ok(MentionedDigests::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<MentionedDigests, E> {
        Ok(MentionedDigests::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<MentionedDigests, E> {
        Ok(MentionedDigests::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<MentionedDigests, E> {
        Ok(MentionedDigests::default())
    }

    fn visit_unit<E>(self) -> Result<MentionedDigests, E> {
        Ok(MentionedDigests::default())
    }
}

impl GitHub {
    /// Every record of ours. Where there are too many of them, those of these environments; `None` where there are too many of one.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn mentions(
        &self,
        environments: &[String],
    ) -> Result<Option<Vec<Mention>>, GitHubError> {
        let all = format!("deployments?task={TASK}&per_page=100");
        if let Some(found) = self.mentions_at(&all, "the record of deploys").await? {
            return Ok(Some(found));
        }
        let mut mentions = BTreeMap::new();
        for environment in environments {
            let what = format!("the record of {}", Untrusted(environment.as_bytes()));
            let path = format!("{all}&environment={}", escape(environment));
            let Some(found) = self.mentions_at(&path, &what).await? else {
                return Ok(None);
            };
            mentions.extend(found.into_iter().map(|mention| (mention.number, mention)));
        }
        Ok(Some(mentions.into_values().collect()))
    }

    async fn mentions_at(
        &self,
        path: &str,
        what: &str,
    ) -> Result<Option<Vec<Mention>>, GitHubError> {
        let wires = self
            .pages::<MentionWire>(path, what, MOST)
            .await
            .map_err(|error| error.needing(NEEDED))?;
        // Asked for, and looked at all the same: what is not understood in a query is left out without a word.
        let ours = |wires: Vec<MentionWire>| {
            wires
                .into_iter()
                .filter(|wire| wire.task == TASK)
                .map(mention)
                .collect()
        };
        Ok(wires.map(ours))
    }
}

fn mention(wire: MentionWire) -> Mention {
    let MentionWire {
        id,
        environment,
        payload,
        ..
    } = wire;
    Mention {
        number: id,
        environment,
        digests: payload.0,
    }
}

/// Every digest that stands in a text, which may be JSON as well.
fn digests(text: &str) -> Vec<Digest> {
    let (begin, length) = DIGEST;
    text.match_indices(begin)
        .filter_map(|(at, _)| Digest::parse(text.get(at..at + length)?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{Server, exchange, found};

    const ALL: &str = "deployments?task=ghcr-to-render&per_page=100";

    #[tokio::test]
    async fn every_digest_of_a_record_is_found_however_it_is_written() {
        let digest = |letter: char| format!("sha256:{}", letter.to_string().repeat(64));
        let (a, b, c) = (digest('a'), digest('b'), digest('c'));
        let object = format!(
            r#"{{"v":9,"image":{{"is":"ghcr.io/acme/api@{a}"}},"platform_digest":"{b}","x":"sha256:zz"}}"#
        );
        let text = serde_json::to_string(&serde_json::to_string(&object).unwrap()).unwrap();
        let list = format!(
            r#"[{{"id":5000000001,"environment":"production/api","task":"ghcr-to-render","payload":{object}}},
                {{"id":2,"environment":"old/gone","task":"ghcr-to-render","payload":{text}}},
                {{"id":3,"environment":"x","task":"ghcr-to-render"}},
                {{"id":5,"environment":"y","task":"ghcr-to-render","payload":null}},
                {{"id":6,"environment":"z","task":"ghcr-to-render","payload":[null,true,-1,0.5,[{{"{a}":["{b}"]}}],"{c}"]}},
                {{"id":4,"environment":"production/api","task":"deploy","payload":{{"digest":"{c}"}}}}]"#
        );
        let server = Server::start(vec![found(ALL, &list)]);
        let mentions = server.github().mentions(&[]).await.unwrap().unwrap();
        server.finish();
        let shown: Vec<_> = mentions
            .iter()
            .map(|mention| (mention.number, mention.environment.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                (5_000_000_001, "production/api"),
                (2, "old/gone"),
                (3, "x"),
                (5, "y"),
                (6, "z")
            ]
        );
        let named: Vec<Vec<String>> = mentions
            .iter()
            .map(|mention| mention.digests.iter().map(ToString::to_string).collect())
            .collect();
        let (two, three) = (vec![a.clone(), b.clone()], vec![a, b, c]);
        assert_eq!(named, [two.clone(), two, vec![], vec![], three]);
    }

    #[tokio::test]
    async fn the_permission_is_named() {
        let path = format!("/api/v3/repos/acme/shop/{ALL}");
        let server = Server::start(vec![exchange(
            &path,
            403,
            &[],
            r#"{"message":"Resource not accessible"}"#,
        )]);
        let error = server.github().mentions(&[]).await.unwrap_err().to_string();
        server.finish();
        assert!(
            error.contains("the record of deploys: it needs deployments: read"),
            "{error}"
        );
    }
}
