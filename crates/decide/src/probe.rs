//! What the answers of a service mean: whether one is right, when they are enough, and how soon the next may be asked for.

use std::time::Duration;

/// How much of an answer's body is read and decoded.
pub const MOST_BYTES: usize = 64 << 10;

/// What a service answered, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// The status code.
    pub status: u16,
    /// The text that was looked into: the body, or the header that the probe names. `None` where it has no such header.
    pub text: Option<Vec<u8>>,
}

/// What one answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// It names what was deployed.
    Right,
    /// Its status is none of success.
    Status(u16),
    /// It names something else: an instance from before, a maintenance page.
    Other,
    /// It has not the header that was looked for.
    NoHeader,
}

impl ProbeVerdict {
    /// What an answer says; one of `expected` has to be in it.
    #[must_use]
    pub fn of(answer: &ProbeAnswer, expected: &[String]) -> Self {
        if !matches!(answer.status, 200..=299) {
            return Self::Status(answer.status);
        }
        let Some(text) = &answer.text else {
            return Self::NoHeader;
        };
        let is_right = expected
            .iter()
            .any(|wanted| occurs(text, wanted.as_bytes()));
        if is_right { Self::Right } else { Self::Other }
    }

    /// The answer in words, of the outputs' alphabet.
    #[must_use]
    pub fn told(self) -> String {
        match self {
            Self::Right => "the right answer".into(),
            Self::Status(status) => format!("status {status}"),
            Self::Other => "an answer without the expected text".into(),
            Self::NoHeader => "an answer without the header".into(),
        }
    }
}

/// Whether `wanted` stands in the text. If it begins with a hex digit, it counts only where it does not go on from one: the end of a longer
/// number is not the number.
fn occurs(text: &[u8], wanted: &[u8]) -> bool {
    let Some(first) = wanted.first() else {
        return false;
    };
    let begins_with_hex = first.is_ascii_hexdigit();
    let mut windows = text.windows(wanted.len()).enumerate();
    windows.any(|(at, window)| {
        let follows_hex = at > 0 && text[at - 1].is_ascii_hexdigit();
        window == wanted && !(begins_with_hex && follows_hex)
    })
}

/// The right answers so far, in a row. An old instance still answers while it drains, so one right answer proves little.
#[derive(Debug, Clone, Copy)]
pub struct Streak {
    wanted: u32,
    right: u32,
}

impl Streak {
    /// A streak that is complete after so many right answers, one at least.
    #[must_use]
    pub const fn new(times: u32) -> Self {
        let wanted = if times == 0 { 1 } else { times };
        Self { wanted, right: 0 }
    }

    /// Counts an answer; `None` stands for no answer. Says whether the streak is complete.
    pub fn count(&mut self, said: Option<ProbeVerdict>) -> bool {
        if said == Some(ProbeVerdict::Right) {
            self.right += 1;
        } else {
            self.right = 0;
        }
        self.right >= self.wanted
    }

    /// Whether the last answer was right.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.right > 0
    }
}

/// How long the window is in which requests to one address are counted.
pub const WINDOW: Duration = Duration::from_secs(60);
/// The most requests to one address in that window (interface: probe).
const MOST_REQUESTS: usize = 30;
/// The least time between two requests.
const SOON: Duration = Duration::from_secs(1);
/// The time between two requests once several were wrong. With the first ten, and the right answers of a streak of three, a window has 30 at most.
const LATER: Duration = Duration::from_millis(2750);
/// How many requests of a window are a second apart.
const QUICK: usize = 10;

