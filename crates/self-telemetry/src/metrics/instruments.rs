//! What components count themselves.

use std::sync::Arc;

use component::meter::{Instrument, InstrumentKind, Instruments};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::observe::{self, Name};

/// Lets the SDK observe all numbers of an instrument.
pub(super) fn register(
    meter: &Meter,
    instrument: &'static Instrument,
    instruments: &Arc<Instruments>,
) {
    let Instrument { name, unit, description, kind, .. } = *instrument;
    let metric = Name { name, unit, description };
    let instruments = Arc::clone(instruments);
    match kind {
        InstrumentKind::Counter => observe::counter(meter, metric, move |observe| {
            visit(&instruments, instrument, |number, attributes| {
                observe(u64::try_from(number).unwrap_or_default(), attributes);
            });
        }),
        InstrumentKind::Gauge => observe::gauge(meter, metric, move |observe| {
            visit(&instruments, instrument, observe);
        }),
    }
}

fn visit(
    instruments: &Instruments,
    instrument: &Instrument,
    mut observe: impl FnMut(i64, &[KeyValue]),
) {
    instruments.visit(|other, attributes, number| {
        if other == instrument {
            let attributes = attributes.iter();
            let attributes = attributes.map(|(key, value)| KeyValue::new(*key, value.to_string()));
            observe(number, &attributes.collect::<Vec<_>>());
        }
    });
}
