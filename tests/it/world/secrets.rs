//! The secrets of a world, and the search for any part of them in any spelling.

use super::image::digest;
use base64::Engine as _;
use std::collections::HashSet;
use std::fmt::Write as _;

/// A secret and where it may be seen.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Origins that it is meant for.
    pub(crate) homes: Vec<String>,
}

/// Text that looks like a secret and is the same in every run.
pub(crate) fn invent(name: &str) -> String {
    let hex = digest(name.as_bytes());
    let bytes: Vec<u8> = hex[7..].bytes().collect();
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(&digest(&bytes)[7..47]).chars().rev().take(40).collect()
}

/// What is searched for: the windows of one length of one spelling.
#[derive(Debug)]
struct Spelling {
    kind: &'static str,
    width: usize,
    windows: HashSet<Vec<u8>>,
}

/// The needles of one secret.
#[derive(Debug)]
pub(crate) struct Needles {
    name: String,
    spellings: Vec<Spelling>,
}

/// Eight bytes in a row are a leak: half of what most keys are guessed from.
const RAW: usize = 8;

impl Needles {
    pub(crate) fn of(secret: &Planted) -> Self {
        let bytes = secret.text.as_bytes();
        let once = percent(bytes);
        let mut spellings = vec![
            Spelling::new("as it is", bytes, RAW),
            Spelling::new("in hex", hex(bytes).as_bytes(), RAW * 2),
            Spelling::new("in upper-case hex", hex(bytes).to_uppercase().as_bytes(), RAW * 2),
            Spelling::new("percent-encoded", once.as_bytes(), 12),
            Spelling::new("percent-encoded twice", percent(once.as_bytes()).as_bytes(), 16),
        ];
        let json = serde_json::Value::from(secret.text.as_str()).to_string();
        spellings.push(Spelling::new("escaped for JSON", json.trim_matches('"').as_bytes(), RAW));
        for offset in 0..3.min(bytes.len()) {
            // The first and last characters of a base64 text depend on what stands before and behind.
            let text = base64::prelude::BASE64_STANDARD.encode(&bytes[offset..]);
            let body = text.trim_end_matches('=');
            let body = &body[..body.len().saturating_sub(1)];
            spellings.push(Spelling::new("in base64", body.as_bytes(), 12));
            let url_safe = body.replace('+', "-").replace('/', "_");
            spellings.push(Spelling::new("in URL-safe base64", url_safe.as_bytes(), 12));
        }
        Self { name: secret.name.clone(), spellings }
    }

    /// How the secret stands in the text, if it does.
    pub(crate) fn find(&self, text: &str) -> Option<String> {
        let found = self
            .spellings
            .iter()
            .find(|spelling| text.as_bytes().windows(spelling.width).any(|window| spelling.windows.contains(window)))?;
        Some(format!("{} {}", self.name, found.kind))
    }
}

impl Spelling {
    fn new(kind: &'static str, text: &[u8], width: usize) -> Self {
        let width = width.min(text.len()).max(1);
        Self { kind, width, windows: text.windows(width).map(<[u8]>::to_vec).collect() }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_spelling() {
        let text = "k3y-W1th/special+chars%and\"more".to_owned();
        let needles = Needles::of(&Planted { name: "key".into(), text: text.clone(), homes: Vec::new() });
        let encode = |prefix: &str| base64::prelude::BASE64_STANDARD.encode(format!("{prefix}{text}!"));
        let spelled = [
            text.clone(),
            text[3..11].to_owned(),
            encode(""),
            encode("a"),
            encode("ab"),
            hex(text.as_bytes()),
            percent(text.as_bytes()),
            percent(percent(text.as_bytes()).as_bytes()),
            serde_json::Value::from(text.as_str()).to_string(),
        ];
        for spelled in spelled {
            assert!(needles.find(&format!("error: {spelled} in a log")).is_some(), "{spelled}");
        }
        assert_eq!(needles.find("k3y-W1t is seven, and nothing else is here"), None);
    }

    #[test]
    fn invented_secrets_differ_and_stay() {
        assert_eq!(invent("a"), invent("a"));
        assert_ne!(invent("a"), invent("b"));
        assert!(invent("a").len() >= 32);
    }
}
