//! Where the documents of the version that runs are.

use model::FailureWord;

/// The documents in the action's own repository, at the ref that the workflow names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The folder's address, without a slash at its end.
    folder: String,
}

impl Documents {
    /// The documents of an action (`owner/name`) at a ref. `None` where the runner names neither: a local action, or a laptop.
    #[must_use]
    pub fn of(server: Option<&str>, action: Option<&str>, git_ref: Option<&str>) -> Option<Self> {
        let server = server.unwrap_or("https://github.com").trim_end_matches('/');
        let (action, git_ref) = (action?, git_ref?);
        let host = server.strip_prefix("https://")?;
        let (owner, name) = action.split_once('/')?;
        let parts = [host, owner, name].into_iter().chain(git_ref.split('/'));
        parts.clone().all(is_plain).then(|| Self {
            folder: format!("{server}/{action}/blob/{git_ref}/docs"),
        })
    }

    /// The section about a failure.
    #[must_use]
    pub fn failure(&self, word: FailureWord) -> String {
        format!("{}/failures.md#{word}", self.folder)
    }

    /// The workflow that goes back.
    #[must_use]
    pub fn rollback(&self) -> String {
        format!("{}/workflows/rollback.yml", self.folder)
    }
}

/// Whether a part of an address ends no link and leads nowhere else.
pub(super) fn is_plain(part: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !matches!(part, "" | "." | "..") && part.bytes().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leads_to_its_section_at_the_ref_that_runs() {
        let documents = Documents::of(
            Some("https://github.com"),
            Some("acme/ghcr-to-render"),
            Some("4f2c1d9"),
        );
        assert_eq!(
            documents.map(|documents| documents.failure(FailureWord::ImageMissing)),
            Some(
                "https://github.com/acme/ghcr-to-render/blob/4f2c1d9/docs/failures.md#image-missing"
                    .to_owned()
            )
        );
    }

    #[test]
    fn an_address_that_could_lead_elsewhere_is_none() {
        let of = |server, action, git_ref| Documents::of(Some(server), Some(action), Some(git_ref));
        let server = "https://github.com";
        assert!(of(server, "acme/action", "releases/v1").is_some());
        for (server, action, git_ref) in [
            ("http://github.com", "acme/action", "v1"),
            ("https://github.com/x?", "acme/action", "v1"),
            (server, "acme", "v1"),
            (server, "acme/a/b", "v1"),
            (server, "acme/action)", "v1"),
            (server, "acme/action", "../v1"),
            (server, "acme/action", "v1#x"),
            (server, "acme/action", ""),
        ] {
            assert_eq!(
                of(server, action, git_ref),
                None,
                "{server} {action} {git_ref}"
            );
        }
        assert_eq!(Documents::of(Some(server), None, Some("v1")), None);
        assert_eq!(Documents::of(Some(server), Some("acme/action"), None), None);
    }
}
