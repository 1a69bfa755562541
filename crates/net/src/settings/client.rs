//! Sections of clients.

mod compression;
mod grpc;
mod http;

use config::{Headers, Problems, Section, Validate};

pub use self::compression::{Compression, CompressionParams};
pub use self::grpc::{Balancer, GrpcClientConfig, KeepaliveConfig};
pub use self::http::{CookiesConfig, HttpClientConfig};
use super::check_headers;
use crate::tls::ClientTlsConfig;

/// The TLS and header options that the HTTP and the gRPC client share.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct ClientConfig {
    /// TLS: authorities, certificate, verification.
    pub tls: ClientTlsConfig,
    /// Headers that every request gets. The values are secret.
    pub headers: Headers,
}

impl Validate for ClientConfig {
    fn validate(&self, problems: &mut Problems) {
        check_headers("headers", &self.headers, problems);
    }
}

impl ClientConfig {
    /// Refuses to send the agent's API key where it can be read on its way: over plain http to another host. `allow` is what
    /// the agent's `allow-insecure-endpoint` says.
    ///
    /// # Errors
    ///
    /// What is wrong with the endpoint.
    pub fn protect_key(&self, scheme: &str, host: &str, allow: bool) -> Result<(), &'static str> {
        let is_plain = scheme.eq_ignore_ascii_case("http") && !is_loopback(host);
        match self.headers.is_tainted() && is_plain && !allow {
            true => Err(
                "endpoint: would send the API key over plain http to another host; use https, or set the agent's allow-insecure-endpoint",
            ),
            false => Ok(()),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// More than this at once is of no use to anybody.
const LARGEST_BUFFER: usize = 64 << 20;

fn check_buffers(read: usize, write: usize, problems: &mut Problems) {
    for (field, bytes) in [("read_buffer_size", read), ("write_buffer_size", write)] {
        if bytes > LARGEST_BUFFER {
            problems.add(field, format!("must be at most {LARGEST_BUFFER}"));
        }
    }
}
