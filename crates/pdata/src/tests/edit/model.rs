//! The edits, done to decoded messages.

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, Sum, metric::Data, number_data_point::Value as PointValue,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use super::{Action, Every, Step, shout};
use crate::Value;
use crate::tests::decoded::Decoded;

/// Drops children that are false, and tells whether that emptied the list.
fn retain<T>(list: &mut Vec<T>, keep: impl FnMut(&mut T) -> bool) -> bool {
    let before = list.len();
    list.retain_mut(keep);
    before == 0 || !list.is_empty()
}

impl Decoded {
    pub(super) fn edit(&mut self, step: &Step) {
        let mut every = Every::new(step);
        let action = &step.action;
        macro_rules! groups {
            ($request:ident.$groups:ident.$scopes:ident.$records:ident, |$group:ident, $record:ident| $edit:expr) => {
                $request.$groups.retain_mut(|group| match step.level {
                    0 => {
                        !every.hit() || resource(&mut group.resource, &mut group.schema_url, action)
                    }
                    1 => retain(&mut group.$scopes, |scope_group| {
                        !every.hit() || {
                            group.resource.get_or_insert_default().dropped_attributes_count = 7;
                            scope(&mut scope_group.scope, &mut scope_group.schema_url, action)
                        }
                    }),
                    _ => retain(&mut group.$scopes, |$group| {
                        retain(&mut $group.$records, |$record| $edit)
                    }),
                })
            };
        }
        match self {
            Self::Traces(request) => {
                groups!(request.resource_spans.scope_spans.spans, |group, record| {
                    if step.level == 2 {
                        !every.hit() || span(record, action)
                    } else {
                        record.events.retain_mut(|event| {
                            !every.hit()
                                || match action {
                                    Action::Text(text) => {
                                        event.name.clone_from(text);
                                        true
                                    }
                                    Action::Number(number) => {
                                        event.time_unix_nano = *number;
                                        true
                                    }
                                    action => attributes(&mut event.attributes, action),
                                }
                        });
                        group.scope.get_or_insert_default().version = "v".into();
                        true
                    }
                });
            }
            Self::Logs(request) => {
                groups!(request.resource_logs.scope_logs.log_records, |_group, record| {
                    !every.hit() || log(record, action)
                });
            }
            Self::Metrics(request) => {
                groups!(request.resource_metrics.scope_metrics.metrics, |_group, record| {
                    if step.level == 2 {
                        !every.hit() || metric(record, action)
                    } else {
                        points(record, action, &mut every)
                    }
                });
            }
        }
    }
}

fn any_value(value: &Value) -> AnyValue {
    use any_value::Value as Any;
    let value = match value {
        Value::Empty => None,
        Value::Str(text) => Some(Any::StringValue(text.clone())),
        Value::Bool(value) => Some(Any::BoolValue(*value)),
        Value::Int(value) => Some(Any::IntValue(*value)),
        Value::Double(value) => Some(Any::DoubleValue(*value)),
        Value::Bytes(bytes) => Some(Any::BytesValue(bytes.clone())),
        Value::List(values) => {
            Some(Any::ArrayValue(ArrayValue { values: values.iter().map(any_value).collect() }))
        }
        Value::Map(entries) => Some(Any::KvlistValue(KeyValueList {
            values: entries.iter().map(|(key, value)| entry(key, value)).collect(),
        })),
    };
    AnyValue { value }
}

fn entry(key: &str, value: &Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(any_value(value)), ..Default::default() }
}

fn attributes(list: &mut Vec<KeyValue>, action: &Action) -> bool {
    match action {
        Action::Insert(key, value) => match list.iter_mut().find(|own| own.key == *key) {
            Some(own) => own.value = Some(any_value(value)),
            None => list.push(entry(key, value)),
        },
        Action::RemoveKey(key) => list.retain(|own| own.key != *key),
        Action::Rename(key, name) => {
            if key != name && list.iter().any(|own| own.key == *key) {
                list.retain(|own| own.key != *name);
                let own = list.iter_mut().find(|own| own.key == *key);
                own.unwrap().key.clone_from(name);
            }
        }
        Action::Truncate(count) => list.truncate(*count),
        Action::Shout => {
            for value in list.iter_mut().filter_map(|own| own.value.as_mut()) {
                if let Some(any_value::Value::StringValue(text)) = &mut value.value {
                    *text = shout(text);
                }
            }
        }
        Action::Replace(entries) => {
            *list = entries.iter().map(|(key, value)| entry(key, value)).collect();
        }
        Action::Drop => return false,
        Action::Text(_) | Action::Number(_) | Action::Value(_) => {}
    }
    true
}

/// Edits a message that may not be there: it comes to be only if the edit makes it something.
fn within<T: Default + PartialEq>(
    message: &mut Option<T>,
    edit: impl FnOnce(&mut T) -> bool,
) -> bool {
    let was_there = message.is_some();
    let kept = edit(message.get_or_insert_default());
    if !was_there && *message == Some(T::default()) {
        *message = None;
    }
    kept
}

