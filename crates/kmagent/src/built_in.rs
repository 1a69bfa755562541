//! The collector configuration of a host that has none.

/// Host metrics every ten seconds, at once for the first time, where we have scrapers for the system.
const HOST: &str = "
  host_metrics:
    collection_interval: 10s
    initial_delay: 0s
    scrapers:
      cpu:
      disk:
      filesystem:
      load:
      memory:
      network:";

/// OTLP from local applications.
const APPLICATIONS: &str = "
  otlp:
    protocols:
      grpc:
      http:";

/// Shows everything on the terminal.
const TERMINAL: &str = "
  debug:
    verbosity: normal
    use_internal_logger: false";

/// Sends everything to the agent's collector endpoint.
const BACKEND: &str = "
  otlp_http:
    endpoint: ${env:KM_COLLECTOR_ENDPOINT}
    headers:
      Authorization: ${env:KM_API_KEY}";

/// The configuration for a host without a file: with an API key it sends to the backend, without one it shows.
pub(crate) fn configuration(has_api_key: bool) -> String {
    let (host, sources) = match cfg!(target_os = "linux") {
        true => (HOST, "host_metrics, otlp"),
        false => ("", "otlp"),
    };
    let (processors, batch, exporters, exporter) = match has_api_key {
        true => ("\nprocessors:\n  batch:", "batch", BACKEND, "otlp_http"),
        false => ("", "", TERMINAL, "debug"),
    };
    let pipeline = |receivers| {
        format!("{{receivers: [{receivers}], processors: [{batch}], exporters: [{exporter}]}}")
    };
    let (metrics, others) = (pipeline(sources), pipeline("otlp"));
    format!(
        "receivers:{host}{APPLICATIONS}{processors}\nexporters:{exporters}\nservice:\n  pipelines:\n    metrics: {metrics}\n    traces: {others}\n    logs: {others}\n"
    )
}

#[cfg(test)]
mod tests {
    use config::{Document, Environment};

    #[test]
    fn both_configurations_give_a_plan() {
        for has_api_key in [true, false] {
            let yaml = super::configuration(has_api_key);
            let environment = Environment::empty()
                .with("KM_COLLECTOR_ENDPOINT", "https://otel.example.com:4318")
                .with("KM_API_KEY", "key");
            let document = Document::from_text(&yaml, "built-in", &environment).unwrap();
            let plan = collector::plan(&document, &crate::components::registry()).unwrap();
            assert_eq!(plan.warnings(), [""; 0]);
        }
    }
}
