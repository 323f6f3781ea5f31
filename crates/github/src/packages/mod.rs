//! Container packages: what versions of an image GitHub keeps, and deleting one of them.
//!
//! <https://docs.github.com/en/rest/packages/packages>. A package is a user's or an organization's, with an address for each; its name may have
//! slashes, which are escaped. Reading is [`GitHub`]'s; deleting takes a [`PackageWriter`], which a run that may not write never holds.

mod read;
mod write;

pub use read::PackageListing;
pub use write::{Deletion, PackageWriter};

/// Without this GitHub tells nothing of a package.
const NEEDED_TO_READ: &str = "packages: read";
/// Without this, and the role Admin on the package, GitHub deletes nothing of it.
const NEEDED_TO_DELETE: &str = "packages: write, and the role Admin on the package";

/// A container package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its owner's login.
    pub owner: String,
    /// Its name below the owner, which may have slashes.
    pub name: String,
    /// Whether the owner is an organization.
    pub is_organizations: bool,
    /// The repository (`owner/name`) that it is linked with, where GitHub says one.
    pub linked: Option<String>,
}

impl Package {
    /// The part of an address that names it, below the API and below the site alike.
    fn segment(&self) -> String {
        super::address::escape(&self.name).replace('/', "%2F")
    }

    fn owners(&self) -> &'static str {
        if self.is_organizations {
            "orgs"
        } else {
            "users"
        }
    }

    /// Its path below the API.
    fn path(&self) -> String {
        format!(
            "{}/{}/packages/container/{}",
            self.owners(),
            self.owner,
            self.segment()
        )
    }

    fn version(&self, id: u64) -> String {
        format!("{}/versions/{id}", self.path())
    }

    /// The page on which its access is set, below the site.
    #[must_use]
    pub fn settings(&self) -> String {
        format!(
            "{}/{}/packages/container/{}/settings",
            self.owners(),
            self.owner,
            self.segment()
        )
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}
