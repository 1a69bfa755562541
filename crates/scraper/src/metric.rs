//! Tables of metrics, and the switches that users have for them.

use std::collections::BTreeMap;

use config::{Problems, Section, Validate, suggest};

/// Everything that a scraper can measure.
#[derive(Debug)]
pub struct Table {
    /// The scraper's short name: `cpu`.
    pub scraper: &'static str,
    /// The name of the scope that the metrics are in.
    pub scope: &'static str,
    /// The schema URL of the resource.
    pub schema_url: &'static str,
    /// The metrics, by name in ascending order: the order in which they are sent.
    pub metrics: &'static [Metric],
}

/// One metric that a scraper can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub description: &'static str,
    /// Its unit, in UCUM.
    pub unit: &'static str,
    /// How its points add up.
    pub kind: Kind,
    /// Whether it is made unless the user says otherwise.
    pub enabled: bool,
}

/// How a metric's points add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They don't: each is a measurement of its own.
    Gauge,
    /// A cumulative sum that only grows.
    Counter,
    /// A cumulative sum that goes both ways.
    UpDownCounter,
}

/// The section `metrics` of a scraper: metrics by name.
pub type MetricsConfig = BTreeMap<String, MetricConfig>;

/// What users can say of one metric.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported("aggregation_strategy", "attributes"))]
pub struct MetricConfig {
    /// Whether the metric is made. Each metric has a default of its own.
    pub enabled: Option<bool>,
}

impl Validate for MetricConfig {}

impl Table {
    /// Reports switches for metrics that the scraper doesn't have. To be called when a section with a field `metrics` is
    /// validated.
    pub fn check(&self, metrics: &MetricsConfig, problems: &mut Problems) {
        for name in metrics.keys().filter(|name| self.place(name).is_none()) {
            let field = format!("metrics::{name}");
            let message = format!("unknown metric of scraper `{}`", self.scraper);
            match suggest::nearest(name, self.metrics.iter().map(|metric| metric.name)) {
                Some(near) => {
                    problems.add_with_hint(&field, message, format!("did you mean `{near}`?"));
                }
                None => problems.add(&field, message),
            }
        }
    }

    /// Where a metric stands in the table.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.metrics.iter().position(|metric| metric.name == name)
    }
}

impl Metric {
    /// Whether it is to be made.
    pub(crate) fn is_enabled(&self, metrics: &MetricsConfig) -> bool {
        let wish = metrics.get(self.name).and_then(|config| config.enabled);
        wish.unwrap_or(self.enabled)
    }
}
