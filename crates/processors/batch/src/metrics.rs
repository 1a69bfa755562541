//! What the processor counts, by upstream's names.

use component::meter::{Instrument, InstrumentKind, Level, Meter, Number};

/// The numbers of one processor. Its pipelines share them.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// Batches that were sent because there was enough.
    pub(crate) size_sends: Number,
    /// Batches that were sent because it was time.
    pub(crate) timeout_sends: Number,
    /// Combinations of metadata that are gathered.
    pub(crate) combinations: Number,
}

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            size_sends: meter.number(&SIZE),
            timeout_sends: meter.number(&TIMEOUT),
            combinations: meter.number(&COMBINATIONS),
        }
    }
}

static SIZE: Instrument = Instrument {
    name: "otelcol_processor_batch_batch_size_trigger_send",
    unit: "{time}",
    description: "Number of times the batch was sent due to a size trigger.",
    kind: InstrumentKind::Counter,
    level: Level::Normal,
};

static TIMEOUT: Instrument = Instrument {
    name: "otelcol_processor_batch_timeout_trigger_send",
    unit: "{time}",
    description: "Number of times the batch was sent due to a timeout trigger.",
    kind: InstrumentKind::Counter,
    level: Level::Normal,
};

static COMBINATIONS: Instrument = Instrument {
    name: "otelcol_processor_batch_metadata_cardinality",
    unit: "{combination}",
    description: "Number of distinct metadata value combinations being processed.",
    kind: InstrumentKind::Gauge,
    level: Level::Normal,
};
