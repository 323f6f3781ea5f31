//! `init`: a starting manifest and workflow from what is in the repository. Nothing that is there is ever overwritten.

use super::local_repository::{LocalRepository, WORKFLOWS};
use crate::failure::Failure;
use crate::runner::{Log, RunnerEnvironment};
use authoring::draft::{
    Draft, Evidence, PLACEHOLDER, draft, is_dockerfile, manifest_text, workflow_text,
};
use authoring::workflow::Workflow;
use authoring::{blueprint, dockerfile, workflow};
use model::{Manifest, Outcome, Tone, TonedLine, Untrusted, When};
use parse::inputs::{DEFAULT_MANIFEST, Request, WriteMode};
use parse::manifest;
use report::{InitReport, RunReport};
use std::collections::BTreeMap;

/// The workflow that is written.
const WORKFLOW: &str = "deploy-to-render.yml";
const BLUEPRINTS: [&str; 2] = ["render.yaml", "render.yml"];
/// A repository with more has other people to write its manifest.
const MOST_DOCKERFILES: usize = 100;

/// Writes what is not there yet.
pub(super) fn run(
    request: &Request,
    env: &RunnerEnvironment,
    log: &Log,
) -> Result<RunReport, Failure> {
    let repository = LocalRepository::open(env)?;
    let path = request.manifest.path.clone();
    let files = repository.tracked().map_err(Failure::NoManifest)?;
    let files = files
        .ok_or_else(|| Failure::NoManifest("there is no commit: commit your files first".into()))?;
    let workflows = workflows(&repository, &files, log);
    let mut writer = FileWriter {
        repository: &repository,
        log,
        writes: request.writes,
        action: action(env),
        report: InitReport::default(),
    };
    let existing = repository.read(&path).map_err(Failure::NoManifest)?;
    let (bytes, draft) = match existing {
        Some(bytes) => {
            writer.report.kept.push(path.clone());
            (bytes, None)
        }
        None => {
            let draft = draft(&evidence(&repository, &files, workflows.clone(), log));
            if draft.images.is_empty() {
                return Err(nothing_to_draft(&draft));
            }
            (manifest_text(&draft).into_bytes(), Some(draft))
        }
    };
    let manifest =
        manifest::parse(&bytes, &repository.home()).map_err(|mistakes| Failure::Manifest {
            path: path.clone(),
            mistakes,
        })?;
    if let Some(draft) = &draft {
        writer.write(&path, &String::from_utf8_lossy(&bytes))?;
        describe(log, draft);
    }
    writer.workflow(&manifest, &path, &workflows)?;
    let next = next(
        &manifest,
        &workflows,
        draft.as_ref(),
        writer.action.is_some(),
    );
    let report = writer.report.with_next(next);
    Ok(run_report(report, request.writes, log))
}

/// The action that runs, with its ref, where a runner says which.
fn action(env: &RunnerEnvironment) -> Option<String> {
    let (name, git_ref) = (env.action_repository.as_ref()?, env.action_ref.as_ref()?);
    let is_plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte))
    };
    (is_plain(name) && is_plain(git_ref)).then(|| format!("{name}@{git_ref}"))
}

/// Nothing is written rather than an image that cannot be built.
fn nothing_to_draft(draft: &Draft) -> Failure {
    let seen: Vec<String> = draft
        .left_out
        .iter()
        .map(|line| format!("\nleft out: {line}"))
        .collect();
    Failure::NoManifest(format!(
        "there is nothing to draft: no tracked Dockerfile builds an image from this repository, and no workflow does; add a Dockerfile first{}",
        seen.concat()
    ))
}

/// What writes, and remembers what it wrote.
struct FileWriter<'a> {
    repository: &'a LocalRepository,
    log: &'a Log,
    writes: WriteMode,
    action: Option<String>,
    report: InitReport,
}

