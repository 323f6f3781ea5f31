//! Text that strangers wrote, made fit to be shown.

use std::fmt;

/// How many characters of a refused value are shown before it is cut.
const SHOWN: usize = 80;

/// Foreign bytes that show themselves in printable ASCII on one line.
///
/// Everything outside `0x20..=0x7e` is escaped (`\n`, `\u{…}`, `\x…` for bytes that are no UTF-8), and the two ways to
/// begin a workflow command (`::` and `##[`) are broken by a backslash. Cut after 80 characters.
pub struct Foreign<'a>(pub &'a [u8]);

impl fmt::Display for Foreign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    ':' if shown.ends_with(':') => shown.push_str("\\:"),
                    '[' if shown.ends_with("##") => shown.push_str("\\["),
                    ' '..='~' => shown.push(c),
                    _ => shown.extend(c.escape_default()),
                }
                if shown.len() > SHOWN {
                    break;
                }
            }
            for byte in chunk.invalid() {
                shown.push_str(&format!("\\x{byte:02x}"));
            }
            if shown.len() > SHOWN {
                shown.truncate(SHOWN);
                shown.push_str("...");
                break;
            }
        }
        f.write_str(&shown)
    }
}

/// A value that is not exactly right, shown safely, with what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is \"{shown}\", wanted {wanted}")]
pub struct Refused {
    what: &'static str,
    shown: String,
    wanted: String,
}

impl Refused {
    /// A refusal of `value` as a `what`; `wanted` says what would be right.
    #[must_use]
    pub fn new(what: &'static str, value: &[u8], wanted: impl Into<String>) -> Self {
        Self {
            what,
            shown: Foreign(value).to_string(),
            wanted: wanted.into(),
        }
    }

    /// What was refused, without what would be right: `tag is "a b"`.
    #[must_use]
    pub fn what(&self) -> String {
        format!("{} is \"{}\"", self.what, self.shown)
    }

    /// What would be right.
    #[must_use]
    pub fn wanted(&self) -> &str {
        &self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_foreign_text_on_one_inert_line() {
        let table: [(&[u8], &str); 6] = [
            (b"plain/path-1.rs", "plain/path-1.rs"),
            (b"a\nb\r\tc", "a\\nb\\r\\tc"),
            (b"::set-output name=x::y", ":\\:set-output name=x:\\:y"),
            (b"na##[set-output name=t]x", "na##\\[set-output name=t]x"),
            ("é\u{202e}".as_bytes(), "\\u{e9}\\u{202e}"),
            (b"\xff\xfe", "\\xff\\xfe"),
        ];
        for (value, shown) in table {
            assert_eq!(Foreign(value).to_string(), shown);
        }
    }

    #[test]
    fn cuts_long_foreign_text() {
        assert_eq!(Foreign(&[b'a'; 10_000]).to_string().len(), SHOWN + 3);
        assert!(Foreign(&[0xff; 10_000]).to_string().len() <= SHOWN + 3);
    }
}
