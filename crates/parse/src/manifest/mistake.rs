//! What is wrong with a manifest, and where.

use std::fmt;

/// How many mistakes are told in one run; whoever made more mends these first.
const MOST: usize = 100;

/// A place in the file, both numbers counted from 1 (columns in characters).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// One mistake in a manifest. Its texts are one line each, and foreign text in them is made fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    at: Position,
    what: String,
    help: String,
    source: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(at: Position, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
            help: help.into(),
            source: None,
        }
    }

    /// The line of the file that it is in.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The line, from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.at.line
    }

    /// The column in characters, from 1.
    #[must_use]
    pub const fn column(&self) -> u32 {
        self.at.column
    }

    /// What is wrong.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What would be right.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{} {} ({})",
            self.at.line, self.at.column, self.what, self.help
        )
    }
}

/// Puts mistakes in the order of the file, each once (an alias repeats those of what it stands for), and cuts the list.
pub(super) fn in_order(mut mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    mistakes.sort();
    mistakes.dedup();
    if mistakes.len() > MOST {
        let more = mistakes.len() - MOST;
        mistakes.truncate(MOST);
        let at = mistakes[MOST - 1].at;
        mistakes.push(Diagnostic::new(
            at,
            format!("and {more} more mistakes"),
            "mend these first",
        ));
    }
    mistakes
}

/// Gives each mistake the line of the file that it is in.
pub(super) fn with_lines(mut mistakes: Vec<Diagnostic>, bytes: &[u8]) -> Vec<Diagnostic> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    for mistake in &mut mistakes {
        let at = (mistake.line() as usize).checked_sub(1);
        mistake.source = at
            .and_then(|at| lines.get(at))
            .map(|line| (*line).to_owned());
    }
    mistakes
}
