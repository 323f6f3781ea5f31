//! Where the parts of a manifest stand, for remarks about what is no mistake of its text.

use super::Position;
use crate::yaml::{self, Node};
use crate::yaml::{entries, get, items};
use std::collections::BTreeMap;

/// A line and a column, from 1.
pub type LineColumn = (u32, u32);

/// Where an image or a service stands, and each pattern of its `paths`.
#[derive(Debug, Clone, Default)]
pub struct EntryPlaces {
    /// Its name.
    pub name: Option<LineColumn>,
    /// Its patterns, in their order.
    pub paths: Vec<LineColumn>,
}

/// Where the parts of a manifest stand.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The patterns of `ignore`.
    pub ignore: Vec<LineColumn>,
    /// The patterns of `shared`.
    pub shared: Vec<LineColumn>,
    /// Images by name.
    pub images: BTreeMap<String, EntryPlaces>,
    /// Services by name.
    pub services: BTreeMap<String, EntryPlaces>,
}

impl From<Position> for LineColumn {
    fn from(at: Position) -> Self {
        (at.line, at.column)
    }
}

/// Finds where the parts of a manifest stand. What is not there, or no manifest, has no place.
#[must_use]
pub fn places(bytes: &[u8]) -> Places {
    let Some(root) = yaml::parse(bytes, &mut Vec::new()) else {
        return Places::default();
    };
    let list = |key: &str| each(get(&root, key));
    let section = |key: &str| named(get(&root, key));
    Places {
        ignore: list("ignore"),
        shared: list("shared"),
        images: section("images"),
        services: section("services"),
    }
}

fn each(node: Option<&Node>) -> Vec<LineColumn> {
    items(node).map(|item| item.at.into()).collect()
}

fn named(node: Option<&Node>) -> BTreeMap<String, EntryPlaces> {
    let keys = yaml::keys(node);
    let paths = entries(node).map(|(_, value)| each(get(value, "paths")));
    keys.zip(paths)
        .map(|((name, at), paths)| {
            (
                name.to_owned(),
                EntryPlaces {
                    name: Some(at.into()),
                    paths,
                },
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_its_place() {
        let places = places(
            b"ignore: [a, b]\nimages:\n  api: { paths: [x,\n    y] }\nservices:\n  web:\n  job: { paths: [z] }\n",
        );
        assert_eq!(places.ignore, [(1, 10), (1, 13)]);
        assert!(places.shared.is_empty());
        assert_eq!(
            (
                places.images["api"].name,
                places.images["api"].paths.clone()
            ),
            (Some((3, 3)), vec![(3, 18), (4, 5)])
        );
        assert_eq!(
            (
                places.services["web"].name,
                places.services["job"].paths.clone()
            ),
            (Some((6, 3)), vec![(7, 18)])
        );
    }
}
