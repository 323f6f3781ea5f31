//! A team with two pull requests and two services: what it does, and the runs that follow.

use super::branch::{Pull, Pushed, show};
use super::chance::{Build, Change, Event, Fortune};
use super::fate::{DEPLOYS, fated, place};
use super::judge::{self, Seen, Standing};
use super::oracle;
use super::told::{Known, Told};
use std::collections::BTreeMap;
use std::time::Duration;
use testworld::render::previews::PreviewAnswer;
use testworld::render::service_id;
use testworld::{Checkout, Kind, Run, World};

/// The pull requests.
pub(super) const PULLS: [u32; 2] = [7, 8];
/// The services, each with an image of its name.
pub(super) const SERVICES: [&str; 2] = ["api", "web"];

/// How fast Render is; it stands still once a run was cut off.
const PACE: usize = 1;

/// The run of a push.
#[derive(Debug, Clone)]
pub(super) struct PushRun {
    pub(super) pull: u32,
    head: String,
    id: u64,
}

pub(super) struct Team {
    pub(super) world: Option<World>,
    pub(super) base: String,
    pub(super) pulls: BTreeMap<u32, Pull>,
    pub(super) runs: Vec<PushRun>,
    /// The commit of each image, by its digest.
    commits: BTreeMap<String, String>,
    pub(super) number: u64,
    pub(super) story: Vec<String>,
    pub(super) reached: BTreeMap<String, usize>,
}

fn number_of(pull: u8) -> u32 {
    PULLS[usize::from(pull) % PULLS.len()]
}

impl Team {
    pub(super) fn new() -> Self {
        let manifest = format!(
            "version: 1\nenvironments:\n  staging: {{ branch: main }}\nimages:\n  \
             api: {{ repository: \"HOST/{{owner}}/api\", paths: [\"services/api/**\"] }}\n  \
             web: {{ repository: \"HOST/{{owner}}/web\", paths: [\"services/web/**\"] }}\nservices:\n  \
             api: {{ id: {{ staging: {} }}, previews: staging }}\n  \
             web: {{ id: {{ staging: {} }}, previews: staging }}\n",
            service_id("api"),
            service_id("web")
        );
        let mut world = World::new().manifest(&manifest).files();
        for service in SERVICES {
            world.new_hook(service);
        }
        world.github.keep_packages(world.registry.ghcr());
        let base = world.base();
        for service in SERVICES {
            world = world.image_tagged(service, Kind::Amd64, &base, &["latest"]);
        }
        let world = world
            .with_key()
            .input("comment", "true")
            .input("image-timeout", "10s")
            .checkout(Checkout::None);
        Self {
            world: Some(world),
            base,
            pulls: BTreeMap::new(),
            runs: Vec::new(),
            commits: BTreeMap::new(),
            number: 100,
            story: Vec::new(),
            reached: BTreeMap::new(),
        }
    }

    pub(super) fn world(&self) -> &World {
        self.world.as_ref().expect("a world")
    }

    pub(super) fn counts(&mut self, what: impl Into<String>) {
        *self.reached.entry(what.into()).or_default() += 1;
    }

    pub(super) fn plays(&mut self, event: Event) {
        self.story.push(format!("{event:?}"));
        match event {
            Event::Push(pull, change, build, fortune) => {
                if let Some(images) = self.pushes(number_of(pull), change) {
                    let late = self.builds(images, build);
                    self.deploys(self.runs.len() - 1, 1, fortune, late);
                }
            }
            Event::Repeat(which, fortune) => {
                if !self.runs.is_empty() {
                    self.counts("runs repeated");
                    let which = usize::from(which) % self.runs.len();
                    self.deploys(which, 2, fortune, Vec::new());
                }
            }
            Event::Close(pull, cleaned) => self.closes(number_of(pull), cleaned),
            Event::Reopen(pull, fortune) => self.reopens(number_of(pull), fortune),
            Event::Sweep(fortune) => self.sweeps(fortune),
            Event::Overlap(pull, change, which) => self.overlaps(number_of(pull), change, which),
            Event::Jobs(pull) => self.has_jobs(number_of(pull)),
            Event::Others(what, which) => self.others(what, usize::from(which)),
        }
        self.holds();
    }

    fn holds(&self) {
        let world = self.world();
        oracle::holds(world);
        for (pull, own) in &self.pulls {
            if !own.is_open {
                self.known(*pull, Some(&own.head)).stays_clean(world);
            }
        }
    }

    pub(super) fn known<'a>(&'a self, pull: u32, head: Option<&'a str>) -> Known<'a> {
        Known {
            pull,
            head,
            is_forgetful: false,
            commits: &self.commits,
        }
    }

