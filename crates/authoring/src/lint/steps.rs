//! Each workflow and each step by itself: what GitHub or the program would refuse.

use super::{LintReport, Span, Wiring};
use model::LintCode;
use model::{ActionStep, Environment, Level, Manifest, Untrusted, When, WorkflowFacts, nearest};

/// What keeps the steps of one workflow from working.
impl LintReport {
    pub(super) fn workflow(
        &mut self,
        manifest: &Manifest,
        workflow: &WorkflowFacts,
        wiring: &Wiring,
    ) {
        for (called, place) in &workflow.foreign {
            self.note(
                Level::Notice,
                LintCode::ReusableWorkflowNotRead,
                format!(
                    "{} is another repository's workflow, which is not read here",
                    Untrusted(called.as_bytes())
                ),
                "Check it in its own repository.",
                Span::File(workflow.path.clone(), *place),
            );
        }
        if workflow.steps.is_empty() {
            return;
        }
        self.events(workflow);
        let can_be_held = workflow.concurrency.zip(workflow.approval.as_ref());
        let deploys = workflow.steps.iter().any(writes);
        if let (true, Some((place, job))) = (deploys, can_be_held) {
            self.note(
                Level::Warning,
                LintCode::ConcurrencyHeldByApproval,
                format!(
                    "the workflow's concurrency group is held while job {} waits for an approval of its environment, and later runs wait or are dropped",
                    Untrusted(job.as_bytes())
                ),
                "Give concurrency to the job that deploys, and put an approval into a job before it.",
                Span::File(workflow.path.clone(), place),
            );
        }
        for step in &workflow.steps {
            self.step(manifest, step, wiring);
        }
    }

    fn events(&mut self, workflow: &WorkflowFacts) {
        const REFUSED: [(&str, &str); 3] = [
            (
                "release",
                "Write on: { push: { tags: [\"prod-*\"] } }, with the environment's tag: publishing a release pushes its tag.",
            ),
            ("pull_request_target", "Write on: pull_request."),
            ("create", "Write on: push."),
        ];
        let span = Span::File(workflow.path.clone(), workflow.triggers.place);
        for (event, hint) in REFUSED {
            if workflow.triggers.has(event) {
                let text =
                    format!("this workflow starts on {event}, and the action refuses to run on it");
                self.note(
                    Level::Error,
                    LintCode::UnsupportedEvent,
                    text,
                    hint,
                    span.clone(),
                );
            }
        }
    }

    fn step(&mut self, manifest: &Manifest, step: &ActionStep, wiring: &Wiring) {
        let at = |place| Span::File(step.path.clone(), place);
        let (uses, place) = &step.uses;
        if uses.split('/').any(|part| part == "OWNER") {
            // A draft of init is right but for this, which it cannot know.
            self.note(
                Level::Warning,
                LintCode::OwnerPlaceholder,
                format!(
                    "\"{}\" names no action: OWNER stands for its owner",
                    Untrusted(uses.as_bytes())
                ),
                "Write the owner of the action's repository instead of OWNER.",
                at(*place),
            );
        }
        for (name, value, place) in &step.inputs {
            if !wiring.inputs.contains(&name.as_str()) {
                let text = format!("the action has no input \"{}\"", Untrusted(name.as_bytes()));
                let hint = match nearest(name, &wiring.inputs) {
                    Some(nearest) => format!("Write {nearest}, or remove it: GitHub ignores it."),
                    None => "Remove it: GitHub ignores it.".to_owned(),
                };
                self.note(Level::Error, LintCode::UnknownInput, text, hint, at(*place));
            }
            let is_secret = wiring.secret_inputs.contains(&name.as_str());
            if is_secret && holds_secret(name, value) {
                self.note(
                    Level::Error,
                    LintCode::SecretInWorkflow,
                    format!("the value of {name} stands in the workflow, where everyone who can read the repository sees it"),
                    "Make a new one, keep it as a secret, and write ${{ secrets.NAME }} here.",
                    at(*place),
                );
            }
        }
        for (path, place, why) in &wiring.bad_values {
            if *path == step.path && step.inputs.iter().any(|(_, _, own)| own == place) {
                self.note(
                    Level::Error,
                    LintCode::BadInputValue,
                    why.clone(),
                    "Correct the value: a run with it is refused.",
                    at(*place),
                );
            }
        }
        self.permissions(manifest, step);
        if !writes(step) {
            return;
        }
        if !step.has_concurrency {
            self.note(
                Level::Warning,
                LintCode::NoConcurrency,
                "neither this job nor its workflow has a concurrency group, so two runs can deploy at once",
                "Add concurrency: { group: deploy-staging, cancel-in-progress: false } to the job.",
                at(step.place),
            );
        }
        if step.is_cancelled_by_later_runs {
            self.note(
                Level::Warning,
                LintCode::DeployCanBeCancelled,
                "cancel-in-progress is true, so a later run cancels a deploy that has begun",
                "Write cancel-in-progress: false.",
                at(step.place),
            );
        }
    }

