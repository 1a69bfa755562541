//! Shapes as JSON Schema, in the words of draft 7, which every editor reads.
//!
//! Every value may be null, which leaves the default as it is, and every value may be a text with a reference in it
//! (`${env:NAME}`), which stands for whatever it expands to.

use serde_json::{Map, Value, json};

use super::{Field, Schema};

/// Matches what has a reference in it.
pub const EXPANSION: &str = r"\$\{";

/// A duration as [`crate::duration`] reads it.
const DURATION: &str = r"^[+-]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$|\$\{";

impl Schema {
    /// The shape as JSON Schema.
    pub fn json(&self) -> Value {
        match self {
            Self::Any => json!({}),
            Self::Bool => typed(&["boolean"], EXPANSION, []),
            Self::Integer { min, max } => typed(&["integer"], EXPANSION, bounds(*min, *max)),
            Self::Number => typed(&["number"], EXPANSION, []),
            Self::String => json!({"type": ["string", "null"]}),
            Self::Duration => typed(&["integer"], DURATION, [("minimum", json!(0))]),
            Self::Enum { values, ignore_case, .. } => names(values, *ignore_case),
            Self::List(items) if **items == Self::String => {
                json!({"type": ["array", "string", "null"], "items": Self::String.json()})
            }
            Self::List(items) => typed(&["array"], EXPANSION, [("items", items.json())]),
            Self::Map(values) => {
                typed(&["object"], EXPANSION, [("additionalProperties", values.json())])
            }
            Self::Headers => headers(),
            Self::Section { fields, .. } => self.with_description(section(fields)),
            Self::Optional(inner) => optional(inner),
            Self::Secret(inner) | Self::Nullable(inner) => inner.json(),
        }
    }

    fn with_description(&self, mut schema: Value) -> Value {
        describe(&mut schema, &[self.doc(), self.missing()]);
        schema
    }

    /// What upstream has and this program hasn't.
    fn missing(&self) -> String {
        let names = match self.bare() {
            Self::Section { not_supported, .. } => not_supported.as_slice(),
            Self::Enum { not_supported, .. } => not_supported,
            _ => &[],
        };
        match names {
            [] => String::new(),
            names => format!("Not supported yet: {}.", names.join(", ")),
        }
    }
}

/// Some types, or null, or a text that matches the pattern.
fn typed<const N: usize>(types: &[&str], pattern: &str, rules: [(&str, Value); N]) -> Value {
    let types: Vec<_> = types.iter().copied().chain(["string", "null"]).collect();
    let mut schema = json!({"type": types, "pattern": pattern});
    for (rule, value) in rules.into_iter().filter(|(_, value)| !value.is_null()) {
        schema[rule] = value;
    }
    schema
}

/// Numbers that a document cannot hold anyway bound nothing.
fn bounds(min: i128, max: i128) -> [(&'static str, Value); 2] {
    let min = i64::try_from(min).ok().filter(|min| *min > i64::MIN);
    let max = i64::try_from(max).ok().filter(|max| *max < i64::MAX);
    [("minimum", json!(min)), ("maximum", json!(max))]
}

fn names(values: &[&str], ignore_case: bool) -> Value {
    let mut listed: Vec<Value> = values.iter().map(|name| json!(name)).collect();
    listed.push(Value::Null);
    let mut patterns = vec![EXPANSION.to_owned()];
    if ignore_case {
        // Patterns have no switch for it.
        let letter = |c: char| match c.is_ascii_alphabetic() {
            true => format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase()),
            false => c.to_string(),
        };
        patterns.extend(values.iter().map(|name| {
            let name: String = name.chars().map(letter).collect();
            format!("^{name}$")
        }));
    }
    json!({"anyOf": [{"enum": listed}, {"type": "string", "pattern": patterns.join("|")}]})
}

fn headers() -> Value {
    let text = Schema::String.json();
    let pair = json!({
        "type": "object",
        "properties": {"name": text, "value": text},
        "required": ["name"],
        "additionalProperties": false,
    });
    typed(&["object", "array"], EXPANSION, [("additionalProperties", text), ("items", pair)])
}

fn section(fields: &[Field]) -> Value {
    let properties: Map<_, _> =
        fields.iter().map(|field| (field.key.to_owned(), option(field))).collect();
    map(properties)
}

/// A map with these keys, and no others but those that lead several levels down at once (`a::b`).
pub fn map(properties: Map<String, Value>) -> Value {
    let rules = [
        ("properties", Value::Object(properties)),
        ("patternProperties", json!({"::": {}})),
        ("additionalProperties", json!(false)),
    ];
    typed(&["object"], EXPANSION, rules)
}

/// A section that is turned off by `enabled: false`, unless it has such a key itself.
fn optional(inner: &Schema) -> Value {
    let mut schema = inner.json();
    if let Schema::Section { fields, .. } = inner.bare()
        && fields.iter().all(|field| field.key != "enabled")
    {
        let mut enabled = Schema::Bool.json();
        describe(&mut enabled, &["Whether the section is in force.".to_owned()]);
        schema["properties"]["enabled"] = enabled;
    }
    schema
}

fn option(field: &Field) -> Value {
    let mut schema = field.schema.json();
    let required = if field.required { "Required." } else { "" };
    describe(&mut schema, &[field.meaning(), required.to_owned(), field.schema.missing()]);
    if let Some(default) = &field.default
        && let Some(default) = default_value(default, field.schema.bare())
    {
        schema["default"] = default;
    }
    schema
}

fn describe(schema: &mut Value, parts: &[String]) {
    let parts: Vec<_> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    if !parts.is_empty() {
        schema["description"] = json!(parts.join("\n"));
    }
}

/// A default as it is written in a document, as JSON.
fn default_value(text: &str, schema: &Schema) -> Option<Value> {
    match schema {
        // A name may look like a number.
        Schema::Enum { .. } | Schema::Duration if text != "\"\"" => Some(json!(text)),
        Schema::List(items) if **items != Schema::String => {
            let elements = text.strip_prefix('[')?.strip_suffix(']')?;
            let elements = elements.split(", ").filter(|element| !element.is_empty());
            elements.map(|element| default_value(element, items.bare())).collect()
        }
        // The id of a component is a string without quotation marks.
        Schema::String => Some(serde_json::from_str(text).unwrap_or_else(|_| json!(text))),
        _ => serde_json::from_str(text).ok(),
    }
}

#[cfg(test)]
mod tests;
