//! A run of the program: what it left, and what a journey may expect of it.

use super::container::{Container, docker};
use super::oracle::{self, Heard};
use super::protocol::{self, LogCommand};
use super::render::HookCall;
use super::repo::{git, init};
use super::runner::{self, ACTION_INPUTS, variable};
use super::trap::{Sprung, Trap};
use super::{Checkout, World};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
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
    shown: String,
    account: Account,
}

impl World {
    pub fn plan(self) -> Run {
        self.run("plan")
    }

    pub fn verify(self) -> Run {
        self.run("verify")
    }

    pub fn deploy(self) -> Run {
        self.run("deploy")
    }

    /// Makes a release, which no other command may.
    pub fn release(self) -> Run {
        let github = self.github.clone();
        github.let_make_tags(true);
        let run = self.run("release");
        github.let_make_tags(false);
        run
    }

    /// The environment of the step.
    pub fn environment(&self, command: &str) -> BTreeMap<String, String> {
        let event = self
            .event
            .as_ref()
            .expect("an event: push_to_main, pull_request, on_event …");
        let mut environment = self.rooms.environment(event, &self.github.server.origin());
        for (name, default) in ACTION_INPUTS {
            let value = self.inputs.get(*name).map_or(*default, String::as_str);
            environment.insert(variable(name), value.to_owned());
        }
        environment.insert(
            variable("command"),
            self.inputs
                .get("command")
                .map_or(command, String::as_str)
                .to_owned(),
        );
        for (name, value) in &self.variables {
            match value {
                Some(value) => environment.insert(name.clone(), value.clone()),
                None => environment.remove(name),
            };
        }
        environment
    }

