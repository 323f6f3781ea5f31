//! Revisions, as git's own command line reads them.

use super::Checkout;
use super::object::sha;
use model::{CommitSha, Untrusted};

impl Checkout {
    /// The commit that a revision names: a branch, a tag, `HEAD~3`, an abbreviated SHA (gitrevisions(7)).
    ///
    /// # Errors
    /// Says why there is none.
    pub fn commit_named(&self, revision: &str) -> Result<CommitSha, String> {
        let shown = Untrusted(revision.as_bytes());
        let unknown = |_| format!("git knows no commit \"{shown}\" here");
        let object = self
            .0
            .rev_parse_single(revision)
            .map_err(|_| unknown(()))?
            .object()
            .map_err(|_| unknown(()))?;
        let commit = object
            .peel_to_kind(gix::object::Kind::Commit)
            .map_err(|_| format!("\"{shown}\" is no commit"))?;
        sha(&commit.id).ok_or_else(|| unknown(()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Repo;
    use super::super::{Checkout, Trust};

    #[test]
    fn a_revision_is_what_git_says_it_is() {
        let repo = Repo::new();
        repo.commit(&[("a", "1")]);
        repo.git(&["tag", "-a", "-m", "x", "v1"]);
        let head = repo.commit(&[("a", "2")]);
        repo.git(&["branch", "topic"]);
        let checkout = Checkout::open(repo.path(), Trust::OnLaptop)
            .expect("it opens")
            .expect("a checkout");
        for revision in ["HEAD", "HEAD~1", "HEAD^", "topic", "v1", "@", "topic~1"] {
            let wanted = repo.git(&["rev-parse", &format!("{revision}^{{commit}}")]);
            let found = checkout.commit_named(revision).map(|sha| sha.to_string());
            assert_eq!(found.as_deref(), Ok(wanted.trim()), "{revision}");
        }
        let short = head.to_string();
        assert_eq!(checkout.commit_named(&short[..5]), Ok(head));
        for revision in ["", "nowhere", "HEAD~9", "HEAD^{tree}", "--all", "a..b"] {
            assert!(checkout.commit_named(revision).is_err(), "{revision}");
        }
    }
}
