//! What a plan goes by: what each service needs by the state of its environment, else what changed.

use super::{EnvironmentState, StatePurpose, StateQuery};
use crate::context::{Context, Stop};
use crate::failure::Failure;
use crate::history::Movement;
use crate::resolve::{EventBase, Purpose, Resolved, previous};
use decide::ledger::order::BranchTip;
use decide::{Base, Changes, PlanInput, Subject};
use model::{CommitSha, Decision, Environment, Outcome, Release, When};
use parse::inputs::Recording;
use std::collections::BTreeMap;

/// What is known before a plan is made.
pub(crate) struct KnownState {
    pub(crate) ground: PlanInput,
    /// The state of each environment whose record decides.
    pub(crate) states: Vec<EnvironmentState>,
}

/// Reads what a plan for the resolved commit goes by.
///
/// # Errors
/// [`Stop::Early`] where a newer release has taken over; [`Failure`].
pub(crate) async fn read(
    context: &Context,
    resolved: &Resolved,
    purpose: Purpose,
) -> Result<KnownState, Stop> {
    let reader = match purpose {
        Purpose::Plan => Some(StatePurpose::Plan),
        Purpose::Deploy => Some(StatePurpose::Deploy),
        Purpose::Verify | Purpose::Promote => None,
    };
    let has_services = !resolved.manifest.services.is_empty();
    match (reader, &resolved.subject, &resolved.before) {
        (Some(reader), Subject::Environments { .. }, EventBase::Commit { base, pushed, .. })
            if has_services && resolved.given_base.is_none() =>
        {
            by_state(context, resolved, (base, *pushed), reader).await
        }
        _ => {
            if let Some(refused) = resolved.off_branch.clone() {
                return Err(Failure::from(refused).into());
            }
            if reader == Some(StatePurpose::Deploy)
                && !has_services
                && resolved.given_base.is_none()
            {
                check_tip(context, resolved).await?;
            }
            let ground = by_changes(context, resolved, purpose).await?;
            let states = Vec::new();
            Ok(KnownState { ground, states })
        }
    }
}

/// Images without services have no records. A commit that is not the branch's tip any more is superseded all the same: what a later step deploys
/// would go back to it.
async fn check_tip(context: &Context, resolved: &Resolved) -> Result<(), Stop> {
    let Subject::Environments {
        environments,
        release: None,
    } = &resolved.subject
    else {
        return Ok(());
    };
    if context.request.force.older {
        return Ok(());
    }
    let branch = environments
        .iter()
        .filter_map(|name| resolved.manifest.environment(name))
        .find_map(|environment| match &environment.when {
            When::Branch(branch) => Some(branch),
            When::Release { .. } => None,
        });
    let Some(branch) = branch else {
        return Ok(());
    };
    match context.clients.history.present_tip(branch).await {
        BranchTip::At(tip) if tip == resolved.commit => Ok(()),
        BranchTip::At(tip) => {
            let (tip, commit) = (tip.short(7), resolved.commit.short(7));
            Err(superseded(&format!(
                "branch {branch} is at {tip} now, not at {commit}"
            )))
        }
        BranchTip::Gone => Err(superseded(&format!("branch {branch} is gone"))),
        BranchTip::Unknown(why) if context.env.is_rerun => Err(Failure::OrderUnknown(format!(
            "the tip of branch {branch} is not known: {why}"
        ))
        .into()),
        BranchTip::Unknown(why) => {
            let text = format!(
                "the tip of branch {branch} is not known ({why}): the run assumes that nothing newer was pushed"
            );
            context.warn("Order is not known", &text);
            Ok(())
        }
    }
}

/// Reads what a plan for a merge commit goes by, which is on no branch yet.
///
/// # Errors
/// As [`read`].
pub(crate) async fn after_merge(
    context: &Context,
    resolved: &Resolved,
    base: CommitSha,
) -> Result<KnownState, Stop> {
    let event = Base::Commit(base, "the base branch".into());
    by_state(context, resolved, (&event, Some(base)), StatePurpose::Merge).await
}

fn superseded(why: &str) -> Stop {
    Stop::early(Outcome::Superseded, format!("Superseded: {why}"))
}

