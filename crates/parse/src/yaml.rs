//! YAML to a tree that knows where everything stands.
//!
//! A small part of YAML on purpose: one document, text keys, no tags, no merge keys. Aliases are followed, since people
//! share lists of paths with them; what they stand for is counted as often as it is used, so a bomb is refused before it
//! is walked. Nothing here knows what a manifest is.

mod node;
mod unreadable;

pub use node::{
    Key, Node, Style, Value, as_text, entries, get, items, keys, plain_path, text, texts,
};

use super::manifest::{Diagnostic, Position};
use model::Untrusted;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;
use std::rc::Rc;
use unreadable::not_yaml;

/// The largest file: more than a hundred times what 500 services need.
const MOST_BYTES: usize = 1 << 20;
/// The deepest nesting; a manifest has 4 levels, and a `build` map some more.
const DEEPEST: usize = 32;
/// How many nodes there may be once aliases are followed.
const MOST_NODES: usize = 50_000;
/// How many bytes of text there may be once aliases are followed.
const MOST_TEXT: usize = 4 << 20;

/// Reads one document. Puts what is wrong with it among the mistakes; there is no tree when nothing can be made of it.
#[must_use]
pub fn parse(bytes: &[u8], mistakes: &mut Vec<Diagnostic>) -> Option<Rc<Node>> {
    let start = Position { line: 1, column: 1 };
    if bytes.len() > MOST_BYTES {
        let what = format!(
            "a file of {} bytes, of which at most {MOST_BYTES} are read",
            bytes.len()
        );
        mistakes.push(Diagnostic::new(
            start,
            what,
            "share lists with anchors, or use patterns that cover more",
        ));
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let at = position_in(&bytes[..error.valid_up_to()]);
            mistakes.push(Diagnostic::new(
                at,
                "a byte that is not UTF-8",
                "save the file as UTF-8",
            ));
            return None;
        }
    };
    if let Some(at) = text.find(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        let shown = Untrusted(
            &text.as_bytes()[at..][..text[at..].chars().next().map_or(1, char::len_utf8)],
        )
        .to_string();
        let at = position_in(&text.as_bytes()[..at]);
        mistakes.push(Diagnostic::new(
            at,
            format!("a control character, {shown}"),
            "remove it",
        ));
        return None;
    }
    let known = mistakes.len();
    let mut tree = Tree {
        mistakes,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        text: 0,
        root: None,
    };
    for event in Parser::new_from_str(text) {
        let stopped = match event {
            Ok((event, span)) => tree.take(event, span).is_err(),
            Err(error) => {
                tree.mistakes.extend(not_yaml(text, &error));
                true
            }
        };
        if stopped {
            return None;
        }
    }
    let root = tree.root;
    if root.is_none() && mistakes.len() == known {
        mistakes.push(Diagnostic::new(
            start,
            "an empty manifest",
            "begin with version: 1",
        ));
    }
    root
}

/// Whether there is nothing in a file but white space and comments. For a manifest that is a mistake, for other files it is an answer.
#[must_use]
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .all(|line| line.is_empty() || line.starts_with(b"#"))
}

