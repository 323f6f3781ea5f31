//! Plays a workflow: its jobs in their order, its steps as the runner takes them. A step that uses this action starts the real program with the
//! environment that its `with:` makes; a build pushes an image with the tags and labels that it was given; a script runs in bash, with
//! stand-ins for the programs that reach into the world.

use super::expression::{Table, evaluate, text, truth};
use super::told::{self, Told};
use super::{Example, yaml};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use testworld::server::Call;
use testworld::{Checkout, Image, Kind, Run, World};

/// A repository that has an example's files, with what its settings hold.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) example: Example,
    /// Secrets and variables: `environment/secrets.NAME`. One that is set to nothing is one that is not set.
    pub(super) settings: BTreeMap<String, String>,
    /// Inputs whose written value would take too long, with what is given in its place.
    hurried: Vec<(&'static str, &'static str, &'static str)>,
    /// What was built: the image and its digest.
    pub(super) pushed: Vec<(String, String)>,
    /// Builds of these images fail from now on.
    broken: Vec<String>,
    /// The stand-ins, and what they wrote down.
    pub(super) tools: tempfile::TempDir,
}

/// An image that was built.
pub(super) struct Pushed {
    pub(super) image: String,
    pub(super) tags: Vec<String>,
    pub(super) digest: String,
}

/// What became of a workflow's jobs.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Runs of this action, with the job and its matrix' only text.
    runs: Vec<(String, Run)>,
    pub(super) results: BTreeMap<String, &'static str>,
    /// What was built: image and tags.
    pub(super) built: Vec<(String, Vec<String>)>,
    /// What scripts printed.
    pub(super) printed: String,
}

impl Played {
    /// The next run of that job.
    #[track_caller]
    pub(super) fn run(&mut self, job: &str) -> Run {
        let at = self.runs.iter().position(|(name, _)| name == job);
        let at = at.unwrap_or_else(|| panic!("no run is left of {job}: {:?}", self.results));
        self.runs.remove(at).1
    }

    /// What its runs asked of Render is of no interest.
    pub(super) fn settled(self) -> Self {
        self.runs.iter().for_each(|(_, run)| run.settled());
        self
    }

    /// These images were built, and no others.
    #[track_caller]
    pub(super) fn builds(self, images: &[&str]) -> Self {
        let built: Vec<&str> = self.built.iter().map(|(image, _)| image.as_str()).collect();
        assert_eq!(built, images, "what was built");
        self
    }

