//! Names of commits.

use super::Refused;
use std::fmt;

const WANTED: &str = "40 lower-case hex digits";

/// A commit's full SHA-1 name: 40 lower-case hex digits, not all zero.
///
/// SHA-256 repositories (64 digits) are refused: the contract says 7 to 40 digits, and Render's and GHCR's own
/// labels carry 40.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitSha([u8; 20]);

impl CommitSha {
    /// Reads exactly 40 lower-case hex digits from raw bytes, without trimming.
    ///
    /// # Errors
    /// Refuses anything else, and the 40 zeros with which git says "no commit".
    pub fn parse(text: &[u8]) -> Result<Self, Refused> {
        match Self::parse_or_none(text)? {
            Some(sha) => Ok(sha),
            None => Err(Refused::new(
                "sha",
                text,
                "a commit, not the 40 zeros that mean none",
            )),
        }
    }

    /// As [`CommitSha::parse`], with 40 zeros read as `None` ("no commit").
    ///
    /// # Errors
    /// Refuses anything that is not 40 lower-case hex digits.
    pub fn parse_or_none(text: &[u8]) -> Result<Option<Self>, Refused> {
        let refused = || Refused::new("sha", text, WANTED);
        if text.len() != 40 {
            return Err(refused());
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else {
                return Err(refused());
            };
            *byte = high << 4 | low;
        }
        Ok((bytes != [0; 20]).then_some(Self(bytes)))
    }

    /// Wraps the 20 bytes of an object name that git itself handed out.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes of the name.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// The first `digits` hex digits (at most 40).
    #[must_use]
    pub fn short(&self, digits: usize) -> String {
        let mut text = self.to_string();
        text.truncate(digits);
        text
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a person may write for a commit: 7 to 40 lower-case hex digits.
///
/// An abbreviation is a question, not a commit: it is resolved to 40 digits by the repository or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitName {
    /// All 40 digits.
    Full(CommitSha),
    /// 7 to 39 digits, still to be resolved.
    Abbreviated(String),
}

impl CommitName {
    /// Reads 7 to 40 lower-case hex digits from raw bytes, without trimming.
    ///
    /// # Errors
    /// Refuses anything else, zeros included.
    pub fn parse(text: &[u8]) -> Result<Self, Refused> {
        let refused = || Refused::new("sha", text, "7 to 40 lower-case hex digits, like 4f2c1d9");
        if text.len() == 40 {
            return CommitSha::parse(text).map(Self::Full);
        }
        if !(7..40).contains(&text.len())
            || !text.iter().all(|byte| nibble(*byte).is_some())
            || text.iter().all(|byte| *byte == b'0')
        {
            return Err(refused());
        }
        String::from_utf8(text.to_vec())
            .map(Self::Abbreviated)
            .map_err(|_| refused())
    }
}

impl fmt::Display for CommitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(sha) => sha.fmt(f),
            Self::Abbreviated(digits) => f.write_str(digits),
        }
    }
}

const fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_as_itself() {
        let text = "4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90";
        assert_eq!(
            CommitSha::parse(text.as_bytes()).map(|sha| sha.to_string()),
            Ok(text.into())
        );
        assert_eq!(
            CommitName::parse(b"4f2c1d9").map(|name| name.to_string()),
            Ok("4f2c1d9".into())
        );
    }

    #[test]
    fn refuses_what_is_not_exactly_a_sha() {
        let hex40 = "4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90";
        let bad = [
            "abc123".into(),
            format!("{hex40}0"),
            hex40.repeat(2)[..64].into(),
            hex40.replace('4', "g"),
            hex40.to_uppercase(),
            format!("\u{a0}{hex40}"),
            format!("{hex40}\n"),
            "HEAD".into(),
            "--upload-pack=x".into(),
            "0".repeat(40),
            String::new(),
        ];
        for text in bad {
            assert!(CommitSha::parse(text.as_bytes()).is_err(), "{text:?}");
            assert!(CommitName::parse(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(CommitName::parse(b"0000000").is_err());
        assert!(CommitSha::parse(b"4f2c1d9").is_err());
    }

    #[test]
    fn forty_zeros_are_no_commit() {
        assert_eq!(
            CommitSha::parse_or_none("0".repeat(40).as_bytes()),
            Ok(None)
        );
    }
}
