//! The secrets of a world, and the search for any part of them in any spelling.

use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, LazyLock, Mutex};

/// A secret and where it may be seen.
#[derive(Debug, Clone)]
pub struct Planted {
    /// What it is, for the message.
    pub name: String,
    /// The secret itself.
    pub text: String,
    /// Origins that it is meant for.
    pub homes: Vec<String>,
}

/// Text that looks like a secret and is the same in every run. No eight of its letters stand in another one by chance, or in a digest.
pub fn invent(name: &str) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let first = hex(&Sha256::digest(name.as_bytes()));
    let hex = first.clone() + &hex(&Sha256::digest(first.as_bytes()));
    let byte = |at: usize| usize::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex digits");
    (0..40)
        .map(|at| char::from(LETTERS[byte(at) % LETTERS.len()]))
        .collect()
}

/// Eight bytes in a row are a leak: half of what most keys are guessed from.
const RAW: usize = 8;

/// One way to write bytes down, by which a part of a secret would still be told.
struct Spelling {
    kind: &'static str,
    /// How many bytes, written so, stand for [`RAW`] bytes of the secret at most.
    width: usize,
    spell: fn(&[u8]) -> Vec<Vec<u8>>,
}

/// Every spelling that is looked for.
const SPELLINGS: &[Spelling] = &[
    Spelling {
        kind: "as it is",
        width: RAW,
        spell: |bytes| vec![bytes.to_vec()],
    },
    Spelling {
        kind: "backwards",
        width: RAW,
        spell: |bytes| vec![bytes.iter().rev().copied().collect()],
    },
    Spelling {
        kind: "in hex",
        width: RAW * 2,
        spell: |bytes| vec![hex(bytes).into_bytes()],
    },
    Spelling {
        kind: "in upper-case hex",
        width: RAW * 2,
        spell: |bytes| vec![hex(bytes).to_uppercase().into_bytes()],
    },
    Spelling {
        kind: "percent-encoded",
        width: 12,
        spell: |bytes| vec![percent(bytes)],
    },
    Spelling {
        kind: "percent-encoded twice",
        width: 16,
        spell: |bytes| vec![percent(&percent(bytes))],
    },
    Spelling {
        kind: "with every byte percent-encoded",
        width: RAW * 3,
        spell: |bytes| vec![each(bytes, "%", "")],
    },
    Spelling {
        kind: "escaped for JSON",
        width: RAW,
        spell: |bytes| vec![json(bytes)],
    },
    Spelling {
        kind: "escaped for JSON twice",
        width: RAW,
        spell: |bytes| vec![json(&json(bytes))],
    },
    Spelling {
        kind: "in JSON's \\u escapes",
        width: RAW * 6,
        spell: |bytes| vec![each(bytes, "\\u00", "")],
    },
    Spelling {
        kind: "in HTML's references",
        width: RAW * 6,
        spell: |bytes| vec![each(bytes, "&#x", ";")],
    },
    Spelling {
        kind: "in base64",
        width: 12,
        spell: |bytes| offsets(bytes, "+", "/"),
    },
    Spelling {
        kind: "in URL-safe base64",
        width: 12,
        spell: |bytes| offsets(bytes, "-", "_"),
    },
    Spelling {
        kind: "in percent-encoded base64",
        width: 12,
        spell: |bytes| offsets(bytes, "%2B", "%2F"),
    },
];

/// Spreads the beginnings of needles. Nobody chooses them to collide, so they need no hash that withstands that: millions are looked up.
#[derive(Debug, Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole numbers are hashed");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A needle, and how it is spelled.
type Spelled = (Vec<u8>, &'static str);

/// What is looked for of one secret: its parts in every spelling.
#[derive(Debug)]
struct Needles {
    /// Those that begin with these bytes: no needle is shorter than that.
    parts: HashMap<u64, Vec<Spelled>, BuildHasherDefault<Mixed>>,
    /// The places of all beginnings in a [`Filter`].
    places: Vec<usize>,
}

impl Needles {
    /// The needles of a secret. They are looked for after every run of the program, and secrets are the same in most worlds.
    fn of(text: &str) -> Arc<Self> {
        static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Needles>>>> =
            LazyLock::new(Mutex::default);
        let mut known = KNOWN.lock().expect("the needles");
        Arc::clone(
            known
                .entry(text.to_owned())
                .or_insert_with(|| Arc::new(Self::make(text))),
        )
    }

    fn make(secret: &str) -> Self {
        assert!(secret.len() >= RAW, "a secret too short to be looked for");
        let mut needles = Self {
            parts: HashMap::default(),
            places: Vec::new(),
        };
        for spelling in SPELLINGS {
            for text in (spelling.spell)(secret.as_bytes()) {
                for part in text.windows(spelling.width.min(text.len())) {
                    let head = *part.first_chunk::<RAW>().expect("a needle's beginning");
                    needles.places.push(Filter::place(head));
                    let parts = needles.parts.entry(u64::from_le_bytes(head)).or_default();
                    // A secret that repeats itself has the same needle many times.
                    if !parts
                        .iter()
                        .any(|(known, kind)| *kind == spelling.kind && known == part)
                    {
                        parts.push((part.to_vec(), spelling.kind));
                    }
                }
            }
        }
        needles
    }

    /// The spelling of a part of the secret that these bytes begin with.
    fn begins(&self, bytes: &[u8], head: [u8; RAW]) -> Option<&'static str> {
        let parts = self.parts.get(&u64::from_le_bytes(head))?;
        parts
            .iter()
            .find(|(part, _)| bytes.starts_with(part))
            .map(|(_, kind)| *kind)
    }
}

