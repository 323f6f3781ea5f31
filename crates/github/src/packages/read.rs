//! Reading: whose a package is, its versions, and one of them again.

use super::{NEEDED_TO_READ, Package};
use crate::ask::GitHubReply;
use crate::{GitHub, GitHubError};
use decide::Version;
use model::{Digest, ImageTag, Repository};
use serde::Deserialize;

/// How many versions of a package are read.
const MOST: usize = 10_000;

/// What GitHub shows of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageListing {
    /// There is no such package, or the token may not see it.
    Absent,
    /// It has more versions than are read.
    TooMany,
    /// Every version.
    Versions(Vec<Version>),
}

#[derive(Deserialize)]
struct OwnerWire {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct PackageRepositoryWire {
    owner: OwnerWire,
}

#[derive(Deserialize)]
struct PackageWire {
    repository: Option<LinkedWire>,
}

#[derive(Deserialize)]
struct LinkedWire {
    full_name: String,
}

#[derive(Deserialize)]
struct VersionWire {
    id: u64,
    /// The digest.
    name: String,
    metadata: Option<MetadataWire>,
}

#[derive(Deserialize)]
struct MetadataWire {
    container: Option<ContainerWire>,
}

#[derive(Deserialize)]
struct ContainerWire {
    tags: Vec<String>,
}

impl VersionWire {
    /// The version. One whose digest or tags are not what they should be is none of which it is known what it is.
    fn value(self) -> Result<Version, String> {
        let container = self.metadata.and_then(|metadata| metadata.container);
        let tags = container
            .ok_or_else(|| format!("version {} does not say its tags", self.id))?
            .tags;
        let tags: Result<Vec<ImageTag>, _> = tags.iter().map(|tag| ImageTag::parse(tag)).collect();
        let refused = |refused| format!("version {}: {refused}", self.id);
        Ok(Version {
            id: self.id,
            digest: Digest::parse(&self.name).map_err(refused)?,
            tags: tags.map_err(refused)?,
        })
    }
}

impl GitHub {
    /// The package of an image: `host/owner/name`. Whether it is there is not said yet.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn package(&self, image: &Repository) -> Result<Package, GitHubError> {
        let (owner, name) = image.path().split_once('/').unwrap_or((image.path(), ""));
        let what = format!("package {}", image.path());
        let is_ours = self
            .repository
            .split_once('/')
            .is_some_and(|(ours, _)| ours.eq_ignore_ascii_case(owner));
        let kind = if is_ours {
            self.reply_at(
                &self.at(&format!("repos/{}", self.repository)),
                "this repository",
            )
            .await
            .and_then(|reply| {
                Ok((
                    reply
                        .json::<PackageRepositoryWire>("this repository")?
                        .owner
                        .kind,
                    reply,
                ))
            })
        } else {
            let what = format!("account {owner}");
            let reply = self
                .reply_at(&self.at(&format!("users/{owner}")), &what)
                .await;
            reply.and_then(|reply| Ok((reply.json::<OwnerWire>(&what)?.kind, reply)))
        };
        let is_organizations = match kind? {
            (kind, _) if kind == "Organization" => true,
            (kind, _) if kind == "User" => false,
            (_, reply) => {
                return Err(reply.broken(&what, "its owner is neither a user nor an organization"));
            }
        };
        let mut package = Package {
            owner: owner.into(),
            name: name.into(),
            is_organizations,
            linked: None,
        };
        package.linked = match self.reply_at(&self.at(&package.path()), &what).await {
            Ok(reply) => reply
                .json::<PackageWire>(&what)?
                .repository
                .map(|repository| repository.full_name),
            Err(GitHubError::NotFound { .. }) => None,
            Err(error) => return Err(error.needing(NEEDED_TO_READ)),
        };
        Ok(package)
    }

    /// Every version of a package.
    ///
    /// # Errors
    /// [`GitHubError`], also where one version is not what a version of an image is.
    pub async fn versions(&self, package: &Package) -> Result<PackageListing, GitHubError> {
        let what = format!("the versions of package {package}");
        let url = self.at(&format!(
            "{}/versions?per_page=100&state=active",
            package.path()
        ));
        let wires = match self.pages_at::<VersionWire>(&url, &what, MOST).await {
            Ok(Some(wires)) => wires,
            Ok(None) => return Ok(PackageListing::TooMany),
            Err(GitHubError::NotFound { .. }) => return Ok(PackageListing::Absent),
            Err(error) => return Err(error.needing(NEEDED_TO_READ)),
        };
        let versions: Result<Vec<_>, String> = wires.into_iter().map(VersionWire::value).collect();
        let broken = |why| GitHubError::Broken {
            what,
            why,
            trace: Default::default(),
        };
        versions.map(PackageListing::Versions).map_err(broken)
    }

