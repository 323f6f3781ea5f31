//! The second door, `no-docker/`: its two steps, run as the runner runs the steps of a composite action, in an environment that an earlier step
//! could have prepared.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use testworld::repo::git;
use testworld::server::{Call, Reply, Server, with_address};
use testworld::{Run, World};

const NAME: &str = if cfg!(target_arch = "aarch64") {
    "ghcr-to-render-linux-arm64"
} else {
    "ghcr-to-render-linux-amd64"
};

/// A step of no-docker/action.yml: its shell, and the script that this shell is given.
fn step(number: usize) -> (String, String) {
    let action =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("no-docker/action.yml"))
            .expect("a file");
    let value = |key: &str| {
        let lines = action
            .lines()
            .filter_map(|line| line.trim().strip_prefix(key));
        lines
            .map(|text| text.trim_matches('\'').to_owned())
            .nth(number)
            .expect("a step")
    };
    (value("shell: "), value("run: "))
}

/// The variables that a step's `env:` sets to a text of its own, not to an expression.
fn step_env(number: usize) -> BTreeMap<String, String> {
    let action =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("no-docker/action.yml"))
            .expect("a file");
    let steps: Vec<&str> = action.split("\n    - name: ").skip(1).collect();
    let (_, env) = steps[number].split_once("      env:\n").expect("an env");
    env.lines()
        .filter_map(|line| line.trim().strip_suffix(": \"\""))
        .map(|name| (name.to_owned(), String::new()))
        .collect()
}

/// A library that leaves a mark as soon as the loader takes it into a process, as a library or as one that watches it (rtld-audit(7)).
fn library(directory: &Path, mark: &Path) -> PathBuf {
    let (source, library) = (directory.join("mark.c"), directory.join("mark.so"));
    let text = format!(
        "#include <stdio.h>\nunsigned la_version(unsigned version) {{ return version; }}\n__attribute__((constructor)) static void mark(void) {{ FILE *f = fopen(\"{}\", \"a\"); if (f) {{ fputs(\"x\", f); fclose(f); }} }}\n",
        mark.display()
    );
    std::fs::write(&source, text).expect("a file");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .expect("a compiler");
    assert!(built.success());
    library
}

/// What a fetch gave.
struct Fetched {
    exit: i32,
    said: String,
    program: Option<PathBuf>,
    /// Whether a program is left below RUNNER_TEMP, checked or not.
    is_left: bool,
}

/// A released second door.
struct Door {
    directory: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

impl Door {
    /// A door whose release is said to be at `address`, with the checksum of `bytes`.
    fn released(address: &str, bytes: &[u8]) -> Self {
        let door = Self::of_main();
        let sum = testworld::image::digest(bytes);
        let text = format!("{address}\n{}  {NAME}\n", &sum["sha256:".len()..]);
        std::fs::write(door.path("action/release"), text).expect("a file");
        door
    }

