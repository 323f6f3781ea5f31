//! The probes of services that are to be deployed: what each has to answer is known before anything is sent.

use crate::context::Context;
use crate::failure::Failure;
use crate::probe::ProbeRequest;
use model::{CommitSha, Digest, EnvironmentName, Manifest, ServiceName};

/// Fills in the probes of a manifest, and keeps the services whose image does not say which commit it is.
pub(crate) struct Probes<'a> {
    context: &'a Context,
    manifest: &'a Manifest,
    environment: &'a EnvironmentName,
    unknown: Vec<ServiceName>,
}

impl<'a> Probes<'a> {
    pub(crate) const fn new(
        context: &'a Context,
        manifest: &'a Manifest,
        environment: &'a EnvironmentName,
    ) -> Self {
        Self {
            context,
            manifest,
            environment,
            unknown: Vec::new(),
        }
    }

    /// What a service is asked once it was given the image of that commit and these digests.
    pub(crate) fn of(
        &mut self,
        name: &ServiceName,
        commit: Option<&CommitSha>,
        digests: &[Digest],
    ) -> Option<ProbeRequest> {
        let service = self
            .manifest
            .services
            .iter()
            .find(|own| own.name == *name)?;
        let wait = self.context.request.wait;
        match ProbeRequest::of(wait, service, self.environment, commit, digests) {
            Ok(probe) => probe,
            Err(_) => {
                self.unknown.push(name.clone());
                None
            }
        }
    }

    /// Checks that every probe could be filled in.
    ///
    /// # Errors
    /// [`Failure::ProbeNeedsCommit`] with all services of which that is not so.
    pub(crate) fn check(self) -> Result<(), Failure> {
        if self.unknown.is_empty() {
            return Ok(());
        }
        Err(Failure::ProbeNeedsCommit(self.unknown))
    }
}
