//! Where components count what they do.
//!
//! A counter is an atomic number in a table of the process; the collector's own telemetry observes the table. Asking twice
//! for the same instrument with the same attributes gives the same number, so that counts go on when a component is
//! replaced.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// From which level of `service::telemetry::metrics::level` on an instrument is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "upstream's own words, see its docs on internal telemetry")]
pub enum Level {
    Basic,
    Normal,
    Detailed,
}

/// Whether an instrument's number only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstrumentKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// What is counted. Names, units and descriptions are upstream's where upstream has the instrument.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instrument {
    /// The name, `otelcol_…`, without the suffix that Prometheus adds to counters.
    pub name: &'static str,
    /// The unit, as UCUM.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Whether the number only grows.
    pub kind: InstrumentKind,
    /// From which level on it is shown.
    pub level: Level,
    /// Attributes that are shown at [`Level::Detailed`] only. Below it, numbers that differ in nothing else are added up.
    pub details: &'static [&'static str],
}

/// What is measured in values that are spread over buckets. Names, units and bounds are upstream's where upstream has the
/// instrument.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistogramInstrument {
    /// The name, `otelcol_…`.
    pub name: &'static str,
    /// The unit, as UCUM.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// From which level on it is shown.
    pub level: Level,
    /// How many of what is recorded make one of the unit: 1 for what is counted, a billion for nanoseconds that are shown
    /// as seconds.
    pub per_unit: u64,
    /// The largest value of each bucket but the last, ascending, as values are recorded.
    pub bounds: &'static [u64],
}

impl HistogramInstrument {
    /// A recorded value in the unit.
    #[expect(clippy::cast_precision_loss, reason = "a double is what a histogram's values are")]
    pub fn in_unit(&self, value: u64) -> f64 {
        value as f64 / self.per_unit as f64
    }
}

/// The bounds of upstream's histograms of numbers of items.
pub const ITEM_BOUNDS: &[u64] = &[
    10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000,
    9_000, 10_000, 20_000, 30_000, 50_000, 100_000,
];

/// The bounds of upstream's histograms of sizes: powers of two from 128 bytes to 16 MiB.
pub const BYTE_BOUNDS: &[u64] = &{
    let mut bounds = [128; 18];
    let mut at = 1;
    while at < bounds.len() {
        bounds[at] = bounds[at - 1] * 2;
        at += 1;
    }
    bounds
};

/// How long a processor has a batch before it hands it on: for processors that work while their caller waits.
pub static PROCESSOR_DURATION: HistogramInstrument = HistogramInstrument {
    name: "otelcol_processor_internal_duration",
    unit: "s",
    description: "Duration of time taken to process a batch of telemetry data through the processor.",
    level: Level::Detailed,
    per_unit: 1_000_000_000,
    // From a microsecond to ten seconds. Upstream's bounds, 5 s to 10,000 s, would put every value into one bucket.
    bounds: &[
        1_000,
        10_000,
        100_000,
        1_000_000,
        10_000_000,
        100_000_000,
        1_000_000_000,
        10_000_000_000,
    ],
};

