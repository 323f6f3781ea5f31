//! Files that the runner and the workflow hand to us, and the few that we write.

use base64::Engine as _;
use http_client::Random;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

/// GitHub's own limit of a webhook payload is 25 MB.
const LARGEST_EVENT: u64 = 26 << 20;

/// Why a file cannot be used. Each names the file as the user wrote it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened, read or written.
    #[error("{what}: {source}")]
    Io {
        /// Which file.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no regular file.
    #[error("{0} is not a regular file")]
    NotRegular(String),
    /// Its path leads out of the workspace, through a link, or into git's own files.
    #[error("{0} is not inside the workspace, or a link or .git is on the way")]
    Outside(String),
    /// It is larger than it may be.
    #[error("{0} is larger than {1} bytes")]
    TooLarge(String, u64),
    /// It has content that is not ours.
    #[error("{0} is there already and was not written by this program")]
    Foreign(String),
}

impl FileError {
    fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }
}

/// Reads the event's payload.
///
/// # Errors
/// The file is missing, no file, or larger than a payload can be.
pub fn read_event(path: &Path) -> Result<Vec<u8>, FileError> {
    read_capped(path, "GITHUB_EVENT_PATH", LARGEST_EVENT)
}

/// Appends to the job summary.
///
/// # Errors
/// The file is a link, no file, or cannot be written.
pub fn append_summary(path: &Path, text: &str) -> Result<(), FileError> {
    open_to_append(path, "GITHUB_STEP_SUMMARY")?
        .write_all(text.as_bytes())
        .map_err(|error| FileError::io("GITHUB_STEP_SUMMARY", error))
}

fn open_to_append(path: &Path, what: &str) -> Result<File, FileError> {
    let metadata = fs::symlink_metadata(path).map_err(|error| FileError::io(what, error))?;
    if !metadata.is_file() {
        return Err(FileError::NotRegular(what.to_owned()));
    }
    OpenOptions::new()
        .append(true)
        .open(path)
        .map_err(|error| FileError::io(what, error))
}

fn read_capped(path: &Path, what: &str, cap: u64) -> Result<Vec<u8>, FileError> {
    let metadata = fs::metadata(path).map_err(|error| FileError::io(what, error))?;
    if !metadata.is_file() {
        return Err(FileError::NotRegular(what.to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| FileError::io(what, error))?;
    file.take(cap + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| FileError::io(what, error))?;
    if bytes.len() as u64 > cap {
        Err(FileError::TooLarge(what.to_owned(), cap))
    } else {
        Ok(bytes)
    }
}

/// The file that outputs are written to, opened before anything is done, so that a run that could not report does not begin.
#[derive(Debug)]
pub struct OutputsFile(File);

impl OutputsFile {
    /// Opens the file that `GITHUB_OUTPUT` names.
    ///
    /// # Errors
    /// It is missing, a directory, a link, or read-only.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        open_to_append(path, "GITHUB_OUTPUT").map(Self)
    }

    /// Writes outputs: `name=value`, or a heredoc with a random delimiter where the value has several lines.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(
        &mut self,
        outputs: &BTreeMap<&'static str, String>,
        random: &Random,
    ) -> Result<(), FileError> {
        let mut text = String::new();
        for (name, value) in outputs {
            if value.contains(['\n', '\r']) {
                let delimiter = delimiter(value, random);
                text.push_str(&format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"));
            } else {
                text.push_str(&format!("{name}={value}\n"));
            }
        }
        self.0
            .write_all(text.as_bytes())
            .map_err(|error| FileError::io("GITHUB_OUTPUT", error))
    }
}

/// 128 random bits in few characters: outputs are counted by the byte. Never a part of the value.
fn delimiter(value: &str, random: &Random) -> String {
    loop {
        let seeds = [random.bits(), random.bits()];
        let bits: Vec<u8> = seeds.into_iter().flat_map(u64::to_be_bytes).collect();
        let delimiter = format!(
            "_{}",
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bits)
        );
        if !value.contains(&delimiter) {
            return delimiter;
        }
    }
}

/// The workspace: the one directory in which files are read for inputs and written for users.
#[derive(Debug, Clone)]
pub struct Workspace(PathBuf);

impl Workspace {
    /// The workspace at `root`.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self(root)
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Finds a path (relative, or absolute below the workspace) without following a link; answers the path below the workspace.
    ///
    /// # Errors
    /// [`FileError::Outside`].
    pub fn inside(&self, path: &str) -> Result<PathBuf, FileError> {
        let outside = || FileError::Outside(shown(path));
        let relative = Path::new(path);
        let relative = if relative.is_absolute() {
            relative.strip_prefix(&self.0).map_err(|_| outside())?
        } else {
            relative
        };
        let mut found = self.0.clone();
        let mut below = PathBuf::new();
        for component in relative.components() {
            match component {
                // On some file systems `.GIT` is the same directory.
                Component::Normal(name)
                    if !name.eq_ignore_ascii_case(".git") && !name.is_empty() =>
                {
                    found.push(name);
                    below.push(name);
                }
                Component::CurDir => continue,
                Component::Normal(_)
                | Component::Prefix(_)
                | Component::RootDir
                | Component::ParentDir => {
                    return Err(outside());
                }
            }
            if fs::symlink_metadata(&found).is_ok_and(|metadata| metadata.is_symlink()) {
                return Err(outside());
            }
        }
        if below.as_os_str().is_empty() {
            Err(outside())
        } else {
            Ok(below)
        }
    }

