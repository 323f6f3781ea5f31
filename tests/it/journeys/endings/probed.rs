//! Every ending of docs/endings.md once more, for a service that has a probe.

use super::{Mode, SCENARIOS, Told, asked_world, found, played, table};
use crate::journeys::at_once;

/// Plays the same scenarios for a service that has a probe. What the table calls accepted, the service's own answers then decide; everything else ends
/// as it does without one.
fn play_probed(mode: Mode) {
    let rows = table().into_iter();
    let rows: Vec<_> = rows
        .filter(|(name, _)| !name.starts_with("The probe"))
        .collect();
    at_once(rows, |(name, [hook, key])| {
        let Some(mut wanted) = (if mode == Mode::Hook { hook } else { key }) else {
            return;
        };
        let known = SCENARIOS.iter().find(|(own, _)| *own == name);
        let (_, scenario) = known.expect("a scenario");
        let (run, commit) = played(mode, asked_world(), scenario);
        let answered = run.world.sites[0].answered();
        let last: Vec<&String> = answered.iter().rev().take(3).map(|(_, own)| own).collect();
        let is_right = last.len() == 3 && last.iter().all(|own| **own == commit);
        if wanted.status == "accepted" && !name.contains("`wait: accepted`") {
            let words = match is_right {
                true => ["live", "", "live"],
                false => ["failed", "probe-failed", "open"],
            };
            let [status, failure, record] = words.map(str::to_owned);
            let exit = i32::from(!is_right);
            wanted = Told {
                status,
                failure,
                exit,
                record,
            };
        } else if wanted.status != "live" {
            let asked = answered.len();
            run.equal(&format!("{name}: times it was asked"), &asked, &0);
        }
        let what = format!("{name} ({mode:?}, with a probe)");
        run.equal(&what, &found(&run, &commit), &wanted);
    });
}

#[test]
fn every_ending_of_a_hook_is_as_the_service_answers_where_it_has_a_probe() {
    play_probed(Mode::Hook);
}

#[test]
fn every_ending_with_an_api_key_stays_as_it_is_where_the_probe_is_answered() {
    play_probed(Mode::Key);
}
