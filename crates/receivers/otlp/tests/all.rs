//! The receiver on real sockets, spoken to by clients that share no code with it.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod browsers;
mod clients;
mod configuration;
mod grpc;
mod harness;
mod http;
mod lifecycle;
mod limits;
mod metadata;
mod tls;
#[cfg(unix)]
mod unix;

use otlp_receiver::Factory;

testkit::conformance!(
    receiver: Factory,
    "{ protocols: { grpc: { endpoint: 127.0.0.1:0 }, http: { endpoint: 127.0.0.1:0 } } }"
);
