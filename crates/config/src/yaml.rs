//! Writes nodes as YAML that this crate reads back equal, with secrets hidden.

use std::sync::LazyLock;

use crate::node::{Content, Node, Span};
use crate::schema::{Field, Schema};
use crate::secret::REDACTED;

/// Writes a document part by part.
#[derive(Debug, Default)]
pub struct YamlWriter {
    text: String,
    /// Whether every line says where its value stands.
    with_origin: bool,
}

impl YamlWriter {
    /// A writer. With origin, each line of a value ends in a comment with the source, line and column that it came from.
    pub fn new(with_origin: bool) -> Self {
        Self { text: String::new(), with_origin }
    }

    /// What was written.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Writes a key with what stands below it, two spaces further in for each level of `depth`. What the schema calls a secret
    /// is not shown, nor is what a secret went into.
    pub fn entry(&mut self, depth: usize, key: &str, node: &Node, schema: Option<&Schema>) {
        self.indent(depth);
        self.text.push_str(&scalar(key));
        self.text.push(':');
        self.value(depth, node, schema);
    }

    /// Writes a key below which entries follow.
    pub fn heading(&mut self, depth: usize, key: &str) {
        self.indent(depth);
        self.text.push_str(&scalar(key));
        self.text.push_str(":\n");
    }

    fn indent(&mut self, depth: usize) {
        self.text.push_str(&"  ".repeat(depth));
    }

    /// What comes after a key's colon or a list's dash.
    fn value(&mut self, depth: usize, node: &Node, schema: Option<&Schema>) {
        let schema = schema.map(inner);
        if node.is_tainted() || matches!(schema, Some(Schema::Secret(_))) {
            let hidden = if node.is_null() { String::new() } else { format!("\"{REDACTED}\"") };
            return self.line(&hidden, node.span());
        }
        match &node.content {
            Content::Map(map) if !map.is_empty() => {
                self.text.push('\n');
                for (key, value) in map.iter() {
                    self.entry(depth + 1, key, value, below(schema, key));
                }
            }
            Content::List(elements) if !elements.is_empty() => {
                self.text.push('\n');
                let element = element(schema);
                for value in elements.iter() {
                    self.indent(depth + 1);
                    self.text.push('-');
                    self.value(depth + 1, value, element);
                }
            }
            _ => self.line(&flat(node, schema), node.span()),
        }
    }

    fn line(&mut self, value: &str, span: &Span) {
        if !value.is_empty() {
            self.text.push(' ');
            self.text.push_str(value);
        }
        if self.with_origin && !span.source.is_empty() {
            let source = span.source.escape_debug();
            match span.line {
                0 => self.text.push_str(&format!(" # {source}")),
                line => self.text.push_str(&format!(" # {source}:{line}:{}", span.column)),
            }
        }
        self.text.push('\n');
    }
}

/// The shape of what is there, when it is.
fn inner(schema: &Schema) -> &Schema {
    match schema {
        Schema::Optional(inner) | Schema::Nullable(inner) => self::inner(inner),
        other => other,
    }
}

/// The shape of what stands under a key.
fn below<'a>(schema: Option<&'a Schema>, key: &str) -> Option<&'a Schema> {
    match schema? {
        Schema::Section { fields, .. } => {
            fields.iter().find(|Field { key: known, .. }| *known == key).map(|field| &field.schema)
        }
        Schema::Map(value) => Some(value),
        // Of a list's names and values, only the values are secrets.
        Schema::Headers if key == "name" => None,
        Schema::Headers => Some(hidden()),
        _ => None,
    }
}

fn element(schema: Option<&Schema>) -> Option<&Schema> {
    match schema? {
        Schema::List(element) => Some(element),
        // A list of names and values.
        headers @ Schema::Headers => Some(headers),
        _ => None,
    }
}

fn hidden() -> &'static Schema {
    static HIDDEN: LazyLock<Schema> = LazyLock::new(|| Schema::Secret(Box::new(Schema::String)));
    &HIDDEN
}

