//! Workflows beside each other: environments that nothing deploys, hooks that one workflow lacks, secrets that two services share.

use super::{LintReport, Span, Wiring};
use model::LintCode;
use model::{
    ActionStep, BranchFilter, Environment, Handover, Level, Manifest, Service, Triggers, Untrusted,
    When, WorkflowFacts, takes_branch,
};
use std::collections::BTreeMap;

impl LintReport {
    /// Two services with one hook would deploy one of them twice and the other never.
    pub(super) fn secrets(&mut self, wiring: &Wiring) {
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
                    Untrusted(other.as_bytes()),
                    Untrusted(service.as_bytes()),
                    Untrusted(secret.as_bytes())
                );
                let span = Span::File(step.path.clone(), *place);
                let hint = "Give each service the hook of its own.";
                self.note(level, LintCode::SameSecretTwice, text, hint, span);
            }
        }
    }

    /// Environments whose branch or tag starts no workflow that deploys to them.
    pub(super) fn triggers(&mut self, manifest: &Manifest, wiring: &Wiring) {
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
                When::Branch(branch) => format!("branch {}", Untrusted(branch.as_bytes())),
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
                    Untrusted(branch.as_bytes())
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
    pub(super) fn hooks_of_each(&mut self, manifest: &Manifest, wiring: &Wiring) {
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

/// The name of the secret in `${{ secrets.NAME }}`, and nothing else around it.
fn secret_of(value: &str) -> Option<&str> {
    let inside = value.strip_prefix("${{")?.strip_suffix("}}")?.trim();
    let name = inside.strip_prefix("secrets.")?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}
