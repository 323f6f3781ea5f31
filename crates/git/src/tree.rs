//! Trees: what two of them differ in, and what stands at a path of one.

use super::object::NAMES;
use super::{Checkout, RepositoryError};
use gix::ObjectId;
use gix::bstr::BStr;
use gix::diff::tree::visit::{Action, Change};
use gix::diff::tree::{State, Visit};
use gix::objs::tree::EntryKind;
use gix::objs::{Data, Find, TreeRefIter};
use model::{CommitSha, FileAt};
use std::cell::RefCell;
use std::collections::VecDeque;

/// The most memory for paths while two trees are compared, in bytes: some 200,000 paths of usual length. A tree that names the same tree a
/// thousand times over can spell out more paths than any memory holds.
const MOST_BYTES: usize = 32 << 20;

/// What a path takes beside its own bytes: its place in the list, the allocator's own, and a place in each of two lists made of it.
const EACH: usize = size_of::<Vec<u8>>() + 16 + 2 * size_of::<&[u8]>();

impl Checkout {
    /// Every path in which the trees of two commits differ, sorted: a raw comparison, so a rename is two paths, and deletions,
    /// changes of mode or type and submodule bumps count. `None` when a commit or a tree that is needed is not here.
    ///
    /// # Errors
    /// Refuses broken objects and more paths than can be held.
    pub fn changed_paths(
        &self,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<Option<Vec<Vec<u8>>>, RepositoryError> {
        let (Some(old), Some(new)) = (self.tree_of(base)?, self.tree_of(head)?) else {
            return Ok(None);
        };
        if old == new {
            return Ok(Some(Vec::new()));
        }
        let (mut old_buffer, mut new_buffer) = (Vec::new(), Vec::new());
        let (Some(old), Some(new)) = (
            self.read(old, &mut old_buffer)?,
            self.read(new, &mut new_buffer)?,
        ) else {
            return Ok(None);
        };
        self.differences(old.data, new.data, (base, head))
    }

    /// The paths in which two trees differ, given their content; the empty tree has none.
    fn differences(
        &self,
        old: &[u8],
        new: &[u8],
        (base, head): (&CommitSha, &CommitSha),
    ) -> Result<Option<Vec<Vec<u8>>>, RepositoryError> {
        let objects = VerifiedObjects {
            checkout: self,
            stopped: RefCell::default(),
        };
        let mut paths = ChangedPaths::default();
        let (old, new) = (
            TreeRefIter::from_bytes(old, NAMES),
            TreeRefIter::from_bytes(new, NAMES),
        );
        let result = gix::diff::tree(old, new, State::default(), &objects, &mut paths);
        if paths.is_full() {
            return Err(RepositoryError::TooManyChanges {
                base: *base,
                head: *head,
            });
        }
        match (objects.stopped.into_inner(), result) {
            (Some(WalkEnd::Missing), _) => Ok(None),
            (Some(WalkEnd::Broken(error)), _) => Err(error),
            (None, Err(error)) => Err(super::object::broken(head, &error.to_string())),
            (None, Ok(())) => Ok(Some(paths.into_sorted())),
        }
    }

    /// Every path of a commit's tree that is no directory, sorted. `None` when the commit or a tree of it is not here.
    ///
    /// # Errors
    /// Refuses broken objects and more paths than can be held.
    pub fn paths_of(&self, commit: &CommitSha) -> Result<Option<Vec<Vec<u8>>>, RepositoryError> {
        let Some(tree) = self.tree_of(commit)? else {
            return Ok(None);
        };
        let mut buffer = Vec::new();
        let Some(data) = self.read(tree, &mut buffer)? else {
            return Ok(None);
        };
        self.differences(&[], data.data, (commit, commit))
    }

    /// What the commit has at `path`, a file of at most `cap` bytes.
    ///
    /// # Errors
    /// Refuses broken objects.
    pub fn file_at(
        &self,
        commit: &CommitSha,
        path: &str,
        cap: usize,
    ) -> Result<FileAt, RepositoryError> {
        let Some(mut tree) = self.tree_of(commit)? else {
            return Ok(FileAt::CommitMissing);
        };
        let mut components = path.split('/').peekable();
        while let Some(name) = components.next() {
            let mut buffer = Vec::new();
            let Some(data) = self.read(tree, &mut buffer)? else {
                return Ok(FileAt::CommitMissing);
            };
            let Some((kind, object)) = find(data, name) else {
                return Ok(FileAt::Absent);
            };
            let is_last = components.peek().is_none();
            match kind {
                EntryKind::Tree if is_last => return Ok(FileAt::NotAFile("a directory")),
                EntryKind::Tree => tree = object,
                EntryKind::Link => return Ok(FileAt::NotAFile("a symbolic link")),
                EntryKind::Commit => return Ok(FileAt::NotAFile("a submodule")),
                EntryKind::Blob | EntryKind::BlobExecutable if is_last => {
                    return self.blob(object, cap);
                }
                EntryKind::Blob | EntryKind::BlobExecutable => return Ok(FileAt::Absent),
            }
        }
        Ok(FileAt::Absent)
    }

    fn blob(&self, object: ObjectId, cap: usize) -> Result<FileAt, RepositoryError> {
        if let Some(size) = self
            .size(object)
            .filter(|size| usize::try_from(*size).map_or(true, |size| size > cap))
        {
            return Ok(FileAt::TooLarge(size));
        }
        let mut buffer = Vec::new();
        Ok(match self.read(object, &mut buffer)? {
            Some(data) => FileAt::File(data.data.to_vec()),
            None => FileAt::CommitMissing,
        })
    }
}

fn find(tree: Data<'_>, name: &str) -> Option<(EntryKind, ObjectId)> {
    let entry = tree
        .try_into_tree_iter()?
        .filter_map(Result::ok)
        .find(|entry| entry.filename == name)?;
    Some((entry.mode.kind(), entry.oid.to_owned()))
}

/// The object store as the comparison sees it: each tree compared with its name, and the first obstacle remembered.
struct VerifiedObjects<'a> {
    checkout: &'a Checkout,
    stopped: RefCell<Option<WalkEnd>>,
}

