//! What may happen, and histories of it. A history is a list, and every choice in it is in an event's own numbers: so that it is the same
//! for the same seed, and stays meaningful when events are taken out of it.

use crate::random::Random;
use crate::render::{Fate, Policy};
use ghcr_to_render::domain::RecordState;

/// What goes wrong with the next hook call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It was heard, and its answer was lost.
    AnswerLost,
    /// It was not heard, and nobody can tell.
    NotHeard,
    /// It was refused.
    Refused,
}

/// What a person does in Render's dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hand {
    /// Deploys what the settings name: bytes that were live once.
    Redeploys(u8),
    /// Deploys bytes that nobody here built.
    DeploysForeign,
    /// Rolls back to a deploy that was live once.
    RollsBack(u8),
    /// Cancels what is in flight.
    Cancels,
}

/// Where it happens: an environment and one of its services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) environment: usize,
    pub(crate) service: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// One or several commits, pushed at once. Each number says what a commit changes.
    Push(Vec<u16>),
    /// A commit whose tree is that of so many commits before.
    Revert(u8),
    /// The branch is forced to another commit that there is: back, forward or aside.
    Force(u8),
    /// The branch is forced to a new commit on top of an older one.
    ForceAside { back: u8, change: u16 },
    /// A release is tagged, so many commits behind the tip.
    Tag(u8),
    /// The next run that is queued waits for an approval first.
    Delay,
    /// A run that waits is approved.
    Approve(u8),
    /// A run that has begun or was evicted is run again.
    Rerun(u8),
    /// Somebody dispatches the branch's tip.
    Dispatch,
    /// Somebody rolls an environment back.
    Rollback(usize),
    /// Somebody rolls an environment back to something that it had, and names it.
    RollbackTo(usize, u8),
    /// A run goes on for so many steps; Render keeps pace or stands still.
    Go { steps: u8, keeps_pace: bool },
    /// The run ends here. In time to cancel its deploys that have not begun, or not.
    Kill { cancels: bool },
    /// Render moves.
    Tick(usize),
    /// What is in flight there will end so.
    Fate(At, Fate),
    /// A person in Render's dashboard.
    Dashboard(At, Hand),
    /// The service is made anew on Render, under another id.
    Recreated(At),
    /// So many questions about records go unanswered.
    Unreadable(u8),
    /// So many records cannot be written.
    Unwritable(u8),
    /// So many questions to Render go unanswered.
    RenderSilent(u8),
    /// The next build fails.
    BuildFails,
    /// The commit's images are built again, into other bytes.
    Rebuild(u8),
    /// Somebody deletes bytes from the registry.
    Deleted(u8),
    /// Somebody puts a release's tag, where it is not yet.
    Promoted { release: u8, build: u8 },
    /// The next hook call goes wrong.
    Hook(Trouble),
    /// Somebody else writes a record.
    Forged {
        at: At,
        commit: u8,
        state: RecordState,
        release: u8,
    },
    /// The API key is given, or taken away.
    Key,
}

/// Which digest Render names for a deploy: that is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    Index,
    Platform,
    Both,
}

/// What holds for a whole history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) has_key: bool,
    pub(crate) policy: Policy,
    pub(crate) naming: Naming,
    /// Whether images say which commit they were built from; those that do not may be the same bytes for another commit.
    pub(crate) has_labels: bool,
    /// Whether production requires staging.
    pub(crate) requires: bool,
    /// Whether a failure puts the siblings back.
    pub(crate) restores: bool,
    /// Whether the jobs have every commit at hand; without, few can be compared.
    pub(crate) has_checkout: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) setting: Setting,
    pub(crate) events: Vec<Event>,
}

impl History {
    /// The history of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let setting = Setting {
            has_key: random.happens(50),
            policy: if random.happens(50) {
                Policy::Wait
            } else {
                Policy::Override
            },
            naming: [Naming::Index, Naming::Platform, Naming::Both][usize::from(random.byte() % 3)],
            has_labels: random.happens(70),
            requires: random.happens(40),
            restores: random.happens(30),
            has_checkout: random.happens(50),
        };
        let length = 15 + random.below(80);
        // Two of three histories are of a team that does little by hand: troubles that are rare hide behind those that are not.
        let is_wild = random.happens(33);
        // One of four is of a calm one: what a rollback leads to is certain where nothing goes wrong.
        let is_calm = random.happens(25);
        let events = (0..length)
            .map(|_| {
                if is_calm {
                    calm(random)
                } else {
                    event(random, is_wild)
                }
            })
            .collect();
        Self { setting, events }
    }
}

