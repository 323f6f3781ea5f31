//! What has to be so after a run in which something went wrong, and after the next one.

use super::journey::Journey;
use testworld::fault::{Fault, Faulty};
use testworld::github::record::Recorded;
use testworld::render::service_id;
use testworld::server::Call;
use testworld::{Run, World};

/// The image that serves under this name on Render.
fn live(world: &World, name: &str) -> Option<String> {
    let previews = world.render.previews();
    if name.contains("-pr-") {
        return previews
            .into_iter()
            .find(|preview| preview.name == name)
            .and_then(|preview| preview.live);
    }
    world.render.live(name)
}

/// The image that a service is to have.
fn wanted(journey: &Journey, world: &World, (name, image): (&str, &str)) -> String {
    let newest = || format!("{}@{}", world.repository(image), world.digest(image));
    let first = world
        .render
        .standing()
        .into_iter()
        .find(|deploy| deploy.service == name);
    first
        .filter(|_| journey.goes_back())
        .map_or_else(newest, |deploy| deploy.image)
}

/// The records of this run's attempts.
fn own(journey: &Journey, world: &World, service: &str) -> Vec<Recorded> {
    let is_own = |record: &Recorded| {
        let is_of_run = if journey.goes_back() {
            record.kind == "rollback"
        } else {
            record.commit == world.commit()
        };
        record.service == service && is_of_run
    };
    world.github.records().into_iter().filter(is_own).collect()
}

/// The outputs, the record and the log say what is so.
pub(super) fn told(journey: &Journey, run: &Run, fault: Fault, struck: &[Call]) {
    let world = &run.world;
    let has_key = world.has_key();
    let rows = if run.output("deploys").is_empty() {
        serde_json::json!([])
    } else {
        run.json("deploys")
    };
    let mut failed = Vec::new();
    for (name, image) in journey.services {
        let wanted = wanted(journey, world, (name, image));
        let sent = run
            .hooks
            .iter()
            .filter(|call| call.service == *name && call.image == wanted)
            .count();
        let all = run
            .hooks
            .iter()
            .filter(|call| call.service == *name)
            .count();
        run.equal(
            &format!("deploys of {name} with other images"),
            &(all - sent),
            &0,
        );
        let most = if has_key { 1 } else { 2 };
        if sent > most {
            run.fail(&format!("{name} was asked for {sent} times"));
        }
        let row = rows
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["service"] == **image));
        let status = row
            .and_then(|row| row["status"].as_str())
            .unwrap_or_default();
        let is_live = live(world, name).as_ref() == Some(&wanted);
        let is_true = match status {
            "live" => is_live,
            "accepted" => sent > 0,
            "not-started" | "skipped" | "held" | "superseded" => sent == 0,
            _ => true,
        };
        if !is_true {
            run.fail(&format!(
                "{name} is told to be {status}, was sent {sent} times, and is live: {is_live}"
            ));
        }
        if !matches!(status, "" | "live" | "accepted" | "not-started" | "skipped") {
            failed.push(*image);
        }
        let records = own(journey, world, image);
        for record in &records {
            let says_live = record.description.starts_with("live");
            let is_true = match record.state.as_str() {
                "success" => sent > 0 && (is_live || !says_live),
                "error" => sent == 0,
                "failure" => !is_live,
                _ => true,
            };
            if !is_true {
                run.fail(&format!(
                    "{record:?} of {name}, sent {sent} times, live: {is_live}"
                ));
            }
        }
        let is_preview = name != image;
        let is_recorded = if is_preview {
            !world.github.preview_records().is_empty()
        } else {
            !records.is_empty()
        };
        let is_told = run
            .annotations("warning")
            .iter()
            .any(|warning| warning.contains("keeps no record of its"));
        if sent > 0 && !is_recorded && !is_told {
            run.fail(&format!(
                "{name} was deployed, nothing is recorded, and nobody is told"
            ));
        }
    }
    // What went wrong with one service's request is that service's failure; but where a server refuses connections, it refuses everybody's.
    let about = |call: &Call| {
        journey
            .services
            .iter()
            .find(|(name, _)| call.path.contains(&service_id(name)))
    };
    let blamed: Vec<&str> = struck
        .iter()
        .filter_map(|call| about(call).map(|(_, image)| *image))
        .collect();
    if let Some(first) = blamed.first()
        && fault != Fault::Refused
        && blamed.len() == struck.len()
        && blamed.iter().all(|image| image == first)
        && failed.iter().any(|image| image != first)
    {
        run.fail(&format!(
            "{failed:?} failed, and what went wrong was of {first}"
        ));
    }
    if run.exit != 0 {
        let said = run.annotations("error").join("\n");
        let is_named = failed.is_empty()
            || failed
                .iter()
                .all(|image| said.contains(image) || run.summary.contains(image));
        if !is_named || run.summary.trim().is_empty() {
            run.fail("it does not say what failed");
        }
    }
}

/// Only a registry is believed that what was asked for is elsewhere, where nothing was to be written, and it is asked there without any
/// credential. Its token server is not.
pub(super) fn led(faulty: &Faulty, run: &Run) {
    for call in faulty.led_to() {
        let is_question = ["registry: GET ", "registry: HEAD "]
            .iter()
            .any(|kind| faulty.kind.starts_with(kind));
        if !is_question || faulty.kind.contains("/token") || call.header("authorization").is_some()
        {
            run.fail(&format!("a redirect was followed: {}", call.line()));
        }
    }
}

/// Everything is as it was to be. `is_recorded`: the record could be written, so that a rollback is known not to go one further.
pub(super) fn made_good(journey: &Journey, run: &Run, is_recorded: bool) {
    let outcome = run.output("outcome");
    let goes_no_further = journey.goes_back() && !is_recorded && outcome == "refused";
    if !goes_no_further && (run.exit != 0 || !journey.outcomes.contains(&outcome)) {
        run.fail(&format!(
            "the run with nothing in its way ended {outcome:?}"
        ));
    }
    run.world.render.settle();
    for (name, image) in journey.services {
        let wanted = wanted(journey, &run.world, (name, image));
        run.equal(
            &format!("what {name} serves"),
            &live(&run.world, name),
            &Some(wanted),
        );
    }
    (journey.also)(run);
}
