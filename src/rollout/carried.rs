//! What a deploy carries: the commit that each service leaves, and the commits between that and the new one.

use super::DeployRequest;
use crate::context::Context;
use crate::state::{EnvironmentState, Lags};
use model::{CommitSha, Manifest, ServiceName};
use report::Carried;
use std::collections::BTreeMap;

/// The most commits of which GitHub is asked what they change. A run does not wait for more.
const MOST_ASKED: usize = 20;

/// Says for every service that is deployed what it carries, and keeps it for the report.
pub(crate) async fn note(
    context: &Context,
    manifest: &Manifest,
    state: Option<&EnvironmentState>,
    requests: &BTreeMap<ServiceName, DeployRequest>,
) {
    let Some(state) = state else { return };
    let to = |request: &DeployRequest| request.intent.commit;
    let wanted = requests.iter();
    let wanted = wanted.map(|(service, request)| (service, to(request)));
    let all = of(context, manifest, state, wanted).await;
    for (service, carried) in &all {
        let text = format!("{service}: {}", carried.sentence());
        context.log.say(&text);
    }
    context.progress.carried(all);
}

/// What the deploys of these services to these commits carry.
pub(crate) async fn of(
    context: &Context,
    manifest: &Manifest,
    state: &EnvironmentState,
    wanted: impl Iterator<Item = (&ServiceName, CommitSha)>,
) -> BTreeMap<ServiceName, Carried> {
    let mut lags = Lags::new(context, MOST_ASKED);
    let mut all = BTreeMap::new();
    for (service, to) in wanted {
        let carried = match state.serving_commit(service) {
            Some(from) => between(context, &mut lags, (manifest, service), from, to).await,
            None => Carried::unknown(to),
        };
        all.insert(service.clone(), carried);
    }
    all
}

async fn between(
    context: &Context,
    lags: &mut Lags<'_>,
    (manifest, service): (&Manifest, &ServiceName),
    from: CommitSha,
    to: CommitSha,
) -> Carried {
    let forward = lags.between(manifest, service, &from, &to).await;
    // A commit that brings nothing new is an older one: then the commits that it lacks are counted.
    let is_back = from != to && forward.behind == Some(0);
    let (lag, [older, newer]) = if is_back {
        let lag = lags.between(manifest, service, &to, &from).await;
        (lag, [to, from])
    } else {
        (forward, [from, to])
    };
    let home = format!("{}/{}", context.server_url(), context.slug);
    Carried {
        from: Some(from),
        to,
        is_back,
        commits: lag.behind,
        matters: lag.matters,
        link: (from != to).then(|| format!("{home}/compare/{older}...{newer}")),
    }
}
