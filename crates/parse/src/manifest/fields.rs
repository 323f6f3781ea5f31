//! Reading one value at a time: what is of the wrong kind becomes a mistake, and the reading goes on.

use super::mistake::{Diagnostic, Position};
use crate::yaml::{Key, Node, Style, Value};
use model::{Pattern, PatternError, PatternList, Refused, Untrusted, nearest};
use std::rc::Rc;

/// How many patterns a manifest may have, those behind aliases counted each time, and braces as often as they stand for one: what every run
/// has to go through.
const MOST_PATTERNS: usize = 10_000;
/// How long they may be together, counted in the same way: what every run has to hold.
const MOST_BYTES: usize = 2 << 20;
/// Beyond this many mistakes nobody reads guesses.
const MOST_GUESSED: usize = 1000;

/// Keys of drafts of this format, with what they are called now.
const RENAMED: [(&str, &str); 1] = [("moves", "floating-tags")];

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) at: Position,
    pub(super) value: T,
}

/// The mistakes so far, and the patterns so far.
#[derive(Debug, Default)]
pub(super) struct FieldReader {
    pub(super) mistakes: Vec<Diagnostic>,
    patterns: usize,
    pattern_bytes: usize,
}

/// A map whose keys are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'n> {
    entries: &'n [(Key, Rc<Node>)],
    known: &'static [&'static str],
}

impl<'n> Fields<'n> {
    /// The value of a key; one without a value is not there (and a mistake already).
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.stated(key).filter(|node| !node.is_null())
    }

    fn stated(&self, key: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|(own, _)| own.text == key)
            .map(|(_, node)| &**node)
    }

    /// Whether an unknown key was noted that was meant to be this one: then it is not missing as well.
    fn has_misspelt(&self, key: &str) -> bool {
        let unknown = self
            .entries
            .iter()
            .map(|(own, _)| own.text.as_str())
            .filter(|own| !self.known.contains(own));
        unknown
            .take(MOST_GUESSED)
            .any(|own| nearest(own, self.known) == Some(key))
    }
}

impl FieldReader {
    pub(super) fn note(&mut self, at: Position, what: impl Into<String>, help: impl Into<String>) {
        self.mistakes.push(Diagnostic::new(at, what, help));
    }

    pub(super) fn refuse(&mut self, at: Position, refused: &Refused) {
        self.note(at, refused.what(), format!("write {}", refused.wanted()));
    }

