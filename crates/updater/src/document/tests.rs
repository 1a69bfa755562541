use config::{Environment, Kind, Node};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

fn yaml(json: &str) -> String {
    Document::from_json(json).unwrap().yaml().to_owned()
}

#[test]
fn a_configuration_is_written_as_people_write_it() {
    let json = r#"{
        "service": {"pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["otlp_http/main"]}}},
        "receivers": {"otlp": {"protocols": {"grpc": null, "http": {"endpoint": "0.0.0.0:4318"}}}},
        "processors": {"memory_limiter": {"limit_mib": 5.12e+02, "check_interval": "1s"}, "batch": {}},
        "exporters": {"otlp_http/main": {
            "endpoint": "${env:KM_COLLECTOR_ENDPOINT}",
            "headers": [{"name": "Authorization", "value": "${env:KM_API_KEY}"}, {"name": "x", "value": []}],
            "note": "two\nlines",
            "matrix": [[1, 2], [], [{}]]
        }}
    }"#;
    let expected = r#"exporters:
  otlp_http/main:
    endpoint: ${env:KM_COLLECTOR_ENDPOINT}
    headers:
      - name: Authorization
        value: ${env:KM_API_KEY}
      - name: x
        value: []
    matrix:
      - - 1
        - 2
      - []
      - - {}
    note: |-
      two
      lines
processors:
  batch: {}
  memory_limiter:
    check_interval: 1s
    limit_mib: 512
receivers:
  otlp:
    protocols:
      grpc: null
      http:
        endpoint: "0.0.0.0:4318"
service:
  pipelines:
    logs:
      exporters:
        - otlp_http/main
      receivers:
        - otlp
"#;
    assert_eq!(yaml(json), expected);
    assert_eq!(yaml("{}"), "{}\n");
}

#[test]
fn the_text_depends_on_the_content_only() {
    assert_eq!(yaml(r#"{"b": 1.0, "a": [2]}"#), yaml(r#"{"a":[2e0],"b":0,"b":1}"#));
}

#[test]
fn what_is_no_configuration_is_refused() {
    let refused = |json: &str| Document::from_json(json).unwrap_err();
    assert!(matches!(refused("[]"), InvalidDocument::NoObject));
    assert!(matches!(refused("\"a: b\""), InvalidDocument::NoObject));
    assert!(matches!(refused("{\"a\": }"), InvalidDocument::Syntax(_)));
    assert!(matches!(refused("{\"a\": \"\\ud800\"}"), InvalidDocument::Syntax(_)));
    assert!(matches!(refused("{\"a\": 1e400}"), InvalidDocument::Number));
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(refused(&deep), InvalidDocument::Depth));
    let long = format!("{{\"{}\": 1}}", "k".repeat(2000));
    assert!(matches!(refused(&long), InvalidDocument::Key));
}

#[test]
fn a_document_shows_nothing_of_its_content() {
    let document = Document::from_json(r#"{"password": "hunter2"}"#).unwrap();
    assert_eq!(format!("{document:?}"), "Document(18 bytes)");
}

/// What readers take for numbers, bools, nulls, timestamps, syntax.
const TREACHEROUS: &[&str] = &[
    "",
    " ",
    "~",
    "null",
    "Null",
    "NULL",
    "true",
    "True",
    "FALSE",
    "yes",
    "No",
    "ON",
    "off",
    "y",
    "N",
    "0",
    "-1",
    "+12",
    "0123",
    "08",
    "0o17",
    "0x1F",
    "0X1F",
    "0b101",
    "1_000",
    "0x_1",
    "1.5",
    ".5",
    "1.",
    "1e3",
    "1.048576e+06",
    "-1e-7",
    ".inf",
    "-.Inf",
    "+.INF",
    ".nan",
    "inf",
    "nan",
    "9223372036854775808",
    "2023-03-20",
    "2023-3-2",
    "2023-03-20T03:17:55Z",
    "2023-03-20 03:17:55.4 +01:00",
    "12:30:45",
    "1:2",
    "<<",
    "=",
    "-",
    "- a",
    "--",
    "---",
    "...",
    "?",
    "? a",
    ":",
    ": a",
    "a:",
    "a: b",
    "a::b",
    "#",
    "a #b",
    "a#b",
    "&a",
    "*a",
    "!a",
    "!!str 1",
    "|",
    ">",
    "%a",
    "@a",
    "`a",
    "'",
    "\"",
    "'a'",
    "\"a\"",
    "\\",
    "a\\n",
    "[",
    "]",
    "[a]",
    "{",
    "}",
    "{}",
    "{a: b}",
    ",",
    "a, b",
    "a ",
    " a",
    "a\t",
    "\ta",
    "\n",
    "a\n",
    "\na",
    "a\nb",
    "a\n\n",
    "a\n\nb\n",
    "a\n b",
    " a\nb",
    "a \nb",
    "a\n ",
    "a\n\tb",
    "a\r\nb",
    "\r",
    "a\n---\nb",
    "a\n...\n",
    "# a\nb",
    "key: v\nk2:\n  - x\n",
    "\u{85}",
    "a\u{2028}b",
    "\u{feff}a",
    "\u{0}",
    "\u{7f}",
    "\u{9f}",
    "\u{fffe}",
    "\u{a0}",
    "\u{a0}\nb",
    "é",
    "日本\n語",
    "\u{1f600}",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(TREACHEROUS).prop_map(str::to_owned),
        vec(proptest::sample::select(TREACHEROUS), 2..4).prop_map(|parts| parts.concat()),
        "[-+.0-9_eExXob:TZ]{1,12}",
        any::<String>(),
    ]
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        (-1000_i32..1000).prop_map(|value| Json::from(f64::from(value))),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![vec(inner.clone(), 0..5).prop_map(Json::from), object(inner)]
    })
}