enum WalkEnd {
    Missing,
    Broken(RepositoryError),
}

impl Find for VerifiedObjects<'_> {
    fn try_find<'a>(
        &self,
        id: &gix::oid,
        buffer: &'a mut Vec<u8>,
    ) -> gix::Result<Option<Data<'a>>> {
        match self.checkout.read(id.to_owned(), buffer) {
            Ok(Some(data)) => return Ok(Some(data)),
            Ok(None) => *self.stopped.borrow_mut() = Some(WalkEnd::Missing),
            Err(error) => *self.stopped.borrow_mut() = Some(WalkEnd::Broken(error)),
        }
        Ok(None)
    }
}

/// The paths of a comparison, in bytes, up to a bound.
#[derive(Default)]
struct ChangedPaths {
    found: Vec<Vec<u8>>,
    current: Vec<u8>,
    waiting: VecDeque<Vec<u8>>,
    held: usize,
}

impl ChangedPaths {
    const fn is_full(&self) -> bool {
        self.held > MOST_BYTES
    }

    /// A file that becomes a link, or a directory, is deleted and added: one path.
    fn into_sorted(self) -> Vec<Vec<u8>> {
        let mut found = self.found;
        found.sort_unstable();
        found.dedup();
        found
    }

    fn copy(&mut self) -> Vec<u8> {
        self.held += self.current.len() + EACH;
        self.current.clone()
    }
}

impl Visit for ChangedPaths {
    fn pop_front_tracked_path_and_set_current(&mut self) {
        self.current = self.waiting.pop_front().unwrap_or_default();
        self.held = self.held.saturating_sub(self.current.len() + EACH);
    }

    fn push_back_tracked_path_component(&mut self, component: &BStr) {
        self.push_path_component(component);
        let path = self.copy();
        self.waiting.push_back(path);
    }

    fn push_path_component(&mut self, component: &BStr) {
        if !component.is_empty() && !self.current.is_empty() {
            self.current.push(b'/');
        }
        self.current.extend_from_slice(component);
    }

    fn pop_path_component(&mut self) {
        let end = self
            .current
            .iter()
            .rposition(|byte| *byte == b'/')
            .unwrap_or(0);
        self.current.truncate(end);
    }

