//! The one writer. Everything that is printed goes through here, and so do the two last defences: workflow commands in
//! foreign text are made inert, and secrets that got this far are blotted out.
//!
//! The runner reads commands on standard output and on standard error, `::name::` at a line's beginning and `##[name]` anywhere in it
//! (actions/runner `ActionCommand.cs`, `OutputManager.cs`).

mod excerpt;
mod results;

pub use results::Results;

use super::terminal::{Screen, Waiting, cut, painted};
use http_client::sleep;
use model::{Level, Notice, Secret, Tone, TonedLine};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Whom we speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputMode {
    /// A runner: groups, annotations and masks are workflow commands.
    Runner,
    /// A person at a terminal: everything is plain lines on standard error; standard output is kept for results.
    Terminal,
}

/// One of the two standard streams.
type Stream = Arc<Mutex<Box<dyn Write + Send>>>;

/// The writer. Cheap to clone; all clones share what they know to be secret.
#[derive(Clone)]
pub struct Log {
    mode: OutputMode,
    is_debug: bool,
    screen: Screen,
    results: Results,
    stdout: Stream,
    stderr: Stream,
    secrets: Arc<Mutex<Vec<String>>>,
    is_folded: Arc<AtomicBool>,
    holds_result: Arc<AtomicBool>,
    waiting: Arc<Mutex<Waiting>>,
}

/// A mask of fewer characters would blot out half of every log.
const SHORTEST_MASK: usize = 6;
/// Back to the line's beginning, and everything on it away (ECMA-48: erase in line).
const CLEAR_LINE: &str = "\r\u{1b}[2K";

impl Log {
    /// A writer to these streams; `debug` lines are printed where `is_debug`.
    #[must_use]
    pub fn new(
        mode: OutputMode,
        is_debug: bool,
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
    ) -> Self {
        Self {
            mode,
            is_debug,
            screen: Screen::default(),
            results: Results::default(),
            stdout: Arc::new(Mutex::new(stdout)),
            stderr: Arc::new(Mutex::new(stderr)),
            secrets: Arc::default(),
            is_folded: Arc::default(),
            holds_result: Arc::default(),
            waiting: Arc::default(),
        }
    }

    /// The writer for a screen that can show more than plain lines. A runner's log is none.
    #[must_use]
    pub fn on(self, screen: Screen) -> Self {
        let screen = if self.mode == OutputMode::Terminal {
            screen
        } else {
            Screen::default()
        };
        Self { screen, ..self }
    }

    /// Makes the runner mask a secret, line by line, and remembers to blot it out ourselves.
    ///
    /// A hook's bare key, its decoded form and its tail without the host are secrets of their own: the runner masks exact text only.
    pub fn mask(&self, secret: &Secret) {
        let whole = secret.expose().trim_ascii();
        let key = whole
            .split_once("key=")
            .map(|(_, key)| key.split(['&', '#']).next().unwrap_or(key));
        let tail = whole.split_once("/deploy/").map(|(_, tail)| tail);
        let texts = whole.lines().chain([whole]).chain(key).chain(tail);
        for text in texts
            .map(str::trim_ascii)
            .filter(|text| text.len() >= SHORTEST_MASK)
        {
            let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            if secrets.iter().any(|known| known == text) {
                continue;
            }
            secrets.push(text.to_owned());
            secrets.sort_by_key(|text| std::cmp::Reverse(text.len()));
            drop(secrets);
            if self.mode == OutputMode::Runner {
                self.write(&format!("::add-mask::{}\n", escape_data(text)));
            }
        }
    }

    /// Masks every line of a text that may hold secrets (`service=URL`), and what stands behind each line's first `=`.
    pub fn mask_lines(&self, secret: &Secret) {
        for line in secret.expose().lines().map(str::trim_ascii) {
            self.mask(&Secret::new(line));
            if let Some((_, value)) = line.split_once('=') {
                self.mask(&Secret::new(value));
            }
        }
    }

    /// Whether a runner reads what is printed.
    #[must_use]
    pub fn is_runner(&self) -> bool {
        self.mode == OutputMode::Runner
    }

    /// Whether debug lines are printed.
    #[must_use]
    pub const fn is_debug(&self) -> bool {
        self.is_debug
    }

    /// Prints a text, line by line.
    pub fn say(&self, text: &str) {
        for line in text.split('\n') {
            let line = escape_commands(&self.redact(line));
            self.write(&format!("{line}\n"));
        }
    }

