//! Writes nodes as YAML that this crate reads back equal, with secrets hidden.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::node::{Content, Node, Span};
use crate::schema::{Field, Schema};
use crate::secret::REDACTED;

/// How much is written, in bytes.
const LONGEST: usize = 32 << 20;

/// Nothing is written of a document that is this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document is too long to be printed: more than {} MiB", LONGEST >> 20)]
pub struct TooLong;

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
    ///
    /// # Errors
    ///
    /// It is longer than anybody wants to hold: aliases repeat texts for nothing.
    pub fn into_text(self) -> Result<String, TooLong> {
        if self.text.len() > LONGEST { Err(TooLong) } else { Ok(self.text) }
    }

    /// Writes a key with what stands below it, two spaces further in for each level of `depth`.
    ///
    /// What the schema calls a secret is not shown, nor is what a secret went into, nor who stands before the host in a URL
    /// (`https://user:password@host`). Nor is any text or number of which nothing
    /// is known, because there is no schema or it expects something else there: a misspelled `headers` holds secrets too.
    pub fn entry(&mut self, depth: usize, key: &str, node: &Node, schema: Option<&Schema>) {
        self.key(depth, key);
        self.value(depth, node, schema);
    }

    /// Writes a key below which entries follow.
    pub fn heading(&mut self, depth: usize, key: &str) {
        self.key(depth, key);
        self.text.push('\n');
    }

    fn key(&mut self, depth: usize, key: &str) {
        // Without doubled dollars: references in keys are not expanded.
        let key = string(key);
        self.indent(depth);
        if key.len() > LONGEST_KEY {
            self.text.push_str("? ");
            self.text.push_str(&key);
            self.text.push('\n');
            self.indent(depth);
        } else {
            self.text.push_str(&key);
        }
        self.text.push(':');
    }

    fn indent(&mut self, depth: usize) {
        self.text.push_str(&"  ".repeat(depth));
    }

    /// What comes after a key's colon or a list's dash.
    fn value(&mut self, depth: usize, node: &Node, schema: Option<&Schema>) {
        if self.text.len() > LONGEST {
            return;
        }
        if node.is_null() && node.is_expanded() {
            return self.line(schema.map_or("", zero), node.span());
        }
        let schema = schema.map(inner);
        let is_secret = node.is_tainted() || matches!(schema, Some(Schema::Secret(_)));
        if !node.is_null() && (is_secret || is_unknown(node, schema)) {
            return self.line(&format!("\"{REDACTED}\""), node.span());
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

/// What a variable that is not set gives. Nothing at all would leave some options at their defaults.
fn zero(schema: &Schema) -> &'static str {
    match schema {
        Schema::Bool => "false",
        Schema::Integer { .. } | Schema::Number => "0",
        Schema::Duration => "0s",
        Schema::String | Schema::Enum { .. } => "\"\"",
        Schema::Secret(inner) => zero(inner),
        _ => "",
    }
}

/// Whether it is a text or number where the schema has none.
fn is_unknown(node: &Node, schema: Option<&Schema>) -> bool {
    match (&node.content, schema) {
        (Content::Null | Content::Bool(_) | Content::List(_) | Content::Map(_), _) => false,
        // One string stands for a list of them.
        (_, Some(Schema::List(element))) => is_unknown(node, Some(inner(element))),
        (
            _,
            Some(Schema::Section { .. } | Schema::Map(_) | Schema::Headers | Schema::Secret(_)),
        ) => true,
        (_, schema) => schema.is_none(),
    }
}

/// The shape of what stands under a key, if it is known.
fn below<'a>(schema: Option<&'a Schema>, key: &str) -> Option<&'a Schema> {
    match schema? {
        Schema::Section { fields, .. } => {
            fields.iter().find(|Field { key: known, .. }| *known == key).map(|field| &field.schema)
        }
        Schema::Map(value) => Some(value),
        Schema::Headers => Some(hidden()),
        Schema::Any => Some(&Schema::Any),
        _ => None,
    }
}

fn element(schema: Option<&Schema>) -> Option<&Schema> {
    match schema? {
        Schema::List(element) => Some(element),
        Schema::Headers => Some(pair()),
        Schema::Any => Some(&Schema::Any),
        _ => None,
    }
}

