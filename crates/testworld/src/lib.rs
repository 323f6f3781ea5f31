//! The world that journeys run in: living models of GitHub, a registry and Render on loopback, real git repositories, and a runner that
//! starts the real binary as it starts a container action. Everything is strict: what was not expected, and what was expected and did not
//! come, fails the test.
#![allow(
    missing_docs,
    reason = "only this repository's tests, demo and benchmarks use it"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests have an environment, a clock and a wait of their own"
)]

mod address;
mod call;
pub mod container;
pub mod distribution;
pub mod event;
pub mod fault;
mod flow;
pub mod ghcr;
pub mod github;
pub mod image;
mod in_process;
pub mod lists;
mod loopback;
pub mod markdown;
mod meanwhile;
mod memory;
pub mod meter;
mod openapi;
pub mod oracle;
mod overlap;
mod program;
pub mod protocol;
mod pulls;
pub mod registry;
pub mod render;
mod reply;
pub mod repo;
mod run;
pub mod runner;
pub mod server;
pub mod site;
mod start;
mod steps;
pub mod tally;
pub mod tls;
pub mod trap;

pub use address::server_at;
pub use event::Event;
pub use image::{Image, Kind};
pub use in_process::network;
pub use leaks as secrets;
pub use overlap::{Part, together};
pub use program::program;
pub use registry::Registry;
pub use render::Answer;
pub use reply::Reply;
pub use repo::Repo;
pub use run::Run;

use fault::Faulty;
use ghcr::Ghcr;
use github::GitHub;
use leaks::{Planted, invent};
use meanwhile::Deed;
use meter::Meter;
use render::Render;
use runner::Rooms;
use server::Disturbance;
use site::Site;
use std::collections::BTreeMap;
use std::time::Duration;
use trap::{Place, Then, Trap};

/// How the workspace got its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkout {
    /// Every commit, branch and tag (`fetch-depth: 0`).
    Full,
    /// The one commit: what actions/checkout does by default.
    Shallow,
    /// There was no checkout.
    None,
}

/// A world.
#[derive(Debug)]
pub struct World {
    // The directory goes when the world goes.
    root: tempfile::TempDir,
    pub rooms: Rooms,
    pub origin: Repo,
    pub github: GitHub,
    pub registry: Registry,
    pub render: Render,
    /// The web answers of services.
    pub sites: Vec<Site>,
    pub event: Option<Event>,
    pub checkout: Checkout,
    /// Inputs that the workflow gives.
    inputs: BTreeMap<String, String>,
    /// Variables beside the runner's own; an empty option takes one away.
    variables: BTreeMap<String, Option<String>>,
    secrets: Vec<Planted>,
    hooks: Vec<(String, String)>,
    /// The image of each name that was put last.
    images: BTreeMap<String, Image>,
    deadline: Duration,
    trap: Option<Trap>,
    fault: Option<Faulty>,
    /// Whether what was there before the event was deployed by this action.
    is_remembered: bool,
    /// What is started: the program under test.
    program: std::path::PathBuf,
    /// Arguments of that program before ours.
    before: Vec<String>,
    /// The image whose container it is started in.
    image: Option<String>,
    /// Whether it is a process of its own.
    is_process: bool,
    /// What others do during the next run.
    meanwhile: Vec<Deed>,
    /// The clock of runs in this process.
    clock: in_process::Clock,
    /// What the random numbers of runs in this process begin with.
    pub seed: u64,
}

/// The shell for a script that mounts something for the program alone: in a view of the file system of its own.
pub fn own_view() -> String {
    let process = std::fs::metadata("/proc/self").expect("a process");
    let is_root = std::os::unix::fs::MetadataExt::uid(&process) == 0;
    format!(
        "/usr/bin/unshare --mount{} /bin/bash -p {{0}}",
        if is_root {
            ""
        } else {
            " --user --map-root-user"
        }
    )
}

/// Whether every run is a process of its own, whatever its journey says.
pub fn all_as_processes() -> bool {
    std::env::var("JOURNEYS").is_ok_and(|ways| ways == "process")
}

