//! What was collected, as OTLP.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};
use pdata::{Metrics, MetricsBuilder, Number, ScopeBuilder};

/// Sums that go on count since `start`: what they are observed from outlives the reader.
pub(super) fn metrics(collected: &ResourceMetrics, start: SystemTime) -> Metrics {
    let mut builder = MetricsBuilder::new();
    let resource = collected.resource();
    let mut group = builder.resource(resource.schema_url().unwrap_or_default());
    for (key, value) in resource.iter() {
        match value {
            Value::Bool(value) => group.attribute(key.as_str(), *value),
            Value::I64(value) => group.attribute(key.as_str(), *value),
            Value::F64(value) => group.attribute(key.as_str(), *value),
            other => group.attribute(key.as_str(), &*other.as_str()),
        };
    }
    for scope in collected.scope_metrics() {
        let (name, version) = (scope.scope().name(), scope.scope().version());
        let mut writer = group.scope(name, version.unwrap_or_default());
        for metric in scope.metrics() {
            match metric.data() {
                AggregatedMetrics::F64(data) => write(&mut writer, metric, data, start),
                AggregatedMetrics::U64(data) => write(&mut writer, metric, data, start),
                AggregatedMetrics::I64(data) => write(&mut writer, metric, data, start),
            }
        }
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
        // There are none: everything is observed from counters and gauges.
        MetricData::Histogram(_) | MetricData::ExponentialHistogram(_) => {}
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
