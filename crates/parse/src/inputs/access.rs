//! What a run may write, decided once from its inputs.

use super::{Command, Commenting, PipelineCommand, Request, WriteMode};

/// Permission to write to the world. Every client that writes asks for it when it is made.
///
/// Only [`Request::read`] makes one, and it cannot be copied. So a run that may not write has no client that could.
#[derive(Debug)]
pub struct WriteAccess(());

/// Permission to write the comment of a pull request, and nothing else.
#[derive(Debug)]
pub struct CommentAccess(());

/// Everything that a run may write.
#[derive(Debug)]
pub struct RunAccess {
    /// For deploys, tags, records and packages. None in a dry run, and none for a command that only reads.
    pub writes: Option<WriteAccess>,
    /// For the comment of a pull request.
    pub comments: Option<CommentAccess>,
}

impl RunAccess {
    pub(super) fn of(request: &Request) -> Self {
        let is_dry = request.writes == WriteMode::Withheld;
        let writes = if is_dry || !writes(request.command) {
            None
        } else {
            Some(WriteAccess(()))
        };
        let comments = if is_dry || request.commenting == Commenting::Off {
            None
        } else {
            Some(CommentAccess(()))
        };
        Self { writes, comments }
    }
}

/// Whether a command writes to the world. `init` writes files of this machine only.
const fn writes(command: Command) -> bool {
    match command {
        Command::Local(_) => false,
        Command::Pipeline(
            PipelineCommand::Plan | PipelineCommand::Verify | PipelineCommand::Status,
        ) => false,
        Command::Pipeline(
            PipelineCommand::Deploy | PipelineCommand::Promote | PipelineCommand::Rollback,
        ) => true,
        Command::Operation(_) => true,
    }
}

#[cfg(feature = "testing")]
impl WriteAccess {
    /// Permission for the tests of a client.
    #[must_use]
    pub const fn for_tests() -> Self {
        Self(())
    }
}

#[cfg(feature = "testing")]
impl CommentAccess {
    /// Permission for the tests of a client.
    #[must_use]
    pub const fn for_tests() -> Self {
        Self(())
    }
}
