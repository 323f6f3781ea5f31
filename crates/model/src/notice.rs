//! Something to be told to a person beside the log: an annotation on a runner, a line on a terminal.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The run fails for it.
    Error,
    /// The run goes on, and somebody should know.
    Warning,
    /// Worth a line.
    Notice,
}

impl Level {
    /// The runner's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// A message, with the place in a file where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How bad it is.
    pub level: Level,
    /// A few words above the message.
    pub title: String,
    /// The message. Foreign text in it has been made fit to be shown.
    pub text: String,
    /// The file (from the repository's root), line and column (from 1) that it is about.
    pub place: Option<(String, u32, u32)>,
    /// The line of the file, for a terminal to show.
    pub source: Option<String>,
}

impl Notice {
    /// A message about the run as a whole.
    #[must_use]
    pub fn new(level: Level, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            level,
            title: title.into(),
            text: text.into(),
            place: None,
            source: None,
        }
    }
}
