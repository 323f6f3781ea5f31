//! The environment, read once.
#![allow(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]

use super::{Arguments, Screen};
use crate::domain::{HookVariable, Secret};
use crate::intake::inputs::{Given, Input};
use http_client::Proxies;
use std::path::PathBuf;

/// What the runner says about the run, as raw text. A variable that is empty is absent.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `GITHUB_EVENT_NAME`.
    pub event_name: Option<String>,
    /// `GITHUB_EVENT_PATH`.
    pub event_path: Option<PathBuf>,
    /// `GITHUB_REF`.
    pub git_ref: Option<String>,
    /// `GITHUB_SHA`.
    pub sha: Option<String>,
    /// `GITHUB_REPOSITORY`.
    pub repository: Option<String>,
    /// `GITHUB_ACTOR`.
    pub actor: Option<String>,
    /// `GITHUB_API_URL`.
    pub api_url: Option<String>,
    /// `GITHUB_SERVER_URL`.
    pub server_url: Option<String>,
    /// `GITHUB_WORKSPACE`, else the directory that we run in.
    pub workspace: PathBuf,
    /// `GITHUB_OUTPUT`.
    pub outputs: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`.
    pub summary: Option<PathBuf>,
    /// `GITHUB_RUN_ID` and `GITHUB_RUN_ATTEMPT`, where both are numbers.
    pub run: Option<(u64, u64)>,
    /// `GITHUB_RUN_ATTEMPT` is above 1: an earlier attempt may have done some of this.
    pub is_rerun: bool,
    /// `GITHUB_ACTIONS` is `true`: our log is read by a runner.
    pub on_runner: bool,
    /// `RUNNER_ENVIRONMENT` is `github-hosted`: nobody but an earlier step can have set proxies and roots.
    pub is_hosted: bool,
    /// `RUNNER_DEBUG` is `1`.
    pub is_debug: bool,
    /// What standard error can show: nothing special unless it is a terminal.
    pub screen: Screen,
    /// Proxy and root variables that are set, by name.
    pub network: Vec<&'static str>,
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)
        .map(|value| value.to_string_lossy().into_owned())
        .filter(|value| !value.is_empty())
}

/// Colours only on a terminal, and not where `NO_COLOR` is set (no-color.org); a changing line needs one that can move its cursor.
fn screen() -> Screen {
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    if !is_terminal || variable("TERM").is_none_or(|terminal| terminal == "dumb") {
        return Screen::default();
    }
    // Shells tell it to themselves only, so most often it is not there: then the width that every terminal has.
    let columns = variable("COLUMNS")
        .and_then(|text| text.parse().ok())
        .filter(|columns| *columns >= 20);
    Screen {
        has_colours: variable("NO_COLOR").is_none(),
        columns: Some(columns.unwrap_or(80)),
    }
}

impl Surroundings {
    /// Reads the environment.
    #[must_use]
    pub fn read() -> Self {
        let number = |name| variable(name).and_then(|text| text.parse::<u64>().ok());
        let is = |name, wanted| variable(name).as_deref() == Some(wanted);
        const NETWORK: [&str; 8] = [
            "HTTPS_PROXY",
            "https_proxy",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "all_proxy",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
        ];
        Self {
            event_name: variable("GITHUB_EVENT_NAME"),
            event_path: variable("GITHUB_EVENT_PATH").map(PathBuf::from),
            git_ref: variable("GITHUB_REF"),
            sha: variable("GITHUB_SHA"),
            repository: variable("GITHUB_REPOSITORY"),
            actor: variable("GITHUB_ACTOR"),
            api_url: variable("GITHUB_API_URL"),
            server_url: variable("GITHUB_SERVER_URL"),
            workspace: variable("GITHUB_WORKSPACE").map_or_else(
                || std::env::current_dir().unwrap_or_default(),
                PathBuf::from,
            ),
            outputs: variable("GITHUB_OUTPUT").map(PathBuf::from),
            summary: variable("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            run: number("GITHUB_RUN_ID").zip(number("GITHUB_RUN_ATTEMPT")),
            is_rerun: variable("GITHUB_RUN_ATTEMPT").is_some_and(|attempt| attempt != "1"),
            on_runner: is("GITHUB_ACTIONS", "true"),
            is_hosted: is("RUNNER_ENVIRONMENT", "github-hosted"),
            is_debug: is("RUNNER_DEBUG", "1"),
            screen: screen(),
            network: NETWORK
                .into_iter()
                .filter(|name| variable(name).is_some())
                .collect(),
        }
    }

    /// Collects the inputs: a flag first, then `INPUT_DEPLOY-HOOK`, and `INPUT_DEPLOY_HOOK` only where the former is not in the environment at all.
    ///
    /// The runner keeps hyphens; some others replace them. An earlier step can set the second form, so the first wins even when it is empty.
    #[must_use]
    pub fn inputs(arguments: &Arguments) -> Given {
        Given::collect(|input: &Input| {
            if let Some(text) = arguments.get(input.name) {
                return Some(text.to_owned());
            }
            let name = format!("INPUT_{}", input.name.to_ascii_uppercase());
            let value =
                std::env::var_os(&name).or_else(|| std::env::var_os(name.replace('-', "_")))?;
            Some(value.to_string_lossy().into_owned())
        })
    }

    /// What stands in a service's hook variable. White space alone is an unset secret.
    #[must_use]
    pub fn hook(variable_name: &HookVariable) -> Option<Secret> {
        variable(variable_name.as_str())
            .filter(|text| !text.trim_ascii().is_empty())
            .map(Secret::new)
    }

    /// Everything in variables that look like deploy hooks, whichever manifest names them: to be masked before anything is said.
    #[must_use]
    pub fn likely_hooks() -> Vec<Secret> {
        let is_likely = |name: &str, value: &str| {
            name.starts_with("RENDER_HOOK_")
                || value.contains("/deploy/srv-")
                || value.contains("/deploy/crn-")
        };
        std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .filter(|(name, value)| !name.starts_with("INPUT_") && is_likely(name, value))
            .map(|(_, value)| Secret::new(value))
            .collect()
    }

    /// The proxies that the environment names, in the spelling that comes first. curl's rules, which an empty value obeys too: it means none.
    #[must_use]
    pub fn proxies() -> Proxies {
        // Where a server runs a program for each request, a header `Proxy` of anybody's becomes HTTP_PROXY (CVE-2016-5385).
        if std::env::var_os("REQUEST_METHOD").is_some() {
            return Proxies::default();
        }
        let first = |names: [&str; 2]| names.iter().find_map(|name| std::env::var(name).ok());
        Proxies {
            http: first(["HTTP_PROXY", "http_proxy"]),
            https: first(["HTTPS_PROXY", "https_proxy"]),
            all: first(["ALL_PROXY", "all_proxy"]),
            no_proxy: first(["NO_PROXY", "no_proxy"]),
        }
    }

    /// The bundles of the machine: its own, and those that `SSL_CERT_FILE` and `SSL_CERT_DIR` (a list like `PATH`) name, as far as they can be read.
    #[must_use]
    pub fn root_files() -> Vec<Vec<u8>> {
        let file = variable("SSL_CERT_FILE").map(PathBuf::from);
        let directories = variable("SSL_CERT_DIR").unwrap_or_default();
        let inside = std::env::split_paths(&directories)
            .filter_map(|path| std::fs::read_dir(path).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()));
        // Directories of certificates have links by hash beside the files; each name is read, and twice the same adds nothing.
        let system = SYSTEM_BUNDLES
            .iter()
            .map(PathBuf::from)
            .find(|path| path.is_file());
        system
            .into_iter()
            .chain(file)
            .chain(inside)
            .filter_map(|path| bundle(&path))
            .collect()
    }
}

/// Where systems keep their bundle: Debian, Ubuntu and our image; Fedora; openSUSE; Alpine and macOS.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A regular file of at most 4 MiB: a bundle of every public root there is has a sixteenth of this.
fn bundle(path: &std::path::Path) -> Option<Vec<u8>> {
    let data = std::fs::metadata(path)
        .ok()
        .filter(|data| data.is_file() && data.len() <= 4 << 20)?;
    let text = std::fs::read(path).ok()?;
    (data.len() > 0).then_some(text)
}
