//! Gets the container images that a GitHub workflow pushed to GHCR live on Render: exactly those bytes, for exactly
//! the services that changed.
//!
//! ARCHITECTURE.md says which room is on which floor, and why.

mod cleanup;
mod commands;
mod context;
pub mod decide;
pub mod domain;
pub mod failure;
mod gate;
pub mod github;
pub mod history;
mod images;
pub mod intake;
mod previews;
pub mod registry;
pub mod render;
pub mod report;
pub mod repository;
mod resolve;
mod rollout;
pub mod runner;
mod state;
mod tags;
pub mod transport;

use context::Context;
use domain::{DeployHook, Level, Notice, Outcome, Secret};
use failure::Failure;
use intake::inputs::Request;
use report::{RunReport, summary};
use runner::{Arguments, Asked, Log, OutputsFile, Signals, Surroundings, Tongue};
use std::cell::RefCell;
use std::process::ExitCode;

/// The end of a run: what happened, and the exit code where the outcome alone does not say it.
struct End {
    report: RunReport,
    failure: Option<Failure>,
}

/// Runs the program: reads the request, does what it asks, reports, and answers the exit code.
pub async fn run(line: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let mut signals = Signals::listen();
    let around = Surroundings::read();
    let tongue = if around.on_runner {
        Tongue::Runner
    } else {
        Tongue::Terminal
    };
    let log = Log::new(tongue, around.is_debug).on(around.screen);
    let arguments = match Arguments::parse(line) {
        Asked::Run(arguments) => arguments,
        Asked::Print(text) => {
            log.result(&text);
            return ExitCode::SUCCESS;
        }
        Asked::Wrong(text) => {
            log.say(text.trim_end());
            return ExitCode::from(2);
        }
    };
    // A file of SARIF holds nothing else, in a workflow too.
    let log = match arguments.is_sarif() {
        true => Log::new(Tongue::Terminal, around.is_debug),
        false => log,
    };
    let given = Surroundings::inputs(&arguments);
    // Before anything else is said: whatever may be a secret.
    for secret in given
        .secrets()
        .map(Secret::new)
        .chain(Surroundings::likely_hooks())
    {
        log.mask_lines(&secret);
    }
    runner::trace_to(&log);
    let mut outputs = match around.outputs.as_deref().map(OutputsFile::open).transpose() {
        Ok(outputs) => outputs,
        Err(error) => {
            log.notice(&Notice::new(
                Level::Error,
                "Outputs cannot be written",
                format!("{error}; nothing was done"),
            ));
            return ExitCode::FAILURE;
        }
    };
    let end = act(&given, around.clone(), &log, &mut signals).await;
    warn_of_masked_outputs(&end, given.get("registry-username"), &log);
    if arguments.is_sarif() {
        let checked = end.report.checked.as_ref();
        let found = checked.map(|checked| report::sarif(checked, env!("CARGO_PKG_VERSION")));
        found
            .iter()
            .for_each(|text| log.result(&format!("{}\n", log.blot(text))));
        return report(&end, &around, &log, outputs.as_mut(), false);
    }
    report(&end, &around, &log, outputs.as_mut(), arguments.is_json())
}

/// Does what is asked, until it is done or a signal ends it.
async fn act(
    given: &intake::inputs::Given,
    around: Surroundings,
    log: &Log,
    signals: &mut Signals,
) -> End {
    let request = match Request::read(given) {
        Ok(request) => request,
        Err(errors) => {
            return stopped(
                RunReport::new(Outcome::Refused, ""),
                Failure::Inputs(errors),
            );
        }
    };
    for hook in request
        .deploy_hook
        .iter()
        .chain(request.deploy_hooks.values())
    {
        mask_hook(log, hook);
    }
    let report = RefCell::new(RunReport::new(Outcome::Nothing, "nothing was done"));
    if let Some(result) = commands::run_locally(&request, &around, log, &report) {
        let report = report.into_inner();
        return match result {
            Ok(()) => End {
                report,
                failure: None,
            },
            Err(failure) => stopped(report, failure),
        };
    }
    let context = match Context::enter(request, around, log.clone()) {
        Ok(context) => context,
        Err(failure) => return stopped(RunReport::new(Outcome::Refused, ""), failure),
    };
    let result = tokio::select! {
        biased;
        () = signals.interrupted() => {
            rollout::cancelled(&context).await;
            Ok(())
        }
        result = commands::run(&context) => result,
        () = log.keep_alive() => Ok(()),
    };
    log.waits_no_more();
    let report = context.progress.borrow().clone();
    match result {
        Ok(()) => End {
            report,
            failure: None,
        },
        Err(failure) => stopped(report, failure),
    }
}

/// GitHub drops a job output in which any secret stands, and a username is often kept as one.
fn warn_of_masked_outputs(end: &End, username: Option<&str>, log: &Log) {
    let Some(username) = username.filter(|username| !username.is_empty()) else {
        return;
    };
    let values = report::outputs::outputs(&end.report);
    let names: Vec<&str> = values
        .iter()
        .filter(|(_, value)| value.contains(username))
        .map(|(name, _)| *name)
        .collect();
    if !names.is_empty() {
        let text = format!(
            "registry-username stands in {}; if it is kept as a secret, GitHub drops these as job outputs",
            names.join(", ")
        );
        log.notice(&Notice::new(
            Level::Warning,
            "Outputs that GitHub may drop",
            text,
        ));
    }
}

