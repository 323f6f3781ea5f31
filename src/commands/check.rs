//! `check`: the manifest against the tree and the workflows. Reads this machine only, and writes nothing.

use super::LocalStop;
use super::local_repository::LocalRepository;
use crate::failure::Failure;
use crate::runner::{Log, RunnerEnvironment};
use authoring::blueprint;
use authoring::lint::{self, Finding, LintReport, Silences, Span, Wiring};
use authoring::workflow;
use decide::ManifestPart;
use model::{ActionStep, Level, LintCode, Manifest, Notice, Outcome, Untrusted};
use parse::inputs::{DEFAULT_MANIFEST, Given, INPUTS, Request};
use parse::manifest::{self, Diagnostic, EntryPlaces, LineColumn, Places};
use report::{CheckReport, Placed, RunReport, files_of_nobody};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The runner shows ten annotations of a kind for a step, and one more sums them up.
const MOST_ANNOTATIONS: usize = 9;

/// Checks the manifest.
///
/// # Errors
/// There is no manifest, or it has mistakes: they are in the stop too.
pub(super) fn run(
    request: &Request,
    env: &RunnerEnvironment,
    log: &Log,
) -> Result<RunReport, LocalStop> {
    let repository = LocalRepository::open(env)?;
    let path = &request.manifest.path;
    let shown = Untrusted(path.as_bytes()).to_string();
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
    let files = tracked(&repository);
    let (mut wiring, mut texts) = wiring(&repository, path, files.as_deref().ok());
    texts.insert(path.clone(), String::from_utf8_lossy(&bytes).into_owned());
    let silences: BTreeMap<String, Silences> = texts
        .iter()
        .map(|(file, text)| (file.clone(), Silences::read(text)))
        .collect();
    wiring.unknown_lints = unknown_lints(&silences);
    let checked = compare(&manifest, files, &wiring);
    let places = manifest::places(&bytes);
    report.findings = checked
        .findings
        .iter()
        .map(|finding| placed(path, &places, finding))
        .filter(|finding| !is_silenced(&silences, finding))
        .map(|finding| with_line(finding, &texts))
        .collect();
    report.silenced = checked.findings.len() - report.findings.len();
    report.docs = wiring
        .workflows
        .iter()
        .flat_map(|workflow| &workflow.steps)
        .find_map(|step| docs_of(&step.uses.0));
    report.files = checked.files;
    report.unowned = checked.unowned;
    show(log, &report);
    Ok(run_report(&shown, report))
}

/// The tracked files, or why they are not known.
fn tracked(repository: &LocalRepository) -> Result<Vec<Vec<u8>>, String> {
    let files = repository.tracked()?;
    files.ok_or_else(|| "there is no commit, or not all of it is in the checkout".to_owned())
}

/// The names in comments that are of no lint: the file, the place, the name.
fn unknown_lints(silences: &BTreeMap<String, Silences>) -> Vec<(String, LineColumn, String)> {
    let mut all = Vec::new();
    for (file, own) in silences {
        let unknown = own
            .unknown()
            .map(|(name, place)| (file.clone(), place, name.to_owned()));
        all.extend(unknown);
    }
    all
}

/// Whether a comment in the finding's file silences it.
fn is_silenced(silences: &BTreeMap<String, Silences>, finding: &Placed) -> bool {
    let (file, line, _) = &finding.place;
    match silences.get(file) {
        Some(own) => own.covers(finding.code, *line),
        None => false,
    }
}

/// Compares the manifest with the tracked files and the workflows.
fn compare(
    manifest: &Manifest,
    files: Result<Vec<Vec<u8>>, String>,
    wiring: &Wiring,
) -> LintReport {
    let (files, untold) = match files {
        Ok(files) => (Some(files), None),
        Err(why) => (None, Some(why)),
    };
    let mut report = lint::check(manifest, files.as_deref(), wiring);
    if let Some(why) = untold {
        let hint = "Commit first, or check the commit out whole.";
        let text = format!("which files are tracked is not known: {why}");
        report.note(
            Level::Warning,
            LintCode::TreeNotCompared,
            text,
            hint,
            Span::Manifest,
        );
    }
    report
}

