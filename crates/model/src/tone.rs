//! Text with a tone, for places that can show one. Everywhere else the text alone says all of it.

/// How a piece of text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Just so.
    Plain,
    /// What to look at first.
    Strong,
    /// What is there for completeness.
    Dim,
    /// Something is done, or well.
    Good,
    /// Somebody should know.
    Warn,
    /// Something is wrong.
    Bad,
}

/// One line in pieces.
pub type TonedLine = Vec<(Tone, String)>;
