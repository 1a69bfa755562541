//! What a section looks like, for tables of options and JSON Schema.
//!
//! A shape is made when somebody asks for it; a program that only reads configurations never holds one.

mod json;

pub use json::{EXPANSION, map};

/// The shape of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Schema {
    /// Anything.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds, both included.
    Integer {
        /// The smallest.
        min: i128,
        /// The largest.
        max: i128,
    },
    /// A number.
    Number,
    /// A string.
    String,
    /// A duration: `500ms`, `10s`, `1m30s`, or an integer of nanoseconds.
    Duration,
    /// A string that is never shown.
    Secret(Box<Schema>),
    /// One of several names.
    Enum {
        /// What it chooses.
        doc: &'static str,
        /// The names.
        values: &'static [&'static str],
        /// Names that upstream has and this program does not support.
        not_supported: &'static [&'static str],
        /// Whether any case will do.
        ignore_case: bool,
    },
    /// A list. One of strings may also be written as one string with commas.
    List(Box<Schema>),
    /// A map from any string.
    Map(Box<Schema>),
    /// A map of strings, also written as a list of `{name, value}`.
    Headers,
    /// A map with known keys.
    Section {
        /// What it is.
        doc: &'static str,
        /// Its keys.
        fields: Vec<Field>,
        /// Keys that upstream has and this program does not support.
        not_supported: Vec<&'static str>,
    },
    /// A section that may be off.
    Optional(Box<Schema>),
    /// A value that may be null.
    Nullable(Box<Schema>),
}

/// One key of a section.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The key, as users write it.
    pub key: &'static str,
    /// The doc comment of the field.
    pub doc: &'static str,
    /// The value's shape.
    pub schema: Schema,
    /// The default as a user would write it, for values that can be written in a line.
    pub default: Option<String>,
    /// Whether it is on when nobody writes it, for what may be off.
    pub on: Option<bool>,
    /// Whether the section is refused as long as nobody writes the key.
    pub required: bool,
}

impl Schema {
    /// The shape of the value itself, whether it may be null, off or secret.
    pub fn bare(&self) -> &Self {
        match self {
            Self::Secret(inner) | Self::Optional(inner) | Self::Nullable(inner) => inner.bare(),
            _ => self,
        }
    }

    /// What the type says of itself; empty for all but sections and enums.
    pub fn doc(&self) -> String {
        match self.bare() {
            Self::Section { doc, .. } | Self::Enum { doc, .. } => plain(doc),
            _ => String::new(),
        }
    }
}

impl Field {
    /// What the option means, for people who write configurations. A field without a comment has its type's.
    pub fn meaning(&self) -> String {
        if self.doc.is_empty() { self.schema.doc() } else { plain(self.doc) }
    }
}

/// A doc comment for those who don't read code: one line per paragraph, and links into the code are their text alone.
fn plain(doc: &str) -> String {
    let paragraphs = doc.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    let joined = paragraphs.collect::<Vec<_>>().join("\n");
    let mut text = String::with_capacity(joined.len());
    let mut rest = joined.as_str();
    while let Some((before, link)) = rest.split_once('[') {
        text.push_str(before);
        rest = match link.split_once(']') {
            Some((name, after)) if name.starts_with('`') => {
                text.push_str(name);
                match after.strip_prefix('(').and_then(|after| after.split_once(')')) {
                    Some((_, after)) => after,
                    None => after,
                }
            }
            _ => {
                text.push('[');
                link
            }
        };
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn comments_lose_what_only_code_can_follow() {
        let doc = "Not with\n[`compression`](Self::compression) or [`Kind`].\n\nDefault: `[]`, [a] of `x[1]`.";
        let expected = "Not with `compression` or `Kind`.\nDefault: `[]`, [a] of `x[1]`.";
        assert_eq!(plain(doc), expected);
    }
}
