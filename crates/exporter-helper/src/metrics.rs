//! What a lane counts, under upstream's names.

use component::ledger::Entry;
use component::meter::{Instrument, InstrumentKind, Level, Number};
use component::{Settings, Signal};
use std::sync::Arc;

const fn counter(name: &'static str, unit: &'static str, description: &'static str) -> Instrument {
    Instrument { name, unit, description, kind: InstrumentKind::Counter, level: Level::Basic }
}

const fn gauge(name: &'static str, description: &'static str) -> Instrument {
    let (kind, level) = (InstrumentKind::Gauge, Level::Basic);
    Instrument { name, unit: "{batches}", description, kind, level }
}

/// The instruments of one signal: sent, failed to send, failed to enqueue.
struct Names {
    sent: Instrument,
    failed: Instrument,
    not_enqueued: Instrument,
}

static SPANS: Names = Names {
    sent: counter(
        "otelcol_exporter_sent_spans",
        "{spans}",
        "Number of spans successfully sent to destination.",
    ),
    failed: counter(
        "otelcol_exporter_send_failed_spans",
        "{spans}",
        "Number of spans in failed attempts to send to destination.",
    ),
    not_enqueued: counter(
        "otelcol_exporter_enqueue_failed_spans",
        "{spans}",
        "Number of spans failed to be added to the sending queue.",
    ),
};
static POINTS: Names = Names {
    sent: counter(
        "otelcol_exporter_sent_metric_points",
        "{datapoints}",
        "Number of metric points successfully sent to destination.",
    ),
    failed: counter(
        "otelcol_exporter_send_failed_metric_points",
        "{datapoints}",
        "Number of metric points in failed attempts to send to destination.",
    ),
    not_enqueued: counter(
        "otelcol_exporter_enqueue_failed_metric_points",
        "{datapoints}",
        "Number of metric points failed to be added to the sending queue.",
    ),
};
static RECORDS: Names = Names {
    sent: counter(
        "otelcol_exporter_sent_log_records",
        "{records}",
        "Number of log record successfully sent to destination.",
    ),
    failed: counter(
        "otelcol_exporter_send_failed_log_records",
        "{records}",
        "Number of log records in failed attempts to send to destination.",
    ),
    not_enqueued: counter(
        "otelcol_exporter_enqueue_failed_log_records",
        "{records}",
        "Number of log records failed to be added to the sending queue.",
    ),
};
static QUEUE_SIZE: Instrument =
    gauge("otelcol_exporter_queue_size", "Current size of the retry queue (in batches).");
static QUEUE_CAPACITY: Instrument =
    gauge("otelcol_exporter_queue_capacity", "Fixed capacity of the retry queue (in batches).");

/// The numbers of one lane.
#[derive(Clone)]
pub(crate) struct LaneMetrics {
    sent: Number,
    failed: Number,
    not_enqueued: Number,
    pub(crate) size: Number,
    pub(crate) capacity: Number,
    entry: Arc<Entry>,
}

impl LaneMetrics {
    pub(crate) fn new(settings: &Settings, signal: Signal) -> Self {
        let names = match signal {
            Signal::Traces => &SPANS,
            Signal::Metrics => &POINTS,
            Signal::Logs => &RECORDS,
        };
        let by_signal = settings.meter.with("data_type", signal.to_string());
        Self {
            sent: settings.meter.number(&names.sent),
            failed: settings.meter.number(&names.failed),
            not_enqueued: settings.meter.number(&names.not_enqueued),
            size: by_signal.number(&QUEUE_SIZE),
            capacity: by_signal.number(&QUEUE_CAPACITY),
            entry: settings.book.entry(signal),
        }
    }

    /// They have arrived.
    pub(crate) fn sent(&self, items: usize) {
        self.sent.add(items);
        self.entry.out(items);
    }

    /// They are given up.
    pub(crate) fn dropped(&self, items: usize) {
        self.failed.add(items);
        self.entry.dropped("send failed", items);
    }

    /// The caller keeps them: the queue has no room.
    pub(crate) fn rejected(&self, items: usize) {
        self.not_enqueued.add(items);
    }

    /// They were stored and cannot be read any more.
    pub(crate) fn lost(&self, items: usize) {
        self.entry.dropped("unreadable", items);
    }

    /// An earlier process has left them.
    pub(crate) fn restored(&self, items: usize) {
        self.entry.created("restored", items);
    }
}
