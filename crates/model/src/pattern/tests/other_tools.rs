//! Patterns against picomatch and minimatch, as `.ci/patterns.mjs` recorded what they say (with `dot: true`).
//!
//! A pattern that is accepted here means the same there, or docs/migrating.md lists its construct as different. `.ci/run` records anew
//! and compares.

use super::*;
use std::collections::BTreeMap;

const RECORDED: &str = include_str!("../../../../../fixtures/patterns/other-tools.json");

type Trait = (&'static str, fn(&str) -> bool);

/// What picomatch reads differently, as docs/migrating.md shows it.
const PICOMATCH: &[Trait] = &[
    ("`*/**`", |text| text.contains("*/**")),
    ("`**.md`", has_more_than_two_stars),
    ("`[!a]`", |text| text.contains("[!")),
    ("`(a)`", |text| {
        has_segment(text, |name| name.starts_with('('))
    }),
];

/// What minimatch reads differently, as docs/migrating.md shows it.
const MINIMATCH: &[Trait] = &[
    ("`dir/**`", |text| has_segment(text, |name| name == "**")),
    ("`**.md`", has_more_than_two_stars),
    ("`#a`", |text| text.starts_with('#')),
    ("`[slug]`", |text| text.contains('[')),
];

fn has_more_than_two_stars(text: &str) -> bool {
    has_segment(text, |name| name.starts_with("**") && name != "**")
}

fn has_segment(text: &str, is: impl Fn(&str) -> bool) -> bool {
    text.split('/').any(is)
}

fn bits(value: &serde_json::Value) -> u128 {
    u128::from_str_radix(value.as_str().expect("hexadecimal"), 16).expect("hexadecimal")
}

/// Holds every recorded pattern against one tool; the traits that were needed.
fn compare(column: usize, traits: &'static [Trait]) -> BTreeMap<&'static str, usize> {
    let recorded: serde_json::Value = serde_json::from_str(RECORDED).expect("JSON");
    let paths: Vec<&str> = recorded["paths"]
        .as_array()
        .expect("paths")
        .iter()
        .filter_map(|path| path.as_str())
        .collect();
    let rows = recorded["rows"].as_array().expect("rows");
    let mut needed = BTreeMap::new();
    let (mut accepted, mut unlisted) = (0, Vec::new());
    for row in rows {
        let text = row[0].as_str().expect("a pattern");
        let Ok(pattern) = Pattern::parse(text) else {
            continue;
        };
        accepted += 1;
        let own = paths.iter().fold(0_u128, |bits, path| {
            bits << 1 | u128::from(pattern.matches(path.as_bytes()))
        });
        if own == bits(&row[column]) {
            continue;
        }
        match traits.iter().find(|(_, has)| has(text)) {
            Some((name, _)) => *needed.entry(*name).or_insert(0) += 1,
            None => {
                let differs = own ^ bits(&row[column]);
                let on: Vec<&str> = paths
                    .iter()
                    .rev()
                    .enumerate()
                    .filter(|(at, _)| differs >> at & 1 == 1)
                    .map(|(_, path)| *path)
                    .collect();
                unlisted.push(format!("{text} on {on:?}"));
            }
        }
    }
    assert!(accepted > 1500, "{accepted} of {}", rows.len());
    assert!(
        unlisted.is_empty(),
        "{} not listed: {:#?}",
        unlisted.len(),
        &unlisted[..unlisted.len().min(40)]
    );
    needed
}

fn every_trait_is_needed(column: usize, traits: &'static [Trait]) {
    let needed = compare(column, traits);
    let listed = include_str!("../../../../../docs/migrating.md");
    for (name, _) in traits {
        assert!(
            listed.contains(name),
            "docs/migrating.md does not list {name}"
        );
        assert!(needed.contains_key(name), "nothing differs by {name}");
    }
}

#[test]
fn picomatch_reads_accepted_patterns_alike_or_the_difference_is_listed() {
    every_trait_is_needed(1, PICOMATCH);
}

#[test]
fn minimatch_reads_accepted_patterns_alike_or_the_difference_is_listed() {
    every_trait_is_needed(2, MINIMATCH);
}