    /// Reads a regular file of the workspace, at most `cap` bytes.
    ///
    /// # Errors
    /// It is outside, no regular file, too large, or cannot be read.
    pub fn read(&self, path: &str, cap: u64) -> Result<Vec<u8>, FileError> {
        read_capped(&self.0.join(self.inside(path)?), &shown(path), cap)
    }

    /// Whether something is at a path of the workspace, a link included.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.0.join(path)).is_ok()
    }

    /// The names in a directory of the workspace that are UTF-8, at most 1000, sorted; none where there is no such directory.
    #[must_use]
    pub fn names_in(&self, path: &str) -> Vec<String> {
        let Ok(entries) = self.inside(path).and_then(|inside| {
            fs::read_dir(self.0.join(inside)).map_err(|error| FileError::io(shown(path), error))
        }) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .flatten()
            .take(1000)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }

    /// Writes a file that is not there, with the directories above it.
    ///
    /// # Errors
    /// Something is there already, it is outside, or it cannot be written.
    pub fn create(&self, path: &str, text: &str) -> Result<(), FileError> {
        let file = self.0.join(self.inside(path)?);
        let failed = |error| FileError::io(shown(path), error);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut handle = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&file)
            .map_err(failed)?;
        handle.write_all(text.as_bytes()).map_err(failed)
    }

    /// Reads every file of a directory of the workspace: name to content, at most 1000 files of 4 KiB. `None` when it is not there.
    ///
    /// # Errors
    /// It is outside, has something else than regular files, or cannot be read.
    pub fn read_directory(
        &self,
        path: &str,
    ) -> Result<Option<BTreeMap<String, Vec<u8>>>, FileError> {
        let directory = self.0.join(self.inside(path)?);
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::io(shown(path), error)),
        };
        let mut files = BTreeMap::new();
        for entry in entries {
            let entry = entry.map_err(|error| FileError::io(shown(path), error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if files.len() >= 1000 {
                return Err(FileError::TooLarge(shown(path), 1000));
            }
            if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                return Err(FileError::NotRegular(format!(
                    "{}/{}",
                    shown(path),
                    shown(&name)
                )));
            }
            files.insert(name, read_capped(&entry.path(), &shown(path), 4096)?);
        }
        Ok(Some(files))
    }

    /// Checks that a file may be written by [`Workspace::write_lines`]: its directory is there, and at its place nothing, or what is ours by its keys.
    ///
    /// # Errors
    /// It is outside, a link, somebody else's, holds a line whose key is not ours, or its directory cannot be read.
    pub fn check_writable(
        &self,
        path: &str,
        is_own_key: &dyn Fn(&str) -> bool,
    ) -> Result<(), FileError> {
        let file = self.0.join(self.inside(path)?);
        let directory = file.parent().unwrap_or(&self.0);
        fs::read_dir(directory)
            .map_err(|error| FileError::io(format!("the directory of {}", shown(path)), error))?;
        let Ok(metadata) = fs::symlink_metadata(&file) else {
            return Ok(());
        };
        if !metadata.is_file() {
            return Err(FileError::NotRegular(shown(path)));
        }
        let owner = fs::metadata(&self.0)
            .map_err(|error| FileError::io(shown(path), error))?
            .uid();
        let text = self.read(path, 1 << 20)?;
        let is_ours = String::from_utf8_lossy(&text)
            .lines()
            .all(|line| line.split_once('=').is_some_and(|(key, _)| is_own_key(key)));
        if metadata.uid() != owner || metadata.nlink() > 1 || !is_ours {
            Err(FileError::Foreign(shown(path)))
        } else {
            Ok(())
        }
    }

    /// Tries whether a file can be made beside this one, before anything depends on it; nothing is left of that.
    ///
    /// # Errors
    /// It is outside, or cannot be made.
    pub fn try_beside(&self, path: &str, random: &Random) -> Result<(), FileError> {
        let draft = self
            .0
            .join(self.inside(path)?)
            .with_file_name(format!(".{}", delimiter("", random)));
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft);
        made.and_then(|_| fs::remove_file(&draft))
            .map_err(|error| FileError::io(shown(path), error))
    }

    /// Writes `KEY=VALUE` lines to a file that only the workspace's owner may read, all or nothing.
    ///
    /// # Errors
    /// As [`Workspace::check_writable`], or it cannot be written.
    pub fn write_lines(
        &self,
        path: &str,
        lines: &[(String, String)],
        is_own_key: &dyn Fn(&str) -> bool,
        random: &Random,
    ) -> Result<(), FileError> {
        self.check_writable(path, is_own_key)?;
        let failed = |error| FileError::io(shown(path), error);
        let file = self.0.join(self.inside(path)?);
        let draft = file.with_file_name(format!(".{}", delimiter("", random)));
        let text: String = lines
            .iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect();
        let owner = fs::metadata(&self.0).map_err(failed)?;
        let write = || -> std::io::Result<()> {
            let mut handle = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&draft)?;
            handle.write_all(text.as_bytes())?;
            std::os::unix::fs::fchown(&handle, Some(owner.uid()), Some(owner.gid()))?;
            fs::rename(&draft, &file)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&draft);
            failed(error)
        })
    }
}

