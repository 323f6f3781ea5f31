//! The records of one service, out of the lists that are kept under its names.

use model::{AttemptKind, Record, RecordList, RecordState, ServiceId};

/// The records of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceRecords {
    /// The records, newest first.
    pub records: Vec<Record>,
    /// Whether the newest success of a deploy was not reached in every list.
    pub is_cut_off: bool,
}

/// Merges lists into the records of one service. A list that ends before the newest success of a deploy may lack something newer.
#[must_use]
pub fn merged(lists: &[&RecordList], id: Option<&ServiceId>) -> ServiceRecords {
    let is_its = |record: &&Record| id.is_none() || record.intent.id.as_ref() == id;
    let mut records: Vec<Record> = lists
        .iter()
        .flat_map(|list| &list.records)
        .filter(is_its)
        .cloned()
        .collect();
    records.sort_by_key(|record| std::cmp::Reverse(record.number));
    records.dedup_by_key(|record| record.number);
    let success = records
        .iter()
        .find(|record| {
            record.is_own
                && record.state == RecordState::Success
                && record.intent.kind == AttemptKind::Deploy
        })
        .map(|record| record.number);
    let is_enough = |list: &&RecordList| {
        !list.has_more
            || success.is_some_and(|success| list.read_to.is_some_and(|read| read <= success))
    };
    ServiceRecords {
        is_cut_off: !lists.iter().all(is_enough),
        records,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{record, rollback, sha};
    use super::*;
    use model::RecordState::{Failure, Success};

    fn list(records: &[(u64, Record)], read_to: u64, has_more: bool) -> RecordList {
        let records = records.iter().map(|(number, record)| Record {
            number: *number,
            ..record.clone()
        });
        RecordList {
            records: records.collect(),
            read_to: Some(read_to),
            has_more,
        }
    }

    #[test]
    fn records_of_every_name_are_one_history() {
        let one = list(
            &[(9, record(9, Success)), (2, record(2, Success))],
            2,
            false,
        );
        let other = list(&[(5, record(5, Failure))], 5, false);
        let merged = merged(&[&one, &other, &one], None);
        let commits: Vec<_> = merged
            .records
            .iter()
            .map(|record| record.intent.commit)
            .collect();
        assert_eq!(commits, [sha(9), sha(5), sha(2)]);
        assert!(!merged.is_cut_off);
    }

    #[test]
    fn a_record_of_another_service_is_left_out() {
        let mut other = record(1, Success);
        other.intent.id = ServiceId::parse("srv-2").ok();
        let list = list(&[(1, other)], 1, false);
        let id = ServiceId::parse("srv-1").ok();
        assert!(merged(&[&list], id.as_ref()).records.is_empty());
        assert_eq!(merged(&[&list], None).records.len(), 1);
    }

    #[test]
    fn a_list_that_ends_before_the_newest_success_is_cut_off() {
        let success = list(&[(9, record(9, Success))], 4, true);
        assert!(!merged(&[&success], None).is_cut_off);
        let failed = list(&[(10, record(9, Failure))], 4, true);
        assert!(merged(&[&failed], None).is_cut_off);
        let back = list(&[(9, rollback(1, 2))], 4, true);
        assert!(merged(&[&back], None).is_cut_off, "no deploy");
        assert!(!merged(&[&failed, &success], None).is_cut_off);
        let shallow = list(&[], 10, true);
        assert!(
            merged(&[&shallow, &success], None).is_cut_off,
            "something newer than 9 may stand behind 10"
        );
        let whole = list(&[], 10, false);
        assert!(!merged(&[&whole], None).is_cut_off);
    }
}
