//! Branch names by GitHub's filter syntax, as `on.push.branches` has it
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet>).
//!
//! `*` is any text without a slash, `**` any text, `?` none or one of the character before it, `+` one or more of it, `[a-z]` one character,
//! and `!` at the start takes back what patterns before it took in.

use super::Refused;
use std::fmt;

/// The longest name or filter, in bytes.
const LONGEST: usize = 255;
const WANTED: &str =
    "a branch's short name like main, or a filter like release/*, without refs/heads/";

/// One filter of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchFilter {
    text: String,
    is_exclusion: bool,
    steps: Vec<FilterStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FilterStep {
    what: What,
    times: Times,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Character(char),
    OneOf(Vec<(char, char)>),
    NoSlash,
    Anything,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Optional,
    OnceOrMore,
    AnyNumber,
}

impl What {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Character(own) => *own == c,
            Self::OneOf(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)),
            Self::NoSlash => c != '/',
            Self::Anything => true,
        }
    }
}

impl BranchFilter {
    /// Reads a branch's name or a filter.
    ///
    /// # Errors
    /// Refuses what is neither.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let refused = || Refused::new("branch", text.as_bytes(), WANTED);
        let (is_exclusion, body) = match text.strip_prefix('!') {
            Some(body) => (true, body),
            None => (false, text),
        };
        let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '~' | '^' | ':');
        let is_odd = body.is_empty()
            || body.len() > LONGEST
            || body.starts_with(['/', '?', '+', '!'])
            || body.ends_with('/')
            || body.starts_with("refs/")
            || body.contains(odd)
            || body.contains("//");
        if is_odd {
            return Err(refused());
        }
        let steps = steps(body).ok_or_else(refused)?;
        Ok(Self {
            text: text.to_owned(),
            is_exclusion,
            steps,
        })
    }

    /// Whether it takes back what others took in.
    #[must_use]
    pub const fn is_exclusion(&self) -> bool {
        self.is_exclusion
    }

    /// The one branch that it names, where it is no pattern.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let plain = |step: &FilterStep| match (&step.what, step.times) {
            (What::Character(c), Times::Once) => Some(*c),
            _ => None,
        };
        self.steps.iter().map(plain).collect()
    }

    /// What every name that it matches begins with.
    #[must_use]
    pub fn prefix(&self) -> String {
        let plain = |step: &FilterStep| match (&step.what, step.times) {
            (What::Character(c), Times::Once) => Some(*c),
            _ => None,
        };
        self.steps.iter().map_while(plain).collect()
    }

    /// Whether it matches a branch's short name, a leading `!` left aside.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        // The steps that can come next; all of them at once, so that no name takes long.
        let mut open = self.reach(vec![0]);
        for c in name.chars() {
            let mut next = Vec::new();
            for at in open {
                let Some(step) = self.steps.get(at) else {
                    continue;
                };
                if !step.what.takes(c) {
                    continue;
                }
                next.push(at + 1);
                if matches!(step.times, Times::OnceOrMore | Times::AnyNumber) {
                    next.push(at);
                }
            }
            next.sort_unstable();
            next.dedup();
            open = self.reach(next);
        }
        open.contains(&self.steps.len())
    }

    /// Adds the steps that follow one that may be left out. A repeated step that has been taken once may be left, which `matches` does by
    /// opening the next one as well.
    fn reach(&self, mut open: Vec<usize>) -> Vec<usize> {
        let mut at = 0;
        while let Some(step) = open.get(at).copied() {
            let may_be_left_out = self
                .steps
                .get(step)
                .is_some_and(|step| matches!(step.times, Times::Optional | Times::AnyNumber));
            if may_be_left_out && !open.contains(&(step + 1)) {
                open.push(step + 1);
            }
            at += 1;
        }
        open
    }
}

impl fmt::Display for BranchFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a list takes a branch in: the last filter that matches decides.
#[must_use]
pub fn takes_branch(filters: &[BranchFilter], name: &str) -> bool {
    let last = filters.iter().rev().find(|filter| filter.matches(name));
    last.is_some_and(|filter| !filter.is_exclusion)
}

