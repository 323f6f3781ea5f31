//! Path patterns: which changed path is whose.
//!
//! Own code on purpose: which services deploy is what this program is for, the dialects of the crates differ from each
//! other in just the cases that matter (`dir/**` and `dir`, `**.md`, literal brackets), and a matcher without
//! backtracking over whole paths is bounded for every pattern that a stranger can write.

mod dialect;
mod syntax;
#[cfg(test)]
mod tests;

use super::Untrusted;
use std::ops::RangeInclusive;
use syntax::{compile, expand_braces};

/// The longest pattern, in bytes; git's own paths end at 4096.
const LONGEST: usize = 4096;
/// How many patterns one pattern's braces may stand for.
const MOST_ALTERNATIVES: usize = 256;

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is nothing in it.
    #[error("an empty pattern; write ** for every path")]
    Empty,
    /// It is longer than any path.
    #[error("a pattern of more than {LONGEST} bytes")]
    TooLong,
    /// It begins with a slash.
    #[error(
        "a pattern that begins with / never matches: paths are from the repository's root; write {0}"
    )]
    Absolute(String),
    /// It ends with a slash.
    #[error("a pattern that ends with / never matches: only files change; write {0}")]
    Directory(String),
    /// One of its segments is empty, `.` or `..`.
    #[error(
        "a pattern with an empty segment, . or .. never matches; write the path from the repository's root"
    )]
    Unreachable,
    /// A `**` shares its segment.
    #[error("** spans whole segments; write it between slashes, or * for a part of one")]
    DoubleStar,
    /// A bracket or a brace is not closed.
    #[error("an unclosed {0}; write \\{0} for the character itself")]
    Unclosed(char),
    /// A bracket expression names no character.
    #[error("a bracket expression with an empty range")]
    EmptyRange,
    /// A backslash with nothing behind it.
    #[error("a pattern that ends with a backslash")]
    TrailingBackslash,
    /// It has a NUL byte, which no path has.
    #[error("a pattern with a NUL byte never matches")]
    Nul,
    /// Its braces stand for too many patterns.
    #[error("braces that stand for more than {MOST_ALTERNATIVES} patterns")]
    TooManyAlternatives,
    /// It is written as another tool would read it. Says what is wrong, and what to write here.
    #[error("{what}; {help}")]
    Dialect {
        /// What is wrong.
        what: &'static str,
        /// What to write; begins with a verb.
        help: String,
    },
    /// A list that only excludes.
    #[error("only exclusions: nothing could ever match; put ** before them")]
    OnlyExclusions,
}

/// One path pattern, from the repository's root, with `/` between segments.
///
/// `*` and `?` stay inside a segment, `**` spans segments (zero too: `dir/**` matches `dir`), `{a,b}` and `[a-z]` choose, a backslash
/// takes the next character as it is, dotfiles count, and `**.md` means `**/*.md`. A pattern also matches the path that it is
/// letter for letter, and so do the brackets of one segment. A leading `!` excludes.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    exclusion: bool,
    alternatives: Vec<Vec<Segment>>,
    prefix: Vec<u8>,
    steps: usize,
}

#[derive(Debug, Clone)]
enum Segment {
    AnyDepth,
    Name {
        tokens: Vec<PatternToken>,
        /// The same with brackets as text, where it has some: `app/[slug]/**` is about a directory of that name too.
        literal: Option<Vec<PatternToken>>,
    },
}

impl Segment {
    /// How many steps it takes at each place of a path at most. After a mismatch a matcher goes on one place further, so it may take all of them
    /// at each; of letters that stand for themselves, many are compared at once.
    fn steps(&self) -> usize {
        match self {
            Self::AnyDepth => 1,
            Self::Name { tokens, literal } => {
                let of = |token: &PatternToken| match token {
                    PatternToken::Literal(text) => 1 + text.len() / 16,
                    PatternToken::AnyCharacter | PatternToken::AnyText => 1,
                    PatternToken::Class { ranges, .. } => 1 + ranges.len(),
                };
                let all = tokens.iter().chain(literal.iter().flatten());
                1 + all.map(of).sum::<usize>()
            }
        }
    }

