//! The runner: gives the program exactly what a container action gets, starts it, waits no longer than the deadline, and reads
//! what it left by the runner's own rules.

use super::event::Event;
use super::protocol::{self, LogCommand};
use super::trap::Trap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Every input of action.yml with its default there: the runner puts all of them into the environment, empty ones too.
pub const ACTION_INPUTS: &[(&str, &str)] = &[
    ("command", "deploy"),
    ("environment", ""),
    ("manifest", ".github/deploy-manifest.yml"),
    ("image", ""),
    ("deploy-hook", ""),
    ("deploy-hooks", ""),
    ("render-api-key", ""),
    ("digest", ""),
    ("services", ""),
    ("force", ""),
    ("freeze", ""),
    ("release", ""),
    ("pr-number", ""),
    ("sha", ""),
    ("base", ""),
    ("github-token", "${{ github.token }}"),
    ("registry", "ghcr.io"),
    ("registry-username", ""),
    ("registry-password", ""),
    ("promote-on-release", "true"),
    ("pin", "index"),
    ("image-timeout", "240s"),
    ("on-missing-image", "fail"),
    ("live-timeout", "50m"),
    ("wait", "auto"),
    ("on-missing-credential", "auto"),
    ("rollback-on-failure", "false"),
    ("record", "true"),
    ("comment", "false"),
    ("env-file", ""),
    ("ca-bundle", ""),
    ("dry-run", "false"),
    ("render-api-url", "https://api.render.com"),
];

/// The directories that a step gets.
#[derive(Debug, Clone)]
pub struct Rooms {
    pub workspace: PathBuf,
    pub home: PathBuf,
    pub temp: PathBuf,
    pub event: PathBuf,
    pub files: PathBuf,
    /// What `PATH` holds: programs that leave a mark when somebody starts them.
    pub traps: PathBuf,
    pub mark: PathBuf,
}

impl Rooms {
    pub fn create(root: &Path) -> Self {
        let rooms = Self {
            workspace: root.join("work/shop/shop"),
            home: root.join("work/_temp/_github_home"),
            temp: root.join("work/_temp"),
            event: root.join("work/_temp/_github_workflow/event.json"),
            files: root.join("work/_temp/_runner_file_commands"),
            traps: root.join("bin"),
            mark: root.join("something-was-started"),
        };
        let event = rooms.event.parent().expect("a parent");
        for directory in [
            &rooms.workspace,
            &rooms.home,
            &rooms.files,
            &rooms.traps,
            &event.to_owned(),
        ] {
            std::fs::create_dir_all(directory).expect("a directory");
        }
        for program in ["git", "sh", "bash", "ssh", "docker", "curl", "env"] {
            let path = rooms.traps.join(program);
            std::fs::write(
                &path,
                format!("#!/bin/sh\necho {program} >> '{}'\n", rooms.mark.display()),
            )
            .expect("a trap");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&path, mode).expect("a trap's mode");
        }
        rooms
    }

    /// One of the step's command files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files
            .join(format!("{name}_5f0c1d9e-0000-4000-8000-000000000000"))
    }

    /// Writes the event and empties the command files, as before every step.
    pub fn prepare(&self, event: &Event) {
        let bytes = event
            .raw
            .clone()
            .unwrap_or_else(|| event.payload.to_string().into_bytes());
        std::fs::write(&self.event, bytes).expect("the event");
        for name in [
            "set_output",
            "set_env",
            "add_path",
            "save_state",
            "step_summary",
        ] {
            std::fs::write(self.file(name), "").expect("a command file");
        }
    }

    /// The environment of the step, before inputs.
    pub fn environment(&self, event: &Event, api: &str) -> BTreeMap<String, String> {
        let text = |path: &Path| path.to_str().expect("a path of the test").to_owned();
        let is_tag = event.git_ref.starts_with("refs/tags/");
        let short = event
            .git_ref
            .trim_start_matches("refs/heads/")
            .trim_start_matches("refs/tags/");
        let short = short.trim_start_matches("refs/pull/");
        let pairs = [
            ("PATH", text(&self.traps)),
            ("HOME", text(&self.home)),
            ("CI", "true".into()),
            ("GITHUB_ACTIONS", "true".into()),
            ("GITHUB_ACTION", "__acme_ghcr-to-render".into()),
            ("GITHUB_ACTION_REF", "v1".into()),
            ("GITHUB_ACTION_REPOSITORY", "acme/ghcr-to-render".into()),
            ("GITHUB_ACTOR", event.actor.clone()),
            ("GITHUB_ACTOR_ID", "1001".into()),
            ("GITHUB_API_URL", api.into()),
            ("GITHUB_BASE_REF", event.base_ref.clone()),
            ("GITHUB_ENV", text(&self.file("set_env"))),
            ("GITHUB_EVENT_NAME", event.name.clone()),
            ("GITHUB_EVENT_PATH", text(&self.event)),
            ("GITHUB_GRAPHQL_URL", format!("{api}/graphql")),
            ("GITHUB_HEAD_REF", event.head_ref.clone()),
            ("GITHUB_JOB", "deploy".into()),
            ("GITHUB_OUTPUT", text(&self.file("set_output"))),
            ("GITHUB_PATH", text(&self.file("add_path"))),
            ("GITHUB_REF", event.git_ref.clone()),
            ("GITHUB_REF_NAME", short.into()),
            ("GITHUB_REF_PROTECTED", "false".into()),
            (
                "GITHUB_REF_TYPE",
                if is_tag { "tag" } else { "branch" }.into(),
            ),
            ("GITHUB_REPOSITORY", "acme/shop".into()),
            ("GITHUB_REPOSITORY_ID", "4242".into()),
            ("GITHUB_REPOSITORY_OWNER", "acme".into()),
            ("GITHUB_REPOSITORY_OWNER_ID", "7".into()),
            ("GITHUB_RETENTION_DAYS", "90".into()),
            ("GITHUB_RUN_ATTEMPT", "1".into()),
            ("GITHUB_RUN_ID", "1658821493".into()),
            ("GITHUB_RUN_NUMBER", "3".into()),
            ("GITHUB_SERVER_URL", "https://github.com".into()),
            ("GITHUB_SHA", event.sha.clone()),
            ("GITHUB_STATE", text(&self.file("save_state"))),
            ("GITHUB_STEP_SUMMARY", text(&self.file("step_summary"))),
            ("GITHUB_TRIGGERING_ACTOR", event.actor.clone()),
            ("GITHUB_WORKFLOW", "ci".into()),
            (
                "GITHUB_WORKFLOW_REF",
                "acme/shop/.github/workflows/ci.yml@refs/heads/main".into(),
            ),
            ("GITHUB_WORKFLOW_SHA", event.sha.clone()),
            ("GITHUB_WORKSPACE", text(&self.workspace)),
            // As when somebody repeats a run with debug logging: most is said then, and all of it is searched for secrets.
            ("RUNNER_DEBUG", "1".into()),
            ("RUNNER_OS", "Linux".into()),
            ("RUNNER_ARCH", "X64".into()),
            ("RUNNER_NAME", "GitHub Actions 2".into()),
            ("RUNNER_ENVIRONMENT", "github-hosted".into()),
            ("RUNNER_TOOL_CACHE", "/opt/hostedtoolcache".into()),
            ("RUNNER_TEMP", text(&self.temp)),
            ("RUNNER_WORKSPACE", "/home/runner/work/shop".into()),
        ];
        pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}

