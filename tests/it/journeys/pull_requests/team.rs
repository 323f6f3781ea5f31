//! A team with two pull requests and two services: what it does, and the runs that follow.

use super::{Event, Fortune, oracle};
use std::collections::BTreeMap;
use testworld::github::Trouble;
use testworld::render::service_id;
use testworld::trap::{Moment, Place, Then};
use testworld::{Checkout, Image, Kind, Part, Run, World, together};

/// The pull requests.
pub(super) const PULLS: [u32; 2] = [7, 8];
/// The services, each with an image of its name.
pub(super) const SERVICES: [&str; 2] = ["api", "web"];

/// Where a run is cut off.
const PLACES: [&str; 8] = [
    "Render: POST /v1/services/*/preview",
    "Render: POST /v1/services/*/deploys",
    "Render: DELETE /v1/services/*",
    "GitHub: POST /deployments",
    "GitHub: POST /deployments/*/statuses",
    "GitHub: POST /issues/*/comments",
    "Render: GET /v1/services/*/deploys/*",
    "Render: GET /v1/services",
];

/// A pull request.
#[derive(Debug, Clone, Default)]
struct Pull {
    head: String,
    /// What each service's file says; nothing is what the base says.
    files: BTreeMap<&'static str, String>,
    is_open: bool,
}

