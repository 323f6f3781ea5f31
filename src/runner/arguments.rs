//! The command line: the same names as the inputs, as flags.

use super::RunnerEnvironment;
use super::command_line::{self, COMPLETIONS};
use clap::ArgMatches;
use clap::error::ErrorKind;
use parse::inputs::{Command, INPUT_GROUPS, INPUTS, Input, is_read_by};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// Help that nobody reads on a screen is wrapped to this.
const COLUMNS: usize = 100;

/// What the command line says.
#[derive(Default)]
pub struct Arguments {
    values: BTreeMap<&'static str, String>,
    is_json: bool,
    is_sarif: bool,
    fails_behind: bool,
}

/// What a command line asks for.
pub enum ParsedArguments {
    /// To run.
    Run(Arguments),
    /// To print this and end with success (`--help`, `--version`).
    Print(String),
    /// Nothing that makes sense; the text says why.
    Wrong(String),
}

impl Arguments {
    /// Reads a command line, the program's name included. A container action gets none, and neither does it need a command there: the
    /// environment of `env` names it. On a laptop, no arguments print the help.
    #[must_use]
    pub fn parse(line: impl Iterator<Item = OsString>, env: &RunnerEnvironment) -> ParsedArguments {
        let line = command_line::joined(line);
        let needs_command = !env.names_command();
        let columns = env.columns.unwrap_or(COLUMNS);
        let mut program = command_line::program(columns);
        if needs_command && line.len() < 2 {
            return ParsedArguments::Print(program.render_help().to_string());
        }
        let matches = match program.clone().try_get_matches_from(line) {
            Ok(matches) => matches,
            Err(error) => return refused(&error),
        };
        let (command, own) = match matches.subcommand() {
            Some((COMPLETIONS, own)) => return completions(own),
            Some((command, own)) => (Some(command), Some(own)),
            None => (None, None),
        };
        if command.is_none() && needs_command {
            let error = program.error(
                ErrorKind::MissingSubcommand,
                "which command? Write it behind the program's name, like 'ghcr-to-render plan'",
            );
            return ParsedArguments::Wrong(error.to_string());
        }
        Self::of(
            &Matches {
                own,
                root: &matches,
            },
            command,
            env.directory(),
        )
    }

    fn of(matches: &Matches<'_>, command: Option<&str>, directory: &Path) -> ParsedArguments {
        let mut arguments = Self {
            values: BTreeMap::new(),
            is_json: matches.has("json"),
            is_sarif: matches.has("sarif"),
            fails_behind: matches.has("fail-behind"),
        };
        if arguments.is_sarif && command != Some("check") {
            return ParsedArguments::Wrong("error: --sarif is for check\n".to_owned());
        }
        if arguments.is_sarif && arguments.is_json {
            return ParsedArguments::Wrong(
                "error: --sarif cannot be used with --json\n".to_owned(),
            );
        }
        if arguments.fails_behind && command != Some("status") {
            return ParsedArguments::Wrong("error: --fail-behind is for status\n".to_owned());
        }
        if let Some((word, _, _)) = Command::ALL
            .iter()
            .find(|(word, _, _)| command == Some(*word))
        {
            arguments.values.insert("command", (*word).to_owned());
        }
        for input in INPUTS.iter().filter(|input| input.name != "command") {
            let Some(text) = matches.text(input.name) else {
                continue;
            };
            match value(input, text, directory) {
                Ok(text) => arguments.values.insert(input.name, text),
                Err(why) => return ParsedArguments::Wrong(why),
            };
        }
        ParsedArguments::Run(arguments)
    }

    /// The value of a flag.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Gives a flag the value that it stands for.
    pub fn replace(&mut self, name: &'static str, text: String) {
        self.values.insert(name, text);
    }

