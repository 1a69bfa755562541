//! Real OTLP clients through the agent to a second OTLP server.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig,
    WithHttpConfig, WithTonicConfig,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{
    InstrumentationScope, KeyValue as ProtoKeyValue, any_value,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as ProtoSpan};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::agent::{Agent, command, free_port};
use crate::sink::{Received, Sink};

/// An agent that takes OTLP on two ports and passes it on to the sink.
struct Relay {
    agent: Agent,
    grpc: String,
    http: String,
    _folder: tempfile::TempDir,
}

impl Relay {
    fn start(exporter: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (grpc, http) = (free_port(), free_port());
        let config = folder.path().join("config.yaml");
        let pipeline = "{receivers: [otlp], processors: [batch], exporters: [sink]}";
        let yaml = format!(
            "receivers:\n  otlp:\n    protocols:\n      grpc:\n        endpoint: 127.0.0.1:{grpc}\n      http:\n        endpoint: 127.0.0.1:{http}\n\
             processors:\n  batch:\n    timeout: 10ms\nexporters:\n  {exporter}\n\
             service:\n  pipelines:\n    traces: {pipeline}\n    metrics: {pipeline}\n    logs: {pipeline}\n"
        );
        let id = exporter.split(':').next().unwrap();
        std::fs::write(&config, yaml.replace("[sink]", &format!("[{id}]"))).unwrap();
        let agent = Agent::start(command(&["run", "--config", config.to_str().unwrap()]));
        agent.wait_until_ready();
        let url = |port| format!("http://127.0.0.1:{port}");
        Self { agent, grpc: url(grpc), http: url(http), _folder: folder }
    }
}

fn http_exporter(sink: &Sink) -> String {
    format!("otlp_http: {{endpoint: 'http://{}'}}", sink.http)
}

fn grpc_exporter(sink: &Sink) -> String {
    format!("otlp_grpc: {{endpoint: '{}', tls: {{insecure: true}}}}", sink.grpc)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sdk_signals_over_grpc_arrive_complete_at_an_http_backend() {
    let mut sink = Sink::start().await;
    let relay = Relay::start(&http_exporter(&sink));
    let endpoint = relay.grpc.clone();
    let spans = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&endpoint)
        .with_compression(Compression::Gzip)
        .build();
    let metrics = MetricExporter::builder().with_tonic().with_endpoint(&endpoint).build();
    let logs = LogExporter::builder().with_tonic().with_endpoint(&endpoint).build();
    emit(spans.unwrap(), metrics.unwrap(), logs.unwrap()).await;
    check(&mut sink).await;
    assert!(relay.agent.terminate().0.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sdk_signals_over_http_arrive_complete_at_a_grpc_backend() {
    let mut sink = Sink::start().await;
    let relay = Relay::start(&grpc_exporter(&sink));
    let base = relay.http.clone();
    let (spans, metrics, logs) = tokio::task::spawn_blocking(move || {
        let url = |signal: &str| format!("{base}/v1/{signal}");
        let binary = Protocol::HttpBinary;
        let spans = SpanExporter::builder().with_http().with_protocol(binary);
        let metrics = MetricExporter::builder().with_http().with_protocol(binary);
        let logs = LogExporter::builder().with_http().with_protocol(binary);
        (
            spans.with_endpoint(url("traces")).with_headers(Default::default()).build().unwrap(),
            metrics.with_endpoint(url("metrics")).build().unwrap(),
            logs.with_endpoint(url("logs")).build().unwrap(),
        )
    })
    .await
    .unwrap();
    emit(spans, metrics, logs).await;
    check(&mut sink).await;
    assert!(relay.agent.terminate().0.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_arrives_equal() {
    let mut sink = Sink::start().await;
    for exporter in [http_exporter(&sink), grpc_exporter(&sink)] {
        let relay = Relay::start(&exporter);
        let sent = request();
        let mut client = TraceServiceClient::connect(relay.grpc.clone()).await.unwrap();
        client.export(sent.clone()).await.unwrap();
        assert_eq!(sink.next().await, Received::Traces(sent));
        assert!(relay.agent.terminate().0.success());
        assert!(sink.is_quiet().await, "nothing is sent twice");
    }
}

/// One of everything a trace request has that the SDK seldom sets.
fn request() -> ExportTraceServiceRequest {
    let attribute = |key: &str, value| ProtoKeyValue {
        key: key.to_owned(),
        value: Some(opentelemetry_proto::tonic::common::v1::AnyValue { value: Some(value) }),
        ..Default::default()
    };
    let span = |number: u8| ProtoSpan {
        trace_id: vec![number; 16],
        span_id: vec![number; 8],
        parent_span_id: vec![9; 8],
        trace_state: "a=1,b=2".to_owned(),
        flags: 0x101,
        name: format!("span {number}"),
        kind: 3,
        start_time_unix_nano: u64::MAX - 1,
        end_time_unix_nano: u64::MAX,
        attributes: vec![
            attribute("text", any_value::Value::StringValue("grüße".to_owned())),
            attribute("number", any_value::Value::IntValue(i64::MIN)),
            attribute("bytes", any_value::Value::BytesValue(vec![0, 255])),
            attribute("empty", any_value::Value::StringValue(String::new())),
        ],
        dropped_attributes_count: 1,
        dropped_events_count: 2,
        dropped_links_count: 3,
        ..Default::default()
    };
    let scope = InstrumentationScope {
        name: "scope".to_owned(),
        version: "1".to_owned(),
        attributes: vec![attribute("flag", any_value::Value::BoolValue(true))],
        dropped_attributes_count: 4,
    };
    let resource = Resource {
        attributes: vec![attribute("double", any_value::Value::DoubleValue(f64::INFINITY))],
        dropped_attributes_count: 5,
        ..Default::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans: vec![span(1), span(2)],
                schema_url: "https://example.com/scope".to_owned(),
            }],
            schema_url: "https://example.com/resource".to_owned(),
        }],
    }
}

