//! Requests that upstream's test builders make, in both encodings.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Signal, Telemetry};

fn vectors() -> Vec<(Signal, PathBuf)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut vectors = Vec::new();
    for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
        for file in fs::read_dir(data.join(signal.to_string())).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "json") {
                vectors.push((signal, file));
            }
        }
    }
    assert_eq!(vectors.len(), 15);
    vectors
}

#[test]
fn json_and_protobuf_say_the_same() {
    for (signal, file) in vectors() {
        let json = Telemetry::from_json(signal, &fs::read(&file).unwrap()).unwrap();
        let protobuf = fs::read(file.with_extension("pb")).unwrap();
        let protobuf = Telemetry::from_otlp(signal, protobuf.into()).unwrap();
        assert_eq!(json.item_count(), protobuf.item_count());
        let (a, b) = (json.to_json(), protobuf.to_json());
        assert_eq!(a, b, "{}", file.display());
        let again = Telemetry::from_json(signal, &a).unwrap();
        assert_eq!(again.to_json(), a);
    }
}
