//! The parts of histograms, summaries, examples and links: setting them is setting them in the decoded message.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Summary,
    SummaryDataPoint,
};
use opentelemetry_proto::tonic::trace::v1::span::Link;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;

use crate::{BucketCounts, Metrics, PointMut, Quantile, SpanId, TraceId, Traces};

fn request(data: Data) -> ExportMetricsServiceRequest {
    let metric = Metric { name: "m".into(), data: Some(data), ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
}

/// What is left when `edit` has changed every point.
fn edited(before: Data, edit: impl Fn(&mut PointMut<'_>)) -> ExportMetricsServiceRequest {
    let mut metrics = Metrics::from_otlp(request(before).encode_to_vec().into()).unwrap();
    metrics.retain_points(|_, _, _, point| {
        edit(point);
        true
    });
    Message::decode(metrics.to_otlp().into_bytes()).unwrap()
}

fn histogram(point: HistogramDataPoint) -> Data {
    Data::Histogram(Histogram { data_points: vec![point], ..Histogram::default() })
}

fn exponential(point: ExponentialHistogramDataPoint) -> Data {
    let points = vec![point];
    Data::ExponentialHistogram(ExponentialHistogram { data_points: points, ..Default::default() })
}

fn exemplar(time: u64) -> Exemplar {
    Exemplar { time_unix_nano: time, ..Exemplar::default() }
}

fn full_histogram() -> HistogramDataPoint {
    HistogramDataPoint {
        count: 6,
        sum: Some(1.5),
        bucket_counts: vec![1, 2, 3],
        explicit_bounds: vec![0.5, 1.0],
        min: Some(0.1),
        max: Some(9.0),
        exemplars: vec![exemplar(1), exemplar(2)],
        ..HistogramDataPoint::default()
    }
}

proptest! {
    #[test]
    fn a_histograms_parts_are_set(
        counts in prop::collection::vec(any::<u64>(), 0..40),
        bounds in prop::collection::vec(-1e9..1e9f64, 0..40),
        min in prop::option::of(-1e9..1e9f64),
        max in prop::option::of(-1e9..1e9f64),
    ) {
        let after = edited(histogram(full_histogram()), |point| {
            point.set_bucket_counts(counts.iter().copied());
            point.set_explicit_bounds(bounds.iter().copied());
            point.set_min(min);
            point.set_max(max);
            point.set_scale(3);
            point.retain_exemplars(|exemplar| exemplar.time_unix_nano() == 2);
        });
        let expected = HistogramDataPoint {
            bucket_counts: counts,
            explicit_bounds: bounds,
            min,
            max,
            exemplars: vec![exemplar(2)],
            ..full_histogram()
        };
        prop_assert_eq!(after, request(histogram(expected)));
    }

    #[test]
    fn an_exponential_histograms_parts_are_set(
        scale in any::<i32>(),
        offset in any::<i32>(),
        counts in prop::collection::vec(any::<u64>(), 0..40),
        zero in any::<u64>(),
    ) {
        let before = ExponentialHistogramDataPoint {
            scale: 1,
            zero_count: 4,
            positive: Some(Buckets { offset: 1, bucket_counts: vec![7] }),
            min: Some(1.0),
            ..Default::default()
        };
        let after = edited(exponential(before), |point| {
            let buckets = BucketCounts { offset, counts: counts.clone() };
            point.set_scale(scale);
            point.set_zero_count(zero);
            point.set_zero_threshold(0.25);
            point.set_positive(&buckets);
            point.set_negative(&buckets);
            point.set_min(None);
            point.set_max(Some(2.0));
        });
        let buckets = Some(Buckets { offset, bucket_counts: counts });
        let expected = ExponentialHistogramDataPoint {
            scale,
            zero_count: zero,
            zero_threshold: 0.25,
            positive: buckets.clone(),
            negative: buckets,
            max: Some(2.0),
            ..Default::default()
        };
        prop_assert_eq!(after, request(exponential(expected)));
    }
}

#[test]
fn a_summarys_quantiles_are_set_and_examples_of_numbers_are_kept_or_not() {
    let summary = |quantile_values| {
        let point = SummaryDataPoint { quantile_values, ..SummaryDataPoint::default() };
        Data::Summary(Summary { data_points: vec![point] })
    };
    let at = |quantile, value| ValueAtQuantile { quantile, value };
    let after = edited(summary(vec![at(0.1, 1.0)]), |point| {
        let values = [(0.0, 0.0), (0.5, 2.0)];
        point.set_quantile_values(values.map(|(quantile, value)| Quantile { quantile, value }));
    });
    assert_eq!(after, request(summary(vec![at(0.0, 0.0), at(0.5, 2.0)])));

    let gauge = |exemplars| {
        let point = NumberDataPoint { exemplars, ..NumberDataPoint::default() };
        Data::Gauge(Gauge { data_points: vec![point] })
    };
    let after = edited(gauge(vec![exemplar(1)]), |point| point.retain_exemplars(|_| false));
    assert_eq!(after, request(gauge(Vec::new())));
}

#[test]
fn a_field_that_was_not_packed_is_replaced_as_a_whole() {
    // A histogram point with its bucket counts one by one, around its count.
    let mut point = Vec::new();
    for (tag, value) in [(0x31, 1u64), (0x21, 9), (0x31, 2)] {
        point.push(tag);
        point.extend_from_slice(&value.to_le_bytes());
    }
    let mut body = point;
    // The point is field 1 of field 9 of a metric, which is field 2 of its scope, and so on outwards.
    for tag in [0x0a, 0x4a, 0x12, 0x12, 0x0a] {
        let mut outer = vec![tag, u8::try_from(body.len()).unwrap()];
        outer.append(&mut body);
        body = outer;
    }
    let mut metrics = Metrics::from_otlp(body.into()).unwrap();
    metrics.retain_points(|_, _, _, point| {
        point.set_bucket_counts([4, 5]);
        true
    });
    let after = ExportMetricsServiceRequest::decode(metrics.to_otlp().into_bytes()).unwrap();
    let Some(Data::Histogram(histogram)) =
        &after.resource_metrics[0].scope_metrics[0].metrics[0].data
    else {
        panic!("{after:?}")
    };
    assert_eq!(histogram.data_points[0].bucket_counts, [4, 5]);
    assert_eq!(histogram.data_points[0].count, 9);
}

#[test]
fn links_are_changed_and_removed() {
    let link = |id: u8, state: &str| Link {
        trace_id: vec![id; 16],
        span_id: vec![id; 8],
        trace_state: state.to_owned(),
        ..Link::default()
    };
    let request = |links| {
        let span = Span { links, ..Span::default() };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
        }
    };
    let before = request(vec![link(1, "a"), link(2, "b")]).encode_to_vec();
    let mut traces = Traces::from_otlp(before.into()).unwrap();
    traces.retain_spans(|_, _, span| {
        span.retain_links(|link| {
            let stays = link.view().trace_state() == "b";
            link.set_trace_id(TraceId::new([3; 16]));
            link.set_span_id(SpanId::new([3; 8]));
            link.set_trace_state("c");
            stays
        });
        true
    });
    let after = ExportTraceServiceRequest::decode(traces.to_otlp().into_bytes()).unwrap();
    assert_eq!(after, request(vec![link(3, "c")]));
}
