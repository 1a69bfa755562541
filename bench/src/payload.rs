//! What is sent: requests of items of about 400 bytes, as an instrumented web service makes them.

use bytes::Bytes;
use clap::ValueEnum;
use pdata::{Signal, Telemetry};
use serde_json::{Value, json};

/// The signals that can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Traces,
    Logs,
}

impl Kind {
    fn signal(self) -> Signal {
        match self {
            Self::Traces => Signal::Traces,
            Self::Logs => Signal::Logs,
        }
    }

    /// Where OTLP/HTTP takes it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
        }
    }

    /// The method of OTLP/gRPC.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}

/// One request as protobuf. The items carry the numbers from `first` on, in their span ids.
pub(crate) fn request(kind: Kind, items: u64, first: u64) -> Bytes {
    let items: Vec<Value> = (first..first + items).map(|number| item(kind, number)).collect();
    let resource = json!({"attributes": [
        text("service.name", "checkout"),
        text("service.version", "4.17.2"),
        text("host.name", "web-17"),
    ]});
    let document = match kind {
        Kind::Traces => json!({"resourceSpans": [{
            "resource": resource,
            "scopeSpans": [{"scope": {"name": "http"}, "spans": items}],
        }]}),
        Kind::Logs => json!({"resourceLogs": [{
            "resource": resource,
            "scopeLogs": [{"scope": {"name": "http"}, "logRecords": items}],
        }]}),
    };
    let telemetry = Telemetry::from_json(kind.signal(), document.to_string().as_bytes());
    telemetry.expect("the document is OTLP/JSON").to_otlp().into_bytes()
}

fn item(kind: Kind, number: u64) -> Value {
    let span_id = format!("{number:016x}");
    let trace_id = format!("{:032x}", u128::from(number) * 0x9e37_79b9_7f4a_7c15 + 1);
    let attributes = json!([
        text("http.request.method", "GET"),
        text("url.path", &format!("/api/v1/orders/{}", 100_000 + number % 900_000)),
        text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
        {"key": "http.response.status_code", "value": {"intValue": "200"}},
        text("server.address", "shop.example.com"),
        text("http.route", "/api/v1/orders/{id}"),
        text("k8s.pod.name", &format!("checkout-7d9f64c8b-{number:05}")),
        text("client.address", &format!("10.1.{}.{}", number % 250, number % 199)),
    ]);
    let start = 1_700_000_000_000_000_000 + number * 1_000;
    match kind {
        Kind::Traces => json!({
            "traceId": trace_id, "spanId": span_id, "parentSpanId": "00000000000000aa",
            "name": "GET /api/v1/orders/{id}", "kind": 2,
            "startTimeUnixNano": start.to_string(),
            "endTimeUnixNano": (start + 3_000_000).to_string(),
            "attributes": attributes,
        }),
        Kind::Logs => json!({
            "traceId": trace_id, "spanId": span_id,
            "timeUnixNano": start.to_string(), "severityNumber": 9, "severityText": "INFO",
            "body": {"stringValue": format!("request {number} finished in {} ms", number % 100)},
            "attributes": attributes,
        }),
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// The numbers of the items in a request.
pub(crate) fn numbers(kind: Kind, body: Bytes) -> anyhow::Result<Vec<u64>> {
    let telemetry = Telemetry::from_otlp(kind.signal(), body)?;
    let number = |id: pdata::SpanId| u64::from_be_bytes(id.to_bytes());
    let mut numbers = Vec::with_capacity(telemetry.item_count());
    match &telemetry {
        Telemetry::Traces(traces) => {
            for scope in traces.resources().flat_map(|resource| resource.scopes()) {
                numbers.extend(scope.records().map(|span| number(span.span_id())));
            }
        }
        Telemetry::Logs(logs) => {
            for scope in logs.resources().flat_map(|resource| resource.scopes()) {
                numbers.extend(scope.records().map(|record| number(record.span_id())));
            }
        }
        Telemetry::Metrics(_) => {}
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_about_as_large_as_they_should_be_and_keep_their_numbers() {
        for kind in [Kind::Traces, Kind::Logs] {
            let body = request(kind, 512, 7);
            let size = body.len() / 512;
            assert!((350..=450).contains(&size), "{kind:?}: {size}");
            assert_eq!(numbers(kind, body).unwrap(), (7..519).collect::<Vec<_>>());
        }
    }
}