/// The variable of an input: upper case, spaces to underscores, hyphens kept.
pub fn variable(input: &str) -> String {
    format!("INPUT_{}", input.replace(' ', "_").to_uppercase())
}

/// What a process left.
#[derive(Debug, Clone)]
pub struct Ended {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
    /// Both, byte for byte, without the lines that hide secrets.
    pub said: Vec<u8>,
    pub took: Duration,
    /// When it ended.
    pub at: Instant,
}

/// Where a program is. One that is given by its name alone, with a `PATH` of its own, makes the standard library fork this whole process, with
/// all its threads and memory, which takes longer than most that such a program does.
pub fn found(name: &str) -> PathBuf {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places)
        .map(|place| place.join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no {name} (Debian: apt-get install {name})"))
}

/// Starts a program with exactly this environment and waits for it. A trap sends it signals.
pub fn start(
    program: &Path,
    arguments: &[String],
    directory: &Path,
    environment: &BTreeMap<String, String>,
    deadline: Duration,
    trap: Option<&Trap>,
) -> Ended {
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
    let (mut out, mut err) = (
        child.stdout.take().expect("stdout"),
        child.stderr.take().expect("stderr"),
    );
    let reader = |stream: &mut dyn std::io::Read| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a stream");
        bytes
    };
    let stdout = std::thread::spawn(move || reader(&mut out));
    let stderr = std::thread::spawn(move || reader(&mut err));
    if let Some(trap) = trap {
        trap.aim(Some(child.id()));
    }
    let status: ExitStatus = loop {
        if let Some(status) = child.try_wait().expect("the process") {
            break status;
        }
        if started.elapsed() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            let (stdout, stderr) = (
                stdout.join().expect("stdout"),
                stderr.join().expect("stderr"),
            );
            let [stdout, stderr] = [&stdout, &stderr].map(|bytes| String::from_utf8_lossy(bytes));
            panic!(
                "the program was not done after {deadline:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
            );
        }
        std::thread::sleep(Duration::from_millis(4));
    };
    if let Some(trap) = trap {
        trap.aim(None);
    }
    let at = Instant::now();
    let (stdout, stderr) = (
        stdout.join().expect("stdout"),
        stderr.join().expect("stderr"),
    );
    let is_mask = |line: &&[u8]| line.starts_with(b"::add-mask::");
    let lines = [&stdout, &stderr]
        .into_iter()
        .flat_map(|bytes| bytes.split(|byte| *byte == b'\n'));
    let said = lines
        .filter(|line| !is_mask(line))
        .collect::<Vec<_>>()
        .join(&b'\n');
    let [stdout, stderr] =
        [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ended {
        exit: status.code().unwrap_or(-1),
        stdout,
        stderr,
        said,
        took: started.elapsed(),
        at,
    }
}

impl Ended {
    /// Every command that the runner would find, in both streams.
    pub fn commands(&self) -> Vec<LogCommand> {
        [&self.stdout, &self.stderr]
            .into_iter()
            .flat_map(|text| protocol::lines(text))
            .filter_map(protocol::command)
            .collect()
    }

    /// The log without the lines that hide secrets.
    pub fn shown(&self) -> String {
        let is_mask =
            |line: &&str| protocol::command(line).is_some_and(|command| command.name == "add-mask");
        let lines = [&self.stdout, &self.stderr]
            .into_iter()
            .flat_map(|text| protocol::lines(text));
        lines
            .filter(|line| !is_mask(line))
            .collect::<Vec<_>>()
            .join("\n")
    }
}
