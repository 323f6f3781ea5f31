//! Histories of a team, its branch, GitHub and Render, thousands of them, against the program's own rules: nothing that was pushed is ever
//! lost, and nothing older comes back. What the rules are is in `src/decide/ledger`; what must hold is in `check`; how a run asks them is in `run`.
//!
//! `HISTORIES` says how many, `SEED` from which one on: `SEED=42 HISTORIES=1 cargo test --test simulation` plays one again.

mod attempt;
mod check;
mod event;
mod git;
mod holes;
mod images;
mod leftovers;
mod line;
mod promotion;
mod random;
mod registry;
mod render;
mod rollback;
mod run;
mod shrink;
mod world;

use event::History;
use run::{Rules, Stop, perform};
use shrink::{shrink, told};
use std::collections::BTreeMap;
use world::{Violation, World};

/// Plays a history to its end.
fn play(history: &History, rules: Rules, listener: Listener) -> World {
    let mut world = World::new(history, rules);
    if listener == Listener::Somebody {
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
    let Some(run) = world.queues[environment].pending.take() else {
        return;
    };
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
fn play_many(first: u64, histories: u64) -> Played {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let play_share = |share: u64| {
        let mut played = Played {
            broken: None,
            coverage: BTreeMap::new(),
        };
        for seed in (first + share..first + histories).step_by(threads as usize) {
            let world = play(&History::of(seed), Rules::Real, Listener::Nobody);
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
        let shares: Vec<_> = (0..threads)
            .map(|share| scope.spawn(move || play_share(share)))
            .collect();
        let mut all = Played {
            broken: None,
            coverage: BTreeMap::new(),
        };
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

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own settings; nothing of the program reads them"
)]
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(otherwise, |text| text.parse().expect("a number"))
}

#[expect(
    clippy::print_stdout,
    reason = "for those who look at what the simulation reaches"
)]
fn print(text: &str) {
    println!("{text}");
}

/// What ten thousand histories reach, each at least once: a simulation that never gets there proves nothing.
const REACHED: &[&str] = &[
    "builds of the same bytes",
    "builds that fail",
    "deploys adopted",
    "deploys by hand",
    "deploys cancelled by hand",
    "deploys cancelled by their run",
    "deploys not followed to their end",
    "deploys that fail",
    "deploys that hang",
    "forced pushes",
    "going-back",
    "hook calls answered 202",
    "hook calls that go wrong",
    "image-missing",
    "images built again",
    "images by a record",
    "images deleted",
    "images not built again",
    "images of an ancestor",
    "images of the commit itself",
    "keys given or taken away",
    "last releases refused as taken",
    "not-live-in-required-environment",
    "open records ended by a later run",
    "order unknown, gone on",
    "order-unknown",
    "promotions completed by a later run",
    "questions to Render unanswered",
    "records by others",
    "records left unread",
    "records unreadable",
    "records unwritable",
    "release tags put",
    "release tags put by hand",
    "release tags that stay on other bytes",
    "release tags that were there",
    "releases of an image whose services serve other bytes",
    "releases of what staging ran",
    "releases of what staging ran, whatever the tag is on",
    "releases refused as taken",
    "releases that would go back, refused",
    "reverts while a deploy is in flight",
    "rollbacks",
    "rollbacks by a release's tags",
    "rollbacks by hand",
    "rollbacks cut off",
    "rollbacks refused",
    "rollbacks refused, an image being gone or another's",
    "rollbacks respected",
    "rollbacks that had led there already",
    "rollbacks to a named commit",
    "rollbacks to a named release",
    "rollbacks to where they were to lead",
    "runs approved late",
    "runs evicted",
    "runs killed before an intent",
    "runs killed between hook and end",
    "runs killed between intent and hook",
    "runs repeated",
    "services held",
    "services held at the end",
    "services made anew",
    "services put back",
    "services superseded",
    "services superseded at the second reading",
    "services that had the bytes anyway",
];

#[test]
fn ten_thousand_histories_keep_the_invariants() {
    let (first, histories) = (setting("SEED", 0), setting("HISTORIES", 10_000));
    print(&format!("histories {first} to {}", first + histories - 1));
    let played = play_many(first, histories);
    for (what, times) in &played.coverage {
        print(&format!("{times:>9}  {what}"));
    }
    if let Some((seed, violation)) = played.broken {
        panic!(
            "history {seed} breaks invariant {}: {}\nto play it again: SEED={seed} HISTORIES=1 cargo test --test simulation\n{}",
            violation.invariant,
            violation.text,
            told(
                &shrink(&History::of(seed), Rules::Real, violation.invariant),
                Rules::Real
            )
        );
    }
    let missing: Vec<_> = REACHED
        .iter()
        .filter(|what| !played.coverage.contains_key(**what))
        .collect();
    assert!(
        histories < 10_000 || missing.is_empty(),
        "never reached: {missing:?}"
    );
}

/// Shows that the simulation would notice: by these rules it finds a history in which this invariant breaks.
fn finds(rules: Rules, invariant: u8, within: u64) {
    let is_it = |violation: &Violation| violation.invariant == invariant;
    let found = (0..within)
        .find(|seed| {
            play(&History::of(*seed), rules, Listener::Nobody)
                .violation
                .as_ref()
                .is_some_and(is_it)
        })
        .unwrap_or_else(|| {
            panic!("{rules:?} breaks invariant {invariant} in none of {within} histories")
        });
    print(&format!(
        "{rules:?} breaks invariant {invariant} in history {found}, which is, as short as it can be:"
    ));
    print(&told(&shrink(&History::of(found), rules, invariant), rules));
}

#[test]
fn a_base_from_the_event_alone_loses_deploys() {
    finds(Rules::BaseFromEvent, 1, 1_000);
}

#[test]
fn a_record_written_only_after_success_loses_a_revert() {
    finds(Rules::RecordAfterSuccess, 1, 1_000);
}

#[test]
fn to_deploy_what_is_no_ancestor_steps_back() {
    finds(Rules::NotAncestorMeansDeploy, 2, 1_000);
}

#[test]
fn a_second_rollback_that_holds_only_what_it_left_itself_lets_the_first_come_back() {
    finds(Rules::RollbackForgetsHold, 6, 10_000);
}

#[test]
fn to_build_what_the_event_says_has_changed_leaves_a_failed_build_behind() {
    finds(Rules::MatrixFromEvent, 4, 1_000);
}

#[test]
fn an_image_that_is_equal_for_one_of_its_services_is_not_that_of_the_next() {
    finds(Rules::EqualForOneService, 1, 1_000);
}

#[test]
fn a_rollback_that_holds_only_the_release_that_a_service_had_lets_a_higher_one_come_back() {
    finds(Rules::EachHoldsItsOwn, 6, 10_000);
}

#[test]
fn a_rollback_by_each_services_own_record_leads_to_what_never_was() {
    finds(Rules::EachGoesByItsOwn, 8, 1_000);
}

#[test]
fn a_promotion_after_the_hooks_leaves_bytes_without_their_releases_tag() {
    finds(Rules::PromoteAfterHooks, 7, 1_000);
}

#[test]
fn a_tag_that_is_put_wherever_it_is_makes_a_release_other_bytes() {
    finds(Rules::MoveReleaseTag, 7, 1_000);
}
