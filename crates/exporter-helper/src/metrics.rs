//! What a lane counts, by upstream's names.

use std::sync::Arc;

use component::ledger::Entry;
use component::meter::{Instrument, InstrumentKind, Level, Meter, Number};
use component::{Settings, Signal};

/// The numbers of one lane.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Items that the destination has taken.
    pub(crate) sent: Number,
    /// Items that were given up.
    pub(crate) send_failed: Number,
    /// Items that the queue did not take.
    pub(crate) enqueue_failed: Number,
    /// Attempts under way.
    pub(crate) in_flight: Number,
    /// The exporter in the ledger.
    pub(crate) entry: Arc<Entry>,
}

impl Metrics {
    /// The numbers of this exporter and signal.
    pub(crate) fn new(settings: &Settings, signal: Signal) -> Self {
        let meter = &settings.meter;
        let counters = counters(signal);
        Self {
            sent: meter.number(&counters[0]),
            send_failed: meter.number(&counters[1]),
            enqueue_failed: meter.number(&counters[2]),
            in_flight: meter.with("data_type", signal.to_string()).number(&IN_FLIGHT),
            entry: settings.book.entry(signal),
        }
    }
}

/// The numbers of a lane that has a queue.
#[derive(Debug)]
pub(crate) struct QueueMetrics {
    /// How much is in the queue or being sent from it, in its unit.
    pub(crate) size: Number,
    /// How much may be.
    pub(crate) capacity: Number,
    /// Items that were given up, for those that cannot be read from the disk.
    pub(crate) send_failed: Number,
}

impl QueueMetrics {
    /// The numbers of the queue of this exporter and signal.
    pub(crate) fn new(meter: &Meter, signal: Signal) -> Self {
        let send_failed = meter.number(&counters(signal)[1]);
        let meter = meter.with("data_type", signal.to_string());
        let (size, capacity) = (meter.number(&QUEUE_SIZE), meter.number(&QUEUE_CAPACITY));
        Self { size, capacity, send_failed }
    }
}

/// Sent, send failed, enqueue failed.
fn counters(signal: Signal) -> &'static [Instrument; 3] {
    match signal {
        Signal::Traces => &SPANS,
        Signal::Metrics => &METRIC_POINTS,
        Signal::Logs => &LOG_RECORDS,
    }
}

const fn counter(name: &'static str, unit: &'static str, description: &'static str) -> Instrument {
    Instrument { name, unit, description, kind: InstrumentKind::Counter, level: Level::Basic }
}

const fn gauge(name: &'static str, unit: &'static str, description: &'static str) -> Instrument {
    Instrument { name, unit, description, kind: InstrumentKind::Gauge, level: Level::Basic }
}

static SPANS: [Instrument; 3] = [
    counter(
        "otelcol_exporter_sent_spans",
        "{span}",
        "Number of spans successfully sent to destination.",
    ),
    counter(
        "otelcol_exporter_send_failed_spans",
        "{span}",
        "Number of spans in failed attempts to send to destination.",
    ),
    counter(
        "otelcol_exporter_enqueue_failed_spans",
        "{span}",
        "Number of spans failed to be added to the sending queue.",
    ),
];

static METRIC_POINTS: [Instrument; 3] = [
    counter(
        "otelcol_exporter_sent_metric_points",
        "{datapoint}",
        "Number of metric points successfully sent to destination.",
    ),
    counter(
        "otelcol_exporter_send_failed_metric_points",
        "{datapoint}",
        "Number of metric points in failed attempts to send to destination.",
    ),
    counter(
        "otelcol_exporter_enqueue_failed_metric_points",
        "{datapoint}",
        "Number of metric points failed to be added to the sending queue.",
    ),
];

static LOG_RECORDS: [Instrument; 3] = [
    counter(
        "otelcol_exporter_sent_log_records",
        "{record}",
        "Number of log record successfully sent to destination.",
    ),
    counter(
        "otelcol_exporter_send_failed_log_records",
        "{record}",
        "Number of log records in failed attempts to send to destination.",
    ),
    counter(
        "otelcol_exporter_enqueue_failed_log_records",
        "{record}",
        "Number of log records failed to be added to the sending queue.",
    ),
];

static QUEUE_SIZE: Instrument = gauge(
    "otelcol_exporter_queue_size",
    "{batch}",
    "Current size of the retry queue (in batches).",
);

static QUEUE_CAPACITY: Instrument = gauge(
    "otelcol_exporter_queue_capacity",
    "{batch}",
    "Fixed capacity of the retry queue (in batches).",
);

static IN_FLIGHT: Instrument = gauge(
    "otelcol_exporter_in_flight_requests",
    "{request}",
    "Number of requests that are being sent.",
);
