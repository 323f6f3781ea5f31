//! A repository that has a workflow's files, in a world of its own, with the secrets and stand-ins that the workflow needs; and what became of the
//! workflow's jobs.

use super::play;
use super::told::{self, Told};
use super::{Example, yaml};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use testworld::{Image, Kind, Run, World};

/// A repository that has an example's files, with what its settings hold.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) example: Example,
    /// Secrets and variables: `environment/secrets.NAME`. One that is set to nothing is one that is not set.
    pub(super) settings: BTreeMap<String, String>,
    /// Inputs whose written value would take too long, with what is given in its place.
    pub(super) hurried: Vec<(&'static str, &'static str, &'static str)>,
    /// What was built: the image and its digest.
    pub(super) pushed: Vec<(String, String)>,
    /// Builds of these images fail from now on.
    pub(super) broken: Vec<String>,
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
    pub(super) runs: Vec<(String, Run)>,
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
        assert_eq!(
            workflow["permissions"],
            json!({}),
            "{file} gives every job permissions"
        );
        let makes_tags = self.makes_tags(file);
        if makes_tags {
            self.world.github.let_make_tags(true);
        }
        let played = play::jobs(self, workflow);
        if makes_tags {
            self.world.github.let_make_tags(false);
        }
        played
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
