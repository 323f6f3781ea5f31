//! What the environment says about the run.

use super::{Arguments, ProcessEnvironment, Screen};
use http_client::Proxies;
use model::{HookVariable, Secret};
use parse::inputs::{Given, Input};
use std::path::{Path, PathBuf};

/// What the runner says about the run, as raw text. A variable that is empty is absent.
#[derive(Debug, Clone, Default)]
pub struct RunnerEnvironment {
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
    /// `GITHUB_ACTION_REPOSITORY`: the repository of the action that runs.
    pub action_repository: Option<String>,
    /// `GITHUB_ACTION_REF`: the ref by which the workflow names it.
    pub action_ref: Option<String>,
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
    /// Whether results may be coloured: standard output is a terminal that has colours.
    pub has_coloured_results: bool,
    /// How many columns the terminal has, where that is known.
    pub columns: Option<usize>,
    /// Proxy and root variables that are set, by name.
    pub network: Vec<&'static str>,
    /// What all of this was read from.
    environment: ProcessEnvironment,
}

/// How many columns the terminal has. `COLUMNS` counts if it is exported, which shells do not do by themselves.
fn columns(environment: &ProcessEnvironment) -> Option<usize> {
    let named = environment
        .text("COLUMNS")
        .and_then(|text| text.parse().ok())
        .filter(|columns| *columns >= 20);
    named.or(environment.columns())
}

/// Whether a terminal can move its cursor and has colours.
fn is_capable(environment: &ProcessEnvironment) -> bool {
    environment
        .text("TERM")
        .is_some_and(|terminal| terminal != "dumb")
}

/// Colours only on a terminal, and not where `NO_COLOR` is set (no-color.org); a changing line needs one that can move its cursor.
fn screen(environment: &ProcessEnvironment) -> Screen {
    if !environment.is_terminal() || !is_capable(environment) {
        return Screen::default();
    }
    // Where the width is not known: that of every terminal.
    Screen {
        has_colours: environment.text("NO_COLOR").is_none(),
        columns: Some(columns(environment).unwrap_or(80)),
    }
}