fn flat(node: &Node, schema: Option<&Schema>) -> String {
    let is_text = matches!(schema, Some(Schema::String | Schema::Duration | Schema::Enum { .. }));
    if let Some(text) = node.text().filter(|_| is_text) {
        return scalar(text);
    }
    match &node.content {
        Content::Null => String::new(),
        Content::Bool(value) => value.to_string(),
        Content::Int(value) => value.to_string(),
        Content::Float(value) => float(*value),
        Content::String(value) => scalar(value),
        Content::Timestamp(value) => value.to_string(),
        Content::List(_) => "[]".to_owned(),
        Content::Map(_) => "{}".to_owned(),
    }
}

fn float(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    // Always with a point or an exponent, so that it stays a float.
    format!("{value:?}")
}

/// A string of a document. A dollar is doubled, or it would begin a reference.
fn scalar(text: &str) -> String {
    string(&text.replace('$', "$$"))
}

/// A string in one line, plain where no reader can take it for anything else, and in quotes otherwise.
///
/// Go's reader, and so the collector's, takes `1_000`, `2023-03-20` and `0X1F` for something else than strings.
pub fn string(text: &str) -> String {
    if is_plain(text) || is_duration(text) { text.to_owned() } else { quoted(text) }
}

/// Words that are no strings for some reader, old ones included.
const WORDS: [&str; 11] =
    ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan"];

/// Whether nobody takes the word for anything but a string, nor for a part of YAML's syntax.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '$'));
    let goes_on = text.chars().all(|c| c.is_ascii_alphanumeric() || "_./-:${}".contains(c));
    let ends = !text.ends_with(':');
    begins && goes_on && ends && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A whole number of one unit, which YAML takes for a string.
fn is_duration(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < text.len() && ["ms", "s", "m", "h"].contains(&unit)
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_printable(c) => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// YAML's printable characters, without those that somebody takes for a line break or for nothing at all.
pub fn is_printable(c: char) -> bool {
    !matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Environment};

    fn document(yaml: &str) -> Document {
        Document::from_text(yaml, "c.yaml", &Environment::empty()).unwrap()
    }

    fn printed(document: &Document, with_origin: bool) -> String {
        let mut writer = YamlWriter::new(with_origin);
        for (key, node) in document.root().as_map().unwrap().iter() {
            writer.entry(0, key, node, None);
        }
        writer.into_text()
    }

    #[test]
    fn what_is_written_is_read_back_equal() {
        let yaml = r#"
receivers: {otlp: {protocols: {grpc: , http: {endpoint: "0.0.0.0:4318"}}}}
a: [1, -2, 0.5, 1e9, .nan, .inf, true, "true", "12", "1.5", 2001-01-01, null, "", "null", ~]
b: {"x y": 1, "a:": 2, "- z": [[1, [2]], {}], "\u00e9\U0001F600\x85\t\n": "q'\"\\ $$x $${y}"}
c: |
  two
  lines
d: [{k: [{l: []}]}]
"#;
        let document = document(yaml);
        for with_origin in [false, true] {
            let text = printed(&document, with_origin);
            let again = self::document(&text);
            assert!(again.root().same_as(document.root()), "{text}");
        }
    }

    #[test]
    fn origins_stand_at_the_end_of_lines() {
        let text = printed(&document("a:\n  b: 1\n  c: [x]\nd:\n"), true);
        assert_eq!(text, "a:\n  b: 1 # c.yaml:2:6\n  c:\n    - x # c.yaml:3:7\nd: # c.yaml:4:2\n");
    }

    #[test]
    fn secrets_are_not_shown() {
        let field =
            |key, schema| Field { key, doc: "", schema, default: None, on: None, required: false };
        let fields = vec![
            field("token", Schema::Secret(Box::new(Schema::String))),
            field("headers", Schema::Headers),
            field("list", Schema::Headers),
        ];
        let schema = Schema::Section { doc: "", fields, not_supported: vec![] };
        let document =
            document("x: {token: s1, headers: {a: s2}, list: [{name: n, value: s3}], free: f}");
        let mut writer = YamlWriter::new(false);
        writer.entry(0, "x", document.root().get("x").unwrap(), Some(&schema));
        let text = writer.into_text();
        for secret in ["s1", "s2", "s3"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("name: \"n\"") && text.contains("free: f"), "{text}");
        let environment = Environment::empty().with_secret("K", "s4".to_owned().into());
        let tainted = Document::from_text("x: 'a ${env:K}'", "", &environment).unwrap();
        assert!(!printed(&tainted, false).contains("s4"));
    }
}
