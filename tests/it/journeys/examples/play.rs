//! Plays the jobs of a workflow in their order, and their steps as the runner takes them. A step that uses this action starts the real program with
//! the environment that its `with:` makes; a build pushes an image with the tags and labels that it was given; a script runs in bash, with
//! stand-ins for the programs that reach into the world.

use super::expression::{evaluate, text, truth};
use super::job::{Job, ancestors, combinations, files_of, permitted, texts};
use super::stage::{Played, Stage};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use testworld::Checkout;

/// Plays every job of a workflow.
pub(super) fn jobs(stage: &mut Stage, workflow: Value) -> Played {
    let jobs = workflow["jobs"].as_object().expect("jobs").clone();
    let mut play = Play {
        stage,
        workflow,
        played: Played::default(),
        needs: Map::new(),
        files: BTreeMap::new(),
    };
    for (name, job) in &jobs {
        play.job(name, job);
    }
    play.played
}

struct Play<'a> {
    stage: &'a mut Stage,
    workflow: Value,
    played: Played,
    needs: Map<String, Value>,
    /// Artifacts: their files.
    files: BTreeMap<String, Vec<(String, Vec<u8>)>>,
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
