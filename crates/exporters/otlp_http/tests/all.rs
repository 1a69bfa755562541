//! The exporter against small real servers.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod backend;
mod configuration;
mod requests;
mod results;
mod tls;

use otlp_http_exporter::Factory;

// Nobody listens at this port, so the suite sees how a failure ends.
testkit::conformance!(
    exporter: Factory,
    "{ endpoint: 'http://127.0.0.1:9', retry_on_failure: { enabled: false } }"
);
