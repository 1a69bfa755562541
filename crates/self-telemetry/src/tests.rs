//! Readers on real sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use component::ledger::{ComponentName, Ledger};
use component::meter::{
    self, HistogramInstrument, Instrument as Counted, InstrumentKind, Instruments, Meter,
};
use component::overview::Overview;
use component::trace::Tracer;
use component::{ComponentId, Kind, Process, Signal, Status};
use hyper::body::Incoming;
use hyper::service::service_fn;
use net::body::Chunks;
use net::http::{HeaderMap, Request, Response};
use net::tls::{ClientTls, ClientTlsConfig};
use net::{ClientOptions, Dialer, HttpClient, Server, ServerOptions, Speaks};
use pdata::{Metrics, Number, Points, Temporality, Traces};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// Telemetry at work.
struct Running {
    settings: Settings,
    stop: CancellationToken,
    lives: JoinSet<Result<(), StartError>>,
}

impl Running {
    async fn start(settings: &Settings, yaml: &str) -> Self {
        let config = testkit::config::<Config>(yaml).unwrap();
        let settings = settings.clone();
        let created = Factory::new().create(config, settings.clone()).unwrap();
        let mut life = created.into_parts().1;
        life.acquire().await.unwrap();
        let stop = CancellationToken::new();
        let mut lives = JoinSet::new();
        lives.spawn(life.run(stop.clone()));
        Self { settings, stop, lives }
    }

    async fn stop(mut self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.lives.join_next()).await.unwrap();
        ended.unwrap().unwrap().unwrap();
    }
}

/// Settings whose ledger has something in it.
fn settings() -> Settings {
    let settings = testkit::settings("telemetry");
    count(&settings.process);
    settings
}

fn count(process: &Process) {
    let ledger = process.table::<Ledger>();
    let entry = |kind, id: &str, pipeline: Option<&str>, signal| {
        let id = ComponentId::parse(id).unwrap();
        let pipeline = pipeline.map(str::to_owned);
        ledger.entry(&ComponentName { kind, id, pipeline }, signal)
    };
    let receiver = entry(Kind::Receiver, "otlp/in", None, Signal::Traces);
    receiver.created("received", 10);
    receiver.out(7);
    receiver.refused(3);
    for pipeline in ["traces", "traces/2"] {
        let processor = entry(Kind::Processor, "filter", Some(pipeline), Signal::Traces);
        processor.taken(7);
        processor.dropped("filtered", 2);
        processor.out(5);
    }
    let exporter = entry(Kind::Exporter, "otlp", None, Signal::Logs);
    exporter.taken(9);
    exporter.out(4);
    exporter.dropped("rejected", 2);
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn prometheus(port: u16, more: &str) -> String {
    format!(
        "{{ metrics: {{ readers: [{{ pull: {{ exporter: {{ prometheus: {{ host: 127.0.0.1, port: {port}{more} }} }} }} }}] }} }}"
    )
}

fn client() -> HttpClient {
    let tls = ClientTls::load(&ClientTlsConfig::default(), &["http/1.1"]).unwrap();
    let options = ClientOptions {
        timeout: Some(PATIENCE),
        response_limit: 1 << 20,
        ..ClientOptions::default()
    };
    HttpClient::new(Dialer::new(tls), options)
}

/// What Prometheus would get. The reader may need a moment to listen.
async fn scrape(port: u16) -> String {
    let get = async {
        loop {
            let mut request = Request::new(Chunks::default());
            *request.uri_mut() = format!("http://127.0.0.1:{port}/metrics").parse().unwrap();
            match client().send(request).await {
                Ok(answer) => break answer,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let answer = timeout(PATIENCE, get).await.expect("somebody listens in the end");
    assert_eq!(answer.status(), 200);
    let media_type = answer.headers()["content-type"].to_str().unwrap();
    assert!(media_type.starts_with("text/plain; version=0.0.4"), "{media_type}");
    String::from_utf8(answer.into_body().to_vec()).unwrap()
}

fn assert_has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|it| it == *line), "{line} is missing in:\n{text}");
    }
}

