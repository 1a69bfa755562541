//! `kmagent schema`: the JSON Schema of a collector configuration, made from the types that read it.
//!
//! Draft 2020-12, in the words that draft-07 has too, which is what editors know.

use collector::{Kind, Registry};
use config::{Field, Schema};
use serde_json::{Map, Value, json};

/// The schema of the whole document.
pub(crate) fn document(registry: &Registry) -> Value {
    let mut properties = Map::new();
    for kind in Kind::ALL {
        let of_kind = registry.components().into_iter().filter(|info| info.kind == kind);
        let mut patterns = Map::new();
        for info in of_kind {
            let names = std::iter::once(&info.type_name).chain(info.aliases);
            let names: Vec<_> = names.map(|name| name.as_str()).collect();
            let key = format!("^({})(/.+)?$", names.join("|"));
            patterns.insert(key, or_null(value(&(info.shape)())));
        }
        let section = json!({
            "type": ["object", "null"],
            "patternProperties": patterns,
            "additionalProperties": false,
        });
        properties.insert(kind.section().to_owned(), section);
    }
    properties.insert("service".to_owned(), service(registry));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "kmagent collector configuration",
        "type": "object",
        "properties": properties,
        "patternProperties": levels(),
        "additionalProperties": false,
        "$defs": {"reference": {"type": "string", "pattern": "\\$\\{"}},
    })
}

fn service(registry: &Registry) -> Value {
    let ids = json!({"type": ["array", "null"], "items": {"type": "string"}});
    let pipeline = json!({
        "type": "object",
        "properties": {"receivers": ids, "processors": ids, "exporters": ids},
        "additionalProperties": false,
    });
    let telemetry = registry.telemetry_shape().map_or_else(|| json!(true), |shape| value(&shape));
    json!({
        "type": ["object", "null"],
        "properties": {
            "extensions": ids,
            "telemetry": or_null(telemetry),
            "pipelines": {
                "type": ["object", "null"],
                "patternProperties": {"^(traces|metrics|logs)(/.+)?$": pipeline},
                "additionalProperties": false,
            },
        },
        "patternProperties": levels(),
        "additionalProperties": false,
    })
}

/// Keys that lead several levels down in one (`a::b`) cannot be described.
fn levels() -> Value {
    json!({"::": true})
}

/// Every key may have nothing after it.
fn or_null(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// Every value that is not a map or a list may be a reference instead.
fn or_reference(schema: Value) -> Value {
    json!({"anyOf": [schema, {"$ref": "#/$defs/reference"}]})
}

fn value(schema: &Schema) -> Value {
    match schema {
        Schema::Any => json!(true),
        Schema::Bool => or_reference(json!({"type": "boolean"})),
        Schema::Integer { min, max } => or_reference(integer(*min, *max)),
        Schema::Number => or_reference(json!({"type": "number"})),
        Schema::String => json!({"type": "string"}),
        Schema::Duration => or_reference(json!({
            "anyOf": [
                {"type": "string", "pattern": "^[-+]?(0|([0-9]*\\.?[0-9]*(ns|us|µs|μs|ms|s|m|h))+)$"},
                {"type": "integer"},
            ]
        })),
        Schema::Secret(inner) => value(inner),
        Schema::Enum { values, .. } => or_reference(json!({"enum": values})),
        Schema::List(element) => {
            json!({"type": ["array", "null"], "items": value(element)})
        }
        Schema::Map(element) => {
            json!({"type": ["object", "null"], "additionalProperties": or_null(value(element))})
        }
        Schema::Headers => json!({
            "anyOf": [
                {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
                {"type": "array", "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
                }},
                {"type": "null"},
            ]
        }),
        Schema::Section { doc, fields, .. } => section(doc, fields),
        Schema::Optional(inner) | Schema::Nullable(inner) => or_null(value(inner)),
    }
}

fn integer(min: i128, max: i128) -> Value {
    let mut schema = json!({"type": "integer"});
    // What no other number could be is not worth saying, and more than an editor can count.
    let bound = |bound: i128| i64::try_from(bound).ok().filter(|it| it.unsigned_abs() < 1 << 53);
    if let Some(min) = bound(min) {
        schema["minimum"] = json!(min);
    }
    if let Some(max) = bound(max) {
        schema["maximum"] = json!(max);
    }
    schema
}

fn section(doc: &str, fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|Field { key, doc, schema, default }| {
            let mut property = or_null(value(schema));
            if !doc.is_empty() {
                property["description"] = json!(doc);
            }
            if let Some(default) = default {
                property["default"] = json!(default.trim_matches('"'));
            }
            ((*key).to_owned(), property)
        })
        .collect();
    let mut schema = json!({
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": levels(),
        "additionalProperties": false,
    });
    if !doc.is_empty() {
        schema["description"] = json!(doc);
    }
    schema
}
