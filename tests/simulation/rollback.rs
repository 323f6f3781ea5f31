//! A rollback, as `commands/rollback` makes it. Where it leads and what it leaves is the program's own (`decide::way_back`, `decide::left`).

use crate::attempt::put;
use crate::event::At;
use crate::git::{SERVICES, number, sha};
use crate::promotion::is_fit;
use crate::run::{
    Goal, Known, Rules, Run, Stop, Told, Wanted, all_begun, digests, look, number_of, on_render,
    records,
};
use crate::world::{Memory, World};
use ghcr_to_render::decide::{
    Back, NoWay, OnRender, Past, Pasts, Standing, Step, Target, Turn, ending, is_cut_off, left,
    left_release, serves, way_back,
};
use ghcr_to_render::domain::{CommitSha, ImageTag, Kind, Record, RecordState, ReleaseNumber};
use std::rc::Rc;

/// Where a rollback leads.
struct Aim {
    ways: [Way; 3],
    /// The commit that stands for it.
    commit: usize,
    /// The newest record of that step.
    to: Option<u64>,
}

/// What becomes of a service.
enum Way {
    /// It is to have these bytes again, of this commit and release.
    Back {
        build: Option<usize>,
        commit: usize,
        release: Option<u32>,
        built_from: Option<usize>,
    },
    Stays(Told),
}

/// Open records of which Render says the end: service, number, end.
type Settled = Vec<(usize, u64, RecordState)>;

pub(crate) fn roll_back(world: &mut World, run: &Run, goal: Goal) -> Result<[Told; 3], Stop> {
    let (has_key, environment) = (world.has_key, run.environment);
    world.step()?;
    let mut memory = world.whole_memory(environment);
    let mut seen = Vec::new();
    let mut settled = Vec::new();
    for service in 0..SERVICES.len() {
        let at = At {
            environment,
            service,
        };
        let deploys = look(world, at, has_key)?;
        settle(world, at, &mut memory, &deploys, &mut settled);
        seen.push(on_render(&deploys));
    }
    world.leaving = world.leaves(environment).filter(|_| memory.is_ok());
    let aim = aim(world, run, goal, &memory, &seen, &settled)?;
    let from = leaving(world, run, &memory, &seen, &aim);
    // Everything is looked at again before anything is sent.
    let mut wanted = Vec::new();
    for (service, way) in aim.ways.iter().enumerate() {
        let Way::Back {
            build,
            commit,
            release,
            built_from,
        } = way
        else {
            continue;
        };
        let fit = |build: &usize| {
            !world.builds[*build].is_gone && world.builds[*build].image == SERVICES[service].2
        };
        let Some(build) = build.filter(fit) else {
            world.count("rollbacks refused, an image being gone or another's");
            return Err(Stop::Failed("image-missing"));
        };
        let (at, from) = (
            At {
                environment,
                service,
            },
            Some(from[service]),
        );
        let (commit, release, built_from, to) = (*commit, *release, *built_from, aim.to);
        let (kind, order) = (Kind::Rollback, Known::Known);
        wanted.push(Wanted {
            at,
            build,
            commit,
            kind,
            from,
            to,
            release,
            built_from,
            order,
        });
    }
    if !wanted.is_empty() {
        for (service, number, state) in settled {
            world.step()?;
            world.end_number(
                At {
                    environment,
                    service,
                },
                number,
                state,
                state == RecordState::Success,
            );
        }
        world.count(match goal {
            Goal::Before => "rollbacks",
            Goal::Release(_) => "rollbacks to a named release",
            Goal::Commit(_) => "rollbacks to a named commit",
        });
    }
    let mut told = [Told::Stays; 3];
    for (service, way) in aim.ways.iter().enumerate() {
        if let Way::Stays(why) = way {
            told[service] = *why;
        }
    }
    for wanted in wanted {
        told[wanted.at.service] = put(world, run, &wanted, has_key)?.0;
    }
    Ok(told)
}

