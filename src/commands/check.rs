//! `check`: the manifest against the tree and the workflows. Reads this machine only, and writes nothing.

use super::LocalStop;
use super::local_repository::LocalRepository;
use crate::decide::{self, Checkup, Finding, Part, Remark, Spot, Wiring};
use crate::domain::{Foreign, Level, Manifest, Notice, Outcome};
use crate::failure::Failure;
use crate::intake::inputs::{DEFAULT_MANIFEST, Request};
use crate::intake::manifest::{self, EntryPlaces, Mistake, Place, Places};
use crate::intake::workflow;
use crate::report::{CheckReport, Placed, RunReport, files_of_nobody};
use crate::runner::{Log, Surroundings};

/// The runner shows ten annotations of a kind for a step, and one more sums them up.
const MOST_ANNOTATIONS: usize = 9;

/// Checks the manifest.
///
/// # Errors
/// There is no manifest, or it has mistakes: they are in the stop too.
pub(super) fn run(
    request: &Request,
    around: &Surroundings,
    log: &Log,
) -> Result<RunReport, LocalStop> {
    let repository = LocalRepository::open(around)?;
    let path = &request.manifest.path;
    let shown = Foreign(path.as_bytes()).to_string();
    let bytes = repository.read(path).map_err(Failure::NoManifest)?;
    let bytes = bytes.ok_or_else(|| {
        Failure::NoManifest(format!(
            "{shown} is not there; ghcr-to-render init writes one"
        ))
    })?;
    let mut report = CheckReport {
        manifest: path.clone(),
        commit: repository.commit,
        ..CheckReport::default()
    };
    let manifest = match manifest::parse(&bytes, &repository.home()) {
        Ok(manifest) => manifest,
        Err(mistakes) => {
            report.findings = mistakes
                .iter()
                .map(|mistake| of_mistake(path, mistake))
                .collect();
            return Err(LocalStop {
                failure: Failure::Manifest {
                    path: path.clone(),
                    mistakes,
                },
                checked: Some(Box::new(report)),
            });
        }
    };
    let checkup = checkup(&repository, path, &manifest);
    let places = manifest::places(&bytes);
    report.findings = checkup
        .findings
        .iter()
        .map(|finding| placed(path, &places, finding))
        .collect();
    report.files = checkup.files;
    report.unowned = checkup.unowned.clone();
    show(log, &report);
    Ok(run_report(&checkup, &shown, report))
}

/// Holds the manifest against the tracked files and the workflows.
fn checkup(repository: &LocalRepository, path: &str, manifest: &Manifest) -> Checkup {
    let (files, untold) = match repository.tracked() {
        Ok(Some(files)) => (Some(files), None),
        Ok(None) => (
            None,
            Some("there is no commit, or not all of it is in the checkout".to_owned()),
        ),
        Err(why) => (None, Some(why)),
    };
    let wiring = wiring(repository, path, files.as_deref());
    let mut checkup = decide::check(manifest, files.as_deref(), &wiring);
    if let Some(why) = untold {
        let hint = "Commit first, or check the commit out whole.";
        let text = format!("which files are tracked is not known: {why}");
        checkup.note(
            Level::Warning,
            Remark::TreeNotCompared,
            text,
            hint,
            Spot::Manifest,
        );
    }
    checkup
}

/// What the workflows hand over to runs with this manifest.
fn wiring(repository: &LocalRepository, manifest: &str, files: Option<&[Vec<u8>]>) -> Wiring {
    let mut wiring = Wiring::default();
    for path in repository.workflows(files) {
        let read = match repository.read(&path) {
            Ok(Some(bytes)) => workflow::parse(&path, &bytes).map_err(|mistake| {
                (
                    (mistake.line(), mistake.column()),
                    format!("{} ({})", mistake.what(), mistake.remedy()),
                )
            }),
            Ok(None) => continue,
            Err(why) => Err(((1, 1), why)),
        };
        match read {
            Ok(workflow) => {
                let own = workflow
                    .handovers
                    .into_iter()
                    .filter(|own| own.is_about(manifest, DEFAULT_MANIFEST));
                wiring.handovers.extend(own);
            }
            Err((place, why)) => wiring.unread.push((path, place, why)),
        }
    }
    wiring
}

