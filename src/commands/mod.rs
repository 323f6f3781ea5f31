//! The commands, one file each. A pipeline command reads: resolve, read the state, decide, find images, check the gates, act, report.

mod check;
mod cleanup;
mod deploy;
mod idle_patterns;
mod init;
mod local_repository;
mod merge_plan;
mod plan;
mod promote;
mod release;
mod revisions;
mod rollback;
mod status;
mod verify;

pub(crate) use revisions::resolve_revisions;

use crate::context::{CommandOutcome, Context, Stop, Writers};
use crate::failure::Failure;
use crate::previews::comment;
use crate::runner::{Log, RunnerEnvironment};
use github::CommentWriter;
use model::{Outcome, Trigger, Untrusted};
use parse::inputs::{InputError, LocalCommand, OperationCommand, PipelineCommand, Request};
use report::{CheckReport, RunReport};

/// Why a local command stops, with what it had found.
pub(crate) struct LocalStop {
    pub(crate) failure: Failure,
    pub(crate) checked: Option<Box<CheckReport>>,
}

impl<E: Into<Failure>> From<E> for LocalStop {
    fn from(error: E) -> Self {
        Self {
            failure: error.into(),
            checked: None,
        }
    }
}

/// Runs a command that needs this machine only.
pub(crate) fn local(
    command: LocalCommand,
    request: &Request,
    env: &RunnerEnvironment,
    log: &Log,
) -> Result<RunReport, LocalStop> {
    match command {
        LocalCommand::Check => check::run(request, env, log),
        LocalCommand::Init => init::run(request, env, log).map_err(LocalStop::from),
    }
}

/// A command that asks GitHub, the registry or Render.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RemoteCommand {
    Pipeline(PipelineCommand),
    Operation(OperationCommand),
}

/// Runs a command that asks GitHub, the registry or Render.
///
/// # Errors
/// [`Stop`]. What had happened before it is in the progress of the context.
pub(crate) async fn remote(
    command: RemoteCommand,
    context: &Context,
    writers: Option<&Writers<'_>>,
    comments: Option<&CommentWriter<'_>>,
) -> Result<CommandOutcome, Stop> {
    match command {
        RemoteCommand::Pipeline(command) => pipeline(command, context, writers, comments).await,
        RemoteCommand::Operation(command) => operation(command, context, writers, comments).await,
    }
}

async fn pipeline(
    command: PipelineCommand,
    context: &Context,
    writers: Option<&Writers<'_>>,
    comments: Option<&CommentWriter<'_>>,
) -> Result<CommandOutcome, Stop> {
    let result = run(command, context, writers, comments).await;
    if command == PipelineCommand::Deploy {
        comment::keep(context, comments, &result).await;
    }
    result
}

async fn run(
    command: PipelineCommand,
    context: &Context,
    writers: Option<&Writers<'_>>,
    comments: Option<&CommentWriter<'_>>,
) -> Result<CommandOutcome, Stop> {
    refuse_force_by_machines(context)?;
    match command {
        PipelineCommand::Plan => plan::run(context, comments).await,
        PipelineCommand::Verify => verify::run(context).await,
        PipelineCommand::Deploy => {
            stop_if_frozen(context, "deployed")?;
            deploy::run(context, writers).await
        }
        PipelineCommand::Promote => {
            stop_if_frozen(context, "promoted")?;
            promote::run(context, writers).await
        }
        // A freeze does not hold it back: it is needed most then.
        PipelineCommand::Rollback => rollback::run(context, writers).await,
        PipelineCommand::Status => status::run(context).await,
    }
}

async fn operation(
    command: OperationCommand,
    context: &Context,
    writers: Option<&Writers<'_>>,
    comments: Option<&CommentWriter<'_>>,
) -> Result<CommandOutcome, Stop> {
    refuse_force_by_machines(context)?;
    match command {
        OperationCommand::Release => {
            stop_if_frozen(context, "released")?;
            release::run(context, writers).await
        }
        OperationCommand::Cleanup => cleanup::run(context, writers, comments).await,
    }
}

/// Stops a command that a freeze holds back. `done` says what is not done.
fn stop_if_frozen(context: &Context, done: &str) -> Result<(), Stop> {
    let Some(reason) = &context.request.freeze else {
        return Ok(());
    };
    let reason = Untrusted(reason.as_bytes());
    context.warn(
        "Deploys are frozen",
        &format!("nothing is {done} (freeze: {reason})"),
    );
    let headline = "Skipped: deploys are frozen";
    Err(Stop::early(Outcome::Skipped, headline))
}

/// `force` is a person's decision about one run; a schedule or another program must not make it.
fn refuse_force_by_machines(context: &Context) -> Result<(), Failure> {
    let by_person = matches!(&context.trigger, Trigger::Dispatch(dispatch) if dispatch.by_person);
    if context.request.force.words().is_some() && !by_person {
        return Err(InputError::of("force", "it is for workflow_dispatch and laptops only").into());
    }
    Ok(())
}
