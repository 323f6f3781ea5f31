//! What records know of images.

use super::ImageSource;
use crate::ledger::Equality;
use crate::{Required, judge_required};
use model::{CommitSha, Record, RecordState};
use std::collections::BTreeSet;

/// The records of one service, newest first.
pub type NewestRecords<'a> = Vec<&'a Record>;

/// The bytes that the required environment ran, in the order in which they are wanted: what is live there, what was built from `head`
/// itself, the newest. `records` are those of each service that runs the image, the ones to deploy first; only those that
/// [count](crate::counting).
///
/// A success that a rollback has left since is not wanted: it will be refused.
#[must_use]
pub fn required(head: &CommitSha, records: &[NewestRecords<'_>]) -> Vec<ImageSource> {
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
            found.push((
                rank,
                ImageSource::Required(record.intent.image.digest.clone(), commit),
            ));
        }
    }
    in_order(found)
}

/// The bytes that records name: those that were built from `head` itself, then the newest. What became of the attempts does not matter, the
/// bytes are what they are; but only our own records count. `records` are those of each service that runs the image, whatever its id on
/// Render: of this environment, then of the required one.
#[must_use]
pub fn recorded(head: &CommitSha, records: &[NewestRecords<'_>]) -> Vec<ImageSource> {
    let own = records.iter().flatten().filter(|record| record.is_own);
    let found = own.filter_map(|record| {
        let commit = record.intent.image_commit?;
        Some((
            u8::from(commit != *head),
            ImageSource::Recorded(record.intent.image.digest.clone(), commit),
        ))
    });
    in_order(found.collect())
}

fn in_order(mut found: Vec<(u8, ImageSource)>) -> Vec<ImageSource> {
    found.sort_by_key(|(rank, _)| *rank);
    let mut known = BTreeSet::new();
    let is_new = |source: &ImageSource| match source {
        ImageSource::Required(digest, commit) | ImageSource::Recorded(digest, commit) => {
            known.insert((digest.clone(), *commit))
        }
        ImageSource::Own(_) | ImageSource::Ancestor(..) => true,
    };
    found
        .into_iter()
        .map(|(_, source)| source)
        .filter(is_new)
        .collect()
}
