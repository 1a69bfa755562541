//! Telemetry to send.

use pdata::{Logs, Metrics, Signal, Telemetry, Traces};

/// `count` spans `span 0`, `span 1`, ... of the service `testkit`, in one scope.
pub fn spans(count: usize) -> Traces {
    traces(&group("resourceSpans", "scopeSpans", "spans", count, |at| {
        format!(
            r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"{at:016x}","name":"span {at}","kind":2,
                "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000005000000",
                "attributes":[{{"key":"n","value":{{"intValue":"{at}"}}}}]}}"#,
            at = at + 1
        )
    }))
}

/// `count` points 0, 1, ... of the gauge `testkit.gauge`, of the service `testkit`.
pub fn gauge_points(count: usize) -> Metrics {
    let points = list(count, |at| {
        format!(
            r#"{{"timeUnixNano":"1700000000000000000","asInt":"{at}",
                "attributes":[{{"key":"n","value":{{"intValue":"{at}"}}}}]}}"#
        )
    });
    metrics(&group("resourceMetrics", "scopeMetrics", "metrics", 1, |_| {
        format!(r#"{{"name":"testkit.gauge","unit":"1","gauge":{{"dataPoints":[{points}]}}}}"#)
    }))
}

/// `count` log records `record 0`, `record 1`, ... of the service `testkit`, in one scope.
pub fn log_records(count: usize) -> Logs {
    logs(&group("resourceLogs", "scopeLogs", "logRecords", count, |at| {
        format!(
            r#"{{"timeUnixNano":"1700000000000000000","severityNumber":9,"severityText":"INFO",
                "body":{{"stringValue":"record {at}"}},
                "attributes":[{{"key":"n","value":{{"intValue":"{at}"}}}}]}}"#
        )
    }))
}

/// `count` items of any signal.
pub fn any(signal: Signal, count: usize) -> Telemetry {
    match signal {
        Signal::Traces => spans(count).into(),
        Signal::Metrics => gauge_points(count).into(),
        Signal::Logs => log_records(count).into(),
    }
}

/// Traces from OTLP/JSON.
pub fn traces(json: &str) -> Traces {
    Traces::from_json(json.as_bytes()).expect("the test's JSON is OTLP traces")
}

/// Metrics from OTLP/JSON.
pub fn metrics(json: &str) -> Metrics {
    Metrics::from_json(json.as_bytes()).expect("the test's JSON is OTLP metrics")
}

/// Logs from OTLP/JSON.
pub fn logs(json: &str) -> Logs {
    Logs::from_json(json.as_bytes()).expect("the test's JSON is OTLP logs")
}

/// Traces, metrics or logs.
pub trait OfSignal: Into<Telemetry> {
    /// What is in there, if it is of this signal.
    fn out_of(telemetry: Telemetry) -> Option<Self>;
}

macro_rules! of_signal {
    ($name:ident) => {
        impl OfSignal for $name {
            fn out_of(telemetry: Telemetry) -> Option<Self> {
                match telemetry {
                    Telemetry::$name(inner) => Some(inner),
                    _ => None,
                }
            }
        }
    };
}

of_signal!(Traces);
of_signal!(Metrics);
of_signal!(Logs);

fn group(
    resources: &str,
    scopes: &str,
    records: &str,
    count: usize,
    record: impl Fn(usize) -> String,
) -> String {
    let list = list(count, record);
    format!(
        r#"{{"{resources}":[{{
            "resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"testkit"}}}}]}},
            "{scopes}":[{{"scope":{{"name":"testkit"}},"{records}":[{list}]}}]}}]}}"#
    )
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builders_build_as_many_items_as_asked_for() {
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            for count in [0, 1, 17] {
                let telemetry = any(signal, count);
                assert_eq!((telemetry.signal(), telemetry.item_count()), (signal, count));
            }
        }
    }
}
