//! What may happen. An event chooses among what is there by remainders, so every list of events is a history.

use crate::world::faults::{What, Which};

/// What a commit changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The content of an image's files.
    Files {
        image: u8,
        content: u8,
    },
    /// The content of the paths that a service has beside its image's.
    Extra {
        content: u8,
    },
    Shared {
        content: u8,
    },
    /// What nothing depends on.
    Readme,
    /// Another name for a service, or the first one again.
    RenameService(u8),
    RenameEnvironment(u8),
    /// Another repository for an image, or the first one again.
    MoveImage(u8),
    /// Another `build` of an image.
    Build(u8),
    /// One path more for an image, or one less.
    Paths(u8),
    /// A service goes, or comes back.
    RemoveService(u8),
    /// The manifest goes, or comes back.
    RemoveManifest,
    /// The manifest cannot be parsed, or can be again.
    BreakManifest,
    /// The second environment follows the branch `develop`, or `dev` again.
    FollowBranch,
}

/// Which run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The newest trigger, for the first time or again.
    Newest,
    /// A trigger that never ran, late.
    Late(u8),
    /// A trigger again: one of all.
    Again(u8),
    /// The CI run of a push again, which triggers a new run by `workflow_run`.
    CiAgain(u8),
    /// A person asks for an environment's tip, or for its newest release.
    Dispatch(u8),
    /// A person asks for a commit of `main`, with something set aside: `force`.
    Force { which: u8, to: u8 },
    /// A person asks for a release by its number.
    DispatchRelease(u8),
    /// A rollback of an environment to what was before.
    Rollback(u8),
    /// `release` on a commit of a push, again or for the first time.
    Release(u8),
    /// `cleanup` of a pull request that was closed.
    Cleanup,
    /// A trigger again, or the tip of an environment, with something left out.
    Part { which: u8, part: Part },
}

/// What a run leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Every deploy: `freeze`.
    Frozen,
    /// Everything that writes: `dry-run`.
    Dry,
    /// Every service but one: `services`.
    Service(u8),
}

/// What a person does in Render's dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hand {
    /// Deploys the image of a commit.
    Deploys(u8),
    /// Deploys bytes that were built on a laptop from other files, on a base image of this repository, which has the label of a commit.
    DeploysForeign(u8),
    /// Rolls back to a deploy that was live.
    RollsBack(u8),
    /// Cancels what is under way.
    Cancels,
}

/// What happens to records of deploys, by others than the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    /// One of the newest is deleted.
    Delete(u8),
    /// One of the newest is moved to another environment by a status.
    Move(u8),
    /// The next one that is written appears late in lists.
    Late(u8),
    /// Another account writes so many under the name of a service.
    Crowd { service: u8, count: u8 },
    /// Another account writes 20 with payloads of 450 KB.
    Large { service: u8 },
    /// Another account writes one that looks like the program's: of a commit, by a kind of account, with success or open.
    Forged {
        service: u8,
        commit: u8,
        account: u8,
        is_open: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Commits, pushed at once.
    Push {
        branch: u8,
        commits: Vec<Vec<Change>>,
    },
    /// A commit with the files of an earlier one.
    Revert {
        branch: u8,
        back: u8,
    },
    /// The branch is forced to an earlier commit, or to one that it has left.
    Force {
        branch: u8,
        to: u8,
    },
    /// The branch is forced to a new commit on an earlier one.
    ForceAside {
        branch: u8,
        back: u8,
        change: Change,
    },
    /// The branch is deleted, or comes back.
    DeleteBranch {
        branch: u8,
    },
    /// A release is tagged on a commit of `main`, so many behind its tip.
    Tag {
        back: u8,
        is_annotated: bool,
    },
    DeleteTag(u8),
    MoveTag {
        which: u8,
        to: u8,
    },
    /// The branch `hotfix` is made on a release's commit, with a change, and a release is tagged there.
    Hotfix {
        tag: u8,
        change: Change,
    },
    /// A run begins in a slot; what ran there is ended first. `steps` is the number of requests after which it pauses; none: it runs to its end.
    Run {
        slot: u8,
        ask: Ask,
        steps: Option<u8>,
    },
    /// A run goes on for so many requests.
    Go {
        slot: u8,
        steps: u8,
    },
    /// A run goes on until it has asked for a deploy once more.
    GoToCall {
        slot: u8,
    },
    /// A run goes on until it is about to ask for a deploy: its last look is over, and its call has not arrived.
    GoBeforeCall {
        slot: u8,
    },
    /// A run goes on to its end.
    End {
        slot: u8,
    },
    /// A run is killed. The request that it has sent arrives, or not.
    Kill {
        slot: u8,
        arrives: bool,
    },
    /// A run gets the signal that a cancelled job gets.
    Cancel {
        slot: u8,
    },
    /// The next requests of a kind meet a fault.
    Fault {
        which: Which,
        what: What,
        times: u8,
    },
    /// The API key is given to the workflow, or taken away.
    Key,
    /// A service is made anew on Render, and the workflow gets its hook.
    Recreate(u8),
    /// The branch of the second environment is renamed, and a push makes the manifest follow it.
    RenameBranch,
    /// All faults are over.
    Heal,
    /// Render fails the next deploy of a service.
    RenderFails(u8),
    /// The next deploy of a service takes until everything settles.
    RenderSlow(u8),
    Hand(u8, Hand),
    Edit(Edit),
    /// So many seconds pass.
    Time(u16),
    /// Every deploy comes to its end.
    Settle,
}

/// A history.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) setting: crate::setting::Setting,
    pub(crate) events: Vec<Event>,
}