    /// Notes a name that nothing has.
    pub(super) fn unknown<'k>(
        &mut self,
        at: Position,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        let known: Vec<&str> = known.collect();
        let renamed = RENAMED
            .iter()
            .find(|(old, new)| *old == name && known.contains(new))
            .map(|(_, new)| *new);
        let nearest = match renamed {
            None if self.mistakes.len() < MOST_GUESSED => nearest(name, &known),
            _ => renamed,
        };
        let help = match nearest {
            Some(nearest) => format!("did you mean {}?", Untrusted(nearest.as_bytes())),
            None => format!("known here: {}", Untrusted(known.join(", ").as_bytes())),
        };
        self.note(
            at,
            format!("an unknown {what}, \"{}\"", Untrusted(name.as_bytes())),
            help,
        );
    }

    /// Opens a map that has no other keys than `known`.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &'static [&'static str],
    ) -> Option<Fields<'n>> {
        let entries = self.map(node, what)?;
        for (key, value) in entries {
            if !known.contains(&key.text.as_str()) {
                self.unknown(
                    key.at,
                    &format!("key in {what}"),
                    &key.text,
                    known.iter().copied(),
                );
            } else if value.is_null() {
                self.note(
                    key.at,
                    format!("{} has no value", key.text),
                    "give it one, or remove the key",
                );
            }
        }
        Some(Fields { entries, known })
    }

    /// Opens a map whose keys are names.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [(Key, Rc<Node>)]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            Value::Text { .. } | Value::List(_) => {
                self.wrong_kind(node, what, "a map of keys and values");
                None
            }
        }
    }

    /// The value of a key that has to be there. `at` and `whose` are those of what it is missing in.
    pub(super) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        at: Position,
        whose: &str,
        help: &str,
    ) -> Option<&'n Node> {
        if fields.stated(key).is_none() && !fields.has_misspelt(key) {
            self.note(at, format!("{whose} has no {key}"), help);
        }
        fields.get(key)
    }

    /// Text; a plain number or boolean counts as what is written (`branch: 2026`), nothing at all does not.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.value {
            Value::Text { text, .. } if !node.is_null() => Some(text),
            Value::Text { .. } | Value::List(_) | Value::Map(_) => {
                self.wrong_kind(node, what, "text");
                None
            }
        }
    }

    /// Text that is read by `parse`.
    pub(super) fn value<T>(
        &mut self,
        node: &Node,
        what: &str,
        parse: impl FnOnce(&str) -> Result<T, Refused>,
    ) -> Option<At<T>> {
        match parse(self.text(node, what)?) {
            Ok(value) => Some(At { at: node.at, value }),
            Err(refused) => {
                self.refuse(node.at, &refused);
                None
            }
        }
    }

    /// `true` or `false`, without quotes.
    pub(super) fn truth(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.value {
            Value::Text {
                text,
                style: Style::Plain,
            } if matches!(text.as_str(), "true" | "True" | "TRUE") => Some(true),
            Value::Text {
                text,
                style: Style::Plain,
            } if matches!(text.as_str(), "false" | "False" | "FALSE") => Some(false),
            Value::Text { .. } | Value::List(_) | Value::Map(_) => {
                self.wrong_kind(node, what, "true or false, without quotes");
                None
            }
        }
    }

    /// A list of text, each item read by `parse` and none of them twice.
    pub(super) fn list<T>(
        &mut self,
        node: &Node,
        what: &str,
        most: usize,
        parse: impl Fn(&str) -> Result<T, Refused>,
    ) -> Vec<At<T>> {
        let Some(items) = self.items(node, what) else {
            return Vec::new();
        };
        if items.len() > most {
            self.note(
                node.at,
                format!("{what} has {} items", items.len()),
                format!("keep to {most}"),
            );
            return Vec::new();
        }
        let mut seen: Vec<&str> = Vec::new();
        let mut values = Vec::new();
        for item in items {
            let Some(text) = self.text(item, &format!("an item of {what}")) else {
                continue;
            };
            if seen.contains(&text) {
                let shown = Untrusted(text.as_bytes()).to_string();
                self.note(
                    item.at,
                    format!("{what} has \"{shown}\" twice"),
                    "keep one of the two",
                );
                continue;
            }
            seen.push(text);
            match parse(text) {
                Ok(value) => values.push(At { at: item.at, value }),
                Err(refused) => self.refuse(item.at, &refused),
            }
        }
        values
    }

    /// Whether no more are read.
    pub(super) const fn has_too_many_patterns(&self) -> bool {
        self.patterns > MOST_PATTERNS || self.pattern_bytes > MOST_BYTES
    }

    /// A list of path patterns.
    pub(super) fn patterns(&mut self, node: &Node, what: &str) -> PatternList {
        let mut patterns = Vec::new();
        let mut sound = true;
        for item in self.items(node, what).unwrap_or_default() {
            if self.has_too_many_patterns() {
                return PatternList::default();
            }
            let text = self.text(item, "a pattern");
            let pattern = text.map(Pattern::parse);
            let stands_for = pattern
                .as_ref()
                .and_then(|pattern| pattern.as_ref().ok())
                .map_or(1, Pattern::alternatives);
            self.patterns += stands_for;
            self.pattern_bytes += stands_for * text.unwrap_or_default().len();
            if self.has_too_many_patterns() {
                let size = MOST_BYTES >> 20;
                let what = format!(
                    "more than {MOST_PATTERNS} patterns, or {size} MiB of them, once aliases and braces are followed"
                );
                self.note(item.at, what, "use patterns that cover more");
                return PatternList::default();
            }
            match pattern {
                Some(Ok(pattern)) => patterns.push(pattern),
                Some(Err(error)) => {
                    sound = false;
                    self.pattern_mistake(item.at, text.unwrap_or_default(), &error);
                }
                None => sound = false,
            }
        }
        match PatternList::new(patterns) {
            Ok(list) => list,
            Err(error) => {
                // What is wrong with one of its patterns may be all that is wrong with the list.
                if sound {
                    self.pattern_mistake(node.at, what, &error);
                }
                PatternList::default()
            }
        }
    }

    /// A pattern error reads "what is wrong; what to write".
    fn pattern_mistake(&mut self, at: Position, text: &str, error: &PatternError) {
        let told = error.to_string();
        let general = "write a path from the repository's root; * ? [a-z] {a,b} stay inside a segment, ** spans them";
        let (what, help) = told.split_once("; ").unwrap_or((&told, general));
        self.note(
            at,
            format!("\"{}\": {what}", Untrusted(text.as_bytes())),
            help,
        );
    }

    fn items<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Rc<Node>]> {
        match &node.value {
            Value::List(items) => Some(items),
            Value::Text { .. } | Value::Map(_) => {
                self.wrong_kind(node, what, "a list, even of one: [\"...\"]");
                None
            }
        }
    }

    pub(super) fn wrong_kind(&mut self, node: &Node, what: &str, wanted: &str) {
        let (found, help) = match &node.value {
            _ if node.is_null() => ("nothing", format!("write {wanted}")),
            Value::Text { text, .. } => {
                let shown = Untrusted(text.as_bytes());
                let help = format!("write {wanted}");
                return self.note(node.at, format!("{what} is \"{shown}\""), help);
            }
            Value::List(_) => (
                "a list",
                format!("write {wanted}; text that begins with [ needs quotes"),
            ),
            Value::Map(_) => (
                "a map",
                format!("write {wanted}; text that begins with {{ or holds \": \" needs quotes"),
            ),
        };
        self.note(node.at, format!("{what} is {found}"), help);
    }
}
