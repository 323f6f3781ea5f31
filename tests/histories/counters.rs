//! How often what happened.

use std::collections::BTreeMap;

#[derive(Debug, Default, Clone)]
pub(crate) struct Counters(pub(crate) BTreeMap<String, u64>);

impl Counters {
    pub(crate) fn add(&mut self, what: &str) {
        match self.0.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(what.to_owned(), 1)),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what.clone()).or_default() += count;
        }
    }

    /// Of everything that begins like this.
    pub(crate) fn that_begin(&self, what: &str) -> u64 {
        let found = self.0.iter().filter(|(name, _)| name.starts_with(what));
        found.map(|(_, count)| count).sum()
    }
}
