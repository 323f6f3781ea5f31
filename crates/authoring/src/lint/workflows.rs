//! The manifest against the workflows that deploy with it.

use super::{LintReport, Span, Wiring};
use decide::ManifestPart;
use model::LintCode;
use model::{Handover, Level, Manifest, Service, Untrusted};
use std::collections::BTreeSet;

impl LintReport {
    pub(super) fn hold_against_workflows(&mut self, manifest: &Manifest, wiring: &Wiring) {
        for (path, place, why) in &wiring.unread {
            self.note(
                Level::Warning,
                LintCode::WorkflowNotRead,
                format!("this workflow cannot be read, so what it hands over is not known: {why}"),
                "Correct the file, if GitHub cannot read it either.",
                Span::File(path.clone(), *place),
            );
        }
        for (path, place, name) in &wiring.unknown_lints {
            self.note(
                Level::Warning,
                LintCode::UnknownLint,
                format!(
                    "this comment silences \"{}\", and there is no such lint",
                    Untrusted(name.as_bytes())
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
                    Untrusted(name.as_bytes())
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
                    "Use deploy-hooks: one service=URL per line.",
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
            Span::Entry(ManifestPart::Service(service.name.clone())),
        );
    }
}
