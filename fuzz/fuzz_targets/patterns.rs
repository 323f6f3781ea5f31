//! Pattern lists, against a matcher that is slow and plain: it tries every way, and shares no line with ours. One pattern a line; the last line is
//! the path.
#![no_main]

use model::{Pattern, PatternList};
use libfuzzer_sys::fuzz_target;

/// Longer texts would let the slow matcher try for hours.
const LONGEST: usize = 40;

fuzz_target!(|data: &[u8]| {
    let mut lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let path = lines.pop().unwrap_or_default();
    if lines.len() > 4 || path.len() > LONGEST || lines.iter().any(|line| line.len() > LONGEST) {
        return;
    }
    let texts: Vec<&str> = lines
        .iter()
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    let Ok(patterns) = texts
        .iter()
        .map(|text| Pattern::parse(text))
        .collect::<Result<Vec<_>, _>>()
    else {
        return;
    };
    for pattern in &patterns {
        assert_eq!(
            pattern.matches(path),
            slow::matches(pattern.as_str(), path),
            "{:?} and {path:?}",
            pattern.as_str()
        );
    }
    let Ok(list) = PatternList::new(patterns) else {
        return;
    };
    // The last one that matches decides.
    let last = texts.iter().rev().find(|text| slow::matches(text, path));
    assert_eq!(
        list.decide(path).map(Pattern::as_str),
        last.copied().filter(|text| !text.starts_with('!'))
    );
});

mod slow {
    /// A character of a path, or a byte that is none.
    #[derive(Clone, Copy, PartialEq)]
    enum Sign {
        Character(char),
        Byte,
    }

    pub fn matches(pattern: &str, path: &[u8]) -> bool {
        let body = pattern.strip_prefix('!').unwrap_or(pattern);
        body.as_bytes() == path
            || choices(&body.chars().collect::<Vec<_>>())
                .iter()
                .any(|plain| matches_path(plain, path))
    }

    /// The patterns without braces that one with braces stands for.
    fn choices(pattern: &[char]) -> Vec<Vec<char>> {
        let Some(open) = outside(pattern, 0, '{') else {
            return vec![pattern.to_vec()];
        };
        let (mut depth, mut from, mut parts, mut at) = (0, open + 1, Vec::new(), open);
        while at < pattern.len() {
            match pattern[at] {
                '\\' => at += 1,
                '[' => at = class_end(pattern, at),
                '{' => depth += 1,
                ',' if depth == 1 => {
                    parts.push(&pattern[from..at]);
                    from = at + 1;
                }
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        parts.push(&pattern[from..at]);
                        break;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        let whole = |part: &&[char]| [&pattern[..open], part, &pattern[at + 1..]].concat();
        parts
            .iter()
            .map(whole)
            .flat_map(|plain| choices(&plain))
            .collect()
    }

    /// Where a sign stands that is neither escaped nor in brackets.
    fn outside(pattern: &[char], mut at: usize, sign: char) -> Option<usize> {
        while at < pattern.len() {
            match pattern[at] {
                '\\' => at += 1,
                '[' => at = class_end(pattern, at),
                found if found == sign => return Some(at),
                _ => {}
            }
            at += 1;
        }
        None
    }

    fn class_end(pattern: &[char], open: usize) -> usize {
        let mut at = open + 1;
        if matches!(pattern.get(at), Some('!' | '^')) {
            at += 1;
        }
        if pattern.get(at) == Some(&']') {
            at += 1;
        }
        while pattern[at] != ']' {
            at += if pattern[at] == '\\' { 2 } else { 1 };
        }
        at
    }

    fn matches_path(pattern: &[char], path: &[u8]) -> bool {
        let segments: Vec<Vec<char>> = pattern
            .split(|sign| *sign == '/')
            .map(<[char]>::to_vec)
            .collect();
        // `**.md` is `**/*.md`.
        let segments: Vec<Vec<char>> = segments
            .into_iter()
            .flat_map(|segment| match segment.strip_prefix(&['*', '*']) {
                Some([]) => vec![segment],
                Some(rest) => vec![vec!['*', '*'], [&['*'], rest].concat()],
                None => vec![segment],
            })
            .collect();
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        all(&segments, &names)
    }

    fn all(segments: &[Vec<char>], names: &[&[u8]]) -> bool {
        match segments.split_first() {
            None => names.is_empty(),
            Some((first, rest)) if first.as_slice() == ['*', '*'] => {
                (0..=names.len()).any(|skipped| all(rest, &names[skipped..]))
            }
            Some((first, rest)) => names.split_first().is_some_and(|(name, others)| {
                let name = signs(name);
                (one(first, &name) || one(&bare(first), &name)) && all(rest, others)
            }),
        }
    }

    /// A segment whose brackets are text.
    fn bare(segment: &[char]) -> Vec<char> {
        let (mut bare, mut at) = (Vec::new(), 0);
        while at < segment.len() {
            let to = match segment[at] {
                '[' => class_end(segment, at) + 1,
                '\\' => (at + 2).min(segment.len()),
                _ => at + 1,
            };
            for sign in &segment[at..to] {
                if segment[at] == '[' {
                    bare.push('\\');
                }
                bare.push(*sign);
            }
            at = to;
        }
        bare
    }

    /// The characters of a name; what is no UTF-8 counts byte by byte.
    fn signs(name: &[u8]) -> Vec<Sign> {
        let mut signs = Vec::new();
        for chunk in name.utf8_chunks() {
            signs.extend(chunk.valid().chars().map(Sign::Character));
            signs.extend(chunk.invalid().iter().map(|_| Sign::Byte));
        }
        signs
    }

    fn one(pattern: &[char], name: &[Sign]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['*', rest @ ..] => (0..=name.len()).any(|skipped| one(rest, &name[skipped..])),
            ['?', rest @ ..] => !name.is_empty() && one(rest, &name[1..]),
            ['[', ..] => {
                let end = class_end(pattern, 0);
                name.first()
                    .is_some_and(|sign| takes(&pattern[1..end], *sign))
                    && one(&pattern[end + 1..], &name[1..])
            }
            ['\\', escaped, rest @ ..] | [escaped, rest @ ..] => {
                name.first() == Some(&Sign::Character(*escaped)) && one(rest, &name[1..])
            }
        }
    }

    fn takes(members: &[char], sign: Sign) -> bool {
        let (is_negated, members) = match members {
            ['!' | '^', rest @ ..] => (true, rest),
            _ => (false, members),
        };
        // Each member with whether it was escaped: only a bare `-` between two others makes a range.
        let mut plain = Vec::new();
        let mut at = 0;
        while at < members.len() {
            let is_escaped = members[at] == '\\';
            at += usize::from(is_escaped);
            plain.push((members[at], is_escaped));
            at += 1;
        }
        let (mut found, mut at) = (false, 0);
        while at < plain.len() {
            let (low, _) = plain[at];
            let high = match plain.get(at + 1..at + 3) {
                Some([('-', false), (high, _)]) => {
                    at += 2;
                    *high
                }
                _ => low,
            };
            found |= matches!(sign, Sign::Character(c) if low <= c && c <= high);
            at += 1;
        }
        found != is_negated
    }
}
