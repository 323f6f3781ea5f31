//! Gets the container images that a GitHub workflow pushed to GHCR live on Render: exactly those bytes, for exactly
//! the services that changed.
//!
//! ARCHITECTURE.md says which folder is in which layer, and why.

mod cleanup;
mod commands;
mod context;
pub mod failure;
mod gate;
pub mod history;
mod images;
mod planned_run;
mod previews;
pub mod probe;
mod resolve;
mod rollout;
pub mod runner;
mod state;
mod tags;

use commands::RemoteCommand;
use context::{CommandOutcome, Context, Stop, Writers, comment_writer};
use failure::Failure;
use http_client::Random;
use model::{DeployHook, Level, Notice, Outcome, Secret};
use parse::inputs::{Command, LocalCommand, Request, RunAccess};
use report::documents::Documents;
use report::{Links, RunReport, summary};
use runner::{
    Arguments, Connect, Log, OutputMode, OutputsFile, ParsedArguments, Results, RunnerEnvironment,
};
use std::ffi::OsString;
use tracing::instrument::WithSubscriber as _;

pub use runner::{Io, ProcessEnvironment};

/// The end of a run: what happened, and the exit code where the outcome alone does not say it.
struct End {
    report: RunReport,
    failure: Option<Failure>,
}

impl End {
    fn of(report: RunReport) -> Self {
        Self {
            report,
            failure: None,
        }
    }

    /// The end as a person is told of it who runs this on a machine of their own.
    fn on_laptop(mut self, has_token: bool) -> Self {
        let hint = self
            .failure
            .as_ref()
            .and_then(|failure| failure.hint_on_laptop(has_token));
        if let (Some(hint), Some(failed)) = (hint, &mut self.report.failed) {
            failed.hint = hint;
        }
        self
    }
}