    /// The one name that it takes, where it takes one only.
    fn literal(&self) -> Option<&str> {
        match self {
            Self::AnyDepth => None,
            Self::Name { tokens, .. } => match tokens.as_slice() {
                [PatternToken::Literal(text)] => Some(text),
                _ => None,
            },
        }
    }
}

#[derive(Debug, Clone)]
enum PatternToken {
    /// At least one character; what stands beside it is no other of its kind.
    Literal(String),
    AnyCharacter,
    AnyText,
    Class {
        negated: bool,
        ranges: Vec<RangeInclusive<char>>,
    },
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Refuses what could never match and what people who write it do not mean.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let body = text.strip_prefix('!').unwrap_or(text);
        if body.trim().is_empty() {
            return Err(PatternError::Empty);
        }
        if body.len() > LONGEST {
            return Err(PatternError::TooLong);
        }
        if body.contains('\0') {
            return Err(PatternError::Nul);
        }
        match dialect::refuse(text) {
            Some(refusal) => Err(refusal.into_error()),
            None => Self::read(text),
        }
    }

    /// Reads a pattern of this program's dialect.
    fn read(text: &str) -> Result<Self, PatternError> {
        let (exclusion, body) = text
            .strip_prefix('!')
            .map_or((false, text), |body| (true, body));
        if let Some(rest) = body.strip_prefix('/') {
            let meant = rest.trim_start_matches('/');
            return Err(PatternError::Absolute(shown(meant)));
        }
        if let Some(directory) = body.strip_suffix('/') {
            let meant = match directory.ends_with("/**") || directory == "**" {
                true => directory.to_owned(),
                false => format!("{}/**", directory.trim_end_matches('/')),
            };
            return Err(PatternError::Directory(shown(&meant)));
        }
        let mut alternatives = Vec::new();
        for alternative in expand_braces(body)? {
            alternatives.push(compile(&alternative)?);
        }
        let prefix = common_prefix(&alternatives);
        let steps = alternatives.iter().flatten().map(Segment::steps).sum();
        Ok(Self {
            text: text.to_owned(),
            exclusion,
            alternatives,
            prefix,
            steps,
        })
    }

    /// The pattern as it was written, `!` included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it excludes (begins with `!`).
    #[must_use]
    pub const fn is_exclusion(&self) -> bool {
        self.exclusion
    }

    /// Bytes with which every path that the pattern matches begins (except a literal match of the whole text).
    ///
    /// It ends at a segment's end, without the slash, so sorted paths can be searched by it.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The pattern without its `!`: the one path that it matches letter for letter.
    #[must_use]
    pub fn literal(&self) -> &[u8] {
        self.text.strip_prefix('!').unwrap_or(&self.text).as_bytes()
    }

    /// Whether the pattern matches `path`, a leading `!` left aside.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        if path == self.literal() {
            return true;
        }
        if !path.starts_with(&self.prefix) {
            return false;
        }
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        self.alternatives
            .iter()
            .any(|segments| matches_path(segments, &names))
    }

    /// How many steps it takes at most to hold it against a path of so many bytes.
    #[must_use]
    pub const fn work(&self, bytes: usize) -> usize {
        self.steps.saturating_mul(bytes)
    }

    /// How many patterns its braces stand for; one without braces stands for itself.
    #[must_use]
    pub const fn alternatives(&self) -> usize {
        self.alternatives.len()
    }
}

/// An ordered list of patterns: the last one that matches a path decides.
#[derive(Debug, Clone, Default)]
pub struct PatternList(Vec<Pattern>);

impl PatternList {
    /// Makes a list; an empty one matches nothing.
    ///
    /// # Errors
    /// Refuses a list of exclusions only.
    pub fn new(patterns: Vec<Pattern>) -> Result<Self, PatternError> {
        if !patterns.is_empty() && patterns.iter().all(Pattern::is_exclusion) {
            return Err(PatternError::OnlyExclusions);
        }
        Ok(Self(patterns))
    }

