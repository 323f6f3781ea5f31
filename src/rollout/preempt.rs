//! A rollback pre-empts: a run that sees one sends nothing more, puts nothing back and moves no tag.

use super::Rollout;
use crate::state::Look;
use http_client::sleep;
use model::ServiceName;
use std::time::Duration;

/// How long lies between two looks for a rollback while deploys are followed, or between two calls.
const BETWEEN_LOOKS: Duration = Duration::from_secs(15);

impl Rollout<'_> {
    /// Why nothing more is sent, where that is so.
    pub(crate) fn preempted(&self) -> Option<String> {
        let number = self.newer_rollback.get()?;
        Some(format!("a rollback was begun meanwhile (record {number})"))
    }

    /// Whether a look shows a rollback of the environment that was not there when this run began.
    pub(super) fn notice_rollback(&self, look: &Look) -> bool {
        let seen = self.state.first().newest_rollback(&self.own.borrow());
        let now = look.newest_rollback(&self.own.borrow());
        let is_newer = now > seen;
        if is_newer {
            self.newer_rollback.set(now);
        }
        is_newer
    }

    /// Looks for a rollback every now and then, and never ends.
    pub(super) async fn watch(&self, services: &[ServiceName]) {
        if self.records.is_none() {
            return std::future::pending().await;
        }
        loop {
            sleep(BETWEEN_LOOKS).await;
            let look = self.state.look_again(self.context, services).await;
            if self.notice_rollback(&look) {
                self.context
                    .log
                    .say("A rollback was begun meanwhile: nothing more is sent.");
                return std::future::pending().await;
            }
        }
    }
}
