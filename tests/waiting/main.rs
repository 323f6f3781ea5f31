//! Minutes of a team's waiting, by where the concurrency groups of its workflows are: the tables of docs/concurrency.md are made here.
//!
//! A team pushes every three minutes for an hour. Each run builds, deploys to the sandbox, asks for an approval and deploys to production. The
//! reviewer approves after two minutes, but the first run that asks gets no answer. The day ends after eight hours.
//!
//! `DOCUMENTS=write cargo test --test waiting` writes the tables.

mod model;

use model::{GitHub, Group, Job, Queue, Task, Workflow};
use std::path::Path;

const PUSHES: u32 = 20;
const EVERY: u32 = 3;
const DAY: u32 = 8 * 60;
const DEPLOY: u32 = 5;
/// A deploy that finds something newer there ends after a minute.
const SUPERSEDED: u32 = 1;
const APPROVAL: u32 = 2;
/// The rollback of the second table is asked for then.
const ROLLBACK_AT: u32 = 31;
/// So many hours are played, each with other times of its builds.
const HOURS: u64 = 200;

/// Where the groups are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Design {
    /// One group on the workflow; production's environment has the reviewers; the rollback is in the same group.
    Workflow(Queue),
    /// A group on each job that deploys; a job without a group asks before production; the rollback has a group of its own.
    Job(Queue),
}

impl Design {
    fn name(self) -> &'static str {
        match self {
            Self::Workflow(Queue::Single) => "on the workflow, with the approval in it (before)",
            Self::Workflow(Queue::Max) => "the same, with `queue: max`",
            Self::Job(Queue::Single) => "on each deploying job, approval before it, default queue",
            Self::Job(Queue::Max) => "the same, with `queue: max` (what our workflows have)",
        }
    }

    fn deploy(self) -> Workflow {
        let job = |task, group: Option<Group>, asks| Job { task, group, asks };
        let group = |name, queue| Some(Group { name, queue });
        match self {
            Self::Workflow(queue) => Workflow {
                group: group("deploy", queue),
                jobs: vec![
                    job(Task::Build, None, false),
                    job(Task::Sandbox, None, false),
                    job(Task::Production, None, true),
                ],
            },
            Self::Job(queue) => Workflow {
                group: None,
                jobs: vec![
                    job(Task::Build, None, false),
                    job(Task::Sandbox, group("deploy-sandbox", queue), false),
                    job(Task::Approve, None, true),
                    job(Task::Production, group("deploy-production", queue), false),
                ],
            },
        }
    }

    fn rollback(self) -> Workflow {
        let job = |group| Job {
            task: Task::Rollback,
            group,
            asks: false,
        };
        match self {
            Self::Workflow(queue) => Workflow {
                group: Some(Group {
                    name: "deploy",
                    queue,
                }),
                jobs: vec![job(None)],
            },
            Self::Job(queue) => Workflow {
                group: None,
                jobs: vec![job(Some(Group {
                    name: "rollback-production",
                    queue,
                }))],
            },
        }
    }
}

