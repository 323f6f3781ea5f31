//! How a repository's workflows are wired to this action: which credentials its steps hand over.

use std::collections::BTreeSet;

/// A step that may deploy, and what it hands over. Only names: a workflow's file holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// The workflow's file, from the repository's root.
    pub path: String,
    /// The step's line and column there, from 1.
    pub place: (u32, u32),
    /// The services that its `deploy-hooks` names, as they are written.
    pub hooks: Vec<String>,
    /// Whether it hands over hooks whose services the file does not tell: an expression holds the lines, or a file.
    pub has_untold_hooks: bool,
    /// Whether it hands over the hook of the only service (`deploy-hook`).
    pub has_only_hook: bool,
    /// Whether it hands over an API key of Render.
    pub has_api_key: bool,
    /// The variables of its environment: its own, its job's and its workflow's.
    pub variables: BTreeSet<String>,
    /// The manifest that it names; `None` is the default one.
    pub manifest: Option<String>,
}

impl Handover {
    /// Whether it is about the manifest at `path`: what an expression stands for may be.
    #[must_use]
    pub fn is_about(&self, path: &str, default: &str) -> bool {
        let own = self.manifest.as_deref().unwrap_or(default);
        own == path || own.contains("${{")
    }
}

/// A workflow file, as far as lints ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowFacts {
    /// Its path, from the repository's root.
    pub path: String,
    /// What starts it.
    pub triggers: Triggers,
    /// Its steps that use this action, those in composite actions of the repository included.
    pub steps: Vec<ActionStep>,
    /// Reusable workflows of other repositories that its jobs call, with their place.
    pub foreign: Vec<(String, (u32, u32))>,
    /// Where its own `concurrency` stands, where it has one.
    pub concurrency: Option<(u32, u32)>,
    /// The first job that names a GitHub environment, which may ask for an approval.
    pub approval: Option<String>,
}

/// What starts a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Triggers {
    /// The names of its events.
    pub events: Vec<String>,
    /// Where they stand.
    pub place: (u32, u32),
    /// The filters of `push`, by key (`branches`, `branches-ignore`, `tags`, `tags-ignore`); only keys that are there.
    pub push: Vec<(String, Vec<String>)>,
}

impl Triggers {
    /// Whether the event starts it.
    #[must_use]
    pub fn has(&self, event: &str) -> bool {
        self.events.iter().any(|own| own == event)
    }
}

/// A step that uses this action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionStep {
    /// The file that it stands in: the workflow's, or a composite action's.
    pub path: String,
    /// The step's place there.
    pub place: (u32, u32),
    /// What it says behind `uses:`, with its place.
    pub uses: (String, (u32, u32)),
    /// Its inputs as they are written: name, value, place of the name.
    pub inputs: Vec<(String, String, (u32, u32))>,
    /// The permissions of its job's token; none where neither the job nor the workflow names any.
    pub permissions: Option<JobPermissions>,
    /// Whether its job, or the workflow, has a `concurrency`.
    pub has_concurrency: bool,
    /// Whether a later run cancels it.
    pub is_cancelled_by_later_runs: bool,
}

impl ActionStep {
    /// The text of an input; an empty one counts as absent, as for the program.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&str> {
        let found = self.inputs.iter().find(|(own, _, _)| own == name);
        found
            .map(|(_, value, _)| value.trim_ascii())
            .filter(|value| !value.is_empty())
    }

    /// The command, `None` where an expression says which.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        let command = self.input("command").unwrap_or("deploy");
        (!command.contains("${{")).then_some(command)
    }
}

/// What a job's token may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobPermissions {
    /// `read-all`.
    ReadAll,
    /// `write-all`.
    WriteAll,
    /// Those that are named; no others.
    Named(Vec<(String, String)>),
}

impl JobPermissions {
    /// Whether it has `wanted` (`read` or `write`) on something.
    #[must_use]
    pub fn allow(&self, what: &str, wanted: &str) -> bool {
        match self {
            Self::WriteAll => true,
            Self::ReadAll => wanted == "read",
            Self::Named(named) => {
                let found = named.iter().find(|(own, _)| own == what);
                found.is_some_and(|(_, level)| level == "write" || level == wanted)
            }
        }
    }
}
