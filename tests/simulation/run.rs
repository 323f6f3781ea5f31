//! A run, step by step: the protocol around the rules. Between any two steps the world goes on, and at each the run may be killed.
//!
//! What decides is the program's own (`ghcr_to_render::decide`). What is written here is the order in which it is asked and what is done
//! with its answers:
//!
//! 1. Read the memory: the branch's tip and the records, of every service, at once.
//! 2. With a key, read Render, a service at a time, and end those open records whose end is certain there.
//! 3. Need, then order. A service that has it, is held, or is superseded is left alone.
//! 4. Find the images of the services that are left: first in the job that plans, whose matrix is built; then, with what is known by then, in the
//!    one that deploys. One that is missing stops the run before any hook. What is required is judged then.
//! 5. On a release put its tag on what every service will serve (`promotion`).
//! 6. For each of them: write the intent; read the memory again and ask order again; with a key look whether the bytes serve or come
//!    anyway; call the hook; follow (with a key) or take the acceptance for the end (without); end the record
//!    (`attempt`).
//!
//! A rollback goes its own way up to there (`rollback`).

use crate::attempt::{put, restore};
use crate::check::Decision;
use crate::event::At;
use crate::git::{SERVICES, number, same, sha};
use crate::images::{self, Matrix};
use crate::promotion;
use crate::rollback::roll_back;
use crate::world::{Killed, Memory, World};
use ghcr_to_render::decide::{
    Begun, Cause, Equality, Need, OnRender, Order, Standing, begun, counting, ending, need,
    order_in_branch, order_of_release,
};
use ghcr_to_render::domain::DeployStatus::Live;
use ghcr_to_render::domain::{
    Deploy, Digest, ImageTag, Kind, Reading, Record, RecordState, ReleaseNumber, ReleaseTemplate,
};
use std::fmt;
use std::rc::Rc;

/// How often a run looks at a deploy before its time is over.
pub(crate) const LOOKS: usize = 8;

/// The rules that a run goes by: the real ones, or simpler ones that look right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    Real,
    /// What changed is what the event says: from its `before` to its commit.
    BaseFromEvent,
    /// A deploy is recorded when it has succeeded.
    RecordAfterSuccess,
    /// A commit that is no ancestor of what was deployed is not older, so it is deployed.
    NotAncestorMeansDeploy,
    /// Records are read up to the newest success, of whatever kind.
    AnySuccessEndsPaging,
    /// A second rollback holds what it left itself, and forgets what the first one held.
    RollbackForgetsHold,
    /// A rollback of a release holds each service up to the release that this service had.
    EachHoldsItsOwn,
    /// A rollback goes back to what was deployed before, by each service's own record.
    EachGoesByItsOwn,
    /// A release's tag is put when its deploys are done.
    PromoteAfterHooks,
    /// A release's tag is put where it belongs, wherever it is.
    MoveReleaseTag,
    /// Another commit's image will do if it is equal for one of the services that run it.
    EqualForOneService,
    /// What has to be built is what the event says has changed.
    MatrixFromEvent,
}

impl Rules {
    /// Whether the search for older records may end at this one.
    pub(crate) fn ends_paging(self, record: &Record) -> bool {
        let is_enough = self == Self::AnySuccessEndsPaging || record.intent.kind == Kind::Deploy;
        record.is_own && record.state == RecordState::Success && is_enough
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Push,
    Dispatch,
    Release(u32),
    Rollback(Goal),
}

/// What somebody goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// What was live before.
    Before,
    Release(u32),
    Commit(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) environment: usize,
    pub(crate) commit: usize,
    pub(crate) what: What,
    pub(crate) attempt: u32,
    /// Where the branch was, by the event.
    pub(crate) before: Option<usize>,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = ["staging", "production"][self.environment];
        write!(
            f,
            "the run {:?} of c{} in {place}, attempt {}",
            self.what, self.commit, self.attempt
        )
    }
}