impl FileWriter<'_> {
    /// A dry run shows what it would write, as a difference.
    fn write(&mut self, path: &str, text: &str) -> Result<(), Failure> {
        match self.writes {
            WriteMode::Allowed => self.repository.workspace().create(path, text)?,
            WriteMode::Withheld => {
                self.log
                    .answer_group(&format!("Would write {}", Untrusted(path.as_bytes())));
                for line in difference(path, text) {
                    self.log.answer_toned(&line);
                }
                self.log.end_group();
            }
        }
        self.report.written.push(path.to_owned());
        Ok(())
    }

    fn workflow(
        &mut self,
        manifest: &Manifest,
        manifest_path: &str,
        workflows: &[(String, Workflow)],
    ) -> Result<(), Failure> {
        let path = format!("{WORKFLOWS}/{WORKFLOW}");
        if let Some((own, _)) = workflows.iter().find(|(_, workflow)| workflow.uses_us) {
            self.report.kept.push(own.clone());
        } else if self.repository.workspace().has(&path) {
            self.report.kept.push(path);
        } else if let Some(text) = workflow_text(
            manifest,
            Some(manifest_path).filter(|path| *path != DEFAULT_MANIFEST),
            self.action.as_deref(),
        ) {
            self.write(&path, &text)?;
        } else {
            self.log.say(
                "No workflow is written: the manifest has no environment that a branch deploys to.",
            );
        }
        Ok(())
    }
}

/// A new file as a unified difference.
fn difference(path: &str, text: &str) -> Vec<TonedLine> {
    let count = text.lines().count();
    let head = [
        "--- /dev/null".to_owned(),
        format!("+++ b/{}", Untrusted(path.as_bytes())),
        format!("@@ -0,0 +1,{count} @@"),
    ];
    let head = head.map(|line| vec![(Tone::Dim, line)]);
    let added = text
        .lines()
        .map(|line| vec![(Tone::Good, format!("+{line}"))]);
    head.into_iter().chain(added).collect()
}

fn workflows(
    repository: &LocalRepository,
    files: &[Vec<u8>],
    log: &Log,
) -> Vec<(String, Workflow)> {
    let mut found = Vec::new();
    for path in repository.workflows(Some(files)) {
        let Ok(Some(bytes)) = repository.read(&path) else {
            continue;
        };
        let read = |path: &str| repository.read(path).ok().flatten();
        match workflow::parse_with(&path, &bytes, &read) {
            Ok(workflow) => found.push((path, workflow)),
            Err(mistake) => log.say(&format!(
                "{}:{mistake}; it is left aside",
                Untrusted(path.as_bytes())
            )),
        }
    }
    found
}

fn evidence<'a>(
    repository: &'a LocalRepository,
    files: &'a [Vec<u8>],
    workflows: Vec<(String, Workflow)>,
    log: &Log,
) -> Evidence<'a> {
    let blueprint = BLUEPRINTS
        .iter()
        .find_map(|path| Some((path, repository.read(path).ok()??)));
    let blueprint = match blueprint.map(|(path, bytes)| (path, blueprint::parse(&bytes))) {
        Some((_, Ok(services))) => services,
        Some((path, Err(mistake))) => {
            log.say(&format!("{path}:{mistake}; it is left aside"));
            Vec::new()
        }
        None => Vec::new(),
    };
    let paths = files
        .iter()
        .filter_map(|path| std::str::from_utf8(path).ok());
    // What has no plain name cannot stand in a comment or a list as it is.
    let paths = paths
        .filter(|path| is_dockerfile(path) && Untrusted(path.as_bytes()).to_string() == **path);
    let dockerfiles: BTreeMap<String, dockerfile::Sources> = paths
        .take(MOST_DOCKERFILES)
        .filter_map(|path| {
            Some((
                path.to_owned(),
                dockerfile::sources(&repository.read(path).ok()??),
            ))
        })
        .collect();
    Evidence {
        slug: &repository.slug,
        default_branch: &repository.default_branch,
        files,
        blueprint,
        workflows,
        dockerfiles,
    }
}

