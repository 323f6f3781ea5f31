//! The world that runs live in: git, GitHub's queue and records, the registry, Render, and time, which is a list of events.

use crate::check::Left;
use crate::event::{At, Event, Hand, History, Naming, Setting, Trouble};
use crate::git::{Git, IMAGES, SERVICES, Tree, sha};
use crate::line::Line;
use crate::render::{Answer, By, Deployed, Fate, OnRender};
use crate::run::{Goal, Rules, Run, What};
use ghcr_to_render::domain::{
    CommitSha, Deploy, DeployId, DeployStatus, Digest, ImageTag, Intent, Kind, PinnedImage, Record,
    RecordState, Repository, ServiceId, ServiceName,
};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// How many records GitHub hands out at once. Small, so that what lies beyond the first page matters.
const PAGE: usize = 3;

/// A run was killed.
pub(crate) struct Killed;

/// How far a run is with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Deciding,
    /// The intent is written.
    Intended,
    /// The hook is called.
    Hooked,
}

/// Bytes in the registry.
pub(crate) struct Build {
    pub(crate) image: usize,
    pub(crate) tree: Tree,
    /// The commit that they were built from; none for bytes of others.
    pub(crate) commit: Option<usize>,
    pub(crate) index: Digest,
    pub(crate) platform: Digest,
    /// Somebody has deleted them.
    pub(crate) is_gone: bool,
}

/// One service in one environment.
pub(crate) struct Place {
    pub(crate) id: ServiceId,
    pub(crate) render: OnRender,
    /// Oldest first.
    pub(crate) records: Vec<Rc<Record>>,
    /// What each record is about, whatever it says.
    pub(crate) truth: Vec<Truth>,
    /// What rollbacks left, until something else is deployed; and the bytes that the last one brought.
    pub(crate) left: Vec<Left>,
    pub(crate) went_back: Option<usize>,
    /// The first record that is later than that.
    pub(crate) left_since: usize,
}

/// What an attempt came to.
#[derive(Default)]
pub(crate) struct Truth {
    /// The deploys that its hook calls led to.
    pub(crate) deploys: Vec<usize>,
    /// The first deploy that served or was in flight when it began, or that came after.
    pub(crate) began: usize,
}

#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) pending: Option<Run>,
    pub(crate) is_busy: bool,
}

#[derive(Default)]
pub(crate) struct Faults {
    unreadable: u8,
    unwritable: u8,
    silent: u8,
    pub(crate) build: bool,
    hook: Option<Trouble>,
}

/// What GitHub knows of an environment.
pub(crate) struct Memory {
    pub(crate) tip: CommitSha,
    /// Of each service, newest first.
    pub(crate) records: Vec<Vec<Rc<Record>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The number of the invariant; 6 is that rollbacks hold.
    pub(crate) invariant: u8,
    pub(crate) text: String,
}

