//! Any telemetry, as the decoded messages of another implementation.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, exemplar, exponential_histogram_data_point, metric, number_data_point,
    summary_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status,
    span::{Event, Link},
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec!["", "a", "b", "service.name", "k"]).prop_map(String::from),
        2 => "[ -~]{0,20}",
        1 => "\\PC{0,8}",
        1 => "[a\"\\\\\n\u{1}é]{0,150}",
    ]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::INFINITE,
        Just(f64::NAN),
        (-100i32..100).prop_map(f64::from),
    ]
}

fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(Vec::new()), vec(1..=255u8, len)]
}

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        4 => text().prop_map(|value| Some(any_value::Value::StringValue(value))),
        1 => any::<bool>().prop_map(|value| Some(any_value::Value::BoolValue(value))),
        2 => any::<i64>().prop_map(|value| Some(any_value::Value::IntValue(value))),
        1 => double().prop_map(|value| Some(any_value::Value::DoubleValue(value))),
        1 => vec(any::<u8>(), 0..5).prop_map(|value| Some(any_value::Value::BytesValue(value))),
        1 => Just(None),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3)
                .prop_map(|values| any_value::Value::ArrayValue(ArrayValue { values })),
            vec((text(), inner), 0..3).prop_map(|entries| {
                let values = entries.into_iter().map(|(key, value)| key_value(key, Some(value)));
                any_value::Value::KvlistValue(KeyValueList { values: values.collect() })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key_value(key: String, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key, value, ..Default::default() }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    // Few keys, so that edits find them, and find them twice.
    let key = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "k"]).prop_map(String::from),
        1 => text(),
    ];
    let attribute = (key, option::weighted(0.95, value()));
    vec(attribute.prop_map(|(key, value)| key_value(key, value)), 0..4)
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    let entity = (text(), text(), vec(text(), 0..3), vec(text(), 0..2)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type,
            id_keys,
            description_keys,
        },
    );
    option::of((attributes(), 0..3u32, vec(entity, 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    ))
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    option::of((text(), text(), attributes(), 0..3u32).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    ))
}

prop_compose! {
    fn event()(
        time_unix_nano in any::<u64>(), name in text(), attributes in attributes(), dropped_attributes_count in 0..2u32,
    ) -> Event {
        Event { time_unix_nano, name, attributes, dropped_attributes_count }
    }
}

prop_compose! {
    fn link()(
        trace_id in id(16), span_id in id(8), trace_state in text(), attributes in attributes(),
        dropped_attributes_count in 0..2u32, flags in 0..2u32,
    ) -> Link {
        Link { trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags }
    }
}

prop_compose! {
    fn span()(
        ids in (id(16), id(8), id(8)), texts in (text(), text()), kind in -1..7i32, times in any::<(u64, u64)>(),
        attributes in attributes(), events in vec(event(), 0..3), links in vec(link(), 0..2),
        dropped in (0..2u32, 0..2u32, 0..2u32), status in option::of((text(), 0..3i32)), flags in 0..3u32,
    ) -> Span {
        Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            trace_state: texts.0,
            name: texts.1,
            kind,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            attributes,
            dropped_attributes_count: dropped.0,
            events,
            dropped_events_count: dropped.1,
            links,
            dropped_links_count: dropped.2,
            status: status.map(|(message, code)| Status { message, code }),
            flags,
        }
    }
}

prop_compose! {
    fn log_record()(
        times in any::<(u64, u64)>(), severity_number in 0..25i32, texts in (text(), text()),
        body in option::of(value()), attributes in attributes(), dropped_attributes_count in 0..2u32,
        flags in 0..2u32, ids in (id(16), id(8)),
    ) -> LogRecord {
        LogRecord {
            time_unix_nano: times.0,
            observed_time_unix_nano: times.1,
            severity_number,
            severity_text: texts.0,
            body,
            attributes,
            dropped_attributes_count,
            flags,
            trace_id: ids.0,
            span_id: ids.1,
            event_name: texts.1,
        }
    }
}

prop_compose! {
    fn exemplar()(
        filtered_attributes in attributes(), time_unix_nano in any::<u64>(), ids in (id(16), id(8)),
        value in option::of(prop_oneof![
            double().prop_map(exemplar::Value::AsDouble),
            any::<i64>().prop_map(exemplar::Value::AsInt),
        ]),
    ) -> Exemplar {
        Exemplar { filtered_attributes, time_unix_nano, span_id: ids.1, trace_id: ids.0, value }
    }
}

prop_compose! {
    fn number_point()(
        attributes in attributes(), times in any::<(u64, u64)>(), exemplars in vec(exemplar(), 0..2), flags in 0..2u32,
        value in option::of(prop_oneof![
            double().prop_map(number_data_point::Value::AsDouble),
            any::<i64>().prop_map(number_data_point::Value::AsInt),
        ]),
    ) -> NumberDataPoint {
        NumberDataPoint {
            attributes,
            start_time_unix_nano: times.0,
            time_unix_nano: times.1,
            exemplars,
            flags,
            value,
        }
    }
}

