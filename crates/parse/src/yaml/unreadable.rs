//! What is wrong with a text that is not YAML.

use crate::manifest::{Diagnostic, Position};
use saphyr_parser::ScanError;

/// What a person who forgot the quotes has to hear.
const QUOTE: &str =
    "quote a pattern that begins with or holds * ! [ ] { } @ or %, like \"**/*.md\"";

/// The parser's error, and every other line that looks as if its pattern lacked quotes: an error ends the reading, and
/// a person who forgot the quotes once forgot them again.
pub(super) fn not_yaml(text: &str, error: &ScanError) -> Vec<Diagnostic> {
    let at = Position::from(error.marker());
    let info: String = error
        .info()
        .chars()
        .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
        .collect();
    let unquoted: Vec<Position> = (1..)
        .zip(text.lines())
        .filter_map(|(line, text)| {
            Some(Position {
                line,
                column: unquoted(text)?,
            })
        })
        .collect();
    let line = text
        .lines()
        .nth(at.line.saturating_sub(1) as usize)
        .unwrap_or_default();
    let near = |other: &Position| other.line == at.line || other.line + 1 == at.line;
    let help = if line.contains('*') || unquoted.iter().any(near) {
        QUOTE
    } else {
        "check the indentation, the brackets and the quotes before this place"
    };
    let mut mistakes = vec![Diagnostic::new(at, format!("not YAML: {info}"), help)];
    for other in unquoted.into_iter().filter(|other| !near(other)) {
        mistakes.push(Diagnostic::new(
            other,
            "a pattern that YAML reads as something else",
            QUOTE,
        ));
    }
    mistakes
}

/// The column of the first thing on a line that YAML does not read as the pattern that it looks like: `*.md` (an alias),
/// `!docs/**` (a tag), `{a,b}/x` and `[a]/x` (a map and a list), `x/{a,b}` inside of a list in brackets.
pub(super) fn unquoted(line: &str) -> Option<u32> {
    let mut quote = None;
    let mut word = None;
    let mut brackets = Vec::new();
    let mut closed = None;
    for (column, (at, c)) in (1..).zip(line.char_indices()) {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '#') if word.is_none() => return None,
            (None, '\'' | '"') if word.is_none() => quote = Some(c),
            (None, ' ' | ',') => (word, closed) = (None, None),
            (None, '[' | '{') if word.is_none() => brackets.push(column),
            (None, '[' | '{') if !brackets.is_empty() => return word,
            (None, ']' | '}') => (word, closed) = (None, brackets.pop()),
            (None, ':') if closed.is_some() => closed = None,
            (None, _) if closed.is_some() => return closed,
            (None, '*' | '!' | '@' | '%') if word.is_none() && is_pattern(&line[at..]) => {
                return Some(column);
            }
            (None, _) => word = word.or(Some(column)),
        }
    }
    None
}

/// Whether a word that begins with an indicator is more than an alias (`*paths`) or a tag (`!name`).
fn is_pattern(text: &str) -> bool {
    let word = text.split([' ', ',', ']']).next().unwrap_or(text);
    word.len() == 1 || word[1..].contains(['/', '*', '.'])
}
