//! Names of container images, in the grammar of the OCI distribution specification and of `distribution/reference`.

use super::Refused;
use std::fmt;

/// A registry's host, with its port where it has one: `ghcr.io`, `127.0.0.1:5000`, `[::1]:5000`.
///
/// It is lower-case and is never mistaken for a path (`o/app` without a host is refused, where docker would ask
/// Docker Hub).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryHost(String);

impl RegistryHost {
    /// Reads a host name or address with an optional port.
    ///
    /// # Errors
    /// Refuses other shapes, upper case, and names that have neither a dot nor a port and are not `localhost`.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let refused = || {
            Refused::new(
                "registry",
                text.as_bytes(),
                "a lower-case host name like ghcr.io",
            )
        };
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => match rest.split_once(']').ok_or_else(refused)? {
                (name, "") => (name, None),
                (name, port) => (name, Some(port.strip_prefix(':').ok_or_else(refused)?)),
            },
            None => match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        if let Some(port) = port {
            let number = port.parse::<u16>().map_err(|_| refused())?;
            if number == 0 || port != number.to_string() {
                return Err(refused());
            }
        }
        if text.starts_with('[') {
            let address = name.parse::<std::net::Ipv6Addr>().map_err(|_| refused())?;
            return if address.to_string() == name {
                Ok(Self(text.to_owned()))
            } else {
                Err(refused())
            };
        }
        let labels_are_good = name.len() <= 253
            && name.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label
                        .bytes()
                        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            });
        if is_disguised_address(name) {
            return Err(refused());
        }
        if !labels_are_good || !(name.contains('.') || port.is_some() || name == "localhost") {
            return Err(refused());
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the host is this machine: the only case in which plain HTTP is spoken.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// The address at which the registry is asked: `https://ghcr.io`, `http://127.0.0.1:5000`.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.is_loopback() { "http" } else { "https" };
        format!("{scheme}://{}", self.0)
    }

    /// The host as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether an address's parser takes a name for an IPv4 address that does not stand there in plain form: `127.1`, `0x7f.1`, `5.5000`
/// (<https://url.spec.whatwg.org/#ends-in-a-number-checker>). What is asked has to be what was read.
fn is_disguised_address(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ends_in_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(is_hex);
    ends_in_number && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// Whether `host` (with or without a port) names this machine: `localhost`, `127.0.0.0/8` in plain form, or `[::1]`.
///
/// Other spellings of the same address (`0x7f.1`, `2130706433`) are not recognized, so they count as foreign.
pub(super) fn is_loopback(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(name, _)| name == "::1");
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    name == "localhost"
        || name
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

/// An image's repository: a host and a lower-case path, without a tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: RegistryHost,
    path: String,
}

impl Repository {
    /// Reads `host/path`.
    ///
    /// # Errors
    /// Refuses a missing host, upper case, `..`, a tag, a digest and whatever else the OCI grammar has no place for.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        const WANTED: &str = "a repository like ghcr.io/acme/api: with a host, lower-case, without a tag or a digest";
        let refused = || Refused::new("image", text.as_bytes(), WANTED);
        let (host, path) = text.split_once('/').ok_or_else(refused)?;
        let host = RegistryHost::parse(host).map_err(|_| refused())?;
        if path.is_empty() || text.len() > 255 || !path.split('/').all(is_component) {
            return Err(refused());
        }
        Ok(Self {
            host,
            path: path.to_owned(),
        })
    }

    /// The registry that has it.
    #[must_use]
    pub const fn host(&self) -> &RegistryHost {
        &self.host
    }

    /// The path below the host: `acme/api`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last component of the path: `api`.
    #[must_use]
    pub fn last_component(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// One path component: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(text: &str) -> bool {
    let word = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(word) || !bytes.last().is_some_and(word) {
        return false;
    }
    bytes.split(word).all(|separator| {
        matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-')
    })
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host.0, self.path)
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image tag: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageTag(String);