fn mask_hook(log: &Log, hook: &DeployHook) {
    log.mask(&hook.url());
    log.mask(hook.key());
}

/// A story that a failure ended.
fn stopped(mut report: RunReport, failure: Failure) -> End {
    let told = failure.told();
    report.outcome = failure.outcome();
    report.headline = format!(
        "{}: {}",
        if report.outcome == Outcome::Refused {
            "Refused"
        } else {
            "Failed"
        },
        failure.headline()
    );
    report.failed = Some(told);
    End {
        report,
        failure: Some(failure),
    }
}

fn report(
    end: &End,
    around: &Surroundings,
    log: &Log,
    outputs: Option<&mut OutputsFile>,
    is_json: bool,
) -> ExitCode {
    log.end_group();
    let report = &end.report;
    let mut code = exit_code(end);
    let mut values = report::outputs::outputs(report);
    if report.outcome == Outcome::Refused {
        // What is refused leaves nothing behind that a later step could take for a result.
        values.retain(|name, _| matches!(*name, "outcome" | "failure"));
    }
    for (name, value) in &mut values {
        if log.holds_secret(value) {
            log.notice(&Notice::new(
                Level::Error,
                "An output held a secret",
                format!("output {name} is left empty"),
            ));
            value.clear();
            code = code.max(1);
        }
    }
    for notice in notices(end, log) {
        log.notice(&notice);
    }
    log.say(&report.headline);
    if let Some(checked) = report.checked.as_ref().filter(|_| is_json) {
        let failure = report
            .failure()
            .map(|failed| failed.word.as_str())
            .unwrap_or_default();
        log.result(&format!(
            "{}\n",
            log.blot(&report::check_json(
                checked,
                report.outcome.as_str(),
                failure
            ))
        ));
    } else if let Some(written) = report.written.as_ref().filter(|_| is_json) {
        log.result(&format!(
            "{}\n",
            log.blot(&written.json(report.outcome.as_str()))
        ));
    } else if is_json {
        let object: serde_json::Map<String, serde_json::Value> = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), serde_json::Value::from(value.as_str())))
            .collect();
        log.result(&format!("{}\n", serde_json::Value::Object(object)));
    }
    if let Some(Err(error)) = outputs.map(|file| file.write(&values)) {
        log.notice(&Notice::new(
            Level::Error,
            "Outputs cannot be written",
            error.to_string(),
        ));
        code = code.max(1);
    }
    if let Some(Err(error)) = around
        .summary
        .as_deref()
        .map(|path| runner::append_summary(path, &log.blot(&summary(report))))
    {
        log.notice(&Notice::new(
            Level::Warning,
            "The summary cannot be written",
            error.to_string(),
        ));
    }
    ExitCode::from(code)
}

/// The runner shows ten annotations of a kind for a step; the last one says how many there are.
const MOST_ANNOTATIONS: usize = 9;

/// What is to be seen beside the log: the failure, and every mistake of a manifest in its place.
fn notices(end: &End, log: &Log) -> Vec<Notice> {
    if let Some(Failure::Manifest { path, mistakes }) = &end.failure {
        let notice = |mistake: &intake::manifest::Mistake| Notice {
            level: Level::Error,
            title: "Deploy manifest".into(),
            text: format!("{} ({})", mistake.what(), mistake.remedy()),
            place: Some((path.clone(), mistake.line(), mistake.column())),
        };
        let mut notices: Vec<Notice> = mistakes.iter().take(MOST_ANNOTATIONS).map(notice).collect();
        if mistakes.len() > MOST_ANNOTATIONS {
            let rest = &mistakes[MOST_ANNOTATIONS..];
            rest.iter()
                .for_each(|mistake| log.say(&format!("{path}:{mistake}")));
            notices.push(Notice::new(
                Level::Error,
                "Deploy manifest",
                format!("{path}: {} more mistakes, in the log", rest.len()),
            ));
        }
        return notices;
    }
    let tell = |who: String, failed: &report::Failed| {
        let page = failed
            .page
            .as_ref()
            .map(|page| format!(" Its page on Render: {page}"))
            .unwrap_or_default();
        Notice::new(
            Level::Error,
            failed.word.as_str(),
            format!("{who}{}\n{}{page}", failed.text, failed.hint),
        )
    };
    let of_run = end
        .report
        .failed
        .iter()
        .map(|failed| tell(String::new(), failed));
    let of_services = end.report.services.iter().filter_map(|ended| {
        ended
            .failed
            .as_ref()
            .map(|failed| tell(format!("{}: ", ended.service), failed))
    });
    let mut notices: Vec<Notice> = of_run.chain(of_services).collect();
    if notices.len() > MOST_ANNOTATIONS {
        let rest = notices.split_off(MOST_ANNOTATIONS).len();
        notices.push(Notice::new(
            Level::Error,
            "More services failed",
            format!("{rest} more, in the summary and the log"),
        ));
    }
    notices
}

fn exit_code(end: &End) -> u8 {
    if let Some(failure) = &end.failure {
        return failure.exit_code();
    }
    match end.report.outcome {
        Outcome::Cancelled | Outcome::Failed | Outcome::Refused => 1,
        Outcome::Superseded
        | Outcome::Accepted
        | Outcome::Live
        | Outcome::Verified
        | Outcome::Held => 0,
        Outcome::Skipped | Outcome::Nothing | Outcome::Planned => 0,
    }
}
