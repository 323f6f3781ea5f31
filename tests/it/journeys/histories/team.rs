//! A team and its world: what is pushed, built, run and done by hand, and what is true of it, whatever the program believes.

use super::check::is_in_flight;
use super::event::{Ask, Begins, Builds, Ends, Event, Fortune, Key, Services, Setting};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use testworld::github::record::Seed;
use testworld::render::{Fate, Standing, model::Why};
use testworld::server::Server;
use testworld::trap::Then;
use testworld::{Event as WorldEvent, Image, Kind, Run, World};

const SHARING: &str = r#"version: 1
environments:
  staging: { branch: main }
images:
  api: { repository: "HOST/{owner}/api", paths: ["services/api/**"] }
  web: { repository: "HOST/{owner}/web", paths: ["libs/**"] }
services:
  api: {}
  web: { paths: ["services/web/**"] }
  job: { image: web, paths: ["services/job/**"] }
"#;

/// From how many pushes one is chosen to be repeated.
const LAST_FEW: usize = 4;

/// Services by the place of their content in a tree, with their images.
type Place = (&'static str, &'static str);
const THREE: [Place; 3] = [("api", "api"), ("workers", "workers"), ("web", "web")];
const TWO_SHARE: [Place; 3] = [("api", "api"), ("web", "web"), ("job", "web")];

/// What stands at the paths of each service.
pub(super) type Tree = [u8; 3];

pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) parent: Option<usize>,
    pub(super) tree: Tree,
    /// The digests of its images, once they are built.
    built: BTreeMap<&'static str, String>,
}

/// A push whose run may be asked for again.
struct Pushed {
    event: WorldEvent,
    commit: usize,
    has_run: bool,
}

/// A rollback by hand. It stands as long as its image is live.
pub(super) struct RolledBack {
    pub(super) image: String,
    /// The commits that may have served, or come to, before it, and before those that it followed at once.
    pub(super) left: Vec<usize>,
    /// Whether there is no doubt about what it left, so that nothing may put that back by accident.
    pub(super) is_sure: bool,
}

/// What was so before a run.
pub(super) struct Before {
    pub(super) commit: usize,
    pub(super) standing: Vec<Standing>,
    pub(super) records: usize,
    pub(super) calls: usize,
    pub(super) fortune: Fortune,
}

pub(super) struct Team {
    pub(super) setting: Setting,
    world: Option<World>,
    /// The registry's.
    host: String,
    pub(super) services: [Place; 3],
    pub(super) commits: Vec<Commit>,
    pub(super) tip: usize,
    /// Where the branch was before the last push.
    last: usize,
    pushes: Vec<Pushed>,
    runs: u32,
    /// Deploys that somebody made by hand.
    pub(super) by_hand: BTreeSet<String>,
    /// The last rollback of each service by hand.
    pub(super) rolled_back: BTreeMap<&'static str, RolledBack>,
    /// Images that a service was given without a record.
    pub(super) unrecorded: BTreeSet<(String, String)>,
    /// Services whose last deploy has no record.
    pub(super) untracked: BTreeSet<String>,
    /// The state of each record when it was last looked at.
    pub(super) states: BTreeMap<u64, String>,
    /// What the last run that told anything said of each service.
    pub(super) told: BTreeMap<String, String>,
    /// What happened, line by line.
    pub(super) story: Vec<String>,
    pub(super) reached: BTreeMap<&'static str, usize>,
}

