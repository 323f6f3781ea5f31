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
    /// Holds the paths that differ between `head` and each of the others against the manifest's patterns.
    #[must_use]
    pub fn new(manifest: &Manifest, head: CommitSha, changes: impl IntoIterator<Item = (CommitSha, Changes)>) -> Self {
        let judge = |changes: Changes| match changes {
            Changes::Unknown(why) => Err(why),
            Changes::Known(paths) => Affected::within_reason(manifest, &paths)
                .ok_or_else(|| "too many patterns and too many changes to compare in good time".into()),
        };
        Self { head, of: changes.into_iter().map(|(commit, changes)| (commit, judge(changes))).collect() }
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
            Some(Ok(affected)) => {
                affected.service(service).map_or(Equality::Equal, |cause| Equality::Differs(cause.clone()))
            }
        }
    }
}
