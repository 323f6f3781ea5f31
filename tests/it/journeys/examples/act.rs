//! The workflows, run by act (<https://github.com/nektos/act>), a runner that was not written for this project. `.ci/act/run` starts these tests
//! with a program, a runner's image and this action's image; without them, the evaluator alone plays the workflows.
//!
//! `.ci/act/README.md` lists what act cannot show, and who shows it instead.

use super::stage::Stage;
use super::told::{self, Told};
use super::{github_token, yaml};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use testworld::{Checkout, World, container::docker};

/// The longest that a workflow may take.
const DEADLINE: Duration = Duration::from_secs(240);

/// act, and the images that it starts.
#[derive(Debug)]
struct Act {
    program: PathBuf,
    /// The runner.
    runner: String,
    /// This action.
    action: String,
}

impl Act {
    fn found() -> Option<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let program = variable("ACT")?;
        let image = |name| variable(name).unwrap_or_else(|| panic!("ACT is set, {name} is not"));
        Some(Self {
            program: program.into(),
            runner: image("ACT_RUNNER"),
            action: image("ACT_ACTION"),
        })
    }
}

/// Plays a workflow, and lets act run it in an equal world; both tell the same.
#[track_caller]
pub(super) fn both(begin: impl Fn() -> Stage, file: &str) -> Told {
    let played = begin().tell(file);
    if let Some(act) = Act::found() {
        // act names containers after workflow and job, so that two workflows of one name are in each other's way.
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = begin().with(World::listening);
        let (ran, log) = Workflow::new(act, stage, file).run();
        assert_eq!(ran, played, "act and the evaluator differ on {file}\n{log}");
    }
    played
}

/// A workflow that act is about to run.
struct Workflow<'a> {
    act: Act,
    stage: Stage,
    file: &'a str,
    content: Value,
    /// What the runner and the test share: requests, artifacts, the workflow, the log.
    place: tempfile::TempDir,
}

impl<'a> Workflow<'a> {
    fn new(act: Act, stage: Stage, file: &'a str) -> Self {
        let content = yaml::read(&stage.example.workflows[file]);
        let place = tempfile::tempdir().expect("a directory");
        for directory in ["requests", "artifacts", "workflows", "action", "home"] {
            std::fs::create_dir(place.path().join(directory)).expect("a directory");
        }
        Self {
            act,
            stage,
            file,
            content,
            place,
        }
    }

    /// What became of it, and what act printed.
    fn run(mut self) -> (Told, String) {
        let hooked = self.stage.world.render.calls().len();
        let checkout = self.stage.world.beside().checkout(Checkout::Shallow);
        checkout.check_out();
        let makes_tags = self.stage.makes_tags(self.file);
        if makes_tags {
            self.stage.world.github.let_make_tags(true);
        }
        let mut child = self.start(&checkout.rooms.workspace);
        let built = self.answer(&mut child);
        if makes_tags {
            self.stage.world.github.let_make_tags(false);
        }
        self.stage.world.drained();
        let world = &self.stage.world;
        let violations = [world.github.violations(), world.render.violations()].concat();
        assert!(violations.is_empty(), "{violations:?}\n{}", self.printed());
        assert!(world.registry.violations().is_empty(), "{}", self.printed());
        let told = self.read(&built, hooked);
        self.leaks_nothing();
        (told, self.printed())
    }

    fn start(&self, workspace: &Path) -> Child {
        let event = self.stage.world.event.as_ref().expect("an event");
        let place = self.place.path();
        let payload = place.join("event.json");
        std::fs::write(&payload, event.payload.to_string()).expect("the event");
        let log = std::fs::File::create(place.join("log")).expect("a log");
        let errors = log.try_clone().expect("a log");
        let mut command = Command::new(&self.act.program);
        command
            .arg(&event.name)
            .args(["--json", "--rm", "--pull=false", "--no-cache-server"])
            .args(["--network", "host", "--actor", &event.actor])
            .arg("-C")
            .arg(workspace)
            .arg("-W")
            .arg(self.write_workflow())
            .arg("-e")
            .arg(payload)
            .args(["-P", &format!("ubuntu-24.04={}", self.act.runner)])
            .args(["--container-options", &self.container_options()]);
        for stand_in in self.stand_ins() {
            command.args(["--local-repository", &stand_in]);
        }
        for (name, value) in self.environment() {
            command.args(["--env", &format!("{name}={value}")]);
        }
        command
            .env_clear()
            .env("HOME", place.join("home"))
            .env("PATH", docker().parent().expect("a directory"));
        if let Some(host) = std::env::var_os("DOCKER_HOST") {
            command.env("DOCKER_HOST", host);
        }
        for (name, value) in self.settings("secrets.") {
            command.args(["-s", &name]).env(name, value);
        }
        for (name, value) in self.settings("vars.") {
            command.args(["--var", &format!("{name}={value}")]);
        }
        command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("act")
    }

