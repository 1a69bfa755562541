//! Starting, stopping, and what the program says.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::agent::{Agent, command, free_port, output};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A configuration with one OTLP receiver on a free port, in a folder of its own.
fn config(extra: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let port = free_port();
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: 127.0.0.1:{port}}}}}}}}}\n\
         exporters: {{nop: }}\n\
         service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [nop]}}}}}}\n{extra}"
    );
    std::fs::write(&path, yaml).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn terminate_and_interrupt_end_the_agent_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_folder, config) = config("");
        let agent = Agent::start(command(&["--config", &config, "run"]));
        agent.wait_until_ready();
        agent.signal(signal);
        let (status, printed) = agent.wait();
        assert!(status.success(), "{status}: {printed}");
    }
}

#[test]
fn a_hangup_reads_the_configuration_again() {
    let (folder, config) = config("");
    let agent = Agent::start(command(&["--config", &config, "run"]));
    agent.wait_until_ready();
    agent.signal(Signal::HUP);
    agent.wait_for("configuration read again");
    std::fs::write(folder.path().join("config.yaml"), "receivers: [").unwrap();
    agent.signal(Signal::HUP);
    agent.wait_for("reload refused");
    assert!(agent.terminate().0.success());
}

#[test]
fn reloads_neither_refuse_nor_drop_a_request() {
    let (_folder, config) = config("");
    let yaml = std::fs::read_to_string(&config).unwrap();
    let endpoint = yaml.split("endpoint: ").nth(1).unwrap().split('}').next().unwrap().to_owned();
    let agent = Agent::start(command(&["--config", &config, "run"]));
    agent.wait_until_ready();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut sent = 0;
            while !done.load(Ordering::Relaxed) {
                post(&endpoint);
                sent += 1;
            }
            sent
        });
        for reload in 1..=20 {
            agent.signal(Signal::HUP);
            agent.wait_until("a reload", |printed| {
                printed.matches("configuration read again").count() == reload
            });
        }
        done.store(true, Ordering::Relaxed);
        assert!(client.join().unwrap() > 20, "the client was at work all the time");
    });
    assert!(agent.terminate().0.success());
}

