//! A run of the program: what it left, and what a journey may expect of it.

use super::World;
use super::oracle::{self, Heard};
use super::protocol::LogCommand;
use super::render::HookCall;
use super::trap::Sprung;
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What a run left.
#[derive(Debug)]
pub struct Run {
    pub world: World,
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
    /// Both, byte for byte, without the lines that hide secrets.
    pub said: Vec<u8>,
    /// Outputs by the runner's own rules; the last of a name counts.
    pub outputs: BTreeMap<String, String>,
    pub output_file: String,
    pub output_error: Option<String>,
    pub summary: String,
    pub commands: Vec<LogCommand>,
    /// The hooks that were called in this run.
    pub hooks: Vec<HookCall>,
    /// Files that were not there before, or are not as before.
    pub left: Vec<(PathBuf, Vec<u8>)>,
    pub took: Duration,
    /// What was so when the trap cancelled it, and how long it then took to end.
    pub cut: Option<(Sprung, Duration)>,
    /// `--help` and the like: it has no outcome.
    pub is_plain: bool,
    /// How many images and services the manifest has.
    pub things: usize,
    /// It was killed, and could not say anything any more.
    pub is_killed: bool,
    /// The output file could not be written.
    pub is_output_lost: bool,
    pub(crate) shown: String,
    pub(crate) account: Account,
}

impl Run {
    /// What is wrong with it by itself.
    pub(crate) fn faults(&self) -> Vec<String> {
        let world = &self.world;
        let hosts = [&world.github.server, &world.render.server];
        let mut heard: Vec<Heard> = hosts
            .iter()
            .map(|server| Heard {
                origin: server.origin(),
                calls: server.unsearched(),
            })
            .collect();
        if let Some(server) = world.registry.server() {
            heard.push(Heard {
                origin: server.origin(),
                calls: server.unsearched(),
            });
        }
        heard.extend(world.sites.iter().map(|site| Heard {
            origin: site.server.origin(),
            calls: site.server.unsearched(),
        }));
        let mut secrets = world.secrets.clone();
        secrets.extend(world.registry.tokens());
        let mut faults = oracle::faults(self, &secrets, &heard);
        faults.extend(world.github.violations());
        faults.extend(world.render.violations());
        faults.extend(world.registry.violations());
        faults.extend(oracle::mark(&world.rooms.mark));
        faults
    }

    /// The world, ready for its next event: a new runner comes with an empty workspace.
    pub fn into_world(self) -> World {
        let mut world = self.world;
        std::fs::remove_dir_all(&world.rooms.workspace).expect("the workspace");
        std::fs::create_dir_all(&world.rooms.workspace).expect("the workspace");
        world.event = None;
        (world.trap, world.fault) = (None, None);
        world
    }

    /// The world in which the same run is repeated.
    pub fn again(self) -> World {
        let event = self.world.event.clone();
        let mut world = self.into_world().variable("GITHUB_RUN_ATTEMPT", "2");
        world.event = event;
        world
    }

    /// Of the files that it left, keeps those that are not the step's own command files.
    pub(crate) fn forget_own_files(&mut self) {
        let own = self.world.rooms.files.clone();
        self.left.retain(|(path, _)| !path.starts_with(&own));
    }

    /// The log, without the lines that hide secrets.
    pub fn shown(&self) -> String {
        self.shown.clone()
    }

