//! Kinds of faults, and what a history has to have for one of them: with everything else taken out, a promise breaks.

use crate::event::{Ask, Change, Edit, Event, Hand, History};
use crate::oracle::Promise;
use crate::setting::{Builds, Layout};
use crate::world::faults::{What, Which};
use std::collections::BTreeSet;

/// What is special about a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ingredient {
    RenamedService,
    RenamedEnvironment,
    MovedImage,
    Build,
    Paths,
    RemovedService,
    RemovedManifest,
    BrokenManifest,
    Again,
    CiAgain,
    ReleaseCommand,
    CleanUp,
    Rollback,
    RollbackByHand,
    DeployByHand,
    ForeignBytes,
    HiddenRecord,
    Crowd,
    Large,
    ForgedRecord,
    DeletedBranch,
    ForcedBranch,
    Release,
    DeletedTag,
    MovedTag,
    Limited,
    /// A deploy call that is answered with a 2xx that Render does not document.
    OddSuccess,
    /// A deploy call that is taken, and answered as if it were not.
    OddRefusal,
    /// A deploy call that is lost in some other way.
    BadCall,
    GitHubDown,
    GraphQlDown,
    TagsDown,
    RecordsDown,
    RenderDown,
    ListedLate,
    AcceptedOnly,
    InheritedLabels,
    NoRecords,
    OneHook,
    Fifo,
    OldRefs,
    ExtraPaths,
    WorkflowRun,
}

use Ingredient as I;

fn of_change(change: Change) -> Option<Ingredient> {
    match change {
        Change::Files { .. } | Change::Shared { .. } | Change::Readme => None,
        Change::Extra { .. } => Some(I::ExtraPaths),
        Change::RenameService(_) => Some(I::RenamedService),
        Change::RenameEnvironment(_) => Some(I::RenamedEnvironment),
        Change::MoveImage(_) => Some(I::MovedImage),
        Change::Build(_) => Some(I::Build),
        Change::Paths(_) => Some(I::Paths),
        Change::RemoveService(_) => Some(I::RemovedService),
        Change::RemoveManifest => Some(I::RemovedManifest),
        Change::BreakManifest => Some(I::BrokenManifest),
    }
}

fn of_fault(which: Which, what: What) -> Ingredient {
    match (which, what) {
        (Which::Deploys, What::Limited) => I::Limited,
        (Which::Deploys, What::TakenBut(200..=299) | What::Says(200..=299)) => I::OddSuccess,
        (Which::Deploys, What::TakenBut(_)) => I::OddRefusal,
        (Which::Deploys, _) => I::BadCall,
        (Which::Records, _) => I::RecordsDown,
        (Which::GitHub, _) => I::GitHubDown,
        (Which::GraphQl, _) => I::GraphQlDown,
        (Which::Tags, _) => I::TagsDown,
        (Which::Render, _) => I::RenderDown,
    }
}

fn of_ask(ask: &Ask) -> Option<Ingredient> {
    match ask {
        Ask::Newest | Ask::Late(_) | Ask::Dispatch(_) => None,
        Ask::Again(_) => Some(I::Again),
        Ask::CiAgain(_) => Some(I::CiAgain),
        Ask::DispatchRelease(_) => Some(I::Release),
        Ask::Rollback(_) => Some(I::Rollback),
        Ask::Release(_) => Some(I::ReleaseCommand),
        Ask::Cleanup => Some(I::CleanUp),
    }
}

/// What is special about an event, commits apart.
fn of_event(event: &Event) -> Option<Ingredient> {
    match event {
        Event::Run { ask, .. } => of_ask(ask),
        Event::Fault { which, what, .. } => Some(of_fault(*which, *what)),
        Event::Hand(_, Hand::Deploys(_)) => Some(I::DeployByHand),
        Event::Hand(_, Hand::DeploysForeign(_)) => Some(I::ForeignBytes),
        Event::Hand(_, Hand::RollsBack(_)) => Some(I::RollbackByHand),
        Event::Edit(Edit::Delete(_) | Edit::Move(_) | Edit::Late(_)) => Some(I::HiddenRecord),
        Event::Edit(Edit::Crowd { .. }) => Some(I::Crowd),
        Event::Edit(Edit::Large { .. }) => Some(I::Large),
        Event::Edit(Edit::Forged { .. }) => Some(I::ForgedRecord),
        Event::DeleteBranch { .. } => Some(I::DeletedBranch),
        Event::Force { .. } | Event::ForceAside { .. } => Some(I::ForcedBranch),
        Event::Tag { .. } | Event::Hotfix { .. } => Some(I::Release),
        Event::DeleteTag(_) => Some(I::DeletedTag),
        Event::MoveTag { .. } => Some(I::MovedTag),
        _ => None,
    }
}

