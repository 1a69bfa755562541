//! What a YAML scalar means, by the rules of Go's yaml.v3, which upstream reads with.
//!
//! Facts from its `resolve.go`: <https://github.com/go-yaml/yaml/blob/v3.0.1/resolve.go>.

use std::sync::Arc;

use crate::node::Content;

/// Reads a plain scalar without a tag.
///
/// # Errors
///
/// An integer that fits no `int64`.
pub(crate) fn resolve(text: &str) -> Result<Content, String> {
    if let Some(word) = word(text) {
        return Ok(word);
    }
    match text.bytes().next() {
        Some(b'0'..=b'9' | b'+' | b'-') => number(text),
        // yaml.v3 allows no underscores here.
        Some(b'.') => Ok(float(text).map_or_else(|| string(text), Content::Float)),
        _ => Ok(string(text)),
    }
}

/// Reads a scalar as its tag says; `tag` is the name after `tag:yaml.org,2002:`.
///
/// # Errors
///
/// The text is not of that type.
pub(crate) fn resolve_tagged(text: &str, tag: &str) -> Result<Content, String> {
    let resolved = match tag {
        "str" => return Ok(string(text)),
        "binary" => return decode_base64(text).map(|text| string(&text)),
        "timestamp" if is_timestamp(text) => return Ok(Content::Timestamp(text.into())),
        _ => resolve(text)?,
    };
    match (tag, resolved) {
        #[expect(clippy::cast_precision_loss, reason = "the nearest float is what is asked for")]
        ("float", Content::Int(value)) => Ok(Content::Float(value as f64)),
        ("int", Content::Float(value)) if value.fract() == 0.0 => Ok(Content::Float(value)),
        (tag, resolved) if tag_of(&resolved) == tag => Ok(resolved),
        _ => Err(format!("the value is no !!{tag}")),
    }
}

fn tag_of(content: &Content) -> &'static str {
    match content {
        Content::Null => "null",
        Content::Bool(_) => "bool",
        Content::Int(_) => "int",
        Content::Float(_) => "float",
        Content::String(_) => "str",
        Content::Timestamp(_) => "timestamp",
        Content::List(_) => "seq",
        Content::Map(_) => "map",
    }
}

/// The words that mean something. `yes`, `no`, `on` and `off` are strings.
fn word(text: &str) -> Option<Content> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Bool(true),
        "false" | "False" | "FALSE" => Content::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Content::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Content::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Content::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

/// What begins with a digit or a sign.
fn number(text: &str) -> Result<Content, String> {
    if is_timestamp(text) {
        return Ok(Content::Timestamp(text.into()));
    }
    let plain = text.replace('_', "");
    match integer(&plain) {
        Some(Ok(value)) => return Ok(Content::Int(value)),
        Some(Err(TooLarge)) => {
            return Err(
                "the integer is too large, ensure that values are wrapped in quotes".to_owned()
            );
        }
        None => {}
    }
    Ok(float(&plain).map_or_else(|| string(text), Content::Float))
}

struct TooLarge;

/// A Go integer literal with an optional sign: decimal, `0x`, `0b`, `0o`, or octal after a plain `0`. What fits a `uint64`
/// only is too large; what doesn't fit that either is no integer, and becomes a float if it is decimal.
fn integer(text: &str) -> Option<Result<i64, TooLarge>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // A second sign would pass `from_str_radix`.
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let size = i128::from(u64::from_str_radix(digits, radix).ok()?);
    match i64::try_from(if negative { -size } else { size }) {
        Ok(value) => Some(Ok(value)),
        Err(_) if negative => None,
        Err(_) => Some(Err(TooLarge)),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, finite.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    let exponent_fits = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    let value = (mantissa_fits && exponent_fits).then(|| text.parse::<f64>().ok()).flatten()?;
    value.is_finite().then_some(value)
}

/// `2006-1-2`, `2006-1-2 15:4:5.9`, or `2006-1-2T15:4:5.9Z07:00`, with `t` for `T` too.
fn is_timestamp(text: &str) -> bool {
    let Some((date, time)) = split_date(text) else { return false };
    match time.split_at_checked(1) {
        None => date,
        Some((" ", time)) => date && split_clock(time).is_some_and(str::is_empty),
        Some(("T" | "t", time)) => date && split_clock(time).is_some_and(is_zone),
        Some(_) => false,
    }
}

/// Whether there is a date at the front that the calendar has, and what follows it.
fn split_date(text: &str) -> Option<(bool, &str)> {
    let (year, rest) = split_number(text, 4, 4)?;
    let (month, rest) = split_number(rest.strip_prefix('-')?, 1, 2)?;
    let (day, rest) = split_number(rest.strip_prefix('-')?, 1, 2)?;
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    Some(((1..=days).contains(&day), rest))
}

