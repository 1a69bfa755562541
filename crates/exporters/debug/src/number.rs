//! Numbers and times as Go writes them.

use pdata::Number;

/// The value of a point: a whole number, or a double as Go's `%v`.
pub(crate) fn number(value: Number) -> String {
    match value {
        Number::Int(value) => value.to_string(),
        Number::Double(value) => go(value),
    }
}

/// A double as ECMAScript and Go's JSON write it: shortest, with an exponent below 1e-6 and from 1e21.
pub(crate) fn ecmascript(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        exponential(value, 1)
    } else {
        value.to_string()
    }
}

/// A double as Go's `%v`: shortest, with an exponent of at least two digits below 1e-4 and from 1e6 on.
pub(crate) fn go(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        fixed(value)
    } else if size != 0.0 && !(1e-4..1e6).contains(&size) {
        exponential(value, 2)
    } else {
        value.to_string()
    }
}

/// A double as `%f`: six decimals.
pub(crate) fn fixed(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        format!("{value:.6}")
    }
}

/// Shortest digits with a signed exponent of at least `digits` digits.
fn exponential(value: f64, digits: usize) -> String {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').expect("`{:e}` writes an exponent");
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{mantissa}e-{exponent:0>digits$}"),
        None => format!("{mantissa}e+{exponent:0>digits$}"),
    }
}

/// Nanoseconds since 1970 as Go's `time.Time` in UTC: `2006-01-02 15:04:05.5 +0000 UTC`.
pub(crate) fn timestamp(nanoseconds: u64) -> String {
    // Upstream reads the unsigned number as a signed one, so the last half of the range lies before 1970.
    let nanoseconds = nanoseconds.cast_signed();
    let seconds = nanoseconds.div_euclid(1_000_000_000);
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let mut fraction = format!(".{:09}", nanoseconds.rem_euclid(1_000_000_000));
    fraction.truncate(fraction.trim_end_matches('0').trim_end_matches('.').len());
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC")
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
/// [The algorithm](https://howardhinnant.github.io/date_algorithms.html#civil_from_days) counts years from March.
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let day_of_era = day.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_as_ecmascript() {
        let cases = [
            (0.0, "0"),
            (34.22, "34.22"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(ecmascript(value), text);
        }
    }

    #[test]
    fn doubles_as_go() {
        let cases = [
            (0.0, "0"),
            (123.456, "123.456"),
            (123_456.0, "123456"),
            (1_234_567.0, "1.234567e+06"),
            (1e6, "1e+06"),
            (0.0001, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (-1e100, "-1e+100"),
            (f64::INFINITY, "+Inf"),
        ];
        for (value, text) in cases {
            assert_eq!(go(value), text);
        }
    }

    #[test]
    fn times_as_go() {
        let cases = [
            (0, "1970-01-01 00:00:00 +0000 UTC"),
            (1_581_452_773_000_000_789, "2020-02-11 20:26:13.000000789 +0000 UTC"),
            (1_709_210_096_500_000_000, "2024-02-29 12:34:56.5 +0000 UTC"),
            (u64::MAX, "1969-12-31 23:59:59.999999999 +0000 UTC"),
        ];
        for (nanoseconds, text) in cases {
            assert_eq!(timestamp(nanoseconds), text);
        }
    }
}
