//! Histories that each broke a promise once: as short as they can be, with hooks alone and with a key, on a branch and with releases where that applies.

mod before;
mod meanwhile;
mod rows;

use crate::checkout::Checkout;
use crate::event::{Ask, Change, Event, History};
use crate::oracle::Found;
use crate::setting::{Builds, Key, Layout, Setting};
use crate::world::render::Policy;
use crate::{Listener, play};

/// Hooks alone, one branch, one service, a full checkout.
const PLAIN: Setting = Setting {
    key: Key::None,
    layout: Layout::Branch,
    services: 1,
    shares_image: false,
    after: false,
    has_extra_paths: false,
    has_shared: false,
    begins_without_manifest: false,
    builds: Builds::Labelled,
    checkout: Checkout::Full,
    old_refs: false,
    by_workflow_run: false,
    record: true,
    wait_accepted: false,
    restores: false,
    policy: Policy::Wait,
    pace: 5,
    lists_late: false,
    is_strict: false,
    overlaps: true,
    has_fifo: false,
    has_probes: false,
    has_floating_tag: false,
    has_required: false,
};

/// Where the deploys of a history go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Branch,
    Releases,
}

/// A variant of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Variant {
    key: Key,
    to: To,
}

const BRANCH: [Variant; 2] = [
    Variant {
        key: Key::None,
        to: To::Branch,
    },
    Variant {
        key: Key::WithHooks,
        to: To::Branch,
    },
];
const ALL: [Variant; 4] = [
    BRANCH[0],
    BRANCH[1],
    Variant {
        key: Key::None,
        to: To::Releases,
    },
    Variant {
        key: Key::WithHooks,
        to: To::Releases,
    },
];

impl Variant {
    fn setting(self) -> Setting {
        let layout = match self.to {
            To::Branch => Layout::Branch,
            To::Releases => Layout::BranchAndReleases,
        };
        Setting {
            key: self.key,
            layout,
            ..PLAIN
        }
    }

    /// A push, and with releases a tag on it. Nothing runs.
    fn pushed(self, changes: &[Change]) -> Vec<Event> {
        let mut events = vec![push(changes)];
        self.tags(&mut events);
        events
    }

    /// A revert of so many commits, and with releases a tag on it. Nothing runs.
    fn reverted(self, back: u8) -> Vec<Event> {
        let mut events = vec![Event::Revert { branch: 0, back }];
        self.tags(&mut events);
        events
    }

    fn tags(self, events: &mut Vec<Event>) {
        if self.to == To::Releases {
            events.push(Event::Tag {
                back: 0,
                is_annotated: false,
            });
        }
    }

    /// The number of the triggers that a push makes.
    const fn triggers(self) -> u8 {
        match self.to {
            To::Branch => 1,
            To::Releases => 2,
        }
    }

    /// The run of the push of that number, counted from 0, again or for the first time.
    fn run_of(self, push: u8) -> Event {
        Event::Run {
            slot: 0,
            ask: Ask::Again(push * self.triggers() + self.triggers() - 1),
            steps: None,
        }
    }

    /// The run of the tip.
    fn run_of_tip(self) -> Event {
        let environment = match self.to {
            To::Branch => 0,
            To::Releases => 1,
        };
        Event::Run {
            slot: 0,
            ask: Ask::Dispatch(environment),
            steps: None,
        }
    }
}

const RUN: Event = Event::Run {
    slot: 0,
    ask: Ask::Newest,
    steps: None,
};

/// The newest run goes on for so many requests.
const fn begin(slot: u8, steps: u8) -> Event {
    Event::Run {
        slot,
        ask: Ask::Newest,
        steps: Some(steps),
    }
}

fn push(changes: &[Change]) -> Event {
    Event::Push {
        branch: 0,
        commits: vec![changes.to_vec()],
    }
}

/// Other content for the first service.
const fn content(content: u8) -> Change {
    Change::Files { image: 0, content }
}

fn found(setting: Setting, events: &[Event]) -> (Vec<Found>, String) {
    let history = History {
        setting,
        events: events.to_vec(),
    };
    let played = play(&history, Listener::Somebody, None);
    (played.found, played.story.join("\n"))
}

/// Holds what is promised, and counts: so many of what begins with these words.
#[track_caller]
fn counts(setting: Setting, events: &[Event], expected: &[(&str, u64)]) {
    let history = History {
        setting,
        events: events.to_vec(),
    };
    let played = play(&history, Listener::Somebody, None);
    let story = || played.story.join("\n");
    assert!(played.found.is_empty(), "{:?}\n{}", played.found, story());
    for (what, times) in expected {
        let count = played.counters.that_begin(what);
        assert_eq!(count, *times, "{what}\n{}", story());
    }
}

/// Holds what is promised.
#[track_caller]
fn holds(setting: Setting, events: &[Event]) {
    let (found, story) = found(setting, events);
    assert!(found.is_empty(), "{found:?}\n{story}");
}
