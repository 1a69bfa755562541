//! Values that are used but never shown.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::node::Node;
use crate::problems::Problems;
use crate::schema::Schema;
use crate::value::Value;

/// What stands for a secret wherever something is shown.
pub const REDACTED: &str = "[REDACTED]";

/// A value that is never shown: `Debug`, `Display` and `Serialize` give [`REDACTED`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the place that uses it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<T: Value> Value for Secret<T> {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        // Tainted, so that a message about the value does not show it.
        T::parse(&node.clone().into_tainted(), problems).map(Self)
    }

    fn parse_onto(self, node: &Node, problems: &mut Problems) -> Option<Self> {
        self.0.parse_onto(&node.clone().into_tainted(), problems).map(Self)
    }

    fn schema() -> Schema {
        Schema::Secret(Box::new(T::schema()))
    }

    fn own_schema(&self) -> Schema {
        Schema::Secret(Box::new(self.0.own_schema()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_its_value() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret} {secret:?}"), "[REDACTED] [REDACTED]");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[REDACTED]\"");
        assert_eq!(secret.expose(), "hunter2");
    }
}
