//! A pull request: its head, and the manifest of its base.

use super::{
    EventBase, Purpose, Resolved, agree, checkout_time, given_base, manifest_of_event,
    refuse_base_on_deploy,
};
use crate::context::{Context, Stop};
use decide::{Subject, Tip};
use model::{ManifestSource, PullRequest};
use parse::inputs::InputError;
use parse::manifest;

/// Resolves a pull request. Its manifest is the base's, but for the paths that it may change.
pub(super) async fn pull_request(
    context: &Context,
    pull: &PullRequest,
    cannot_push: Option<String>,
    purpose: Purpose,
) -> Result<Resolved, Stop> {
    refuse_base_on_deploy(context, purpose)?;
    if context.request.release.is_some() {
        return Err(InputError::of("release", "a pull request never deploys a release").into());
    }
    if context
        .request
        .pr_number
        .is_some_and(|number| number != pull.number)
    {
        return Err(InputError::of(
            "pr-number",
            format!("the event is of pull request {}", pull.number),
        )
        .into());
    }
    agree(context.request.sha.as_ref(), &pull.head)?;
    let branch = &pull.default_branch;
    let of_base = manifest_of_event(context, &pull.base, branch, purpose).await?;
    let manifest = match of_base.source {
        ManifestSource::File => manifest::for_pull_request(
            of_base,
            manifest_of_event(context, &pull.head, branch, purpose).await?,
        ),
        ManifestSource::Shorthand => of_base,
    };
    Ok(Resolved {
        manifest,
        subject: Subject::PullRequest {
            number: pull.number,
            cannot_push,
        },
        commit: pull.head,
        before: EventBase::PullRequest(Box::new(pull.clone())),
        given_base: given_base(context).await?,
        tip: Tip::Other,
        created: checkout_time(context, &pull.head),
        revisions: [Some(pull.head), pull.merge]
            .into_iter()
            .flatten()
            .collect(),
        in_fork: true,
        default_branch: branch.clone(),
        off_branch: None,
    })
}

/// Why the workflow of a pull request cannot have pushed an image, where that is so.
pub(super) fn cannot_push(context: &Context, pull: &PullRequest) -> Option<String> {
    match (
        pull.from_fork,
        pull.by_dependabot,
        context.lacks_registry_password(),
    ) {
        (true, _, _) => {
            Some("the pull request comes from a fork, whose workflow cannot push images".into())
        }
        (false, true, _) => Some(
            "the pull request is Dependabot's, whose workflow has no secrets to push with".into(),
        ),
        (false, false, true) => {
            Some("registry-password is not set, so nothing can have been pushed".into())
        }
        (false, false, false) => None,
    }
}