/// What the workflows hand over to runs with this manifest. Also their texts, in which comments silence lints.
fn wiring(
    repository: &LocalRepository,
    manifest: &str,
    files: Option<&[Vec<u8>]>,
) -> (Wiring, BTreeMap<String, String>) {
    let names = |is_secret: bool| {
        let inputs = INPUTS.iter().filter(|input| !is_secret || input.is_secret);
        inputs.map(|input| input.name).collect()
    };
    let mut wiring = Wiring {
        inputs: names(false),
        secret_inputs: names(true),
        ..Wiring::default()
    };
    wiring.without_address = without_address(repository);
    let texts = RefCell::new(BTreeMap::new());
    let read = |path: &str| {
        let bytes = repository.read(path).ok().flatten()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        texts.borrow_mut().insert(path.to_owned(), text);
        Some(bytes)
    };
    for path in repository.workflows(files) {
        if let Err(why) = repository.read(&path) {
            wiring.unread.push((path, (1, 1), why));
            continue;
        }
        let Some(bytes) = read(&path) else { continue };
        match workflow::parse_with(&path, &bytes, &read) {
            Ok(workflow) => {
                let is_own = |named: Option<&str>| {
                    let named = named.unwrap_or(DEFAULT_MANIFEST);
                    named == manifest || named.contains("${{")
                };
                let own = workflow
                    .handovers
                    .into_iter()
                    .filter(|own| own.is_about(manifest, DEFAULT_MANIFEST));
                wiring.handovers.extend(own);
                let mut facts = workflow.facts;
                facts.steps.retain(|step| is_own(step.input("manifest")));
                for step in &facts.steps {
                    wiring.bad_values.extend(bad_values(step));
                }
                wiring.workflows.push(facts);
            }
            Err(mistake) => {
                let why = format!("{} ({})", mistake.what(), mistake.help());
                wiring
                    .unread
                    .push((path, (mistake.line(), mistake.column()), why));
            }
        }
    }
    (wiring, texts.into_inner())
}

/// The services of `render.yaml` that nobody can ask from outside. A Blueprint that cannot be read says nothing.
fn without_address(repository: &LocalRepository) -> Vec<(String, &'static str)> {
    let Ok(Some(bytes)) = repository.read("render.yaml") else {
        return Vec::new();
    };
    let services = blueprint::parse(&bytes).unwrap_or_default();
    let kind = |kind: &str| match kind {
        "cron" => Some("a cron job"),
        "worker" => Some("a background worker"),
        "pserv" => Some("a private service"),
        _ => None,
    };
    let found = services
        .into_iter()
        .filter_map(|service| Some((service.name, kind(&service.kind)?)));
    found.collect()
}

/// The literal inputs of a step that the program would refuse, as it would say it.
fn bad_values(step: &ActionStep) -> Vec<(String, (u32, u32), String)> {
    let is_literal = |value: &str| !value.contains("${{");
    let given = Given::collect(|input| {
        let (_, value, _) = step.inputs.iter().find(|(name, _, _)| name == input.name)?;
        // A secret that stands here is a finding of its own.
        (is_literal(value) && !input.is_secret).then(|| value.clone())
    });
    let Err(errors) = Request::read(&given) else {
        return Vec::new();
    };
    let found = errors.iter().filter_map(|error| {
        let (_, _, place) = step
            .inputs
            .iter()
            .find(|(name, _, _)| name == error.input())?;
        Some((step.path.clone(), *place, error.to_string()))
    });
    found.collect()
}

