//! What a section looks like, for tables of options and JSON Schema.

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
    },
    /// A list.
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
}