impl Run {
    pub(crate) fn release(&self) -> Option<u32> {
        if let What::Release(number) = self.what {
            Some(number)
        } else {
            None
        }
    }
}

/// What a run tells of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Has,
    Held,
    Live,
    Accepted,
    Superseded,
    Failed,
    /// A rollback has nothing for it, or has been here.
    Stays,
    /// Nobody knows; its record stays open.
    Unknown,
}

/// Why a run ended early.
pub(crate) enum Stop {
    Killed,
    /// It failed or refused, with this word.
    Failed(&'static str),
}

impl From<Killed> for Stop {
    fn from(Killed: Killed) -> Self {
        Self::Killed
    }
}

/// What a run does to a service.
pub(crate) struct Wanted {
    pub(crate) at: At,
    pub(crate) build: usize,
    pub(crate) commit: usize,
    pub(crate) kind: Kind,
    pub(crate) from: Option<usize>,
    pub(crate) to: Option<u64>,
    pub(crate) release: Option<u32>,
    /// The commit that the bytes were built from, where the run found that out.
    pub(crate) built_from: Option<usize>,
    /// Whether order was known when it was decided on, and the record could be read.
    pub(crate) order: Known,
}

/// Whether order could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Known,
    /// It went on with a warning.
    Unknown,
}

pub(crate) fn perform(world: &mut World, run: &Run) -> Result<[Told; 3], Stop> {
    world.begin_run(run.environment);
    let told = match run.what {
        What::Rollback(goal) => roll_back(world, run, goal),
        What::Push | What::Dispatch | What::Release(_) => deploy(world, run),
    };
    world.note_state(run, &told);
    told
}

/// The job that plans and the one that builds, before the one that deploys begins. Nothing is written there.
fn plan(world: &mut World, run: &Run) -> Result<Matrix, Stop> {
    let memory = world.memory(run.environment);
    let mut services = Vec::new();
    for service in 0..SERVICES.len() {
        let at = At {
            environment: run.environment,
            service,
        };
        let deploys = world.has_key.then(|| world.deploys(at));
        let standing = standing(world, run, at, &memory, &deploys);
        let is_needed = matches!(
            needed(world, run, service, &standing),
            Need::Differs(..) | Need::Unknown(_)
        );
        if is_needed && !matches!(asked_order(world, run, at, &memory), Order::Superseded(_)) {
            services.push(service);
        }
    }
    images::build(world, run, &memory, &services)
}

fn deploy(world: &mut World, run: &Run) -> Result<[Told; 3], Stop> {
    let has_key = world.has_key;
    let matrix = plan(world, run)?;
    world.step()?;
    let mut memory = world.memory(run.environment);
    let mut told = [Told::Has; 3];
    let (mut wanted, mut seen) = (Vec::new(), Vec::new());
    for (service, told) in told.iter_mut().enumerate() {
        let at = At {
            environment: run.environment,
            service,
        };
        let deploys = look(world, at, has_key)?;
        close(world, at, &mut memory, &deploys)?;
        let standing = standing(world, run, at, &memory, &deploys);
        let need = needed(world, run, service, &standing);
        let left = match need {
            Need::Has { .. } => Some(Told::Has),
            Need::Held(_) => Some(Told::Held),
            Need::Differs(..) | Need::Unknown(_) => match order(world, run, at, &memory)? {
                Some(known) => {
                    wanted.push((at, known));
                    None
                }
                None => Some(Told::Superseded),
            },
        };
        let decision = left.map_or(Decision::Deploys, |_| Decision::Leaves);
        world.check_hold(at, run, &memory, &deploys, decision);
        if left == Some(Told::Held) {
            world.count("services held");
        }
        *told = left.unwrap_or(Told::Unknown);
        seen.push(on_render(&deploys));
    }
    let wanted = images::images(world, run, &memory, &matrix, wanted)?;
    let tags = promotion::placements(world, run, &memory, &seen, &told, &wanted);
    if world.rules != Rules::PromoteAfterHooks {
        promotion::put(world, run, &tags)?;
    }
    let mut went_live: Vec<(Wanted, usize)> = Vec::new();
    for wanted in wanted {
        let service = wanted.at.service;
        let (outcome, before) = put(world, run, &wanted, has_key)?;
        told[service] = outcome;
        if let (Told::Live, Some(before)) = (outcome, before) {
            went_live.push((wanted, before));
        }
    }
    if has_key && world.setting.restores && told.contains(&Told::Failed) {
        restore(world, run, went_live)?;
    }
    if world.rules == Rules::PromoteAfterHooks {
        promotion::put(world, run, &tags)?;
    }
    Ok(told)
}

