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
mod proxy;
mod resolve;
mod seldom;
mod server;
pub mod settings;
pub mod status;
mod stream;
#[cfg(test)]
mod tests;
pub mod tls;

pub use http;

pub use client::{ClientOptions, Exchange, HttpClient, RequestError};
pub use dialer::{Dialer, Peer};
pub use grpc_client::{CallError, GrpcClient, GrpcOptions, Keepalive};
pub use listeners::{ListenError, Listener, Listeners};
pub use proxy::{InvalidProxy, Proxies, Proxy, ProxyVariables};
pub use resolve::{Addresses, Resolve, SystemResolver, without_brackets};
pub use seldom::Seldom;
pub use server::{Server, ServerOptions, Speaks};
pub use stream::Stream;
