//! Names: tags, branches, `HEAD`, and where the clone came from.

use super::Checkout;
use super::object::sha;
use model::CommitSha;

impl Checkout {
    /// Every tag with the object that it points to, which is a tag object still to be peeled where the tag is annotated.
    #[must_use]
    pub fn tags(&self) -> Vec<(String, CommitSha)> {
        let Ok(platform) = self.0.references() else {
            return Vec::new();
        };
        let Ok(tags) = platform.tags() else {
            return Vec::new();
        };
        tags.filter_map(Result::ok)
            .filter_map(|tag| {
                let name = std::str::from_utf8(tag.name().as_bstr())
                    .ok()?
                    .strip_prefix("refs/tags/")?
                    .to_owned();
                Some((name, sha(&tag.target().try_id()?.to_owned())?))
            })
            .collect()
    }

    /// Where a branch was when it was last fetched (`refs/remotes/origin/…`), else where the local one is.
    ///
    /// On a runner this is not the branch's tip now: checking out an event's commit puts this name on that commit.
    #[must_use]
    pub fn branch_tip(&self, short: &str) -> Option<CommitSha> {
        ["refs/remotes/origin/", "refs/heads/"]
            .iter()
            .find_map(|namespace| {
                let name = gix::refs::FullName::try_from(format!("{namespace}{short}")).ok()?;
                let found = self.0.try_find_reference(name.as_ref()).ok()??;
                sha(&found.target().try_id()?.to_owned())
            })
    }

    /// What is checked out: the full name of the branch, unless `HEAD` is detached, and the commit. `None` before the first commit.
    #[must_use]
    pub fn head(&self) -> Option<(Option<String>, CommitSha)> {
        let commit = sha(&self.0.head_id().ok()?.detach())?;
        let name = self
            .0
            .head_name()
            .ok()
            .flatten()
            .and_then(|name| String::from_utf8(name.as_bstr().to_vec()).ok());
        Some((name, commit))
    }

    /// The default branch's short name, where cloning has noted it (`refs/remotes/origin/HEAD`).
    #[must_use]
    pub fn default_branch(&self) -> Option<String> {
        let name = gix::refs::FullName::try_from("refs/remotes/origin/HEAD").ok()?;
        let head = self.0.try_find_reference(name.as_ref()).ok()??;
        let target = head.target().try_name()?.as_bstr().to_vec();
        String::from_utf8(target)
            .ok()?
            .strip_prefix("refs/remotes/origin/")
            .map(str::to_owned)
    }

    /// The directory of its files; a bare repository has none.
    #[must_use]
    pub fn root(&self) -> Option<std::path::PathBuf> {
        self.0.workdir().map(std::path::Path::to_owned)
    }

    /// The `owner/repo` of the remote `origin`, where that is on github.com.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        let url = self.0.config_snapshot().string("remote.origin.url")?;
        on_github(std::str::from_utf8(&url).ok()?)
    }
}

/// Reads `https://github.com/owner/repo`, `ssh://git@github.com/owner/repo` and `git@github.com:owner/repo`.
fn on_github(url: &str) -> Option<String> {
    let rest = match url.split_once("://") {
        Some(("https" | "ssh" | "git", rest)) => {
            let (host, path) = rest.split_once('/')?;
            (host.rsplit('@').next()? == "github.com").then_some(path)?
        }
        Some(_) => return None,
        None => url.strip_prefix("git@github.com:")?,
    };
    let path = rest.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (owner, repo) = path.split_once('/')?;
    let is_name = |name: &str| {
        !name.is_empty()
            && name != "."
            && name != ".."
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    (is_name(owner) && is_name(repo)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Repo;
    use super::*;
    use crate::{Checkout, Trust};

    #[test]
    fn tags_and_branches_are_read_loose_and_packed() {
        let origin = Repo::new();
        let commit = origin.commit(&[("a", "1")]);
        origin.git(&["tag", "prod-1"]);
        origin.git(&["tag", "-a", "-m", "x", "prod-2"]);
        let annotated = origin.sha("prod-2");
        for repo in [&origin, &Repo::clone_of(&origin, &[])] {
            for packed in [false, true] {
                if packed {
                    repo.git(&["pack-refs", "--all"]);
                }
                let checkout = repo.checkout();
                assert_eq!(
                    checkout.tags(),
                    [
                        ("prod-1".to_owned(), commit),
                        ("prod-2".to_owned(), annotated)
                    ]
                );
                assert_eq!(checkout.branch_tip("main"), Some(commit));
                assert_eq!(checkout.branch_tip("none"), None);
                assert_eq!(
                    checkout.head(),
                    Some((Some("refs/heads/main".into()), commit))
                );
            }
        }
    }

    #[test]
    fn a_branch_with_a_misleading_name_is_not_the_branch() {
        let repo = Repo::new();
        let commit = repo.commit(&[("a", "1")]);
        repo.git(&["update-ref", "refs/heads/refs/heads/x", &commit.to_string()]);
        repo.git(&["update-ref", "refs/tags/y", &commit.to_string()]);
        repo.git(&["checkout", "-q", "--detach"]);
        let checkout = repo.checkout();
        for name in ["x", "y", "tags/y", "../tags/y", "", "a..b", "main\n"] {
            assert_eq!(checkout.branch_tip(name), None, "{name:?}");
        }
        assert_eq!(checkout.branch_tip("refs/heads/x"), Some(commit));
        assert_eq!(checkout.head(), Some((None, commit)));
    }

    #[test]
    fn before_the_first_commit_there_is_no_head() {
        let repo = Repo::new();
        assert_eq!(repo.checkout().head(), None);
        assert!(repo.checkout().tags().is_empty());
    }

    #[test]
    fn the_origin_is_read_where_it_is_on_github() {
        let table = [
            ("https://github.com/acme/shop", Some("acme/shop")),
            ("https://github.com/acme/shop.git", Some("acme/shop")),
            (
                "https://user:secret@github.com/acme/shop/",
                Some("acme/shop"),
            ),
            ("ssh://git@github.com/acme/shop.git", Some("acme/shop")),
            ("git@github.com:acme/shop.git", Some("acme/shop")),
            ("https://github.com.example.com/acme/shop", None),
            ("https://gitlab.com/acme/shop", None),
            ("https://github.com/acme", None),
            ("https://github.com/acme/shop/issues", None),
            ("https://github.com/acme/..", None),
            ("/srv/git/shop.git", None),
            ("file:///srv/github.com/acme/shop", None),
        ];
        for (url, wanted) in table {
            assert_eq!(on_github(url).as_deref(), wanted, "{url}");
        }
        let repo = Repo::new();
        repo.git(&["remote", "add", "origin", "git@github.com:acme/shop.git"]);
        let checkout = Checkout::open(repo.path(), Trust::OnLaptop)
            .unwrap()
            .unwrap();
        assert_eq!(checkout.origin().as_deref(), Some("acme/shop"));
        assert_eq!(Repo::new().checkout().origin(), None);
    }
}
