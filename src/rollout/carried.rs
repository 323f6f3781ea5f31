//! What a deploy carries: the commit that each service leaves, and the commits between that and the new one.

use super::DeployRequest;
use crate::context::Context;
use crate::domain::{Manifest, ServiceName};
use crate::report::Carried;
use crate::state::{EnvironmentState, Lags};
use std::collections::BTreeMap;

/// The most commits of which GitHub or the checkout is asked what they change. A deploy does not wait for more.
const MOST_COMPARED: usize = 20;

/// Finds it out for every service that is deployed, says it, and keeps it for the report.
pub(crate) async fn note(
    context: &Context,
    manifest: &Manifest,
    state: Option<&EnvironmentState>,
    requests: &BTreeMap<ServiceName, DeployRequest>,
) {
    let Some(state) = state else { return };
    let mut lags = Lags::new(context, MOST_COMPARED);
    let mut all = BTreeMap::new();
    for (service, request) in requests {
        let (from, to) = (state.serving_commit(service), request.intent.commit);
        let lag = match &from {
            Some(from) => lags.between(manifest, service, from, &to).await,
            None => Default::default(),
        };
        let link = from.map(|from| {
            let home = format!("{}/{}", context.server_url(), context.slug);
            format!("{home}/compare/{from}...{to}")
        });
        let carried = Carried {
            from,
            to,
            commits: lag.behind,
            matters: lag.matters,
            link,
        };
        context.log.say(&format!("{service}: {}", carried.told()));
        all.insert(service.clone(), carried);
    }
    context.progress.carried(all);
}
