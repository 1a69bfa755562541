//! The form of a line: upstream's, so that whoever reads a collector's log can read ours.

use std::collections::BTreeMap;
use std::fmt::Debug;

use chrono::{DateTime, Local};
use config::Node;
use serde_json::{Map, Value};
use tracing::Metadata;
use tracing::field::{Field, Visit};

use crate::config::Encoding;

/// How lines are written.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) encoding: Encoding,
    /// Whether lines say which file and line of the program wrote them.
    pub(super) caller: bool,
    /// Fields of every line.
    pub(super) fields: Map<String, Value>,
}

impl Style {
    /// Without anything that only a configuration can ask for.
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, caller: true, fields: Map::new() }
    }

    /// A line with its end.
    pub(super) fn line(&self, metadata: &Metadata<'_>, fields: &Fields) -> String {
        self.line_at(Local::now(), metadata, fields)
    }

    fn line_at(&self, time: DateTime<Local>, metadata: &Metadata<'_>, fields: &Fields) -> String {
        let time = time.format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string();
        let level = metadata.level().as_str().to_lowercase();
        let caller = Some(caller(metadata)).filter(|_| self.caller);
        let mut rest = self.fields.clone();
        rest.extend(fields.values.iter().map(|(key, value)| (key.clone(), value.clone())));
        match self.encoding {
            Encoding::Console => {
                let mut parts = vec![time, level];
                parts.extend(caller);
                parts.push(printable(fields.message()));
                if !rest.is_empty() {
                    parts.push(Value::Object(rest).to_string());
                }
                parts.join("\t") + "\n"
            }
            Encoding::Json => {
                let mut line = Map::new();
                line.insert("level".to_owned(), level.into());
                line.insert("ts".to_owned(), time.into());
                line.extend(caller.map(|caller| ("caller".to_owned(), caller.into())));
                line.insert("msg".to_owned(), fields.message().into());
                // What the line is made of wins over fields of the same names.
                for (key, value) in rest {
                    line.entry(key).or_insert(value);
                }
                Value::Object(line).to_string() + "\n"
            }
        }
    }
}

/// The crate, the file and the line, as `collector/life.rs:62`.
fn caller(metadata: &Metadata<'_>) -> String {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    let file = metadata.file().unwrap_or("unknown");
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    format!("{crate_name}/{name}:{}", metadata.line().unwrap_or_default())
}

/// A text that can do nothing to a terminal but fill it.
fn printable(text: &str) -> String {
    let is_harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_harmful) {
        return text.to_owned();
    }
    let escaped =
        |c: char| if is_harmful(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

/// The fields of a line, in order, and its message.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    message: String,
    values: Vec<(String, Value)>,
}

impl Fields {
    /// The text of the line.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The fields of a span; those of a component get upstream's names.
    pub(super) fn of_span(mut self, name: &str) -> Self {
        let Some(kind) = super::layer::Component::kind(name) else { return self };
        for (key, _) in &mut self.values {
            match key.as_str() {
                "id" => *key = "otelcol.component.id".to_owned(),
                "pipeline" => *key = "otelcol.pipeline.id".to_owned(),
                _ => {}
            }
        }
        self.values.push(("otelcol.component.kind".to_owned(), kind.to_string().into()));
        self
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.values.extend(other.values.iter().cloned());
    }

    pub(super) fn take_over(&mut self, other: Self) {
        self.values.extend(other.values);
        self.message = other.message;
    }

    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.values.push((field.name().to_owned(), value.into()));
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            _ => self.add(field, value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.add(field, format!("{value:?}")),
        }
    }
}

/// Fields from a configuration, as JSON has them.
pub(super) fn fields(nodes: &BTreeMap<String, Node>) -> Map<String, Value> {
    nodes.iter().map(|(key, node)| (key.clone(), json(node))).collect()
}

fn json(node: &Node) -> Value {
    if node.is_tainted() {
        return config::REDACTED.into();
    }
    if let Some(map) = node.as_map() {
        return map.iter().map(|(key, node)| (key.to_owned(), json(node))).collect();
    }
    if let Some(list) = node.as_list() {
        return list.iter().map(json).collect();
    }
    let text = || node.text().map(Value::from);
    let bool = || node.as_bool().map(Value::from);
    let number = || node.as_i64().map(Value::from);
    let float = || node.as_f64().map(Value::from);
    text().or_else(bool).or_else(number).or_else(float).unwrap_or(Value::Null)
}
