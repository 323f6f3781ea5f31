//! Patterns as other tools write them: refused here, with the pattern that was meant.
//!
//! A pattern that another tool reads differently matches nothing here, or something else. Then a change deploys nothing and nobody
//! is told. So what picomatch, minimatch, bash, regular expressions, git's pathspecs or a list in one text would mean is
//! refused, and the message says how to write it. docs/migrating.md has the table.

mod braces;
mod extended_glob;

use super::{Pattern, PatternError, shown};
use braces::braces;
use extended_glob::extended_glob;

/// The longest pattern, in bytes, for which a message works out what was meant. It bounds the time and the recursion.
const LONGEST_MEANT: usize = 200;

/// A pattern that belongs to another dialect. The help is worked out on demand: it looks for other patterns, and those must be judged without help of
/// their own, or a pattern that is its own suggestion would never come to an end.
pub(super) struct Refusal<'t> {
    what: &'static str,
    help: Box<dyn FnOnce() -> String + 't>,
}

impl Refusal<'_> {
    pub(super) fn into_error(self) -> PatternError {
        PatternError::Dialect {
            what: self.what,
            help: (self.help)(),
        }
    }
}

/// The refusal of a pattern (with its `!`) that belongs to another dialect.
pub(super) fn refuse(text: &str) -> Option<Refusal<'_>> {
    let (mark, body) = match text.strip_prefix('!') {
        Some(body) => ("!", body),
        None => ("", text),
    };
    blanks(mark, body)
        .or_else(|| quotes(mark, body))
        .or_else(|| pathspec(body))
        .or_else(|| double_negation(mark, body))
        .or_else(|| regular_expression(mark, body))
        .or_else(|| backslashes(mark, body))
        .or_else(|| expression(body))
        .or_else(|| extended_glob(text))
        .or_else(|| named_class(mark, body))
        .or_else(|| several(body))
        .or_else(|| braces(mark, body))
        .or_else(|| dots(mark, body))
}

fn dialect<'t>(what: &'static str, help: impl FnOnce() -> String + 't) -> Option<Refusal<'t>> {
    let help = Box::new(help);
    Some(Refusal { what, help })
}

/// Whether a pattern may be suggested.
fn is_accepted(text: &str) -> bool {
    refuse(text).is_none() && Pattern::read(text).is_ok()
}

/// "write PATTERN" where that is a pattern, else the general advice.
fn write_or(meant: &str, general: &str) -> String {
    if meant.len() <= LONGEST_MEANT && is_accepted(meant) {
        format!("write {}", shown(meant))
    } else {
        general.to_owned()
    }
}

fn blanks<'t>(mark: &'t str, body: &'t str) -> Option<Refusal<'t>> {
    let trimmed = body.trim();
    if trimmed == body {
        return None;
    }
    let general = "remove the blank; write \\ before one that belongs to the name";
    dialect("a blank at one of its ends", move || {
        write_or(&format!("{mark}{trimmed}"), general)
    })
}

fn quotes<'t>(mark: &'t str, body: &'t str) -> Option<Refusal<'t>> {
    let inside = ['"', '\'', '`'].iter().find_map(|quote| {
        let inside = body.strip_prefix(*quote)?.strip_suffix(*quote)?;
        (!inside.is_empty()).then_some(inside)
    })?;
    dialect("quotes inside of the text", move || {
        write_or(&format!("{mark}{inside}"), "remove the inner quotes")
    })
}

/// `:(glob)a`, `:!a`, `:^a`, `:/a`.
fn pathspec(body: &str) -> Option<Refusal<'_>> {
    let rest = body.strip_prefix(':')?;
    let (exclusion, path) = match rest.chars().next()? {
        '!' | '^' => ("!", &rest[1..]),
        '/' => ("", &rest[1..]),
        '(' => ("", rest.split_once(')')?.1),
        _ => return None,
    };
    let general = "write the path, with ! before it to exclude";
    dialect("a pathspec of git", move || {
        write_or(&format!("{exclusion}{path}"), general)
    })
}

