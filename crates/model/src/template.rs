//! Templates of image tags, and the proof that two of them never make the same tag.

use super::{CommitSha, ImageTag, PrNumber, Refused, ReleaseTemplate};
use std::fmt;

/// How the tag of a commit or of a pull request is written: `{sha}`, `pr-{number}-{sha:12}`.
///
/// It holds a sha, so the tags of different commits differ, and every tag it makes is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTemplate(Vec<TemplatePart>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    Sha(usize),
    Number,
}

impl TagTemplate {
    /// Reads the template of a commit's tag: text around one or more `{sha}` or `{sha:N}` (7 to 40).
    ///
    /// # Errors
    /// Refuses other braces, a template without a sha, and one that makes no valid tag.
    pub fn parse_commit(text: &str) -> Result<Self, Refused> {
        let refused = || {
            Refused::new(
                "tags.commit",
                text.as_bytes(),
                "text around {sha} or {sha:7} to {sha:40}, like {sha}",
            )
        };
        let template = Self::parse(text).ok_or_else(refused)?;
        if template.0.contains(&TemplatePart::Number) {
            Err(refused())
        } else {
            Ok(template)
        }
    }

    /// Reads the template of a pull request's tag: as a commit's, and `{number}`.
    ///
    /// # Errors
    /// Refuses other braces, a template without a sha, and one that makes no valid tag.
    pub fn parse_pull_request(text: &str) -> Result<Self, Refused> {
        Self::parse(text).ok_or_else(|| {
            Refused::new(
                "tags.pull-request",
                text.as_bytes(),
                "text around {sha} and {number}, like pr-{number}-{sha}",
            )
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, braced)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(TemplatePart::Text(before.to_owned()));
            }
            let (name, after) = braced.split_once('}')?;
            parts.push(match (name, name.strip_prefix("sha:")) {
                ("number", _) => TemplatePart::Number,
                ("sha", _) => TemplatePart::Sha(40),
                (_, Some(digits)) => {
                    let count = digits
                        .parse::<usize>()
                        .ok()
                        .filter(|count| (7..=40).contains(count))?;
                    if count.to_string() != digits {
                        return None;
                    }
                    TemplatePart::Sha(count)
                }
                _ => return None,
            });
            rest = after;
        }
        if rest.contains('}')
            || !parts
                .iter()
                .any(|part| matches!(part, TemplatePart::Sha(_)))
        {
            return None;
        }
        if !rest.is_empty() {
            parts.push(TemplatePart::Text(rest.to_owned()));
        }
        let longest = fill(&parts, &"f".repeat(40), "99999");
        ImageTag::parse(&longest).is_ok().then_some(Self(parts))
    }

    /// The tag of a commit (by a template without `{number}`).
    ///
    /// # Errors
    /// Only when the template wants a number: such a template is not a commit's.
    pub fn commit_tag(&self, sha: &CommitSha) -> Result<ImageTag, Refused> {
        ImageTag::parse(&fill(&self.0, &sha.to_string(), "{number}"))
    }

    /// The tag of a pull request's commit.
    ///
    /// # Errors
    /// None in practice: the template was checked with the longest number.
    pub fn pull_request_tag(&self, number: PrNumber, sha: &CommitSha) -> Result<ImageTag, Refused> {
        ImageTag::parse(&fill(&self.0, &sha.to_string(), &number.to_string()))
    }

    /// Whether its tags say whose they are.
    #[must_use]
    pub fn has_number(&self) -> bool {
        self.0.contains(&TemplatePart::Number)
    }

    /// The pull request whose tag this is; none for every other tag, and for a template without `{number}`.
    ///
    /// A commit's digits have a fixed count, so the tag's length says how many the number has: no tag can be read in two ways.
    #[must_use]
    pub fn pull_request_of(&self, tag: &ImageTag) -> Option<PrNumber> {
        self.read_pull_request(tag).map(|(number, _)| number)
    }

    /// The digits of the commit in a pull request's tag: the longest of them where they stand in it more than once.
    #[must_use]
    pub fn commit_of<'t>(&self, tag: &'t ImageTag) -> Option<&'t str> {
        self.read_pull_request(tag).map(|(_, commit)| commit)
    }

    /// The number of a pull request's tag that is above 99999, which this project does not take.
    #[must_use]
    pub fn too_large_of<'t>(&self, tag: &'t ImageTag) -> Option<&'t str> {
        let (number, _) = self.read_number(tag)?;
        PrNumber::is_too_large(number.as_bytes()).then_some(number)
    }

    fn read_pull_request<'t>(&self, tag: &'t ImageTag) -> Option<(PrNumber, &'t str)> {
        let (number, commit) = self.read_number(tag)?;
        Some((PrNumber::parse(number.as_bytes()).ok()?, commit))
    }

    /// What stands in a tag where the number and the commit are.
    fn read_number<'t>(&self, tag: &'t ImageTag) -> Option<(&'t str, &'t str)> {
        let numbers = self
            .0
            .iter()
            .filter(|part| **part == TemplatePart::Number)
            .count();
        let fixed: usize = self.0.iter().map(TemplatePart::fixed).sum();
        let digits = tag
            .as_str()
            .len()
            .checked_sub(fixed)?
            .checked_div(numbers)?;
        let (mut rest, mut number, mut commit) = (tag.as_str(), None, "");
        for part in &self.0 {
            match part {
                TemplatePart::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                TemplatePart::Sha(count) => {
                    let (sha, after) = rest.split_at_checked(*count)?;
                    // The same commit wherever it stands.
                    let (short, long) = if sha.len() < commit.len() {
                        (sha, commit)
                    } else {
                        (commit, sha)
                    };
                    if !sha
                        .bytes()
                        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                        || !long.starts_with(short)
                    {
                        return None;
                    }
                    (rest, commit) = (after, long);
                }
                TemplatePart::Number => {
                    let (found, after) = rest.split_at_checked(digits)?;
                    if number.is_some_and(|number| number != found) {
                        return None;
                    }
                    (rest, number) = (after, Some(found));
                }
            }
        }
        let number = number.filter(|_| rest.is_empty())?;
        Some((number, commit))
    }
}

