//! `kmagent validate` on files with mistakes in them.

use std::fs;

use serde_json::Value;

use crate::agent::output;

/// Two files, merged. Each mistake is marked with what is expected at its place: path, then what is said.
const FIRST: &str = "\
receivers:
  otlp:
    protocols:
      grpc: {endpoint: localhost, max_recv_msg_size_mib: -1}
      http: {cors: {allowed_headers: ['a b']}}
  otpl/b:
  host_metrics: {collection_interval: soon, scrapers: {cpu: }}
processors:
  batch: {send_batch_size: lots, timout: 1s}
exporters:
  otlp_http: {endpoint: 'http://localhost:4318', auth: {authenticator: x}}
";
const SECOND: &str = "\
exporters:
  file: {}
  file/b: {path: x, format: xml}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batsh], exporters: [otlp_http]}
    metrics: {receivers: [host_metrics], exporters: []}
";
const MISTAKES: [(&str, u64, u64, &str, &str); 12] = [
    ("a.yaml", 4, 24, "receivers::otlp::protocols::grpc::endpoint", "must be host:port"),
    ("a.yaml", 4, 58, "receivers::otlp::protocols::grpc::max_recv_msg_size_mib", "invalid"),
    ("a.yaml", 5, 38, "receivers::otlp::protocols::http::cors::allowed_headers", "no header name"),
    ("a.yaml", 6, 3, "receivers::otpl/b", "unknown type"),
    ("a.yaml", 7, 39, "receivers::host_metrics::collection_interval", "must be a duration"),
    ("a.yaml", 9, 28, "processors::batch::send_batch_size", "expected type"),
    ("a.yaml", 9, 34, "processors::batch::timout", "unknown key"),
    ("a.yaml", 11, 50, "exporters::otlp_http::auth", "not supported yet"),
    ("b.yaml", 2, 9, "exporters::file::path", "must be non-empty"),
    ("b.yaml", 3, 29, "exporters::file/b::format", "xml"),
    ("b.yaml", 6, 46, "service::pipelines::traces", "batsh"),
    ("b.yaml", 7, 14, "service::pipelines::metrics", "at least one exporter"),
];

#[test]
fn twelve_mistakes_give_twelve_diagnostics_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("a.yaml", FIRST), ("b.yaml", SECOND)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let [first, second] = ["a.yaml", "b.yaml"].map(|name| folder.path().join(name));
    let sources = ["--config", first.to_str().unwrap(), "--config", second.to_str().unwrap()];
    let run = |more: &[&str]| output(&[&["validate"], &sources[..], more].concat());

    let json = run(&["--format", "json"]);
    assert!(!json.status.success());
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    let problems = report["problems"].as_array().unwrap();
    let shown: Vec<String> = problems.iter().map(Value::to_string).collect();
    assert_eq!(problems.len(), MISTAKES.len(), "{}", shown.join("\n"));
    for ((file, line, column, path, words), problem) in MISTAKES.iter().zip(problems) {
        assert!(problem["file"].as_str().unwrap().ends_with(file), "{problem}");
        assert_eq!(problem["line"], *line, "{problem}");
        assert_eq!(problem["column"], *column, "{problem}");
        assert_eq!(problem["path"], *path, "{problem}");
        assert!(problem["message"].as_str().unwrap().contains(words), "{problem}");
    }
    assert!(problems[3]["expected"].as_str().unwrap().contains("otlp"), "{}", problems[3]);
    assert_eq!(problems[5]["expected"], "uint32");
    assert_eq!(problems[9]["expected"], "json, proto");
    assert_eq!(problems[3]["hint"], "did you mean `otlp`?");
    assert_eq!(problems[6]["hint"], "did you mean `timeout`?");
    assert_eq!(problems[7]["lacking"], true);

    let text = run(&[]);
    assert!(!text.status.success());
    let text = String::from_utf8(text.stderr).unwrap();
    assert_eq!(text.lines().count(), MISTAKES.len(), "{text}");
    for (file, line, _, path, _) in MISTAKES {
        assert!(text.contains(&format!("{file}:{line}: {path}: ")), "{file}:{line} {path}\n{text}");
    }
    let compat = run(&["--compat"]);
    let compat = String::from_utf8(compat.stdout).unwrap();
    assert!(compat.contains("   1  exporters::otlp_http::auth\n"), "{compat}");
    assert!(compat.contains("   1  receivers::otpl (did you mean `otlp`?)\n"), "{compat}");
    assert!(compat.contains("9 problems of other kinds"), "{compat}");
}

/// What cannot be expanded does not hide what else is wrong, and is not reported once more as a wrong value.
#[test]
fn references_that_lead_nowhere_are_among_the_problems() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.yaml");
    let text = "\
receivers:
  otlp: {protocols: {grpc: {endpoint: '${file:/does/not/exist}', max_recv_msg_size_mib: '${env:1}'}}}
processors:
  batch: {timeout: '${nope:x}', timout: 1s}
connectors:
  forward:
exporters:
  nop:
service:
  pipelines:
    logs: {receivers: [otlp], processors: [batch], exporters: [nop, forward]}
";
    fs::write(&path, text).unwrap();
    let result = output(&["validate", "--config", path.to_str().unwrap(), "--format", "json"]);
    assert_eq!(result.status.code(), Some(1));
    assert!(result.stderr.is_empty(), "{}", String::from_utf8_lossy(&result.stderr));
    let report: Value = serde_json::from_slice(&result.stdout).unwrap();
    let places = report["problems"].as_array().unwrap().iter();
    let places: Vec<_> = places.map(|problem| (&problem["line"], &problem["path"])).collect();
    let expected = [
        (2, "receivers::otlp::protocols::grpc::endpoint"),
        (2, "receivers::otlp::protocols::grpc::max_recv_msg_size_mib"),
        (4, "processors::batch::timeout"),
        (4, "processors::batch::timout"),
        (6, "connectors::forward"),
    ];
    assert_eq!(places.len(), expected.len(), "{report:#}");
    for ((line, path), place) in expected.into_iter().zip(places) {
        assert_eq!(place, (&line.into(), &path.into()), "{report:#}");
    }
}

#[test]
fn wrong_settings_of_the_agent_are_reported_for_machines_too() {
    let wrong = ["validate", "--format", "json", "--config-check-interval", "soon"];
    let result = output(&wrong);
    assert_eq!(result.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&result.stdout).unwrap();
    let message = report["problems"][0].to_string();
    assert!(message.contains("config-check-interval") && message.contains("soon"), "{message}");
    assert_eq!(report["valid"], false);
}
