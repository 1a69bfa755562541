//! Attribute values as text.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pdata::ValueRef;

use crate::number;

/// A value as upstream's `AsString` gives it: strings as they are, maps and lists as JSON.
pub(crate) fn plain(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Empty => String::new(),
        ValueRef::Str(text) => text.to_owned(),
        ValueRef::Bool(value) => value.to_string(),
        ValueRef::Int(value) => value.to_string(),
        ValueRef::Double(value) => number::ecmascript(value),
        ValueRef::Bytes(bytes) => BASE64_STANDARD.encode(bytes),
        ValueRef::List(_) | ValueRef::Map(_) => {
            let mut json = String::new();
            write_json(&mut json, value);
            json
        }
    }
}

/// A value with its type: `Str(x)`.
pub(crate) fn typed(value: ValueRef<'_>) -> String {
    let name = match value {
        ValueRef::Empty => "Empty",
        ValueRef::Str(_) => "Str",
        ValueRef::Bool(_) => "Bool",
        ValueRef::Int(_) => "Int",
        ValueRef::Double(_) => "Double",
        ValueRef::Bytes(_) => "Bytes",
        ValueRef::List(_) => "Slice",
        ValueRef::Map(_) => "Map",
    };
    format!("{name}({})", plain(value))
}

/// Compact JSON with sorted keys, as Go's encoder without HTML escaping.
fn write_json(out: &mut String, value: ValueRef<'_>) {
    match value {
        ValueRef::Empty => out.push_str("null"),
        ValueRef::Str(text) => write_string(out, text),
        ValueRef::Bytes(_) => write_string(out, &plain(value)),
        ValueRef::Double(number) if !number.is_finite() => write_string(out, &plain(value)),
        ValueRef::Bool(_) | ValueRef::Int(_) | ValueRef::Double(_) => out.push_str(&plain(value)),
        ValueRef::List(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json(out, element);
            }
            out.push(']');
        }
        ValueRef::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write_json(out, value);
            }
            out.push('}');
        }
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use pdata::Value;

    use super::*;

    #[test]
    fn scalars_are_plain() {
        let cases = [
            (Value::Empty, "", "Empty()"),
            (Value::Str("a \"b\"".to_owned()), "a \"b\"", "Str(a \"b\")"),
            (Value::Bool(true), "true", "Bool(true)"),
            (Value::Int(-7), "-7", "Int(-7)"),
            (Value::Double(1e21), "1e+21", "Double(1e+21)"),
            (Value::Bytes(vec![1, 2, 255]), "AQL/", "Bytes(AQL/)"),
        ];
        for (value, text, with_type) in cases {
            assert_eq!(plain(value.as_ref()), text);
            assert_eq!(typed(value.as_ref()), with_type);
        }
    }

    #[test]
    fn maps_and_lists_are_json_with_sorted_keys() {
        let list = Value::List(vec![
            Value::Empty,
            Value::Double(f64::NAN),
            Value::Bytes(vec![0]),
            Value::Str("<\n\u{1}\u{2028}\\\">é".to_owned()),
        ]);
        let map = Value::Map(vec![("b".to_owned(), Value::Int(1)), ("a".to_owned(), list)]);
        let json = r#"{"a":[null,"NaN","AA==","<\n\u0001\u2028\\\">é"],"b":1}"#;
        assert_eq!(typed(map.as_ref()), format!("Map({json})"));
    }
}