    /// The pattern that takes `path` in, where the list does.
    #[must_use]
    pub fn decide(&self, path: &[u8]) -> Option<&Pattern> {
        self.0
            .iter()
            .rev()
            .find(|pattern| pattern.matches(path))
            .filter(|pattern| !pattern.exclusion)
    }

    /// The patterns in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Pattern> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }
}

/// A pattern as messages show it.
fn shown(pattern: &str) -> String {
    Untrusted(pattern.as_bytes()).to_string()
}

/// The longest run of whole literal segments with which every alternative begins.
fn common_prefix(alternatives: &[Vec<Segment>]) -> Vec<u8> {
    let prefixes: Vec<Vec<&str>> = alternatives
        .iter()
        .map(|segments| segments.iter().map_while(Segment::literal).collect())
        .collect();
    let Some((first, others)) = prefixes.split_first() else {
        return Vec::new();
    };
    let shared = (0..first.len())
        .take_while(|at| {
            others
                .iter()
                .all(|other| other.get(*at) == Some(&first[*at]))
        })
        .count();
    first[..shared].join("/").into_bytes()
}

/// Matches a whole path. After a mismatch only the last `**` is moved on, so the work is bounded by segments times segments.
fn matches_path(segments: &[Segment], names: &[&[u8]]) -> bool {
    let (mut segment, mut name) = (0, 0);
    let mut retry = None;
    while name < names.len() {
        match segments.get(segment) {
            Some(Segment::AnyDepth) => {
                retry = Some((segment, name));
                segment += 1;
                continue;
            }
            Some(Segment::Name { tokens, literal })
                if matches_name(tokens, names[name])
                    || literal
                        .as_ref()
                        .is_some_and(|own| matches_name(own, names[name])) =>
            {
                segment += 1;
                name += 1;
                continue;
            }
            Some(Segment::Name { .. }) | None => {}
        }
        let Some((any_depth, from)) = retry else {
            return false;
        };
        retry = Some((any_depth, from + 1));
        segment = any_depth + 1;
        name = from + 1;
    }
    segments[segment..]
        .iter()
        .all(|segment| matches!(segment, Segment::AnyDepth))
}

/// Matches one segment; the same method with `*`.
fn matches_name(tokens: &[PatternToken], name: &[u8]) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut retry = None;
    while at < name.len() {
        let rest = &name[at..];
        let taken = match tokens.get(token) {
            Some(PatternToken::AnyText) => {
                retry = Some((token, at));
                token += 1;
                continue;
            }
            Some(PatternToken::Literal(wanted)) => {
                rest.starts_with(wanted.as_bytes()).then_some(wanted.len())
            }
            Some(PatternToken::AnyCharacter) => Some(first_character(rest).1),
            Some(PatternToken::Class { negated, ranges }) => {
                let (character, length) = first_character(rest);
                let is_member =
                    character.is_some_and(|c| ranges.iter().any(|range| range.contains(&c)));
                (is_member != *negated).then_some(length)
            }
            None => None,
        };
        if let Some(length) = taken {
            token += 1;
            at += length;
            continue;
        }
        let Some((any_text, from)) = retry else {
            return false;
        };
        let next = from + first_character(&name[from..]).1;
        retry = Some((any_text, next));
        token = any_text + 1;
        at = next;
    }
    tokens[token..]
        .iter()
        .all(|token| matches!(token, PatternToken::AnyText))
}

/// The first character of some bytes and its length; a byte that is no UTF-8 counts as one character that equals no other.
fn first_character(bytes: &[u8]) -> (Option<char>, usize) {
    if let Some(byte) = bytes.first().filter(|byte| byte.is_ascii()) {
        return (Some(char::from(*byte)), 1);
    }
    let longest = &bytes[..bytes.len().min(4)];
    let valid = longest
        .utf8_chunks()
        .next()
        .map_or("", |chunk| chunk.valid());
    valid
        .chars()
        .next()
        .map_or((None, 1), |c| (Some(c), c.len_utf8()))
}