    /// Prints a line in pieces, in colours where there are some.
    pub fn say_toned(&self, line: &TonedLine) {
        if !self.screen.has_colours {
            return self.say(
                &line
                    .iter()
                    .map(|(_, text)| text.as_str())
                    .collect::<String>(),
            );
        }
        let shown: String = line
            .iter()
            .map(|(tone, text)| painted(*tone, &escape_commands(&self.redact(text))))
            .collect();
        self.write(&format!("{shown}\n"));
    }

    /// Notes that something is waited for, or what has become of it since. [`Log::keep_alive`] shows it.
    pub fn waits_for(&self, key: &str, what: &str) {
        self.waiting().begin(key, what);
        self.draw();
    }

    /// Notes that something is not waited for any more.
    pub fn has_come(&self, key: &str) {
        self.waiting().end(key);
        self.draw();
    }

    /// Notes that nothing is waited for any more.
    pub fn waits_no_more(&self) {
        self.waiting().clear();
        self.draw();
    }

    /// Shows what is waited for: on a terminal one line that changes, in a log a line now and then. Never ends; to be dropped.
    pub async fn keep_alive(&self) -> std::convert::Infallible {
        loop {
            sleep(Duration::from_secs(1)).await;
            if self.screen.columns.is_some() {
                self.draw();
                continue;
            }
            let due = self.waiting().due();
            if let Some(line) = due {
                self.say(&line);
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the changing line over itself, or takes it away.
    fn draw(&self) {
        let Some(columns) = self.screen.columns else {
            return;
        };
        let mut waiting = self.waiting();
        let line = waiting
            .line()
            .map(|line| cut(&escape_commands(&self.redact(&line)), columns));
        let line = line.map(|line| {
            if self.screen.has_colours {
                painted(Tone::Dim, &line)
            } else {
                line
            }
        });
        let clear = if waiting.is_drawn { CLEAR_LINE } else { "" };
        waiting.is_drawn = line.is_some();
        put(
            &self.stderr,
            &format!("{clear}{}", line.unwrap_or_default()),
        );
    }

    /// Opens a fold in the log, and closes the one that is open: folds do not nest.
    pub fn group(&self, title: &str) {
        self.end_group();
        self.is_folded.store(true, Ordering::Relaxed);
        let title = escape_commands(&self.redact(title));
        match self.mode {
            OutputMode::Runner => self.write(&format!("::group::{}\n", escape_data(&title))),
            OutputMode::Terminal => {
                let title = if self.screen.has_colours {
                    painted(Tone::Strong, &title)
                } else {
                    title
                };
                self.write(&format!("{title}\n"));
            }
        }
    }

    /// Closes the fold, where one is open.
    pub fn end_group(&self) {
        if self.holds_result.swap(false, Ordering::Relaxed) {
            return self.write_result("\n");
        }
        if !self.is_folded.swap(false, Ordering::Relaxed) {
            return;
        }
        match self.mode {
            OutputMode::Runner => self.write("::endgroup::\n"),
            OutputMode::Terminal => self.write("\n"),
        }
    }

    /// Prints a line for those who asked for debug logging.
    pub fn debug(&self, text: &str) {
        if !self.is_debug {
            return;
        }
        let text = escape_commands(&self.redact(text));
        match self.mode {
            OutputMode::Runner => self.write(&format!("::debug::{}\n", escape_data(&text))),
            OutputMode::Terminal => self.write(&format!("debug: {text}\n")),
        }
    }

    /// A message as a terminal shows it: what is wrong, the line where it is, and what to do.
    fn in_words(&self, notice: &Notice, has_colours: bool) -> String {
        let text = broken(&self.redact(&notice.text)).replace('\n', "\n  ");
        let place = notice
            .place
            .as_ref()
            .map(|(file, line, column)| format!("{file}:{line}:{column}: "))
            .unwrap_or_default();
        let tone = match notice.level {
            Level::Error => Tone::Bad,
            Level::Warning => Tone::Warn,
            Level::Notice => Tone::Strong,
        };
        let level = if has_colours {
            painted(tone, notice.level.as_str())
        } else {
            notice.level.as_str().to_owned()
        };
        let excerpt = notice
            .place
            .as_ref()
            .zip(notice.source.as_ref())
            .and_then(|((_, line, column), source)| excerpt::excerpt(source, *line, *column))
            .map(|shown| format!("{}\n", broken(&self.redact(&shown))))
            .unwrap_or_default();
        format!("{level}: {}{text}\n{excerpt}", escape_commands(&place))
    }

    /// Prints a message that is to be seen beside the log.
    pub fn notice(&self, notice: &Notice) {
        let level = notice.level.as_str();
        let text = broken(&self.redact(&notice.text));
        let title = broken(&self.redact(&notice.title));
        match self.mode {
            OutputMode::Terminal => self.write(&self.in_words(notice, self.screen.has_colours)),
            OutputMode::Runner => {
                let place = notice.place.as_ref().map(|(file, line, column)| {
                    format!(
                        "file={},line={line},col={column},",
                        escape_property(&broken(file))
                    )
                });
                let place = place.unwrap_or_default();
                self.write(&format!(
                    "::{level} {place}title={}::{}\n",
                    escape_property(&title),
                    escape_data(&text)
                ));
            }
        }
    }

    /// Prints a result on standard output as it is, for machines (`--json`) and for `--help`.
    pub fn result(&self, text: &str) {
        put(&self.stdout, text);
    }

    /// Blots out every secret that is known.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "***")
        })
    }

