//! Configurations that another host serves, and nothing else.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::agent::{Agent, command, output};

const CONFIGURATION: &str = "\
receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}
exporters: {nop: }
service: {telemetry: {metrics: {level: none}}, pipelines: {logs: {receivers: [otlp], exporters: [nop]}}}
";

/// Serves the configuration at `/c.yaml` and nothing elsewhere, until the test's process ends.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            let (status, body) = match request[..read].starts_with(b"GET /c.yaml") {
                true => ("200 OK", CONFIGURATION),
                false => ("404 Not Found", ""),
            };
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        }
    });
    format!("http://{address}")
}

#[test]
fn a_configuration_of_another_host_is_all_that_is_needed() {
    let host = server();
    let source = format!("{host}/c.yaml?token=s3cret");
    assert!(output(&["validate", "--config", &source]).status.success());

    let changed = ["--config", &source, "--set", "exporters.nop={}"];
    let printed = output(&[&["print-config", "--origin"], &changed[..]].concat());
    let printed = String::from_utf8(printed.stdout).unwrap();
    let expected = format!(
        "    protocols:\n      http:\n        endpoint: \"127.0.0.1:0\" # {host}/c.yaml?…:1:"
    );
    assert!(printed.contains(&expected), "{printed}");
    assert!(printed.contains("  nop: {} # yaml::1:"), "{printed}");
    assert!(!printed.contains("s3cret"), "{printed}");

    let agent = Agent::start(command(&["run", "--config", &source]));
    agent.wait_until_ready();
    let (status, printed) = agent.terminate();
    assert!(status.success());
    assert!(printed.contains("no --config names a file to keep pushed ones in"), "{printed}");
}

#[test]
fn what_another_host_does_not_serve_is_named() {
    let source = format!("{}/missing.yaml", server());
    let result = output(&["validate", "--config", &source]);
    assert_eq!(result.status.code(), Some(1));
    let printed = String::from_utf8(result.stderr).unwrap();
    let expected = format!("cannot fetch {source}: the server answered with status 404");
    assert!(printed.contains(&expected), "{printed}");
}
