//! Braces that other tools read as ranges, or as text.

use super::{Refusal, dialect, plain, write_or};

/// The most values of a range that a message writes out.
const MOST_VALUES: usize = 20;

/// `{1..3}`, and braces around one choice, which are text in other tools.
pub(super) fn braces<'t>(mark: &'t str, body: &'t str) -> Option<Refusal<'t>> {
    let signs = plain(body);
    let mut open: Vec<(usize, bool)> = Vec::new();
    for (at, byte, _) in &signs {
        match byte {
            b'{' => open.push((*at, false)),
            b',' => {
                if let Some((_, has_comma)) = open.last_mut() {
                    *has_comma = true;
                }
            }
            b'}' => {
                let Some((start, has_comma)) = open.pop() else {
                    continue;
                };
                if has_comma {
                    continue;
                }
                let inside = &body[start + 1..*at];
                return one_choice(mark, body, inside);
            }
            _ => {}
        }
    }
    None
}

fn one_choice<'t>(mark: &'t str, body: &'t str, inside: &'t str) -> Option<Refusal<'t>> {
    if let Some(values) = range(inside) {
        return dialect("a range in braces", move || {
            let general = "write the values, like {1,2,3}";
            let Some(values) = values else {
                return general.to_owned();
            };
            let written = format!("{{{inside}}}");
            let values = format!("{{{}}}", values.join(","));
            write_or(&format!("{mark}{body}").replace(&written, &values), general)
        });
    }
    dialect("braces around one choice", || {
        "write {a,b} with the choices, or \\{ and \\} for the characters; nothing is filled in here"
            .to_owned()
    })
}

/// The values of `1..3`, `01..10..2` or `a..e`: `Some(None)` where they are too many to write out.
#[expect(
    clippy::option_option,
    reason = "no range and too long a range are two answers"
)]
fn range(inside: &str) -> Option<Option<Vec<String>>> {
    let mut parts = inside.split("..");
    let (low, high) = (parts.next()?, parts.next()?);
    let step: usize = match parts.next() {
        Some(step) => step.trim_start_matches('-').parse().ok()?,
        None => 1,
    };
    if parts.next().is_some() {
        return None;
    }
    let letter = |text: &str| {
        let mut characters = text.chars();
        let letter = characters.next().filter(char::is_ascii_alphabetic)?;
        characters
            .next()
            .is_none()
            .then_some(i64::from(u32::from(letter)))
    };
    let numbers = low.parse::<i64>().ok().zip(high.parse::<i64>().ok());
    let (from, to) = numbers.or_else(|| letter(low).zip(letter(high)))?;
    let step = i64::try_from(step.max(1)).ok()?;
    let count = from.abs_diff(to) / step.unsigned_abs() + 1;
    if usize::try_from(count).map_or(true, |count| count > MOST_VALUES) {
        return Some(None);
    }
    let width = match [low, high]
        .iter()
        .any(|text| text.len() > 1 && text.starts_with('0'))
    {
        true => low.len().max(high.len()),
        false => 0,
    };
    let value = |at: i64| {
        let value = if from <= to {
            from + at * step
        } else {
            from - at * step
        };
        match numbers {
            Some(_) => format!("{value:0width$}"),
            None => u32::try_from(value)
                .ok()
                .and_then(char::from_u32)
                .map_or_else(String::new, String::from),
        }
    };
    Some(Some((0..i64::try_from(count).ok()?).map(value).collect()))
}