impl Team {
    pub(super) fn new(setting: Setting) -> Self {
        let (services, world) = match setting.services {
            Services::Three => (THREE, World::new().three_services()),
            Services::Sharing => (
                TWO_SHARE,
                World::new().manifest(SHARING).hooks(&["api", "web", "job"]),
            ),
        };
        if setting.services == Services::Sharing {
            world
                .render
                .image_path("job", &format!("{}:main", world.repository("web")));
        }
        let world = world
            .never_deployed()
            .checkout(setting.checkout)
            .deadline(Duration::from_secs(180));
        let world = if setting.key == Key::Given {
            world.with_key()
        } else {
            world
        };
        world.render.policy(setting.policy);
        world.render.waits(0);
        let mut team = Self {
            setting,
            host: world.registry.host(),
            world: Some(world),
            services,
            commits: Vec::new(),
            tip: 0,
            last: 0,
            pushes: Vec::new(),
            runs: 0,
            by_hand: BTreeSet::new(),
            rolled_back: BTreeMap::new(),
            unrecorded: BTreeSet::new(),
            untracked: BTreeSet::new(),
            states: BTreeMap::new(),
            told: BTreeMap::new(),
            story: Vec::new(),
            reached: BTreeMap::new(),
        };
        team.commit(None, [0; 3]);
        team.build(0);
        if setting.begins == Begins::Deployed {
            for (service, image) in services {
                let (world, digest) = (team.world(), team.commits[0].built[image].clone());
                world
                    .render
                    .seed_live(service, &format!("{}@{digest}", world.repository(image)));
                let sha = &team.commits[0].sha;
                let seed = Seed::live("staging", service, sha, &world.repository(image), &digest);
                let number = world.github.seed_record(seed);
                team.states.insert(number, "success".into());
            }
        }
        team
    }

    pub(super) fn world(&self) -> &World {
        self.world.as_ref().expect("a world")
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.reached.entry(what).or_default() += 1;
    }

    pub(super) fn say(&mut self, line: String) {
        self.story.push(line);
    }

    fn commit(&mut self, parent: Option<usize>, tree: Tree) -> usize {
        let origin = &self.world().origin;
        for ((service, _), content) in self.services.iter().zip(tree) {
            origin.write(
                &format!("services/{service}/main.txt"),
                &content.to_string(),
            );
        }
        let sha = origin.commit(&format!("commit {}", self.commits.len()));
        self.commits.push(Commit {
            sha,
            parent,
            tree,
            built: BTreeMap::new(),
        });
        self.commits.len() - 1
    }

    /// Builds the images of a commit, if that was not done before.
    fn build(&mut self, number: usize) {
        let images: BTreeSet<&'static str> =
            self.services.iter().map(|(_, image)| *image).collect();
        for image in images {
            let commit = &self.commits[number];
            let contents = self
                .services
                .iter()
                .zip(commit.tree)
                .filter(|((_, of), _)| *of == image);
            let built_from: Vec<String> =
                contents.map(|(_, content)| content.to_string()).collect();
            let (kind, name) = match self.setting.builds {
                Builds::Labelled => (Kind::MultiArch, image.to_owned()),
                Builds::Reproducible => (
                    Kind::NoRevision,
                    format!("{image} {}", built_from.join(" ")),
                ),
            };
            let made = Image::make(kind, &name, &commit.sha, "https://github.com/acme/shop");
            self.world().registry.put(
                &format!("acme/{image}"),
                std::slice::from_ref(&commit.sha),
                &made,
            );
            self.commits[number].built.insert(image, made.digest);
        }
    }

    /// What a service is given at a commit.
    pub(super) fn image(&self, number: usize, service: &str) -> Option<String> {
        let (_, image) = self.services.iter().find(|(name, _)| *name == service)?;
        let digest = self.commits[number].built.get(image)?;
        Some(format!("{}/acme/{image}@{digest}", self.host))
    }

    /// The commits whose bytes an image is.
    pub(super) fn commits_of(&self, service: &str, image: &str) -> Vec<usize> {
        let is_it = |number: &usize| self.image(*number, service).as_deref() == Some(image);
        (0..self.commits.len()).filter(is_it).collect()
    }

    pub(super) fn reaches(&self, ancestor: usize, descendant: usize) -> bool {
        let mut commit = Some(descendant);
        while let Some(number) = commit {
            if number == ancestor {
                return true;
            }
            commit = self.commits[number].parent;
        }
        false
    }

    pub(super) fn happens(&mut self, event: &Event) {
        self.say(format!("{event:?}"));
        match event {
            Event::Run(ask, fortune) => self.asks(ask, fortune),
            Event::ByHand(service, which) => self.deploys_by_hand(*service, *which),
            Event::RollsBack(service, which) => self.rolls_back(*service, *which),
            Event::TimePasses => self.world().render.settle(),
        }
    }

