//! A rollback: which environment, by the manifest of the commit that runs. What is gone back to is not known yet.

use super::dispatch::{default_branch_of, environment_of_dispatch, tip};
use super::resolve_name;
use super::source::{WithoutManifest, manifest_at};
use crate::context::Context;
use crate::failure::Failure;
use decide::RollbackRequest;
use model::{CommitSha, Dispatch, Environment, Manifest, Release, TagReading, Untrusted, When};
use parse::inputs::InputError;

/// Where a rollback takes place.
pub(crate) struct ResolvedRollback {
    pub(crate) manifest: Manifest,
    pub(crate) environment: Environment,
    /// The commit that runs.
    pub(crate) at: CommitSha,
    pub(crate) target: RollbackRequest,
    /// The release that was named.
    pub(crate) release: Option<Release>,
    pub(crate) default_branch: String,
}

/// Asks about what the inputs of a dispatch name.
pub(crate) async fn rollback(
    context: &Context,
    dispatch: &Dispatch,
) -> Result<ResolvedRollback, Failure> {
    refuse_inputs_without_effect(context)?;
    let default_branch = default_branch_of(dispatch);
    let at = match dispatch.commit {
        Some(commit) => commit,
        None => tip(context, &default_branch).await?,
    };
    let manifest = manifest_at(
        context,
        &at,
        &default_branch,
        WithoutManifest::AssumeIfNamed,
    )
    .await?;
    let needed = || InputError::of("environment", "a rollback needs it");
    let environment = environment_of_dispatch(context, &manifest, dispatch)?
        .cloned()
        .ok_or_else(needed)?;
    let (target, release) = target(context, &environment).await?;
    Ok(ResolvedRollback {
        manifest,
        environment,
        at,
        target,
        release,
        default_branch,
    })
}

/// Inputs that would be without effect are told, not left out silently.
fn refuse_inputs_without_effect(context: &Context) -> Result<(), Failure> {
    let request = &context.request;
    let useless = [
        (
            "digest",
            request.digest.is_some(),
            "a rollback takes its digests from the record; name a release or a sha",
        ),
        ("base", request.base.is_some(), "it is for plan and verify"),
        (
            "pr-number",
            request.pr_number.is_some(),
            "a pull request has nothing to go back to",
        ),
        (
            "env-file",
            request.env_file.is_some(),
            "a rollback knows the images of the services that go back, not of all",
        ),
    ];
    let errors: Vec<InputError> = useless
        .iter()
        .filter(|(_, is_set, _)| *is_set)
        .map(|(input, _, why)| InputError::of(input, *why))
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Failure::Inputs(errors))
    }
}

async fn target(
    context: &Context,
    environment: &Environment,
) -> Result<(RollbackRequest, Option<Release>), Failure> {
    let request = &context.request;
    let name = &environment.name;
    match (&environment.when, &request.release, &request.sha) {
        (When::Branch(_), Some(_), _) => {
            let why = format!("environment {name} deploys from a branch: name a commit with sha");
            Err(InputError::of("release", why).into())
        }
        (When::Branch(_), None, Some(named)) => Ok((
            RollbackRequest::Commit(resolve_name(context, "sha", named).await?),
            None,
        )),
        (When::Release { .. }, _, Some(_)) => {
            let why = format!("environment {name} has releases: name one with release");
            Err(InputError::of("sha", why).into())
        }
        (When::Release { template, .. }, Some(tag), None) => match template.read(tag) {
            TagReading::Release(release) => Ok((
                RollbackRequest::Release(release.tag().clone()),
                Some(release),
            )),
            TagReading::Malformed | TagReading::Foreign => {
                let why = format!(
                    "it is \"{}\", wanted one like {template}",
                    Untrusted(tag.as_bytes())
                );
                Err(InputError::of("release", why).into())
            }
        },
        (_, None, None) => Ok((RollbackRequest::Before, None)),
    }
}
