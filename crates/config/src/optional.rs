//! Sections that may be off.

use std::sync::Arc;

use crate::node::{Content, Node};
use crate::problems::Problems;
use crate::schema::Schema;
use crate::value::Value;

/// A section that may be off, with upstream's rules for what turns it on (`configoptional`).
///
/// | written | `None` | `Default(v)` | `Some(v)` |
/// | --- | --- | --- | --- |
/// | nothing | `None` | `Default(v)` | `Some(v)` |
/// | `key:` | `None` | `Some(v)` | `Some(v)` |
/// | `key: {…}` | `Some` of the type's default and what is written | `Some` of `v` and what is written | the same |
/// | `key: {enabled: false, …}` | `None` | `None` | `None` |
/// | `key: {enabled: true, …}` | `Some` | `Some` | `Some` |
///
/// A scalar in place of a section works the same way, except that `key:` is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Optional<T> {
    /// Off.
    #[default]
    None,
    /// Off, with the values that it would have.
    Default(T),
    /// On.
    Some(T),
}

impl<T> Optional<T> {
    /// The value, if it is on.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Some(value) => Some(value),
            Self::None | Self::Default(_) => None,
        }
    }

    /// The value, if it is on.
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Some(value) => Some(value),
            Self::None | Self::Default(_) => None,
        }
    }

    /// Whether it is on.
    pub fn is_some(&self) -> bool {
        matches!(self, Self::Some(_))
    }
}

impl<T: Value> Value for Optional<T> {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        Self::None.parse_onto(node, problems)
    }

    fn parse_onto(self, node: &Node, problems: &mut Problems) -> Option<Self> {
        let keys = T::section_keys();
        if node.is_null() {
            return Some(match self {
                Self::Default(value) | Self::Some(value) if keys.is_some() => Self::Some(value),
                _ => Self::None,
            });
        }
        // A section with an `enabled` of its own reads that key itself.
        let has_switch = keys.is_some_and(|keys| !keys.contains(&"enabled"));
        let mut node = node.clone();
        if has_switch
            && let Some(map) = node.as_map()
            && let Some(enabled) = map.get("enabled")
        {
            match enabled.as_bool() {
                Some(false) => return Some(Self::None),
                Some(true) => node.content = Content::Map(Arc::new(map.without("enabled"))),
                None => {
                    let (kind, shown) = (enabled.kind(), enabled.shown());
                    problems.add(
                        "enabled",
                        format!(
                            "unexpected type {kind} for 'enabled': got '{shown}' value expected 'true' or 'false'"
                        ),
                    );
                    return None;
                }
            }
        }
        let value = match self {
            Self::Default(value) | Self::Some(value) => value.parse_onto(&node, problems),
            Self::None => T::parse(&node, problems),
        };
        value.map(Self::Some)
    }

    fn check(&self, node: Option<&Node>, problems: &mut Problems) {
        if let Self::Some(value) = self {
            value.check(node, problems);
        }
    }

    fn schema() -> Schema {
        Schema::Optional(Box::new(T::schema()))
    }

    fn own_schema(&self) -> Schema {
        match self {
            Self::None => Self::schema(),
            Self::Default(value) | Self::Some(value) => {
                Schema::Optional(Box::new(value.own_schema()))
            }
        }
    }

    fn is_on(&self) -> Option<bool> {
        Some(self.is_some())
    }

    fn default_text(&self) -> Option<String> {
        self.get().and_then(Value::default_text)
    }
}
