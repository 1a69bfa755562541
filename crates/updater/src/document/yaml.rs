//! Writes YAML that every reader reads back equal.
//!
//! `serde_yaml` leaves strings plain that Go's reader, and so the collector's, takes for something else. Here a string is
//! plain only when no reader can take it for anything else, see [`yaml::string`].

use std::collections::BTreeMap;

use config::yaml;

use super::value::Value;

/// Writes a map as a document.
pub(super) fn write(map: &BTreeMap<String, Value>) -> String {
    if map.is_empty() {
        return "{}\n".to_owned();
    }
    let mut writer = Writer { text: String::new() };
    writer.map(map, 0);
    writer.text
}

struct Writer {
    text: String,
}

impl Writer {
    /// Writes the entries, each at the beginning of a line; the first one where the text ends.
    fn map(&mut self, map: &BTreeMap<String, Value>, indent: usize) {
        for (index, (key, value)) in map.iter().enumerate() {
            if index > 0 {
                self.indent(indent);
            }
            self.string(key);
            self.text.push(':');
            match value {
                Value::Map(map) if !map.is_empty() => {
                    self.text.push('\n');
                    self.indent(indent + 1);
                    self.map(map, indent + 1);
                }
                Value::List(list) if !list.is_empty() => {
                    self.text.push('\n');
                    self.indent(indent + 1);
                    self.list(list, indent + 1);
                }
                value => {
                    self.text.push(' ');
                    self.leaf(value, indent + 1);
                }
            }
        }
    }

    fn list(&mut self, list: &[Value], indent: usize) {
        for (index, value) in list.iter().enumerate() {
            if index > 0 {
                self.indent(indent);
            }
            self.text.push_str("- ");
            match value {
                Value::Map(map) if !map.is_empty() => self.map(map, indent + 1),
                Value::List(list) if !list.is_empty() => self.list(list, indent + 1),
                value => self.leaf(value, indent + 1),
            }
        }
    }

    /// Writes what has nothing below it, to the end of the line. `indent` is for the lines of a text.
    fn leaf(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.text.push_str("null"),
            Value::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Value::Number(text) => self.text.push_str(text),
            Value::String(text) if reads_well_as_block(text) => return self.block(text, indent),
            Value::String(text) => self.string(text),
            Value::List(_) => self.text.push_str("[]"),
            Value::Map(_) => self.text.push_str("{}"),
        }
        self.text.push('\n');
    }

    fn string(&mut self, text: &str) {
        self.text.push_str(&yaml::string(text));
    }

    /// Several lines as they are.
    fn block(&mut self, text: &str, indent: usize) {
        self.text.push_str(if text.ends_with('\n') { "|\n" } else { "|-\n" });
        for line in text.lines() {
            if !line.is_empty() {
                self.indent(indent);
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
    }

    fn indent(&mut self, indent: usize) {
        for _ in 0..indent {
            self.text.push_str("  ");
        }
    }
}

/// Whether a text has lines that can be shown as lines: the first one says how far they are indented, and at most one line
/// break is at the end.
fn reads_well_as_block(text: &str) -> bool {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
        && !lines.ends_with('\n')
        && lines.starts_with(|c: char| c.is_ascii_graphic())
        && text.chars().all(|c| c == '\n' || yaml::is_printable(c))
}
