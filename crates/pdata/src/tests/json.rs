//! OTLP/JSON by the rules of OTLP, in both directions.

use proptest::prelude::*;

use super::decoded::{Decoded, any_request};
use crate::{Logs, Metrics, Number, Points, Signal, Telemetry, Traces, ValueRef};

proptest! {
    #[test]
    fn what_json_says_is_what_protobuf_says(mut request in any_request()) {
        let json = request.telemetry().to_json();
        let parsed: serde_json::Value = serde_json::from_slice(&json).unwrap();
        prop_assert!(parsed.is_object());
        let back = Telemetry::from_json(request.signal(), &json).unwrap();
        request.fill();
        prop_assert_eq!(Decoded::of(&back).encode(), request.encode());
    }

    #[test]
    fn any_text_does_no_harm(text in "[\\[\\]{}\":,a-z0-9 ]{0,60}") {
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            let _either = Telemetry::from_json(signal, text.as_bytes());
        }
    }
}

fn log(record: &str) -> Result<Logs, crate::InvalidJson> {
    Logs::from_json(
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#).as_bytes(),
    )
}

fn record(logs: &Logs) -> crate::LogRecord<'_> {
    logs.resources().next().unwrap().scopes().next().unwrap().log_records().next().unwrap()
}

fn chain(error: &dyn std::error::Error) -> String {
    format!("{error}: {}", error.source().unwrap())
}

