//! What a lane counts, by upstream's names.

use std::sync::Arc;

use component::ledger::Entry;
use component::meter::{
    BYTE_BOUNDS, Histogram, HistogramInstrument, ITEM_BOUNDS, Instrument, InstrumentKind, Level,
    Meter, Number,
};
use component::{Code, ConsumeError, Settings, Signal};
use pdata::Telemetry;

use crate::push::Push;

/// The numbers of one lane.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Items that the destination has taken.
    pub(crate) sent: Number,
    /// Items that were given up.
    pub(crate) send_failed: Failures,
    /// Items that the queue did not take.
    pub(crate) enqueue_failed: Number,
    /// What was offered to the queue.
    pub(crate) enqueued: Sizes,
    /// What the queue has made batches of.
    pub(crate) batched: Sizes,
    /// Attempts under way.
    pub(crate) in_flight: Number,
    /// The exporter in the ledger.
    pub(crate) entry: Arc<Entry>,
}

impl Metrics {
    /// The numbers of this exporter and signal.
    pub(crate) fn new(settings: &Settings, signal: Signal, push: &dyn Push) -> Self {
        let meter = &settings.meter;
        let counters = counters(signal);
        let to_destination = destination(meter, push, signal);
        Self {
            sent: to_destination.number(&counters[0]),
            enqueue_failed: meter.number(&counters[2]),
            enqueued: Sizes::new(meter, &ENQUEUE_SIZE, &ENQUEUE_BYTES),
            batched: Sizes::new(&to_destination, &BATCH_SIZE, &BATCH_BYTES),
            send_failed: Failures::new(to_destination, signal),
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
    pub(crate) send_failed: Failures,
}

impl QueueMetrics {
    /// The numbers of the queue of this exporter and signal.
    pub(crate) fn new(meter: &Meter, signal: Signal, push: &dyn Push) -> Self {
        let send_failed = Failures::new(destination(meter, push, signal), signal);
        let meter = meter.with("data_type", signal.to_string());
        let (size, capacity) = (meter.number(&QUEUE_SIZE), meter.number(&QUEUE_CAPACITY));
        Self { size, capacity, send_failed }
    }
}

/// A meter whose numbers say where requests go.
fn destination(meter: &Meter, push: &dyn Push, signal: Signal) -> Meter {
    let attributes = push.destination(signal).into_iter();
    attributes.fold(meter.clone(), |meter, (key, value)| meter.with(key, value))
}

/// Items that were given up, by the kind of error.
#[derive(Debug)]
pub(crate) struct Failures {
    meter: Meter,
    counter: &'static Instrument,
}

/// The kind of errors that have no name.
const OTHER: &str = "_OTHER";

impl Failures {
    fn new(meter: Meter, signal: Signal) -> Self {
        let counter = &counters(signal)[1];
        // Somebody who looks for failures sees that there are none.
        meter.number(counter);
        Self { meter, counter }
    }

    /// Given up with an error.
    pub(crate) fn add(&self, items: usize, error: &ConsumeError) {
        self.count(items, error.code().map_or(OTHER, Code::name), error.is_permanent());
    }

    /// Given up because the exporter stops.
    pub(crate) fn add_at_shutdown(&self, items: usize) {
        self.count(items, "Shutdown", false);
    }

    /// Lost by the storage.
    pub(crate) fn add_unreadable(&self, items: usize) {
        self.count(items, OTHER, true);
    }

    fn count(&self, items: usize, kind: &'static str, is_permanent: bool) {
        let permanent = if is_permanent { "true" } else { "false" };
        let meter = self.meter.with(ERROR_TYPE, kind).with(ERROR_PERMANENT, permanent);
        meter.number(self.counter).add(items);
    }
}

/// How large requests are.
#[derive(Debug)]
pub(crate) struct Sizes {
    items: Histogram,
    bytes: Histogram,
}

impl Sizes {
    fn new(
        meter: &Meter,
        items: &'static HistogramInstrument,
        bytes: &'static HistogramInstrument,
    ) -> Self {
        Self { items: meter.histogram(items), bytes: meter.histogram(bytes) }
    }

    pub(crate) fn record(&self, telemetry: &Telemetry) {
        self.items.record(telemetry.item_count());
        self.bytes.record(telemetry.encoded_len());
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

const ERROR_TYPE: &str = "error.type";
const ERROR_PERMANENT: &str = "error.permanent";

const fn counter(name: &'static str, unit: &'static str, description: &'static str) -> Instrument {
    instrument(name, unit, description, InstrumentKind::Counter)
}

const fn gauge(name: &'static str, unit: &'static str, description: &'static str) -> Instrument {
    instrument(name, unit, description, InstrumentKind::Gauge)
}

const fn instrument(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    kind: InstrumentKind,
) -> Instrument {
    let details = &[ERROR_TYPE, ERROR_PERMANENT];
    Instrument { name, unit, description, kind, level: Level::Basic, details }
}

const fn sizes(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    bounds: &'static [u64],
) -> HistogramInstrument {
    let level = Level::Detailed;
    HistogramInstrument { name, unit, description, level, per_unit: 1, bounds }
}

static ENQUEUE_SIZE: HistogramInstrument = sizes(
    "otelcol_exporter_enqueue_size",
    "{unit}",
    "Number of items in the requests that were offered to the sending queue.",
    ITEM_BOUNDS,
);

static ENQUEUE_BYTES: HistogramInstrument = sizes(
    "otelcol_exporter_enqueue_size_bytes",
    "By",
    "Number of bytes in the requests that were offered to the sending queue.",
    BYTE_BOUNDS,
);

static BATCH_SIZE: HistogramInstrument = sizes(
    "otelcol_exporter_queue_batch_send_size",
    "{unit}",
    "Number of items in the batches that were made from the sending queue.",
    ITEM_BOUNDS,
);

static BATCH_BYTES: HistogramInstrument = sizes(
    "otelcol_exporter_queue_batch_send_size_bytes",
    "By",
    "Number of bytes in the batches that were made from the sending queue.",
    BYTE_BOUNDS,
);

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
