//! The manifest against the workflows that deploy with it.

use super::{LintCode, LintReport, Part, Span, Wiring};
use crate::domain::{
    ActionStep, BranchFilter, Environment, Foreign, Handover, Level, Manifest, Service, Triggers,
    When, WorkflowFacts, nearest, takes_branch,
};
use std::collections::{BTreeMap, BTreeSet};

impl LintReport {
    pub(super) fn hold_against_workflows(&mut self, manifest: &Manifest, wiring: &Wiring) {
        for (path, place, why) in &wiring.unread {
            self.note(
                Level::Warning,
                LintCode::WorkflowNotRead,
                format!("this workflow cannot be read, so what it hands over is not known: {why}"),
                "Correct it, if GitHub cannot read it either.",
                Span::File(path.clone(), *place),
            );
        }
        for (path, place, name) in &wiring.unknown_lints {
            self.note(
                Level::Warning,
                LintCode::UnknownLint,
                format!(
                    "this comment silences \"{}\", and there is no such lint",
                    Foreign(name.as_bytes())
                ),
                "Write one of the names of docs/checks.md.",
                Span::File(path.clone(), *place),
            );
        }
        for workflow in &wiring.workflows {
            self.workflow(manifest, workflow, wiring);
        }
        self.secrets(wiring);
        if manifest.services.is_empty() {
            return;
        }
        if wiring.handovers.is_empty() {
            self.note(
                Level::Warning,
                LintCode::NoDeployStep,
                "no workflow here deploys with this manifest, so what its services are deployed with is not known",
                "Add a step that uses this action (ghcr-to-render init writes one).",
                Span::Manifest,
            );
            return;
        }
        self.strangers(manifest, &wiring.handovers);
        self.triggers(manifest, wiring);
        self.hooks_of_each(manifest, wiring);
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
            let span = Span::File(handover.path.clone(), handover.place);
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
                    LintCode::HookForNobody,
                    text,
                    hint,
                    span.clone(),
                );
            }
            if handover.has_only_hook && known.len() > 1 {
                let text = "deploy-hook is for a manifest of one service, and this one has several";
                self.note(
                    Level::Error,
                    LintCode::HookForNobody,
                    text,
                    "Use deploy-hooks: one service=URL a line.",
                    span,
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
        let is_all_read = wiring.unread.is_empty()
            && wiring
                .workflows
                .iter()
                .all(|workflow| workflow.foreign.is_empty());
        let level = if can.is_empty() && is_all_read {
            Level::Error
        } else {
            Level::Warning
        };
        self.note(
            level,
            LintCode::ServiceCannotDeploy,
            text,
            hint,
            Span::Entry(Part::Service(service.name.clone())),
        );
    }
}