/// How long the build of each push takes: four to twelve minutes, other ones in each hour.
fn builds(seed: u64) -> Vec<u32> {
    let mut state = seed;
    let mut next = || {
        // SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    (0..PUSHES)
        .map(|_| 4 + u32::try_from(next() % 9).expect("small"))
        .collect()
}

/// What became of an hour of pushes.
#[derive(Debug)]
struct Hour {
    /// Deploys to the sandbox that put something newer there.
    sandbox: u32,
    production: u32,
    /// Minutes from each push until the sandbox had it, or until the day's end.
    waited: Vec<u32>,
    /// Minutes from the rollback's request until it began; `None`: not on this day.
    rollback: Option<u32>,
}

fn play(design: Design, seed: u64, has_rollback: bool) -> Hour {
    let builds = builds(seed);
    let mut github = GitHub::default();
    let (mut pushed, mut of_push) = (0, Vec::new());
    let mut rollback = None;
    let (mut sandbox, mut production) = (None, None);
    let mut hour = Hour {
        sandbox: 0,
        production: 0,
        waited: vec![DAY; PUSHES as usize],
        rollback: None,
    };
    for (push, waited) in (0..PUSHES).zip(&mut hour.waited) {
        *waited = DAY - push * EVERY;
    }
    for now in 0..=DAY {
        if pushed < PUSHES && now == pushed * EVERY {
            of_push.push(github.start(&design.deploy()));
            pushed += 1;
        }
        if has_rollback && now == ROLLBACK_AT {
            rollback = Some(github.start(&design.rollback()));
        }
        let seen = github.done.len();
        let push_of = |run: usize| of_push.iter().position(|other| *other == run);
        let (at_sandbox, at_production) = (sandbox, production);
        let mut minutes = |run: usize, task: Task| match task {
            Task::Build => builds[push_of(run).expect("a push")],
            Task::Sandbox if at_sandbox > push_of(run) => SUPERSEDED,
            Task::Production if at_production > push_of(run) => SUPERSEDED,
            Task::Sandbox | Task::Production | Task::Rollback => DEPLOY,
            Task::Approve => 0,
        };
        github.minute(now, &mut minutes, &|run| {
            (push_of(run) != Some(0)).then_some(APPROVAL)
        });
        for done in github.done[seen..].to_vec() {
            let push = push_of(done.run);
            match done.task {
                Task::Sandbox if push > sandbox => {
                    hour.sandbox += 1;
                    for had in sandbox.map_or(0, |had| had + 1)..=push.expect("a push") {
                        hour.waited[had] = now - u32::try_from(had).expect("small") * EVERY;
                    }
                    sandbox = push;
                }
                Task::Production if push > production => {
                    hour.production += 1;
                    production = push;
                }
                Task::Rollback => hour.rollback = Some(done.began - ROLLBACK_AT),
                Task::Build | Task::Sandbox | Task::Approve | Task::Production => {}
            }
        }
    }
    if let Some(run) = rollback {
        assert!(hour.rollback.is_none() || !github.is_cancelled(run));
    }
    hour
}

const DESIGNS: [Design; 4] = [
    Design::Workflow(Queue::Single),
    Design::Workflow(Queue::Max),
    Design::Job(Queue::Single),
    Design::Job(Queue::Max),
];

fn median(numbers: impl Iterator<Item = u32>) -> u32 {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers[numbers.len() / 2]
}

/// A design's figures over all hours.
struct Figures {
    sandbox: u32,
    production: u32,
    total: u32,
    longest: u32,
    /// Hours whose last push the sandbox never got.
    stale: usize,
    rollback: Option<u32>,
    /// Hours whose rollback did not begin on that day.
    stuck: usize,
}

fn figures(design: Design) -> Figures {
    let hours: Vec<Hour> = (0..HOURS).map(|seed| play(design, seed, false)).collect();
    let with: Vec<Hour> = (0..HOURS).map(|seed| play(design, seed, true)).collect();
    let begun: Vec<u32> = with.iter().filter_map(|hour| hour.rollback).collect();
    let last = DAY - (PUSHES - 1) * EVERY;
    Figures {
        sandbox: median(hours.iter().map(|hour| hour.sandbox)),
        production: median(hours.iter().map(|hour| hour.production)),
        total: median(hours.iter().map(|hour| hour.waited.iter().sum())),
        longest: median(
            hours
                .iter()
                .map(|hour| hour.waited.iter().copied().max().unwrap_or(0)),
        ),
        stale: hours
            .iter()
            .filter(|hour| hour.waited.last() == Some(&last))
            .count(),
        stuck: with.len() - begun.len(),
        rollback: begun.iter().copied().max(),
    }
}

fn table() -> String {
    let mut text = "| concurrency group | deploys to the sandbox | deploys to production | minutes waited, all pushes | longest wait | last push not deployed | rollback begins |\n|---|---|---|---|---|---|---|\n".to_owned();
    for design in DESIGNS {
        let figures = figures(design);
        let stale = format!("{} of {HOURS} hours", figures.stale);
        let rollback = match (figures.stuck, figures.rollback) {
            (0, Some(0)) => "at once".to_owned(),
            (0, Some(longest)) => format!("after {longest} minutes at most"),
            (stuck, _) => format!("not on that day, in {stuck} of {HOURS} hours"),
        };
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {stale} | {rollback} |\n",
            design.name(),
            figures.sandbox,
            figures.production,
            figures.total,
            figures.longest
        ));
    }
    text
}

const PAGE: &str = "docs/concurrency.md";

#[test]
fn the_page_has_the_figures_of_the_model() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).expect(PAGE);
    let head = "| concurrency group | deploys";
    let from = page.find(head).expect("the table");
    let to = page[from..]
        .find("\n\n")
        .map_or(page.len(), |end| from + end + 1);
    let table = table();
    if std::env::var_os("DOCUMENTS").is_some_and(|value| value == "write") {
        std::fs::write(&path, format!("{}{table}{}", &page[..from], &page[to..])).expect(PAGE);
        return;
    }
    assert_eq!(&page[from..to], table, "{PAGE}");
}

#[test]
fn one_approval_that_nobody_gives_stops_every_deploy_of_its_group() {
    for queue in [Queue::Single, Queue::Max] {
        let hour = play(Design::Workflow(queue), 1, true);
        assert_eq!((hour.sandbox, hour.production), (1, 0));
        assert_eq!(hour.rollback, None);
    }
}

#[test]
fn an_approval_in_a_job_of_its_own_stops_nothing() {
    for seed in 0..HOURS {
        let hour = play(Design::Job(Queue::Max), seed, true);
        assert!(hour.sandbox > 1 && hour.production > 0, "{hour:?}");
        assert_eq!(hour.rollback, Some(0));
        assert!(hour.waited.iter().all(|waited| *waited < 60), "{hour:?}");
    }
}

#[test]
fn the_default_queue_of_a_jobs_group_can_lose_the_newest_commit() {
    let is_lost = |queue| {
        (0..HOURS).any(|seed| {
            let hour = play(Design::Job(queue), seed, false);
            hour.waited.last() == Some(&(DAY - (PUSHES - 1) * EVERY))
        })
    };
    assert!(is_lost(Queue::Single));
    assert!(!is_lost(Queue::Max));
}