    fn asks(&mut self, ask: &Ask, fortune: &Fortune) {
        let is_evicted = *fortune == Fortune::Evicted;
        let place = match ask {
            Ask::Push(commits) => self.pushes(commits),
            Ask::Revert => self.reverts(),
            Ask::ForceBack => match self.forces_back() {
                Some(place) => place,
                None => return,
            },
            Ask::Rerun(which) => {
                let Some(back) = usize::from(*which).checked_rem(self.pushes.len().min(LAST_FEW))
                else {
                    return;
                };
                let place = self.pushes.len() - 1 - back;
                self.count("runs repeated");
                let (event, commit) = (self.pushes[place].event.clone(), self.pushes[place].commit);
                return self.runs(event, commit, "2", fortune);
            }
            Ask::Late(which) => {
                let late: Vec<usize> = (0..self.pushes.len())
                    .filter(|place| !self.pushes[*place].has_run)
                    .collect();
                let Some(place) = usize::from(*which)
                    .checked_rem(late.len())
                    .map(|place| late[place])
                else {
                    return;
                };
                self.count("late runs");
                place
            }
            Ask::Dispatch => {
                let event = WorldEvent::dispatch("refs/heads/main", &self.commits[self.tip].sha);
                return self.runs(event, self.tip, "1", fortune);
            }
        };
        if is_evicted {
            self.count("runs evicted");
            return;
        }
        self.pushes[place].has_run = true;
        let (event, commit) = (self.pushes[place].event.clone(), self.pushes[place].commit);
        self.runs(event, commit, "1", fortune);
    }

    fn pushes(&mut self, commits: &[(u8, u8)]) -> usize {
        let mut tip = self.tip;
        for (mask, content) in commits {
            let mut tree = self.commits[tip].tree;
            for (place, old) in tree.iter_mut().enumerate() {
                if mask & (1 << place) != 0 {
                    *old = *content;
                }
            }
            tip = self.commit(Some(tip), tree);
        }
        self.moves_to(tip, false)
    }

    fn reverts(&mut self) -> usize {
        let tip = self.commit(Some(self.tip), self.commits[self.last].tree);
        self.count("reverts");
        self.moves_to(tip, false)
    }

    fn forces_back(&mut self) -> Option<usize> {
        let parent = self.commits[self.tip].parent?;
        self.world()
            .origin
            .git(&["reset", "-q", "--hard", &self.commits[parent].sha]);
        self.count("branches forced back");
        Some(self.moves_to(parent, true))
    }

    /// The branch is on that commit now, and what runs there is built.
    fn moves_to(&mut self, tip: usize, is_forced: bool) -> usize {
        let (before, after) = (
            self.commits[self.tip].sha.clone(),
            self.commits[tip].sha.clone(),
        );
        let mut event = WorldEvent::push("refs/heads/main", &before, &after, &after);
        event.payload["forced"] = is_forced.into();
        (self.last, self.tip) = (self.tip, tip);
        self.build(tip);
        self.pushes.push(Pushed {
            event,
            commit: tip,
            has_run: false,
        });
        self.pushes.len() - 1
    }

    fn deploys_by_hand(&mut self, service: u8, which: u8) {
        let (service, _) = self.services[usize::from(service) % self.services.len()];
        let built: Vec<String> = (0..self.commits.len())
            .filter_map(|commit| self.image(commit, service))
            .collect();
        let image = &built[usize::from(which) % built.len()];
        let deploy = self.world().render.queue_behind(service, image);
        self.by_hand.insert(deploy);
        self.count("deploys by hand");
    }

