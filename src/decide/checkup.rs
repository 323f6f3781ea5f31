//! Whether a manifest without mistakes also fits its repository: its tree, and the workflows that deploy with it.

use super::affected::Coverage;
use crate::domain::{
    Foreign, Handover, ImageName, Level, Manifest, PatternList, Service, ServiceName,
};
use std::collections::BTreeSet;
use std::fmt;

/// What a remark is about: a stable word for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    /// The text of the manifest is wrong.
    Mistake,
    /// A pattern matches no tracked file.
    PatternMatchesNothing,
    /// No tracked file is a reason to build an image.
    ImageOfNothing,
    /// Nothing is handed over that a service could be deployed with.
    ServiceCannotDeploy,
    /// A workflow hands over a hook for a service that there is not.
    HookForNobody,
    /// No workflow deploys.
    NoDeployStep,
    /// A workflow cannot be read.
    WorkflowNotRead,
    /// Tracked files of which nobody said whose they are.
    FilesOfNobody,
    /// The patterns were not held against the tree.
    TreeNotCompared,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mistake => "mistake",
            Self::PatternMatchesNothing => "pattern-matches-nothing",
            Self::ImageOfNothing => "image-of-nothing",
            Self::ServiceCannotDeploy => "service-cannot-deploy",
            Self::HookForNobody => "hook-for-nobody",
            Self::NoDeployStep => "no-deploy-step",
            Self::WorkflowNotRead => "workflow-not-read",
            Self::FilesOfNobody => "files-of-nobody",
            Self::TreeNotCompared => "tree-not-compared",
        })
    }
}

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
pub enum Spot {
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
    pub remark: Remark,
    /// What is so, one line; foreign text in it has been made fit to be shown.
    pub text: String,
    /// What to do; begins with a verb.
    pub hint: String,
    /// Where.
    pub spot: Spot,
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
pub struct Checkup {
    /// Errors first, then warnings, then the rest.
    pub findings: Vec<Finding>,
    /// Files of nobody.
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
}

/// Holds a manifest against the tracked files (sorted, without doubles; `None` where they are not known) and the workflows.
#[must_use]
pub fn check(manifest: &Manifest, files: Option<&[Vec<u8>]>, wiring: &Wiring) -> Checkup {
    let mut checkup = Checkup {
        files: files.map(<[_]>::len),
        ..Checkup::default()
    };
    if let Some(files) = files {
        match Coverage::new(manifest, files) {
            Some(mut coverage) => checkup.hold_against_tree(manifest, files, &mut coverage),
            None => checkup.note(
                Level::Warning,
                Remark::TreeNotCompared,
                "there are too many patterns and too many files to compare them in good time",
                "Begin patterns with a directory where you can.",
                Spot::Manifest,
            ),
        }
    }
    checkup.hold_against_workflows(manifest, wiring);
    checkup.findings.sort_by_key(|finding| finding.level as u8);
    checkup
}

impl Checkup {
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
        remark: Remark,
        text: impl Into<String>,
        hint: impl Into<String>,
        spot: Spot,
    ) {
        self.findings.push(Finding {
            level,
            remark,
            text: text.into(),
            hint: hint.into(),
            spot,
        });
    }

