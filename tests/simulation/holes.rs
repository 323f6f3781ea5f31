//! Histories that broke an invariant by simpler rules, or by these before they were mended: each as short as it can be, with what it is the
//! reason for.

use crate::event::Event::{self, ForceAside, Kill, Push, Rerun, Revert, Rollback, RollbackTo, Tag};
use crate::event::{At, Hand, History, Naming, Setting, Trouble};
use crate::render::Policy;
use crate::run::Rules;
use crate::shrink::told;
use crate::{Listener, play};

const WITHOUT_KEY: Setting = Setting {
    has_key: false,
    policy: Policy::Override,
    naming: Naming::Index,
    has_labels: true,
    requires: false,
    restores: false,
    has_checkout: true,
};
const WITH_KEY: Setting = Setting {
    has_key: true,
    ..WITHOUT_KEY
};

/// The run goes on so many steps, and Render with it.
const fn go(steps: u8) -> Event {
    Event::Go {
        steps,
        keeps_pace: true,
    }
}

/// The run goes on to its end.
const END: Event = go(u8::MAX);
const CUT: Event = Kill { cancels: false };

/// A commit that gives `api` other content.
fn api(content: u16) -> Event {
    Push(vec![content << 8])
}

#[track_caller]
fn holds(setting: Setting, events: &[Event]) {
    let history = History {
        setting,
        events: events.to_vec(),
    };
    let violation = play(&history, Rules::Real, Listener::Nobody).violation;
    assert_eq!(violation, None, "\n{}", told(&history, Rules::Real));
}

/// Holds by the real rules, and breaks this invariant by those.
#[track_caller]
fn holds_unless(rules: Rules, invariant: u8, setting: Setting, events: &[Event]) {
    holds(setting, events);
    let history = History {
        setting,
        events: events.to_vec(),
    };
    let violation = play(&history, rules, Listener::Nobody).violation;
    assert_eq!(
        violation.map(|violation| violation.invariant),
        Some(invariant),
        "\n{}",
        told(&history, rules)
    );
}

/// The first push: something of every service.
fn all() -> Event {
    Push(vec![1 << 8, 1 + (1 << 8)])
}

#[test]
fn a_run_that_was_evicted_is_made_good() {
    // The second push waits behind the first run and is evicted by the third, whose event begins where the second ended.
    let web = Push(vec![2 + (1 << 8)]);
    let events = [all(), END, api(2), api(3), web, END, END];
    for setting in [WITHOUT_KEY, WITH_KEY] {
        holds_unless(Rules::BaseFromEvent, 1, setting, &events);
    }
}

#[test]
fn a_revert_of_what_was_cut_off_is_deployed() {
    let cut_after = |steps| [all(), END, api(2), go(steps), CUT, Revert(1)];
    holds_unless(Rules::RecordAfterSuccess, 1, WITHOUT_KEY, &cut_after(4));
    for steps in 1..12 {
        holds(WITHOUT_KEY, &cut_after(steps));
        holds(WITH_KEY, &cut_after(steps));
    }
}

#[test]
fn what_the_branch_has_left_does_not_come_back() {
    let aside = ForceAside {
        back: 1,
        change: 3 << 8,
    };
    let events = [all(), END, api(2), END, aside, END, Rerun(1), END];
    for setting in [WITHOUT_KEY, WITH_KEY] {
        holds_unless(Rules::NotAncestorMeansDeploy, 2, setting, &events);
    }
}

#[test]
fn a_rollback_that_was_cut_off_holds_too() {
    holds(
        WITHOUT_KEY,
        &[api(1), END, api(2), END, Rollback(0), go(3), CUT],
    );
    let queued = Setting {
        policy: Policy::Wait,
        ..WITH_KEY
    };
    holds(queued, &[api(1), END, api(2), END, Rollback(0), go(5), CUT]);
}

#[test]
fn a_rollback_in_the_dashboard_in_place_of_ours_holds_what_ours_left() {
    // The deploy that is left was cut off, and ours is ended by the other.
    let at = At {
        environment: 0,
        service: 0,
    };
    let slow = |steps| Event::Go {
        steps,
        keeps_pace: false,
    };
    let first = [
        Push(vec![48252, 48138, 48320]),
        go(7),
        slow(2),
        Revert(3),
        Event::Key,
        slow(5),
        go(8),
        slow(8),
    ];
    let second = [Event::Tick(0), Rollback(0), CUT, go(1), slow(4), slow(3)];
    let third = [
        Event::Dashboard(at, Hand::RollsBack(122)),
        Event::RenderSilent(1),
        go(4),
    ];
    let setting = Setting {
        policy: Policy::Wait,
        naming: Naming::Both,
        restores: true,
        has_checkout: false,
        ..WITHOUT_KEY
    };
    holds(setting, &[&first[..], &second, &third].concat());
}