    /// How a pull request stands before a run.
    pub(super) fn seen(&self, pull: u32) -> Seen {
        let own = &self.pulls[&pull];
        let standing = Standing {
            is_open: own.is_open,
            head: own.head.clone(),
        };
        Seen::of(pull, standing)
    }

    /// Every pull request is closed, and sweeps come until nothing is awaited any more.
    pub(super) fn ends(&mut self) {
        for pull in PULLS {
            self.closes(pull, None);
        }
        for _ in 0..2 {
            self.sweeps(Fortune::Well);
        }
        self.holds();
        oracle::is_over(self.world());
    }

    /// Moves a pull request's branch, and gives the images that a build pushes. None where it is closed, or nothing changes.
    pub(super) fn pushes(&mut self, number: u32, change: Change) -> Option<Vec<Pushed>> {
        let images = self.prepares(number, change)?;
        let own = &self.pulls[&number];
        let world = self.world();
        show(&world.origin, number, &own.head);
        world.github.pull(number, "open");
        if matches!(change, Change::Back(_)) {
            self.counts("pull requests forced back");
        }
        Some(images)
    }

    /// As [`Team::pushes`], of what nobody sees yet.
    fn prepares(&mut self, number: u32, change: Change) -> Option<Vec<Pushed>> {
        self.number += 1;
        let mark = self.number;
        let world = self.world.as_ref().expect("a world");
        let pull = self.pulls.entry(number).or_insert_with(Pull::open);
        if !pull.is_open || !pull.moves(&world.origin, number, change, mark) {
            if pull.head.is_empty() {
                self.pulls.remove(&number);
            }
            return None;
        }
        let images = pull.images(number);
        let head = pull.head.clone();
        for (_, _, image) in &images {
            self.commits.insert(image.digest.clone(), head.clone());
        }
        let pull = number;
        let id = mark;
        self.runs.push(PushRun { pull, head, id });
        Some(images)
    }

    /// Pushes the images, or keeps those back that come late.
    pub(super) fn builds(&self, images: Vec<Pushed>, build: Build) -> Vec<Pushed> {
        match build {
            Build::AtOnce => {
                for (path, tag, image) in images {
                    self.world().registry.put(&path, &[tag], &image);
                }
                Vec::new()
            }
            Build::Late => images,
            Build::Fails => Vec::new(),
        }
    }

    /// The world in which a run of a push finds itself.
    pub(super) fn run_of(&mut self, which: usize, attempt: u32) -> World {
        let PushRun { pull, head, id } = self.runs[which].clone();
        let world = self.world.take().expect("a world");
        let world = world
            .run_of(id)
            .variable("GITHUB_RUN_ATTEMPT", &attempt.to_string());
        world.on_event(|_| {
            testworld::Event::pull_request("synchronize", pull, &self.base, &head, &head)
        })
    }

    pub(super) fn deploys(
        &mut self,
        which: usize,
        attempt: u32,
        fortune: Fortune,
        late: Vec<Pushed>,
    ) {
        let pull = self.runs[which].pull;
        let mut seen = self.seen(pull);
        seen.is_blind = fortune == Fortune::Blind;
        let mut world = fated(self.run_of(which, attempt), fortune, &DEPLOYS);
        for (at, (path, tag, image)) in late.into_iter().enumerate() {
            let registry = world.registry.clone();
            let put = move || registry.put(&path, &[tag], &image);
            world = world.after(Duration::from_millis(2_500 + 900 * at as u64), put);
        }
        match fortune {
            Fortune::Renamed => {
                let answer = PreviewAnswer::Longer("-x4f2");
                world.render.preview_may_answer(answer);
            }
            Fortune::Lost => {
                let answer = PreviewAnswer::Lost(Some(502));
                world.render.preview_may_answer(answer);
            }
            Fortune::Meanwhile(closes, byte) if seen.before.is_open => {
                world = self.meanwhile(world, pull, closes, byte, &seen);
            }
            Fortune::Well
            | Fortune::Denied
            | Fortune::Forgetful
            | Fortune::Blind
            | Fortune::Killed(_)
            | Fortune::Cancelled(_)
            | Fortune::Meanwhile(..) => {}
        }
        let run = world.run("deploy");
        let seen = BTreeMap::from([(pull, seen)]);
        self.deployed(run, pull, &seen, fortune);
        self.goes_on(pull, &seen[&pull], fortune);
    }