/// Says of almost all bytes that no needle begins with them: a place for each beginning, which others may share.
#[derive(Debug)]
struct Filter(Vec<u64>);

impl Filter {
    /// The number of places, as a power of two.
    const SIZE: u32 = 20;

    fn place(head: [u8; RAW]) -> usize {
        let mixed = u64::from_le_bytes(head).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::try_from(mixed >> (u64::BITS - Self::SIZE)).expect("a place")
    }

    fn of<'a>(needles: impl Iterator<Item = &'a Needles>) -> Self {
        let mut places = vec![0; 1 << (Self::SIZE - 6)];
        for place in needles.flat_map(|needles| &needles.places) {
            places[place / 64] |= 1 << (place % 64);
        }
        Self(places)
    }

    fn may_begin(&self, head: [u8; RAW]) -> bool {
        let place = Self::place(head);
        self.0[place / 64] >> (place % 64) & 1 == 1
    }
}

/// The search for some secrets, in every spelling, over all that a run left.
#[derive(Debug)]
pub struct Search<'a> {
    secrets: Vec<(&'a Planted, Arc<Needles>)>,
    filter: Filter,
}

impl<'a> Search<'a> {
    /// The search for these.
    #[must_use]
    pub fn of(secrets: &'a [Planted]) -> Self {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|secret| (secret, Needles::of(&secret.text)))
            .collect();
        let filter = Filter::of(secrets.iter().map(|(_, needles)| needles.as_ref()));
        Self { secrets, filter }
    }

    /// The secrets that stand in these bytes, each with a spelling that it was seen in; but for those that may be told to this origin.
    pub fn find(&self, bytes: &[u8], origin: Option<&str>) -> Vec<String> {
        let is_home = |secret: &Planted| {
            origin.is_some_and(|origin| secret.homes.iter().any(|home| home == origin))
        };
        let foreign: Vec<_> = self
            .secrets
            .iter()
            .filter(|(secret, _)| !is_home(secret))
            .collect();
        let mut kinds: Vec<Option<&'static str>> = vec![None; foreign.len()];
        for (at, window) in bytes.windows(RAW).enumerate() {
            let head = *window.first_chunk::<RAW>().expect("a window");
            if !self.filter.may_begin(head) {
                continue;
            }
            for ((_, needles), kind) in foreign.iter().zip(&mut kinds) {
                *kind = kind.or_else(|| needles.begins(&bytes[at..], head));
            }
        }
        let found = foreign.iter().zip(kinds);
        found
            .filter_map(|((secret, _), kind)| Some(format!("{} {}", secret.name, kind?)))
            .collect()
    }
}

/// Every byte in hex, with something before and behind.
fn each(bytes: &[u8], before: &str, behind: &str) -> Vec<u8> {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{before}{byte:02x}{behind}");
    }
    text.into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    String::from_utf8(each(bytes, "", "")).expect("hex")
}

fn percent(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            text.push(*byte);
        } else {
            text.extend(format!("%{byte:02X}").into_bytes());
        }
    }
    text
}

fn json(bytes: &[u8]) -> Vec<u8> {
    let text = serde_json::Value::from(String::from_utf8_lossy(bytes).as_ref()).to_string();
    text.as_bytes()[1..text.len() - 1].to_vec()
}

/// Base64 of the secret behind nothing, one and two other bytes, without the characters that depend on what stands before and behind.
fn offsets(bytes: &[u8], plus: &str, slash: &str) -> Vec<Vec<u8>> {
    (0..3.min(bytes.len()))
        .map(|offset| {
            let text = base64::prelude::BASE64_STANDARD.encode(&bytes[offset..]);
            let body = text.trim_end_matches('=');
            let body = &body[..body.len().saturating_sub(1)];
            body.replace('+', plus).replace('/', slash).into_bytes()
        })
        .collect()
}

