//! What a scrape yields: points by metric, and what went wrong.

use std::fmt::Display;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use pdata::{MetricsBuilder, Number, Temporality};

use crate::metric::{Kind, Metric, MetricsConfig, Table};

/// The points and errors of one scrape. Its memory is used again for the next.
#[derive(Debug)]
pub struct Record {
    table: &'static Table,
    /// The points of each metric of the table. `None` for one that isn't wanted.
    points: Vec<Option<Vec<Point>>>,
    attributes: Vec<Attribute>,
    /// The values of all attributes, one after the other.
    text: String,
    start: u64,
    now: u64,
    errors: Vec<String>,
    failed: usize,
}

#[derive(Debug)]
struct Point {
    value: Number,
    time: u64,
    attributes: Range<usize>,
}

#[derive(Debug)]
struct Attribute {
    key: &'static str,
    value: Range<usize>,
}

impl Record {
    /// An empty record of the metrics that `metrics` leaves enabled.
    pub(crate) fn new(table: &'static Table, metrics: &MetricsConfig) -> Self {
        debug_assert!(table.metrics.is_sorted_by_key(|metric| metric.name));
        let points = table.metrics.iter().map(|metric| metric.is_enabled(metrics).then(Vec::new));
        Self {
            table,
            points: points.collect(),
            attributes: Vec::new(),
            text: String::new(),
            start: 0,
            now: 0,
            errors: Vec::new(),
            failed: 0,
        }
    }

    /// Sets the start time of all points from here on.
    pub(crate) fn set_start(&mut self, start: SystemTime) {
        self.start = nanoseconds(start);
    }

    /// Empties the record and stamps it.
    pub(crate) fn begin(&mut self) {
        self.clear();
        self.errors.clear();
        self.failed = 0;
        self.stamp();
    }

    /// Takes the time: points that are added from here on carry it. A scrape begins with its own.
    pub fn stamp(&mut self) {
        self.now = nanoseconds(SystemTime::now());
    }

    /// Whether the metric is wanted. One that isn't need not be measured.
    pub fn wants(&self, metric: &Metric) -> bool {
        self.points[self.place(metric)].is_some()
    }

    /// Adds a point, with its attributes in this order. One of a metric that isn't wanted is dropped.
    pub fn add(
        &mut self,
        metric: &Metric,
        value: impl Into<Number>,
        attributes: &[(&'static str, &str)],
    ) {
        let place = self.place(metric);
        let Some(points) = &mut self.points[place] else { return };
        let first = self.attributes.len();
        for (key, value) in attributes {
            let begin = self.text.len();
            self.text.push_str(value);
            self.attributes.push(Attribute { key, value: begin..self.text.len() });
        }
        let attributes = first..self.attributes.len();
        points.push(Point { value: value.into(), time: self.now, attributes });
    }

    /// Notes that something could not be measured, which costs this many points. What the record has is kept.
    pub fn fail(&mut self, points: usize, error: impl Display) {
        self.failed += points;
        self.errors.push(error.to_string());
    }

    /// As [`fail`](Self::fail), for an error that spoils the whole scrape: every point is dropped.
    pub fn spoil(&mut self, points: usize, error: impl Display) {
        self.clear();
        self.fail(points, error);
    }

    /// What went wrong, in one text.
    pub(crate) fn error(&self) -> Option<String> {
        if self.errors.is_empty() { None } else { Some(self.errors.join("; ")) }
    }

    /// How many points are missing.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// Writes everything as one resource with one scope.
    pub(crate) fn write(&self, builder: &mut MetricsBuilder, version: &str) {
        let mut resource = builder.resource(self.table.schema_url);
        let mut scope = resource.scope(self.table.scope, version);
        for (metric, points) in self.table.metrics.iter().zip(&self.points) {
            let Some(points) = points else { continue };
            let Metric { name, description, unit, kind, .. } = *metric;
            let mut writer = match kind {
                Kind::Gauge => scope.gauge(name, description, unit),
                Kind::Counter => scope.sum(name, description, unit, Temporality::Cumulative, true),
                Kind::UpDownCounter => {
                    scope.sum(name, description, unit, Temporality::Cumulative, false)
                }
            };
            for Point { value, time, attributes } in points {
                let mut point = writer.point(self.start, *time, *value);
                for Attribute { key, value } in &self.attributes[attributes.clone()] {
                    point.attribute(key, &self.text[value.clone()]);
                }
            }
        }
    }

    fn clear(&mut self) {
        self.points.iter_mut().flatten().for_each(Vec::clear);
        self.attributes.clear();
        self.text.clear();
    }

    fn place(&self, metric: &Metric) -> usize {
        self.table.place(metric.name).expect("a scraper records metrics of its own table")
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
