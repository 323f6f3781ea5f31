//! Whether a manifest without mistakes also fits its repository: its tree, and the workflows that deploy with it.

mod across;
mod probes;
mod silence;
mod steps;
mod tree;
mod workflows;

pub use silence::Silences;

use decide::{Coverage, ManifestPart};
use model::{Handover, Level, LintCode, Manifest, WorkflowFacts};
use report::Unowned;

/// What a finding points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// The manifest as a whole.
    Manifest,
    /// The name of an entry of it.
    Entry(ManifestPart),
    /// A pattern of it, counted from 0.
    Pattern(ManifestPart, usize),
    /// A place (line and column, from 1) in a file, from the repository's root.
    File(String, (u32, u32)),
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What kind of thing.
    pub code: LintCode,
    /// What is so, one line; foreign text in it has been made fit to be shown.
    pub text: String,
    /// What to do; begins with a verb.
    pub hint: String,
    /// Where.
    pub span: Span,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LintReport {
    /// Errors first, then warnings, then the rest.
    pub findings: Vec<Finding>,
    /// Files in no list.
    pub unowned: Vec<Unowned>,
    /// How many files are tracked; `None` where that is not known.
    pub files: Option<usize>,
}

/// What the repository's workflows say.
#[derive(Debug, Clone, Default)]
pub struct Wiring {
    /// The steps that may deploy with this manifest.
    pub handovers: Vec<Handover>,
    /// Files that could not be read: path, place, why.
    pub unread: Vec<(String, (u32, u32), String)>,
    /// The workflows that were read.
    pub workflows: Vec<WorkflowFacts>,
    /// The names of the action's inputs.
    pub inputs: Vec<&'static str>,
    /// The inputs that hold a secret.
    pub secret_inputs: Vec<&'static str>,
    /// Literal values that the program refuses: file, place, why.
    pub bad_values: Vec<(String, (u32, u32), String)>,
    /// Services that `render.yaml` says have no address on the internet: name, kind in words.
    pub without_address: Vec<(String, &'static str)>,
    /// Comments that silence lints that there are not: file, place, name.
    pub unknown_lints: Vec<(String, (u32, u32), String)>,
}

/// Holds a manifest against the tracked files (sorted, without doubles; `None` where they are not known) and the workflows.
#[must_use]
pub fn check(manifest: &Manifest, files: Option<&[Vec<u8>]>, wiring: &Wiring) -> LintReport {
    let mut report = LintReport {
        files: files.map(<[_]>::len),
        ..LintReport::default()
    };
    if let Some(files) = files {
        match Coverage::new(manifest, files) {
            Some(mut coverage) => report.hold_against_tree(manifest, files, &mut coverage),
            None => report.note(
                Level::Warning,
                LintCode::TreeNotCompared,
                "there are too many patterns and too many files to compare them in good time",
                "Begin patterns with a directory where you can.",
                Span::Manifest,
            ),
        }
    }
    report.hold_against_workflows(manifest, wiring);
    report.probes(manifest, wiring);
    report.findings.sort_by_key(|finding| finding.level as u8);
    report
}

impl LintReport {
    /// How many findings of that level there are.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    }

    /// How many files are nobody's.
    #[must_use]
    pub fn files_of_nobody(&self) -> usize {
        self.unowned.iter().map(|unowned| unowned.files).sum()
    }

    /// Adds a finding.
    pub fn note(
        &mut self,
        level: Level,
        code: LintCode,
        text: impl Into<String>,
        hint: impl Into<String>,
        span: Span,
    ) {
        self.findings.push(Finding {
            level,
            code,
            text: text.into(),
            hint: hint.into(),
            span,
        });
    }
}

#[cfg(test)]
mod tests;