fn shown(path: &str) -> String {
    model::Untrusted(path.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Numbers that differ.
    fn random() -> Random {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Random::new(|| NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let directory = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(directory.path().to_owned());
        (directory, workspace)
    }

    #[test]
    fn nothing_outside_the_workspace_is_touched() {
        let (directory, workspace) = workspace();
        std::os::unix::fs::symlink("/etc", directory.path().join("link")).unwrap();
        for path in [
            "/etc/passwd",
            "../x",
            "a/../../x",
            "link/passwd",
            "link",
            ".git/config",
            "a/.git/x",
            ".GIT/x",
            "",
            ".",
        ] {
            assert!(
                matches!(workspace.inside(path), Err(FileError::Outside(_))),
                "{path:?}"
            );
        }
        let absolute = directory.path().join("a/b");
        assert_eq!(
            workspace.inside(absolute.to_str().unwrap()).unwrap(),
            Path::new("a/b")
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_is_known_before() {
        let (directory, workspace) = workspace();
        fs::write(directory.path().join("file"), "").unwrap();
        for path in ["nowhere/x.env", "file/x.env"] {
            assert!(
                matches!(
                    workspace.check_writable(path, &|_| true),
                    Err(FileError::Io { .. })
                ),
                "{path}"
            );
            assert!(workspace.try_beside(path, &random()).is_err(), "{path}");
        }
        workspace.check_writable("x.env", &|_| true).unwrap();
        workspace.try_beside("x.env", &random()).unwrap();
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "the trial is left behind"
        );
    }

    #[test]
    fn writes_over_its_own_file_and_over_no_other() {
        let (directory, workspace) = workspace();
        let keys = |key: &str| key == "ENV";
        let lines = [("ENV".to_owned(), "staging".to_owned())];
        workspace
            .write_lines(".env", &lines, &keys, &random())
            .unwrap();
        workspace
            .write_lines(".env", &lines, &keys, &random())
            .unwrap();
        let written = directory.path().join(".env");
        assert_eq!(fs::read_to_string(&written).unwrap(), "ENV=staging\n");
        assert_eq!(fs::metadata(&written).unwrap().mode() & 0o777, 0o600);
        fs::write(&written, "SECRET=1\n").unwrap();
        assert!(matches!(
            workspace.write_lines(".env", &lines, &keys, &random()),
            Err(FileError::Foreign(_))
        ));
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "no draft is left behind"
        );
    }

    #[test]
    fn a_file_is_made_only_where_nothing_is() {
        let (directory, workspace) = workspace();
        workspace.create("a/b/c.yml", "1").unwrap();
        assert!(workspace.create("a/b/c.yml", "2").is_err());
        assert_eq!(
            fs::read_to_string(directory.path().join("a/b/c.yml")).unwrap(),
            "1"
        );
        std::os::unix::fs::symlink("/nowhere", directory.path().join("link")).unwrap();
        for path in ["link", "link/x", "../x", ".git/x"] {
            assert!(workspace.create(path, "x").is_err(), "{path}");
        }
        assert!(workspace.has("link") && !workspace.has("x"));
        assert_eq!(workspace.names_in("a/b"), ["c.yml"]);
        assert!(workspace.names_in("nowhere").is_empty());
    }

    #[test]
    fn outputs_go_to_a_regular_file_that_is_there() {
        let (directory, _) = workspace();
        let path = directory.path().join("out");
        assert!(OutputsFile::open(&path).is_err());
        assert!(OutputsFile::open(directory.path()).is_err());
        fs::write(&path, "").unwrap();
        std::os::unix::fs::symlink(&path, directory.path().join("link")).unwrap();
        assert!(OutputsFile::open(&directory.path().join("link")).is_err());
        let outputs = BTreeMap::from([("a", "1".to_owned()), ("b", "x\ny<<EOF".to_owned())]);
        OutputsFile::open(&path)
            .unwrap()
            .write(&outputs, &random())
            .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[2], lines[3]), ("a=1", "x", "y<<EOF"));
        assert_eq!(lines[1].strip_prefix("b<<"), Some(lines[4]));
    }
}
