//! An edit of the bytes is the same edit of the decoded messages.

mod model;

use proptest::prelude::*;

use super::decoded::{Decoded, any_request};
use crate::{
    AttributesMut, LogRecordMut, Logs, MetricMut, Metrics, Number, PointMut, ResourceMut, ScopeMut,
    Signal, SpanId, SpanKind, SpanMut, StatusCode, Telemetry, Temporality, TraceId, Value,
    ValueRef,
};

/// What is done to one thing.
#[derive(Clone, Debug)]
enum Action {
    Insert(String, Value),
    RemoveKey(String),
    Rename(String, String),
    Truncate(usize),
    /// Sets every value that is text, to something longer or shorter.
    Shout,
    Replace(Vec<(String, Value)>),
    Text(String),
    Number(u64),
    Value(Value),
    Drop,
}

/// What a step is done to: everything of a level, or one in `every` of them.
#[derive(Clone, Debug)]
struct Step {
    level: usize,
    every: usize,
    action: Action,
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "k", ""]).prop_map(String::from)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Empty),
        "[a-z]{0,3}".prop_map(Value::Str),
        "[a-z]{120,140}".prop_map(Value::Str),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-9..9i32).prop_map(|value| Value::Double(value.into())),
        Just(Value::Bytes(vec![1, 2])),
        Just(Value::List(vec![Value::Int(1), Value::Empty])),
        Just(Value::Map(vec![("in".into(), Value::Str("x".into()))])),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let action = prop_oneof![
        (key(), value()).prop_map(|(key, value)| Action::Insert(key, value)),
        key().prop_map(Action::RemoveKey),
        (key(), key()).prop_map(|(key, name)| Action::Rename(key, name)),
        (0..3usize).prop_map(Action::Truncate),
        Just(Action::Shout),
        prop::collection::vec((key(), value()), 0..3).prop_map(Action::Replace),
        prop_oneof!["[a-z]{0,5}", "[a-z]{130,140}"].prop_map(Action::Text),
        prop_oneof![0..3u64, any::<u64>()].prop_map(Action::Number),
        value().prop_map(Action::Value),
        Just(Action::Drop),
    ];
    (0..4usize, 1..4usize, action).prop_map(|(level, every, action)| Step { level, every, action })
}

proptest! {
    #[test]
    fn edits_of_bytes_and_of_messages_agree(
        request in any_request(),
        cut in prop::option::of(0..6usize),
        steps in prop::collection::vec(step(), 1..5),
    ) {
        let mut lazy = request.telemetry();
        if let Some(cut) = cut {
            // So that there are groups that are open, and several runs.
            let mut front = lazy.split_off_front(cut);
            front.merge(lazy).unwrap();
            lazy = front;
        }
        let mut model = Decoded::of(&lazy);
        let shared = lazy.clone();
        let before = shared.to_otlp().into_bytes();
        for step in &steps {
            edit(&mut lazy, step);
            model.edit(step);
            prop_assert_eq!(Decoded::of(&lazy).encode(), model.encode());
            let again = Telemetry::from_otlp(lazy.signal(), lazy.to_otlp().into_bytes()).unwrap();
            prop_assert_eq!(lazy.item_count(), again.item_count());
            prop_assert_eq!(lazy.resource_count(), again.resource_count());
            prop_assert_eq!(lazy.encoded_len(), lazy.to_otlp().into_bytes().len());
            if let (Telemetry::Metrics(lazy), Telemetry::Metrics(again)) = (&lazy, &again) {
                prop_assert_eq!(lazy.metric_count(), again.metric_count());
            }
        }
        prop_assert_eq!(shared.to_otlp().into_bytes(), before);
    }
}

/// Counts what is seen, and says whether this one is to be edited.
struct Every {
    every: usize,
    seen: usize,
}

impl Every {
    fn new(step: &Step) -> Self {
        Self { every: step.every, seen: 0 }
    }

    fn hit(&mut self) -> bool {
        self.seen += 1;
        self.seen.is_multiple_of(self.every)
    }
}

