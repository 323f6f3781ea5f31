//! The index: which services had which names. It is a deployment of ours in one fixed environment, whose payload maps ids on Render to
//! names. Every run takes the union of the newest ones, so none of them has to be whole.

use super::wire::VERSION;
use model::{ServiceId, ServiceIndex, ServiceKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The environment of the index. It has no slash, so it is no service's.
pub(super) const INDEX: &str = "ghcr-to-render";
/// How many index records of ours are read.
pub(super) const NEWEST: usize = 20;

/// The payload of an index record.
#[derive(Serialize, Deserialize)]
pub(super) struct IndexPayloadWire {
    v: u64,
    index: BTreeMap<String, Vec<String>>,
}

impl IndexPayloadWire {
    pub(super) fn new(index: &ServiceIndex) -> Self {
        let names = |(id, keys): (&ServiceId, &std::collections::BTreeSet<ServiceKey>)| {
            let keys = keys.iter().map(ToString::to_string).collect();
            (id.to_string(), keys)
        };
        Self {
            v: VERSION,
            index: index.iter().map(names).collect(),
        }
    }

    /// What it says; names and ids that are malformed are left out.
    pub(super) fn read(&self) -> ServiceIndex {
        let mut index = ServiceIndex::default();
        if self.v != VERSION {
            return index;
        }
        for (id, names) in &self.index {
            let Ok(id) = ServiceId::parse(id) else {
                continue;
            };
            for key in names.iter().filter_map(|name| ServiceKey::parse(name)) {
                index.insert(id.clone(), key);
            }
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_reads_back_as_itself_and_leaves_out_what_is_malformed() {
        let mut index = ServiceIndex::default();
        let id = |text: &str| ServiceId::parse(text).unwrap();
        for (own, name) in [
            ("srv-a", "staging/api"),
            ("srv-a", "stage/backend"),
            ("srv-b", "staging/web"),
        ] {
            index.insert(id(own), ServiceKey::parse(name).unwrap());
        }
        let text = serde_json::to_string(&IndexPayloadWire::new(&index)).unwrap();
        assert_eq!(
            text,
            r#"{"v":1,"index":{"srv-a":["stage/backend","staging/api"],"srv-b":["staging/web"]}}"#
        );
        let read = |text: &str| {
            serde_json::from_str::<IndexPayloadWire>(text)
                .unwrap()
                .read()
        };
        assert_eq!(read(&text), index);
        let partly = r#"{"v":1,"index":{"x":["staging/api"],"srv-a":["api","staging/api","a/B"]}}"#;
        let read_partly = read(partly);
        assert_eq!(read_partly.names(&id("srv-a")).count(), 1);
        assert_eq!(read_partly.iter().count(), 1);
        assert_eq!(
            read(r#"{"v":2,"index":{"srv-a":["staging/api"]}}"#)
                .iter()
                .count(),
            0
        );
    }
}
