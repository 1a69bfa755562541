//! What users write.

use std::time::Duration;

use config::{Optional, Problems, Section, Validate};
use exporter_helper::{QueueConfig, RetryConfig};
use net::compression::Algorithm;
use net::http::uri::{Authority, Scheme};
use net::settings::{ClientConfig, Compression};

/// Settings of the `otlp_grpc` exporter.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported(
    "auth",
    "authority",
    "balancer_name",
    "keepalive",
    "middlewares",
    "read_buffer_size",
    "user_agent",
    "wait_for_ready",
    "write_buffer_size"
))]
pub struct Config {
    /// The backend: `host:port`, `http://host:port`, `https://host:port` or `dns:///host:port`. Required.
    ///
    /// `https` insists on TLS, `http` does not turn it off: that takes `tls::insecure`.
    pub endpoint: String,
    /// How long one attempt may take. `0` sets no limit. Default: `5s`.
    pub timeout: Duration,
    /// `gzip`, `zstd`, `snappy` or `none`. Default: `gzip`.
    pub compression: Compression,
    /// TLS and headers.
    #[section(flatten)]
    pub client: ClientConfig,
    /// The queue before the network. On unless it is turned off.
    pub sending_queue: Optional<QueueConfig>,
    /// Repeating failed requests.
    pub retry_on_failure: RetryConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            timeout: Duration::from_secs(5),
            compression: Compression::Gzip,
            client: ClientConfig::default(),
            sending_queue: Optional::Some(QueueConfig::default()),
            retry_on_failure: RetryConfig::default(),
        }
    }
}

/// Why an endpoint is none. The texts are upstream's.
const EMPTY: &str = "requires a non-empty \"endpoint\"";

impl Config {
    /// How messages are compressed.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        match self.compression {
            // gRPC's snappy is the framed one.
            Compression::Snappy => Some(Algorithm::SnappyFramed),
            other => other.encoding().algorithm(),
        }
    }

    /// The server and how to speak to it.
    pub(crate) fn target(&self) -> Result<(Scheme, Authority), String> {
        let endpoint = self.endpoint.as_str();
        let (scheme, rest) = match endpoint.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => (Some(scheme), rest),
            Some(("dns", rest)) => (None, rest.trim_start_matches('/')),
            Some(("passthrough", rest)) => (None, rest.trim_start_matches('/')),
            Some(("unix", "")) => return Err("unix socket path cannot be empty".to_owned()),
            Some(("unix", _)) => return Err("unix sockets are not supported yet".to_owned()),
            Some((other, _)) => return Err(format!("scheme {other} is not supported")),
            None => (None, endpoint),
        };
        let rest = rest.trim_end_matches('/');
        if rest.is_empty() {
            return Err(EMPTY.to_owned());
        }
        if rest.contains('@') {
            // It would not be sent, but would be shown in errors.
            return Err("a user in the address is not supported".to_owned());
        }
        let host_ends = rest.rfind(']').unwrap_or(0);
        match rest.rsplit_once(':').filter(|(host, _)| host.len() > host_ends) {
            None => return Err(format!("address {rest}: missing port in address")),
            Some((_, port)) if port.parse::<u16>().is_err() => {
                return Err(format!("invalid port \"{port}\""));
            }
            Some(_) => {}
        }
        let authority = rest.parse().map_err(|_| format!("address {rest}: no host and port"))?;
        let tls = &self.client.tls;
        let plain = scheme != Some("https") && tls.insecure && !tls.tls.has_authorities();
        Ok((if plain { Scheme::HTTP } else { Scheme::HTTPS }, authority))
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if let Err(message) = self.target() {
            problems.add("endpoint", message);
        }
        if let Compression::SnappyFramed
        | Compression::Zlib
        | Compression::Deflate
        | Compression::Lz4 = self.compression
        {
            problems.add("compression", "gRPC knows gzip, zstd, snappy and none");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(endpoint: &str, insecure: bool) -> Result<String, String> {
        let mut config = Config { endpoint: endpoint.to_owned(), ..Config::default() };
        config.client.tls.insecure = insecure;
        config.target().map(|(scheme, authority)| format!("{scheme}://{authority}"))
    }

    #[test]
    fn the_scheme_can_demand_tls_and_only_the_option_can_turn_it_off() {
        assert_eq!(target("h:1", false).unwrap(), "https://h:1");
        assert_eq!(target("h:1", true).unwrap(), "http://h:1");
        assert_eq!(target("http://h:1", false).unwrap(), "https://h:1");
        assert_eq!(target("https://h:1", true).unwrap(), "https://h:1");
        assert_eq!(target("dns:///h:1", true).unwrap(), "http://h:1");
        assert_eq!(target("[::1]:4317", true).unwrap(), "http://[::1]:4317");
    }

    #[test]
    fn a_bad_endpoint_is_refused_in_upstreams_words() {
        for empty in ["", "http://", "https://"] {
            assert_eq!(target(empty, true).unwrap_err(), EMPTY);
        }
        assert!(target("example.com", true).unwrap_err().contains("missing port in address"));
        assert!(target("[::1]", true).unwrap_err().contains("missing port in address"));
        assert!(target("example.com:port", true).unwrap_err().contains("invalid port \"port\""));
        assert_eq!(target("unix://", true).unwrap_err(), "unix socket path cannot be empty");
    }
}
