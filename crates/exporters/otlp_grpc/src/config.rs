//! What users write.

use std::time::Duration;

use config::{Optional, Problems, Section, Validate};
use exporter_helper::{QueueConfig, RetryConfig};
use net::Peer;
use net::http::uri::Authority;
use net::settings::GrpcClientConfig;

/// Settings of the `otlp_grpc` exporter.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Config {
    /// The backend: `host:port`, `http://host:port`, `https://host:port`, `dns:///host:port`, `passthrough:///host:port` or
    /// `unix:///path`. Required.
    ///
    /// `https` insists on TLS, `http` does not turn it off: that takes `tls::insecure`.
    pub endpoint: String,
    /// How long one attempt may take. `0` sets no limit. Default: `5s`.
    pub timeout: Duration,
    /// Everything about connections, TLS, headers and compression.
    #[section(flatten)]
    pub grpc: GrpcClientConfig,
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
            grpc: GrpcClientConfig::default(),
            sending_queue: Optional::Some(QueueConfig::default()),
            retry_on_failure: RetryConfig::default(),
        }
    }
}

/// Why an endpoint is none. The texts are upstream's.
const EMPTY: &str = "requires a non-empty \"endpoint\"";

impl Config {
    /// The server and how to speak to it.
    pub(crate) fn target(&self) -> Result<Target, String> {
        let (scheme, rest) = split_scheme(&self.endpoint)?;
        let peer = match scheme {
            Some("unix") => socket(rest)?,
            _ => host(rest)?,
        };
        let tls = &self.grpc.client.tls;
        let is_plain = scheme != Some("https") && tls.insecure && !tls.tls.has_authorities();
        Ok(Target { peer, is_secure: !is_plain })
    }

    /// Where data goes, as attributes.
    pub(crate) fn destination(&self) -> Vec<(&'static str, String)> {
        match self.target().map(|target| target.peer) {
            Ok(Peer::Host { name, port }) => {
                vec![("server.address", name), ("server.port", port.to_string())]
            }
            Ok(Peer::Socket(path)) => vec![("server.address", path.display().to_string())],
            // The start says what is wrong with it.
            Err(_) => Vec::new(),
        }
    }
}

/// The scheme, and what comes after it.
fn split_scheme(endpoint: &str) -> Result<(Option<&str>, &str), String> {
    // `unix:relative/path` has no slashes after its scheme.
    if let Some(path) = endpoint.strip_prefix("unix:") {
        return Ok((Some("unix"), path.strip_prefix("//").unwrap_or(path)));
    }
    match endpoint.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => Ok((Some(scheme), rest)),
        Some((scheme @ ("dns" | "passthrough"), rest)) => match rest.strip_prefix('/') {
            Some(rest) => Ok((Some(scheme), rest)),
            None => {
                Err(format!("{scheme}://{rest}: a name server of its own is not supported yet"))
            }
        },
        Some((other, _)) => Err(format!("scheme {other} is not supported")),
        None => Ok((None, endpoint.strip_prefix("dns:").unwrap_or(endpoint))),
    }
}

fn socket(path: &str) -> Result<Peer, String> {
    match path {
        "" => Err("unix socket path cannot be empty".to_owned()),
        _ if cfg!(unix) => Ok(Peer::Socket(path.into())),
        _ => Err("unix sockets are not supported on this system".to_owned()),
    }
}

fn host(text: &str) -> Result<Peer, String> {
    let text = text.trim_end_matches('/');
    if text.is_empty() {
        return Err(EMPTY.to_owned());
    }
    if text.contains('@') {
        // It would not be sent, but would be shown in errors.
        return Err("a user in the address is not supported".to_owned());
    }
    let host_ends = text.rfind(']').unwrap_or(0);
    let Some((name, port)) = text.rsplit_once(':').filter(|(host, _)| host.len() > host_ends)
    else {
        return Err(format!("address {text}: missing port in address"));
    };
    let port = port.parse().map_err(|_| format!("invalid port \"{port}\""))?;
    let authority: Result<Authority, _> = text.parse();
    authority.map_err(|_| format!("address {text}: no host and port"))?;
    let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Peer::Host { name, port })
}

