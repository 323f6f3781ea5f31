//! Extended globs (bash, picomatch, minimatch) written as braces.

use super::{LONGEST_MEANT, Refusal, dialect, is_accepted, plain, split};
use crate::pattern::shown;

/// `+(a|b)`, `@(a|b)`, `?(a)`, `*(a)`, `!(a)`, `(a|b)`, and `a|b`.
pub(super) fn extended_glob(text: &str) -> Option<Refusal<'_>> {
    let signs = plain(text);
    let is_group = |at: usize| {
        let before = at.checked_sub(1).map(|before| text.as_bytes()[before]);
        let is_plain = signs.iter().any(|(own, _, _)| own + 1 == at);
        is_plain && matches!(before, Some(b'?' | b'*' | b'+' | b'@' | b'!'))
    };
    let has_group = signs
        .iter()
        .any(|(at, byte, _)| *byte == b'(' && is_group(*at));
    let has_bar = signs.iter().any(|(_, byte, _)| *byte == b'|');
    if !has_group && !has_bar {
        return None;
    }
    let (what, general) = match has_group {
        true => (
            "an extended glob",
            "write choices as {a,b}, and what to leave out as a second pattern that begins with !",
        ),
        false => ("a | between choices", "write choices as {a,b}"),
    };
    let escape = match (has_group, text.starts_with("!(")) {
        (true, true) => "; write !\\( to exclude a name that begins with (",
        (true, false) => "; write \\( for the character itself",
        (false, _) => "; write \\| for the character itself",
    };
    dialect(what, move || {
        let help = suggestion(text).unwrap_or_else(|| general.to_owned());
        format!("{help}{escape}")
    })
}

/// The pattern or the two patterns to write, where they can be found.
fn suggestion(text: &str) -> Option<String> {
    let outside = text.starts_with('!') && !text.starts_with("!(");
    let (mark, body) = text.split_at(usize::from(outside));
    if body.len() > LONGEST_MEANT {
        return None;
    }
    let Rewritten { include, exclude } = rewrite(body)?;
    if !is_accepted(&include) {
        return None;
    }
    let Some(exclude) = exclude else {
        return Some(format!("write {}", shown(&format!("{mark}{include}"))));
    };
    let is_useful = mark.is_empty() && is_accepted(&exclude);
    is_useful.then(|| {
        let (include, exclude) = (shown(&include), shown(&exclude));
        format!("write two patterns: {include} and then !{exclude}")
    })
}

/// An extended glob in this program's dialect.
#[derive(Default)]
struct Rewritten {
    include: String,
    /// What `!(..)` leaves out.
    exclude: Option<String>,
}

impl Rewritten {
    fn push(&mut self, text: &str) {
        self.include.push_str(text);
        if let Some(exclude) = &mut self.exclude {
            exclude.push_str(text);
        }
    }
}

/// Writes groups as braces; `None` where that cannot be done.
fn rewrite(text: &str) -> Option<Rewritten> {
    let signs = plain(text);
    if let Some(choices) = split(text, &signs, b'|') {
        // A list of alternatives without parentheses.
        let choices: Option<Vec<String>> = choices.into_iter().map(rewritten_choice).collect();
        return Some(Rewritten {
            include: grouped("", &choices?),
            exclude: None,
        });
    }
    let mut out = Rewritten::default();
    let mut from = 0;
    while let Some((open, close)) = group(text, from)? {
        let kind = open.checked_sub(1).map(|at| text.as_bytes()[at]);
        let inside = &text[open + 1..close];
        let is_extended = matches!(kind, Some(b'?' | b'*' | b'+' | b'@' | b'!')) && open > from;
        let has_bar = split(inside, &plain(inside), b'|').is_some();
        if !is_extended && !has_bar {
            out.push(&text[from..=close]);
            from = close + 1;
            continue;
        }
        out.push(&text[from..open - usize::from(is_extended)]);
        let pieces = split(inside, &plain(inside), b'|').unwrap_or_else(|| vec![inside]);
        let choices: Option<Vec<String>> = pieces.into_iter().map(rewritten_choice).collect();
        let choices = choices?;
        // A whole segment cannot be empty.
        let starts = out.include.is_empty() || out.include.ends_with('/');
        let ends = matches!(text.as_bytes().get(close + 1), None | Some(b'/'));
        let none = if starts && ends { "" } else { "," };
        match kind.filter(|_| is_extended) {
            Some(b'?') => out.push(&grouped(none, &choices)),
            Some(b'*') if choices.iter().any(|choice| varies(choice)) => out.push("*"),
            Some(b'*') => out.push(&grouped(none, &choices)),
            Some(b'+') if choices.len() == 1 && varies(&choices[0]) => {
                out.push(&format!("{}*", choices[0]));
            }
            Some(b'!') => {
                if out.exclude.is_some() {
                    return None;
                }
                let left_out = format!("{}{}", out.include, grouped("", &choices));
                out.include.push('*');
                out.exclude = Some(left_out);
            }
            _ => out.push(&grouped("", &choices)),
        }
        from = close + 1;
    }
    out.push(&text[from..]);
    Some(out)
}

fn rewritten_choice(text: &str) -> Option<String> {
    let rewritten = rewrite(text)?;
    match rewritten.exclude {
        Some(_) => None,
        None => Some(rewritten.include),
    }
}

/// Whether it can stand for different texts.
fn varies(choice: &str) -> bool {
    choice.contains(['[', '*', '?'])
}

fn grouped(first: &str, choices: &[String]) -> String {
    match choices {
        [one] if first.is_empty() => one.clone(),
        _ => format!("{{{first}{}}}", choices.join(",")),
    }
}

/// The next parentheses from `from` on: `Some(None)` without any, `None` where they are not closed.
#[expect(clippy::option_option, reason = "absent and unclosed are two answers")]
fn group(text: &str, from: usize) -> Option<Option<(usize, usize)>> {
    let signs = plain(text);
    let mut open = None;
    let mut depth = 0_usize;
    for (at, byte, _) in signs.into_iter().filter(|(at, _, _)| *at >= from) {
        match byte {
            b'(' => {
                open = open.or(Some(at));
                depth += 1;
            }
            b')' if depth == 1 => return Some(open.map(|open| (open, at))),
            b')' if depth > 1 => depth -= 1,
            _ => {}
        }
    }
    if open.is_some() { None } else { Some(None) }
}