fn resource(resource: &mut Option<Resource>, schema_url: &mut String, action: &Action) -> bool {
    within(resource, |resource| {
        match action {
            Action::Text(text) => schema_url.clone_from(text),
            Action::Number(number) => resource.dropped_attributes_count = *number as u32,
            action => return attributes(&mut resource.attributes, action),
        }
        true
    })
}

fn scope(
    scope: &mut Option<InstrumentationScope>,
    schema_url: &mut String,
    action: &Action,
) -> bool {
    within(scope, |scope| {
        match action {
            Action::Text(text) => {
                scope.name.clone_from(text);
                schema_url.clone_from(text);
            }
            Action::Number(number) => scope.dropped_attributes_count = *number as u32,
            action => return attributes(&mut scope.attributes, action),
        }
        true
    })
}

fn span(span: &mut Span, action: &Action) -> bool {
    let status = |span: &mut Span, edit: &dyn Fn(&mut Status)| {
        within(&mut span.status, |status| {
            edit(status);
            true
        });
    };
    match action {
        Action::Text(text) => {
            span.name.clone_from(text);
            span.trace_state.clone_from(text);
            status(span, &|status| status.message.clone_from(text));
        }
        Action::Number(number) => {
            span.start_time_unix_nano = *number;
            span.end_time_unix_nano = *number;
            span.kind = *number as i32;
            span.flags = *number as u32;
            span.dropped_events_count = *number as u32;
            span.span_id = if *number == 0 { Vec::new() } else { number.to_le_bytes().into() };
            status(span, &|status| status.code = *number as i32);
        }
        Action::Value(_) => span.links.clear(),
        action => return attributes(&mut span.attributes, action),
    }
    true
}

fn log(record: &mut LogRecord, action: &Action) -> bool {
    match action {
        Action::Text(text) => {
            record.severity_text.clone_from(text);
            record.event_name.clone_from(text);
        }
        Action::Number(number) => {
            record.time_unix_nano = *number;
            record.observed_time_unix_nano = *number;
            record.severity_number = *number as i32;
            record.flags = *number as u32;
            let id = u128::from(*number).to_le_bytes();
            record.trace_id = if *number == 0 { Vec::new() } else { id.into() };
        }
        Action::Value(value) => record.body = Some(any_value(value)),
        action => return attributes(&mut record.attributes, action),
    }
    true
}

fn metric(metric: &mut Metric, action: &Action) -> bool {
    match action {
        Action::Text(text) => {
            for own in [&mut metric.name, &mut metric.description, &mut metric.unit] {
                own.clone_from(text);
            }
        }
        Action::Number(number) => match &mut metric.data {
            Some(Data::Sum(sum)) => {
                sum.aggregation_temporality = *number as i32;
                sum.is_monotonic = number % 2 == 1;
            }
            Some(Data::Histogram(data)) => data.aggregation_temporality = *number as i32,
            Some(Data::ExponentialHistogram(data)) => data.aggregation_temporality = *number as i32,
            Some(Data::Gauge(_) | Data::Summary(_)) | None => {}
        },
        Action::Value(_) => match metric.data.take() {
            Some(Data::Sum(Sum { data_points, .. })) => {
                metric.data = Some(Data::Gauge(Gauge { data_points }));
            }
            Some(Data::Gauge(Gauge { data_points })) => {
                let sum = Sum { data_points, aggregation_temporality: 1, is_monotonic: true };
                metric.data = Some(Data::Sum(sum));
            }
            other => metric.data = other,
        },
        action => return attributes(&mut metric.metadata, action),
    }
    true
}

fn points(metric: &mut Metric, action: &Action, every: &mut Every) -> bool {
    let name = &mut metric.name;
    macro_rules! each {
        ($data:expr, |$point:ident, $number:ident| $scalars:expr) => {
            retain(&mut $data.data_points, |$point| {
                if !every.hit() {
                    return true;
                }
                match action {
                    Action::Text(text) => name.clone_from(text),
                    Action::Number(number) => {
                        $point.time_unix_nano = *number;
                        $point.start_time_unix_nano = *number;
                        $point.flags = *number as u32;
                        let $number = Some(*number);
                        $scalars;
                    }
                    Action::Value(_) => {
                        let $number: Option<u64> = None;
                        $scalars;
                    }
                    action => return attributes(&mut $point.attributes, action),
                }
                true
            })
        };
    }
    macro_rules! count {
        ($point:ident, $number:ident) => {
            if $number.is_none() {
                $point.count = 3;
            }
        };
    }
    let number = |number: Option<u64>| {
        Some(number.map_or(PointValue::AsDouble(1.5), |n| PointValue::AsInt(n.cast_signed())))
    };
    match &mut metric.data {
        Some(Data::Gauge(data)) => each!(data, |point, n| point.value = number(n)),
        Some(Data::Sum(data)) => each!(data, |point, n| point.value = number(n)),
        Some(Data::Histogram(data)) => each!(data, |point, n| count!(point, n)),
        Some(Data::ExponentialHistogram(data)) => each!(data, |point, n| count!(point, n)),
        Some(Data::Summary(data)) => each!(data, |point, n| count!(point, n)),
        None => true,
    }
}