/// Where the byte behind `before` stands.
fn position_in(before: &[u8]) -> Position {
    let line = before.iter().filter(|byte| **byte == b'\n').count();
    let rest = before
        .rsplit(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    Position {
        line: count(line + 1),
        column: count(String::from_utf8_lossy(rest).chars().count() + 1),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl From<&saphyr_parser::Marker> for Position {
    fn from(marker: &saphyr_parser::Marker) -> Self {
        Self {
            line: count(marker.line().max(1)),
            column: count(marker.col() + 1),
        }
    }
}

/// The tree as far as it has grown.
struct Tree<'m> {
    mistakes: &'m mut Vec<Diagnostic>,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    text: usize,
    root: Option<Rc<Node>>,
}

/// A list or map whose end has not come.
struct Open {
    at: Position,
    anchor: usize,
    nodes_before: usize,
    text_before: usize,
    /// The levels inside of it so far.
    levels: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Rc<Node>>),
    Map {
        entries: Vec<(Key, Rc<Node>)>,
        seen: HashMap<String, Position>,
        key: Pending,
    },
}

/// What a map waits for.
enum Pending {
    /// A key.
    Key,
    /// The value of this key.
    Value(Key),
    /// A value that is thrown away: its key was a mistake.
    Nothing,
}

struct Anchored {
    node: Rc<Node>,
    nodes: usize,
    text: usize,
    levels: usize,
}

/// A mistake was noted after which nothing more can be read.
struct ParseStop;

impl Tree<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), ParseStop> {
        let at = Position::from(&span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => Err(self.stop(
                at,
                "a second document",
                "keep one document in the file: remove the --- before this one",
            )),
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(anchor) => {
                let Some(anchored) = self.anchors.get(&anchor) else {
                    return Err(self.stop(
                        at,
                        "an alias inside of what it stands for",
                        "write the value out",
                    ));
                };
                let (node, levels) = (Rc::clone(&anchored.node), anchored.levels);
                let (nodes, text) = (anchored.nodes, anchored.text);
                self.grow(at, nodes, text)?;
                self.descend(at, levels)?;
                self.add(node, at, levels)
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(at, tag.as_deref());
                let length = text.len();
                self.grow(at, 1, length)?;
                // `!docs/**` alone was meant as text: that it is nothing as well would be a second mistake for the same place.
                let value = match tag {
                    Some(tag) if text.is_empty() => Value::Text {
                        text: format!("!{}", tag.suffix),
                        style: Style::Quoted,
                    },
                    Some(_) | None if style == ScalarStyle::Plain => Value::Text {
                        text: text.into_owned(),
                        style: Style::Plain,
                    },
                    Some(_) | None => Value::Text {
                        text: text.into_owned(),
                        style: Style::Quoted,
                    },
                };
                let node = Rc::new(Node { at, value });
                self.remember(
                    anchor,
                    Anchored {
                        node: Rc::clone(&node),
                        nodes: 1,
                        text: length,
                        levels: 0,
                    },
                );
                self.add(node, at, 0)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(at, tag.as_deref());
                self.open(at, anchor, Inside::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(at, tag.as_deref());
                self.open(
                    at,
                    anchor,
                    Inside::Map {
                        entries: Vec::new(),
                        seen: HashMap::new(),
                        key: Pending::Key,
                    },
                )
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
        }
    }

    fn stop(&mut self, at: Position, what: impl Into<String>, help: &str) -> ParseStop {
        self.mistakes.push(Diagnostic::new(at, what, help));
        ParseStop
    }

    fn refuse_tag(&mut self, at: Position, tag: Option<&saphyr_parser::Tag>) {
        let Some(tag) = tag else { return };
        let shown = Untrusted(format!("!{}", tag.suffix).as_bytes()).to_string();
        let help = "quote it if it is a pattern, like \"!docs/**\"; else remove it, a tag has no meaning here";
        self.mistakes.push(Diagnostic::new(
            at,
            format!("a YAML tag, \"{shown}\""),
            help,
        ));
    }

    fn grow(&mut self, at: Position, nodes: usize, text: usize) -> Result<(), ParseStop> {
        self.nodes += nodes;
        self.text += text;
        if self.nodes > MOST_NODES || self.text > MOST_TEXT {
            let what = format!(
                "more than {MOST_NODES} values or {} MiB of text once aliases are followed",
                MOST_TEXT >> 20
            );
            return Err(self.stop(at, what, "use fewer aliases, or patterns that cover more"));
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, anchored: Anchored) {
        // Zero is the parser's "no anchor".
        if anchor != 0 {
            self.anchors.insert(anchor, anchored);
        }
    }

    /// Refuses `levels` more levels than there are open when they are too many.
    fn descend(&mut self, at: Position, levels: usize) -> Result<(), ParseStop> {
        if self.open.len() + levels > DEEPEST {
            return Err(self.stop(
                at,
                format!("more than {DEEPEST} levels of nesting"),
                "write it flatter",
            ));
        }
        Ok(())
    }

    fn open(&mut self, at: Position, anchor: usize, inside: Inside) -> Result<(), ParseStop> {
        self.descend(at, 1)?;
        let (nodes_before, text_before) = (self.nodes, self.text);
        self.grow(at, 1, 0)?;
        self.open.push(Open {
            at,
            anchor,
            nodes_before,
            text_before,
            levels: 0,
            inside,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), ParseStop> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.inside {
            Inside::List(items) => Value::List(items),
            Inside::Map { entries, .. } => Value::Map(entries),
        };
        let node = Rc::new(Node { at: open.at, value });
        let (nodes, text, levels) = (
            self.nodes - open.nodes_before,
            self.text - open.text_before,
            open.levels + 1,
        );
        self.remember(
            open.anchor,
            Anchored {
                node: Rc::clone(&node),
                nodes,
                text,
                levels,
            },
        );
        self.add(node, open.at, levels)
    }

    /// Puts a finished node of so many levels where it belongs; `at` is where it is used.
    fn add(&mut self, node: Rc<Node>, at: Position, levels: usize) -> Result<(), ParseStop> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.levels = open.levels.max(levels);
        match &mut open.inside {
            Inside::List(items) => items.push(node),
            Inside::Map { entries, seen, key } => match std::mem::replace(key, Pending::Key) {
                Pending::Key => *key = next_key(&node, at, seen, self.mistakes),
                Pending::Value(key) => entries.push((key, node)),
                Pending::Nothing => {}
            },
        }
        Ok(())
    }
}

fn next_key(
    node: &Node,
    at: Position,
    seen: &mut HashMap<String, Position>,
    mistakes: &mut Vec<Diagnostic>,
) -> Pending {
    let Value::Text { text, style } = &node.value else {
        mistakes.push(Diagnostic::new(
            at,
            "a key that is a list or a map",
            "write one word as a key, or quote a pattern",
        ));
        return Pending::Nothing;
    };
    if text == "<<" && *style == Style::Plain {
        let help = "write the keys out; aliases can share whole values, like paths: *shared";
        mistakes.push(Diagnostic::new(at, "a merge key, <<", help));
        return Pending::Nothing;
    }
    if let Some(first) = seen.get(text) {
        let what = format!(
            "a second \"{}\", the first is in line {}",
            Untrusted(text.as_bytes()),
            first.line
        );
        mistakes.push(Diagnostic::new(at, what, "keep one of the two"));
        return Pending::Nothing;
    }
    seen.insert(text.clone(), at);
    Pending::Value(Key {
        at,
        text: text.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::unreadable::unquoted;
    use super::*;

    #[test]
    fn sees_patterns_that_lack_quotes() {
        let table = [
            ("- *.md", Some(3)),
            ("  - **/*.txt", Some(5)),
            ("- *", Some(3)),
            ("paths: **", Some(8)),
            ("paths: [a, *.md]", Some(12)),
            ("- !docs/**", Some(3)),
            ("- @scope/x", Some(3)),
            ("- {a,b}/**", Some(3)),
            ("- [a]/x", Some(3)),
            ("- [a]x", Some(3)),
            ("paths: [src/{a,b}/**]", Some(9)),
            ("paths: [app/[slug]/x]", Some(9)),
            // These YAML reads as they were meant.
            ("- \"*.md\"", None),
            ("- '!docs/**'", None),
            ("- src/*.md", None),
            ("- src/{a,b}/**", None),
            ("- app/[slug]/page.tsx", None),
            ("paths: *shared", None),
            ("a: { b: [c, d], e: [] }", None),
            ("{ a: b }: c", None),
            ("- x # not *.md, [a]/x", None),
            ("# - *.md", None),
            ("- it's, !docs/**, \"", Some(9)),
            ("", None),
        ];
        for (line, column) in table {
            assert_eq!(unquoted(line), column, "{line}");
        }
    }

    #[test]
    fn positions_are_those_that_editors_show() {
        let table: [(&[u8], (u32, u32)); 5] = [
            (b"a: 1\na: 2", (2, 1)),
            ("\u{feff}a: 1\r\n\u{e9}: { a: 1, a: 2 }".as_bytes(), (2, 12)),
            (b"a: \"\xff\"", (1, 5)),
            (b"a: 1\nb: \x07", (2, 4)),
            (b"a: !x y", (1, 4)),
        ];
        for (bytes, (line, column)) in table {
            let mut mistakes = Vec::new();
            let _ = parse(bytes, &mut mistakes);
            let places: Vec<(u32, u32)> = mistakes
                .iter()
                .map(|own| (own.line(), own.column()))
                .collect();
            assert_eq!(places, [(line, column)], "{bytes:?}");
        }
    }
}
