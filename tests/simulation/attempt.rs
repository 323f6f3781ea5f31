//! One service's way, as `rollout/attempt` goes it: intent, order, look, hook, follow, end of the record.

use crate::event::At;
use crate::git::sha;
use crate::render::{Answer, By};
use crate::run::{LOOKS, Rules, Run, Stop, Told, Wanted, look, order, present};
use crate::world::{HookError, Killed, Phase, World, deploy_id};
use ghcr_to_render::decide::{Presence, presence};
use ghcr_to_render::domain::DeployStatus::{self, Deactivated, Live};
use ghcr_to_render::domain::{Deploy, DeployId, Digest, Kind, RecordState};

/// Puts bytes on a service, and tells how that ended and which bytes served before.
pub(crate) fn put(
    world: &mut World,
    run: &Run,
    wanted: &Wanted,
    has_key: bool,
) -> Result<(Told, Option<usize>), Stop> {
    let at = wanted.at;
    let mut intent = world.intent(at, wanted.commit, wanted.build, wanted.kind, wanted.release);
    intent.from = wanted.from.map(sha);
    intent.to = wanted.to;
    intent.image_commit = wanted.built_from.map(sha).or(intent.image_commit);
    let digests = [intent.image.digest.clone(), intent.platform.clone()];
    if wanted.kind == Kind::Deploy {
        world.check_released(at, wanted.release, wanted.build);
    }
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
                end(
                    world,
                    at,
                    record,
                    RecordState::Error,
                    DeployStatus::Canceled,
                );
                world.count("services superseded at the second reading");
                world.line_mut(at.environment).is_plain = false;
                return Ok((Told::Superseded, None));
            }
            Err(stop) => {
                end(
                    world,
                    at,
                    record,
                    RecordState::Error,
                    DeployStatus::Canceled,
                );
                return Err(stop);
            }
        };
    }
    let before = look(world, at, has_key)?.and_then(Result::ok);
    let served = before
        .as_ref()
        .and_then(|deploys| live_build(world, deploys));
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
            let by = By::Run {
                commit: wanted.commit,
                release: wanted.release,
                kind: wanted.kind,
                record,
                warned,
            };
            world.check_hook(at, wanted.commit, wanted.release, wanted.kind, known);
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
    live.digests
        .iter()
        .find_map(|digest| world.build_of(digest))
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
    let Some(before) = before else {
        return Ok(None);
    };
    let now = look(world, at, has_key)?
        .and_then(Result::ok)
        .unwrap_or_default();
    let is_new = |deploy: &&Deploy| {
        before.iter().all(|known| known.id != deploy.id) && deploy.is_of(digests)
    };
    Ok(now.iter().find(is_new).map(|deploy| deploy.id.clone()))
}

/// Follows a deploy until it ends, or its time is over.
fn follow(world: &mut World, at: At, id: &DeployId, digests: &[Digest]) -> Result<Outcome, Killed> {
    for _ in 0..LOOKS {
        world.step()?;
        let Ok(deploys) = world.deploys(at) else {
            continue;
        };
        let Some(deploy) = deploys.iter().find(|deploy| deploy.id == *id) else {
            continue;
        };
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
pub(crate) fn restore(
    world: &mut World,
    run: &Run,
    went_live: Vec<(Wanted, usize)>,
) -> Result<(), Stop> {
    for (deployed, build) in went_live {
        let Some(commit) = world.builds[build]
            .commit
            .filter(|_| world.setting.has_labels)
        else {
            continue;
        };
        if world.builds[build].is_gone {
            continue;
        }
        world.count("services put back");
        let (kind, from) = (Kind::Restore, Some(deployed.commit));
        let back = Wanted {
            build,
            commit,
            kind,
            from,
            to: None,
            release: None,
            built_from: None,
            ..deployed
        };
        put(world, run, &back, true)?;
    }
    Ok(())
}
