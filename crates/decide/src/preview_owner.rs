//! Whose preview a service on Render is, as a clean-up sees it: by what Render says of it, by its name, and by our records.

use model::{PrNumber, PreviewName, PreviewRecord, Repository, ServiceId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A service as Render lists it.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Its id.
    pub id: &'a ServiceId,
    /// Its name.
    pub name: &'a str,
    /// The service that it is a preview of, where Render says one.
    pub parent: Option<&'a ServiceId>,
    /// The repository of the image in its settings.
    pub repository: Option<&'a Repository>,
}

/// What is ours.
#[derive(Debug, Clone, Copy)]
pub struct Ours<'a> {
    /// The ids of the manifest's services, each with the repository of its image.
    pub services: &'a BTreeMap<ServiceId, &'a Repository>,
    /// The repositories of the manifest's images.
    pub repositories: &'a BTreeSet<&'a Repository>,
    /// Our own records of previews.
    pub records: &'a [&'a PreviewRecord],
}

/// Whose preview it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This pull request's, of a service of the manifest. It may be deleted once the pull request is closed.
    Of(PrNumber),
    /// This pull request's by its name or by a record, which is not enough to delete it.
    Perhaps(PrNumber, Doubt),
    /// A preview of a service of the manifest, and nothing says of which pull request.
    Unknown,
    /// It is no preview of ours.
    Nobody,
}

impl Owner {
    /// The pull request whose preview it is, or may be.
    #[must_use]
    pub const fn pull(&self) -> Option<PrNumber> {
        match self {
            Self::Of(pull) | Self::Perhaps(pull, _) => Some(*pull),
            Self::Unknown | Self::Nobody => None,
        }
    }
}

/// Why a preview is not known to be ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// Render does not say whose preview it is.
    NoParent,
    /// Render says that it is a preview of this service, which the manifest does not have.
    OtherParent(ServiceId),
    /// Its image is of another repository, and no record of ours names it.
    OtherImage,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoParent => f.write_str("Render does not say that it is a preview"),
            Self::OtherParent(parent) => write!(
                f,
                "Render says that it is a preview of {parent}, which no service of the manifest has as its id"
            ),
            Self::OtherImage => f.write_str(
                "its image is of another repository than the service's, and no record names it",
            ),
        }
    }
}