fn double_negation<'t>(mark: &str, body: &'t str) -> Option<Refusal<'t>> {
    let rest = body.strip_prefix('!').filter(|_| !mark.is_empty())?;
    let meant = rest.trim_start_matches('!');
    dialect("two exclamation marks", move || {
        let help = write_or(meant, "write one ! or none");
        format!("{help}; write !\\! to exclude a name that begins with !")
    })
}

/// What begins with `^`, ends with `$` behind a dot that stands for any character, or has a class like `\d`.
fn regular_expression<'t>(mark: &'t str, body: &'t str) -> Option<Refusal<'t>> {
    let is_anchored = body.starts_with('^');
    let ends = body.ends_with('$') && !body.ends_with("\\$");
    let has_dots = ["\\.", ".*", ".+"].iter().any(|sign| body.contains(sign));
    let has_class = ["\\d", "\\w", "\\S"].iter().any(|class| {
        ["+", "*", "{"]
            .iter()
            .any(|count| body.contains(&format!("{class}{count}")))
    });
    let is_regular = is_anchored || has_class || (ends && has_dots);
    if !is_regular {
        return None;
    }
    let general = "write a glob, like services/{api,web}/**, and \\^ for a name that begins with ^";
    dialect("a regular expression", move || {
        write_or(&glob_of(mark, body), general)
    })
}

/// The glob that a simple regular expression stands for; empty without one.
fn glob_of(mark: &str, body: &str) -> String {
    let inside = body.strip_prefix('^').unwrap_or(body);
    let inside = inside.strip_suffix('$').unwrap_or(inside);
    let inside = inside.replace("\\/", "/").replace("\\.", "\u{0}");
    let inside = match inside
        .strip_suffix("/.*")
        .or_else(|| inside.strip_suffix("/.+"))
    {
        Some(directory) => format!("{directory}/**"),
        None => inside,
    };
    let inside = match inside
        .strip_prefix(".*")
        .or_else(|| inside.strip_prefix(".+"))
    {
        Some(rest) => format!("**/*{rest}"),
        None => inside,
    };
    match inside.contains(".*") || inside.contains(".+") || inside.contains('\\') {
        true => String::new(),
        false => format!("{mark}{}", inside.replace('\u{0}', ".")),
    }
}

/// A backslash takes the next character as it is. Before a letter, a digit or `**` it was meant as Windows' separator.
fn backslashes<'t>(mark: &'t str, body: &'t str) -> Option<Refusal<'t>> {
    let mut rest = body;
    while let Some((_, behind)) = rest.split_once('\\') {
        let next = behind.chars().next()?;
        if next.is_alphanumeric() || next == '_' || behind.starts_with("**") {
            let general = "write / between segments; \\ is only for characters like * and [";
            return dialect("a backslash before an ordinary character", move || {
                let meant = format!("{mark}{}", body.replace('\\', "/"));
                write_or(&meant, general)
            });
        }
        rest = &behind[next.len_utf8()..];
    }
    None
}

/// `${{ matrix.app }}/**` or `{{ name }}/**`.
fn expression(body: &str) -> Option<Refusal<'_>> {
    let bare = plain(body);
    let opens = bare
        .windows(2)
        .any(|two| matches!(two, [(at, b'{', _), (next, b'{', _)] if at + 1 == *next));
    let closes = bare
        .windows(2)
        .any(|two| matches!(two, [(at, b'}', _), (next, b'}', _)] if at + 1 == *next));
    let holds_list = bare.iter().any(|(_, byte, _)| *byte == b',');
    if !opens || !closes || holds_list {
        return None;
    }
    dialect("an expression, and nothing is filled in here", || {
        "write the path itself; \\{ and \\} are the characters".to_owned()
    })
}

