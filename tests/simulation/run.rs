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
//! 5. For each of them: write the intent; read the memory again and ask order again; with a key look whether the bytes serve or come
//!    anyway; call the hook; follow (with a key) or take the acceptance for the end (without); end the record.

use crate::check::Decision;
use crate::event::At;
use crate::git::{SERVICES, number, same, sha};
use crate::images::{self, Matrix};
use crate::render::{Answer, By};
use crate::world::{HookError, Killed, Memory, Phase, World, deploy_id};
use ghcr_to_render::decide::{
    Begun, Cause, Equality, Need, OnRender, Order, Presence, Standing, begun, counting, ending, need, order_in_branch,
    order_of_release, presence,
};
use ghcr_to_render::domain::DeployStatus::{self, Deactivated, Live};
use ghcr_to_render::domain::{
    Deploy, DeployId, Digest, ImageTag, Kind, Reading, Record, RecordState, ReleaseNumber, ReleaseTemplate,
};
use std::fmt;
use std::rc::Rc;

/// How often a run looks at a deploy before its time is over.
const LOOKS: usize = 8;

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
    Rollback,
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
        write!(f, "the run {:?} of c{} in {place}, attempt {}", self.what, self.commit, self.attempt)
    }
}

impl Run {
    pub(crate) fn release(&self) -> Option<u32> {
        if let What::Release(number) = self.what { Some(number) } else { None }
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
    world.begin_run();
    if run.what == What::Rollback { roll_back(world, run) } else { deploy(world, run) }
}

/// The job that plans and the one that builds, before the one that deploys begins. Nothing is written there.
fn plan(world: &mut World, run: &Run) -> Result<Matrix, Stop> {
    let memory = world.memory(run.environment);
    let mut services = Vec::new();
    for service in 0..SERVICES.len() {
        let at = At { environment: run.environment, service };
        let deploys = world.has_key.then(|| world.deploys(at));
        let standing = standing(world, run, at, &memory, &deploys);
        let is_needed = matches!(needed(world, run, service, &standing), Need::Differs(..) | Need::Unknown(_));
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
    let mut wanted = Vec::new();
    for (service, told) in told.iter_mut().enumerate() {
        let at = At { environment: run.environment, service };
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
    }
    let wanted = images::images(world, run, &memory, &matrix, wanted)?;
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
    Ok(told)
}

/// Asks Render, with a key.
fn look(world: &mut World, at: At, has_key: bool) -> Result<Option<Result<Vec<Deploy>, String>>, Killed> {
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
    let (Ok(memory), Some(Ok(deploys))) = (memory, deploys) else { return Ok(()) };
    let id = world.place(at).id.clone();
    for index in 0..memory.records[at.service].len() {
        let record = &memory.records[at.service][index];
        if record.state != RecordState::Open || !record.is_own || record.intent.id.as_ref() != Some(&id) {
            continue;
        }
        let Some(state) = ending(&digests(record), deploys) else { continue };
        let number = usize::try_from(record.number).expect("a number of the model");
        world.step()?;
        world.end(at, number, state, state == RecordState::Success);
        world.count("open records ended by a later run");
        let record = Rc::make_mut(&mut memory.records[at.service][index]);
        (record.state, record.was_live) = (state, state == RecordState::Success);
    }
    Ok(())
}

fn digests(record: &Record) -> [Digest; 2] {
    [record.intent.image.digest.clone(), record.intent.platform.clone()]
}

/// The live deploy and those in flight.
fn present(deploys: &[Deploy]) -> Vec<Deploy> {
    let is_present = |deploy: &&Deploy| deploy.status == Live || deploy.status.is_in_flight();
    deploys.iter().filter(is_present).cloned().collect()
}

fn on_render(deploys: &Option<Result<Vec<Deploy>, String>>) -> OnRender {
    match deploys {
        None => OnRender::NoKey,
        Some(Ok(deploys)) => OnRender::Known(present(deploys)),
        Some(Err(why)) => OnRender::Unknown(why.clone()),
    }
}

/// The records of a service that count.
fn records<'a>(world: &World, at: At, memory: &'a Memory) -> Vec<&'a Record> {
    let id = &world.place(at).id;
    memory.records[at.service]
        .iter()
        .filter(|record| {
            counting(std::slice::from_ref(&***record), Some(id), world.repository(at.service)).next().is_some()
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
        (Some(release), Ok(memory)) => {
            standing.for_release(ReleaseNumber::Number(release), &all_begun(world, at.environment, memory))
        }
        (None, _) | (_, Err(_)) => standing,
    }
}

fn number_of(tag: &ImageTag) -> Option<ReleaseNumber> {
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
        Equality::Differs(Cause { pattern: String::new(), path: Vec::new(), matched: 1 })
    }
}

