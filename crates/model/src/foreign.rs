//! Text that strangers wrote, made fit to be shown.

use std::fmt;

/// How many characters of a refused value are shown before it is cut.
const SHOWN: usize = 80;

/// Foreign bytes that show themselves on one line, in printable ASCII and in the letters of other alphabets.
///
/// Everything else is escaped (`\n`, `\u{…}`, `\x…` for bytes that are no UTF-8), and the two ways to begin a workflow command (`::` and
/// `##[`) are broken by a backslash. Cut after 80 characters.
pub struct Untrusted<'a>(pub &'a [u8]);

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut shown, mut count) = (String::new(), 0);
        for chunk in self.0.utf8_chunks() {
            let mut characters = chunk.valid().chars().peekable();
            let mut last = ' ';
            while let Some(c) = characters.next() {
                let before = shown.len();
                let near = [Some(last), characters.peek().copied()];
                let is_among_latin = near.iter().flatten().any(char::is_ascii_alphabetic);
                last = c;
                match c {
                    ':' if shown.ends_with(':') => shown.push_str("\\:"),
                    '[' if shown.ends_with("##") => shown.push_str("\\["),
                    ' '..='~' => shown.push(c),
                    c if is_double(c) && is_among_latin => shown.extend(c.escape_default()),
                    c if is_letter(c) || (is_accent(c) && shown.ends_with(is_letter)) => {
                        shown.push(c)
                    }
                    _ => shown.extend(c.escape_default()),
                }
                count += shown[before..].chars().count();
                if count > SHOWN {
                    break;
                }
            }
            for byte in chunk.invalid() {
                shown.push_str(&format!("\\x{byte:02x}"));
                count += 4;
            }
            if count > SHOWN {
                let end = shown
                    .char_indices()
                    .nth(SHOWN)
                    .map_or(shown.len(), |(at, _)| at);
                shown.truncate(end);
                shown.push_str("...");
                break;
            }
        }
        f.write_str(&shown)
    }
}

/// A letter that can be seen: fillers of Hangul are letters too, and show nothing.
fn is_letter(c: char) -> bool {
    c.is_alphabetic()
        && !matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
        && !is_accent(c)
}

/// Letters of alphabets that have doubles of Latin letters: Greek, Cyrillic, Armenian, Cherokee and Latin of full width. Between Latin letters
/// they would hide what is wrong with a value.
const fn is_double(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{ff21}'..='\u{ff5a}')
}

/// Accents that stand behind their letter, as file names on macOS have them.
const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
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
            shown: Untrusted(value).to_string(),
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
        let table: [(&[u8], &str); 10] = [
            (b"plain/path-1.rs", "plain/path-1.rs"),
            (b"a\nb\r\tc", "a\\nb\\r\\tc"),
            (b"::set-output name=x::y", ":\\:set-output name=x:\\:y"),
            (b"na##[set-output name=t]x", "na##\\[set-output name=t]x"),
            ("é\u{202e}".as_bytes(), "é\\u{202e}"),
            ("Größe/Ж/日本/e\u{301}".as_bytes(), "Größe/Ж/日本/e\u{301}"),
            (
                "\u{301}e\u{301}\u{302}\u{3164}".as_bytes(),
                "\\u{301}e\u{301}\\u{302}\\u{3164}",
            ),
            (
                "\u{200b}\u{a0}\u{667}\u{2028}".as_bytes(),
                "\\u{200b}\\u{a0}\\u{667}\\u{2028}",
            ),
            ("m\u{430}in/\u{430}pi".as_bytes(), "m\\u{430}in/\\u{430}pi"),
            (b"\xff\xfe", "\\xff\\xfe"),
        ];
        for (value, shown) in table {
            assert_eq!(Untrusted(value).to_string(), shown);
        }
    }

    #[test]
    fn cuts_long_foreign_text() {
        assert_eq!(Untrusted(&[b'a'; 10_000]).to_string().len(), SHOWN + 3);
        assert!(Untrusted(&[0xff; 10_000]).to_string().len() <= SHOWN + 3);
        let letters = Untrusted("é".repeat(10_000).as_bytes()).to_string();
        assert_eq!(letters.chars().count(), SHOWN + 3);
    }
}
