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
    assert_eq!(problems[3]["hint"], "did you mean `otlp`?");
    assert_eq!(problems[6]["hint"], "did you mean `timeout`?");
    assert_eq!(problems[7]["lacking"], true);

    let text = run(&[]);
    assert!(!text.status.success());
    let text = String::from_utf8(text.stderr).unwrap();
    for (file, line, _, path, _) in MISTAKES {
        assert!(text.contains(&format!("{file}:{line}: {path}: ")), "{file}:{line} {path}\n{text}");
    }
    let compat = run(&["--compat"]);
    let compat = String::from_utf8(compat.stdout).unwrap();
    assert!(compat.contains("   1  exporters::otlp_http::auth\n"), "{compat}");
    assert!(compat.contains("11 problems of other kinds"), "{compat}");
}
