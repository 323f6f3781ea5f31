//! How fast the API may be read: 400 times a minute and user (<https://api-docs.render.com/reference/rate-limiting>), by all runs
//! together that use a key of that user.

use http_client::{Deadline, HttpResponse, wait_hint};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// From one request to the next, in the long run: 300 a minute, so that another run fits beside us.
const STEP: Duration = Duration::from_millis(200);
/// How far a burst may run ahead of that: 50 requests. With the 300 of a minute they stay below 400.
const BURST: Duration = Duration::from_secs(10);
/// The limit is counted by the minute; who says that it takes longer is not believed.
const LONGEST: Duration = Duration::from_secs(60);

/// The pace that all clones of a reading hand share.
#[derive(Debug, Clone)]
pub(super) struct Pace(Arc<Mutex<PaceState>>);

#[derive(Debug)]
struct PaceState {
    /// Until when the requests that were made would have taken, one a step.
    spent: Deadline,
    /// Before then nothing is sent: Render said that little is left.
    gate: Deadline,
    /// From one request to the next while the gate is closed.
    apart: Duration,
}

impl Pace {
    pub(super) fn new() -> Self {
        let now = Deadline::after(Duration::ZERO);
        Self(Arc::new(Mutex::new(PaceState {
            spent: now,
            gate: now,
            apart: STEP,
        })))
    }

    /// Takes the next turn, and says how long to wait for it.
    pub(super) fn turn(&self) -> Duration {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (spent, closed) = (state.spent.left(), state.gate.left());
        state.spent = Deadline::after(spent + STEP);
        if !closed.is_zero() {
            state.gate = Deadline::after(closed + state.apart);
        }
        spent.saturating_sub(BURST).max(closed)
    }

    /// Learns from an answer how much is left: what is, is spread over the time until there is more.
    pub(super) fn learn(&self, answer: &HttpResponse) {
        let remaining = answer
            .header("ratelimit-remaining")
            .and_then(|text| text.parse::<u32>().ok());
        // Only this header: `Retry-After` is about one answer.
        let header = |name: &str| {
            if name == "retry-after" {
                None
            } else {
                answer.header(name)
            }
        };
        if let (Some(remaining), Some(reset)) = (remaining, wait_hint(&header)) {
            self.spread(remaining, reset.min(LONGEST));
        }
    }

    fn spread(&self, remaining: u32, reset: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.apart = reset / remaining.max(1);
        let closed = if state.apart > STEP {
            state.gate.left().max(state.apart)
        } else {
            Duration::ZERO
        };
        state.gate = Deadline::after(closed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much slower than instantly the machine may be.
    const SLACK: Duration = Duration::from_millis(500);

    fn is_about(wait: Duration, wanted: Duration) -> bool {
        wait <= wanted && wait + SLACK >= wanted
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_in_step() {
        let pace = Pace::new();
        let waits: Vec<Duration> = (0..60).map(|_| pace.clone().turn()).collect();
        assert!(waits[..51].iter().all(Duration::is_zero), "{waits:?}");
        assert!(is_about(waits[55], STEP * 5), "{waits:?}");
        // No minute has more than the limit: that is what the numbers are for.
        assert!(
            Duration::from_secs(60).div_duration_f64(STEP) + BURST.div_duration_f64(STEP) < 400.0
        );
    }

    #[test]
    fn what_is_left_is_spread_until_there_is_more() {
        let pace = Pace::new();
        pace.spread(10, Duration::from_secs(30));
        for n in 1..=4 {
            assert!(is_about(pace.turn(), Duration::from_secs(3) * n));
        }
        pace.spread(390, Duration::from_secs(30));
        assert_eq!(pace.turn(), Duration::ZERO);
        pace.spread(0, Duration::from_secs(45));
        assert!(is_about(pace.turn(), Duration::from_secs(45)));
    }
}
