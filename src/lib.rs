//! Gets the container images that a GitHub workflow pushed to GHCR live on Render: exactly those bytes, for exactly
//! the services that changed.
//!
//! ARCHITECTURE.md says which room is on which floor, and why.

pub mod command;
pub mod decide;
pub mod domain;
pub mod github;
pub mod intake;
pub mod registry;
pub mod render;
pub mod report;
pub mod repository;
pub mod runner;

use command::{Failure, Scene};
use domain::{DeployHook, Level, Notice, Outcome, Secret};
use http_client::Random;
use intake::inputs::Request;
use report::{Story, summary};
use runner::{Arguments, Asked, Connect, Log, OutputsFile, Surroundings, Tongue};
use std::cell::RefCell;
use std::ffi::OsString;
use tracing::instrument::WithSubscriber as _;

pub use runner::{Environment, Io};

/// The end of a run: what happened, and the exit code where the outcome alone does not say it.
struct End {
    story: Story,
    failure: Option<Failure>,
}

/// Runs the program: reads the request, does what it asks, reports, and answers the exit code.
///
/// It reads no global of the process: not the environment, not the standard streams, no clock but tokio's. So a test can run it.
pub async fn run(
    environment: Environment,
    arguments: impl Iterator<Item = OsString>,
    io: Io,
) -> u8 {
    let around = Surroundings::read(environment);
    let tongue = if around.on_runner {
        Tongue::Runner
    } else {
        Tongue::Terminal
    };
    let Io {
        stdout,
        stderr,
        connect,
        cancelled,
        random,
    } = io;
    let log = Log::new(tongue, around.is_debug, stdout, stderr).on(around.screen);
    let arguments = match Arguments::parse(arguments, around.directory()) {
        Asked::Run(arguments) => arguments,
        Asked::Print(text) => {
            log.result(&text);
            return 0;
        }
        Asked::Wrong(text) => {
            log.say(text.trim_end());
            return 2;
        }
    };
    let given = around.inputs(&arguments);
    // Before anything else is said: whatever may be a secret.
    for secret in given
        .secrets()
        .map(Secret::new)
        .chain(around.likely_hooks())
    {
        log.mask_lines(&secret);
    }
    let mut outputs = match around.outputs.as_deref().map(OutputsFile::open).transpose() {
        Ok(outputs) => outputs,
        Err(error) => {
            log.notice(&Notice::new(
                Level::Error,
                "Outputs cannot be written",
                format!("{error}; nothing was done"),
            ));
            return 1;
        }
    };
    let acting = act(
        &given,
        around.clone(),
        &log,
        cancelled,
        &*connect,
        random.clone(),
    );
    let end = match runner::traces(&log) {
        Some(traces) => acting.with_subscriber(traces).await,
        None => acting.await,
    };
    warn_of_masked_outputs(&end, given.get("registry-username"), &log);
    report(
        &end,
        &around,
        &log,
        outputs.as_mut(),
        arguments.is_json(),
        &random,
    )
}

/// Does what is asked, until it is done or `cancelled` ends it.
async fn act(
    given: &intake::inputs::Given,
    around: Surroundings,
    log: &Log,
    cancelled: impl Future<Output = ()>,
    connect: &Connect,
    random: Random,
) -> End {
    let request = match Request::read(given) {
        Ok(request) => request,
        Err(errors) => return stopped(Story::new(Outcome::Refused, ""), Failure::Inputs(errors)),
    };
    for hook in request
        .deploy_hook
        .iter()
        .chain(request.deploy_hooks.values())
    {
        mask_hook(log, hook);
    }
    let story = RefCell::new(Story::new(Outcome::Nothing, "nothing was done"));
    if let Some(result) = command::run_locally(&request, &around, log, &story) {
        let story = story.into_inner();
        return match result {
            Ok(()) => End {
                story,
                failure: None,
            },
            Err(failure) => stopped(story, failure),
        };
    }
    let scene = match Scene::enter(request, around, log.clone(), connect, random) {
        Ok(scene) => scene,
        Err(failure) => return stopped(Story::new(Outcome::Refused, ""), failure),
    };
    let result = tokio::select! {
        biased;
        () = cancelled => {
            command::cancelled(&scene).await;
            Ok(())
        }
        result = command::run(&scene) => result,
        () = log.keep_alive() => Ok(()),
    };
    log.waits_no_more();
    let story = scene.story.borrow().clone();
    match result {
        Ok(()) => End {
            story,
            failure: None,
        },
        Err(failure) => stopped(story, failure),
    }
}

/// GitHub drops a job output in which any secret stands, and a username is often kept as one.
fn warn_of_masked_outputs(end: &End, username: Option<&str>, log: &Log) {
    let Some(username) = username.filter(|username| !username.is_empty()) else {
        return;
    };
    let values = report::outputs::outputs(&end.story);
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
fn stopped(mut story: Story, failure: Failure) -> End {
    let told = failure.told();
    story.outcome = failure.outcome();
    story.headline = format!(
        "{}: {}",
        if story.outcome == Outcome::Refused {
            "Refused"
        } else {
            "Failed"
        },
        told.text
    );
    story.failed = Some(told);
    End {
        story,
        failure: Some(failure),
    }
}

fn report(
    end: &End,
    around: &Surroundings,
    log: &Log,
    outputs: Option<&mut OutputsFile>,
    is_json: bool,
    random: &Random,
) -> u8 {
    log.end_group();
    let story = &end.story;
    let mut code = exit_code(end);
    let mut values = report::outputs::outputs(story);
    if story.outcome == Outcome::Refused {
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
    log.say(&story.headline);
    if let Some(checked) = story.checked.as_ref().filter(|_| is_json) {
        let failure = story
            .failure()
            .map(|failed| failed.word.as_str())
            .unwrap_or_default();
        log.result(&format!(
            "{}\n",
            log.blot(&report::check_json(
                checked,
                story.outcome.as_str(),
                failure
            ))
        ));
    } else if let Some(written) = story.written.as_ref().filter(|_| is_json) {
        log.result(&format!(
            "{}\n",
            log.blot(&written.json(story.outcome.as_str()))
        ));
    } else if is_json {
        let object: serde_json::Map<String, serde_json::Value> = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), serde_json::Value::from(value.as_str())))
            .collect();
        log.result(&format!("{}\n", serde_json::Value::Object(object)));
    }
    if let Some(Err(error)) = outputs.map(|file| file.write(&values, random)) {
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
        .map(|path| runner::append_summary(path, &log.blot(&summary(story))))
    {
        log.notice(&Notice::new(
            Level::Warning,
            "The summary cannot be written",
            error.to_string(),
        ));
    }
    code
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
        .story
        .failed
        .iter()
        .map(|failed| tell(String::new(), failed));
    let of_services = end.story.services.iter().filter_map(|ended| {
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
    match end.story.outcome {
        Outcome::Cancelled | Outcome::Failed | Outcome::Refused => 1,
        Outcome::Superseded
        | Outcome::Accepted
        | Outcome::Live
        | Outcome::Verified
        | Outcome::Held => 0,
        Outcome::Skipped | Outcome::Nothing | Outcome::Planned => 0,
    }
}