/// A header in the spelling as a list: only its value is a secret.
fn pair() -> &'static Schema {
    static PAIR: LazyLock<Schema> = LazyLock::new(|| {
        let field =
            |key, schema| Field { key, doc: "", schema, default: None, on: None, required: false };
        let fields = vec![field("name", Schema::String), field("value", hidden().clone())];
        Schema::Section { doc: "", fields, not_supported: Vec::new() }
    });
    &PAIR
}

fn hidden() -> &'static Schema {
    static HIDDEN: LazyLock<Schema> = LazyLock::new(|| Schema::Secret(Box::new(Schema::String)));
    &HIDDEN
}

/// YAML's limit for a key in one line is 1024 characters.
const LONGEST_KEY: usize = 1000;

fn flat(node: &Node, schema: Option<&Schema>) -> String {
    let is_text = matches!(schema, Some(Schema::String | Schema::Enum { .. }));
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

/// A string that is a value of a document. A dollar is doubled, or it would begin a reference.
fn scalar(text: &str) -> String {
    string(&without_users(text).replace('$', "$$"))
}

/// The text, with whoever stands before the host of a URL hidden: a password or, alone, a token.
fn without_users(text: &str) -> Cow<'_, str> {
    const HOST: &str = "://";
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(HOST) {
        let (before, after) = rest.split_at(at + HOST.len());
        shown.push_str(before);
        rest = after;
        let end = after.find(|c: char| !is_of_user(c) && c != '@').unwrap_or(after.len());
        // A password that was not escaped as it should be may have one, too.
        if let Some(user) = after[..end].rfind('@').filter(|end| *end > 0) {
            shown.push_str(REDACTED);
            rest = &after[user..];
        }
    }
    if shown.is_empty() {
        return text.into();
    }
    shown.push_str(rest);
    shown.into()
}

