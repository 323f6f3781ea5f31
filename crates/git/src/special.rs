//! Pipes, sockets and devices where git has files: reading one would wait for ever, and no signal would be heard.

use super::RepositoryError;
use super::open::{FileKind, kind};
use std::fs;
use std::path::Path;

/// Files that are read when a repository is opened or a name is looked up.
const FILES: [&str; 4] = ["HEAD", "config", "packed-refs", "shallow"];
/// Directories of which every file may be read.
const DIRECTORIES: [(&str, &str); 2] = [("refs", "refs"), ("objects/pack", "objects/pack")];
/// How many entries of those directories are looked at.
const MOST: usize = 100_000;

/// Refuses a repository with anything but files and directories among its names and packs.
pub(super) fn refuse(dot_git: &Path) -> Result<(), RepositoryError> {
    for file in FILES {
        if let Some(found @ FileKind::Other) = kind(&dot_git.join(file)) {
            return Err(planted(file, found));
        }
    }
    let mut left = MOST;
    for (directory, name) in DIRECTORIES {
        refuse_below(&dot_git.join(directory), name, &mut left)?;
    }
    Ok(())
}

fn refuse_below(
    directory: &Path,
    name: &'static str,
    left: &mut usize,
) -> Result<(), RepositoryError> {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            let Some(rest) = left.checked_sub(1) else {
                return Err(RepositoryError::Unreadable(format!(
                    "it has more than {MOST} names and packs"
                )));
            };
            *left = rest;
            match kind(&entry.path()) {
                None | Some(FileKind::File(_)) => {}
                Some(FileKind::Directory) => open.push(entry.path()),
                Some(found @ (FileKind::Link | FileKind::Other)) => {
                    return Err(planted(name, found));
                }
            }
        }
    }
    Ok(())
}

/// Refuses what is no file where an object is to be read from.
pub(super) fn refuse_object(objects: &Path, name: &str) -> Result<(), RepositoryError> {
    let Some((directory, file)) = name.split_at_checked(2) else {
        return Ok(());
    };
    match kind(&objects.join(directory).join(file)) {
        None | Some(FileKind::File(_)) => Ok(()),
        Some(found) => Err(planted("objects", found)),
    }
}

fn planted(file: &'static str, found: FileKind) -> RepositoryError {
    RepositoryError::PlantedFile {
        file,
        found: found.words(),
        wanted: "files",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Repo;
    use crate::{Checkout, RepositoryError, Trust};
    use std::os::unix::net::UnixListener;
    use std::path::Path;
    use std::process::Command;

    fn pipe(path: &Path) {
        let _ = std::fs::remove_file(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    fn refused(repo: &Repo, trust: Trust) -> RepositoryError {
        Checkout::open(repo.path(), trust).map(|_| ()).unwrap_err()
    }

    #[test]
    fn a_pipe_where_git_has_a_file_is_refused_at_once() {
        for name in [
            "HEAD",
            "packed-refs",
            "config",
            "refs/heads/main",
            "refs/remotes/origin/main",
            "refs/tags/prod-1",
            "objects/pack/pack-1.pack",
        ] {
            for trust in [Trust::OnRunner, Trust::OnLaptop] {
                let repo = Repo::new();
                repo.commit(&[("a", "1")]);
                pipe(&repo.path().join(".git").join(name));
                let refused = refused(&repo, trust);
                assert!(
                    matches!(refused, RepositoryError::PlantedFile { .. }),
                    "{name}: {refused}"
                );
            }
        }
    }

    #[test]
    fn a_socket_or_a_link_as_a_branch_is_refused() {
        let repo = Repo::new();
        repo.commit(&[("a", "1")]);
        let branch = repo.path().join(".git/refs/heads/other");
        let _listener = UnixListener::bind(&branch).unwrap();
        assert!(matches!(
            refused(&repo, Trust::OnRunner),
            RepositoryError::PlantedFile { file: "refs", .. }
        ));
        std::fs::remove_file(&branch).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &branch).unwrap();
        assert!(matches!(
            refused(&repo, Trust::OnRunner),
            RepositoryError::PlantedFile { file: "refs", .. }
        ));
    }

    #[test]
    fn a_pipe_as_an_object_is_refused_when_it_is_read() {
        let repo = Repo::new();
        let commit = repo.commit(&[("a", "1")]);
        let name = commit.to_string();
        let object = repo
            .path()
            .join(".git/objects")
            .join(&name[..2])
            .join(&name[2..]);
        pipe(&object);
        let checkout = repo.checkout();
        assert!(!checkout.has(&commit));
        assert!(checkout.peel(&commit).is_err());
        assert!(checkout.is_ancestor(&commit, &commit).is_err());
    }

    #[test]
    fn a_directory_as_a_branch_is_no_branch() {
        let repo = Repo::new();
        repo.commit(&[("a", "1")]);
        let branch = repo.path().join(".git/refs/remotes/origin/main");
        std::fs::create_dir_all(branch.join("below")).unwrap();
        let checkout = Checkout::open(repo.path(), Trust::OnRunner);
        assert!(checkout.unwrap().unwrap().branch_tip("other").is_none());
    }
}
