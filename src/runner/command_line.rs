//! The command line as clap sees it: a subcommand for each command, and a flag for each input.

use clap::{Arg, ArgAction, ValueHint};
use parse::inputs::{Command, INPUT_GROUPS, INPUTS, Input, is_read_by};
use std::ffi::OsString;

/// The name of the program.
pub(super) const NAME: &str = "ghcr-to-render";
/// The subcommand that prints a shell's completions. It is no command of the action.
pub(super) const COMPLETIONS: &str = "completions";
/// Lines longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 100;
/// Narrower than this, clap's columns have no room for words.
const NARROWEST: usize = 40;

const OUTPUT_HEADING: &str = "Output";

const ABOUT: &str = "Deploys the images a GitHub workflow pushed to GHCR to Render: verified, by digest, only what changed.";

const AFTER_HELP: &str = "\
Start with:
  ghcr-to-render init     # writes a manifest and a workflow
  ghcr-to-render check    # compares them with the repository
  ghcr-to-render plan     # says what would be deployed, and why

Every option is an input of the action, too. '<command> --help' lists those of one command.";

/// An example for each command.
const EXAMPLES: &[(&str, &str)] = &[
    ("plan", "ghcr-to-render plan --base HEAD~1"),
    ("verify", "ghcr-to-render verify --github-token @token.txt"),
    (
        "deploy",
        "ghcr-to-render deploy --environment staging --sha main --deploy-hooks @hooks.txt --dry-run",
    ),
    (
        "promote",
        "ghcr-to-render promote --environment production --release prod-42 --github-token @token.txt",
    ),
    (
        "rollback",
        "ghcr-to-render rollback --environment production --release prod-41 --deploy-hooks @hooks.txt",
    ),
    (
        "status",
        "ghcr-to-render status --environment production --fail-behind --github-token @token.txt",
    ),
    (
        "release",
        "ghcr-to-render release --dry-run --github-token @token.txt",
    ),
    (
        "cleanup",
        "ghcr-to-render cleanup --pr-number 7 --dry-run --github-token @token.txt",
    ),
    ("check", "ghcr-to-render check --json"),
    ("init", "ghcr-to-render init --dry-run"),
];

/// The whole command line, its help wrapped to this many columns.
///
/// The flags stand behind the command. They are also accepted before it, and without it where the environment names one.
pub(super) fn program(columns: usize) -> clap::Command {
    let commands = Command::ALL
        .iter()
        .map(|(word, _, about)| subcommand(word, about));
    let root = clap::Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(AFTER_HELP)
        .term_width(columns.clamp(NARROWEST, WIDEST))
        .subcommand_value_name("COMMAND")
        .args(flags(None).map(|flag| flag.hide_short_help(true)))
        .args(output_flags(None).map(|flag| flag.hide_short_help(true)))
        .subcommands(commands);
    root.subcommand(completions())
}

fn subcommand(word: &'static str, about: &'static str) -> clap::Command {
    let example = EXAMPLES.iter().find(|(command, _)| *command == word);
    let command = clap::Command::new(word)
        .about(about)
        .args(flags(Some(word)))
        .args(output_flags(Some(word)));
    match example {
        Some((_, line)) => command.after_help(format!("Example:\n  {line}")),
        None => command,
    }
}

fn completions() -> clap::Command {
    let shell = Arg::new("shell")
        .required(true)
        .value_parser(clap::value_parser!(clap_complete::Shell));
    clap::Command::new(COMPLETIONS)
        .about("Print the completions of a shell")
        .after_help(format!(
            "Example:\n  source <({NAME} {COMPLETIONS} bash)\n  {NAME} {COMPLETIONS} fish >~/.config/fish/completions/{NAME}.fish"
        ))
        .arg(shell)
}

/// The flags of the inputs, in the groups of the README. Those that a command does not read are accepted and not shown: a person who runs
/// several commands may give them the same flags.
fn flags(command: Option<&'static str>) -> impl Iterator<Item = Arg> {
    INPUT_GROUPS.iter().flat_map(move |group| {
        let inputs = group.inputs.iter().filter(|(name, _)| *name != "command");
        inputs.filter_map(move |(name, commands)| {
            let input = INPUTS.iter().find(|input| input.name == *name)?;
            let is_hidden = command.is_some_and(|command| !is_read_by(command, commands));
            Some(flag(input).help_heading(group.title).hide(is_hidden))
        })
    })
}

fn flag(input: &Input) -> Arg {
    let default = if input.default.is_empty() || input.is_secret {
        String::new()
    } else {
        format!(" [default: {}]", input.default)
    };
    let flag = Arg::new(input.name)
        .long(input.name)
        .help(format!("{}{default}", input.description));
    if input.is_switch() {
        return flag
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("true|false");
    }
    let (value_name, hint) = value(input);
    flag.value_name(value_name).value_hint(hint)
}

/// What a flag's value is called, and what a shell completes it with.
fn value(input: &Input) -> (&'static str, ValueHint) {
    if input.is_secret {
        return ("@FILE", ValueHint::FilePath);
    }
    match input.name {
        "manifest" | "env-file" | "ca-bundle" => ("PATH", ValueHint::FilePath),
        "sha" | "base" => ("REVISION", ValueHint::Other),
        "image-timeout" | "live-timeout" => ("DURATION", ValueHint::Other),
        "pr-number" => ("NUMBER", ValueHint::Other),
        "environment" | "registry-username" => ("NAME", ValueHint::Other),
        "services" | "force" => ("LIST", ValueHint::Other),
        "release" => ("TAG", ValueHint::Other),
        "registry" => ("HOST", ValueHint::Hostname),
        "render-api-url" => ("URL", ValueHint::Url),
        _ => ("TEXT", ValueHint::Other),
    }
}

/// The flags that are no inputs. A workflow has the outputs instead.
fn output_flags(command: Option<&'static str>) -> impl Iterator<Item = Arg> {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
            .help_heading(OUTPUT_HEADING)
    };
    let is_of = move |owner| command.is_none_or(|command| command == owner);
    [
        switch("json", "Print the result as one JSON object"),
        switch("sarif", "check: print the findings as SARIF 2.1.0")
            .conflicts_with("json")
            .hide(!is_of("check")),
        switch(
            "fail-behind",
            "status: exit code 1 unless every service is current",
        )
        .hide(!is_of("status")),
    ]
    .into_iter()
}

/// Joins `--dry-run true` to `--dry-run=true`. A switch takes its value behind `=` only, so that no command is taken for one.
pub(super) fn joined(line: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    for word in line {
        let is_value = word == "true" || word == "false";
        match joined.last_mut() {
            Some(last) if is_value && is_switch(last) => {
                last.push("=");
                last.push(word);
            }
            _ => joined.push(word),
        }
    }
    joined
}

fn is_switch(word: &OsString) -> bool {
    let name = word.to_str().and_then(|word| word.strip_prefix("--"));
    INPUTS
        .iter()
        .any(|input| input.is_switch() && Some(input.name) == name)
}

/// The script by which a shell completes the command line.
pub(super) fn completion_script(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program(WIDEST), NAME, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
