//! Changing what runs, under load.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use rustix::process::Signal;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{MissedTickBehavior, interval};

use crate::agent::{Agent, command, free_port};
use crate::self_telemetry::get;
use crate::sink::{Received, Sink};

/// Spans in a request; each client sends a hundred of these in a second, 10,000 spans in all.
const SPANS: u64 = 50;

/// A request whose spans are numbered.
fn request(numbers: &AtomicU64) -> ExportTraceServiceRequest {
    let first = numbers.fetch_add(SPANS, Ordering::Relaxed);
    let span = |number: u64| Span {
        trace_id: vec![1; 16],
        span_id: number.to_be_bytes().to_vec(),
        name: "reload".to_owned(),
        ..Span::default()
    };
    let spans = (first..first + SPANS).map(span).collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
}

struct Ports {
    grpc: u16,
    http: u16,
    prometheus: u16,
}

/// One of the documents that take turns: each step changes another component.
fn document(step: u64, ports: &Ports, sink: &Sink) -> String {
    let changed = |every: u64| (step / every).is_multiple_of(2);
    let interval = if changed(1) { "1s" } else { "2s" };
    let header = if changed(2) { "odd" } else { "even" };
    let limit = if changed(4) { 4 } else { 8 };
    let Ports { grpc, http, prometheus } = ports;
    let backend = sink.http;
    format!(
        "receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '127.0.0.1:{grpc}', max_recv_msg_size_mib: {limit}}}
      http: {{endpoint: '127.0.0.1:{http}'}}
  hostmetrics: {{collection_interval: {interval}, scrapers: {{load: }}}}
processors:
  batch: {{timeout: 50ms}}
exporters:
  otlp_http: {{endpoint: 'http://{backend}', headers: {{x-step: {header}}}}}
  nop:
service:
  telemetry:
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {prometheus}}}}}}}}}]}}
  pipelines:
    traces: {{receivers: [otlp], processors: [batch], exporters: [otlp_http]}}
    metrics: {{receivers: [hostmetrics], exporters: [nop]}}
"
    )
}

/// The inode of the socket that listens on a port of loopback.
fn listener(port: u16) -> String {
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let address = format!("0100007F:{port:04X}");
    let line = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = line.filter(|fields| fields.get(1) == Some(&address.as_str()));
    let mut inodes =
        listening.filter(|fields| fields[3] == "0A").map(|fields| fields[9].to_owned());
    inodes.next().expect("somebody listens")
}

/// `KMAGENT_RELOADS` makes more of them, `KMAGENT_RELOAD_PAUSE` (milliseconds) lets time pass between them.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_under_load_lose_and_refuse_nothing() {
    let reloads = setting("KMAGENT_RELOADS", 16);
    let pause = Duration::from_millis(setting("KMAGENT_RELOAD_PAUSE", 100));
    let mut sink = Sink::start().await;
    let ports = Ports { grpc: free_port(), http: free_port(), prometheus: free_port() };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, document(0, &ports, &sink)).unwrap();
    let agent = Agent::start(command(&["run", "--config", path.to_str().unwrap()]));
    agent.wait_until_ready();
    let inodes = (listener(ports.grpc), listener(ports.http));

    let done = Arc::new(AtomicBool::new(false));
    let numbers = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    clients.spawn(send_grpc(ports.grpc, Arc::clone(&numbers), Arc::clone(&done)));
    clients.spawn(send_http(ports.http, Arc::clone(&numbers), Arc::clone(&done)));
    let documents: Vec<_> = (1..=reloads).map(|step| document(step, &ports, &sink)).collect();
    let (expected, total) = oneshot::channel();
    let mut collector = JoinSet::new();
    collector.spawn(async move { collect(&mut sink, total).await });

    let mut counted = Counted::default();
    for (document, count) in documents.iter().zip(1..) {
        tokio::time::sleep(pause).await;
        reload(&agent, &path, document, count);
        let now = block_in_place(|| Counted::read(ports.prometheus));
        assert!(now.accepted >= counted.accepted, "{now:?} after {counted:?}");
        assert!(now.sent >= counted.sent, "{now:?} after {counted:?}");
        counted = now;
    }
    done.store(true, Ordering::Relaxed);
    clients.join_all().await;
    assert_eq!((listener(ports.grpc), listener(ports.http)), inodes, "the sockets were handed on");
    let all = numbers.load(Ordering::Relaxed);
    while counted != (Counted { accepted: all, sent: all }) {
        tokio::time::sleep(pause).await;
        counted = block_in_place(|| Counted::read(ports.prometheus));
        assert!(counted.accepted <= all && counted.sent <= all, "{counted:?} of {all}");
    }
    expected.send(numbers.load(Ordering::Relaxed)).unwrap();
    assert!(agent.terminate().0.success(), "what was still on its way is delivered at the end");
    let received = collector.join_all().await;
    assert_eq!(received, [numbers.load(Ordering::Relaxed)], "everything arrived, once");
}