/// The same text in every spelling, each as a careless program could have written it: with something before and behind.
pub fn spelled(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = text.as_bytes();
    let standard =
        |before: &str| base64::prelude::BASE64_STANDARD.encode(format!("{before}{text}!"));
    let safe = |before: &str| base64::prelude::BASE64_URL_SAFE.encode(format!("{before}{text}!"));
    let reversed: String = text.chars().rev().collect();
    let escapes = |before: &str, behind: &str| {
        text.bytes()
            .map(|byte| format!("{before}{byte:02x}{behind}"))
            .collect()
    };
    let escaped = |text: &str| serde_json::to_string(text).expect("JSON");
    let once: String = url::form_urlencoded::byte_serialize(bytes).collect();
    let twice: String = url::form_urlencoded::byte_serialize(once.as_bytes()).collect();
    let of_base64: String =
        url::form_urlencoded::byte_serialize(standard("ab").as_bytes()).collect();
    let all: Vec<(&'static str, String)> = vec![
        ("as it is", text.to_owned()),
        ("as it is", text[3..3 + RAW].to_owned()),
        ("backwards", reversed),
        ("in hex", escapes("", "")),
        ("in upper-case hex", escapes("", "").to_uppercase()),
        ("percent-encoded", once),
        ("percent-encoded twice", twice),
        ("with every byte percent-encoded", escapes("%", "")),
        ("escaped for JSON", escaped(text)),
        ("escaped for JSON twice", escaped(&escaped(text))),
        ("in JSON's \\u escapes", escapes("\\u00", "")),
        ("in HTML's references", escapes("&#x", ";")),
        ("in base64", standard("")),
        ("in base64", standard("a")),
        ("in base64", standard("ab")),
        ("in URL-safe base64", safe("")),
        ("in URL-safe base64", safe("a")),
        ("in URL-safe base64", safe("ab")),
        ("in percent-encoded base64", of_base64),
    ];
    all.into_iter()
        .map(|(kind, text)| (kind, text.into_bytes()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Full of what spellings differ in.
    const TEXT: &str = "k3y??W1th>>special+ch~~ars%and\"more\\/";

    fn planted(text: &str) -> [Planted; 1] {
        [Planted {
            name: "key".into(),
            text: text.into(),
            homes: vec!["http://home".into()],
        }]
    }

    #[test]
    fn a_secret_is_found_in_every_spelling_and_between_bytes_of_any_kind() {
        let secrets = planted(TEXT);
        let search = Search::of(&secrets);
        for (kind, bytes) in spelled(TEXT) {
            let text = [&b"error: \xff\xfe"[..], &bytes, b"\x00 in a log"].concat();
            let found = search.find(&text, None);
            assert!(
                !found.is_empty(),
                "{kind}: {}",
                String::from_utf8_lossy(&bytes)
            );
            assert_eq!(
                search.find(&text, Some("http://home")),
                Vec::<String>::new()
            );
        }
        assert_eq!(
            search.find(b"k3y??W1 is seven, and nothing else is here", None),
            Vec::<String>::new()
        );
    }

    #[test]
    fn every_spelling_is_found_by_its_own_needles_alone() {
        for spelling in SPELLINGS {
            let alone = |text: &[u8]| {
                let needles = (spelling.spell)(TEXT.as_bytes());
                needles.iter().any(|needle| {
                    needle
                        .windows(spelling.width)
                        .any(|part| text.windows(part.len()).any(|window| window == part))
                })
            };
            let own: Vec<_> = spelled(TEXT)
                .into_iter()
                .filter(|(kind, _)| *kind == spelling.kind)
                .collect();
            assert!(!own.is_empty(), "{} is never tried", spelling.kind);
            for (kind, bytes) in own {
                assert!(alone(&bytes), "{kind}: {}", String::from_utf8_lossy(&bytes));
            }
        }
    }

    #[test]
    fn invented_secrets_differ_and_stay() {
        assert_eq!(invent("a"), invent("a"));
        assert_ne!(invent("a"), invent("b"));
        assert!(invent("a").len() >= 32);
        let all: Vec<String> = (0..2000)
            .map(|number| invent(&number.to_string()))
            .collect();
        let parts: std::collections::HashSet<&[u8]> = all
            .iter()
            .flat_map(|text| text.as_bytes().windows(RAW))
            .collect();
        assert_eq!(
            parts.len(),
            2000 * (40 - RAW + 1),
            "two of them have a part in common"
        );
    }
}