fn needed(world: &World, run: &Run, service: usize, standing: &Standing) -> Need {
    let equal = equal_to(world, run.commit, SERVICES[service].1);
    match (world.rules, run.before) {
        (Rules::BaseFromEvent, Some(before)) => match equal(&sha(before)) {
            Equality::Equal => Need::Has { base: sha(before), is_confirmed: true },
            Equality::Differs(cause) => Need::Differs(sha(before), cause),
            Equality::Unknown(why) => Need::Unknown(why),
        },
        _ => need(standing, equal),
    }
}

/// Whether the run goes on with a service; `None` where something newer is there.
fn order(world: &mut World, run: &Run, at: At, memory: &Result<Memory, String>) -> Result<Option<Known>, Stop> {
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
    let reaches = |one: &ghcr_to_render::domain::CommitSha, other: &ghcr_to_render::domain::CommitSha| {
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
        let may_serve = |record: &&&Record| matches!(record.state, RecordState::Success | RecordState::Open);
        let is_older =
            |record: &&Record| record.intent.commit != head && reaches(&head, &record.intent.commit) == Ok(true);
        return match records.iter().filter(may_serve).any(is_older) {
            true if memory.tip != head => Order::Superseded("it is an ancestor".into()),
            _ => Order::Current,
        };
    }
    order_in_branch(&head, Ok(&memory.tip), &records, reaches)
}

/// The releases that were deployed or begun in an environment.
fn all_begun(world: &World, environment: usize, memory: &Memory) -> Vec<Begun> {
    let of = |service| begun(&records(world, At { environment, service }, memory), number_of);
    (0..SERVICES.len()).flat_map(of).collect()
}

/// Puts bytes on a service, and tells how that ended and which bytes served before.
fn put(world: &mut World, run: &Run, wanted: &Wanted, has_key: bool) -> Result<(Told, Option<usize>), Stop> {
    let at = wanted.at;
    let mut intent = world.intent(at, wanted.commit, wanted.build, wanted.kind, run.release());
    intent.from = wanted.from.map(sha);
    intent.image_commit = wanted.built_from.map(sha).or(intent.image_commit);
    let digests = [intent.image.digest.clone(), intent.platform.clone()];
    let (mut record, mut warned) = (None, false);
    if world.rules != Rules::RecordAfterSuccess {
        world.step()?;
        record = world.begin(at, intent.clone());
        warned = record.is_none();
    }
    world.phase = Phase::Intended;
    let mut known = wanted.order;
    if wanted.kind == Kind::Deploy {
        world.step()?;
        let memory = world.memory(at.environment);
        known = match order(world, run, at, &memory) {
            Ok(Some(known)) => known,
            Ok(None) => {
                world.step()?;
                end(world, at, record, RecordState::Error, DeployStatus::Canceled);
                world.count("services superseded at the second reading");
                return Ok((Told::Superseded, None));
            }
            Err(stop) => {
                end(world, at, record, RecordState::Error, DeployStatus::Canceled);
                return Err(stop);
            }
        };
    }
    let before = look(world, at, has_key)?.and_then(Result::ok);
    let served = before.as_ref().and_then(|deploys| live_build(world, deploys));
    let there = match &before {
        Some(deploys) => presence(&digests, &present(deploys)),
        None => Presence::Absent,
    };
    let outcome = match there {
        Presence::Serves => {
            world.count("services that had the bytes anyway");
            (Told::Live, RecordState::Success, Live)
        }
        Presence::Comes(id) => {
            world.count("deploys adopted");
            follow(world, at, &id, &digests)?
        }
        Presence::Absent => {
            world.step()?;
            let by = By::Run { commit: wanted.commit, release: run.release(), kind: wanted.kind, record, warned };
            world.check_hook(at, wanted.commit, run.release(), wanted.kind, known);
            world.phase = Phase::Hooked;
            hook(world, wanted, by, &digests, before.as_deref(), has_key)?
        }
    };
    let (told, state, status) = outcome;
    if told == Told::Live {
        world.check_live(at, wanted.build);
    }
    if state != RecordState::Open {
        world.step()?;
        if world.rules == Rules::RecordAfterSuccess && state == RecordState::Success {
            record = world.begin(at, intent);
            record.into_iter().for_each(|record| world.link(at, record));
        }
        end(world, at, record, state, status);
    }
    world.phase = Phase::Deciding;
    Ok((told, served))
}