    /// The jobs ended so.
    #[track_caller]
    pub(super) fn ended(self, results: &[(&str, &'static str)]) -> Self {
        let wanted: BTreeMap<String, &'static str> = results
            .iter()
            .map(|(job, result)| ((*job).to_owned(), *result))
            .collect();
        if self.results != wanted {
            let mut text = self.printed.clone();
            for (job, run) in &self.runs {
                run.settled();
                text.push_str(&format!("\n--- {job}: exit {}\n{}", run.exit, run.shown()));
            }
            panic!("the jobs ended {:?}, not {wanted:?}\n{text}", self.results);
        }
        self
    }
}

impl Stage {
    /// A repository with the example's manifests; `change` is what the test's world has in their place.
    pub(super) fn of(name: &'static str, change: impl Fn(String) -> String) -> Self {
        Self::with_files(Example::named(name), change)
    }

    /// A repository with these files.
    pub(super) fn with_files(example: Example, change: impl Fn(String) -> String) -> Self {
        let world = World::new().never_deployed().may_write();
        for (path, content) in &example.manifests {
            // Everything of the registry that GitHub hosts is, in this world, of the one on loopback.
            world.origin.write(
                path,
                &change(content.replace("ghcr.io", &world.registry.host())),
            );
        }
        let tools = tempfile::tempdir().expect("a directory");
        Self {
            world,
            example,
            settings: BTreeMap::new(),
            hurried: Vec::new(),
            pushed: Vec::new(),
            broken: Vec::new(),
            tools,
        }
    }

    /// Does something in the world.
    pub(super) fn with(self, change: impl FnOnce(World) -> World) -> Self {
        Self {
            world: change(self.world),
            ..self
        }
    }

    /// A secret (`secrets.NAME`) or a variable (`vars.NAME`) of a GitHub environment; no environment's are the repository's.
    pub(super) fn setting(mut self, environment: &str, name: &str, value: &str) -> Self {
        self.settings
            .insert(format!("{environment}/{name}"), value.to_owned());
        self
    }

    /// Gives an input another value than the one that is written, and that must be written.
    pub(super) fn hurried(
        mut self,
        input: &'static str,
        written: &'static str,
        given: &'static str,
    ) -> Self {
        self.hurried.push((input, written, given));
        self
    }

    /// Builds of that image fail, or do not any more.
    pub(super) fn build_fails(mut self, image: &str, fails: bool) -> Self {
        self.broken.retain(|broken| broken != image);
        if fails {
            self.broken.push(image.to_owned());
        }
        self
    }

    /// A program that scripts of workflows call. It may write down what it does in `$SAID`.
    pub(super) fn tool(self, name: &str, script: &str) -> Self {
        let (path, said) = (self.tools.path().join(name), self.tools.path().join("said"));
        let script = format!("#!/bin/sh\nset -eu\nSAID='{}'\n{script}\n", said.display());
        std::fs::write(&path, script).expect("a stand-in");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("a stand-in");
        self
    }

    /// What the stand-ins wrote down since somebody last asked.
    pub(super) fn said(&self) -> String {
        let path = self.tools.path().join("said");
        let said = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(path);
        said
    }

    /// A place outside every workspace.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        let path = self.tools.path().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }

    /// Plays a workflow with the event that there is.
    pub(super) fn play(&mut self, file: &str) -> Played {
        let workflow = yaml::read(&self.example.workflows[file]);
        let event = self.world.event.clone().expect("an event");
        assert!(
            super::starts(&workflow["on"], &event),
            "{file} is not for {} of {}",
            event.name,
            event.git_ref
        );
        let mut play = Play {
            stage: self,
            workflow,
            played: Played::default(),
            needs: Map::new(),
            files: BTreeMap::new(),
        };
        assert_eq!(
            play.workflow["permissions"],
            json!({}),
            "{file} gives every job permissions"
        );
        let makes_tags = play.stage.makes_tags(file);
        if makes_tags {
            play.stage.world.github.let_make_tags(true);
        }
        let jobs = play.workflow["jobs"].as_object().expect("jobs").clone();
        for (name, job) in &jobs {
            play.job(name, job);
        }
        if makes_tags {
            play.stage.world.github.let_make_tags(false);
        }
        play.played
    }

    /// Whether a workflow makes tags of releases.
    pub(super) fn makes_tags(&self, file: &str) -> bool {
        self.example.workflows[file].contains("command: release")
    }

    /// Plays a workflow and tells what became of it.
    pub(super) fn tell(mut self, file: &str) -> Told {
        let hooked = self.world.render.calls().len();
        let played = self.play(file).settled();
        let hooks = self.world.render.calls().split_off(hooked);
        let jobs = played.results.iter();
        let jobs = jobs.map(|(job, result)| (job.clone(), (*result).to_owned()));
        let run = |(job, run): &(String, Run)| told::run(job, |name| run.output(name).to_owned());
        let runs = played.runs.iter().map(run).collect();
        Told::new(&self, jobs.collect(), runs, &hooks, &played.built)
    }

    /// Pushes an image, as the build does, unless builds of it fail.
    pub(super) fn push(&mut self, with: &BTreeMap<String, String>) -> Option<Pushed> {
        for (input, wanted) in [
            ("context", "."),
            ("platforms", "linux/amd64"),
            ("push", "true"),
        ] {
            assert_eq!(with[input], wanted, "{input}");
        }
        let labels: BTreeMap<&str, &str> = with["labels"]
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        let label = |key: &str| labels[format!("org.opencontainers.image.{key}").as_str()];
        let host = format!("{}/", self.world.registry.host());
        let mut path = "";
        let mut tags = Vec::new();
        for line in with["tags"].lines() {
            let (repository, tag) = line.rsplit_once(':').expect("a tag");
            let own = repository.strip_prefix(&host).expect("the registry");
            assert!(
                path.is_empty() || path == own,
                "two repositories: {}",
                with["tags"]
            );
            path = own;
            tags.push(tag.to_owned());
        }
        assert!(!tags.is_empty(), "no tags");
        if self.broken.iter().any(|broken| broken == path) {
            return None;
        }
        // No build has the bytes of another one.
        let bytes = format!("{path}, build {}", self.pushed.len() + 1);
        let image = Image::make(
            Kind::WithAttestations,
            &bytes,
            label("revision"),
            label("source"),
        );
        self.world.registry.put(path, &tags, &image);
        let name = path.trim_start_matches("acme/").to_owned();
        self.pushed.push((name.clone(), image.digest.clone()));
        Some(Pushed {
            image: name,
            tags,
            digest: image.digest,
        })
    }
}

struct Play<'a> {
    stage: &'a mut Stage,
    workflow: Value,
    played: Played,
    needs: Map<String, Value>,
    /// Artifacts: their files.
    files: BTreeMap<String, Vec<(String, Vec<u8>)>>,
}

/// A job on its runner.
struct Job<'a> {
    name: &'a str,
    job: &'a Value,
    world: World,
    environment: String,
    env: Map<String, Value>,
    matrix: Value,
    steps: Map<String, Value>,
    has_failed: bool,
    needs: Map<String, Value>,
    inputs: Value,
    settings: BTreeMap<String, String>,
}

