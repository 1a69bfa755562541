//! Sections that servers and clients share, with upstream's option names (`confighttp`, `configgrpc`).

mod client;
mod server;

use std::time::Duration;

use config::{Headers, Problems};

pub use self::client::{
    Balancer, ClientConfig, Compression, CompressionParams, CookiesConfig, GrpcClientConfig,
    HttpClientConfig, KeepaliveConfig,
};
pub use self::server::{
    CorsConfig, DialerConfig, Encoding, EnforcementPolicy, GrpcServerConfig, HttpServerConfig,
    ServerKeepaliveConfig, ServerParameters, Transport,
};

/// Zero means that there is no limit.
fn limit(duration: Duration) -> Option<Duration> {
    Some(duration).filter(|duration| !duration.is_zero())
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
