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
