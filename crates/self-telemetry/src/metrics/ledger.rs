//! What the engine counts at the edges of components: the ledger.
//!
//! The names, units and descriptions are upstream's
//! (<https://opentelemetry.io/docs/collector/internal-telemetry/>), all of the level `basic`. The metrics `kmagent_…` are our
//! own. Where a component counts a metric of the same name itself, its numbers hold: it knows more, such as the protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use component::ledger::{ComponentName, Ledger, Numbers};
use component::meter::Instruments;
use component::{ComponentId, DropReason, Kind, Signal};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::observe::{self, Name, Observe};
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
        let Metric { name, unit, description, .. } = *metric;
        let (ledger, instruments) =
            (Arc::clone(&observed.ledger), Arc::clone(&observed.instruments));
        observe::counter(meter, Name { name, unit, description }, move |observe| {
            sums(metric, &ledger, &counted(&instruments, metric), observe);
        });
    }
    own(meter, observed);
}

/// Our own metrics.
fn own(meter: &Meter, observed: &Observed) {
    let of_items = |name, description| Name { name, unit: "{item}", description };
    let dropped = of_items(
        "kmagent_component_dropped_items",
        "Number of items that a component left out or lost, by reason.",
    );
    let ledger = Arc::clone(&observed.ledger);
    observe::counter(meter, dropped, move |observe| {
        reasons(&ledger, |numbers| &numbers.dropped, observe);
    });
    let created = of_items(
        "kmagent_component_created_items",
        "Number of items that a component made or received from outside, by reason.",
    );
    let ledger = Arc::clone(&observed.ledger);
    observe::counter(meter, created, move |observe| {
        reasons(&ledger, |numbers| &numbers.created, observe);
    });
    let refused = of_items(
        "kmagent_component_refused_items",
        "Number of items that a component gave back to whoever offered them.",
    );
    let ledger = Arc::clone(&observed.ledger);
    observe::counter(meter, refused, move |observe| {
        for (component, signal, entry) in ledger.entries() {
            observe(entry.numbers().refused, &attributes(&component, signal));
        }
    });
    let in_flight =
        of_items("kmagent_component_in_flight_items", "Number of items inside a component.");
    let ledger = Arc::clone(&observed.ledger);
    observe::gauge(meter, in_flight, move |observe| {
        for (component, signal, entry) in ledger.entries() {
            observe(entry.in_flight(), &attributes(&component, signal));
        }
    });
}

/// The components that count a metric themselves.
fn counted(instruments: &Instruments, metric: &Metric) -> BTreeSet<Arc<str>> {
    let kind = metric.kind.to_string();
    let mut ids = BTreeSet::new();
    instruments.visit(|instrument, attributes, _| {
        if instrument.name == metric.name {
            let id = attributes.iter().find(|(key, _)| *key == kind);
            ids.extend(id.map(|(_, id)| Arc::clone(id)));
        }
    });
    ids
}

/// The sums of a metric. A processor has an entry per pipeline, and upstream's metrics don't tell them apart.
fn sums(metric: &Metric, ledger: &Ledger, counted: &BTreeSet<Arc<str>>, observe: Observe<'_, u64>) {
    let mut sums: BTreeMap<(ComponentId, Signal), u64> = BTreeMap::new();
    for (component, signal, entry) in ledger.entries() {
        let is_wanted =
            component.kind == metric.kind && metric.signal.is_none_or(|wanted| wanted == signal);
        if is_wanted && !counted.contains(component.id.to_string().as_str()) {
            *sums.entry((component.id, signal)).or_default() += (metric.value)(&entry.numbers());
        }
    }
    for ((id, signal), sum) in sums {
        let mut attributes = vec![KeyValue::new(metric.kind.to_string(), id.to_string())];
        if metric.signal.is_none() {
            attributes.push(KeyValue::new("otel.signal", signal.to_string()));
        }
        observe(sum, &attributes);
    }
}

/// Numbers by reason.
fn reasons(
    ledger: &Ledger,
    counts: fn(&Numbers) -> &BTreeMap<DropReason, u64>,
    observe: Observe<'_, u64>,
) {
    for (component, signal, entry) in ledger.entries() {
        for (reason, count) in counts(&entry.numbers()) {
            let mut attributes = attributes(&component, signal);
            attributes.push(KeyValue::new("reason", *reason));
            observe(*count, &attributes);
        }
    }
}

/// Whose entry it is, in upstream's words.
fn attributes(component: &ComponentName, signal: Signal) -> Vec<KeyValue> {
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
