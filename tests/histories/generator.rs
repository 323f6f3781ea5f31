//! Random histories.

mod draws;
mod overlaps;
mod sequences;

use crate::event::{Ask, Change, Event, History};
use crate::random::Random;
use crate::setting::Setting;
use draws::{ask, branch, change, commits, edit, hand, time, what, which};
use overlaps::overlap;
use sequences::{approval, back, hurry, outage, renamed_branch};

/// How many things happen in a history, at least and at most.
const LENGTH: (u64, u64) = (4, 22);

impl History {
    /// The history of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let setting = Setting::of(&mut random);
        let mut events = vec![
            Event::Push {
                branch: 0,
                commits: vec![vec![Change::Readme]],
            },
            newest(0),
        ];
        let length = LENGTH.0 + random.below(LENGTH.1 - LENGTH.0);
        for _ in 0..length {
            happening(&mut random, &setting, &mut events);
        }
        events.extend(ending());
        Self { setting, events }
    }
}

/// What ends each history: everything is well, and the tip of each environment is deployed, and deployed again.
fn ending() -> Vec<Event> {
    let mut events = vec![
        Event::Heal,
        Event::End { slot: 0 },
        Event::End { slot: 1 },
        Event::Settle,
    ];
    for environment in [0, 0, 1, 1] {
        events.push(Event::Run {
            slot: 0,
            ask: Ask::Dispatch(environment),
            steps: None,
        });
        events.push(Event::Settle);
    }
    events
}

const fn newest(slot: u8) -> Event {
    Event::Run {
        slot,
        ask: Ask::Newest,
        steps: None,
    }
}

fn happening(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    let branch = branch(random, setting);
    match random.below(100) {
        0..3 => approval(random, setting, events),
        3..6 => back(random, setting, events),
        6..26 => {
            events.push(Event::Push {
                branch,
                commits: commits(random, setting),
            });
            runs_perhaps(random, setting, events);
        }
        26..30 => hurry(random, setting, events),
        30..36 => {
            events.push(Event::Revert {
                branch,
                back: random.one_of(&[1, 1, 1, 2, 3]),
            });
            runs_perhaps(random, setting, events);
        }
        36..39 => {
            let event = match random.below(2) {
                0 => Event::Force {
                    branch,
                    to: random.byte(),
                },
                _ => Event::ForceAside {
                    branch,
                    back: random.byte() % 4,
                    change: change(random, setting),
                },
            };
            events.push(event);
            runs_perhaps(random, setting, events);
        }
        39..40 => events.push(Event::DeleteBranch { branch }),
        40..41 if setting.environments() == 2 && !setting.has_releases() => {
            renamed_branch(random, setting, events);
        }
        40..41 => events.push(Event::DeleteBranch { branch }),
        41..51 if setting.has_releases() => {
            let event = match random.below(8) {
                0 => Event::DeleteTag(random.byte()),
                1 => Event::MoveTag {
                    which: random.byte(),
                    to: random.byte(),
                },
                2 => Event::Hotfix {
                    tag: random.byte(),
                    change: change(random, setting),
                },
                _ => Event::Tag {
                    back: random.one_of(&[0, 0, 0, 1, 2]),
                    is_annotated: random.percent(30),
                },
            };
            events.push(event);
            runs_perhaps(random, setting, events);
        }
        41..64 => runs(random, setting, events),
        64..67 => outage(random, setting, events),
        67..71 => events.push(Event::Fault {
            which: which(random),
            what: what(random),
            times: random.one_of(&[1, 1, 1, 2, 5, 60]),
        }),
        71..72 => events.push(match random.below(4) {
            0 => Event::Heal,
            1..3 => Event::Key,
            _ => Event::Recreate(random.byte()),
        }),
        72..77 => events.push(Event::RenderFails(random.byte())),
        77..79 => events.push(Event::RenderSlow(random.byte())),
        79..83 => events.push(Event::Hand(random.byte(), hand(random))),
        83..90 => events.push(Event::Edit(edit(random))),
        90..95 if setting.overlaps => overlap(random, setting, events),
        90..97 => events.push(time(random, setting)),
        _ => events.push(Event::Settle),
    }
}

/// The run of what was pushed: it begins at once, or not at all (it waits for an approval, or was dropped from the queue).
fn runs_perhaps(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    match random.below(100) {
        0..60 => events.push(newest(0)),
        60..72 => cut(random, Ask::Newest, events),
        72..82 if setting.overlaps => pause(random, 1, Ask::Newest, events),
        _ => {}
    }
}

fn runs(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    let ask = ask(random, setting);
    match random.below(100) {
        0..75 => events.push(Event::Run {
            slot: 0,
            ask,
            steps: None,
        }),
        75..85 => cut(random, ask, events),
        85..100 if setting.overlaps => pause(random, 1, ask, events),
        _ => events.push(Event::Run {
            slot: 0,
            ask,
            steps: None,
        }),
    }
}

/// A run that is cut off.
fn cut(random: &mut Random, ask: Ask, events: &mut Vec<Event>) {
    events.push(Event::Run {
        slot: 0,
        ask,
        steps: Some(random.byte() % 24),
    });
    events.push(match random.below(3) {
        0 => Event::Cancel { slot: 0 },
        _ => Event::Kill {
            slot: 0,
            arrives: random.percent(50),
        },
    });
}

/// A run that pauses.
fn pause(random: &mut Random, slot: u8, ask: Ask, events: &mut Vec<Event>) {
    events.push(Event::Run {
        slot,
        ask,
        steps: Some(random.byte() % 24),
    });
}
