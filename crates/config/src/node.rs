//! The tree that a configuration document is read into.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::secret::REDACTED;

/// Where a node stands. Lines and columns count from 1; a position that is not in any text has line 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file, or what stands for it: `env:NAME`, `yaml:`.
    pub source: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

impl Span {
    /// A position that is in no text.
    pub fn nowhere() -> Self {
        Self { source: Arc::from(""), line: 0, column: 0 }
    }
}

/// A value in a document, with its position. Clones share what is below them.
#[derive(Clone)]
pub struct Node {
    pub(crate) span: Span,
    pub(crate) content: Content,
    /// The text that a `${…}` stood for, when the whole value was one.
    pub(crate) text: Option<Arc<str>>,
    /// Whether a secret went into this value.
    pub(crate) tainted: bool,
}

/// What a node holds.
#[derive(Clone)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Arc<str>),
    Timestamp(Arc<str>),
    List(Arc<[Node]>),
    Map(Arc<Map>),
}

/// The kinds of values. `Display` gives the names that messages use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "YAML's own words")]
pub enum Kind {
    Null,
    Bool,
    Int,
    Float,
    String,
    Timestamp,
    List,
    Map,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::String => "string",
            Self::Timestamp => "timestamp",
            Self::List => "list",
            Self::Map => "map",
        })
    }
}

impl Node {
    pub(crate) fn new(span: Span, content: Content) -> Self {
        Self { span, content, text: None, tainted: false }
    }

    /// Where it stands. For a value that a `${…}` gave, that is where the reference stands, except for files, which have
    /// positions of their own.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// What kind of value it is.
    pub fn kind(&self) -> Kind {
        match self.content {
            Content::Null => Kind::Null,
            Content::Bool(_) => Kind::Bool,
            Content::Int(_) => Kind::Int,
            Content::Float(_) => Kind::Float,
            Content::String(_) => Kind::String,
            Content::Timestamp(_) => Kind::Timestamp,
            Content::List(_) => Kind::List,
            Content::Map(_) => Kind::Map,
        }
    }

    /// Whether it is `null`, or nothing at all after its key.
    pub fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// The value, if it is a bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self.content {
            Content::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The value, if it is an integer or a float without a fraction.
    ///
    /// The Go agent wrote large integers as floats (`1.048576e+06`), and such files are on hosts.
    pub fn as_i64(&self) -> Option<i64> {
        match self.content {
            Content::Int(value) => Some(value),
            Content::Float(value) => integral(value),
            _ => None,
        }
    }

    /// The value, if it is a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self.content {
            #[expect(
                clippy::cast_precision_loss,
                reason = "the nearest float is what YAML would give"
            )]
            Content::Int(value) => Some(value as f64),
            Content::Float(value) => Some(value),
            _ => None,
        }
    }

    /// The value, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::String(value) => Some(value),
            _ => None,
        }
    }

    /// The elements, if it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.content {
            Content::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The entries, if it is a map.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.content {
            Content::Map(map) => Some(map),
            _ => None,
        }
    }

    /// What a field of type string reads: the text that a `${…}` stood for, as it was written, or else the string.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref().or_else(|| self.as_str())
    }

    /// Whether the whole value came from one `${…}`.
    pub fn is_expanded(&self) -> bool {
        self.text.is_some()
    }

    /// Whether a secret went into this value. Such a value must not be shown.
    pub fn is_tainted(&self) -> bool {
        self.tainted
    }

    /// The same node, marked as one that must not be shown.
    #[must_use]
    pub fn into_tainted(mut self) -> Self {
        self.tainted = true;
        self
    }

    /// The node below, by a path of keys: `protocols::grpc::endpoint`. An empty path is the node itself.
    pub fn get(&self, path: &str) -> Option<&Node> {
        if path.is_empty() {
            return Some(self);
        }
        path.split("::").try_fold(self, |node, key| node.as_map()?.get(key))
    }

    /// The value as a message may show it: never a secret, and not longer than a line.
    pub fn shown(&self) -> String {
        const LONGEST: usize = 80;
        if self.tainted {
            return REDACTED.to_owned();
        }
        let full = match (&self.content, &self.text) {
            (Content::List(_), _) => "a list".to_owned(),
            (Content::Map(_), _) => "a map".to_owned(),
            (_, Some(text)) => text.to_string(),
            (Content::Null, None) => "null".to_owned(),
            (Content::Bool(value), None) => value.to_string(),
            (Content::Int(value), None) => value.to_string(),
            (Content::Float(value), None) => value.to_string(),
            (Content::String(value) | Content::Timestamp(value), None) => value.to_string(),
        };
        let cut: String = full.chars().take(LONGEST).collect();
        let line = cut.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'");
        if cut.len() < full.len() { format!("{line}…") } else { line }
    }
}

/// `null`, in no text: what stands where nothing was written.
impl Default for Node {
    fn default() -> Self {
        Self::new(Span::nowhere(), Content::Null)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::List(elements) if !self.tainted => {
                f.debug_list().entries(&**elements).finish()
            }
            Content::Map(map) if !self.tainted => f.debug_map().entries(map.iter()).finish(),
            _ => f.write_str(&self.shown()),
        }
    }
}

/// Two nodes are equal when their values are; where they stand does not matter.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.content == other.content
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::String(a), Self::String(b)) | (Self::Timestamp(a), Self::Timestamp(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => false,
        }
    }
}

fn integral(value: f64) -> Option<i64> {
    // 2^63 as a float; every float below it converts exactly once it has no fraction.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "checked: no fraction, and in range")]
    (value.fract() == 0.0 && (-LIMIT..LIMIT).contains(&value)).then_some(value as i64)
}

/// The entries of a map, in the order in which they were written. A key is there once.
#[derive(Clone, Default)]
pub struct Map {
    entries: Vec<Entry>,
    places: HashMap<Arc<str>, usize>,
}

#[derive(Clone)]
struct Entry {
    key: Arc<str>,
    key_span: Span,
    value: Node,
}

impl Map {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.places.get(key).map(|place| &self.entries[*place].value)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.places.get(key).map(|place| &mut self.entries[*place].value)
    }

    /// Where a key itself stands.
    pub fn key_span(&self, key: &str) -> Option<&Span> {
        self.places.get(key).map(|place| &self.entries[*place].key_span)
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Node)> {
        self.entries.iter().map(|entry| (&*entry.key, &entry.value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a key; one that exists keeps its place in the order.
    pub(crate) fn insert(&mut self, key: Arc<str>, key_span: Span, value: Node) {
        if let Some(place) = self.places.get(&key) {
            self.entries[*place] = Entry { key, key_span, value };
            return;
        }
        self.places.insert(Arc::clone(&key), self.entries.len());
        self.entries.push(Entry { key, key_span, value });
    }

    /// Keys with their positions, and values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Arc<str>, &Span, &Node)> {
        self.entries.iter().map(|entry| (&entry.key, &entry.key_span, &entry.value))
    }

    /// The same map without one key.
    pub(crate) fn without(&self, key: &str) -> Self {
        let mut rest = Self::default();
        for (other, span, value) in self.entries().filter(|(other, ..)| &***other != key) {
            rest.insert(Arc::clone(other), span.clone(), value.clone());
        }
        rest
    }
}

/// The order of keys does not matter for equality.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
