//! Real repositories for the tests of this folder, made by git.

#![allow(clippy::unwrap_used, missing_docs, reason = "only tests use it")]

use model::CommitSha;
use std::fs;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A repository in a directory that goes away with it.
pub struct Repo(TempDir);

impl Repo {
    #[expect(clippy::new_without_default, reason = "it makes a repository")]
    pub fn new() -> Self {
        Self::with_format("sha1")
    }

    pub fn with_format(format: &str) -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        repo.git(&[
            "init",
            "-q",
            "-b",
            "main",
            &format!("--object-format={format}"),
        ]);
        repo
    }

    /// A clone of `origin` with the given options of `git clone`.
    pub fn clone_of(origin: &Self, options: &[&str]) -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        let url = format!("file://{}", origin.path().display());
        repo.git(&[&["clone", "-q"], options, &[url.as_str(), "."]].concat());
        repo
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs git, with a clock that moves on by a minute a commit, and returns what it prints.
    pub fn git(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.git_bytes(arguments))
            .unwrap()
            .trim_end()
            .to_owned()
    }

    pub fn git_bytes(&self, arguments: &[&str]) -> Vec<u8> {
        self.run(arguments, "")
    }

    pub fn git_with_input(&self, arguments: &[&str], input: &str) -> String {
        String::from_utf8(self.run(arguments, input))
            .unwrap()
            .trim_end()
            .to_owned()
    }

    fn run(&self, arguments: &[&str], input: &str) -> Vec<u8> {
        let count = fs::read_to_string(self.path().join(".git/clock"))
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0_u32);
        if self.path().join(".git").is_dir() {
            fs::write(self.path().join(".git/clock"), (count + 1).to_string()).unwrap();
        }
        let date = format!("{} +0200", 1_750_000_000 + 60 * count);
        let stdin = tempfile::tempfile().unwrap();
        (&stdin).write_all(input.as_bytes()).unwrap();
        (&stdin).rewind().unwrap();
        let output = Command::new("git")
            .stdin(stdin)
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .envs([
                ("GIT_AUTHOR_NAME", "A"),
                ("GIT_AUTHOR_EMAIL", "a@example.com"),
            ])
            .envs([
                ("GIT_COMMITTER_NAME", "A"),
                ("GIT_COMMITTER_EMAIL", "a@example.com"),
            ])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Writes files and commits everything; returns the commit.
    pub fn commit(&self, files: &[(&str, &str)]) -> CommitSha {
        CommitSha::parse(self.commit_any(files).as_bytes()).unwrap()
    }

    pub fn commit_any(&self, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            let path = self.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn sha(&self, name: &str) -> CommitSha {
        CommitSha::parse(self.git(&["rev-parse", name]).as_bytes()).unwrap()
    }

    /// Appends to the repository's own configuration.
    pub fn plant_config(&self, text: &str) {
        let path = self.path().join(".git/config");
        let config = fs::read_to_string(&path).unwrap();
        fs::write(path, config + text).unwrap();
    }

    /// Gives everything to another user, as a runner's workspace belongs to another than a container's root. Without the right to
    /// do that it changes nothing.
    pub fn give_away(&self) {
        let _ = Command::new("chown")
            .args(["-R", "1234:1234"])
            .arg(self.path())
            .output();
    }

    pub fn checkout(&self) -> super::Checkout {
        super::Checkout::open(self.path(), super::Trust::OnRunner)
            .unwrap()
            .unwrap()
    }
}
