//! Sets of indices into the changed paths.

use std::ops::Range;
use std::rc::Rc;

/// A set of indices, as ranges that are in order, not empty, and do not touch. A directory's files are one of them.
#[derive(Debug, Default)]
pub(super) struct Runs(pub(super) Vec<Range<usize>>);

impl Runs {
    pub(super) fn of(range: Range<usize>) -> Self {
        Self(
            std::iter::once(range)
                .filter(|range| !range.is_empty())
                .collect(),
        )
    }

    /// Adds an index that is greater than all others.
    pub(super) fn push(&mut self, at: usize) {
        match self.0.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            Some(_) | None => self.0.push(at..at + 1),
        }
    }

    pub(super) fn union(sets: impl IntoIterator<Item = Rc<Self>>) -> Self {
        let mut all: Vec<Range<usize>> = Vec::new();
        for set in sets {
            all.extend(set.0.iter().cloned());
        }
        all.sort_unstable_by_key(|run| run.start);
        let mut united: Vec<Range<usize>> = Vec::new();
        for run in all {
            match united.last_mut() {
                Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
                Some(_) | None => united.push(run),
            }
        }
        Self(united)
    }

    pub(super) fn take_out(&mut self, other: &Self) {
        let mut left = Vec::new();
        let mut holes = other.0.iter().peekable();
        for run in &self.0 {
            let mut start = run.start;
            while holes.next_if(|hole| hole.end <= start).is_some() {}
            while let Some(hole) = holes.peek().filter(|hole| hole.start < run.end) {
                if start < hole.start {
                    left.push(start..hole.start);
                }
                start = hole.end.min(run.end);
                if hole.end > run.end {
                    break;
                }
                holes.next();
            }
            if start < run.end {
                left.push(start..run.end);
            }
        }
        self.0 = left;
    }
}