fn edit(telemetry: &mut Telemetry, step: &Step) {
    let mut every = Every::new(step);
    let action = &step.action;
    match (step.level, telemetry) {
        (0, telemetry) => {
            telemetry.retain_resources(|resource| !every.hit() || edit_resource(resource, action));
        }
        (1, telemetry) => telemetry.retain_scopes(|resource, scope| {
            !every.hit() || {
                // What is read of the parent and written to it while a child is edited.
                resource.set_dropped_attributes_count(7);
                edit_scope(scope, action)
            }
        }),
        (2, Telemetry::Traces(traces)) => {
            traces.retain_spans(|_, _, span| !every.hit() || edit_span(span, action));
        }
        (_, Telemetry::Traces(traces)) => traces.retain_spans(|_, scope, span| {
            span.retain_events(|_, event| {
                !every.hit()
                    || match action {
                        Action::Text(text) => {
                            event.set_name(text);
                            true
                        }
                        Action::Number(number) => {
                            event.set_time_unix_nano(*number);
                            true
                        }
                        Action::Drop => false,
                        action => edit_attributes(event.attributes_mut(), action),
                    }
            });
            scope.set_version("v");
            true
        }),
        (_, Telemetry::Logs(logs)) => {
            logs.retain_log_records(|_, _, record| !every.hit() || edit_log(record, action));
        }
        (2, Telemetry::Metrics(metrics)) => {
            metrics.retain_metrics(|_, _, metric| !every.hit() || edit_metric(metric, action));
        }
        (_, Telemetry::Metrics(metrics)) => metrics
            .retain_points(|_, _, metric, point| !every.hit() || edit_point(metric, point, action)),
    }
}

fn edit_attributes(mut attributes: AttributesMut<'_, '_>, action: &Action) -> bool {
    match action {
        Action::Insert(key, value) => {
            attributes.insert(key, value);
            assert_eq!(attributes.get(key), Some(value.as_ref()));
        }
        Action::RemoveKey(key) => drop(attributes.remove(key)),
        Action::Rename(key, name) => drop(attributes.rename(key, name)),
        Action::Truncate(count) => drop(attributes.truncate(*count)),
        Action::Shout => attributes.update(|_, value| Some(Value::Str(shout(value.as_str()?)))),
        Action::Replace(entries) => attributes
            .replace(entries.iter().map(|(key, value)| (key.as_str(), ValueRef::from(value)))),
        Action::Drop => return false,
        Action::Text(_) | Action::Number(_) | Action::Value(_) => {}
    }
    true
}

fn shout(text: &str) -> String {
    if text.len() > 100 { String::new() } else { text.to_uppercase() + &"!".repeat(100) }
}

fn edit_resource(resource: &mut ResourceMut<'_>, action: &Action) -> bool {
    match action {
        Action::Text(text) => resource.set_schema_url(text),
        Action::Number(number) => resource.set_dropped_attributes_count(*number as u32),
        action => return edit_attributes(resource.attributes_mut(), action),
    }
    true
}

fn edit_scope(scope: &mut ScopeMut<'_>, action: &Action) -> bool {
    match action {
        Action::Text(text) => {
            scope.set_name(text);
            scope.set_schema_url(text);
        }
        Action::Number(number) => scope.set_dropped_attributes_count(*number as u32),
        action => return edit_attributes(scope.attributes_mut(), action),
    }
    true
}

fn edit_span(span: &mut SpanMut<'_>, action: &Action) -> bool {
    match action {
        Action::Text(text) => {
            span.set_name(text);
            span.set_status_message(text);
            span.set_trace_state(text);
        }
        Action::Number(number) => {
            span.set_start_time_unix_nano(*number);
            span.set_end_time_unix_nano(*number);
            span.set_kind(SpanKind::from(*number as i32));
            span.set_status_code(StatusCode::from(*number as i32));
            span.set_flags(*number as u32);
            span.set_span_id(SpanId::new(number.to_le_bytes()));
            span.set_dropped_events_count(*number as u32);
        }
        Action::Value(_) => span.clear_links(),
        action => return edit_attributes(span.attributes_mut(), action),
    }
    true
}

fn edit_log(record: &mut LogRecordMut<'_>, action: &Action) -> bool {
    match action {
        Action::Text(text) => {
            record.set_severity_text(text);
            record.set_event_name(text);
        }
        Action::Number(number) => {
            record.set_time_unix_nano(*number);
            record.set_observed_time_unix_nano(*number);
            record.set_severity_number(*number as i32);
            record.set_flags(*number as u32);
            record.set_trace_id(TraceId::new(u128::from(*number).to_le_bytes()));
        }
        Action::Value(value) => {
            record.set_body(value);
            assert_eq!(record.view().body(), value.as_ref());
        }
        action => return edit_attributes(record.attributes_mut(), action),
    }
    true
}

