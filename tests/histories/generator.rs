//! Random histories.

use crate::event::{Ask, Change, Edit, Event, Hand, History};
use crate::random::Random;
use crate::setting::Setting;
use crate::world::faults::{What, Which};

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

fn change(random: &mut Random, setting: &Setting) -> Change {
    let byte = random.byte();
    let content = random.byte() % 4;
    match random.below(100) {
        0..55 => Change::Files {
            image: byte,
            content,
        },
        55..60 if setting.has_extra_paths => Change::Extra { content },
        60..64 if setting.has_shared => Change::Shared { content },
        64..70 => Change::RenameService(byte),
        70..75 => Change::RenameEnvironment(byte),
        75..80 => Change::MoveImage(byte),
        80..84 => Change::Build(byte),
        84..87 => Change::Paths(byte),
        87..91 => Change::RemoveService(byte),
        91..94 if setting.services == 1 => Change::RemoveManifest,
        94..97 => Change::BreakManifest,
        _ => Change::Readme,
    }
}

fn commits(random: &mut Random, setting: &Setting) -> Vec<Vec<Change>> {
    let count = random.one_of(&[1, 1, 1, 2, 3]);
    (0..count)
        .map(|_| {
            (0..random.one_of(&[1, 1, 2, 3]))
                .map(|_| change(random, setting))
                .collect()
        })
        .collect()
}

