use std::fs;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::testing::{document, refusal, to_json};

const ALL: &str = include_str!("../../tests/data/expand-with-all-env.yaml");
const PARTIAL: &str = include_str!("../../tests/data/expand-with-partial-env.yaml");
const NONE: &str = include_str!("../../tests/data/expand-with-no-env.yaml");
const EMBEDDED_KEYS: &str = include_str!("../../tests/data/embedded_keys.yaml");

fn json(yaml: &str) -> Json {
    to_json(document(yaml).root())
}

fn load(sources: &[&str]) -> Result<Json, String> {
    let environment = Environment::empty().with("YAML", "{a: {b: 5}}");
    let loaded = Document::load(sources, &environment);
    loaded.map(|document| to_json(document.root())).map_err(|problems| problems.to_string())
}

#[test]
fn upstreams_files_expand_to_the_one_without_references() {
    let environment = Environment::empty()
        .with("EXTRA", "some string")
        .with("EXTRA_MAP_VALUE_1", "some map value_1")
        .with("EXTRA_MAP_VALUE_2", "some map value_2")
        .with("EXTRA_LIST_MAP_VALUE_1", "some list map value_1")
        .with("EXTRA_LIST_MAP_VALUE_2", "some list map value_2")
        .with("EXTRA_LIST_VALUE_1", "some list value_1")
        .with("EXTRA_LIST_VALUE_2", "some list value_2");
    for text in [ALL, PARTIAL] {
        let expanded = Document::from_text(text, "c.yaml", &environment).unwrap();
        assert_eq!(to_json(expanded.root()), json(NONE));
    }
}

#[test]
fn keys_are_paths() {
    assert_eq!(
        json(EMBEDDED_KEYS),
        json!({"typed": {"options": {
            "floating": {"point": {"example": 314.0 / 100.0}},
            "integer": {"example": 1234},
            "bool": {"example": false},
            "string": {"example": "this is a string"},
            "nil": {"example": null},
        }}})
    );
    assert_eq!(
        json("a::b: 1\na: {c: 2}\n'a::d::e': 3"),
        json!({"a": {"b": 1, "c": 2, "d": {"e": 3}}})
    );
    assert_eq!(json("a:\na::b: 1"), json!({"a": {"b": 1}}));
    // Not inside lists.
    assert_eq!(json("a: [{'b::c': 1}]"), json!({"a": [{"b::c": 1}]}));
    assert!(
        refusal("a::b: 1\na: {b: 2}").contains("config.yaml:2: mapping key \"b\" is there twice")
    );
    assert!(refusal(&format!("{}: 1", "a::".repeat(200))).contains("nested too deeply"));
}

#[test]
fn sources_are_merged_from_left_to_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    fs::write(&path, "a: {b: 1, c: [1, 2]}\nx: {y: 1}\n").unwrap();
    let path = path.to_str().unwrap();
    let file = format!("file:{path}");
    assert_eq!(load(&[path]), load(&[&file]));
    assert_eq!(
        load(&[path, "yaml:a::c: [3]", "env:YAML"]),
        Ok(json!({"a": {"b": 5, "c": [3]}, "x": {"y": 1}}))
    );
    // A null erases a map, an empty map does not.
    assert_eq!(load(&[path, "yaml:{x: }"]).unwrap()["x"], Json::Null);
    assert_eq!(load(&[path, "yaml:{x: {}}"]).unwrap()["x"], json!({"y": 1}));
    // What a reference stands for replaces, it is not merged into.
    assert_eq!(load(&["yaml:a: {z: 1}", "yaml:a: ${env:YAML}"]), Ok(json!({"a": {"a": {"b": 5}}})));
}

#[test]
fn every_source_that_cannot_be_loaded_is_named() {
    let problems = load(&["/nowhere/a.yaml", "https://x/y", "_q:x", "yaml:- 1"]).unwrap_err();
    let lines: Vec<_> = problems.lines().collect();
    assert_eq!(lines.len(), 4, "{problems}");
    assert!(lines[0].starts_with("/nowhere/a.yaml: cannot read /nowhere/a.yaml: "));
    assert_eq!(
        lines[1],
        "https://x/y: cannot fetch https://x/y: configurations of other hosts are not read here"
    );
    assert_eq!(lines[2], "unsupported scheme on URI \"_q:x\"");
    assert_eq!(lines[3], "yaml::1: the root of a configuration must be a map, is a list");
    assert_eq!(load(&[]), Err("at least one config flag must be provided".to_owned()));
}

#[test]
fn an_included_file_has_positions_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("part.yaml");
    fs::write(&path, "\n\nb: ${env:1}\n").unwrap();
    let text = format!("a: ${{file:{}}}", path.display());
    let problems = Document::from_text(&text, "c.yaml", &Environment::empty()).unwrap_err();
    let problem = problems.first().unwrap();
    assert_eq!((&*problem.source, problem.line), (path.to_str().unwrap(), 3));
}

