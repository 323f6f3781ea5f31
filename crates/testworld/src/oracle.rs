//! What holds for every run, whatever it was asked: checked after each one without anybody's asking.

use super::Run;
use super::protocol::LogCommand;
use super::server::Call;
use super::{markdown, tally};
use leaks::{Planted, Search};
use model::{FailureWord, Outcome};
use serde_json::Value;
use std::path::Path;

/// The commands that are ours.
const COMMANDS: &[&str] = &[
    "group", "endgroup", "error", "warning", "notice", "debug", "add-mask",
];

/// The outputs of action.yml.
pub const OUTPUTS: &[&str] = &[
    "tags",
    "tag-names",
    "version",
    "labels",
    "annotations",
    "json",
    "outcome",
    "failure",
    "services",
    "matrix",
    "builds",
    "images",
    "digest",
    "image",
    "environment",
    "sha",
    "release",
    "previews",
    "deploys",
    "build-args",
    "fleet",
    "next-release",
    "summary",
];

/// A host with the requests that it got.
pub struct Heard {
    pub origin: String,
    pub calls: Vec<Call>,
}

/// Everything that is wrong with a run by itself.
pub fn faults(run: &Run, secrets: &[Planted], heard: &[Heard]) -> Vec<String> {
    let mut faults = Vec::new();
    leaks(run, secrets, heard, &mut faults);
    protocol(run, &mut faults);
    words(run, &mut faults);
    shapes(run, &mut faults);
    faults
}

fn leaks(run: &Run, secrets: &[Planted], heard: &[Heard], faults: &mut Vec<String>) {
    let told: Vec<u8> = run
        .commands
        .iter()
        .filter(|command| command.name != "add-mask")
        .flat_map(LogCommand::told)
        .collect();
    let outputs: Vec<u8> = run
        .outputs
        .iter()
        .flat_map(|(key, value)| format!("{key}={value}\n").into_bytes())
        .collect();
    let places: [(&str, &[u8]); 4] = [
        ("the log", &run.said),
        ("the log as the runner reads it", &told),
        ("the outputs", &outputs),
        ("the summary", run.summary.as_bytes()),
    ];
    let search = Search::of(secrets);
    let mut look = |place: &str, bytes: &[u8], origin: Option<&str>| {
        faults.extend(
            search
                .find(bytes, origin)
                .into_iter()
                .map(|found| format!("{place}: {found}")),
        );
        tally::count("bytes searched", bytes.len());
    };
    for (place, bytes) in places {
        look(place, bytes, None);
    }
    for (path, bytes) in &run.left {
        look(&path.display().to_string(), bytes, None);
    }
    for host in heard {
        let bytes: Vec<u8> = host.calls.iter().flat_map(Call::bytes).collect();
        look(
            &format!("requests to {}", host.origin),
            &bytes,
            Some(&host.origin),
        );
    }
    tally::count("runs searched", 1);
    tally::count("secrets searched for", secrets.len());
}

fn protocol(run: &Run, faults: &mut Vec<String>) {
    for command in &run.commands {
        if !COMMANDS.contains(&command.name.as_str())
            || command.syntax == super::protocol::Syntax::Old
        {
            faults.push(format!("a command that is not ours: {command:?}"));
        }
        if command.name == "add-mask" && command.data.trim().len() < 4 {
            faults.push(format!(
                "a mask of {:?} would hide half of the log",
                command.data
            ));
        }
    }
    let groups = run
        .commands
        .iter()
        .filter(|command| command.name == "group")
        .count();
    let ends = run
        .commands
        .iter()
        .filter(|command| command.name == "endgroup")
        .count();
    if groups != ends && !run.is_killed {
        faults.push(format!("{groups} groups begin and {ends} end"));
    }
    for (key, value) in &run.outputs {
        if !OUTPUTS.contains(&key.as_str()) {
            faults.push(format!("an output that is not declared: {key}={value}"));
        }
        let may_have_lines =
            ["tags", "tag-names", "labels", "annotations", "build-args"].contains(&key.as_str());
        if value.contains(['\r', '\0']) || (value.contains('\n') && !may_have_lines) {
            faults.push(format!(
                "an output with control characters: {key}={value:?}"
            ));
        }
    }
    if let Some(error) = &run.output_error {
        faults.push(format!("the runner would fail the step: {error}"));
    }
    for file in ["set_env", "add_path"] {
        if run
            .left
            .iter()
            .any(|(path, bytes)| path.to_string_lossy().contains(file) && !bytes.is_empty())
        {
            faults.push(format!("{file} was written"));
        }
    }
    faults.extend(
        markdown::foreign(&run.summary)
            .into_iter()
            .map(|what| format!("the summary: {what}")),
    );
    for comment in run
        .world
        .github
        .comments()
        .iter()
        .filter(|comment| comment.is_ours())
    {
        faults.extend(
            markdown::foreign(&comment.body)
                .into_iter()
                .map(|what| format!("the comment: {what}")),
        );
    }
}

