//! Text from a certificate, made safe to print.

/// How many characters are shown before the text is cut.
const SHOWN: usize = 80;

/// The bytes as printable ASCII on one line: everything else is escaped, and so are `::` and `##[`, which begin workflow commands.
pub(super) fn printable(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                ':' if shown.ends_with(':') => shown.push_str("\\:"),
                '[' if shown.ends_with("##") => shown.push_str("\\["),
                ' '..='~' => shown.push(c),
                _ => shown.extend(c.escape_default()),
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    if shown.len() > SHOWN {
        shown.truncate(SHOWN);
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_one_line_without_commands_and_is_cut() {
        let table: [(&[u8], &str); 4] = [
            (b"Shop Proxy CA", "Shop Proxy CA"),
            (b"a\n::error::x", "a\\n:\\:error:\\:x"),
            (b"##[group]\xff", "##\\[group]\\xff"),
            ("\u{202e}".as_bytes(), "\\u{202e}"),
        ];
        for (bytes, shown) in table {
            assert_eq!(printable(bytes), shown);
        }
        assert_eq!(printable(&[b'a'; 10_000]).len(), SHOWN + 3);
    }
}
