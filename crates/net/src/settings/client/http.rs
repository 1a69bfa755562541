//! The HTTP client's section, upstream's `confighttp.ClientConfig` without its endpoint and time-out.

use std::time::Duration;

use config::{Optional, Problems, Secret, Section, Validate};

use super::{ClientConfig, Compression, CompressionParams, check_buffers};
use crate::proxy::{Proxies, Proxy};
use crate::tls::{ClientTls, TlsError};
use crate::{ClientOptions, Dialer, HttpClient};

/// An HTTP client.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("auth", "middlewares"))]
pub struct HttpClientConfig {
    /// TLS and headers.
    #[section(flatten)]
    pub client: ClientConfig,
    /// `gzip`, `zstd`, `snappy`, `x-snappy-framed`, `zlib`, `deflate`, `lz4` or `none`. Default: `gzip`.
    pub compression: Compression,
    /// How hard to compress.
    pub compression_params: CompressionParams,
    /// URL of the proxy that all requests go through, `http://user:password@host:port`. Default: what `HTTPS_PROXY`,
    /// `HTTP_PROXY` and `NO_PROXY` in the environment say.
    pub proxy_url: Option<Secret<String>>,
    /// How many bytes are read of a connection at once. Default: `0`, which leaves it to the agent.
    pub read_buffer_size: usize,
    /// How many bytes of a request are gathered before they are written, at least 65536. `0` leaves it to the agent. Default:
    /// `524288`.
    pub write_buffer_size: usize,
    /// How many unused connections are kept in all, shared evenly among the hosts. `0` sets no limit. Default: `100`.
    pub max_idle_conns: usize,
    /// How many unused connections to a host are kept. Default: `0`, which means 2.
    pub max_idle_conns_per_host: usize,
    /// How many requests to a host are under way at once. Default: `0`, which sets no limit.
    pub max_conns_per_host: usize,
    /// How long an unused connection is kept. `0` keeps it for ever. Default: `1m30s`.
    pub idle_conn_timeout: Duration,
    /// Whether each request gets a connection of its own. Default: `false`.
    pub disable_keep_alives: bool,
    /// Whether HTTP/2 is spoken with TLS peers that can. Default: `true`.
    pub force_attempt_http2: bool,
    /// After how much silence the peer of an HTTP/2 connection is asked whether it is still there. Default: `0s`, which means
    /// never.
    pub http2_read_idle_timeout: Duration,
    /// How long it may take to answer. Then the connection is given up. Default: `0s`, which means `15s`.
    pub http2_ping_timeout: Duration,
    /// Keeps the cookies that the peer sets, and sends them back. Off unless the section is there.
    pub cookies: Optional<CookiesConfig>,
}

/// The cookie jar, which has no options.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct CookiesConfig {}

impl Validate for CookiesConfig {}

/// How many unused connections to a host are kept when the configuration leaves it open. Go's number.
const IDLE_CONNECTIONS: usize = 2;

impl Default for HttpClientConfig {
    fn default() -> Self {
        Self {
            client: ClientConfig::default(),
            compression: Compression::Gzip,
            compression_params: CompressionParams::default(),
            proxy_url: None,
            read_buffer_size: 0,
            write_buffer_size: 512 << 10,
            max_idle_conns: 100,
            max_idle_conns_per_host: 0,
            max_conns_per_host: 0,
            idle_conn_timeout: Duration::from_secs(90),
            disable_keep_alives: false,
            force_attempt_http2: true,
            http2_read_idle_timeout: Duration::ZERO,
            http2_ping_timeout: Duration::ZERO,
            cookies: Optional::None,
        }
    }
}

impl Validate for HttpClientConfig {
    fn validate(&self, problems: &mut Problems) {
        check_buffers(self.read_buffer_size, self.write_buffer_size, problems);
        if let Some(Err(error)) = self.proxy() {
            problems.add("proxy_url", error.to_string());
        }
        if let Err(message) = self.compression.check_level(self.compression_params.level) {
            problems.add("compression_params::level", message);
        }
    }
}

impl HttpClientConfig {
    fn proxy(&self) -> Option<Result<Proxy, crate::InvalidProxy>> {
        let url = self.proxy_url.as_ref().map(Secret::expose).filter(|url| !url.is_empty())?;
        Some(Proxy::parse(url))
    }