/// What keeps the steps of one workflow from working.
impl LintReport {
    fn workflow(&mut self, manifest: &Manifest, workflow: &WorkflowFacts, wiring: &Wiring) {
        for (called, place) in &workflow.foreign {
            self.note(
                Level::Notice,
                LintCode::ReusableWorkflowNotRead,
                format!(
                    "{} is another repository's workflow, which is not read here",
                    Foreign(called.as_bytes())
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
                    Foreign(job.as_bytes())
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
            self.note(
                Level::Error,
                LintCode::OwnerPlaceholder,
                format!(
                    "\"{}\" names no action: OWNER stands for its owner",
                    Foreign(uses.as_bytes())
                ),
                "Write the owner of the action's repository instead of OWNER.",
                at(*place),
            );
        }
        for (name, value, place) in &step.inputs {
            if !wiring.inputs.contains(&name.as_str()) {
                let text = format!("the action has no input \"{}\"", Foreign(name.as_bytes()));
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
                    format!("the value of {name} stands in the workflow, where everybody who can read the repository sees it"),
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

    /// Two services with one hook would deploy one of them twice and the other never.
    fn secrets(&mut self, wiring: &Wiring) {
        // Which service a secret was first given to, in any step.
        let mut first: BTreeMap<String, String> = BTreeMap::new();
        for step in wiring.workflows.iter().flat_map(|workflow| &workflow.steps) {
            let hooks = step
                .inputs
                .iter()
                .find(|(name, _, _)| name == "deploy-hooks");
            let Some((_, lines, place)) = hooks else {
                continue;
            };
            let mut here: BTreeMap<&str, &str> = BTreeMap::new();
            for line in lines.lines() {
                let Some((service, value)) = line.split_once('=') else {
                    continue;
                };
                let (service, Some(secret)) = (service.trim(), secret_of(value.trim())) else {
                    continue;
                };
                let (level, other) = match (here.get(secret), first.get(secret)) {
                    (Some(other), _) => (Level::Error, (*other).to_owned()),
                    (None, Some(other)) => (Level::Warning, other.clone()),
                    (None, None) => (Level::Warning, service.to_owned()),
                };
                here.entry(secret).or_insert(service);
                first.entry(secret.to_owned()).or_insert(service.to_owned());
                if other == service {
                    continue;
                }
                let text = format!(
                    "services {} and {} are given the same secret, {}",
                    Foreign(other.as_bytes()),
                    Foreign(service.as_bytes()),
                    Foreign(secret.as_bytes())
                );
                let span = Span::File(step.path.clone(), *place);
                let hint = "Give each service the hook of its own.";
                self.note(level, LintCode::SameSecretTwice, text, hint, span);
            }
        }
    }

    /// Environments whose branch or tag starts no workflow that deploys to them.
    fn triggers(&mut self, manifest: &Manifest, wiring: &Wiring) {
        let is_all_seen = wiring.unread.is_empty()
            && wiring.handovers.iter().all(|own| {
                let mut steps = wiring.workflows.iter().flat_map(|workflow| &workflow.steps);
                steps.any(|step| step.path == own.path && step.place == own.place)
            });
        if !is_all_seen {
            return;
        }
        for environment in &manifest.environments {
            if !manifest
                .services
                .iter()
                .any(|service| is_in(service, environment))
            {
                continue;
            }
            let candidates: Vec<&WorkflowFacts> = wiring
                .workflows
                .iter()
                .filter(|workflow| {
                    workflow
                        .steps
                        .iter()
                        .any(|step| may_deploy_to(step, environment))
                })
                .collect();
            let is_started = candidates.iter().any(|workflow| {
                starts_on(&workflow.triggers, &environment.when)
                    || workflow.triggers.has("workflow_run")
                    || workflow.triggers.has("workflow_call")
                    || is_release_by_hand(workflow, environment)
            });
            if is_started {
                continue;
            }
            let by_hand = ["workflow_dispatch", "repository_dispatch", "schedule"];
            let is_by_hand = candidates
                .iter()
                .any(|workflow| by_hand.iter().any(|event| workflow.triggers.has(event)));
            let what = match &environment.when {
                When::Branch(branch) => format!("branch {}", Foreign(branch.as_bytes())),
                When::Release { template, .. } => format!("tags {template}"),
            };
            let (level, text) = match is_by_hand {
                true => (
                    Level::Warning,
                    format!(
                        "environment {} is deployed by hand only: no workflow starts on a push of its {what}",
                        environment.name
                    ),
                ),
                false => (
                    Level::Error,
                    format!(
                        "environment {} is never deployed: no workflow that deploys starts on a push of its {what}",
                        environment.name
                    ),
                ),
            };
            let hint = match &environment.when {
                When::Branch(branch) => format!(
                    "Write on: {{ push: {{ branches: [{}] }} }}.",
                    Foreign(branch.as_bytes())
                ),
                When::Release { template, .. } => format!(
                    "Write on: {{ push: {{ tags: [\"{}*{}\"] }} }}.",
                    template.prefix(),
                    template.suffix()
                ),
            };
            let span = match candidates.first() {
                Some(workflow) => Span::File(workflow.path.clone(), workflow.triggers.place),
                None => Span::Manifest,
            };
            self.note(level, LintCode::NoTrigger, text, hint, span);
        }
    }

    /// Services whose hook one workflow has and another lacks: a run of the other fails for them.
    fn hooks_of_each(&mut self, manifest: &Manifest, wiring: &Wiring) {
        for workflow in &wiring.workflows {
            for step in &workflow.steps {
                let own = wiring
                    .handovers
                    .iter()
                    .find(|own| own.path == step.path && own.place == step.place);
                let Some(own) = own.filter(|own| !own.has_untold_hooks && !own.has_only_hook)
                else {
                    continue;
                };
                if step.input("services").is_some() {
                    continue;
                }
                let environments: Vec<&Environment> = manifest
                    .environments
                    .iter()
                    .filter(|environment| match step.input("environment") {
                        Some(name) if !name.contains("${{") => name == environment.name.as_str(),
                        Some(_) => true,
                        None => starts_on(&workflow.triggers, &environment.when),
                    })
                    .collect();
                for service in &manifest.services {
                    let needed: Vec<&&Environment> = environments
                        .iter()
                        .filter(|environment| {
                            is_in(service, environment)
                                && !(own.has_api_key && service.id.contains_key(&environment.name))
                        })
                        .collect();
                    let is_elsewhere = wiring
                        .handovers
                        .iter()
                        .any(|other| other != own && hands_over(other, service));
                    let Some(first) = needed.first() else {
                        continue;
                    };
                    if hands_over(own, service) || !is_elsewhere {
                        continue;
                    }
                    let text = format!(
                        "this step has no hook of service {}, which it may have to deploy to {}; another workflow has it",
                        service.name, first.name
                    );
                    let hint = format!(
                        "Add a line {}=${{{{ secrets.{} }}}} to deploy-hooks.",
                        service.name, service.hook
                    );
                    self.note(
                        Level::Error,
                        LintCode::HookMissingInWorkflow,
                        text,
                        hint,
                        Span::File(step.path.clone(), step.place),
                    );
                }
            }
        }
    }
}

fn hands_over(handover: &Handover, service: &Service) -> bool {
    handover.has_untold_hooks
        || handover.has_only_hook
        || handover
            .hooks
            .iter()
            .any(|name| name == service.name.as_str())
        || handover.variables.contains(service.hook.as_str())
}

fn is_in(service: &Service, environment: &Environment) -> bool {
    let own = service.environments.as_ref();
    own.is_none_or(|own| own.contains(&environment.name))
}

/// Whether a step's command changes what is live, or tags.
fn writes(step: &ActionStep) -> bool {
    let command = step.command();
    command.is_none_or(|command| matches!(command, "deploy" | "rollback" | "release" | "promote"))
        && step.input("dry-run") != Some("true")
}

fn may_deploy_to(step: &ActionStep, environment: &Environment) -> bool {
    let deploys = step.command().is_none_or(|command| command == "deploy");
    let is_meant = match step.input("environment") {
        Some(name) if !name.contains("${{") => name == environment.name.as_str(),
        Some(_) | None => true,
    };
    deploys && is_meant
}

/// `release` makes the tag in the run that deploys it, so nothing has to be pushed.
fn is_release_by_hand(workflow: &WorkflowFacts, environment: &Environment) -> bool {
    matches!(environment.when, When::Release { .. })
        && workflow
            .steps
            .iter()
            .any(|step| step.command() == Some("release"))
}

/// Whether a push of the environment's branch, or of a tag of it, starts the workflow. A push without filters starts on both; with filters
/// for one kind of ref only, it does not start on the other.
fn starts_on(triggers: &Triggers, when: &When) -> bool {
    if !triggers.has("push") {
        return false;
    }
    let filters = |key: &str| -> Option<Vec<BranchFilter>> {
        let (_, texts) = triggers.push.iter().find(|(own, _)| own == key)?;
        Some(
            texts
                .iter()
                .filter_map(|text| BranchFilter::parse(text).ok())
                .collect(),
        )
    };
    let (branches, no_branches) = (filters("branches"), filters("branches-ignore"));
    let (tags, no_tags) = (filters("tags"), filters("tags-ignore"));
    let filters_branches = branches.is_some() || no_branches.is_some();
    let filters_tags = tags.is_some() || no_tags.is_some();
    let takes = |taken: &Option<Vec<BranchFilter>>,
                 left: &Option<Vec<BranchFilter>>,
                 is_other: bool,
                 name: &str| {
        match (taken, left) {
            (Some(taken), _) => takes_branch(taken, name),
            (None, Some(left)) => !left.iter().any(|filter| filter.matches(name)),
            (None, None) => !is_other,
        }
    };
    match when {
        When::Branch(branch) => takes(&branches, &no_branches, filters_tags, branch),
        When::Release { template, .. } => {
            let samples: &[&str] = match template.is_version() {
                true => &["1.2.3", "0.0.1", "10.20.30"],
                false => &["1", "42", "107"],
            };
            samples.iter().any(|sample| {
                let tag = format!("{}{sample}{}", template.prefix(), template.suffix());
                takes(&tags, &no_tags, filters_branches, &tag)
            })
        }
    }
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
            promotes && step.input("environment").is_some()
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

/// The name of the secret in `${{ secrets.NAME }}`, and nothing else around it.
fn secret_of(value: &str) -> Option<&str> {
    let inside = value.strip_prefix("${{")?.strip_suffix("}}")?.trim();
    let name = inside.strip_prefix("secrets.")?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
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
