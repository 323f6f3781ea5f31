//! Opening a checkout, or saying why not.

use super::{RepositoryError, special};
use model::Untrusted;
use std::fs;
use std::path::{Path, PathBuf};

/// The largest object that is read, 4 MiB: a tree of 90,000 entries in one directory is smaller, and so is every manifest.
const LARGEST_OBJECT: &str = "gitoxide.objects.allocLimit=4194304";
/// Settings that win over the repository's own: no replaced objects, no commit graph that could say something else than the
/// commits, no namespace, and bounded objects.
const OVERRIDES: [&str; 4] = [
    "core.useReplaceRefs=false",
    "core.commitGraph=false",
    "gitoxide.core.refsNamespace=",
    LARGEST_OBJECT,
];
/// git's own files that are read whole when a repository is opened, with the largest size that makes sense.
const WHOLE_FILES: [(&str, u64); 5] = [
    ("HEAD", 4 << 10),
    ("config", 1 << 20),
    ("config.worktree", 1 << 20),
    ("packed-refs", 16 << 20),
    ("shallow", 2 << 20),
];
/// Directories that have to be the repository's own.
const DIRECTORIES: [&str; 4] = ["objects", "objects/info", "objects/pack", "refs"];

/// Who wrote what is in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A runner's workspace: any step before us, with any owner. Only a plain checkout is opened, and only the workspace itself.
    OnRunner,
    /// A person's own clone: worktrees, submodules and shared objects are fine, and the repository may begin further up.
    OnLaptop,
}

/// A checkout's objects and refs, for reading only.
#[derive(Debug)]
pub struct Checkout(pub(super) gix::Repository);

impl Checkout {
    /// Opens the checkout in `workspace`; `None` when there is none.
    ///
    /// # Errors
    /// Refuses a repository that is not what `trust` expects, that has SHA-256 names, or that cannot be made sense of. All of
    /// these are reasons to go on without a checkout.
    pub fn open(workspace: &Path, trust: Trust) -> Result<Option<Self>, RepositoryError> {
        let found = match trust {
            Trust::OnRunner => plain(workspace)?,
            Trust::OnLaptop => workspace
                .ancestors()
                .map(|directory| directory.join(".git"))
                .find(|path| path.exists()),
        };
        let Some(dot_git) = found else {
            return Ok(None);
        };
        special::refuse(&dot_git)?;
        let options = gix::open::Options::isolated()
            .open_path_as_is(true)
            .config_overrides(OVERRIDES);
        let mut repository =
            gix::open_opts(&dot_git, options).map_err(|error| cannot_open(&dot_git, &error))?;
        repository.objects.refresh_never();
        Ok(Some(Self(repository)))
    }
}

/// The workspace's `.git`, if it is exactly what checking out makes.
fn plain(workspace: &Path) -> Result<Option<PathBuf>, RepositoryError> {
    let dot_git = workspace.join(".git");
    match kind(&dot_git) {
        None => return Ok(None),
        Some(FileKind::Directory) => {}
        Some(other) => return Err(RepositoryError::Unusual(other.words())),
    }
    for file in DIRECTORIES {
        match kind(&dot_git.join(file)) {
            None | Some(FileKind::Directory) => {}
            Some(other) => {
                return Err(RepositoryError::PlantedFile {
                    file,
                    found: other.words(),
                    wanted: "a directory",
                });
            }
        }
    }
    for (file, largest) in WHOLE_FILES {
        match kind(&dot_git.join(file)) {
            None => {}
            Some(FileKind::File(size)) if size <= largest => {}
            Some(other) => {
                return Err(RepositoryError::PlantedFile {
                    file,
                    found: other.words(),
                    wanted: "a file of at most the allowed size",
                });
            }
        }
    }
    for file in ["objects/info/alternates", "commondir"] {
        if let Some(other) = kind(&dot_git.join(file)) {
            let wanted = "none: objects come from this workspace only";
            return Err(RepositoryError::PlantedFile {
                file,
                found: other.words(),
                wanted,
            });
        }
    }
    Ok(Some(dot_git))
}

#[derive(Clone, Copy)]
pub(super) enum FileKind {
    File(u64),
    Directory,
    Link,
    Other,
}

impl FileKind {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::File(0..=1_048_576) => "a file",
            Self::File(_) => "a large file",
            Self::Directory => "a directory",
            Self::Link => "a symbolic link",
            Self::Other => "something else than a file",
        }
    }
}

/// What is at a path, without following a link; what cannot be looked at counts as nothing.
pub(super) fn kind(path: &Path) -> Option<FileKind> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let file_type = metadata.file_type();
    Some(if file_type.is_symlink() {
        FileKind::Link
    } else if file_type.is_dir() {
        FileKind::Directory
    } else if file_type.is_file() {
        FileKind::File(metadata.len())
    } else {
        FileKind::Other
    })
}