    /// Whether a text holds a secret that is known.
    #[must_use]
    pub fn holds_secret(&self, text: &str) -> bool {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().any(|secret| text.contains(secret.as_str()))
    }

    fn write(&self, text: &str) {
        if self.screen.columns.is_some() {
            // The changing line makes room, and comes back below.
            let was_drawn = std::mem::take(&mut self.waiting().is_drawn);
            let clear = if was_drawn { CLEAR_LINE } else { "" };
            put(&self.stderr, &format!("{clear}{text}"));
            return self.draw();
        }
        match self.mode {
            OutputMode::Runner => put(&self.stdout, text),
            OutputMode::Terminal => put(&self.stderr, text),
        }
    }
}

/// Writes to a stream. A log that cannot be written to must not stop a deploy that is under way.
fn put(stream: &Stream, text: &str) {
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = stream.write_all(text.as_bytes());
}

/// Text in which no `##[` is left and no control character but line breaks.
fn broken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            '[' if out.ends_with("##") => out.push_str("\\["),
            c if c.is_control() || is_invisible(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// One line in which the runner finds no command.
fn escape_commands(line: &str) -> String {
    let line = broken(line).replace('\n', "\\n");
    let start = line.len() - line.trim_start().len();
    if line[start..].starts_with("::") {
        format!("{}:\\:{}", &line[..start], &line[start + 2..])
    } else {
        line
    }
}

/// Characters that change how a line looks without being seen: direction overrides, zero-width ones, separators.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn escape_data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_a_command() {
        for line in [
            "::set-output name=x::y",
            " \t::x::",
            "\u{a0}::x::",
            "a ##[set-output name=t]x",
            "##[group]x",
            "a\r::x::",
        ] {
            let safe = escape_commands(line);
            assert!(!safe.trim_start().starts_with("::"), "{safe}");
            assert!(!safe.contains("##["), "{safe}");
            assert!(!safe.contains('\r'), "{safe}");
        }
        assert_eq!(escape_commands("a::b # [x]"), "a::b # [x]");
    }

    #[test]
    fn secrets_are_blotted_out_whole_and_by_their_parts() {
        let log = Log::new(
            OutputMode::Terminal,
            false,
            Box::new(std::io::sink()),
            Box::new(std::io::sink()),
        );
        log.mask(&Secret::new(
            "https://api.render.com/deploy/srv-abc?key=KEYKEYKEY\n",
        ));
        for text in [
            "https://api.render.com/deploy/srv-abc?key=KEYKEYKEY",
            "x KEYKEYKEY y",
            "srv-abc?key=KEYKEYKEY",
        ] {
            assert!(log.holds_secret(text));
            assert!(
                !log.redact(text).contains("KEYKEYKEY"),
                "{}",
                log.redact(text)
            );
        }
        log.mask(&Secret::new("abc"));
        assert!(
            !log.holds_secret("abc"),
            "a mask this short would blot out half of every log"
        );
    }

    #[test]
    fn command_values_are_escaped() {
        assert_eq!(escape_property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
        assert_eq!(escape_data("a\r\n%"), "a%0D%0A%25");
    }
}
