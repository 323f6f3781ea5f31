//! How a pattern is written.

use super::{MOST_ALTERNATIVES, PatternError, PatternToken, Segment};

/// Writes out `{a,b}`: `x{a,b{c,d}}` becomes `xa`, `xbc`, `xbd`.
pub(super) fn expand_braces(text: &str) -> Result<Vec<String>, PatternError> {
    let mut done = Vec::new();
    let mut open = vec![text.to_owned()];
    while let Some(pattern) = open.pop() {
        if done.len() + open.len() >= MOST_ALTERNATIVES {
            return Err(PatternError::TooManyAlternatives);
        }
        let Some((before, choices, after)) = first_brace(&pattern)? else {
            done.push(pattern);
            continue;
        };
        for choice in choices.iter().rev() {
            open.push(format!("{before}{choice}{after}"));
        }
    }
    Ok(done)
}

type Brace<'a> = (&'a str, Vec<&'a str>, &'a str);

/// Splits at the first outermost brace that is neither escaped nor inside brackets.
fn first_brace(pattern: &str) -> Result<Option<Brace<'_>>, PatternError> {
    let bytes = pattern.as_bytes();
    let (mut at, mut depth, mut start) = (0, 0_usize, 0);
    let mut cuts = Vec::new();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' => at = class_end(bytes, at).ok_or(PatternError::Unclosed('['))?,
            b'{' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            b',' if depth == 1 => cuts.push(at),
            b'}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    let mut choices = Vec::new();
                    let mut from = start + 1;
                    for cut in cuts.iter().chain([&at]) {
                        choices.push(&pattern[from..*cut]);
                        from = cut + 1;
                    }
                    return Ok(Some((&pattern[..start], choices, &pattern[at + 1..])));
                }
            }
            _ => {}
        }
        at += 1;
    }
    if depth > 0 {
        Err(PatternError::Unclosed('{'))
    } else {
        Ok(None)
    }
}

/// The index of the `]` that closes the bracket expression at `open`. A `]` right behind the opening (or its `!`) is a member.
pub(super) fn class_end(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    if matches!(bytes.get(at), Some(b'!' | b'^')) {
        at += 1;
    }
    if bytes.get(at) == Some(&b']') {
        at += 1;
    }
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b']' => return Some(at),
            b'/' => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

pub(super) fn compile(pattern: &str) -> Result<Vec<Segment>, PatternError> {
    let mut segments = Vec::new();
    for text in pattern.split('/') {
        if matches!(text, "" | "." | "..") {
            return Err(PatternError::Unreachable);
        }
        let name = match text.strip_prefix("**") {
            Some(rest) => {
                segments.push(Segment::AnyDepth);
                if rest.is_empty() {
                    continue;
                }
                format!("*{rest}")
            }
            None => text.to_owned(),
        };
        let literal = match name.contains('[') {
            true => Some(tokens(&name, Brackets::Literal)?),
            false => None,
        };
        segments.push(Segment::Name {
            tokens: tokens(&name, Brackets::Class)?,
            literal,
        });
    }
    Ok(segments)
}

/// How a bracket expression is read.
#[derive(Clone, Copy)]
enum Brackets {
    Class,
    Literal,
}

fn tokens(text: &str, brackets: Brackets) -> Result<Vec<PatternToken>, PatternError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        at += c.len_utf8();
        match c {
            '\\' => {
                let escaped = text[at..]
                    .chars()
                    .next()
                    .ok_or(PatternError::TrailingBackslash)?;
                at += escaped.len_utf8();
                literal(&mut tokens, escaped);
            }
            '*' if matches!(tokens.last(), Some(PatternToken::AnyText)) => {
                return Err(PatternError::DoubleStar);
            }
            '*' => tokens.push(PatternToken::AnyText),
            '?' => tokens.push(PatternToken::AnyCharacter),
            '[' => {
                let end = class_end(text.as_bytes(), at - 1).ok_or(PatternError::Unclosed('['))?;
                match brackets {
                    Brackets::Class => tokens.push(class(&text[at..end])?),
                    Brackets::Literal => text[at - 1..=end]
                        .chars()
                        .for_each(|c| literal(&mut tokens, c)),
                }
                at = end + 1;
            }
            other => literal(&mut tokens, other),
        }
    }
    Ok(tokens)
}

/// Adds a character that stands for itself to those before it.
fn literal(tokens: &mut Vec<PatternToken>, character: char) {
    match tokens.last_mut() {
        Some(PatternToken::Literal(text)) => text.push(character),
        Some(PatternToken::AnyCharacter | PatternToken::AnyText | PatternToken::Class { .. })
        | None => {
            tokens.push(PatternToken::Literal(character.into()));
        }
    }
}

fn class(inside: &str) -> Result<PatternToken, PatternError> {
    let (negated, members) = inside
        .strip_prefix(['!', '^'])
        .map_or((false, inside), |members| (true, members));
    let mut ranges = Vec::new();
    let mut characters = members.chars().peekable();
    let unescape = |c: char, rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        if c == '\\' {
            rest.next().ok_or(PatternError::TrailingBackslash)
        } else {
            Ok(c)
        }
    };
    while let Some(c) = characters.next() {
        let low = unescape(c, &mut characters)?;
        let mut ahead = characters.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) => {
                characters = ahead;
                unescape(high, &mut characters)?
            }
            _ => low,
        };
        if low > high {
            return Err(PatternError::EmptyRange);
        }
        ranges.push(low..=high);
    }
    Ok(PatternToken::Class { negated, ranges })
}