impl RunnerEnvironment {
    /// Reads the environment.
    #[must_use]
    pub fn read(environment: ProcessEnvironment) -> Self {
        let variable = |name: &str| environment.text(name);
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
            event_path: environment.path("GITHUB_EVENT_PATH"),
            git_ref: variable("GITHUB_REF"),
            sha: variable("GITHUB_SHA"),
            repository: variable("GITHUB_REPOSITORY"),
            actor: variable("GITHUB_ACTOR"),
            api_url: variable("GITHUB_API_URL"),
            server_url: variable("GITHUB_SERVER_URL"),
            action_repository: variable("GITHUB_ACTION_REPOSITORY"),
            action_ref: variable("GITHUB_ACTION_REF"),
            workspace: environment
                .path("GITHUB_WORKSPACE")
                .unwrap_or_else(|| environment.directory().to_owned()),
            outputs: environment.path("GITHUB_OUTPUT"),
            summary: environment.path("GITHUB_STEP_SUMMARY"),
            run: number("GITHUB_RUN_ID").zip(number("GITHUB_RUN_ATTEMPT")),
            is_rerun: variable("GITHUB_RUN_ATTEMPT").is_some_and(|attempt| attempt != "1"),
            on_runner: is("GITHUB_ACTIONS", "true"),
            is_hosted: is("RUNNER_ENVIRONMENT", "github-hosted"),
            is_debug: is("RUNNER_DEBUG", "1"),
            screen: screen(&environment),
            has_coloured_results: environment.is_terminal_output()
                && is_capable(&environment)
                && environment.text("NO_COLOR").is_none(),
            columns: columns(&environment),
            network: NETWORK
                .into_iter()
                .filter(|name| variable(name).is_some())
                .collect(),
            environment,
        }
    }

    /// The directory that relative paths start from.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.environment.directory()
    }

    /// Whether a person runs this on a machine of their own: no runner does, and there is no event.
    #[must_use]
    pub const fn is_laptop(&self) -> bool {
        !self.on_runner && self.event_name.is_none()
    }

    /// Whether the environment says what to do: that of a runner does, and so does an input.
    #[must_use]
    pub fn names_command(&self) -> bool {
        !self.is_laptop() || self.environment.text("INPUT_COMMAND").is_some()
    }

    /// Collects the inputs: a flag first, then `INPUT_DEPLOY-HOOK`, and `INPUT_DEPLOY_HOOK` only where the former is not in the environment at all.
    ///
    /// The runner keeps hyphens; some others replace them. An earlier step can set the second form, so the first wins even when it is empty.
    #[must_use]
    pub fn inputs(&self, arguments: &Arguments) -> Given {
        Given::collect(|input: &Input| {
            if let Some(text) = arguments.get(input.name) {
                return Some(text.to_owned());
            }
            let name = format!("INPUT_{}", input.name.to_ascii_uppercase());
            let underscored = name.replace('-', "_");
            let value = self
                .environment
                .raw(&name)
                .or_else(|| self.environment.raw(&underscored))?;
            Some(value.to_string_lossy().into_owned())
        })
    }

    /// What stands in a service's hook variable. White space alone is an unset secret.
    #[must_use]
    pub fn hook(&self, variable_name: &HookVariable) -> Option<Secret> {
        self.environment
            .text(variable_name.as_str())
            .filter(|text| !text.trim_ascii().is_empty())
            .map(Secret::new)
    }

    /// Everything in variables that look like deploy hooks, whichever manifest names them: to be masked before anything is said.
    #[must_use]
    pub fn likely_hooks(&self) -> Vec<Secret> {
        let is_likely = |name: &str, value: &str| {
            name.starts_with("RENDER_HOOK_")
                || value.contains("/deploy/srv-")
                || value.contains("/deploy/crn-")
        };
        self.environment
            .texts()
            .filter(|(name, value)| !name.starts_with("INPUT_") && is_likely(name, value))
            .map(|(_, value)| Secret::new(value))
            .collect()
    }

    /// The proxies that the environment names, in the spelling that comes first. curl's rules, which an empty value obeys too: it means none.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        // Where a server runs a program for each request, a header `Proxy` of anybody's becomes HTTP_PROXY (CVE-2016-5385).
        if self.environment.raw("REQUEST_METHOD").is_some() {
            return Proxies::default();
        }
        let first = |names: [&str; 2]| {
            let mut values = names
                .iter()
                .filter_map(|name| self.environment.raw(name)?.to_str());
            values.next().map(str::to_owned)
        };
        Proxies {
            http: first(["HTTP_PROXY", "http_proxy"]),
            https: first(["HTTPS_PROXY", "https_proxy"]),
            all: first(["ALL_PROXY", "all_proxy"]),
            no_proxy: first(["NO_PROXY", "no_proxy"]),
        }
    }

    /// The bundles of the machine: its own, and those that `SSL_CERT_FILE` and `SSL_CERT_DIR` (a list like `PATH`) name, as far as they can be read.
    #[must_use]
    pub fn root_files(&self) -> Vec<Vec<u8>> {
        let file = self.environment.path("SSL_CERT_FILE");
        let directories = self.environment.text("SSL_CERT_DIR").unwrap_or_default();
        let inside = directories
            .split(':')
            .filter(|path| !path.is_empty())
            .map(|path| self.environment.directory().join(path))
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
fn bundle(path: &Path) -> Option<Vec<u8>> {
    let data = std::fs::metadata(path)
        .ok()
        .filter(|data| data.is_file() && data.len() <= 4 << 20)?;
    let text = std::fs::read(path).ok()?;
    (data.len() > 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> RunnerEnvironment {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        RunnerEnvironment::read(ProcessEnvironment::new(variables, "/repo".into(), true))
    }

    #[test]
    fn proxies_are_those_of_the_first_spelling_even_if_it_is_empty() {
        let proxies = read(&[
            ("HTTPS_PROXY", ""),
            ("https_proxy", "http://small:1"),
            ("http_proxy", "http://small:2"),
            ("ALL_PROXY", "http://all:3"),
            ("NO_PROXY", "example.com"),
            ("no_proxy", "example.org"),
        ])
        .proxies();
        assert_eq!(proxies.https.as_deref(), Some(""));
        assert_eq!(proxies.http.as_deref(), Some("http://small:2"));
        assert_eq!(proxies.all.as_deref(), Some("http://all:3"));
        assert_eq!(proxies.no_proxy.as_deref(), Some("example.com"));
        let none = read(&[("HTTP_PROXY", "http://evil:1"), ("REQUEST_METHOD", "GET")]);
        assert!(none.proxies() == Proxies::default());
    }

    #[test]
    fn relative_paths_start_from_the_directory() {
        let env = read(&[("GITHUB_OUTPUT", "out"), ("GITHUB_EVENT_PATH", "/event")]);
        assert_eq!(env.outputs, Some("/repo/out".into()));
        assert_eq!(env.event_path, Some("/event".into()));
        assert_eq!(env.workspace, PathBuf::from("/repo"));
        let env = read(&[("GITHUB_WORKSPACE", "shop"), ("GITHUB_OUTPUT", "")]);
        assert_eq!(env.workspace, PathBuf::from("/repo/shop"));
        assert_eq!(env.outputs, None);
    }

    #[test]
    fn the_first_form_of_an_input_wins_even_if_it_is_empty() {
        let arguments = Arguments::default();
        let env = read(&[
            ("INPUT_DEPLOY-HOOK", ""),
            ("INPUT_DEPLOY_HOOK", "planted"),
            ("INPUT_DEPLOY_HOOKS", "only"),
        ]);
        let given = env.inputs(&arguments);
        assert_eq!(given.get("deploy-hook").unwrap_or_default(), "");
        assert_eq!(given.get("deploy-hooks"), Some("only"));
    }

    #[test]
    fn a_screen_is_a_terminal_that_moves_its_cursor() {
        let screen = |variables| read(variables).screen;
        assert_eq!(screen(&[]), Screen::default());
        assert_eq!(screen(&[("TERM", "dumb")]), Screen::default());
        let shown = screen(&[("TERM", "xterm"), ("COLUMNS", "100"), ("NO_COLOR", "1")]);
        assert_eq!((shown.columns, shown.has_colours), (Some(100), false));
        let pipe = ProcessEnvironment::new([("TERM".into(), "xterm".into())], "/".into(), false);
        assert_eq!(RunnerEnvironment::read(pipe).screen, Screen::default());
    }
}
