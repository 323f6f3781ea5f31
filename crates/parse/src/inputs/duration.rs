//! Durations, as people write them.

use model::Refused;
use std::time::Duration;

/// The longest duration that an input may name.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// Reads `45s`, `4m`, `1h30m`: whole hours, minutes and seconds in that order, at most 6 hours.
///
/// # Errors
/// Refuses other shapes, a number without a unit, and more than 6 hours; `what` names the input.
pub fn parse_duration(what: &'static str, text: &str) -> Result<Duration, Refused> {
    let refused = || {
        Refused::new(
            what,
            text.as_bytes(),
            "a duration of at most 6h, like 45s, 4m or 1h30m",
        )
    };
    let (mut rest, mut seconds, mut units) =
        (text, 0_u64, [('h', 3600), ('m', 60), ('s', 1)].into_iter());
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = rest[digits..].chars().next().ok_or_else(refused)?;
        let (_, factor) = units.find(|(name, _)| *name == unit).ok_or_else(refused)?;
        let count: u64 = rest[..digits].parse().map_err(|_| refused())?;
        seconds = count
            .checked_mul(factor)
            .and_then(|more| seconds.checked_add(more))
            .ok_or_else(refused)?;
        rest = &rest[digits + 1..];
    }
    let duration = Duration::from_secs(seconds);
    if text.is_empty() || duration > LONGEST {
        Err(refused())
    } else {
        Ok(duration)
    }
}
