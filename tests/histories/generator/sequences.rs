//! Things that happen one after the other more often than by accident.

use super::draws::{ask, branch, change, commits, time};
use super::{cut, newest, pause};
use crate::event::{Ask, Change, Event, Hand};
use crate::random::Random;
use crate::setting::Setting;
use crate::world::faults::{What, Which};

/// A run while GitHub, or a part of it, is in trouble: often an old one again.
pub(super) fn outage(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    let parts = [Which::GitHub, Which::GitHub, Which::GraphQl, Which::Records];
    let which = if setting.has_releases() && random.percent(50) {
        Which::Tags
    } else {
        random.one_of(&parts)
    };
    let what = random.one_of(&[
        What::Refused,
        What::Unheard,
        What::Status(503),
        What::Status(403),
    ]);
    events.push(Event::Fault {
        which,
        what,
        times: 200,
    });
    let ask = match random.below(4) {
        0..2 => Ask::Again(random.byte()),
        2 => Ask::Newest,
        _ => ask(random, setting),
    };
    events.push(Event::Run {
        slot: 0,
        ask,
        steps: None,
    });
    events.push(Event::Heal);
}

/// One push after the other, with runs that nobody lets finish, and then a step back.
pub(super) fn hurry(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
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
pub(super) fn approval(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
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
pub(super) fn back(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    let branch = branch(random, setting);
    for _ in 0..2 {
        events.push(Event::Push {
            branch,
            commits: commits(random, setting),
        });
        events.push(newest(0));
        events.push(Event::Settle);
    }
    // What was pushed last may be another commit than the one that serves.
    let is_ahead = random.percent(40);
    if is_ahead {
        events.push(Event::Push {
            branch,
            commits: commits(random, setting),
        });
    }
    for _ in 0..1 + random.below(2) {
        if random.percent(35) {
            events.push(Event::Fault {
                which: Which::Render,
                what: What::Status(503),
                times: 7 + random.byte() % 24,
            });
        }
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
    events.extend([Event::Heal, Event::End { slot: 0 }, Event::Settle]);
    events.push(match (is_ahead, random.below(4)) {
        (true, 0..3) => Event::Revert { branch, back: 1 },
        (false, 0..3) => Event::Push {
            branch,
            commits: vec![vec![Change::Readme]],
        },
        _ => Event::Push {
            branch,
            commits: commits(random, setting),
        },
    });
    events.push(newest(1));
}

/// The second environment's branch is renamed, and the manifest follows it, at once or never.
pub(super) fn renamed_branch(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    events.push(Event::Push {
        branch: 1,
        commits: commits(random, setting),
    });
    if random.percent(60) {
        events.push(newest(0));
    }
    events.push(Event::RenameBranch);
    if random.percent(85) {
        let mut changes = vec![Change::FollowBranch];
        if random.percent(50) {
            changes.push(change(random, setting));
        }
        events.push(Event::Push {
            branch: 1,
            commits: vec![changes],
        });
        if random.percent(70) {
            events.push(newest(0));
        }
    }
    events.push(Event::Run {
        slot: 0,
        ask: Ask::Late(random.byte()),
        steps: None,
    });
}
