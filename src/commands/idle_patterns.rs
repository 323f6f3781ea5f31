//! What a deploy says of patterns that match nothing: a service with one of them may never be deployed.

use crate::context::Context;
use crate::planned_run::PlannedRun;
use decide::{Subject, idle_patterns};
use model::ManifestSource;

/// How many patterns one warning names.
const NAMED: usize = 5;

/// Warns of patterns of `paths` and `shared` that match nothing in the commit's tree. It needs the tree in the checkout: nobody is asked for it.
pub(super) fn warn(context: &Context, run: &PlannedRun) {
    let resolved = &run.resolved;
    let is_deploy = matches!(resolved.subject, Subject::Environments { .. });
    if !is_deploy || resolved.manifest.source != ManifestSource::File {
        return;
    }
    let Some(checkout) = context.clients.history.checkout() else {
        return;
    };
    let Ok(Some(files)) = checkout.paths_of(&resolved.commit) else {
        return;
    };
    let idle = idle_patterns(&resolved.manifest, &files);
    if idle.is_empty() {
        return;
    }
    let mut text = idle
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    if idle.len() > NAMED {
        text.push_str(&format!(
            "; and {} more (check names them all)",
            idle.len() - NAMED
        ));
    }
    context.warn("Patterns that match nothing", &text);
}