fn describe(log: &Log, draft: &Draft) {
    log.group("Found");
    for image in &draft.images {
        let file = image.file.as_deref().unwrap_or("no Dockerfile");
        log.say(&format!(
            "image {}: {} ({file}), changed by {}",
            image.name, image.repository, image.reason
        ));
    }
    for service in &draft.services {
        log.say(&format!(
            "service {} runs {}: {}",
            service.name, service.image, service.source
        ));
    }
    draft
        .left_out
        .iter()
        .for_each(|line| log.say(&format!("left out: {line}")));
    log.end_group();
}

/// What a person does now.
fn next(
    manifest: &Manifest,
    workflows: &[(String, Workflow)],
    draft: Option<&Draft>,
    knows_action: bool,
) -> Vec<String> {
    let mut steps = Vec::new();
    if draft.is_some() {
        steps.push("Read the manifest. Edit each line that says decide.".to_owned());
    }
    let uses_us = workflows.iter().any(|(_, workflow)| workflow.uses_us);
    if !uses_us {
        steps.push("Read the workflow.".to_owned());
        if !knows_action {
            steps.push(format!(
                "Say whose action it is, and which release: sed -i 's|{PLACEHOLDER}|<owner>/ghcr-to-render@<commit>|' {WORKFLOWS}/{WORKFLOW}"
            ));
        }
        let branches = manifest
            .environments
            .iter()
            .filter(|own| matches!(own.when, When::Branch(_)));
        for other in branches.skip(1) {
            steps.push(format!(
                "Copy the workflow for environment {}: it deploys to one environment.",
                other.name
            ));
        }
        let hooks: Vec<&str> = manifest
            .services
            .iter()
            .map(|service| service.hook.as_str())
            .collect();
        if !hooks.is_empty() {
            let names = hooks.join(", ");
            steps.push(format!(
                "Make the secrets in the GitHub environment: {names} (each service's deploy hook on Render)."
            ));
        }
        for (path, workflow) in workflows
            .iter()
            .filter(|(_, workflow)| !workflow.builds.is_empty())
        {
            let what = if workflow.images.is_empty() {
                "builds images"
            } else {
                "tags and builds images"
            };
            let path = Untrusted(path.as_bytes());
            steps.push(format!(
                "Remove from {path} what {what}: the new workflow does it for the images that need it."
            ));
        }
    }
    steps.push(
        "Set each service on Render to deploy an existing image, and turn its auto-deploy off."
            .to_owned(),
    );
    steps.push(
        "Commit, then run ghcr-to-render check: it compares the manifest with the tracked files."
            .to_owned(),
    );
    steps
}

fn run_report(report: InitReport, writes: WriteMode, log: &Log) -> RunReport {
    let list = |paths: &[String]| {
        let shown: Vec<String> = paths
            .iter()
            .map(|path| Untrusted(path.as_bytes()).to_string())
            .collect();
        shown.join(" and ")
    };
    for path in &report.kept {
        log.say(&format!(
            "{} exists already and is not changed.",
            Untrusted(path.as_bytes())
        ));
    }
    let (outcome, headline) = match (report.written.is_empty(), writes) {
        (true, _) => (
            Outcome::Nothing,
            "Nothing to do: the manifest and a workflow exist already".to_owned(),
        ),
        (false, WriteMode::Allowed) => {
            (Outcome::Planned, format!("Wrote {}", list(&report.written)))
        }
        (false, WriteMode::Withheld) => (
            Outcome::Planned,
            format!("Would write {}", list(&report.written)),
        ),
    };
    if !report.written.is_empty() {
        log.answer_group("Next");
        for (at, step) in report.next.iter().enumerate() {
            log.answer(&format!("{}. {step}", at + 1));
        }
        log.end_group();
    }
    let mut run_report = RunReport::new(outcome, headline);
    run_report.written = Some(report);
    run_report
}