/// Lets the SDK send some of each signal through the given exporters.
async fn emit(spans: SpanExporter, metrics: MetricExporter, logs: LogExporter) {
    let tracers = SdkTracerProvider::builder().with_batch_exporter(spans).build();
    let reader = PeriodicReader::builder(metrics).with_interval(Duration::from_secs(3600)).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    let loggers = SdkLoggerProvider::builder().with_batch_exporter(logs).build();

    let tracer = tracers.tracer("shop");
    for number in 0..10 {
        let mut span = tracer
            .span_builder(format!("order {number}"))
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new("number", number)])
            .start(&tracer);
        span.add_event("paid", vec![KeyValue::new("euro", 12.5)]);
        span.set_status(Status::error("sold out"));
        span.end();
    }
    let meter = meters.meter("shop");
    meter.u64_counter("orders").build().add(10, &[KeyValue::new("shop", "north")]);
    meter.f64_histogram("price").build().record(12.5, &[]);
    let logger = loggers.logger("shop");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Warn);
    record.set_body(AnyValue::from("sold out"));
    record.add_attribute("order", 7);
    logger.emit(record);

    // The SDK's flush blocks its thread.
    tokio::task::spawn_blocking(move || {
        tracers.force_flush().unwrap();
        meters.force_flush().unwrap();
        loggers.force_flush().unwrap();
    })
    .await
    .unwrap();
}

/// What [`emit`] sent has arrived, whole.
async fn check(sink: &mut Sink) {
    let (mut spans, mut metrics, mut logs) = (Vec::new(), Vec::new(), Vec::new());
    while spans.len() < 10 || metrics.len() < 2 || logs.is_empty() {
        match sink.next().await {
            Received::Traces(request) => {
                let scopes = request.resource_spans.into_iter().flat_map(|group| group.scope_spans);
                spans.extend(scopes.flat_map(|scope| scope.spans));
            }
            Received::Metrics(request) => {
                let scopes =
                    request.resource_metrics.into_iter().flat_map(|group| group.scope_metrics);
                metrics.extend(scopes.flat_map(|scope| scope.metrics));
            }
            Received::Logs(request) => {
                let scopes = request.resource_logs.into_iter().flat_map(|group| group.scope_logs);
                logs.extend(scopes.flat_map(|scope| scope.log_records));
            }
        }
    }
    let names: Vec<_> = spans.iter().map(|span| span.name.clone()).collect();
    let expected: Vec<_> = (0..10).map(|number| format!("order {number}")).collect();
    assert_eq!(names, expected);
    for span in &spans {
        assert_eq!(span.kind, 2);
        assert_eq!(span.attributes.len(), 1);
        assert_eq!(span.events[0].name, "paid");
        assert_eq!(span.status.as_ref().unwrap().message, "sold out");
    }
    // The reader sends its state more than once.
    let metric = |name: &str| metrics.iter().find(|metric| metric.name == name).unwrap();
    assert!(
        matches!(&metric("orders").data, Some(Data::Sum(sum)) if sum.is_monotonic && sum.data_points.len() == 1)
    );
    assert!(
        matches!(&metric("price").data, Some(Data::Histogram(histogram)) if histogram.data_points[0].sum == Some(12.5))
    );
    assert_eq!(logs[0].severity_number, 13);
    assert_eq!(logs[0].attributes[0].key, "order");
}
