//! Repeating a request. This is the one loop for reads; a write that may be repeated keeps a loop of its own and says why it may.

use super::backoff::Backoff;
use super::clock::Deadline;
use std::time::Duration;

/// How an attempt ended.
#[derive(Debug)]
pub enum RetryStep<T, E> {
    /// With an answer, or with an error that another attempt would meet too.
    Done(Result<T, E>),
    /// With an error that waiting may mend.
    Again {
        /// What is told if there is no other attempt.
        error: E,
        /// How long the other side asks us to wait.
        hint: Option<Duration>,
    },
}

/// Attempts until one is done, or until the next one would begin after the deadline.
///
/// # Errors
/// The error of the last attempt.
pub async fn retry<T, E>(
    mut backoff: Backoff,
    deadline: &Deadline,
    mut attempt: impl AsyncFnMut() -> RetryStep<T, E>,
) -> Result<T, E> {
    loop {
        match attempt().await {
            RetryStep::Done(result) => return result,
            RetryStep::Again { error, hint } => {
                if !deadline.allows(backoff.next(hint)).await {
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many attempts there were, how long they took, and the result.
    async fn attempts(patience: u32, succeeds_at: u32) -> (u32, Duration, Result<u32, u32>) {
        let backoff = Backoff::new(SECOND, SECOND * 4, Random::new(|| 0));
        let (mut tries, began) = (0, crate::Stopwatch::start());
        let deadline = Deadline::after(SECOND * patience);
        let result = retry(backoff, &deadline, async || {
            tries += 1;
            match tries {
                tries if tries == succeeds_at => RetryStep::Done(Ok(tries)),
                99 => RetryStep::Done(Err(99)),
                error => RetryStep::Again { error, hint: None },
            }
        })
        .await;
        (tries, began.elapsed(), result)
    }

    #[tokio::test(start_paused = true)]
    async fn repeats_until_it_succeeds() {
        assert_eq!(attempts(60, 3).await, (3, SECOND * 3, Ok(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn stops_before_the_deadline_with_the_last_error() {
        // Waits of 1, 2 and 4 s: the third would end after 6 s.
        assert_eq!(attempts(6, 50).await, (3, SECOND * 3, Err(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_stays_is_told_at_once() {
        let backoff = Backoff::new(SECOND, SECOND, Random::new(|| 0));
        let mut tries = 0;
        let result: Result<(), &str> = retry(backoff, &Deadline::after(SECOND * 9), async || {
            tries += 1;
            RetryStep::Done(Err("no"))
        })
        .await;
        assert_eq!((tries, result), (1, Err("no")));
    }
}