    /// Refuses to send the agent's API key where it can be read on its way, as
    /// [`ClientConfig::protect_key`] does. Through a proxy that is set here, this host too is reached by way of another.
    ///
    /// # Errors
    ///
    /// What is wrong with the endpoint.
    pub fn protect_key(&self, scheme: &str, host: &str, allow: bool) -> Result<(), &'static str> {
        let host = if self.proxy().is_some() { "" } else { host };
        self.client.protect_key(scheme, host, allow)
    }

    /// A client without a time-out of its own, which sends to so many hosts and reads so much of an answer. Reads the files
    /// that TLS needs.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or holds nothing usable.
    pub fn client(&self, hosts: usize, response_limit: usize) -> Result<HttpClient, TlsError> {
        let tls = ClientTls::load(&self.client.tls, self.protocols())?;
        let dialer = Dialer::new(tls).with_read_buffer(self.read_buffer_size);
        let dialer = match self.proxy() {
            Some(Ok(proxy)) => dialer.with_proxies(Proxies::always(proxy)),
            _ => dialer,
        };
        Ok(HttpClient::new(dialer, self.options(hosts, response_limit)))
    }

    /// What is offered to TLS peers. HTTP/2 has no place for a host other than the URL's.
    fn protocols(&self) -> &'static [&'static str] {
        let names_host =
            self.client.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        match self.force_attempt_http2 && !names_host {
            true => &["h2", "http/1.1"],
            false => &["http/1.1"],
        }
    }

    fn options(&self, hosts: usize, response_limit: usize) -> ClientOptions {
        let set = |time: Duration| Some(time).filter(|time| !time.is_zero());
        let defaults = ClientOptions::default();
        ClientOptions {
            timeout: None,
            response_limit,
            idle_timeout: set(self.idle_conn_timeout),
            idle_connections_per_host: self.idle_connections_per_host(hosts),
            requests_per_host: Some(self.max_conns_per_host).filter(|limit| *limit > 0),
            write_buffer: Some(self.write_buffer_size).filter(|bytes| *bytes > 0),
            ping_interval: set(self.http2_read_idle_timeout),
            ping_timeout: set(self.http2_ping_timeout).unwrap_or(defaults.ping_timeout),
            keeps_cookies: self.cookies.is_some(),
        }
    }

    fn idle_connections_per_host(&self, hosts: usize) -> usize {
        if self.disable_keep_alives {
            return 0;
        }
        let per_host = match self.max_idle_conns_per_host {
            0 => IDLE_CONNECTIONS,
            limit => limit,
        };
        match self.max_idle_conns {
            0 => per_host,
            limit => per_host.min(limit / hosts.max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(max_idle_conns: usize, max_idle_conns_per_host: usize, hosts: usize) -> usize {
        let config =
            HttpClientConfig { max_idle_conns, max_idle_conns_per_host, ..Default::default() };
        config.options(hosts, 0).idle_connections_per_host
    }

    #[test]
    fn unused_connections_are_limited_per_host_and_in_all() {
        assert_eq!(idle(100, 0, 1), 2);
        assert_eq!(idle(0, 200, 3), 200);
        assert_eq!(idle(9, 5, 3), 3);
        assert_eq!(idle(2, 5, 3), 0);
        let alone = HttpClientConfig { disable_keep_alives: true, ..Default::default() };
        assert_eq!(alone.options(1, 0).idle_connections_per_host, 0);
    }

    #[test]
    fn times_of_zero_are_none_or_the_default() {
        let options = HttpClientConfig::default().options(1, 0);
        assert_eq!(options.idle_timeout, Some(Duration::from_secs(90)));
        assert_eq!(options.ping_interval, None);
        assert_eq!(options.ping_timeout, Duration::from_secs(15));
        assert_eq!(options.write_buffer, Some(512 << 10));
    }

    #[test]
    fn http2_is_offered_unless_it_is_unwanted_or_a_host_is_named() {
        let mut config = HttpClientConfig::default();
        assert_eq!(config.protocols(), ["h2", "http/1.1"]);
        config.client.headers.insert("HOST", "other.example".to_owned().into());
        assert_eq!(config.protocols(), ["http/1.1"]);
        let config = HttpClientConfig { force_attempt_http2: false, ..Default::default() };
        assert_eq!(config.protocols(), ["http/1.1"]);
    }
}
