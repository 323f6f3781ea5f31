//! What a terminal can do that a log cannot: colours, and one line that changes.

use http_client::Stopwatch;
use model::Tone;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the place that is written to can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Screen {
    /// Colours.
    pub has_colours: bool,
    /// A line that is written over: a terminal that somebody looks at, of this many columns.
    pub columns: Option<usize>,
}

/// Puts a text into its colour (ECMA-48: select graphic rendition).
pub(super) fn painted(tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Strong => "1",
        Tone::Dim => "2",
        Tone::Good => "32",
        Tone::Warn => "33",
        Tone::Bad => "1;31",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// How long a log hears nothing before the first line that says what is waited for; each pause is twice the one before.
const FIRST_SILENCE: Duration = Duration::from_secs(30);
/// The longest silence.
const LONGEST_SILENCE: Duration = Duration::from_secs(240);

/// What is being waited for, and since when.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    all: BTreeMap<String, (String, Stopwatch)>,
    /// When a log is told next, from the moment at which the waiting began.
    next: Option<(Stopwatch, Duration, Duration)>,
    /// Whether the changing line is on the screen.
    pub(super) is_drawn: bool,
}

impl Waiting {
    pub(super) fn begin(&mut self, key: &str, what: &str) {
        self.next
            .get_or_insert_with(|| (Stopwatch::start(), FIRST_SILENCE, FIRST_SILENCE));
        match self.all.get_mut(key) {
            Some((own, _)) => what.clone_into(own),
            None => {
                self.all
                    .insert(key.to_owned(), (what.to_owned(), Stopwatch::start()));
            }
        }
    }

    pub(super) fn end(&mut self, key: &str) {
        self.all.remove(key);
        if self.all.is_empty() {
            self.next = None;
        }
    }

    pub(super) fn clear(&mut self) {
        (self.all, self.next) = (BTreeMap::new(), None);
    }

    /// Everything that is waited for, on one line; nothing where there is nothing.
    pub(super) fn line(&self) -> Option<String> {
        let part = |(key, (what, since)): (&String, &(String, Stopwatch))| {
            format!("{key} {what} {}", age(since.elapsed()))
        };
        let parts: Vec<String> = self.all.iter().map(part).collect();
        (!parts.is_empty()).then(|| format!("Waiting: {}", parts.join(", ")))
    }

    /// The line, where a log has been silent for long enough. Each time it is silent for longer.
    pub(super) fn due(&mut self) -> Option<String> {
        let (since, at, silence) = self.next?;
        if since.elapsed() < at {
            return None;
        }
        let silence = (silence * 2).min(LONGEST_SILENCE);
        self.next = Some((since, at + silence, silence));
        self.line()
    }
}

/// A line cut to the columns that there are: one that wraps cannot be written over.
pub(super) fn cut(line: &str, columns: usize) -> String {
    if line.chars().count() < columns {
        return line.to_owned();
    }
    let kept: String = line.chars().take(columns.saturating_sub(4)).collect();
    format!("{kept}...")
}

fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    if seconds < 60 {
        format!("{seconds}s")
    } else {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_one_line() {
        let mut waiting = Waiting::default();
        assert_eq!((waiting.line(), waiting.due()), (None, None));
        waiting.begin("api", "queued");
        waiting.begin("jobs", "created");
        waiting.begin("api", "update_in_progress");
        assert_eq!(
            waiting.line().as_deref(),
            Some("Waiting: api update_in_progress 0s, jobs created 0s")
        );
        assert_eq!(
            waiting.due(),
            None,
            "not before there was silence for a while"
        );
        waiting.end("api");
        waiting.end("jobs");
        assert_eq!(waiting.line(), None);
        assert!(waiting.next.is_none());
    }

    #[test]
    fn a_log_is_told_less_and_less_often() {
        let mut waiting = Waiting::default();
        waiting.begin("api", "queued");
        let mut told = Vec::new();
        for _ in 0..6 {
            let (since, at, silence) = waiting.next.expect("something is waited for");
            told.push(at.as_secs());
            // As if the time had come.
            waiting.next = Some((since, Duration::ZERO, silence));
            assert!(waiting.due().is_some());
            let (_, gap, silence) = waiting.next.expect("something is waited for");
            waiting.next = Some((since, at + gap, silence));
        }
        assert_eq!(told, [30, 90, 210, 450, 690, 930]);
    }

    #[test]
    fn a_line_fits_the_screen() {
        assert_eq!(cut("abcdef", 7), "abcdef");
        assert_eq!(cut("abcdefgh", 8), "abcd...");
        assert_eq!(
            (age(Duration::from_secs(59)), age(Duration::from_secs(61))),
            ("59s".into(), "1m01s".into())
        );
    }

    #[test]
    fn colours_end_where_they_should() {
        assert_eq!(painted(Tone::Bad, "x"), "\u{1b}[1;31mx\u{1b}[0m");
        assert_eq!(painted(Tone::Plain, "x"), "x");
    }
}