    /// An output, or nothing.
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map_or("", String::as_str)
    }

    /// An output's JSON.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(self.output(name))
            .unwrap_or_else(|_| self.fail(&format!("{name} is no JSON")))
    }

    /// The texts of the annotations of that kind.
    pub fn annotations(&self, kind: &str) -> Vec<String> {
        self.commands
            .iter()
            .filter(|command| command.name == kind)
            .map(|command| command.data.clone())
            .collect()
    }

    /// What is hidden from the log.
    pub fn masks(&self) -> Vec<String> {
        self.annotations("add-mask")
    }

    /// The object of a service in `deploys`.
    pub fn service(&self, name: &str) -> Value {
        let deploys = self.json("deploys");
        let found = deploys
            .as_array()
            .and_then(|all| all.iter().find(|deploy| deploy["service"] == name))
            .cloned();
        found.unwrap_or_else(|| self.fail(&format!("{name} is not in deploys")))
    }

    /// Fails the test, with everything that one wants to see then.
    #[track_caller]
    pub fn fail(&self, why: &str) -> ! {
        self.account.is_settled.set(true);
        let mut text = format!("{why}\n--- exit {} after {:?}", self.exit, self.took);
        for (title, part) in [
            ("stdout", &self.stdout),
            ("stderr", &self.stderr),
            ("outputs", &self.output_file),
            ("summary", &self.summary),
        ] {
            let lines = part
                .lines()
                .filter(|line| !line.starts_with("::add-mask::"));
            let part: String = lines
                .map(|line| line.chars().take(400).collect::<String>() + "\n")
                .collect();
            text.push_str(&format!(
                "\n--- {title}\n{}",
                part.chars().take(6000).collect::<String>()
            ));
        }
        let world = &self.world;
        let servers = [
            Some(&world.github.server),
            world.registry.server(),
            Some(&world.render.server),
        ];
        for (title, server) in ["GitHub", "registry", "Render"].into_iter().zip(servers) {
            let calls: Vec<String> = server
                .map(|server| server.calls().iter().map(|call| call.line()).collect())
                .unwrap_or_default();
            text.push_str(&format!("\n--- {title}\n{}", calls.join("\n")));
        }
        panic!("{text}");
    }

    /// Fails the test unless this holds.
    #[track_caller]
    pub fn ensure(self, holds: bool, what: &str) -> Self {
        if !holds {
            self.fail(what);
        }
        self
    }

    /// Fails the test unless the two are equal.
    #[track_caller]
    pub fn equal<T: PartialEq + std::fmt::Debug>(&self, what: &str, found: &T, wanted: &T) {
        if found != wanted {
            self.fail(&format!("{what} is {found:?}, not {wanted:?}"));
        }
    }

    /// It ended so.
    #[track_caller]
    pub fn ended(self, exit: i32, outcome: &str, failure: &str) -> Self {
        let found = (self.exit, self.output("outcome"), self.output("failure"));
        if found != (exit, outcome, failure) {
            self.fail(&format!(
                "it ended {found:?}, not {:?}",
                (exit, outcome, failure)
            ));
        }
        self
    }

    /// Exactly these hooks were called, in any order, each with its image's digest.
    #[track_caller]
    pub fn hooked(self, services: &[&str]) -> Self {
        let image = |name: &str| {
            format!(
                "{}@{}",
                self.world.repository(name),
                self.world.digest(name)
            )
        };
        let images: Vec<(&str, String)> =
            services.iter().map(|name| (*name, image(name))).collect();
        let images: Vec<(&str, &str)> = images
            .iter()
            .map(|(name, image)| (*name, image.as_str()))
            .collect();
        self.hooked_with(&images)
    }

    /// Exactly these hooks were called, in any order, each with this image.
    #[track_caller]
    pub fn hooked_with(self, images: &[(&str, &str)]) -> Self {
        self.account.is_settled.set(true);
        let mut found: Vec<(&str, &str)> = self
            .hooks
            .iter()
            .map(|call| (call.service.as_str(), call.image.as_str()))
            .collect();
        let mut wanted = images.to_vec();
        found.sort_unstable();
        wanted.sort_unstable();
        self.equal("what was asked of Render", &found, &wanted);
        self
    }

    /// The first call of the one came after the first call of the other.
    #[track_caller]
    pub fn after(self, late: &str, early: &str) -> Self {
        let at = |name: &str| self.hooks.iter().position(|call| call.service == name);
        let holds = at(late) > at(early) && at(early).is_some();
        self.ensure(holds, &format!("{late} did not come after {early}"))
    }

    /// What was asked of Render has been looked at.
    pub fn settled(&self) {
        self.account.is_settled.set(true);
    }

    /// No hook was called.
    #[track_caller]
    pub fn no_hooks(self) -> Self {
        self.account.is_settled.set(true);
        if !self.hooks.is_empty() {
            self.fail(&format!("hooks were called: {:?}", self.hooks));
        }
        self
    }

    /// These services, and no others, were deployed, as far as a hook can say.
    #[track_caller]
    pub fn expect_accepted<const N: usize>(self, services: [&str; N]) -> Self {
        let run = self.ended(0, "accepted", "").hooked(&services);
        run.equal(
            "services",
            &run.json("services"),
            &Value::from(services.to_vec()),
        );
        for service in services {
            run.equal(
                service,
                &run.service(service)["status"],
                &Value::from("accepted"),
            );
        }
        run
    }

    /// It was not done, whichever of the two words says so.
    #[track_caller]
    pub fn expect_stopped(self, failure: &str) -> Self {
        let outcome = self.output("outcome").to_owned();
        let outcome = if outcome == "refused" {
            "refused"
        } else {
            "failed"
        };
        self.ended(1, outcome, failure).no_hooks()
    }

    /// Refused before anything was asked of anybody but GitHub: a clear error, and no output beyond `outcome` and `failure`.
    #[track_caller]
    pub fn expect_refusal(self) -> Self {
        let run = self.no_hooks();
        if !matches!(run.exit, 1 | 2) {
            run.fail("it was not refused");
        }
        let more: Vec<&String> = run
            .outputs
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, _)| key)
            .collect();
        let has_more = more
            .iter()
            .any(|key| !["outcome", "failure", "summary"].contains(&key.as_str()));
        let asked = run
            .world
            .registry
            .server()
            .map_or(0, |server| server.calls().len())
            + run.world.render.server.calls().len();
        let has_error = run
            .annotations("error")
            .iter()
            .any(|error| error.len() > 10);
        run.ensure(!has_more, "a refusal set outputs")
            .ensure(asked == 0, "somebody was asked")
            .ensure(has_error, "no clear error")
    }

    /// The request itself is wrong: exit 2, and nobody was asked anything.
    #[track_caller]
    pub fn expect_wrong_request(self, failure: &str) -> Self {
        let run = self.no_hooks();
        let (exit, found) = (run.exit, run.output("failure").to_owned());
        if exit != 2 || found != failure {
            run.fail(&format!(
                "it ended {exit} with failure {found:?}, not 2 with {failure:?}"
            ));
        }
        run
    }

    /// The event asks for nothing.
    #[track_caller]
    pub fn expect_nothing(self) -> Self {
        self.ended(0, "nothing", "").no_hooks()
    }

    /// There was something to do, and a reason not to.
    #[track_caller]
    pub fn expect_unchanged(self) -> Self {
        self.ended(0, "nothing", "").no_hooks()
    }

    /// A reason not to deploy what there was to deploy.
    #[track_caller]
    pub fn expect_skipped(self) -> Self {
        self.ended(0, "skipped", "").no_hooks()
    }

    /// The images are there and fit.
    #[track_caller]
    pub fn expect_verified(self) -> Self {
        self.ended(0, "verified", "").no_hooks()
    }

    /// A plan was made, to deploy these.
    #[track_caller]
    pub fn expect_planned<const N: usize>(self, services: [&str; N]) -> Self {
        let run = self.ended(0, "planned", "").no_hooks();
        run.equal(
            "services",
            &run.json("services"),
            &Value::from(services.to_vec()),
        );
        run
    }

    /// The log, an annotation or the summary says this.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let holds = self.shown.contains(text) || self.summary.contains(text);
        self.ensure(holds, &format!("nowhere does it say {text:?}"))
    }

    /// There is an annotation of that kind which says this.
    #[track_caller]
    pub fn annotates(self, kind: &str, text: &str) -> Self {
        let holds = self
            .annotations(kind)
            .iter()
            .any(|annotation| annotation.contains(text));
        self.ensure(holds, &format!("no {kind} says {text:?}"))
    }
}

/// Whether the test has said which hooks it expected.
#[derive(Debug, Default)]
pub(crate) struct Account {
    is_settled: Cell<bool>,
    hooks: usize,
}

impl Account {
    pub(crate) fn of(hooks: usize) -> Self {
        Self {
            is_settled: Cell::new(false),
            hooks,
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let is_open = !self.is_settled.get() && self.hooks > 0 && !std::thread::panicking();
        assert!(
            !is_open,
            "the test did not say that it expected {} hook calls",
            self.hooks
        );
    }
}