/// What follows `15:4:5.9`.
fn split_clock(text: &str) -> Option<&str> {
    let (hour, rest) = split_number(text, 1, 2)?;
    let (minute, rest) = split_number(rest.strip_prefix(':')?, 1, 2)?;
    let (second, rest) = split_number(rest.strip_prefix(':')?, 1, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
            (end > 0).then(|| &fraction[end..])
        }
        None => Some(rest),
    }
}

fn is_zone(text: &str) -> bool {
    let offset = || {
        let (hours, rest) = split_number(text.strip_prefix(['+', '-'])?, 2, 2)?;
        let (minutes, rest) = split_number(rest.strip_prefix(':')?, 2, 2)?;
        Some(rest.is_empty() && hours <= 24 && minutes < 60)
    };
    text == "Z" || offset().unwrap_or(false)
}

fn split_number(text: &str, min: usize, max: usize) -> Option<(u32, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).take(max).count();
    let (digits, rest) = text.split_at(end);
    if end < min { None } else { Some((digits.parse().ok()?, rest)) }
}

/// Decodes `!!binary`, whose bytes have to be text for us.
fn decode_base64(text: &str) -> Result<String, String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let invalid = || "the value is no !!binary".to_owned();
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let padding = compact.iter().rev().take_while(|byte| **byte == b'=').count();
    if !compact.len().is_multiple_of(4) || padding > 2 {
        return Err(invalid());
    }
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for byte in &compact[..compact.len() - padding] {
        let digit = ALPHABET.iter().position(|letter| letter == byte).ok_or_else(invalid)?;
        bits = (bits << 6) | u32::try_from(digit).map_err(|_| invalid())?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(((bits >> held) & 0xff).to_le_bytes()[0]);
        }
    }
    String::from_utf8(bytes).map_err(|_| "!!binary that is no text is not supported".to_owned())
}

fn string(text: &str) -> Content {
    Content::String(Arc::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(text: &str) -> Option<i64> {
        match resolve(text) {
            Ok(Content::Int(value)) => Some(value),
            _ => None,
        }
    }

    #[test]
    fn integers_are_gos() {
        assert_eq!(int("0123"), Some(83));
        assert_eq!(int("0o17"), Some(15));
        assert_eq!(int("0x1F"), Some(31));
        assert_eq!(int("-0b101"), Some(-5));
        assert_eq!(int("1_000"), Some(1000));
        assert_eq!(int("+12"), Some(12));
        assert_eq!(int("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(int("+-1"), None);
        assert_eq!(int("0x"), None);
        assert!(resolve("9223372036854775808").is_err());
    }

    #[test]
    fn floats_and_what_only_looks_like_one() {
        for (text, value) in
            [("1.5", 1.5), ("08", 8.0), (".5", 0.5), ("1.048576e+06", 1_048_576.0), ("1.", 1.0)]
        {
            assert!(resolve(text) == Ok(Content::Float(value)), "{text}");
        }
        for text in
            ["1e", "1.2.3", ".", "-", "1e400", "0x1p3", "+", "10s", "infinity", "nan", "+.x"]
        {
            assert!(matches!(resolve(text), Ok(Content::String(_))), "{text}");
        }
    }

    #[test]
    fn words() {
        for text in ["yes", "no", "on", "off", "y", "tRue", "nil"] {
            assert!(matches!(resolve(text), Ok(Content::String(_))), "{text}");
        }
        for text in ["", "~", "null", "NULL"] {
            assert!(matches!(resolve(text), Ok(Content::Null)), "{text}");
        }
    }

    #[test]
    fn timestamps() {
        for text in [
            "2023-03-20T03:17:55.432328Z",
            "2023-3-2",
            "2023-03-20 3:17:55",
            "2024-02-29t00:00:00+01:00",
        ] {
            assert!(is_timestamp(text), "{text}");
        }
        for text in [
            "2006-01-02T15:04:05Z07:00",
            "2023-02-29",
            "2023-13-01",
            "20233-01-01",
            "2023-01-01T",
            "2023-01-01T00:00:00",
        ] {
            assert!(!is_timestamp(text), "{text}");
        }
    }

    #[test]
    fn tags_decide() {
        assert!(resolve_tagged("0123", "str") == Ok(string("0123")));
        assert!(resolve_tagged("3", "float") == Ok(Content::Float(3.0)));
        assert!(resolve_tagged("x", "int").is_err());
        assert!(resolve_tagged("aGVsbG8=", "binary") == Ok(string("hello")));
        assert!(resolve_tagged("aGVsbG8", "binary").is_err());
    }
}