impl TemplatePart {
    /// How many characters it makes, where that does not depend on what is filled in.
    const fn fixed(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Sha(count) => *count,
            Self::Number => 0,
        }
    }
}

fn fill(parts: &[TemplatePart], sha: &str, number: &str) -> String {
    parts
        .iter()
        .map(|part| match part {
            TemplatePart::Text(text) => text.as_str(),
            TemplatePart::Sha(digits) => &sha[..*digits],
            TemplatePart::Number => number,
        })
        .collect()
}

impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            TemplatePart::Text(text) => f.write_str(text),
            TemplatePart::Sha(40) => f.write_str("{sha}"),
            TemplatePart::Sha(digits) => write!(f, "{{sha:{digits}}}"),
            TemplatePart::Number => f.write_str("{number}"),
        })
    }
}

/// Everything that a template, or a fixed tag, could come out as.
#[derive(Debug, Clone)]
pub struct Shape(Vec<Piece>);

#[derive(Debug, Clone, Copy)]
struct Piece {
    class: Class,
    optional: bool,
}

#[derive(Debug, Clone, Copy)]
enum Class {
    Exactly(char),
    Hex,
    Digit,
}

impl Class {
    const fn has(self, c: char) -> bool {
        match self {
            Self::Exactly(own) => own as u32 == c as u32,
            Self::Hex => matches!(c, '0'..='9' | 'a'..='f'),
            Self::Digit => c.is_ascii_digit(),
        }
    }

    fn meets(self, other: Self) -> bool {
        ('!'..='~').any(|c| self.has(c) && other.has(c))
    }
}

fn text(text: &str) -> impl Iterator<Item = Piece> + '_ {
    text.chars().map(|c| Piece {
        class: Class::Exactly(c),
        optional: false,
    })
}