/// `[[:alpha:]]`.
fn named_class<'t>(mark: &'t str, body: &'t str) -> Option<Refusal<'t>> {
    const CLASSES: [(&str, &str); 7] = [
        ("[:alpha:]", "A-Za-z"),
        ("[:digit:]", "0-9"),
        ("[:alnum:]", "A-Za-z0-9"),
        ("[:upper:]", "A-Z"),
        ("[:lower:]", "a-z"),
        ("[:xdigit:]", "0-9A-Fa-f"),
        ("[:word:]", "A-Za-z0-9_"),
    ];
    let at = body.find("[:").filter(|at| body[at + 2..].contains(":]"))?;
    if !body[..at].contains('[') {
        return None;
    }
    dialect("a named class", move || {
        let mut meant = format!("{mark}{body}");
        for (name, range) in CLASSES {
            meant = meant.replace(name, range);
        }
        let general = "write the range, like [a-z]";
        match meant.contains("[:") {
            true => general.to_owned(),
            false => write_or(&meant, general),
        }
    })
}

/// A list in one text: `a/**,b/**`, or one pattern per line.
fn several(body: &str) -> Option<Refusal<'_>> {
    if body.contains(['\n', '\r']) {
        return dialect("several lines", move || {
            each_by_itself(&body.split(['\n', '\r']).collect::<Vec<_>>())
        });
    }
    if let Some(pieces) = split(body, &plain(body), b',') {
        return dialect("a comma between patterns", move || {
            let help = each_by_itself(&pieces);
            format!("{help}; write \\, for the character itself")
        });
    }
    let (before, behind) = body.split_once("** ")?;
    dialect("a blank between patterns", move || {
        each_by_itself(&[&format!("{before}**"), behind])
    })
}

fn each_by_itself(pieces: &[&str]) -> String {
    let pieces: Vec<&str> = pieces
        .iter()
        .map(|piece| piece.trim())
        .filter(|piece| !piece.is_empty())
        .collect();
    if pieces.is_empty() || pieces.iter().any(|piece| !is_accepted(piece)) {
        return "write each as an item of its own".to_owned();
    }
    let items: Vec<String> = pieces.iter().map(|piece| format!("\"{piece}\"")).collect();
    format!(
        "write each as an item of its own: {}",
        shown(&items.join(", "))
    )
}

/// `./a`, `a//b`, `a/../b`: paths that a shell would tidy up.
fn dots<'t>(mark: &'t str, body: &'t str) -> Option<Refusal<'t>> {
    let body = body.trim_start_matches('/');
    let is_odd = |name: &str| matches!(name, "" | "." | "..");
    if body.ends_with('/') || !body.split('/').any(is_odd) {
        return None;
    }
    let general = "write the path from the repository's root";
    dialect(
        "a pattern with an empty segment, . or .. never matches",
        move || match tidied(body) {
            Some(path) => write_or(&format!("{mark}{path}"), general),
            None => general.to_owned(),
        },
    )
}

/// The path as a shell would tidy it up; `None` where it leaves the repository, or what a `*` stands for.
fn tidied(body: &str) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for name in body.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop().filter(|above| !above.contains('*'))?;
            }
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// The bytes that are neither escaped nor inside brackets, with their place and the depth of braces around them.
fn plain(text: &str) -> Vec<(usize, u8, usize)> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    let mut found = Vec::new();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                at += 2;
                continue;
            }
            b'[' => {
                // An unclosed bracket is refused by who compiles the pattern.
                let Some(end) = super::syntax::class_end(bytes, at) else {
                    return found;
                };
                at = end + 1;
                continue;
            }
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        found.push((at, bytes[at], depth));
        if bytes[at] == b'{' {
            depth += 1;
        }
        at += 1;
    }
    found
}

/// The pieces between `sign` where it stands outside of braces and parentheses; `None` without it.
fn split<'t>(text: &'t str, signs: &[(usize, u8, usize)], sign: u8) -> Option<Vec<&'t str>> {
    let mut pieces = Vec::new();
    let (mut from, mut parentheses) = (0, 0_usize);
    for (at, byte, depth) in signs {
        match byte {
            b'(' => parentheses += 1,
            b')' => parentheses = parentheses.saturating_sub(1),
            own if *own == sign && *depth == 0 && parentheses == 0 => {
                pieces.push(&text[from..*at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if pieces.is_empty() {
        return None;
    }
    pieces.push(&text[from..]);
    Some(pieces)
}
