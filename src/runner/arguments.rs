//! The command line: the same names as the inputs, as flags.

use parse::inputs::{Command, INPUTS, Input};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// What the command line says.
#[derive(Default)]
pub struct Arguments {
    values: BTreeMap<&'static str, String>,
    is_json: bool,
    is_sarif: bool,
    fails_behind: bool,
}

/// What a command line asks for.
pub enum Asked {
    /// To run.
    Run(Arguments),
    /// To print this and end with success (`--help`, `--version`).
    Print(String),
    /// Nothing that makes sense; the text says why.
    Wrong(String),
}

impl Arguments {
    /// Reads a command line, the program's name included. A container action gets none. `directory` is where the paths of files start from.
    #[must_use]
    pub fn parse(line: impl Iterator<Item = OsString>, directory: &Path) -> Asked {
        use clap::error::ErrorKind;
        let matches = match program().try_get_matches_from(line) {
            Ok(matches) => matches,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
                ) =>
            {
                return Asked::Print(error.to_string());
            }
            Err(error) => return Asked::Wrong(error.to_string()),
        };
        let mut arguments = Self {
            values: BTreeMap::new(),
            is_json: matches.get_flag("json"),
            is_sarif: matches.get_flag("sarif"),
            fails_behind: matches.get_flag("fail-behind"),
        };
        let command = matches.get_one::<String>("command").map(String::as_str);
        if arguments.is_sarif && command != Some("check") {
            return Asked::Wrong("error: --sarif is for check\n".to_owned());
        }
        if arguments.fails_behind && command != Some("status") {
            return Asked::Wrong("error: --fail-behind is for status\n".to_owned());
        }
        for input in INPUTS {
            let Some(text) = matches.get_one::<String>(input.name) else {
                continue;
            };
            match value(input, text, directory) {
                Ok(text) => arguments.values.insert(input.name, text),
                Err(why) => return Asked::Wrong(why),
            };
        }
        Asked::Run(arguments)
    }

    /// The value of a flag.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
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

fn program() -> clap::Command {
    let words: Vec<&str> = Command::ALL.iter().map(|(word, _, _)| *word).collect();
    let commands: Vec<String> = Command::ALL
        .iter()
        .map(|(word, _, what)| format!("  {word:<9}{what}"))
        .collect();
    let flags = INPUTS
        .iter()
        .filter(|input| input.name != "command")
        .map(|input| {
            let default = if input.default.is_empty() || input.is_secret {
                String::new()
            } else {
                format!(" [{}]", input.default)
            };
            let value_name = if input.is_secret { "@FILE" } else { "TEXT" };
            clap::Arg::new(input.name)
                .long(input.name)
                .value_name(value_name)
                .help(format!("{}{default}", input.description))
        });
    clap::Command::new("ghcr-to-render")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Deploys the images a GitHub workflow pushed to GHCR to Render: verified, by digest, only what changed.")
        .after_help(format!("Commands:\n{}\n\nEvery flag is an input of the action too (INPUT_<NAME> in the environment).", commands.join("\n")))
        .arg(clap::Arg::new("command").value_parser(words).help("What to do [deploy]"))
        .arg(clap::Arg::new("json").long("json").action(clap::ArgAction::SetTrue).help("Print the outputs as one JSON object"))
        .arg(clap::Arg::new("sarif").long("sarif").action(clap::ArgAction::SetTrue).conflicts_with("json").help("check: print the findings as SARIF 2.1.0"))
        .arg(clap::Arg::new("fail-behind").long("fail-behind").action(clap::ArgAction::SetTrue).help("status: exit code 1 unless every service is current"))
        .args(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Asked {
        Arguments::parse(
            std::iter::once("ghcr-to-render")
                .chain(line.iter().copied())
                .map(OsString::from),
            Path::new("."),
        )
    }

    #[test]
    fn flags_have_the_names_of_the_inputs() {
        let Asked::Run(arguments) = parse(&["plan", "--base", "4f2c1d9", "--json"]) else {
            panic!("runs")
        };
        assert_eq!(
            (
                arguments.get("command"),
                arguments.get("base"),
                arguments.is_json()
            ),
            (Some("plan"), Some("4f2c1d9"), true)
        );
        let Asked::Print(help) = parse(&["--help"]) else {
            panic!("prints")
        };
        assert!(
            INPUTS.iter().all(|input| help.contains(input.name)),
            "{help}"
        );
        assert!(matches!(parse(&["--version"]), Asked::Print(_)));
        assert!(matches!(parse(&["undeploy"]), Asked::Wrong(_)));
        assert!(matches!(parse(&["--bas", "x"]), Asked::Wrong(_)));
        assert!(
            matches!(parse(&["check", "--sarif"]), Asked::Run(arguments) if arguments.is_sarif())
        );
        assert!(matches!(parse(&["plan", "--sarif"]), Asked::Wrong(_)));
        assert!(matches!(
            parse(&["check", "--sarif", "--json"]),
            Asked::Wrong(_)
        ));
    }

    #[test]
    fn a_secret_never_stands_on_the_command_line() {
        let Asked::Wrong(why) = parse(&[
            "--deploy-hook",
            "https://api.render.com/deploy/srv-a?key=SECRETKEY",
        ]) else {
            panic!("refused")
        };
        assert!(!why.contains("SECRETKEY"));
    }
}
