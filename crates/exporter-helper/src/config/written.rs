//! Values that know whether somebody wrote them.

use std::ops::Deref;

use config::{Node, Problems, Schema, Value};

/// An option whose default depends on others: it remembers whether it stands in the document.
///
/// A section counts as written when it holds anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written<T> {
    value: T,
    written: bool,
}

impl<T> Written<T> {
    /// A value that nobody wrote.
    pub const fn default_of(value: T) -> Self {
        Self { value, written: false }
    }

    /// A value that somebody wrote.
    pub const fn by_user(value: T) -> Self {
        Self { value, written: true }
    }

    /// The value if somebody wrote it, else another one.
    pub fn or(self, default: T) -> T {
        if self.written { self.value } else { default }
    }

    /// Whether somebody wrote it.
    pub fn is_written(&self) -> bool {
        self.written
    }
}

impl<T> Deref for Written<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Value> Value for Written<T> {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        T::parse(node, problems).map(|value| Self { value, written: says_something(node) })
    }

    fn parse_onto(self, node: &Node, problems: &mut Problems) -> Option<Self> {
        let written = says_something(node);
        self.value.parse_onto(node, problems).map(|value| Self { value, written })
    }

    fn check(&self, node: Option<&Node>, problems: &mut Problems) {
        self.value.check(node, problems);
    }

    fn schema() -> Schema {
        T::schema()
    }

    fn own_schema(&self) -> Schema {
        self.value.own_schema()
    }

    fn default_text(&self) -> Option<String> {
        self.value.default_text()
    }

    fn section_keys() -> Option<Vec<&'static str>> {
        T::section_keys()
    }
}

fn says_something(node: &Node) -> bool {
    !node.is_null() && node.as_map().is_none_or(|map| !map.is_empty())
}
