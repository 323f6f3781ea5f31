//! What `init` did, for machines.

use serde_json::json;

/// What `init` did.
#[derive(Debug, Clone, Default)]
pub struct InitReport {
    /// The files that it wrote, or would have written in a dry run.
    pub written: Vec<String>,
    /// The files that were there already and stay as they are.
    pub kept: Vec<String>,
    /// What a person does now.
    pub next: Vec<String>,
}

impl InitReport {
    /// The report with what a person does now.
    #[must_use]
    pub fn with_next(self, next: Vec<String>) -> Self {
        Self { next, ..self }
    }

    /// The whole of it as JSON on one line, for `--json`.
    #[must_use]
    pub fn json(&self, outcome: &str) -> String {
        let next = if self.written.is_empty() {
            &[][..]
        } else {
            &self.next
        };
        let object =
            json!({ "outcome": outcome, "written": self.written, "kept": self.kept, "next": next });
        object.to_string().replace("##[", "##\\u005b")
    }
}