/// The jobs that a job waits for, however far back.
pub(super) fn ancestors(workflow: &Value, job: &Value) -> Vec<String> {
    let direct = texts(&job["needs"]);
    let farther = direct
        .iter()
        .flat_map(|need| ancestors(workflow, &workflow["jobs"][need]));
    farther.chain(direct.clone()).collect()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            vec![value.as_str().expect("a text").to_owned()]
        }
    }
}

impl Play<'_> {
    fn job(&mut self, name: &str, job: &Value) {
        // Every job before it counts, not only those that it names.
        let is_well = ancestors(&self.workflow, job)
            .iter()
            .all(|need| self.needs[need]["result"] == "success");
        let needs: Map<String, Value> = texts(&job["needs"])
            .into_iter()
            .map(|need| (need.clone(), self.needs[&need].clone()))
            .collect();
        let bare = self.on_runner(name, job, Value::Null, needs.clone());
        let goes = match job["if"].as_str() {
            None => is_well,
            // Without a status function in it, a condition holds only where everything before went well.
            Some(condition) if condition.contains('(') => truth(&evaluate(condition, &bare)),
            Some(condition) => is_well && truth(&evaluate(condition, &bare)),
        };
        let mut outputs = Map::new();
        let mut result = "skipped";
        if goes {
            result = "success";
            for matrix in combinations(&job["strategy"]["matrix"], &bare) {
                let mut runner = self.on_runner(name, job, matrix, needs.clone());
                runner.environment = text(job["environment"].as_str().unwrap_or_default(), &runner);
                runner.env = [&self.workflow["env"], &job["env"]].into_iter().fold(
                    Map::new(),
                    |mut env, more| {
                        for (key, value) in more.as_object().into_iter().flatten() {
                            env.insert(
                                key.clone(),
                                text(value.as_str().unwrap_or_default(), &runner).into(),
                            );
                        }
                        env
                    },
                );
                for step in job["steps"].as_array().expect("steps") {
                    runner = self.step(runner, step);
                }
                if runner.has_failed {
                    result = "failure";
                    break;
                }
                for (output, value) in job["outputs"].as_object().into_iter().flatten() {
                    outputs.insert(
                        output.clone(),
                        text(value.as_str().expect("a text"), &runner).into(),
                    );
                }
            }
        }
        self.needs.insert(
            name.to_owned(),
            json!({"result": result, "outputs": outputs}),
        );
        self.played.results.insert(name.to_owned(), result);
    }

    /// A new runner, with nothing on it.
    fn on_runner<'j>(
        &self,
        name: &'j str,
        job: &'j Value,
        matrix: Value,
        needs: Map<String, Value>,
    ) -> Job<'j> {
        let world = self.stage.world.beside().checkout(Checkout::None);
        let declared = &self.workflow["on"]["workflow_dispatch"]["inputs"];
        let given = &world.event.as_ref().expect("an event").payload["inputs"];
        let named = declared.as_object().into_iter().flatten();
        let inputs = named.map(|(input, _)| {
            (
                input.clone(),
                Value::from(given[input].as_str().unwrap_or_default()),
            )
        });
        let inputs = Value::Object(inputs.collect());
        let settings = self.stage.settings.clone();
        let (environment, env, steps) = (String::new(), Map::new(), Map::new());
        Job {
            name,
            job,
            world,
            environment,
            env,
            matrix,
            steps,
            has_failed: false,
            needs,
            inputs,
            settings,
        }
    }

    fn step<'j>(&mut self, mut job: Job<'j>, step: &Value) -> Job<'j> {
        // After a failed step, a condition without a status function in it is not looked at.
        if job.has_failed {
            return job;
        }
        let condition = step["if"].as_str();
        if condition.is_some_and(|condition| !truth(&evaluate(condition, &job))) {
            return job;
        }
        let with: BTreeMap<String, String> = step["with"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), text(value.as_str().unwrap_or_default(), &job)))
            .collect();
        let mut env = job.env.clone();
        for (key, value) in step["env"].as_object().into_iter().flatten() {
            env.insert(
                key.clone(),
                text(value.as_str().unwrap_or_default(), &job).into(),
            );
        }
        let uses = step["uses"].as_str().unwrap_or_default();
        let id = step["id"].as_str().unwrap_or_default();
        let given = |name: &str| with.get(name).cloned().unwrap_or_default();
        let outputs = match uses.split_once('@').map_or(uses, |(action, _)| action) {
            "OWNER/ghcr-to-render" => {
                let (runner, outputs) = self.ours(job, &with, &env);
                job = runner;
                outputs
            }
            "actions/checkout" => {
                assert_eq!(given("persist-credentials"), "false", "{uses}");
                job.world = job.world.checkout(Checkout::Shallow);
                job.world.check_out();
                Map::new()
            }
            "docker/setup-buildx-action" => Map::new(),
            "docker/login-action" => {
                let [registry, username, password] =
                    ["registry", "username", "password"].map(given);
                assert_eq!(
                    (registry.as_str(), username.as_str()),
                    ("ghcr.io", "ada"),
                    "{uses}"
                );
                assert_eq!(password, super::github_token(), "{uses}");
                Map::new()
            }
            "docker/build-push-action" => self.build(&mut job, &with),
            "actions/upload-artifact" => {
                let files = files_of(&job.world.rooms.workspace.join(given("path")));
                assert!(!files.is_empty(), "{} has no files", given("name"));
                assert!(
                    self.files.insert(given("name"), files).is_none(),
                    "the artifact {} twice",
                    given("name")
                );
                Map::new()
            }
            "actions/download-artifact" => {
                assert_eq!(given("merge-multiple"), "true", "{uses}");
                let pattern = given("pattern");
                let prefix = pattern.strip_suffix('*').expect("a pattern");
                let path = job.world.rooms.workspace.join(given("path"));
                std::fs::create_dir_all(&path).expect("a directory");
                for (name, content) in self
                    .files
                    .iter()
                    .filter(|(name, _)| name.starts_with(prefix))
                    .flat_map(|(_, files)| files)
                {
                    std::fs::write(path.join(name), content).expect("a file");
                }
                Map::new()
            }
            "" => {
                self.script(&mut job, step["run"].as_str().expect("a script"), &env);
                Map::new()
            }
            other => panic!("what {other} does is not known here"),
        };
        if !id.is_empty() {
            job.steps.insert(id.to_owned(), json!({"outputs": outputs}));
        }
        job
    }

    /// Starts the program.
    fn ours<'j>(
        &mut self,
        job: Job<'j>,
        with: &BTreeMap<String, String>,
        env: &Map<String, Value>,
    ) -> (Job<'j>, Map<String, Value>) {
        let mut world = job.world;
        for (name, value) in with {
            let hurry = self.stage.hurried.iter().find(|(input, ..)| input == name);
            let value = hurry.map_or(value.as_str(), |(_, written, given)| {
                assert_eq!(value, written, "{name}");
                given
            });
            world = world.input(name, value);
        }
        for (name, value) in env {
            world = world.variable(name, value.as_str().unwrap_or_default());
        }
        // Each run answers for its own requests; to search those of all runs before it again takes minutes.
        world.servers().for_each(|(_, server)| server.forget());
        // `run` is the command of a step that names none.
        let run = world.run("deploy");
        for (name, server) in run.world.servers() {
            // A password of its own at the registry is not the job's token.
            for call in server
                .calls()
                .iter()
                .filter(|_| name != "registry" || !with.contains_key("registry-password"))
            {
                permitted(&job.job["permissions"], name, call);
            }
        }
        let outputs = run
            .outputs
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        // The next step is on the same runner.
        let next = self.stage.world.beside().checkout(run.world.checkout);
        std::fs::remove_dir_all(&next.rooms.workspace).expect("a workspace");
        std::fs::rename(&run.world.rooms.workspace, &next.rooms.workspace).expect("a workspace");
        let has_failed = run.exit != 0;
        self.played.runs.push((job.name.to_owned(), run));
        (
            Job {
                world: next,
                has_failed,
                ..job
            },
            outputs,
        )
    }

    /// Pushes an image, as the build does.
    fn build(&mut self, job: &mut Job, with: &BTreeMap<String, String>) -> Map<String, Value> {
        assert_eq!(
            job.job["permissions"]["packages"], "write",
            "{}: a push",
            job.name
        );
        assert!(
            job.world.rooms.workspace.join(".git").exists(),
            "{}: nothing is checked out",
            job.name
        );
        let Some(pushed) = self.stage.push(with) else {
            job.has_failed = true;
            return Map::new();
        };
        self.played.built.push((pushed.image, pushed.tags));
        Map::from_iter([("digest".to_owned(), Value::from(pushed.digest))])
    }

    fn script(&mut self, job: &mut Job, script: &str, env: &Map<String, Value>) {
        let path = format!(
            "{}:{}",
            self.stage.tools.path().display(),
            std::env::var("PATH").expect("a path")
        );
        let mut command = Command::new("bash");
        // What GitHub starts where a step names no shell.
        command
            .args(["-e", "-c", script])
            .current_dir(&job.world.rooms.workspace)
            .env_clear()
            .env("PATH", path);
        command.env("RUNNER_TEMP", &job.world.rooms.temp).envs(
            env.iter()
                .map(|(key, value)| (key, value.as_str().unwrap_or_default())),
        );
        let ended = command.output().expect("bash");
        let printed = [ended.stdout, ended.stderr].concat();
        self.played.printed.push_str(&format!(
            "\n--- {}\n{}",
            job.name,
            String::from_utf8_lossy(&printed)
        ));
        job.has_failed = !ended.status.success();
    }
}

