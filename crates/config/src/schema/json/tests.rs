use std::time::Duration;

use regex::Regex;
use serde_json::json;

use super::*;
use crate::{Optional, Problems, Section, Validate, Value as _};

/// A section.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported("proxy"))]
struct Config {
    /// Where to.
    endpoint: String,
    kind: Kind,
    /// How long.
    wait: Duration,
    /// The inner one.
    inner: Optional<Inner>,
}

/// What it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Section)]
#[section(ignore_case, not_supported("c"))]
enum Kind {
    #[section(rename = "")]
    #[default]
    Nothing,
    #[section(rename = "b1")]
    B,
}

/// An inner section.
#[derive(Clone, Debug, Default, PartialEq, Section)]
struct Inner {
    /// How many.
    count: u8,
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.endpoint.is_empty() {
            problems.add("endpoint", "must be set");
        }
    }
}

impl Validate for Inner {}

#[test]
fn a_section_says_everything_that_an_editor_shows() {
    let schema = Config::schema().json();
    assert_eq!(schema["description"], "A section.\nNot supported yet: proxy.");
    assert_eq!(schema["additionalProperties"], json!(false));
    let options = &schema["properties"];
    assert_eq!(
        options["endpoint"],
        json!({"type": ["string", "null"], "description": "Where to.\nRequired."})
    );
    assert_eq!(options["kind"]["description"], "What it is.\nNot supported yet: c.");
    assert_eq!(options["kind"]["anyOf"][0], json!({"enum": ["", "b1", null]}));
    assert_eq!(options["kind"]["anyOf"][1]["pattern"], r"\$\{|^$|^[Bb]1$");
    assert_eq!(options["kind"]["default"], "");
    assert_eq!(options["wait"]["default"], "0s");
    let inner = &options["inner"]["properties"];
    assert_eq!(inner["enabled"]["type"], json!(["boolean", "string", "null"]));
    assert_eq!(
        inner["count"],
        json!({
            "type": ["integer", "string", "null"], "pattern": r"\$\{", "minimum": 0, "maximum": 255,
            "description": "How many.", "default": 0,
        })
    );
}

#[test]
fn defaults_are_values() {
    let listed = Schema::List(Box::new(Schema::Enum {
        doc: "",
        values: &["", "1.2"],
        not_supported: &[],
        ignore_case: false,
    }));
    assert_eq!(default_value("[\"\", 1.2]", &listed), Some(json!(["", "1.2"])));
    assert_eq!(default_value("[]", &listed), Some(json!([])));
    assert_eq!(
        default_value("[\"a, b\"]", &Schema::List(Box::new(Schema::String))),
        Some(json!(["a, b"]))
    );
    assert_eq!(default_value("storage/2", &Schema::String), Some(json!("storage/2")));
    let path = r"C:\data".to_owned().default_text().unwrap();
    assert_eq!(default_value(&path, &Schema::String), Some(json!(r"C:\data")));
}

/// The pattern and the reader agree.
#[test]
fn durations_match_the_pattern_when_they_can_be_read() {
    let pattern = Regex::new(DURATION).unwrap();
    for text in ["0", "-0", "10s", "1m30s", "1.5h", ".5ms", "5.s", "+3us2ns", "1µs", "1μs"] {
        assert!(crate::duration::parse(text).is_ok() && pattern.is_match(text), "{text}");
    }
    for text in ["", "s", ".s", "5", "1d", "5 s", "1s-1s", "1s "] {
        assert!(crate::duration::parse(text).is_err() && !pattern.is_match(text), "{text}");
    }
    assert!(pattern.is_match("${env:TIMEOUT}"));
}
