//! Writing metrics from scratch.

use crate::signal::Signal;
use crate::telemetry::Metrics;
use crate::tree::Tree;
use crate::validate::Counts;
use crate::value::{ValueRef, write_attribute};
use crate::view::{Number, Temporality};
use crate::wire;

/// Writes metrics, in the order in which they are given.
///
/// Each writer borrows the one above it: beginning another metric, scope or resource ends the one before. What has no data
/// points in it is left out.
///
/// ```
/// use pdata::{MetricsBuilder, Temporality};
///
/// let mut builder = MetricsBuilder::new();
/// let mut resource = builder.resource("");
/// resource.attribute("host.name", "a");
/// let mut scope = resource.scope("scraper/cpu", "0.1.0");
/// let mut metric = scope.sum("system.cpu.time", "Seconds.", "s", Temporality::Cumulative, true);
/// metric.point(1, 2, 0.5).attribute("cpu", "cpu0");
/// assert_eq!(builder.build().item_count(), 1);
/// ```
#[derive(Debug, Default)]
pub struct MetricsBuilder {
    out: Vec<u8>,
    /// The messages that are not finished, from the resource group inwards.
    open: Vec<Open>,
    counts: Counts,
}

#[derive(Debug)]
struct Open {
    /// Where its field begins, to leave it out if it stays empty.
    field: usize,
    /// Where its body begins.
    body: usize,
    /// How many items there were before it.
    items: usize,
    /// The resource or scope itself, to be put before the children.
    head: Option<Vec<u8>>,
    schema_url: String,
}

/// How many messages are open while something is written.
const RESOURCE: usize = 1;
const SCOPE: usize = 2;
const METRIC: usize = 3;
const DATA: usize = 4;

impl MetricsBuilder {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a resource. An empty schema URL means none.
    pub fn resource(&mut self, schema_url: &str) -> ResourceBuilder<'_> {
        self.close_to(0);
        self.begin(1);
        self.describe(Vec::new(), schema_url);
        ResourceBuilder { builder: self }
    }

    /// Everything that was written.
    pub fn build(mut self) -> Metrics {
        self.close_to(0);
        Metrics { tree: Tree::encoded(Signal::Metrics, self.out.into(), self.counts), replaced: 0 }
    }

    fn begin(&mut self, field: u32) {
        let start = self.out.len();
        let body = wire::open(&mut self.out, field);
        self.open.push(Open {
            field: start,
            body,
            items: self.counts.items,
            head: None,
            schema_url: String::new(),
        });
    }

    /// Sets what stands around the children of the message that was begun last.
    fn describe(&mut self, head: Vec<u8>, schema_url: &str) {
        if let Some(open) = self.open.last_mut() {
            open.head = Some(head);
            open.schema_url = schema_url.into();
        }
    }

    /// Ends messages until no more than `depth` are open.
    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            let level = self.open.len();
            let Some(open) = self.open.pop() else { return };
            if self.counts.items == open.items {
                self.out.truncate(open.field);
                continue;
            }
            match level {
                RESOURCE => self.counts.resources += 1,
                METRIC => self.counts.metrics += 1,
                _ => {}
            }
            if let Some(head) = open.head {
                let mut field = Vec::with_capacity(head.len() + 6);
                wire::put_bytes_field(&mut field, 1, &head);
                self.out.splice(open.body..open.body, field);
            }
            if !open.schema_url.is_empty() {
                wire::put_bytes_field(&mut self.out, 3, open.schema_url.as_bytes());
            }
            wire::close(&mut self.out, open.body);
        }
    }

    /// The resource or scope at this depth, which is open.
    fn head(&mut self, depth: usize) -> Option<&mut Vec<u8>> {
        self.open.get_mut(depth - 1)?.head.as_mut()
    }

    /// Begins a point of any kind: all have the same fields for their times.
    fn point(&mut self, start_time_unix_nano: u64, time_unix_nano: u64) -> &mut Vec<u8> {
        self.close_to(DATA);
        self.begin(1);
        self.counts.items += 1;
        if start_time_unix_nano != 0 {
            wire::put_fixed64_field(&mut self.out, 2, start_time_unix_nano);
        }
        wire::put_fixed64_field(&mut self.out, 3, time_unix_nano);
        &mut self.out
    }

    fn metric(&mut self, name: &str, description: &str, unit: &str, kind: u32) {
        self.close_to(SCOPE);
        self.begin(2);
        for (field, text) in [(1, name), (2, description), (3, unit)] {
            if !text.is_empty() {
                wire::put_bytes_field(&mut self.out, field, text.as_bytes());
            }
        }
        self.begin(kind);
    }
}

/// Writes a resource and its scopes.
#[derive(Debug)]
pub struct ResourceBuilder<'a> {
    builder: &'a mut MetricsBuilder,
}