/// The user that the world's registry knows.
const USER: &str = "robot";

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A world whose registry is like GHCR.
    pub fn new() -> Self {
        let password = format!("{}/+=%\"", invent("registry password"));
        Self::with(
            Registry::Ghcr(Ghcr::start(Some((USER, &password)))),
            Some(&password),
            Duration::ZERO,
        )
    }

    /// A world with this registry and the password that its user has there.
    pub fn on(registry: Registry, password: Option<&str>) -> Self {
        static WORLDS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let mut world = Self::with(registry, password, Duration::ZERO);
        world.is_process |= matches!(world.registry, Registry::Distribution(_));
        // The real registries are shared, so every world needs commits, and with them tags, of its own.
        let number = WORLDS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        world.origin.write("docs/world.txt", &number.to_string());
        world
    }

    /// A world whose Render refuses connections until that time is over.
    pub fn with_late_render(delay: Duration) -> Self {
        let password = invent("registry password");
        Self::with(
            Registry::Ghcr(Ghcr::start(Some((USER, &password)))),
            Some(&password),
            delay,
        )
    }

    fn with(registry: Registry, password: Option<&str>, delay: Duration) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let origin = Repo::create(&root.path().join("github/acme/shop"));
        let token = format!("ghs_{}", invent("github token").repeat(12));
        let github = GitHub::start(origin.path(), &token);
        let render = Render::start(delay, &registry.host());
        let rooms = Rooms::create(root.path());
        let mut world = Self {
            rooms,
            github,
            render,
            origin,
            sites: Vec::new(),
            event: None,
            checkout: Checkout::Full,
            inputs: BTreeMap::new(),
            variables: BTreeMap::new(),
            secrets: Vec::new(),
            hooks: Vec::new(),
            images: BTreeMap::new(),
            deadline: Duration::from_secs(120),
            trap: None,
            fault: None,
            is_remembered: true,
            program: program(),
            before: Vec::new(),
            image: container::image(),
            is_process: all_as_processes(),
            meanwhile: Vec::new(),
            clock: in_process::Clock::default(),
            seed: 0,
            registry,
            root,
        };
        let host = world.registry.host();
        let (github_origin, render_origin) =
            (world.github.server.origin(), world.render.server.origin());
        world = world
            .input("github-token", &token)
            .input("registry", &host)
            .input("render-api-url", &render_origin)
            .secret("github-token", &token, &[&github_origin])
            .planted("ACTIONS_RUNTIME_TOKEN")
            .planted("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
        if let Some(password) = password {
            let origin = format!("http://{host}");
            world = world
                .input("registry-username", USER)
                .input("registry-password", password);
            world = world.secret("registry-password", password, &[&origin]);
        }
        world
    }

    /// Gives an input in the step's `with:`.
    pub fn input(mut self, name: &str, value: &str) -> Self {
        assert!(
            runner::ACTION_INPUTS
                .iter()
                .any(|(known, _)| *known == name),
            "no input {name}"
        );
        self.inputs.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The inputs that the workflow gives.
    pub fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inputs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets a variable beside the runner's own.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables
            .insert(name.to_owned(), Some(value.to_owned()));
        self
    }

    /// Takes a variable away.
    pub fn without_variable(mut self, name: &str) -> Self {
        self.variables.insert(name.to_owned(), None);
        self
    }

    /// Tells the world of a secret, and of the origins that may see it.
    pub fn secret(mut self, name: &str, text: &str, homes: &[&str]) -> Self {
        let homes = homes.iter().map(|home| (*home).to_owned()).collect();
        self.secrets.push(Planted {
            name: name.to_owned(),
            text: text.to_owned(),
            homes,
        });
        self
    }

    /// The text of a secret of this world.
    pub fn text_of(&self, name: &str) -> String {
        let found = self.secrets.iter().find(|secret| secret.name == name);
        found
            .unwrap_or_else(|| panic!("no secret {name}"))
            .text
            .clone()
    }

    /// A variable with a secret that is nobody's business.
    fn planted(self, name: &str) -> Self {
        let text = invent(name);
        self.secret(name, &text, &[]).variable(name, &text)
    }

    /// Waits that long for the program before it is killed: a machine that stands still for a while must not look like a program that hangs.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Cancels the run with these signals at that place in it, and says what Render does from then on.
    pub fn cancel_at(mut self, place: Place, signals: &'static [&'static str], then: Then) -> Self {
        self.trap = Some(Trap::new(place, signals, then, &self.render));
        self
    }

    /// Lets something go wrong at a place in the run.
    pub fn faulty(mut self, fault: &Faulty) -> Self {
        self.fault = Some(fault.clone());
        self
    }

    /// The servers, each with the name that kinds of requests have it under.
    pub fn servers(&self) -> impl Iterator<Item = (&'static str, &server::Server)> {
        let registry = self.registry.server().map(|server| ("registry", server));
        [
            ("GitHub", &self.github.server),
            ("Render", &self.render.server),
        ]
        .into_iter()
        .chain(registry)
        .chain(self.sites.iter().map(|site| ("service", &site.server)))
    }

    /// Gives a service a web answer of its own.
    pub fn site(&mut self, name: &str) -> Site {
        let site = Site::start(name, &self.render);
        self.sites.push(site.clone());
        site
    }

    /// Waits until everything that a program sent before it died has arrived.
    pub fn drained(&self) {
        self.servers().for_each(|(_, server)| server.drained());
    }

    /// What the test lets happen to the next run.
    fn disturbance(&self) -> Disturbance {
        Disturbance {
            names: self
                .servers()
                .map(|(name, server)| (server.address(), name))
                .collect(),
            hosts: self
                .sites
                .iter()
                .map(|site| (format!("{}.onrender.com", site.name), site.server.clone()))
                .collect(),
            trap: self.trap.clone(),
            fault: self.fault.clone(),
        }
    }

    /// Somebody else does something, when the next run has lasted for so long.
    pub fn after(mut self, wait: Duration, act: impl FnOnce() + Send + Sync + 'static) -> Self {
        self.meanwhile.push(Deed::after(wait, act));
        self
    }

    /// Somebody else does something during the next run, once this holds.
    pub fn once(
        mut self,
        holds: impl Fn() -> bool + Send + Sync + 'static,
        act: impl FnOnce() + Send + Sync + 'static,
    ) -> Self {
        self.meanwhile.push(Deed::once(holds, act));
        self
    }

    /// Listens, for programs that are no run of ours.
    pub fn listening(self) -> Self {
        self.servers().for_each(|(_, server)| server.listen());
        self
    }

    /// The clock of its runs in this process.
    pub(crate) fn clock(&self) -> in_process::Clock {
        self.clock.clone()
    }

    /// Starts the program as a process of its own, with real sockets and the machine's clock, where a run in this process would show too little.
    pub fn as_process(mut self) -> Self {
        self.is_process = true;
        self
    }

    /// Starts another program in the place of ours: a shell script, to see whether the world would notice.
    pub fn impostor(mut self, script: &str) -> Self {
        self.program = self.outside("impostor");
        (self.image, self.is_process) = (None, true);
        std::fs::write(&self.program, format!("#!/bin/sh\n{script}\n")).expect("a script");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&self.program, mode).expect("a script's mode");
        self
    }

    /// Starts the program as a step of a composite action does: by a shell that runs this script.
    pub fn through(mut self, shell: &str, script: &std::path::Path) -> Self {
        let script = script.to_str().expect("a path");
        let mut words = shell.split(' ').map(|word| word.replace("{0}", script));
        self.program = words.next().expect("a shell").into();
        self.before = words.collect();
        (self.image, self.is_process) = (None, true);
        self
    }

    /// Starts the program so that its use of memory and time is measured.
    pub fn measured(mut self) -> (Self, Meter) {
        let meter = Meter::new();
        let program = std::mem::replace(&mut self.program, meter::python());
        self.before = meter.arguments(&program);
        (self.image, self.is_process) = (None, true);
        (self, meter)
    }

    /// The same world as another runner finds it, whose directories are its own.
    pub fn beside(&self) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        Self {
            rooms: Rooms::create(root.path()),
            root,
            origin: self.origin.clone(),
            github: self.github.clone(),
            registry: self.registry.clone(),
            render: self.render.clone(),
            sites: self.sites.clone(),
            event: self.event.clone(),
            checkout: self.checkout,
            inputs: self.inputs.clone(),
            variables: self.variables.clone(),
            secrets: self.secrets.clone(),
            hooks: self.hooks.clone(),
            images: self.images.clone(),
            deadline: self.deadline,
            trap: None,
            fault: None,
            is_remembered: self.is_remembered,
            program: self.program.clone(),
            before: self.before.clone(),
            image: self.image.clone(),
            is_process: self.is_process,
            meanwhile: Vec::new(),
            clock: self.clock.clone(),
            seed: self.seed,
        }
    }

    /// The digest of the image of that name.
    pub fn digest(&self, image: &str) -> String {
        self.images
            .get(image)
            .unwrap_or_else(|| panic!("no image {image}"))
            .digest
            .clone()
    }

    /// The digest of the linux/amd64 part of the image of that name.
    pub fn platform(&self, image: &str) -> String {
        self.images
            .get(image)
            .unwrap_or_else(|| panic!("no image {image}"))
            .platform
            .clone()
    }

    /// `host/acme/name`.
    pub fn repository(&self, image: &str) -> String {
        format!("{}/acme/{image}", self.registry.host())
    }

    /// The commit that the event is about.
    pub fn commit(&self) -> String {
        self.event.as_ref().expect("an event").commit.clone()
    }

    /// How many images and services the manifest has, or one of each.
    pub fn things(&self) -> usize {
        let text =
            std::fs::read_to_string(self.origin.path().join(steps::MANIFEST)).unwrap_or_default();
        let images = text.matches("repository:").count();
        (images + self.hooks.len()).max(2)
    }

    /// A path outside the workspace that the test may use.
    pub fn outside(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }
}
