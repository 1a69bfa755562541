//! What users write.

use std::time::Duration;

use config::{Problems, Section, Validate};
use net::settings::HttpServerConfig;

/// Settings of the `health_check` extension.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("component_health", "grpc", "http"))]
pub struct Config {
    /// The server. Default endpoint: `localhost:13133`.
    #[section(flatten)]
    pub server: HttpServerConfig,
    /// The path that says whether the collector is ready. Default: `/`, which is every path but `/health`.
    pub path: String,
    /// What is answered, in place of JSON.
    pub response_body: ResponseBody,
    /// Accepted and without effect, as upstream: whether data is delivered stands under `/health`.
    pub check_collector_pipeline: CheckCollectorPipeline,
    /// Must be `false`: upstream's second version is not supported yet.
    pub use_v2: bool,
    /// For how long an exporter may fail before the collector counts as not delivering. Default: `5m`. This option is the
    /// agent's own.
    pub delivery_limit: Duration,
}

/// What is answered, in place of JSON.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct ResponseBody {
    /// When the collector is ready. Default: empty, which means JSON.
    pub healthy: String,
    /// When it is not. Default: empty, which means JSON.
    pub unhealthy: String,
}

impl Validate for ResponseBody {}

/// Upstream's settings for a check that was never made.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct CheckCollectorPipeline {
    /// No effect. Default: `false`.
    pub enabled: bool,
    /// No effect. Default: `5m`.
    pub interval: Duration,
    /// No effect. Default: `5`.
    pub exporter_failure_threshold: i64,
}

impl Default for CheckCollectorPipeline {
    fn default() -> Self {
        let interval = Duration::from_secs(5 * 60);
        Self { enabled: false, interval, exporter_failure_threshold: 5 }
    }
}

impl Validate for CheckCollectorPipeline {
    fn validate(&self, problems: &mut Problems) {
        if self.enabled && self.exporter_failure_threshold <= 0 {
            problems.add("exporter_failure_threshold", "expects a positive number");
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: HttpServerConfig::for_pages("localhost:13133"),
            path: "/".to_owned(),
            response_body: ResponseBody::default(),
            check_collector_pipeline: CheckCollectorPipeline::default(),
            use_v2: false,
            delivery_limit: Duration::from_secs(5 * 60),
        }
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        self.server.check_pages(problems);
        if self.server.endpoint.is_empty() {
            problems.add("endpoint", "http endpoint required");
        }
        if !self.path.starts_with('/') {
            problems.add("path", "path must start with /");
        }
        if self.use_v2 {
            problems.not_supported("use_v2");
        }
    }
}
