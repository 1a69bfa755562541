//! Sections of servers.

mod cors;
mod encoding;
mod grpc;
mod http;

use std::time::Duration;

use config::{Problems, Section, Validate};

pub use self::cors::CorsConfig;
pub use self::encoding::Encoding;
pub use self::grpc::{
    EnforcementPolicy, GrpcServerConfig, ServerKeepaliveConfig, ServerParameters,
};
pub use self::http::HttpServerConfig;

/// How a server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
#[section(not_supported("npipe", "unixgram", "unixpacket"))]
pub enum Transport {
    /// TCP, over IPv4 or IPv6.
    #[default]
    Tcp,
    /// TCP over IPv4 alone.
    Tcp4,
    /// TCP over IPv6 alone.
    Tcp6,
    /// A socket in the file system. Not on Windows.
    Unix,
}

/// Settings of a client that upstream's servers have, too.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct DialerConfig {
    /// Without effect, as upstream: a server makes no connections. Default: `0s`.
    pub timeout: Duration,
}

impl Validate for DialerConfig {}

fn check_listen(transport: Transport, endpoint: &str, problems: &mut Problems) {
    if transport == Transport::Unix {
        if cfg!(not(unix)) {
            problems.add("transport", "`unix` is not supported on this system");
        }
        if endpoint.is_empty() {
            problems.add("endpoint", "must be the path of a socket");
        }
        return;
    }
    let port = endpoint.rsplit_once(':').map(|(_, port)| port.parse::<u16>().is_ok());
    match port {
        Some(true) => {}
        Some(false) => problems.add("endpoint", "must end in a port number"),
        None => problems.add("endpoint", "must be host:port"),
    }
}

/// A number of bytes that upstream allows to be signed.
fn check_buffer(field: &str, bytes: i64, problems: &mut Problems) {
    if bytes < 0 {
        problems.add(field, format!("invalid {field} value: {bytes}"));
    }
}
