//! The text format that Prometheus reads, version 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. How OpenTelemetry's names become Prometheus's:
//! <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.

use std::fmt::Write;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ScopeMetrics};

use super::histograms;
use super::source::Collected;
use crate::config::{Prometheus, ResourceLabels};

/// Writes everything.
pub(super) fn text(collected: &Collected, config: &Prometheus) -> String {
    let Collected { metrics, histograms } = collected;
    let mut constant =
        constant_labels(metrics.resource(), config.with_resource_constant_labels.as_ref());
    let mut families: Vec<Family> =
        histograms.families.iter().map(|it| Family::of_histogram(it, config)).collect();
    for scope in metrics.scope_metrics() {
        if !config.without_scope_info {
            constant.extend(scope_labels(scope));
        }
        families.extend(scope.metrics().map(|it| Family::of(it, config)));
    }
    families.sort_by(|one, other| one.name.cmp(&other.name));
    let mut text = String::new();
    for family in families {
        family.write(&mut text, &constant);
    }
    target_info(&mut text, metrics.resource());
    text
}

type Labels = Vec<(String, String)>;

/// A metric in Prometheus's form.
struct Family {
    name: String,
    description: String,
    /// Prometheus's word for the kind of metric.
    kind: &'static str,
    samples: Vec<Sample>,
}

struct Sample {
    /// What stands behind the family's name.
    suffix: &'static str,
    labels: Labels,
    /// The largest value of the bucket, which is the last label.
    bound: Option<String>,
    value: String,
}

impl Family {
    fn of(metric: &Metric, config: &Prometheus) -> Self {
        let (kind, mut samples) = match metric.data() {
            AggregatedMetrics::F64(data) => samples(data, |value| number(*value)),
            AggregatedMetrics::U64(data) => samples(data, ToString::to_string),
            AggregatedMetrics::I64(data) => samples(data, ToString::to_string),
        };
        samples.sort_by(|one, other| one.labels.cmp(&other.labels));
        let name = name(metric.name(), metric.unit(), kind == "counter", config);
        Self { name, description: metric.description().to_owned(), kind, samples }
    }

    fn of_histogram(family: &histograms::Family, config: &Prometheus) -> Self {
        let it = family.instrument;
        let mut samples = Vec::new();
        for (attributes, buckets) in &family.points {
            let labels = attributes.iter().map(|(key, value)| (label(key), value.to_string()));
            let mut labels: Labels = labels.collect();
            labels.sort();
            let mut add = |suffix, bound, value| {
                samples.push(Sample { suffix, labels: labels.clone(), bound, value });
            };
            let bounds = it.bounds.iter().map(|bound| number(it.in_unit(*bound)));
            let mut below = 0;
            for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&buckets.counts) {
                below += count;
                add("_bucket", Some(bound), below.to_string());
            }
            add("_sum", None, number(it.in_unit(buckets.sum)));
            add("_count", None, below.to_string());
        }
        let name = name(it.name, it.unit, false, config);
        Self { name, description: it.description.to_owned(), kind: "histogram", samples }
    }

    fn write(self, text: &mut String, constant: &Labels) {
        if self.samples.is_empty() {
            return;
        }
        head(text, &self.name, &self.description, self.kind);
        for Sample { suffix, mut labels, bound, value } in self.samples {
            labels.extend(constant.iter().cloned());
            labels.extend(bound.map(|bound| ("le".to_owned(), bound)));
            sample(text, &format!("{}{suffix}", self.name), &labels, &value);
        }
    }
}

