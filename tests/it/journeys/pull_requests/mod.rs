//! Random histories of pull requests, their previews and clean-ups, played with the real program. What must hold is judged by what the models of Render,
//! the registry and GitHub have: no rule of the program is asked.
//!
//! `HISTORIES` says how many, `SEED` from which one on: `SEED=42 HISTORIES=1 cargo test --test it pull_requests` plays one again.

mod oracle;
#[path = "../../../simulation/random.rs"]
mod random;
mod team;

use super::at_once;

use random::Random;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use team::Team;

/// How long a history is.
const EVENTS: usize = 9;

/// What happens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// A push, with the run that it starts; the byte chooses what it changes.
    Push(u8, u8, Fortune),
    /// An earlier run is repeated.
    Repeat(u8, Fortune),
    /// A pull request is closed; whether its clean-up runs.
    Close(u8, bool, Fortune),
    /// It is opened again, and its run starts.
    Reopen(u8, Fortune),
    /// The scheduled clean-up.
    Sweep(Fortune),
    /// A push and the repetition of an earlier run at the same time.
    Overlap(u8, u8),
    /// Another account is the author of the newest record.
    Foreign,
}

/// How a run fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fortune {
    Well,
    /// It may not write records.
    Denied,
    /// `record: false`.
    Forgetful,
    /// It is killed at this place.
    Killed(u8),
    /// It is cancelled at this place.
    Cancelled(u8),
}

impl Fortune {
    fn of(random: &mut Random) -> Self {
        match random.below(10) {
            0 => Self::Denied,
            1 => Self::Forgetful,
            2 | 3 => Self::Killed(random.byte()),
            4 => Self::Cancelled(random.byte()),
            _ => Self::Well,
        }
    }
}

fn event(random: &mut Random) -> Event {
    let pull = random.byte();
    match random.below(14) {
        0..=4 => Event::Push(pull, random.byte(), Fortune::of(random)),
        5 | 6 => Event::Repeat(random.byte(), Fortune::of(random)),
        7 | 8 => Event::Close(pull, random.happens(70), Fortune::of(random)),
        9 => Event::Reopen(pull, Fortune::of(random)),
        10 | 11 => Event::Sweep(Fortune::of(random)),
        12 => Event::Overlap(pull, random.byte()),
        _ => Event::Foreign,
    }
}

/// Plays a history, and says how often each kind of thing happened.
fn play(seed: u64) -> BTreeMap<&'static str, usize> {
    let mut random = Random::new(seed);
    let mut events = vec![Event::Push(0, 0, Fortune::Well)];
    events.extend((0..EVENTS).map(|_| event(&mut random)));
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
            "history {seed} ({again}): {text}\n{events:#?}\n{}",
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
    "previews deleted",
    "previews made",
    "runs cut off",
    "runs live",
    "runs repeated",
    "runs superseded",
    "runs without a record",
];

#[test]
#[expect(
    clippy::print_stdout,
    reason = "what they reach is what this test tells"
)]
fn random_histories_keep_what_serves_and_leave_nothing() {
    let (first, count) = (setting("SEED", 0), setting("HISTORIES", 60));
    let reached = Mutex::new(BTreeMap::<&str, usize>::new());
    at_once(first..first + count, |seed| {
        for (what, times) in play(seed) {
            *reached.lock().expect("a map").entry(what).or_default() += times;
        }
    });
    let reached = reached.into_inner().expect("a map");
    for (what, times) in &reached {
        println!("{times:>6}  {what}");
    }
    let mut missing = REACHED.iter().filter(|what| !reached.contains_key(**what));
    assert!(
        count < 50 || missing.next().is_none(),
        "not everything was reached"
    );
}
