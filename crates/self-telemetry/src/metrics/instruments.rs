//! What components count themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use component::meter::{Attributes, Instrument, InstrumentKind, Instruments};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::observe::{self, Name};

/// Lets the SDK observe all numbers of an instrument.
pub(super) fn register(
    meter: &Meter,
    instrument: &'static Instrument,
    instruments: Arc<Instruments>,
    shows_details: bool,
) {
    let Instrument { name, unit, description, kind, .. } = *instrument;
    let metric = Name { name, unit, description };
    let hidden = if shows_details { &[] } else { instrument.details };
    match kind {
        InstrumentKind::Counter => observe::counter(meter, metric, move |observe| {
            for (attributes, number) in sums(&instruments, instrument, hidden) {
                observe(u64::try_from(number).unwrap_or_default(), &key_values(&attributes));
            }
        }),
        InstrumentKind::Gauge => observe::gauge(meter, metric, move |observe| {
            for (attributes, number) in sums(&instruments, instrument, hidden) {
                observe(number, &key_values(&attributes));
            }
        }),
    }
}

/// The numbers of an instrument, added up over the attributes that are not shown.
fn sums(
    instruments: &Instruments,
    instrument: &Instrument,
    hidden: &[&str],
) -> BTreeMap<Attributes, i64> {
    let mut sums: BTreeMap<Attributes, i64> = BTreeMap::new();
    instruments.visit(|other, attributes, number| {
        if other == instrument {
            let shown = attributes.iter().filter(|(key, _)| !hidden.contains(key));
            *sums.entry(shown.cloned().collect()).or_default() += number;
        }
    });
    sums
}

fn key_values(attributes: &Attributes) -> Vec<KeyValue> {
    attributes.iter().map(|(key, value)| KeyValue::new(*key, value.to_string())).collect()
}
