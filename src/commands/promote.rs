//! `promote`: puts a release's tag, or `latest`, on the verified images of its commit, without a rebuild.

use crate::context::{CommandOutcome, Context, Stop, Writers};
use crate::failure::Failure;
use crate::gate::credentials::{self, Live};
use crate::images::{self, Patience};
use crate::planned_run::{Calls, PlannedRun, decide};
use crate::resolve::{self, Purpose};
use crate::state;
use crate::tags::{Placement, put};
use decide::ledger::BranchTip;
use decide::{Subject, Tip};
use model::{ImageTag, Outcome, PushedRef, Trigger, Untrusted, When};
use parse::inputs::InputError;
use registry::Moving;

/// What is put, and whether it may be moved.
enum Tag {
    /// A release's: put once.
    Release(ImageTag),
    /// `latest`, which follows the tip of this branch, the default one.
    Latest(ImageTag, String),
}

/// Puts the tag that the event and the inputs ask for.
pub(super) async fn run(
    context: &Context,
    writers: Option<&Writers<'_>>,
) -> Result<CommandOutcome, Stop> {
    refuse_what_is_never_promoted(context)?;
    let resolved = resolve::event(context, Purpose::Promote).await?;
    let known = state::read(context, &resolved, Purpose::Promote).await?;
    let run = decide(context, resolved, known, Purpose::Promote, Calls::Hidden)?;
    let Some(tag) = tag(context, &run)? else {
        let headline =
            "Nothing to promote: this is no release, and not the tip that latest follows";
        return Ok(CommandOutcome::new(Outcome::Nothing, headline));
    };
    credentials::check(context, &run, Live::NotDeployed)?;
    must_be_the_tip(context, &run, &tag).await?;
    if run.plan.images.is_empty() {
        let headline = "Nothing to promote: no image changed";
        return Ok(CommandOutcome::new(Outcome::Nothing, headline));
    }
    let images = images::verified(context, &run, Patience::Wait).await?;
    // Images are waited for, and the branch goes on meanwhile.
    must_be_the_tip(context, &run, &tag).await?;
    let placements: Vec<Placement> = images
        .iter()
        .map(|(name, image)| Placement::new(name, image, context.request.pin))
        .collect();
    let (tag, moving) = match &tag {
        Tag::Release(tag) => (tag, Moving::Never),
        Tag::Latest(tag, _) => (tag, Moving::Allowed),
    };
    context.log.group(&format!("Promotion to {tag}"));
    let result = put(context, writers, &placements, tag, moving).await;
    context.log.end_group();
    let count = result?;
    let names = images::names(&images);
    let headline = match (writers, count) {
        (None, _) => format!("Verified in a dry run: {tag} was not put on {names}"),
        (Some(_), 0) => format!("Promoted already: {tag} is on {names}"),
        (Some(_), _) => format!("Promoted: {tag} is on {names}"),
    };
    Ok(CommandOutcome::new(Outcome::Verified, headline))
}

/// Refuses what no event can promote, before anybody is asked anything.
///
/// # Errors
/// Inputs that ask for what cannot be; [`Stop::Early`] where there is nothing to do.
fn refuse_what_is_never_promoted(context: &Context) -> Result<(), Stop> {
    let request = &context.request;
    if request.services.is_some() {
        return Err(InputError::of(
            "services",
            "promote puts tags on images, and a release is promoted whole",
        )
        .into());
    }
    if request.pr_number.is_some() {
        return Err(
            InputError::of("pr-number", "the image of a pull request is never promoted").into(),
        );
    }
    let why = match &context.trigger {
        Trigger::PullRequest(_) if request.release.is_some() => {
            return Err(
                InputError::of("release", "a pull request never promotes a release").into(),
            );
        }
        Trigger::PullRequest(_) | Trigger::Closed(_) => "a pull request promotes nothing",
        Trigger::MergeGroup(_) => "a merge group promotes nothing, because it may be discarded",
        Trigger::Push(_) | Trigger::Dispatch(_) | Trigger::Nothing(_) | Trigger::Refused(_) => {
            return Ok(());
        }
    };
    Err(resolve::nothing(why))
}

/// Which tag the event and the inputs ask for.
fn tag(context: &Context, run: &PlannedRun) -> Result<Option<Tag>, Failure> {
    let resolved = &run.resolved;
    if let Some(release) = run.plan.subject.release() {
        return Ok(Some(Tag::Release(release.tag().clone())));
    }
    let is_by_hand = matches!(context.trigger, Trigger::Dispatch(_));
    if resolved.tip == Tip::OfDefaultBranch
        && resolved.manifest.tags.latest
        && let Some(branch) = default_branch(context, run)
    {
        return Ok(Some(Tag::Latest(ImageTag::parse("latest")?, branch)));
    }
    if is_by_hand {
        let why = "promote by hand needs it, unless it is about the tip of the default branch, which latest follows";
        return Err(InputError::of("release", why).into());
    }
    Ok(None)
}

fn default_branch(context: &Context, run: &PlannedRun) -> Option<String> {
    let of_environment = || match &run.plan.subject {
        Subject::Environments { environments, .. } => {
            let environment = environments.only().ok()?;
            match &run.resolved.manifest.environment(environment)?.when {
                When::Branch(branch) => Some(branch.clone()),
                When::Release { .. } => None,
            }
        }
        Subject::PullRequest { .. } | Subject::Commit => None,
    };
    match &context.trigger {
        Trigger::Push(push) => match &push.pushed {
            PushedRef::Branch(name) | PushedRef::Either(name) => Some(name.clone()),
            PushedRef::Tag(_) => None,
        },
        Trigger::Dispatch(_) => of_environment(),
        Trigger::PullRequest(_) | Trigger::Closed(_) | Trigger::MergeGroup(_) => None,
        Trigger::Nothing(_) | Trigger::Refused(_) => None,
    }
}

/// Stops where the branch that `latest` follows is on another commit by now: then that one has it.
async fn must_be_the_tip(context: &Context, run: &PlannedRun, tag: &Tag) -> Result<(), Stop> {
    let Tag::Latest(_, branch) = tag else {
        return Ok(());
    };
    let shown = Untrusted(branch.as_bytes());
    match context.clients.history.present_tip(branch).await {
        BranchTip::At(tip) if tip == run.plan.commit => Ok(()),
        BranchTip::At(tip) => {
            let why = format!(
                "Superseded: the default branch is on {} by now, and latest with it",
                tip.short(7)
            );
            Err(Stop::early(Outcome::Superseded, why))
        }
        BranchTip::Gone => {
            let why = "Superseded: the default branch is gone";
            Err(Stop::early(Outcome::Superseded, why))
        }
        BranchTip::Unknown(why) => {
            let text = format!("whether {shown} is still on this commit is not known: {why}");
            Err(Failure::OrderUnknown(text).into())
        }
    }
}
