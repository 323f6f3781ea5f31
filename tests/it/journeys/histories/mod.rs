//! Histories of a team, played with the real program: what `tests/simulation` does with the rules by themselves, here for a sample with
//! everything around them.
//!
//! `HISTORIES` says how many, `SEED` from which one on: `SEED=42 HISTORIES=1 cargo test --test it histories` plays one again.

mod check;
mod event;
#[path = "../../../simulation/random.rs"]
pub(super) mod random;
mod team;

use super::at_once;
use event::{Ask, Begins, Builds, Cut, Ends, Event, Fortune, History, Key, Services, Setting};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use team::Team;
use testworld::Checkout;
use testworld::render::Policy;
use testworld::trap::Moment;

/// How many are played at once: they wait more than they work.
const AT_ONCE: usize = 32;

/// What they reach, each at least once: histories that never get there prove nothing.
const REACHED: &[&str] = &[
    "branches forced back",
    "deploys by hand",
    "deploys that failed",
    "late runs",
    "records unreadable",
    "records unwritable",
    "reverts",
    "rollbacks by hand",
    "runs cancelled",
    "runs evicted",
    "runs killed",
    "runs repeated",
    "services held",
    "services superseded",
    "services told accepted",
    "services told live",
];

/// Plays a history to its end, and gives what it reached.
fn play(name: &str, history: &History) -> BTreeMap<&'static str, usize> {
    let team = RefCell::new(Team::new(history.setting));
    let played = catch_unwind(AssertUnwindSafe(|| {
        history
            .events
            .iter()
            .for_each(|event| team.borrow_mut().happens(event));
        team.borrow_mut().ends();
    }));
    if let Err(why) = played {
        let text = why.downcast_ref::<String>().cloned().unwrap_or_default();
        let (why, story) = (
            text.lines().next().unwrap_or_default(),
            team.borrow().story.join("\n"),
        );
        panic!(
            "{name}: {why}\n{:?}\n{:?}\n{story}",
            history.setting, history.events
        );
    }
    team.into_inner().reached
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "what they reach is what this test tells"
)]
fn a_sample_of_histories_keeps_the_invariants() {
    let (first, count) = (setting("SEED", 0), setting("HISTORIES", 32));
    let reached = Mutex::new(BTreeMap::<&str, usize>::new());
    let seeds: Vec<u64> = (first..first + count).collect();
    for seeds in seeds.chunks(AT_ONCE) {
        at_once(seeds.to_vec(), |seed| {
            let again = format!("SEED={seed} HISTORIES=1 cargo test --test it histories");
            let found = play(&format!("history {seed} ({again})"), &History::of(seed));
            let mut reached = reached.lock().expect("what was reached");
            for (what, times) in found {
                *reached.entry(what).or_default() += times;
            }
        });
    }
    let reached = reached.into_inner().expect("what was reached");
    for (what, times) in &reached {
        println!("{times:>6}  {what}");
    }
    let missing: Vec<_> = REACHED
        .iter()
        .filter(|what| !reached.contains_key(**what))
        .collect();
    assert!(
        count < 32 || missing.is_empty(),
        "never reached: {missing:?}"
    );
}

#[test]
fn a_revert_of_what_was_cut_off_is_deployed() {
    let setting = Setting {
        key: Key::None,
        policy: Policy::Wait,
        services: Services::Three,
        builds: Builds::Labelled,
        begins: Begins::Deployed,
        ends: Ends::Push,
        checkout: Checkout::Full,
        pace: 4,
    };
    let ends = Cut {
        kind: "GitHub: POST /deployments/*/statuses",
        nth: 1,
        moment: Moment::Unheard,
    };
    let calls = Cut {
        kind: "Render: POST /deploy/* key imgURL",
        nth: 1,
        moment: Moment::Unanswered,
    };
    at_once([ends, calls], |cut| {
        let push = Event::Run(Ask::Push(vec![(1, 2)]), Fortune::Killed(cut));
        let events = vec![push, Event::Run(Ask::Revert, Fortune::Well)];
        let reached = play(cut.kind, &History { setting, events });
        assert_eq!(reached.get("runs killed"), Some(&1), "{cut:?}");
    });
}