    /// The flags that the command does not read.
    #[must_use]
    pub fn unread(&self) -> Vec<&'static str> {
        let Some(command) = self.get("command") else {
            return Vec::new();
        };
        let inputs = INPUT_GROUPS.iter().flat_map(|group| group.inputs);
        let unread = inputs.filter(|(name, commands)| {
            self.values.contains_key(name) && !is_read_by(command, commands)
        });
        unread.map(|(name, _)| *name).collect()
    }

    /// Whether `--json` asks for the outputs as one JSON object on standard output.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        self.is_json || self.is_sarif
    }

    /// Whether `--fail-behind` makes a run of `status` fail unless every service is current.
    #[must_use]
    pub const fn fails_behind(&self) -> bool {
        self.fails_behind
    }

    /// Whether `--sarif` asks for the findings of `check` in that format instead.
    #[must_use]
    pub const fn is_sarif(&self) -> bool {
        self.is_sarif
    }
}

/// What stands behind the command, and what stands before it.
struct Matches<'a> {
    own: Option<&'a ArgMatches>,
    root: &'a ArgMatches,
}

impl Matches<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let own = self.own.and_then(|own| own.get_one::<String>(name));
        own.or_else(|| self.root.get_one::<String>(name))
            .map(String::as_str)
    }

    fn has(&self, name: &str) -> bool {
        self.root.get_flag(name) || self.own.is_some_and(|own| own.get_flag(name))
    }
}

/// Help and the version are what was asked for; anything else is a mistake.
fn refused(error: &clap::Error) -> ParsedArguments {
    let is_asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if is_asked {
        ParsedArguments::Print(error.to_string())
    } else {
        ParsedArguments::Wrong(error.to_string())
    }
}

fn completions(own: &ArgMatches) -> ParsedArguments {
    match own.get_one::<clap_complete::Shell>("shell") {
        Some(shell) => ParsedArguments::Print(command_line::completion_script(*shell)),
        None => ParsedArguments::Wrong("error: which shell?\n".to_owned()),
    }
}

/// A secret on a command line is visible to every process of the machine, so its flag takes `@file` only.
fn value(input: &Input, text: &str, directory: &Path) -> Result<String, String> {
    if !input.is_secret {
        return Ok(text.to_owned());
    }
    let name = input.name;
    let Some(path) = text.strip_prefix('@') else {
        return Err(format!(
            "error: --{name} takes a secret: put it into a file and write --{name} @file (value not shown)\n"
        ));
    };
    std::fs::read_to_string(directory.join(path))
        .map_err(|error| format!("error: the file of --{name} cannot be read: {error}\n"))
}

#[cfg(test)]
mod tests {
    use super::super::ProcessEnvironment;
    use super::*;

    fn parse_in(variables: &[(&str, &str)], line: &[&str]) -> ParsedArguments {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let env = RunnerEnvironment::read(ProcessEnvironment::new(variables, ".".into(), false));
        let line = std::iter::once("ghcr-to-render").chain(line.iter().copied());
        Arguments::parse(line.map(OsString::from), &env)
    }

    fn parse(line: &[&str]) -> ParsedArguments {
        parse_in(&[], line)
    }

    fn run(line: &[&str]) -> Arguments {
        match parse(line) {
            ParsedArguments::Run(arguments) => arguments,
            ParsedArguments::Print(text) | ParsedArguments::Wrong(text) => {
                panic!("{line:?}: {text}")
            }
        }
    }

    fn wrong(line: &[&str]) -> String {
        match parse(line) {
            ParsedArguments::Wrong(text) => text,
            ParsedArguments::Run(_) => panic!("{line:?} runs"),
            ParsedArguments::Print(text) => panic!("{line:?} prints {text}"),
        }
    }

    fn printed(line: &[&str]) -> String {
        match parse(line) {
            ParsedArguments::Print(text) => text,
            ParsedArguments::Run(_) => panic!("{line:?} runs"),
            ParsedArguments::Wrong(text) => panic!("{line:?}: {text}"),
        }
    }

    #[test]
    fn flags_have_the_names_of_the_inputs() {
        let arguments = run(&["plan", "--base", "4f2c1d9", "--json"]);
        assert_eq!(
            (
                arguments.get("command"),
                arguments.get("base"),
                arguments.is_json()
            ),
            (Some("plan"), Some("4f2c1d9"), true)
        );
        let help = printed(&["--help"]);
        assert!(
            INPUTS.iter().all(|input| help.contains(input.name)),
            "{help}"
        );
        printed(&["--version"]);
        assert!(run(&["check", "--sarif"]).is_sarif());
        wrong(&["plan", "--sarif"]);
        wrong(&["check", "--sarif", "--json"]);
        wrong(&["--json", "check", "--sarif"]);
        wrong(&["plan", "--fail-behind"]);
    }