impl ResourceBuilder<'_> {
    /// Adds an attribute of the resource. Keys are not checked for being there already.
    pub fn attribute<'v>(&mut self, key: &str, value: impl Into<ValueRef<'v>>) -> &mut Self {
        if let Some(head) = self.builder.head(RESOURCE) {
            write_attribute(head, 1, key, value.into());
        }
        self
    }

    /// Begins a scope.
    pub fn scope(&mut self, name: &str, version: &str) -> ScopeBuilder<'_> {
        self.builder.close_to(RESOURCE);
        self.builder.begin(2);
        let mut head = Vec::new();
        for (field, text) in [(1, name), (2, version)] {
            if !text.is_empty() {
                wire::put_bytes_field(&mut head, field, text.as_bytes());
            }
        }
        self.builder.describe(head, "");
        ScopeBuilder { builder: self.builder }
    }
}

/// Writes a scope and its metrics.
#[derive(Debug)]
pub struct ScopeBuilder<'a> {
    builder: &'a mut MetricsBuilder,
}

impl ScopeBuilder<'_> {
    /// Sets the schema URL of the metrics.
    pub fn schema_url(&mut self, schema_url: &str) -> &mut Self {
        if let Some(open) = self.builder.open.get_mut(SCOPE - 1) {
            open.schema_url = schema_url.into();
        }
        self
    }

    /// Adds an attribute of the scope. Keys are not checked for being there already.
    pub fn attribute<'v>(&mut self, key: &str, value: impl Into<ValueRef<'v>>) -> &mut Self {
        if let Some(head) = self.builder.head(SCOPE) {
            write_attribute(head, 3, key, value.into());
        }
        self
    }

    /// Begins a gauge.
    pub fn gauge(&mut self, name: &str, description: &str, unit: &str) -> MetricBuilder<'_> {
        self.builder.metric(name, description, unit, 5);
        MetricBuilder { builder: self.builder }
    }

    /// Begins a sum.
    pub fn sum(
        &mut self,
        name: &str,
        description: &str,
        unit: &str,
        temporality: Temporality,
        monotonic: bool,
    ) -> MetricBuilder<'_> {
        self.builder.metric(name, description, unit, 7);
        let out = &mut self.builder.out;
        wire::put_varint_field(out, 2, i64::from(i32::from(temporality)).cast_unsigned());
        if monotonic {
            wire::put_varint_field(out, 3, 1);
        }
        MetricBuilder { builder: self.builder }
    }

    /// Begins a histogram with explicit bounds.
    pub fn histogram(
        &mut self,
        name: &str,
        description: &str,
        unit: &str,
        temporality: Temporality,
    ) -> HistogramBuilder<'_> {
        self.builder.metric(name, description, unit, 9);
        let out = &mut self.builder.out;
        wire::put_varint_field(out, 2, i64::from(i32::from(temporality)).cast_unsigned());
        HistogramBuilder { builder: self.builder }
    }
}

/// Writes the points of a histogram.
#[derive(Debug)]
pub struct HistogramBuilder<'a> {
    builder: &'a mut MetricsBuilder,
}

impl HistogramBuilder<'_> {
    /// Adds a point with times in nanoseconds since 1970; a start time of 0 means none. `counts` has one more than `bounds`,
    /// and how many values there are is their sum.
    pub fn point(
        &mut self,
        start_time_unix_nano: u64,
        time_unix_nano: u64,
        sum: f64,
        bounds: &[f64],
        counts: &[u64],
    ) -> HistogramPointBuilder<'_> {
        let out = self.builder.point(start_time_unix_nano, time_unix_nano);
        wire::put_fixed64_field(out, 4, counts.iter().sum());
        wire::put_fixed64_field(out, 5, sum.to_bits());
        let packed: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
        wire::put_bytes_field(out, 6, &packed);
        let packed: Vec<u8> = bounds.iter().flat_map(|bound| bound.to_le_bytes()).collect();
        wire::put_bytes_field(out, 7, &packed);
        HistogramPointBuilder { builder: self.builder }
    }
}

/// Writes a point of a histogram.
#[derive(Debug)]
pub struct HistogramPointBuilder<'a> {
    builder: &'a mut MetricsBuilder,
}

impl HistogramPointBuilder<'_> {
    /// Adds an attribute of the point. Keys are not checked for being there already.
    pub fn attribute<'v>(&mut self, key: &str, value: impl Into<ValueRef<'v>>) -> &mut Self {
        write_attribute(&mut self.builder.out, 9, key, value.into());
        self
    }
}

/// Writes the points of a metric.
#[derive(Debug)]
pub struct MetricBuilder<'a> {
    builder: &'a mut MetricsBuilder,
}

impl MetricBuilder<'_> {
    /// Adds a point with times in nanoseconds since 1970. A start time of 0 means none.
    pub fn point(
        &mut self,
        start_time_unix_nano: u64,
        time_unix_nano: u64,
        value: impl Into<Number>,
    ) -> PointBuilder<'_> {
        let out = self.builder.point(start_time_unix_nano, time_unix_nano);
        match value.into() {
            Number::Double(value) => wire::put_fixed64_field(out, 4, value.to_bits()),
            Number::Int(value) => wire::put_fixed64_field(out, 6, value.cast_unsigned()),
        }
        PointBuilder { builder: self.builder }
    }
}

