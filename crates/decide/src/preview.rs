//! Which preview on Render is a pull request's, by what we wrote down and by what Render says.

use model::{PrNumber, PreviewName, PreviewRecord, PreviewState, Repository, ServiceId};

/// What a pull request's preview of a service is a copy of.
#[derive(Debug, Clone, Copy)]
pub struct PreviewOf<'a> {
    /// The pull request.
    pub pull: PrNumber,
    /// The service's id, from the base's manifest.
    pub parent: &'a ServiceId,
    /// Its image's repository, from there too.
    pub repository: &'a Repository,
}

impl PreviewOf<'_> {
    /// The records that count, in their order: our own, of this pull request and this very service, and not set aside. By what others wrote nothing
    /// is touched, and a preview of a service that was made anew since is a copy of something else.
    #[must_use]
    pub fn counting<'r>(&self, records: &'r [PreviewRecord]) -> Vec<&'r PreviewRecord> {
        let counts = |record: &&PreviewRecord| {
            record.is_own
                && record.state != PreviewState::Inactive
                && record.intent.pull == self.pull
                && record.intent.parent == *self.parent
                && record.intent.image.repository == *self.repository
        };
        records.iter().filter(counts).collect()
    }

    /// The previews of this pull request that are copies of another service than the manifest's, or of another image: they stay where they are.
    #[must_use]
    pub fn left_over<'r>(&self, records: &'r [PreviewRecord]) -> Vec<&'r ServiceId> {
        let is_left = |record: &&PreviewRecord| {
            record.is_own
                && record.state != PreviewState::Inactive
                && record.intent.pull == self.pull
                && (record.intent.parent != *self.parent
                    || record.intent.image.repository != *self.repository)
        };
        let mut ids: Vec<&ServiceId> = records
            .iter()
            .filter(is_left)
            .filter_map(|record| record.intent.id.as_ref())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Whose a service on Render is that a record of ours names. That Render says of every preview what it is a copy of was not seen. Where it says
    /// nothing, a record of ours is not enough: any job of the repository may have written it, about any service.
    #[must_use]
    pub fn whose(
        &self,
        id: &ServiceId,
        copy_of: Option<&ServiceId>,
        name: &str,
        wanted: &PreviewName,
    ) -> PreviewOwnership {
        let is_anothers = PreviewName::pull_of(name).is_some_and(|pull| pull != self.pull);
        match copy_of {
            _ if id == self.parent || is_anothers => PreviewOwnership::Others,
            Some(parent) if parent == self.parent => PreviewOwnership::Ours,
            Some(_) => PreviewOwnership::Others,
            None if name == wanted.as_str() => PreviewOwnership::Ours,
            None => PreviewOwnership::Unknown,
        }
    }

    /// Whether a service on Render that no record names is our preview: by what it is a copy of, and by its name, which may be that of a service before it
    /// was renamed. Where Render does not say what it is a copy of, it is ours if we meant to make it (`is_meant`) under that very name.
    #[must_use]
    pub fn is_found(
        &self,
        id: &ServiceId,
        copy_of: Option<&ServiceId>,
        name: &str,
        wanted: &PreviewName,
        is_meant: bool,
    ) -> bool {
        match copy_of {
            _ if id == self.parent => false,
            Some(parent) => parent == self.parent && PreviewName::pull_of(name) == Some(self.pull),
            None => is_meant && name == wanted.as_str(),
        }
    }
}

/// Whose a service on Render is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewOwnership {
    /// Our preview.
    Ours,
    /// Something else.
    Others,
    /// Our record says that it is our preview, and nothing on Render does.
    Unknown,
}

/// The preview that records of ours, newest first, tell of; but for one that is gone.
#[must_use]
pub fn known_preview<'r>(
    records: &[&'r PreviewRecord],
    gone: Option<&ServiceId>,
) -> Option<&'r ServiceId> {
    records
        .iter()
        .filter_map(|record| record.intent.id.as_ref())
        .find(|id| Some(*id) != gone)
}

/// Whether a preview may have been made that no record has the id of: an intent to make one never ended.
#[must_use]
pub fn may_be_unknown(records: &[&PreviewRecord]) -> bool {
    records
        .iter()
        .any(|record| record.state == PreviewState::Open && record.intent.id.is_none())
}

