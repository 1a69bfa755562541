//! Any text is a plan or a list of problems, and a plan can be checked.
#![no_main]

use collector::{BuildInfo, Collector, Registry};
use config::{Document, Environment};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let environment = Environment::empty().with("NAME", "value").with("NUMBER", "7");
    let Ok(document) = Document::from_text(text, "fuzz.yaml", &environment) else { return };
    let registry = Registry::new()
        .receiver(otlp_receiver::Factory)
        .receiver(hostmetrics_receiver::Factory)
        .processor(batch_processor::Factory)
        .exporter(debug_exporter::Factory)
        .exporter(otlp_grpc_exporter::Factory)
        .exporter(otlp_http_exporter::Factory);
    match collector::plan(&document, &registry) {
        Ok(plan) => {
            let build = BuildInfo {
                command: "fuzz".into(),
                description: "fuzz".into(),
                version: "0".into(),
            };
            if let Err(problems) = Collector::new(build).check(&plan) {
                assert!(!problems.to_string().is_empty());
            }
        }
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
});
