//! Helpers of this crate's tests.

use serde_json::{Value as Json, json};

use crate::document::Document;
use crate::environment::Environment;
use crate::node::{Content, Node};
use crate::problems::Problems;
use crate::value::Value;

/// A node as JSON, by its values.
pub(crate) fn to_json(node: &Node) -> Json {
    match &node.content {
        Content::Null => Json::Null,
        Content::Bool(value) => json!(value),
        Content::Int(value) => json!(value),
        Content::Float(value) => json!(value),
        Content::String(value) | Content::Timestamp(value) => json!(&**value),
        Content::List(elements) => elements.iter().map(to_json).collect(),
        Content::Map(map) => {
            map.iter().map(|(key, value)| (key.to_owned(), to_json(value))).collect()
        }
    }
}

/// A document from text, without an environment.
pub(crate) fn document(yaml: &str) -> Document {
    Document::from_text(yaml, "config.yaml", &Environment::empty()).unwrap()
}

/// The messages that a document gives, one per line.
pub(crate) fn refusal(yaml: &str) -> String {
    Document::from_text(yaml, "config.yaml", &Environment::empty()).unwrap_err().to_string()
}

/// What is at `field` in a document, read as `T`, or the problems, one per line.
pub(crate) fn read_field<T: Value>(document: &Document) -> Result<T, String> {
    let mut problems = Problems::new();
    let node = document.root().get("field").expect("the document has a field");
    let value = problems.within("field", Some(node), |problems| T::read(node, problems));
    let value = problems.into_result(value).map_err(|problems| problems.to_string())?;
    Ok(value.expect("a value that cannot be read is a problem"))
}

/// Reads `field: <yaml>` as `T`.
pub(crate) fn read<T: Value>(yaml: &str) -> Result<T, String> {
    read_field(&document(&format!("field: {yaml}")))
}
