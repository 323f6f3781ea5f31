//! Many histories, on every core.

use crate::counters::Counters;
use crate::event::History;
use crate::oracle::{Found, Promise};
use crate::shrink::shrink;
use crate::{Listener, number, play, print, text};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How many are played where nobody says how many.
const IN_CI: u64 = 1_000;

/// What came of many histories.
#[derive(Default)]
struct Totals {
    counters: Counters,
    /// By promise: the seeds of the histories in which it broke, and how it did in the first.
    broken: BTreeMap<Promise, (BTreeSet<u64>, BTreeMap<u64, Found>)>,
}

impl Totals {
    fn add(&mut self, seed: u64, found: Vec<Found>) {
        for found in found {
            let (seeds, first) = self.broken.entry(found.promise).or_default();
            if seeds.insert(seed) && seeds.first() == Some(&seed) {
                *first = BTreeMap::from([(seed, found)]);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.counters.merge(&other.counters);
        for (promise, (seeds, first)) in other.broken {
            let own = self.broken.entry(promise).or_default();
            own.0.extend(seeds);
            own.1.extend(first);
        }
    }
}

impl Totals {
    /// The seed of each history that breaks a promise, and the promise, a line each.
    fn lines(&self) -> String {
        let of = |(promise, (seeds, _)): (&Promise, &(BTreeSet<u64>, _))| {
            seeds
                .iter()
                .map(|seed| format!("{seed} {promise:?}\n"))
                .collect::<String>()
        };
        self.broken.iter().map(of).collect()
    }
}

/// Runs `act` for each seed, on every core.
pub(crate) fn on_every_core<T: Send>(
    first: u64,
    count: u64,
    act: impl Fn(u64) -> T + Sync,
    mut take: impl FnMut(u64, T),
) {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for share in 0..threads {
            let (sender, act) = (sender.clone(), &act);
            scope.spawn(move || {
                for seed in (first + share..first + count).step_by(threads as usize) {
                    if sender.send((seed, act(seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        receiver
            .iter()
            .for_each(|(seed, played)| take(seed, played));
    });
}

fn play_many(first: u64, count: u64) -> Totals {
    let mut totals = Totals::default();
    let act = |seed| {
        let played = play(&History::of(seed), Listener::Nobody, None);
        let mut totals = Totals {
            counters: played.counters,
            ..Totals::default()
        };
        totals.add(seed, played.found);
        totals
    };
    on_every_core(first, count, act, |_, played| totals.merge(played));
    totals
}

/// A history that breaks a promise, as short as it can be, and as a readable list.
pub(crate) fn tell(seed: u64, promise: Promise) {
    let short = shrink(&History::of(seed), promise);
    print(&format!(
        "--- history {seed}, as short as it can be, breaks {promise:?}"
    ));
    print(&format!("{short:?}"));
    play(&short, Listener::Somebody, Some(promise))
        .story
        .iter()
        .for_each(|line| print(line));
}

#[test]
fn random_histories_keep_the_promises() {
    let (first, count) = (number("SEED", 0), number("HISTORIES", IN_CI));
    print(&format!("histories {first} to {}", first + count - 1));
    if count == 1 {
        play(&History::of(first), Listener::Somebody, None)
            .story
            .iter()
            .for_each(|line| print(line));
    }
    #[expect(clippy::disallowed_methods, reason = "the time that the test takes")]
    let started = Instant::now();
    let totals = play_many(first, count);
    for (what, times) in &totals.counters.0 {
        print(&format!("{times:>9}  {what}"));
    }
    print(&format!(
        "{count} histories in {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    if let Some(path) = text("BROKEN") {
        std::fs::write(path, totals.lines()).expect("the list of broken histories");
    }
    let mut broken = Vec::new();
    for (promise, (seeds, found)) in &totals.broken {
        let shown: Vec<&u64> = seeds.iter().take(10).collect();
        print(&format!(
            "{promise:?} breaks in {} histories: {shown:?}",
            seeds.len()
        ));
        let Some((seed, found)) = found.first_key_value() else {
            continue;
        };
        tell(*seed, *promise);
        broken.push(format!("history {seed} breaks {promise:?}: {}", found.text));
    }
    assert!(
        broken.is_empty(),
        "{}\nto play it again: SEED=<seed> HISTORIES=1 cargo test --test histories random -- --nocapture",
        broken.join("\n")
    );
}

/// Prints each history of some seeds that breaks a promise, as short as it can be. `PROMISE` chooses one.
#[test]
#[ignore = "for those who look for faults"]
fn broken_histories_as_short_as_they_can_be() {
    let wanted = text("PROMISE").unwrap_or_default();
    for seed in number("SEED", 0)..number("SEED", 0) + number("HISTORIES", 1) {
        let found = play(&History::of(seed), Listener::Nobody, None).found;
        let promises: BTreeSet<Promise> = found.iter().map(|found| found.promise).collect();
        for promise in promises {
            if wanted.is_empty() || format!("{promise:?}") == wanted {
                tell(seed, promise);
            }
        }
    }
}