    fn visit(&mut self, change: Change) -> Action {
        let is_tree = match change {
            Change::Addition { entry_mode, .. } | Change::Deletion { entry_mode, .. } => {
                entry_mode.is_tree()
            }
            Change::Modification {
                previous_entry_mode,
                entry_mode,
                ..
            } => previous_entry_mode.is_tree() && entry_mode.is_tree(),
        };
        if !is_tree {
            let path = self.copy();
            self.found.push(path);
        }
        if self.is_full() {
            Action::Break(())
        } else {
            Action::Continue(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Repo;
    use super::*;
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn the_paths_of_a_commit_are_those_that_git_lists() {
        let repo = Repo::new();
        let commit = repo.commit(&[("a/b/c", "1"), ("a.b", "2"), ("a/d", "3"), ("e", "4")]);
        let listed = repo.git_bytes(&["ls-tree", "-r", "-z", "--name-only", &commit.to_string()]);
        let mut wanted: Vec<Vec<u8>> = listed
            .split(|byte| *byte == 0)
            .filter(|path| !path.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        wanted.sort();
        assert_eq!(wanted.len(), 4);
        assert_eq!(repo.checkout().paths_of(&commit).unwrap(), Some(wanted));
        assert_eq!(
            repo.checkout()
                .paths_of(&CommitSha::from_bytes([7; 20]))
                .unwrap(),
            None
        );
    }

    fn as_git_says(repo: &Repo, base: &CommitSha, head: &CommitSha) -> Vec<Vec<u8>> {
        let output = repo.git_bytes(&[
            "diff-tree",
            "-r",
            "-z",
            "--no-renames",
            "--name-only",
            &base.to_string(),
            &head.to_string(),
        ]);
        let mut paths: Vec<_> = output
            .split(|byte| *byte == 0)
            .filter(|path| !path.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }

    #[test]
    fn changed_paths_are_those_of_git() {
        let repo = Repo::new();
        let path = |name: &[u8]| repo.path().join(OsStr::from_bytes(name));
        fs::create_dir_all(path(b"deep/er/still")).unwrap();
        fs::write(path(b"caf\xe9"), "1").unwrap();
        fs::write(path(b"tab\tnew\nline"), "1").unwrap();
        fs::write(path(b"deep/er/still/one"), "1").unwrap();
        fs::write(path(b"mode"), "1").unwrap();
        fs::write(path(b"type"), "1").unwrap();
        fs::write(path(b"becomes-dir"), "1").unwrap();
        fs::create_dir(path(b"becomes-file")).unwrap();
        fs::write(path(b"becomes-file/x"), "1").unwrap();
        fs::write(path(b"becomes-file.txt"), "1").unwrap();
        fs::write(path(b"moved-from"), "the same").unwrap();
        fs::write(path(b"stays"), "1").unwrap();
        let base = repo.commit(&[]);
        repo.git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{base},sub"),
        ]);
        repo.git(&["commit", "-q", "-m", "sub"]);
        let base = repo.sha("HEAD");
        fs::write(path(b"caf\xe9"), "2").unwrap();
        fs::write(path(b"tab\tnew\nline"), "2").unwrap();
        fs::write(path(b"deep/er/still/one"), "2").unwrap();
        fs::set_permissions(path(b"mode"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::remove_file(path(b"type")).unwrap();
        symlink("stays", path(b"type")).unwrap();
        fs::remove_file(path(b"becomes-dir")).unwrap();
        fs::create_dir(path(b"becomes-dir")).unwrap();
        fs::write(path(b"becomes-dir/y"), "1").unwrap();
        fs::remove_dir_all(path(b"becomes-file")).unwrap();
        fs::write(path(b"becomes-file"), "1").unwrap();
        fs::rename(path(b"moved-from"), path(b"moved-to")).unwrap();
        repo.git(&["add", "-A", "--", ".", ":!sub"]);
        repo.git(&[
            "update-index",
            "--cacheinfo",
            &format!("160000,{},sub", repo.sha("HEAD")),
        ]);
        repo.git(&["commit", "-q", "-m", "all"]);
        let head = repo.sha("HEAD");
        let wanted = as_git_says(&repo, &base, &head);
        for name in [
            &b"caf\xe9"[..],
            b"sub",
            b"mode",
            b"type",
            b"becomes-dir",
            b"becomes-dir/y",
            b"moved-from",
            b"moved-to",
        ] {
            assert!(
                wanted.iter().any(|path| path == name),
                "{:?}",
                String::from_utf8_lossy(name)
            );
        }
        assert_eq!(wanted.len(), 12);
        let checkout = repo.checkout();
        assert_eq!(
            checkout.changed_paths(&base, &head),
            Ok(Some(wanted.clone()))
        );
        assert_eq!(checkout.changed_paths(&head, &base), Ok(Some(wanted)));
        assert_eq!(checkout.changed_paths(&head, &head), Ok(Some(vec![])));
    }

    #[test]
    fn everything_differs_from_an_empty_tree() {
        let repo = Repo::new();
        let empty = repo.commit(&[]);
        let head = repo.commit(&[("a/b", "1"), ("c", "1")]);
        assert_eq!(
            repo.checkout().changed_paths(&empty, &head),
            Ok(Some(vec![b"a/b".to_vec(), b"c".to_vec()]))
        );
    }

    #[test]
    fn a_partial_clone_without_trees_knows_nothing() {
        let origin = Repo::new();
        let base = origin.commit(&[("a", "1")]);
        let head = origin.commit(&[("a", "2")]);
        origin.git(&["config", "uploadpack.allowFilter", "true"]);
        let clone = Repo::clone_of(&origin, &["--filter=tree:0", "--no-checkout"]);
        let checkout = clone.checkout();
        assert!(checkout.has(&base));
        assert_eq!(checkout.changed_paths(&base, &head), Ok(None));
        assert_eq!(checkout.file_at(&head, "a", 10), Ok(FileAt::CommitMissing));
    }

    #[test]
    fn a_file_is_a_file_in_the_commit_and_nothing_else() {
        let repo = Repo::new();
        symlink("/proc/self/environ", repo.path().join("link")).unwrap();
        symlink("dir", repo.path().join("linked-dir")).unwrap();
        let head = repo.commit(&[("dir/file", "text"), ("empty", "")]);
        repo.git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{head},sub"),
        ]);
        repo.git(&["commit", "-q", "-m", "sub"]);
        let head = repo.sha("HEAD");
        fs::write(repo.path().join("dir/file"), "edited, not committed").unwrap();
        let checkout = repo.checkout();
        let table = [
            ("dir/file", FileAt::File(b"text".to_vec())),
            ("empty", FileAt::File(vec![])),
            ("link", FileAt::NotAFile("a symbolic link")),
            ("linked-dir/file", FileAt::NotAFile("a symbolic link")),
            ("dir", FileAt::NotAFile("a directory")),
            ("sub", FileAt::NotAFile("a submodule")),
            ("sub/file", FileAt::NotAFile("a submodule")),
            ("dir/file/below", FileAt::Absent),
            ("dir/../dir/file", FileAt::Absent),
            ("/dir/file", FileAt::Absent),
            ("", FileAt::Absent),
            ("none", FileAt::Absent),
        ];
        for (path, wanted) in table {
            assert_eq!(checkout.file_at(&head, path, 4), Ok(wanted), "{path}");
        }
        assert_eq!(
            checkout.file_at(&head, "dir/file", 3),
            Ok(FileAt::TooLarge(4))
        );
        assert_eq!(
            checkout.file_at(&CommitSha::from_bytes([7; 20]), "a", 3),
            Ok(FileAt::CommitMissing)
        );
    }

    #[test]
    fn a_tree_that_spells_out_endless_paths_is_refused() {
        let repo = Repo::new();
        let base = repo.commit(&[]);
        fs::write(repo.path().join("x"), "x").unwrap();
        let mut entry = format!("100644 blob {}", repo.git(&["hash-object", "-w", "x"]));
        for _ in 0..8 {
            let tree: String = (0..10)
                .map(|index| format!("{entry}\t{index}{}\n", "n".repeat(200)))
                .collect();
            entry = format!("040000 tree {}", repo.git_with_input(&["mktree"], &tree));
        }
        let tree = entry.rsplit(' ').next().unwrap();
        let head = repo.sha(&repo.git(&["commit-tree", "-m", "bomb", tree]));
        assert_eq!(
            repo.checkout().changed_paths(&base, &head),
            Err(RepositoryError::TooManyChanges { base, head })
        );
    }
}
