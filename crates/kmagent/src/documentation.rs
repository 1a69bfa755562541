//! Keeps the READMEs true: their tables of options are made from the types, and the schema accepts every example.
//!
//! `cargo xtask options` writes the tables; the test fails where one is out of date.

mod tables;
mod validator;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::validator::Validator;

/// The keys of a collector's document.
const SECTIONS: [&str; 6] =
    ["receivers", "processors", "exporters", "connectors", "extensions", "service"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn validator() -> Validator {
    Validator::new(collector::schema(&crate::components::registry()))
}

fn problems(document: &str) -> Vec<String> {
    validator().check(&serde_yaml::from_str(document).unwrap())
}

/// Every file of the repository whose name ends so.
pub(crate) fn files(ending: &str) -> Vec<PathBuf> {
    fn add(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                add(&path, ending, found);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    add(&root(), ending, &mut found);
    found.sort();
    found
}

/// The YAML blocks of a document.
pub(crate) fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next())
}

/// Whether a text is a collector's document, or a part of one, and not of something else.
fn is_document(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.keys().any(|key| SECTIONS.contains(&key.as_str())))
}

#[test]
fn every_example_is_accepted() {
    let validator = validator();
    let mut examples = 0;
    for page in files(".md") {
        for block in blocks(&fs::read_to_string(&page).unwrap()) {
            let value: Value = serde_yaml::from_str(block)
                .unwrap_or_else(|error| panic!("{}: {error}:\n{block}", page.display()));
            if is_document(&value) {
                examples += 1;
                let problems = validator.check(&value);
                assert!(problems.is_empty(), "{}: {problems:#?}\n{block}", page.display());
            }
        }
    }
    assert!(examples >= 15, "there are only {examples} examples left");
}

#[test]
fn the_built_in_configurations_are_accepted() {
    for has_api_key in [true, false] {
        let document = crate::built_in::configuration(has_api_key);
        assert_eq!(problems(&document), [""; 0], "{document}");
    }
}

#[test]
fn whatever_the_program_reads_is_accepted() {
    for document in [
        // Ids with names, aliases, sections that are empty, off, or written by reference.
        "receivers: {hostmetrics/a: {scrapers: {cpu: {metrics: {system.cpu.time: {enabled: false}}}, load: }}}",
        "exporters: {otlp: , otlp_grpc/x: {sending_queue: {enabled: false}, retry_on_failure: }}",
        "exporters: {otlp_http: '${file:exporter.yaml}', debug: {verbosity: DETAILED}}",
        "exporters: {otlp_http: {sending_queue: '${env:QUEUE}', timeout: '${TIMEOUT}', encoding: '${E}'}}",
        // Integers as floats and by reference; durations as nanoseconds.
        "processors: {batch: {send_batch_size: 100.0, timeout: 200000000}}",
        "processors: {batch: {send_batch_size: '${env:SIZE}', timeout: 1m30s}}",
        // Keys that lead several levels down.
        "receivers: {otlp: {'protocols::grpc::endpoint': 'x:1'}, 'otlp/a::protocols::http': }",
        "exporters::otlp_http::timeout: 10s",
        // Both ways to write headers and lists of strings.
        "exporters: {otlp_http: {headers: {a: b}}, otlp_grpc: {headers: [{name: a, value: b}]}}",
        "exporters: {debug: {output_paths: 'stdout,/tmp/x'}, debug/b: {output_paths: [stdout]}}",
        "service: {extensions: [], pipelines: {logs/x: {receivers: [otlp/a], exporters: ['${env:E}']}}}",
        "service: {telemetry: {logs: {level: WARN}, resource: {service.name: }, metrics: {level: none}}}",
    ] {
        assert_eq!(problems(document), [""; 0], "{document}");
    }
}

#[test]
fn mistakes_are_found_where_they_are() {
    for (document, expected) in [
        ("recievers: {}", "/: unknown key `recievers`"),
        ("receivers: {oltp: }", "/receivers: unknown key `oltp`"),
        ("receivers: {otlp2/a: }", "/receivers: unknown key `otlp2/a`"),
        ("processors: {batch: {time_out: 1s}}", "/processors/batch: unknown key `time_out`"),
        ("processors: {batch: {timeout: soon}}", "/processors/batch/timeout: does not match"),
        ("processors: {batch/b: {timeout: true}}", "/processors/batch/b/timeout: wrong type"),
        ("processors: {batch: {send_batch_size: 1.5}}", "/send_batch_size: wrong type"),
        ("processors: {batch: {send_batch_size: -1}}", "/send_batch_size: too small"),
        ("processors: {batch: {send_batch_size: '10'}}", "/send_batch_size: does not match"),
        ("processors: {batch: []}", "/processors/batch: wrong type"),
        ("exporters: {debug: {verbosity: loud}}", "/exporters/debug/verbosity: none of"),
        ("exporters: {otlphttp: {encoding: JSON}}", "/exporters/otlphttp/encoding: none of"),
        ("exporters: {otlp: {tls: {insecure: 'yes'}}}", "/otlp/tls/insecure: does not match"),
        ("exporters: {otlp: {headers: {a: 1}}}", "/exporters/otlp/headers/a: wrong type"),
        ("exporters: {otlp: {auth: }}", "/exporters/otlp: unknown key `auth`"),
        (
            "receivers: {host_metrics: {scrapers: {cpu: {enabled: false}}}}",
            "/scrapers/cpu: unknown key `enabled`",
        ),
        ("service: {pipelines: {trace: }}", "/service/pipelines: unknown key `trace`"),
        (
            "service: {pipelines: {traces: {receivers: [batch]}}}",
            "/service/pipelines/traces/receivers/0: does not match",
        ),
        ("service: {pipelines: {traces: {receivers: otlp}}}", "/receivers: does not match"),
        ("service: {telemetry: {logs: {level: loud}}}", "/service/telemetry/logs/level: none of"),
    ] {
        let problems = problems(document);
        let found = problems.len() == 1 && problems[0].contains(expected);
        assert!(found, "{document}: {expected} is not in {problems:?}");
    }
}

#[test]
fn every_option_has_a_description() {
    let schema = collector::schema(&crate::components::registry());
    let mut options = 0;
    let mut bare = Vec::new();
    undescribed("", &schema, &mut options, &mut bare);
    assert_eq!(bare, [""; 0]);
    assert!(options > 200, "{options}");
}

fn undescribed(path: &str, schema: &Value, options: &mut usize, bare: &mut Vec<String>) {
    let Some(map) = schema.as_object() else { return };
    for (key, value) in map {
        let inner = format!("{path}/{key}");
        if key != "properties" {
            undescribed(&inner, value, options, bare);
            continue;
        }
        for (name, option) in value.as_object().into_iter().flatten() {
            *options += 1;
            // Components are described where they are defined; a header's pair says it by itself.
            let known = option.get("$ref").is_some() || path.ends_with("/items");
            let described = option["description"].as_str().is_some_and(|text| !text.is_empty());
            if !known && !described {
                bare.push(format!("{inner}/{name}"));
            }
            undescribed(&format!("{inner}/{name}"), option, options, bare);
        }
    }
}