    #[test]
    fn flags_may_stand_before_the_command_and_those_behind_it_win() {
        let arguments = run(&["--base", "a", "--sha", "b", "plan", "--base", "c"]);
        assert_eq!(
            (arguments.get("base"), arguments.get("sha")),
            (Some("c"), Some("b"))
        );
    }

    #[test]
    fn no_arguments_print_the_help_unless_the_environment_names_a_command() {
        let help = printed(&[]);
        assert!(
            help.contains("Commands:") && !help.contains("--manifest"),
            "{help}"
        );
        assert!(wrong(&["--base", "a"]).contains("which command?"));
        for name in ["GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "INPUT_COMMAND"] {
            let asked = parse_in(&[(name, "true")], &[]);
            assert!(matches!(asked, ParsedArguments::Run(_)), "{name}");
        }
    }

    #[test]
    fn a_switch_needs_no_value_and_takes_no_command_for_one() {
        let dry_run = |line: &[&str]| run(line).get("dry-run").map(str::to_owned);
        assert_eq!(dry_run(&["plan", "--dry-run"]).as_deref(), Some("true"));
        assert_eq!(dry_run(&["--dry-run", "plan"]).as_deref(), Some("true"));
        assert_eq!(
            dry_run(&["plan", "--dry-run=false"]).as_deref(),
            Some("false")
        );
        assert_eq!(
            dry_run(&["plan", "--dry-run", "false"]).as_deref(),
            Some("false")
        );
        wrong(&["plan", "--dry-run", "maybe"]);
    }

    #[test]
    fn a_typo_is_told_what_was_meant() {
        assert!(wrong(&["stauts"]).contains("'status'"));
        assert!(wrong(&["plan", "--enviroment", "x"]).contains("'--environment'"));
        wrong(&["undeploy"]);
        wrong(&["--bas", "x"]);
    }

    #[test]
    fn the_help_of_a_command_is_about_that_command_and_fits_the_screen() {
        let help = printed(&["check", "--help"]);
        assert!(
            help.contains("--manifest") && help.contains("--sarif"),
            "{help}"
        );
        for other in ["--deploy-hooks", "--fail-behind", "--freeze"] {
            assert!(!help.contains(other), "{other}: {help}");
        }
        let variables = [("TERM", "xterm"), ("COLUMNS", "60")];
        for line in [&["--help"][..], &["deploy", "--help"]] {
            let environment = ProcessEnvironment::new(
                variables.map(|(name, value)| (name.into(), value.into())),
                ".".into(),
                true,
            );
            let env = RunnerEnvironment::read(environment);
            let line = std::iter::once("ghcr-to-render").chain(line.iter().copied());
            let ParsedArguments::Print(help) = Arguments::parse(line.map(OsString::from), &env)
            else {
                panic!("prints")
            };
            let text = help.split("\nStart with").next().unwrap_or_default();
            let text = text.split("\nExample").next().unwrap_or_default();
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(60), "{longest:?}\n{text}");
        }
    }

    #[test]
    fn a_flag_that_the_command_does_not_read_is_known() {
        let arguments = run(&["check", "--base", "x", "--manifest", "y"]);
        assert_eq!(arguments.unread(), ["base"]);
        assert!(run(&["plan", "--base", "x"]).unread().is_empty());
    }

    #[test]
    fn completions_are_there_for_every_shell_and_know_the_commands() {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = printed(&["completions", shell]);
            for (word, _, _) in Command::ALL {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
        assert!(wrong(&["completions", "bsh"]).contains("bash"));
    }

    #[test]
    fn a_secret_never_stands_on_the_command_line() {
        let why = wrong(&[
            "deploy",
            "--deploy-hook",
            "https://api.render.com/deploy/srv-a?key=SECRETKEY",
        ]);
        assert!(!why.contains("SECRETKEY"));
    }
}