    /// The workflow without the one key that act does not know.
    fn write_workflow(&self) -> PathBuf {
        let text = without_queue(&self.stage.example.workflows[self.file]);
        let path = self.place.path().join("workflows").join(self.file);
        std::fs::write(&path, text).expect("a workflow");
        path
    }

    /// The runner sees the stand-ins for other programs, and what it shares with the test.
    fn container_options(&self) -> String {
        let (place, tools) = (
            self.place.path().display(),
            self.stage.tools.path().display(),
        );
        format!(
            "--network host -v {place}/requests:/stand-ins/requests -v {place}/artifacts:/stand-ins/artifacts -v {tools}:/stand-ins/bin -v {tools}:{tools}"
        )
    }

    /// What takes the place of each action that the workflow uses.
    fn stand_ins(&self) -> Vec<String> {
        let jobs = self.content["jobs"].as_object().expect("jobs");
        let steps = jobs.values().flat_map(|job| job["steps"].as_array());
        let uses: BTreeSet<&str> = steps
            .flatten()
            .filter_map(|step| step["uses"].as_str())
            .collect();
        let folder = |uses: &str| {
            let name = uses.split_once('@').expect("a pin").0;
            if name == "OWNER/ghcr-to-render" {
                return self.write_action();
            }
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let folder = root.join(".ci/act/stand-ins").join(name);
            assert!(folder.is_dir(), "nothing stands in for {uses}");
            folder
        };
        uses.into_iter()
            .map(|uses| format!("{uses}={}", folder(uses).display()))
            .collect()
    }

    /// The project's own action.yml, with the image that was built here and the world's addresses and credentials as defaults.
    fn write_action(&self) -> PathBuf {
        let text = include_str!("../../../../action.yml");
        let image = format!("image: docker://{}", self.act.action);
        let mut text = text.replace("image: Dockerfile", &image);
        for (name, value) in self.stage.world.given() {
            if name != "github-token" && !value.is_empty() {
                text = with_default(&text, name, value);
            }
        }
        let folder = self.place.path().join("action");
        std::fs::write(folder.join("action.yml"), text).expect("an action");
        folder
    }

    /// What GitHub's runner sets and act does not know.
    fn environment(&self) -> Vec<(String, String)> {
        let world = &self.stage.world;
        let event = world.event.as_ref().expect("an event");
        let known = world
            .rooms
            .environment(event, &world.github.server.origin());
        let wanted = [
            "GITHUB_ACTOR_ID",
            "GITHUB_API_URL",
            "GITHUB_GRAPHQL_URL",
            "GITHUB_REF",
            "GITHUB_REPOSITORY",
            "GITHUB_REPOSITORY_ID",
            "GITHUB_REPOSITORY_OWNER",
            "GITHUB_REPOSITORY_OWNER_ID",
            "GITHUB_RUN_ID",
            "GITHUB_RUN_NUMBER",
            "GITHUB_TRIGGERING_ACTOR",
            "RUNNER_ENVIRONMENT",
        ];
        let own = wanted.map(|name| (name.to_owned(), known[name].clone()));
        // act takes the commit from here.
        let commit = ("SHA_REF".to_owned(), event.sha.clone());
        own.into_iter().chain([commit]).collect()
    }

    /// The secrets or variables of the environments that the workflow names. One that is set to nothing is one that is not set.
    fn settings(&self, kind: &str) -> BTreeMap<String, String> {
        let jobs = self.content["jobs"].as_object().expect("jobs");
        let named: Vec<&str> = jobs
            .values()
            .filter_map(|job| job["environment"].as_str())
            .collect();
        let is_named = |environment: &str| named.iter().any(|name| name.contains(environment));
        let mut found = BTreeMap::new();
        for (key, value) in &self.stage.settings {
            let (environment, setting) = key.split_once('/').expect("an environment");
            let Some(name) = setting.strip_prefix(kind) else {
                continue;
            };
            if value.is_empty() || !is_named(environment) {
                continue;
            }
            let known = found.insert(name.to_owned(), value.clone());
            assert!(
                known.is_none_or(|known| known == *value),
                "act has one set of {kind}*: {name} has two values"
            );
        }
        if kind == "secrets." {
            found.insert("GITHUB_TOKEN".to_owned(), github_token());
        }
        found
    }