fn end(world: &mut World, at: At, record: Option<usize>, state: RecordState, status: DeployStatus) {
    if let Some(record) = record {
        world.end(at, record, state, status == Live);
    }
}

fn live_build(world: &World, deploys: &[Deploy]) -> Option<usize> {
    let live = deploys.iter().find(|deploy| deploy.status == Live)?;
    live.digests.iter().find_map(|digest| world.build_of(digest))
}

/// What is told, what is recorded, and how far the deploy was.
type Outcome = (Told, RecordState, DeployStatus);
const UNKNOWN: Outcome = (Told::Unknown, RecordState::Open, DeployStatus::Other);

/// Calls the hook, and finds out what became of it.
fn hook(
    world: &mut World,
    wanted: &Wanted,
    by: By,
    digests: &[Digest],
    before: Option<&[Deploy]>,
    has_key: bool,
) -> Result<Outcome, Stop> {
    let at = wanted.at;
    let mut answer = world.hook(at, wanted.build, by);
    if answer == Err(HookError::NoAnswer) {
        // It may have been heard: look first, where there is a key, and send it once more, which brings the same bytes.
        if let Some(id) = new_deploy(world, at, digests, before, has_key)? {
            return Ok(follow(world, at, &id, digests)?);
        }
        world.step()?;
        answer = match world.hook(at, wanted.build, by) {
            // What the second call says is not the last word on the first.
            Err(_) => return Ok(UNKNOWN),
            ok => ok,
        };
    }
    match answer {
        Err(_) => Ok((Told::Failed, RecordState::Error, DeployStatus::Canceled)),
        Ok(_) if !has_key => Ok((Told::Accepted, RecordState::Success, DeployStatus::Other)),
        Ok(Answer::Started(id)) => Ok(follow(world, at, &deploy_id(id), digests)?),
        Ok(Answer::Queued) => match new_deploy(world, at, digests, before, has_key)? {
            Some(id) => Ok(follow(world, at, &id, digests)?),
            None => Ok(UNKNOWN),
        },
    }
}

/// The deploy of our bytes that was not there before the hook.
fn new_deploy(
    world: &mut World,
    at: At,
    digests: &[Digest],
    before: Option<&[Deploy]>,
    has_key: bool,
) -> Result<Option<DeployId>, Killed> {
    let Some(before) = before else { return Ok(None) };
    let now = look(world, at, has_key)?.and_then(Result::ok).unwrap_or_default();
    let is_new = |deploy: &&Deploy| before.iter().all(|known| known.id != deploy.id) && deploy.is_of(digests);
    Ok(now.iter().find(is_new).map(|deploy| deploy.id.clone()))
}

