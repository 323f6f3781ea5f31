//! The repository on GitHub that the run belongs to.

use super::Refused;
use std::fmt;

/// `owner/repo`, spelled as GitHub spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug {
    owner: String,
    repo: String,
}

impl Slug {
    /// Reads `owner/repo`, each of letters, digits, `-`, `_` and `.`.
    ///
    /// # Errors
    /// Refuses other shapes.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let refused = || Refused::new("repository", text.as_bytes(), "owner/repo");
        let (owner, repo) = text.split_once('/').ok_or_else(refused)?;
        let is_good = |part: &str| {
            (1..=100).contains(&part.len())
                && !matches!(part, "." | "..")
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        if !is_good(owner) || !is_good(repo) {
            return Err(refused());
        }
        Ok(Self {
            owner: owner.to_owned(),
            repo: repo.to_owned(),
        })
    }

    /// The owner.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The repository's own name.
    #[must_use]
    pub fn repo(&self) -> &str {
        &self.repo
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.repo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_exactly_owner_and_repo() {
        assert_eq!(
            Slug::parse("Acme/Shop.js").map(|slug| slug.to_string()),
            Ok("Acme/Shop.js".into())
        );
        for text in [
            "", "acme", "/", "a/", "a/b/c", "a/..", "a b/c", "a/b\n", "../x", "a/b?x",
        ] {
            assert!(Slug::parse(text).is_err(), "{text:?}");
        }
    }
}