fn steps(body: &str) -> Option<Vec<FilterStep>> {
    let mut steps: Vec<FilterStep> = Vec::new();
    let mut characters = body.chars().peekable();
    while let Some(c) = characters.next() {
        let once = |what| FilterStep {
            what,
            times: Times::Once,
        };
        let any = |what| FilterStep {
            what,
            times: Times::AnyNumber,
        };
        match c {
            '\\' => steps.push(once(What::Character(characters.next()?))),
            '*' if characters.next_if_eq(&'*').is_some() => steps.push(any(What::Anything)),
            '*' => steps.push(any(What::NoSlash)),
            '?' | '+' => {
                let last = steps.last_mut().filter(|step| step.times == Times::Once)?;
                last.times = if c == '?' {
                    Times::Optional
                } else {
                    Times::OnceOrMore
                };
            }
            '[' => {
                let mut ranges = Vec::new();
                loop {
                    match characters.next()? {
                        ']' => break,
                        low => {
                            let mut ahead = characters.clone();
                            let high = match (ahead.next(), ahead.next()) {
                                (Some('-'), Some(high)) if high != ']' => {
                                    characters = ahead;
                                    high
                                }
                                _ => low,
                            };
                            if low > high {
                                return None;
                            }
                            ranges.push((low, high));
                        }
                    }
                }
                if ranges.is_empty() {
                    return None;
                }
                steps.push(once(What::OneOf(ranges)));
            }
            c => steps.push(once(What::Character(c))),
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> BranchFilter {
        BranchFilter::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn filters_match_as_githubs_do() {
        // The first rows are those of GitHub's page on filter patterns.
        for (text, name, matches) in [
            ("feature/*", "feature/my-branch", true),
            ("feature/*", "feature/a/b", false),
            ("feature/**", "feature/beta-a/my-branch", true),
            ("main", "main", true),
            ("main", "mainx", false),
            ("*", "main", true),
            ("*", "a/b", false),
            ("**", "all/the/branches", true),
            ("*feature", "mona-feature", true),
            ("v2*", "v2.0", true),
            ("v[12].[0-9]+.[0-9]+", "v1.10.1", true),
            ("v[12].[0-9]+.[0-9]+", "v3.0.1", false),
            ("v[12].[0-9]+.[0-9]+", "v1..1", false),
            ("releases?", "release", true),
            ("releases?", "releases", true),
            ("releases?", "releasess", false),
            ("ab+c", "abbbc", true),
            ("ab+c", "ac", false),
            ("release/**-x", "release/a/b-x", true),
            ("a\\*b", "a*b", true),
            ("[CB]at", "Cat", true),
            ("[CB]at", "Rat", false),
            ("hotfix-\u{e9}*", "hotfix-\u{e9}a", true),
        ] {
            assert_eq!(filter(text).matches(name), matches, "{text} on {name}");
        }
    }

    #[test]
    fn the_last_filter_that_matches_decides() {
        let filters: Vec<BranchFilter> = ["release/*", "!release/old-*", "release/old-1"]
            .map(filter)
            .into();
        for (name, taken) in [
            ("release/2", true),
            ("release/old-2", false),
            ("release/old-1", true),
            ("main", false),
        ] {
            assert_eq!(takes_branch(&filters, name), taken, "{name}");
        }
    }

    #[test]
    fn a_plain_name_is_known_as_one() {
        assert_eq!(filter("main").name().as_deref(), Some("main"));
        assert_eq!(filter("release/*").name(), None);
        assert_eq!(filter("release/[ab]*").prefix(), "release/");
        assert_eq!(filter("releases?").prefix(), "release");
        assert!(filter("!old/*").is_exclusion());
    }

    #[test]
    fn refuses_what_is_no_branch() {
        for text in [
            "",
            "!",
            "refs/heads/main",
            "a b",
            "a\n",
            "a~1",
            "a^",
            "a:b",
            "[",
            "[]",
            "[z-a]",
            "?a",
            "+",
            "a//b",
            "/a",
            "a/",
            "\\",
            "*?",
            "!!a",
            &"a".repeat(300),
        ] {
            assert!(BranchFilter::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn no_name_takes_long() {
        let filter = filter(&"*a".repeat(127));
        assert!(!filter.matches(&"a".repeat(4000).replace("aaaa", "aaab")));
    }
}
