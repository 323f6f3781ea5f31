//! The commands, by kind.

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Something about this machine's repository.
    Local(LocalCommand),
    /// Something about the images of a commit.
    Pipeline(PipelineCommand),
    /// Something about releases or pull requests as a whole.
    Operation(OperationCommand),
}

/// A command that needs this machine only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalCommand {
    /// Hold the manifest against the tree and the workflows.
    Check,
    /// Write a starting manifest and workflow.
    Init,
}

/// A command about the images of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipelineCommand {
    /// Compute, and write nothing.
    Plan,
    /// Wait for the images and judge them.
    Verify,
    /// Plan, verify, and call the deploy hooks.
    Deploy,
    /// Verify, and put more tags on what was verified.
    Promote,
    /// Deploy the bytes of an earlier release again.
    Rollback,
    /// Say what each service serves, and how far that is behind.
    Status,
}

/// A command that deploys nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationCommand {
    /// Make the next release's tag.
    Release,
    /// Remove what closed pull requests left.
    Cleanup,
}

impl Command {
    /// Every command with the line that `--help` shows.
    pub const ALL: &[(&'static str, Self, &'static str)] = &[
        (
            "plan",
            Self::Pipeline(PipelineCommand::Plan),
            "Compute tags, the services that changed and why, and which images must be built",
        ),
        (
            "verify",
            Self::Pipeline(PipelineCommand::Verify),
            "Wait for this event's images and verify them",
        ),
        (
            "deploy",
            Self::Pipeline(PipelineCommand::Deploy),
            "Plan, verify, then deploy the changed services in order",
        ),
        (
            "promote",
            Self::Pipeline(PipelineCommand::Promote),
            "Put a release's tag, or latest, on the verified images, without a rebuild",
        ),
        (
            "rollback",
            Self::Pipeline(PipelineCommand::Rollback),
            "Deploy again what an earlier release ran; default: what was live before",
        ),
        (
            "status",
            Self::Pipeline(PipelineCommand::Status),
            "Say what each service serves, since when, and how far that is behind",
        ),
        (
            "release",
            Self::Operation(OperationCommand::Release),
            "Give the commit the next release number, by creating that git tag",
        ),
        (
            "cleanup",
            Self::Operation(OperationCommand::Cleanup),
            "Delete what closed pull requests left: images on GHCR and previews on Render",
        ),
        (
            "check",
            Self::Local(LocalCommand::Check),
            "Compare the manifest with the tracked files and the workflows; local",
        ),
        (
            "init",
            Self::Local(LocalCommand::Init),
            "Write a starting manifest and workflow from what is in the repository; local",
        ),
    ];
}
