//! What a reply says about when to come back.

use std::time::Duration;

/// Values below this are seconds from now, values above are moments (seconds since 1970): Render's documentation says one
/// and shows the other (<https://api-docs.render.com/reference/rate-limiting>).
const FIRST_MOMENT: u64 = 1_000_000_000;

/// Reads `Retry-After` (seconds or a date), else `Ratelimit-Reset`, else GitHub's `X-RateLimit-Reset` where nothing remains.
pub fn wait<'a>(header: &dyn Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    let now = header("date").and_then(moment);
    if let Some(text) = header("retry-after") {
        let seconds = text
            .parse()
            .ok()
            .or_else(|| Some(moment(text)?.saturating_sub(now?)));
        return seconds.map(Duration::from_secs);
    }
    let reset = header("ratelimit-reset").or_else(|| {
        header("x-ratelimit-remaining")
            .filter(|remaining| *remaining == "0")
            .and_then(|_| header("x-ratelimit-reset"))
    })?;
    match reset.parse::<u64>().ok()? {
        seconds if seconds < FIRST_MOMENT => Some(Duration::from_secs(seconds)),
        moment => Some(Duration::from_secs(moment.saturating_sub(now?))),
    }
}

/// The seconds since 1970 of an HTTP date (`Sun, 06 Nov 1994 08:49:37 GMT`).
fn moment(text: &str) -> Option<u64> {
    let parsed = jiff::fmt::rfc2822::parse(&text.replace("GMT", "+0000")).ok()?;
    u64::try_from(parsed.timestamp().as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind_of_hint_without_a_clock_of_ours() {
        const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        type Headers = &'static [(&'static str, &'static str)];
        let table: [(Headers, Option<u64>); 9] = [
            (&[("retry-after", "7")], Some(7)),
            (
                &[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"), DATE],
                Some(60),
            ),
            (&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], None),
            (&[("retry-after", "soon")], None),
            (&[("ratelimit-reset", "45")], Some(45)),
            (
                &[
                    ("ratelimit-reset", "1784111790"),
                    ("date", "Wed, 15 Jul 2026 10:36:00 GMT"),
                ],
                Some(30),
            ),
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1784111790"),
                    ("date", "Wed, 15 Jul 2026 10:36:00 GMT"),
                ],
                Some(30),
            ),
            (
                &[
                    ("x-ratelimit-remaining", "5"),
                    ("x-ratelimit-reset", "1784111790"),
                    DATE,
                ],
                None,
            ),
            (&[], None),
        ];
        for (headers, wanted) in table {
            let header = |name: &str| {
                headers
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| *value)
            };
            assert_eq!(
                wait(&header),
                wanted.map(Duration::from_secs),
                "{headers:?}"
            );
        }
    }
}
