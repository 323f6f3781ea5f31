//! How long to wait before trying again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Waits that double, up to a longest, each shortened by up to a quarter so that runs that failed together do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Starts with `first`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            next: first,
            longest,
        }
    }

    /// The next wait: what the other side asked for where that is longer, else the doubled one.
    #[must_use]
    pub fn next(&mut self, hint: Option<Duration>) -> Duration {
        let wait = self.next.mul_f64(1.0 - jitter() / 4.0);
        self.next = (self.next * 2).min(self.longest);
        hint.map_or(wait, |hint| hint.max(wait))
    }
}

/// A random number from 0 up to 1, from the standard library's own seed: nothing depends on its quality.
fn jitter() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 40;
    f64::from(u32::try_from(bits).unwrap_or(0)) / f64::from(1_u32 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_obey_hints() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, second * 4);
        for base in [1, 2, 4, 4] {
            let wait = backoff.next(None);
            assert!(
                wait <= second * base && wait >= second * base * 3 / 4,
                "{wait:?}"
            );
        }
        assert_eq!(backoff.next(Some(second * 45)), second * 45);
    }
}
