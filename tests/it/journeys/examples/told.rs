//! What became of a workflow, by whoever ran it: what the evaluator of these tests says of a world can be compared with what act says of an
//! equal one.

use super::Stage;
use std::collections::BTreeMap;
use testworld::render::HookCall;

/// What became of a workflow. Commits, digests and addresses have names in it, because they differ from world to world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// The result of each job.
    pub(super) jobs: BTreeMap<String, String>,
    /// Images with their tags, in any order.
    pub(super) built: Vec<String>,
    /// Each run of this action: the job and some outputs.
    pub(super) runs: Vec<String>,
    /// Services with the images that Render was asked to run.
    pub(super) asked: Vec<String>,
    /// What stand-ins for other programs wrote down.
    pub(super) said: String,
}

/// The outputs that are compared: those that are the same in every world.
const OUTPUTS: [&str; 7] = [
    "outcome",
    "failure",
    "services",
    "builds",
    "environment",
    "release",
    "sha",
];

/// A run of this action in a sentence.
pub(super) fn run(job: &str, output: impl Fn(&str) -> String) -> String {
    let outputs = OUTPUTS.map(|name| format!("{name}={}", output(name)));
    format!("{job}: {}", outputs.join(" "))
}

impl Told {
    pub(super) fn new(
        stage: &Stage,
        jobs: BTreeMap<String, String>,
        runs: Vec<String>,
        hooks: &[HookCall],
        built: &[(String, Vec<String>)],
    ) -> Self {
        let names = Names::of(stage);
        let sorted = |lines: Vec<String>| {
            let mut lines: Vec<String> = lines.iter().map(|line| names.put(line)).collect();
            lines.sort();
            lines
        };
        let asked = hooks
            .iter()
            .map(|call| format!("{} {}", call.service, call.image));
        let built = built
            .iter()
            .map(|(image, tags)| format!("{image} {}", tags.join(" ")));
        Self {
            jobs,
            built: sorted(built.collect()),
            runs: sorted(runs),
            asked: sorted(asked.collect()),
            said: names.put(&stage.said()),
        }
    }

    /// The run of this action in a job.
    #[track_caller]
    pub(super) fn ran(&self, line: &str) -> &Self {
        let is_there = self.runs.iter().any(|run| run.starts_with(line));
        assert!(is_there, "no run is {line:?}: {self:#?}");
        self
    }

    /// The jobs ended so.
    #[track_caller]
    pub(super) fn ended(&self, jobs: &[(&str, &str)]) -> &Self {
        let wanted: BTreeMap<String, String> = jobs
            .iter()
            .map(|(job, result)| ((*job).to_owned(), (*result).to_owned()))
            .collect();
        assert_eq!(self.jobs, wanted, "{self:#?}");
        self
    }
}

/// The names that take the place of what differs.
struct Names(Vec<(String, String)>);

impl Names {
    fn of(stage: &Stage) -> Self {
        let commits = stage
            .world
            .origin
            .git(&["rev-list", "--topo-order", "--reverse", "--all"]);
        let mut names: Vec<(String, String)> = commits
            .lines()
            .zip(1..)
            .map(|(commit, number)| (commit.to_owned(), format!("<commit {number}>")))
            .collect();
        for (image, digest) in &stage.pushed {
            names.push((digest.clone(), format!("<digest of {image}>")));
        }
        names.push((stage.world.registry.host(), "ghcr.io".to_owned()));
        Self(names)
    }

    fn put(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (found, name)| {
            text.replace(found, name)
        })
    }
}