#[test]
fn the_dialect_is_yaml_v3s() {
    assert_eq!(json(""), json!({}));
    assert_eq!(json("---\n# nothing\n"), json!({}));
    assert_eq!(json("\u{feff}a: 1\r\nb: 2\r\n"), json!({"a": 1, "b": 2}));
    assert_eq!(
        json("a: 0123\nb: 0x1F\nc: yes\nd: ~\ne:"),
        json!({"a": 83, "b": 31, "c": "yes", "d": null, "e": null})
    );
    assert_eq!(json("a: '0123'\nb: !!str 5\nc: !own 5"), json!({"a": "0123", "b": "5", "c": "5"}));
    assert_eq!(json("a: &x {b: 1}\nc: *x"), json!({"a": {"b": 1}, "c": {"b": 1}}));
    assert_eq!(
        json("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: {<<: [{b: 5}, *x]}"),
        json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}, "e": {"b": 5, "c": 2}})
    );
    assert_eq!(json("8080: a\ntrue: b"), json!({"8080": "a", "true": "b"}));
    assert_eq!(json("a: |\n  x\n  y\nb: >-\n  x\n  y"), json!({"a": "x\ny\n", "b": "x y"}));
}

#[test]
fn what_is_no_document_is_refused_with_its_line() {
    for (text, message) in [
        ("a: 1\nb: [\n", "config.yaml:3: invalid YAML: "),
        ("a: 1\n\ta: 2\n", "invalid YAML: "),
        ("a: 1\na: 2\n", "config.yaml:2: mapping key \"a\" already defined at line 1"),
        ("just text\n", "config.yaml:1: the root of a configuration must be a map, is a string"),
        ("a: 1\n---\nb: 2\n", "config.yaml:3: a second YAML document begins here"),
        ("a: *x\n", "config.yaml:1: invalid YAML: "),
        ("a: &x [*x]\n", "an anchor contains itself"),
        ("a: {<<: 5}\n", "map merge requires map or sequence of maps"),
        ("? [a]\n: b\n", "a key must be a single word or number"),
        ("a: 9223372036854775808\n", "config.yaml:1: the integer is too large"),
    ] {
        let refused = refusal(text);
        assert!(refused.contains(message), "{text:?}: {refused}");
    }
    assert_eq!(json("a: 1\n---\n"), json!({"a": 1}));
}

#[test]
fn nothing_makes_a_document_explode() {
    let laughs = (1..40).fold("a0: &a0 [x, x, x]\n".to_owned(), |text, n| {
        let of = n - 1;
        format!("{text}a{n}: &a{n} [*a{of}, *a{of}, *a{of}]\n")
    });
    assert!(refusal(&laughs).contains("the document has too many values"));
    assert!(
        refusal(&format!("a: {}{}", "[".repeat(150), "]".repeat(150)))
            .contains("nested too deeply")
    );
    let deep: String = (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(refusal(&deep).contains("nested too deeply"));
    assert!(
        refusal(&format!("a: {}", "x".repeat(parse::MAX_TEXT))).contains("the text is too long")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the text is: a document or problems, and never a panic.
    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}") {
        let _unused = Document::from_text(&text, "c.yaml", &Environment::empty());
    }

    /// The same for texts made of what YAML and expansion react to.
    #[test]
    fn anything_like_yaml_is_read_or_refused(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "a", "b", ": ", ":", "- ", "\n", "  ", "{", "}", "[", "]", ",", "&x ", "*x", "<<", "? ", "|", ">",
                "'", "\"", "\\", "#", "!!str ", "!", "---\n", "...", "%", "$", "${", "${env:A}", "${A:-", "env:",
                "yaml:", "::", "0", "1", "-", ".", "e", "_", "\t", "é", "\u{85}", "~", "@", "`", "\r",
            ]),
            0..40,
        )
    ) {
        let text: String = parts.concat();
        let environment = Environment::empty().with("A", "{b: '${env:B}'}").with("B", text.as_str());
        let _unused = Document::from_text(&text, "c.yaml", &environment);
    }
}

#[test]
fn sources_and_settings_are_merged_in_their_order() {
    let environment = Environment::empty().with("MORE", "b: {x: 2}");
    let set = set_source("b.y = [1, 2]").unwrap();
    let parts = [
        Part::Text { text: "a: 1\nb: {x: 1, y: 0}", name: "first.yaml" },
        Part::Source("env:MORE"),
        Part::Source(&set),
    ];
    let document = Document::from_parts(&parts, &environment).unwrap();
    let expected = Document::from_text("{a: 1, b: {x: 2, y: [1, 2]}}", "x", &environment).unwrap();
    assert!(document.root().same_as(expected.root()), "{:?}", document.root());
    assert_eq!(set_source("a"), Err("missing equal sign"));
}

#[test]
fn what_other_hosts_serve_is_a_source_like_any_other() {
    let environment = Environment::empty().with_fetch(|url| match url {
        "http://h/a" => Ok("a: 1\nb: ${https://h/b}".to_owned()),
        "https://h/b" => Ok("{c: 2}".to_owned()),
        _ => Err("status 404".to_owned()),
    });
    let document = Document::load(&["http://h/a", "yaml:a: 3"], &environment).unwrap();
    let number = |path| document.root().get(path).and_then(Node::as_i64);
    assert_eq!((number("a"), number("b::c")), (Some(3), Some(2)));
    let problems = Document::load(&["http://h/x"], &environment).unwrap_err();
    assert_eq!(problems.to_string(), "http://h/x: cannot fetch http://h/x: status 404");
}
