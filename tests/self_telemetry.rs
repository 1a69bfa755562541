//! What the agent says about itself: its metrics, its log, the pages of its extensions.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use rustix::process::Signal;
use tokio::time::Instant;

use crate::agent::{Agent, PATIENCE, command, free_port};
use crate::sink::{Received, Sink};

/// A configuration with a page for Prometheus, `health_check` and `zpages`, in a folder of its own.
struct Setup {
    folder: tempfile::TempDir,
    otlp: u16,
    prometheus: u16,
    health: u16,
    zpages: u16,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [otlp, prometheus, health, zpages] = std::array::from_fn(|_| free_port());
        Self { folder, otlp, prometheus, health, zpages }
    }

    fn write(&self, logs: &str) {
        let Self { otlp, prometheus, health, zpages, .. } = self;
        let yaml = format!(
            "receivers: {{otlp: {{protocols: {{http: {{endpoint: 127.0.0.1:{otlp}}}}}}}}}\n\
             processors: {{batch: {{timeout: 10ms}}}}\n\
             exporters: {{nop: }}\n\
             extensions: {{health_check: {{endpoint: 127.0.0.1:{health}}}, zpages: {{endpoint: 127.0.0.1:{zpages}}}}}\n\
             service:\n\
             \x20 extensions: [health_check, zpages]\n\
             \x20 telemetry:\n\
             \x20   logs: {logs}\n\
             \x20   metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {prometheus}}}}}}}}}]}}\n\
             \x20 pipelines: {{logs: {{receivers: [otlp], processors: [batch], exporters: [nop]}}}}\n"
        );
        std::fs::write(self.folder.path().join("config.yaml"), yaml).unwrap();
    }

    fn start(&self) -> Agent {
        let config = self.folder.path().join("config.yaml");
        let agent = Agent::start(command(&["--config", config.to_str().unwrap(), "run"]));
        agent.wait_until_ready();
        agent
    }

    /// Sends a request with three log records.
    fn send(&self) {
        let record = "{\"body\":{\"stringValue\":\"x\"}}";
        let body = format!(
            "{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{record},{record},{record}]}}]}}]}}"
        );
        let answer = request(
            self.otlp,
            &format!(
                "POST /v1/logs HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn request(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn get(port: u16, path: &str) -> String {
    request(port, &format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"))
}

/// Asks for a page until it has a text.
fn wait_for(port: u16, path: &str, text: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = get(port, path);
        if page.contains(text) {
            return page;
        }
        assert!(Instant::now() < deadline, "{text:?} never came:\n{page}");
        thread::yield_now();
    }
}

#[test]
fn numbers_go_on_over_a_reload_that_changes_only_the_log() {
    let setup = Setup::new();
    setup.write("{level: info}");
    let agent = setup.start();
    setup.send();
    let accepted = "otelcol_receiver_accepted_log_records{receiver=\"otlp\",transport=\"http\"} ";
    wait_for(setup.prometheus, "/metrics", &format!("{accepted}3\n"));
    wait_for(
        setup.prometheus,
        "/metrics",
        "otelcol_exporter_sent_log_records{exporter=\"nop\"} 3\n",
    );
    setup.write("{level: debug, encoding: json, initial_fields: {site: here}}");
    agent.signal(Signal::HUP);
    let printed = agent.wait_for("configuration changed");
    // What is printed next is printed the new way.
    agent.signal(Signal::HUP);
    agent.wait_for("\"site\":\"here\"");
    assert!(printed.contains("\"changed\":\"extension \\\"telemetry\\\"\""), "{printed}");
    setup.send();
    wait_for(setup.prometheus, "/metrics", &format!("{accepted}6\n"));
    assert!(agent.terminate().0.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agents_own_traces_show_what_came_and_what_went() {
    let mut sink = Sink::start().await;
    let setup = Setup::new();
    let (otlp, backend) = (setup.otlp, sink.http);
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{otlp}'}}}}}}}}
exporters: {{otlp_http: {{endpoint: 'http://{backend}'}}}}
service:
  telemetry:
    metrics: {{level: none}}
    traces: {{processors: [{{batch: {{schedule_delay: 50, exporter: {{otlp: {{protocol: http/protobuf, endpoint: 'http://{backend}'}}}}}}}}]}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [otlp_http]}}}}
"
    );
    std::fs::write(setup.folder.path().join("config.yaml"), yaml).unwrap();
    let agent = setup.start();
    setup.send();
    let mut names = BTreeSet::new();
    while names.len() < 2 {
        let Received::Traces(request) = sink.next().await else { continue };
        let scopes = request.resource_spans.into_iter().flat_map(|group| group.scope_spans);
        names.extend(scopes.flat_map(|scope| scope.spans).map(|span| span.name));
    }
    assert_eq!(
        names,
        ["exporter/otlp_http/logs", "receiver/otlp/LogsReceived"].map(str::to_owned).into()
    );
    assert!(agent.terminate().0.success());
}

#[test]
fn health_check_and_zpages_show_what_runs() {
    let setup = Setup::new();
    setup.write("{}");
    let agent = setup.start();
    wait_for(setup.health, "/", "\"status\":\"Server available\"");
    wait_for(setup.health, "/health", "{\"sound\":true,\"delivering\":true,\"problems\":[]}");
    setup.send();
    let page = wait_for(setup.zpages, "/debug/pipelinez", "<td class=\"number\">3</td>");
    for component in ["receiver <b>otlp</b>", "processor <b>batch</b>", "exporter <b>nop</b>"] {
        assert!(page.contains(component), "{page}");
    }
    assert!(get(setup.zpages, "/debug/extensionz").contains("extension <b>health_check</b>"));
    assert!(agent.terminate().0.success());
}

#[test]
fn a_port_that_another_collector_has_does_not_keep_the_agent_from_starting() {
    let setup = Setup::new();
    setup.write("{}");
    let _other = TcpListener::bind(("127.0.0.1", setup.prometheus)).unwrap();
    let agent = setup.start();
    agent.wait_for("no page with the agent's own metrics");
    setup.send();
    wait_for(setup.health, "/health", "\"sound\":true");
    wait_for(setup.zpages, "/debug/extensionz", "another process listens there");
    assert!(agent.terminate().0.success());
}
