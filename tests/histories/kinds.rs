//! Kinds of faults, and what a history has to have for one of them: with everything else taken out, a promise breaks.

use crate::event::History;
use crate::ingredients::Ingredient::{self, self as I};
use crate::ingredients::{ingredients, only};
use crate::oracle::Promise::{self, *};

/// A kind of fault.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) promises: &'static [Promise],
    /// What a history of it has, each of a group of alternatives.
    needs: &'static [&'static [Ingredient]],
    /// What it may have besides.
    may: &'static [Ingredient],
}

impl Kind {
    /// The history with nothing special but what is of this kind; `None` if something of that is not in it.
    pub(crate) fn of(&self, history: &History) -> Option<History> {
        let allowed: Vec<Ingredient> = self
            .needs
            .iter()
            .flat_map(|group| *group)
            .chain(self.may)
            .copied()
            .collect();
        let found = only(history, &allowed);
        self.fits(&found).then_some(found)
    }

    /// Whether a history has what this kind needs.
    pub(crate) fn fits(&self, history: &History) -> bool {
        let found = ingredients(history);
        self.needs
            .iter()
            .all(|group| group.iter().any(|ingredient| found.contains(ingredient)))
    }
}

const LOST: &[Promise] = &[NothingIsLost];
const BACK: &[Promise] = &[NothingStepsBack];
const EITHER: &[Promise] = &[NothingIsLost, NothingStepsBack];
const UNASKED: &[Promise] = &[UnknownNeverGoesBack, NothingStepsBack];
const CLAIMED: &[Promise] = &[NothingIsClaimed, NothingIsLost];

type Row = (
    &'static str,
    &'static [Promise],
    &'static [&'static [Ingredient]],
    &'static [Ingredient],
);

/// The faults that the present rules were made for, by their numbers in issue 17, and others (`+`): which promises break, what has to be in a history, and what may be.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("1 a revert wrote nothing, and the reverted commit runs", BACK, &[&[I::Again]], &[I::BadCall, I::Release]),
    ("2 a service is renamed", EITHER, &[&[I::RenamedService]], &[I::Again]),
    ("2 an environment is renamed", EITHER, &[&[I::RenamedEnvironment]], &[I::Again]),
    ("2 an image is moved", EITHER, &[&[I::MovedImage]], &[I::Again]),
    ("2 a manifest comes or goes", EITHER, &[&[I::RemovedManifest]], &[I::Again]),
    ("2 two environments share a hook", EITHER, &[&[I::OneHook]], &[I::Again]),
    ("3 a deploy that Render does not list", LOST, &[&[I::ListedLate]], &[]),
    ("3 a deploy that nobody followed", LOST, &[&[I::AcceptedOnly]], &[I::ListedLate]),
    ("4 a call that is repeated", BACK, &[&[I::Limited], &[I::Overlap]], &[]),
    ("5 a crowd of foreign records", &[NothingIsLost, NothingStepsBack, NothingTwice], &[&[I::Crowd]], &[I::Again]),
    ("5 a record that is hidden", EITHER, &[&[I::HiddenRecord]], &[I::Again]),
    ("5 large foreign records", &[NothingTwice, NothingStepsBack], &[&[I::Large]], &[I::Again]),
    ("6 `release` on a commit that was forced away", &[ReleasesAreOnBranches], &[&[I::ReleaseCommand], &[I::ForcedBranch]], &[I::OldRefs]),
    ("6 a release on a commit that was forced away", &[ReleasesAreOnBranches], &[&[I::Release], &[I::ForcedBranch]], &[I::OldRefs, I::Again]),
    ("7 a branch that is gone", BACK, &[&[I::DeletedBranch]], &[]),
    ("7 CI again, and GitHub cannot be asked", UNASKED, &[&[I::CiAgain], &[I::GitHubDown, I::GraphQlDown]], &[I::WorkflowRun]),
    ("7 no records, and no tags", UNASKED, &[&[I::NoRecords], &[I::TagsDown, I::GitHubDown], &[I::Release]], &[I::Again]),
    ("8 an odd success of a hook", CLAIMED, &[&[I::OddSuccess]], &[]),
    ("8 an odd refusal of a hook", CLAIMED, &[&[I::OddRefusal]], &[]),
    ("9 clean-up of another repository's images", &[CleanUpDeletesItsOwn], &[&[I::CleanUp]], &[]),
    ("10 an account with the app's name", LOST, &[&[I::ForgedRecord]], &[I::Again]),
    ("11 a label of foreign bytes", LOST, &[&[I::ForeignBytes]], &[]),
    ("11 a label of a base image", EITHER, &[&[I::InheritedLabels]], &[I::NoRecords]),
    ("12 only `build` changes", LOST, &[&[I::Build]], &[]),
    ("13 a FIFO among the refs", &[Sane], &[&[I::Fifo]], &[I::Release]),
    ("14 a rollback while Render is silent", &[RollbacksHold], &[&[I::RenderDown], &[I::Rollback]], &[I::RollbackByHand, I::Again]),
    ("+ only `paths` change", LOST, &[&[I::Paths]], &[]),
    ("+ only paths beside the image's change", LOST, &[&[I::ExtraPaths]], &[]),
    ("+ an older success that is recorded last", LOST, &[&[I::Overlap]], &[]),
    ("+ a rollback while a run goes on", &[RollbacksHold], &[&[I::Rollback], &[I::Overlap]], &[I::Again]),
    ("+ a tip that has no such service", BACK, &[&[I::RemovedService, I::RemovedManifest]], &[I::Again]),
    ("+ a first attempt, and GitHub cannot be asked", UNASKED, &[&[I::GitHubDown, I::GraphQlDown]], &[]),
];

/// Every kind.
pub(crate) fn kinds() -> impl Iterator<Item = Kind> {
    ROWS.iter().map(|(name, promises, needs, may)| Kind {
        name,
        promises,
        needs,
        may,
    })
}
