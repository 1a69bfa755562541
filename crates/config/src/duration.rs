//! Durations as Go writes them: `500ms`, `10s`, `1m30s`.

use std::fmt::Write;
use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// It is not of the form.
    #[error("must be a duration")]
    Malformed,
    /// A number stands without a unit.
    #[error("must be a duration with a unit")]
    NoUnit,
    /// The unit is none of `ns us µs ms s m h`.
    #[error("must be a duration in the units ns, us, ms, s, m and h")]
    UnknownUnit,
    /// It is less than nothing.
    #[error("must not be negative")]
    Negative,
    /// It is longer than 292 years.
    #[error("must be a duration of at most 2562047h")]
    TooLong,
}

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
];

/// Reads a duration: one or more decimal numbers, each with a unit, or a bare `0`.
///
/// # Errors
///
/// It isn't one, or it is negative, which Go allows and nothing that we configure does.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if unsigned == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = unsigned;
    let mut nanoseconds = 0_u128;
    if rest.is_empty() {
        return Err(InvalidDuration::Malformed);
    }
    while !rest.is_empty() {
        let (part, after) = first_part(rest)?;
        nanoseconds = nanoseconds.saturating_add(part);
        rest = after;
    }
    // Go counts nanoseconds in an int64.
    let nanoseconds = i64::try_from(nanoseconds).map_err(|_| InvalidDuration::TooLong)?;
    match (negative, nanoseconds) {
        (true, 1..) => Err(InvalidDuration::Negative),
        _ => Ok(Duration::from_nanos(nanoseconds.unsigned_abs())),
    }
}

/// Takes `1.5h` off the front, as nanoseconds. Digits below a nanosecond are cut off, as in Go.
fn first_part(text: &str) -> Result<(u128, &str), InvalidDuration> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(InvalidDuration::Malformed);
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    if unit.is_empty() {
        return Err(InvalidDuration::NoUnit);
    }
    let unit = UNITS.iter().find(|(name, _)| *name == unit).ok_or(InvalidDuration::UnknownUnit)?.1;
    let unit = u128::from(unit);
    let whole: u128 = match whole {
        "" => 0,
        digits if digits.len() > 30 => return Err(InvalidDuration::TooLong),
        digits => digits.parse().map_err(|_| InvalidDuration::TooLong)?,
    };
    // 15 digits are enough to be exact to the nanosecond for every unit.
    let fraction = &fraction[..fraction.len().min(15)];
    let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().unwrap_or(0) };
    Ok((whole.saturating_mul(unit).saturating_add(fraction * unit / scale), rest))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Writes a duration in the largest units that are exact: `1h30m`, `500ms`, `0s`.
pub fn format(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for unit in ["h", "m", "s", "ms", "us", "ns"] {
        let size =
            UNITS.iter().find(|(name, _)| *name == unit).map_or(1, |(_, size)| u128::from(*size));
        if rest >= size {
            // Writing to a string cannot fail.
            write!(text, "{}{unit}", rest / size).unwrap_or_default();
            rest %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("-0", 0),
            ("10s", 10_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5ms", 500_000),
            ("5.s", 5_000_000_000),
            ("+3us2ns", 3_002),
            ("1µs", 1_000),
            ("1.0000000001s", 1_000_000_000),
            ("2562047h", 9_223_369_200_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        for (text, error) in [
            ("", InvalidDuration::Malformed),
            ("s", InvalidDuration::Malformed),
            (".s", InvalidDuration::Malformed),
            ("5", InvalidDuration::NoUnit),
            ("1d", InvalidDuration::UnknownUnit),
            ("5 s", InvalidDuration::UnknownUnit),
            ("1s-1s", InvalidDuration::UnknownUnit),
            ("-1s", InvalidDuration::Negative),
            ("2562048h", InvalidDuration::TooLong),
            ("99999999999999999999999999999999h", InvalidDuration::TooLong),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        for text in ["0s", "1h30m", "500ms", "1m30s", "1us1ns"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }
}
