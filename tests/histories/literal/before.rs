//! Histories that broke simpler rules than the present ones, or the present ones before they were mended.

use super::*;
use crate::event::Hand;
use crate::world::faults::{What, Which};

const KEYS: [Key; 2] = [Key::None, Key::WithHooks];

fn with(key: Key) -> Setting {
    Setting { key, ..PLAIN }
}

#[test]
fn a_run_that_was_evicted_is_made_good() {
    // The second push waits behind the first run and is evicted by the third, whose event begins where the second ended.
    for key in KEYS {
        let setting = Setting {
            services: 2,
            ..with(key)
        };
        let other = push(&[Change::Files {
            image: 1,
            content: 1,
        }]);
        holds(
            setting,
            &[push(&[content(1)]), RUN, push(&[content(2)]), other, RUN],
        );
    }
}

#[test]
fn a_revert_of_what_was_cut_off_is_deployed() {
    for key in KEYS {
        for steps in 0..20 {
            for arrives in [false, true] {
                let kill = Event::Kill { slot: 0, arrives };
                let events = [
                    push(&[content(1)]),
                    RUN,
                    push(&[content(2)]),
                    begin(0, steps),
                    kill,
                    Event::Revert { branch: 0, back: 1 },
                    RUN,
                    Event::Settle,
                ];
                holds(with(key), &events);
            }
        }
    }
}

#[test]
fn what_the_branch_has_left_does_not_come_back() {
    for key in KEYS {
        let aside = Event::ForceAside {
            branch: 0,
            back: 1,
            change: content(3),
        };
        let again = Event::Run {
            slot: 0,
            ask: Ask::Again(1),
            steps: None,
        };
        holds(
            with(key),
            &[
                push(&[content(1)]),
                RUN,
                push(&[content(2)]),
                RUN,
                aside,
                RUN,
                again,
            ],
        );
    }
}

const ROLLBACK: Event = Event::Run {
    slot: 0,
    ask: Ask::Rollback(0),
    steps: None,
};

fn two_deploys() -> Vec<Event> {
    vec![
        push(&[content(1)]),
        RUN,
        Event::Settle,
        push(&[content(2)]),
        RUN,
        Event::Settle,
    ]
}

#[test]
fn a_rollback_that_was_cut_off_holds_too() {
    for key in KEYS {
        for steps in 0..20 {
            let rollback = Event::Run {
                slot: 0,
                ask: Ask::Rollback(0),
                steps: Some(steps),
            };
            let events = [
                two_deploys(),
                vec![
                    rollback,
                    Event::Kill {
                        slot: 0,
                        arrives: true,
                    },
                    Event::Settle,
                    push(&[Change::Readme]),
                    RUN,
                ],
            ]
            .concat();
            holds(with(key), &events);
        }
    }
}

#[test]
fn a_hold_ends_with_a_deploy_that_was_cut_off_after_its_hook() {
    for key in KEYS {
        for steps in 0..20 {
            let events = [
                two_deploys(),
                vec![
                    ROLLBACK,
                    Event::Settle,
                    push(&[content(3)]),
                    begin(0, steps),
                    Event::Kill {
                        slot: 0,
                        arrives: true,
                    },
                ],
                vec![Event::Revert { branch: 0, back: 1 }, RUN, Event::Settle],
            ]
            .concat();
            holds(with(key), &events);
        }
    }
}

#[test]
fn a_rollback_in_the_dashboard_holds() {
    let events = [
        two_deploys(),
        vec![
            Event::Hand(0, Hand::RollsBack(0)),
            Event::Settle,
            push(&[Change::Readme]),
            RUN,
        ],
    ]
    .concat();
    holds(with(Key::WithHooks), &events);
}

#[test]
fn records_are_read_up_to_a_deploy_that_succeeded() {
    // Rollbacks fill a page of records; the release that they left is behind it.
    let setting = Setting {
        layout: Layout::BranchAndReleases,
        ..PLAIN
    };
    let rollback = Event::Run {
        slot: 0,
        ask: Ask::Rollback(1),
        steps: None,
    };
    let releases = Variant {
        key: Key::None,
        to: To::Releases,
    };
    let mut events: Vec<Event> = (1..4)
        .flat_map(|number| {
            [
                releases.pushed(&[content(number)]),
                vec![RUN, Event::Settle],
            ]
            .concat()
        })
        .collect();
    for _ in 0..25 {
        events.extend([rollback.clone(), Event::Settle]);
    }
    events.push(releases.run_of(2));
    holds(setting, &events);
}

#[test]
fn a_rollback_while_render_is_silent() {
    // What serves cannot be asked, and is not what the branch is on.
    let silence = Event::Fault {
        which: Which::Render,
        what: What::Status(503),
        times: 9,
    };
    let events = [
        two_deploys(),
        vec![
            push(&[content(3)]),
            silence,
            ROLLBACK,
            Event::Heal,
            Event::Settle,
        ],
        vec![push(&[content(2)]), RUN],
    ];
    holds(with(Key::WithHooks), &events.concat());
}

#[test]
fn a_label_of_a_base_image_is_no_proof_of_what_an_image_was_built_from() {
    // The digest of c3's image was given, and its label names c0. c1 is equal to c0, and was never built. Then c4 is equal to c1.
    for key in KEYS {
        let setting = Setting {
            builds: Builds::Inherited,
            wait_accepted: true,
            ..with(key)
        };
        let commits = vec![vec![Change::Readme], vec![content(1)]];
        let older = Event::Run {
            slot: 0,
            ask: Ask::Force { which: 0, to: 2 },
            steps: None,
        };
        let events = [
            vec![Event::Push { branch: 0, commits }],
            vec![push(&[content(3)]), RUN, Event::Settle],
            vec![older, Event::Settle],
            vec![push(&[content(0)]), BRANCH[0].run_of_tip()],
        ];
        holds(setting, &events.concat());
    }
}

#[test]
fn a_deploy_goes_live_after_the_one_that_waited_behind_it_has_failed() {
    // c3's deploy is accepted behind c2's, and fails. Nobody but the service could tell. c3 is equal to what was live before c2.
    let setting = Setting {
        has_probes: true,
        ..with(Key::None)
    };
    let events = [
        vec![push(&[Change::Readme]), RUN, Event::Settle],
        vec![Event::RenderSlow(0), push(&[content(3)]), RUN],
        vec![Event::RenderFails(0), push(&[content(0)]), RUN],
        vec![Event::Settle, BRANCH[0].run_of_tip()],
    ];
    holds(setting, &events.concat());
}
