//! The histories that the rules of deploy records have to hold in, by their numbers.

use super::*;
use crate::event::Edit;
use crate::world::faults::{What, Which};

const fn fault(which: Which, what: What, times: u8) -> Event {
    Event::Fault { which, what, times }
}

#[test]
fn row_1_a_reverted_commit_runs_again_after_its_revert_wrote_nothing() {
    for variant in ALL {
        // M never runs, T reverts it and skips, and M runs late for the first time.
        let events = [
            [variant.pushed(&[content(1)]), vec![RUN, Event::Settle]].concat(),
            variant.pushed(&[content(2)]),
            [
                variant.reverted(1),
                vec![RUN, Event::Settle, variant.run_of(1)],
            ]
            .concat(),
        ];
        holds(variant.setting(), &events.concat());
    }
    for variant in &ALL[1..2] {
        // M fails on Render.
        let events = [
            [
                variant.pushed(&[content(1)]),
                vec![RUN, Event::Settle, Event::RenderFails(0)],
            ]
            .concat(),
            [variant.pushed(&[content(2)]), vec![RUN, Event::Settle]].concat(),
            [
                variant.reverted(1),
                vec![RUN, Event::Settle, variant.run_of(1)],
            ]
            .concat(),
        ];
        holds(variant.setting(), &events.concat());
    }
}

#[test]
fn row_2_the_same_with_another_change_before_the_reverted_commit_runs() {
    for variant in BRANCH {
        let events = [
            [variant.pushed(&[content(1)]), vec![RUN, Event::Settle]].concat(),
            variant.pushed(&[content(2)]),
            [variant.reverted(1), vec![RUN, Event::Settle]].concat(),
            [variant.pushed(&[content(3)]), vec![variant.run_of(1)]].concat(),
        ];
        holds(variant.setting(), &events.concat());
    }
}

#[test]
fn row_3_names_change_and_change_back() {
    for variant in ALL {
        for change in [
            Change::RenameService(0),
            Change::RenameEnvironment(u8::from(variant.to == To::Releases)),
            Change::MoveImage(0),
        ] {
            let renamed = [
                [variant.pushed(&[content(1)]), vec![RUN, Event::Settle]].concat(),
                [
                    variant.pushed(&[change, content(2)]),
                    vec![RUN, Event::Settle],
                ]
                .concat(),
            ]
            .concat();
            let reverted = [renamed, variant.reverted(1), vec![RUN, Event::Settle]].concat();
            // A late run of an older commit, across the change of the name.
            let late = [
                variant.pushed(&[content(1)]),
                [
                    variant.pushed(&[change, content(2)]),
                    vec![RUN, Event::Settle, variant.run_of(0)],
                ]
                .concat(),
            ]
            .concat();
            if variant.key == Key::None {
                holds(variant.setting(), &reverted);
            }
            if variant.key == Key::None {
                holds(variant.setting(), &late);
            }
        }
    }
}

#[test]
fn row_4_a_manifest_comes_and_goes() {
    for variant in BRANCH {
        let setting = Setting {
            begins_without_manifest: true,
            ..variant.setting()
        };
        let events = [
            vec![push(&[content(1)]), RUN, Event::Settle],
            vec![
                push(&[Change::RemoveManifest, content(2)]),
                RUN,
                Event::Settle,
            ],
            vec![Event::Revert { branch: 0, back: 1 }, RUN, Event::Settle],
        ];
        if variant.key == Key::None {
            holds(setting, &events.concat());
        }
    }
}

#[test]
fn row_5_a_late_run_of_a_commit_without_the_manifest() {
    for variant in BRANCH {
        let events = vec![
            push(&[content(1)]),
            RUN,
            Event::Settle,
            push(&[Change::RemoveManifest]),
            push(&[content(2)]),
            Event::Revert { branch: 0, back: 2 },
            RUN,
            Event::Settle,
            variant.run_of(1),
        ];
        holds(variant.setting(), &events);
    }
}

#[test]
fn row_6_two_environments_share_a_hook() {
    let setting = Setting {
        layout: Layout::TwoBranchesOneHook,
        ..PLAIN
    };
    let dev = Event::Push {
        branch: 1,
        commits: vec![vec![content(2)]],
    };
    let events = [
        push(&[content(1)]),
        RUN,
        Event::Settle,
        dev,
        RUN,
        Event::Settle,
        push(&[Change::Readme]),
        RUN,
    ];
    holds(setting, &events);
}

#[test]
fn row_7_a_deploy_that_render_does_not_list_yet() {
    let key = Setting {
        lists_late: true,
        ..BRANCH[1].setting()
    };
    for setting in [
        key,
        Setting {
            wait_accepted: true,
            ..key
        },
    ] {
        let revert = Event::Revert { branch: 0, back: 1 };
        let cut = if setting.wait_accepted {
            vec![RUN]
        } else {
            vec![
                begin(0, 9),
                Event::Kill {
                    slot: 0,
                    arrives: true,
                },
            ]
        };
        let events = [
            vec![push(&[content(1)]), RUN, Event::Settle, push(&[content(2)])],
            cut,
            vec![revert, RUN],
        ]
        .concat();
        holds(setting, &events);
    }
}