    /// Checks the event's commit out as actions/checkout does: a repository of its own, the one ref fetched.
    pub fn check_out(&self) {
        let workspace = &self.rooms.workspace;
        if self.checkout == Checkout::None || workspace.join(".git").exists() {
            return;
        }
        let event = self.event.as_ref().expect("an event");
        let (origin, sha) = (
            format!("file://{}", self.origin.path().display()),
            event.sha.as_str(),
        );
        if sha.is_empty()
            || self.origin.is_empty()
            || !sha.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return;
        }
        let local = event
            .git_ref
            .replace("refs/heads/", "refs/remotes/origin/")
            .replace("refs/pull/", "refs/remotes/pull/");
        let local = if local.starts_with("refs/") {
            local
        } else {
            "refs/remotes/other".to_owned()
        };
        init(
            workspace,
            "[remote \"origin\"]\n\turl = https://github.com/acme/shop\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n",
        );
        match self.checkout {
            Checkout::Shallow => {
                git(
                    workspace,
                    &[
                        "fetch",
                        "-q",
                        "--no-tags",
                        "--depth=1",
                        &origin,
                        &format!("+{sha}:{local}"),
                    ],
                );
            }
            Checkout::Full => {
                // The branch of the event is among all of them, and may have gone on since: it is put back to what it was, as the second fetch of
                // actions/checkout does.
                let all = [
                    "+refs/heads/*:refs/remotes/origin/*",
                    "+refs/tags/*:refs/tags/*",
                ];
                git(
                    workspace,
                    &[
                        "fetch",
                        "-q",
                        "--no-tags",
                        &origin,
                        all[0],
                        all[1],
                        &format!("+{sha}:refs/own"),
                    ],
                );
                let (own, local) = (
                    workspace.join(".git/refs/own"),
                    workspace.join(".git").join(&local),
                );
                std::fs::create_dir_all(local.parent().expect("a parent"))
                    .expect("a directory of refs");
                std::fs::rename(own, local).expect("a ref");
            }
            Checkout::None => {}
        }
        git(workspace, &["checkout", "-q", "--detach", sha]);
    }

    /// Starts the action, as the runner does, and checks what always holds.
    pub fn run(self, command: &str) -> Run {
        let environment = self.environment(command);
        self.remember();
        self.check_out();
        self.start(&environment, &[], false)
    }

    /// Starts the program as a person does: nothing of the runner's, and these arguments.
    pub fn on_laptop(self, arguments: &[&str]) -> Run {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect();
        self.start(&BTreeMap::new(), &arguments, true)
    }

    fn start(
        self,
        environment: &BTreeMap<String, String>,
        arguments: &[String],
        is_plain: bool,
    ) -> Run {
        if let Some(event) = &self.event {
            self.rooms.prepare(event);
        }
        let before = contents(self.root.path());
        let hooked = self.render.calls().len();
        let trap = self.trap.as_ref();
        self.lay(trap, self.fault.as_ref());
        let contained = self
            .image
            .as_ref()
            .map(|image| Container::new(image, &self.rooms, environment, arguments));
        let (program, line, given) = match &contained {
            Some(container) => (
                docker(),
                container.arguments.clone(),
                &container.environment,
            ),
            None => (
                self.program.clone(),
                [&self.before, arguments].concat(),
                environment,
            ),
        };
        let ended = runner::start(
            &program,
            &line,
            &self.rooms.workspace,
            given,
            self.deadline,
            trap,
        );
        self.lay(None, None);
        assert!(
            contained.is_none_or(|container| container.is_gone()),
            "a container is left"
        );
        let sprung = trap.and_then(Trap::sprung);
        let cut = sprung.map(|sprung| {
            (
                sprung.clone(),
                ended.at.saturating_duration_since(sprung.at),
            )
        });
        let after = contents(self.root.path());
        let left = after
            .into_iter()
            .filter(|(path, bytes)| before.get(path) != Some(bytes))
            .collect();
        let read = |variable: &str| {
            let path = environment
                .get(variable)
                .map(PathBuf::from)
                .unwrap_or_default();
            if !path.is_file() {
                return None;
            }
            std::fs::read(path)
                .ok()
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let output_file = read("GITHUB_OUTPUT");
        let is_regular =
            |path: &String| std::fs::symlink_metadata(path).is_ok_and(|data| data.is_file());
        let is_output_lost = !environment.get("GITHUB_OUTPUT").is_some_and(is_regular);
        let output_file = output_file.unwrap_or_default();
        let parsed = protocol::outputs(&output_file);
        let mut run = Run {
            exit: ended.exit,
            commands: ended.commands(),
            shown: ended.shown(),
            stdout: ended.stdout,
            stderr: ended.stderr,
            said: ended.said,
            output_error: parsed.as_ref().err().cloned(),
            outputs: parsed.unwrap_or_default().into_iter().collect(),
            output_file,
            summary: read("GITHUB_STEP_SUMMARY").unwrap_or_default(),
            hooks: self.render.calls().split_off(hooked),
            left,
            took: ended.took,
            cut,
            is_plain,
            things: self.things(),
            is_output_lost,
            is_killed: trap.is_some_and(|trap| trap.kills()) && ended.exit == -1,
            account: Account {
                is_settled: Cell::new(false),
                hooks: self.render.calls().len() - hooked,
            },
            world: self,
        };
        let faults = run.faults();
        if !faults.is_empty() {
            run.account.is_settled.set(true);
            run.fail(&faults.join("\n"));
        }
        run.forget_own_files();
        run
    }
}

impl Run {
    fn faults(&self) -> Vec<String> {
        let world = &self.world;
        let hosts = [&world.github.server, &world.render.server];
        let mut heard: Vec<Heard> = hosts
            .iter()
            .map(|server| Heard {
                origin: server.origin(),
                calls: server.calls(),
            })
            .collect();
        if let Some(server) = world.registry.server() {
            heard.push(Heard {
                origin: server.origin(),
                calls: server.calls(),
            });
        }
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
    fn forget_own_files(&mut self) {
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
struct Account {
    is_settled: Cell<bool>,
    hooks: usize,
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

/// Every file below a directory, but for what the models keep.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.join("work")];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && entry.metadata().is_ok_and(|data| data.len() < 8 << 20) {
                found.insert(path.clone(), std::fs::read(path).unwrap_or_default());
            }
        }
    }
    found
}