/// Mostly the environment's own branch; rarely `dev` where nothing follows it.
fn branch(random: &mut Random, setting: &Setting) -> u8 {
    u8::from(setting.environments() == 2 && !setting.has_releases() && random.percent(45))
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
        39..41 => events.push(Event::DeleteBranch { branch }),
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
        71..72 => events.push(Event::Heal),
        72..77 => events.push(Event::RenderFails(random.byte())),
        77..79 => events.push(Event::RenderSlow(random.byte())),
        79..83 => events.push(Event::Hand(random.byte(), hand(random))),
        83..90 => events.push(Event::Edit(edit(random))),
        90..94 if setting.overlaps => overlap(random, setting, events),
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

fn ask(random: &mut Random, setting: &Setting) -> Ask {
    let byte = random.byte();
    match random.below(100) {
        0..20 => Ask::Newest,
        20..35 => Ask::Late(byte),
        35..60 => Ask::Again(byte),
        60..68 => Ask::CiAgain(byte),
        68..78 => Ask::Dispatch(byte),
        78..82 if setting.has_releases() => Ask::DispatchRelease(byte),
        82..92 => Ask::Rollback(byte),
        92..97 if setting.has_releases() => Ask::Release(byte),
        97..100 => Ask::Cleanup,
        _ => Ask::Again(byte),
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

/// A run while GitHub, or a part of it, is in trouble.
fn outage(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    let which = random.one_of(&[
        Which::GitHub,
        Which::GitHub,
        Which::GraphQl,
        Which::Tags,
        Which::Records,
    ]);
    let what = random.one_of(&[
        What::Refused,
        What::Unheard,
        What::Status(503),
        What::Status(403),
        What::Status(404),
    ]);
    events.push(Event::Fault {
        which,
        what,
        times: 200,
    });
    let again = if random.percent(50) {
        Ask::Again(random.byte())
    } else {
        ask(random, setting)
    };
    events.push(Event::Run {
        slot: 0,
        ask: again,
        steps: None,
    });
    events.push(Event::Heal);
}

/// One push after the other, with runs that nobody lets finish, and then a step back.
fn hurry(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    let branch = branch(random, setting);
    for _ in 0..1 + random.below(3) {
        events.push(Event::Push {
            branch,
            commits: commits(random, setting),
        });
        match random.below(3) {
            0 => events.push(newest(0)),
            _ => cut(random, Ask::Newest, events),
        }
        if random.percent(50) {
            events.push(time(random, setting));
        }
    }
    events.push(Event::Revert {
        branch,
        back: random.one_of(&[1, 1, 1, 2]),
    });
    events.push(newest(0));
}

/// Something waits for an approval while the world goes on, and then runs for the first time.
fn approval(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    let branch = branch(random, setting);
    if setting.has_releases() && random.percent(60) {
        events.push(Event::Tag {
            back: random.one_of(&[0, 0, 1]),
            is_annotated: random.percent(30),
        });
    } else {
        events.push(Event::Push {
            branch,
            commits: commits(random, setting),
        });
    }
    for _ in 0..1 + random.below(2) {
        events.push(match random.below(8) {
            0..2 => Event::Push {
                branch,
                commits: commits(random, setting),
            },
            2 => Event::Revert { branch, back: 1 },
            3 => Event::Force {
                branch,
                to: random.byte(),
            },
            4 => Event::ForceAside {
                branch,
                back: 1 + random.byte() % 3,
                change: change(random, setting),
            },
            5 => Event::DeleteBranch { branch },
            6 if setting.has_releases() => Event::Tag {
                back: 0,
                is_annotated: false,
            },
            _ => Event::DeleteTag(random.byte()),
        });
        if random.percent(40) {
            events.push(newest(0));
        }
    }
    events.push(Event::Run {
        slot: 0,
        ask: Ask::Late(random.byte()),
        steps: None,
    });
}

/// Two deploys, and rollbacks from the second one, by the program, in the dashboard, or both; then something that equals what was left is pushed.
fn back(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    let branch = branch(random, setting);
    for _ in 0..2 {
        events.push(Event::Push {
            branch,
            commits: commits(random, setting),
        });
        events.push(newest(0));
        events.push(Event::Settle);
    }
    for _ in 0..1 + random.below(3) {
        match random.below(3) {
            0 => events.push(Event::Hand(random.byte(), Hand::RollsBack(random.byte()))),
            1 => events.push(Event::Run {
                slot: 0,
                ask: Ask::Rollback(branch),
                steps: None,
            }),
            _ => pause(random, 0, Ask::Rollback(branch), events),
        }
    }
    if random.percent(60) {
        events.push(Event::Push {
            branch,
            commits: vec![vec![Change::Readme]],
        });
    }
    events.push(newest(1));
}

/// Some time passes: mostly about as much as a deploy takes.
fn time(random: &mut Random, setting: &Setting) -> Event {
    let pace = u16::try_from(setting.pace).unwrap_or(u16::MAX);
    Event::Time(random.one_of(&[
        pace / 2 + 1,
        pace,
        pace + pace / 2,
        2 * pace,
        3 * pace,
        20,
        2000,
    ]))
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

/// Two runs that take turns.
fn overlap(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    pause(random, 0, Ask::Newest, events);
    if random.percent(60) {
        events.push(Event::Push {
            branch: branch(random, setting),
            commits: commits(random, setting),
        });
    }
    let ask = if random.percent(60) {
        Ask::Newest
    } else {
        ask(random, setting)
    };
    pause(random, 1, ask, events);
    for _ in 0..random.below(5) {
        events.push(Event::Go {
            slot: random.byte() % 2,
            steps: 1 + random.byte() % 6,
        });
    }
    let first = random.byte() % 2;
    events.extend([Event::End { slot: first }, Event::End { slot: 1 - first }]);
}

fn which(random: &mut Random) -> Which {
    let deploys = Which::Deploys;
    random.one_of(&[
        deploys,
        deploys,
        deploys,
        deploys,
        Which::Records,
        Which::GitHub,
        Which::GraphQl,
        Which::Tags,
        Which::Render,
    ])
}

fn what(random: &mut Random) -> What {
    match random.below(12) {
        0 => What::Refused,
        1 => What::Unheard,
        2..4 => What::Lost,
        4 => What::Status(random.one_of(&[401, 403, 404, 409])),
        5 => What::Status(random.one_of(&[500, 502, 503])),
        6..9 => What::Limited,
        9..11 => What::TakenBut(random.one_of(&[200, 204, 302, 408, 418, 502, 504])),
        _ => What::Says(random.one_of(&[200, 201, 204, 302, 408, 418])),
    }
}

fn hand(random: &mut Random) -> Hand {
    let byte = random.byte();
    random.one_of(&[
        Hand::Deploys(byte),
        Hand::DeploysForeign(byte),
        Hand::RollsBack(byte),
        Hand::RollsBack(byte),
        Hand::Cancels,
    ])
}

fn edit(random: &mut Random) -> Edit {
    let (service, byte) = (random.byte(), random.byte());
    match random.below(10) {
        0..2 => Edit::Delete(byte % 4),
        2..4 => Edit::Move(byte % 4),
        4..6 => Edit::Late(1 + byte % 4),
        6 => Edit::Crowd {
            service,
            count: 100 + byte % 20,
        },
        7 => Edit::Large { service },
        _ => Edit::Forged {
            service,
            commit: byte,
            account: random.byte(),
            is_open: random.percent(30),
        },
    }
}