async fn by_state(
    context: &Context,
    resolved: &Resolved,
    before: (&Base, Option<CommitSha>),
    reader: StatePurpose,
) -> Result<KnownState, Stop> {
    let release = resolved.subject.release();
    let (mut demands, mut states) = (BTreeMap::new(), Vec::new());
    for environment in resolved.environments()? {
        let state = one(context, resolved, (environment, release), before, reader).await?;
        for (service, demand) in state.demands(context).await? {
            let is_needed = demand.why.decision() == Decision::Deploy;
            if is_needed || !demands.contains_key(&service) {
                demands.insert(service, demand);
            }
        }
        states.push(state);
    }
    let ground = PlanInput::Demands(demands);
    Ok(KnownState { ground, states })
}

/// The state of one environment, to which its release may be deployed.
async fn one(
    context: &Context,
    resolved: &Resolved,
    (environment, release): (&Environment, Option<&Release>),
    (base, pushed): (&Base, Option<CommitSha>),
    reader: StatePurpose,
) -> Result<EnvironmentState, Stop> {
    let event = match (release, context.request.recording) {
        // Without a record the tags say which release came before.
        (Some(release), Recording::Off) => previous(context, environment, release)
            .await
            .unwrap_or_else(|_| base.clone()),
        (Some(_) | None, Recording::On) | (None, Recording::Off) => base.clone(),
    };
    let query = StateQuery {
        reader,
        manifest: &resolved.manifest,
        environment,
        commit: resolved.commit,
        release,
        event,
        before: pushed,
        default_branch: &resolved.default_branch,
    };
    let state = EnvironmentState::read(context, &query).await?;
    let Some(release) = release else {
        return Ok(state);
    };
    // Where the record cannot be read, the tags say which release is newest.
    if !state.is_recorded()
        && !context.request.force.older
        && let Err(newer) = previous(context, environment, release).await
    {
        return Err(superseded(&newer));
    }
    // Once it was begun here its branch may be gone.
    if let Some(refused) = resolved.off_branch.clone()
        && !state.was_begun(release)
    {
        return Err(Failure::from(refused).into());
    }
    state.check_release(context).await?;
    Ok(state)
}

async fn by_changes(
    context: &Context,
    resolved: &Resolved,
    purpose: Purpose,
) -> Result<PlanInput, Stop> {
    let history = &context.clients.history;
    let commit = &resolved.commit;
    let given = |base: CommitSha| Base::Commit(base, "the input base".into());
    let (before, forward_from) = match (&resolved.before, resolved.given_base) {
        (EventBase::Nothing(why), _) => {
            let base = Base::None(why.clone());
            return Ok(PlanInput::Changes(base, Changes::Unknown(why.clone())));
        }
        (EventBase::PullRequest(_), Some(base)) => {
            let changes = history.changes(&base, commit, Movement::Rewritten).await;
            return Ok(PlanInput::Changes(given(base), changes));
        }
        (EventBase::PullRequest(pull), None) => {
            let (changes, merge_base) = history.changes_of_pull_request(pull).await;
            let base = Base::Commit(merge_base.unwrap_or(pull.base), "the merge base".into());
            return Ok(PlanInput::Changes(base, changes));
        }
        (
            EventBase::Commit {
                base, forward_from, ..
            },
            _,
        ) => (base, *forward_from),
    };
    let before = base_of_release(context, resolved, before, purpose).await?;
    let base = resolved.given_base.map_or(before, given);
    let changes = match base.commit() {
        Some(base) => {
            let movement = if forward_from.as_ref() == Some(base) {
                Movement::Forward
            } else {
                Movement::Rewritten
            };
            history.changes(base, commit, movement).await
        }
        None => Changes::Unknown("there is nothing to compare with".into()),
    };
    Ok(PlanInput::Changes(base, changes))
}

/// What was there before: of a release, the release before it.
async fn base_of_release(
    context: &Context,
    resolved: &Resolved,
    before: &Base,
    purpose: Purpose,
) -> Result<Base, Stop> {
    let Some(release) = resolved.subject.release() else {
        return Ok(before.clone());
    };
    // A tag says which release an image is, whichever release is newest: promoting orders nothing.
    if purpose == Purpose::Promote {
        return Ok(Base::None("a release is promoted whole".into()));
    }
    let mut base = before.clone();
    for environment in resolved.environments()? {
        base = previous(context, environment, release)
            .await
            .map_err(|newer| superseded(&newer))?;
    }
    Ok(base)
}
