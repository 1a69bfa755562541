//! Writes YAML that every reader reads back equal.
//!
//! `serde_yaml` leaves strings plain that Go's reader, and so the collector's, takes for something else: `1_000`, `2023-03-20`,
//! `0X1F`. Here a string is plain only when no reader can take it for anything else, and quoted otherwise.

use std::collections::BTreeMap;
use std::fmt::Write as _;

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

/// Words that are no strings for some reader, old ones included.
const WORDS: [&str; 11] =
    ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan"];

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
        if is_plain(text) { self.text.push_str(text) } else { self.quoted(text) }
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

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\t' => self.text.push_str("\\t"),
                c if is_printable(c) => self.text.push(c),
                c => write!(self.text, "\\U{:08x}", u32::from(c)).expect("a String takes it"),
            }
        }
        self.text.push('"');
    }

    fn indent(&mut self, indent: usize) {
        for _ in 0..indent {
            self.text.push_str("  ");
        }
    }
}

/// Whether nobody takes the word for anything but a string, nor for a part of YAML's syntax.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '$'));
    let goes_on = text.chars().all(|c| c.is_ascii_alphanumeric() || "_./-:${}".contains(c));
    let ends = !text.ends_with(':');
    begins && goes_on && ends && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a text has lines that can be shown as lines: the first one says how far they are indented, and at most one line
/// break is at the end.
fn reads_well_as_block(text: &str) -> bool {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
        && !lines.ends_with('\n')
        && lines.starts_with(|c: char| c.is_ascii_graphic())
        && text.chars().all(|c| c == '\n' || is_printable(c))
}

/// YAML's printable characters, without those that somebody takes for a line break or for nothing at all.
fn is_printable(c: char) -> bool {
    !matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