#[test]
fn a_release_that_may_serve_is_held_for_every_service_that_goes_back() {
    // Both releases were cut off, and there is no API key any more: of `web` it is known that it leaves the first, of `api` nothing is.
    let slow = |steps| Event::Go {
        steps,
        keeps_pace: false,
    };
    let first = [
        Tag(0),
        go(7),
        Push(vec![60932, 61065]),
        slow(5),
        slow(5),
        Tag(1),
        slow(6),
        CUT,
        go(5),
        slow(1),
        slow(5),
    ];
    let second = [
        Event::Unwritable(3),
        slow(7),
        go(6),
        slow(5),
        slow(8),
        slow(6),
        go(8),
        Revert(4),
        Rollback(1),
        CUT,
    ];
    let setting = Setting {
        policy: Policy::Wait,
        has_labels: false,
        has_checkout: false,
        ..WITH_KEY
    };
    holds(setting, &[&first[..], &second, &[Event::Key]].concat());
}

#[test]
fn a_hold_ends_with_a_deploy_that_was_cut_off_after_its_hook() {
    for setting in [WITHOUT_KEY, WITH_KEY] {
        for steps in 4..9 {
            holds(
                setting,
                &[
                    api(1),
                    END,
                    api(2),
                    END,
                    Rollback(0),
                    END,
                    api(3),
                    go(steps),
                    CUT,
                    Revert(1),
                ],
            );
        }
    }
}

#[test]
fn what_was_rolled_back_to_is_newer_than_what_came_before_it() {
    // The deploy of the second commit stands on a page of records that is not read: the newest deploy is of a commit that the branch has left.
    let refused = Event::Hook(Trouble::Refused);
    let team = [
        api(1),
        END,
        api(2),
        END,
        refused,
        api(3),
        END,
        api(0),
        END,
        Rollback(0),
        END,
    ];
    let aside = ForceAside {
        back: 2,
        change: 2 + (1 << 8),
    };
    holds(
        WITH_KEY,
        &[&team[..], &[aside, CUT, Rerun(0), END]].concat(),
    );
}

#[test]
fn the_bytes_of_a_record_are_those_of_the_commit_that_they_were_built_from() {
    // Production would give `web` the bytes that staging ran, of a commit that is equal for `web` and not for `job`, which shares the image.
    // They are no image of the release's commit, though its record would name them.
    let job = Push(vec![3 + (1 << 8)]);
    let first = [job, END, Revert(1), END, Tag(0), go(10), CUT];
    let second = [Revert(0), CUT, Revert(2), END, Tag(1), END, Revert(1), END];
    let setting = Setting {
        requires: true,
        ..WITHOUT_KEY
    };
    holds(setting, &[first.as_slice(), &second].concat());
}

#[test]
fn records_are_read_up_to_a_deploy_that_succeeded() {
    // Three rollbacks fill a page; the release that they left stands behind it.
    let releases = [1, 2, 3, 0]
        .into_iter()
        .flat_map(|content| [api(content), END, Tag(0), END]);
    let back = [
        Rollback(1),
        END,
        Rollback(1),
        END,
        Rollback(1),
        END,
        Rerun(5),
        END,
    ];
    let events: Vec<Event> = releases.chain(back).collect();
    holds_unless(Rules::AnySuccessEndsPaging, 6, WITHOUT_KEY, &events);
}

#[test]
fn a_service_that_stays_goes_back_with_the_others() {
    // A revert has brought `job` the bytes that it had at the commit that is gone back to, so it stays there. "Before" is then what was before
    // that commit for it too, and not what was before the revert.
    let first = [
        Revert(2),
        Push(vec![65208]),
        END,
        Push(vec![26515]),
        END,
        Revert(3),
        END,
    ];
    holds(
        WITHOUT_KEY,
        &[&first[..], &[RollbackTo(0, 242), END, Rollback(0)]].concat(),
    );
    // So it is where it was in between at something else again.
    let first = [
        ForceAside {
            back: 3,
            change: 11671,
        },
        Push(vec![414]),
        END,
        Push(vec![6675]),
        END,
        Push(vec![60099]),
    ];
    let second = [
        go(14),
        END,
        Push(vec![5087]),
        END,
        RollbackTo(0, 163),
        Rollback(0),
    ];
    holds(WITHOUT_KEY, &[&first[..], &second].concat());
}