/// Asks Render, with a key.
pub(crate) fn look(
    world: &mut World,
    at: At,
    has_key: bool,
) -> Result<Option<Result<Vec<Deploy>, String>>, Killed> {
    if !has_key {
        return Ok(None);
    }
    world.step()?;
    Ok(Some(world.deploys(at)))
}

/// Ends the open records whose end can be seen.
fn close(
    world: &mut World,
    at: At,
    memory: &mut Result<Memory, String>,
    deploys: &Option<Result<Vec<Deploy>, String>>,
) -> Result<(), Killed> {
    let (Ok(memory), Some(Ok(deploys))) = (memory, deploys) else {
        return Ok(());
    };
    let id = world.place(at).id.clone();
    for index in 0..memory.records[at.service].len() {
        let record = &memory.records[at.service][index];
        if record.state != RecordState::Open
            || !record.is_own
            || record.intent.id.as_ref() != Some(&id)
        {
            continue;
        }
        let Some(state) = ending(&digests(record), deploys) else {
            continue;
        };
        let number = record.number;
        world.step()?;
        world.end_number(at, number, state, state == RecordState::Success);
        world.count("open records ended by a later run");
        let record = Rc::make_mut(&mut memory.records[at.service][index]);
        (record.state, record.was_live) = (state, state == RecordState::Success);
    }
    Ok(())
}

pub(crate) fn digests(record: &Record) -> [Digest; 2] {
    [
        record.intent.image.digest.clone(),
        record.intent.platform.clone(),
    ]
}

/// The live deploy and those in flight.
pub(crate) fn present(deploys: &[Deploy]) -> Vec<Deploy> {
    let is_present = |deploy: &&Deploy| deploy.status == Live || deploy.status.is_in_flight();
    deploys.iter().filter(is_present).cloned().collect()
}

pub(crate) fn on_render(deploys: &Option<Result<Vec<Deploy>, String>>) -> OnRender {
    match deploys {
        None => OnRender::NoKey,
        Some(Ok(deploys)) => OnRender::Known(present(deploys)),
        Some(Err(why)) => OnRender::Unknown(why.clone()),
    }
}

/// The records of a service that count.
pub(crate) fn records<'a>(world: &World, at: At, memory: &'a Memory) -> Vec<&'a Record> {
    let id = &world.place(at).id;
    memory.records[at.service]
        .iter()
        .filter(|record| {
            counting(
                std::slice::from_ref(&***record),
                Some(id),
                world.repository(at.service),
            )
            .next()
            .is_some()
        })
        .map(|record| &**record)
        .collect()
}

fn standing(
    world: &World,
    run: &Run,
    at: At,
    memory: &Result<Memory, String>,
    deploys: &Option<Result<Vec<Deploy>, String>>,
) -> Standing {
    let records = memory.as_ref().map(|memory| records(world, at, memory));
    let known = records.as_deref().map_err(|why| why.as_str());
    let standing = Standing::new(known, &on_render(deploys), |digests| world.label(digests));
    match (run.release(), memory) {
        (Some(release), Ok(memory)) => standing.for_release(
            ReleaseNumber::Number(release),
            &all_begun(world, at.environment, memory),
        ),
        (None, _) | (_, Err(_)) => standing,
    }
}