fn words(run: &Run, faults: &mut Vec<String>) {
    let (outcome, failure) = (run.output("outcome"), run.output("failure"));
    if run.is_plain || run.is_killed {
        return;
    }
    let known = Outcome::ALL.iter().find(|word| word.as_str() == outcome);
    let Some(known) = known else {
        if !(run.is_output_lost && outcome.is_empty()) {
            faults.push(format!("outcome {outcome:?} is no word of the list"));
        }
        return;
    };
    if !failure.is_empty() && !FailureWord::ALL.iter().any(|word| word.as_str() == failure) {
        faults.push(format!("failure {failure:?} is no word of the list"));
    }
    let is_bad = matches!(
        known,
        Outcome::Failed | Outcome::Refused | Outcome::Cancelled
    );
    if is_bad == failure.is_empty() {
        faults.push(format!("outcome {outcome} with failure {failure:?}"));
    }
    // `status --fail-behind` ends with 1 where something is behind; nothing has failed then.
    let is_behind = *known == Outcome::Planned && run.exit == 1 && !run.output("fleet").is_empty();
    if is_bad == (run.exit == 0) && !is_behind {
        faults.push(format!("outcome {outcome} with exit code {}", run.exit));
    }
    if !matches!(run.exit, 0..=2) {
        faults.push(format!("exit code {} is none of ours", run.exit));
    }
    if run.exit == 2 {
        let more: Vec<&String> = run
            .outputs
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, _)| key)
            .collect();
        if more
            .iter()
            .any(|key| !["outcome", "failure", "summary"].contains(&key.as_str()))
        {
            faults.push(format!("a wrong request set outputs: {more:?}"));
        }
    }
    if is_bad && !run.commands.iter().any(|command| command.name == "error") {
        faults.push("it failed without an error annotation".into());
    }
    let text = format!("{}\n{}", run.shown(), run.summary);
    for word in ["panicked at", "RUST_BACKTRACE", "NaN", "[object"] {
        if text.contains(word) {
            faults.push(format!("{word:?} in what it said"));
        }
    }
}

/// The closed alphabet of texts that become outputs.
fn is_plain(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || " ._:/@,()+-".contains(c))
}

fn shapes(run: &Run, faults: &mut Vec<String>) {
    if !is_plain(run.output("summary")) {
        faults.push(format!(
            "summary {:?} leaves its alphabet",
            run.output("summary")
        ));
    }
    for (key, wanted) in [
        ("services", "["),
        ("matrix", "{"),
        ("images", "{"),
        ("deploys", "["),
        ("previews", "{"),
        ("json", "{"),
    ] {
        let text = run.output(key);
        if !text.is_empty()
            && (!text.starts_with(wanted) || serde_json::from_str::<Value>(text).is_err())
        {
            faults.push(format!("{key} is not the JSON that was promised: {text}"));
        }
    }
    let previews: Value = serde_json::from_str(run.output("previews")).unwrap_or_default();
    for (service, url) in previews.as_object().into_iter().flatten() {
        let is_https = url.as_str().is_some_and(|url| url.starts_with("https://"));
        if !is_https {
            faults.push(format!("the preview of {service} is at {url}"));
        }
    }
    let deploys: Value = serde_json::from_str(run.output("deploys")).unwrap_or_default();
    let deploys = deploys.as_array().cloned().unwrap_or_default();
    for deploy in &deploys {
        let text = |key: &str| deploy[key].as_str().unwrap_or_default();
        if text("reason").chars().count() > 120 || !is_plain(text("reason")) {
            faults.push(format!(
                "reason {:?} leaves its alphabet or its length",
                text("reason")
            ));
        }
        if !["deploy", "skip", "refuse"].contains(&text("decision")) {
            faults.push(format!("decision {:?}", deploy["decision"]));
        }
    }
    // The contract's 1.5 KiB a service or image, and the same once for what does not depend on their number.
    let (size, most) = (run.output_file.len(), (run.things + 1) * 1536);
    if size > most {
        faults.push(format!(
            "{size} bytes of outputs for {} services and images",
            run.things
        ));
    }
}

/// A step may not touch what is not its own.
pub fn mark(path: &Path) -> Option<String> {
    std::fs::read_to_string(path)
        .ok()
        .map(|text| format!("it started programs: {}", text.replace('\n', " ")))
}