/// Writes a point.
#[derive(Debug)]
pub struct PointBuilder<'a> {
    builder: &'a mut MetricsBuilder,
}

impl PointBuilder<'_> {
    /// Adds an attribute of the point. Keys are not checked for being there already.
    pub fn attribute<'v>(&mut self, key: &str, value: impl Into<ValueRef<'v>>) -> &mut Self {
        write_attribute(&mut self.builder.out, 7, key, value.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;
    use crate::view::Points;

    #[test]
    fn what_is_written_is_valid_and_reads_back_in_order() {
        let mut builder = MetricsBuilder::new();
        let mut resource = builder.resource("https://schema");
        let mut scope = resource.scope("scraper", "1");
        scope.schema_url("https://scope").attribute("a", true);
        let mut metric = scope.sum("time", "Time.", "s", Temporality::Cumulative, true);
        metric.point(1, 2, 0.5).attribute("cpu", "cpu0").attribute("n", 7);
        metric.point(1, 2, 1.5);
        scope.gauge("load", "", "1").point(0, 2, 3);
        resource.attribute("late", "l".repeat(200).as_str());
        builder.resource("").scope("", "").gauge("g", "", "").point(0, 1, 1.0);
        let metrics = builder.build();

        let read = Metrics::from_otlp(metrics.to_otlp().into_bytes()).unwrap();
        assert_eq!((read.item_count(), read.metric_count(), read.resource_count()), (4, 3, 2));
        assert_eq!(read.tree.counts(), metrics.tree.counts());
        let group = read.resources().next().unwrap();
        assert_eq!(group.schema_url(), "https://schema");
        assert_eq!(group.attributes().get("late").unwrap().as_str().unwrap().len(), 200);
        let scope = group.scopes().next().unwrap();
        assert_eq!((scope.scope().name(), scope.schema_url()), ("scraper", "https://scope"));
        assert_eq!(scope.scope().attributes().get("a"), Some(Value::Bool(true).as_ref()));
        let metric = scope.metrics().next().unwrap();
        assert!(metric.is_monotonic());
        assert_eq!(metric.temporality(), Temporality::Cumulative);
        let Points::Sum(points) = metric.points() else { panic!("{metric:?}") };
        let points: Vec<_> = points.collect();
        assert_eq!(points[0].value(), Some(Number::Double(0.5)));
        assert_eq!(points[0].attributes().get("n").and_then(ValueRef::as_int), Some(7));
        assert_eq!(points[1].start_time_unix_nano(), 1);
        assert_eq!(scope.metrics().nth(1).unwrap().name(), "load");
    }

    #[test]
    fn a_histogram_reads_back() {
        let mut builder = MetricsBuilder::new();
        let mut resource = builder.resource("");
        let mut scope = resource.scope("", "");
        let mut metric = scope.histogram("size", "Sizes.", "By", Temporality::Delta);
        metric.point(1, 2, 40.5, &[10.0, 20.0], &[1, 0, 2]).attribute("processor", "batch");
        let read = Metrics::from_otlp(builder.build().to_otlp().into_bytes()).unwrap();
        let group = read.resources().next().unwrap();
        let scope = group.scopes().next().unwrap();
        let metric = scope.metrics().next().unwrap();
        assert_eq!((metric.unit(), metric.temporality()), ("By", Temporality::Delta));
        let Points::Histogram(mut points) = metric.points() else { panic!("{metric:?}") };
        let point = points.next().unwrap();
        assert_eq!((point.count(), point.sum()), (3, Some(40.5)));
        assert_eq!(point.bucket_counts().collect::<Vec<_>>(), [1, 0, 2]);
        assert_eq!(point.explicit_bounds().collect::<Vec<_>>(), [10.0, 20.0]);
        let attribute = point.attributes().get("processor");
        assert_eq!(attribute.and_then(|value| value.as_str()), Some("batch"));
    }

    #[test]
    fn what_has_no_points_is_left_out() {
        let mut builder = MetricsBuilder::new();
        builder.resource("a").attribute("a", 1);
        builder.resource("b").scope("b", "");
        let mut resource = builder.resource("c");
        resource.scope("c", "").gauge("empty", "", "");
        resource.scope("d", "").gauge("full", "", "").point(0, 1, 1);
        let metrics = builder.build();
        assert_eq!((metrics.resource_count(), metrics.metric_count()), (1, 1));
        let group = metrics.resources().next().unwrap();
        assert_eq!(group.schema_url(), "c");
        let names: Vec<_> = group.scopes().map(|scope| scope.scope().name().to_owned()).collect();
        assert_eq!(names, ["d"]);
        assert!(MetricsBuilder::new().build().to_otlp().is_empty());
    }
}