fn object(inner: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    btree_map(text(), inner, 0..5).prop_map(|map| Json::Object(map.into_iter().collect()))
}

/// Compares numbers by value: a float's text may be an integer's.
fn equal(read: &Json, json: &Json) -> bool {
    match (read, json) {
        (Json::Number(read), Json::Number(json)) => match (read.as_i64(), json.as_i64()) {
            (Some(read), Some(json)) => read == json,
            _ => read.as_f64() == json.as_f64(),
        },
        (Json::Array(read), Json::Array(json)) => {
            read.len() == json.len() && read.iter().zip(json).all(|(read, json)| equal(read, json))
        }
        (Json::Object(read), Json::Object(json)) => {
            read.len() == json.len()
                && json
                    .iter()
                    .all(|(key, json)| read.get(key).is_some_and(|read| equal(read, json)))
        }
        (read, json) => read == json,
    }
}

/// The same for what the collector's reader has read; integers, and floats that are small ones, have to be integers.
fn same(node: &Node, json: &Json) -> bool {
    match json {
        Json::Null => node.is_null(),
        Json::Bool(value) => node.as_bool() == Some(*value),
        Json::Number(number) => {
            let is_whole =
                number.as_f64().is_some_and(|value| value.fract() == 0.0 && value.abs() < 1e15);
            let kind_fits = node.kind() == Kind::Int || !(is_whole || number.is_i64());
            kind_fits
                && match number.as_i64() {
                    Some(value) => node.as_i64() == Some(value),
                    None => node.as_f64() == number.as_f64(),
                }
        }
        Json::String(text) => node.as_str() == Some(text),
        Json::Array(list) => node.as_list().is_some_and(|nodes| {
            nodes.len() == list.len() && nodes.iter().zip(list).all(|(node, json)| same(node, json))
        }),
        Json::Object(map) => node.as_map().is_some_and(|nodes| {
            nodes.len() == map.len()
                && map.iter().all(|(key, json)| nodes.get(key).is_some_and(|node| same(node, json)))
        }),
    }
}

/// Replaces what the collector's language has a meaning for: `$` in strings, `::` in keys.
fn without_references(json: Json) -> Json {
    match json {
        Json::String(text) => Json::String(text.replace('$', "S")),
        Json::Array(list) => list.into_iter().map(without_references).collect(),
        Json::Object(map) => {
            let entries = map.into_iter();
            Json::Object(
                entries
                    .map(|(key, value)| (key.replace(':', ";"), without_references(value)))
                    .collect(),
            )
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn another_yaml_reader_reads_it_back_equal(json in object(json())) {
        let yaml = yaml(&json.to_string());
        let read: Json = serde_yaml::from_str(&yaml).expect(&yaml);
        prop_assert!(equal(&read, &json), "{}", yaml);
    }

    #[test]
    fn the_collectors_reader_reads_it_back_equal(json in object(json())) {
        let json = without_references(json);
        let yaml = yaml(&json.to_string());
        let read = config::Document::from_text(&yaml, "test", &Environment::default());
        let read = read.map_err(|problems| TestCaseError::fail(format!("{problems}\n{yaml}")))?;
        prop_assert!(same(read.root(), &json), "{}", yaml);
    }
}