/// Fails the test where a job does what its permissions do not allow.
fn permitted(permissions: &Value, server: &str, call: &Call) {
    let text = String::from_utf8_lossy(&call.bytes()).into_owned();
    let is_write = !matches!(call.method.as_str(), "GET" | "HEAD");
    let (scope, level) = match server {
        "registry" => ("packages", if is_write { "write" } else { "read" }),
        "GitHub" if call.path.contains("/packages/") => {
            ("packages", if is_write { "write" } else { "read" })
        }
        "GitHub" if call.path.contains("/issues/") || call.path.contains("/pulls/") => {
            ("pull-requests", if is_write { "write" } else { "read" })
        }
        "GitHub" if text.contains("deployments") && call.path != "/graphql" => {
            ("deployments", if is_write { "write" } else { "read" })
        }
        "GitHub" if call.path == "/graphql" && text.contains("deployments") => {
            ("deployments", "read")
        }
        "GitHub" => (
            "contents",
            if is_write && call.path != "/graphql" {
                "write"
            } else {
                "read"
            },
        ),
        _ => return,
    };
    let has = permissions[scope].as_str().unwrap_or("none");
    assert!(
        has == level || has == "write",
        "{} needs {scope}: {level}, the job has {has}",
        call.line()
    );
}

fn files_of(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("a name");
            (name, std::fs::read(entry.path()).expect("a file"))
        })
        .collect()
}

