//! Random histories of pull requests, their previews and clean-ups, played with the real program. What must hold is judged by what the models of Render,
//! the registry and GitHub have: no rule of the program is asked.
//!
//! `HISTORIES` says how many, `SEED` from which one on: `SEED=42 HISTORIES=1 cargo test --test it pull_requests` plays one again.

mod beside;
mod branch;
mod chance;
mod cleaning;
mod fate;
mod judge;
mod oracle;
mod others;
#[path = "../../../simulation/random.rs"]
mod random;
mod team;
mod told;

use super::at_once;

use random::Random;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use team::Team;

/// How long a history is.
const EVENTS: usize = 12;

/// Plays a history, and says how often each kind of thing happened.
fn play(seed: u64) -> BTreeMap<String, usize> {
    let mut random = Random::new(seed);
    let mut events = vec![chance::first(&mut random)];
    events.extend((1..EVENTS).map(|_| chance::event(&mut random)));
    let team = Mutex::new(Team::new());
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut team = team.lock().expect("a team");
        for event in &events {
            team.plays(*event);
        }
        team.ends();
    }));
    let team = team
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Err(why) = played {
        let text = why.downcast_ref::<String>().cloned().unwrap_or_default();
        let again = format!("SEED={seed} HISTORIES=1 cargo test --test it pull_requests");
        panic!(
            "history {seed} ({again}): {text}\n{}",
            team.story.join("\n")
        );
    }
    team.reached
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// What they reach, each at least once: histories that never get there prove nothing.
const REACHED: &[&str] = &[
    "clean-ups",
    "comments cleaned up",
    "comments with leftovers",
    "comments with previews",
    "jobs side by side",
    "previews deleted",
    "previews listed late",
    "previews made",
    "previews suspended",
    "pull requests closed during a run",
    "pull requests forced back",
    "pull requests opened again during a clean-up",
    "pushes during a run",
    "release tags put during a clean-up",
    "runs live",
    "runs repeated",
    "runs superseded",
    "runs without a record",
];

/// A preview that Render did not list yet had been given other bytes by a run without a record; a sweep deleted them.
#[test]
fn a_sweep_keeps_the_images_of_a_preview_that_is_not_listed_yet() {
    play(354);
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "what they reach is what this test tells"
)]
fn random_histories_keep_what_serves_and_leave_nothing() {
    let (first, count) = (setting("SEED", 0), setting("HISTORIES", 120));
    let reached = Mutex::new(BTreeMap::<String, usize>::new());
    at_once(first..first + count, |seed| {
        for (what, times) in play(seed) {
            *reached.lock().expect("a map").entry(what).or_default() += times;
        }
    });
    let reached = reached.into_inner().expect("a map");
    for (what, times) in &reached {
        println!("{times:>6}  {what}");
    }
    // A clean-up is seldom cut off: all of its places are met in some hundred histories.
    let places = fate::DEPLOYS.iter();
    let cut_off = places.map(|place| format!("runs cut off at {place}"));
    let wanted = REACHED.iter().map(|what| (*what).to_owned()).chain(cut_off);
    let missing: Vec<String> = wanted.filter(|what| !reached.contains_key(what)).collect();
    assert!(
        count < 120 || missing.is_empty(),
        "not reached: {missing:?}"
    );
}
