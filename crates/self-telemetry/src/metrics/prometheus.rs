//! The text format that Prometheus reads, version 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. How OpenTelemetry's names become Prometheus's:
//! <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.

use std::fmt::Write;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, Metric, MetricData, ResourceMetrics, ScopeMetrics,
};

use crate::config::{Prometheus, ResourceLabels};

/// Writes everything.
pub(super) fn text(metrics: &ResourceMetrics, config: &Prometheus) -> String {
    let mut text = String::new();
    let resource =
        constant_labels(metrics.resource(), config.with_resource_constant_labels.as_ref());
    for scope in metrics.scope_metrics() {
        let mut constant = resource.clone();
        if !config.without_scope_info {
            constant.extend(scope_labels(scope));
        }
        let mut all: Vec<_> = scope.metrics().map(|it| (name(it, config), it)).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, metric) in all {
            family(&mut text, &name, metric, &constant);
        }
    }
    target_info(&mut text, metrics.resource());
    text
}

type Labels = Vec<(String, String)>;

fn family(text: &mut String, name: &str, metric: &Metric, constant: &Labels) {
    let mut samples = Vec::new();
    let kind = match metric.data() {
        AggregatedMetrics::F64(data) => samples_of(data, |value| number(*value), &mut samples),
        AggregatedMetrics::U64(data) => samples_of(data, ToString::to_string, &mut samples),
        AggregatedMetrics::I64(data) => samples_of(data, ToString::to_string, &mut samples),
    };
    if samples.is_empty() {
        return;
    }
    head(text, name, metric.description(), kind);
    samples.sort();
    for (mut labels, value) in samples {
        labels.extend(constant.iter().cloned());
        sample(text, name, &labels, &value);
    }
}

/// Labels and values of the points, and Prometheus's word for the kind of metric. There are no histograms.
fn samples_of<T>(
    data: &MetricData<T>,
    shown: impl Fn(&T) -> String,
    samples: &mut Vec<(Labels, String)>,
) -> &'static str
where
    T: Copy,
{
    match data {
        MetricData::Gauge(gauge) => {
            let points = gauge.data_points();
            samples.extend(points.map(|it| (labels(it.attributes()), shown(&it.value()))));
            "gauge"
        }
        MetricData::Sum(sum) => {
            let points = sum.data_points();
            samples.extend(points.map(|it| (labels(it.attributes()), shown(&it.value()))));
            if sum.is_monotonic() { "counter" } else { "gauge" }
        }
        MetricData::Histogram(_) | MetricData::ExponentialHistogram(_) => "untyped",
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
fn name(metric: &Metric, config: &Prometheus) -> String {
    let mut name = label(metric.name());
    let is_counter = match metric.data() {
        AggregatedMetrics::F64(data) => is_counter(data),
        AggregatedMetrics::U64(data) => is_counter(data),
        AggregatedMetrics::I64(data) => is_counter(data),
    };
    let unit = match metric.unit() {
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

fn is_counter<T>(data: &MetricData<T>) -> bool {
    matches!(data, MetricData::Sum(sum) if sum.is_monotonic())
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
