//! What a process is started with.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A snapshot of what a process is started with. Cheap to clone.
///
/// Its `Debug` shows nothing: variables hold secrets.
#[derive(Clone, Default)]
pub struct ProcessEnvironment {
    variables: Arc<BTreeMap<OsString, OsString>>,
    directory: PathBuf,
    is_terminal: bool,
    stdout: Stdout,
}

/// What standard output is.
#[derive(Clone, Copy, Default)]
struct Stdout {
    is_terminal: bool,
    /// How wide the terminal is, where that is known.
    columns: Option<usize>,
}

impl ProcessEnvironment {
    /// The environment of these variables, in that directory; `is_terminal` says whether standard error is one.
    #[must_use]
    pub fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        directory: PathBuf,
        is_terminal: bool,
    ) -> Self {
        Self {
            variables: Arc::new(variables.into_iter().collect()),
            directory,
            is_terminal,
            stdout: Stdout::default(),
        }
    }

    /// The environment whose standard output is a terminal, of so many columns where that is known.
    #[must_use]
    pub const fn with_terminal_output(mut self, columns: Option<usize>) -> Self {
        self.stdout = Stdout {
            is_terminal: true,
            columns,
        };
        self
    }

    /// A variable's bytes.
    pub(super) fn raw(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
    }

    /// A variable's text. One that is empty is absent.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let value = self.raw(name)?;
        Some(value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
    }

    /// A path that a variable holds.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.directory.join(self.text(name)?))
    }

    /// Every variable as text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (String, String)> {
        self.variables.iter().map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
    }

    /// The directory that relative paths start from.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether standard output is a terminal.
    pub(super) const fn is_terminal_output(&self) -> bool {
        self.stdout.is_terminal
    }

    /// How many columns the terminal has, where that is known.
    pub(super) const fn columns(&self) -> Option<usize> {
        self.stdout.columns
    }

    /// Whether standard error is a terminal.
    pub(super) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }
}

impl fmt::Debug for ProcessEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
