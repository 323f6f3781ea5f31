//! Runs at the same time.

use super::chance::{Build, Change, Fortune};
use super::judge::{self, Seen};
use super::team::{SERVICES, Team};
use std::collections::BTreeMap;
use testworld::{Part, together};

impl Team {
    /// A push, and the repetition of an earlier run.
    pub(super) fn overlaps(&mut self, pull: u32, change: Change, which: u8) {
        let Some(images) = self.pushes(pull, change) else {
            return;
        };
        let _ = self.builds(images, Build::AtOnce);
        let last = self.runs.len() - 1;
        if last == 0 {
            return self.deploys(last, 1, Fortune::Well, Vec::new());
        }
        // A run is repeated only after it has ended.
        let old = usize::from(which) % last;
        let other_pull = self.runs[old].pull;
        let one = self.run_of(last, 1);
        self.world = Some(one.beside());
        let other = self.run_of(old, 2);
        let seen: BTreeMap<u32, Seen> = [pull, other_pull]
            .map(|pull| (pull, self.seen(pull)))
            .into();
        let [one, other] = together([Part::now(one, "deploy"), Part::now(other, "deploy")]);
        self.tells(&other);
        other.settled();
        drop(other);
        // By now both have written.
        self.deployed(one, pull, &seen, Fortune::Well);
        let head = self.pulls[&other_pull].head.clone();
        let told = self.known(other_pull, Some(&head)).is_true(self.world());
        self.counts_told(told);
    }

    /// The workflow of a push has one job for each service: they run side by side.
    pub(super) fn has_jobs(&mut self, pull: u32) {
        let Some(images) = self.pushes(pull, Change::Files(0)) else {
            return;
        };
        let _ = self.builds(images, Build::AtOnce);
        let which = self.runs.len() - 1;
        let one = self.run_of(which, 1).input("services", SERVICES[0]);
        let other = one.beside().input("services", SERVICES[1]);
        let event = one.event.clone();
        let other = other.on_event(|_| event.expect("an event"));
        let seen = BTreeMap::from([(pull, self.seen(pull))]);
        let parts = [Part::now(one, "deploy"), Part::now(other, "deploy")];
        let [one, other] = together(parts);
        self.tells(&other);
        other.settled();
        judge::has_parts(&one.world, pull, [&one, &other]);
        self.counts("jobs side by side");
        drop(other);
        self.deployed(one, pull, &seen, Fortune::Well);
        let world = self.world.take().expect("a world");
        self.world = Some(world.input("services", ""));
    }
}