    fn permissions(&mut self, manifest: &Manifest, step: &ActionStep) {
        let Some(command) = step.command() else {
            return;
        };
        // Another token has permissions of its own.
        let is_own = step
            .input("github-token")
            .is_none_or(|token| token.contains("github.token") || token.contains("GITHUB_TOKEN"));
        if !is_own || matches!(command, "check" | "init") {
            return;
        }
        let span = Span::File(step.path.clone(), step.place);
        let Some(permissions) = &step.permissions else {
            self.note(
                Level::Warning,
                LintCode::PermissionMissing,
                format!("neither this job nor its workflow names permissions, so {command} has those of the repository's settings"),
                format!("Name them: {}.", needs(manifest, step, command).iter().map(|(what, level, _)| format!("{what}: {level}")).collect::<Vec<_>>().join(", ")),
                span,
            );
            return;
        };
        for (what, level, severity) in needs(manifest, step, command) {
            if !permissions.allow(what, level) {
                self.note(
                    severity,
                    LintCode::PermissionMissing,
                    format!("{command} needs {what}: {level}, and this job does not have it"),
                    format!("Add {what}: {level} to the job's permissions."),
                    span.clone(),
                );
            }
        }
    }
}

/// Whether a step's command changes what is live, or tags.
fn writes(step: &ActionStep) -> bool {
    let command = step.command();
    command.is_none_or(|command| matches!(command, "deploy" | "rollback" | "release" | "promote"))
        && step.input("dry-run") != Some("true")
}

/// Whether an environment that the step may deploy to has floating tags, which are moved after the deploy.
fn moves_tags(manifest: &Manifest, step: &ActionStep) -> bool {
    let is_meant = |own: &&Environment| {
        step.input("environment")
            .is_none_or(|name| name.contains("${{") || own.name.as_str() == name)
    };
    let mut environments = manifest.environments.iter().filter(is_meant);
    environments.any(|own| !own.floating_tags.is_empty())
}

/// What a command needs (docs/permissions.md), and how bad it is without.
fn needs(
    manifest: &Manifest,
    step: &ActionStep,
    command: &str,
) -> Vec<(&'static str, &'static str, Level)> {
    let records = step.input("record") != Some("false");
    let is_ghcr = step.input("registry-password").is_none()
        && step.input("registry").is_none_or(|host| host == "ghcr.io");
    let puts_tags = match command {
        "promote" => true,
        "deploy" | "rollback" => {
            let has_releases = manifest
                .environments
                .iter()
                .any(|own| matches!(own.when, When::Release { .. }));
            let may_be_release = step.input("environment").is_none_or(|name| {
                let named = manifest
                    .environments
                    .iter()
                    .find(|own| own.name.as_str() == name);
                named.is_none_or(|own| matches!(own.when, When::Release { .. }))
            });
            let promotes = command == "deploy"
                && has_releases
                && may_be_release
                && step.input("promote-on-release") != Some("false");
            promotes && step.input("environment").is_some() || moves_tags(manifest, step)
        }
        _ => false,
    };
    let mut all = Vec::new();
    match command {
        "release" => all.push(("contents", "write", Level::Error)),
        _ => all.push(("contents", "read", Level::Error)),
    }
    match command {
        "promote" if is_ghcr => all.push(("packages", "write", Level::Error)),
        "cleanup" => all.push(("packages", "write", Level::Error)),
        "release" if is_ghcr => all.push(("packages", "read", Level::Warning)),
        _ if is_ghcr && puts_tags => all.push(("packages", "write", Level::Warning)),
        _ if is_ghcr => all.push(("packages", "read", Level::Error)),
        _ => {}
    }
    match command {
        "plan" | "status" => all.push(("deployments", "read", Level::Warning)),
        "deploy" | "rollback" | "cleanup" if records => {
            all.push(("deployments", "write", Level::Warning))
        }
        _ => {}
    }
    let comments = step.input("comment") == Some("true");
    match command {
        "cleanup" if !comments => all.push(("pull-requests", "read", Level::Warning)),
        "plan" | "deploy" | "cleanup" if comments => {
            all.push(("pull-requests", "write", Level::Warning))
        }
        _ => {}
    }
    all
}

/// Whether a value is no expression. Lines of `deploy-hooks` have a name before theirs.
fn holds_secret(name: &str, value: &str) -> bool {
    let mut values = value
        .lines()
        .map(|line| match (name, line.split_once('=')) {
            ("deploy-hooks", Some((_, url))) => url.trim(),
            _ => line.trim(),
        });
    values.any(|value| !value.is_empty() && !value.contains("${{"))
}