/// Finds out what became of the attempts that nobody ended, as far as Render shows it. Nothing is written yet.
fn settle(
    world: &World,
    at: At,
    memory: &mut Result<Memory, String>,
    deploys: &Option<Result<Vec<ghcr_to_render::domain::Deploy>, String>>,
    settled: &mut Settled,
) {
    let (Ok(memory), Some(Ok(deploys))) = (memory, deploys) else {
        return;
    };
    let id = &world.place(at).id;
    for record in &mut memory.records[at.service] {
        let is_open = record.state == RecordState::Open
            && record.is_own
            && record.intent.id.as_ref() == Some(id);
        let Some(state) = ending(&digests(record), deploys).filter(|_| is_open) else {
            continue;
        };
        let record = Rc::make_mut(record);
        (record.state, record.was_live) = (state, state == RecordState::Success);
        settled.push((at.service, record.number, state));
    }
}

fn target(goal: Goal) -> Target {
    match goal {
        Goal::Before => Target::Before,
        Goal::Release(number) => Target::Release(tag(number)),
        Goal::Commit(commit) => Target::Commit(sha(commit)),
    }
}

fn tag(number: u32) -> ImageTag {
    ImageTag::parse(&format!("prod-{number}")).expect("a tag")
}

fn release_of(tag: Option<&ImageTag>) -> Option<u32> {
    match number_of(tag?)? {
        ReleaseNumber::Number(number) => Some(number),
        ReleaseNumber::Version(..) => None,
    }
}

/// What each service goes back to.
fn aim(
    world: &mut World,
    run: &Run,
    goal: Goal,
    memory: &Result<Memory, String>,
    seen: &[OnRender],
    settled: &Settled,
) -> Result<Aim, Stop> {
    let of = |service: usize| {
        let at = At {
            environment: run.environment,
            service,
        };
        memory
            .as_ref()
            .map(|memory| records(world, at, memory))
            .unwrap_or_default()
    };
    let counting = [of(0), of(1), of(2)];
    let past = |service: usize| {
        (
            world.names[service].clone(),
            Past::new(&counting[service], &seen[service]),
        )
    };
    let pasts: Pasts<'_> = (0..SERVICES.len()).map(past).collect();
    let is_live = |number| {
        settled
            .iter()
            .any(|(_, of, state)| *of == number && *state == RecordState::Success)
    };
    let is_repeated = run.attempt > 1 || is_cut_off(&pasts, is_live);
    if world.rules == Rules::EachGoesByItsOwn && goal == Goal::Before {
        return Ok(Aim {
            ways: by_own_record(world, &counting),
            commit: run.commit,
            to: None,
        });
    }
    let back = match way_back(&pasts, &target(goal), is_repeated) {
        Ok(back) => back,
        Err(NoWay::Done(step)) => {
            world.count("rollbacks that had led there already");
            let ways = std::array::from_fn(|_| Way::Stays(Told::Stays));
            return Ok(Aim {
                ways,
                commit: number(&step.commit),
                to: None,
            });
        }
        Err(NoWay::NotRecorded | NoWay::Unrecorded) if matches!(goal, Goal::Release(_)) => {
            let Goal::Release(release) = goal else {
                return Err(Stop::Failed("bad-input"));
            };
            let serving = serves(&pasts);
            return by_tags(world, release, serving.as_ref());
        }
        // Nothing is known to go back to, or it would go forward.
        Err(no_way) => {
            world.say(|| format!("    there is no way back: {no_way:?}"));
            world.count("rollbacks refused");
            return Err(Stop::Failed(match no_way {
                NoWay::NotRecorded | NoWay::Unrecorded if memory.is_err() => "order-unknown",
                NoWay::NotRecorded
                | NoWay::Unrecorded
                | NoWay::First(_)
                | NoWay::Forward(_)
                | NoWay::Done(_) => "bad-input",
            }));
        }
    };
    let ways = std::array::from_fn(|service| way(world, service, &back));
    Ok(Aim {
        ways,
        commit: number(&back.to.commit),
        to: Some(back.at),
    })
}

fn way(world: &World, service: usize, back: &Back<'_>) -> Way {
    let to = number(&back.to.commit);
    match back.turns.get(&world.names[service]) {
        Some(Turn::Back(record)) => Way::Back {
            build: world.build_of(&record.intent.image.digest),
            commit: number(&record.intent.commit),
            release: release_of(record.intent.release.as_ref()),
            built_from: record.intent.image_commit.as_ref().map(number),
        },
        Some(Turn::There(_)) => Way::Stays(Told::Has),
        Some(Turn::Older(_) | Turn::Newer) | None => Way::Stays(Told::Stays),
        Some(Turn::Unrecorded) => {
            let release = release_of(back.to.release.as_ref());
            match release.and_then(|release| world.released(release, SERVICES[service].2)) {
                Some(build) => Way::Back {
                    build: fit(world, service, to, build),
                    commit: to,
                    release,
                    built_from: None,
                },
                None => Way::Stays(Told::Stays),
            }
        }
    }
}