fn of_mistake(path: &str, mistake: &Diagnostic) -> Placed {
    Placed {
        level: Level::Error,
        code: LintCode::Mistake,
        text: mistake.what().to_owned(),
        hint: mistake.help().to_owned(),
        place: (path.to_owned(), mistake.line(), mistake.column()),
        source: mistake.source().map(str::to_owned),
    }
}

fn placed(path: &str, places: &Places, finding: &Finding) -> Placed {
    let place = match &finding.span {
        Span::Manifest => None,
        Span::Entry(whose) => entry(places, whose).and_then(|entry| entry.name),
        Span::Pattern(whose, at) => match whose {
            ManifestPart::Ignore => places.ignore.get(*at).copied(),
            ManifestPart::Shared => places.shared.get(*at).copied(),
            ManifestPart::Image(_) | ManifestPart::Service(_) => {
                entry(places, whose).and_then(|entry| entry.paths.get(*at).copied())
            }
        },
        Span::File(file, place) => return at(file, *place, finding),
    };
    at(path, place.unwrap_or((1, 1)), finding)
}

/// Gives a finding the line that it is about. A line with a secret in it is not shown again.
fn with_line(mut finding: Placed, texts: &BTreeMap<String, String>) -> Placed {
    let (file, line, _) = &finding.place;
    let is_shown = finding.code != LintCode::SecretInWorkflow;
    if let Some(text) = texts.get(file).filter(|_| is_shown) {
        let at = (*line as usize).saturating_sub(1);
        finding.source = text.lines().nth(at).map(str::to_owned);
    }
    finding
}

fn entry<'p>(places: &'p Places, whose: &ManifestPart) -> Option<&'p EntryPlaces> {
    match whose {
        ManifestPart::Ignore | ManifestPart::Shared => None,
        ManifestPart::Image(name) => places.images.get(name.as_str()),
        ManifestPart::Service(name) => places.services.get(name.as_str()),
    }
}

fn at(file: &str, (line, column): LineColumn, finding: &Finding) -> Placed {
    Placed {
        level: finding.level,
        code: finding.code,
        text: finding.text.clone(),
        hint: finding.hint.clone(),
        place: (file.to_owned(), line, column),
        source: None,
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
            log.finding(&Notice {
                level,
                title: "Deploy manifest".into(),
                text: format!(
                    "{}\n{} ({})",
                    finding.text,
                    finding.hint,
                    report.link(finding.code)
                ),
                place: Some(finding.place.clone()),
                source: finding.source.clone(),
            });
        }
        for finding in rest {
            let (file, line, column) = &finding.place;
            log.say(&format!(
                "{}: {file}:{line}:{column}: {} {} ({})",
                level.as_str(),
                finding.text,
                finding.hint,
                report.link(finding.code)
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
        log.answer_group("Files in no list");
        lines.iter().for_each(|line| log.answer(line));
        log.end_group();
    }
}

fn run_report(shown: &str, report: CheckReport) -> RunReport {
    let (errors, warnings) = (report.count(Level::Error), report.count(Level::Warning));
    let counted = |number: usize, what: &str| match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    };
    let silenced = match report.silenced {
        0 => String::new(),
        number => format!(", {number} silenced"),
    };
    let found = format!(
        "{}, {}{silenced}",
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
        run_report.failed = Some(report::Failed {
            word: model::FailureWord::BadManifest,
            text: format!("{shown} does not fit this repository: {found}"),
            hint: "Fix the errors above.".into(),
            page: None,
        });
    }
    run_report
}

/// Where the documents of the action are that a workflow uses: in its repository, at the same ref.
fn docs_of(uses: &str) -> Option<String> {
    let (name, git_ref) = uses.split_once('@')?;
    let (owner, rest) = name.split_once('/')?;
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    let repository = rest.split('/').next()?;
    let is_known = owner != "OWNER" && repository == "ghcr-to-render";
    (is_known && is_name(owner) && is_name(git_ref))
        .then(|| format!("https://github.com/{owner}/{repository}/blob/{git_ref}/docs/checks.md"))
}