/// How long to wait before the next request to an address. `ages` are the times since the requests of the window, the newest first;
/// `is_right` says whether the last answer was right.
#[must_use]
pub fn pause(ages: &[Duration], is_right: bool) -> Duration {
    let Some(newest) = ages.first() else {
        return Duration::ZERO;
    };
    let apart = if is_right || ages.len() < QUICK {
        SOON
    } else {
        LATER
    };
    let of_pace = apart.saturating_sub(*newest);
    // The oldest of a full window has to leave it first.
    let of_window = match ages.get(MOST_REQUESTS - 1) {
        Some(oldest) => WINDOW.saturating_sub(*oldest) + Duration::from_millis(1),
        None => Duration::ZERO,
    };
    of_pace.max(of_window)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, text: &str, expected: &str) -> ProbeVerdict {
        let answer = ProbeAnswer {
            status,
            text: Some(text.as_bytes().to_vec()),
        };
        ProbeVerdict::of(&answer, &[expected.to_owned()])
    }

    #[test]
    fn the_text_has_to_stand_in_a_successful_answer() {
        for (status, text, wanted) in [
            (200, "4f2c1d9", ProbeVerdict::Right),
            (204, r#"{"commit":"4f2c1d90a1b2"}"#, ProbeVerdict::Right),
            (200, "v4f2c1d9", ProbeVerdict::Right),
            (200, "a4f2c1d9", ProbeVerdict::Other),
            (200, "A4f2c1d9", ProbeVerdict::Other),
            (200, "a4f2c1d9 4f2c1d9", ProbeVerdict::Right),
            (200, "4F2C1D9", ProbeVerdict::Other),
            (200, "", ProbeVerdict::Other),
            (200, "<h1>We will be back soon</h1>", ProbeVerdict::Other),
            (503, "4f2c1d9", ProbeVerdict::Status(503)),
            (302, "4f2c1d9", ProbeVerdict::Status(302)),
        ] {
            assert_eq!(said(status, text, "4f2c1d9"), wanted, "{status} {text}");
        }
        // What begins with another letter cannot be the end of a number.
        assert_eq!(said(200, "1.2.3-4f2c1d9", "-4f2c1d9"), ProbeVerdict::Right);
        assert_eq!(said(200, "anything", ""), ProbeVerdict::Other);
        let none = ProbeAnswer {
            status: 200,
            text: None,
        };
        assert_eq!(
            ProbeVerdict::of(&none, &["x".into()]),
            ProbeVerdict::NoHeader
        );
    }

    #[test]
    fn answers_count_in_a_row_only() {
        let mut streak = Streak::new(3);
        let right = Some(ProbeVerdict::Right);
        for (answer, is_complete) in [
            (right, false),
            (right, false),
            (Some(ProbeVerdict::Other), false),
            (right, false),
            (right, false),
            (None, false),
            (right, false),
            (right, false),
            (right, true),
        ] {
            assert_eq!(streak.count(answer), is_complete, "{answer:?}");
        }
        assert!(Streak::new(1).count(right) && Streak::new(0).count(right));
        assert!(!Streak::new(1).count(None));
    }

    /// Plays requests whose answers are wrong until `old`, and gives the time of each.
    fn played(old: Duration, times: u32) -> Vec<Duration> {
        let (mut now, mut asked, mut streak) =
            (Duration::ZERO, Vec::<Duration>::new(), Streak::new(times));
        loop {
            let in_window = asked.iter().rev().map(|at| now - *at);
            let ages: Vec<Duration> = in_window.take_while(|age| *age < WINDOW).collect();
            now += pause(&ages, streak.has_begun());
            asked.push(now);
            let answer = if now < old {
                ProbeVerdict::Other
            } else {
                ProbeVerdict::Right
            };
            if streak.count(Some(answer)) {
                return asked;
            }
        }
    }

    #[test]
    fn no_minute_has_more_than_thirty_requests_and_no_two_are_closer_than_a_second() {
        for old in [0, 5, 9, 30, 58, 61, 300] {
            for times in [1, 3, 20] {
                let asked = played(Duration::from_secs(old), times);
                for (at, first) in asked.iter().enumerate() {
                    let within = asked[at..].iter().filter(|other| **other - *first < WINDOW);
                    assert!(within.count() <= MOST_REQUESTS, "{old} {times}: {asked:?}");
                }
                let close = asked.windows(2).find(|pair| pair[1] - pair[0] < SOON);
                assert_eq!(close, None, "{old} {times}");
            }
        }
    }

    #[test]
    fn the_end_comes_soon_after_the_last_old_answer() {
        // Every tenth of a second at which an old instance may stop to answer, over five minutes.
        let median = |times| {
            let mut lags: Vec<Duration> = (0..3000)
                .map(|tenth| {
                    let old = Duration::from_millis(tenth * 100 + 1);
                    played(old, times).last().copied().unwrap_or_default() - old
                })
                .collect();
            lags.sort();
            lags[lags.len() / 2]
        };
        assert!(median(1) <= Duration::from_millis(1500), "{:?}", median(1));
        assert!(median(3) <= Duration::from_millis(5500), "{:?}", median(3));
    }
}
