//! What components count themselves.

use std::sync::Arc;

use component::meter::{Instrument, InstrumentKind, Instruments};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

/// Lets the SDK observe all numbers of an instrument.
pub(super) fn register(
    meter: &Meter,
    instrument: &'static Instrument,
    instruments: &Arc<Instruments>,
) {
    let instruments = Arc::clone(instruments);
    let visit = move |mut observe: Box<dyn FnMut(i64, &[KeyValue]) + '_>| {
        instruments.visit(|other, attributes, number| {
            if other == instrument {
                let attributes: Vec<_> = attributes
                    .iter()
                    .map(|(key, value)| KeyValue::new(*key, value.to_string()))
                    .collect();
                observe(number, &attributes);
            }
        });
    };
    // The SDK keeps the callbacks; the instruments themselves are only names for them.
    match instrument.kind {
        InstrumentKind::Counter => drop(
            meter
                .u64_observable_counter(instrument.name)
                .with_description(instrument.description)
                .with_unit(instrument.unit)
                .with_callback(move |observer| {
                    visit(Box::new(|number, attributes| {
                        observer.observe(u64::try_from(number).unwrap_or_default(), attributes);
                    }));
                })
                .build(),
        ),
        InstrumentKind::Gauge => drop(
            meter
                .i64_observable_gauge(instrument.name)
                .with_description(instrument.description)
                .with_unit(instrument.unit)
                .with_callback(move |observer| {
                    visit(Box::new(|number, attributes| observer.observe(number, attributes)));
                })
                .build(),
        ),
    }
}
