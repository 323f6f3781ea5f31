//! Release tags: `prod-42`, `v1.2.3`, and their order.

use super::{ImageTag, Refused};
use std::fmt;

/// The number of a release, ordered as integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReleaseNumber {
    /// `{number}`: 1 to 999999999.
    Number(u32),
    /// `{version}`: `X.Y.Z`, ordered as three integers of up to nine digits.
    Version([u32; 3]),
}

impl fmt::Display for ReleaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Version([major, minor, patch]) => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

/// A release: a tag that an environment's template reads, with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    tag: ImageTag,
    number: ReleaseNumber,
}

impl Release {
    /// The tag, in git and in the registry.
    #[must_use]
    pub const fn tag(&self) -> &ImageTag {
        &self.tag
    }

    /// Its number, for order.
    #[must_use]
    pub const fn number(&self) -> ReleaseNumber {
        self.number
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tag.fmt(f)
    }
}

/// How an environment's release tags are written: `prod-{number}` or `v{version}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseTemplate {
    prefix: String,
    is_version: bool,
    suffix: String,
}

/// What a tag is to a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagReading {
    /// A release.
    Release(Release),
    /// It begins like a release but has no such number: a mistake to be told, never a release.
    Malformed,
    /// Something else altogether: also a version that is no release of `X.Y.Z`, like `v1.3.0-rc.1` or `v2`.
    Foreign,
}

impl ReleaseTemplate {
    /// Reads a template: literal text around one `{number}` or one `{version}`.
    ///
    /// # Errors
    /// Refuses a template without either, with both, with anything else in braces, or that makes no valid image tag.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let refused = || {
            Refused::new(
                "tag",
                text.as_bytes(),
                "text around one {number} or one {version}, like prod-{number}",
            )
        };
        let (is_version, (prefix, suffix)) =
            match (text.split_once("{number}"), text.split_once("{version}")) {
                (Some(env), None) => (false, env),
                (None, Some(env)) => (true, env),
                _ => return Err(refused()),
            };
        let template = Self {
            prefix: prefix.to_owned(),
            is_version,
            suffix: suffix.to_owned(),
        };
        let digit_follows = suffix.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let longest = if is_version {
            "999999999.999999999.999999999"
        } else {
            "999999999"
        };
        ImageTag::parse(&format!("{prefix}{longest}{suffix}")).map_err(|_| refused())?;
        if digit_follows || prefix.ends_with(|c: char| c.is_ascii_digit()) {
            return Err(refused());
        }
        Ok(template)
    }

    /// Reads a tag by the template. Compare with [`TagReading::Malformed`] for tags such as `prod-`, `prod-007` or `prod-5-x`.
    #[must_use]
    pub fn read(&self, tag: &str) -> TagReading {
        let Some(rest) = tag.strip_prefix(self.prefix.as_str()) else {
            return TagReading::Foreign;
        };
        let number = rest.strip_suffix(self.suffix.as_str()).and_then(|number| {
            if self.is_version {
                version(number)
            } else {
                positive(number).map(ReleaseNumber::Number)
            }
        });
        match (number, ImageTag::parse(tag)) {
            (Some(number), Ok(tag)) => TagReading::Release(Release { tag, number }),
            _ if self.is_version && is_other_version(rest) => TagReading::Foreign,
            _ if self.begins_alike(rest) => TagReading::Malformed,
            _ => TagReading::Foreign,
        }
    }

    /// `v{version}` must not claim every tag that begins with a v: a prefix that ends in a letter wants a digit behind it.
    fn begins_alike(&self, rest: &str) -> bool {
        let separated = self.prefix.ends_with(|c: char| !c.is_ascii_alphanumeric());
        separated || rest.starts_with(|c: char| c.is_ascii_digit())
    }

    /// The release that follows `last` (the first one for `None`): the number, or the patch level, plus one.
    #[must_use]
    pub fn next(&self, last: Option<ReleaseNumber>) -> Option<Release> {
        let number = match (last, self.is_version) {
            (None, false) => ReleaseNumber::Number(1),
            (None, true) => ReleaseNumber::Version([0, 0, 1]),
            (Some(ReleaseNumber::Number(number)), _) => ReleaseNumber::Number(number + 1),
            (Some(ReleaseNumber::Version([major, minor, patch])), _) => {
                ReleaseNumber::Version([major, minor, patch + 1])
            }
        };
        match self.read(&format!("{}{number}{}", self.prefix, self.suffix)) {
            TagReading::Release(release) => Some(release),
            TagReading::Malformed | TagReading::Foreign => None,
        }
    }

    /// What every tag of the template begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What every tag of the template ends with.
    #[must_use]
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// Whether it counts versions (`X.Y.Z`) rather than one number.
    #[must_use]
    pub const fn is_version(&self) -> bool {
        self.is_version
    }
}

impl fmt::Display for ReleaseTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}{}",
            self.prefix,
            if self.is_version {
                "{version}"
            } else {
                "{number}"
            },
            self.suffix
        )
    }
}

