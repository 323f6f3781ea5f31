//! How one commit differs from many others, service by service.

use super::Equality;
use crate::decide::{Affected, Changes};
use crate::domain::{CommitSha, Manifest, ServiceName};
use std::collections::BTreeMap;

/// What is different between one commit and each of several others. Each of them is gone through once, for all services.
#[derive(Debug, Clone)]
pub struct Differences {
    head: CommitSha,
    of: BTreeMap<CommitSha, Result<Affected, String>>,
}

impl Differences {
    /// Nothing was compared with `head` so far.
    #[must_use]
    pub const fn with(head: CommitSha) -> Self {
        Self {
            head,
            of: BTreeMap::new(),
        }
    }

    /// Holds the paths that differ between the head and another commit against the manifest's patterns. The paths may be many, and go.
    pub fn learn(&mut self, manifest: &Manifest, commit: CommitSha, changes: Changes) {
        let affected = match changes {
            Changes::Unknown(why) => Err(why),
            Changes::Known(paths) => Affected::within_reason(manifest, &paths).ok_or_else(|| {
                "too many patterns and too many changes to compare in good time".into()
            }),
        };
        self.of.insert(commit, affected);
    }

    /// How the head compares with another commit on a service's paths.
    #[must_use]
    pub fn of(&self, service: &ServiceName, commit: &CommitSha) -> Equality {
        if *commit == self.head {
            return Equality::Equal;
        }
        match self.of.get(commit) {
            None => Equality::Unknown(format!("{} was not compared", commit.short(7))),
            Some(Err(why)) => Equality::Unknown(why.clone()),
            Some(Ok(affected)) => affected
                .service(service)
                .map_or(Equality::Equal, |cause| Equality::Differs(cause.clone())),
        }
    }
}