/// Runs the program: reads the request, does what it asks, reports, and answers the exit code.
///
/// It reads no global of the process: not the environment, not the standard streams, no clock but tokio's. So a test can run it.
pub async fn run(
    environment: ProcessEnvironment,
    arguments: impl Iterator<Item = OsString>,
    io: Io,
) -> u8 {
    let env = RunnerEnvironment::read(environment);
    let asked = Arguments::parse(arguments, &env);
    // With --sarif standard output holds the findings and nothing else, in a workflow too.
    let is_sarif = matches!(&asked, ParsedArguments::Run(arguments) if arguments.is_sarif());
    let mode = if env.on_runner && !is_sarif {
        OutputMode::Runner
    } else {
        OutputMode::Terminal
    };
    let Io {
        stdout,
        stderr,
        connect,
        cancelled,
        random,
    } = io;
    let log = Log::new(mode, env.is_debug, stdout, stderr)
        .on(env.screen)
        .with_results(Results::of(&asked, env.has_coloured_results));
    let mut arguments = match asked {
        ParsedArguments::Run(arguments) => arguments,
        ParsedArguments::Print(text) => {
            log.result(&text);
            return 0;
        }
        ParsedArguments::Wrong(text) => {
            log.say(text.trim_end());
            return 2;
        }
    };
    let named = commands::resolve_revisions(&mut arguments, &env);
    let given = env.inputs(&arguments);
    // Before anything else is said: whatever may be a secret.
    for secret in given.secrets().map(Secret::new).chain(env.likely_hooks()) {
        log.mask_lines(&secret);
    }
    let mut outputs = match env.outputs.as_deref().map(OutputsFile::open).transpose() {
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
    warn_of_unread_flags(&arguments, &log);
    let acting = act(
        named,
        &given,
        env.clone(),
        &log,
        cancelled,
        &*connect,
        random.clone(),
    );
    let end = match runner::traces(&log) {
        Some(traces) => acting.with_subscriber(traces).await,
        None => acting.await,
    };
    let end = if mode == OutputMode::Terminal {
        end.on_laptop(given.get("github-token").is_some())
    } else {
        end
    };
    warn_of_masked_outputs(&end, given.get("registry-username"), &log);
    if is_sarif {
        print_sarif(&end.report, &log);
    }
    let is_json = arguments.is_json() && !is_sarif;
    let code = report(&end, &env, &log, outputs.as_mut(), is_json, &random);
    // Outcome `nothing` says that all services are current.
    let is_behind = end.report.fleet.is_some() && end.report.outcome != Outcome::Nothing;
    if arguments.fails_behind() && is_behind {
        return code.max(1);
    }
    code
}

/// A flag that the command does not read has no effect, so a warning names it.
fn warn_of_unread_flags(arguments: &Arguments, log: &Log) {
    let command = arguments.get("command").unwrap_or_default();
    for flag in arguments.unread() {
        log.notice(&Notice::new(
            Level::Warning,
            "A flag without effect",
            format!("--{flag} has no effect on {command}"),
        ));
    }
}

/// Prints what `check` found, in SARIF.
fn print_sarif(report: &RunReport, log: &Log) {
    if let Some(checked) = &report.checked {
        let text = authoring::sarif(checked, env!("CARGO_PKG_VERSION"));
        log.result(&format!("{}\n", log.redact(&text)));
    }
}

/// Reads the request and runs its command, until it is done or `cancelled` ends it.
async fn act(
    named: Result<(), Failure>,
    given: &parse::inputs::Given,
    env: RunnerEnvironment,
    log: &Log,
    cancelled: impl Future<Output = ()>,
    connect: &Connect,
    random: Random,
) -> End {
    if let Err(failure) = named {
        return refused(failure);
    }
    let (request, permissions) = match Request::read(given) {
        Ok(parsed) => parsed,
        Err(errors) => return refused(Failure::Inputs(errors)),
    };
    for hook in request
        .deploy_hook
        .iter()
        .chain(request.deploy_hooks.values())
    {
        mask_hook(log, hook);
    }
    let command = match request.command {
        Command::Local(command) => return local(command, &request, &env, log),
        Command::Pipeline(command) => RemoteCommand::Pipeline(command),
        Command::Operation(command) => RemoteCommand::Operation(command),
    };
    match Context::read(request, env, log.clone(), connect, random) {
        Ok(context) => until_cancelled(command, &context, permissions, cancelled).await,
        Err(failure) => refused(failure),
    }
}

/// Runs a command that needs this machine only.
fn local(command: LocalCommand, request: &Request, env: &RunnerEnvironment, log: &Log) -> End {
    match commands::local(command, request, env, log) {
        Ok(report) => End::of(report),
        Err(stop) => {
            let mut report = RunReport::new(Outcome::Refused, "");
            report.checked = stop.checked.map(|checked| *checked);
            stopped(report, stop.failure)
        }
    }
}

/// Runs the command, until it is done or `cancelled` ends it.
async fn until_cancelled(
    command: RemoteCommand,
    context: &Context,
    permissions: RunAccess,
    cancelled: impl Future<Output = ()>,
) -> End {
    let writers = permissions
        .writes
        .map(|access| Writers::new(access, context));
    let comments = permissions
        .comments
        .and_then(|access| comment_writer(access, context));
    let (writers, comments) = (writers.as_ref(), comments.as_ref());
    let result = tokio::select! {
        biased;
        () = cancelled => None,
        result = Box::pin(commands::remote(command, context, writers, comments)) => Some(result),
        never = context.log.keep_alive() => match never {},
    };
    let end = match result {
        Some(result) => ended(context, result),
        None => End::of(rollout::cancelled(context, writers).await),
    };
    context.log.waits_no_more();
    end
}

/// The report of a command that ended by itself.
fn ended(context: &Context, result: Result<CommandOutcome, Stop>) -> End {
    let mut report = context.progress.report();
    match result {
        Ok(outcome) => outcome.complete(&mut report),
        Err(Stop::Early(outcome)) => outcome.complete(&mut report),
        Err(Stop::Failed(failure)) => return stopped(report, failure),
    }
    End::of(report)
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

/// The end of a run that was refused before it began.
fn refused(failure: Failure) -> End {
    stopped(RunReport::new(Outcome::Refused, ""), failure)
}

/// The end of a run that a failure stopped.
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
    env: &RunnerEnvironment,
    log: &Log,
    outputs: Option<&mut OutputsFile>,
    is_json: bool,
    random: &Random,
) -> u8 {
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
    let documents = Documents::of(
        env.server_url.as_deref(),
        env.action_repository.as_deref(),
        env.action_ref.as_deref(),
    );
    for notice in notices(end, documents.as_ref(), log) {
        log.notice(&notice);
    }
    conclude(end, log);
    if let Some(checked) = report.checked.as_ref().filter(|_| is_json) {
        let failure = report
            .failure()
            .map(|failed| failed.word.as_str())
            .unwrap_or_default();
        log.result(&format!(
            "{}\n",
            log.redact(&report::check_json(
                checked,
                report.outcome.as_str(),
                failure
            ))
        ));
    } else if let Some(written) = report.written.as_ref().filter(|_| is_json) {
        log.result(&format!(
            "{}\n",
            log.redact(&written.json(report.outcome.as_str()))
        ));
    } else if let Some(fleet) = report.fleet.as_ref().filter(|_| is_json) {
        let object = serde_json::json!({
            "outcome": report.outcome.as_str(),
            "failure": report.failure().map(|failed| failed.word.as_str()).unwrap_or_default(),
            "fleet": report::fleet_json(fleet),
        });
        log.result(&format!("{}\n", log.redact(&object.to_string())));
    } else if is_json {
        let object = report::outputs::outputs_json(&values);
        log.result(&format!("{object}\n"));
    }
    if let Some(Err(error)) = outputs.map(|file| file.write(&values, random)) {
        log.notice(&Notice::new(
            Level::Error,
            "Outputs cannot be written",
            error.to_string(),
        ));
        code = code.max(1);
    }
    let (server, repository) = (env.server_url.as_deref(), env.repository.as_deref());
    let links = Links::of(server, repository, documents);
    if let Some(Err(error)) = env
        .summary
        .as_deref()
        .map(|path| runner::append_summary(path, &log.redact(&summary(report, &links))))
    {
        log.notice(&Notice::new(
            Level::Warning,
            "The summary cannot be written",
            error.to_string(),
        ));
    }
    code
}

/// Says how it ended. A terminal has just shown a failure of the run as a whole, which says it already.
fn conclude(end: &End, log: &Log) {
    if log.is_runner() || end.failure.is_none() {
        log.answer(&end.report.headline);
    }
}

/// The runner shows ten annotations of a kind for a step; the last one says how many there are.
const MOST_ANNOTATIONS: usize = 9;

/// What is to be seen beside the log: the failure, and every mistake of a manifest in its place.
fn notices(end: &End, documents: Option<&Documents>, log: &Log) -> Vec<Notice> {
    if let Some(Failure::Manifest { path, mistakes }) = &end.failure {
        let notice = |mistake: &parse::manifest::Diagnostic| Notice {
            level: Level::Error,
            title: "Deploy manifest".into(),
            text: format!("{} ({})", mistake.what(), mistake.help()),
            place: Some((path.clone(), mistake.line(), mistake.column())),
            source: mistake.source().map(str::to_owned),
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
        let more = documents
            .map(|documents| format!(" More: {}", documents.failure(failed.word)))
            .unwrap_or_default();
        Notice::new(
            Level::Error,
            failed.word.as_str(),
            format!("{who}{}\n{}{page}{more}", failed.text, failed.hint),
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
