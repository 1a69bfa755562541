//! Sections that servers and clients share, with upstream's option names (`confighttp`, `configgrpc`).

mod client;

use std::num::NonZeroU32;
use std::time::Duration;

use config::{Headers, Optional, Problems, Section, Validate};

pub use self::client::{
    Balancer, ClientConfig, Compression, CompressionParams, CookiesConfig, GrpcClientConfig,
    HttpClientConfig, KeepaliveConfig,
};
use crate::compression::Algorithm;
use crate::tls::ServerTlsConfig;

/// How a server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
#[section(not_supported("tcp4", "tcp6", "unix", "unixgram", "unixpacket", "npipe"))]
pub enum Transport {
    /// TCP, over IPv4 or IPv6.
    #[default]
    Tcp,
}

/// A gRPC server. The default has no endpoint.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported(
    "auth",
    "dialer",
    "include_metadata",
    "keepalive",
    "middlewares",
    "read_buffer_size",
    "write_buffer_size"
))]
pub struct GrpcServerConfig {
    /// Address to listen at, `host:port`. An empty host is every address of the machine.
    pub endpoint: String,
    /// `tcp`.
    pub transport: Transport,
    /// TLS. Off unless the section is there.
    pub tls: Optional<ServerTlsConfig>,
    /// The longest message that is taken, decompressed, in MiB. Default: `0`, which means 4.
    pub max_recv_msg_size_mib: i64,
    /// How many requests one connection may have open. Default: `0`, which means any number.
    pub max_concurrent_streams: u32,
}

/// What gRPC takes when nothing else is said.
const DEFAULT_MESSAGE_MIB: usize = 4;
/// More than this does not fit into gRPC's length.
const MOST_MESSAGE_MIB: i64 = 4095;

impl GrpcServerConfig {
    /// The longest message in bytes.
    pub fn message_limit(&self) -> usize {
        let mib = usize::try_from(self.max_recv_msg_size_mib).ok().filter(|mib| *mib > 0);
        mib.unwrap_or(DEFAULT_MESSAGE_MIB) << 20
    }

    /// How many requests one connection may have open.
    pub fn stream_limit(&self) -> Option<u32> {
        NonZeroU32::new(self.max_concurrent_streams).map(NonZeroU32::get)
    }
}

impl Validate for GrpcServerConfig {
    fn validate(&self, problems: &mut Problems) {
        check_listen(&self.endpoint, problems);
        if !(0..=MOST_MESSAGE_MIB).contains(&self.max_recv_msg_size_mib) {
            let message = format!(
                "invalid max_recv_msg_size_mib value, must be between 1 and {MOST_MESSAGE_MIB}"
            );
            problems.add("max_recv_msg_size_mib", message);
        }
    }
}

/// An HTTP server. The default has no endpoint.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported(
    "auth",
    "cors",
    "dialer",
    "idle_timeout",
    "include_metadata",
    "middlewares",
    "read_timeout",
    "write_timeout"
))]
pub struct HttpServerConfig {
    /// Address to listen at, `host:port`. An empty host is every address of the machine.
    pub endpoint: String,
    /// `tcp`.
    pub transport: Transport,
    /// TLS. Off unless the section is there.
    pub tls: Optional<ServerTlsConfig>,
    /// Headers that every response gets.
    pub response_headers: Headers,
    /// The longest body in bytes, as it comes and again decompressed. Default: `20971520`; zero or less means that too.
    pub max_request_body_size: i64,
    /// The content encodings that are taken: `""` (none), `gzip`, `zstd`, `zlib`, `snappy`, `deflate`, `lz4`,
    /// `x-snappy-framed`. Default: all.
    pub compression_algorithms: Vec<Encoding>,
    /// How long a client may take for the headers of a request. Default: `0s`, which means for ever.
    pub read_header_timeout: Duration,
    /// Whether a connection serves more than one request. Default: `true`.
    pub keep_alives_enabled: bool,
}

