//! Random histories of a team, its branches, releases, rollbacks and mishaps, played with the real program, in process and in virtual time, against models of
//! GitHub, Render and a registry. An oracle that shares no code with the program holds what is promised against what is true.
//!
//! `HISTORIES` says how many are played, `SEED` from which one on: `SEED=42 HISTORIES=1 cargo test --test histories` plays one again and prints it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place is about a few of many kinds of events"
)]

mod checkout;
mod counters;
mod detect;
mod event;
mod generator;
mod git;
mod ingredients;
mod kinds;
mod literal;
mod manifest;
mod many;
mod oracle;
mod payload;
mod random;
mod runner;
mod runs;
mod setting;
mod shrink;
mod spec;
mod team;
mod wire;
mod world;

use event::History;
use oracle::{Found, Promise};
use team::Team;

/// What came of a history.
struct Played {
    found: Vec<Found>,
    counters: counters::Counters,
    /// What happened, line by line; empty where nobody asked for it.
    story: Vec<String>,
}

/// Whether anybody reads what happens in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listener {
    Nobody,
    Somebody,
}

/// Plays a history: all of it, or to the event in which that promise breaks.
fn play(history: &History, listener: Listener, until: Option<Promise>) -> Played {
    let directory = tempfile::Builder::new()
        .prefix("history")
        .tempdir_in(place());
    let directory = directory.expect("a directory");
    let mut team = Team::new(history.setting, directory.path());
    if listener == Listener::Somebody {
        team.story = Some(vec![format!("{:?}", history.setting)]);
    }
    for event in &history.events {
        team.plays(event);
        if team.found.iter().any(|found| Some(found.promise) == until) {
            break;
        }
    }
    Played {
        found: team.found,
        counters: team.counters,
        story: team.story.unwrap_or_default(),
    }
}

/// Where files are made: in memory, where there is a place for that.
fn place() -> &'static std::path::Path {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        std::path::Path::new("/tmp")
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own settings; nothing of the program reads them"
)]
fn text(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str, otherwise: u64) -> u64 {
    text(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[expect(
    clippy::print_stdout,
    reason = "for those who look at what the histories reach"
)]
fn print(line: &str) {
    println!("{line}");
}
