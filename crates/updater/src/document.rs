//! The document that an update brings.

mod value;
mod yaml;

use std::fmt;

use serde_json::value::RawValue;

pub use value::InvalidDocument;
use value::Value;

/// A collector configuration as YAML text, unexpanded: what is to be stored, checked and run.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    yaml: String,
}

impl Document {
    /// A document that arrived as YAML. The text is taken as it is.
    pub fn from_yaml(text: impl Into<String>) -> Self {
        Self { yaml: text.into() }
    }

    /// Writes a JSON object as YAML, in block style and with its keys sorted, so that equal objects give equal texts.
    ///
    /// What the collector reads from it equals the object: strings that would mean something else are quoted. Numbers keep
    /// every digit; those without a fraction are written as integers where 64 bits hold them, `1.048576e+06` as `1048576`.
    /// Of a key that is there twice, the last one counts.
    ///
    /// # Errors
    ///
    /// It is no JSON object, or one that no configuration can be.
    pub fn from_json(json: &str) -> Result<Self, InvalidDocument> {
        let raw: &RawValue = serde_json::from_str(json).map_err(InvalidDocument::Syntax)?;
        Self::from_raw(raw)
    }

    pub(crate) fn from_raw(json: &RawValue) -> Result<Self, InvalidDocument> {
        match Value::read(json)? {
            Value::Map(map) => Ok(Self { yaml: yaml::write(&map) }),
            _ => Err(InvalidDocument::NoObject),
        }
    }

    /// The text.
    pub fn yaml(&self) -> &str {
        &self.yaml
    }
}

/// Shows the size only: a configuration may hold secrets.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.yaml.len())
    }
}

#[cfg(test)]
mod tests;