/// A content encoding that a server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Section)]
pub enum Encoding {
    /// No encoding.
    #[section(rename = "")]
    Identity,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// zlib.
    Zlib,
    /// Snappy, as one block or in frames.
    Snappy,
    /// zlib, under HTTP's name for it.
    Deflate,
    /// LZ4 in frames.
    Lz4,
    /// Snappy in frames.
    #[section(rename = "x-snappy-framed")]
    SnappyFramed,
}

impl Encoding {
    /// Every encoding, in upstream's order.
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::Gzip,
        Self::Zstd,
        Self::Zlib,
        Self::Snappy,
        Self::Deflate,
        Self::Lz4,
        Self::SnappyFramed,
    ];

    /// The encoding of a `Content-Encoding`. As upstream, its case matters.
    pub fn of(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.name().as_bytes() == name)
    }

    /// What stands in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zlib => "zlib",
            Self::Snappy => "snappy",
            Self::Deflate => "deflate",
            Self::Lz4 => "lz4",
            Self::SnappyFramed => "x-snappy-framed",
        }
    }

    /// How to undo it; `None` when there is nothing to undo.
    pub const fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(Algorithm::Gzip),
            Self::Zstd => Some(Algorithm::Zstd),
            Self::Zlib | Self::Deflate => Some(Algorithm::Zlib),
            Self::Snappy => Some(Algorithm::Snappy),
            Self::Lz4 => Some(Algorithm::Lz4),
            Self::SnappyFramed => Some(Algorithm::SnappyFramed),
        }
    }
}

const DEFAULT_BODY_SIZE: usize = 20 << 20;

impl Default for HttpServerConfig {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            transport: Transport::Tcp,
            tls: Optional::None,
            response_headers: Headers::new(),
            max_request_body_size: 20 << 20,
            compression_algorithms: Encoding::ALL.to_vec(),
            read_header_timeout: Duration::ZERO,
            keep_alives_enabled: true,
        }
    }
}

impl HttpServerConfig {
    /// The longest body in bytes.
    pub fn body_limit(&self) -> usize {
        let size = usize::try_from(self.max_request_body_size).ok().filter(|size| *size > 0);
        size.unwrap_or(DEFAULT_BODY_SIZE)
    }
}

impl Validate for HttpServerConfig {
    fn validate(&self, problems: &mut Problems) {
        check_listen(&self.endpoint, problems);
        check_headers("response_headers", &self.response_headers, problems);
        if self.compression_algorithms.is_empty() {
            problems.add(
                "compression_algorithms",
                "an empty list is not supported yet: name the encodings that are taken, \"\" for none",
            );
        }
    }
}

fn check_listen(endpoint: &str, problems: &mut Problems) {
    let port = endpoint.rsplit_once(':').map(|(_, port)| port.parse::<u16>().is_ok());
    match port {
        Some(true) => {}
        Some(false) => problems.add("endpoint", "must end in a port number"),
        None => problems.add("endpoint", "must be host:port"),
    }
}

fn check_headers(field: &str, headers: &Headers, problems: &mut Problems) {
    for (name, value) in headers.iter() {
        if http::HeaderName::try_from(name).is_err() {
            problems.add(field, format!("`{name}` is no header name"));
        } else if http::HeaderValue::try_from(value.expose().as_str()).is_err() {
            problems.add(field, format!("the value of `{name}` cannot be sent in a header"));
        }
    }
}

/// A list of configured headers as HTTP's own type. The configuration's check has seen that they fit.
pub fn header_map(headers: &Headers) -> http::HeaderMap {
    let mut map = http::HeaderMap::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        let name = http::HeaderName::try_from(name).ok();
        let value = http::HeaderValue::try_from(value.expose().as_str()).ok();
        if let (Some(name), Some(mut value)) = (name, value) {
            value.set_sensitive(true);
            map.insert(name, value);
        }
    }
    map
}
