//! What is read from JSON comes back from JSON as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pdata::{Signal, Telemetry};

fuzz_target!(|input: &[u8]| {
    let Some((&first, text)) = input.split_first() else { return };
    let signal = [Signal::Traces, Signal::Metrics, Signal::Logs][usize::from(first % 3)];
    let Ok(telemetry) = Telemetry::from_json(signal, text) else { return };
    let json = telemetry.to_json();
    let again = match Telemetry::from_json(signal, &json) {
        Ok(again) => again,
        // A message that is always written can be one level deeper than what was read.
        Err(error) => {
            let source = std::error::Error::source(&error).expect("it has one").to_string();
            assert!(source.contains("recursion limit exceeded"), "{source}");
            return;
        }
    };
    assert_eq!(again.to_json(), json);
    assert_eq!(again.item_count(), telemetry.item_count());
});
