//! Results: what was asked for. On a terminal they are on standard output, and what happens meanwhile is on standard error.

use super::{CLEAR_LINE, Log, OutputMode, escape_commands, put};
use crate::runner::ParsedArguments;
use crate::runner::terminal::painted;
use model::{Notice, TonedLine};
use std::sync::atomic::Ordering;

/// Where results for people go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Results {
    /// To standard error: standard output is for a machine.
    #[default]
    Aside,
    /// To standard output.
    Plain,
    /// To standard output, which has colours.
    Coloured,
}

impl Results {
    /// Where the results of what a command line asks for go.
    #[must_use]
    pub const fn of(asked: &ParsedArguments, has_colours: bool) -> Self {
        match asked {
            ParsedArguments::Run(arguments) if arguments.is_json() => Self::Aside,
            ParsedArguments::Run(_) if has_colours => Self::Coloured,
            ParsedArguments::Run(_) => Self::Plain,
            ParsedArguments::Print(_) | ParsedArguments::Wrong(_) => Self::Aside,
        }
    }
}

impl Log {
    /// The writer that puts results there. A runner has one log, so it changes nothing there.
    #[must_use]
    pub fn with_results(self, results: Results) -> Self {
        let results = if self.mode == OutputMode::Terminal {
            results
        } else {
            Results::Aside
        };
        Self { results, ..self }
    }

    /// Prints a result, line by line.
    pub fn answer(&self, text: &str) {
        for line in text.split('\n') {
            self.write_result(&format!("{}\n", escape_commands(&self.redact(line))));
        }
    }

    /// Prints a line of a result in pieces.
    pub fn answer_toned(&self, line: &TonedLine) {
        match self.results {
            Results::Aside => self.say_toned(line),
            Results::Plain => {
                let texts = line.iter().map(|(_, text)| text.as_str());
                self.answer(&texts.collect::<String>());
            }
            Results::Coloured => {
                let pieces = line
                    .iter()
                    .map(|(tone, text)| painted(*tone, &escape_commands(&self.redact(text))));
                self.write_result(&format!("{}\n", pieces.collect::<String>()));
            }
        }
    }

    /// Opens a fold that holds a result. [`Log::end_group`] closes it.
    pub fn answer_group(&self, title: &str) {
        if self.results == Results::Aside {
            return self.group(title);
        }
        self.end_group();
        self.holds_result.store(true, Ordering::Relaxed);
        self.answer(title);
    }

    /// Prints something that was found, as a result.
    pub fn finding(&self, notice: &Notice) {
        if self.results == Results::Aside {
            return self.notice(notice);
        }
        self.write_result(&self.in_words(notice, self.results == Results::Coloured));
    }

    /// Writes a result where results go. The changing line makes room.
    pub(super) fn write_result(&self, text: &str) {
        if self.results == Results::Aside {
            return self.write(text);
        }
        if std::mem::take(&mut self.waiting().is_drawn) {
            put(&self.stderr, CLEAR_LINE);
        }
        put(&self.stdout, text);
        self.draw();
    }
}
