//! JSON, with its numbers as they were written.
//!
//! `serde_json::Value` rounds what fits neither 64 bits nor a float, unless a feature says otherwise, and a feature would say it
//! for every crate. So values are taken as raw text, one level at a time.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// How deep objects and arrays may be nested; the collector's reader allows no more either.
const MAX_DEPTH: usize = 100;
/// How long a key may be, in bytes. YAML allows 1024 characters.
const MAX_KEY: usize = 1000;

/// Why a JSON document is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDocument {
    /// Not JSON.
    #[error("the document is no valid JSON")]
    Syntax(#[source] serde_json::Error),
    /// JSON, but not an object.
    #[error("the document must be a JSON object")]
    NoObject,
    /// A number that no float holds.
    #[error("the document has a number that is out of range")]
    Number,
    /// Too deep.
    #[error("the document is nested deeper than {MAX_DEPTH} levels")]
    Depth,
    /// A key that YAML can't have.
    #[error("the document has a key longer than {MAX_KEY} bytes")]
    Key,
}

pub(super) enum Value {
    Null,
    Bool(bool),
    /// The number's text, which means the same in JSON and YAML.
    Number(String),
    String(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

impl Value {
    pub(super) fn read(json: &RawValue) -> Result<Self, InvalidDocument> {
        Self::read_at(json, 0)
    }

    fn read_at(json: &RawValue, depth: usize) -> Result<Self, InvalidDocument> {
        if depth > MAX_DEPTH {
            return Err(InvalidDocument::Depth);
        }
        let text = json.get();
        // The text is one valid value without space around it, so its first byte says what it is.
        match text.as_bytes().first() {
            Some(b'{') => {
                let Entries(entries) = parse(text)?;
                let mut map = BTreeMap::new();
                for (key, value) in entries {
                    if key.len() > MAX_KEY {
                        return Err(InvalidDocument::Key);
                    }
                    map.insert(key, Self::read_at(value, depth + 1)?);
                }
                Ok(Self::Map(map))
            }
            Some(b'[') => {
                let elements: Vec<&RawValue> = parse(text)?;
                let elements = elements.into_iter().map(|raw| Self::read_at(raw, depth + 1));
                Ok(Self::List(elements.collect::<Result<_, _>>()?))
            }
            Some(b'"') => Ok(Self::String(parse(text)?)),
            Some(b't' | b'f') => Ok(Self::Bool(parse(text)?)),
            Some(b'n') => Ok(Self::Null),
            _ => number(text).map(Self::Number).ok_or(InvalidDocument::Number),
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, InvalidDocument> {
    serde_json::from_str(text).map_err(InvalidDocument::Syntax)
}

/// An object's entries in their order.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// A JSON number as YAML has it: as an integer if it is one that fits, else as it was written.
fn number(text: &str) -> Option<String> {
    if let Some(integer) = integer(text) {
        return Some(integer.to_string());
    }
    let value: f64 = text.parse().ok()?;
    value.is_finite().then(|| text.to_owned())
}

/// The value of a JSON number that has no fraction, counted in its digits: no float comes near it.
fn integer(text: &str) -> Option<i64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    if matches!(significant, "" | "-") {
        return Some(0);
    }
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?
        - i64::try_from(fraction.len()).ok()?
        + i64::from(exponent.parse::<i32>().ok()?);
    // The largest integer has 19 digits.
    let zeros = usize::try_from(zeros).ok().filter(|zeros| *zeros < 19)?;
    format!("{significant}{}", "0".repeat(zeros)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_fraction_become_integers() {
        for (json, yaml) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("0e99999999999", "0"),
            ("1.048576e+06", "1048576"),
            ("1E3", "1000"),
            ("1.50e1", "15"),
            ("-12.000", "-12"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9007199254740993.0", "9007199254740993"),
        ] {
            assert_eq!(number(json).as_deref(), Some(yaml), "{json}");
        }
    }

    #[test]
    fn other_numbers_stay_as_they_are_written() {
        for json in [
            "0.1",
            "1.5e-7",
            "1.00000000000000000001",
            "9223372036854775808",
            "18446744073709551616",
            "1e30",
            "1e-400",
        ] {
            assert_eq!(number(json).as_deref(), Some(json));
        }
        for json in ["1e400", "-1e400", "1e99999999999"] {
            assert_eq!(number(json), None);
        }
    }
}