/// One to `most` digits.
fn digits(most: usize) -> impl Iterator<Item = Piece> {
    (0..most).map(|at| Piece {
        class: Class::Digit,
        optional: at > 0,
    })
}

impl From<&ImageTag> for Shape {
    fn from(tag: &ImageTag) -> Self {
        Self(text(tag.as_str()).collect())
    }
}

impl From<&TagTemplate> for Shape {
    fn from(template: &TagTemplate) -> Self {
        let mut pieces = Vec::new();
        for part in &template.0 {
            match part {
                TemplatePart::Text(literal) => pieces.extend(text(literal)),
                TemplatePart::Sha(count) => pieces.extend((0..*count).map(|_| Piece {
                    class: Class::Hex,
                    optional: false,
                })),
                TemplatePart::Number => pieces.extend(digits(5)),
            }
        }
        Self(pieces)
    }
}

impl From<&ReleaseTemplate> for Shape {
    fn from(template: &ReleaseTemplate) -> Self {
        let mut pieces: Vec<Piece> = text(template.prefix()).collect();
        pieces.extend(digits(9));
        if template.is_version() {
            for _ in 0..2 {
                pieces.extend(text("."));
                pieces.extend(digits(9));
            }
        }
        pieces.extend(text(template.suffix()));
        Self(pieces)
    }
}

