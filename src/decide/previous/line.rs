//! The successes of each service that stand: the line that a rollback goes back along.

use super::{Past, Pasts, is_of, is_success};
use crate::domain::{Kind, Record, RecordState, ServiceName};
use std::collections::BTreeMap;

/// The lines of an environment's services.
pub(super) type Lines<'a> = BTreeMap<ServiceName, Vec<&'a Record>>;

/// The line of a service when it had that success, by its number.
type Then<'a> = BTreeMap<u64, Vec<&'a Record>>;

/// The successes of each service that stand at a time, oldest first. A rollback or a restore makes the line what it was when the bytes that it
/// brought back were deployed, also where an earlier rollback had left them.
pub(super) fn lines<'a>(pasts: &Pasts<'a>, until: u64) -> Lines<'a> {
    let mut all: Vec<(&ServiceName, &'a Record)> = Vec::new();
    for (service, past) in pasts {
        let own = past.records.iter().copied().filter(|record| record.is_own && record.number <= until);
        all.extend(own.map(|record| (service, record)));
    }
    all.sort_by_key(|(_, record)| record.number);
    let mut lines: Lines<'a> = pasts.keys().map(|service| (service.clone(), Vec::new())).collect();
    let (mut together, mut then) = (Together::default(), Then::new());
    for (service, record) in all {
        let (Some(past), Some(line)) = (pasts.get(service), lines.get_mut(service)) else { continue };
        let is_done = record.state == RecordState::Success;
        match record.intent.kind {
            Kind::Deploy => {
                if is_done {
                    line.push(record);
                    then.insert(record.number, line.clone());
                }
                std::mem::take(&mut together).stay(pasts, &mut lines, &then, record.number);
            }
            Kind::Rollback => {
                let is_next = together.services.contains(&service);
                let before = if is_next { std::mem::take(&mut together) } else { Together::default() };
                before.stay(pasts, &mut lines, &then, record.number);
                let Some(line) = lines.get_mut(service).filter(|_| is_done) else {
                    together.add(service, None, None);
                    continue;
                };
                let undone = bring_back(past, line, &then, record);
                together.add(service, undone, line.last().copied());
            }
            Kind::Restore if is_done => {
                bring_back(past, line, &then, record);
            }
            Kind::Restore => {}
        }
    }
    together.stay(pasts, &mut lines, &then, u64::MAX);
    lines
}

/// Rollbacks of one run, as far as the record tells: of a service each, with no deploy between them; what they have undone first, and
/// the newest that they have led to.
#[derive(Default)]
struct Together<'a> {
    services: Vec<&'a ServiceName>,
    undone: Option<&'a Record>,
    reached: Option<&'a Record>,
}

impl<'a> Together<'a> {
    fn add(&mut self, service: &'a ServiceName, undone: Option<&'a Record>, reached: Option<&'a Record>) {
        self.services.push(service);
        self.reached = self.reached.into_iter().chain(reached).max_by_key(|record| record.number);
        self.undone = self.undone.into_iter().chain(undone).min_by_key(|record| record.number);
    }

    /// A service that stayed while others went back, because it had the same bytes then, is back there too. `end` is when they were over.
    fn stay<'r>(&self, pasts: &Pasts<'r>, lines: &mut Lines<'r>, then: &Then<'r>, end: u64) {
        let Some(undone) = self.undone else { return };
        for (service, line) in lines.iter_mut().filter(|(service, _)| !self.services.contains(service)) {
            let Some(past) = pasts.get(service) else { continue };
            let later = line.split_off(line.iter().position(|record| record.number >= end).unwrap_or(line.len()));
            let there = line.last().and_then(|last| {
                let digests = [last.intent.image.digest.clone(), last.intent.platform.clone()];
                let was_there = |record: &&&Record| {
                    let is_before = record.number < undone.number && record.intent.commit != undone.intent.commit;
                    is_success(record) && is_before && is_of(record, &digests)
                };
                let is_of_reached =
                    |record: &&&Record| self.reached.is_some_and(|other| other.intent.commit == record.intent.commit);
                let of_reached = past.records.iter().filter(was_there).find(is_of_reached);
                let standing = line.iter().rev().find(was_there);
                of_reached.or(standing).or_else(|| past.records.iter().find(was_there)).copied()
            });
            if let Some(there) = there.and_then(|there| then.get(&there.number)) {
                line.clone_from(there);
            }
            line.extend(later);
        }
    }
}

/// Puts a service's line back to what a rollback or a restore brought, and answers the first of what that has undone.
fn bring_back<'a>(
    past: &Past<'a>,
    line: &mut Vec<&'a Record>,
    then: &Then<'a>,
    back: &'a Record,
) -> Option<&'a Record> {
    let digests = [back.intent.image.digest.clone(), back.intent.platform.clone()];
    let brought = |first: &&&Record| is_success(first) && first.number < back.number && is_of(first, &digests);
    let mut all = past.records.iter().filter(brought);
    // The same bytes may have been deployed more than once.
    let first = all.clone().find(|first| first.intent.commit == back.intent.commit).or_else(|| all.next());
    match first.copied() {
        Some(first) => {
            let undone = line.iter().copied().find(|other| other.number > first.number);
            line.clone_from(then.get(&first.number)?);
            undone
        }
        None if back.intent.kind == Kind::Restore => {
            line.pop();
            line.push(back);
            None
        }
        None => {
            *line = vec![back];
            None
        }
    }
}