impl ImageTag {
    /// Reads a tag.
    ///
    /// # Errors
    /// Refuses what the OCI grammar refuses.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let bytes = text.as_bytes();
        let well_formed = (1..=128).contains(&bytes.len())
            && !matches!(bytes[0], b'.' | b'-')
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        if !well_formed {
            return Err(Refused::new(
                "tag",
                bytes,
                "1 to 128 of A-Z, a-z, 0-9, _, . and -, not beginning with . or -",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256 digest of some bytes: `sha256:` and 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// Reads a digest from text.
    ///
    /// # Errors
    /// Refuses other algorithms, lengths and upper case.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let well_formed = text.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64
                && hex
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        if !well_formed {
            let is_bare = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let wanted = match is_bare {
                true => "sha256: and 64 lower-case hex digits: write sha256: before it",
                false => "sha256: and 64 lower-case hex digits",
            };
            return Err(Refused::new("digest", text.as_bytes(), wanted));
        }
        Ok(Self(text.to_owned()))
    }

    /// The digest as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 hex digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0["sha256:".len()..][..12]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of an image's digests Render is asked for (the `pin` input).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// That of what the tag names, an index where there is one.
    Index,
    /// That of its linux/amd64 manifest.
    Platform,
}

/// An image named by its bytes: `repository@sha256:…`. No tag that moves can change what it means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinnedImage {
    /// Where it is.
    pub repository: Repository,
    /// What it is.
    pub digest: Digest,
}

impl fmt::Display for PinnedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_read_back_as_themselves() {
        for text in [
            "ghcr.io/acme/api",
            "127.0.0.1:5000/o/r",
            "localhost/a",
            "[::1]:5000/a/b",
            "ghcr.io/a/b/c",
            "ghcr.io/a/b--c.d_e__f",
        ] {
            assert_eq!(
                Repository::parse(text).map(|repository| repository.to_string()),
                Ok(text.into())
            );
        }
    }

    #[test]
    fn refuses_repositories_outside_the_grammar() {
        let long = format!("ghcr.io/{}", "a".repeat(250));
        let bad = [
            "ghcr.io/../x",
            "ghcr.io/Acme/api",
            "GHCR.io/acme/api",
            "ghcr.io/a@sha256:abc",
            "ghcr.io:99999/a",
            "ghcr.io:/a",
            "ghcr.io:0443/a",
            "ghcr.io/a:tag",
            "ghcr.io/a:x/y",
            "acme/api",
            "api",
            "",
            "ghcr.io/",
            "ghcr.io//a",
            "ghcr.io/a/",
            "https://ghcr.io/a",
            "user@ghcr.io/a",
            "ghcr.io/a___b",
            "ghcr.io/a..b",
            "ghcr.io/-a",
            "ghcr.io/a b",
            "ghcr.io/a\n",
            "[::1/a",
            "[::1]x/a",
            "[::1]>]/a",
            "[::1]]/a",
            "[::1].evil.example]/a",
            "ghcr..io/a",
            "127.1/a",
            "0x7f.1/a",
            "5.5000/a",
            "1.2.3.04/a",
            "a.b.0x/a",
            "2130706433:5000/a",
            &long,
        ];
        for text in bad {
            assert!(Repository::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (host, loopback) in [
            ("localhost:5000", true),
            ("127.0.0.1:1", true),
            ("127.9.9.9", true),
            ("[::1]:80", true),
            ("ghcr.io", false),
            ("127.0.0.1.evil.tld", false),
            ("localhost.evil.tld", false),
            ("[::2]", false),
        ] {
            assert_eq!(
                RegistryHost::parse(host).map(|host| host.is_loopback()),
                Ok(loopback),
                "{host}"
            );
        }
        assert!(!is_loopback("0x7f.1"));
    }

    #[test]
    fn tags_and_digests_follow_the_grammar() {
        for text in [
            "",
            ".foo",
            "-",
            "a/b",
            "a:b",
            "a\n",
            &"a".repeat(129),
            "ä",
            "a b",
            "a,b",
        ] {
            assert!(ImageTag::parse(text).is_err(), "{text:?}");
        }
        assert!(ImageTag::parse(&"a".repeat(128)).is_ok());
        for text in [
            "",
            "sha256:",
            "sha256:abc",
            &format!("sha256:{}", "A".repeat(64)),
            &format!("sha512:{}", "a".repeat(64)),
            &format!("sha256:{}\n", "a".repeat(64)),
        ] {
            assert!(Digest::parse(text).is_err(), "{text:?}");
        }
        assert!(Digest::parse(&format!("sha256:{}", "a".repeat(64))).is_ok());
    }
}