    /// The door as it is on main.
    fn of_main() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(path("action")).expect("a file");
        std::fs::create_dir_all(path("temp")).expect("a file");
        std::fs::create_dir_all(path("planted")).expect("a file");
        std::fs::copy(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("no-docker/fetch"),
            path("action/fetch"),
        )
        .expect("a file");
        // What an earlier step may leave: programs on the PATH, a file that bash reads, functions in the environment, settings of curl.
        let mark = path("mark");
        let trap = format!("#!/bin/sh\necho x >>'{}'\n", mark.display());
        for program in [
            "curl",
            "sha256sum",
            "uname",
            "chmod",
            "mktemp",
            "rm",
            "bash",
            "exec",
        ] {
            std::fs::write(path("planted").join(program), &trap).expect("a file");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(path("planted").join(program), mode).expect("a file");
        }
        std::fs::write(path("planted/bash_env"), &trap).expect("a file");
        std::fs::write(path("planted/.curlrc"), "output = /dev/null\n").expect("a file");
        let text = |path: PathBuf| path.to_str().expect("a path").to_owned();
        let function = format!("() {{ echo x >>'{}'; }}", mark.display());
        let mut environment = BTreeMap::from([
            ("GITHUB_ACTION_PATH".to_owned(), text(path("action"))),
            ("RUNNER_TEMP".to_owned(), text(path("temp"))),
            ("GITHUB_OUTPUT".to_owned(), text(path("output"))),
            ("PATH".to_owned(), text(path("planted"))),
            ("HOME".to_owned(), text(path("planted"))),
            ("CURL_HOME".to_owned(), text(path("planted"))),
            ("BASH_ENV".to_owned(), text(path("planted/bash_env"))),
            ("ENV".to_owned(), text(path("planted/bash_env"))),
        ]);
        for name in [
            "curl",
            "/usr/bin/curl",
            "printf",
            "read",
            "fail",
            "exec",
            "set",
        ] {
            environment.insert(format!("BASH_FUNC_{name}%%"), function.clone());
        }
        // In a shell that is not privileged this would keep every command from running.
        environment.insert("SHELLOPTS".to_owned(), "noexec".to_owned());
        // Taken in by every program that is loaded, the shell itself too.
        let planted = library(directory.path(), &mark);
        environment.insert("LD_PRELOAD".to_owned(), text(planted));
        let loaded = Command::new("/bin/true").envs(&environment).status();
        assert!(
            loaded.expect("a process").success() && mark.exists(),
            "the trap works"
        );
        std::fs::remove_file(&mark).expect("a file");
        Self {
            directory,
            environment,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs the first step, under these words before the shell.
    fn fetch(&self, wrapper: &[&str]) -> Fetched {
        std::fs::write(self.path("output"), "").expect("a file");
        let (shell, script) = step(0);
        std::fs::write(self.path("fetch.sh"), script).expect("a file");
        let script = self.path("fetch.sh");
        let words: Vec<String> = wrapper
            .iter()
            .map(|word| (*word).to_owned())
            .chain(
                shell
                    .split(' ')
                    .map(|word| word.replace("{0}", script.to_str().expect("a path"))),
            )
            .collect();
        let ended = Command::new(&words[0])
            .args(&words[1..])
            .env_clear()
            .envs(&self.environment)
            .envs(step_env(0))
            .output()
            .expect("a process");
        let output = std::fs::read_to_string(self.path("output")).expect("a file");
        assert!(
            !self.path("mark").exists(),
            "something that was planted was started"
        );
        let left = Command::new("find")
            .arg(self.path("temp"))
            .args(["-type", "f"])
            .output()
            .expect("a process");
        Fetched {
            exit: ended.status.code().unwrap_or(-1),
            said: String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned(),
            program: output.trim().strip_prefix("program=").map(PathBuf::from),
            is_left: !left.stdout.is_empty(),
        }
    }

    /// It is not fetched, and why.
    fn refuses(&self, wrapper: &[&str], why: &str) {
        let fetched = self.fetch(wrapper);
        assert!(
            fetched.exit == 1 && fetched.program.is_none(),
            "{}",
            fetched.said
        );
        let line = fetched
            .said
            .lines()
            .find(|line| line.starts_with("::error title=ghcr-to-render::"));
        assert!(
            line.is_some_and(|line| line.contains(why)),
            "{why:?} is not in {}",
            fetched.said
        );
    }
}

/// Where releases are, which hands out these bytes.
fn releases(bytes: Vec<u8>) -> Server {
    let answer = move |call: &Call| match call.path.strip_prefix("/v1.2.3/") {
        // GitHub sends what is attached to a release by a redirect.
        Some(name) if name == NAME => Reply::text(302, "").header("location", "/assets/1"),
        _ if call.path == "/assets/1" => Reply::Whole {
            status: 200,
            headers: Vec::new(),
            body: bytes.clone(),
        },
        _ => Reply::text(404, "Not Found"),
    };
    // What fetches it speaks plain HTTP with this address only.
    with_address(Ipv4Addr::LOCALHOST, || Server::start(answer))
}

/// The program that is released: it starts ours, which is too large as it is built for tests, unless the loader was told something.
fn program() -> Vec<u8> {
    format!(
        "#!/bin/bash -p\n[[ -z $LD_PRELOAD$LD_AUDIT$LD_LIBRARY_PATH$GLIBC_TUNABLES ]] && exec '{}'\n",
        testworld::program().display()
    )
    .into_bytes()
}

/// A deploy through both steps.
fn deployed(world: World) -> Run {
    deployed_after(world, |_| {})
}

/// The same, after an earlier step did this to the environment.
fn deployed_after(world: World, plant: impl FnOnce(&mut Door)) -> Run {
    let server = releases(program());
    let mut door = Door::released(&format!("{}/v1.2.3", server.origin()), &program());
    plant(&mut door);
    let fetched = door.fetch(&[]);
    let found = fetched
        .program
        .unwrap_or_else(|| panic!("{}", fetched.said));
    let (shell, script) = step(1);
    let file = world.outside("run.sh");
    std::fs::write(&file, script).expect("a file");
    let world = door
        .environment
        .iter()
        .fold(world, |world, (name, value)| match name.as_str() {
            "GITHUB_ACTION_PATH" | "RUNNER_TEMP" | "GITHUB_OUTPUT" => world,
            _ => world.variable(name, value),
        });
    let world = step_env(1)
        .iter()
        .fold(world, |world, (name, value)| world.variable(name, value));
    let run = world
        .variable("PROGRAM", found.to_str().expect("a path"))
        .through(&shell, &file)
        .deploy();
    assert!(
        !door.path("mark").exists(),
        "something that was planted was started"
    );
    run
}

/// A push that changes `web`, with its images.
fn pushed() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images()
}

/// A variable of the loader's that an earlier step set: both steps go on as if it were not set.
pub(super) fn runs_though_planted(name: &str) {
    let plant = |door: &mut Door| {
        let (library, libraries) = (door.path("mark.so"), door.path("libraries"));
        let planted = match name {
            "LD_LIBRARY_PATH" => {
                // bash needs a library of this name.
                std::fs::create_dir(&libraries).expect("a directory");
                std::fs::copy(&library, libraries.join("libtinfo.so.6")).expect("a file");
                libraries.display().to_string()
            }
            "LD_AUDIT" => library.display().to_string(),
            _ => "glibc.malloc.tcache_count=0".to_owned(),
        };
        door.environment.remove("LD_PRELOAD");
        if name != "GLIBC_TUNABLES" {
            let mut shell = Command::new("/bin/bash");
            let shell = shell.args(["-c", ":"]).env_clear().env(name, &planted);
            let is_disturbed = !shell.output().expect("a shell").status.success();
            let mark = door.path("mark");
            assert!(is_disturbed || mark.exists(), "the trap works");
            let _ = std::fs::remove_file(mark);
        }
        door.environment.insert(name.to_owned(), planted);
    };
    deployed_after(pushed(), plant).expect_accepted(["web"]);
}

#[test]
fn row_73_what_an_earlier_step_planted_is_not_loaded_by_the_composite_action() {
    deployed(pushed()).expect_accepted(["web"]);
}

#[test]
fn a_planted_input_in_the_other_spelling_is_not_read_through_the_second_door() {
    deployed(pushed().variable("INPUT_DRY_RUN", "true")).expect_accepted(["web"]);
}

#[test]
fn what_is_not_what_was_released_is_never_made_executable() {
    let server = releases(b"#!/bin/sh\necho something else\n".to_vec());
    let door = Door::released(&format!("{}/v1.2.3", server.origin()), &program());
    door.refuses(&[], "it is not what was released");
    assert!(!door.fetch(&[]).is_left);
    let mut cut = program();
    cut.pop();
    let server = releases(cut);
    Door::released(&format!("{}/v1.2.3", server.origin()), &program())
        .refuses(&[], "it is not what was released");
}

#[test]
fn a_machine_without_a_program_is_named() {
    let server = releases(program());
    let door = Door::released(&format!("{}/v1.2.3", server.origin()), &program());
    door.refuses(&["/usr/bin/setarch", "i686"], "Linux on i686");
    let none = Door::released("https://example.invalid/v1.2.3", b"");
    std::fs::write(
        none.path("action/release"),
        "https://example.invalid/v1.2.3\n",
    )
    .unwrap();
    none.refuses(&[], NAME);
}

#[test]
fn a_commit_that_is_no_release_says_so() {
    Door::of_main().refuses(&[], "this commit is no release");
    let tracked = git(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &["ls-files", "no-docker"],
    );
    assert!(
        !tracked.contains("no-docker/release"),
        "main names no release"
    );
}

#[test]
fn an_address_that_does_not_answer_is_told_from_one_that_is_not_trusted() {
    let server = releases(program());
    let nothing = Door::released(&format!("{}/v9.9.9", server.origin()), &program());
    nothing.refuses(&[], "answered 404");
    Door::released("https://127.0.0.1:9/v1.2.3", &program()).refuses(&[], "no connection to");
    let authority = testworld::tls::Authority::new("Shop Proxy CA", "Shop Inc");
    let hidden = authority.before(&server.host(), testworld::tls::Oddity::None);
    Door::released(&format!("{hidden}/v1.2.3"), &program()).refuses(&[], "no TLS connection to");
    Door::released("http://example.invalid/v1.2.3", &program()).refuses(&[], "no https address");
}