fn cannot_open(dot_git: &Path, error: &gix::Error) -> RepositoryError {
    // The library reads the format before anything else and says that it knows no other; its words are not its interface.
    let config = fs::read(dot_git.join("config"))
        .unwrap_or_default()
        .to_ascii_lowercase();
    if config
        .windows(b"sha256".len())
        .any(|window| window == b"sha256")
    {
        return RepositoryError::ObjectFormat;
    }
    RepositoryError::Unreadable(Untrusted(error.to_string().as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Repo;
    use super::*;
    use std::os::unix::fs::symlink;

    fn on_runner(repo: &Repo) -> Result<Option<Checkout>, RepositoryError> {
        Checkout::open(repo.path(), Trust::OnRunner)
    }

    #[test]
    fn no_git_directory_is_no_checkout() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(
            Checkout::open(directory.path(), Trust::OnRunner),
            Ok(None)
        ));
    }

    #[test]
    fn only_a_laptop_looks_further_up() {
        let repo = Repo::new();
        repo.commit(&[("a/b/c", "1")]);
        let below = repo.path().join("a/b");
        assert!(matches!(Checkout::open(&below, Trust::OnRunner), Ok(None)));
        assert!(matches!(
            Checkout::open(&below, Trust::OnLaptop),
            Ok(Some(_))
        ));
    }

    #[test]
    fn a_git_file_or_link_is_refused_on_a_runner() {
        let repo = Repo::new();
        let head = repo.commit(&[("a", "1")]);
        let other = tempfile::tempdir().unwrap();
        symlink(repo.path().join(".git"), other.path().join(".git")).unwrap();
        let refused = |path: &Path| {
            Checkout::open(path, Trust::OnRunner)
                .map(|_| ())
                .unwrap_err()
        };
        assert_eq!(
            refused(other.path()),
            RepositoryError::Unusual("a symbolic link")
        );
        let worktree = other.path().join("tree");
        repo.git(&["worktree", "add", "--detach", worktree.to_str().unwrap()]);
        assert_eq!(refused(&worktree), RepositoryError::Unusual("a file"));
        assert!(
            Checkout::open(&worktree, Trust::OnLaptop)
                .unwrap()
                .unwrap()
                .has(&head)
        );
    }

    #[test]
    fn planted_files_are_refused_on_a_runner() {
        type Plant<'a> = (&'static str, &'a dyn Fn(&Path));
        let plants: [Plant; 6] = [
            ("objects/info/alternates", &|path| {
                fs::write(path, "/elsewhere/objects\n").unwrap()
            }),
            ("commondir", &|path| {
                fs::write(path, "/elsewhere\n").unwrap()
            }),
            ("objects/pack", &|path| {
                let _ = fs::remove_dir_all(path);
                symlink("/elsewhere", path).unwrap();
            }),
            ("packed-refs", &|path| symlink("/elsewhere", path).unwrap()),
            ("shallow", &|path| fs::create_dir(path).unwrap()),
            ("config.worktree", &|path| {
                fs::File::create(path).unwrap().set_len(1 << 40).unwrap()
            }),
        ];
        for (name, plant) in plants {
            let repo = Repo::new();
            repo.commit(&[("a", "1")]);
            plant(&repo.path().join(".git").join(name));
            let refused = on_runner(&repo).map(|_| ()).unwrap_err();
            assert!(
                matches!(refused, RepositoryError::PlantedFile { file, .. } if file == name),
                "{name}: {refused}"
            );
        }
    }

    #[test]
    fn sha256_repositories_are_refused() {
        let repo = Repo::with_format("sha256");
        repo.commit_any(&[("a", "1")]);
        assert_eq!(
            on_runner(&repo).map(|_| ()),
            Err(RepositoryError::ObjectFormat)
        );
    }

    #[test]
    fn a_broken_config_is_a_reason_and_no_panic() {
        for config in [
            &b"[core\n"[..],
            b"\xff\xfe\0",
            b"[core]\n\tworktree =\n",
            b"[extensions]\n\tobjectFormat = md5\n",
        ] {
            let repo = Repo::new();
            repo.commit(&[("a", "1")]);
            fs::write(repo.path().join(".git/config"), config).unwrap();
            let _ = on_runner(&repo).map(|checkout| checkout.map(|checkout| checkout.head()));
        }
        let repo = Repo::new();
        fs::write(repo.path().join(".git/config"), "[core\n").unwrap();
        assert!(matches!(
            on_runner(&repo),
            Err(RepositoryError::Unreadable(_))
        ));
    }

    #[test]
    fn nothing_that_the_config_names_is_executed() {
        let repo = Repo::new();
        let base = repo.commit(&[("a", "1")]);
        let head = repo.commit(&[("a", "2")]);
        let proof = repo.path().join("executed");
        let script = repo.path().join("script");
        fs::write(&script, format!("#!/bin/sh\ntouch {}\n", proof.display())).unwrap();
        repo.plant_config(&format!(
            "[core]\n\tfsmonitor = {0}\n\tsshCommand = {0}\n\tpager = {0}\n\thooksPath = {1}\n[diff]\n\texternal = {0}\n\
             [include]\n\tpath = {1}/included\n[credential]\n\thelper = !{0}\n[filter \"x\"]\n\tsmudge = {0}\n",
            script.display(),
            repo.path().display(),
        ));
        fs::write(
            repo.path().join("included"),
            "[core]\n\trepositoryFormatVersion = 99\n",
        )
        .unwrap();
        fs::write(
            repo.path().join(".git/info/attributes"),
            "* filter=x diff=x\n",
        )
        .unwrap();
        let checkout = on_runner(&repo).unwrap().unwrap();
        assert_eq!(
            checkout.changed_paths(&base, &head),
            Ok(Some(vec![b"a".to_vec()]))
        );
        assert_eq!(checkout.is_ancestor(&base, &head), Ok(Some(true)));
        assert!(!proof.exists());
    }

    #[test]
    fn a_foreign_owner_is_no_obstacle() {
        let repo = Repo::new();
        let base = repo.commit(&[("a", "1")]);
        let head = repo.commit(&[("b", "2")]);
        repo.give_away();
        let checkout = on_runner(&repo).unwrap().unwrap();
        assert_eq!(
            checkout.changed_paths(&base, &head),
            Ok(Some(vec![b"b".to_vec()]))
        );
    }
}