/// Attributes of a number, by key.
pub type Attributes = Vec<(&'static str, Arc<str>)>;

/// All numbers of the process. Get it from [`Process::table`](crate::Process::table).
#[derive(Debug, Default)]
pub struct Instruments {
    numbers: Mutex<BTreeMap<(&'static Instrument, Attributes), Arc<AtomicI64>>>,
    histograms: Mutex<BTreeMap<(&'static HistogramInstrument, Attributes), Histogram>>,
}

impl Instruments {
    /// Calls `visit` with every number there is.
    pub fn visit(&self, mut visit: impl FnMut(&'static Instrument, &Attributes, i64)) {
        for ((instrument, attributes), number) in self.numbers.lock().iter() {
            visit(instrument, attributes, number.load(Ordering::Relaxed));
        }
    }

    /// Calls `visit` with every histogram there is.
    pub fn visit_histograms(
        &self,
        mut visit: impl FnMut(&'static HistogramInstrument, &Attributes, Buckets),
    ) {
        for ((instrument, attributes), histogram) in self.histograms.lock().iter() {
            visit(instrument, attributes, histogram.get());
        }
    }

    fn number(&self, instrument: &'static Instrument, attributes: &Attributes) -> Arc<AtomicI64> {
        let key = (instrument, attributes.clone());
        Arc::clone(self.numbers.lock().entry(key).or_default())
    }

    fn histogram(
        &self,
        instrument: &'static HistogramInstrument,
        attributes: &Attributes,
    ) -> Histogram {
        let key = (instrument, attributes.clone());
        let mut histograms = self.histograms.lock();
        histograms.entry(key).or_insert_with(|| Histogram::new(instrument)).clone()
    }
}

/// Makes numbers with a component's attributes.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    instruments: Arc<Instruments>,
    attributes: Attributes,
}

impl Meter {
    /// A meter without attributes.
    pub fn new(instruments: Arc<Instruments>) -> Self {
        Self { instruments, attributes: Vec::new() }
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(&self, key: &'static str, value: impl Into<Arc<str>>) -> Self {
        let mut attributes = self.attributes.clone();
        let place = attributes.partition_point(|(other, _)| *other < key);
        attributes.insert(place, (key, value.into()));
        Self { instruments: Arc::clone(&self.instruments), attributes }
    }

    /// The number of an instrument with this meter's attributes.
    pub fn number(&self, instrument: &'static Instrument) -> Number {
        Number(self.instruments.number(instrument, &self.attributes))
    }

    /// The histogram of an instrument with this meter's attributes.
    pub fn histogram(&self, instrument: &'static HistogramInstrument) -> Histogram {
        self.instruments.histogram(instrument, &self.attributes)
    }
}

/// A number that a component keeps.
#[derive(Clone, Debug, Default)]
pub struct Number(Arc<AtomicI64>);

impl Number {
    /// Adds to it.
    pub fn add(&self, count: usize) {
        self.0.fetch_add(i64::try_from(count).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Takes from it; for gauges.
    pub fn subtract(&self, count: usize) {
        self.0.fetch_sub(i64::try_from(count).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Sets it; for gauges.
    pub fn set(&self, value: usize) {
        self.0.store(i64::try_from(value).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Values that a component measures, by size.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    bounds: &'static [u64],
    /// One more than there are bounds.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    fn new(instrument: &'static HistogramInstrument) -> Self {
        let bounds = instrument.bounds;
        let buckets = std::iter::repeat_with(AtomicU64::default).take(bounds.len() + 1).collect();
        Self(Arc::new(Counts { bounds, buckets, sum: AtomicU64::default() }))
    }

    /// Adds a value.
    pub fn record(&self, value: usize) {
        self.add(u64::try_from(value).unwrap_or(u64::MAX));
    }

    /// Adds a duration, for instruments whose values are nanoseconds.
    pub fn record_duration(&self, value: Duration) {
        self.add(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX));
    }

    fn add(&self, value: u64) {
        let Counts { bounds, buckets, sum } = &*self.0;
        buckets[bounds.partition_point(|bound| *bound < value)].fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What there is now.
    pub fn get(&self) -> Buckets {
        let Counts { buckets, sum, .. } = &*self.0;
        Buckets {
            counts: buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: sum.load(Ordering::Relaxed),
        }
    }
}

/// A copy of a histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// How many values fell into each bucket. There is one more than there are bounds, for what is larger than the last.
    pub counts: Vec<u64>,
    /// All values together.
    pub sum: u64,
}

impl Buckets {
    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What was added since `earlier`, a copy of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.counts.iter().copied().chain(std::iter::repeat(0));
        let counts = self.counts.iter().zip(before).map(|(now, before)| now - before);
        Self { counts: counts.collect(), sum: self.sum - earlier.sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SENT: Instrument = Instrument {
        name: "otelcol_exporter_sent_spans",
        unit: "{spans}",
        description: "Number of spans successfully sent to destination.",
        kind: InstrumentKind::Counter,
        level: Level::Basic,
        details: &[],
    };

    #[test]
    fn values_fall_into_the_bucket_whose_bound_they_do_not_exceed() {
        static SIZE: HistogramInstrument = HistogramInstrument {
            name: "size",
            unit: "{unit}",
            description: "",
            level: Level::Normal,
            per_unit: 1,
            bounds: &[10, 25],
        };
        let instruments = Arc::new(Instruments::default());
        let meter = Meter::new(Arc::clone(&instruments)).with("processor", "batch");
        for value in [0, 10, 11, 25, 26, 1_000] {
            meter.histogram(&SIZE).record(value);
        }
        let mut seen = Vec::new();
        instruments.visit_histograms(|instrument, attributes, buckets| {
            seen.push((instrument.name, attributes.len(), buckets));
        });
        let earlier = Buckets { counts: vec![2, 2, 2], sum: 1_072 };
        assert_eq!(seen, [(SIZE.name, 1, earlier.clone())]);
        meter.histogram(&SIZE).record(5);
        let since = meter.histogram(&SIZE).get().since(&earlier);
        assert_eq!((since.count(), since), (1, Buckets { counts: vec![1, 0, 0], sum: 5 }));
    }

    #[test]
    fn the_largest_bound_of_sizes_is_16_mib() {
        assert_eq!((BYTE_BOUNDS[0], BYTE_BOUNDS.last()), (128, Some(&(16 << 20))));
    }

    #[test]
    fn the_same_instrument_with_the_same_attributes_is_the_same_number() {
        let instruments = Arc::new(Instruments::default());
        let meter = Meter::new(Arc::clone(&instruments));
        let first = meter.with("exporter", "otlp").with("a", "b").number(&SENT);
        let again = meter.with("a", "b").with("exporter", "otlp").number(&SENT);
        let other = meter.with("exporter", "debug").number(&SENT);
        first.add(3);
        again.add(2);
        other.add(1);
        assert_eq!(first.get(), 5);
        let mut seen = Vec::new();
        instruments.visit(|instrument, attributes, value| {
            seen.push((instrument.name, attributes.len(), value));
        });
        seen.sort_unstable();
        assert_eq!(seen, [(SENT.name, 1, 1), (SENT.name, 2, 5)]);
    }
}
