//! What the engine counts at the edges of components: the ledger.
//!
//! The names, units and descriptions are upstream's
//! (<https://opentelemetry.io/docs/collector/internal-telemetry/>), all of the level `basic`. The metrics `kmagent_…` are our
//! own. Where a component counts a metric of the same name itself, its numbers hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use component::ledger::{ComponentName, Entry, Ledger, Numbers};
use component::meter::Instruments;
use component::{Kind, Signal};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::source::Observed;

/// One of upstream's metrics over the ledger: for entries of one kind of component, and of one signal or any.
struct Metric {
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    kind: Kind,
    /// `None` for all signals, told apart by the attribute `otel.signal`.
    signal: Option<Signal>,
    value: fn(&Numbers) -> u64,
}

const METRICS: &[Metric] = &[
    received(
        "otelcol_receiver_accepted_spans",
        "{span}",
        "Number of spans successfully pushed into the pipeline. [Alpha]",
        Signal::Traces,
        |numbers| numbers.out,
    ),
    received(
        "otelcol_receiver_accepted_metric_points",
        "{datapoint}",
        "Number of metric points successfully pushed into the pipeline. [Alpha]",
        Signal::Metrics,
        |numbers| numbers.out,
    ),
    received(
        "otelcol_receiver_accepted_log_records",
        "{record}",
        "Number of log records successfully pushed into the pipeline. [Alpha]",
        Signal::Logs,
        |numbers| numbers.out,
    ),
    received(
        "otelcol_receiver_refused_spans",
        "{span}",
        "Number of spans that could not be pushed into the pipeline. [Alpha]",
        Signal::Traces,
        |numbers| numbers.refused,
    ),
    received(
        "otelcol_receiver_refused_metric_points",
        "{datapoint}",
        "Number of metric points that could not be pushed into the pipeline. [Alpha]",
        Signal::Metrics,
        |numbers| numbers.refused,
    ),
    received(
        "otelcol_receiver_refused_log_records",
        "{record}",
        "Number of log records that could not be pushed into the pipeline. [Alpha]",
        Signal::Logs,
        |numbers| numbers.refused,
    ),
    processed(
        "otelcol_processor_incoming_items",
        "Number of items passed to the processor. [Alpha]",
        |numbers| numbers.taken,
    ),
    processed(
        "otelcol_processor_outgoing_items",
        "Number of items emitted from the processor. [Alpha]",
        |numbers| numbers.out,
    ),
    sent(
        "otelcol_exporter_sent_spans",
        "{span}",
        "Number of spans successfully sent to destination. [Alpha]",
        Signal::Traces,
        |numbers| numbers.out,
    ),
    sent(
        "otelcol_exporter_sent_metric_points",
        "{datapoint}",
        "Number of metric points successfully sent to destination. [Alpha]",
        Signal::Metrics,
        |numbers| numbers.out,
    ),
    sent(
        "otelcol_exporter_sent_log_records",
        "{record}",
        "Number of log records successfully sent to destination. [Alpha]",
        Signal::Logs,
        |numbers| numbers.out,
    ),
    sent(
        "otelcol_exporter_send_failed_spans",
        "{span}",
        "Number of spans in failed attempts to send to destination. [Alpha]",
        Signal::Traces,
        failed,
    ),
    sent(
        "otelcol_exporter_send_failed_metric_points",
        "{datapoint}",
        "Number of metric points in failed attempts to send to destination. [Alpha]",
        Signal::Metrics,
        failed,
    ),
    sent(
        "otelcol_exporter_send_failed_log_records",
        "{record}",
        "Number of log records in failed attempts to send to destination. [Alpha]",
        Signal::Logs,
        failed,
    ),
];

const fn received(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    signal: Signal,
    value: fn(&Numbers) -> u64,
) -> Metric {
    Metric { name, unit, description, kind: Kind::Receiver, signal: Some(signal), value }
}

const fn processed(
    name: &'static str,
    description: &'static str,
    value: fn(&Numbers) -> u64,
) -> Metric {
    Metric { name, unit: "{item}", description, kind: Kind::Processor, signal: None, value }
}

const fn sent(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    signal: Signal,
    value: fn(&Numbers) -> u64,
) -> Metric {
    Metric { name, unit, description, kind: Kind::Exporter, signal: Some(signal), value }
}

/// What an exporter did not get delivered: given up, or given back to the pipeline.
fn failed(numbers: &Numbers) -> u64 {
    numbers.dropped.values().sum::<u64>() + numbers.refused
}