/// What the agent's own counters say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    accepted: u64,
    sent: u64,
}

impl Counted {
    fn read(port: u16) -> Self {
        let page = get(port, "/metrics");
        let sum = |name: &str| {
            let lines = page.lines().filter(|line| line.starts_with(&format!("{name}{{")));
            lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
        };
        Self {
            accepted: sum("otelcol_receiver_accepted_spans"),
            sent: sum("otelcol_exporter_sent_spans"),
        }
    }
}

fn reload(agent: &Agent, path: &Path, document: &str, count: usize) {
    std::fs::write(path, document).unwrap();
    agent.signal(Signal::HUP);
    let printed = agent.wait_until("a reload", |printed| {
        printed.matches("configuration read again").count() == count
    });
    assert!(!printed.contains("refused"), "{printed}");
}

async fn send_grpc(port: u16, numbers: Arc<AtomicU64>, done: Arc<AtomicBool>) {
    let mut client = TraceServiceClient::connect(format!("http://127.0.0.1:{port}")).await.unwrap();
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !done.load(Ordering::Relaxed) {
        ticks.tick().await;
        let request = request(&numbers);
        while let Err(status) = client.export(request.clone()).await {
            assert!(never_left(&status), "no request fails: {status:?}");
        }
    }
}

/// Whether a request met the end of its connection before a byte of it was sent. Other gRPC libraries take another
/// connection then without a word ("transparent retries").
fn never_left(status: &tonic::Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return true;
        }
        cause = error.source();
    }
    false
}

async fn send_http(port: u16, numbers: Arc<AtomicU64>, done: Arc<AtomicBool>) {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !done.load(Ordering::Relaxed) {
        ticks.tick().await;
        let body = request(&numbers).encode_to_vec();
        let request = Request::post(format!("http://127.0.0.1:{port}/v1/traces"))
            .header("content-type", "application/x-protobuf")
            .body(Full::from(body))
            .unwrap();
        let response = client.request(request).await.expect("no connection is refused or cut");
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap();
    }
}

/// Counts different spans until as many as expected have come.
async fn collect(sink: &mut Sink, mut total: oneshot::Receiver<u64>) -> u64 {
    let mut seen = HashSet::new();
    let mut repeated = 0;
    let mut expected = None;
    while expected.is_none_or(|expected| u64::try_from(seen.len()).unwrap() < expected) {
        let received = tokio::select! {
            total = &mut total, if expected.is_none() => {
                expected = Some(total.unwrap());
                continue;
            }
            received = sink.next() => received,
        };
        let Received::Traces(request) = received else { continue };
        let scopes = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            let number = u64::from_be_bytes(span.span_id.as_slice().try_into().unwrap());
            repeated += u64::from(!seen.insert(number));
        }
    }
    assert_eq!(repeated, 0, "nothing arrives twice");
    u64::try_from(seen.len()).unwrap()
}
