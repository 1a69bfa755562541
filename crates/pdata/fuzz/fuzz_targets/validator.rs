//! The validator takes what `prost` takes, and what it lets in means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use pdata::{Signal, Telemetry};
use prost::Message;

fuzz_target!(|input: &[u8]| {
    let Some((&first, body)) = input.split_first() else { return };
    match first % 3 {
        0 => check::<ExportTraceServiceRequest>(Signal::Traces, body),
        1 => check::<ExportMetricsServiceRequest>(Signal::Metrics, body),
        _ => check::<ExportLogsServiceRequest>(Signal::Logs, body),
    }
});

fn check<M: Message + Default>(signal: Signal, body: &[u8]) {
    let decoded = M::decode(body);
    let telemetry = Telemetry::from_otlp(signal, body.to_vec().into());
    match (decoded, telemetry) {
        (Ok(decoded), Ok(telemetry)) => {
            // Scope groups of before OTLP 0.15 are unknown to prost.
            let old = body.windows(2).any(|window| window == [0xc2, 0x3e]);
            let out = M::decode(telemetry.to_otlp()).expect("what was let in is valid");
            assert!(old || out.encode_to_vec() == decoded.encode_to_vec());
            assert_eq!(telemetry.replaced_texts(), 0);
        }
        (Err(_), Ok(telemetry)) => {
            // The text was replaced, or it was in a field that a later one replaces.
            assert!(telemetry.to_otlp().into_bytes() != body);
            M::decode(telemetry.to_otlp()).expect("what was let in is valid");
        }
        (Ok(_), Err(error)) => {
            let text = error.to_string();
            let old = body.windows(2).any(|window| window == [0xc2, 0x3e]);
            assert!(old || text.contains("an id has the wrong length"), "{text}");
        }
        (Err(_), Err(_)) => {}
    }
}