pub(crate) struct World {
    pub(crate) setting: Setting,
    pub(crate) rules: Rules,
    pub(crate) has_key: bool,
    /// The branch's tip as a run has read it last.
    pub(crate) tip_read: usize,
    /// How far the present run is with a service.
    pub(crate) phase: Phase,
    events: VecDeque<Event>,
    going: u8,
    keeps_pace: bool,
    pub(crate) git: Git,
    pub(crate) builds: Vec<Build>,
    /// How often bytes were deleted.
    pub(crate) gone: usize,
    /// The bytes under the tag of a commit and image.
    pub(crate) tags: BTreeMap<(usize, usize), usize>,
    /// The bytes under the tag of a release and image.
    pub(crate) release_tags: BTreeMap<(u32, usize), usize>,
    /// What each environment was, state by state.
    pub(crate) lines: [Line; 2],
    /// The highest release that any service of an environment leaves by the present rollback.
    pub(crate) leaving: Option<u32>,
    /// What each service served, or was about to, when the present run began.
    pub(crate) before: [Option<usize>; 3],
    /// Whether the present run has written an intent.
    pub(crate) has_begun: bool,
    /// How many records there are.
    recorded: u64,
    pub(crate) places: [[Place; 3]; 2],
    pub(crate) queues: [Queue; 2],
    /// The commits of the releases, from number 1 on.
    pub(crate) releases: Vec<usize>,
    /// The run of the push that brought the branch where it is.
    pub(crate) last_push: Option<Run>,
    past: Vec<Run>,
    waiting: Vec<Run>,
    delays: bool,
    pub(crate) faults: Faults,
    /// The deploys that the present run asked for.
    pub(crate) asked: Vec<(At, usize)>,
    repositories: Vec<Repository>,
    pub(crate) names: Vec<ServiceName>,
    made: u32,
    pub(crate) violation: Option<Violation>,
    pub(crate) coverage: BTreeMap<&'static str, u64>,
    /// What happened, where somebody wants to read it.
    pub(crate) story: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(history: &History, rules: Rules) -> Self {
        let setting = history.setting;
        let mut made = 0;
        let mut place = || {
            made += 1;
            Place {
                id: ServiceId::parse(&format!("srv-{made}")).expect("an id"),
                render: OnRender::new(setting.policy),
                records: Vec::new(),
                truth: Vec::new(),
                left: Vec::new(),
                went_back: None,
                left_since: 0,
            }
        };
        let places = [[place(), place(), place()], [place(), place(), place()]];
        Self {
            setting,
            rules,
            has_key: setting.has_key,
            tip_read: 0,
            phase: Phase::Deciding,
            events: history.events.iter().cloned().collect(),
            going: 0,
            keeps_pace: true,
            git: Git::new(),
            builds: Vec::new(),
            gone: 0,
            tags: BTreeMap::new(),
            release_tags: BTreeMap::new(),
            lines: [Line::default(), Line::default()],
            leaving: None,
            before: [None; 3],
            has_begun: false,
            recorded: 0,
            places,
            queues: [Queue::default(), Queue::default()],
            releases: Vec::new(),
            last_push: None,
            past: Vec::new(),
            waiting: Vec::new(),
            delays: false,
            faults: Faults::default(),
            asked: Vec::new(),
            repositories: IMAGES
                .iter()
                .map(|(name, _)| Repository::parse(name).expect("a repository"))
                .collect(),
            names: SERVICES
                .iter()
                .map(|(name, ..)| ServiceName::parse(name).expect("a name"))
                .collect(),
            made,
            violation: None,
            coverage: BTreeMap::new(),
            story: None,
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.coverage.entry(what).or_default() += 1;
    }

    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(text());
        }
    }

    pub(crate) fn place(&self, at: At) -> &Place {
        &self.places[at.environment][at.service]
    }

    pub(crate) fn place_mut(&mut self, at: At) -> &mut Place {
        &mut self.places[at.environment][at.service]
    }

    /// A run begins, or has ended: what was still to come of the last `Go` was for it alone.
    pub(crate) fn begin_run(&mut self, environment: usize) {
        self.asked.clear();
        (self.before, self.has_begun) = (self.serving(environment), false);
        (self.going, self.phase) = (0, Phase::Deciding);
    }

    // Time.

    /// One thing that happens while no run does.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The moment between two steps of a run: the world goes on, and the run may end here.
    pub(crate) fn step(&mut self) -> Result<(), Killed> {
        if self.violation.is_some() {
            return Err(Killed);
        }
        while self.going == 0 {
            match self.events.pop_front() {
                None => (self.going, self.keeps_pace) = (1, !self.keeps_pace),
                Some(Event::Go { steps, keeps_pace }) => {
                    (self.going, self.keeps_pace) = (steps, keeps_pace)
                }
                Some(Event::Kill { cancels }) => {
                    self.say(|| {
                        format!(
                            "    the run is killed{}",
                            if cancels { ", and cancels" } else { "" }
                        )
                    });
                    self.count(match self.phase {
                        Phase::Deciding => "runs killed before an intent",
                        Phase::Intended => "runs killed between intent and hook",
                        Phase::Hooked => "runs killed between hook and end",
                    });
                    if cancels && self.has_key {
                        self.cancel_what_has_not_begun();
                    }
                    return Err(Killed);
                }
                Some(event) => self.happens(event),
            }
        }
        self.going -= 1;
        if self.keeps_pace {
            (0..2).for_each(|environment| self.tick(environment));
        }
        Ok(())
    }

    fn cancel_what_has_not_begun(&mut self) {
        for (at, id) in std::mem::take(&mut self.asked) {
            let render = &mut self.place_mut(at).render;
            if render
                .deploys
                .get(id)
                .is_some_and(|deploy| deploy.status.may_be_cancelled())
            {
                render.cancel(id);
                self.count("deploys cancelled by their run");
            }
        }
    }

    fn tick(&mut self, environment: usize) {
        self.places[environment]
            .iter_mut()
            .for_each(|place| place.render.tick());
    }

    /// Everything in flight ends, and every fault is over.
    pub(crate) fn settle(&mut self) {
        self.end_faults();
        self.places
            .iter_mut()
            .flatten()
            .for_each(|place| place.render.settle());
    }

    /// Nothing interrupts any more.
    pub(crate) fn end_faults(&mut self) {
        self.faults = Faults::default();
        self.delays = false;
    }

    // What happens.

    pub(crate) fn happens(&mut self, event: Event) {
        self.note_disturbance(&event);
        if !matches!(event, Event::Go { .. } | Event::Tick(_)) {
            self.say(|| format!("{event:?}"));
        }
        match event {
            Event::Push(changes) => {
                let before = self.git.tip;
                for change in changes {
                    self.git.tip = self.commit(self.git.tip, change);
                }
                self.pushed(before);
            }
            Event::Revert(back) => {
                let before = self.git.tip;
                let tree = *self.git.tree(self.git.back(before, usize::from(back)));
                self.git.tip = self.git.commit(before, tree);
                if self
                    .places
                    .iter()
                    .flatten()
                    .any(|place| !place.render.is_quiet())
                {
                    self.count("reverts while a deploy is in flight");
                }
                self.pushed(before);
            }
            Event::Force(to) => {
                let before = self.git.tip;
                self.git.tip = usize::from(to) % self.git.commits.len();
                self.count("forced pushes");
                self.pushed(before);
            }
            Event::ForceAside { back, change } => {
                let before = self.git.tip;
                self.git.tip = self.commit(self.git.back(before, usize::from(back)), change);
                self.count("forced pushes");
                self.pushed(before);
            }
            Event::Tag(back) => self.tag(usize::from(back)),
            Event::Delay => self.delays = true,
            Event::Approve(which) if !self.waiting.is_empty() => {
                let run = self.waiting.remove(usize::from(which) % self.waiting.len());
                self.count("runs approved late");
                self.queue(run);
            }
            Event::Rerun(which) if !self.past.is_empty() => {
                let mut run = self.past[usize::from(which) % self.past.len()].clone();
                run.attempt += 1;
                self.count("runs repeated");
                self.queue(run);
            }
            Event::Dispatch => {
                self.queue(Run {
                    environment: 0,
                    commit: self.git.tip,
                    what: What::Dispatch,
                    attempt: 1,
                    before: None,
                });
            }
            Event::Rollback(environment) => self.dispatch_rollback(environment, Goal::Before),
            Event::RollbackTo(environment, which) => {
                let goal = self.named(environment, which);
                self.dispatch_rollback(environment, goal);
            }
            Event::Go { .. } => (0..2).for_each(|environment| self.tick(environment)),
            Event::Tick(environment) => self.tick(environment),
            Event::Fate(at, fate) => self.doom(at, fate),
            Event::Dashboard(at, hand) => self.by_hand(at, hand),
            // A run that has begun goes on with the hooks that it was given.
            Event::Recreated(at) if !self.queues[at.environment].is_busy => {
                self.made += 1;
                let (policy, made) = (self.setting.policy, self.made);
                let place = self.place_mut(at);
                place.id = ServiceId::parse(&format!("srv-{made}")).expect("an id");
                place.render = OnRender::new(policy);
                place
                    .truth
                    .iter_mut()
                    .for_each(|truth| *truth = Truth::default());
                (place.left, place.went_back) = (Vec::new(), None);
                self.asked.retain(|(asked, _)| *asked != at);
                self.count("services made anew");
            }
            Event::Unreadable(times) => self.faults.unreadable = times,
            Event::Unwritable(times) => self.faults.unwritable = times,
            Event::RenderSilent(times) => self.faults.silent = times,
            Event::BuildFails => self.faults.build = true,
            Event::Rebuild(which) => {
                let commit = usize::from(which) % self.git.commits.len();
                for image in 0..IMAGES.len() {
                    if self.tags.contains_key(&(commit, image)) {
                        self.build_again(commit, image);
                        self.count("images built again");
                    }
                }
            }
            Event::Deleted(which) if !self.builds.is_empty() => {
                self.delete(usize::from(which) % self.builds.len());
            }
            Event::Promoted { release, build } => self.release_by_hand(release, build),
            Event::Hook(trouble) => self.faults.hook = Some(trouble),
            Event::Forged {
                at,
                commit,
                state,
                release,
            } => self.forge(at, commit, state, release),
            Event::Key => {
                self.has_key = !self.has_key;
                self.count("keys given or taken away");
            }
            Event::Approve(_)
            | Event::Rerun(_)
            | Event::Recreated(_)
            | Event::Deleted(_)
            | Event::Kill { .. } => {}
        }
    }

    /// A commit that changes one or two paths; there are few contents, so that they come back.
    fn commit(&mut self, parent: usize, change: u16) -> usize {
        let [paths, contents] = change.to_le_bytes();
        let mut tree = *self.git.tree(parent);
        tree[usize::from(paths) % 4] = contents % 4;
        if paths > 127 {
            tree[usize::from(paths / 4) % 4] = contents / 4 % 4;
        }
        self.git.commit(parent, tree)
    }

    fn pushed(&mut self, before: usize) {
        let commit = self.git.tip;
        self.say(|| format!("  the branch is on c{commit}, from c{before}"));
        let run = Run {
            environment: 0,
            commit,
            what: What::Push,
            attempt: 1,
            before: Some(before),
        };
        self.last_push = Some(run.clone());
        self.queue(run);
    }

    /// Tags a commit of the branch as the next release, and queues its run.
    pub(crate) fn tag(&mut self, back: usize) {
        let commit = self.git.back(self.git.tip, back);
        self.releases.push(commit);
        let number = u32::try_from(self.releases.len()).expect("few releases");
        self.say(|| format!("  prod-{number} is c{commit}"));
        self.queue(Run {
            environment: 1,
            commit,
            what: What::Release(number),
            attempt: 1,
            before: None,
        });
    }

    fn dispatch_rollback(&mut self, environment: usize, goal: Goal) {
        let (commit, what) = (self.git.tip, What::Rollback(goal));
        self.queue(Run {
            environment,
            commit,
            what,
            attempt: 1,
            before: None,
        });
    }

    /// Something that was deployed to an environment, or a release that was only tagged.
    fn named(&self, environment: usize, which: u8) -> Goal {
        if environment == 1 && !self.releases.is_empty() {
            let number = usize::from(which) % self.releases.len() + 1;
            return Goal::Release(u32::try_from(number).expect("few releases"));
        }
        let deploys = self.places[environment]
            .iter()
            .flat_map(|place| &place.render.deploys);
        let commits: Vec<usize> = deploys
            .filter_map(|deploy| match deploy.by {
                By::Run { commit, .. } => Some(commit),
                By::Dashboard | By::DashboardRollback => None,
            })
            .collect();
        if environment == 1 || commits.is_empty() {
            return Goal::Before;
        }
        Goal::Commit(commits[usize::from(which) % commits.len()])
    }

    /// GitHub's concurrency group: one runs, one waits, and a newer one takes the place of the one that waits.
    pub(crate) fn queue(&mut self, run: Run) {
        if std::mem::take(&mut self.delays) {
            self.waiting.push(run);
            return;
        }
        self.past.push(run.clone());
        if self.queues[run.environment].is_busy {
            self.count("runs queued behind another");
        }
        if let Some(evicted) = self.queues[run.environment].pending.replace(run) {
            self.say(|| format!("  {evicted} is evicted"));
            self.count("runs evicted");
        }
    }

    fn doom(&mut self, at: At, fate: Fate) {
        let deploys = &mut self.place_mut(at).render.deploys;
        if let Some(deploy) = deploys
            .iter_mut()
            .rev()
            .find(|deploy| deploy.status.is_in_flight())
        {
            deploy.fate = Some(fate);
            self.count(match fate {
                Fate::Fails => "deploys that fail",
                Fate::Hangs => "deploys that hang",
            });
        }
    }

    fn by_hand(&mut self, at: At, hand: Hand) {
        let deploys = &self.place(at).render.deploys;
        let once_live: Vec<usize> = deploys
            .iter()
            .filter(|deploy| deploy.was_live)
            .map(|deploy| deploy.build)
            .collect();
        let (build, by) = match hand {
            Hand::Redeploys(which) if !once_live.is_empty() => (
                once_live[usize::from(which) % once_live.len()],
                By::Dashboard,
            ),
            Hand::RollsBack(which) if !once_live.is_empty() => (
                once_live[usize::from(which) % once_live.len()],
                By::DashboardRollback,
            ),
            Hand::DeploysForeign => (
                self.bytes(SERVICES[at.service].2, [u8::MAX; 4], None),
                By::Dashboard,
            ),
            Hand::Cancels => {
                if let Some(id) = deploys
                    .iter()
                    .rposition(|deploy| deploy.status.is_in_flight())
                {
                    self.place_mut(at).render.cancel(id);
                    self.count("deploys cancelled by hand");
                }
                return;
            }
            Hand::Redeploys(_) | Hand::RollsBack(_) => return,
        };
        self.count(if by == By::Dashboard {
            "deploys by hand"
        } else {
            "rollbacks by hand"
        });
        self.note_what_a_hand_left(at, by, build);
        self.place_mut(at).render.trigger(build, by);
    }

    fn forge(&mut self, at: At, commit: u8, state: RecordState, release: u8) {
        let commit = usize::from(commit) % self.git.commits.len();
        let Some(build) = self.tagged(commit, SERVICES[at.service].2) else {
            return;
        };
        let release = (at.environment == 1 && release > 0).then_some(u32::from(release));
        let mut intent = self.intent(at, commit, build, Kind::Deploy, release);
        intent.id = Some(self.place(at).id.clone());
        let number = self.next_number();
        let place = self.place_mut(at);
        place.records.push(Rc::new(Record {
            number,
            intent,
            state,
            was_live: true,
            is_own: false,
        }));
        place.truth.push(Truth::default());
        self.count("records by others");
    }

    // GitHub's records.

    /// The branch's tip and the records of every service.
    pub(crate) fn memory(&mut self, environment: usize) -> Result<Memory, String> {
        if self.faults.unreadable > 0 {
            self.faults.unreadable -= 1;
            self.count("records unreadable");
            return Err("GitHub does not answer".into());
        }
        self.tip_read = self.git.tip;
        let records = (0..SERVICES.len())
            .map(|service| {
                self.page(At {
                    environment,
                    service,
                })
            })
            .collect();
        Ok(Memory {
            tip: sha(self.git.tip),
            records,
        })
    }

    /// As [`World::memory`], with everything that is recorded: who goes back has to see what is behind what serves.
    pub(crate) fn whole_memory(&mut self, environment: usize) -> Result<Memory, String> {
        let mut memory = self.memory(environment)?;
        memory.records = (0..SERVICES.len())
            .map(|service| {
                self.whole_record(At {
                    environment,
                    service,
                })
            })
            .collect();
        Ok(memory)
    }

    /// The records of one service, newest first, page by page until one is found that ends the search.
    fn page(&mut self, at: At) -> Vec<Rc<Record>> {
        let all = &self.place(at).records;
        let ends = |record: &Rc<Record>| self.rules.ends_paging(record);
        let mut found: Vec<Rc<Record>> = Vec::new();
        for page in all.rchunks(PAGE) {
            found.extend(page.iter().rev().cloned());
            if page.iter().any(ends) {
                break;
            }
        }
        if found.len() < all.len() {
            self.count("records left unread");
        }
        found
    }

    /// What the job of another environment reads of staging's records.
    pub(crate) fn staging(&mut self) -> Vec<Vec<Rc<Record>>> {
        (0..SERVICES.len())
            .map(|service| {
                self.page(At {
                    environment: 0,
                    service,
                })
            })
            .collect()
    }

    /// Everything that is recorded of one service, newest first.
    pub(crate) fn whole_record(&self, at: At) -> Vec<Rc<Record>> {
        self.place(at).records.iter().rev().cloned().collect()
    }

    pub(crate) fn intent(
        &self,
        at: At,
        commit: usize,
        build: usize,
        kind: Kind,
        release: Option<u32>,
    ) -> Intent {
        let bytes = &self.builds[build];
        Intent {
            service: self.names[at.service].clone(),
            commit: sha(commit),
            id: Some(self.place(at).id.clone()),
            image: PinnedImage {
                repository: self.repository(at.service).clone(),
                digest: bytes.index.clone(),
            },
            platform: bytes.platform.clone(),
            image_commit: bytes.commit.filter(|_| self.setting.has_labels).map(sha),
            release: release
                .map(|number| ImageTag::parse(&format!("prod-{number}")).expect("a tag")),
            kind,
            from: None,
            to: None,
        }
    }

    pub(crate) fn repository(&self, service: usize) -> &Repository {
        &self.repositories[SERVICES[service].2]
    }

    fn cannot_write(&mut self) -> bool {
        let cannot = self.faults.unwritable > 0;
        self.faults.unwritable = self.faults.unwritable.saturating_sub(1);
        if cannot {
            self.count("records unwritable");
        }
        cannot
    }

    /// Records are numbered through all services, as GitHub does it.
    const fn next_number(&mut self) -> u64 {
        self.recorded += 1;
        self.recorded
    }

    /// Writes an open record.
    pub(crate) fn begin(&mut self, at: At, intent: Intent) -> Option<usize> {
        if self.cannot_write() {
            return None;
        }
        let global = self.next_number();
        self.has_begun = true;
        let place = self.place_mut(at);
        let number = place.records.len();
        let record = Record {
            number: global,
            intent,
            state: RecordState::Open,
            was_live: false,
            is_own: true,
        };
        place.records.push(Rc::new(record));
        let deploys = &place.render.deploys;
        let may_serve =
            |deploy: &Deployed| deploy.status == DeployStatus::Live || deploy.status.is_in_flight();
        let began = deploys.iter().position(may_serve).unwrap_or(deploys.len());
        place.truth.push(Truth {
            deploys: Vec::new(),
            began,
        });
        Some(number)
    }

    /// Notes that an attempt that was recorded late led to the newest deploy.
    pub(crate) fn link(&mut self, at: At, record: usize) {
        let place = self.place_mut(at);
        let newest = place.render.deploys.len().saturating_sub(1);
        place.truth[record].deploys.push(newest);
    }

    /// Ends the record of that number.
    pub(crate) fn end_number(&mut self, at: At, number: u64, state: RecordState, was_live: bool) {
        let record = self
            .place(at)
            .records
            .iter()
            .position(|record| record.number == number)
            .expect("a record");
        self.end(at, record, state, was_live);
    }

    /// Ends a record.
    pub(crate) fn end(&mut self, at: At, record: usize, state: RecordState, was_live: bool) {
        if self.cannot_write() {
            return;
        }
        self.say(|| {
            format!(
                "    record {record} of {} ends as {state:?}",
                SERVICES[at.service].0
            )
        });
        self.check_record(at, record, state, was_live);
        let record = Rc::make_mut(&mut self.place_mut(at).records[record]);
        (record.state, record.was_live) = (state, was_live);
    }

    // Render.

    /// The newest deploys of any status, newest first.
    pub(crate) fn deploys(&mut self, at: At) -> Result<Vec<Deploy>, String> {
        if self.faults.silent > 0 {
            self.faults.silent -= 1;
            self.count("questions to Render unanswered");
            return Err("Render does not answer".into());
        }
        let place = self.place(at);
        let tell = |(id, deploy): (usize, &Deployed)| {
            let bytes = &self.builds[deploy.build];
            let digests = match self.setting.naming {
                Naming::Index => vec![bytes.index.clone()],
                Naming::Platform => vec![bytes.platform.clone()],
                Naming::Both => vec![bytes.index.clone(), bytes.platform.clone()],
            };
            let by_rollback = deploy.by == By::DashboardRollback;
            Deploy {
                id: deploy_id(id),
                status: deploy.status,
                digests,
                by_rollback,
            }
        };
        Ok(place
            .render
            .deploys
            .iter()
            .enumerate()
            .rev()
            .take(20)
            .map(tell)
            .collect())
    }

    /// Calls the hook.
    pub(crate) fn hook(&mut self, at: At, build: usize, by: By) -> Result<Answer, HookError> {
        let trouble = self.faults.hook.take();
        if let Some(trouble) = trouble {
            self.say(|| format!("    the hook call goes wrong: {trouble:?}"));
            self.count("hook calls that go wrong");
        }
        match trouble {
            Some(Trouble::Refused) => return Err(HookError::Refused),
            Some(Trouble::NotHeard) => return Err(HookError::NoAnswer),
            Some(Trouble::AnswerLost) | None => {}
        }
        self.note_what_a_run_left(at, build, by);
        let id = self.place(at).render.deploys.len();
        let answer = self.place_mut(at).render.trigger(build, by);
        self.say(|| {
            format!(
                "    {} is hooked: {by:?}, bytes {build}, {answer:?}",
                SERVICES[at.service].0
            )
        });
        if let By::Run {
            record: Some(record),
            ..
        } = by
        {
            self.place_mut(at).truth[record].deploys.push(id);
        }
        if answer == Answer::Queued {
            self.count("hook calls answered 202");
        }
        self.asked.push((at, id));
        if trouble.is_some() {
            Err(HookError::NoAnswer)
        } else {
            Ok(answer)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookError {
    Refused,
    NoAnswer,
}

pub(crate) fn deploy_id(id: usize) -> DeployId {
    DeployId::parse(&format!("dep-{id}")).expect("an id")
}
