//! Two runs that take turns.

use super::draws::{ask, branch, commits};
use super::{newest, pause};
use crate::event::{Ask, Change, Event};
use crate::random::Random;
use crate::setting::Setting;
use crate::world::faults::{What, Which};

/// Two runs that take turns, in one of several ways.
pub(super) fn overlap(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    match random.below(100) {
        0..12 => abreast(random, setting, events),
        12..45 => crossing(random, setting, events),
        45..62 => rolled_back_meanwhile(random, setting, events),
        62..80 => repeated(random, setting, events),
        _ => turns(random, setting, events),
    }
}

/// A push, and its run, which goes on for so many requests.
fn begin(random: &mut Random, setting: &Setting, slot: u8, steps: u8, events: &mut Vec<Event>) {
    events.push(Event::Push {
        branch: 0,
        commits: commits(random, setting),
    });
    events.push(Event::Run {
        slot,
        ask: Ask::Newest,
        steps: Some(steps),
    });
}

/// The run of the tip makes good what runs side by side left.
fn made_good(random: &mut Random, events: &mut Vec<Event>) {
    if random.percent(70) {
        events.push(Event::Settle);
    }
    if random.percent(25) {
        events.push(Event::Revert { branch: 0, back: 1 });
    }
    events.push(Event::Run {
        slot: 0,
        ask: Ask::Dispatch(0),
        steps: None,
    });
}

/// Two runs that stand at the same request, of one commit and of the next, and end in either order.
fn abreast(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    let steps = 3 + random.byte() % 12;
    for slot in [0, 1] {
        begin(random, setting, slot, steps, events);
    }
    let first = random.byte() % 2;
    events.extend([Event::End { slot: first }, Event::End { slot: 1 - first }]);
    made_good(random, events);
}

/// Two runs that have both looked for the last time: their calls arrive in either order, and one of them ends, is killed or fails while the other
/// one goes on.
fn crossing(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    if random.percent(20) {
        events.push(Event::RenderFails(random.byte()));
    }
    for slot in [0, 1] {
        begin(random, setting, slot, 0, events);
        events.push(Event::GoBeforeCall { slot });
        if random.percent(10) {
            events.push(Event::Push {
                branch: branch(random, setting),
                commits: commits(random, setting),
            });
        }
    }
    let mut slots = [0, 1];
    if random.percent(60) {
        slots = [1, 0];
    }
    for slot in slots {
        events.push(Event::GoToCall { slot });
        for _ in 0..random.below(3) {
            let slot = random.byte() % 2;
            let steps = 1 + random.byte() % 3;
            events.push(Event::Go { slot, steps });
        }
    }
    let first = random.byte() % 2;
    for slot in [first, 1 - first] {
        if random.percent(15) {
            events.push(Event::Settle);
        }
        events.push(match random.below(10) {
            0 => Event::Kill {
                slot,
                arrives: random.percent(50),
            },
            1 => Event::Cancel { slot },
            _ => Event::End { slot },
        });
    }
    made_good(random, events);
}

/// A rollback between a run's last look and its call, or while it follows its deploy; then something that equals what was left is pushed.
fn rolled_back_meanwhile(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    for _ in 0..2 {
        begin(random, setting, 0, u8::MAX, events);
        events.extend([Event::End { slot: 0 }, Event::Settle]);
    }
    if random.percent(30) {
        events.push(Event::Push {
            branch: 0,
            commits: vec![vec![Change::RenameService(random.byte())]],
        });
    }
    begin(random, setting, 0, 0, events);
    events.push(match random.below(4) {
        0 => Event::GoBeforeCall { slot: 0 },
        1 => Event::GoToCall { slot: 0 },
        _ => Event::Go {
            slot: 0,
            steps: random.byte() % 30,
        },
    });
    let steps = random.one_of(&[None, None, Some(10)]);
    events.push(Event::Run {
        slot: 1,
        ask: Ask::Rollback(0),
        steps,
    });
    if random.percent(40) {
        events.push(Event::Settle);
    }
    let first = random.byte() % 2;
    events.extend([Event::End { slot: first }, Event::End { slot: 1 - first }]);
    events.push(Event::Settle);
    events.push(Event::Push {
        branch: 0,
        commits: match random.below(3) {
            0 => commits(random, setting),
            _ => vec![vec![Change::Readme]],
        },
    });
    events.push(newest(0));
}

/// A call that will be repeated: another run may deploy before it is.
fn repeated(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    let what = random.one_of(&[What::Limited, What::Limited, What::Lost, What::Refused]);
    events.push(Event::Fault {
        which: Which::Deploys,
        what,
        times: 1,
    });
    events.push(Event::Run {
        slot: 0,
        ask: Ask::Newest,
        steps: Some(0),
    });
    events.push(Event::GoToCall { slot: 0 });
    second(random, setting, 85, events);
}

/// Two runs, each some requests at a time.
fn turns(random: &mut Random, setting: &Setting, events: &mut Vec<Event>) {
    pause(random, 0, Ask::Newest, events);
    second(random, setting, 60, events);
}

/// A second run beside the first one, of something new in so many of a hundred cases, until both have ended.
fn second(random: &mut Random, setting: &Setting, new: u64, events: &mut Vec<Event>) {
    if random.percent(new) {
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
        let slot = random.byte() % 2;
        events.push(match random.below(4) {
            0 => Event::GoToCall { slot },
            1 => Event::GoBeforeCall { slot },
            _ => Event::Go {
                slot,
                steps: 1 + random.byte() % 6,
            },
        });
    }
    let first = random.byte() % 2;
    events.extend([Event::End { slot: first }, Event::End { slot: 1 - first }]);
}
