//! The hand that deletes a version of a package.

use super::{NEEDED_TO_DELETE, Package};
use crate::{GitHub, GitHubError, Trace};
use parse::inputs::WriteAccess;

/// The hand that deletes versions of packages. A run that may not write never holds one.
#[derive(Clone, Copy)]
pub struct PackageWriter<'a>(&'a GitHub);

/// What became of a deletion.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone: deleted now, or before.
    Gone,
    /// GitHub deletes no package's last version with a tag.
    LastTagged,
    /// GitHub deletes no public version that was downloaded more than 5,000 times.
    ManyDownloads,
    /// GitHub says that it is not there, and shows it all the same: the token is not the package's admin.
    NotAdmin(Trace),
}

impl<'a> PackageWriter<'a> {
    /// The hand, at the GitHub that reads.
    #[must_use]
    pub const fn new(_access: &WriteAccess, github: &'a GitHub) -> Self {
        Self(github)
    }

    /// Deletes a version, with all of its tags.
    ///
    /// "Not there" is what GitHub says to a token that is not the package's admin, too
    /// (<https://github.com/apalache-mc/apalache/issues/2056>): then the version is read once more. In GitHub's other refusals only a few words are
    /// looked for, as there is no code beside them.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn delete(&self, package: &Package, id: u64) -> Result<Deletion, GitHubError> {
        let what = format!("the deletion of version {id} of package {package}");
        match self
            .0
            .delete_at(&self.0.at(&package.version(id)), &what)
            .await
        {
            Ok(_) => Ok(Deletion::Gone),
            Err(GitHubError::Rejected { trace, .. }) if trace.status == Some(404) => {
                let is_there = self.0.version(package, id).await?.is_some();
                Ok(if is_there {
                    Deletion::NotAdmin(trace)
                } else {
                    Deletion::Gone
                })
            }
            Err(GitHubError::Rejected { why, .. }) if why.contains("last tagged version") => {
                Ok(Deletion::LastTagged)
            }
            Err(GitHubError::Rejected { why, .. }) if why.contains("downloads") => {
                Ok(Deletion::ManyDownloads)
            }
            Err(error) => Err(error.needing(NEEDED_TO_DELETE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{ExpectedRequest, Server, TOKEN, exchange};
    use super::*;

    const PATH: &str = "/api/v3/users/ada/packages/container/shop%2Fapi/versions/7";
    const VERSION: &str = r#"{"id":7,"name":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","metadata":{"container":{"tags":["x"]}}}"#;

    async fn delete(script: Vec<ExpectedRequest>) -> Result<Deletion, GitHubError> {
        let server = Server::start(script);
        let package = Package {
            owner: "ada".into(),
            name: "shop/api".into(),
            is_organizations: false,
            linked: None,
        };
        let deletion = PackageWriter::new(&WriteAccess::for_tests(), &server.github())
            .delete(&package, 7)
            .await;
        server.finish();
        deletion
    }

    fn answered(status: u16, body: &str) -> ExpectedRequest {
        exchange(PATH, status, &[], body).deleting()
    }

    #[tokio::test]
    async fn a_version_is_deleted_or_was_before() {
        assert_eq!(delete(vec![answered(204, "")]).await, Ok(Deletion::Gone));
        // The first answer was lost on its way.
        let again = vec![
            answered(502, ""),
            answered(404, "{}"),
            exchange(PATH, 404, &[], "{}"),
        ];
        assert_eq!(delete(again).await, Ok(Deletion::Gone));
    }

    #[tokio::test]
    async fn not_there_and_there_is_no_admin_right() {
        let script = vec![
            answered(404, r#"{"message":"Package not found."}"#),
            exchange(PATH, 200, &[], VERSION),
        ];
        assert!(matches!(delete(script).await, Ok(Deletion::NotAdmin(_))));
    }

    #[tokio::test]
    async fn every_refusal_is_told_as_what_it_is() {
        let last = r#"{"message":"You cannot delete the last tagged version of a package. You must delete the package instead."}"#;
        assert_eq!(
            delete(vec![answered(400, last)]).await,
            Ok(Deletion::LastTagged)
        );
        let many = r#"{"message":"Publicly visible package versions with more than 5000 downloads cannot be deleted. Contact GitHub support for further assistance."}"#;
        assert_eq!(
            delete(vec![answered(400, many)]).await,
            Ok(Deletion::ManyDownloads)
        );
        let error = delete(vec![answered(
            403,
            r#"{"message":"Resource not accessible by integration"}"#,
        )])
        .await;
        let text = error.unwrap_err().to_string();
        assert!(
            text.contains("it needs packages: write, and the role Admin on the package"),
            "{text}"
        );
        let error = delete(vec![answered(400, r###"{"message":"##[x] other"}"###)])
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("does not take the deletion of version 7 of package ada/shop/api"),
            "{error}"
        );
        assert!(!error.contains("##[") && !error.contains(TOKEN), "{error}");
    }
}