/// Whether some text is of both shapes: then a tag of one kind could be read as one of the other.
#[must_use]
pub fn can_collide(one: impl Into<Shape>, other: impl Into<Shape>) -> bool {
    let (one, other) = (one.into().0, other.into().0);
    let width = other.len() + 1;
    // reach[i * width + j]: the first i pieces of one and the first j of the other can have made the same text.
    let mut reach = vec![false; (one.len() + 1) * width];
    reach[0] = true;
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            if !reach[i * width + j] {
                continue;
            }
            let (a, b) = (one.get(i), other.get(j));
            if a.is_some_and(|piece| piece.optional) {
                reach[(i + 1) * width + j] = true;
            }
            if b.is_some_and(|piece| piece.optional) {
                reach[i * width + j + 1] = true;
            }
            if let (Some(a), Some(b)) = (a, b)
                && a.class.meets(b.class)
            {
                reach[(i + 1) * width + j + 1] = true;
            }
        }
    }
    reach.last().copied().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_fill_in_and_read_back() -> Result<(), Refused> {
        let sha = CommitSha::parse(b"4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90")?;
        let number = PrNumber::parse(b"7")?;
        for (template, tag) in [
            ("{sha}", sha.to_string()),
            ("main-{sha:7}", "main-4f2c1d9".into()),
            ("{sha:12}", "4f2c1d90a1b2".into()),
        ] {
            let parsed = TagTemplate::parse_commit(template)?;
            assert_eq!(parsed.to_string(), template);
            assert_eq!(parsed.commit_tag(&sha)?.as_str(), tag);
        }
        let parsed = TagTemplate::parse_pull_request("pr-{number}-{sha}")?;
        assert_eq!(
            parsed.pull_request_tag(number, &sha)?.to_string(),
            format!("pr-7-{sha}")
        );
        Ok(())
    }

    #[test]
    fn a_tag_is_one_pull_requests_or_nobodys() -> Result<(), Refused> {
        let (one, other) = (
            "4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90",
            "14f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f9",
        );
        let long = format!("pr-12-{one}");
        let table = [
            ("pr-{number}-{sha}", long.as_str(), Some("12")),
            ("pr-{number}-{sha:7}", "pr-1-24f2c1d", Some("1")),
            ("pr{number}{sha:7}", "pr124f2c1d", Some("1")),
            ("pr{number}{sha:7}", "pr1244f2c1d", Some("12")),
            ("{number}-{sha:7}-{number}", "7-4f2c1d9-7", Some("7")),
            ("{number}-{sha:7}-{number}", "7-4f2c1d9-8", None),
            ("{sha:7}-{number}-{sha:8}", "4f2c1d9-7-4f2c1d90", Some("7")),
            ("{sha:7}-{number}-{sha:8}", "4f2c1d9-7-5f2c1d90", None),
            ("pr-{number}-{sha:7}", "pr-01-4f2c1d9", None),
            ("pr-{number}-{sha:7}", "pr--4f2c1d9", None),
            ("pr-{number}-{sha:7}", "pr-100000-4f2c1d9", None),
            ("pr-{number}-{sha:7}", "pr-1-4f2c1d9-x", None),
            ("pr-{number}-{sha:7}", "pr-1-4F2C1D9", None),
            ("pr-{number}-{sha:7}", "xr-1-4f2c1d9", None),
            ("pr-{number}-{sha:7}", "p", None),
            ("pr-{sha:7}", "pr-4f2c1d9", None),
        ];
        for (template, tag, wanted) in table {
            let found =
                TagTemplate::parse_pull_request(template)?.pull_request_of(&ImageTag::parse(tag)?);
            assert_eq!(
                found.map(|number| number.to_string()).as_deref(),
                wanted,
                "{template} {tag}"
            );
        }
        for template in [
            "pr-{number}-{sha}",
            "{number}{sha:7}",
            "{sha:12}_{number}",
            "p{number}.{sha:9}-{number}",
        ] {
            let template = TagTemplate::parse_pull_request(template)?;
            for number in ["1", "12", "99999"] {
                let number = PrNumber::parse(number.as_bytes())?;
                for sha in [one, other] {
                    let tag =
                        template.pull_request_tag(number, &CommitSha::parse(sha.as_bytes())?)?;
                    assert_eq!(
                        template.pull_request_of(&tag),
                        Some(number),
                        "{template} {tag}"
                    );
                }
            }
        }
        Ok(())
    }

    #[test]
    fn refuses_templates_without_a_sha_or_with_anything_else() {
        for text in [
            "",
            "main",
            "{number}",
            "{sha",
            "sha}",
            "{sha:6}",
            "{sha:41}",
            "{sha:07}",
            "{sha:+7}",
            "{branch}-{sha}",
            "-{sha}",
            ".{sha}",
            "a/{sha}",
            "{sha}{sha}{sha}{sha}",
            "{sha}}",
            "{{sha}}",
            "{sha} ",
        ] {
            assert!(TagTemplate::parse_commit(text).is_err(), "{text:?}");
            assert!(TagTemplate::parse_pull_request(text).is_err(), "{text:?}");
        }
        assert!(TagTemplate::parse_commit("{number}-{sha}").is_err());
    }

    #[test]
    fn sees_when_two_templates_could_make_the_same_tag() -> Result<(), Refused> {
        let commit = TagTemplate::parse_commit;
        let pull_request = TagTemplate::parse_pull_request;
        let (prod, latest) = (
            ReleaseTemplate::parse("prod-{number}")?,
            ImageTag::parse("latest")?,
        );
        assert!(!can_collide(
            &commit("{sha}")?,
            &pull_request("pr-{number}-{sha}")?
        ));
        assert!(!can_collide(&commit("{sha}")?, &prod));
        assert!(!can_collide(&pull_request("pr-{number}-{sha}")?, &prod));
        assert!(!can_collide(&commit("{sha}")?, &latest));
        assert!(can_collide(&pull_request("prod-{sha:7}")?, &prod));
        assert!(can_collide(&commit("prod-{sha:8}")?, &prod));
        assert!(!can_collide(&commit("prod-{sha:10}")?, &prod));
        assert!(can_collide(&pull_request("{sha}")?, &commit("{sha}")?));
        assert!(can_collide(
            &commit("{sha:7}")?,
            &ImageTag::parse("deadbee")?
        ));
        assert!(can_collide(
            &ReleaseTemplate::parse("v{version}")?,
            &ImageTag::parse("v1.2.3")?
        ));
        Ok(())
    }
}
