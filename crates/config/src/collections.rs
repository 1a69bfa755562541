//! Lists, maps, and values that may be null.

use std::collections::BTreeMap;

use crate::node::{Content, Node};
use crate::problems::Problems;
use crate::schema::Schema;
use crate::value::Value;

/// A list replaces the default; `null` keeps it, `[]` empties it. A list of plain strings may also be written as one
/// string, split at commas.
impl<T: Value> Value for Vec<T> {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.content {
            Content::Null => return Some(Self::new()),
            Content::String(text) => {
                if let Some(elements) = T::list_from_text(text) {
                    if node.is_tainted() {
                        problems.hide(text);
                    }
                    return Some(elements);
                }
            }
            Content::List(elements) => {
                let read = elements.iter().enumerate().map(|(place, element)| {
                    let place = place.to_string();
                    problems.within(place, Some(element), |problems| T::parse(element, problems))
                });
                // Collected first, so that every element is read whatever the ones before it are like.
                let read: Vec<Option<T>> = read.collect();
                if read.iter().any(Option::is_none) {
                    read.check(Some(node), problems);
                    return None;
                }
                return Some(read.into_iter().flatten().collect());
            }
            _ => {}
        }
        problems.wrong_type(node, "list");
        None
    }

    fn parse_onto(self, node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.is_null() { Some(self) } else { Self::parse(node, problems) }
    }

    fn check(&self, node: Option<&Node>, problems: &mut Problems) {
        let elements = node.and_then(Node::as_list).unwrap_or_default();
        for (place, value) in self.iter().enumerate() {
            let element = elements.get(place);
            problems.within(place.to_string(), element, |problems| value.check(element, problems));
        }
    }

    fn schema() -> Schema {
        Schema::List(Box::new(T::schema()))
    }

    fn default_text(&self) -> Option<String> {
        let elements: Option<Vec<_>> = self.iter().map(Value::default_text).collect();
        elements.map(|elements| format!("[{}]", elements.join(", ")))
    }
}

/// Keys are added to the default's; `null` keeps the default.
impl<T: Value> Value for BTreeMap<String, T> {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        Self::new().parse_onto(node, problems)
    }

    fn parse_onto(mut self, node: &Node, problems: &mut Problems) -> Option<Self> {
        let map = match &node.content {
            Content::Null => return Some(self),
            Content::Map(map) => map,
            _ => {
                problems.wrong_type(node, "map");
                return None;
            }
        };
        let mut complete = true;
        for (key, value) in map.iter() {
            let read = problems.within(key, Some(value), |problems| match self.remove(key) {
                Some(default) => default.parse_onto(value, problems),
                None => T::parse(value, problems),
            });
            match read {
                Some(read) => {
                    self.insert(key.to_owned(), read);
                }
                None => complete = false,
            }
        }
        if complete {
            return Some(self);
        }
        self.check(Some(node), problems);
        None
    }

    fn check(&self, node: Option<&Node>, problems: &mut Problems) {
        for (key, value) in self {
            let entry = node.and_then(|node| node.as_map()?.get(key));
            problems.within(key, entry, |problems| value.check(entry, problems));
        }
    }

    fn schema() -> Schema {
        Schema::Map(Box::new(T::schema()))
    }
}

/// `null` is `None`.
impl<T: Value> Value for Option<T> {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.is_null() { Some(None) } else { T::parse(node, problems).map(Some) }
    }

    fn parse_onto(self, node: &Node, problems: &mut Problems) -> Option<Self> {
        match self {
            Some(default) if !node.is_null() => default.parse_onto(node, problems).map(Some),
            _ => Self::parse(node, problems),
        }
    }

    fn check(&self, node: Option<&Node>, problems: &mut Problems) {
        if let Some(value) = self {
            value.check(node, problems);
        }
    }

    fn schema() -> Schema {
        Schema::Nullable(Box::new(T::schema()))
    }

    fn own_schema(&self) -> Schema {
        Schema::Nullable(Box::new(self.as_ref().map_or_else(T::schema, Value::own_schema)))
    }

    fn default_text(&self) -> Option<String> {
        self.as_ref().and_then(Value::default_text)
    }
}
