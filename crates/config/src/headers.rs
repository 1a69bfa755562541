//! Maps of secrets.

use std::collections::BTreeMap;
use std::collections::btree_map;

use crate::node::{Content, Map, Node};
use crate::problems::Problems;
use crate::schema::Schema;
use crate::secret::Secret;
use crate::value::Value;

/// A map of names to texts that are not shown, sorted by name: `headers` of clients and servers.
///
/// Users write `{name: value}`, or a list of `{name: …, value: …}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    values: BTreeMap<String, Secret<String>>,
    tainted: bool,
}

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one.
    pub fn insert(&mut self, name: impl Into<String>, value: Secret<String>) {
        self.values.insert(name.into(), value);
    }

    /// The value of one; names are as written, with their case.
    pub fn get(&self, name: &str) -> Option<&Secret<String>> {
        self.values.get(name)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> btree_map::Iter<'_, String, Secret<String>> {
        self.values.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether a secret of the agent's, its API key, went into one of them.
    pub fn is_tainted(&self) -> bool {
        self.tainted
    }

    fn parse_list(elements: &[Node], problems: &mut Problems) -> Option<Self> {
        let mut headers = Self::new();
        let mut complete = true;
        for (place, element) in elements.iter().enumerate() {
            let pair = problems
                .within(place.to_string(), Some(element), |problems| pair(element, problems));
            let Some((name, value)) = pair else {
                complete = false;
                continue;
            };
            if headers.values.contains_key(&name) {
                let message = format!("duplicate keys in map-style list: [{name}]");
                problems
                    .within(place.to_string(), Some(element), |problems| problems.add("", message));
                complete = false;
            }
            headers.tainted |= element.get("value").is_some_and(Node::is_tainted);
            headers.insert(name, value);
        }
        complete.then_some(headers)
    }
}

/// One element of the spelling as a list.
fn pair(element: &Node, problems: &mut Problems) -> Option<(String, Secret<String>)> {
    let Some(map) = element.as_map() else {
        // Whatever it is, it may hold the secret.
        problems.wrong_type(&element.clone().into_tainted(), "map");
        return None;
    };
    let unknown: Vec<_> = unknown_keys(map).collect();
    for key in &unknown {
        problems.unknown_key(key, ["name", "value"]);
    }
    let name = problems.within("name", map.get("name"), |problems| match map.get("name") {
        Some(name) => String::parse(name, problems),
        None => {
            problems.add("", "is required");
            None
        }
    });
    let value = problems.within("value", map.get("value"), |problems| match map.get("value") {
        Some(value) => Secret::parse(value, problems),
        None => Some(Secret::default()),
    });
    Some((name?, value?)).filter(|_| unknown.is_empty())
}

fn unknown_keys(map: &Map) -> impl Iterator<Item = &str> {
    map.iter().map(|(key, _)| key).filter(|key| !["name", "value"].contains(key))
}

impl<'a> IntoIterator for &'a Headers {
    type Item = (&'a String, &'a Secret<String>);
    type IntoIter = btree_map::Iter<'a, String, Secret<String>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<(String, Secret<String>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, Secret<String>)>>(headers: I) -> Self {
        Self { values: headers.into_iter().collect(), tainted: false }
    }
}

impl Value for Headers {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        Self::new().parse_onto(node, problems)
    }

    fn parse_onto(self, node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.content {
            Content::List(elements) => Self::parse_list(elements, problems),
            Content::String(_) | Content::Int(_) | Content::Float(_) | Content::Timestamp(_) => {
                problems.wrong_type(&node.clone().into_tainted(), "map");
                None
            }
            _ => {
                let mut entries = node.as_map().into_iter().flat_map(Map::iter);
                let tainted = self.tainted || entries.any(|(_, value)| value.is_tainted());
                let values = self.values.parse_onto(node, problems)?;
                Some(Self { values, tainted })
            }
        }
    }

    fn schema() -> Schema {
        Schema::Headers
    }
}
