//! A runner's workspace: what actions/checkout leaves in it.

use crate::git::Origin;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// `O_NONBLOCK` of Linux.
const NONBLOCK: i32 = 0o4000;

/// What a checkout has, and which refs it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checkout {
    /// Every commit, branch and tag (`fetch-depth: 0`).
    Full,
    /// The one commit, by default of actions/checkout.
    Shallow,
    /// There is no checkout.
    None,
}

/// A runner's workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) path: PathBuf,
    written: BTreeSet<String>,
    was_shallow: bool,
}

impl Workspace {
    pub(crate) fn new(path: &Path) -> Self {
        std::fs::create_dir_all(path).expect("a workspace");
        Self {
            path: path.to_owned(),
            written: BTreeSet::new(),
            was_shallow: false,
        }
    }

    /// Checks out, as actions/checkout does: `refs` are those that the origin had when it did. A branch's remote-tracking ref is then on the event's
    /// commit, because that is what is fetched under its name.
    pub(crate) fn check_out(
        &mut self,
        origin: &Origin,
        kind: Checkout,
        commit: usize,
        git_ref: &str,
        refs: &BTreeMap<String, String>,
    ) {
        let git = self.path.join(".git");
        if kind != Checkout::Full || self.was_shallow {
            let _ = std::fs::remove_dir_all(&git);
            self.written.clear();
        }
        self.was_shallow = kind == Checkout::Shallow;
        if kind == Checkout::None {
            return;
        }
        for folder in ["objects/info", "objects/pack", "refs/heads"] {
            std::fs::create_dir_all(git.join(folder)).expect("a folder of git");
        }
        let sha = &origin.commits[commit].sha;
        let mut packed: BTreeMap<String, String> = BTreeMap::new();
        let fetched = match git_ref.strip_prefix("refs/heads/") {
            Some(branch) => format!("refs/remotes/origin/{branch}"),
            None => git_ref.to_owned(),
        };
        if kind == Checkout::Full {
            for (name, object) in refs {
                match name.strip_prefix("refs/heads/") {
                    Some(branch) => {
                        packed.insert(format!("refs/remotes/origin/{branch}"), object.clone())
                    }
                    None => packed.insert(name.clone(), object.clone()),
                };
            }
            (0..origin.commits.len())
                .for_each(|number| self.write(origin, &origin.commits[number].objects));
            let tags = origin.tag_objects();
            self.write(origin, &tags);
        } else {
            self.write(origin, &origin.commits[commit].objects);
            std::fs::write(git.join("shallow"), format!("{sha}\n")).expect("shallow");
        }
        packed.insert(fetched, sha.clone());
        let lines: String = packed
            .iter()
            .map(|(name, object)| format!("{object} {name}\n"))
            .collect();
        std::fs::write(git.join("packed-refs"), lines).expect("packed-refs");
        std::fs::write(git.join("HEAD"), format!("{sha}\n")).expect("HEAD");
        let config = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\
            [remote \"origin\"]\n\turl = https://github.com/acme/shop\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n";
        std::fs::write(git.join("config"), config).expect("config");
    }

    /// Puts a FIFO among the remote-tracking refs, and watches whether somebody reads it.
    pub(crate) fn put_fifo(&self) -> Watch {
        let folders =
            [".git/refs/remotes/origin", ".git/refs/tags"].map(|folder| self.path.join(folder));
        let paths = folders.map(|folder| {
            std::fs::create_dir_all(&folder).expect("a folder of refs");
            let path = folder.join("main");
            if !path.exists() {
                let made = std::process::Command::new("mkfifo").arg(&path).status();
                assert!(made.is_ok_and(|status| status.success()), "mkfifo");
            }
            path
        });
        Watch::new(paths)
    }

    fn write(&mut self, origin: &Origin, objects: &[String]) {
        for sha in objects {
            if !self.written.insert(sha.clone()) {
                continue;
            }
            let folder = self.path.join(".git/objects").join(&sha[..2]);
            std::fs::create_dir_all(&folder).expect("a folder of objects");
            std::fs::write(folder.join(&sha[2..]), origin.loose(sha)).expect("an object");
        }
    }
}

/// Opens a FIFO for writing as soon as somebody waits to read it, and closes it again: who waits goes on then.
#[derive(Debug)]
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<bool>,
}

impl Watch {
    fn new(paths: [PathBuf; 2]) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut was_read = false;
            while !over.load(Ordering::SeqCst) {
                for path in &paths {
                    let opened = OpenOptions::new()
                        .write(true)
                        .custom_flags(NONBLOCK)
                        .open(path);
                    was_read |= opened.is_ok();
                }
                std::thread::park_timeout(Duration::from_millis(2));
            }
            was_read
        });
        Self { is_over, thread }
    }

    pub(crate) fn was_read(self) -> bool {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().expect("the watch")
    }
}