    fn hold_against_tree<'a>(
        &mut self,
        manifest: &'a Manifest,
        files: &[Vec<u8>],
        coverage: &mut Coverage<'a>,
    ) {
        self.patterns(&Part::Ignore, &manifest.ignore, coverage);
        self.patterns(&Part::Shared, &manifest.shared, coverage);
        for image in &manifest.images {
            let whose = Part::Image(image.name.clone());
            self.patterns(&whose, &image.paths, coverage);
            if coverage.reasons_for(image) == 0 {
                self.note(
                    Level::Error,
                    Remark::ImageOfNothing,
                    format!(
                        "no tracked file is a reason to build image {}, so no change would ever deploy it",
                        image.name
                    ),
                    "Name in its paths what it is built from; ignore wins over them.",
                    Spot::Entry(whose),
                );
            }
        }
        for service in &manifest.services {
            self.patterns(
                &Part::Service(service.name.clone()),
                &service.paths,
                coverage,
            );
        }
        self.unowned = folded(files, &coverage.of_nobody());
        let count = self.files_of_nobody();
        if count > 0 {
            self.note(
                Level::Notice,
                Remark::FilesOfNobody,
                format!(
                    "{count} of {} tracked files are nobody's: a change of them builds and deploys nothing",
                    files.len()
                ),
                "Decide on each: name it in the paths of what needs it, or in ignore.",
                Spot::Manifest,
            );
        }
    }

    fn patterns<'a>(&mut self, whose: &Part, list: &'a PatternList, coverage: &mut Coverage<'a>) {
        // People ignore what may come; elsewhere a pattern without a match is most often a slip.
        let level = if *whose == Part::Ignore {
            Level::Notice
        } else {
            Level::Warning
        };
        for (at, pattern) in list
            .iter()
            .enumerate()
            .filter(|(_, pattern)| coverage.matches(pattern) == 0)
        {
            let does = if pattern.is_exclusion() {
                "excludes"
            } else {
                "matches"
            };
            self.note(
                level,
                Remark::PatternMatchesNothing,
                format!(
                    "\"{}\" of {whose} {does} no tracked file",
                    Foreign(pattern.as_str().as_bytes())
                ),
                "Correct it, or remove it.",
                Spot::Pattern(whose.clone(), at),
            );
        }
    }

    fn hold_against_workflows(&mut self, manifest: &Manifest, wiring: &Wiring) {
        for (path, place, why) in &wiring.unread {
            self.note(
                Level::Warning,
                Remark::WorkflowNotRead,
                format!("this workflow cannot be read, so what it hands over is not known: {why}"),
                "Correct it, if GitHub cannot read it either.",
                Spot::File(path.clone(), *place),
            );
        }
        if manifest.services.is_empty() {
            return;
        }
        if wiring.handovers.is_empty() {
            self.note(
                Level::Warning,
                Remark::NoDeployStep,
                "no workflow here deploys with this manifest, so what its services are deployed with is not known",
                "Add a step that uses this action (ghcr-to-render init writes one).",
                Spot::Manifest,
            );
            return;
        }
        self.strangers(manifest, &wiring.handovers);
        for service in &manifest.services {
            self.way_to_deploy(manifest, service, wiring);
        }
    }

    /// Hooks that the program would refuse: they are of no service of this manifest.
    fn strangers(&mut self, manifest: &Manifest, handovers: &[Handover]) {
        let known: BTreeSet<&str> = manifest
            .services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        for handover in handovers {
            let spot = Spot::File(handover.path.clone(), handover.place);
            for name in handover
                .hooks
                .iter()
                .filter(|name| !known.contains(name.as_str()))
            {
                let text = format!(
                    "deploy-hooks names \"{}\", and the manifest has no such service",
                    Foreign(name.as_bytes())
                );
                let hint = "Correct the name, or remove the line: a run with it is refused.";
                self.note(
                    Level::Error,
                    Remark::HookForNobody,
                    text,
                    hint,
                    spot.clone(),
                );
            }
            if handover.has_only_hook && known.len() > 1 {
                let text = "deploy-hook is for a manifest of one service, and this one has several";
                self.note(
                    Level::Error,
                    Remark::HookForNobody,
                    text,
                    "Use deploy-hooks: one service=URL a line.",
                    spot,
                );
            }
        }
    }

    fn way_to_deploy(&mut self, manifest: &Manifest, service: &Service, wiring: &Wiring) {
        let handovers = &wiring.handovers;
        let has_hook = handovers.iter().any(|handover| {
            handover.has_untold_hooks
                || handover.has_only_hook
                || handover
                    .hooks
                    .iter()
                    .any(|name| name == service.name.as_str())
                || handover.variables.contains(service.hook.as_str())
        });
        if has_hook {
            return;
        }
        let has_key = handovers.iter().any(|handover| handover.has_api_key);
        let places = manifest
            .environments
            .iter()
            .map(|environment| &environment.name);
        let places = places.filter(|name| {
            service
                .environments
                .as_ref()
                .is_none_or(|own| own.contains(name))
        });
        let (can, cannot): (Vec<_>, Vec<_>) =
            places.partition(|name| has_key && service.id.contains_key(name));
        if cannot.is_empty() {
            return;
        }
        let names = cannot
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let way = if has_key {
            "no hook, and it has no id for the API key there"
        } else {
            "no hook and no API key"
        };
        let text = format!(
            "service {} cannot be deployed to {names}: workflows hand over {way}",
            service.name
        );
        let id = if has_key {
            format!(", or give it an id in {names}")
        } else {
            String::new()
        };
        let hint = format!(
            "Add a line {}=... to deploy-hooks, or the variable {} to the step's env{id}.",
            service.name, service.hook
        );
        // What a workflow that cannot be read hands over may be just this.
        let level = if can.is_empty() && wiring.unread.is_empty() {
            Level::Error
        } else {
            Level::Warning
        };
        self.note(
            level,
            Remark::ServiceCannotDeploy,
            text,
            hint,
            Spot::Entry(Part::Service(service.name.clone())),
        );
    }
}

/// Puts together directories of which every file is in the list. `chosen` are places in `files`, in order.
fn folded(files: &[Vec<u8>], chosen: &[usize]) -> Vec<Unowned> {
    let mut found: Vec<Unowned> = Vec::new();
    let mut at = 0;
    while at < chosen.len() {
        let path = &files[chosen[at]];
        // The highest directory all of whose files follow here. They stand together, since the list is sorted.
        let whole = path
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .find_map(|(end, _)| {
                let directory = &path[..=end];
                let from = files.partition_point(|other| other.as_slice() < directory);
                let count = files[from..].partition_point(|other| other.starts_with(directory));
                let is_whole =
                    from == chosen[at] && chosen.get(at + count - 1) == Some(&(from + count - 1));
                is_whole.then(|| Unowned {
                    path: directory.to_vec(),
                    files: count,
                })
            });
        let next = whole.unwrap_or_else(|| Unowned {
            path: path.clone(),
            files: 1,
        });
        at += next.files;
        found.push(next);
    }
    found
}

#[cfg(test)]
mod tests;