/// A server and whether it is spoken to with TLS.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) peer: Peer,
    pub(crate) is_secure: bool,
}

impl Target {
    /// The scheme of a URL that means the same, and the host's name.
    pub(crate) fn scheme_and_host(&self) -> (&'static str, &str) {
        let scheme = if self.is_secure { "https" } else { "http" };
        match &self.peer {
            Peer::Host { name, .. } => (scheme, name),
            Peer::Socket(_) => (scheme, LOCAL),
        }
    }

    /// What the server is told that it is called.
    pub(crate) fn authority(&self) -> Authority {
        let text = match &self.peer {
            host @ Peer::Host { .. } => host.to_string(),
            Peer::Socket(_) => LOCAL.to_owned(),
        };
        text.parse().expect("checked with the configuration")
    }
}

/// The name of a server behind a socket in the file system, as grpc-go has it.
const LOCAL: &str = "localhost";

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if let Err(message) = self.target() {
            problems.add("endpoint", message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(endpoint: &str, insecure: bool) -> Result<String, String> {
        let mut config = Config { endpoint: endpoint.to_owned(), ..Config::default() };
        config.grpc.client.tls.insecure = insecure;
        let target = config.target()?;
        Ok(format!("{}://{}", target.scheme_and_host().0, target.peer))
    }

    #[test]
    fn the_scheme_can_demand_tls_and_only_the_option_can_turn_it_off() {
        assert_eq!(target("h:1", false).unwrap(), "https://h:1");
        assert_eq!(target("h:1", true).unwrap(), "http://h:1");
        assert_eq!(target("http://h:1", false).unwrap(), "https://h:1");
        assert_eq!(target("https://h:1", true).unwrap(), "https://h:1");
        assert_eq!(target("dns:///h:1", true).unwrap(), "http://h:1");
        assert_eq!(target("dns:h:1", true).unwrap(), "http://h:1");
        assert_eq!(target("passthrough:///h:1", true).unwrap(), "http://h:1");
        assert_eq!(target("[::1]:4317", true).unwrap(), "http://[::1]:4317");
    }

    #[test]
    fn a_destination_is_a_host_and_its_port() {
        let config = Config { endpoint: "dns:///[::1]:4317".to_owned(), ..Config::default() };
        let attributes = [("server.address", "::1".to_owned()), ("server.port", "4317".to_owned())];
        assert_eq!(config.destination(), attributes);
    }

    #[test]
    fn a_bad_endpoint_is_refused_in_upstreams_words() {
        for empty in ["", "http://", "https://"] {
            assert_eq!(target(empty, true).unwrap_err(), EMPTY);
        }
        assert!(target("example.com", true).unwrap_err().contains("missing port in address"));
        assert!(target("[::1]", true).unwrap_err().contains("missing port in address"));
        assert!(target("example.com:port", true).unwrap_err().contains("invalid port \"port\""));
        for empty in ["unix://", "unix:"] {
            assert_eq!(target(empty, true).unwrap_err(), "unix socket path cannot be empty");
        }
        assert!(target("dns://8.8.8.8/h:1", true).unwrap_err().contains("not supported yet"));
        assert!(target("xds:///h:1", true).unwrap_err().contains("not supported"));
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_in_the_file_system_is_called_localhost() {
        assert_eq!(target("unix:///run/otlp", true).unwrap(), "http://unix:/run/otlp");
        assert_eq!(target("unix:run/otlp", true).unwrap(), "http://unix:run/otlp");
        let config = Config { endpoint: "unix:/run/otlp".to_owned(), ..Config::default() };
        assert_eq!(config.target().unwrap().authority(), "localhost");
    }
}
