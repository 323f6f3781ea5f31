//! Starts the program in a world, as the runner does or as a person does.

use super::container::{Container, docker};
use super::fault;
use super::in_process;
use super::meanwhile::Others;
use super::protocol;
use super::repo::{git, init};
use super::run::{Account, Run};
use super::runner::{self, ACTION_INPUTS, Ended, variable};
use super::trap::Trap;
use super::{Checkout, World};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

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

    /// Starts the program in a shell step, with these flags beside the command.
    pub fn run_with(self, command: &str, flags: &[&str]) -> Run {
        let environment = self.environment(command);
        self.remember();
        self.check_out();
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self.start(&environment, &flags, false)
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
        mut self,
        environment: &BTreeMap<String, String>,
        arguments: &[String],
        is_plain: bool,
    ) -> Run {
        let found = self.found();
        let meanwhile = std::mem::take(&mut self.meanwhile);
        let ended = if self.is_in_process() {
            let run = in_process::run(&self, environment, arguments, meanwhile);
            in_process::block_on(&self.clock, run)
        } else {
            let others = Others::begin(meanwhile);
            let ended = self.play_as_process(environment, arguments);
            others.end();
            ended
        };
        self.ended(environment, &found, ended, is_plain)
    }

    /// Starts the action on the runtime of who asks, whose clock is paused.
    pub(crate) async fn run_here(mut self, command: &str) -> Run {
        let environment = self.environment(command);
        self.remember();
        self.check_out();
        let found = self.found();
        let meanwhile = std::mem::take(&mut self.meanwhile);
        let ended = in_process::run(&self, &environment, &[], meanwhile).await;
        self.ended(&environment, &found, ended, false)
    }

    /// Whether a run is one in this process.
    pub(crate) fn is_in_process(&self) -> bool {
        !self.is_process && self.image.is_none()
    }

    /// Prepares the runner's files and looks at what is there before a run.
    fn found(&self) -> Found {
        if let Some(event) = &self.event {
            self.rooms.prepare(event);
        }
        Found {
            files: contents(self.root.path()),
            hooks: self.render.calls().len(),
        }
    }

    /// Opens what a fault closed, and checks what always holds.
    fn ended(
        self,
        environment: &BTreeMap<String, String>,
        found: &Found,
        ended: Ended,
        is_plain: bool,
    ) -> Run {
        if self.fault.is_some() {
            self.servers().for_each(|(_, server)| server.open());
        }
        let mut run = self.left(environment, found, ended, is_plain);
        let faults = run.faults();
        if !faults.is_empty() {
            run.settled();
            run.fail(&faults.join("\n"));
        }
        run.forget_own_files();
        run
    }

    /// Starts the program as a process of its own, or in a container, with real sockets and the machine's clock.
    fn play_as_process(
        &self,
        environment: &BTreeMap<String, String>,
        arguments: &[String],
    ) -> Ended {
        let now = Instant::now();
        let disturbed = Arc::new(self.disturbance());
        for (_, server) in self.servers() {
            server.listen();
            server.run_begins(now);
            server.disturb(Some(Arc::clone(&disturbed)));
        }
        if self.fault.is_some() {
            fault::stranger().listen();
        }
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
            self.trap.as_ref(),
        );
        self.servers().for_each(|(_, server)| server.disturb(None));
        assert!(
            contained.is_none_or(|container| container.is_gone()),
            "a container is left"
        );
        ended
    }

    /// What a run left in the world.
    fn left(
        self,
        environment: &BTreeMap<String, String>,
        found: &Found,
        ended: Ended,
        is_plain: bool,
    ) -> Run {
        let sprung = self.trap.as_ref().and_then(Trap::sprung);
        let cut = sprung.map(|sprung| {
            let took = ended.at.saturating_duration_since(sprung.at);
            (sprung, took)
        });
        let after = contents(self.root.path());
        let left = after
            .into_iter()
            .filter(|(path, bytes)| found.files.get(path) != Some(bytes))
            .collect();
        let is_regular =
            |path: &String| std::fs::symlink_metadata(path).is_ok_and(|data| data.is_file());
        let is_output_lost = !environment.get("GITHUB_OUTPUT").is_some_and(is_regular);
        let output_file = text_of_file(environment, "GITHUB_OUTPUT");
        let parsed = protocol::outputs(&output_file);
        let hooks = self.render.calls().split_off(found.hooks);
        Run {
            exit: ended.exit,
            commands: ended.commands(),
            shown: ended.shown(),
            stdout: ended.stdout,
            stderr: ended.stderr,
            said: ended.said,
            output_error: parsed.as_ref().err().cloned(),
            outputs: parsed.unwrap_or_default().into_iter().collect(),
            output_file,
            summary: text_of_file(environment, "GITHUB_STEP_SUMMARY"),
            account: Account::of(hooks.len()),
            hooks,
            left,
            took: ended.took,
            cut,
            is_plain,
            things: self.things(),
            is_output_lost,
            is_killed: self.trap.as_ref().is_some_and(Trap::kills) && ended.exit == -1,
            world: self,
        }
    }
}

/// What was there before a run.
struct Found {
    files: BTreeMap<PathBuf, Vec<u8>>,
    hooks: usize,
}

/// The file that a variable names.
fn text_of_file(environment: &BTreeMap<String, String>, variable: &str) -> String {
    let path = environment.get(variable).map(PathBuf::from);
    match path.filter(|path| path.is_file()).map(std::fs::read) {
        Some(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Some(Err(_)) | None => String::new(),
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