/// The runs of a job: one, or one for each entry of its matrix.
fn combinations(matrix: &Value, table: &dyn Table) -> Vec<Value> {
    let matrix = match matrix {
        Value::Null => return vec![Value::Null],
        Value::String(source) => evaluate(source, table),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => matrix.clone(),
    };
    if let Some(entries) = matrix["include"].as_array() {
        assert!(!entries.is_empty(), "an empty matrix fails a workflow");
        return entries.clone();
    }
    let axes: Vec<_> = matrix.as_object().expect("a matrix").iter().collect();
    let [(axis, values)] = axes[..] else {
        panic!("more than one axis: {matrix}")
    };
    values
        .as_array()
        .expect("values")
        .iter()
        .map(|value| json!({axis: value}))
        .collect()
}

impl Table for Job<'_> {
    fn value(&self, path: &[String]) -> Value {
        let event = self.world.event.as_ref().expect("an event");
        let shown = path.join(".");
        if matches!(path[0].as_str(), "secrets" | "vars") {
            let key = format!("{}/{shown}", self.environment);
            let setting = self
                .settings
                .get(&key)
                .or_else(|| self.settings.get(&format!("/{shown}")));
            return setting
                .unwrap_or_else(|| panic!("{}: there is no {key}", self.name))
                .as_str()
                .into();
        }
        let github = || {
            json!({
                "token": super::github_token(), "actor": event.actor, "event": event.payload, "event_name": event.name,
                "ref_type": if event.git_ref.starts_with("refs/tags/") { "tag" } else { "branch" },
            })
        };
        let root = match path[0].as_str() {
            "github" => github(),
            "env" => Value::Object(self.env.clone()),
            "matrix" => self.matrix.clone(),
            "steps" => Value::Object(self.steps.clone()),
            "needs" => Value::Object(self.needs.clone()),
            "inputs" => self.inputs.clone(),
            other => panic!("{}: the context {other} is not known here", self.name),
        };
        // What a matrix' entry or a skipped job does not have is nothing, as it is on GitHub; every other gap is a mistake.
        let is_skipped =
            path[0] == "needs" && path.len() > 1 && root[&path[1]]["result"] == "skipped";
        let is_free = path[0] == "matrix" && path.get(1).is_some_and(|key| key == "build");
        let found = path[1..]
            .iter()
            .try_fold(&root, |value, key| value.get(key));
        match found {
            Some(value) => value.clone(),
            None if is_skipped || is_free => Value::Null,
            None => panic!("{}: there is no {shown}", self.name),
        }
    }

    fn status(&self, name: &str) -> bool {
        let fails = self.has_failed || self.needs.values().any(|need| need["result"] == "failure");
        match name {
            "always" => true,
            "cancelled" => false,
            "failure" => fails,
            _ => !fails,
        }
    }
}