#[tokio::test]
async fn a_scrape_shows_the_ledger_by_upstreams_names() {
    let port = free_port();
    let running = Running::start(&settings(), &prometheus(port, "")).await;
    let text = scrape(port).await;
    assert_has(
        &text,
        &[
            "# HELP otelcol_receiver_accepted_spans Number of spans successfully pushed into the pipeline. [Alpha]",
            "# TYPE otelcol_receiver_accepted_spans counter",
            "otelcol_receiver_accepted_spans{receiver=\"otlp/in\"} 7",
            "otelcol_receiver_refused_spans{receiver=\"otlp/in\"} 3",
            "otelcol_processor_incoming_items{otel_signal=\"traces\",processor=\"filter\"} 14",
            "otelcol_processor_outgoing_items{otel_signal=\"traces\",processor=\"filter\"} 10",
            "otelcol_exporter_sent_log_records{exporter=\"otlp\"} 4",
            "otelcol_exporter_send_failed_log_records{exporter=\"otlp\"} 2",
            "kmagent_component_dropped_items{otelcol_component_id=\"filter\",otelcol_component_kind=\"processor\",otelcol_pipeline_id=\"traces/2\",otelcol_signal=\"traces\",reason=\"filtered\"} 2",
            "kmagent_component_refused_items{otelcol_component_id=\"otlp/in\",otelcol_component_kind=\"receiver\",otelcol_signal=\"traces\"} 3",
            "kmagent_component_created_items{otelcol_component_id=\"otlp/in\",otelcol_component_kind=\"receiver\",otelcol_signal=\"traces\",reason=\"received\"} 10",
            "kmagent_component_in_flight_items{otelcol_component_id=\"otlp\",otelcol_component_kind=\"exporter\",otelcol_signal=\"logs\"} 3",
            "# TYPE otelcol_process_uptime counter",
            "# TYPE kmagent_memory_account_limit gauge",
        ],
    );
    assert!(text.contains("\ntarget_info{"), "{text}");
    assert!(text.contains("service_name=\"testkit\""), "{text}");
    running.stop().await;
}

#[tokio::test]
async fn a_scrape_shows_what_components_count_from_their_level_on() {
    static OWN: Counted = Counted {
        name: "otelcol_exporter_sent_log_records",
        unit: "{record}",
        description: "Of its own.",
        kind: InstrumentKind::Counter,
        level: meter::Level::Basic,
        details: &["error.type"],
    };
    static QUEUE: Counted = Counted {
        name: "otelcol_exporter_queue_size",
        unit: "{batch}",
        description: "In the queue.",
        kind: InstrumentKind::Gauge,
        level: meter::Level::Normal,
        details: &[],
    };
    static DETAIL: Counted = Counted { name: "detail", level: meter::Level::Detailed, ..QUEUE };
    let port = free_port();
    let settings = settings();
    let running = Running::start(&settings, &prometheus(port, "")).await;
    scrape(port).await;
    // They come while the reader runs.
    let meter = Meter::new(settings.process.table::<Instruments>()).with("exporter", "otlp");
    meter.number(&OWN).add(60);
    meter.with("error.type", "Unavailable").number(&OWN).add(40);
    meter.with("data_type", "logs").number(&QUEUE).set(5);
    meter.number(&DETAIL).set(1);
    let text = scrape(port).await;
    assert_has(
        &text,
        &[
            "otelcol_exporter_sent_log_records{exporter=\"otlp\"} 100",
            "# TYPE otelcol_exporter_queue_size gauge",
            "otelcol_exporter_queue_size{data_type=\"logs\",exporter=\"otlp\"} 5",
        ],
    );
    assert!(!text.contains("\ndetail{"), "{text}");
    assert!(!text.contains("otelcol_exporter_sent_log_records{exporter=\"otlp\"} 4\n"), "{text}");
    running.stop().await;

    let yaml = prometheus(port, "").replace("{ readers", "{ level: detailed, readers");
    let running = Running::start(&settings, &yaml).await;
    let other =
        ComponentName { kind: Kind::Exporter, id: ComponentId::new("debug"), pipeline: None };
    settings.process.table::<Ledger>().entry(&other, Signal::Logs).out(8);
    assert_has(
        &scrape(port).await,
        &[
            "detail{exporter=\"otlp\"} 1",
            "otelcol_exporter_sent_log_records{exporter=\"otlp\"} 60",
            "otelcol_exporter_sent_log_records{error_type=\"Unavailable\",exporter=\"otlp\"} 40",
            "otelcol_exporter_sent_log_records{exporter=\"debug\"} 8",
        ],
    );
    running.stop().await;
}

static SIZE: HistogramInstrument = HistogramInstrument {
    name: "batch_size",
    unit: "By",
    description: "How large.",
    level: meter::Level::Normal,
    per_unit: 10,
    bounds: &[10, 25],
};

fn measure(settings: &Settings, values: &[usize]) {
    let meter = Meter::new(settings.process.table::<Instruments>()).with("processor", "batch");
    values.iter().for_each(|value| meter.histogram(&SIZE).record(*value));
}