/// What is under a release's tag, if it may be of its commit: anybody who may write there can put it on anything.
fn fit(world: &World, service: usize, commit: usize, build: usize) -> Option<usize> {
    Some(build).filter(|build| is_fit(world, commit, SERVICES[service].2, *build))
}

/// A release of which the record has nothing: what the registry has under its tag, of all images or of none.
fn by_tags(world: &mut World, release: u32, serving: Option<&Step>) -> Result<Aim, Stop> {
    let serves = serving.and_then(|step| release_of(step.release.as_ref()));
    let builds: Vec<usize> = SERVICES
        .iter()
        .filter_map(|(.., image)| world.released(release, *image))
        .collect();
    if serves.is_some_and(|serves| serves < release) || builds.len() < SERVICES.len() {
        world.count("rollbacks refused");
        return Err(Stop::Failed("bad-input"));
    }
    world.count("rollbacks by a release's tags");
    let commit = world.releases[release as usize - 1];
    let way = |service: usize| {
        let build = fit(world, service, commit, builds[service]);
        Way::Back {
            build,
            commit,
            release: Some(release),
            built_from: None,
        }
    };
    Ok(Aim {
        ways: std::array::from_fn(way),
        commit,
        to: None,
    })
}

/// The simpler rule: each service goes back to the success before its newest one.
fn by_own_record(world: &World, counting: &[Vec<&Record>; 3]) -> [Way; 3] {
    std::array::from_fn(|service| {
        let is_success = |record: &&&Record| {
            record.is_own
                && record.state == RecordState::Success
                && record.intent.kind == Kind::Deploy
        };
        match counting[service].iter().filter(is_success).nth(1) {
            Some(record) => Way::Back {
                build: world.build_of(&record.intent.image.digest),
                commit: number(&record.intent.commit),
                release: release_of(record.intent.release.as_ref()),
                built_from: None,
            },
            None => Way::Stays(Told::Stays),
        }
    })
}

/// What each service leaves.
fn leaving(
    world: &World,
    run: &Run,
    memory: &Result<Memory, String>,
    seen: &[OnRender],
    aim: &Aim,
) -> [usize; 3] {
    let environment = run.environment;
    let of = |service: usize| {
        let at = At {
            environment,
            service,
        };
        let counting = memory.as_ref().map(|memory| records(world, at, memory));
        let own: Result<Vec<&Record>, &String> =
            counting.map(|records| records.into_iter().filter(|record| record.is_own).collect());
        let own = own.as_deref().map_err(|why| why.as_str());
        let mut standing = Standing::new(own, &seen[service], |digests| world.label(digests));
        if world.rules == Rules::RollbackForgetsHold {
            standing.hold = None;
        }
        left(&standing)
    };
    let each: [Option<CommitSha>; 3] = [of(0), of(1), of(2)];
    let begun = memory
        .as_ref()
        .map(|memory| all_begun(world, environment, memory))
        .unwrap_or_default();
    let highest = left_release(each.iter().flatten().copied(), &begun);
    let deployable = match (environment, world.releases.last(), memory) {
        (1, Some(release), _) => Some(sha(*release)),
        (0, _, Ok(memory)) => Some(memory.tip),
        (..) => None,
    };
    let goes_back = |service: &usize| matches!(aim.ways[*service], Way::Back { .. });
    let is_known = (0..SERVICES.len())
        .filter(goes_back)
        .all(|service| each[service].is_some());
    let newest = deployable.filter(|_| !is_known);
    let highest = highest.map(|highest| newest.unwrap_or(highest));
    let highest = highest.filter(|_| world.rules != Rules::EachHoldsItsOwn);
    each.map(|own| {
        highest
            .or(own)
            .or(newest)
            .map_or(aim.commit, |commit| number(&commit))
    })
}
