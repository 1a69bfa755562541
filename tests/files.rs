//! Whole pipelines from file to file.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use serde_json::Value;

use crate::agent::{Agent, command, wait_until};

/// A line with one log record of this text.
fn line(text: &str) -> String {
    let record = format!(r#"{{"timeUnixNano":"1","body":{{"stringValue":"{text}"}}}}"#);
    let logs =
        format!(r#"{{"resource":{{}},"scopeLogs":[{{"scope":{{}},"logRecords":[{record}]}}]}}"#);
    format!("{{\"resourceLogs\":[{logs}]}}\n")
}

fn add(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The texts of all records of a file.
fn texts(path: &Path) -> Vec<String> {
    let Ok(content) = fs::read_to_string(path) else { return Vec::new() };
    let lines = content.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut texts = Vec::new();
    for line in lines {
        for record in line.pointer("/resourceLogs").and_then(Value::as_array).into_iter().flatten()
        {
            let record = record.pointer("/scopeLogs/0/logRecords/0/body/stringValue");
            texts.extend(record.and_then(Value::as_str).map(str::to_owned));
        }
    }
    texts
}

#[test]
fn what_goes_in_comes_out_and_nothing_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let config = format!(
        "receivers:
  otlp_json_file: {{include: ['{input}'], start_at: beginning, storage: file_storage}}
processors: {{batch: {{timeout: 10ms}}}}
exporters: {{file: {{path: '{output}', append: true}}}}
extensions: {{file_storage: {{directory: '{storage}', create_directory: true}}}}
service:
  extensions: [file_storage]
  pipelines:
    logs: {{receivers: [otlp_json_file], processors: [batch], exporters: [file]}}
",
        input = at("in*.json").display(),
        output = at("out.json").display(),
        storage = at("storage").display(),
    );
    let path = at("config.yaml");
    fs::write(&path, config).unwrap();
    let start = || Agent::start(command(&["run", "--config", path.to_str().unwrap()]));
    let agent = start();
    add(&at("in.json"), &(line("first") + &line("second")));
    wait_until("two records", || texts(&at("out.json")) == ["first", "second"]);
    drop(agent);
    fs::rename(at("in.json"), at("in-1.json")).unwrap();
    add(&at("in-1.json"), &line("third"));
    add(&at("in.json"), &line("fourth"));
    let agent = start();
    wait_until("all of them", || {
        let mut seen = texts(&at("out.json"));
        seen.sort();
        seen.dedup();
        seen == ["first", "fourth", "second", "third"]
    });
    assert!(agent.terminate().0.success());
}
