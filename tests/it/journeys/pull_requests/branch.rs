//! The branch of a pull request: its commits, and the images that its builds push.

use super::chance::Change;
use super::team::SERVICES;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use testworld::{Image, Kind, Repo};

/// What each service's file says, where it is not what the base says.
pub(super) type Files = BTreeMap<&'static str, String>;

/// A pull request.
#[derive(Debug, Clone, Default)]
pub(super) struct Pull {
    pub(super) head: String,
    pub(super) is_open: bool,
    files: Files,
    /// Every head that it had, with its files.
    was: Vec<(String, Files)>,
}

/// An image that a build pushes: where, under which tag, and its bytes.
pub(super) type Pushed = (String, String, Image);

impl Pull {
    /// One that is open and has no commit yet.
    pub(super) fn open() -> Self {
        Self {
            is_open: true,
            ..Self::default()
        }
    }

    /// Moves the branch. Says whether it is on another commit than before.
    pub(super) fn moves(&mut self, repo: &Repo, number: u32, change: Change, mark: u64) -> bool {
        let base = || "refs/heads/main".to_owned();
        let mut from = if self.head.is_empty() {
            base()
        } else {
            self.head.clone()
        };
        match change {
            Change::Files(which) => {
                for (at, service) in SERVICES.into_iter().enumerate() {
                    // One service, the other or both.
                    if usize::from(which % 4) != 2 + at {
                        let text = format!("{service} of {number}, {mark}");
                        self.files.insert(service, text);
                    }
                }
            }
            Change::Drop(which) => {
                let service = SERVICES[usize::from(which) % SERVICES.len()];
                if self.files.remove(service).is_none() {
                    return false;
                }
            }
            Change::Back(which) => {
                let Some((head, files)) = self.was.get(usize::from(which) % self.was.len().max(1))
                else {
                    return false;
                };
                let is_moved = *head != self.head;
                (self.head, self.files) = (head.clone(), files.clone());
                return is_moved;
            }
            Change::Anew => {
                from = base();
                for service in SERVICES {
                    let text = format!("{service} of {number} anew, {mark}");
                    self.files.insert(service, text);
                }
            }
        }
        self.head = self.commit(repo, number, &from, mark);
        self.was.push((self.head.clone(), self.files.clone()));
        true
    }

    /// Makes the commit, in one process of git.
    fn commit(&self, repo: &Repo, number: u32, from: &str, mark: u64) -> String {
        let mut stream = format!(
            "commit refs/later/{number}\nmark :1\ncommitter Ada <ada@example.com> 1795170000 +0000\ndata 6\na push\nfrom {from}\n"
        );
        let mut file = |path: &str, text: &str| {
            let length = text.len();
            let _ = write!(stream, "M 100644 inline {path}\ndata {length}\n{text}\n");
        };
        for service in SERVICES {
            let text = self.files.get(service).map_or(service, String::as_str);
            file(&format!("services/{service}/main.txt"), text);
        }
        file(&format!("other/{number}.txt"), &mark.to_string());
        stream.push_str("\nget-mark :1\n");
        repo.git_with(&["fast-import", "--quiet", "--force"], &stream)
    }

    /// What a build of its head pushes: an image of each service that differs from the base.
    pub(super) fn images(&self, number: u32) -> Vec<Pushed> {
        let source = "https://github.com/acme/shop";
        let image = |service: &&'static str| {
            let image = Image::make(Kind::Amd64, service, &self.head, source);
            let tag = format!("pr-{number}-{}", self.head);
            (format!("acme/{service}"), tag, image)
        };
        self.files.keys().map(image).collect()
    }
}

/// Lets GitHub know the head of a pull request.
pub(super) fn show(repo: &Repo, number: u32, head: &str) {
    let name = format!("refs/pull/{number}/head");
    repo.git(&["update-ref", &name, head]);
}
