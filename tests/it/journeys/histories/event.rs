//! What may happen in a history. An event chooses among what is there by remainders, so that any list of events is a history.

use super::random::Random;
use testworld::Checkout;
use testworld::github::Trouble;
use testworld::render::Policy;
use testworld::trap::{Moment, Place};

/// What is the same in all of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) key: Key,
    pub(super) policy: Policy,
    pub(super) services: Services,
    pub(super) builds: Builds,
    pub(super) begins: Begins,
    pub(super) ends: Ends,
    pub(super) checkout: Checkout,
    /// By how many steps a deploy goes on when a run looks.
    pub(super) pace: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Deploys are followed to their end.
    Given,
    /// There are only hooks.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Services {
    /// `api`, `workers` and `web`, with an image each.
    Three,
    /// `api`, and `web` and `job`, which run the same image.
    Sharing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builds {
    /// Every commit has bytes of its own, and a label that says which it is.
    Labelled,
    /// What is built from the same files has the same bytes, and no label.
    Reproducible,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    /// Nothing was ever deployed.
    Empty,
    /// The first commit was deployed by this action.
    Deployed,
}

/// The last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Something is pushed that no service has to do with.
    Push,
    /// A person asks for the branch's tip.
    Dispatch,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A run is asked for, and this becomes of it.
    Run(Ask, Fortune),
    /// Somebody deploys the image of an older commit by hand: of which service, and which commit.
    ByHand(u8, u8),
    /// Somebody rolls a service back in the dashboard, to one of its earlier deploys.
    RollsBack(u8, u8),
    /// Every deploy comes to its end.
    TimePasses,
}

/// Why there is a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// A push of commits: each gives the services of this mask that content.
    Push(Vec<(u8, u8)>),
    /// What the last push brought is undone by a commit.
    Revert,
    /// The branch is forced back by one commit.
    ForceBack,
    /// A run of an earlier push is repeated, whether it ever ran or not: one of the last few, counted from the newest.
    Rerun(u8),
    /// A run that was left out runs after all, late.
    Late(u8),
    /// A person asks for the branch's tip.
    Dispatch,
}

/// What becomes of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fortune {
    /// Nothing special.
    Well,
    /// It is evicted from the queue before it begins.
    Evicted,
    /// Its process is killed there.
    Killed(Cut),
    /// It is cancelled there.
    Cancelled(Cut),
    /// Render fails every deploy of a service that it asks for.
    Fails(u8),
    /// GitHub has this trouble with the record.
    Record(Trouble),
}

/// A place in a run: the request of this kind with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) kind: &'static str,
    pub(super) nth: usize,
    pub(super) moment: Moment,
}

impl Cut {
    pub(super) fn place(self) -> Place {
        Place {
            kind: self.kind.to_owned(),
            nth: self.nth,
            moment: self.moment,
        }
    }
}

/// A history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct History {
    pub(super) setting: Setting,
    pub(super) events: Vec<Event>,
}

/// Where a run may be cut; the first ones come in every run that deploys.
const PLACES: [&str; 8] = [
    "GitHub: POST /deployments",
    "GitHub: POST /deployments/*/statuses",
    "Render: POST /deploy/* key imgURL",
    "GitHub: POST /graphql",
    "registry: GET /manifests/*",
    "Render: GET /v1/services/*/deploys/*",
    "Render: GET /v1/services/*/deploys limit",
    "Render: GET /v1/services/*/deploys status limit",
];
const WITHOUT_KEY: u64 = 5;

const TROUBLES: [Trouble; 6] = [
    Trouble::RecordDown,
    Trouble::GraphQl("FORBIDDEN"),
    Trouble::GraphQl("RATE_LIMITED"),
    Trouble::DeploymentsDenied,
    Trouble::Create(409),
    Trouble::StatusesDenied,
];

fn pick<T: Clone>(random: &mut Random, all: &[T]) -> T {
    let count = all.len() as u64;
    all[usize::try_from(random.below(count)).expect("a place")].clone()
}