/// Whether another run wrote before us that it makes the preview, and may be about to. An earlier attempt of our own run has ended.
#[must_use]
pub fn is_forestalled(records: &[&PreviewRecord], own: u64, run: &str) -> bool {
    let is_before = |record: &&&PreviewRecord| {
        record.number < own
            && record.run != run
            && record.state == PreviewState::Open
            && record.intent.id.is_none()
    };
    records.iter().any(|record| is_before(&record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{CommitSha, Digest, PinnedImage, PreviewIntent, ServiceName};

    fn id(text: &str) -> ServiceId {
        ServiceId::parse(text).unwrap()
    }

    fn repository(name: &str) -> Repository {
        Repository::parse(&format!("ghcr.io/acme/{name}")).unwrap()
    }

    fn pull(number: &str) -> PrNumber {
        PrNumber::parse(number.as_bytes()).unwrap()
    }

    fn record(number: u64, own: Option<&str>, state: PreviewState) -> PreviewRecord {
        let digest = Digest::parse(&format!("sha256:{}", "aa".repeat(32))).unwrap();
        PreviewRecord {
            number,
            intent: PreviewIntent {
                pull: pull("7"),
                service: ServiceName::parse("api").unwrap(),
                parent: id("srv-parent"),
                id: own.map(id),
                commit: CommitSha::from_bytes([1; 20]),
                image: PinnedImage {
                    repository: repository("api"),
                    digest,
                },
            },
            state,
            was_not_found: false,
            run: "1".into(),
            is_own: true,
        }
    }

    #[test]
    fn only_our_own_records_of_this_very_pull_request_and_service_count() {
        let (parent, repository_of) = (id("srv-parent"), repository("api"));
        let of = PreviewOf {
            pull: pull("7"),
            parent: &parent,
            repository: &repository_of,
        };
        let good = record(9, Some("srv-a"), PreviewState::Serves);
        assert_eq!(of.counting(std::slice::from_ref(&good)), [&good]);
        let spoil: [fn(&mut PreviewRecord); 5] = [
            |record| record.is_own = false,
            |record| record.state = PreviewState::Inactive,
            |record| record.intent.pull = pull("8"),
            |record| record.intent.parent = id("srv-other"),
            |record| record.intent.image.repository = repository("web"),
        ];
        for (at, spoil) in spoil.iter().enumerate() {
            let mut bad = good.clone();
            spoil(&mut bad);
            assert!(of.counting(std::slice::from_ref(&bad)).is_empty(), "{at}");
            assert_eq!(
                of.left_over(std::slice::from_ref(&bad)).len(),
                usize::from(at > 2),
                "{at}"
            );
        }
        assert!(of.left_over(&[good]).is_empty());
    }

    #[test]
    fn a_service_is_ours_by_renders_word_or_by_our_record() {
        let (parent, repository) = (id("srv-parent"), repository("api"));
        let of = PreviewOf {
            pull: pull("7"),
            parent: &parent,
            repository: &repository,
        };
        let (own, other) = (id("srv-own"), id("srv-other"));
        let wanted = PreviewName::new(&ServiceName::parse("api").unwrap(), pull("7"));
        let recorded = [
            (&own, Some(&parent), "renamed", PreviewOwnership::Ours),
            // A record that names another pull request's preview is not believed.
            (&own, Some(&parent), "api-pr-8", PreviewOwnership::Others),
            (&own, None, "api-pr-8", PreviewOwnership::Others),
            (&own, None, "api-pr-7", PreviewOwnership::Ours),
            (&own, None, "renamed", PreviewOwnership::Unknown),
            (&own, Some(&other), "api-pr-7", PreviewOwnership::Others),
            // The service itself is never its own preview.
            (&parent, None, "api-pr-7", PreviewOwnership::Others),
            (&parent, Some(&parent), "api-pr-7", PreviewOwnership::Others),
        ];
        for (id, copy_of, name, whose) in recorded {
            let found = of.whose(id, copy_of, name, &wanted);
            assert_eq!(found, whose, "{id} {copy_of:?} {name}");
        }
        let found = [
            (&own, Some(&parent), "api-pr-7", false, true),
            (&own, Some(&parent), "api-pr-7-x4f2", false, true),
            (&own, Some(&parent), "old-pr-7", false, true),
            (&own, Some(&parent), "renamed", true, false),
            (&own, Some(&parent), "api-pr-8", true, false),
            (&own, Some(&other), "api-pr-7", true, false),
            (&own, None, "api-pr-7", true, true),
            (&own, None, "api-pr-7", false, false),
            (&own, None, "api-pr-7-x4f2", true, false),
            (&parent, None, "api-pr-7", true, false),
        ];
        for (id, copy_of, name, is_meant, is_ours) in found {
            let found = of.is_found(id, copy_of, name, &wanted, is_meant);
            assert_eq!(found, is_ours, "{id} {copy_of:?} {name} {is_meant}");
        }
    }

    #[test]
    fn the_newest_id_is_the_preview_and_an_intent_without_one_may_have_made_it() {
        let newest = record(9, None, PreviewState::Open);
        let (a, b) = (
            record(8, Some("srv-a"), PreviewState::Serves),
            record(7, Some("srv-b"), PreviewState::Failed),
        );
        let all = [&newest, &a, &b];
        assert_eq!(known_preview(&all, None), Some(&id("srv-a")));
        assert_eq!(known_preview(&all, Some(&id("srv-a"))), Some(&id("srv-b")));
        assert!(may_be_unknown(&all) && !may_be_unknown(&all[1..]));
        assert!(!may_be_unknown(&[&record(9, None, PreviewState::Failed)]));
    }

    #[test]
    fn who_wrote_first_makes_it_and_an_attempt_of_ones_own_has_ended() {
        let first = record(5, None, PreviewState::Open);
        assert!(is_forestalled(&[&first], 6, "2"));
        assert!(!is_forestalled(&[&first], 6, "1"));
        assert!(!is_forestalled(&[&first], 4, "2"));
        assert!(!is_forestalled(
            &[&record(5, Some("srv-a"), PreviewState::Open)],
            6,
            "2"
        ));
        assert!(!is_forestalled(
            &[&record(5, None, PreviewState::Failed)],
            6,
            "2"
        ));
    }
}