prop_compose! {
    fn histogram_point()(
        attributes in attributes(), times in any::<(u64, u64)>(), exemplars in vec(exemplar(), 0..2), flags in 0..2u32,
        count in any::<u64>(), stats in (option::of(double()), option::of(double()), option::of(double())),
        bucket_counts in vec(any::<u64>(), 0..4), explicit_bounds in vec(double(), 0..4),
    ) -> HistogramDataPoint {
        HistogramDataPoint {
            attributes,
            start_time_unix_nano: times.0,
            time_unix_nano: times.1,
            count,
            sum: stats.0,
            bucket_counts,
            explicit_bounds,
            exemplars,
            flags,
            min: stats.1,
            max: stats.2,
        }
    }
}

fn buckets() -> impl Strategy<Value = Option<exponential_histogram_data_point::Buckets>> {
    option::of((any::<i32>(), vec(any::<u64>(), 0..4)).prop_map(|(offset, bucket_counts)| {
        exponential_histogram_data_point::Buckets { offset, bucket_counts }
    }))
}

prop_compose! {
    fn exponential_point()(
        attributes in attributes(), times in any::<(u64, u64)>(), exemplars in vec(exemplar(), 0..2), flags in 0..2u32,
        counts in any::<(u64, u64)>(), stats in (option::of(double()), option::of(double()), option::of(double())),
        scale in any::<i32>(), buckets in (buckets(), buckets()), zero_threshold in double(),
    ) -> ExponentialHistogramDataPoint {
        ExponentialHistogramDataPoint {
            attributes,
            start_time_unix_nano: times.0,
            time_unix_nano: times.1,
            count: counts.0,
            sum: stats.0,
            scale,
            zero_count: counts.1,
            positive: buckets.0,
            negative: buckets.1,
            flags,
            exemplars,
            min: stats.1,
            max: stats.2,
            zero_threshold,
        }
    }
}

prop_compose! {
    fn summary_point()(
        attributes in attributes(), times in any::<(u64, u64)>(), flags in 0..2u32, count in any::<u64>(), sum in double(),
        quantile_values in vec((double(), double()), 0..3),
    ) -> SummaryDataPoint {
        let quantile = |(quantile, value)| summary_data_point::ValueAtQuantile { quantile, value };
        SummaryDataPoint {
            attributes,
            start_time_unix_nano: times.0,
            time_unix_nano: times.1,
            count,
            sum,
            quantile_values: quantile_values.into_iter().map(quantile).collect(),
            flags,
        }
    }
}

fn metric() -> impl Strategy<Value = Metric> {
    let data = prop_oneof![
        vec(number_point(), 0..5)
            .prop_map(|data_points| metric::Data::Gauge(Gauge { data_points })),
        (vec(number_point(), 0..5), 0..3i32, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| metric::Data::Sum(Sum {
                data_points,
                aggregation_temporality,
                is_monotonic
            })
        ),
        (vec(histogram_point(), 0..3), 0..3i32).prop_map(
            |(data_points, aggregation_temporality)| metric::Data::Histogram(Histogram {
                data_points,
                aggregation_temporality
            })
        ),
        (vec(exponential_point(), 0..3), 0..3i32).prop_map(
            |(data_points, aggregation_temporality)| {
                metric::Data::ExponentialHistogram(ExponentialHistogram {
                    data_points,
                    aggregation_temporality,
                })
            }
        ),
        vec(summary_point(), 0..3)
            .prop_map(|data_points| metric::Data::Summary(Summary { data_points })),
    ];
    (text(), text(), text(), attributes(), option::weighted(0.9, data)).prop_map(
        |(name, description, unit, metadata, data)| Metric {
            name,
            description,
            unit,
            metadata,
            data,
        },
    )
}

macro_rules! request {
    ($name:ident, $request:ident { $groups:ident }, $group:ident { $scopes:ident }, $scope_group:ident { $records:ident }, $record:expr) => {
        pub(super) fn $name() -> impl Strategy<Value = $request> {
            let scope_group =
                (scope(), vec($record, 0..5), text()).prop_map(|(scope, $records, schema_url)| {
                    $scope_group { scope, $records, schema_url }
                });
            let group = (resource(), vec(scope_group, 0..3), text()).prop_map(
                |(resource, $scopes, schema_url)| $group { resource, $scopes, schema_url },
            );
            vec(group, 0..3).prop_map(|$groups| $request { $groups })
        }
    };
}

request! {
    traces, ExportTraceServiceRequest { resource_spans }, ResourceSpans { scope_spans }, ScopeSpans { spans }, span()
}
request! {
    metrics, ExportMetricsServiceRequest { resource_metrics }, ResourceMetrics { scope_metrics },
    ScopeMetrics { metrics }, metric()
}
request! {
    logs, ExportLogsServiceRequest { resource_logs }, ResourceLogs { scope_logs }, ScopeLogs { log_records },
    log_record()
}
