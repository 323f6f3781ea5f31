//! Percent-escaping (RFC 3986, section 2.1).

/// Text with every byte escaped, except letters, digits and those of `kept`.
#[must_use]
pub fn percent_escape(text: &str, kept: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::percent_escape;

    #[test]
    fn escapes_bytes_in_capitals_and_keeps_what_is_named() {
        assert_eq!(percent_escape("a b/\u{e9}.~", b"/."), "a%20b/%C3%A9.%7E");
        assert_eq!(percent_escape("%20|", b""), "%2520%7C");
    }
}
