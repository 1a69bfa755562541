//! The gRPC server's section, upstream's `configgrpc.ServerConfig`.

use std::num::NonZeroU32;
use std::time::Duration;

use config::{Optional, Problems, Section, Validate};

use super::{DialerConfig, Transport, check_buffer, check_listen};
use crate::settings::limit;
use crate::tls::{ServerTlsConfig, TlsError};
use crate::{ServerOptions, Speaks, tls};

/// A gRPC server. The default has no endpoint.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("auth", "middlewares"))]
pub struct GrpcServerConfig {
    /// Address to listen at, `host:port`; an empty host is every address of the machine. For `unix` the path of the socket.
    pub endpoint: String,
    /// `tcp`, `tcp4`, `tcp6` or `unix`. Default: `tcp`.
    pub transport: Transport,
    /// Settings of a client. They have no effect.
    pub dialer: DialerConfig,
    /// TLS. Off unless the section is there.
    pub tls: Optional<ServerTlsConfig>,
    /// The longest message that is taken, decompressed, in MiB. Default: `0`, which means 4.
    pub max_recv_msg_size_mib: i64,
    /// How many requests one connection may have open. Default: `0`, which means any number.
    pub max_concurrent_streams: u32,
    /// How many bytes are read of a connection at once. The default leaves it to the agent, which takes less and grows with
    /// need. Default: `524288`.
    pub read_buffer_size: i64,
    /// How many bytes of answers are gathered before they are written. Default: `0`, which leaves it to the agent.
    pub write_buffer_size: i64,
    /// When clients are asked whether they are still there, and when connections end.
    pub keepalive: Optional<ServerKeepaliveConfig>,
    /// Whether components learn what headers a request had. Default: `false`.
    pub include_metadata: bool,
}

/// Keepalive of a server.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct ServerKeepaliveConfig {
    /// What the server does.
    pub server_parameters: Optional<ServerParameters>,
    /// What clients may do.
    pub enforcement_policy: Optional<EnforcementPolicy>,
}

impl Validate for ServerKeepaliveConfig {}

/// When a server ends connections.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct ServerParameters {
    /// For how long a connection may be without a request. Default: `0s`, which means for ever.
    pub max_connection_idle: Duration,
    /// For how long a connection may last, give or take a tenth; then its client is told to make a new one. Default: `0s`,
    /// which means for ever.
    pub max_connection_age: Duration,
    /// For how long requests may go on after `max_connection_age`. Default: `0s`, which means until they are answered.
    pub max_connection_age_grace: Duration,
    /// After how much silence a client is asked whether it is still there. Default: `0s`, which means `2h`.
    pub time: Duration,
    /// How long it may take to answer. Then the connection is given up. Default: `0s`, which means `20s`.
    pub timeout: Duration,
}

impl Validate for ServerParameters {}

/// How often clients may ask whether the server is still there. Nobody is punished for asking, so this has no effect.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct EnforcementPolicy {
    /// No effect. Default: `0s`, which means `5m`.
    pub min_time: Duration,
    /// No effect. Default: `false`.
    pub permit_without_stream: bool,
}

impl Validate for EnforcementPolicy {}

/// What gRPC takes when nothing else is said.
const DEFAULT_MESSAGE_MIB: usize = 4;
/// More than this does not fit into gRPC's length.
const MOST_MESSAGE_MIB: i64 = 4095;
/// Upstream's default. Whoever writes it gets what is there without it.
const DEFAULT_READ_BUFFER: i64 = 512 << 10;
/// gRPC's own defaults.
const PING_AFTER: Duration = Duration::from_secs(2 * 60 * 60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

impl Default for GrpcServerConfig {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            transport: Transport::Tcp,
            dialer: DialerConfig::default(),
            tls: Optional::None,
            max_recv_msg_size_mib: 0,
            max_concurrent_streams: 0,
            read_buffer_size: DEFAULT_READ_BUFFER,
            write_buffer_size: 0,
            keepalive: Optional::None,
            include_metadata: false,
        }
    }
}

impl GrpcServerConfig {
    /// The longest message in bytes.
    pub fn message_limit(&self) -> usize {
        let mib = usize::try_from(self.max_recv_msg_size_mib).ok().filter(|mib| *mib > 0);
        mib.unwrap_or(DEFAULT_MESSAGE_MIB) << 20
    }

    /// What a server needs to know of it.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub fn server_options(&self) -> Result<ServerOptions, TlsError> {
        let tls = self.tls.get().map(|tls| tls::server(tls, &["h2"])).transpose()?;
        let keepalive =
            self.keepalive.get().and_then(|keepalive| keepalive.server_parameters.get());
        let keepalive = keepalive.cloned().unwrap_or_default();
        let bytes = |bytes: i64| usize::try_from(bytes).ok().filter(|bytes| *bytes > 0);
        Ok(ServerOptions {
            tls,
            max_concurrent_streams: NonZeroU32::new(self.max_concurrent_streams)
                .map(NonZeroU32::get),
            read_buffer: bytes(self.read_buffer_size)
                .filter(|_| self.read_buffer_size != DEFAULT_READ_BUFFER),
            write_buffer: bytes(self.write_buffer_size),
            idle_timeout: limit(keepalive.max_connection_idle),
            max_age: limit(keepalive.max_connection_age),
            max_age_grace: limit(keepalive.max_connection_age_grace),
            ping_after: Some(limit(keepalive.time).unwrap_or(PING_AFTER)),
            ping_timeout: limit(keepalive.timeout).unwrap_or(PING_TIMEOUT),
            ..ServerOptions::new(Speaks::Grpc)
        })
    }

    /// Options that are set and have no effect, with the reason.
    pub fn without_effect(&self) -> Vec<(&'static str, &'static str)> {
        let policy = self.keepalive.get().and_then(|keepalive| keepalive.enforcement_policy.get());
        let options = [
            (
                policy.is_some_and(|policy| *policy != EnforcementPolicy::default()),
                "keepalive::enforcement_policy",
                "clients may ask whether the server is still there as often as they like",
            ),
            (!self.dialer.timeout.is_zero(), "dialer::timeout", "a server makes no connections"),
        ];
        let set = options.into_iter().filter(|(is_set, ..)| *is_set);
        set.map(|(_, option, reason)| (option, reason)).collect()
    }
}

impl Validate for GrpcServerConfig {
    fn validate(&self, problems: &mut Problems) {
        check_listen(self.transport, &self.endpoint, problems);
        if !(0..=MOST_MESSAGE_MIB).contains(&self.max_recv_msg_size_mib) {
            let message = format!(
                "invalid max_recv_msg_size_mib value, must be between 1 and {MOST_MESSAGE_MIB}"
            );
            problems.add("max_recv_msg_size_mib", message);
        }
        check_buffer("read_buffer_size", self.read_buffer_size, problems);
        check_buffer("write_buffer_size", self.write_buffer_size, problems);
    }
}
