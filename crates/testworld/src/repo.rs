//! Real git repositories, made by git itself: fixed dates and identity, so the same steps give the same commits.

use super::runner::found;
use std::ffi::OsStr;
use std::io::{Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A repository with a worktree: the one on GitHub, where people push to.
#[derive(Debug, Clone)]
pub struct Repo {
    path: PathBuf,
}

impl Repo {
    /// Makes an empty repository whose branch is `main`.
    pub fn create(path: &Path) -> Self {
        std::fs::create_dir_all(path).expect("a directory");
        let repo = Self {
            path: path.to_owned(),
        };
        init(
            path,
            "[core]\n\tsymlinks = true\n[uploadpack]\n\tallowAnySHA1InWant = true\n",
        );
        repo
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs git there and gives what it printed, without the last newline.
    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.path, arguments)
    }

    /// Runs git in it, which is told this.
    pub fn git_with(&self, arguments: &[&str], input: &str) -> String {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(input.as_bytes())
            .and_then(|()| file.rewind())
            .expect("a file");
        git_from(&self.path, arguments, file.into())
    }

    /// Writes a file, with its directories.
    pub fn write(&self, path: &str, text: &str) -> &Self {
        self.write_bytes(path.as_bytes(), text.as_bytes())
    }

    /// Writes a file whose name is any bytes.
    pub fn write_bytes(&self, path: &[u8], content: &[u8]) -> &Self {
        let path = self.path.join(OsStr::from_bytes(path));
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// Removes a file.
    pub fn delete(&self, path: &str) -> &Self {
        std::fs::remove_file(self.path.join(path)).expect("a file to delete");
        self
    }

    /// Renames a file without changing it.
    pub fn rename(&self, from: &str, to: &str) -> &Self {
        let to = self.path.join(to);
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("directories");
        std::fs::rename(self.path.join(from), to).expect("a file to rename");
        self
    }

    /// Makes a symbolic link.
    pub fn link(&self, path: &str, target: &str) -> &Self {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink(target, path).expect("a link");
        self
    }

    /// Records a submodule at a commit, in the index.
    pub fn submodule(&self, path: &str, commit: &str) -> &Self {
        std::fs::create_dir_all(self.path.join(path)).expect("a directory");
        self.git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{commit},{path}"),
        ]);
        self
    }

    /// Commits everything and gives the commit.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A", "--", ":/"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    /// The commit that is checked out.
    pub fn head(&self) -> String {
        // Asked for in every world, some times: read as git writes it, which is much faster than starting git.
        let read = |name: &str| std::fs::read_to_string(self.path.join(".git").join(name)).ok();
        let head = read("HEAD").expect("a HEAD");
        let commit = match head.strip_prefix("ref: ") {
            Some(branch) => read(branch.trim_end()),
            None => Some(head),
        };
        commit.map_or_else(
            || self.git(&["rev-parse", "HEAD"]),
            |commit| commit.trim_end().to_owned(),
        )
    }

    /// Whether there is no commit yet.
    pub fn is_empty(&self) -> bool {
        std::fs::read_dir(self.path.join(".git/refs/heads"))
            .expect("branches")
            .next()
            .is_none()
    }

    /// Every tag.
    pub fn tags(&self) -> Vec<String> {
        self.git(&["tag", "--list"])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// The commit that a tag is on.
    pub fn commit_of(&self, tag: &str) -> String {
        self.git(&["rev-parse", &format!("refs/tags/{tag}^{{commit}}")])
    }

    /// A lightweight tag.
    pub fn tag(&self, name: &str, target: &str) -> &Self {
        self.git(&["tag", "-f", name, target]);
        self
    }

    /// An annotated tag; gives the tag object.
    pub fn annotated_tag(&self, name: &str, target: &str) -> String {
        self.git(&["tag", "-f", "-a", "-m", "a release", name, target]);
        self.git(&["rev-parse", &format!("refs/tags/{name}")])
    }
}

/// Makes a repository with this in its configuration, and without the examples of hooks that git brings along.
pub(super) fn init(path: &Path, configuration: &str) {
    git(path, &["init", "-q", "-b", "main", "--template="]);
    let file = std::fs::OpenOptions::new()
        .append(true)
        .open(path.join(".git/config"));
    file.and_then(|mut file| std::io::Write::write_all(&mut file, configuration.as_bytes()))
        .expect("git's configuration");
}

/// Runs git with nothing from the machine's configuration.
pub fn git(directory: &Path, arguments: &[&str]) -> String {
    git_from(directory, arguments, Stdio::null())
}

fn git_from(directory: &Path, arguments: &[&str], input: Stdio) -> String {
    let output = Command::new(found("git"))
        .args([
            "-c",
            "protocol.file.allow=always",
            "-c",
            "core.autocrlf=false",
            "-c",
            "gc.auto=0",
        ])
        // Else every commit and every fetch starts git once more, to see that there is nothing to tidy up.
        .args(["-c", "maintenance.auto=false"])
        .args(arguments)
        .current_dir(directory)
        .stdin(input)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs([
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.com"),
            ("GIT_AUTHOR_DATE", "2026-11-20T10:00:00+00:00"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.com"),
            ("GIT_COMMITTER_DATE", "2026-11-20T10:00:00+00:00"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("LC_ALL", "C"),
        ])
        .output()
        .expect("git");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "git {arguments:?} in {}: {errors}",
        directory.display()
    );
    String::from_utf8_lossy(&output.stdout)
        .trim_end_matches('\n')
        .to_owned()
}