/// Prometheus's word for the kind of metric, and its points. Histograms don't come from the SDK.
fn samples<T>(data: &MetricData<T>, shown: impl Fn(&T) -> String) -> (&'static str, Vec<Sample>)
where
    T: Copy,
{
    let sample = |attributes: Labels, value: T| {
        let value = shown(&value);
        Sample { suffix: "", labels: attributes, bound: None, value }
    };
    match data {
        MetricData::Gauge(gauge) => {
            let points = gauge.data_points();
            let samples = points.map(|it| sample(labels(it.attributes()), it.value()));
            ("gauge", samples.collect())
        }
        MetricData::Sum(sum) => {
            let points = sum.data_points();
            let samples = points.map(|it| sample(labels(it.attributes()), it.value()));
            (if sum.is_monotonic() { "counter" } else { "gauge" }, samples.collect())
        }
        MetricData::Histogram(_) | MetricData::ExponentialHistogram(_) => ("untyped", Vec::new()),
    }
}

fn number(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}

fn head(text: &mut String, name: &str, description: &str, kind: &str) {
    let description = description.replace('\\', "\\\\").replace('\n', "\\n");
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "# HELP {name} {description}\n# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, labels: &Labels, value: &str) {
    text.push_str(name);
    for (place, (label, value)) in labels.iter().enumerate() {
        text.push(if place == 0 { '{' } else { ',' });
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _infallible = write!(text, "{label}=\"{value}\"");
    }
    if !labels.is_empty() {
        text.push('}');
    }
    let _infallible = writeln!(text, " {value}");
}

/// What the series have in common, in a series of its own.
fn target_info(text: &mut String, resource: &Resource) {
    let mut labels: Labels =
        resource.iter().map(|(key, value)| (label(key.as_str()), value.to_string())).collect();
    labels.sort();
    if !labels.is_empty() {
        head(text, "target_info", "Target metadata", "gauge");
        sample(text, "target_info", &labels, "1");
    }
}

fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Labels {
    let mut labels: Labels =
        attributes.map(|it| (label(it.key.as_str()), it.value.to_string())).collect();
    labels.sort();
    labels
}

fn scope_labels(scope: &ScopeMetrics) -> Labels {
    let scope = scope.scope();
    let texts = [
        ("otel_scope_name", scope.name()),
        ("otel_scope_schema_url", scope.schema_url().unwrap_or_default()),
        ("otel_scope_version", scope.version().unwrap_or_default()),
    ];
    texts.into_iter().map(|(label, text)| (label.to_owned(), text.to_owned())).collect()
}

fn constant_labels(resource: &Resource, wanted: Option<&ResourceLabels>) -> Labels {
    let Some(ResourceLabels { included, excluded }) = wanted else { return Labels::new() };
    let any = |patterns: &[String], key: &str| patterns.iter().any(|it| matches(it, key));
    let chosen = resource
        .iter()
        .filter(|(key, _)| any(included, key.as_str()) && !any(excluded, key.as_str()));
    let mut labels: Labels =
        chosen.map(|(key, value)| (label(key.as_str()), value.to_string())).collect();
    labels.sort();
    labels
}

/// Whether a pattern with `*` and `?` matches all of a text. Of several stars only the last is ever tried again, so the time
/// is at most the product of the lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((last, begin)) = star else { return false };
                star = Some((last, begin + 1));
                (at, place) = (last + 1, begin + 1);
            }
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

/// The name of a metric: its unit and `_total` are added where they are wanted and not there yet.
fn name(name: &str, unit: &str, is_counter: bool, config: &Prometheus) -> String {
    let mut name = label(name);
    let unit = match unit {
        "s" => "seconds",
        "ms" => "milliseconds",
        "By" => "bytes",
        "1" if !is_counter => "ratio",
        _ => "",
    };
    let mut add = |suffix: &str| {
        let is_there = name.split('_').any(|word| word == suffix);
        if !suffix.is_empty() && !is_there {
            name.push('_');
            name.push_str(suffix);
        }
    };
    if !config.without_units {
        add(unit);
    }
    if !config.without_type_suffix && is_counter {
        add("total");
    }
    name
}

/// A name with only the characters that Prometheus allows.
fn label(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut label: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    if label.starts_with(|c: char| c.is_ascii_digit()) {
        label.insert(0, '_');
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("service.*", "service.name", true),
            ("*", "", true),
            ("service.?ame", "service.name", true),
            ("service", "service.name", false),
            ("*.name", "service.name", true),
            ("*.nam", "service.name", false),
            ("*a*b?", "xaybabz", true),
            ("a*", "", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn values_and_names_are_made_safe() {
        let mut text = String::new();
        let labels = vec![(label("otelcol.component.id"), "a\"b\\c\nd".to_owned())];
        sample(&mut text, "m", &labels, &number(0.5));
        assert_eq!(text, "m{otelcol_component_id=\"a\\\"b\\\\c\\nd\"} 0.5\n");
        assert_eq!((label("9a-b"), number(f64::INFINITY)), ("_9a_b".to_owned(), "+Inf".to_owned()));
    }
}
