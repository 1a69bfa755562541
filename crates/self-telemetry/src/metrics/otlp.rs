//! What was collected, as OTLP.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use pdata::{Metrics, MetricsBuilder, Number, ScopeBuilder};

use super::histograms::Reading;
use super::source::Collected;

/// Sums that go on count since `start`: what they are observed from outlives the reader.
pub(super) fn metrics(collected: &Collected, start: SystemTime) -> Metrics {
    let mut builder = MetricsBuilder::new();
    let Collected { metrics, histograms } = collected;
    let resource = metrics.resource();
    let mut group = builder.resource(resource.schema_url().unwrap_or_default());
    for (key, value) in resource.iter() {
        match value {
            Value::Bool(value) => group.attribute(key.as_str(), *value),
            Value::I64(value) => group.attribute(key.as_str(), *value),
            Value::F64(value) => group.attribute(key.as_str(), *value),
            other => group.attribute(key.as_str(), &*other.as_str()),
        };
    }
    for scope in metrics.scope_metrics() {
        let (name, version) = (scope.scope().name(), scope.scope().version());
        let mut writer = group.scope(name, version.unwrap_or_default());
        for metric in scope.metrics() {
            match metric.data() {
                AggregatedMetrics::F64(data) => write(&mut writer, metric, data, start),
                AggregatedMetrics::U64(data) => write(&mut writer, metric, data, start),
                AggregatedMetrics::I64(data) => write(&mut writer, metric, data, start),
            }
        }
        write_histograms(&mut writer, histograms);
    }
    builder.build()
}

/// A value of the SDK's as OTLP has it.
trait AsNumber: Copy {
    fn number(self) -> Number;
}

impl AsNumber for f64 {
    fn number(self) -> Number {
        Number::Double(self)
    }
}

impl AsNumber for u64 {
    fn number(self) -> Number {
        Number::Int(i64::try_from(self).unwrap_or(i64::MAX))
    }
}

impl AsNumber for i64 {
    fn number(self) -> Number {
        Number::Int(self)
    }
}

fn write<T>(scope: &mut ScopeBuilder<'_>, metric: &Metric, data: &MetricData<T>, start: SystemTime)
where
    T: AsNumber,
{
    let (name, description, unit) = (metric.name(), metric.description(), metric.unit());
    match data {
        MetricData::Gauge(gauge) => {
            let mut writer = scope.gauge(name, description, unit);
            let time = nanoseconds(gauge.time());
            for point in gauge.data_points() {
                attributes(writer.point(0, time, point.value().number()), point.attributes());
            }
        }
        MetricData::Sum(sum) => {
            let is_delta = sum.temporality() == Temporality::Delta;
            let (temporality, since) = match is_delta {
                true => (pdata::Temporality::Delta, sum.start_time()),
                false => (pdata::Temporality::Cumulative, start),
            };
            let mut writer = scope.sum(name, description, unit, temporality, sum.is_monotonic());
            let (since, time) = (nanoseconds(since), nanoseconds(sum.time()));
            for point in sum.data_points() {
                attributes(writer.point(since, time, point.value().number()), point.attributes());
            }
        }
        // What the SDK observes are counters and gauges.
        MetricData::Histogram(_) | MetricData::ExponentialHistogram(_) => {}
    }
}

fn write_histograms(scope: &mut ScopeBuilder<'_>, reading: &Reading) {
    let temporality = match reading.is_delta {
        true => pdata::Temporality::Delta,
        false => pdata::Temporality::Cumulative,
    };
    let (since, time) = (nanoseconds(reading.since), nanoseconds(reading.time));
    for family in &reading.families {
        let it = family.instrument;
        let bounds: Vec<f64> = it.bounds.iter().map(|bound| it.in_unit(*bound)).collect();
        let mut writer = scope.histogram(it.name, it.description, it.unit, temporality);
        for (attributes, buckets) in &family.points {
            let sum = it.in_unit(buckets.sum);
            let mut point = writer.point(since, time, sum, &bounds, &buckets.counts);
            for (key, value) in attributes {
                point.attribute(key, &**value);
            }
        }
    }
}

fn attributes<'a>(
    mut point: pdata::PointBuilder<'_>,
    attributes: impl Iterator<Item = &'a KeyValue>,
) {
    for KeyValue { key, value, .. } in attributes {
        point.attribute(key.as_str(), &*value.as_str());
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
