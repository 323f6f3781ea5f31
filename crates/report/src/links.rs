//! Where a report leads: the documents of the version that runs, and the commits of the repository that is deployed.

use super::documents::{Documents, is_plain};
use model::{CommitSha, FailureWord};

/// What a report may link to. Without a runner there is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    documents: Option<Documents>,
    /// The repository's page, without a slash at its end.
    repository: Option<String>,
}

impl Links {
    /// The links of a run for a repository (`owner/name`) on a server.
    #[must_use]
    pub fn of(
        server: Option<&str>,
        repository: Option<&str>,
        documents: Option<Documents>,
    ) -> Self {
        let server = server.unwrap_or("https://github.com").trim_end_matches('/');
        let page = |repository: &str| {
            let host = server.strip_prefix("https://")?;
            let (owner, name) = repository.split_once('/')?;
            [host, owner, name]
                .into_iter()
                .all(is_plain)
                .then(|| format!("{server}/{repository}"))
        };
        Self {
            documents,
            repository: repository.and_then(page),
        }
    }

    /// A failure word as code, linked to its section.
    pub(super) fn failure(&self, word: FailureWord) -> String {
        match &self.documents {
            Some(documents) => format!("[`{word}`]({})", documents.failure(word)),
            None => format!("`{word}`"),
        }
    }

    /// Where it is written how to go back.
    pub(super) fn rollback(&self) -> Option<String> {
        self.documents.as_ref().map(Documents::rollback)
    }

    /// A commit as code, linked to its page.
    pub(super) fn commit(&self, commit: &CommitSha) -> String {
        let short = commit.short(7);
        match &self.repository {
            Some(page) => format!("[`{short}`]({page}/commit/{commit})"),
            None => format!("`{short}`"),
        }
    }

    /// Two commits, linked to GitHub's comparison of them.
    pub(super) fn comparison(&self, from: &CommitSha, to: &CommitSha) -> String {
        let shown = format!("`{}` \u{2192} `{}`", from.short(7), to.short(7));
        match &self.repository {
            Some(page) => format!("[{shown}]({page}/compare/{from}...{to})"),
            None => shown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_lead_to_the_repository_that_is_deployed() {
        let [from, to] = [0x11, 0x22].map(|byte| CommitSha::from_bytes([byte; 20]));
        let links = Links::of(None, Some("acme/shop"), None);
        let page = "https://github.com/acme/shop";
        assert_eq!(
            links.commit(&from),
            format!("[`1111111`]({page}/commit/{from})")
        );
        assert_eq!(
            links.comparison(&from, &to),
            format!("[`1111111` \u{2192} `2222222`]({page}/compare/{from}...{to})")
        );
        for repository in [None, Some("acme"), Some("acme/a)b"), Some("../x")] {
            let links = Links::of(None, repository, None);
            assert_eq!(links.commit(&to), "`2222222`", "{repository:?}");
        }
    }
}