/// Whether it is a version that other tools release: with a pre-release or a build suffix (<https://semver.org>, items 9 and 10), or of
/// fewer than three numbers (`2`, `1.3`).
fn is_other_version(text: &str) -> bool {
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    let (core, pre_release) = match text.split_once('-') {
        Some((core, pre_release)) => (core, Some(pre_release)),
        None => (text, None),
    };
    let numbers: Vec<&str> = core.split('.').collect();
    let is_number = |part: &&str| *part == "0" || positive(part).is_some();
    let is_version = numbers.len() <= 3 && numbers.iter().all(is_number);
    let has_suffix = pre_release.is_some() || build.is_some();
    let is_word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let starts_with_zero = |part: &str| {
        part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_good = |suffix: Option<&str>, zeros: bool| {
        suffix.is_none_or(|suffix| {
            suffix
                .split('.')
                .all(|part| is_word(part) && (zeros || !starts_with_zero(part)))
        })
    };
    is_version
        && (numbers.len() < 3 || has_suffix)
        && is_good(pre_release, false)
        && is_good(build, true)
}

/// `[1-9][0-9]{0,8}`.
fn positive(text: &str) -> Option<u32> {
    let well_formed = (1..=9).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit());
    if well_formed { text.parse().ok() } else { None }
}

fn version(text: &str) -> Option<ReleaseNumber> {
    let mut parts = text
        .split('.')
        .map(|part| if part == "0" { Some(0) } else { positive(part) });
    let version = [parts.next()??, parts.next()??, parts.next()??];
    parts
        .next()
        .is_none()
        .then_some(ReleaseNumber::Version(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> ReleaseTemplate {
        ReleaseTemplate::parse(text).expect(text)
    }

    #[test]
    fn reads_exactly_the_releases() {
        let prod = template("prod-{number}");
        for text in ["prod-1", "prod-42", "prod-999999999"] {
            assert!(
                matches!(prod.read(text), TagReading::Release(release) if release.to_string() == text)
            );
        }
        for text in [
            "prod-",
            "prod-0",
            "prod-007",
            "prod-5-x",
            "prod-5\n",
            "prod-99999999999999999999",
            "prod-+5",
            "prod-x",
        ] {
            assert_eq!(prod.read(text), TagReading::Malformed, "{text:?}");
        }
        for text in ["PROD-5", "v1", "production", "prod"] {
            assert_eq!(prod.read(text), TagReading::Foreign, "{text:?}");
        }
        let versions = template("v{version}");
        assert!(matches!(versions.read("v1.20.3"), TagReading::Release(_)));
        assert!(matches!(versions.read("v0.0.0"), TagReading::Release(_)));
        for text in [
            "v1.2.3.4",
            "v01.2.3",
            "v1.2.3-",
            "v1.2.3-rc.01",
            "v1.2.3+",
            "v1.2.3-a_b",
            "v1.2.03",
            "v1.2.3x",
            "v01-rc.1",
            "v1..2",
            "v1.2.9999999999",
        ] {
            assert_eq!(versions.read(text), TagReading::Malformed, "{text:?}");
        }
        for text in [
            "v1",
            "v1.2",
            "v2",
            "v0",
            "v1.2.3-rc1",
            "v1.3.0-rc.1",
            "v1.3.0+b5",
            "v1.3.0-rc.1+b5",
            "v1.3-beta",
            "v1.3.0-0.3.7",
            "v1.3.0-x-y-z.4",
            "v1.3.0+001",
        ] {
            assert_eq!(versions.read(text), TagReading::Foreign, "{text:?}");
        }
        assert_eq!(versions.read("vendor-2"), TagReading::Foreign);
    }

    #[test]
    fn orders_as_integers() {
        let number = |template: &ReleaseTemplate, tag: &str| match template.read(tag) {
            TagReading::Release(release) => release.number(),
            reading @ (TagReading::Malformed | TagReading::Foreign) => panic!("{tag}: {reading:?}"),
        };
        let (prod, versions) = (template("prod-{number}"), template("v{version}"));
        assert!(number(&prod, "prod-10") > number(&prod, "prod-9"));
        assert!(number(&versions, "v1.10.0") > number(&versions, "v1.9.9"));
    }

    #[test]
    fn the_next_release_follows_the_last() {
        let prod = template("prod-{number}");
        assert_eq!(
            prod.next(None).map(|release| release.to_string()),
            Some("prod-1".into())
        );
        assert_eq!(
            prod.next(Some(ReleaseNumber::Number(9)))
                .map(|release| release.to_string()),
            Some("prod-10".into())
        );
        assert_eq!(prod.next(Some(ReleaseNumber::Number(999_999_999))), None);
        assert_eq!(
            template("v{version}")
                .next(Some(ReleaseNumber::Version([1, 2, 3])))
                .map(|release| release.to_string()),
            Some("v1.2.4".into())
        );
    }

    #[test]
    fn refuses_templates_that_make_no_tag() {
        for text in [
            "prod",
            "prod-{sha}",
            "{number}{number}",
            "{number}-{version}",
            "a/{number}",
            "-{number}",
            "p{number}1",
            "1{number}",
            "",
            "{number}{x}",
        ] {
            assert!(ReleaseTemplate::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(template("prod-{number}").to_string(), "prod-{number}");
    }
}