    /// A version as it is now; `None` where it is gone.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn version(
        &self,
        package: &Package,
        id: u64,
    ) -> Result<Option<Version>, GitHubError> {
        let what = format!("version {id} of package {package}");
        let read = |reply: GitHubReply| {
            let version = reply.json::<VersionWire>(&what)?.value();
            version.map(Some).map_err(|why| reply.broken(&what, &why))
        };
        match self.reply_at(&self.at(&package.version(id)), &what).await {
            Ok(reply) => read(reply),
            Err(GitHubError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.needing(NEEDED_TO_READ)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{ExpectedRequest, Server, exchange};
    use super::*;

    const BELOW: &str = "/api/v3/orgs/acme/packages/container/shop%2Fapi";

    fn image(path: &str) -> Repository {
        Repository::parse(&format!("ghcr.io/{path}")).unwrap()
    }

    fn package() -> Package {
        Package {
            owner: "acme".into(),
            name: "shop/api".into(),
            is_organizations: true,
            linked: None,
        }
    }

    async fn found(path: &str, script: Vec<ExpectedRequest>) -> Result<Package, GitHubError> {
        let server = Server::start(script);
        let package = server.github().package(&image(path)).await;
        server.finish();
        package
    }

    fn ok(path: &str, body: &str) -> ExpectedRequest {
        exchange(path, 200, &[], body)
    }

    #[tokio::test]
    async fn a_package_is_a_users_or_an_organizations() {
        let organization = r#"{"owner":{"type":"Organization"}}"#;
        let linked = r#"{"id":1,"repository":{"full_name":"acme/shop"}}"#;
        let script = vec![
            ok("/api/v3/repos/acme/shop", organization),
            ok(BELOW, linked),
        ];
        let wanted = Package {
            linked: Some("acme/shop".into()),
            ..package()
        };
        assert_eq!(found("acme/shop/api", script).await, Ok(wanted));
        let script = vec![
            ok("/api/v3/users/ada", r#"{"login":"ada","type":"User"}"#),
            exchange("/api/v3/users/ada/packages/container/api", 404, &[], "{}"),
        ];
        let found_elsewhere = found("ada/api", script).await.unwrap();
        assert_eq!(
            found_elsewhere.settings(),
            "users/ada/packages/container/api/settings"
        );
        assert_eq!(
            (found_elsewhere.linked, found_elsewhere.is_organizations),
            (None, false)
        );
        let error = found(
            "ada/api",
            vec![ok("/api/v3/users/ada", r#"{"type":"Bot"}"#)],
        )
        .await
        .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("neither a user nor an organization"),
            "{error}"
        );
    }

    fn version(id: u64, letter: char, tags: &str) -> String {
        let digest = letter.to_string().repeat(64);
        format!(
            r#"{{"id":{id},"name":"sha256:{digest}","metadata":{{"package_type":"container","container":{{"tags":{tags}}}}}}}"#
        )
    }

    async fn listed(answer: ExpectedRequest) -> Result<PackageListing, GitHubError> {
        let server = Server::start(vec![answer]);
        let shelf = server.github().versions(&package()).await;
        server.finish();
        shelf
    }

    #[tokio::test]
    async fn versions_are_read_whole_or_not_at_all() {
        let list = format!("{BELOW}/versions?per_page=100&state=active");
        let server = Server::start_with(|origin| {
            let next = format!("Link: <{origin}{list}&page=2>; rel=\"next\"");
            let first = exchange(
                &list,
                200,
                &[&next],
                &format!("[{}]", version(5_000_000_000, 'a', r#"["pr-7-x","b"]"#)),
            );
            vec![
                first,
                ok(
                    &format!("{list}&page=2"),
                    &format!("[{}]", version(2, 'b', "[]")),
                ),
            ]
        });
        let PackageListing::Versions(found) = server.github().versions(&package()).await.unwrap()
        else {
            panic!("no versions")
        };
        server.finish();
        let tags: Vec<Vec<&str>> = found
            .iter()
            .map(|version| version.tags.iter().map(ImageTag::as_str).collect())
            .collect();
        assert_eq!(
            (found[0].id, tags),
            (5_000_000_000, vec![vec!["pr-7-x", "b"], vec![]])
        );
        assert_eq!(
            listed(exchange(&list, 404, &[], "{}")).await,
            Ok(PackageListing::Absent)
        );
        let good = version(1, 'a', "[]");
        for (bad, why) in [
            (
                r#"{"id":2,"name":"sha256:aa"}"#.to_owned(),
                "does not say its tags",
            ),
            (
                r#"{"id":2,"name":"latest","metadata":{"container":{"tags":[]}}}"#.to_owned(),
                "version 2",
            ),
            (version(2, 'b', r###"["##[x]"]"###), "version 2"),
        ] {
            let error = listed(ok(&list, &format!("[{good},{bad}]")))
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains(why) && !error.contains("##["), "{error}");
        }
        let denied = exchange(
            &list,
            403,
            &[],
            r#"{"message":"You need at least read:packages scope"}"#,
        );
        assert!(
            listed(denied)
                .await
                .unwrap_err()
                .to_string()
                .contains("it needs packages: read")
        );
    }

    #[tokio::test]
    async fn a_version_is_read_again_or_is_gone() {
        let path = format!("{BELOW}/versions/7");
        let ask = async |answer| {
            let server = Server::start(vec![answer]);
            let version = server.github().version(&package(), 7).await;
            server.finish();
            version
        };
        assert_eq!(ask(exchange(&path, 404, &[], "{}")).await, Ok(None));
        assert_eq!(
            ask(ok(&path, &version(7, 'a', r#"["x"]"#)))
                .await
                .unwrap()
                .unwrap()
                .tags
                .len(),
            1
        );
        assert!(matches!(
            ask(ok(&path, "{}")).await,
            Err(GitHubError::Broken { .. })
        ));
    }
}
