//! The processor.

use std::sync::Arc;

use component::memory::MemoryAccount;
use component::meter::{Histogram, Instrument, InstrumentKind, Level, Number, PROCESSOR_DURATION};
use component::{Batch, ConsumeError, Consumer, Meter, NoRoom, Signal, Slot, async_trait};
use tokio::time::Instant;

/// Lets through what was let in.
///
/// What holds a share of the account was let in at a door, or charged, and must get out: refusing it here would keep the very
/// memory that is to be freed with a source that tries again. What holds none comes from a source that has not asked, and is
/// refused, for now, while the account is closed.
pub(crate) struct Gate {
    account: Arc<MemoryAccount>,
    next: Slot,
    accepted: Number,
    refused: Number,
    duration: Histogram,
}

impl Gate {
    pub(crate) fn new(
        account: Arc<MemoryAccount>,
        meter: &Meter,
        signal: Signal,
        next: Slot,
    ) -> Self {
        let (accepted, refused) = match signal {
            Signal::Traces => (&ACCEPTED_SPANS, &REFUSED_SPANS),
            Signal::Metrics => (&ACCEPTED_METRIC_POINTS, &REFUSED_METRIC_POINTS),
            Signal::Logs => (&ACCEPTED_LOG_RECORDS, &REFUSED_LOG_RECORDS),
        };
        Self {
            account,
            next,
            accepted: meter.number(accepted),
            refused: meter.number(refused),
            duration: meter.with("otel.signal", signal.to_string()).histogram(&PROCESSOR_DURATION),
        }
    }
}

#[async_trait]
impl Consumer for Gate {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        let begin = Instant::now();
        let items = batch.item_count();
        let (telemetry, attached) = batch.into_parts();
        let is_refused = attached.bytes() == 0 && items > 0 && self.account.is_closed();
        self.duration.record_duration(begin.elapsed());
        if is_refused {
            self.refused.add(items);
            return Err(NoRoom::Full.into());
        }
        self.accepted.add(items);
        self.next.consume(Batch::from_parts(telemetry, attached)).await
    }
}

const fn counter(name: &'static str, unit: &'static str, description: &'static str) -> Instrument {
    let (kind, level) = (InstrumentKind::Counter, Level::Basic);
    Instrument { name, unit, description, kind, level, details: &[] }
}

static ACCEPTED_SPANS: Instrument = counter(
    "otelcol_processor_memory_limiter_accepted_spans",
    "{span}",
    "Number of spans that were let through.",
);

static ACCEPTED_METRIC_POINTS: Instrument = counter(
    "otelcol_processor_memory_limiter_accepted_metric_points",
    "{datapoint}",
    "Number of metric points that were let through.",
);

static ACCEPTED_LOG_RECORDS: Instrument = counter(
    "otelcol_processor_memory_limiter_accepted_log_records",
    "{record}",
    "Number of log records that were let through.",
);

static REFUSED_SPANS: Instrument = counter(
    "otelcol_processor_memory_limiter_refused_spans",
    "{span}",
    "Number of spans that were refused for want of memory.",
);

static REFUSED_METRIC_POINTS: Instrument = counter(
    "otelcol_processor_memory_limiter_refused_metric_points",
    "{datapoint}",
    "Number of metric points that were refused for want of memory.",
);

static REFUSED_LOG_RECORDS: Instrument = counter(
    "otelcol_processor_memory_limiter_refused_log_records",
    "{record}",
    "Number of log records that were refused for want of memory.",
);