pub(crate) fn number_of(tag: &ImageTag) -> Option<ReleaseNumber> {
    let template = ReleaseTemplate::parse("prod-{number}").expect("a template");
    match template.read(tag.as_str()) {
        Reading::Release(release) => Some(release.number()),
        Reading::Malformed | Reading::Foreign => None,
    }
}

/// Compares a commit with others on a service's paths.
pub(crate) fn equal_to(
    world: &World,
    commit: usize,
    paths: &'static [usize],
) -> impl Fn(&ghcr_to_render::domain::CommitSha) -> Equality {
    move |other| {
        if same(world.git.tree(commit), world.git.tree(number(other)), paths) {
            return Equality::Equal;
        }
        Equality::Differs(Cause {
            pattern: String::new(),
            path: Vec::new(),
            matched: 1,
        })
    }
}

fn needed(world: &World, run: &Run, service: usize, standing: &Standing) -> Need {
    let equal = equal_to(world, run.commit, SERVICES[service].1);
    match (world.rules, run.before) {
        (Rules::BaseFromEvent, Some(before)) => match equal(&sha(before)) {
            Equality::Equal => Need::Has {
                base: sha(before),
                is_confirmed: true,
            },
            Equality::Differs(cause) => Need::Differs(sha(before), cause),
            Equality::Unknown(why) => Need::Unknown(why),
        },
        _ => need(standing, equal),
    }
}

/// Whether the run goes on with a service; `None` where something newer is there.
pub(crate) fn order(
    world: &mut World,
    run: &Run,
    at: At,
    memory: &Result<Memory, String>,
) -> Result<Option<Known>, Stop> {
    let is_first = run.attempt == 1 && run.what != What::Dispatch;
    match asked_order(world, run, at, memory) {
        Order::Current => Ok(Some(Known::Known)),
        Order::Superseded(why) => {
            world.say(|| format!("    {} is superseded: {why}", SERVICES[at.service].0));
            world.count("services superseded");
            Ok(None)
        }
        Order::Moved(_) => Err(Stop::Failed("release-moved")),
        Order::GoingBack(_) => Err(Stop::Failed("going-back")),
        Order::Unknown(_) if is_first => {
            world.count("order unknown, gone on");
            Ok(Some(Known::Unknown))
        }
        Order::Unknown(_) => Err(Stop::Failed("order-unknown")),
    }
}

fn asked_order(world: &World, run: &Run, at: At, memory: &Result<Memory, String>) -> Order {
    let memory = match memory {
        Ok(memory) => memory,
        Err(why) => return Order::Unknown(why.clone()),
    };
    let reaches = |one: &ghcr_to_render::domain::CommitSha,
                   other: &ghcr_to_render::domain::CommitSha| {
        Ok::<bool, String>(world.git.reaches(number(one), number(other)))
    };
    let head = sha(run.commit);
    if let Some(release) = run.release() {
        return order_of_release(
            ReleaseNumber::Number(release),
            &head,
            &all_begun(world, at.environment, memory),
            reaches,
        );
    }
    let records = records(world, at, memory);
    if world.rules == Rules::NotAncestorMeansDeploy {
        let may_serve =
            |record: &&&Record| matches!(record.state, RecordState::Success | RecordState::Open);
        let is_older = |record: &&Record| {
            record.intent.commit != head && reaches(&head, &record.intent.commit) == Ok(true)
        };
        return match records.iter().filter(may_serve).any(is_older) {
            true if memory.tip != head => Order::Superseded("it is an ancestor".into()),
            _ => Order::Current,
        };
    }
    order_in_branch(&head, Ok(&memory.tip), &records, reaches)
}

/// The releases that were deployed or begun in an environment.
pub(crate) fn all_begun(world: &World, environment: usize, memory: &Memory) -> Vec<Begun> {
    let of = |service| {
        begun(
            &records(
                world,
                At {
                    environment,
                    service,
                },
                memory,
            ),
            number_of,
        )
    };
    (0..SERVICES.len()).flat_map(of).collect()
}