/// Follows a deploy until it ends, or its time is over.
fn follow(world: &mut World, at: At, id: &DeployId, digests: &[Digest]) -> Result<Outcome, Killed> {
    for _ in 0..LOOKS {
        world.step()?;
        let Ok(deploys) = world.deploys(at) else { continue };
        let Some(deploy) = deploys.iter().find(|deploy| deploy.id == *id) else { continue };
        if deploy.status.is_in_flight() {
            continue;
        }
        if deploy.status == Live && deploy.is_of(digests) {
            return Ok((Told::Live, RecordState::Success, Live));
        }
        if deploy.status == Live {
            return Ok((Told::Failed, RecordState::Open, Live));
        }
        if deploy.status == Deactivated {
            // It was live, and something else has taken its place.
            return Ok((Told::Superseded, RecordState::Success, Live));
        }
        return Ok((Told::Failed, RecordState::Failure, deploy.status));
    }
    world.count("deploys not followed to their end");
    Ok(UNKNOWN)
}

/// Puts back what went live in a run in which a sibling failed.
fn restore(world: &mut World, run: &Run, went_live: Vec<(Wanted, usize)>) -> Result<(), Stop> {
    for (deployed, build) in went_live {
        let Some(commit) = world.builds[build].commit.filter(|_| world.setting.has_labels) else { continue };
        if world.builds[build].is_gone {
            continue;
        }
        world.count("services put back");
        let back = Wanted { build, commit, kind: Kind::Restore, built_from: None, ..deployed };
        put(world, run, &back, true)?;
    }
    Ok(())
}

/// Rolls every service back to what it ran before.
fn roll_back(world: &mut World, run: &Run) -> Result<[Told; 3], Stop> {
    let has_key = world.has_key;
    world.step()?;
    let mut memory = world.memory(run.environment);
    let mut told = [Told::Has; 3];
    for (service, told) in told.iter_mut().enumerate() {
        let at = At { environment: run.environment, service };
        let deploys = look(world, at, has_key)?;
        close(world, at, &mut memory, &deploys)?;
        let Ok(memory) = &memory else { return Err(Stop::Failed("permission-missing")) };
        // What others wrote does not say what is left.
        let records: Vec<_> = records(world, at, memory).into_iter().filter(|record| record.is_own).collect();
        let on_render = on_render(&deploys);
        let standing = Standing::new(Ok(&records), &on_render, |digests| world.label(digests));
        // What is left is what comes, where something does: the rollback goes back from that, to what was there before.
        let Some(serving) = standing.commits.get(1).or(standing.commits.first()).copied() else { continue };
        let whole = world.whole_record(at);
        let id = world.place(at).id.clone();
        let mut attempts = whole.iter().filter(|record| {
            let may_serve = matches!(record.state, RecordState::Success | RecordState::Open);
            may_serve && record.is_own && record.intent.id.as_ref() == Some(&id) && record.intent.kind == Kind::Deploy
        });
        let Some(left) = attempts.find(|record| record.intent.commit == serving) else { continue };
        let is_other = |record: &&Rc<Record>| {
            record.state == RecordState::Success && record.intent.image.digest != left.intent.image.digest
        };
        let Some(target) = attempts.find(is_other) else { continue };
        // A second rollback goes on holding what the first one left.
        let held = standing.hold.filter(|_| world.rules != Rules::RollbackForgetsHold).map(|hold| hold.from);
        let from = number(&held.unwrap_or(serving));
        let build = world.build_of(&target.intent.image.digest).filter(|build| !world.builds[*build].is_gone);
        let Some(build) = build else { continue };
        let release = target.intent.release.as_ref().and_then(number_of).and_then(|number| match number {
            ReleaseNumber::Number(number) => Some(number),
            ReleaseNumber::Version(..) => None,
        });
        let commit = number(&target.intent.commit);
        let wanted =
            Wanted { at, build, commit, kind: Kind::Rollback, from: Some(from), built_from: None, order: Known::Known };
        let what = release.map_or(What::Rollback, What::Release);
        world.count("rollbacks");
        *told = put(world, &Run { what, ..run.clone() }, &wanted, has_key)?.0;
    }
    Ok(told)
}
