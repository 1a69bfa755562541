//! `verbosity: normal`: about one line for each record.

use std::fmt;

use pdata::{
    Attributes, ExponentialHistogramPoint, HistogramPoint, Metric, Points, Scope, SummaryPoint,
    Telemetry,
};

use super::{Page, bound};
use crate::number::{fixed, go, number};
use crate::value::plain;

/// The telemetry with a line for each resource, scope and record.
pub(crate) fn normal(telemetry: &Telemetry) -> String {
    let mut page = Page::default();
    match telemetry {
        Telemetry::Traces(traces) => {
            for (at, group) in traces.resources().enumerate() {
                page.resource("ResourceTraces", at, group.schema_url(), group.attributes());
                for (at, group) in group.scopes().enumerate() {
                    page.scope("ScopeTraces", at, group.schema_url(), group.scope());
                    for span in group.spans() {
                        let (name, attributes) = (span.name(), Spaced(span.attributes()));
                        let (trace, span) = (span.trace_id(), span.span_id());
                        page.line(format_args!("{name} {trace} {span}{attributes}"));
                    }
                }
            }
        }
        Telemetry::Metrics(metrics) => {
            for (at, group) in metrics.resources().enumerate() {
                page.resource("ResourceMetrics", at, group.schema_url(), group.attributes());
                for (at, group) in group.scopes().enumerate() {
                    page.scope("ScopeMetrics", at, group.schema_url(), group.scope());
                    for metric in group.metrics() {
                        page.metric(metric);
                    }
                }
            }
        }
        Telemetry::Logs(logs) => {
            for (at, group) in logs.resources().enumerate() {
                page.resource("ResourceLog", at, group.schema_url(), group.attributes());
                for (at, group) in group.scopes().enumerate() {
                    page.scope("ScopeLog", at, group.schema_url(), group.scope());
                    for record in group.log_records() {
                        // The body is followed by a space even where nothing follows.
                        let attributes = Joined(record.attributes(), " ");
                        page.line(format_args!("{} {attributes}", plain(record.body())));
                    }
                }
            }
        }
    }
    page.0
}

impl Page {
    fn resource(&mut self, title: &str, at: usize, url: &str, attributes: Attributes<'_>) {
        self.line(format_args!("{title} #{at}{}{}", Url(url), Spaced(attributes)));
    }

    fn scope(&mut self, title: &str, at: usize, url: &str, scope: Scope<'_>) {
        let mut name = scope.name().to_owned();
        if !scope.version().is_empty() {
            name = format!("{name}@{}", scope.version());
        }
        if !name.is_empty() {
            name.insert(0, ' ');
        }
        let attributes = Spaced(scope.attributes());
        self.line(format_args!("{title} #{at}{name}{}{attributes}", Url(url)));
    }

    fn metric(&mut self, metric: Metric<'_>) {
        let name = metric.name();
        match metric.points() {
            Points::Empty => {}
            Points::Gauge(points) | Points::Sum(points) => {
                for point in points {
                    self.point(
                        name,
                        point.attributes(),
                        &point.value().map_or_else(String::new, number),
                    );
                }
            }
            Points::Histogram(points) => {
                for point in points {
                    self.point(name, point.attributes(), &histogram(point));
                }
            }
            Points::ExponentialHistogram(points) => {
                for point in points {
                    self.point(name, point.attributes(), &exponential(point));
                }
            }
            Points::Summary(points) => {
                for point in points {
                    self.point(name, point.attributes(), &summary(point));
                }
            }
        }
    }

    fn point(&mut self, metric: &str, attributes: Attributes<'_>, value: &str) {
        self.line(format_args!("{metric}{{{}}} {value}", Joined(attributes, ",")));
    }
}

fn histogram(point: HistogramPoint<'_>) -> String {
    let mut text = totals(point.count(), point.sum(), point.min(), point.max());
    let mut bounds = point.explicit_bounds();
    for count in point.bucket_counts() {
        text += &match bounds.next() {
            Some(bound) => format!(" le{}={count}", go(bound)),
            None => format!(" {count}"),
        };
    }
    text
}

fn exponential(point: ExponentialHistogramPoint<'_>) -> String {
    let mut text = totals(point.count(), point.sum(), point.min(), point.max());
    let negative: Vec<_> =
        indexed(point.negative().offset(), point.negative().bucket_counts()).collect();
    for (index, count) in negative.into_iter().rev() {
        text += &format!(" le{}={count}", go(-bound(point.scale(), index)));
    }
    if point.zero_count() > 0 {
        text += &format!(" zero={}", point.zero_count());
    }
    for (index, count) in indexed(point.positive().offset(), point.positive().bucket_counts()) {
        text += &format!(" le{}={count}", go(bound(point.scale(), index + 1)));
    }
    text
}

/// Buckets with their indices.
fn indexed(offset: i32, counts: impl Iterator<Item = u64>) -> impl Iterator<Item = (i64, u64)> {
    (i64::from(offset)..).zip(counts)
}

fn summary(point: SummaryPoint<'_>) -> String {
    let mut text = format!("count={} sum={}", point.count(), fixed(point.sum()));
    for quantile in point.quantile_values() {
        text += &format!(" q{}={}", go(quantile.quantile), go(quantile.value));
    }
    text
}

fn totals(count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) -> String {
    let mut text = format!("count={count}");
    for (name, value) in [("sum", sum), ("min", min), ("max", max)] {
        if let Some(value) = value {
            text += &format!(" {name}={}", go(value));
        }
    }
    text
}

/// ` [url]`, or nothing.
struct Url<'a>(&'a str);

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " [{}]", self.0) }
    }
}

/// Attributes with a space before each.
struct Spaced<'a>(Attributes<'a>);

impl fmt::Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(key, value)| write!(f, " {key}={}", plain(value)))
    }
}

/// Attributes with something between them.
struct Joined<'a>(Attributes<'a>, &'static str);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.0.iter().enumerate() {
            let separator = if at > 0 { self.1 } else { "" };
            write!(f, "{separator}{key}={}", plain(value))?;
        }
        Ok(())
    }
}