#[test]
fn a_service_that_went_back_itself_did_not_stay() {
    let first = [
        Push(vec![62148]),
        Push(vec![54781]),
        END,
        END,
        Push(vec![14878]),
        END,
    ];
    holds(
        WITHOUT_KEY,
        &[&first[..], &[Revert(3), Rollback(0), END, Rollback(0)]].concat(),
    );
}

#[test]
fn what_was_before_a_state_that_was_left_once_comes_back_with_it() {
    // Back by two, on again, and by name to what had been left: "before" is what was before that then, and no mixture of both lines.
    let first = [
        Revert(2),
        Push(vec![56756]),
        END,
        Push(vec![701]),
        Push(vec![54895]),
        END,
        Push(vec![12689]),
        END,
    ];
    let second = [
        Push(vec![42031]),
        Push(vec![16190]),
        END,
        Push(vec![57418]),
        END,
        END,
        RollbackTo(0, 158),
    ];
    let third = [
        Push(vec![3819]),
        Push(vec![24416]),
        END,
        END,
        RollbackTo(0, 209),
        Rollback(0),
    ];
    holds(WITH_KEY, &[&first[..], &second, &third].concat());
}

#[test]
fn a_service_that_stays_is_where_the_others_were_led() {
    // `api` stays in the rollback to the third commit, which an earlier rollback had left; it has those bytes from the first commit too.
    let first = [
        Push(vec![24643]),
        END,
        Push(vec![28048]),
        Push(vec![29601]),
        END,
        Push(vec![48100]),
        END,
        END,
    ];
    let second = [
        RollbackTo(0, 97),
        Push(vec![50458]),
        END,
        Push(vec![11802]),
        END,
        RollbackTo(0, 28),
        END,
        Revert(1),
    ];
    let third = [
        END,
        Push(vec![57927]),
        Push(vec![24642]),
        END,
        END,
        RollbackTo(0, 192),
        Rollback(0),
    ];
    holds(WITH_KEY, &[&first[..], &second, &third].concat());
}

#[test]
fn a_rollback_leads_to_one_step_whatever_bytes_recur_there() {
    // By name to the second commit, which the first rollback had left: `api` stays there with bytes that it has from the first commit too.
    let first = [
        Revert(3),
        Push(vec![37222]),
        END,
        Rollback(0),
        END,
        Push(vec![52764]),
        END,
        END,
    ];
    let second = [
        ForceAside {
            back: 1,
            change: 27748,
        },
        Push(vec![51106]),
        END,
        Revert(3),
        Push(vec![34519]),
    ];
    let third = [END, END, Revert(1), END, RollbackTo(0, 132), Rollback(0)];
    let setting = Setting {
        policy: Policy::Wait,
        ..WITHOUT_KEY
    };
    holds(setting, &[&first[..], &second, &third].concat());
}

#[test]
fn two_rollbacks_in_a_row_are_two() {
    let first = [
        Revert(3),
        Push(vec![9364]),
        Push(vec![59700]),
        END,
        Push(vec![12902]),
        END,
        Revert(2),
        END,
        Revert(1),
    ];
    let second = [
        Push(vec![33207]),
        END,
        Rollback(0),
        END,
        END,
        RollbackTo(0, 119),
        Rollback(0),
    ];
    holds(WITH_KEY, &[&first[..], &second].concat());
    let first = [
        Push(vec![45782]),
        Push(vec![26323]),
        CUT,
        Revert(3),
        Push(vec![59700]),
        END,
        Push(vec![12902]),
        END,
    ];
    let second = [
        Revert(2),
        END,
        RollbackTo(0, 119),
        END,
        END,
        ForceAside {
            back: 3,
            change: 12095,
        },
    ];
    let third = [Rollback(0), END, Rollback(0)];
    holds(WITH_KEY, &[&first[..], &second, &third].concat());
}

#[test]
fn a_rollback_that_was_cut_off_is_completed_by_the_next() {
    for setting in [WITHOUT_KEY, WITH_KEY] {
        let mut completed = 0;
        for steps in 1..24 {
            let events = [
                all(),
                END,
                Push(vec![2 << 8, 2 + (2 << 8)]),
                END,
                Push(vec![3 << 8, 2 + (3 << 8)]),
                END,
            ];
            let events = [
                &events[..],
                &[Rollback(0), go(steps), CUT, Rollback(0), END],
            ]
            .concat();
            holds(setting, &events);
            let world = play(&History { setting, events }, Rules::Real, Listener::Nobody);
            completed += world
                .coverage
                .get("rollbacks completed, to where they were to lead")
                .copied()
                .unwrap_or(0);
        }
        assert!(completed > 3, "{completed}");
    }
}
