//! What the pipelines took and refused, by upstream's names.

use component::meter::{Instrument, InstrumentKind, Level, Meter, Number};
use component::{Outputs, Signal};

/// The numbers of one protocol.
pub(crate) struct Metrics {
    traces: Option<Answers>,
    metrics: Option<Answers>,
    logs: Option<Answers>,
}

struct Answers {
    accepted: Number,
    refused: Number,
}

impl Metrics {
    /// The numbers of the signals that somebody wants.
    pub(crate) fn new(meter: &Meter, outputs: &Outputs, transport: &'static str) -> Self {
        let meter = meter.with("transport", transport);
        let of = |signal, [accepted, refused]: &'static [Instrument; 2]| {
            outputs.get(signal).map(|_| Answers {
                accepted: meter.number(accepted),
                refused: meter.number(refused),
            })
        };
        Self {
            traces: of(Signal::Traces, &SPANS),
            metrics: of(Signal::Metrics, &METRIC_POINTS),
            logs: of(Signal::Logs, &LOG_RECORDS),
        }
    }

    /// Counts items that are handed to the pipeline.
    pub(crate) fn offer(&self, signal: Signal, items: usize) -> Offer<'_> {
        let answers = match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        };
        Offer { answers: answers.as_ref(), items, is_accepted: false }
    }
}

/// Items that the pipeline has not taken yet. Unless it does, they count as refused: the client may have gone away.
pub(crate) struct Offer<'a> {
    answers: Option<&'a Answers>,
    items: usize,
    is_accepted: bool,
}

impl Offer<'_> {
    pub(crate) fn accepted(mut self) {
        self.is_accepted = true;
    }
}

impl Drop for Offer<'_> {
    fn drop(&mut self) {
        if let Some(Answers { accepted, refused }) = self.answers {
            let number = if self.is_accepted { accepted } else { refused };
            number.add(self.items);
        }
    }
}

const fn counter(name: &'static str, unit: &'static str, description: &'static str) -> Instrument {
    let (kind, level) = (InstrumentKind::Counter, Level::Basic);
    Instrument { name, unit, description, kind, level, details: &[] }
}

static SPANS: [Instrument; 2] = [
    counter(
        "otelcol_receiver_accepted_spans",
        "{span}",
        "Number of spans successfully pushed into the pipeline. [Alpha]",
    ),
    counter(
        "otelcol_receiver_refused_spans",
        "{span}",
        "Number of spans that could not be pushed into the pipeline. [Alpha]",
    ),
];

static METRIC_POINTS: [Instrument; 2] = [
    counter(
        "otelcol_receiver_accepted_metric_points",
        "{datapoint}",
        "Number of metric points successfully pushed into the pipeline. [Alpha]",
    ),
    counter(
        "otelcol_receiver_refused_metric_points",
        "{datapoint}",
        "Number of metric points that could not be pushed into the pipeline. [Alpha]",
    ),
];

static LOG_RECORDS: [Instrument; 2] = [
    counter(
        "otelcol_receiver_accepted_log_records",
        "{record}",
        "Number of log records successfully pushed into the pipeline. [Alpha]",
    ),
    counter(
        "otelcol_receiver_refused_log_records",
        "{record}",
        "Number of log records that could not be pushed into the pipeline. [Alpha]",
    ),
];
