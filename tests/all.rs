//! What crosses crates and touches real systems: the built program, real clients, real servers.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod agent;
mod config_check;
mod files;
mod lifecycle;
mod otlp_clients;
mod reload;
mod self_telemetry;
#[path = "../crates/updater/examples/config_server/server.rs"]
mod server;
mod sink;
mod sources;
mod validation;