fn at(random: &mut Random) -> At {
    At {
        environment: usize::from(random.happens(30)),
        service: usize::from(random.byte() % 3),
    }
}

fn calm(random: &mut Random) -> Event {
    let environment = usize::from(random.happens(50));
    let change = u16::from_le_bytes([random.byte(), random.byte()]);
    match random.below(100) {
        0..=19 => Event::Push(vec![change]),
        20..=25 => Event::Revert(1 + random.byte() % 3),
        26..=27 => Event::ForceAside {
            back: 1 + random.byte() % 3,
            change,
        },
        28..=42 => Event::Tag(0),
        43..=50 => Event::Rollback(environment),
        51..=56 => Event::RollbackTo(environment, random.byte()),
        57..=58 => Event::Rerun(random.byte()),
        59 => Event::Rebuild(random.byte()),
        60..=62 => Event::Go {
            steps: 1 + random.byte() % 16,
            keeps_pace: true,
        },
        63..=65 => Event::Kill {
            cancels: random.happens(40),
        },
        _ => Event::Go {
            steps: u8::MAX,
            keeps_pace: true,
        },
    }
}

fn event(random: &mut Random, is_wild: bool) -> Event {
    let at = at(random);
    let few = 1 + random.byte() % 4;
    let change = u16::from_le_bytes([random.byte(), random.byte()]);
    let byte = random.byte();
    if is_wild && random.happens(25) {
        return match random.below(12) {
            0..=2 => Event::Dashboard(at, hand(random)),
            3 => Event::Recreated(at),
            4 => Event::Unreadable(few),
            5 => Event::Unwritable(few),
            6 => Event::RenderSilent(few),
            7 => Event::Rebuild(byte),
            8 => Event::Key,
            9 => Event::Rollback(at.environment),
            10 => Event::Promoted {
                release: byte,
                build: random.byte(),
            },
            _ => Event::Forged {
                at,
                commit: byte,
                state: if random.happens(50) {
                    RecordState::Success
                } else {
                    RecordState::Open
                },
                release: random.byte() % 8,
            },
        };
    }
    match random.below(100) {
        0..=11 => Event::Push(
            (0..1 + random.below(3))
                .map(|_| change ^ u16::from(random.byte()))
                .collect(),
        ),
        12..=17 => Event::Revert(few),
        18..=19 => Event::Force(byte),
        20 => Event::ForceAside { back: few, change },
        21..=25 => Event::Tag(if random.happens(70) { 0 } else { few }),
        26 => Event::Delay,
        27..=28 => Event::Approve(byte),
        29..=32 => Event::Rerun(byte),
        33 => Event::Dispatch,
        34..=36 => {
            if random.happens(60) {
                Event::Rollback(at.environment)
            } else {
                Event::RollbackTo(at.environment, byte)
            }
        }
        37..=41 => Event::Kill {
            cancels: random.happens(40),
        },
        42..=49 => Event::Tick(at.environment),
        50..=53 => Event::Fate(
            at,
            if random.happens(60) {
                Fate::Fails
            } else {
                Fate::Hangs
            },
        ),
        54 => Event::BuildFails,
        55 => {
            if random.happens(50) {
                Event::Rebuild(byte)
            } else {
                Event::Deleted(byte)
            }
        }
        56..=58 => Event::Hook(match random.below(3) {
            0 => Trouble::AnswerLost,
            1 => Trouble::NotHeard,
            _ => Trouble::Refused,
        }),
        _ => Event::Go {
            steps: 1 + random.byte() % 8,
            keeps_pace: random.happens(50),
        },
    }
}

fn hand(random: &mut Random) -> Hand {
    match random.below(7) {
        0..=1 => Hand::Redeploys(random.byte()),
        2 => Hand::DeploysForeign,
        3..=5 => Hand::RollsBack(random.byte()),
        _ => Hand::Cancels,
    }
}
