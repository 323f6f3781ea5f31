//! How long to wait before trying again.

use super::random::Random;
use std::time::Duration;

/// Waits that double, up to a longest, each shortened by up to a quarter so that runs that failed together do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
    random: Random,
}

impl Backoff {
    /// Starts with `first`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration, random: Random) -> Self {
        Self {
            next: first,
            longest,
            random,
        }
    }

    /// The next wait: what the other side asked for where that is longer, else the doubled one.
    #[must_use]
    pub fn next(&mut self, hint: Option<Duration>) -> Duration {
        let wait = self.next.mul_f64(1.0 - self.random.fraction() / 4.0);
        self.next = (self.next * 2).min(self.longest);
        hint.map_or(wait, |hint| hint.max(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_obey_hints() {
        let second = Duration::from_secs(1);
        for (bits, part) in [(0, 1.0), (u64::MAX, 0.75)] {
            let mut backoff = Backoff::new(second, second * 4, Random::new(move || bits));
            for base in [1, 2, 4, 4] {
                let (wait, wanted) = (backoff.next(None), (second * base).mul_f64(part));
                assert!(wait.abs_diff(wanted) < second / 1000, "{wait:?}");
            }
            assert_eq!(backoff.next(Some(second * 45)), second * 45);
        }
    }
}
