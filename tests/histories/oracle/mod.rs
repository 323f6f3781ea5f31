//! What is promised, held against what is true. Nothing here calls the program's code: what a commit has, the generator knows; what serves, the model of Render
//! knows; what a run could see, the requests that it got answers to say.
//!
//! Each excuse is counted, and quotes the sentence that grants it.

pub(crate) mod calls;
pub(crate) mod claims;
pub(crate) mod ends;
pub(crate) mod equal;
pub(crate) mod holds;
pub(crate) mod looks;
mod newer;
pub(crate) mod writes;

/// What was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    /// 1: after a clean run of the tip each service serves what equals it.
    NothingIsLost,
    /// 2: nothing newer is replaced by something older.
    NothingStepsBack,
    /// 3: nothing is claimed that was not seen.
    NothingIsClaimed,
    /// 4: without knowledge of the order nothing is deployed.
    UnknownNeverGoesBack,
    /// What a rollback left does not come back, and a run in progress gives way to a rollback.
    RollbacksHold,
    /// A run of the tip to which nothing happens ends well.
    RunsEndWell,
    /// A second run of the tip deploys nothing again.
    NothingTwice,
    /// No release is made on a commit that the branch has left.
    ReleasesAreOnBranches,
    /// Clean-up deletes what this repository's pull requests left, and nothing else.
    CleanUpDeletesItsOwn,
    /// `freeze`, `dry-run` and `services` leave out what they say.
    WhatIsLeftOutIsLeft,
    /// An environment that requires another one has what the other one had first.
    RequiredComesFirst,
    /// The floating tags of an environment stay on what it serves.
    TagsFollow,
    /// The program answers, and asks only what there is to ask.
    Sane,
}

/// A promise that was broken.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) promise: Promise,
    pub(crate) text: String,
}
