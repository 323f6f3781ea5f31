//! How many histories it takes to find a kind of fault in a program that has it.

use crate::event::History;
use crate::kinds::{Kind, kinds};
use crate::many::{on_every_core, tell};
use crate::oracle::Promise;
use crate::shrink::shrink;
use crate::{Listener, number, play, print, text};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The history as short as it can be, if it shows that kind of fault.
fn find(kind: &Kind, history: &History) -> Option<(History, Promise)> {
    let history = kind.of(history)?;
    let found = play(&history, Listener::Nobody, None).found;
    let promise = found
        .iter()
        .map(|found| found.promise)
        .find(|promise| kind.promises.contains(promise))?;
    let short = shrink(&history, promise);
    kind.fits(&short).then_some((short, promise))
}

/// Prints, for each kind of fault, after how many histories it is found. `KIND` is a part of the names of those that are looked for.
#[test]
#[ignore = "for a program that has the faults; takes minutes"]
fn kinds_of_faults_are_found() {
    let (first, most, wanted) = (
        number("SEED", 0),
        number("HISTORIES", 5_000),
        text("KIND").unwrap_or_default(),
    );
    let mut missing = Vec::new();
    for kind in kinds().filter(|kind| kind.name.contains(&wanted)) {
        let (earliest, shortest) = (AtomicU64::new(u64::MAX), Mutex::new(None));
        let act = |seed| {
            if seed > earliest.load(Ordering::SeqCst) {
                return;
            }
            if let Some(found) = find(&kind, &History::of(seed))
                && earliest.fetch_min(seed, Ordering::SeqCst) > seed
            {
                *shortest.lock().expect("the shortest") = Some(found);
            }
        };
        on_every_core(first, most, act, |_, ()| {});
        let Some((short, promise)) = shortest.into_inner().expect("the shortest") else {
            print(&format!("  never  {}", kind.name));
            missing.push(kind.name);
            continue;
        };
        print(&format!(
            "{:>7}  {}",
            earliest.into_inner() - first + 1,
            kind.name
        ));
        if !wanted.is_empty() {
            play(&short, Listener::Somebody, Some(promise))
                .story
                .iter()
                .for_each(|line| print(line));
        }
    }
    assert!(
        missing.is_empty(),
        "not found in {most} histories: {missing:?}"
    );
}

/// Prints after how many histories a promise breaks, and that history as short as it can be.
#[test]
#[ignore = "for a program that has a fault"]
fn a_fault_is_found() {
    let (first, most) = (number("SEED", 0), number("HISTORIES", 5_000));
    let earliest = AtomicU64::new(u64::MAX);
    let act = |seed| {
        if seed > earliest.load(Ordering::SeqCst) {
            return;
        }
        let found = play(&History::of(seed), Listener::Nobody, None).found;
        if !found.is_empty() {
            earliest.fetch_min(seed, Ordering::SeqCst);
        }
    };
    on_every_core(first, most, act, |_, ()| {});
    let seed = earliest.into_inner();
    assert!(seed != u64::MAX, "nothing breaks in {most} histories");
    let found = play(&History::of(seed), Listener::Nobody, None).found;
    let promises: BTreeSet<Promise> = found.iter().map(|found| found.promise).collect();
    print(&format!("found after {}: {promises:?}", seed - first + 1));
    if text("SHORT").is_some() {
        promises.iter().for_each(|promise| tell(seed, *promise));
    }
}