#[tokio::test]
async fn a_scrape_shows_histograms_as_prometheus_has_them() {
    let port = free_port();
    let settings = settings();
    measure(&settings, &[3, 10, 11, 40]);
    let running = Running::start(&settings, &prometheus(port, ", without_units: false")).await;
    let text = scrape(port).await;
    let found: Vec<_> = text.lines().filter(|line| line.contains("batch_size")).collect();
    assert_eq!(
        found,
        [
            "# HELP batch_size_bytes How large.",
            "# TYPE batch_size_bytes histogram",
            "batch_size_bytes_bucket{processor=\"batch\",le=\"1\"} 2",
            "batch_size_bytes_bucket{processor=\"batch\",le=\"2.5\"} 3",
            "batch_size_bytes_bucket{processor=\"batch\",le=\"+Inf\"} 4",
            "batch_size_bytes_sum{processor=\"batch\"} 6.4",
            "batch_size_bytes_count{processor=\"batch\"} 4",
        ]
    );
    running.stop().await;
}

#[tokio::test]
async fn suffixes_scope_and_constant_labels_are_there_when_they_are_wanted() {
    let port = free_port();
    let wanted = ", without_units: false, without_type_suffix: false, without_scope_info: false, with_resource_constant_labels: { included: ['service.*'], excluded: ['*.id'] }";
    let running = Running::start(&settings(), &prometheus(port, wanted)).await;
    let text = scrape(port).await;
    assert_has(
        &text,
        &[
            "otelcol_receiver_accepted_spans_total{receiver=\"otlp/in\",service_name=\"testkit\",service_version=\"0.0.0\",otel_scope_name=\"kmagent\",otel_scope_schema_url=\"\",otel_scope_version=\"0.0.0\"} 7",
            "# TYPE otelcol_process_cpu_seconds_total counter",
            "# TYPE otelcol_process_uptime_seconds_total counter",
        ],
    );
    running.stop().await;
}

#[tokio::test]
async fn a_busy_port_costs_the_page_alone_and_is_taken_when_it_is_free() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let settings = settings();
    let mut status = settings.status.subscribe();
    tokio::time::pause();
    let running = Running::start(&settings, &prometheus(port, "")).await;
    let noted = status.wait_for(|event| event.error.is_some()).await.unwrap().clone();
    assert_eq!(noted.status, Status::Ok, "nothing fails for it");
    assert!(noted.error.unwrap().contains(&format!("127.0.0.1:{port} is in use")));
    drop(other);
    // The clock runs by itself to the next try.
    status.wait_for(|event| event.error.is_none()).await.unwrap();
    tokio::time::resume();
    assert!(scrape(port).await.contains("otelcol_receiver_accepted_spans"));
    running.stop().await;
}

#[tokio::test]
async fn a_successor_takes_the_socket_over_and_numbers_go_on() {
    let port = free_port();
    let settings = settings();
    let old = Running::start(&settings, &prometheus(port, "")).await;
    scrape(port).await;
    let new = Running::start(&settings, &prometheus(port, ", without_type_suffix: false")).await;
    let instance =
        |text: &str| text.lines().find(|line| line.starts_with("target_info{")).unwrap().to_owned();
    let before = instance(&scrape(port).await);
    old.stop().await;
    count(&new.settings.process);
    let text = scrape(port).await;
    assert_has(&text, &["otelcol_receiver_accepted_spans_total{receiver=\"otlp/in\"} 14"]);
    assert_eq!(instance(&text), before, "it is the same process");
    new.stop().await;
}

#[tokio::test]
async fn nothing_is_measured_at_level_none() {
    let port = free_port();
    let yaml = prometheus(port, "").replace("{ readers", "{ level: none, readers");
    let running = Running::start(&settings(), &yaml).await;
    tokio::task::yield_now().await;
    assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_ok(), "nobody listens");
    running.stop().await;
}

