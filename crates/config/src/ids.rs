//! Ids of components and pipelines.

use std::fmt;
use std::sync::{Arc, LazyLock};

use regex::Regex;

/// The id of a component or a pipeline: `type[/name]`, as `otlp` or `otlp/2`.
///
/// The type is kept as it was written: `otlphttp` and `otlp_http` are two ids, even where one type is an alias of the other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId {
    component_type: Arc<str>,
    name: Arc<str>,
}

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages are upstream's and say it")]
pub enum InvalidId {
    #[error("id must not be empty")]
    Empty,
    #[error("in {0:?} id: the part before / should not be empty")]
    NoType(String),
    #[error("in {0:?} id: the part after / should not be empty")]
    NoName(String),
    #[error("in {0:?} id: invalid character(s) in type {0:?}")]
    BadType(String),
    #[error("in {0:?} id: invalid character(s) in name {0:?}")]
    BadName(String),
    #[error("name {0:?} is longer than 1024 characters ({len} characters)", len = .0.len())]
    LongName(String),
}

impl ComponentId {
    /// Reads an id. White space around both parts is dropped.
    ///
    /// # Errors
    ///
    /// The text is no id.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        const LONGEST_NAME: usize = 1024;
        let (component_type, name) = match text.split_once('/') {
            Some((component_type, name)) => (component_type.trim(), Some(name.trim())),
            None => (text.trim(), None),
        };
        match (component_type, name) {
            ("", None) => return Err(InvalidId::Empty),
            ("", Some(_)) => return Err(InvalidId::NoType(text.to_owned())),
            (_, Some("")) => return Err(InvalidId::NoName(text.to_owned())),
            _ => {}
        }
        if !is_type(component_type) {
            return Err(InvalidId::BadType(component_type.to_owned()));
        }
        let name = name.unwrap_or_default();
        if name.len() > LONGEST_NAME {
            return Err(InvalidId::LongName(name.to_owned()));
        }
        if !is_name(name) {
            return Err(InvalidId::BadName(name.to_owned()));
        }
        Ok(Self { component_type: component_type.into(), name: name.into() })
    }

    /// An id without a name. For constants in code; what users write goes through [`parse`](Self::parse).
    pub fn new(component_type: &str) -> Self {
        Self { component_type: component_type.into(), name: "".into() }
    }

    /// The same type under a name.
    #[must_use]
    pub fn with_name(&self, name: &str) -> Self {
        Self { component_type: Arc::clone(&self.component_type), name: name.into() }
    }

    /// The part before the slash.
    pub fn component_type(&self) -> &str {
        &self.component_type
    }

    /// The part after the slash; empty when there is none.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.component_type)?;
        if self.name.is_empty() { Ok(()) } else { write!(f, "/{}", self.name) }
    }
}

impl fmt::Debug for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for ComponentId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text)
    }
}

/// `^[a-zA-Z][0-9a-zA-Z_]{0,62}$`
fn is_type(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// No separator (Unicode's category Z), other (C) or symbol (S).
fn is_name(name: &str) -> bool {
    static NAME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[^\p{Z}\p{C}\p{S}]*$").expect("the pattern is a constant"));
    NAME.is_match(name)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[test]
    fn ids_are_upstreams() {
        #[derive(Deserialize)]
        struct Vectors {
            component_id: Vec<Case>,
        }
        #[derive(Deserialize)]
        struct Case {
            r#in: String,
            r#type: Option<String>,
            name: Option<String>,
            error: Option<String>,
        }
        let vectors = include_str!("../tests/data/component_ids.yaml");
        let vectors: Vectors = serde_yaml::from_str(vectors).unwrap();
        assert!(vectors.component_id.len() > 10);
        for case in vectors.component_id {
            match ComponentId::parse(&case.r#in) {
                Ok(id) => {
                    assert_eq!(Some(id.component_type()), case.r#type.as_deref(), "{}", case.r#in);
                    assert_eq!(Some(id.name()), case.name.as_deref(), "{}", case.r#in);
                }
                Err(error) => assert_eq!(Some(error.to_string()), case.error),
            }
        }
    }

    #[test]
    fn names_hold_no_symbols_in_any_script() {
        for name in ["é", "日本", "a.b-c", "1/2"] {
            assert!(ComponentId::parse(&format!("otlp/{name}")).is_ok(), "{name}");
        }
        for name in ["€", "a\u{a0}b", "🙂", "a\u{200b}b", "±"] {
            assert!(ComponentId::parse(&format!("otlp/{name}")).is_err(), "{name}");
        }
        assert!(ComponentId::parse(&format!("otlp/{}", "x".repeat(1025))).is_err());
    }
}