#[test]
fn both_spellings_numbers_or_strings_names_or_numbers() {
    let a = log(r#"{"time_unix_nano":5,"severityNumber":"SEVERITY_NUMBER_WARN","flags":"3","traceId":"0102030405060708090A0b0c0d0e0f10","spanId":""}"#).unwrap();
    let a = record(&a);
    assert_eq!((a.time_unix_nano(), a.severity_number(), a.flags()), (5, 13, 3));
    assert_eq!(a.trace_id().to_string(), "0102030405060708090a0b0c0d0e0f10");
    assert!(a.span_id().is_empty());
    let b = log(r#"{"timeUnixNano":"18446744073709551615","severity_number":13}"#).unwrap();
    assert_eq!((record(&b).time_unix_nano(), record(&b).severity_number()), (u64::MAX, 13));
}

#[test]
fn values_of_every_type() {
    let cases = [
        (r#"{"stringValue":""}"#, ValueRef::Str("")),
        (r#"{"string_value":"\ud83d\ude00\n"}"#, ValueRef::Str("\u{1f600}\n")),
        (r#"{"boolValue":false}"#, ValueRef::Bool(false)),
        (r#"{"intValue":"-9223372036854775808"}"#, ValueRef::Int(i64::MIN)),
        (r#"{"intValue":7}"#, ValueRef::Int(7)),
        (r#"{"intValue":1e3}"#, ValueRef::Int(1000)),
        (r#"{"doubleValue":"-Infinity"}"#, ValueRef::Double(f64::NEG_INFINITY)),
        (r#"{"doubleValue":"inf"}"#, ValueRef::Double(f64::INFINITY)),
        (r#"{"doubleValue":3}"#, ValueRef::Double(3.0)),
        (r#"{"bytesValue":"AQI="}"#, ValueRef::Bytes(&[1, 2])),
        (r#"{"stringValue":null}"#, ValueRef::Empty),
        (r#"{"other":[{}],"intValue":1}"#, ValueRef::Int(1)),
        (r#"{"intValue":1,"stringValue":"last"}"#, ValueRef::Str("last")),
        ("null", ValueRef::Empty),
    ];
    for (json, value) in cases {
        let logs = log(&format!(r#"{{"body":{json}}}"#)).unwrap();
        assert_eq!(record(&logs).body(), value, "{json}");
    }
    let nested = log(r#"{"body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":1},{}]}}}]}}}"#).unwrap();
    let ValueRef::Map(map) = record(&nested).body() else { panic!() };
    let Some(ValueRef::List(list)) = map.get("a") else { panic!() };
    assert_eq!(list.iter().collect::<Vec<_>>(), [ValueRef::Int(1), ValueRef::Empty]);
}

#[test]
fn wrong_values_are_named() {
    let cases = [
        (r#"{"traceId":"0102"}"#, "resourceLogs.scopeLogs.logRecords.traceId", "length mismatch"),
        (r#"{"spanId":"01020304050607zz"}"#, "logRecords.spanId", "not a hexadecimal id"),
        (r#"{"severityNumber":"LOUD"}"#, "logRecords.severityNumber", "no such name"),
        (r#"{"timeUnixNano":-1}"#, "logRecords.timeUnixNano", "not a whole number"),
        (r#"{"flags":4294967296}"#, "logRecords.flags", "not a whole number"),
        (r#"{"body":{"bytesValue":"A"}}"#, "body.bytesValue", "not standard base64"),
        (r#"{"body":{"boolValue":1}}"#, "body.boolValue", "not a bool"),
        (r#"{"body":{"stringValue":1}}"#, "body.stringValue", "expected a string"),
        (r#"{"body":5}"#, "logRecords.body", "expected an object for value"),
        (r#"{"attributes":{}}"#, "logRecords.attributes", "expected an array"),
    ];
    for (json, path, reason) in cases {
        let error = log(json).unwrap_err();
        let text = chain(&error);
        assert!(error.path().ends_with(path), "{text}");
        assert!(text.contains(reason), "{text}");
    }
    for whole in ["1234", "", "[", "{\"resourceLogs\":", "\"a\""] {
        assert!(Logs::from_json(whole.as_bytes()).is_err(), "{whole}");
    }
    let deep = format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(200), "]}}".repeat(200));
    assert!(log(&format!(r#"{{"body":{deep}}}"#)).is_err());
}

#[test]
fn text_that_is_not_utf8_is_replaced_and_counted() {
    let mut json = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityText":"a?b"},{"eventName":"\ud800"}]}]}]}"#.to_vec();
    let at = json.iter().position(|byte| *byte == b'?').unwrap();
    json[at] = 0xff;
    let logs = Logs::from_json(&json).unwrap();
    assert_eq!((logs.item_count(), logs.replaced_texts()), (2, 2));
    assert_eq!(record(&logs).severity_text(), "a\u{fffd}b");
}

#[test]
fn nested_messages_are_always_written_and_defaults_never() {
    let traces = Traces::from_json(br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"","kind":0,"links":[],"attributes":[{"key":"k"}]}]}]}]}trailing"#).unwrap();
    assert_eq!(
        traces.to_json(),
        r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{"attributes":[{"key":"k","value":{}}],"status":{}}]}]}]}"#
    );
    assert_eq!(Traces::default().to_json(), "{}");
    assert_eq!(Traces::from_json(b"{\"resourceSpans\":null}").unwrap().to_json(), "{}");
    let metrics = Metrics::from_json(br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","dataPoints":[{"sum":0,"count":0,"bucketCounts":["1",2],"explicitBounds":[0.5,"NaN"]}]}},{"gauge":{"dataPoints":[{"asInt":0},{"asDouble":1e300},{"asDouble":"NaN"}]}}]}]}]}"#).unwrap();
    assert_eq!(
        metrics.to_json(),
        r#"{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[{"histogram":{"dataPoints":[{"sum":0,"bucketCounts":["1","2"],"explicitBounds":[0.5,"NaN"]}],"aggregationTemporality":1}},{"gauge":{"dataPoints":[{"asInt":"0"},{"asDouble":1e300},{"asDouble":"NaN"}]}}]}]}]}"#
    );
    let group = metrics.resources().next().unwrap();
    let gauge = group.scopes().next().unwrap().metrics().nth(1).unwrap();
    let Points::Gauge(mut points) = gauge.points() else { panic!() };
    assert_eq!(points.next().unwrap().value(), Some(Number::Int(0)));
}
