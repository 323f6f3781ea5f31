//! What is special about a history, and a history without it.

use crate::event::{Ask, Change, Edit, Event, Hand, History};
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
    /// A run that repeats another one, or comes late.
    Again,
    Overlap,
    CiAgain,
    Force,
    ReleaseCommand,
    CleanUp,
    /// A run with something left out.
    Part,
    Rollback,
    RollbackByHand,
    DeployByHand,
    ForeignBytes,
    HiddenRecord,
    Key,
    NewService,
    Crowd,
    Large,
    ForgedRecord,
    DeletedBranch,
    RenamedBranch,
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
    ServicesDown,
    ListedLate,
    AcceptedOnly,
    InheritedLabels,
    NoRecords,
    OneHook,
    Fifo,
    OldRefs,
    ExtraPaths,
    WorkflowRun,
    Probes,
    FloatingTag,
    Required,
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
        Change::FollowBranch => Some(I::RenamedBranch),
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
        (Which::Services, _) => I::ServicesDown,
    }
}

fn of_ask(ask: &Ask) -> Option<Ingredient> {
    match ask {
        Ask::Newest | Ask::Dispatch(_) => None,
        Ask::Late(_) | Ask::Again(_) => Some(I::Again),
        Ask::CiAgain(_) => Some(I::CiAgain),
        Ask::Force { .. } => Some(I::Force),
        Ask::DispatchRelease(_) => Some(I::Release),
        Ask::Rollback(_) => Some(I::Rollback),
        Ask::Release(_) => Some(I::ReleaseCommand),
        Ask::Cleanup => Some(I::CleanUp),
        Ask::Part { .. } => Some(I::Part),
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
        Event::Key => Some(I::Key),
        Event::Recreate(_) => Some(I::NewService),
        Event::RenameBranch => Some(I::RenamedBranch),
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
        (setting.overlaps, I::Overlap),
        (setting.by_workflow_run, I::WorkflowRun),
        (setting.begins_without_manifest, I::RemovedManifest),
        (setting.has_probes, I::Probes),
        (setting.floats(), I::FloatingTag),
        (setting.requires(), I::Required),
    ];
    found.extend(
        of_setting
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, ingredient)| ingredient),
    );
    found
}

/// Lets every run go on to its end that is not cut off right after it paused.
fn run_to_the_end(events: &mut [Event]) {
    for at in 0..events.len() {
        let is_cut = matches!(
            events.get(at + 1),
            Some(Event::Kill { .. } | Event::Cancel { .. })
        );
        if let Event::Run { steps, .. } = &mut events[at]
            && !is_cut
        {
            *steps = None;
        }
    }
}

/// The history without every special thing but these.
pub(crate) fn only(history: &History, allowed: &[Ingredient]) -> History {
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
    if !has(I::Overlap) {
        run_to_the_end(&mut history.events);
    }
    let setting = &mut history.setting;
    setting.lists_late &= has(I::ListedLate);
    setting.wait_accepted &= has(I::AcceptedOnly);
    setting.record |= !has(I::NoRecords);
    setting.has_fifo &= has(I::Fifo);
    setting.old_refs &= has(I::OldRefs);
    setting.overlaps &= has(I::Overlap);
    setting.by_workflow_run &= has(I::WorkflowRun);
    setting.begins_without_manifest &= has(I::RemovedManifest);
    setting.has_extra_paths &= has(I::ExtraPaths);
    setting.has_probes &= has(I::Probes);
    setting.has_floating_tag &= has(I::FloatingTag);
    setting.has_required &= has(I::Required);
    if setting.builds == Builds::Inherited && !has(I::InheritedLabels) {
        setting.builds = Builds::Labelled;
    }
    if setting.layout == Layout::TwoBranchesOneHook && !has(I::OneHook) {
        setting.layout = Layout::TwoBranches;
    }
    history
}
