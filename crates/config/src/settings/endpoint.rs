//! Endpoints of the agent: what they may be, and how one follows from the other.

use url::{Host, Url};

use super::DEFAULT_UPDATE_ENDPOINT;

/// The update endpoint that is used unless something else is set.
pub(super) fn default_update() -> Url {
    Url::parse(DEFAULT_UPDATE_ENDPOINT).expect("the default is a valid URL")
}

/// The update endpoint that belongs to a collector endpoint: `api.` before the last two labels of its host, so that
/// `https://otel.example.com:4318` gives `https://api.example.com/agents/config-check`. Hosts of one label and addresses
/// have no such neighbour and give the default.
pub(super) fn derive_update(collector_endpoint: &str) -> Url {
    derive(collector_endpoint).unwrap_or_else(default_update)
}

fn derive(collector_endpoint: &str) -> Option<Url> {
    let endpoint = with_scheme(collector_endpoint);
    let Some(Host::Domain(domain)) = endpoint.host() else { return None };
    // Only http keeps its scheme: whoever runs a collector without TLS on purpose runs its neighbour so too.
    let scheme = if endpoint.scheme() == "http" { "http" } else { "https" };
    let mut labels = domain.trim_end_matches('.').rsplit('.');
    let (last, before) = (labels.next()?, labels.next()?);
    Url::parse(&format!("{scheme}://api.{before}.{last}/agents/config-check")).ok()
}

/// Whether an endpoint can be one: a URL, or `host:port` without a scheme.
pub(super) fn check(endpoint: &str) -> Result<(), String> {
    match parse_loosely(endpoint) {
        Some(url) if url.has_host() => Ok(()),
        _ => Err("must be a URL or host:port".to_owned()),
    }
}

/// Reads an http(s) URL.
pub(super) fn parse(endpoint: &str) -> Result<Url, String> {
    let url = Url::parse(endpoint).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| "must be an http or https URL".to_owned())
}

/// Whether what is sent there can be read on the way: plain http to another host.
pub(super) fn is_insecure(endpoint: &str) -> bool {
    parse_loosely(endpoint).is_some_and(|url| url.scheme() == "http" && !is_loopback(&url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
        None => false,
    }
}

fn parse_loosely(endpoint: &str) -> Option<Url> {
    // `otel.example.com:4318` would be a URL with the scheme `otel.example.com`.
    let with_scheme =
        if endpoint.contains("://") { endpoint.to_owned() } else { format!("https://{endpoint}") };
    Url::parse(&with_scheme).ok()
}

fn with_scheme(endpoint: &str) -> Url {
    parse_loosely(endpoint).unwrap_or_else(default_update)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_update_endpoint_is_the_neighbour_of_the_collector_endpoint() {
        for (collector, update) in [
            ("https://otel.example.com:4318", "https://api.example.com/agents/config-check"),
            ("https://a.b.otel.example.com/v1", "https://api.example.com/agents/config-check"),
            ("https://example.com", "https://api.example.com/agents/config-check"),
            ("otel.example.com:4317", "https://api.example.com/agents/config-check"),
            ("http://otel.example.com", "http://api.example.com/agents/config-check"),
            ("https://otel.kloudmate.com:4318", DEFAULT_UPDATE_ENDPOINT),
            ("https://localhost:4318", DEFAULT_UPDATE_ENDPOINT),
            ("https://10.1.2.3:4318", DEFAULT_UPDATE_ENDPOINT),
            ("https://[::1]:4318", DEFAULT_UPDATE_ENDPOINT),
            ("", DEFAULT_UPDATE_ENDPOINT),
        ] {
            assert_eq!(derive_update(collector).as_str(), update, "{collector}");
        }
    }

    #[test]
    fn plain_http_is_insecure_except_to_this_host() {
        for (endpoint, insecure) in [
            ("http://otel.example.com:4318", true),
            ("HTTP://10.0.0.1", true),
            ("http://localhost.example.com", true),
            ("https://otel.example.com", false),
            ("http://localhost:4318", false),
            ("http://127.0.0.5:4318", false),
            ("http://[::1]:4318", false),
            ("http://[::ffff:127.0.0.1]", false),
            ("otel.example.com:4317", false),
        ] {
            assert_eq!(is_insecure(endpoint), insecure, "{endpoint}");
        }
    }
}