/// Lets the SDK observe the ledger.
pub(super) fn register(meter: &Meter, observed: &Observed) {
    for metric in METRICS {
        let (ledger, instruments) =
            (Arc::clone(&observed.ledger), Arc::clone(&observed.instruments));
        drop(
            meter
                .u64_observable_counter(metric.name)
                .with_unit(metric.unit)
                .with_description(metric.description)
                .with_callback(move |observer| {
                    if is_counted(&instruments, metric.name) {
                        return;
                    }
                    for (attributes, value) in observe(metric, &ledger) {
                        observer.observe(value, &attributes);
                    }
                })
                .build(),
        );
    }
    reasons(
        meter,
        observed,
        "kmagent_component_dropped_items",
        "Number of items that a component left out or lost, by reason.",
        |numbers| numbers.dropped.into_iter().collect(),
    );
    reasons(
        meter,
        observed,
        "kmagent_component_created_items",
        "Number of items that a component made or received from outside, by reason.",
        |numbers| numbers.created.into_iter().collect(),
    );
    let ledger = Arc::clone(&observed.ledger);
    drop(
        meter
            .u64_observable_counter("kmagent_component_refused_items")
            .with_unit("{item}")
            .with_description("Number of items that a component gave back to whoever offered them.")
            .with_callback(move |observer| {
                for (component, signal, entry) in ledger.entries() {
                    observer.observe(entry.numbers().refused, &name(&component, signal));
                }
            })
            .build(),
    );
    let ledger = Arc::clone(&observed.ledger);
    drop(
        meter
            .i64_observable_gauge("kmagent_component_in_flight_items")
            .with_unit("{item}")
            .with_description("Number of items inside a component.")
            .with_callback(move |observer| {
                for (component, signal, entry) in ledger.entries() {
                    observer.observe(entry.in_flight(), &name(&component, signal));
                }
            })
            .build(),
    );
}

/// Whether a component counts a metric of this name.
fn is_counted(instruments: &Instruments, name: &str) -> bool {
    let mut counted = false;
    instruments.visit(|instrument, _, _| counted |= instrument.name == name);
    counted
}

/// The sums of a metric. A processor has an entry per pipeline, and upstream's metrics don't tell them apart.
fn observe(metric: &Metric, ledger: &Ledger) -> Vec<(Vec<KeyValue>, u64)> {
    let entries = ledger.entries();
    let of_metric: Vec<(ComponentName, Signal, Arc<Entry>)> = entries
        .into_iter()
        .filter(|(component, signal, _)| {
            component.kind == metric.kind && metric.signal.is_none_or(|it| it == *signal)
        })
        .collect();
    let ids: BTreeSet<_> =
        of_metric.iter().map(|(it, signal, _)| (it.id.clone(), *signal)).collect();
    let sums = ids.into_iter().map(|(id, signal)| {
        let same = of_metric.iter().filter(|(it, other, _)| it.id == id && *other == signal);
        let sum = same.map(|(_, _, entry)| (metric.value)(&entry.numbers())).sum();
        let mut attributes = vec![KeyValue::new(metric.kind.to_string(), id.to_string())];
        if metric.signal.is_none() {
            attributes.push(KeyValue::new("otel.signal", signal.to_string()));
        }
        (attributes, sum)
    });
    sums.collect()
}

/// One of our own metrics by reason.
fn reasons(
    meter: &Meter,
    observed: &Observed,
    metric: &'static str,
    description: &'static str,
    counts: fn(Numbers) -> Vec<(&'static str, u64)>,
) {
    let ledger = Arc::clone(&observed.ledger);
    drop(
        meter
            .u64_observable_counter(metric)
            .with_unit("{item}")
            .with_description(description)
            .with_callback(move |observer| {
                for (component, signal, entry) in ledger.entries() {
                    for (reason, count) in counts(entry.numbers()) {
                        let mut attributes = name(&component, signal);
                        attributes.push(KeyValue::new("reason", reason));
                        observer.observe(count, &attributes);
                    }
                }
            })
            .build(),
    );
}

/// Whose entry it is, in upstream's words.
fn name(component: &ComponentName, signal: Signal) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("otelcol.component.kind", component.kind.to_string()),
        KeyValue::new("otelcol.component.id", component.id.to_string()),
        KeyValue::new("otelcol.signal", signal.to_string()),
    ];
    if let Some(pipeline) = &component.pipeline {
        attributes.push(KeyValue::new("otelcol.pipeline.id", pipeline.clone()));
    }
    attributes
}