impl History {
    /// The history of a seed. Every other one has an API key.
    pub(super) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let setting = Setting {
            key: if seed.is_multiple_of(2) {
                Key::Given
            } else {
                Key::None
            },
            policy: pick(&mut random, &[Policy::Wait, Policy::Override]),
            services: pick(&mut random, &[Services::Three, Services::Sharing]),
            builds: pick(&mut random, &[Builds::Labelled, Builds::Reproducible]),
            begins: pick(
                &mut random,
                &[Begins::Empty, Begins::Deployed, Begins::Deployed],
            ),
            ends: pick(&mut random, &[Ends::Push, Ends::Push, Ends::Dispatch]),
            checkout: pick(
                &mut random,
                &[Checkout::Full, Checkout::Shallow, Checkout::None],
            ),
            pace: pick(&mut random, &[2, 4]),
        };
        let count = 6 + random.below(5);
        let mut events: Vec<Event> = Vec::new();
        for _ in 0..count {
            let next = follow_up(&mut random, events.last());
            events.push(next.unwrap_or_else(|| event(&mut random, setting.key)));
        }
        Self { setting, events }
    }
}

/// What people do about what has just happened, often enough for it to be found among few histories.
fn follow_up(random: &mut Random, last: Option<&Event>) -> Option<Event> {
    let (ask, percent) = match last? {
        Event::Run(Ask::ForceBack, _) => (Ask::Rerun(1), 40),
        Event::Run(Ask::Push(_), Fortune::Evicted) => (push(random), 50),
        Event::Run(Ask::Push(_), fortune) if *fortune != Fortune::Well => (Ask::Revert, 50),
        Event::RollsBack(..) => (push(random), 50),
        Event::Run(..) | Event::ByHand(..) | Event::TimePasses => return None,
    };
    random
        .happens(percent)
        .then_some(Event::Run(ask, Fortune::Well))
}

fn event(random: &mut Random, key: Key) -> Event {
    let is_by_hand = key == Key::Given && random.happens(24);
    if is_by_hand {
        let (service, which) = (random.byte(), random.byte());
        return if random.happens(30) {
            Event::ByHand(service, which)
        } else {
            Event::RollsBack(service, which)
        };
    }
    let ask = match random.below(100) {
        0..=54 => push(random),
        55..=65 => Ask::Revert,
        66..=75 => Ask::ForceBack,
        76..=83 => Ask::Rerun(random.byte()),
        84..=91 => Ask::Late(random.byte()),
        92..=96 => Ask::Dispatch,
        _ => return Event::TimePasses,
    };
    let fortune = fortune(random, key);
    Event::Run(ask, fortune)
}

fn push(random: &mut Random) -> Ask {
    let mut commit = || {
        let (mask, content) = (1 + random.byte() % 7, 1 + random.byte() % 3);
        (mask, content)
    };
    let first = commit();
    let second = commit();
    Ask::Push(if random.happens(25) {
        vec![first, second]
    } else {
        vec![first]
    })
}

fn fortune(random: &mut Random, key: Key) -> Fortune {
    match random.below(100) {
        0..=34 => Fortune::Well,
        35..=48 => Fortune::Evicted,
        49..=66 => Fortune::Killed(cut(random, key)),
        67..=78 => Fortune::Cancelled(cut(random, key)),
        79..=86 if key == Key::Given => Fortune::Fails(random.byte()),
        79..=86 => Fortune::Killed(cut(random, key)),
        _ => Fortune::Record(pick(random, &TROUBLES)),
    }
}

fn cut(random: &mut Random, key: Key) -> Cut {
    let places = if key == Key::Given {
        PLACES.len() as u64
    } else {
        WITHOUT_KEY
    };
    // Most of the time where something is written: there a cut leaves most behind.
    let kind = if random.happens(70) {
        pick(random, &[0, 1, 1, 2, 2])
    } else {
        random.below(places)
    };
    Cut {
        kind: PLACES[usize::try_from(kind).expect("a place")],
        nth: pick(random, &[1, 1, 2]),
        moment: pick(
            random,
            &[Moment::Unheard, Moment::Unanswered, Moment::Answered],
        ),
    }
}