/// Whether it may stand in the user information of a URL, by RFC 3986, section 3.2.1.
fn is_of_user(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~%!$&'()*+,;=:".contains(c)
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
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::node::Map;
    use crate::{Document, Environment};

    fn document(yaml: &str) -> Document {
        Document::from_text(yaml, "c.yaml", &Environment::empty()).unwrap()
    }

    fn printed(document: &Document, with_origin: bool) -> String {
        let mut writer = YamlWriter::new(with_origin);
        for (key, node) in document.root().as_map().unwrap().iter() {
            writer.entry(0, key, node, Some(&Schema::Any));
        }
        writer.into_text().unwrap()
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
        let long = "k".repeat(2000);
        let yaml =
            format!("{yaml}? {long}\n: {{? \"{long}:\"\n  : 1}}\ne: [{{? {long}\n  : 1}}]\n");
        let document = document(&yaml);
        for with_origin in [false, true] {
            let text = printed(&document, with_origin);
            let again = self::document(&text);
            assert!(again.root().same_as(document.root()), "{text}");
        }
    }

    #[test]
    fn who_stands_before_the_host_of_a_url_is_hidden() {
        for (text, shown) in [
            ("http://me:secret@proxy:3128/x@y", "http://[REDACTED]@proxy:3128/x@y"),
            ("https://token@h,https://a:b@c@h", "https://[REDACTED]@h,https://[REDACTED]@h"),
            ("socks5://u:p%40@[::1]:1", "socks5://[REDACTED]@[::1]:1"),
            ("http://h/a@b", "http://h/a@b"),
            ("http://@h me@h", "http://@h me@h"),
            (r"https?://[^@]+@(\w+)", r"https?://[^@]+@(\w+)"),
        ] {
            assert_eq!(without_users(text), shown);
        }
        let shown = printed(&document("a: ['http://me:se$$cret@h']"), false);
        assert_eq!(shown, "a:\n  - \"http://[REDACTED]@h\"\n");
    }

    /// Text of what YAML and expansion react to, and any other.
    fn text() -> impl Strategy<Value = String> {
        let parts = prop::sample::select(vec![
            "a",
            "k: ",
            " ",
            ":",
            "- ",
            "\n",
            "{",
            "}",
            "[",
            "]",
            ",",
            "&x",
            "*x",
            "<<",
            "? ",
            "|",
            "'",
            "\"",
            "\\",
            " #",
            "!!str ",
            "---",
            "...",
            "%",
            "$",
            "${",
            "env:A",
            "0",
            "1_0",
            "0x1",
            "-",
            ".",
            "e1",
            "_",
            "\t",
            "é",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "~",
            "@",
            "`",
            "\r",
            "null",
            "true",
            "yes",
            ".inf",
            "2001-01-01",
            "10s",
            "🦀",
            "\0",
            "=",
        ]);
        prop_oneof![
            prop::collection::vec(parts, 0..8).prop_map(|parts| parts.concat()),
            "(?s).{0,20}",
        ]
    }

    fn node() -> impl Strategy<Value = Node> {
        let node = |content| Node::new(Span::nowhere(), content);
        let number = |value: f64| if value.is_nan() { f64::NAN } else { value };
        let scalar = prop_oneof![
            Just(Node::default()),
            any::<bool>().prop_map(move |value| node(Content::Bool(value))),
            any::<i64>().prop_map(move |value| node(Content::Int(value))),
            any::<f64>().prop_map(move |value| node(Content::Float(number(value)))),
            text().prop_map(move |text| node(Content::String(text.into()))),
        ];
        scalar.prop_recursive(4, 40, 6, move |inner| {
            let list = prop::collection::vec(inner.clone(), 0..6);
            // A key with `::` is a path, and none of a document that was read has one.
            let key = text().prop_map(|key| key.replace(':', ";"));
            let entries = prop::collection::vec((key, inner), 0..6);
            prop_oneof![
                list.prop_map(move |list| node(Content::List(list.into()))),
                entries.prop_map(move |entries| {
                    let mut map = Map::default();
                    for (key, value) in entries {
                        map.insert(key.into(), Span::nowhere(), value);
                    }
                    node(Content::Map(Arc::new(map)))
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_it_is_it_is_read_back_equal(node in node(), with_origin in any::<bool>()) {
            let mut writer = YamlWriter::new(with_origin);
            writer.entry(0, "k", &node, Some(&Schema::Any));
            let text = writer.into_text().unwrap();
            let again = Document::from_text(&text, "c.yaml", &Environment::empty());
            let again = again.map_err(|problems| TestCaseError::fail(format!("{problems}\n{text}")))?;
            prop_assert!(again.root().get("k").unwrap().same_as(&node), "{}", text);
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_no_default() {
        let number = Schema::Integer { min: 0, max: 9 };
        let nullable = Schema::Nullable(Box::new(number.clone()));
        let secret = Schema::Secret(Box::new(Schema::String));
        let document = document("a: ${X}\nb:\n");
        for (schema, unset) in [
            (number, "k: 0\n"),
            (nullable, "k:\n"),
            (Schema::Bool, "k: false\n"),
            (Schema::Duration, "k: 0s\n"),
            (Schema::String, "k: \"\"\n"),
            (secret, "k: \"\"\n"),
        ] {
            for (key, expected) in [("a", unset), ("b", "k:\n")] {
                let mut writer = YamlWriter::new(false);
                writer.entry(0, "k", document.root().get(key).unwrap(), Some(&schema));
                assert_eq!(writer.into_text().unwrap(), expected, "{schema:?}");
            }
        }
    }

    #[test]
    fn what_aliases_repeat_is_not_written_for_ever() {
        let text = format!("a: &x {}\nb: [{}]\n", "x".repeat(1 << 20), "*x, ".repeat(40));
        let document = document(&text);
        let mut writer = YamlWriter::new(false);
        writer.entry(0, "b", document.root().get("b").unwrap(), Some(&Schema::Any));
        assert!(writer.text.capacity() < 4 * LONGEST);
        assert_eq!(writer.into_text(), Err(TooLong));
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
            field("broken", Schema::Headers),
            field("broken_list", Schema::Headers),
            field("names", Schema::List(Box::new(Schema::String))),
            field("free", Schema::String),
        ];
        let schema = Schema::Section { doc: "", fields, not_supported: vec![] };
        let document = document(
            "x: {token: s1, headers: {a: s2}, list: [{name: n, value: s3}], free: f, names: l,
                 broken: s5, broken_list: [s6], haeders: {a: s7, b: [71], on: true}}",
        );
        let mut writer = YamlWriter::new(false);
        writer.entry(0, "x", document.root().get("x").unwrap(), Some(&schema));
        let text = writer.into_text().unwrap();
        for secret in ["s1", "s2", "s3", "s5", "s6", "s7", "71"] {
            assert!(!text.contains(secret), "{text}");
        }
        for shown in ["name: \"n\"", "free: f", "names: l", "\"on\": true"] {
            assert!(text.contains(shown), "{text}");
        }
        let environment = Environment::empty().with_secret("K", "s4".to_owned().into());
        let tainted = Document::from_text("x: 'a ${env:K}'", "", &environment).unwrap();
        assert!(!printed(&tainted, false).contains("s4"));
    }
}
