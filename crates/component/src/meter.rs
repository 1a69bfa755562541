//! Where components count what they do.
//!
//! A counter is an atomic number in a table of the process; the collector's own telemetry observes the table. Asking twice
//! for the same instrument with the same attributes gives the same number, so that counts go on when a component is
//! replaced.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

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
}

/// Attributes of a number, by key.
pub type Attributes = Vec<(&'static str, Arc<str>)>;

/// All numbers of the process. Get it from [`Process::table`](crate::Process::table).
#[derive(Debug, Default)]
pub struct Instruments {
    numbers: Mutex<BTreeMap<(&'static Instrument, Attributes), Arc<AtomicI64>>>,
}

impl Instruments {
    /// Calls `visit` with every number there is.
    pub fn visit(&self, mut visit: impl FnMut(&'static Instrument, &Attributes, i64)) {
        for ((instrument, attributes), number) in self.numbers.lock().iter() {
            visit(instrument, attributes, number.load(Ordering::Relaxed));
        }
    }

    fn number(&self, instrument: &'static Instrument, attributes: &Attributes) -> Arc<AtomicI64> {
        let key = (instrument, attributes.clone());
        Arc::clone(self.numbers.lock().entry(key).or_default())
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

#[cfg(test)]
mod tests {
    use super::*;

    static SENT: Instrument = Instrument {
        name: "otelcol_exporter_sent_spans",
        unit: "{spans}",
        description: "Number of spans successfully sent to destination.",
        kind: InstrumentKind::Counter,
        level: Level::Basic,
    };

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
