//! What stands at a path in a commit.

/// What a commit has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileAt {
    /// A regular file, with its bytes.
    File(Vec<u8>),
    /// Nothing.
    Absent,
    /// Something that is no regular file: `a symbolic link`, `a directory`, `a submodule`, or a path that leads through one.
    NotAFile(&'static str),
    /// A regular file that is larger than what is read, and how many bytes it has.
    TooLarge(u64),
    /// The commit, or an object of it that is needed, is not there.
    CommitMissing,
}
