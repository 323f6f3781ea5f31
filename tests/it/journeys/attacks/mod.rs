//! What comes in that should not: each test bears the number of its row in the list of attacks.

mod around;
mod events;
mod hooks;
mod ledger;
mod manifests;
mod others;
mod places;
mod registries;
mod values;
mod variants;

use std::path::Path;
use testworld::{World, tally};

/// The rows of the list.
const ROWS: &[&str] = &[
    "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32",
    "33", "34", "35", "36", "37", "37b", "37c", "37d", "37e", "37f", "38", "39", "40", "41", "42",
    "43", "44", "45", "46", "47", "48", "49", "50", "51", "52", "53", "54", "64", "65", "66", "67",
    "68", "69", "70", "71", "72", "73", "74",
];

const SOURCES: &[&str] = &[
    include_str!("around.rs"),
    include_str!("events.rs"),
    include_str!("hooks.rs"),
    include_str!("ledger.rs"),
    include_str!("manifests.rs"),
    include_str!("others.rs"),
    include_str!("places.rs"),
    include_str!("registries.rs"),
    include_str!("values.rs"),
    include_str!("../cleanup.rs"),
    include_str!("../comments.rs"),
    include_str!("../dialects.rs"),
    include_str!("../inputs.rs"),
    include_str!("../ledger_histories/foreign.rs"),
    include_str!("../second_door.rs"),
    include_str!("../tls.rs"),
];

#[test]
fn every_row_has_a_test_and_two_variants_that_the_list_does_not_name() {
    for row in ROWS {
        let tests: usize = SOURCES
            .iter()
            .map(|source| source.matches(&format!("#[test]\nfn row_{row}_")).count())
            .sum();
        assert!(tests > 0, "row {row} has no test");
        let of_row = |(name, count): (&str, usize)| {
            name.starts_with(&format!("row_{row}_")).then_some(count)
        };
        let variants: usize = variants::counts().filter_map(of_row).sum();
        assert!(variants >= 2, "row {row} has {variants} variants");
        tally::count("attack rows", 1);
        tally::count("attack tests", tests);
        tally::count("attack variants", variants);
    }
}

/// A push that changes `api`, with its images.
pub(super) fn pushed() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .images()
}

/// Puts a pipe there, in the place of what may be there.
fn pipe(path: &Path) {
    let _ = std::fs::remove_file(path);
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo").success());
}
