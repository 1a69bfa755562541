//! Letting the SDK ask for numbers that others keep.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

/// What a metric is called.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) description: &'static str,
}

/// Takes a number with its attributes.
pub(super) type Observe<'a, T> = &'a mut dyn FnMut(T, &[KeyValue]);

/// A number that only grows: `read` gives it whenever it is asked for.
pub(super) fn counter(
    meter: &Meter,
    metric: Name,
    read: impl Fn(Observe<'_, u64>) + Send + Sync + 'static,
) {
    let Name { name, unit, description } = metric;
    let builder = meter.u64_observable_counter(name).with_unit(unit);
    // The SDK keeps the callback; what it returns is only a name for it.
    let _registered = builder
        .with_description(description)
        .with_callback(move |observer| {
            read(&mut |number, attributes| observer.observe(number, attributes));
        })
        .build();
}

/// As [`counter`], with fractions.
pub(super) fn float_counter(
    meter: &Meter,
    metric: Name,
    read: impl Fn(Observe<'_, f64>) + Send + Sync + 'static,
) {
    let Name { name, unit, description } = metric;
    let builder = meter.f64_observable_counter(name).with_unit(unit);
    let _registered = builder
        .with_description(description)
        .with_callback(move |observer| {
            read(&mut |number, attributes| observer.observe(number, attributes));
        })
        .build();
}

/// A number that goes up and down.
pub(super) fn gauge(
    meter: &Meter,
    metric: Name,
    read: impl Fn(Observe<'_, i64>) + Send + Sync + 'static,
) {
    let Name { name, unit, description } = metric;
    let builder = meter.i64_observable_gauge(name).with_unit(unit);
    let _registered = builder
        .with_description(description)
        .with_callback(move |observer| {
            read(&mut |number, attributes| observer.observe(number, attributes));
        })
        .build();
}