/// What is special about a history.
pub(crate) fn ingredients(history: &History) -> BTreeSet<Ingredient> {
    let mut found: BTreeSet<Ingredient> = history.events.iter().filter_map(of_event).collect();
    for event in &history.events {
        match event {
            Event::Push { commits, .. } => found.extend(
                commits
                    .iter()
                    .flatten()
                    .filter_map(|change| of_change(*change)),
            ),
            Event::ForceAside { change, .. } | Event::Hotfix { change, .. } => {
                found.extend(of_change(*change))
            }
            _ => {}
        }
    }
    let setting = &history.setting;
    let of_setting = [
        (setting.lists_late && setting.has_key(), I::ListedLate),
        (setting.wait_accepted && setting.has_key(), I::AcceptedOnly),
        (setting.builds == Builds::Inherited, I::InheritedLabels),
        (!setting.record, I::NoRecords),
        (setting.layout == Layout::TwoBranchesOneHook, I::OneHook),
        (setting.has_fifo, I::Fifo),
        (setting.old_refs, I::OldRefs),
        (setting.by_workflow_run, I::WorkflowRun),
        (setting.begins_without_manifest, I::RemovedManifest),
    ];
    found.extend(
        of_setting
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, ingredient)| ingredient),
    );
    found
}

/// The history without every special thing but these.
fn only(history: &History, allowed: &[Ingredient]) -> History {
    let may = |ingredient: Option<Ingredient>| {
        ingredient.is_none_or(|ingredient| allowed.contains(&ingredient))
    };
    let mut history = history.clone();
    history.events.retain(|event| may(of_event(event)));
    for event in &mut history.events {
        match event {
            Event::Push { commits, .. } => commits
                .iter_mut()
                .for_each(|changes| changes.retain(|change| may(of_change(*change)))),
            Event::ForceAside { change, .. } | Event::Hotfix { change, .. }
                if !may(of_change(*change)) =>
            {
                *change = Change::Readme
            }
            _ => {}
        }
    }
    let has = |ingredient: Ingredient| allowed.contains(&ingredient);
    let setting = &mut history.setting;
    setting.lists_late &= has(I::ListedLate);
    setting.wait_accepted &= has(I::AcceptedOnly);
    setting.record |= !has(I::NoRecords);
    setting.has_fifo &= has(I::Fifo);
    setting.old_refs &= has(I::OldRefs);
    setting.by_workflow_run &= has(I::WorkflowRun);
    setting.begins_without_manifest &= has(I::RemovedManifest);
    setting.has_extra_paths &= has(I::ExtraPaths);
    if setting.builds == Builds::Inherited && !has(I::InheritedLabels) {
        setting.builds = Builds::Labelled;
    }
    if setting.layout == Layout::TwoBranchesOneHook && !has(I::OneHook) {
        setting.layout = Layout::TwoBranches;
    }
    history
}

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

const LOST: &[Promise] = &[Promise::NothingIsLost];
const BACK: &[Promise] = &[Promise::NothingStepsBack];
const EITHER: &[Promise] = &[Promise::NothingIsLost, Promise::NothingStepsBack];

const fn kind(
    name: &'static str,
    promises: &'static [Promise],
    needs: &'static [&'static [Ingredient]],
    may: &'static [Ingredient],
) -> Kind {
    Kind {
        name,
        promises,
        needs,
        may,
    }
}

