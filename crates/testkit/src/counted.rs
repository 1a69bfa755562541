//! What components have counted.

use component::Settings;
use component::meter::{Attributes, Instruments};

/// What was counted with the meters of these settings' process, sorted and without what is zero: `name{key=value} 3`, and of
/// histograms `name{key=value} 2 values, 15 in all`.
pub fn counted(settings: &Settings) -> Vec<String> {
    let instruments = settings.process.table::<Instruments>();
    let mut lines = Vec::new();
    instruments.visit(|instrument, attributes, number| {
        if number != 0 {
            lines.push(format!("{}{} {number}", instrument.name, labels(attributes)));
        }
    });
    instruments.visit_histograms(|instrument, attributes, buckets| {
        let (name, labels) = (instrument.name, labels(attributes));
        if buckets.count() > 0 {
            lines.push(format!(
                "{name}{labels} {} values, {} in all",
                buckets.count(),
                buckets.sum
            ));
        }
    });
    lines.sort_unstable();
    lines
}

fn labels(attributes: &Attributes) -> String {
    let pairs: Vec<_> = attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{{{}}}", pairs.join(","))
}
