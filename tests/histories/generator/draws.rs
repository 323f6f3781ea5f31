//! The parts of events.

use crate::event::{Ask, Change, Edit, Event, Hand, Part};
use crate::random::Random;
use crate::setting::Setting;
use crate::world::faults::{What, Which};

pub(super) fn change(random: &mut Random, setting: &Setting) -> Change {
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

pub(super) fn commits(random: &mut Random, setting: &Setting) -> Vec<Vec<Change>> {
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
pub(super) fn branch(random: &mut Random, setting: &Setting) -> u8 {
    u8::from(setting.environments() == 2 && !setting.has_releases() && random.percent(45))
}

pub(super) fn ask(random: &mut Random, setting: &Setting) -> Ask {
    let byte = random.byte();
    match random.below(100) {
        0..20 => Ask::Newest,
        20..35 => Ask::Late(byte),
        35..60 => Ask::Again(byte),
        60..68 => Ask::CiAgain(byte),
        68..78 => Ask::Dispatch(byte),
        78..82 if setting.has_releases() => Ask::DispatchRelease(byte),
        82..92 => Ask::Rollback(byte),
        92..95 if setting.has_releases() => Ask::Release(byte),
        93..95 => Ask::Force {
            which: byte,
            to: random.byte(),
        },
        95..98 => Ask::Part {
            which: byte,
            part: part(random),
        },
        98..100 => Ask::Cleanup,
        _ => Ask::Again(byte),
    }
}

fn part(random: &mut Random) -> Part {
    match random.below(4) {
        0 => Part::Frozen,
        1 => Part::Dry,
        _ => Part::Service(random.byte()),
    }
}

/// Some time passes: mostly about as much as a deploy takes.
pub(super) fn time(random: &mut Random, setting: &Setting) -> Event {
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

pub(super) fn which(random: &mut Random) -> Which {
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
        Which::Services,
    ])
}

pub(super) fn what(random: &mut Random) -> What {
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

pub(super) fn hand(random: &mut Random) -> Hand {
    let byte = random.byte();
    random.one_of(&[
        Hand::Deploys(byte),
        Hand::DeploysForeign(byte),
        Hand::RollsBack(byte),
        Hand::RollsBack(byte),
        Hand::Cancels,
    ])
}

pub(super) fn edit(random: &mut Random) -> Edit {
    let (service, byte) = (random.byte(), random.byte());
    match random.below(40) {
        0..8 => Edit::Delete(byte % 4),
        8..16 => Edit::Move(byte % 4),
        16..24 => Edit::Late(1 + byte % 4),
        24..28 => Edit::Crowd {
            service,
            count: 100 + byte % 20,
        },
        28 => Edit::Large { service },
        _ => Edit::Forged {
            service,
            commit: byte,
            account: random.byte(),
            is_open: random.percent(30),
        },
    }
}
