//! The gRPC client's section, upstream's `configgrpc.ClientConfig` without its endpoint.

use std::time::Duration;

use config::{Optional, Problems, Section, Validate};
use http::HeaderValue;
use http::uri::Authority;

use super::{ClientConfig, Compression, check_buffers};
use crate::Keepalive;
use crate::compression::Algorithm;

/// A gRPC client.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("auth", "middlewares"))]
pub struct GrpcClientConfig {
    /// TLS and headers.
    #[section(flatten)]
    pub client: ClientConfig,
    /// `gzip`, `zstd`, `snappy` or `none`. Default: `gzip`.
    pub compression: Compression,
    /// What the server is told that it is called, and what its certificate must then be for. Default: what the endpoint says.
    pub authority: String,
    /// What the server is told about who calls. Default: name, version and platform of the agent.
    pub user_agent: String,
    /// `round_robin` uses all addresses of the server's name in turn, `pick_first` the first that answers. Default:
    /// `round_robin`.
    pub balancer_name: Balancer,
    /// Whether a request waits for a connection until its time-out, or fails when there is none to be had. Default: `false`.
    pub wait_for_ready: bool,
    /// Asks the server whether it is still there. Off unless the section is there.
    pub keepalive: Optional<KeepaliveConfig>,
    /// How many bytes are read of a connection at once. Default: `0`, which leaves it to the agent.
    pub read_buffer_size: usize,
    /// How many bytes of a request are gathered before they are written. `0` leaves it to the agent. Default: `524288`.
    pub write_buffer_size: usize,
}

/// How requests are spread over the addresses of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
pub enum Balancer {
    /// Each address in turn.
    #[default]
    RoundRobin,
    /// The first that answers.
    PickFirst,
}

/// How the server is asked whether it is still there.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct KeepaliveConfig {
    /// After how much silence it is asked; less than `10s` is `10s`. Default: `0s`, which means never.
    pub time: Duration,
    /// How long it may take to answer. Then the connection is given up. Default: `0s`, which means `20s`.
    pub timeout: Duration,
    /// Whether it is asked while no request is under way. Default: `false`.
    pub permit_without_stream: bool,
}

impl Validate for KeepaliveConfig {}

/// The least time between two questions, and the time for an answer that is not given one. grpc-go's numbers.
const LEAST_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

impl KeepaliveConfig {
    fn keepalive(&self) -> Option<Keepalive> {
        let timeout = if self.timeout.is_zero() { PING_TIMEOUT } else { self.timeout };
        let interval = self.time.max(LEAST_INTERVAL);
        let keepalive = Keepalive { interval, timeout, while_idle: self.permit_without_stream };
        (!self.time.is_zero()).then_some(keepalive)
    }
}

impl Default for GrpcClientConfig {
    fn default() -> Self {
        Self {
            client: ClientConfig::default(),
            compression: Compression::Gzip,
            authority: String::new(),
            user_agent: String::new(),
            balancer_name: Balancer::RoundRobin,
            wait_for_ready: false,
            keepalive: Optional::None,
            read_buffer_size: 0,
            write_buffer_size: 512 << 10,
        }
    }
}

impl Validate for GrpcClientConfig {
    fn validate(&self, problems: &mut Problems) {
        check_buffers(self.read_buffer_size, self.write_buffer_size, problems);
        let is_authority = |text: &str| text.parse::<Authority>().is_ok() && !text.contains('@');
        if !self.authority.is_empty() && !is_authority(&self.authority) {
            problems.add("authority", "must be a host, with or without a port");
        }
        if let Compression::SnappyFramed
        | Compression::Zlib
        | Compression::Deflate
        | Compression::Lz4 = self.compression
        {
            problems.add("compression", "gRPC knows gzip, zstd, snappy and none");
        }
        if HeaderValue::try_from(&self.user_agent).is_err() {
            problems.add("user_agent", "cannot be sent in a header");
        }
    }
}

impl GrpcClientConfig {
    /// How messages are compressed.
    pub fn algorithm(&self) -> Option<Algorithm> {
        match self.compression {
            // gRPC's snappy is the framed one.
            Compression::Snappy => Some(Algorithm::SnappyFramed),
            other => other.encoding().algorithm(),
        }
    }

    /// Whether and how the server is asked if it is still there.
    pub fn keepalive(&self) -> Option<Keepalive> {
        self.keepalive.get()?.keepalive()
    }

    /// How many bytes are gathered before they are written.
    pub fn write_buffer(&self) -> Option<usize> {
        Some(self.write_buffer_size).filter(|bytes| *bytes > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_not_asked_too_often_and_not_at_all_without_a_time() {
        let keepalive = |time, timeout| {
            let [time, timeout] = [time, timeout].map(Duration::from_secs);
            let config = KeepaliveConfig { time, timeout, permit_without_stream: true };
            config.keepalive().map(|it| (it.interval.as_secs(), it.timeout.as_secs()))
        };
        assert_eq!(keepalive(0, 5), None);
        assert_eq!(keepalive(1, 0), Some((10, 20)));
        assert_eq!(keepalive(30, 5), Some((30, 5)));
    }
}
