//! Closes, the clean-ups that follow them, and sweeps.

use super::chance::Fortune;
use super::fate::{CLEANUPS, fated};
use super::judge::{self, Seen, Standing};
use super::oracle::{self, There};
use super::team::{PULLS, Team};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use testworld::{Event, Run, World};

/// What there was before a clean-up.
struct Before {
    there: BTreeMap<u32, There>,
    bodies: BTreeMap<u32, String>,
}

impl Team {
    pub(super) fn closes(&mut self, number: u32, cleaned: Option<Fortune>) {
        let Some(pull) = self.pulls.get_mut(&number).filter(|pull| pull.is_open) else {
            return;
        };
        pull.is_open = false;
        let head = pull.head.clone();
        self.world().github.pull(number, "closed");
        let Some(fortune) = cleaned else {
            return;
        };
        let world = self.world.take().expect("a world");
        let world = world
            .variable("GITHUB_RUN_ATTEMPT", "1")
            .on_event(|_| Event::merged_close(number, &self.base, &head, &self.base));
        self.cleans(world, Some(number), fortune);
    }

    pub(super) fn sweeps(&mut self, fortune: Fortune) {
        let world = self.world.take().expect("a world");
        let world = world.variable("GITHUB_RUN_ATTEMPT", "1");
        let world = world.on_event(|_| Event::schedule(&self.base));
        self.cleans(world, None, fortune);
    }

    fn cleans(&mut self, world: World, pull: Option<u32>, fortune: Fortune) {
        self.counts("clean-ups");
        let mut seen: BTreeMap<u32, Seen> = BTreeMap::new();
        for number in self.pulls.keys() {
            seen.insert(*number, self.seen(*number));
        }
        let before = self.before(&world);
        let releases = oracle::releases(&world);
        let mut world = fated(world, fortune, &CLEANUPS);
        let mut release = None;
        let is_closed = |seen: &&Seen| !seen.before.is_open;
        let closed = match pull {
            Some(pull) => seen.get(&pull),
            None => seen.values().find(is_closed),
        };
        if let (Fortune::Meanwhile(reopens, byte), Some(closed)) = (fortune, closed) {
            let number = closed.pull;
            let wait = Duration::from_millis(10 + 4 * u64::from(byte));
            if reopens {
                let (github, during) = (world.github.clone(), closed.clone());
                let head = closed.before.head.clone();
                world = world.after(wait, move || {
                    github.pull(number, "open");
                    during.happens(Standing {
                        is_open: true,
                        head,
                    });
                });
            } else {
                let put = judge::Release::of(&world, number, byte);
                release = Some(put.clone());
                world = world.after(wait, move || put.is_put());
            }
        }
        if self.number.is_multiple_of(2) && oracle::is_meant(&world) {
            self.counts("previews listed late");
            world.render.previews_lag(1);
        }
        let run = world.run("cleanup");
        self.cleaned(run, (&before, &releases), &seen, fortune, release);
    }

    fn before(&self, world: &World) -> Before {
        let comments = world.github.comments();
        let body = |pull: &u32| {
            let mut own = comments
                .iter()
                .filter(|comment| comment.is_ours() && comment.pull == u64::from(*pull));
            own.next().map(|own| own.body.clone()).unwrap_or_default()
        };
        Before {
            there: PULLS
                .iter()
                .map(|pull| (*pull, There::of(world, *pull)))
                .collect(),
            bodies: PULLS.iter().map(|pull| (*pull, body(pull))).collect(),
        }
    }

    /// A clean-up has ended.
    fn cleaned(
        &mut self,
        run: Run,
        (before, releases): (&Before, &BTreeSet<String>),
        seen: &BTreeMap<u32, Seen>,
        fortune: Fortune,
        release: Option<judge::Release>,
    ) {
        judge::nothing_sent(&run);
        judge::deleted(&run, seen);
        if let Some(release) = &release
            && release.stays(&run)
        {
            self.counts("release tags put during a clean-up");
        }
        let gone: Vec<_> = releases
            .difference(&oracle::releases(&run.world))
            .cloned()
            .collect();
        assert!(gone.is_empty(), "releases are gone: {gone:?}");
        let after = self.before(&run.world);
        for (pull, seen) in seen {
            let is_kept = before.there[pull].is_kept(&after.there[pull]);
            assert!(
                is_kept || !seen.before.is_open,
                "something of open {pull} is gone"
            );
            if !is_kept {
                self.counts("previews deleted");
            }
            if seen.has_happened() {
                self.counts("pull requests opened again during a clean-up");
                if let Some(own) = self.pulls.get_mut(pull) {
                    own.is_open = true;
                }
                continue;
            }
            let is_written = before.bodies[pull] != after.bodies[pull] || !is_kept;
            if run.cut.is_none() && is_written && !seen.before.is_open {
                let told = self.known(*pull, None).is_true(&run.world);
                self.counts_told(told);
            }
        }
        self.over(run, fortune, &CLEANUPS);
    }
}