fn of_mistake(path: &str, mistake: &Mistake) -> Placed {
    Placed {
        level: Level::Error,
        remark: Remark::Mistake,
        text: mistake.what().to_owned(),
        hint: mistake.remedy().to_owned(),
        place: (path.to_owned(), mistake.line(), mistake.column()),
    }
}

fn placed(path: &str, places: &Places, finding: &Finding) -> Placed {
    let place = match &finding.spot {
        Spot::Manifest => None,
        Spot::Entry(whose) => entry(places, whose).and_then(|entry| entry.name),
        Spot::Pattern(whose, at) => match whose {
            Part::Ignore => places.ignore.get(*at).copied(),
            Part::Shared => places.shared.get(*at).copied(),
            Part::Image(_) | Part::Service(_) => {
                entry(places, whose).and_then(|entry| entry.paths.get(*at).copied())
            }
        },
        Spot::File(file, place) => return at(file, *place, finding),
    };
    at(path, place.unwrap_or((1, 1)), finding)
}

fn entry<'p>(places: &'p Places, whose: &Part) -> Option<&'p EntryPlaces> {
    match whose {
        Part::Ignore | Part::Shared => None,
        Part::Image(name) => places.images.get(name.as_str()),
        Part::Service(name) => places.services.get(name.as_str()),
    }
}

fn at(file: &str, (line, column): Place, finding: &Finding) -> Placed {
    Placed {
        level: finding.level,
        remark: finding.remark,
        text: finding.text.clone(),
        hint: finding.hint.clone(),
        place: (file.to_owned(), line, column),
    }
}

fn show(log: &Log, report: &CheckReport) {
    for level in [Level::Error, Level::Warning, Level::Notice] {
        let all: Vec<&Placed> = report
            .findings
            .iter()
            .filter(|finding| finding.level == level)
            .collect();
        let (annotated, rest) = all.split_at(if log.is_runner() {
            all.len().min(MOST_ANNOTATIONS)
        } else {
            all.len()
        });
        for finding in annotated {
            log.notice(&Notice {
                level,
                title: "Deploy manifest".into(),
                text: format!("{}\n{}", finding.text, finding.hint),
                place: Some(finding.place.clone()),
            });
        }
        for finding in rest {
            let (file, line, column) = &finding.place;
            log.say(&format!(
                "{}: {file}:{line}:{column}: {} {}",
                level.as_str(),
                finding.text,
                finding.hint
            ));
        }
        if !rest.is_empty() {
            log.notice(&Notice::new(
                level,
                "Deploy manifest",
                format!("{} more, in the log", rest.len()),
            ));
        }
    }
    let lines = files_of_nobody(report);
    if !lines.is_empty() {
        log.group("Files of nobody");
        lines.iter().for_each(|line| log.say(line));
        log.end_group();
    }
}

fn run_report(checkup: &Checkup, shown: &str, report: CheckReport) -> RunReport {
    let (errors, warnings) = (checkup.count(Level::Error), checkup.count(Level::Warning));
    let counted = |number: usize, what: &str| match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    };
    let found = format!(
        "{}, {}",
        counted(errors, "error"),
        counted(warnings, "warning")
    );
    let outcome = if errors > 0 {
        Outcome::Failed
    } else {
        Outcome::Verified
    };
    let mut run_report = RunReport::new(outcome, format!("Checked {shown}: {found}"));
    run_report.checked = Some(report);
    if errors > 0 {
        run_report.failed = Some(crate::report::Failed {
            word: crate::domain::FailureWord::BadManifest,
            text: format!("{shown} does not fit this repository: {found}"),
            hint: "Mend what is marked as an error; each says how.".into(),
            page: None,
        });
    }
    run_report
}