impl Ours<'_> {
    /// Decides whose preview a service is. A name that speaks of a pull request goes before a record: a record can name any service.
    #[must_use]
    pub fn owner(&self, listed: &Listed<'_>) -> Owner {
        if self.services.contains_key(listed.id) {
            return Owner::Nobody;
        }
        let recorded = self.recorded(listed);
        let named = PreviewName::pull_of(listed.name);
        let only = match recorded.len() {
            1 => recorded.first().copied(),
            _ => None,
        };
        let is_our_image = |repository: &Repository| self.repositories.contains(repository);
        match (listed.parent, named.or(only)) {
            (Some(parent), pull) if self.services.contains_key(parent) => {
                let Some(pull) = pull else {
                    return Owner::Unknown;
                };
                let wanted = self.services.get(parent).copied();
                if recorded.contains(&pull) || listed.repository == wanted {
                    Owner::Of(pull)
                } else {
                    Owner::Perhaps(pull, Doubt::OtherImage)
                }
            }
            (parent, Some(pull))
                if recorded.contains(&pull) || listed.repository.is_some_and(is_our_image) =>
            {
                let doubt = match parent {
                    Some(parent) => Doubt::OtherParent(parent.clone()),
                    None => Doubt::NoParent,
                };
                Owner::Perhaps(pull, doubt)
            }
            (Some(_) | None, Some(_) | None) => Owner::Nobody,
        }
    }

    /// The pull requests whose records name a service, as a preview of what Render says that it is one of.
    fn recorded(&self, listed: &Listed<'_>) -> BTreeSet<PrNumber> {
        let names_it = |record: &&&PreviewRecord| {
            record.intent.id.as_ref() == Some(listed.id)
                && listed
                    .parent
                    .is_none_or(|parent| *parent == record.intent.parent)
        };
        let records = self.records.iter().filter(names_it);
        records.map(|record| record.intent.pull).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{CommitSha, Digest, PinnedImage, PreviewIntent, PreviewState, ServiceName};

    fn id(text: &str) -> ServiceId {
        ServiceId::parse(text).unwrap()
    }

    fn repository(name: &str) -> Repository {
        Repository::parse(&format!("ghcr.io/acme/{name}")).unwrap()
    }

    fn pull(number: u32) -> PrNumber {
        PrNumber::parse(number.to_string().as_bytes()).unwrap()
    }

    fn record(of: u32, own: &str, parent: &str) -> PreviewRecord {
        let digest = Digest::parse(&format!("sha256:{}", "aa".repeat(32))).unwrap();
        PreviewRecord {
            number: 1,
            intent: PreviewIntent {
                pull: pull(of),
                service: ServiceName::parse("api").unwrap(),
                parent: id(parent),
                id: Some(id(own)),
                commit: CommitSha::from_bytes([1; 20]),
                image: PinnedImage {
                    repository: repository("api"),
                    digest,
                },
            },
            state: PreviewState::Serves,
            was_not_found: false,
            run: "1".into(),
            is_own: true,
        }
    }

    /// Whose `srv-own` is, of that name, parent and image, with records `(pull request, preview, parent)`.
    fn owner(
        name: &str,
        parent: Option<&str>,
        image: &str,
        records: &[(u32, &str, &str)],
    ) -> Owner {
        let (image, api) = (repository(image), repository("api"));
        let records: Vec<PreviewRecord> = records
            .iter()
            .map(|(pull, own, parent)| record(*pull, own, parent))
            .collect();
        let ours = Ours {
            services: &BTreeMap::from([(id("srv-api"), &api)]),
            repositories: &BTreeSet::from([&api]),
            records: &records.iter().collect::<Vec<_>>(),
        };
        ours.owner(&Listed {
            id: &id("srv-own"),
            name,
            parent: parent.map(id).as_ref(),
            repository: Some(&image),
        })
    }

    #[test]
    fn renders_word_and_the_name_or_a_record_say_whose_it_is() {
        let api = Some("srv-api");
        let recorded = [(7, "srv-own", "srv-api")];
        assert_eq!(owner("api-pr-7", api, "api", &[]), Owner::Of(pull(7)));
        assert_eq!(owner("api-pr-7-x4f2", api, "api", &[]), Owner::Of(pull(7)));
        // The service had another name when it was made.
        assert_eq!(owner("old-pr-7", api, "api", &[]), Owner::Of(pull(7)));
        assert_eq!(owner("renamed", api, "api", &recorded), Owner::Of(pull(7)));
        assert_eq!(owner("api-pr-7", api, "x", &recorded), Owner::Of(pull(7)));
        assert_eq!(owner("renamed", api, "api", &[]), Owner::Unknown);
        let both = [recorded[0], (8, "srv-own", "srv-api")];
        assert_eq!(owner("renamed", api, "api", &both), Owner::Unknown);
    }

    #[test]
    fn a_record_that_names_another_pull_requests_preview_is_not_believed() {
        let recorded = [(7, "srv-own", "srv-api")];
        let found = owner("api-pr-12", Some("srv-api"), "api", &recorded);
        assert_eq!(found, Owner::Of(pull(12)));
    }

    #[test]
    fn what_render_does_not_confirm_is_doubtful() {
        let other = Doubt::OtherParent(id("srv-other"));
        let perhaps = |doubt| Owner::Perhaps(pull(7), doubt);
        let recorded = [(7, "srv-own", "srv-other")];
        for records in [&recorded[..], &[]] {
            let found = owner("api-pr-7", Some("srv-other"), "api", records);
            assert_eq!(found, perhaps(other.clone()));
            let found = owner("api-pr-7", None, "api", records);
            assert_eq!(found, perhaps(Doubt::NoParent));
        }
        let found = owner("api-pr-7", Some("srv-api"), "x", &[]);
        assert_eq!(found, perhaps(Doubt::OtherImage));
        // The record says another parent than Render does.
        let found = owner(
            "renamed",
            Some("srv-other"),
            "api",
            &[(7, "srv-own", "srv-api")],
        );
        assert_eq!(found, Owner::Nobody);
        assert_eq!(owner("api-pr-7", None, "x", &[]), Owner::Nobody);
        assert_eq!(owner("api", None, "api", &[]), Owner::Nobody);
    }

    #[test]
    fn a_service_of_the_manifest_is_never_a_preview() {
        let api = repository("api");
        let records = [record(7, "srv-api", "srv-api")];
        let ours = Ours {
            services: &BTreeMap::from([(id("srv-api"), &api)]),
            repositories: &BTreeSet::from([&api]),
            records: &records.iter().collect::<Vec<_>>(),
        };
        let found = ours.owner(&Listed {
            id: &id("srv-api"),
            name: "api-pr-7",
            parent: Some(&id("srv-api")),
            repository: Some(&api),
        });
        assert_eq!(found, Owner::Nobody);
    }
}
