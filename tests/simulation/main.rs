//! Histories of a team, its branch, GitHub and Render, thousands of them, against the program's own rules: nothing that was pushed is ever
//! lost, and nothing older comes back. What the rules are is in `src/decide/ledger`; what must hold is in `check`; how a run asks them is in `run`.
//!
//! `HISTORIES` says how many, `SEED` from which one on: `SEED=42 HISTORIES=1 cargo test --test simulation` plays one again.

mod check;
mod event;
mod git;
mod random;
mod render;
mod run;
mod shrink;
mod world;

use event::History;
use run::{Rules, Stop, perform};
use shrink::{shrink, told};
use std::collections::BTreeMap;
use world::{Violation, World};

/// Plays a history to its end.
fn play(history: &History, rules: Rules, has_listener: Listener) -> World {
    let mut world = World::new(history, rules);
    if has_listener == Listener::Somebody {
        world.story = Some(Vec::new());
    }
    while world.violation.is_none() {
        let waiting = (0..2).find(|environment| world.queues[*environment].pending.is_some());
        if let Some(environment) = waiting {
            run_next(&mut world, environment);
            continue;
        }
        match world.next_event() {
            Some(event) => world.happens(event),
            None => break,
        }
    }
    if world.violation.is_none() {
        world.check_end();
    }
    world
}

/// Whether anybody reads the story of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listener {
    Nobody,
    Somebody,
}

fn run_next(world: &mut World, environment: usize) {
    let Some(run) = world.queues[environment].pending.take() else { return };
    world.queues[environment].is_busy = true;
    world.say(|| format!("  {run} begins"));
    match perform(world, &run) {
        Ok(told) => world.say(|| format!("  {run} ends: {told:?}")),
        Err(Stop::Killed) => {}
        Err(Stop::Failed(word)) => {
            world.say(|| format!("  {run} fails: {word}"));
            world.count(word);
        }
    }
    world.queues[environment].is_busy = false;
}

/// What came of many histories.
struct Played {
    /// The first history, by its seed, in which an invariant broke.
    broken: Option<(u64, Violation)>,
    coverage: BTreeMap<&'static str, u64>,
}

/// Plays so many histories from a seed on, on every core.
fn play_many(first: u64, histories: u64, rules: Rules) -> Played {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let play_share = |share: u64| {
        let mut played = Played { broken: None, coverage: BTreeMap::new() };
        for seed in (first + share..first + histories).step_by(threads as usize) {
            let world = play(&History::of(seed), rules, Listener::Nobody);
            for (what, times) in world.coverage {
                *played.coverage.entry(what).or_default() += times;
            }
            if let Some(violation) = world.violation {
                played.broken = Some((seed, violation));
                break;
            }
        }
        played
    };
    std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads).map(|share| scope.spawn(move || play_share(share))).collect();
        let mut all = Played { broken: None, coverage: BTreeMap::new() };
        for share in shares {
            let share = share.join().expect("a thread that plays histories");
            for (what, times) in share.coverage {
                *all.coverage.entry(what).or_default() += times;
            }
            all.broken = match (all.broken, share.broken) {
                (Some(one), Some(other)) => Some(if one.0 < other.0 { one } else { other }),
                (one, other) => one.or(other),
            };
        }
        all
    })
}

#[expect(clippy::disallowed_methods, reason = "a test's own settings; nothing of the program reads them")]
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

#[expect(clippy::print_stdout, reason = "for those who look at what the simulation reaches")]
fn print(text: &str) {
    println!("{text}");
}

#[test]
fn ten_thousand_histories_keep_the_invariants() {
    let (first, histories) = (setting("SEED", 0), setting("HISTORIES", 10_000));
    let played = play_many(first, histories, Rules::Real);
    for (what, times) in &played.coverage {
        print(&format!("{times:>9}  {what}"));
    }
    if let Some((seed, violation)) = played.broken {
        panic!(
            "history {seed} breaks invariant {}: {}\nplay it again: SEED={seed} HISTORIES=1 cargo test --test simulation\n{}",
            violation.invariant,
            violation.text,
            told(&shrink(&History::of(seed), Rules::Real, violation.invariant), Rules::Real)
        );
    }
}
#[test]
#[ignore]
fn scan() {
    let mut n = BTreeMap::new();
    let mut s = setting("SEED", 0);
    let end = s + setting("HISTORIES", 2000);
    while s < end {
        let w = play(&History::of(s), Rules::Real, Listener::Nobody);
        if let Some(v) = w.violation {
            let l: &mut Vec<u64> = n.entry(v.invariant).or_default();
            l.push(s);
            if l.len() <= setting("EACH", 2) as usize {
                print(&format!(
                    "=== {s} inv {} {}\n{}",
                    v.invariant,
                    v.text,
                    told(&shrink(&History::of(s), Rules::Real, v.invariant), Rules::Real)
                ));
            }
        }
        s += 1;
    }
    for (k, v) in n {
        print(&format!("{k}: {} {:?}", v.len(), &v[..v.len().min(10)]));
    }
}
