//! What users write.

use config::{Problems, Section, Validate};
use net::settings::HttpServerConfig;

/// Settings of the `zpages` extension.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Config {
    /// The server. Default endpoint: `localhost:55679`.
    #[section(flatten)]
    pub server: HttpServerConfig,
    /// Go's variables. There are none here.
    pub expvar: Expvar,
}

/// Go's variables.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct Expvar {
    /// Must be `false`.
    pub enabled: bool,
}

impl Validate for Expvar {
    fn validate(&self, problems: &mut Problems) {
        if self.enabled {
            problems.not_supported("enabled");
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { server: HttpServerConfig::for_pages("localhost:55679"), expvar: Expvar::default() }
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        self.server.check_pages(problems);
        if self.server.endpoint.is_empty() {
            let message = "\"endpoint\" is required when using the \"zpages\" extension";
            problems.add("endpoint", message);
        }
    }
}