#[test]
fn row_8_a_call_is_repeated_after_another_run_has_deployed() {
    for variant in BRANCH {
        for what in [What::Limited, What::Refused, What::Lost] {
            let events = vec![
                push(&[content(1)]),
                RUN,
                Event::Settle,
                fault(Which::Deploys, what, 1),
                push(&[content(2)]),
                begin(0, if variant.key == Key::None { 6 } else { 12 }),
                push(&[content(3)]),
                Event::Run {
                    slot: 1,
                    ask: Ask::Newest,
                    steps: None,
                },
                Event::End { slot: 0 },
            ];
            holds(variant.setting(), &events);
        }
    }
}

#[test]
fn row_9_a_hundred_deployments_by_others() {
    for variant in BRANCH {
        let crowd = Event::Edit(Edit::Crowd {
            service: 0,
            count: 110,
        });
        let deployed = vec![
            push(&[content(1)]),
            RUN,
            Event::Settle,
            push(&[content(2)]),
            RUN,
            Event::Settle,
            crowd,
        ];
        if variant.key == Key::None {
            holds(
                variant.setting(),
                &[deployed.clone(), vec![variant.run_of(0)]].concat(),
            );
            let tip = || vec![variant.run_of_tip(), Event::Settle];
            holds(
                variant.setting(),
                &[
                    deployed,
                    tip(),
                    vec![Event::Edit(Edit::Large { service: 0 })],
                    tip(),
                    tip(),
                ]
                .concat(),
            );
        }
    }
}

#[test]
fn row_10_the_newest_record_is_hidden() {
    for edit in [Edit::Delete(0), Edit::Move(0)] {
        let events = vec![
            push(&[content(1)]),
            RUN,
            Event::Settle,
            push(&[content(2)]),
            RUN,
            Event::Settle,
            Event::Edit(edit),
            Event::Revert { branch: 0, back: 1 },
            RUN,
        ];
        holds(PLAIN, &events);
    }
}

#[test]
fn row_11_a_commit_that_was_forced_away() {
    for key in [Key::None, Key::WithHooks] {
        let setting = Setting {
            layout: Layout::BranchAndReleases,
            old_refs: true,
            key,
            ..PLAIN
        };
        let aside = Event::ForceAside {
            branch: 0,
            back: 1,
            change: content(3),
        };
        let late = Event::Run {
            slot: 0,
            ask: Ask::Again(1),
            steps: None,
        };
        let tag = Event::Tag {
            back: 0,
            is_annotated: false,
        };
        holds(setting, &[push(&[content(2)]), tag, aside.clone(), late]);
        let command = Event::Run {
            slot: 0,
            ask: Ask::Release(0),
            steps: None,
        };
        holds(setting, &[push(&[content(2)]), aside, command]);
    }
}

#[test]
fn row_12_a_branch_or_a_tag_is_gone() {
    for variant in BRANCH {
        holds(
            variant.setting(),
            &[push(&[content(1)]), Event::DeleteBranch { branch: 0 }, RUN],
        );
    }
}

#[test]
fn row_13_github_cannot_be_asked() {
    for variant in BRANCH {
        let setting = Setting {
            by_workflow_run: true,
            ..variant.setting()
        };
        let events = vec![
            push(&[content(1)]),
            RUN,
            Event::Settle,
            push(&[content(2)]),
            RUN,
            Event::Settle,
            fault(Which::GitHub, What::Status(503), 200),
            Event::Run {
                slot: 0,
                ask: Ask::CiAgain(0),
                steps: None,
            },
        ];
        holds(setting, &events);
        let late = vec![
            push(&[content(1)]),
            fault(Which::GitHub, What::Status(503), 200),
            RUN,
        ];
        holds(variant.setting(), &late);
    }
}

#[test]
fn row_14_no_records_and_no_tags() {
    let releases = ALL[2];
    let setting = Setting {
        record: false,
        ..releases.setting()
    };
    let events = [
        [releases.pushed(&[content(1)]), vec![RUN, Event::Settle]].concat(),
        [releases.pushed(&[content(2)]), vec![RUN, Event::Settle]].concat(),
        vec![
            fault(Which::Tags, What::Status(503), 200),
            releases.run_of(0),
        ],
    ];
    holds(setting, &events.concat());
}

#[test]
fn row_15_only_the_manifests_entry_changes() {
    for variant in ALL {
        for change in [Change::Build(0), Change::Paths(0), Change::MoveImage(0)] {
            let events = [
                [variant.pushed(&[content(1)]), vec![RUN, Event::Settle]].concat(),
                variant.pushed(&[change]),
                vec![RUN],
            ];
            holds(variant.setting(), &events.concat());
        }
    }
}

#[test]
fn row_16_two_runs_overlap_at_every_point() {
    for variant in BRANCH {
        for steps in 0..16 {
            for is_older_last in [true, false] {
                let older = begin(0, steps);
                let newer = Event::Run {
                    slot: 1,
                    ask: Ask::Newest,
                    steps: if is_older_last { None } else { Some(steps) },
                };
                let ends = if is_older_last { [1, 0] } else { [0, 1] };
                let ends = ends.map(|slot| Event::End { slot });
                let events = [
                    vec![push(&[content(1)]), older, push(&[content(2)]), newer],
                    ends.to_vec(),
                    vec![Event::Settle, variant.run_of_tip()],
                ];
                holds(variant.setting(), &events.concat());
            }
        }
    }
}
