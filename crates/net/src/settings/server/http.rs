//! The HTTP server's section, upstream's `confighttp.ServerConfig`.

use std::time::Duration;

use config::{Headers, Optional, Problems, Section, Validate};

use super::{CorsConfig, DialerConfig, Encoding, Transport, check_listen};
use crate::settings::{check_headers, limit};
use crate::tls::{ServerTlsConfig, TlsError};
use crate::{ServerOptions, Speaks, tls};

/// An HTTP server. The default has no endpoint.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("auth", "middlewares"))]
pub struct HttpServerConfig {
    /// Address to listen at, `host:port`; an empty host is every address of the machine. For `unix` the path of the socket.
    pub endpoint: String,
    /// `tcp`, `tcp4`, `tcp6` or `unix`. Default: `tcp`.
    pub transport: Transport,
    /// Settings of a client. They have no effect.
    pub dialer: DialerConfig,
    /// TLS. Off unless the section is there.
    pub tls: Optional<ServerTlsConfig>,
    /// Requests of pages in browsers. Off unless the section is there.
    pub cors: Optional<CorsConfig>,
    /// Headers that every response gets.
    pub response_headers: Headers,
    /// Whether components learn what headers a request had. Default: `false`.
    pub include_metadata: bool,
    /// The longest body in bytes, as it comes and again decompressed. Default: `20971520`; zero or less means that too.
    pub max_request_body_size: i64,
    /// The content encodings that are taken: `""` (none), `gzip`, `zstd`, `zlib`, `snappy`, `deflate`, `lz4`,
    /// `x-snappy-framed`. With an empty list nothing is decompressed, whatever a request says. Default: all.
    pub compression_algorithms: Vec<Encoding>,
    /// How long a client may take for a whole request. `0s`, the default of receivers, means for ever.
    pub read_timeout: Duration,
    /// How long a client may take for the headers of a request. `0s`, the default of receivers, means as long as for all of it.
    pub read_header_timeout: Duration,
    /// For how long a client may leave an answer unread. `0s`, the default of receivers, means for ever.
    pub write_timeout: Duration,
    /// For how long a connection may be without a request. `0s`, the default of receivers, means as long as a request may take.
    pub idle_timeout: Duration,
    /// Whether a connection serves more than one request. Default: `true`.
    pub keep_alives_enabled: bool,
}

const DEFAULT_BODY_SIZE: usize = 20 << 20;

impl Default for HttpServerConfig {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            transport: Transport::Tcp,
            dialer: DialerConfig::default(),
            tls: Optional::None,
            cors: Optional::None,
            response_headers: Headers::new(),
            include_metadata: false,
            max_request_body_size: 20 << 20,
            compression_algorithms: Encoding::ALL.to_vec(),
            read_timeout: Duration::ZERO,
            read_header_timeout: Duration::ZERO,
            write_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            keep_alives_enabled: true,
        }
    }
}

impl HttpServerConfig {
    /// A server for people and probes. Unlike one for telemetry it has time-outs by default, as upstream: a minute for the
    /// headers of a request and for a connection without one, half a minute for an unread answer.
    pub fn for_pages(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            read_header_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            ..Self::default()
        }
    }

    /// The longest body in bytes.
    pub fn body_limit(&self) -> usize {
        let size = usize::try_from(self.max_request_body_size).ok().filter(|size| *size > 0);
        size.unwrap_or(DEFAULT_BODY_SIZE)
    }

    /// How long a client may take for a request. The service has to see to it that bodies keep it, too.
    pub fn read_limit(&self) -> Option<Duration> {
        limit(self.read_timeout)
    }

    /// What a server needs to know of it.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub fn server_options(&self) -> Result<ServerOptions, TlsError> {
        let tls = self.tls.get().map(|tls| tls::server(tls, &["h2", "http/1.1"])).transpose()?;
        let read = self.read_limit();
        Ok(ServerOptions {
            tls,
            read_header_timeout: limit(self.read_header_timeout).or(read),
            write_timeout: limit(self.write_timeout),
            idle_timeout: limit(self.idle_timeout).or(read),
            keep_alive: self.keep_alives_enabled,
            ..ServerOptions::new(Speaks::Http)
        })
    }

    /// For servers of pages: reports what only receivers of data can do.
    pub fn check_pages(&self, problems: &mut Problems) {
        if self.cors.is_some() {
            problems.not_supported("cors");
        }
        if self.include_metadata {
            problems.not_supported("include_metadata");
        }
    }

    /// Options that are set and have no effect, with the reason.
    pub fn without_effect(&self) -> Vec<(&'static str, &'static str)> {
        let dialer = ("dialer::timeout", "a server makes no connections");
        if self.dialer.timeout.is_zero() { Vec::new() } else { vec![dialer] }
    }
}

impl Validate for HttpServerConfig {
    fn validate(&self, problems: &mut Problems) {
        check_listen(self.transport, &self.endpoint, problems);
        check_headers("response_headers", &self.response_headers, problems);
    }
}
