//! The repository: commits that each have a parent and a tree, and one branch. A tree is a number for each path; equal numbers are equal
//! contents, so that trees come back (a revert) and differ in one service only.

use ghcr_to_render::domain::CommitSha;

/// What stands at each path.
pub(crate) type Tree = [u8; 4];

/// The services, with the paths that matter to each and its image.
pub(crate) const SERVICES: [(&str, &[usize], usize); 3] =
    [("api", &[0], 0), ("web", &[1, 2], 1), ("job", &[1, 3], 1)];

/// The images, with the paths that each is built from: its own and those of every service that runs it.
pub(crate) const IMAGES: [(&str, &[usize]); 2] = [
    ("ghcr.io/acme/api", &[0]),
    ("ghcr.io/acme/workers", &[1, 2, 3]),
];

/// Whether two trees hold the same at these paths.
pub(crate) fn same(one: &Tree, other: &Tree, paths: &[usize]) -> bool {
    paths.iter().all(|path| one[*path] == other[*path])
}

pub(crate) struct Commit {
    pub(crate) parent: Option<usize>,
    pub(crate) tree: Tree,
}

pub(crate) struct Git {
    pub(crate) commits: Vec<Commit>,
    /// Where the branch is.
    pub(crate) tip: usize,
}

impl Git {
    pub(crate) fn new() -> Self {
        Self {
            commits: vec![Commit {
                parent: None,
                tree: [0; 4],
            }],
            tip: 0,
        }
    }

    /// Commits a tree on top of a commit.
    pub(crate) fn commit(&mut self, parent: usize, tree: Tree) -> usize {
        self.commits.push(Commit {
            parent: Some(parent),
            tree,
        });
        self.commits.len() - 1
    }

    /// The commit so many before this one, or the first.
    pub(crate) fn back(&self, commit: usize, steps: usize) -> usize {
        (0..steps).fold(commit, |commit, _| {
            self.commits[commit].parent.unwrap_or(commit)
        })
    }

    /// Whether one commit is another one or comes before it.
    pub(crate) fn reaches(&self, ancestor: usize, descendant: usize) -> bool {
        let mut commit = descendant;
        // A parent's number is always lower.
        while commit > ancestor {
            match self.commits[commit].parent {
                Some(parent) => commit = parent,
                None => return false,
            }
        }
        commit == ancestor
    }

    pub(crate) fn tree(&self, commit: usize) -> &Tree {
        &self.commits[commit].tree
    }
}

/// The name of a commit.
pub(crate) fn sha(commit: usize) -> CommitSha {
    let mut bytes = [0xc0; 20];
    bytes[..8].copy_from_slice(&(commit as u64).to_be_bytes());
    CommitSha::from_bytes(bytes)
}

/// The commit of a name.
pub(crate) fn number(sha: &CommitSha) -> usize {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&sha.as_bytes()[..8]);
    usize::try_from(u64::from_be_bytes(bytes)).expect("a commit of the model")
}