pub(super) struct Team {
    world: Option<World>,
    pulls: BTreeMap<u32, Pull>,
    /// The runs of pushes: the pull request and the head of each.
    runs: Vec<(u32, String, u64)>,
    number: u64,
    pub(super) story: Vec<String>,
    pub(super) reached: BTreeMap<&'static str, usize>,
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
            pulls: BTreeMap::new(),
            runs: Vec::new(),
            number: 100,
            story: Vec::new(),
            reached: BTreeMap::new(),
        }
    }

    fn counts(&mut self, what: &'static str) {
        *self.reached.entry(what).or_default() += 1;
    }

    pub(super) fn plays(&mut self, event: Event) {
        self.story.push(format!("{event:?}"));
        match event {
            Event::Push(pull, what, fortune) => {
                let pull = PULLS[usize::from(pull) % PULLS.len()];
                if self.pushes(pull, what) {
                    self.deploys(self.runs.len() - 1, 1, fortune);
                }
            }
            Event::Repeat(which, fortune) => {
                if !self.runs.is_empty() {
                    self.counts("runs repeated");
                    self.deploys(usize::from(which) % self.runs.len(), 2, fortune);
                }
            }
            Event::Close(pull, is_cleaned, fortune) => {
                let pull = PULLS[usize::from(pull) % PULLS.len()];
                self.closes(pull, is_cleaned, fortune);
            }
            Event::Reopen(pull, fortune) => {
                let pull = PULLS[usize::from(pull) % PULLS.len()];
                self.reopens(pull, fortune);
            }
            Event::Sweep(fortune) => self.sweeps(fortune),
            Event::Overlap(pull, which) => self.overlaps(pull, which),
            Event::Foreign => {
                let world = self.world.as_ref().expect("a world");
                if !world.github.preview_records().is_empty() {
                    world.github.poison_preview("mallory", |_| {});
                }
            }
        }
        oracle::holds(self.world.as_ref().expect("a world"));
    }

    /// Every pull request is closed, and sweeps come until nothing is awaited any more.
    pub(super) fn ends(&mut self) {
        for pull in PULLS {
            if self.pulls.get(&pull).is_some_and(|own| own.is_open) {
                self.closes(pull, false, Fortune::Well);
            }
        }
        for _ in 0..2 {
            self.sweeps(Fortune::Well);
        }
        let world = self.world.as_ref().expect("a world");
        oracle::holds(world);
        oracle::is_over(world);
    }

    /// Commits a change to a pull request. Says whether it is open.
    fn pushes(&mut self, number: u32, what: u8) -> bool {
        let world = self.world.as_ref().expect("a world");
        let pull = self.pulls.entry(number).or_insert_with(|| Pull {
            is_open: true,
            ..Pull::default()
        });
        if !pull.is_open {
            return false;
        }
        // One service, the other or both; now and then back to what the base has.
        for (at, service) in SERVICES.into_iter().enumerate() {
            if usize::from(what % 4) != 2 + at {
                let text = if what / 4 % 4 == 3 {
                    service.to_owned()
                } else {
                    format!("{service} of {number}, {what}")
                };
                pull.files.insert(service, text);
            }
        }
        let repo = &world.origin;
        let from = if pull.head.is_empty() {
            "main"
        } else {
            &pull.head
        };
        repo.git(&["checkout", "-q", "--detach", from]);
        for (service, text) in &pull.files {
            repo.write(&format!("services/{service}/main.txt"), text);
        }
        self.number += 1;
        repo.write(&format!("other/{number}.txt"), &self.number.to_string());
        pull.head = repo.commit("a push");
        repo.git(&[
            "update-ref",
            &format!("refs/pull/{number}/head"),
            &pull.head,
        ]);
        repo.git(&["checkout", "-q", "main"]);
        world.github.pull(number, "open");
        for (service, text) in &pull.files {
            if text != service {
                let source = "https://github.com/acme/shop";
                let image = Image::make(Kind::Amd64, service, &pull.head, source);
                let tag = format!("pr-{number}-{}", pull.head);
                world
                    .registry
                    .put(&format!("acme/{service}"), &[tag], &image);
            }
        }
        self.runs.push((number, pull.head.clone(), self.number));
        true
    }

    /// The world in which a run of a push finds itself.
    fn run_of(&mut self, which: usize, attempt: u32) -> World {
        let world = self.world.take().expect("a world");
        let (number, head, id) = &self.runs[which];
        let (number, head) = (*number, head.clone());
        let base = world.origin.git(&["rev-parse", "main"]);
        let world = world
            .run_of(*id)
            .variable("GITHUB_RUN_ATTEMPT", &attempt.to_string());
        world.on_event(|_| {
            testworld::Event::pull_request("synchronize", number, &base, &head, &head)
        })
    }

    fn deploys(&mut self, which: usize, attempt: u32, fortune: Fortune) {
        let world = fated(self.run_of(which, attempt), fortune);
        let run = world.run("deploy");
        self.ended(run, Some(self.runs[which].0), fortune);
    }

    fn closes(&mut self, number: u32, is_cleaned: bool, fortune: Fortune) {
        let Some(pull) = self.pulls.get_mut(&number).filter(|pull| pull.is_open) else {
            return;
        };
        pull.is_open = false;
        let head = pull.head.clone();
        let world = self.world.take().expect("a world");
        world.github.pull(number, "closed");
        if !is_cleaned {
            self.world = Some(world);
            return;
        }
        let world = world.variable("GITHUB_RUN_ATTEMPT", "1").on_event(|world| {
            let base = world.origin.git(&["rev-parse", "main"]);
            testworld::Event::merged_close(number, &base, &head, &base)
        });
        self.cleans(world, Some(number), fortune);
    }

    fn reopens(&mut self, number: u32, fortune: Fortune) {
        let Some(pull) = self.pulls.get_mut(&number).filter(|pull| !pull.is_open) else {
            return;
        };
        pull.is_open = true;
        self.world
            .as_ref()
            .expect("a world")
            .github
            .pull(number, "open");
        let is_its = |run: &(u32, String, u64)| run.0 == number;
        let which = self.runs.iter().rposition(is_its).expect("a run");
        self.deploys(which, 2, fortune);
    }

    fn sweeps(&mut self, fortune: Fortune) {
        let world = self.world.take().expect("a world");
        let world = world.variable("GITHUB_RUN_ATTEMPT", "1");
        let world = world.on_event(|world| testworld::Event::schedule(&world.origin.head()));
        self.cleans(world, None, fortune);
    }

    fn cleans(&mut self, world: World, pull: Option<u32>, fortune: Fortune) {
        self.counts("clean-ups");
        let before = world.render.previews().len();
        let run = fated(world, fortune).run("cleanup");
        if run.world.render.previews().len() < before {
            self.counts("previews deleted");
        }
        self.ended(run, pull, fortune);
    }

    fn overlaps(&mut self, pull: u8, which: u8) {
        let number = PULLS[usize::from(pull) % PULLS.len()];
        if !self.pushes(number, which) {
            return;
        }
        let last = self.runs.len() - 1;
        if last == 0 {
            return self.deploys(last, 1, Fortune::Well);
        }
        // A run is repeated only after it has ended.
        let old = usize::from(which) % last;
        let one = self.run_of(last, 1);
        let beside = one.beside();
        self.world = Some(beside);
        let other = self.run_of(old, 2);
        let [one, other] = together([Part::now(one, "deploy"), Part::now(other, "deploy")]);
        other.settled();
        one.settled();
        one.world.drained();
        self.world = Some(one.into_world());
    }

    /// A run has ended: what it says of itself is held against what is there.
    fn ended(&mut self, run: Run, pull: Option<u32>, fortune: Fortune) {
        run.settled();
        run.world.drained();
        let outcome = run.output("outcome").to_owned();
        self.story
            .push(format!("    {outcome} {}", run.output("summary")));
        match outcome.as_str() {
            "live" => self.counts("runs live"),
            "superseded" => self.counts("runs superseded"),
            _ => {}
        }
        match fortune {
            Fortune::Killed(_) | Fortune::Cancelled(_) if run.cut.is_some() => {
                self.counts("runs cut off");
            }
            Fortune::Denied | Fortune::Forgetful => self.counts("runs without a record"),
            Fortune::Well | Fortune::Killed(_) | Fortune::Cancelled(_) => {}
        }
        if run.hooks.iter().any(|call| call.service.contains("-pr-")) {
            self.counts("previews made");
        }
        if run.cut.is_none()
            && let Some(pull) = pull
        {
            oracle::is_told(&run.world, pull, &outcome);
        }
        run.world.github.heal();
        let world = run.into_world().input("record", "true");
        self.world = Some(world);
    }
}

/// The world as a run with this fortune finds it.
fn fated(world: World, fortune: Fortune) -> World {
    let place = |byte: u8| Place {
        kind: PLACES[usize::from(byte) % PLACES.len()].to_owned(),
        nth: 1 + usize::from(byte / 8 % 2),
        moment: match byte / 16 % 3 {
            0 => Moment::Unheard,
            1 => Moment::Unanswered,
            _ => Moment::Answered,
        },
    };
    match fortune {
        Fortune::Well => world,
        Fortune::Denied => world.github_trouble(Trouble::DeploymentsDenied),
        Fortune::Forgetful => world.input("record", "false"),
        Fortune::Killed(byte) => world.cancel_at(place(byte), &["-KILL"], Then::Answers),
        Fortune::Cancelled(byte) => world.cancel_at(place(byte), &["-TERM"], Then::Answers),
    }
}
