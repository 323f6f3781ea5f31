//! Probes that can tell nothing.

use super::{LintReport, Span, Wiring};
use decide::ManifestPart;
use model::LintCode;
use model::{Level, Manifest, Service};

impl LintReport {
    pub(super) fn probes(&mut self, manifest: &Manifest, wiring: &Wiring) {
        for service in &manifest.services {
            let Some(probe) = &service.probe else {
                continue;
            };
            let span = Span::Entry(ManifestPart::Service(service.name.clone()));
            if let Some(kind) = kind_without_address(service, wiring) {
                self.note(
                    Level::Error,
                    LintCode::ProbeWithoutAddress,
                    format!(
                        "service {} is {kind}, which has no address to be asked at",
                        service.name
                    ),
                    "Remove its probe.",
                    span.clone(),
                );
            }
            if !probe.expect.names_the_image() {
                self.note(
                    Level::Warning,
                    LintCode::ProbeNamesNoImage,
                    format!(
                        "the probe of service {} looks for text without {{sha}} or {{digest}}, which an old image answers too",
                        service.name
                    ),
                    "Write {sha:7} or {digest} into expect, and let the service answer it.",
                    span,
                );
            }
        }
    }
}

/// What kind of service it is, if that kind has no address: by its id, else by `render.yaml`.
fn kind_without_address(service: &Service, wiring: &Wiring) -> Option<&'static str> {
    if service
        .id
        .values()
        .any(|id| id.as_str().starts_with("crn-"))
    {
        return Some("a cron job");
    }
    let mut known = wiring.without_address.iter();
    let (_, kind) = known.find(|(name, _)| name == service.name.as_str())?;
    Some(kind)
}
