//! Every journey with every fault at every request: it ends in time, says only what is so, sends nothing twice that could have been looked up,
//! and the next run makes everything good.
//!
//! A journey is played once undisturbed, to count its requests, then once for each request and fault. Some are chosen for every run of the tests,
//! so that each fault meets each kind of request; `FAULTS_EVERYWHERE=1` plays all of them, `FAULTS=<part of a name>` those of some journeys.

mod journey;
mod truth;

use super::at_once;
use super::cancel::{is_write, kinds};
use journey::{JOURNEYS, Journey};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;
use testworld::fault::{Fault, Faulty};
use testworld::tally;

/// How many are played at once: they wait more than they work.
const AT_ONCE: usize = 48;
/// How long a run may take: the longest that any command waits for the same thing, and a little more.
const LONGEST: Duration = Duration::from_secs(11 * 60);

/// A journey and what goes wrong in it.
struct Case<'j> {
    journey: &'j Journey,
    faulty: Faulty,
}

impl Case<'_> {
    fn name(&self) -> String {
        let Faulty {
            kind,
            nth,
            fault,
            lasts,
            ..
        } = &self.faulty;
        format!(
            "{}: {fault:?} at {kind} number {nth}{}",
            self.journey.name,
            if *lasts { " and all later" } else { "" }
        )
    }

    /// Whether the fault met its request: what is looked at until it is there may be there sooner.
    fn play(&self) -> bool {
        let world = self.journey.begin().deadline(LONGEST).faulty(&self.faulty);
        // What is waited for is not there in time, sooner.
        let world = world
            .input("image-timeout", "10s")
            .input("live-timeout", "20s");
        let run = self.journey.run(world);
        tally::count("faulted runs", 1);
        let struck = self.faulty.struck();
        truth::told(self.journey, &run, self.faulty.fault, &struck);
        truth::led(&self.faulty, &run);
        run.settled();
        let is_recorded = !run.shown().contains("is not recorded");
        let run = self
            .journey
            .run(run.again().deadline(Duration::from_secs(180)));
        truth::made_good(self.journey, &run, is_recorded);
        run.settled();
        !struck.is_empty()
    }
}

/// The cases of a journey: all, or so many that every fault and every kind of request is there, and both among the first and the last of a kind.
fn cases<'j>(
    journey: &'j Journey,
    kinds: &BTreeMap<String, usize>,
    is_everywhere: bool,
    first: usize,
) -> Vec<Case<'j>> {
    let mut cases = Vec::new();
    let mut put = |kind: &String, nth: usize, fault: Fault, lasts: bool| {
        cases.push(Case {
            journey,
            faulty: Faulty::new(kind, nth, fault, lasts),
        });
    };
    for (place, (kind, count)) in kinds.iter().enumerate() {
        if is_everywhere {
            for nth in 1..=*count {
                Fault::ALL
                    .iter()
                    .for_each(|fault| put(kind, nth, *fault, false));
            }
            Fault::ALL
                .iter()
                .for_each(|fault| put(kind, 1, *fault, true));
            continue;
        }
        // What writes meets one in each journey, what reads in every other, and the next journey's meets the next one.
        let quick: Vec<Fault> = Fault::ALL
            .iter()
            .copied()
            .filter(|fault| !fault.is_slow())
            .collect();
        let number = first + place;
        if !is_write(kind) && number.is_multiple_of(2) {
            continue;
        }
        let nth = if number.is_multiple_of(3) { *count } else { 1 };
        // What goes on for long is waited for by some commands for minutes: there is nothing else to do.
        let is_patient = ["release", "cleanup"].contains(&journey.command);
        put(
            kind,
            nth,
            quick[number % quick.len()],
            number.is_multiple_of(5) && !is_patient,
        );
        if number.is_multiple_of(7) {
            let slow: Vec<Fault> = Fault::ALL
                .iter()
                .copied()
                .filter(|fault| fault.is_slow())
                .collect();
            put(kind, 1, slow[number % slow.len()], false);
        }
    }
    cases
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "how many there were is what this test tells"
)]
fn every_journey_survives_every_fault() {
    let is_everywhere = std::env::var_os("FAULTS_EVERYWHERE").is_some();
    let wanted = std::env::var("FAULTS").unwrap_or_default();
    let counted: Mutex<Vec<(usize, BTreeMap<String, usize>)>> = Mutex::default();
    at_once(JOURNEYS.iter().enumerate(), |(number, journey)| {
        let run = journey.run(journey.begin());
        truth::made_good(journey, &run, true);
        run.settled();
        counted
            .lock()
            .expect("what was counted")
            .push((number, kinds(&run)));
    });
    let mut counted = counted.into_inner().expect("what was counted");
    counted.sort_by_key(|(number, _)| *number);
    let (mut all, mut first) = (Vec::new(), 0);
    for (number, kinds) in &counted {
        let journey = &JOURNEYS[*number];
        let own = cases(journey, kinds, is_everywhere, first);
        first += kinds.len();
        let requests: usize = kinds.values().sum();
        println!(
            "{}: {requests} requests of {} kinds, {} faults",
            journey.name,
            kinds.len(),
            own.len()
        );
        all.extend(own.into_iter().filter(|case| case.name().contains(&wanted)));
    }
    // The slow ones first, so that none is waited for alone at the end.
    all.sort_by_key(|case| !case.faulty.fault.is_slow());
    let (queue, failures, unmet) = (
        Mutex::new(all.iter()),
        Mutex::new(Vec::new()),
        Mutex::new(Vec::new()),
    );
    at_once(0..AT_ONCE, |_| {
        loop {
            let next = queue.lock().expect("the queue").next();
            let Some(case) = next else { break };
            match catch_unwind(AssertUnwindSafe(|| case.play())) {
                Ok(true) => {}
                Ok(false) => unmet.lock().expect("what was not met").push(case.name()),
                Err(why) => {
                    let text = why.downcast_ref::<String>().cloned().unwrap_or_default();
                    println!("### {}\n{text}", case.name());
                    failures.lock().expect("failures").push(case.name());
                }
            }
        }
    });
    let failures = failures.into_inner().expect("failures");
    assert!(
        failures.is_empty(),
        "{} of {} runs:\n{}",
        failures.len(),
        all.len(),
        failures.join("\n")
    );
    let unmet = unmet.into_inner().expect("what was not met");
    let met = all.len() - unmet.len();
    println!("{met} of {} faults met their request", all.len());
    assert!(
        met * 20 >= all.len() * 19,
        "only {met} of {} faults met their request, not:\n{}",
        all.len(),
        unmet.join("\n")
    );
}