    fn rolls_back(&mut self, service: u8, which: u8) {
        let (service, _) = self.services[usize::from(service) % self.services.len()];
        let mut standing = self.world().render.standing();
        standing.retain(|deploy| deploy.service == service);
        let earlier: Vec<&str> = standing
            .iter()
            .filter(|deploy| deploy.status == "deactivated")
            .map(|deploy| deploy.image.as_str())
            .collect();
        let Some(place) = usize::from(which).checked_rem(earlier.len()) else {
            return;
        };
        let image = earlier[place].to_owned();
        let may_serve = || {
            standing
                .iter()
                .filter(|deploy| deploy.status == "live" || is_in_flight(deploy.status))
        };
        let mut left: Vec<usize> = may_serve()
            .flat_map(|deploy| self.commits_of(service, &deploy.image))
            .collect();
        let records = self.world().github.records();
        let may_have = |state: &str| matches!(state, "open" | "success");
        let last = records
            .iter()
            .rfind(|record| record.service == service && may_have(&record.state));
        left.extend(last.and_then(|last| {
            self.commits
                .iter()
                .position(|commit| commit.sha == last.commit)
        }));
        let was_left = |deploy: &Standing| {
            deploy.status == "live"
                && deploy.image != image
                && !self.by_hand.contains(&deploy.deploy)
                && last.is_some_and(|last| {
                    last.state == "success" && deploy.image.ends_with(&last.digest)
                })
        };
        let is_sure = may_serve().count() == 1 && may_serve().all(was_left);
        let live = self.world().render.live(service);
        let before = self
            .rolled_back
            .remove(service)
            .filter(|before| Some(&before.image) == live.as_ref());
        if let Some(before) = before {
            left.extend(before.left);
        }
        let deploy = self.world().render.roll_back(service, &image);
        self.by_hand.insert(deploy);
        self.rolled_back.insert(
            service,
            RolledBack {
                image,
                left,
                is_sure,
            },
        );
        self.count("rollbacks by hand");
    }

    /// A run of an event, and what must hold of it.
    fn runs(&mut self, event: WorldEvent, commit: usize, attempt: &str, fortune: &Fortune) {
        self.runs += 1;
        let is_asked = event.name == "workflow_dispatch";
        let mut world = self.world.take().expect("a world");
        world.event = Some(event);
        let run_id = (1000 + self.runs).to_string();
        let world = world
            .variable("GITHUB_RUN_ATTEMPT", attempt)
            .variable("GITHUB_RUN_ID", &run_id);
        let mut world = world.input("environment", if is_asked { "staging" } else { "" });
        world.render.pace(self.setting.pace);
        let mut failing = None;
        match fortune {
            Fortune::Well | Fortune::Evicted => {}
            Fortune::Killed(cut) => world = world.cancel_at(cut.place(), &["-KILL"], Then::Answers),
            Fortune::Cancelled(cut) => {
                world = world.cancel_at(cut.place(), &["-INT"], Then::Answers)
            }
            Fortune::Fails(service) => {
                let (service, _) = self.services[usize::from(*service) % self.services.len()];
                world
                    .render
                    .usually(service, Fate::Fails("update_failed", Why::Exited(1)));
                failing = Some(service);
            }
            Fortune::Record(trouble) => world.github.trouble(*trouble),
        }
        let before = Before {
            commit,
            standing: world.render.standing(),
            records: world.github.records().len(),
            calls: world.render.calls().len(),
            fortune: fortune.clone(),
        };
        let mut run = world.deploy();
        if run.cut.is_some() {
            run.world.drained();
            run.hooks = run.world.render.calls().split_off(before.calls);
        }
        run.world.github.heal();
        if let Some(service) = failing {
            run.world.render.usually(service, Fate::Live);
        }
        run.settled();
        self.tells(&run, commit);
        self.check(&run, &before);
        let world = run.into_world();
        for server in [
            Some(&world.github.server),
            world.registry.server(),
            Some(&world.render.server),
        ] {
            server.into_iter().for_each(Server::forget);
        }
        self.world = Some(world);
    }

    fn tells(&mut self, run: &Run, commit: usize) {
        let hooks: Vec<&str> = run.hooks.iter().map(|call| call.service.as_str()).collect();
        let (outcome, failure) = (run.output("outcome"), run.output("failure"));
        let (exit, took) = (run.exit, run.took.as_secs_f64());
        let line = format!(
            "    commit {commit} after {took:.1} s, exit {exit}: {outcome} {failure} {hooks:?}"
        );
        self.say(line);
    }

    /// Everything is well, and the tip is deployed once more: now nothing may be lost.
    pub(super) fn ends(&mut self) {
        self.say("the end".into());
        let ask = match self.setting.ends {
            Ends::Push => Ask::Push(vec![(0, 0)]),
            Ends::Dispatch => Ask::Dispatch,
        };
        self.asks(&ask, &Fortune::Well);
        self.world().render.settle();
        self.check_end();
    }
}