/// Sends an empty request over a connection of its own.
fn post(endpoint: &str) {
    let mut stream = TcpStream::connect(endpoint).expect("no connection is refused");
    let head = "POST /v1/logs HTTP/1.1\r\nhost: agent\r\ncontent-type: application/json\r\n";
    write!(stream, "{head}content-length: 2\r\nconnection: close\r\n\r\n{{}}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "no request is dropped: {answer:?}");
}

#[test]
fn a_missing_configuration_leaves_the_agent_running_and_a_reload_starts_the_collector() {
    let (folder, config) = config("");
    let missing = folder.path().join("later.yaml");
    let agent = Agent::start(command(&["--config", missing.to_str().unwrap(), "run"]));
    agent.wait_for("there is no collector configuration at");
    std::fs::copy(&config, &missing).unwrap();
    agent.signal(Signal::HUP);
    agent.wait_until_ready();
    assert!(agent.terminate().0.success());
}

#[test]
fn the_built_in_configuration_shows_this_hosts_metrics_at_once() {
    if std::path::Path::new("/etc/kmagent").exists() {
        eprintln!("skipped: this host has an installed agent");
        return;
    }
    let agent = Agent::start(command(&["run"]));
    let metrics = ["system.cpu.time{", "system.memory.usage{", "system.network.io{"];
    agent.wait_until("host metrics", |printed| metrics.iter().all(|name| printed.contains(name)));
    agent.signal(Signal::INT);
    let (status, printed) = agent.wait();
    assert!(status.success(), "{printed}");
}

#[test]
fn validate_prints_every_problem_and_fails() {
    let (_folder, good) = config("");
    assert!(output(&["validate", "--config", &good]).status.success());

    let (_folder, bad) = config("processors: {bacth: , batch: {timeout: 5x}}\nunknown: 1\n");
    let result = output(&["validate", "--config", &bad]);
    assert_eq!(result.status.code(), Some(1));
    let printed = text(&result.stderr);
    assert!(printed.contains("config.yaml:4"), "{printed}");
    assert!(printed.contains("batch"), "{printed}");
    assert!(printed.contains("timeout"), "{printed}");
    assert!(printed.contains("config.yaml:5"), "{printed}");
}

#[test]
fn the_program_says_what_it_is() {
    let version = output(&["version"]);
    assert!(version.status.success());
    assert!(text(&version.stdout).starts_with("kmagent version "));
    assert_eq!(output(&["--version"]).stdout, version.stdout);

    let components = output(&["components"]);
    assert!(components.status.success());
    for name in ["otlp", "host_metrics", "batch", "debug", "otlp_http", "otlp_grpc", "nop"] {
        assert!(text(&components.stdout).contains(&format!("name: {name}\n")), "{name}");
    }

    let help = output(&["--help"]);
    assert!(help.status.success());
    assert!(text(&help.stdout).contains("--collector-endpoint"));
    assert_eq!(output(&["rnu"]).status.code(), Some(2));
}

#[test]
fn a_key_over_plain_http_is_refused_before_anything_starts() {
    let (_folder, config) = config("");
    let key = "not-a-real-key";
    let run = [
        "--config",
        &config,
        "--api-key",
        key,
        "--update-endpoint",
        "http://192.0.2.1/check",
        "run",
    ];
    let result = output(&run);
    assert_eq!(result.status.code(), Some(1));
    let printed = text(&result.stderr);
    assert!(printed.contains("update-endpoint"), "{printed}");
    assert!(!printed.contains(key), "{printed}");
}

#[test]
fn a_configuration_does_not_send_the_key_over_plain_http_to_another_host() {
    // `target` is an exporter's entry that is still open for more settings.
    let exporting = |target: &str| {
        let (folder, path) = config("");
        let headers = "headers: {authorization: \"Bearer ${env:KM_API_KEY}\"}";
        let id = target.split(':').next().unwrap();
        let yaml = std::fs::read_to_string(&path).unwrap();
        let yaml = yaml.replace("{nop: }", &format!("{{{target}, {headers}}}}}"));
        std::fs::write(&path, yaml.replace("[nop]", &format!("[{id}]"))).unwrap();
        (folder, path)
    };
    let start = |path: &str, allow: &str| {
        let mut run = command(&["run", "--config", path, "--config-check-interval", "0", allow]);
        run.env("KM_API_KEY", "not-a-real-key");
        Agent::start(run)
    };
    for target in [
        "otlp_http: {endpoint: 'http://192.0.2.1:4318'",
        "otlp_grpc: {endpoint: '192.0.2.1:4317', tls: {insecure: true}",
    ] {
        let (_folder, path) = exporting(target);
        let refused = start(&path, "--allow-insecure-endpoint=false");
        let printed = refused.wait_for("would send the API key over plain http");
        assert!(!printed.contains("not-a-real-key"), "{printed}");
        assert!(refused.terminate().0.success());
        let allowed = start(&path, "--allow-insecure-endpoint");
        allowed.wait_until_ready();
        assert!(allowed.terminate().0.success());
    }
    let (_folder, path) = exporting("otlp_http: {endpoint: 'http://127.0.0.1:4318'");
    let local = start(&path, "--allow-insecure-endpoint=false");
    local.wait_until_ready();
    assert!(local.terminate().0.success());
}

#[test]
fn shutdown_takes_less_than_a_second_when_there_is_nothing_to_drain() {
    let (_folder, config) = config("");
    let agent = Agent::start(command(&["--config", &config, "run"]));
    agent.wait_until_ready();
    let begin = std::time::SystemTime::now();
    assert!(agent.terminate().0.success());
    // Generous: the promise is one second, and this machine may be busy.
    assert!(begin.elapsed().unwrap() < Duration::from_secs(10));
}

#[test]
fn a_configuration_like_the_go_agents_gives_one_report_of_what_is_missing() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/data/km-agent-host.yaml");
    let result = output(&["validate", "--config", config]);
    assert_eq!(result.status.code(), Some(1));
    let printed = text(&result.stderr);
    let missing = [
        (20, "receivers::filelog: receiver `filelog` is not supported yet"),
        (26, "processors::resourcedetection: processor `resourcedetection` is not supported yet"),
        (33, "processors::resource: processor `resource` is not supported yet"),
        (36, "processors::cumulativetodelta: processor `cumulativetodelta` is not supported yet"),
        (38, "processors::deltatorate: processor `deltatorate` is not supported yet"),
        (40, "processors::transform/sumtogauge: processor `transform` is not supported yet"),
        (
            44,
            "processors::metricstransform/copymetric: processor `metricstransform` is not supported yet",
        ),
    ];
    for (line, problem) in missing {
        let expected = format!("km-agent-host.yaml:{line}: {problem}");
        assert!(printed.contains(&expected), "missing: {expected}\nin:\n{printed}");
    }
    let problems = printed.lines().filter(|line| line.contains("km-agent-host.yaml:")).count();
    assert_eq!(problems, missing.len(), "{printed}");
}
