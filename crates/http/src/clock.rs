//! Time, read and waited for here and nowhere else: tokio's monotonic clock, which a test can pause.
#![allow(clippy::disallowed_methods, reason = "this is the one place")]

use std::time::Duration;
use tokio::time::Instant;

/// Waits.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits for something, but no longer than `patience`.
pub async fn within<F: Future>(patience: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(patience, future).await.ok()
}

/// A moment by which something has to be over.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `duration` from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// How much time is left; zero when it is over.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Waits for `duration` if that ends before the deadline, and says whether it did.
    #[must_use]
    pub async fn allows(&self, duration: Duration) -> bool {
        if duration > self.left() {
            return false;
        }
        sleep(duration).await;
        true
    }

    /// Waits for the moment.
    pub(super) fn reached(&self) -> tokio::time::Sleep {
        tokio::time::sleep_until(self.0)
    }
}

/// How long something has taken.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
