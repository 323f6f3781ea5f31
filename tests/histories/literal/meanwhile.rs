//! Rows 17 and 18 of the list that `rows` begins: what comes between a run's last look and the end of its deploy.

use super::*;
use crate::world::faults::{What, Which};

const SUPERSEDED: &str = "runs that end superseded";
const FAILED: &str = "runs that end failed";
const CALLS: &str = "deploys asked for";

const LIMITED: Event = Event::Fault {
    which: Which::Deploys,
    what: What::Limited,
    times: 1,
};

/// A deploy takes a minute: a run that follows it looks for rollbacks meanwhile.
fn slowly(variant: Variant) -> Setting {
    Setting {
        pace: 30,
        ..variant.setting()
    }
}

/// Three pushes, of which the first two are deployed. The run of the third one goes on like this; then a rollback comes, and the run goes on.
fn rolled_back(variant: Variant, begun: &[Event]) -> Vec<Event> {
    let mut events = Vec::new();
    for number in 1..3 {
        events.extend(variant.pushed(&[content(number)]));
        events.extend([RUN, Event::Settle]);
    }
    events.extend(variant.pushed(&[content(3)]));
    events.extend_from_slice(begun);
    let environment = u8::from(variant.to == To::Releases);
    events.push(Event::Run {
        slot: 1,
        ask: Ask::Rollback(environment),
        steps: None,
    });
    events.extend([Event::End { slot: 0 }, Event::Settle]);
    events.extend(variant.pushed(&[Change::Readme]));
    events.extend([RUN, Event::Settle]);
    events
}

#[test]
fn row_17_a_rollback_between_two_calls() {
    // The repeated call is not made: three pushes were called for, and the rollback.
    for variant in ALL.into_iter().filter(|variant| variant.key == Key::None) {
        let begun = [LIMITED, begin(0, 0), Event::GoToCall { slot: 0 }];
        counts(
            slowly(variant),
            &rolled_back(variant, &begun),
            &[(CALLS, 4)],
        );
    }
}

#[test]
fn row_17_a_rollback_between_a_look_and_a_call() {
    for variant in ALL {
        let begun = [begin(0, 0), Event::GoBeforeCall { slot: 0 }];
        holds(slowly(variant), &rolled_back(variant, &begun));
    }
}

#[test]
fn row_17_a_rollback_while_a_deploy_is_followed() {
    for variant in ALL {
        let begun = [begin(0, 0), Event::GoToCall { slot: 0 }];
        let times = u64::from(variant.key != Key::None);
        counts(
            slowly(variant),
            &rolled_back(variant, &begun),
            &[(SUPERSEDED, times)],
        );
    }
}

#[test]
fn row_17_a_rollback_under_another_name_of_the_service() {
    for variant in ALL {
        let is_followed = variant.key != Key::None;
        let (fault, expected) = if is_followed {
            (Event::Heal, (SUPERSEDED, 1))
        } else {
            (LIMITED, (CALLS, 4))
        };
        let mut begun = vec![fault, begin(0, 0), Event::GoToCall { slot: 0 }];
        begun.extend(variant.pushed(&[Change::RenameService(0)]));
        counts(slowly(variant), &rolled_back(variant, &begun), &[expected]);
    }
}

#[test]
fn row_18_a_call_whose_answer_was_lost_is_repeated() {
    for variant in ALL {
        let setting = Setting {
            policy: Policy::Override,
            lists_late: true,
            ..variant.setting()
        };
        let lost = Event::Fault {
            which: Which::Deploys,
            what: What::Lost,
            times: 1,
        };
        let events = [
            [variant.pushed(&[content(1)]), vec![RUN, Event::Settle]].concat(),
            [variant.pushed(&[content(2)]), vec![lost, RUN]].concat(),
        ];
        counts(setting, &events.concat(), &[(CALLS, 3), (FAILED, 0)]);
    }
}

#[test]
fn row_18_a_deploy_that_gave_way_to_another_of_the_same_digest() {
    for variant in ALL {
        // The second run of the commit does not see the first one's deploy, which Render cancels for the second.
        let setting = Setting {
            policy: Policy::Override,
            lists_late: true,
            ..slowly(variant)
        };
        let again = Event::Run {
            slot: 1,
            ask: Ask::Newest,
            steps: None,
        };
        let events = [
            [variant.pushed(&[content(1)]), vec![RUN, Event::Settle]].concat(),
            variant.pushed(&[content(2)]),
            vec![begin(0, 0), Event::GoToCall { slot: 0 }, again],
            vec![Event::End { slot: 0 }],
        ];
        let expected = [(CALLS, 3), (FAILED, 0), (SUPERSEDED, 0)];
        counts(setting, &events.concat(), &expected);
    }
}

#[test]
fn row_18_one_of_two_calls_failed_and_the_other_comes() {
    // Both calls are taken. The first one's deploy fails and is listed; the second one's waits and is not. Then the commit is reverted.
    for variant in ALL.into_iter().filter(|variant| variant.key != Key::None) {
        let setting = Setting {
            lists_late: true,
            ..variant.setting()
        };
        let taken = Event::Fault {
            which: Which::Deploys,
            what: What::TakenBut(502),
            times: 1,
        };
        let events = [
            [variant.pushed(&[content(1)]), vec![RUN, Event::Settle]].concat(),
            vec![
                Event::RenderFails(u8::from(variant.to == To::Releases)),
                taken,
            ],
            [variant.pushed(&[content(2)]), vec![RUN]].concat(),
            [variant.reverted(1), vec![RUN]].concat(),
        ];
        holds(setting, &events.concat());
    }
}