    /// Answers the stand-ins until act ends, and gives what was built.
    fn answer(&mut self, child: &mut Child) -> Vec<(String, Vec<String>)> {
        let began = Instant::now();
        let mut built = Vec::new();
        loop {
            built.extend(self.requests().into_iter().flatten());
            if child.try_wait().expect("act").is_some() {
                return built;
            }
            if began.elapsed() > DEADLINE {
                let _ = child.kill();
                let _ = child.wait();
                panic!("act was not done after {DEADLINE:?}\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Builds what is asked for now.
    fn requests(&mut self) -> Vec<Option<(String, Vec<String>)>> {
        let folder = self.place.path().join("requests");
        let entries = std::fs::read_dir(folder).expect("requests").flatten();
        let open = entries.map(|entry| entry.path()).filter(|path| {
            path.extension().is_some_and(|end| end == "json")
                && !path.with_extension("reply").exists()
        });
        let open: Vec<PathBuf> = open.collect();
        let mut built = Vec::new();
        for path in open {
            let text = std::fs::read_to_string(&path).expect("a request");
            let with: BTreeMap<String, String> = serde_json::from_str(&text).expect("inputs");
            let pushed = self.stage.push(&with);
            let digest = pushed.as_ref().map(|pushed| pushed.digest.as_str());
            let reply = path.with_extension("new");
            std::fs::write(&reply, digest.unwrap_or_default()).expect("a reply");
            std::fs::rename(reply, path.with_extension("reply")).expect("a reply");
            built.push(pushed.map(|pushed| (pushed.image, pushed.tags)));
        }
        built
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }

    /// The messages of the log, job by job as they came.
    fn printed(&self) -> String {
        let log = self.log();
        let lines = log.lines().map(|line| {
            let entry: Value = serde_json::from_str(line).unwrap_or_default();
            match (entry["job"].as_str(), entry["msg"].as_str()) {
                (Some(job), Some(message)) => format!("[{job}] {}", message.trim_end()),
                _ => line.to_owned(),
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Reads the log: the results of the jobs and the outputs of this action.
    fn read(&self, built: &[(String, Vec<String>)], hooked: usize) -> Told {
        let log = self.log();
        let mut jobs: BTreeMap<String, String> = self.content["jobs"]
            .as_object()
            .expect("jobs")
            .keys()
            .map(|job| (job.clone(), "skipped".to_owned()))
            .collect();
        let mut outputs: BTreeMap<[String; 3], BTreeMap<String, String>> = BTreeMap::new();
        for line in log.lines() {
            let Ok(entry) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
            if let Some(result) = entry["jobResult"].as_str() {
                let known = jobs.get_mut(&text("jobID")).expect("a job");
                if known != "failure" {
                    *known = result.to_owned();
                }
            }
            let is_ours = text("step").starts_with("OWNER/ghcr-to-render");
            if is_ours && entry["command"] == "set-output" {
                let step = [text("jobID"), text("job"), entry["stepID"].to_string()];
                let of_step = outputs.entry(step).or_default();
                of_step.insert(text("name"), text("arg"));
            }
        }
        assert!(
            jobs.values().any(|result| result != "skipped"),
            "act ran no job\n{log}"
        );
        let run = |([job, ..], outputs): (&[String; 3], &BTreeMap<String, String>)| {
            told::run(job, |name| outputs.get(name).cloned().unwrap_or_default())
        };
        let runs = outputs.iter().map(run).collect();
        let hooks = self.stage.world.render.calls().split_off(hooked);
        Told::new(&self.stage, jobs, runs, &hooks, built)
    }

    /// No secret is in what act prints.
    fn leaks_nothing(&self) {
        let printed = self.printed();
        for (name, value) in self.settings("secrets.") {
            assert!(
                !printed.contains(&value),
                "{}: {name}\n{printed}",
                self.file
            );
        }
    }
}

/// An input of action.yml with another default.
fn with_default(text: &str, input: &str, value: &str) -> String {
    let head = format!("\n  {input}:\n");
    let (before, after) = text.split_once(&head).expect("an input");
    let is_own = |line: &&str| line.starts_with("    ");
    let own = after.lines().take_while(is_own);
    let kept: Vec<&str> = own
        .filter(|line| !line.starts_with("    default:"))
        .collect();
    let rest: Vec<&str> = after.lines().skip_while(is_own).collect();
    format!(
        "{before}{head}{}\n    default: {}\n{}\n",
        kept.join("\n"),
        Value::from(value),
        rest.join("\n")
    )
}

/// What `.ci/act/without-queue` makes of a workflow.
fn without_queue(text: &str) -> String {
    use std::io::Write;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/act/without-queue");
    let mut child = Command::new(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the script");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("the script");
    drop(input);
    let ended = child.wait_with_output().expect("the script");
    assert!(ended.status.success());
    String::from_utf8(ended.stdout).expect("text")
}

/// Takes `queue` out of every concurrency group, and says how many there were.
fn dequeue(value: &mut Value) -> usize {
    let mut found = 0;
    match value {
        Value::Object(entries) => {
            for (key, entry) in entries {
                if key == "concurrency" {
                    let queue = entry
                        .as_object_mut()
                        .and_then(|group| group.remove("queue"));
                    found += usize::from(queue == Some(Value::from("max")));
                }
                found += dequeue(entry);
            }
        }
        Value::Array(items) => found += items.iter_mut().map(dequeue).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

#[test]
fn act_runs_every_workflow_as_it_is_but_for_the_queue() {
    let mut queues = 0;
    for (name, text) in super::groups::texts() {
        let shown = without_queue(&text);
        let mut wanted = yaml::read(&text);
        let found = dequeue(&mut wanted);
        assert_eq!(yaml::read(&shown), wanted, "{name}");
        assert_eq!(
            text.lines().count(),
            shown.lines().count() + found,
            "{name}"
        );
        queues += found;
    }
    assert_eq!(queues, 15);
}
