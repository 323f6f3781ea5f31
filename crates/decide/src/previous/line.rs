//! The successes of each service that stand: the line that a rollback goes back along.

use super::{ServiceHistories, ServiceHistory, is_of, is_success};
use model::{AttemptKind, Record, RecordState, ServiceName};
use std::collections::BTreeMap;

/// The lines of an environment's services, each oldest first.
pub(super) type ServiceLines<'a> = BTreeMap<ServiceName, Vec<&'a Record>>;

/// What stands of a service, and what stood before.
#[derive(Default)]
struct Course<'a> {
    line: Vec<&'a Record>,
    /// Each line that it had, with the number of the record that made it; oldest first.
    all: Vec<(u64, Vec<&'a Record>)>,
}

impl<'a> Course<'a> {
    fn turn(&mut self, line: Vec<&'a Record>, number: u64) {
        self.line.clone_from(&line);
        self.all.push((number, line));
    }

    /// The line when the record of that number had been written.
    fn at(&self, number: u64) -> &[&'a Record] {
        self.all
            .iter()
            .rev()
            .find(|(made, _)| *made <= number)
            .map_or(&[], |(_, line)| line)
    }
}

/// The successes of each service that stand when the record of that number has been written. A rollback makes the lines what they were at the
/// step that it led to, a restore that of its service what it was when the bytes that it brought back were deployed.
pub(super) fn lines<'a>(pasts: &ServiceHistories<'a>, until: u64) -> ServiceLines<'a> {
    let mut all: Vec<(&ServiceName, &ServiceHistory<'a>, &'a Record)> = Vec::new();
    for (service, past) in pasts {
        let done = past
            .records
            .iter()
            .copied()
            .filter(|record| record.is_own && record.state == RecordState::Success);
        all.extend(
            done.filter(|record| record.number <= until)
                .map(|record| (service, past, record)),
        );
    }
    all.sort_by_key(|(.., record)| record.number);
    let mut courses: BTreeMap<&ServiceName, Course<'a>> = pasts
        .keys()
        .map(|service| (service, Course::default()))
        .collect();
    for (service, past, record) in all {
        if let Some(to) = record.intent.to {
            courses
                .values_mut()
                .for_each(|course| stay(course, to, record.number));
        }
        let Some(course) = courses.get_mut(service) else {
            continue;
        };
        let line = match record.intent.kind {
            AttemptKind::Deploy => course.line.iter().copied().chain([record]).collect(),
            AttemptKind::Rollback | AttemptKind::Restore => brought_back(past, course, record),
        };
        course.turn(line, record.number);
    }
    courses
        .into_iter()
        .map(|(service, course)| (service.clone(), course.line))
        .collect()
}

/// Takes a service that has the bytes of a step, to which others are led back, to that step too: it stays for that very reason, and writes
/// no record of it.
fn stay(course: &mut Course<'_>, to: u64, number: u64) {
    let then = course.at(to);
    if let (Some(now), Some(was)) = (course.line.last(), then.last())
        && has_bytes_of(now, was)
    {
        let then = then.to_vec();
        course.turn(then, number);
    }
}

/// A service's line after a rollback or a restore.
fn brought_back<'a>(
    past: &ServiceHistory<'a>,
    course: &Course<'a>,
    back: &'a Record,
) -> Vec<&'a Record> {
    let at_step = back.intent.to.map(|to| course.at(to)).unwrap_or_default();
    if at_step.last().is_some_and(|was| has_bytes_of(back, was)) {
        return at_step.to_vec();
    }
    let brought = |first: &&&Record| {
        is_success(first) && first.number < back.number && has_bytes_of(back, first)
    };
    let mut all = past.records.iter().filter(brought);
    // The same bytes may have been deployed more than once.
    match all
        .clone()
        .find(|first| first.intent.commit == back.intent.commit)
        .or_else(|| all.next())
    {
        Some(first) => course.at(first.number).to_vec(),
        None if back.intent.kind == AttemptKind::Restore => {
            let left = course.line.len().saturating_sub(1);
            course.line[..left].iter().copied().chain([back]).collect()
        }
        None => vec![back],
    }
}

fn has_bytes_of(record: &Record, other: &Record) -> bool {
    is_of(
        record,
        &[
            other.intent.image.digest.clone(),
            other.intent.platform.clone(),
        ],
    )
}