/// The kinds of issue 17, by their numbers there.
pub(crate) const KINDS: &[Kind] = &[
    kind(
        "1 a revert that wrote nothing, and the reverted commit again",
        BACK,
        &[],
        &[I::Again, I::BadCall, I::Release],
    ),
    kind(
        "2 a service is renamed",
        EITHER,
        &[&[I::RenamedService]],
        &[I::Again],
    ),
    kind(
        "2 an environment is renamed",
        EITHER,
        &[&[I::RenamedEnvironment]],
        &[I::Again],
    ),
    kind(
        "2 an image is moved",
        EITHER,
        &[&[I::MovedImage]],
        &[I::Again],
    ),
    kind(
        "2 a manifest comes or goes",
        EITHER,
        &[&[I::RemovedManifest]],
        &[I::Again],
    ),
    kind(
        "2 two environments share a hook",
        EITHER,
        &[&[I::OneHook]],
        &[I::Again],
    ),
    kind(
        "3 a deploy that Render does not list",
        LOST,
        &[&[I::ListedLate]],
        &[],
    ),
    kind(
        "3 a deploy that nobody followed",
        LOST,
        &[&[I::AcceptedOnly]],
        &[I::ListedLate],
    ),
    kind("4 a repeated call", BACK, &[&[I::Limited]], &[]),
    kind(
        "5 a crowd of foreign records",
        &[
            Promise::NothingIsLost,
            Promise::NothingStepsBack,
            Promise::NothingTwice,
        ],
        &[&[I::Crowd]],
        &[I::Again],
    ),
    kind(
        "5 a record that is hidden",
        EITHER,
        &[&[I::HiddenRecord]],
        &[I::Again],
    ),
    kind(
        "5 large foreign records",
        &[Promise::NothingTwice, Promise::NothingStepsBack],
        &[&[I::Large]],
        &[I::Again],
    ),
    kind(
        "6 a release command on a commit that was forced away",
        &[Promise::ReleasesAreOnBranches],
        &[&[I::ReleaseCommand], &[I::ForcedBranch]],
        &[I::OldRefs],
    ),
    kind(
        "6 a release on a commit that was forced away",
        &[Promise::ReleasesAreOnBranches],
        &[&[I::Release], &[I::ForcedBranch]],
        &[I::OldRefs, I::Again],
    ),
    kind("7 a branch that is gone", BACK, &[&[I::DeletedBranch]], &[]),
    kind(
        "7 CI again, and GitHub cannot be asked",
        &[Promise::UnknownNeverGoesBack, Promise::NothingStepsBack],
        &[&[I::CiAgain], &[I::GitHubDown, I::GraphQlDown]],
        &[I::WorkflowRun],
    ),
    kind(
        "7 no records, and no tags",
        &[Promise::UnknownNeverGoesBack, Promise::NothingStepsBack],
        &[&[I::NoRecords], &[I::TagsDown, I::GitHubDown]],
        &[I::Release, I::Again],
    ),
    kind(
        "8 an odd success",
        &[Promise::NothingIsClaimed, Promise::NothingIsLost],
        &[&[I::OddSuccess]],
        &[],
    ),
    kind(
        "8 an odd refusal",
        &[Promise::NothingIsClaimed, Promise::NothingIsLost],
        &[&[I::OddRefusal]],
        &[],
    ),
    kind(
        "9 clean-up",
        &[Promise::CleanUpDeletesItsOwn],
        &[&[I::CleanUp]],
        &[],
    ),
    kind(
        "10 an account with the app's name",
        LOST,
        &[&[I::ForgedRecord]],
        &[I::Again],
    ),
    kind(
        "11 a label of foreign bytes",
        LOST,
        &[&[I::ForeignBytes]],
        &[],
    ),
    kind(
        "11 a label of a base image",
        EITHER,
        &[&[I::InheritedLabels]],
        &[I::NoRecords],
    ),
    kind("12 a build", LOST, &[&[I::Build]], &[]),
    kind(
        "14 a rollback in the dashboard beside ours",
        &[Promise::RollbacksHold],
        &[&[I::RollbackByHand]],
        &[I::Rollback, I::Again],
    ),
    kind(
        "13 a FIFO among the refs",
        &[Promise::Sane],
        &[&[I::Fifo]],
        &[I::Release],
    ),
];
