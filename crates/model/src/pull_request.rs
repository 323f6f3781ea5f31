//! Numbers of pull requests.

use super::Refused;
use std::fmt;

/// A pull request's number, 1 to 99999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrNumber(u32);

impl PrNumber {
    /// Reads `[1-9][0-9]{0,4}` from raw bytes: no sign, no leading zero, no white space.
    ///
    /// # Errors
    /// Refuses anything else.
    pub fn parse(text: &[u8]) -> Result<Self, Refused> {
        let well_formed =
            (1..=5).contains(&text.len()) && text[0] != b'0' && text.iter().all(u8::is_ascii_digit);
        if !well_formed {
            let wanted = if Self::is_too_large(text) {
                "an integer from 1 to 99999: pull requests with more than five digits are not supported"
            } else {
                "an integer from 1 to 99999, like 7"
            };
            return Err(Refused::new("pr-number", text, wanted));
        }
        Ok(Self(text.iter().fold(0, |number, digit| {
            number * 10 + u32::from(digit - b'0')
        })))
    }

    /// Whether this is a number as GitHub writes them, and above what is supported.
    #[must_use]
    pub fn is_too_large(text: &[u8]) -> bool {
        text.len() > 5 && text[0] != b'0' && text.iter().all(u8::is_ascii_digit)
    }
}

impl fmt::Display for PrNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_as_itself() {
        for text in ["1", "7", "42", "99999"] {
            assert_eq!(
                PrNumber::parse(text.as_bytes()).map(|number| number.to_string()),
                Ok(text.into())
            );
        }
    }

    #[test]
    fn refuses_what_is_not_exactly_a_number() {
        let bad = [
            "", "0", "-1", "+7", "007", "7\n", " 7", "7.0", "1e3", "100000", "\u{667}", "\"7\"",
            "null",
        ];
        for text in bad {
            let refused = PrNumber::parse(text.as_bytes()).expect_err(text);
            let names_digits = refused.wanted().contains("five digits");
            assert_eq!(names_digits, text == "100000", "{refused}");
        }
    }
}
