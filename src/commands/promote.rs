//! `promote`: puts a release's tag, or `latest`, on the verified images of its commit, without a rebuild.

use super::{PlannedRun, tell, verify};
use crate::context::Context;
use crate::decide::{Subject, Tip};
use crate::domain::{Foreign, ImageTag, Outcome, PushedRef, Trigger, When};
use crate::failure::Failure;
use crate::images::Patience;
use crate::intake::inputs::{InputError, Writes};
use crate::registry::Moving;
use crate::tags::{Placement, put};

/// What is put, and whether it may be moved.
enum Tag {
    /// A release's: put once.
    Release(ImageTag),
    /// `latest`, which follows the tip of this branch, the default one.
    Latest(ImageTag, String),
}

/// Refuses what no event can promote, before anybody is asked anything; `true` where there is nothing to do.
///
/// # Errors
/// Inputs that ask for what cannot be.
pub(crate) fn ends_early(context: &Context) -> Result<bool, Failure> {
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
            return Ok(false);
        }
    };
    tell(context, Outcome::Nothing, &format!("Nothing to do: {why}"));
    Ok(true)
}

/// Runs it.
pub(crate) async fn run(context: &Context, run: &PlannedRun) -> Result<(), Failure> {
    let Some(tag) = tag(context, run)? else {
        tell(
            context,
            Outcome::Nothing,
            "Nothing to promote: this is no release, and not the tip that latest follows",
        );
        return Ok(());
    };
    if verify::lacks_credential(context, run)? || is_left_behind(context, run, &tag).await? {
        return Ok(());
    }
    if run.plan.images.is_empty() {
        tell(
            context,
            Outcome::Nothing,
            "Nothing to promote: no image changed",
        );
        return Ok(());
    }
    let Some(images) = verify::verified(context, run, Patience::Wait).await? else {
        return Ok(());
    };
    // Images are waited for, and the branch goes on meanwhile.
    if is_left_behind(context, run, &tag).await? {
        return Ok(());
    }
    let placements: Vec<Placement> = images
        .iter()
        .map(|(name, image)| Placement::new(name, image, context.request.pin))
        .collect();
    let (tag, moving) = match &tag {
        Tag::Release(tag) => (tag, Moving::Never),
        Tag::Latest(tag, _) => (tag, Moving::Allowed),
    };
    context.log.group(&format!("Promotion to {tag}"));
    let result = put(context, &placements, tag, moving).await;
    context.log.end_group();
    let count = result?;
    let names = verify::names(&images);
    let headline = match (context.request.writes, count) {
        (Writes::Withheld, _) => format!("Verified in a dry run: {tag} was not put on {names}"),
        (Writes::Allowed, 0) => format!("Promoted already: {tag} is on {names}"),
        (Writes::Allowed, _) => format!("Promoted: {tag} is on {names}"),
    };
    tell(context, Outcome::Verified, &headline);
    Ok(())
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
            match &run
                .resolved
                .manifest
                .environment(environments.first()?)?
                .when
            {
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

/// Whether the branch that `latest` follows is on another commit by now: then that one has it. Where that cannot be asked, the first attempt
/// of a push goes on, which is nearly always the newest.
async fn is_left_behind(context: &Context, run: &PlannedRun, tag: &Tag) -> Result<bool, Failure> {
    let Tag::Latest(_, branch) = tag else {
        return Ok(false);
    };
    let shown = Foreign(branch.as_bytes());
    match context.history.present_tip(branch).await {
        Ok(tip) if tip == run.plan.commit => Ok(false),
        Ok(tip) => {
            let why = format!(
                "Superseded: the default branch is on {} by now, and latest with it",
                tip.short(7)
            );
            tell(context, Outcome::Superseded, &why);
            Ok(true)
        }
        Err(why) if matches!(context.trigger, Trigger::Push(_)) && !context.around.is_rerun => {
            let text = format!(
                "whether {shown} is still on this commit is not known ({why}); this push is taken to be the newest"
            );
            if !context.progress.borrow().notes.contains(&text) {
                context.warn("Order is not known", &text);
            }
            Ok(false)
        }
        Err(why) => Err(Failure::OrderUnknown(format!(
            "whether {shown} is still on this commit is not known: {why}"
        ))),
    }
}
