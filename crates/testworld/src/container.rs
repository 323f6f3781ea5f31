//! The program in its container, started as the runner starts a container action (actions/runner, `DockerCommandManager.DockerRun` and
//! `ContainerActionHandler`): the same mounts and variables, a workspace that is another user's, no terminal and no input. What differs is the
//! network, which is the machine's own: the world's servers are on its loopback.

use super::runner::Rooms;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The image that the journeys are to be made in, where there is one.
pub fn image() -> Option<String> {
    std::env::var("CONTAINER_IMAGE")
        .ok()
        .filter(|image| !image.is_empty())
}

/// A container that is about to run.
#[derive(Debug)]
pub struct Container {
    label: String,
    /// The command that the runner would give.
    pub arguments: Vec<String>,
    /// The environment of docker itself, which hands values on by name.
    pub environment: BTreeMap<String, String>,
}

/// Docker, where the engine is that the image is in.
pub fn docker() -> PathBuf {
    std::env::var_os("DOCKER").map_or_else(|| "/usr/bin/docker".into(), PathBuf::from)
}

impl Container {
    /// Prepares a run of the image in these rooms.
    pub fn new(
        image: &str,
        rooms: &Rooms,
        environment: &BTreeMap<String, String>,
        line: &[String],
    ) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let label = format!(
            "journey-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let event = rooms.event.parent().expect("a parent");
        let mounts: [(&Path, &str); 5] = [
            (&rooms.temp, "/github/runner_temp"),
            (&rooms.home, "/github/home"),
            (event, "/github/workflow"),
            (&rooms.files, "/github/file_commands"),
            (&rooms.workspace, "/github/workspace"),
        ];
        let mut arguments: Vec<String> = [
            "run",
            "--name",
            &label,
            "--label",
            &label,
            "--workdir",
            "/github/workspace",
            "--rm",
            "--network",
            "host",
        ]
        .map(str::to_owned)
        .into();
        let mut inside = BTreeMap::new();
        // The image has a PATH of its own; the runner hands none on.
        for (name, value) in environment.iter().filter(|(name, _)| *name != "PATH") {
            arguments.extend(["-e".to_owned(), name.clone()]);
            inside.insert(name.clone(), translated(value, &mounts));
        }
        let socket = std::env::var("DOCKER_HOST").unwrap_or_default();
        let socket = socket
            .strip_prefix("unix://")
            .unwrap_or("/var/run/docker.sock")
            .to_owned();
        arguments.extend(["-v".to_owned(), format!("{socket}:/var/run/docker.sock")]);
        for (outside, there) in mounts {
            arguments.extend(["-v".to_owned(), format!("{}:{there}", outside.display())]);
        }
        arguments.push(image.to_owned());
        arguments.extend_from_slice(line);
        inside.insert("DOCKER_HOST".to_owned(), format!("unix://{socket}"));
        // The runner's user has the files; the program in the container is root.
        let status = Command::new("chown")
            .args(["-R", "1001:1001"])
            .args([&rooms.workspace, &rooms.files])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "journeys in a container need root"
        );
        Self {
            label,
            arguments,
            environment: inside,
        }
    }

    /// Nothing of it is left.
    pub fn is_gone(&self) -> bool {
        let listed = Command::new(docker())
            .args([
                "ps",
                "--all",
                "--quiet",
                "--filter",
                &format!("label={}", self.label),
            ])
            .output()
            .expect("docker");
        assert!(
            listed.status.success(),
            "{}",
            String::from_utf8_lossy(&listed.stderr)
        );
        listed.stdout.is_empty()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Where a journey failed, its container may still run.
        if std::thread::panicking() {
            let _ = Command::new(docker())
                .args(["rm", "--force", &self.label])
                .output();
        }
    }
}

/// A value that is a mounted directory or below one is rewritten; one that only holds such a path is not.
fn translated(value: &str, mounts: &[(&Path, &str)]) -> String {
    let below = |(outside, there): &(&Path, &str)| {
        let rest = Path::new(value).strip_prefix(outside).ok()?;
        let depth = outside.components().count();
        let inside = Path::new(there).join(rest);
        Some((
            depth,
            inside.to_string_lossy().trim_end_matches('/').to_owned(),
        ))
    };
    mounts
        .iter()
        .filter_map(below)
        .max()
        .map_or_else(|| value.to_owned(), |(_, inside)| inside)
}
