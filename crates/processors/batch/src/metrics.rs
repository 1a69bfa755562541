//! What the processor counts, by upstream's names.

use component::meter::{
    BYTE_BOUNDS, Histogram, HistogramInstrument, ITEM_BOUNDS, Instrument, InstrumentKind, Level,
    Meter, Number,
};

/// The numbers of one processor. Its pipelines share them.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// Batches that were sent because there was enough.
    pub(crate) size_sends: Number,
    /// Batches that were sent because it was time.
    pub(crate) timeout_sends: Number,
    /// Combinations of metadata that are gathered.
    pub(crate) combinations: Number,
    /// Items of the batches that were sent.
    pub(crate) items: Histogram,
    /// Their bytes.
    pub(crate) bytes: Histogram,
}

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            size_sends: meter.number(&SIZE),
            timeout_sends: meter.number(&TIMEOUT),
            combinations: meter.number(&COMBINATIONS),
            items: meter.histogram(&ITEMS),
            bytes: meter.histogram(&BYTES),
        }
    }
}

static SIZE: Instrument = Instrument {
    name: "otelcol_processor_batch_batch_size_trigger_send",
    unit: "{time}",
    description: "Number of times the batch was sent due to a size trigger.",
    kind: InstrumentKind::Counter,
    level: Level::Normal,
    details: &[],
};

static TIMEOUT: Instrument = Instrument {
    name: "otelcol_processor_batch_timeout_trigger_send",
    unit: "{time}",
    description: "Number of times the batch was sent due to a timeout trigger.",
    kind: InstrumentKind::Counter,
    level: Level::Normal,
    details: &[],
};

static COMBINATIONS: Instrument = Instrument {
    name: "otelcol_processor_batch_metadata_cardinality",
    unit: "{combination}",
    description: "Number of distinct metadata value combinations being processed.",
    kind: InstrumentKind::Gauge,
    level: Level::Normal,
    details: &[],
};

static ITEMS: HistogramInstrument = HistogramInstrument {
    name: "otelcol_processor_batch_batch_send_size",
    unit: "{unit}",
    description: "Number of units in the batch.",
    level: Level::Normal,
    per_unit: 1,
    bounds: ITEM_BOUNDS,
};

static BYTES: HistogramInstrument = HistogramInstrument {
    name: "otelcol_processor_batch_batch_send_size_bytes",
    unit: "By",
    description: "Number of bytes in the batch that was sent.",
    level: Level::Detailed,
    per_unit: 1,
    bounds: BYTE_BOUNDS,
};
