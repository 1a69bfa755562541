//! Data points in detail.

use pdata::{
    Attributes, Buckets, Exemplar, ExponentialHistogramPoint, HistogramPoint, Number, NumberPoint,
    Points, SummaryPoint,
};

use super::{Page, bound};
use crate::number::{fixed, timestamp};

impl Page {
    /// All points of a metric.
    pub(super) fn points(&mut self, points: Points<'_>) {
        match points {
            Points::Empty => {}
            Points::Gauge(points) | Points::Sum(points) => {
                points.enumerate().for_each(|(at, point)| self.number(at, point));
            }
            Points::Histogram(points) => {
                points.enumerate().for_each(|(at, point)| self.histogram(at, point));
            }
            Points::ExponentialHistogram(points) => {
                points.enumerate().for_each(|(at, point)| self.exponential(at, point));
            }
            Points::Summary(points) => {
                points.enumerate().for_each(|(at, point)| self.summary(at, point));
            }
        }
    }

    fn number(&mut self, at: usize, point: NumberPoint<'_>) {
        let times = (point.start_time_unix_nano(), point.time_unix_nano());
        self.begin("NumberDataPoints", at, point.attributes(), times);
        self.value("", point.value());
        self.exemplars(point.exemplars());
    }

    fn histogram(&mut self, at: usize, point: HistogramPoint<'_>) {
        let times = (point.start_time_unix_nano(), point.time_unix_nano());
        self.begin("HistogramDataPoints", at, point.attributes(), times);
        self.totals(point.count(), [point.sum(), point.min(), point.max()]);
        for (at, bound) in point.explicit_bounds().enumerate() {
            self.line(format_args!("ExplicitBounds #{at}: {}", fixed(bound)));
        }
        for (at, count) in point.bucket_counts().enumerate() {
            self.line(format_args!("Buckets #{at}, Count: {count}"));
        }
        self.exemplars(point.exemplars());
    }

    fn exponential(&mut self, at: usize, point: ExponentialHistogramPoint<'_>) {
        let times = (point.start_time_unix_nano(), point.time_unix_nano());
        self.begin("ExponentialHistogramDataPoints", at, point.attributes(), times);
        self.totals(point.count(), [point.sum(), point.min(), point.max()]);
        for (lower, upper, count) in buckets(point.scale(), point.negative()).into_iter().rev() {
            let (from, to) = (fixed(-upper), fixed(-lower));
            self.line(format_args!("Bucket [{from}, {to}), Count: {count}"));
        }
        if point.zero_count() != 0 {
            self.line(format_args!("Bucket [0, 0], Count: {}", point.zero_count()));
        }
        for (lower, upper, count) in buckets(point.scale(), point.positive()) {
            let (from, to) = (fixed(lower), fixed(upper));
            self.line(format_args!("Bucket ({from}, {to}], Count: {count}"));
        }
        self.exemplars(point.exemplars());
    }

    fn summary(&mut self, at: usize, point: SummaryPoint<'_>) {
        let times = (point.start_time_unix_nano(), point.time_unix_nano());
        self.begin("SummaryDataPoints", at, point.attributes(), times);
        self.line(format_args!("Count: {}", point.count()));
        self.line(format_args!("Sum: {}", fixed(point.sum())));
        for (at, quantile) in point.quantile_values().enumerate() {
            let (share, value) = (fixed(quantile.quantile), fixed(quantile.value));
            self.line(format_args!("QuantileValue #{at}: Quantile {share}, Value {value}"));
        }
    }

    /// What all kinds of points begin with.
    fn begin(&mut self, title: &str, at: usize, attributes: Attributes<'_>, times: (u64, u64)) {
        self.line(format_args!("{title} #{at}"));
        self.attributes("", "Data point attributes", attributes);
        self.line(format_args!("StartTimestamp: {}", timestamp(times.0)));
        self.line(format_args!("Timestamp: {}", timestamp(times.1)));
    }

    /// What both kinds of histograms have: count, sum, least and largest value.
    fn totals(&mut self, count: u64, totals: [Option<f64>; 3]) {
        self.line(format_args!("Count: {count}"));
        for (name, total) in ["Sum", "Min", "Max"].into_iter().zip(totals) {
            if let Some(total) = total {
                self.line(format_args!("{name}: {}", fixed(total)));
            }
        }
    }

    fn value(&mut self, indent: &str, value: Option<Number>) {
        match value {
            Some(Number::Int(value)) => self.line(format_args!("{indent}Value: {value}")),
            Some(Number::Double(value)) => {
                self.line(format_args!("{indent}Value: {}", fixed(value)))
            }
            None => {}
        }
    }

    fn exemplars<'a>(&mut self, exemplars: impl Iterator<Item = Exemplar<'a>>) {
        for (at, exemplar) in exemplars.enumerate() {
            if at == 0 {
                self.line(format_args!("Exemplars:"));
            }
            self.line(format_args!("Exemplar #{at}"));
            self.line(format_args!("     -> Trace ID: {}", exemplar.trace_id()));
            self.line(format_args!("     -> Span ID: {}", exemplar.span_id()));
            self.line(format_args!("     -> Timestamp: {}", timestamp(exemplar.time_unix_nano())));
            self.value("     -> ", exemplar.value());
            self.attributes("     ", "-> FilteredAttributes", exemplar.filtered_attributes());
        }
    }
}

/// The buckets of one side, with their bounds without sign, from zero outwards.
fn buckets(scale: i32, buckets: Buckets<'_>) -> Vec<(f64, f64, u64)> {
    let indices = i64::from(buckets.offset())..;
    let bounds = |index| (bound(scale, index), bound(scale, index + 1));
    let with_bounds = |(index, count)| {
        let (lower, upper) = bounds(index);
        (lower, upper, count)
    };
    indices.zip(buckets.bucket_counts()).map(with_bounds).collect()
}
