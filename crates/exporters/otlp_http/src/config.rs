//! What users write.

use std::collections::HashSet;
use std::time::Duration;

use component::Signal;
use config::{Optional, Problems, Section, Validate};
use exporter_helper::{QueueConfig, RetryConfig};
use net::http::Uri;
use net::http::uri::Authority;
use net::settings::HttpClientConfig;
use net::without_brackets;

/// Settings of the `otlp_http` exporter.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("profiles_endpoint"))]
pub struct Config {
    /// Base URL of the backend. Each signal's path is added: `http://h:4318` gives `http://h:4318/v1/traces`.
    pub endpoint: String,
    /// URL for traces, used as it is.
    pub traces_endpoint: String,
    /// URL for metrics, used as it is.
    pub metrics_endpoint: String,
    /// URL for logs, used as it is.
    pub logs_endpoint: String,
    /// `proto` or `json`. Default: `proto`.
    pub encoding: Encoding,
    /// How long one attempt may take, the answer included. `0` sets no limit. Default: `30s`.
    pub timeout: Duration,
    /// Everything about connections, TLS, headers and compression.
    #[section(flatten)]
    pub http: HttpClientConfig,
    /// The queue before the network. On unless it is turned off.
    pub sending_queue: Optional<QueueConfig>,
    /// Repeating failed requests.
    pub retry_on_failure: RetryConfig,
}

/// How telemetry is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
pub enum Encoding {
    /// Protobuf.
    #[default]
    Proto,
    /// JSON.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            traces_endpoint: String::new(),
            metrics_endpoint: String::new(),
            logs_endpoint: String::new(),
            encoding: Encoding::Proto,
            timeout: Duration::from_secs(30),
            http: HttpClientConfig::default(),
            sending_queue: Optional::Some(QueueConfig::default()),
            retry_on_failure: RetryConfig::default(),
        }
    }
}

impl Config {
    /// The URL for a signal, if there is one.
    pub(crate) fn url(&self, signal: Signal) -> Option<String> {
        let (own, path) = match signal {
            Signal::Traces => (&self.traces_endpoint, "v1/traces"),
            Signal::Metrics => (&self.metrics_endpoint, "v1/metrics"),
            Signal::Logs => (&self.logs_endpoint, "v1/logs"),
        };
        match (own.is_empty(), self.endpoint.is_empty()) {
            (false, _) => Some(own.clone()),
            (true, false) => {
                let base = self.endpoint.strip_suffix('/').unwrap_or(&self.endpoint);
                Some(format!("{base}/{path}"))
            }
            (true, true) => None,
        }
    }

    /// Where a signal goes, as attributes.
    pub(crate) fn destination(&self, signal: Signal) -> Vec<(&'static str, String)> {
        let url = self.url(signal).and_then(|url| url.parse::<Uri>().ok());
        let Some(url) = url else { return Vec::new() };
        let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
        let host = without_brackets(url.host().unwrap_or_default());
        vec![
            ("server.address", host.to_owned()),
            ("server.port", url.port_u16().unwrap_or(usual).to_string()),
            ("url.path", url.path().to_owned()),
        ]
    }

    /// How many hosts are sent to, as far as the configuration tells.
    pub(crate) fn hosts(&self) -> usize {
        let urls = [Signal::Traces, Signal::Metrics, Signal::Logs].map(|signal| self.url(signal));
        let uris = urls.iter().flatten().filter_map(|url| url.parse::<Uri>().ok());
        let hosts: HashSet<_> = uris.filter_map(|uri| uri.into_parts().authority).collect();
        hosts.len()
    }
}

/// Whether a user name, and perhaps a password, stands before the host. It would not be sent, but would be shown in errors.
fn has_user(authority: Authority) -> bool {
    authority.as_str().contains('@')
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        let endpoints = [
            ("endpoint", &self.endpoint),
            ("traces_endpoint", &self.traces_endpoint),
            ("metrics_endpoint", &self.metrics_endpoint),
            ("logs_endpoint", &self.logs_endpoint),
        ];
        if endpoints.iter().all(|(_, url)| url.is_empty()) {
            problems.add("", "at least one endpoint must be specified");
        }
        for (field, url) in endpoints.iter().filter(|(_, url)| !url.is_empty()) {
            let uri = url.parse::<Uri>().ok();
            let scheme = uri.as_ref().and_then(Uri::scheme_str);
            let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
            if !matches!(scheme, Some("http" | "https")) || host.is_empty() {
                problems.add(field, "must be an http or https URL with a host");
            } else if uri.and_then(|uri| uri.into_parts().authority).is_some_and(has_user) {
                problems.add(field, "a user in the URL is not supported yet: set `headers`");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_has_the_port_that_is_meant() {
        let config = Config {
            endpoint: "https://[::1]/base".to_owned(),
            logs_endpoint: "http://h:4318/x".to_owned(),
            ..Config::default()
        };
        let values = |signal| config.destination(signal).into_iter().map(|(_, value)| value);
        assert_eq!(values(Signal::Traces).collect::<Vec<_>>(), ["::1", "443", "/base/v1/traces"]);
        assert_eq!(values(Signal::Logs).collect::<Vec<_>>(), ["h", "4318", "/x"]);
    }
}
