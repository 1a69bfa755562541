//! Everything between a socket and a component: listeners that survive a reload, one dialer, TLS, HTTP and gRPC settings,
//! compression with limits.
//!
//! Nothing here knows what telemetry is.

pub mod body;
mod client;
pub mod compression;
mod dialer;
pub mod grpc;
mod grpc_client;
mod listeners;
mod resolve;
mod server;
pub mod settings;
pub mod status;
#[cfg(test)]
mod tests;
pub mod tls;

pub use http;

pub use client::{ClientOptions, HttpClient, RequestError};
pub use dialer::{Dialer, Stream};
pub use grpc_client::{CallError, GrpcClient};
pub use listeners::{ListenError, Listener, Listeners};
pub use server::{Server, ServerOptions, Speaks};