fn edit_metric(metric: &mut MetricMut<'_>, action: &Action) -> bool {
    match action {
        Action::Text(text) => {
            metric.set_name(text);
            metric.set_description(text);
            metric.set_unit(text);
        }
        Action::Number(number) => {
            metric.set_temporality(Temporality::from(*number as i32));
            metric.set_monotonic(number % 2 == 1);
        }
        Action::Value(_) => {
            if !metric.sum_to_gauge() {
                metric.gauge_to_sum(Temporality::Delta, true);
            }
        }
        action => return edit_attributes(metric.metadata_mut(), action),
    }
    true
}

fn edit_point(metric: &mut MetricMut<'_>, point: &mut PointMut<'_>, action: &Action) -> bool {
    match action {
        Action::Text(text) => metric.set_name(text),
        Action::Number(number) => {
            point.set_time_unix_nano(*number);
            point.set_start_time_unix_nano(*number);
            point.set_flags(*number as u32);
            point.set_value(number.cast_signed());
        }
        Action::Value(_) => {
            point.set_value(1.5);
            point.set_count(3);
        }
        action => return edit_attributes(point.attributes_mut(), action),
    }
    true
}

#[test]
fn fields_that_nobody_knows_survive_edits_beside_them() {
    // A log record with field 1000, in an attribute with field 9, in a scope with field 50.
    let unknown = [0xc2, 0x3e, 1, b'u'];
    let attribute = [&[0x0a, 1, b'k', 0x12, 3, 0x0a, 1, b'v'][..], &[0x4a, 1, b'x']].concat();
    let field =
        |tag: u8, body: &[u8]| [&[tag, u8::try_from(body.len()).unwrap()][..], body].concat();
    let record = [&unknown[..], &field(0x32, &attribute)].concat();
    let scope = [field(0x12, &record), vec![0x92, 0x03, 1, b's']].concat();
    let body = field(0x0a, &field(0x12, &scope));
    let mut logs = Logs::from_otlp(body.into()).unwrap();
    logs.retain_log_records(|resource, scope, record| {
        record.set_event_name("e");
        record.attributes_mut().insert("k", "other");
        record.attributes_mut().rename("k", "l");
        resource.attributes_mut().insert("r", 1);
        scope.set_name("s");
        true
    });
    let bytes = logs.to_otlp().into_bytes();
    for kept in [&unknown[..], &[0x4a, 1, b'x'], &[0x92, 0x03, 1, b's']] {
        assert!(bytes.windows(kept.len()).any(|window| window == kept), "{kept:x?}");
    }
    let again = Telemetry::from_otlp(Signal::Logs, bytes).unwrap();
    let Telemetry::Logs(again) = again else { panic!() };
    let group = again.resources().next().unwrap();
    let record = group.scopes().next().unwrap().log_records().next().unwrap();
    assert_eq!(record.attributes().get("l"), Some(ValueRef::Str("other")));
}

#[test]
fn points_can_be_gone_through_twice() {
    let json = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":1},{"asInt":2}]}}]}]}]}"#;
    let mut metrics = Metrics::from_json(json).unwrap();
    metrics.retain_metrics(|_, _, metric| {
        metric.retain_points(|_, point| point.as_number().unwrap().value() == Some(Number::Int(2)));
        metric.retain_points(|_, point| point.as_number().is_some());
        assert_eq!(metric.point_count(), 1);
        true
    });
    assert_eq!(metrics.item_count(), 1);
    metrics.retain_points(|_, _, _, _| false);
    assert!(metrics.to_otlp().is_empty());
}

#[test]
fn what_is_not_changed_keeps_sharing_its_memory() {
    let records = vec![r#"{"body":{"stringValue":"a record of some length"}}"#; 1000].join(",");
    let json = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#);
    let logs = Logs::from_json(json.as_bytes()).unwrap();
    let whole = logs.to_otlp().into_bytes();
    let within = |chunk: &bytes::Bytes| {
        let start = whole.as_ptr().addr();
        (start..start + whole.len()).contains(&chunk.as_ptr().addr())
    };

    let mut same = logs.clone();
    same.retain_log_records(|_, _, record| record.attributes_mut().remove("nothing") | true);
    assert!(same.to_otlp().all(|chunk| within(&chunk)));

    let mut edited = logs.clone();
    let mut at = 0;
    edited.retain_log_records(|_, _, record| {
        at += 1;
        if at == 500 {
            record.set_event_name("here");
        }
        true
    });
    let shared: usize = edited.to_otlp().filter(within).map(|chunk| chunk.len()).sum();
    assert!(shared > whole.len() * 9 / 10, "{shared} of {}", whole.len());

    let mut none = logs;
    none.retain_log_records(|_, _, _| false);
    assert!(none.to_otlp().is_empty());
    assert_eq!(none.resource_count(), 0);
}
