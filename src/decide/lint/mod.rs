//! Whether a manifest without mistakes also fits its repository: its tree, and the workflows that deploy with it.

mod across;
mod code;
mod probes;
mod silence;
mod steps;
mod tree;
mod workflows;

pub use code::LintCode;
pub use silence::Silences;
pub use tree::idle_patterns;

use super::affected::Coverage;
use crate::domain::{Handover, ImageName, Level, Manifest, ServiceName, WorkflowFacts};
use std::fmt;

/// A part of the manifest that has a list or an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// `ignore`.
    Ignore,
    /// `shared`.
    Shared,
    /// An image's.
    Image(ImageName),
    /// A service's.
    Service(ServiceName),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignore => f.write_str("ignore"),
            Self::Shared => f.write_str("shared"),
            Self::Image(name) => write!(f, "image {name}"),
            Self::Service(name) => write!(f, "service {name}"),
        }
    }
}

/// What a finding points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// The manifest as a whole.
    Manifest,
    /// The name of an entry of it.
    Entry(Part),
    /// A pattern of it, counted from 0.
    Pattern(Part, usize),
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

/// A file of nobody, or a directory of which every file is nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unowned {
    /// Its path; a directory's ends with `/`.
    pub path: Vec<u8>,
    /// How many files it stands for.
    pub files: usize,
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
