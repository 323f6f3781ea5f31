//! `verify`: waits for this event's images and judges them. Writes nothing.

use crate::context::{CommandOutcome, Context, Stop};
use crate::gate::credentials::{self, Live};
use crate::images::{self, Patience};
use crate::planned_run::{Calls, PlannedRun, decide};
use crate::resolve::{self, Purpose};
use crate::state;
use decide::Subject;
use model::Outcome;

/// Verifies the images of the event's commit.
pub(super) async fn run(context: &Context) -> Result<CommandOutcome, Stop> {
    let resolved = resolve::event(context, Purpose::Verify).await?;
    let known = state::read(context, &resolved, Purpose::Verify).await?;
    let run = decide(context, resolved, known, Purpose::Verify, Calls::Hidden)?;
    images_of(context, &run, Patience::Wait, Live::NotDeployed).await
}

/// Verifies the images of a plan that deploys nothing.
pub(super) async fn images_of(
    context: &Context,
    run: &PlannedRun,
    patience: Patience,
    live: Live,
) -> Result<CommandOutcome, Stop> {
    if let Subject::PullRequest {
        cannot_push: Some(why),
        ..
    } = &run.plan.subject
    {
        return Err(resolve::no_image(context, why));
    }
    credentials::check(context, run, live)?;
    if run.plan.images.is_empty() {
        let headline = "Nothing to verify: no image changed";
        return Ok(CommandOutcome::new(Outcome::Nothing, headline));
    }
    let images = images::verified(context, run, patience).await?;
    let headline = format!("Verified: {}", images::names(&images));
    Ok(CommandOutcome::new(Outcome::Verified, headline))
}
