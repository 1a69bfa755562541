//! As much of JSON Schema as the schema uses. A keyword that it doesn't know is a panic, so that none is left unchecked.

use regex::Regex;
use serde_json::{Map, Value};

pub(super) struct Validator {
    schema: Value,
}

/// Says something, but refuses nothing.
const NOTES: [&str; 6] = ["$schema", "title", "description", "default", "definitions", "$comment"];

impl Validator {
    pub(super) fn new(schema: Value) -> Self {
        Self { schema }
    }

    /// What is wrong with a value, as `/path/to/it: message`.
    pub(super) fn check(&self, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.visit(&self.schema, value, "", &mut problems);
        problems
    }

    fn visit(&self, schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
        let Some(keywords) = schema.as_object() else {
            assert_eq!(schema, &Value::Bool(false), "a schema is a map or `false`");
            return;
        };
        let place = if path.is_empty() { "/" } else { path };
        let mut report = |message: &str| problems.push(format!("{place}: {message}"));
        for (keyword, rule) in keywords {
            match keyword.as_str() {
                "type" if !has_type(rule, value) => report("wrong type"),
                "pattern" if !matches(rule, value) => report("does not match"),
                "enum" if !list(rule).contains(value) => report("none of the names"),
                "minimum" if value.as_f64().is_some_and(|it| it < number(rule)) => {
                    report("too small")
                }
                "maximum" if value.as_f64().is_some_and(|it| it > number(rule)) => {
                    report("too large")
                }
                "anyOf" if list(rule).iter().all(|one| !self.accepts(one, value)) => {
                    report("none of what it may be");
                }
                "type" | "pattern" | "enum" | "minimum" | "maximum" | "anyOf" => {}
                "required" => {
                    for key in list(rule).iter().filter_map(Value::as_str) {
                        if value.as_object().is_some_and(|map| !map.contains_key(key)) {
                            report(&format!("lacks `{key}`"));
                        }
                    }
                }
                "properties" | "patternProperties" | "additionalProperties" | "items" | "$ref" => {}
                note if NOTES.contains(&note) => {}
                unknown => panic!("the validator does not know `{unknown}`"),
            }
        }
        if let Some(reference) = keywords.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            self.visit(self.schema.pointer(pointer).unwrap(), value, path, problems);
        }
        if let (Some(items), Some(elements)) = (keywords.get("items"), value.as_array()) {
            for (place, element) in elements.iter().enumerate() {
                self.visit(items, element, &format!("{path}/{place}"), problems);
            }
        }
        if let Some(map) = value.as_object() {
            self.visit_map(keywords, map, path, problems);
        }
    }

    fn visit_map(
        &self,
        keywords: &Map<String, Value>,
        map: &Map<String, Value>,
        path: &str,
        problems: &mut Vec<String>,
    ) {
        let patterns = keywords.get("patternProperties").and_then(Value::as_object);
        for (key, value) in map {
            let inner = format!("{path}/{key}");
            let by_pattern = patterns.into_iter().flatten();
            let by_pattern = by_pattern.filter(|(pattern, _)| regex(pattern).is_match(key));
            let known = keywords.get("properties").and_then(|known| known.get(key));
            let schemas: Vec<_> =
                known.into_iter().chain(by_pattern.map(|(_, schema)| schema)).collect();
            for schema in &schemas {
                self.visit(schema, value, &inner, problems);
            }
            match keywords.get("additionalProperties") {
                Some(Value::Bool(false)) if schemas.is_empty() => {
                    let place = if path.is_empty() { "/" } else { path };
                    problems.push(format!("{place}: unknown key `{key}`"));
                }
                Some(schema) if schemas.is_empty() => self.visit(schema, value, &inner, problems),
                _ => {}
            }
        }
    }

    fn accepts(&self, schema: &Value, value: &Value) -> bool {
        let mut problems = Vec::new();
        self.visit(schema, value, "", &mut problems);
        problems.is_empty()
    }
}

fn list(rule: &Value) -> &[Value] {
    rule.as_array().expect("the keyword has a list")
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("patterns are regular expressions")
}

fn number(rule: &Value) -> f64 {
    rule.as_f64().expect("the keyword has a number")
}

fn matches(rule: &Value, value: &Value) -> bool {
    value.as_str().is_none_or(|text| regex(rule.as_str().unwrap()).is_match(text))
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let types = rule.as_array().map_or(std::slice::from_ref(rule), Vec::as_slice);
    types.iter().filter_map(Value::as_str).any(|name| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the validator does not know the type `{other}`"),
    })
}