/// A server that keeps what it is sent.
async fn sink(speaks: Speaks) -> (SocketAddr, mpsc::Receiver<(HeaderMap, Bytes)>, JoinSet<()>) {
    let listener = Listeners::default().acquire("127.0.0.1:0").await.unwrap();
    let address = listener.local_address().unwrap();
    let (sender, receiver) = mpsc::channel(8);
    let service = service_fn(move |request: Request<Incoming>| {
        let sender = sender.clone();
        async move {
            let path = request.uri().path().to_owned();
            let (mut head, body) = request.into_parts();
            let body = net::body::read(body, 1 << 20).await.unwrap();
            head.headers.insert("x-path", path.parse().unwrap());
            let mut response = Response::new(Chunks::default());
            response.headers_mut().insert("grpc-status", "0".parse().unwrap());
            response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
            sender.send((head.headers, body)).await.unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    let options = ServerOptions::new(speaks);
    let mut servers = JoinSet::new();
    servers.spawn(Server::new(listener, options).run(service, CancellationToken::new()));
    (address, receiver, servers)
}

/// Name and value of a sum's only point, with its start time.
fn sum(metrics: &Metrics, name: &str) -> (Number, u64) {
    let group = metrics.resources().next().unwrap();
    assert_eq!(group.attributes().get("service.name").unwrap().as_str(), Some("testkit"));
    let scope = group.scopes().next().unwrap();
    let metric = scope.metrics().find(|metric| metric.name() == name).unwrap();
    let Points::Sum(mut points) = metric.points() else { panic!("{metric:?}") };
    let point = points.next().unwrap();
    (point.value().unwrap(), point.start_time_unix_nano())
}

#[tokio::test]
async fn reports_are_pushed_over_http_and_the_last_one_at_the_end() {
    let (address, mut received, _server) = sink(Speaks::Http).await;
    let settings = settings();
    let yaml = format!(
        "{{ metrics: {{ readers: [{{ periodic: {{ interval: 10, exporter: {{ otlp: {{ protocol: http/protobuf, endpoint: 'http://{address}', headers: {{ x-key: secret }}, compression: gzip }} }} }} }}] }} }}"
    );
    let running = Running::start(&settings, &yaml).await;
    let (headers, body) = timeout(PATIENCE, received.recv()).await.unwrap().unwrap();
    assert_eq!(
        (&headers["x-path"], &headers["x-key"]),
        (&"/v1/metrics".parse().unwrap(), &"secret".parse().unwrap())
    );
    let body = net::compression::Algorithm::Gzip.decompress(&body, 1 << 20).unwrap();
    let metrics = Metrics::from_otlp(body).unwrap();
    let (value, start) = sum(&metrics, "otelcol_receiver_accepted_spans");
    assert_eq!(value, Number::Int(7));
    let since = settings.process.table::<Overview>().started();
    let since = since.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    assert_eq!(u128::from(start), since, "sums count since the process began to count");
    count(&settings.process);
    let mut stopping = JoinSet::new();
    stopping.spawn(running.stop());
    let mut last = Number::Int(0);
    while last != Number::Int(14) {
        let (_, body) = timeout(PATIENCE, received.recv()).await.unwrap().unwrap();
        let body = net::compression::Algorithm::Gzip.decompress(&body, 1 << 20).unwrap();
        last = sum(&Metrics::from_otlp(body).unwrap(), "otelcol_receiver_accepted_spans").0;
    }
    stopping.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn reports_are_pushed_over_grpc_as_differences() {
    let (address, mut received, _server) = sink(Speaks::Grpc).await;
    let yaml = format!(
        "{{ metrics: {{ readers: [{{ periodic: {{ interval: 10, exporter: {{ otlp: {{ protocol: grpc, endpoint: 'http://{address}', temporality_preference: delta }} }} }} }}] }} }}"
    );
    let running = Running::start(&settings(), &yaml).await;
    let mut values = Vec::new();
    for _ in 0..2 {
        let (headers, body) = timeout(PATIENCE, received.recv()).await.unwrap().unwrap();
        assert_eq!(
            headers["x-path"],
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
        );
        // After the prefix of a gRPC message.
        let metrics = Metrics::from_otlp(body.slice(5..)).unwrap();
        values.push(sum(&metrics, "otelcol_receiver_accepted_spans").0);
    }
    assert_eq!(values, [Number::Int(7), Number::Int(0)]);
    drop(received);
    running.stop.cancel();
}

/// A histogram's only point.
#[derive(Debug)]
struct Measured {
    temporality: Temporality,
    counts: Vec<u64>,
    sum: Option<f64>,
    since: u64,
}

fn measured(metrics: &Metrics) -> Option<Measured> {
    let group = metrics.resources().next()?;
    let scope = group.scopes().next()?;
    let metric = scope.metrics().find(|metric| metric.name() == SIZE.name)?;
    let Points::Histogram(mut points) = metric.points() else { panic!("{metric:?}") };
    let point = points.next()?;
    assert_eq!(point.attributes().get("processor").unwrap().as_str(), Some("batch"));
    assert_eq!(point.explicit_bounds().collect::<Vec<_>>(), [1.0, 2.5]);
    Some(Measured {
        temporality: metric.temporality(),
        counts: point.bucket_counts().collect(),
        sum: point.sum(),
        since: point.start_time_unix_nano(),
    })
}

#[tokio::test]
async fn histograms_are_pushed_since_the_start_or_since_the_last_report() {
    let nanoseconds =
        |time: SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    for preference in ["cumulative", "delta", "lowmemory"] {
        let (address, mut received, _server) = sink(Speaks::Http).await;
        let settings = settings();
        measure(&settings, &[3, 40]);
        let yaml = format!(
            "{{ metrics: {{ readers: [{{ periodic: {{ interval: 10, exporter: {{ otlp: {{ protocol: http/protobuf, endpoint: 'http://{address}', temporality_preference: {preference} }} }} }} }}] }} }}"
        );
        let running = Running::start(&settings, &yaml).await;
        let mut reports = Vec::new();
        while reports.len() < 2 {
            let (_, body) = timeout(PATIENCE, received.recv()).await.unwrap().unwrap();
            // A report without a value in it has none of it.
            if let Some(report) = measured(&Metrics::from_otlp(body).unwrap()) {
                reports.push(report);
                if reports.len() == 1 {
                    measure(&settings, &[12]);
                }
            }
        }
        let (first, second) = (&reports[0], &reports[1]);
        let started = nanoseconds(settings.process.table::<Overview>().started());
        assert_eq!((&first.counts, first.sum), (&vec![1, 0, 1], Some(4.3)));
        assert_eq!(u128::from(first.since), started);
        if preference == "cumulative" {
            assert_eq!(second.temporality, Temporality::Cumulative);
            assert_eq!(u128::from(second.since), started);
            assert!(second.counts == [1, 0, 1] || second.counts == [1, 1, 1], "{second:?}");
        } else {
            assert_eq!((second.temporality, &second.counts), (Temporality::Delta, &vec![0, 1, 0]));
            assert_eq!(second.sum, Some(1.2));
            assert!(u128::from(second.since) > started, "it counts since the first report");
        }
        drop(received);
        running.stop.cancel();
    }
}

#[test]
fn the_agents_key_does_not_go_over_plain_http() {
    let environment =
        ::config::Environment::empty().with_secret("KM_API_KEY", "k".to_owned().into());
    let yaml = "{ metrics: { readers: [{ periodic: { exporter: { otlp: { protocol: grpc, endpoint: 'http://h', headers: { a: '${env:KM_API_KEY}' } } } } }] } }";
    let document = ::config::Document::from_text(yaml, "test", &environment).unwrap();
    let config = <Config as ::config::Value>::read(document.root(), &mut ::config::Problems::new());
    let error = Factory::new().create(config.unwrap(), settings()).unwrap_err();
    assert!(error.to_string().contains("API key over plain http"), "{error}");
}

#[tokio::test]
async fn spans_are_sent_until_the_section_is_gone() {
    let (address, mut received, _server) = sink(Speaks::Http).await;
    let settings = settings();
    let tracer = settings.process.table::<Tracer>();
    let yaml = format!(
        "{{ traces: {{ processors: [{{ batch: {{ schedule_delay: 10, exporter: {{ otlp: {{ protocol: http/protobuf, endpoint: 'http://{address}' }} }} }} }}] }}, metrics: {{ level: none }} }}"
    );
    let running = Running::start(&settings, &yaml).await;
    let span = loop {
        match tracer.begin(|| "receiver/otlp/LogsReceived".to_owned()) {
            Some(span) => break span,
            None => tokio::task::yield_now().await,
        }
    };
    span.end(&[("accepted_log_records", 3)], Some("full".to_owned()));
    let (headers, body) = timeout(PATIENCE, received.recv()).await.unwrap().unwrap();
    assert_eq!(headers["x-path"], "/v1/traces");
    let traces = Traces::from_otlp(body).unwrap();
    let group = traces.resources().next().unwrap();
    assert_eq!(group.attributes().get("service.name").unwrap().as_str(), Some("testkit"));
    let scope = group.scopes().next().unwrap();
    let span = scope.spans().next().unwrap();
    assert_eq!((span.name(), span.status_message()), ("receiver/otlp/LogsReceived", "full"));
    let items = span.attributes().get("accepted_log_records").unwrap();
    assert_eq!(items.as_int(), Some(3));
    assert!(span.end_time_unix_nano() >= span.start_time_unix_nano());
    running.stop().await;
    assert!(tracer.begin(String::new).is_none());
}
