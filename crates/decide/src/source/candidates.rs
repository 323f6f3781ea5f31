//! What records know of images.

use super::ImageSource;
use crate::ledger::Equality;
use crate::{Required, judge_required};
use model::{CommitSha, Record, RecordState};
use std::collections::BTreeSet;

/// The records of one service, newest first.
pub type NewestRecords<'a> = Vec<&'a Record>;

/// Bytes that a record names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedImage {
    /// Where they are, and the commit that they are said to be built from.
    pub source: ImageSource,
    /// The commit that was deployed with them.
    pub deployed: CommitSha,
}

impl RecordedImage {
    /// The commits that they stand for: what they were built from, and what was deployed with them. The two are equal in what the image is
    /// built from, unless a digest was given whose label names another commit.
    #[must_use]
    pub fn commits(&self) -> Vec<CommitSha> {
        let built_from = self.source.commit().copied();
        let deployed = Some(self.deployed).filter(|deployed| Some(*deployed) != built_from);
        built_from.into_iter().chain(deployed).collect()
    }
}

/// The bytes that the required environment ran, in the order in which they are wanted: what is live there, what was built from `head`
/// itself, the newest. `records` are those of each service that runs the image, the ones to deploy first; only those that
/// [count](crate::counting).
///
/// A success that a rollback has left since is not wanted: it will be refused.
#[must_use]
pub fn required(head: &CommitSha, records: &[NewestRecords<'_>]) -> Vec<RecordedImage> {
    let mut found = Vec::new();
    for of_service in records {
        let ran = of_service
            .iter()
            .filter(|record| record.is_own && record.state == RecordState::Success);
        for (place, record) in ran.enumerate() {
            let digests = [
                record.intent.image.digest.clone(),
                record.intent.platform.clone(),
            ];
            let unknown = |_: &CommitSha| Equality::Unknown(String::new());
            let (Some(commit), Required::Met(_)) = (
                record.intent.image_commit,
                judge_required(Ok(of_service), &digests, unknown),
            ) else {
                continue;
            };
            let rank = if place == 0 {
                0
            } else {
                2 - u8::from(commit == *head)
            };
            let image = RecordedImage {
                source: ImageSource::Required(record.intent.image.digest.clone(), commit),
                deployed: record.intent.commit,
            };
            found.push((rank, image));
        }
    }
    in_order(found)
}

/// The bytes that records name: those that were built from `head` itself, then the newest. What became of the attempts does not matter, the
/// bytes are what they are; but only our own records count. `records` are those of each service that runs the image, whatever its id on
/// Render: of this environment, then of the required one.
#[must_use]
pub fn recorded(head: &CommitSha, records: &[NewestRecords<'_>]) -> Vec<RecordedImage> {
    let own = records.iter().flatten().filter(|record| record.is_own);
    let found = own.filter_map(|record| {
        let commit = record.intent.image_commit?;
        let image = RecordedImage {
            source: ImageSource::Recorded(record.intent.image.digest.clone(), commit),
            deployed: record.intent.commit,
        };
        Some((u8::from(commit != *head), image))
    });
    in_order(found.collect())
}

fn in_order(mut found: Vec<(u8, RecordedImage)>) -> Vec<RecordedImage> {
    found.sort_by_key(|(rank, _)| *rank);
    let mut known = BTreeSet::new();
    found
        .into_iter()
        .map(|(_, image)| image)
        .filter(|image| known.insert(image.clone()))
        .collect()
}
