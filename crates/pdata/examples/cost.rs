//! What the main operations cost per span, beside decoding by `prost`: `cargo run --release -p kmagent-pdata --example cost`.
//!
//! Each figure is the best of several rounds, because other work on the machine only ever adds to it.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::disallowed_types, reason = "measures real time")]
#![expect(clippy::unwrap_used, reason = "the input is our own")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use pdata::Traces;
use prost::Message;

const SPANS: usize = 512;

fn main() {
    let body = Bytes::from(request().encode_to_vec());
    println!("{SPANS} spans of {} bytes", body.len() / SPANS);

    report("validate and count", || Traces::from_otlp(body.clone()).unwrap().item_count());
    let traces = Traces::from_otlp(body.clone()).unwrap();
    report("walk to the spans", || {
        let groups = traces.resources().flat_map(|resource| resource.scopes());
        groups.map(|scope| scope.spans().count()).sum()
    });
    report("find one attribute", || {
        let groups = traces.resources().flat_map(|resource| resource.scopes());
        let spans = groups.flat_map(|scope| scope.spans());
        spans.filter(|span| span.attributes().get("http.response.status_code").is_some()).count()
    });
    report("read all attributes", || {
        let groups = traces.resources().flat_map(|resource| resource.scopes());
        let spans = groups.flat_map(|scope| scope.spans());
        spans.map(|span| span.attributes().iter().count()).sum()
    });
    report("merge 16 and encode", || {
        let mut merged = Traces::default();
        for _ in 0..16 {
            merged.merge(traces.clone());
        }
        merged.to_otlp().len()
    });
    report("split by 100 and encode", || {
        let mut rest = traces.clone();
        let mut len = 0;
        while !rest.is_empty() {
            len += rest.split_off_front(100).to_otlp().into_bytes().len();
        }
        len
    });
    report("set one attribute", || {
        let mut traces = traces.clone();
        traces.retain_spans(|_, _, span| {
            span.attributes_mut().insert("deployment.environment.name", "production");
            true
        });
        traces.encoded_len()
    });
    report("drop every other span", || {
        let mut traces = traces.clone();
        let mut keep = false;
        traces.retain_spans(|_, _, _| {
            keep = !keep;
            keep
        });
        traces.encoded_len()
    });
    report("look at all, keep all", || {
        let mut traces = traces.clone();
        traces.retain_spans(|_, _, span| span.view().kind() != pdata::SpanKind::Client);
        traces.encoded_len()
    });
    report("set a resource attribute", || {
        let mut traces = traces.clone();
        traces.retain_resources(|resource| {
            resource.attributes_mut().insert("cloud.region", "eu-1");
            true
        });
        traces.encoded_len()
    });
    report("to JSON", || traces.to_json().len());
    let json = traces.to_json();
    report("from JSON", || Traces::from_json(&json).unwrap().item_count());
    report("prost: decode", || {
        ExportTraceServiceRequest::decode(body.clone()).unwrap().resource_spans.len()
    });
    let decoded = request();
    report("prost: encode", || decoded.encode_to_vec().len());
}

fn report(what: &str, mut run: impl FnMut() -> usize) {
    let best = (0..300)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed()
        })
        .min()
        .unwrap_or(Duration::ZERO);
    println!("{what:<24} {:>8.1} ns/span", best.as_nanos() as f64 / SPANS as f64);
}

fn request() -> ExportTraceServiceRequest {
    let spans = (0..SPANS as u64).map(span).collect();
    let scope = InstrumentationScope { name: "cost".into(), ..Default::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", "checkout"), text("host.name", "web-1")],
                ..Default::default()
            }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }],
            ..Default::default()
        }],
    }
}

fn span(at: u64) -> Span {
    let start = 1_700_000_000_000_000_000 + at;
    Span {
        trace_id: [&at.to_le_bytes()[..], &[1; 8]].concat(),
        span_id: at.to_le_bytes().into(),
        parent_span_id: vec![2; 8],
        name: format!("GET /api/orders/{at}"),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_000_000,
        attributes: vec![
            text("http.request.method", "GET"),
            text("url.path", &format!("/api/orders/{at}")),
            text("url.scheme", "https"),
            text("server.address", "shop.example.com"),
            number("server.port", 443),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)"),
            text("network.protocol.version", "1.1"),
            number("http.response.status_code", 200),
            text("client.address", "203.0.113.7"),
        ],
        status: Some(Status { code: 1, ..Default::default() }),
        ..Default::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.into()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, any_value::Value::IntValue(value))
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}