    /// The pull request is closed, or pushed to, while the run goes on.
    fn meanwhile(&mut self, world: World, pull: u32, closes: bool, byte: u8, seen: &Seen) -> World {
        let wait = Duration::from_millis(100 + 25 * u64::from(byte));
        let (github, origin, during) = (world.github.clone(), world.origin.clone(), seen.clone());
        self.world = Some(world);
        let head = if closes {
            seen.before.head.clone()
        } else {
            let images = self.prepares(pull, Change::Files(byte));
            let _ = self.builds(images.unwrap_or_default(), Build::AtOnce);
            self.pulls[&pull].head.clone()
        };
        let world = self.world.take().expect("a world");
        let before = world.github.preview_records().len();
        let seen = world.github.clone();
        let happens = move || {
            if closes {
                github.pull(pull, "closed");
            } else {
                show(&origin, pull, &head);
            }
            during.happens(Standing {
                is_open: !closes,
                head,
            });
        };
        // Between the intent and the making lies little time.
        if closes && byte.is_multiple_of(3) {
            let has_begun = move || seen.preview_records().len() > before;
            world.once(has_begun, happens)
        } else {
            world.after(wait, happens)
        }
    }

    /// What was to happen during a run has happened, or happens now.
    fn goes_on(&mut self, pull: u32, seen: &Seen, fortune: Fortune) {
        let Fortune::Meanwhile(closes, _) = fortune else {
            return;
        };
        if !seen.before.is_open {
            return;
        }
        if seen.has_happened() {
            self.counts(if closes {
                "pull requests closed during a run"
            } else {
                "pushes during a run"
            });
        }
        let world = self.world.as_ref().expect("a world");
        if let Some(own) = self.pulls.get_mut(&pull) {
            if closes {
                world.github.pull(pull, "closed");
                own.is_open = false;
            } else {
                show(&world.origin, pull, &own.head);
            }
        }
    }

    fn reopens(&mut self, number: u32, fortune: Fortune) {
        let Some(pull) = self.pulls.get_mut(&number).filter(|pull| !pull.is_open) else {
            return;
        };
        pull.is_open = true;
        let head = pull.head.clone();
        self.world().github.pull(number, "open");
        let mut runs = self.runs.iter();
        let which = runs.rposition(|run| run.pull == number && run.head == head);
        if let Some(which) = which {
            self.deploys(which, 2, fortune, Vec::new());
        }
    }

    pub(super) fn counts_told(&mut self, told: Told) {
        match told {
            Told::Nothing => {}
            Told::Previews => self.counts("comments with previews"),
            Told::CleanedUp => self.counts("comments cleaned up"),
            Told::Leftovers => self.counts("comments with leftovers"),
        }
    }

    /// A deploy has ended: what it says is held against what is there.
    pub(super) fn deployed(
        &mut self,
        run: Run,
        pull: u32,
        seen: &BTreeMap<u32, Seen>,
        fortune: Fortune,
    ) {
        judge::asked(&run, seen, &self.commits);
        if run.cut.is_none() {
            judge::live(&run, pull);
            let head = (!seen[&pull].has_happened()).then(|| seen[&pull].before.head.clone());
            let known = Known {
                is_forgetful: fortune == Fortune::Forgetful,
                ..self.known(pull, head.as_deref())
            };
            let told = known.is_true(&run.world);
            self.counts_told(told);
        }
        if run.hooks.iter().any(|call| call.service.contains("-pr-")) {
            self.counts("previews made");
        }
        self.over(run, fortune, &DEPLOYS);
    }

    pub(super) fn tells(&mut self, run: &Run) {
        let outcome = run.output("outcome").to_owned();
        let summary = run.output("summary");
        self.story.push(format!("    {outcome} {summary}"));
        if ["live", "superseded"].contains(&outcome.as_str()) {
            self.counts(format!("runs {outcome}"));
        }
    }

    /// The next run finds the world as this one left it.
    pub(super) fn over(&mut self, run: Run, fortune: Fortune, places: &[&str]) {
        run.settled();
        self.tells(&run);
        match fortune {
            Fortune::Killed(byte) | Fortune::Cancelled(byte) if run.cut.is_some() => {
                self.counts(format!("runs cut off at {}", place(places, byte).kind));
            }
            Fortune::Denied | Fortune::Forgetful => self.counts("runs without a record"),
            Fortune::Well
            | Fortune::Blind
            | Fortune::Killed(_)
            | Fortune::Cancelled(_)
            | Fortune::Meanwhile(..)
            | Fortune::Renamed
            | Fortune::Lost => {}
        }
        run.world.github.heal();
        run.world.render.previews_are_usual();
        run.world.render.pace(PACE);
        run.world.render.previews_lag(0);
        self.world = Some(run.into_world().input("record", "true"));
    }
}
